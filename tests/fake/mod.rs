//! A database of almost nothing behind the real host: enough to try sockets, faults and processes.
//!
//! Statements: `PUT x` stores a line (durable), `LIST` shows them, `WAIT` and START never end by themselves, `DIAL host port ms`
//! opens a link, `SAY text` sends on the newest link, `EVENTS` tells what links did, `LATER ms` answers by timer.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use aku::{
    db::wire::{Cell, Request, Response},
    lab::io::{ConnId, Engine, Input, LinkId, Micros, Output},
};

pub struct Fake {
    file: File,
    lines: Vec<String>,
    unsaved: Vec<String>,
    waiting: BTreeMap<u64, ConnId>,
    timers: Vec<(Micros, ConnId)>,
    links: Vec<LinkId>,
    dials: u64,
    events: Vec<String>,
}

impl Fake {
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("fake.data");
        let lines = std::fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
        Ok(Self {
            file: OpenOptions::new().create(true).append(true).open(path)?,
            lines,
            unsaved: Vec::new(),
            waiting: BTreeMap::new(),
            timers: Vec::new(),
            links: Vec::new(),
            dials: 0,
            events: Vec::new(),
        })
    }

    fn rows(lines: &[String]) -> Response {
        let rows = lines.iter().map(|l| vec![Cell::Text(l.clone())]).collect();
        Response::Rows { columns: vec!["LINE".to_owned()], rows }
    }

    fn statement(&mut self, now: Micros, conn: ConnId, sql: &str, out: &mut Vec<Output>) -> Option<Response> {
        let words: Vec<&str> = sql.split(' ').collect();
        match words.as_slice() {
            ["PUT", line] => {
                self.lines.push((*line).to_owned());
                self.unsaved.push((*line).to_owned());
                Some(Response::Done { affected: 1 })
            }
            ["CREATE", "TABLE", table, ..] => {
                self.lines.push(format!("table {table}"));
                self.unsaved.push(format!("table {table}"));
                Some(Response::Done { affected: -1 })
            }
            ["SELECT", "SESSION_ID()", ..] => {
                let row = vec![Cell::Int(1), Cell::Text("padded  ".to_owned()), Cell::Null];
                let columns = ["SESSION_ID()", "NAME", "NOTHING"].map(str::to_owned).to_vec();
                Some(Response::Rows { columns, rows: vec![row] })
            }
            ["LIST"] => Some(Self::rows(&self.lines)),
            ["EVENTS"] => Some(Self::rows(&self.events)),
            ["WAIT"] | ["ALTER", "REPLICATION", _, "START"] => {
                self.waiting.insert(conn.0, conn);
                None
            }
            ["LATER", ms] => {
                self.timers.push((now + ms.parse::<Micros>().unwrap() * 1000, conn));
                None
            }
            ["DIAL", host, port, ms] => {
                self.dials += 1;
                out.push(Output::Dial {
                    link: LinkId(self.dials * 2 + 1),
                    host: (*host).to_owned(),
                    port: port.parse().unwrap(),
                    timeout: ms.parse::<Micros>().unwrap() * 1000,
                });
                Some(Response::Done { affected: -1 })
            }
            ["SAY", text] => {
                let link = *self.links.last().unwrap();
                out.push(Output::Send { link, message: text.as_bytes().to_vec() });
                Some(Response::Done { affected: -1 })
            }
            ["CLOSE"] => {
                out.push(Output::CloseClient { conn });
                None
            }
            _ => Some(Response::Error {
                sqlstate: "42000".to_owned(),
                native: 200_705,
                message: format!("no statement {sql}"),
            }),
        }
    }
}

impl Engine for Fake {
    fn handle(&mut self, now: Micros, input: Input, out: &mut Vec<Output>) {
        let ip = |address: &str| address.rsplit_once(':').map_or(address, |(ip, _)| ip).to_owned();
        match input {
            Input::Client { conn, request: Request::Connect { .. }, .. } => {
                let session = u32::try_from(conn.0).unwrap();
                out.push(Output::Respond { conn, response: Response::Connected { session } });
            }
            Input::Client { conn, request: Request::Execute { sql }, .. } => {
                if let Some(response) = self.statement(now, conn, &sql, out) {
                    out.push(Output::Respond { conn, response });
                }
            }
            Input::Client { conn, request: Request::Cancel { session }, .. } => {
                if let Some(victim) = self.waiting.remove(&u64::from(session)) {
                    let (sqlstate, message) = ("HY008".to_owned(), "Query canceled by client.".to_owned());
                    let response = Response::Error { sqlstate, native: 4202, message };
                    out.push(Output::Respond { conn: victim, response });
                }
                out.push(Output::Respond { conn, response: Response::Done { affected: -1 } });
            }
            Input::ClientGone { conn } => {
                self.waiting.remove(&conn.0);
                self.events.push("client gone".to_owned());
            }
            Input::LinkUp { link, local, peer } => {
                self.links.push(link);
                self.events.push(format!("up {} to {}", ip(&local), ip(&peer)));
            }
            Input::LinkFailed { why, .. } => self.events.push(format!("failed {why:?}")),
            Input::LinkAccepted { link, local, peer } => {
                self.links.push(link);
                self.events.push(format!("accepted {} at {}", ip(&peer), ip(&local)));
            }
            Input::LinkMessage { message, .. } => {
                self.events.push(format!("heard {}", String::from_utf8_lossy(&message)));
            }
            Input::LinkDown { link } => {
                self.links.retain(|&l| l != link);
                self.events.push("down".to_owned());
            }
            Input::Timer => {
                self.timers.retain(|&(at, conn)| {
                    if at <= now {
                        out.push(Output::Respond { conn, response: Response::Done { affected: -1 } });
                    }
                    at > now
                });
            }
        }
    }

    fn next_deadline(&self) -> Option<Micros> {
        self.timers.iter().map(|&(at, _)| at).min()
    }

    fn persist(&mut self) -> io::Result<()> {
        let mut text = String::new();
        for line in self.unsaved.drain(..) {
            text.push_str(&line);
            text.push('\n');
        }
        if text.is_empty() { Ok(()) } else { self.file.write_all(text.as_bytes()) }
    }
}
