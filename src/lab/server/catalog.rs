//! The tables of schema SYSTEM_ as queries see them (`altibase-replication.md` 1, transcripts `*_00_desc`).
//!
//! It decides columns and their order for both generations; it must never change anything.

use super::{
    Core,
    host::date,
    items::method_number,
    object::{Replication, UNIX_DOMAIN, Unit, option},
};
use crate::lab::{
    data::{Database, IndexKind, Table, TableId},
    sql::exec::Relation,
    value::Datum,
};

const REPLICATIONS: [&str; 21] = [
    "REPLICATION_NAME",
    "LAST_USED_HOST_NO",
    "HOST_COUNT",
    "IS_STARTED",
    "XSN",
    "ITEM_COUNT",
    "CONFLICT_RESOLUTION",
    "REPL_MODE",
    "ROLE",
    "OPTIONS",
    "INVALID_RECOVERY",
    "REMOTE_FAULT_DETECT_TIME",
    "GIVE_UP_TIME",
    "GIVE_UP_XSN",
    "PARALLEL_APPLIER_COUNT",
    "APPLIER_INIT_BUFFER_SIZE",
    "REMOTE_XSN",
    "PEER_REPLICATION_NAME",
    "REMOTE_LAST_DDL_XSN",
    "CURRENT_READ_XLOGFILE_NO",
    "CURRENT_READ_XLOGFILE_OFFSET",
];
const HOSTS: [&str; 6] = ["HOST_NO", "REPLICATION_NAME", "HOST_IP", "PORT_NO", "CONN_TYPE", "IB_LATENCY"];
const ITEMS: [&str; 13] = [
    "REPLICATION_NAME",
    "TABLE_OID",
    "LOCAL_USER_NAME",
    "LOCAL_TABLE_NAME",
    "LOCAL_PARTITION_NAME",
    "REMOTE_USER_NAME",
    "REMOTE_TABLE_NAME",
    "REMOTE_PARTITION_NAME",
    "IS_PARTITION",
    "INVALID_MAX_SN",
    "CONDITION",
    "REPLICATION_UNIT",
    "IS_CONDITION_SYNCED",
];

fn int(n: impl TryInto<i64>) -> Datum {
    Datum::Int(n.try_into().unwrap_or(i64::MAX))
}

fn text(t: &str) -> Datum {
    Datum::from(t)
}

fn flag(set: bool) -> Datum {
    text(if set { "T" } else { "F" })
}

impl Core {
    /// The catalog table of that name.
    pub(super) fn catalog_table(&self, db: &Database, name: &str) -> Option<Relation> {
        Some(match name {
            "SYS_REPLICATIONS_" => self.replications(),
            "SYS_REPL_HOSTS_" => self.hosts(),
            "SYS_REPL_ITEMS_" => self.items(db),
            "SYS_USERS_" | "DBA_USERS_" => users(db),
            "SYS_TABLES_" => self.tables(db),
            "SYS_COLUMNS_" => columns(db),
            "SYS_CONSTRAINTS_" => constraints(db),
            "SYS_CONSTRAINT_COLUMNS_" => constraint_columns(db),
            "SYS_INDICES_" => indices(db),
            "SYS_INDEX_COLUMNS_" => index_columns(db),
            "SYS_PART_TABLES_" => part_tables(db),
            "SYS_TABLE_PARTITIONS_" => self.table_partitions(db),
            "SYS_REPL_OLD_ITEMS_" => self.old_items(db),
            "SYS_REPL_RECOVERY_INFOS_" => Relation::new(&[
                "REPLICATION_NAME",
                "MASTER_BEGIN_SN",
                "MASTER_COMMIT_SN",
                "REPLICATED_BEGIN_SN",
                "REPLICATED_COMMIT_SN",
            ]),
            "SYS_REPL_OFFLINE_DIR_" => self.offline_directories(),
            _ => return None,
        })
    }

    /// Columns of 7.2 are the last ones of each list.
    fn since<'a>(&self, columns: &'a [&'a str], old: usize) -> &'a [&'a str] {
        if self.is_2018() { &columns[..old] } else { columns }
    }

    fn replications(&self) -> Relation {
        let columns = self.since(&REPLICATIONS, 18);
        let mut relation = Relation::new(columns);
        for o in self.objects.iter() {
            let mut row = self.replication_row(o);
            row.truncate(columns.len());
            relation.push(row);
        }
        relation
    }

    fn replication_row(&self, o: &Replication) -> Vec<Datum> {
        let remote_xsn = if self.is_2018() { int(o.remote_xsn) } else { Datum::Int(-1) };
        vec![
            text(&o.name),
            int(o.last_host),
            int(o.hosts.len()),
            int(i64::from(o.is_started)),
            o.xsn.map_or(Datum::Int(-1), int),
            int(o.items.len()),
            int(o.conflict),
            int(o.mode),
            int(o.role),
            int(o.options),
            Datum::Int(0),
            Datum::from(o.remote_fault.map(date)),
            Datum::from(o.give_up.map(|(at, _)| date(at))),
            o.give_up.map_or(Datum::Null, |(_, sn)| int(sn)),
            int(o.parallel),
            int(o.buffer),
            remote_xsn,
            text(&o.peer_name),
            Datum::Int(-1),
            Datum::Int(-1),
            Datum::Int(0),
        ]
    }

    fn hosts(&self) -> Relation {
        let columns = self.since(&HOSTS, 4);
        let mut relation = Relation::new(columns);
        let all = self.objects.iter().flat_map(|o| o.hosts.iter().map(move |h| (o, h)));
        for (o, h) in all {
            let connection = if h.host == UNIX_DOMAIN { UNIX_DOMAIN } else { "TCP" };
            let mut row = vec![int(h.number), text(&o.name), text(&h.host), int(h.port), text(connection), text("N/A")];
            row.truncate(columns.len());
            relation.push(row);
        }
        relation
    }

    fn items(&self, db: &Database) -> Relation {
        let columns = self.since(&ITEMS, 12);
        let mut relation = Relation::new(columns);
        for o in self.objects.iter() {
            for i in &o.items {
                let table = db.find_table_by_id(i.table);
                let oid = match i.partition {
                    Some(p) => table.and_then(|t| t.partition_by_id(p)).map(|p| p.oid.0),
                    None => table.map(|t| t.oid.0),
                };
                let mut row = vec![text(&o.name), oid.map_or(Datum::Null, int)];
                row.extend(i.local.iter().chain(&i.remote).map(|t| text(t)));
                row.extend([
                    text(if i.partition.is_some() { "Y" } else { "N" }),
                    int(i.invalid_max_sn),
                    Datum::Null,
                    text(match i.unit {
                        Unit::Table => "T",
                        Unit::Partition => "P",
                    }),
                    Datum::Int(0),
                ]);
                row.truncate(columns.len());
                relation.push(row);
            }
        }
        relation
    }

    fn offline_directories(&self) -> Relation {
        let mut relation = Relation::new(&["REPLICATION_NAME", "LFG_ID", "PATH"]);
        for o in self.objects.iter() {
            for (group, path) in o.offline.iter().enumerate() {
                relation.push(vec![text(&o.name), int(group), text(path)]);
            }
        }
        relation
    }

    /// Whether a table is recovered through replication.
    pub(super) fn recovers(&self, table: TableId) -> bool {
        self.objects.iter().any(|o| o.options & option::RECOVERY != 0 && o.items.iter().any(|i| i.table == table))
    }

    fn old_items(&self, db: &Database) -> Relation {
        let mut relation =
            Relation::new(&["REPLICATION_NAME", "TABLE_OID", "USER_NAME", "TABLE_NAME", "PARTITION_NAME"]);
        for o in self.objects.iter().filter(|o| o.xsn.is_some()) {
            for i in &o.items {
                let oid = db.find_table_by_id(i.table).map_or(Datum::Null, |t| int(t.oid.0));
                relation.push(vec![text(&o.name), oid, text(&i.local[0]), text(&i.local[1]), text(&i.local[2])]);
            }
        }
        relation
    }

    fn tables(&self, db: &Database) -> Relation {
        let mut relation = Relation::new(&[
            "USER_ID",
            "TABLE_ID",
            "TABLE_OID",
            "COLUMN_COUNT",
            "TABLE_NAME",
            "TABLE_TYPE",
            "REPLICATION_COUNT",
            "REPLICATION_RECOVERY_COUNT",
            "MAXROW",
            "TBS_ID",
            "TBS_NAME",
            "IS_PARTITIONED",
            "TEMPORARY",
            "HIDDEN",
            "ACCESS",
            "PARALLEL_DEGREE",
        ]);
        let counts = self.objects.counts();
        for t in db.tables() {
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(t.oid.0),
                int(t.columns.len()),
                text(&t.name),
                text("T"),
                int(counts.get(&(t.id, None)).copied().unwrap_or(0)),
                int(i64::from(self.recovers(t.id))),
                Datum::Int(0),
                Datum::Int(2),
                text("SYS_TBS_MEM_DATA"),
                flag(t.partitioning.is_some()),
                text("N"),
                text("N"),
                text("W"),
                Datum::Int(1),
            ]);
        }
        relation
    }

    fn table_partitions(&self, db: &Database) -> Relation {
        let mut relation = Relation::new(&[
            "USER_ID",
            "TABLE_ID",
            "PARTITION_OID",
            "PARTITION_ID",
            "PARTITION_NAME",
            "PARTITION_MIN_VALUE",
            "PARTITION_MAX_VALUE",
            "PARTITION_ORDER",
            "TBS_ID",
            "PARTITION_ACCESS",
            "REPLICATION_COUNT",
            "REPLICATION_RECOVERY_COUNT",
        ]);
        let counts = self.objects.counts();
        for t in db.tables() {
            let partitions = t.partitioning.iter().flat_map(|p| &p.partitions);
            for (order, p) in partitions.enumerate() {
                let values: Vec<_> = p.values.iter().map(ToString::to_string).collect();
                relation.push(vec![
                    user_id(db, t),
                    int(t.id.0),
                    int(p.oid.0),
                    int(p.id.0),
                    text(&p.name),
                    Datum::Null,
                    text(&values.join(",")),
                    int(order),
                    Datum::Int(2),
                    text("W"),
                    int(counts.get(&(t.id, Some(p.id))).copied().unwrap_or(0)),
                    int(i64::from(self.recovers(t.id))),
                ]);
            }
        }
        relation
    }
}

fn user_id(db: &Database, table: &Table) -> Datum {
    db.user(&table.owner).map_or(Datum::Null, |u| int(u.id.0))
}

fn users(db: &Database) -> Relation {
    let mut relation =
        Relation::new(&["USER_ID", "USER_NAME", "DEFAULT_TBS_ID", "TEMP_TBS_ID", "USER_TYPE", "DISABLE_TCP"]);
    for u in db.users() {
        relation.push(vec![int(u.id.0), text(&u.name), Datum::Int(2), Datum::Int(4), text("U"), text("F")]);
    }
    relation
}

fn columns(db: &Database) -> Relation {
    let mut relation = Relation::new(&[
        "COLUMN_ID",
        "DATA_TYPE",
        "LANG_ID",
        "OFFSET",
        "SIZE",
        "USER_ID",
        "TABLE_ID",
        "PRECISION",
        "SCALE",
        "COLUMN_ORDER",
        "COLUMN_NAME",
        "IS_NULLABLE",
        "DEFAULT_VAL",
        "IS_HIDDEN",
    ]);
    for t in db.tables() {
        for (order, c) in t.columns.iter().enumerate() {
            let id = i64::from(t.id.0) * 1024 + i64::try_from(order).unwrap_or(0);
            relation.push(vec![
                int(id),
                int(c.column_type.catalog_id()),
                Datum::Int(0),
                Datum::Int(0),
                int(c.column_type.size()),
                user_id(db, t),
                int(t.id.0),
                int(c.column_type.precision()),
                int(c.column_type.scale()),
                int(order),
                text(&c.name),
                flag(!c.not_null),
                Datum::from(c.default.to_string()),
                text("F"),
            ]);
        }
    }
    relation
}

/// CONSTRAINT_TYPE; `None` for an index that is no constraint.
fn constraint_type(kind: IndexKind) -> Option<i64> {
    match kind {
        IndexKind::PrimaryKey => Some(3),
        IndexKind::UniqueConstraint => Some(2),
        IndexKind::UniqueIndex | IndexKind::Plain => None,
    }
}

fn constraints(db: &Database) -> Relation {
    let mut relation = Relation::new(&[
        "USER_ID",
        "TABLE_ID",
        "CONSTRAINT_ID",
        "CONSTRAINT_NAME",
        "CONSTRAINT_TYPE",
        "INDEX_ID",
        "COLUMN_CNT",
        "REFERENCED_TABLE_ID",
        "REFERENCED_INDEX_ID",
        "DELETE_RULE",
        "CHECK_CONDITION",
        "VALIDATED",
    ]);
    for t in db.tables() {
        for i in &t.indexes {
            let Some(kind) = constraint_type(i.kind) else { continue };
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(i.id.0),
                text(&i.name),
                int(kind),
                int(i.id.0),
                int(i.columns.len()),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Null,
                text("T"),
            ]);
        }
        for f in &t.foreign_keys {
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(f.id.0),
                text(&f.name),
                Datum::Int(0),
                Datum::Int(0),
                int(f.columns.len()),
                int(f.parent.0),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Null,
                text("T"),
            ]);
        }
        for (n, c) in t.columns.iter().enumerate().filter(|(n, c)| c.not_null && !is_key(t, *n)) {
            let id = i64::from(t.id.0) * 1024 + i64::try_from(n).unwrap_or(0);
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(id),
                Datum::from(format!("__SYS_CON_NOT_NULL_ID_{id}_{}", c.name)),
                Datum::Int(1),
                Datum::Int(0),
                Datum::Int(1),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Null,
                text("T"),
            ]);
        }
    }
    relation
}

fn is_key(table: &Table, column: usize) -> bool {
    table.primary_key().is_some_and(|pk| pk.columns.contains(&column))
}

fn constraint_columns(db: &Database) -> Relation {
    let mut relation = Relation::new(&["USER_ID", "TABLE_ID", "CONSTRAINT_ID", "CONSTRAINT_COL_ORDER", "COLUMN_ID"]);
    for t in db.tables() {
        let of_indexes = t.indexes.iter().filter(|i| constraint_type(i.kind).is_some()).map(|i| (i.id, &i.columns));
        for (id, columns) in of_indexes.chain(t.foreign_keys.iter().map(|f| (f.id, &f.columns))) {
            for (order, c) in columns.iter().enumerate() {
                let column = i64::from(t.id.0) * 1024 + i64::try_from(*c).unwrap_or(0);
                relation.push(vec![user_id(db, t), int(t.id.0), int(id.0), int(order), int(column)]);
            }
        }
    }
    relation
}

fn indices(db: &Database) -> Relation {
    let mut relation = Relation::new(&[
        "USER_ID",
        "TABLE_ID",
        "INDEX_ID",
        "INDEX_NAME",
        "INDEX_TYPE",
        "IS_UNIQUE",
        "COLUMN_CNT",
        "IS_RANGE",
        "IS_PERS",
        "IS_DIRECTKEY",
        "TBS_ID",
        "IS_PARTITIONED",
        "INDEX_TABLE_ID",
    ]);
    for t in db.tables() {
        for i in &t.indexes {
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(i.id.0),
                text(&i.name),
                Datum::Int(1),
                flag(i.kind != IndexKind::Plain),
                int(i.columns.len()),
                text("T"),
                text("F"),
                text("F"),
                Datum::Int(2),
                flag(t.partitioning.is_some()),
                Datum::Int(0),
            ]);
        }
    }
    relation
}

fn index_columns(db: &Database) -> Relation {
    let mut relation =
        Relation::new(&["USER_ID", "INDEX_ID", "COLUMN_ID", "INDEX_COL_ORDER", "SORT_ORDER", "TABLE_ID"]);
    for t in db.tables() {
        for i in &t.indexes {
            for (order, c) in i.columns.iter().enumerate() {
                let column = i64::from(t.id.0) * 1024 + i64::try_from(*c).unwrap_or(0);
                relation.push(vec![user_id(db, t), int(i.id.0), int(column), int(order), text("A"), int(t.id.0)]);
            }
        }
    }
    relation
}

fn part_tables(db: &Database) -> Relation {
    let mut relation =
        Relation::new(&["USER_ID", "TABLE_ID", "PARTITION_METHOD", "PARTITION_KEY_COUNT", "ROW_MOVEMENT"]);
    for t in db.tables() {
        if let Some(p) = &t.partitioning {
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(method_number(p.method)),
                int(p.columns.len()),
                text("F"),
            ]);
        }
    }
    relation
}
