//! Clients that write and remember what was acknowledged, and the comparison of every row of every pod with that.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use aku::{
    db::wire::{Cell, Response},
    lab::process::wait_until,
};

use crate::site::{Any, PATIENCE, Site, USER};

/// A table and a key.
type Place = (&'static str, i64);
type Row = (String, i64);
type Table = BTreeMap<Place, Row>;

/// What must be there.
#[derive(Default)]
pub struct Account {
    /// The last acknowledged change of each row; `None` is a removal.
    acknowledged: BTreeMap<Place, Option<Row>>,
    /// Rows of which nobody knows whether the last change was committed.
    doubt: BTreeSet<Place>,
    /// How many changes were acknowledged.
    pub changes: u64,
}

impl Account {
    fn put(&mut self, place: Place, row: Option<Row>) {
        self.acknowledged.insert(place, row);
        self.doubt.remove(&place);
        self.changes += 1;
    }

    /// Takes over what a client wrote.
    pub fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.doubt.extend(other.doubt);
        self.changes += other.changes;
    }

    /// What is wrong on `pods`: nothing, or the first rows of each kind. Waits for what is under way.
    pub fn differences(&self, site: &Site, pods: &BTreeSet<u8>, tables: &[&'static str]) -> Result<(), String> {
        let mut last = String::new();
        let equal = wait_until(PATIENCE, || {
            let seen: Vec<_> = pods.iter().map(|&pod| (pod, rows(&mut site.session(pod), tables))).collect();
            last = seen.iter().filter_map(|(pod, rows)| self.wrong(*pod, rows, &seen[0].1)).collect();
            last.is_empty()
        });
        if equal { Ok(()) } else { Err(last) }
    }

    fn wrong(&self, pod: u8, rows: &Table, first: &Table) -> Option<String> {
        let (mut lost, mut extra, mut differing) = (Vec::new(), Vec::new(), Vec::new());
        let places = self.acknowledged.keys().chain(rows.keys()).chain(first.keys()).collect::<BTreeSet<_>>();
        for place in places {
            // A row in doubt may be as it likes, but the same everywhere.
            let wanted = if self.doubt.contains(place) {
                first.get(place)
            } else {
                self.acknowledged.get(place).and_then(Option::as_ref)
            };
            match (wanted, rows.get(place)) {
                (None, None) => {}
                (Some(_), None) => lost.push(place),
                (None, Some(_)) => extra.push(place),
                (Some(a), Some(b)) if a == b => {}
                (Some(_), Some(_)) => differing.push(place),
            }
        }
        let some = |name: &str, places: &[&Place]| match places.len() {
            0 => String::new(),
            n => format!(" {n} {name} {:?}", places.iter().take(3).collect::<Vec<_>>()),
        };
        let all = some("lost", &lost) + &some("extra", &extra) + &some("differing", &differing);
        (!all.is_empty()).then(|| format!("pod {pod}:{all}; "))
    }
}

fn rows(session: &mut Any, tables: &[&'static str]) -> Table {
    let mut all = Table::new();
    for &table in tables {
        let sql = format!("SELECT I1, C2, C3 FROM {USER}.{table}");
        let Response::Rows { rows, .. } = session.run(&sql).unwrap_or_else(|e| panic!("{sql}: {e}")) else {
            panic!("{sql}: no rows")
        };
        for row in rows {
            let [Cell::Int(key), Cell::Text(text), Cell::Int(n)] = row.as_slice() else { panic!("{sql}: {row:?}") };
            all.insert((table, *key), (text.trim_end().to_owned(), *n));
        }
    }
    all
}

/// How a client writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Autocommit,
    Transactions,
}

/// Keys of one client.
const KEYS: i64 = 1_000_000;

/// Numbers of clients: no two have a key in common, whichever test they serve.
static NUMBER: AtomicI64 = AtomicI64::new(1);

/// A client at work until it is told to stop or is thrown out.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Account>,
}

impl Writer {
    /// A client on a pod that is open. `pause` comes after each statement.
    pub fn new(site: &Site, on: u8, tables: &[&'static str], style: Style, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut client = site.client(on).unwrap_or_else(|e| panic!("a client on pod {on}: {e}"));
        let (told, tables) = (Arc::clone(&stop), tables.to_vec());
        let first = NUMBER.fetch_add(1, Ordering::Relaxed) * KEYS;
        let thread = thread::spawn(move || {
            let mut account = Account::default();
            let began = style == Style::Autocommit || client.run("ALTER SESSION SET AUTOCOMMIT = FALSE").is_ok();
            let mut key = first;
            while began && !told.load(Ordering::Relaxed) {
                let table = tables[usize::try_from(key / 2).unwrap() % tables.len()];
                if !round(&mut client, table, key, style, pause, &mut account) {
                    break;
                }
                key += 2;
            }
            account
        });
        Self { stop, thread }
    }

    /// What it wrote.
    pub fn stop(self) -> Account {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Two new rows, a change and a removal; false when the session is lost or a statement was refused.
fn round(
    client: &mut Any,
    table: &'static str,
    key: i64,
    style: Style,
    pause: Duration,
    account: &mut Account,
) -> bool {
    let (a, b) = (key, key + 1);
    let row = |n| Some((format!("row {a}"), n));
    let steps = [
        (format!("INSERT INTO {USER}.{table} VALUES ({a}, 'row {a}', 0)"), a, row(0)),
        (format!("INSERT INTO {USER}.{table} VALUES ({b}, 'row {a}', 1)"), b, row(1)),
        (format!("UPDATE {USER}.{table} SET C3 = 2 WHERE I1 = {a}"), a, row(2)),
        (format!("DELETE FROM {USER}.{table} WHERE I1 = {b}"), b, None),
    ];
    let mut pending = Vec::new();
    for (sql, key, after) in steps {
        let done = client.run(&sql).is_ok();
        match (style, done) {
            (Style::Autocommit, true) => account.put((table, key), after),
            (Style::Transactions, true) => pending.push(((table, key), after)),
            (Style::Autocommit, false) => {
                account.doubt.insert((table, key));
                return false;
            }
            // Never committed, so nothing is in doubt: the session's end rolls it back.
            (Style::Transactions, false) => return false,
        }
        thread::sleep(pause);
    }
    if style == Style::Transactions {
        if client.run("COMMIT").is_err() {
            account.doubt.extend(pending.into_iter().map(|(place, _)| place));
            return false;
        }
        for (place, row) in pending {
            account.put(place, row);
        }
    }
    true
}

/// `count` rows in each table, committed.
pub fn fill(site: &Site, on: u8, tables: &[&'static str], count: i64) -> Account {
    let mut account = Account::default();
    let mut client = site.client(on).unwrap();
    client.run("ALTER SESSION SET AUTOCOMMIT = FALSE").unwrap();
    let first = NUMBER.fetch_add(1, Ordering::Relaxed) * KEYS;
    for &table in tables {
        for key in first..first + count {
            client.run(&format!("INSERT INTO {USER}.{table} VALUES ({key}, 'old', 0)")).unwrap();
            account.put((table, key), Some(("old".to_owned(), 0)));
        }
    }
    client.run("COMMIT").unwrap();
    account
}
