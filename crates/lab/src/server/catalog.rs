//! The tables of schema SYSTEM_ as queries see them (`altibase.md` 1, transcripts `*_00_desc`).
//!
//! It decides columns and their order for both generations; it must never change anything.

use super::{
    Core,
    dictionary::{self, flag, user_id},
    host::date,
    object::{Replication, UNIX_DOMAIN, Unit, option},
    performance::{int, text},
};
use crate::{
    data::{Database, TableId},
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

impl Core {
    /// The catalog table of that name.
    pub(super) fn catalog_table(&self, db: &Database, name: &str) -> Option<Relation> {
        Some(match name {
            "SYS_REPLICATIONS_" => self.replications(),
            "SYS_REPL_HOSTS_" => self.hosts(),
            "SYS_REPL_ITEMS_" => self.items(db),
            "SYS_USERS_" | "DBA_USERS_" => dictionary::users(db),
            "SYS_TABLES_" => self.tables(db),
            "SYS_COLUMNS_" => dictionary::columns(db),
            "SYS_CONSTRAINTS_" => dictionary::constraints(db),
            "SYS_CONSTRAINT_COLUMNS_" => dictionary::constraint_columns(db),
            "SYS_INDICES_" => dictionary::indices(db),
            "SYS_INDEX_COLUMNS_" => dictionary::index_columns(db),
            "SYS_PART_TABLES_" => dictionary::part_tables(db),
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
            Datum::Int(0),
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
