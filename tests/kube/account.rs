//! Clients, one for each pod, that come by the Service for clients, and the account of what they were told is safe.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use aku::db::client::{Client, Options};
use aku_stateful::cluster::Cluster;

/// The Service for clients.
pub const SERVICE: &str = "altibase-sts-client";
pub const PORT: u16 = 20300;
/// Keys of one client.
const KEYS: i64 = 10_000_000;

/// A row: C2 and C3.
pub type Row = (String, i64);
pub type Rows = BTreeMap<i64, Row>;

/// What was written.
#[derive(Debug, Default)]
pub struct Account {
    /// By key; `None` is a row that was deleted. Keys whose last change has no answer are not in it.
    known: BTreeMap<i64, Option<Row>>,
}

impl Account {
    pub fn changes(&self) -> usize {
        self.known.len()
    }

    pub fn missing(&self, rows: &Rows) -> Vec<i64> {
        self.known.iter().filter(|(key, row)| rows.get(key) != row.as_ref()).map(|(key, _)| *key).collect()
    }
}

pub fn connect(ip: Ipv4Addr) -> Option<Client> {
    Client::connect(&ip.to_string(), PORT, &Options::new("SYS", "manager".to_owned().into())).ok()
}

/// Clients at work.
pub struct Clients {
    stop: Arc<AtomicBool>,
    quiet: Arc<[AtomicBool; 8]>,
    account: Arc<Mutex<Account>>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    pub fn new(cluster: &Arc<Cluster>, pods: u8) -> Self {
        let mut clients =
            Self { stop: Arc::default(), quiet: Arc::default(), account: Arc::default(), threads: Vec::new() };
        for pod in 0..pods {
            let (cluster, stop) = (Arc::clone(cluster), Arc::clone(&clients.stop));
            let (quiet, account) = (Arc::clone(&clients.quiet), Arc::clone(&clients.account));
            clients.threads.push(thread::spawn(move || {
                let mut key = i64::from(pod) * KEYS;
                while !stop.load(Ordering::SeqCst) {
                    let quiet = &quiet[usize::from(pod)];
                    let address = cluster.addresses(SERVICE).get(&pod).copied();
                    match address.filter(|_| !quiet.load(Ordering::SeqCst)).and_then(connect) {
                        Some(mut client) => {
                            let go_on = || !stop.load(Ordering::SeqCst) && !quiet.load(Ordering::SeqCst);
                            while go_on() && round(&mut client, &mut key, &account) {
                                // A client thinks between two orders.
                                thread::sleep(Duration::from_millis(2));
                            }
                        }
                        // It comes again.
                        None => thread::sleep(Duration::from_millis(10)),
                    }
                }
            }));
        }
        clients
    }

    /// Nobody writes on a pod any more; returns when the last change there has an answer.
    pub fn keep_off(&self, pod: u8) {
        self.quiet[usize::from(pod)].store(true, Ordering::SeqCst);
        let _last = self.account.lock().unwrap();
    }

    pub fn come_back(&self, pod: u8) {
        self.quiet[usize::from(pod)].store(false, Ordering::SeqCst);
    }

    pub fn changes(&self) -> usize {
        self.account.lock().unwrap().changes()
    }

    pub fn stop(self) -> Account {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
        Arc::into_inner(self.account).unwrap().into_inner().unwrap()
    }
}

/// Two new rows, a change and a removal; false when the session is lost.
fn round(client: &mut Client, key: &mut i64, account: &Mutex<Account>) -> bool {
    let (a, b) = (*key, *key + 1);
    *key += 2;
    let row = |n| Some((format!("row {a}"), n));
    let steps = [
        (format!("INSERT INTO SYS.T1 VALUES ({a}, 'row {a}', 0)"), a, row(0)),
        (format!("INSERT INTO SYS.T1 VALUES ({b}, 'row {a}', 1)"), b, row(1)),
        (format!("UPDATE SYS.T1 SET C3 = 2 WHERE I1 = {a}"), a, row(2)),
        (format!("DELETE FROM SYS.T1 WHERE I1 = {b}"), b, None),
    ];
    for (sql, key, after) in steps {
        let done = client.execute(&sql).is_ok();
        let mut account = account.lock().unwrap();
        if done {
            account.known.insert(key, after);
        } else {
            account.known.remove(&key);
            return false;
        }
    }
    true
}
