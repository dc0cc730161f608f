//! Links between servers: dialling, the handshake on both ends, loss and revival (`altibase.md` 3.8, 3.9,
//! 8.3, appendix B.2).
//!
//! It decides what a failed attempt means for a sender and in which words a statement hears of it.

use super::{
    Link, Server, errors,
    message::{Hello, History, Message},
    meta::{self, Tolerance},
    object::{ANALYSIS, AppliedMark},
    sender::{Beat, EagerState, ItemMap, Persistence, Phase, StartFlag},
};
use crate::{
    data::{Event, Sn},
    io::{LinkId, Output},
};

/// Whether another host of the object may answer differently.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// This host failed; the next one may do.
    Host,
    /// The peer answered no for a reason that may pass.
    Refused,
    /// The definitions differ.
    Differs,
}

const GENERIC: &str = "Handshake Process Error";

impl Server {
    /// Connects a sender to the host whose turn it is.
    pub(super) fn dial(&mut self, name: &str) {
        let timeout = self.core.properties.seconds("REPLICATION_CONNECT_TIMEOUT");
        let Some(object) = self.core.objects.get(name) else { return };
        let at = object.hosts.iter().position(|h| h.number == object.last_host).unwrap_or(0);
        let Some(host) = object.hosts.get(at).cloned() else { return };
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        sender.phase = Phase::Dialling;
        sender.peer = format!("{}:{}", host.host, host.port);
        let link = LinkId(self.core.last_link);
        self.core.last_link += 2;
        sender.link = Some(link);
        self.core.links.insert(link, Link::Sender(name.to_owned()));
        self.core.out.push(Output::Dial { link, host: host.host, port: host.port, timeout });
    }

    /// What a START does before its sender dials is done: others may have the latch.
    fn prepared(&mut self, name: &str) {
        if let Some(id) = self.core.senders.get(name).and_then(|s| s.starter) {
            self.core.latch.leave(id);
        }
        self.dial(name);
    }

    pub(super) fn link_up(&mut self, link: LinkId, local: &str, peer: &str) {
        match self.core.links.get(&link).cloned() {
            Some(Link::Sender(name)) => self.greet(&name, link, local, peer),
            Some(Link::WakeUp(_)) => {
                let names = self.core.objects.iter().map(|o| o.remote_name().to_owned()).collect();
                self.core.send(link, &Message::WakeUp { names });
                self.core.hang_up(link);
            }
            Some(Link::Receiver(_) | Link::Accepted { .. }) => {}
            None => self.core.out.push(Output::Hangup { link }),
        }
    }

    fn greet(&mut self, name: &str, link: LinkId, local: &str, peer: &str) {
        let until = self.core.now + self.core.properties.seconds("REPLICATION_CONNECT_RECEIVE_TIMEOUT");
        let Some(meta) = self.core.objects.get(name).map(|o| self.meta_of(o)) else { return };
        let end = self.next_sn();
        let (protocol, signature) = (self.core.protocol().to_owned(), self.core.signature.clone());
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        if sender.ending {
            return self.end_sender(name, Ok(()));
        }
        local.clone_into(&mut sender.local);
        peer.clone_into(&mut sender.peer);
        sender.phase = Phase::Greeting { until };
        let (restart, history) = (sender.restart, sender.history);
        let hello = Hello { protocol, signature, sync: sender.sync.is_some(), restart, end, history, meta };
        self.core.send(link, &Message::Hello(Box::new(hello)));
    }

    pub(super) fn link_failed(&mut self, link: LinkId) {
        match self.core.links.remove(&link) {
            Some(Link::Sender(name)) => {
                if let Some(sender) = self.core.senders.get_mut(&name)
                    && sender.link == Some(link)
                {
                    sender.link = None;
                    self.attempt_failed(&name, GENERIC, Failure::Host);
                }
            }
            Some(Link::WakeUp(_) | Link::Receiver(_) | Link::Accepted { .. }) | None => {}
        }
    }

    pub(super) fn link_down(&mut self, link: LinkId) {
        match self.core.links.remove(&link) {
            Some(Link::Sender(name)) => self.sender_link_down(&name, link),
            Some(Link::Receiver(name)) => self.receiver_link_down(&name, link),
            Some(Link::Accepted { .. } | Link::WakeUp(_)) | None => {}
        }
    }

    fn sender_link_down(&mut self, name: &str, link: LinkId) {
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        if sender.link != Some(link) {
            return;
        }
        match sender.phase {
            Phase::Greeting { .. } => {
                sender.link = None;
                // A peer without that replication closes without an answer.
                self.attempt_failed(name, "Network error during receiving metadata ACK", Failure::Host);
            }
            Phase::Stopping => {
                sender.link = None;
                self.end_sender(name, Ok(()));
            }
            Phase::Locking { .. } | Phase::Copying => {
                sender.link = None;
                self.end_sender(name, Err(errors::sync_failed()));
            }
            Phase::Running => self.reconnect(name),
            Phase::Dialling => {
                sender.link = None;
                self.attempt_failed(name, GENERIC, Failure::Host);
            }
            Phase::Preparing { .. } | Phase::Sleeping { .. } => sender.link = None,
        }
    }

    /// A connected sender lost its link: it tries again at once, then sleeps.
    fn reconnect(&mut self, name: &str) {
        let now = self.core.now;
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        let link = sender.link;
        sender.rewind();
        sender.tried = 0;
        let restart = sender.restart;
        if let Some(link) = link {
            self.core.hang_up(link);
        }
        self.core.objects.change(&mut self.db, name, |o| o.remote_fault = Some(now));
        self.save_xsn(name, restart);
        self.dial(name);
    }

    /// The object changed: a sender of it drops its link and introduces itself anew.
    pub(super) fn greet_again(&mut self, name: &str) {
        let Some(object) = self.core.objects.get(name) else { return };
        let items = ItemMap::new(&object.items);
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        sender.items = items.into();
        match sender.phase {
            Phase::Running => self.reconnect(name),
            // One that sleeps wakes at its time, with the new definition (transcript `7.2_07_items`).
            Phase::Preparing { .. }
            | Phase::Sleeping { .. }
            | Phase::Dialling
            | Phase::Greeting { .. }
            | Phase::Locking { .. }
            | Phase::Copying
            | Phase::Stopping => {}
        }
    }

    fn attempt_failed(&mut self, name: &str, text: &str, failure: Failure) {
        let now = self.core.now;
        // FLUSH wakes a sleeping sender again and again (transcript `7.2_07_items`).
        let impatient = self.flush_waits(name);
        let sleep =
            if impatient { 1_000_000 } else { self.core.properties.seconds("REPLICATION_SENDER_SLEEP_TIMEOUT") };
        let tolerant = !self.core.is_2018();
        let hosts = self.core.objects.get(name).map_or(1, |o| o.hosts.len());
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        let (link, ending) = (sender.link.take(), sender.ending);
        if let Some(link) = link {
            self.core.hang_up(link);
        }
        if ending {
            return self.end_sender(name, Ok(()));
        }
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        if failure == Failure::Host {
            sender.tried += 1;
            let more = sender.tried < hosts;
            self.next_host(name);
            if more {
                return self.dial(name);
            }
        }
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        match sender.persistence {
            Persistence::OnceOnly => self.end_sender(name, Err(errors::handshake(text))),
            // 7.2 keeps a sender that had been connected (`measured.md` 7); otherwise the thread ends.
            Persistence::Retry if failure == Failure::Differs && !(tolerant && sender.connected_once) => {
                self.end_sender(name, Ok(()));
            }
            Persistence::Retry => {
                sender.net_error = true;
                sender.tried = 0;
                sender.phase = Phase::Sleeping { until: now + sleep };
            }
        }
    }

    /// LAST_USED_HOST_NO moves on after a failure.
    fn next_host(&mut self, name: &str) {
        let Some(object) = self.core.objects.get(name) else { return };
        if object.hosts.len() > 1 {
            let at = object.hosts.iter().position(|h| h.number == object.last_host).unwrap_or(0);
            let next = object.hosts[(at + 1) % object.hosts.len()].number;
            self.core.objects.change(&mut self.db, name, |o| o.last_host = next);
        }
    }

    pub(super) fn link_message(&mut self, link: LinkId, bytes: &[u8]) {
        let Some(message) = Message::decode(bytes) else {
            self.core.out.push(Output::Hangup { link });
            return self.link_down(link);
        };
        match self.core.links.get(&link).cloned() {
            Some(Link::Sender(name)) => self.sender_message(&name, link, message),
            Some(Link::Receiver(name)) => self.receiver_message(&name, link, message),
            Some(Link::Accepted { local, peer }) => match message {
                Message::Hello(hello) => self.accept(link, &hello, &local, &peer),
                Message::WakeUp { names } => {
                    for name in names {
                        self.wake(&name);
                    }
                }
                _ => self.core.hang_up(link),
            },
            Some(Link::WakeUp(_)) | None => {}
        }
    }

    /// A sender that sleeps tries at once.
    pub(super) fn wake(&mut self, name: &str) {
        if self.core.senders.get(name).is_some_and(|s| matches!(s.phase, Phase::Sleeping { .. })) {
            self.dial(name);
        }
    }

    fn sender_message(&mut self, name: &str, link: LinkId, message: Message) {
        let now = self.core.now;
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        if sender.link != Some(link) {
            return;
        }
        sender.heard = now;
        match message {
            Message::Welcome { applied, processed } => self.welcomed(name, applied, processed),
            Message::Differs(text) => self.attempt_failed(name, &text, Failure::Differs),
            Message::Denied(text) => self.attempt_failed(name, &text, Failure::Refused),
            Message::Ack { upto, refused } => {
                self.refuse_commits(&refused);
                self.confirmed(name, upto);
            }
            Message::Stopped => self.end_sender(name, Ok(())),
            Message::SyncAck { rows } => self.sync_acknowledged(name, rows),
            Message::SyncResult { failed } => self.sync_result(name, failed),
            Message::Pong
            | Message::Hello(_)
            | Message::Changes(_)
            | Message::Confirm { .. }
            | Message::Stop
            | Message::Ping
            | Message::WakeUp { .. }
            | Message::SyncRows { .. }
            | Message::SyncItemEnd { .. }
            | Message::SyncEnd => {}
        }
    }

    /// The peer took the sender.
    fn welcomed(&mut self, name: &str, applied: u64, processed: u64) {
        let now = self.core.now;
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        if sender.ending {
            return self.end_sender(name, Ok(()));
        }
        sender.connected_once = true;
        sender.history = History::GoesOn;
        sender.net_error = false;
        sender.tried = 0;
        sender.heard = now;
        sender.pinged = now;
        if sender.sync.is_some() {
            return self.sync_connected(name);
        }
        let quick = sender.start_flag == StartFlag::Quick;
        let restart = sender.restart;
        let first = sender.persistence == Persistence::OnceOnly;
        sender.start_flag = StartFlag::Normal;
        sender.persistence = Persistence::Retry;
        self.stream_from(name, restart, applied, processed);
        if first {
            self.core.objects.change(&mut self.db, name, |o| {
                o.is_started = true;
                o.xsn = Some(restart);
                if quick {
                    o.remote_fault = None;
                }
            });
            self.retain_log();
        }
        self.started(name);
    }

    /// Reads the log from there; transactions that the peer committed already are left out. A peer that has processed
    /// more than there is in this log remembers a log that was lost: nothing below that is sent (`measured.md` 9.2).
    pub(super) fn stream_from(&mut self, name: &str, restart: u64, applied: u64, processed: u64) {
        let now = self.core.now;
        let end = self.next_sn();
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        sender.phase = Phase::Running;
        sender.cursor = restart;
        sender.acked = restart.saturating_sub(1);
        sender.passed = restart;
        sender.moved_at = now;
        sender.asked = None;
        sender.beat = Beat::First(super::confirm::next_beat(now, name));
        sender.skip_to = if processed >= end { processed } else { 0 };
        sender.skip = self
            .db
            .log_from(Sn(restart))
            .take_while(|r| r.sn.0 <= applied)
            .filter(|r| r.event == Event::Commit)
            .map(|r| r.tx)
            .collect();
    }

    /// Answers START, unless an eager sender has to catch up first.
    pub(super) fn started(&mut self, name: &str) {
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        if sender.eager == EagerState::Failback {
            return;
        }
        if let Some(id) = sender.starter.take() {
            self.answer_start(id, name, Ok(()));
        }
        for id in self.core.sessions.waiting(|w| matches!(w, super::sessions::Wait::Connected(n) if n == name)) {
            self.complete(id, Ok(()));
        }
    }

    /// The other end of the handshake.
    fn accept(&mut self, link: LinkId, hello: &Hello, local: &str, peer: &str) {
        let reply = match self.examine(hello) {
            Ok(pairs) => {
                let name = hello.meta.name.clone();
                let (applied, processed) = self.remembered(&name, hello);
                self.open_receiver(&name, link, (hello, &pairs), (local, peer), applied);
                Message::Welcome { applied, processed }
            }
            Err(None) => return self.core.hang_up(link),
            Err(Some(reply)) => reply,
        };
        self.core.send(link, &reply);
    }

    /// What is remembered of a sender: its last transaction that is committed here, and how far it was taken in.
    fn remembered(&mut self, name: &str, hello: &Hello) -> (u64, u64) {
        match hello.history {
            History::New => {
                self.core.processed.remove(name);
                (0, 0)
            }
            History::GoesOn => {
                let mark = AppliedMark::load(&self.db, name);
                let same = mark.signature == hello.signature && mark.sn < hello.end;
                let processed = self.core.processed.get(name).filter(|p| p.signature == hello.signature);
                (if same { mark.sn } else { 0 }, processed.map_or(0, |p| p.upto))
            }
        }
    }

    /// Whether a sender is taken; `Err(None)` closes without an answer.
    fn examine(&self, hello: &Hello) -> Result<Vec<Option<usize>>, Option<Message>> {
        if hello.protocol != self.core.protocol() {
            return Err(Some(Message::Differs(format!(
                "Peer Replication Protocol Version is [{}] My Version is [{}]",
                self.core.protocol(),
                hello.protocol
            ))));
        }
        let object = self.core.objects.get(&hello.meta.name).filter(|o| o.role != ANALYSIS).ok_or(None)?;
        if hello.signature == self.core.signature && object.peer_name.is_empty() {
            let at = format!("{}:{}", self.core.config.ip, self.core.config.replication_port);
            return Err(Some(Message::Denied(format!("The self replication case has been detected. (Peer={at})"))));
        }
        let max = self.core.properties.get("REPLICATION_MAX_COUNT");
        if !self.core.receivers.contains_key(&object.name) && self.core.receivers.len() as u64 >= max {
            return Err(Some(Message::Denied("Out of Replication Threads".to_owned())));
        }
        let tolerance = Tolerance {
            layouts: self.core.properties.is_on("REPLICATION_SQL_APPLY_ENABLE") && !object.is_eager(),
            item_counts: self.core.properties.is_on("REPLICATION_META_ITEM_COUNT_DIFF_ENABLE"),
        };
        meta::compare(&hello.meta, &self.meta_of(object), tolerance).map_err(|text| Some(Message::Differs(text)))
    }

    /// Time limits of senders: answers that do not come, sleeps that end, peers that fell silent.
    pub(super) fn sender_timers(&mut self) {
        let now = self.core.now;
        let due = |s: &&super::sender::Sender| self.core.sender_deadline(s).is_some_and(|at| at <= now);
        let due: Vec<_> = self.core.senders.values().filter(due).map(|s| s.name.clone()).collect();
        for name in due {
            let Some(sender) = self.core.senders.get_mut(&name) else { continue };
            match sender.phase {
                Phase::Sleeping { until } if until <= now => self.dial(&name),
                Phase::Preparing { until } if until <= now => self.prepared(&name),
                Phase::Greeting { until } if until <= now => {
                    self.attempt_failed(&name, "Network error during receiving metadata ACK", Failure::Host);
                }
                Phase::Locking { until: Some(until) } if until <= now => {
                    self.end_sender(&name, Err(errors::sync_failed()));
                }
                Phase::Running => {
                    self.ask_to_confirm(&name);
                    self.heartbeat(&name);
                }
                Phase::Copying | Phase::Stopping | Phase::Locking { .. } => self.heartbeat(&name),
                Phase::Preparing { .. } | Phase::Dialling | Phase::Greeting { .. } | Phase::Sleeping { .. } => {}
            }
        }
    }

    fn heartbeat(&mut self, name: &str) {
        let now = self.core.now;
        let due = |s: &&super::sender::Sender| self.core.heartbeat_due(s).is_some_and(|at| at <= now);
        let Some(sender) = self.core.senders.get(name).filter(due) else { return };
        if self.core.silence_ends(sender) <= now {
            let link = sender.link;
            if let Some(link) = link {
                self.core.links.remove(&link);
                self.core.out.push(Output::Hangup { link });
                self.sender_link_down(name, link);
            }
            return;
        }
        let link = sender.link;
        if let Some(sender) = self.core.senders.get_mut(name) {
            sender.pinged = now;
        }
        if let Some(link) = link {
            self.core.send(link, &Message::Ping);
        }
    }
}
