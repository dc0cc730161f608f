//! Many lab servers in one thread under a seed: virtual clock, links with latency, faults, `kill -9`.
//!
//! It decides only when inputs arrive, never what a server answers. The same seed and the same calls give the same
//! history. A killed pod loses its engine and keeps its store.

mod client;
mod directories;
mod net;
mod player;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::Arc,
};

use crate::{
    data::Database,
    io::{ConnId, DialFailure, Engine, Input, LinkId, Micros, Output},
    server::{PodConfig, Server},
    store::MemoryStore,
};
pub use client::ClientId;
pub use net::{Rng, Rules};
pub use player::SimPlayer;

/// Where virtual time begins: 2026-01-01 00:00:00 UTC.
const EPOCH: Micros = 1_767_225_600_000_000;

struct Pod {
    config: PodConfig,
    store: MemoryStore,
    engine: Option<Server>,
    /// What the engine asked for after its last input.
    deadline: Option<Micros>,
    /// Counts lives, so that what was meant for an earlier one is dropped.
    life: u32,
    next_conn: u64,
    next_link: u64,
    next_port: u16,
    /// Frozen processes take in nothing and their clock stands still for others.
    frozen: bool,
    backlog: VecDeque<Input>,
}

/// A copy of a pod's volume.
#[derive(Clone, Debug)]
pub struct Volume(MemoryStore);

/// One direction of a link: where it ends, and what waits for a cut to heal.
struct Wire {
    to: (usize, LinkId),
    /// Which life of that pod: a later one numbers its links anew.
    life: u32,
    last_delivery: Micros,
    held: VecDeque<Input>,
}

enum Event {
    Input { pod: usize, life: u32, input: Input },
    Dialled { from: usize, life: u32, link: LinkId, to: usize, timeout_at: Micros },
    Answer { client: usize, answer: client::Arrival },
}

/// The simulation.
pub struct Sim {
    now: Micros,
    sequence: u64,
    events: BTreeMap<(Micros, u64), Event>,
    pods: Vec<Pod>,
    wires: BTreeMap<(usize, LinkId), Wire>,
    clients: Vec<client::Client>,
    by_conn: BTreeMap<(usize, ConnId), usize>,
    rng: Rng,
    /// Faults of the network.
    pub rules: Rules,
    outputs: Vec<Output>,
    volumes: directories::Directories,
}

impl Sim {
    /// An empty simulation.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: EPOCH,
            sequence: 0,
            events: BTreeMap::new(),
            pods: Vec::new(),
            wires: BTreeMap::new(),
            clients: Vec::new(),
            by_conn: BTreeMap::new(),
            rng: Rng::new(seed),
            rules: Rules::default(),
            outputs: Vec::new(),
            volumes: directories::Directories::default(),
        }
    }

    /// Virtual time, microseconds since 1970.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.now
    }

    /// The seed's generator, for choices of the test itself.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Adds a pod on an empty store and starts it; pods are numbered from 0.
    ///
    /// # Errors
    /// The store.
    pub fn add_pod(&mut self, config: PodConfig) -> io::Result<usize> {
        let pod = Pod {
            config: PodConfig {
                logs: Arc::new(self.volumes.clone()),
                log_dir: Self::log_directory(self.pods.len()),
                ..config
            },
            store: MemoryStore::default(),
            engine: None,
            deadline: None,
            life: 0,
            next_conn: 1,
            next_link: 2,
            next_port: 40_000,
            frozen: false,
            backlog: VecDeque::new(),
        };
        self.pods.push(pod);
        let index = self.pods.len() - 1;
        self.show_volume(index);
        self.start(index)?;
        Ok(index)
    }

    /// Address of a pod.
    #[must_use]
    pub fn ip(&self, pod: usize) -> String {
        self.pods[pod].config.ip.clone()
    }

    /// Starts a pod that is not running, on what its store holds.
    ///
    /// # Errors
    /// The store.
    pub fn start(&mut self, pod: usize) -> io::Result<()> {
        let now = self.now;
        let p = &mut self.pods[pod];
        if p.engine.is_none() {
            p.engine = Some(Server::open(p.config.clone(), p.store.clone(), now)?);
            self.feed(pod, Input::Timer);
        }
        Ok(())
    }

    /// Properties and address of a pod; changes count from its next start on.
    pub fn config_mut(&mut self, pod: usize) -> &mut PodConfig {
        &mut self.pods[pod].config
    }

    /// SIGKILL: whatever was not made durable is gone.
    pub fn kill(&mut self, pod: usize) {
        let p = &mut self.pods[pod];
        p.engine = None;
        p.deadline = None;
        p.life += 1;
        p.frozen = false;
        p.backlog.clear();
        let own: Vec<_> = self.wires.keys().filter(|(at, _)| *at == pod).copied().collect();
        for key in own {
            if let Some(wire) = self.wires.remove(&key) {
                self.transmit(pod, wire, Input::LinkDown { link: LinkId(0) });
            }
        }
        self.drop_clients(pod);
    }

    /// Kills a pod and empties its store: a lost volume.
    pub fn wipe(&mut self, pod: usize) {
        self.kill(pod);
        self.pods[pod].store = MemoryStore::default();
        self.show_volume(pod);
    }

    /// A copy of a pod's volume as a kill at this moment would leave it; the pod goes on.
    #[must_use]
    pub fn snapshot(&self, pod: usize) -> Volume {
        Volume(self.pods[pod].store.copy())
    }

    /// Kills a pod and puts a copy back, its own of before or another pod's (`measured.md` 9.2). The pod is down
    /// afterwards, and the copy may be used again.
    pub fn restore(&mut self, pod: usize, volume: &Volume) {
        self.kill(pod);
        self.pods[pod].store = volume.0.copy();
        self.show_volume(pod);
    }

    /// The directory of a pod's logs, as any pod finds it.
    #[must_use]
    pub fn log_directory(pod: usize) -> String {
        format!("/pods/{pod}/logs")
    }

    fn show_volume(&mut self, pod: usize) {
        self.volumes.show(Self::log_directory(pod), &self.pods[pod].store);
    }

    /// Stops a process without ending it.
    pub fn freeze(&mut self, pod: usize) {
        self.pods[pod].frozen = true;
    }

    /// Lets a frozen process go on.
    pub fn thaw(&mut self, pod: usize) {
        self.pods[pod].frozen = false;
        while let Some(input) = self.pods[pod].backlog.pop_front() {
            self.feed(pod, input);
        }
    }

    /// Whether the pod runs.
    #[must_use]
    pub fn is_up(&self, pod: usize) -> bool {
        self.pods[pod].engine.is_some()
    }

    /// What a running pod holds; nothing happens by looking.
    #[must_use]
    pub fn database(&self, pod: usize) -> Option<&Database> {
        self.pods[pod].engine.as_ref().map(Server::database)
    }

    /// Ends one cut; held messages arrive.
    pub fn heal(&mut self, from: usize, to: usize) {
        self.rules.heal(from, to);
        self.release_held();
    }

    /// Ends a black hole; held messages arrive.
    pub fn fill_hole(&mut self, pod: usize) {
        self.rules.fill_hole(pod);
        self.release_held();
    }

    /// Takes the next event; false when nothing will ever happen again.
    pub fn step(&mut self) -> bool {
        let event_at = self.events.first_key_value().map(|((at, _), _)| *at);
        let timer = self.next_timer();
        let event_first = event_at.is_some_and(|at| timer.is_none_or(|(t, _)| at <= t));
        if event_first && let Some(((at, _), event)) = self.events.pop_first() {
            self.now = self.now.max(at);
            self.happen(event);
            true
        } else if let Some((at, pod)) = timer {
            self.now = self.now.max(at);
            self.feed(pod, Input::Timer);
            true
        } else {
            false
        }
    }

    fn next_timer(&self) -> Option<(Micros, usize)> {
        let live = self.pods.iter().enumerate().filter(|(_, p)| !p.frozen);
        live.filter_map(|(i, p)| Some((p.deadline?, i))).min()
    }

    fn next_at(&self) -> Option<Micros> {
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        event.into_iter().chain(self.next_timer().map(|(at, _)| at)).min()
    }

    /// Runs everything that happens within `micros` from now.
    pub fn run_for(&mut self, micros: Micros) {
        let until = self.now + micros;
        while self.next_at().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Runs until the condition holds, at most `micros`; whether it holds.
    pub fn run_until(&mut self, micros: Micros, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        let until = self.now + micros;
        loop {
            if holds(self) {
                return true;
            }
            if self.next_at().is_none_or(|at| at > until) {
                self.now = until;
                return holds(self);
            }
            self.step();
        }
    }

    fn schedule(&mut self, at: Micros, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Input { pod, life, input } => {
                if self.pods[pod].life == life {
                    if let Input::LinkDown { link } = &input
                        && self.wires.remove(&(pod, *link)).is_none()
                    {
                        return;
                    }
                    self.feed(pod, input);
                }
            }
            Event::Dialled { from, life, link, to, timeout_at } => self.dialled(from, life, link, to, timeout_at),
            Event::Answer { client, answer } => self.clients[client].arrived(answer),
        }
    }

    /// Hands an input to an engine, makes its effects durable and carries out what it wants done.
    fn feed(&mut self, pod: usize, input: Input) {
        let now = self.now;
        let p = &mut self.pods[pod];
        if p.frozen {
            if !matches!(input, Input::Timer) {
                p.backlog.push_back(input);
            }
            return;
        }
        let Some(engine) = p.engine.as_mut() else { return };
        let mut outputs = std::mem::take(&mut self.outputs);
        engine.handle(now, input, &mut outputs);
        p.deadline = engine.next_deadline();
        if engine.persist().is_err() {
            outputs.clear();
            self.outputs = outputs;
            self.kill(pod);
            return;
        }
        for output in outputs.drain(..) {
            self.carry_out(pod, output);
        }
        self.outputs = outputs;
    }

    fn carry_out(&mut self, pod: usize, output: Output) {
        match output {
            Output::Respond { conn, response } => self.answer(pod, conn, client::Arrival::Response(response)),
            Output::CloseClient { conn } => self.answer(pod, conn, client::Arrival::Closed),
            Output::Dial { link, host, port, timeout } => self.dial(pod, link, &host, port, timeout),
            Output::Send { link, message } => self.send_message(pod, link, message),
            Output::Hangup { link } => {
                if let Some(wire) = self.wires.remove(&(pod, link)) {
                    let to = wire.to.1;
                    self.transmit(pod, wire, Input::LinkDown { link: to });
                }
            }
        }
    }

    /// A message into a link whose other end is gone is answered by a reset.
    fn send_message(&mut self, pod: usize, link: LinkId, message: Vec<u8>) {
        let Some(wire) = self.wires.remove(&(pod, link)) else { return };
        let (far, to) = wire.to;
        let gone = self.pods[far].life != wire.life || !self.wires.contains_key(&wire.to);
        if gone && !self.rules.is_cut(pod, far) && !self.rules.is_cut(far, pod) {
            self.wires.insert((pod, link), wire);
            let at = self.now + self.rules.delay(&mut self.rng, pod, far);
            let life = self.pods[pod].life;
            self.schedule(at, Event::Input { pod, life, input: Input::LinkDown { link } });
            return;
        }
        let wire = self.transmit(pod, wire, Input::LinkMessage { link: to, message });
        self.wires.insert((pod, link), wire);
    }

    /// Sends along a wire in order; gives the wire back.
    fn transmit(&mut self, from: usize, mut wire: Wire, input: Input) -> Wire {
        let (to, link) = wire.to;
        if self.pods[to].life != wire.life {
            return wire;
        }
        let input = if let Input::LinkDown { .. } = input { Input::LinkDown { link } } else { input };
        if self.rules.is_cut(from, to) {
            wire.held.push_back(input);
            return wire;
        }
        let at = (self.now + self.rules.delay(&mut self.rng, from, to)).max(wire.last_delivery);
        wire.last_delivery = at;
        self.schedule(at, Event::Input { pod: to, life: wire.life, input });
        wire
    }

    fn release_held(&mut self) {
        let keys: Vec<_> = self.wires.iter().filter(|(_, w)| !w.held.is_empty()).map(|(k, _)| *k).collect();
        for key in keys {
            let Some(mut wire) = self.wires.remove(&key) else { continue };
            let held = std::mem::take(&mut wire.held);
            for input in held {
                wire = self.transmit(key.0, wire, input);
            }
            self.wires.insert(key, wire);
        }
    }

    fn dial(&mut self, from: usize, link: LinkId, host: &str, port: u16, timeout: Micros) {
        let timeout_at = self.now + timeout;
        let life = self.pods[from].life;
        let found = self.pods.iter().position(|p| p.config.answers_to(host) && p.config.replication_port == port);
        match found {
            None => {
                let input = Input::LinkFailed { link, why: DialFailure::Refused };
                self.schedule(self.now + 50, Event::Input { pod: from, life, input });
            }
            Some(to) => {
                let at = self.now + self.rules.delay(&mut self.rng, from, to);
                self.schedule(at, Event::Dialled { from, life, link, to, timeout_at });
            }
        }
    }

    fn dialled(&mut self, from: usize, life: u32, link: LinkId, to: usize, timeout_at: Micros) {
        if self.pods[from].life != life {
            return;
        }
        let fail = |why| Input::LinkFailed { link, why };
        if self.rules.is_cut(from, to) || self.rules.is_cut(to, from) || self.pods[to].frozen {
            let input = fail(DialFailure::Timeout);
            self.schedule(timeout_at, Event::Input { pod: from, life, input });
            return;
        }
        if self.rules.is_unrouted(to) {
            let at = timeout_at.min(self.now + net::NO_ROUTE);
            self.schedule(at, Event::Input { pod: from, life, input: fail(DialFailure::Refused) });
            return;
        }
        let back = self.now + self.rules.delay(&mut self.rng, to, from);
        if self.pods[to].engine.is_none() || self.rules.is_refusing(to) {
            self.schedule(back, Event::Input { pod: from, life, input: fail(DialFailure::Refused) });
            return;
        }
        let their_link = LinkId(self.pods[to].next_link);
        self.pods[to].next_link += 2;
        let local_port = self.pods[from].next_port;
        self.pods[from].next_port = if local_port == u16::MAX { 40_000 } else { local_port + 1 };
        let near = format!("{}:{local_port}", self.pods[from].config.ip);
        let far = format!("{}:{}", self.pods[to].config.ip, self.pods[to].config.replication_port);
        let wire = |to, life| Wire { to, life, last_delivery: 0, held: VecDeque::new() };
        let mut outgoing = wire((to, their_link), self.pods[to].life);
        let mut incoming = wire((from, link), life);
        incoming.last_delivery = back;
        outgoing.last_delivery = self.now;
        self.wires.insert((from, link), outgoing);
        self.wires.insert((to, their_link), incoming);
        let input = Input::LinkUp { link, local: near.clone(), peer: far.clone() };
        self.schedule(back, Event::Input { pod: from, life, input });
        self.feed(to, Input::LinkAccepted { link: their_link, local: far, peer: near });
    }
}

#[cfg(test)]
mod tests;
