//! A pod that answers the lab's wire from a script, for tests of clients. It knows no SQL.
#![allow(dead_code)] // Each test program uses a part of it.

use std::{
    collections::HashSet,
    io::Write,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use aku::db::{
    error::native,
    wire::{Request, Response},
};

/// Passing it means that the test hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// What the pod does about a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Connected, with a session id of its own.
    Welcome,
    Send(Response),
    /// Answers HY008 once the session is cancelled.
    UntilCancelled,
    /// Says nothing more, and keeps the connection.
    Silence,
    /// Closes.
    HangUp,
    /// Begins a frame and closes.
    HalfAnAnswer,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    cancelled: HashSet<u32>,
    open: usize,
    accepted: usize,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
    next_session: AtomicU32,
}

impl Shared {
    fn change(&self, f: impl FnOnce(&mut Seen)) {
        f(&mut self.seen.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait(&self, what: &str, until: impl Fn(&Seen) -> bool) {
        let seen = self.seen.lock().unwrap();
        let waited = self.changed.wait_timeout_while(seen, LIMIT, |seen| !until(seen)).unwrap();
        assert!(!waited.1.timed_out(), "still waiting for {what}");
    }
}

/// A listening pod; its threads end with the process.
pub struct FakePod {
    pub port: u16,
    shared: Arc<Shared>,
}

impl FakePod {
    /// Listens on a free port of loopback and answers by `script`, except cancels, which it handles itself.
    pub fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let (script, theirs) = (Arc::new(script), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, shared) = (Arc::clone(&script), Arc::clone(&theirs));
                shared.change(|seen| {
                    seen.open += 1;
                    seen.accepted += 1;
                });
                std::thread::spawn(move || {
                    serve(stream, &*script, &shared);
                    shared.change(|seen| seen.open -= 1);
                });
            }
        });
        Self { port, shared }
    }

    /// Every request so far, cancels apart.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.seen.lock().unwrap().requests.clone()
    }

    /// Waits until a statement has arrived.
    pub fn wait_for_statement(&self) {
        let is_statement = |r: &Request| matches!(r, Request::Execute { .. });
        self.shared.wait("a statement", |seen| seen.requests.iter().any(is_statement));
    }

    /// Waits until somebody was here and everybody is gone.
    pub fn wait_until_all_hung_up(&self) {
        self.shared.wait("clients to hang up", |seen| seen.accepted > 0 && seen.open == 0);
    }
}

fn serve(mut stream: TcpStream, script: &dyn Fn(&Request) -> Reply, shared: &Shared) {
    let mut session = 0;
    // A client that breaks off is as good as one that closes.
    while let Ok(Some(request)) = Request::read(&mut stream) {
        if let Request::Cancel { session } = request {
            shared.change(|seen| {
                seen.cancelled.insert(session);
            });
            let _ = Response::Done { affected: -1 }.write(&mut stream);
            return;
        }
        shared.change(|seen| seen.requests.push(request.clone()));
        let response = match script(&request) {
            Reply::Welcome => {
                session = shared.next_session.fetch_add(1, SeqCst) + 1;
                Response::Connected { session }
            }
            Reply::Send(response) => response,
            Reply::UntilCancelled => {
                shared.wait("a cancel", |seen| seen.cancelled.contains(&session));
                let message = "Query canceled by client.".to_owned();
                Response::Error { sqlstate: "HY008".to_owned(), native: native::CANCELLED, message }
            }
            Reply::Silence => continue,
            Reply::HangUp => return,
            Reply::HalfAnAnswer => {
                let _ = stream.write_all(&[200, 0, 0, 0, 3, 1]).and_then(|()| stream.shutdown(Shutdown::Both));
                return;
            }
        };
        if response.write(&mut stream).is_err() {
            return;
        }
    }
}
