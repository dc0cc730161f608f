//! Replication objects: what SYS_REPLICATIONS_, SYS_REPL_HOSTS_ and SYS_REPL_ITEMS_ hold, and how it survives.
//!
//! It decides what an object remembers; it must never know whether a sender or a receiver runs.

use std::collections::{BTreeMap, BTreeSet};

use super::message::History;
use crate::{
    data::{
        Database, PartitionId, TableId,
        codec::{put_i64, put_text, put_u64, take_i64, take_text, take_u64},
    },
    io::Micros,
};

/// LAZY in REPL_MODE.
pub(crate) const LAZY: i64 = 0;
/// EAGER in REPL_MODE.
pub(crate) const EAGER: i64 = 2;
/// NOWAIT in REPL_MODE (7.2).
pub(crate) const NOWAIT: i64 = 10;
/// CONSISTENT in REPL_MODE (7.2).
pub(crate) const CONSISTENT: i64 = 12;
/// FOR ANALYSIS in ROLE.
pub(crate) const ANALYSIS: i64 = 1;
/// HOST_IP and CONN_TYPE of a replication that is read over a socket file.
pub(crate) const UNIX_DOMAIN: &str = "UNIX_DOMAIN";

/// Bits of OPTIONS.
pub(crate) mod option {
    pub(crate) const RECOVERY: i64 = 1;
    pub(crate) const OFFLINE: i64 = 2;
    pub(crate) const GAPLESS: i64 = 4;
    pub(crate) const PARALLEL: i64 = 8;
    pub(crate) const GROUPING: i64 = 16;
    pub(crate) const LOCAL: i64 = 32;
    pub(crate) const DDL_REPLICATE: i64 = 64;
    pub(crate) const V6_PROTOCOL: i64 = 128;
}

/// What an item was named as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A whole table; a partitioned one makes an item for each partition.
    Table,
    /// One partition, named alone.
    Partition,
}

/// One row of SYS_REPL_ITEMS_.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) table: TableId,
    pub(crate) partition: Option<PartitionId>,
    /// Owner, table, partition (empty for none).
    pub(crate) local: [String; 3],
    /// The same at the peer.
    pub(crate) remote: [String; 3],
    pub(crate) unit: Unit,
    /// Log records of the item up to this SN are not sent.
    pub(crate) invalid_max_sn: u64,
}

/// One row of SYS_REPL_HOSTS_.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostRow {
    pub(crate) number: u64,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// One replication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replication {
    pub(crate) name: String,
    pub(crate) is_started: bool,
    /// Restart SN; `None` is -1.
    pub(crate) xsn: Option<u64>,
    pub(crate) mode: i64,
    pub(crate) conflict: i64,
    pub(crate) role: i64,
    pub(crate) options: i64,
    pub(crate) parallel: i64,
    pub(crate) buffer: u64,
    pub(crate) peer_name: String,
    pub(crate) remote_fault: Option<Micros>,
    pub(crate) give_up: Option<(Micros, u64)>,
    pub(crate) last_host: u64,
    /// REMOTE_XSN as the 2018 build keeps it: how far the peer's sender was when it last ended or finished a copy.
    pub(crate) remote_xsn: u64,
    /// Directories of the OFFLINE option.
    pub(crate) offline: Vec<String>,
    pub(crate) hosts: Vec<HostRow>,
    pub(crate) items: Vec<Item>,
}

/// What a receiver remembers across links: how far it applied, and from which database that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AppliedMark {
    pub(crate) signature: String,
    pub(crate) sn: u64,
}

const HEAD: &str = "replication/";
const ITEMS: &str = "items/";
const APPLIED: &str = "applied/";
const HOST_NUMBER: &str = "host-number";

fn put_option(out: &mut Vec<u8>, value: Option<u64>) {
    put_i64(out, value.map_or(-1, |v| i64::try_from(v).unwrap_or(i64::MAX)));
}

#[allow(clippy::option_option)] // outside: no bytes; inside: no value
fn take_option(bytes: &mut &[u8]) -> Option<Option<u64>> {
    take_i64(bytes).map(|n| u64::try_from(n).ok())
}

fn take_string(bytes: &mut &[u8]) -> Option<String> {
    take_text(bytes).map(str::to_owned)
}

impl Replication {
    fn encode_head(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let o = &mut out;
        put_u64(o, u64::from(self.is_started));
        put_option(o, self.xsn);
        for n in [self.mode, self.conflict, self.role, self.options, self.parallel] {
            put_i64(o, n);
        }
        put_u64(o, self.buffer);
        put_text(o, &self.peer_name);
        put_option(o, self.remote_fault);
        put_option(o, self.give_up.map(|(at, _)| at));
        put_option(o, self.give_up.map(|(_, sn)| sn));
        put_u64(o, self.last_host);
        put_u64(o, self.hosts.len() as u64);
        for host in &self.hosts {
            put_u64(o, host.number);
            put_text(o, &host.host);
            put_u64(o, u64::from(host.port));
        }
        put_u64(o, self.remote_xsn);
        put_u64(o, self.offline.len() as u64);
        self.offline.iter().for_each(|path| put_text(o, path));
        out
    }

    fn decode_head(name: &str, mut bytes: &[u8]) -> Option<Self> {
        let b = &mut bytes;
        let is_started = take_u64(b)? != 0;
        let xsn = take_option(b)?;
        let mut numbers = [0; 5];
        for n in &mut numbers {
            *n = take_i64(b)?;
        }
        let [mode, conflict, role, options, parallel] = numbers;
        let buffer = take_u64(b)?;
        let peer_name = take_string(b)?;
        let remote_fault = take_option(b)?;
        let give_up = take_option(b)?.zip(take_option(b)?);
        let last_host = take_u64(b)?;
        let count = take_u64(b)?;
        let host = |b: &mut &[u8]| {
            let (number, host) = (take_u64(b)?, take_string(b)?);
            Some(HostRow { number, host, port: u16::try_from(take_u64(b)?).ok()? })
        };
        let hosts = (0..count).map(|_| host(b)).collect::<Option<_>>()?;
        let remote_xsn = take_u64(b)?;
        let count = take_u64(b)?;
        let offline = (0..count).map(|_| take_string(b)).collect::<Option<_>>()?;
        let name = name.to_owned();
        let items = Vec::new();
        Some(Self {
            name,
            is_started,
            xsn,
            mode,
            conflict,
            role,
            options,
            parallel,
            buffer,
            peer_name,
            remote_fault,
            give_up,
            last_host,
            remote_xsn,
            offline,
            hosts,
            items,
        })
    }

    fn encode_items(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_u64(&mut out, self.items.len() as u64);
        for item in &self.items {
            put_u64(&mut out, u64::from(item.table.0));
            put_option(&mut out, item.partition.map(|p| u64::from(p.0)));
            item.local.iter().chain(&item.remote).for_each(|t| put_text(&mut out, t));
            put_u64(&mut out, u64::from(item.unit == Unit::Partition));
            put_u64(&mut out, item.invalid_max_sn);
        }
        out
    }

    fn decode_items(mut bytes: &[u8]) -> Option<Vec<Item>> {
        let b = &mut bytes;
        let names = |b: &mut &[u8]| Some([take_string(b)?, take_string(b)?, take_string(b)?]);
        let item = |b: &mut &[u8]| {
            let table = TableId(u32::try_from(take_u64(b)?).ok()?);
            let partition = take_option(b)?.and_then(|n| u32::try_from(n).ok()).map(PartitionId);
            let (local, remote) = (names(b)?, names(b)?);
            let unit = if take_u64(b)? == 0 { Unit::Table } else { Unit::Partition };
            Some(Item { table, partition, local, remote, unit, invalid_max_sn: take_u64(b)? })
        };
        let count = take_u64(b)?;
        (0..count).map(|_| item(b)).collect()
    }

    /// Whether it is EAGER.
    pub(crate) fn is_eager(&self) -> bool {
        self.mode == EAGER
    }

    /// An object as a database that is not open keeps it.
    pub(crate) fn of_image(name: &str, meta: &BTreeMap<String, Vec<u8>>) -> Option<Self> {
        let mut object = Self::decode_head(name, meta.get(&format!("{HEAD}{name}"))?)?;
        object.items = Self::decode_items(meta.get(&format!("{ITEMS}{name}"))?)?;
        Some(object)
    }

    /// What a sender that starts now says of its past.
    pub(crate) fn history(&self) -> History {
        if self.xsn.is_some() { History::GoesOn } else { History::New }
    }

    /// The name that the object has at the peer.
    pub(crate) fn remote_name(&self) -> &str {
        if self.peer_name.is_empty() { &self.name } else { &self.peer_name }
    }
}

/// All objects of a server.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    all: BTreeMap<String, Replication>,
}

impl Objects {
    /// What the database holds.
    pub(crate) fn load(db: &Database) -> Self {
        let mut all = BTreeMap::new();
        for (key, bytes) in db.meta_with_prefix(HEAD) {
            let name = &key[HEAD.len()..];
            let Some(mut object) = Replication::decode_head(name, bytes) else { continue };
            let items = db.meta(&format!("{ITEMS}{name}")).and_then(Replication::decode_items);
            object.items = items.unwrap_or_default();
            all.insert(name.to_owned(), object);
        }
        Self { all }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Replication> {
        self.all.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Replication> {
        self.all.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Changes an object's head (everything but the items) and makes that durable.
    pub(crate) fn change(&mut self, db: &mut Database, name: &str, change: impl FnOnce(&mut Replication)) {
        if let Some(object) = self.all.get_mut(name) {
            change(object);
            db.put_meta(&format!("{HEAD}{name}"), object.encode_head());
        }
    }

    /// Adds an object, or puts a changed one in its place, items included.
    pub(crate) fn put(&mut self, db: &mut Database, object: Replication) {
        db.put_meta(&format!("{HEAD}{}", object.name), object.encode_head());
        db.put_meta(&format!("{ITEMS}{}", object.name), object.encode_items());
        self.all.insert(object.name.clone(), object);
    }

    /// Removes an object and what the receiver of that name remembered.
    pub(crate) fn remove(&mut self, db: &mut Database, name: &str) {
        self.all.remove(name);
        for prefix in [HEAD, ITEMS, APPLIED] {
            db.delete_meta(&format!("{prefix}{name}"));
        }
    }

    /// How many replications use a table.
    pub(crate) fn count_of(&self, table: TableId) -> i64 {
        let uses = |o: &&Replication| o.items.iter().any(|i| i.table == table);
        i64::try_from(self.iter().filter(uses).count()).unwrap_or(i64::MAX)
    }

    /// How many replications use each table, and each partition.
    pub(crate) fn counts(&self) -> BTreeMap<(TableId, Option<PartitionId>), i64> {
        let mut counts = BTreeMap::new();
        for object in self.iter() {
            let whole = object.items.iter().map(|i| (i.table, None));
            let single = object.items.iter().filter(|i| i.partition.is_some()).map(|i| (i.table, i.partition));
            for key in whole.chain(single).collect::<BTreeSet<_>>() {
                *counts.entry(key).or_insert(0) += 1;
            }
        }
        counts
    }

    /// The oldest SN that any replication still needs.
    pub(crate) fn lowest_xsn(&self) -> Option<u64> {
        self.iter().filter_map(|o| o.xsn).min()
    }
}

/// The next HOST_NO; the first one is 2 (transcripts `*_01_lifecycle`).
pub(crate) fn next_host_number(db: &mut Database) -> u64 {
    let last = db.meta(HOST_NUMBER).and_then(|mut b| take_u64(&mut b)).unwrap_or(1);
    let mut bytes = Vec::new();
    put_u64(&mut bytes, last + 1);
    db.put_meta(HOST_NUMBER, bytes);
    last + 1
}

impl AppliedMark {
    /// What is remembered under a replication's name.
    pub(crate) fn load(db: &Database, name: &str) -> Self {
        let read = |mut bytes: &[u8]| Some(Self { signature: take_string(&mut bytes)?, sn: take_u64(&mut bytes)? });
        db.meta(&format!("{APPLIED}{name}")).and_then(read).unwrap_or_default()
    }

    /// Remembers it, together with the rows that were applied.
    pub(crate) fn save(&self, db: &mut Database, name: &str) {
        let mut bytes = Vec::new();
        put_text(&mut bytes, &self.signature);
        put_u64(&mut bytes, self.sn);
        db.put_meta(&format!("{APPLIED}{name}"), bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_comes_back_from_bytes() {
        let names = ["SYS".to_owned(), "T1".to_owned(), "P1".to_owned()];
        let object = Replication {
            name: "R".to_owned(),
            is_started: true,
            xsn: Some(7),
            mode: EAGER,
            give_up: Some((5, 6)),
            remote_xsn: 11,
            offline: vec!["/logs".to_owned()],
            hosts: vec![HostRow { number: 3, host: "10.0.0.1".to_owned(), port: 20_301 }],
            items: vec![Item {
                table: TableId(1),
                partition: Some(PartitionId(2)),
                local: names.clone(),
                remote: names,
                unit: Unit::Partition,
                invalid_max_sn: 9,
            }],
            ..Replication::default()
        };
        let mut back = Replication::decode_head("R", &object.encode_head()).expect("a head");
        back.items = Replication::decode_items(&object.encode_items()).expect("items");
        assert_eq!(back, object);
    }
}
