//! The poll loop of a pod: what arrives becomes inputs, one burst is handled and made durable, then answers leave.
//!
//! Must never send anything of a burst before [`Engine::persist`] returned, and nothing at all after it failed.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant, SystemTime},
};

use mio::{Events, Interest, Poll, Token, Waker, net::UnixListener};
use rustix::process::{Resource, Rlimit, Signal};

use super::{
    config::PodConfig,
    control,
    dial::{self, Resolver},
    listeners::Listener,
    peer::{Fate, Intake, Peer, Role},
    sockets::{Socket, Stream},
};
use crate::{
    fault::{Fault, Port, Source},
    io::{ConnId, DialFailure, Engine, Input, LinkId, Micros, Output},
    process::ProcessId,
};

const WAKER: Token = Token(0);
const CLIENTS: Token = Token(1);
const LINKS: Token = Token(2);
const CONTROL: Token = Token(3);
/// How often a pod looks whether it is still wanted.
const LOOK_EVERY: Micros = 2_000_000;
/// Connections are numbered from here.
const FIRST_PEER: usize = 16;

/// kill -9 of ourselves: nothing is flushed, nothing runs on.
pub(super) fn die() -> ! {
    // Cannot fail for one's own process; the abort behind it is for the type.
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    std::process::abort();
}

/// The system clock, kept from going back.
#[derive(Debug)]
struct Clock {
    epoch: Micros,
    start: Instant,
}

impl Clock {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { epoch: micros(since), start: Instant::now() }
    }

    fn now(&self) -> Micros {
        self.epoch + micros(self.start.elapsed())
    }
}

fn micros(d: Duration) -> Micros {
    Micros::try_from(d.as_micros()).unwrap_or(Micros::MAX)
}

/// Everything between the sockets and the engine.
#[derive(Debug)]
pub(super) struct Border {
    config: PodConfig,
    clock: Clock,
    poll: Poll,
    clients: Listener,
    links: Listener,
    control: UnixListener,
    resolver: Resolver,
    peers: BTreeMap<usize, Peer>,
    next_token: usize,
    /// Links that the engine numbered, to their connections.
    dialed: BTreeMap<LinkId, usize>,
    /// Links whose host name is being looked up, to their deadlines.
    resolving: BTreeMap<LinkId, Micros>,
    intake: Intake,
    /// File size limit to go back to after a full disk.
    room: Option<Rlimit>,
    /// Connections may wait to be accepted.
    knocking: bool,
    /// When to look next whether anybody still wants this pod.
    look_at: Micros,
    dir: PathBuf,
    stopping: bool,
}

impl Border {
    /// Listens on everything.
    pub(super) fn open(config: &PodConfig, dir: &Path) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        let clients = Listener::open(config.ip, config.port, CLIENTS, registry)?;
        let links = Listener::open(config.ip, config.replication_port, LINKS, registry)?;
        let (path, _handle) = control::socket_path(dir)?;
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => {}
        }
        let mut control = UnixListener::bind(path)?;
        registry.register(&mut control, CONTROL, Interest::READABLE)?;
        let resolver = Resolver::new(&config.hosts, config.hosts_file.clone(), Waker::new(registry, WAKER)?);
        // A terminal that closes must not end the pod; a write beyond the size limit must fail and not kill.
        for signal in [signal_hook::consts::SIGHUP, rustix::process::Signal::XFSZ.as_raw()] {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
        Ok(Self {
            config: config.clone(),
            clock: Clock::new(),
            poll,
            clients,
            links,
            control,
            resolver,
            peers: BTreeMap::new(),
            next_token: FIRST_PEER,
            dialed: BTreeMap::new(),
            resolving: BTreeMap::new(),
            intake: Intake::default(),
            room: None,
            knocking: true,
            look_at: 0,
            dir: dir.to_owned(),
            stopping: false,
        })
    }

    pub(super) fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Serves until a stop is asked for.
    pub(super) fn run<E: Engine>(mut self, mut engine: E) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; 64 << 10];
        let mut outputs = Vec::new();
        // What an engine does by itself after a start comes from its first input.
        self.intake.inputs.push(Input::Timer);
        while !self.stopping {
            match self.poll.poll(&mut events, self.patience(engine.next_deadline())) {
                Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
                Ok(()) | Err(_) => {}
            }
            self.note(&events);
            self.accept();
            self.gather(&mut scratch);
            self.obey();
            if self.intake.kill_at.is_some_and(|at| at <= self.now()) {
                die();
            }
            self.look();
            if engine.next_deadline().is_some_and(|at| at <= self.now()) {
                self.intake.inputs.push(Input::Timer);
            }
            if !self.intake.inputs.is_empty() {
                for input in std::mem::take(&mut self.intake.inputs) {
                    engine.handle(self.clock.now(), input, &mut outputs);
                }
                engine.persist()?;
                for output in outputs.drain(..) {
                    self.carry_out(output);
                }
            }
            self.send();
        }
        tracing::info!("stopped");
        Ok(())
    }

    /// How long to wait for events.
    fn patience(&self, engine: Option<Micros>) -> Option<Duration> {
        if self.knocking || !self.intake.inputs.is_empty() {
            return Some(Duration::ZERO);
        }
        let peers = self.peers.values().filter_map(|p| p.due(&self.intake.faults));
        let names = self.resolving.values().copied();
        let next = peers.chain(names).chain(engine).chain(self.intake.kill_at).chain([self.look_at]).min()?;
        Some(Duration::from_micros(next.saturating_sub(self.now())))
    }

    /// Ends the pod when its directory is no longer its own or its owner is gone: nobody could stop it any more.
    fn look(&mut self) {
        let now = self.now();
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        let ours = ProcessId::this().ok().is_none_or(|id| ProcessId::of_pod(&self.dir) == Some(id));
        if !ours || self.config.owner.is_some_and(|owner| !owner.lives()) {
            tracing::warn!("nobody wants this pod any more");
            self.stopping = true;
        }
    }

    fn note(&mut self, events: &Events) {
        for event in events {
            let Some(peer) = self.peers.get_mut(&event.token().0) else {
                self.knocking = true;
                continue;
            };
            peer.socket.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
            peer.socket.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        }
    }

    fn add(
        &mut self,
        stream: Stream,
        make: impl FnOnce(usize) -> (Role, Source),
        names: (String, String),
    ) -> Option<usize> {
        let token = self.next_token;
        self.next_token += 1;
        let (role, source) = make(token);
        let mut socket = Socket::new(stream);
        if let Err(error) = socket.register(self.poll.registry(), Token(token)) {
            tracing::warn!(%error, "a connection cannot be watched");
            return None;
        }
        self.peers.insert(token, Peer::new(token, socket, role, source, names.0, names.1));
        Some(token)
    }

    fn accept(&mut self) {
        if !std::mem::take(&mut self.knocking) {
            return;
        }
        while let Some((stream, address)) = self.clients.accept() {
            let role = |token: usize| {
                let conn = ConnId(token as u64);
                (Role::Client { conn, known: false, drop_answer: false, kill_answer: None }, Source::Client)
            };
            let names = names(&stream, address);
            self.add(Stream::Tcp(stream), role, names);
        }
        while let Some((stream, address)) = self.links.accept() {
            let source = self.config.source(address.ip());
            let role = |token: usize| (Role::Incoming { link: LinkId(token as u64 * 2), up: false }, source);
            let names = names(&stream, address);
            self.add(Stream::Tcp(stream), role, names);
        }
        while let Ok((stream, _)) = self.control.accept() {
            self.add(Stream::Unix(stream), |_| (Role::Control, Source::Stranger), (String::new(), String::new()));
        }
    }

    fn gather(&mut self, scratch: &mut [u8]) {
        let now = self.now();
        for (link, port, ip) in self.resolver.answered().collect::<Vec<_>>() {
            if let Some(deadline) = self.resolving.remove(&link) {
                match ip {
                    Some(ip) => self.connect(link, SocketAddr::new(ip, port), deadline),
                    None => self.intake.inputs.push(Input::LinkFailed { link, why: DialFailure::Refused }),
                }
            }
        }
        let late: Vec<LinkId> = self.resolving.iter().filter(|(_, at)| **at <= now).map(|(&link, _)| link).collect();
        for link in late {
            self.resolving.remove(&link);
            self.intake.inputs.push(Input::LinkFailed { link, why: DialFailure::Timeout });
        }
        let mut leaving = Vec::new();
        for (&token, peer) in &mut self.peers {
            if peer.step(now, scratch, &mut self.intake) == Fate::Goes {
                leaving.push(token);
            }
        }
        for token in leaving {
            self.remove(token);
        }
    }

    fn remove(&mut self, token: usize) {
        if let Some(mut peer) = self.peers.remove(&token) {
            peer.socket.deregister(self.poll.registry());
            match peer.role {
                Role::Dialing { link, .. } | Role::Outgoing { link } => {
                    self.dialed.remove(&link);
                }
                Role::Client { .. } | Role::Incoming { .. } | Role::Control => {}
            }
        }
    }

    fn token_of(&self, link: LinkId) -> Option<usize> {
        // Incoming links are numbered 2 x token.
        let incoming = || usize::try_from(link.0 / 2).ok();
        if link.0.is_multiple_of(2) { incoming() } else { self.dialed.get(&link).copied() }
    }

    fn carry_out(&mut self, output: Output) {
        let now = self.now();
        match output {
            Output::Respond { conn, response } => {
                let Some(peer) = usize::try_from(conn.0).ok().and_then(|t| self.peers.get_mut(&t)) else { return };
                if !peer.closing && !peer.respond(&response, now, &mut self.intake) {
                    let token = peer.token;
                    self.remove(token);
                }
            }
            Output::CloseClient { conn } => self.close(usize::try_from(conn.0).ok()),
            Output::Dial { link, host, port, timeout } => {
                let deadline = now.saturating_add(timeout);
                match self.resolver.resolve(link, &host, port) {
                    Some(ip) => self.connect(link, SocketAddr::new(ip, port), deadline),
                    None => {
                        self.resolving.insert(link, deadline);
                    }
                }
            }
            Output::Send { link, message } => {
                if let Some(peer) = self.token_of(link).and_then(|t| self.peers.get_mut(&t)).filter(|p| !p.closing) {
                    peer.socket.push_frame(&message);
                }
            }
            Output::Hangup { link } => {
                self.resolving.remove(&link);
                self.close(self.token_of(link));
            }
        }
    }

    fn close(&mut self, token: Option<usize>) {
        let Some(peer) = token.and_then(|t| self.peers.get_mut(&t)) else { return };
        peer.closing = true;
        let token = peer.token;
        match peer.role {
            Role::Dialing { .. } => self.remove(token),
            Role::Client { .. } | Role::Incoming { .. } | Role::Outgoing { .. } | Role::Control => {}
        }
    }

    fn connect(&mut self, link: LinkId, to: SocketAddr, deadline: Micros) {
        let source = self.config.source(to.ip());
        let role = |_| (Role::Dialing { link, deadline, connected: false }, source);
        let token = dial::start(self.config.ip, to)
            .ok()
            .and_then(|stream| self.add(Stream::Tcp(stream), role, (String::new(), to.to_string())));
        match token.and_then(|t| self.peers.get_mut(&t)) {
            Some(peer) => {
                // Until the poll says so the connection is not made.
                (peer.socket.readable, peer.socket.writable) = (false, false);
                self.dialed.insert(link, peer.token);
            }
            None => self.intake.inputs.push(Input::LinkFailed { link, why: DialFailure::Refused }),
        }
    }

    fn send(&mut self) {
        let mut leaving = Vec::new();
        for (&token, peer) in &mut self.peers {
            if peer.may_send(&self.intake.faults) {
                peer.socket.flush();
                if peer.closing && peer.socket.all_sent() {
                    // Unread bytes would make the kernel reset the connection and take our last words with it.
                    peer.socket.discard();
                    leaving.push(token);
                }
            }
        }
        for token in leaving {
            self.remove(token);
        }
    }

    /// Carries out what came over control connections.
    fn obey(&mut self) {
        for (token, line) in std::mem::take(&mut self.intake.commands) {
            let answer = match serde_json::from_str(&line) {
                Ok(request) => self.command(request),
                Err(e) => control::Answer::Refused(format!("not a request: {e}")),
            };
            let text = serde_json::to_string(&answer).expect("an answer is plain data");
            if let Some(peer) = self.peers.get_mut(&token) {
                peer.socket.out().extend_from_slice(text.as_bytes());
                peer.socket.out().push(b'\n');
                peer.socket.flush();
            }
        }
    }

    fn command(&mut self, request: control::Request) -> control::Answer {
        use control::{Answer, Request};
        let faults = &mut self.intake.faults;
        let answer = match request {
            Request::List => return Answer::Faults(faults.list().to_vec()),
            Request::Stop => {
                self.stopping = true;
                return Answer::Done;
            }
            Request::Set { fault: Fault::Freeze, .. } => {
                return Answer::Refused("a process cannot freeze itself and answer; send it SIGSTOP".to_owned());
            }
            Request::Set { name, fault } => {
                tracing::warn!(%fault, "fault set");
                faults.set(name, fault).map_or_else(Answer::Refused, Answer::Named)
            }
            Request::Clear(name) => {
                tracing::warn!(name, "fault cleared");
                faults.clear(&name).map_or_else(Answer::Refused, |()| Answer::Done)
            }
            Request::ClearAll => {
                tracing::warn!("all faults cleared");
                faults.clear_all();
                Answer::Done
            }
        };
        match self.apply_faults() {
            Ok(()) => answer,
            Err(e) => Answer::Refused(format!("the fault cannot be applied: {e}")),
        }
    }

    /// Brings ports and limits into the state that the faults ask for.
    fn apply_faults(&mut self) -> io::Result<()> {
        // A port that is open again may have a queue of which the poll has spoken before.
        self.knocking = true;
        let (registry, faults) = (self.poll.registry(), &self.intake.faults);
        self.clients.become_state(faults.port(Port::Client), registry)?;
        self.links.become_state(faults.port(Port::Replication), registry)?;
        match (faults.disk_full(), self.room.take()) {
            (true, None) => {
                let old = rustix::process::getrlimit(Resource::Fsize);
                rustix::process::setrlimit(Resource::Fsize, Rlimit { current: Some(0), ..old })?;
                self.room = Some(old);
            }
            (true, Some(old)) => self.room = Some(old),
            (false, Some(old)) => rustix::process::setrlimit(Resource::Fsize, old)?,
            (false, None) => {}
        }
        Ok(())
    }
}

fn names(stream: &mio::net::TcpStream, address: SocketAddr) -> (String, String) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    (stream.local_addr().map(|a| a.to_string()).unwrap_or_default(), address.to_string())
}
