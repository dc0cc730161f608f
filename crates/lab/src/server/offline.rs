//! The off-line replicator (`measured.md` 9.6): the committed tail of a dead pod's log, read from its directory.
//!
//! It decides what of such a log is delivered: transactions that are committed in it and not here. Whose log it is
//! nobody checks; the one who names the directory has to.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Server, errors,
    execute::Flow,
    object::{AppliedMark, Replication, option},
    receiver::Target,
    seconds,
    sessions::SessionId,
};
use crate::{
    data::{Event, Incoming, LogRecord, Origin, Sn, Table, TableId, TxId, changed_columns},
    io::Micros,
    sql::SqlError,
    store::{Image, LogDirectory},
};

/// V$REPOFFLINE_STATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    All(Micros),
    Failed,
}

impl Delivered {
    pub(crate) fn status(self) -> i64 {
        match self {
            Self::All(_) => 2,
            Self::Failed => 3,
        }
    }
}

/// The other pod's table, and where its rows go here.
struct Source<'a> {
    table: &'a Table,
    target: Target,
}

impl Server {
    pub(super) fn start_offline(&mut self, id: SessionId, name: &str) -> Result<Flow, SqlError> {
        let object = self.defined(name)?.clone();
        if self.core.senders.contains_key(name) {
            return Err(errors::sender_exists());
        }
        if !self.core.met.contains(name) {
            return Err(errors::no_offline_meta());
        }
        if object.options & option::OFFLINE == 0 {
            return Err(errors::no_offline_option());
        }
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        let delivered = self.read_directories(&object);
        let status = if delivered.is_ok() { Delivered::All(self.core.now) } else { Delivered::Failed };
        self.core.offline.insert(name.to_owned(), status);
        let changes = delivered?;
        Ok(self.done_at(self.core.now + self.core.for_offline(changes)))
    }

    /// Delivers what the object's directories hold; how many changes.
    fn read_directories(&mut self, object: &Replication) -> Result<u64, SqlError> {
        let mut changes = 0;
        for path in &object.offline {
            match self.core.config.logs.open(path) {
                LogDirectory::Missing => return Err(errors::no_log_directory(path)),
                LogDirectory::Empty => return Err(errors::no_logs(path)),
                LogDirectory::Logs(image) => changes += self.deliver(object, &image),
            }
        }
        Ok(changes)
    }

    fn deliver(&mut self, object: &Replication, image: &Image) -> u64 {
        let Some(theirs) = Replication::of_image(object.remote_name(), &image.meta) else { return 0 };
        let signature = image.meta.get(super::SIGNATURE).map(|b| String::from_utf8_lossy(b).into_owned());
        let signature = signature.unwrap_or_default();
        let sources = self.sources(object, &theirs, image);
        let mark = AppliedMark::load(&self.db, &object.name);
        let mut applied = if mark.signature == signature { mark.sn } else { 0 };
        let from = Sn(theirs.xsn.unwrap_or(0));
        let mut open: BTreeMap<TxId, Vec<&LogRecord>> = BTreeMap::new();
        let mut changes = 0;
        for record in image.log.iter().filter(|r| r.sn >= from && r.origin == Origin::Client) {
            match &record.event {
                Event::Insert { .. } | Event::Update { .. } | Event::Delete { .. } => {
                    open.entry(record.tx).or_default().push(record);
                }
                Event::UndoTo(to) => open.entry(record.tx).or_default().retain(|r| r.sn <= *to),
                Event::Rollback => drop(open.remove(&record.tx)),
                Event::Commit => {
                    let records = open.remove(&record.tx).unwrap_or_default();
                    if record.sn.0 > applied {
                        changes += self.deliver_transaction(&object.name, &sources, &records);
                        applied = record.sn.0;
                    }
                }
                Event::Ddl { .. } => {}
            }
        }
        AppliedMark { signature, sn: applied }.save(&mut self.db, &object.name);
        changes
    }

    /// Which of their tables goes where.
    fn sources<'a>(
        &self,
        object: &Replication,
        theirs: &Replication,
        image: &'a Image,
    ) -> BTreeMap<TableId, Source<'a>> {
        let source = |their: &super::object::Item| {
            let ours = object.items.iter().find(|i| i.local == their.remote)?;
            let table = image.tables.iter().find(|t| t.id == their.table)?;
            let here = self.db.find_table_by_id(ours.table)?;
            let target = Target {
                table: here.id,
                columns: table.columns.iter().map(|c| here.column(&c.name)).collect(),
                defaults: here.columns.iter().map(|c| c.default.clone()).collect(),
            };
            Some((their.table, Source { table, target }))
        };
        theirs.items.iter().filter_map(source).collect()
    }

    fn deliver_transaction(
        &mut self,
        name: &str,
        sources: &BTreeMap<TableId, Source<'_>>,
        records: &[&LogRecord],
    ) -> u64 {
        let policy = self.policy(name);
        let tx = self.db.begin(Origin::Replication);
        let mut changes = 0;
        for record in records {
            let Some((table, change)) = incoming(sources, &record.event) else { continue };
            // What does not fit stays away, as with any receiver.
            let _ = self.db.apply(tx, table, change, policy);
            changes += 1;
        }
        self.db.stop_waiting(tx);
        self.db.commit(tx);
        changes
    }
}

fn incoming(sources: &BTreeMap<TableId, Source<'_>>, event: &Event) -> Option<(TableId, Incoming)> {
    match event {
        Event::Insert { table, row, .. } => {
            let source = sources.get(table)?;
            Some((source.target.table, Incoming::Insert(source.target.row(row))))
        }
        Event::Update { table, before, after, .. } => {
            let source = sources.get(table)?;
            let mut columns = changed_columns(before, after);
            columns.retain_mut(|c| match source.target.columns.get(c.column).copied().flatten() {
                Some(here) => {
                    c.column = here;
                    true
                }
                None => false,
            });
            Some((source.target.table, Incoming::Update { key: source.table.key_of(before)?, columns }))
        }
        Event::Delete { table, before, .. } => {
            let source = sources.get(table)?;
            Some((source.target.table, Incoming::Delete { key: source.table.key_of(before)? }))
        }
        Event::UndoTo(_) | Event::Commit | Event::Rollback | Event::Ddl { .. } => None,
    }
}

/// Names of replications that met their peer's sender since the start of the process.
pub(super) type Met = BTreeSet<String>;

impl super::Core {
    /// 1,000 rows took a second.
    fn for_offline(&self, changes: u64) -> Micros {
        if self.is_real_time() { changes * 1_000 + seconds::BEGIN } else { 0 }
    }
}
