//! A client that keeps writing and remembers what the server acknowledged.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use secrecy::SecretString;

use crate::{
    db::client::{Client, Options},
    topology::Ordinal,
};

/// Keys of pod `n` begin at `n` times this: each row has one writer, as Altibase asks for.
pub(super) const KEYS_PER_POD: i64 = 1_000_000;

/// What a writer's rows must look like: value by key. A key whose last statement was not answered is `Either`.
pub(super) type Book = BTreeMap<i64, Known>;

/// What is known of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Acknowledged with this value of C3.
    Is(i64),
    /// Acknowledged as deleted.
    Gone,
    /// The link broke before the answer: anything may be there.
    Unknown,
}

/// How the demo's clients log in to a lab.
pub(super) fn sys() -> Options {
    Options::new("SYS", SecretString::from("manager"))
}

/// A running writer.
pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Book>,
}

impl Writer {
    /// Starts writing into SYS.T1 on a pod until it is stopped or the pod shuts it out.
    pub fn start(pod: Ordinal, address: (String, u16)) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || write(pod, &address, &seen));
        Self { stop, thread }
    }

    /// Stops it and returns what it knows.
    pub fn finish(self) -> Book {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap_or_default()
    }
}

fn write(pod: Ordinal, (host, port): &(String, u16), stop: &AtomicBool) -> Book {
    let mut book = Book::new();
    let Ok(mut client) = Client::connect(host, *port, &sys()) else { return book };
    let first = i64::from(pod.get()) * KEYS_PER_POD;
    for round in 1.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let (sql, key, after) = statement(first, round);
        match client.execute(&sql) {
            Ok(_) => book.insert(key, after),
            // The fence or a kill: whether the statement counted is not known.
            Err(e) if e.lost_session() => {
                book.insert(key, Known::Unknown);
                break;
            }
            Err(_) => break,
        };
        thread::sleep(Duration::from_millis(1));
    }
    book
}

/// Every third statement updates an earlier row, every ninth deletes one.
pub(super) fn statement(first: i64, round: i64) -> (String, i64, Known) {
    let key = first + round;
    if round % 9 == 0 {
        (format!("DELETE FROM T1 WHERE I1 = {}", key - 5), key - 5, Known::Gone)
    } else if round % 3 == 0 {
        (format!("UPDATE T1 SET C3 = {round} WHERE I1 = {}", key - 1), key - 1, Known::Is(round))
    } else {
        (format!("INSERT INTO T1 VALUES ({key}, 'written while others join', 0)"), key, Known::Is(0))
    }
}
