//! Clients of simulated pods: a login, one statement at a time, answers in an inbox.
//!
//! It decides what a client sees when its pod dies or vanishes; it must never invent an answer of a living server.

use std::collections::VecDeque;

use aku_db::wire::{Request, Response};

use super::{Event, Sim};
use crate::io::{ConnId, Input, Micros};

/// A client of the simulation; stays valid after its connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId(pub(super) usize);

/// What reaches a client.
pub(super) enum Arrival {
    Response(Response),
    Closed,
}

/// Client and server are on the same machine, microseconds each way.
const CLIENT_DELAY: Micros = 20;

/// A statement is given up after this much virtual time, so that a test with a hanging statement ends.
const PATIENCE: Micros = 24 * 3_600 * 1_000_000;

pub(super) struct Client {
    pod: usize,
    conn: ConnId,
    open: bool,
    /// Requests without an answer yet.
    waiting: usize,
    inbox: VecDeque<Response>,
}

fn link_lost() -> Response {
    Response::Error {
        sqlstate: "08S01".to_owned(),
        native: 331_843,
        message: "Communication link failure. (Connection closed)".to_owned(),
    }
}

fn no_connection(errno: u32) -> Response {
    Response::Error {
        sqlstate: "08001".to_owned(),
        native: 327_730,
        message: format!(
            "Client unable to establish connection. (Failed to invoke the connect() system function, errno={errno})"
        ),
    }
}

impl Client {
    pub(super) fn arrived(&mut self, answer: Arrival) {
        match answer {
            Arrival::Response(response) => {
                self.waiting = self.waiting.saturating_sub(1);
                self.inbox.push_back(response);
            }
            Arrival::Closed => self.lost(),
        }
    }

    fn lost(&mut self) {
        self.open = false;
        for _ in 0..std::mem::take(&mut self.waiting) {
            self.inbox.push_back(link_lost());
        }
    }
}

impl Sim {
    /// Logs in as SYS.
    ///
    /// # Errors
    /// The refusal as [`Response::Error`].
    pub fn connect_sys(&mut self, pod: usize) -> Result<ClientId, Response> {
        self.connect(pod, &[("UID", "SYS"), ("PWD", "manager")])
    }

    /// Logs in with connection-string keywords in upper case.
    ///
    /// # Errors
    /// The refusal as [`Response::Error`].
    pub fn connect(&mut self, pod: usize, options: &[(&str, &str)]) -> Result<ClientId, Response> {
        if self.rules.is_hole(pod) {
            return Err(no_connection(110));
        }
        if self.rules.is_unrouted(pod) {
            return Err(no_connection(113));
        }
        if !self.is_up(pod) {
            return Err(no_connection(111));
        }
        let conn = ConnId(self.pods[pod].next_conn);
        self.pods[pod].next_conn += 1;
        let client = self.clients.len();
        self.clients.push(Client { pod, conn, open: true, waiting: 0, inbox: VecDeque::new() });
        self.by_conn.insert((pod, conn), client);
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.request(client, Request::Connect { options });
        match self.wait(ClientId(client)) {
            Response::Connected { .. } => Ok(ClientId(client)),
            refusal => {
                self.close(ClientId(client));
                Err(refusal)
            }
        }
    }

    /// Ends a client's connection.
    pub fn close(&mut self, client: ClientId) {
        let c = &mut self.clients[client.0];
        if std::mem::replace(&mut c.open, false) {
            let (pod, conn) = (c.pod, c.conn);
            c.lost();
            self.by_conn.remove(&(pod, conn));
            let life = self.pods[pod].life;
            self.schedule(self.now + CLIENT_DELAY, Event::Input { pod, life, input: Input::ClientGone { conn } });
        }
    }

    /// Whether the connection is there.
    #[must_use]
    pub fn is_open(&self, client: ClientId) -> bool {
        self.clients[client.0].open
    }

    /// Sends a statement without waiting for its answer.
    pub fn send(&mut self, client: ClientId, sql: &str) {
        self.request(client.0, Request::Execute { sql: sql.to_owned() });
    }

    /// The next answer, if one is there.
    pub fn take(&mut self, client: ClientId) -> Option<Response> {
        self.clients[client.0].inbox.pop_front()
    }

    /// Whether [`Sim::take`] would find an answer.
    #[must_use]
    pub fn has_answer(&self, client: ClientId) -> bool {
        !self.clients[client.0].inbox.is_empty()
    }

    /// Runs the simulation until the next answer is there.
    pub fn wait(&mut self, client: ClientId) -> Response {
        self.run_until(PATIENCE, |sim| !sim.clients[client.0].inbox.is_empty());
        self.take(client).unwrap_or_else(link_lost)
    }

    /// Runs one statement to its end.
    pub fn execute(&mut self, client: ClientId, sql: &str) -> Response {
        self.send(client, sql);
        self.wait(client)
    }

    /// Cancels what runs on the session with that id.
    pub fn cancel(&mut self, pod: usize, session: u32) {
        let conn = ConnId(self.pods[pod].next_conn);
        self.pods[pod].next_conn += 1;
        let life = self.pods[pod].life;
        let input = Input::Client { conn, peer: "127.0.0.1:1".to_owned(), request: Request::Cancel { session } };
        self.schedule(self.now + CLIENT_DELAY, Event::Input { pod, life, input });
    }

    fn request(&mut self, client: usize, request: Request) {
        let c = &mut self.clients[client];
        c.waiting += 1;
        if !c.open {
            c.lost();
            return;
        }
        let (pod, conn) = (c.pod, c.conn);
        let peer = format!("127.0.0.1:{}", 50_000 + conn.0 % 10_000);
        let life = self.pods[pod].life;
        let event = Event::Input { pod, life, input: Input::Client { conn, peer, request } };
        self.schedule(self.now + CLIENT_DELAY, event);
    }

    pub(super) fn answer(&mut self, pod: usize, conn: ConnId, answer: Arrival) {
        let Some(&client) = self.by_conn.get(&(pod, conn)) else { return };
        if matches!(answer, Arrival::Closed) {
            self.by_conn.remove(&(pod, conn));
        }
        self.schedule(self.now + CLIENT_DELAY, Event::Answer { client, answer });
    }

    /// The pod died: what was on its way to clients arrives, everything else is lost.
    pub(super) fn drop_clients(&mut self, pod: usize) {
        let gone: Vec<_> = self.by_conn.range((pod, ConnId(0))..(pod + 1, ConnId(0))).map(|(k, c)| (*k, *c)).collect();
        for (key, client) in gone {
            self.by_conn.remove(&key);
            self.schedule(self.now + CLIENT_DELAY, Event::Answer { client, answer: Arrival::Closed });
        }
    }
}
