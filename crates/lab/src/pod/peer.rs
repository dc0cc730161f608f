//! One connection of a pod and the way its bytes take to the engine: through the faults, in order.
//!
//! Decides when a frame may be handed on and what a statement's fault does to it. Links open with a hello from both
//! sides, so a pod that accepts and stays silent counts as unreachable. Nothing here blocks.

use std::{collections::VecDeque, io::Read};

use aku_db::wire::{self, Response};

use super::sockets::Socket;
use crate::{
    fault::{Moment, Source},
    fault_rules::{Armed, Passage},
    io::{ConnId, DialFailure, Input, LinkId, Micros},
};

/// First frame of either side of a link.
const HELLO: &[u8] = b"aku lab link 1";
/// A connection is not read while more than that waits, bytes; the kernel then slows the sender down.
const ENOUGH: usize = 8 << 20;

/// What a connection is for.
#[derive(Debug)]
pub(super) enum Role {
    /// A client; `known` once the engine has heard of it.
    Client { conn: ConnId, known: bool, drop_answer: bool, kill_answer: Option<u32> },
    /// Another pod called; `up` after its hello.
    Incoming { link: LinkId, up: bool },
    /// We called and wait for the connection, then for the hello.
    Dialing { link: LinkId, deadline: Micros, connected: bool },
    /// We called and are through.
    Outgoing { link: LinkId },
    /// Somebody sets faults.
    Control,
}

/// What the peers of a pod share.
#[derive(Debug, Default)]
pub(super) struct Intake {
    pub faults: Armed,
    /// For the engine, in order.
    pub inputs: Vec<Input>,
    /// When the process kills itself.
    pub kill_at: Option<Micros>,
    /// Lines from control connections: token, line.
    pub commands: Vec<(usize, String)>,
}

impl Intake {
    /// kill -9 after that many milliseconds; the earliest wish wins.
    pub(super) fn kill_in(&mut self, now: Micros, millis: u32) {
        let at = now + Micros::from(millis) * 1000;
        self.kill_at = Some(self.kill_at.map_or(at, |old| old.min(at)));
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub token: usize,
    pub socket: Socket,
    pub role: Role,
    pub source: Source,
    /// `ip:port` of our side and of the other.
    pub local: String,
    pub address: String,
    /// To be closed once everything is sent; nothing is taken in any more.
    pub closing: bool,
    waiting: VecDeque<(Micros, Vec<u8>)>,
    waiting_bytes: usize,
    ended_at: Option<Micros>,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Goes,
}

impl Peer {
    pub(super) fn new(
        token: usize,
        socket: Socket,
        role: Role,
        source: Source,
        local: String,
        address: String,
    ) -> Self {
        Self {
            token,
            socket,
            role,
            source,
            local,
            address,
            closing: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            ended_at: None,
        }
    }

    fn passage(&self, faults: &Armed) -> Passage {
        match self.role {
            Role::Control => Passage::After(0),
            Role::Client { .. } | Role::Incoming { .. } | Role::Dialing { .. } | Role::Outgoing { .. } => {
                faults.passage(self.source)
            }
        }
    }

    /// Whether bytes of this connection may leave.
    pub(super) fn may_send(&self, faults: &Armed) -> bool {
        match self.role {
            Role::Control => true,
            Role::Dialing { connected, .. } => connected && !faults.mute(),
            Role::Client { .. } | Role::Incoming { .. } | Role::Outgoing { .. } => !faults.mute(),
        }
    }

    fn may_read(&self) -> bool {
        self.socket.readable && !self.socket.ended && self.waiting_bytes < ENOUGH && !self.closing
    }

    /// When this connection wants attention without an event; 0 for at once.
    pub(super) fn due(&self, faults: &Armed) -> Option<Micros> {
        if self.closing {
            return None;
        }
        if self.may_read() {
            return Some(0);
        }
        let first = self.waiting.front().map(|&(at, _)| at).or(self.ended_at);
        let data = match self.passage(faults) {
            Passage::Held => None,
            Passage::After(late) => first.map(|at| at + late),
        };
        match self.role {
            Role::Dialing { deadline, .. } => Some(data.map_or(deadline, |d| d.min(deadline))),
            Role::Client { .. } | Role::Incoming { .. } | Role::Outgoing { .. } | Role::Control => data,
        }
    }

    /// Takes in what arrived and hands on what is due.
    pub(super) fn step(&mut self, now: Micros, scratch: &mut [u8], intake: &mut Intake) -> Fate {
        if self.closing {
            return Fate::Stays;
        }
        if let Role::Dialing { link, deadline, connected } = self.role {
            if !connected && !self.dial_step(link, intake) {
                return Fate::Goes;
            }
            if now >= deadline {
                intake.inputs.push(Input::LinkFailed { link, why: DialFailure::Timeout });
                return Fate::Goes;
            }
        }
        self.take_in(now, scratch);
        while let Passage::After(late) = self.passage(&intake.faults) {
            let Some(&(at, _)) = self.waiting.front() else {
                let over = self.ended_at.is_some_and(|at| at + late <= now);
                return if over { self.gone(intake) } else { Fate::Stays };
            };
            if at + late > now {
                break;
            }
            let (_, frame) = self.waiting.pop_front().expect("there is a first one");
            self.waiting_bytes -= frame.len();
            if self.hand_on(frame, now, intake) == Fate::Goes {
                return Fate::Goes;
            }
        }
        Fate::Stays
    }

    fn take_in(&mut self, now: Micros, scratch: &mut [u8]) {
        if self.may_read() {
            self.socket.fill(scratch);
        }
        let control = matches!(self.role, Role::Control);
        while let Some(frame) =
            if control { self.socket.next_line().map(String::into_bytes) } else { self.socket.next_frame() }
        {
            self.waiting_bytes += frame.len();
            self.waiting.push_back((now, frame));
        }
        if self.socket.ended && self.ended_at.is_none() {
            self.ended_at = Some(now);
        }
    }

    /// `false` when the connection could not be made.
    fn dial_step(&mut self, link: LinkId, intake: &mut Intake) -> bool {
        if !self.socket.writable {
            return true;
        }
        let super::sockets::Stream::Tcp(stream) = &self.socket.stream else { return true };
        let failed = stream.take_error().map_or(true, |e| e.is_some());
        if failed {
            intake.inputs.push(Input::LinkFailed { link, why: DialFailure::Refused });
            return false;
        }
        if stream.peer_addr().is_err() {
            self.socket.writable = false;
            return true;
        }
        if let Ok(local) = stream.local_addr() {
            self.local = local.to_string();
        }
        self.socket.push_frame(HELLO);
        if let Role::Dialing { connected, .. } = &mut self.role {
            *connected = true;
        }
        true
    }

    fn hand_on(&mut self, frame: Vec<u8>, now: Micros, intake: &mut Intake) -> Fate {
        let names = (self.local.clone(), self.address.clone());
        match self.role {
            Role::Control => intake.commands.push((self.token, String::from_utf8_lossy(&frame).into_owned())),
            Role::Client { .. } => return self.client_request(&frame, now, intake),
            Role::Incoming { link, up: true } | Role::Outgoing { link } => {
                intake.inputs.push(Input::LinkMessage { link, message: frame });
            }
            Role::Incoming { .. } | Role::Dialing { .. } if frame != HELLO => return self.gone(intake),
            Role::Incoming { link, up: false } => {
                self.socket.push_frame(HELLO);
                self.role = Role::Incoming { link, up: true };
                intake.inputs.push(Input::LinkAccepted { link, local: names.0, peer: names.1 });
            }
            Role::Dialing { link, .. } => {
                self.role = Role::Outgoing { link };
                intake.inputs.push(Input::LinkUp { link, local: names.0, peer: names.1 });
            }
        }
        Fate::Stays
    }

    fn client_request(&mut self, frame: &[u8], now: Micros, intake: &mut Intake) -> Fate {
        let Role::Client { conn, known, drop_answer, kill_answer } = &mut self.role else { return Fate::Stays };
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_le_bytes();
        let Ok(Some(request)) = wire::Request::read(&mut length.chain(frame)) else { return self.gone(intake) };
        let verdict = statement_text(&request).map(|sql| intake.faults.judge(&sql)).unwrap_or_default();
        match verdict.kill {
            Some((Moment::Before, 0)) => super::host::die(),
            Some((Moment::Before, millis)) => intake.kill_in(now, millis),
            Some((Moment::After, millis)) => *kill_answer = Some(millis),
            None => {}
        }
        match verdict.drop {
            Some(Moment::Before) => return self.gone(intake),
            Some(Moment::After) => *drop_answer = true,
            None => {}
        }
        if let Some(answer) = verdict.answer {
            return if self.respond(&answer, now, intake) { Fate::Stays } else { Fate::Goes };
        }
        *known = true;
        intake.inputs.push(Input::Client { conn: *conn, peer: self.address.clone(), request });
        Fate::Stays
    }

    /// Queues an answer; `false` when a fault wants the connection dropped instead, which is then done.
    pub(super) fn respond(&mut self, response: &Response, now: Micros, intake: &mut Intake) -> bool {
        let Role::Client { drop_answer, kill_answer, .. } = &mut self.role else { return true };
        match kill_answer.take() {
            Some(0) => super::host::die(),
            Some(millis) => intake.kill_in(now, millis),
            None => {}
        }
        if *drop_answer {
            self.gone(intake);
            return false;
        }
        if response.write(self.socket.out()).is_err() {
            // Only an answer beyond the frame limit cannot be written to memory.
            self.gone(intake);
            return false;
        }
        true
    }

    /// Tells the engine that the connection is no more.
    pub(super) fn gone(&self, intake: &mut Intake) -> Fate {
        match self.role {
            Role::Client { conn, known: true, .. } => intake.inputs.push(Input::ClientGone { conn }),
            Role::Incoming { link, up: true } | Role::Outgoing { link } => {
                intake.inputs.push(Input::LinkDown { link });
            }
            Role::Dialing { link, .. } => {
                intake.inputs.push(Input::LinkFailed { link, why: DialFailure::Refused });
            }
            Role::Client { known: false, .. } | Role::Incoming { up: false, .. } | Role::Control => {}
        }
        Fate::Goes
    }
}

/// What faults match against; a cancel is no statement.
fn statement_text(request: &wire::Request) -> Option<String> {
    match request {
        wire::Request::Execute { sql } => Some(sql.clone()),
        wire::Request::Connect { options } => {
            let get = |key: &str| options.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
            let sysdba = if get("PRIVILEGE").eq_ignore_ascii_case("SYSDBA") { " AS SYSDBA" } else { "" };
            Some(format!("CONNECT {}{sysdba}", get("UID")))
        }
        wire::Request::Cancel { .. } => None,
    }
}
