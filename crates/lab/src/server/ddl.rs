//! DDL on tables, and what replication forbids of it (`altibase.md` 4, recordings `truncate`, `partitions`).
//!
//! A table counts as replicated when it is an item of any replication, started or not. It decides whether DDL may be
//! done; doing it is the database's.

use super::object::option;
use super::{
    Server, errors,
    execute::Flow,
    sessions::{Forwarding, SessionId, Wait},
};
use crate::{
    data::{IndexKind, LockMode, Origin, PartitionId, Queue, Stop, TableId},
    sql::{SqlError, Statement, ast::TableName},
};

/// Level of REPLICATION_DDL_ENABLE_LEVEL that a statement needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Zero,
    One,
}

impl Server {
    pub(super) fn ddl(&mut self, id: SessionId, statement: &Statement) -> Result<Flow, SqlError> {
        self.commit(id, -1);
        let user = self.core.sessions.get(id).map(|s| s.user.clone()).unwrap_or_default();
        let result = match statement {
            Statement::CreateTable(def) => {
                self.db.create_table(&user, def)?;
                Ok(())
            }
            Statement::DropTable(name) => self.drop_table(&user, name),
            Statement::Truncate { table, partition } => self.truncate(id, &user, table, partition.as_deref()),
            Statement::AddColumns { table, columns } => {
                let strict = columns.iter().any(|c| c.not_null || c.unique);
                let table = self.changeable(id, &user, table, if strict { Level::One } else { Level::Zero })?;
                self.db.add_columns(table, columns).map(|()| self.layout_changed(table))
            }
            Statement::DropColumns { table, columns } => {
                let table = self.changeable(id, &user, table, Level::Zero)?;
                self.db.drop_columns(table, columns).map(|()| self.layout_changed(table))
            }
            Statement::RenameTable { table, to } => {
                let table = self.db.resolve(&user, table)?.id;
                if self.is_replicated(table) {
                    return Err(errors::ddl_refused());
                }
                self.db.rename_table(table, to)
            }
            Statement::CreateIndex { name, table, columns, unique } => {
                let level = if *unique { Level::One } else { Level::Zero };
                let table = self.changeable(id, &user, table, level)?;
                let kind = if *unique { IndexKind::UniqueIndex } else { IndexKind::Plain };
                self.db.create_index(table, &name.name, columns, kind)
            }
            Statement::DropIndex(name) => self.drop_index(id, &user, name),
            _ => Ok(()),
        };
        match result {
            Ok(()) => Ok(Flow::done()),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Blocked(_) | Stop::Wait) => self.ddl_blocked(id),
        }
    }

    /// A table is in use: wait as long as DDL_LOCK_TIMEOUT says.
    pub(super) fn ddl_blocked(&mut self, id: SessionId) -> Result<Flow, SqlError> {
        let own = self.core.sessions.get(id).and_then(|s| s.ddl_lock_timeout);
        match own.unwrap_or_else(|| self.core.properties.signed("DDL_LOCK_TIMEOUT")) {
            0 => return Err(SqlError::lock_timeout()),
            n => {
                let deadline = u64::try_from(n).ok().map(|s| self.core.now + s * 1_000_000);
                self.set_lock_deadline(id, deadline);
            }
        }
        Ok(Flow::Wait(Wait::Lock))
    }

    pub(super) fn is_replicated(&self, table: TableId) -> bool {
        self.core.objects.count_of(table) > 0
    }

    /// Nobody uses the tables at the moment; nothing stays locked.
    ///
    /// # Errors
    /// [`Stop::Blocked`] while somebody does.
    pub(super) fn probe_exclusive(&mut self, tables: &[TableId]) -> Result<(), Stop> {
        let before = self.db.releases();
        let tx = self.db.begin(Origin::Unreplicated);
        let result = tables.iter().try_for_each(|t| self.db.lock_table(tx, *t, LockMode::Exclusive, Queue::Try));
        self.db.rollback(tx);
        // Own locks that nobody waited for: no reason to try others again.
        self.core.releases_seen += self.db.releases() - before;
        result
    }

    fn drop_table(&mut self, user: &str, name: &TableName) -> Result<(), Stop> {
        let table = self.db.resolve(user, name)?.id;
        if self.is_replicated(table) {
            return Err(errors::ddl_never().into());
        }
        self.db.drop_table(table)
    }

    fn drop_index(&mut self, id: SessionId, user: &str, name: &TableName) -> Result<(), Stop> {
        let owner = name.user.clone().unwrap_or_else(|| user.to_owned());
        if let Some(table) = self.db.table_of_index(&owner, &name.name).map(|t| t.id)
            && self.is_replicated(table)
        {
            self.may_change(id, table, Level::Zero)?;
        }
        self.db.drop_index(&owner, &name.name)
    }

    /// The table of a statement that changes a layout, when it may.
    fn changeable(&mut self, id: SessionId, user: &str, name: &TableName, level: Level) -> Result<TableId, SqlError> {
        let table = self.db.resolve(user, name)?.id;
        if self.is_replicated(table) {
            self.may_change(id, table, level)?;
        }
        Ok(table)
    }

    /// Rows 7 to 9 of the reference's list, for a replicated table.
    fn may_change(&self, id: SessionId, table: TableId, level: Level) -> Result<(), SqlError> {
        let properties = &self.core.properties;
        if !properties.is_on("REPLICATION_DDL_ENABLE") {
            return Err(errors::ddl_disabled());
        }
        if level == Level::One && properties.get("REPLICATION_DDL_ENABLE_LEVEL") < 1 {
            return Err(errors::ddl_level(1));
        }
        if self.core.sessions.get(id).is_some_and(|s| s.forwarding == Forwarding::Off) {
            return Err(errors::ddl_session_none());
        }
        let eager_runs = self.core.objects.iter().any(|o| {
            o.is_eager()
                && o.items.iter().any(|i| i.table == table)
                && (self.core.senders.contains_key(&o.name) || self.core.receivers.contains_key(&o.name))
        });
        if eager_runs { Err(errors::ddl_eager()) } else { Ok(()) }
    }

    fn truncate(&mut self, id: SessionId, user: &str, name: &TableName, partition: Option<&str>) -> Result<(), Stop> {
        let table = self.db.resolve(user, name)?;
        let partition = match partition {
            Some(p) => Some(table.partition(p).ok_or_else(SqlError::no_partition)?.id),
            None => None,
        };
        let table = table.id;
        let recovery = |o: &&super::object::Replication| {
            o.options & option::RECOVERY != 0 && o.items.iter().any(|i| i.table == table)
        };
        if self.core.objects.iter().any(|o| recovery(&o)) {
            return Err(errors::ddl_recovery().into());
        }
        self.probe_exclusive(&[table])?;
        if self.is_replicated(table) {
            self.may_change(id, table, Level::Zero)?;
            self.stop_receivers_of(table, partition);
        }
        self.db.truncate(table, partition)
    }

    /// Receivers that apply to the table end; their senders come back by themselves.
    pub(super) fn stop_receivers_of(&mut self, table: TableId, partition: Option<PartitionId>) {
        let concerned = |o: &&super::object::Replication| {
            let hit = |i: &super::object::Item| {
                i.table == table && (partition.is_none() || i.partition.is_none() || i.partition == partition)
            };
            o.items.iter().any(hit)
        };
        let names: Vec<_> = self.core.objects.iter().filter(concerned).map(|o| o.name.clone()).collect();
        for name in names {
            self.drop_receiver(&name);
        }
    }

    /// Senders and receivers of a table whose columns changed introduce themselves anew.
    fn layout_changed(&mut self, table: TableId) {
        let uses = |o: &&super::object::Replication| o.items.iter().any(|i| i.table == table);
        let names: Vec<_> = self.core.objects.iter().filter(uses).map(|o| o.name.clone()).collect();
        for name in names {
            self.drop_receiver(&name);
            self.greet_again(&name);
        }
    }

    /// Tells the database which tables' primary keys must not be updated.
    pub(super) fn note_replicated(&mut self) {
        let mut tables: Vec<_> = self.core.objects.iter().flat_map(|o| o.items.iter().map(|i| i.table)).collect();
        tables.sort_unstable();
        tables.dedup();
        self.db.set_replicated(tables);
    }
}
