//! START, QUICKSTART, STOP, RESET and the automatic start (`altibase.md` 3.8, 3.11, 3.12, 8; recordings
//! `lifecycle`, `peer-down`, `restart`, `eager`).
//!
//! It decides when a sender may begin or must end, and what the catalog says afterwards.

use super::{
    Link, Server, errors,
    execute::Flow,
    message::Message,
    object::CONSISTENT,
    seconds,
    seconds::Reached,
    sender::{Persistence, Phase, Sender, StartFlag},
    sessions::{SessionId, Wait},
};
use crate::{
    data::{LockMode, Origin, Queue, Sn},
    io::Output,
    sql::{SqlError, statement::Start},
};

impl Server {
    /// The SN of what is logged next.
    pub(super) fn next_sn(&self) -> u64 {
        self.db.next_sn().0
    }

    /// Keeps the log from the oldest SN that anybody needs.
    pub(super) fn retain_log(&mut self) {
        let live = self.core.senders.values().map(|s| if s.is_connected() { s.needed_from() } else { s.restart });
        let lowest = live.chain(self.core.objects.lowest_xsn()).min();
        self.db.retain_from(lowest.map(Sn));
    }

    /// Steps 1 to 3 of every start: enabled, no sender, a free slot. The latch must be ours already.
    fn may_begin(&self, name: &str) -> Result<(), SqlError> {
        if self.core.senders.contains_key(name) {
            return Err(errors::sender_exists());
        }
        let max = self.core.properties.get("REPLICATION_MAX_COUNT");
        if self.core.senders.len() as u64 >= max { Err(errors::out_of_threads(max)) } else { Ok(()) }
    }

    fn enabled_for_start(&self) -> Result<(), SqlError> {
        if self.core.properties.get("REPLICATION_PORT_NO") == 0 { Err(errors::disabled()) } else { Ok(()) }
    }

    pub(super) fn start(&mut self, id: SessionId, name: &str, start: Start) -> Result<Flow, SqlError> {
        let object = self.defined(name)?;
        let (eager, mode) = (object.is_eager(), object.mode);
        match start {
            Start::Retry if eager => return Err(errors::retry_eager()),
            Start::Retry if mode == CONSISTENT => return Err(errors::retry_consistent()),
            Start::Conditional if eager => return Err(errors::conditional_eager()),
            Start::AtSn(_) if !self.core.properties.is_on("__REPLICATION_SET_RESTARTSN") => {
                return Err(errors::at_sn_refused());
            }
            Start::AtSn(sn) if sn >= self.next_sn() || sn < self.db.lowest_sn().0 => return Err(errors::check_log(sn)),
            Start::Now | Start::Retry | Start::AtSn(_) | Start::Conditional | Start::Offline => {}
        }
        self.enabled_for_start()?;
        if start == Start::Offline {
            return self.start_offline(id, name);
        }
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        self.may_begin(name)?;
        if eager {
            self.tables_are_free(name)?;
        }
        match start {
            Start::Retry => self.begin_in_background(name, StartFlag::Normal, None),
            Start::AtSn(sn) => Ok(self.begin_and_wait(id, name, StartFlag::Normal, sn)),
            Start::Now | Start::Conditional | Start::Offline => {
                let xsn = self.core.objects.get(name).and_then(|o| o.xsn);
                if xsn.is_some_and(|xsn| xsn > self.next_sn()) {
                    return Err(errors::handshake("Handshake Process Error"));
                }
                let restart = xsn.unwrap_or_else(|| self.next_sn());
                Ok(self.begin_and_wait(id, name, StartFlag::Normal, restart))
            }
        }
    }

    /// An EAGER sender starts beside writers and beside a SHARE lock of its tables, not beside an EXCLUSIVE one
    /// (`measured.md` 9.5).
    fn tables_are_free(&mut self, name: &str) -> Result<(), SqlError> {
        let tables: Vec<_> = self.defined(name)?.items.iter().map(|i| i.table).collect();
        let tx = self.db.begin(Origin::Unreplicated);
        let mut locks = tables.into_iter().map(|t| self.db.lock_table(tx, t, LockMode::IntentShare, Queue::Try));
        let free = locks.all(|lock| lock.is_ok());
        self.db.rollback(tx);
        if free { Ok(()) } else { Err(SqlError::lock_timeout()) }
    }

    pub(super) fn quick_start(&mut self, id: SessionId, name: &str) -> Result<Flow, SqlError> {
        self.defined(name)?;
        self.enabled_for_start()?;
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        self.may_begin(name)?;
        let now = self.next_sn();
        Ok(self.begin_and_wait(id, name, StartFlag::Quick, now))
    }

    pub(super) fn quick_start_retry(&mut self, id: SessionId, name: &str) -> Result<Flow, SqlError> {
        let object = self.defined(name)?;
        if object.is_eager() {
            return Err(errors::retry_eager());
        }
        self.enabled_for_start()?;
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        self.may_begin(name)?;
        let now = self.next_sn();
        self.begin_in_background(name, StartFlag::Quick, Some(now))
    }

    /// RETRY: the catalog says started at once, the connection comes when it comes.
    fn begin_in_background(&mut self, name: &str, flag: StartFlag, from: Option<u64>) -> Result<Flow, SqlError> {
        let now = self.next_sn();
        let history = self.defined(name)?.history();
        self.core.objects.change(&mut self.db, name, |o| {
            o.is_started = true;
            o.xsn = Some(from.or(o.xsn).unwrap_or(now));
            if flag == StartFlag::Quick {
                o.remote_fault = None;
            }
        });
        // Gone only if the object vanished, which the latch forbids.
        let restart = self.defined(name)?.xsn.unwrap_or(now);
        self.retain_log();
        self.spawn(name, flag, Persistence::Retry, restart);
        if let Some(sender) = self.core.senders.get_mut(name) {
            sender.history = history;
        }
        self.set_out(name);
        Ok(self.begun())
    }

    /// The sender dials; at the measured pace after what a server does before.
    fn set_out(&mut self, name: &str) {
        let until = self.core.now + seconds::BEGIN;
        if !self.core.is_real_time() {
            return self.dial(name);
        }
        if let Some(sender) = self.core.senders.get_mut(name) {
            sender.phase = Phase::Preparing { until };
        }
    }

    /// After giving up: as QUICKSTART RETRY, what was not sent is skipped.
    pub(super) fn restart_from_now(&mut self, name: &str) {
        let now = self.next_sn();
        // The object exists: it was just given up.
        let _ = self.begin_in_background(name, StartFlag::Quick, Some(now));
    }

    /// The statement holds the latch until the handshake ended.
    pub(super) fn begin_and_wait(&mut self, id: SessionId, name: &str, flag: StartFlag, restart: u64) -> Flow {
        self.spawn(name, flag, Persistence::OnceOnly, restart);
        if let Some(sender) = self.core.senders.get_mut(name) {
            sender.starter = Some(id);
        }
        self.retain_log();
        self.set_out(name);
        Flow::Wait(Wait::Handshake(name.to_owned()))
    }

    fn spawn(&mut self, name: &str, flag: StartFlag, persistence: Persistence, restart: u64) {
        let now = self.core.now;
        if let Some(object) = self.core.objects.get(name) {
            let sender = Sender::new(object, flag, persistence, restart, now);
            self.core.senders.insert(name.to_owned(), sender);
        }
    }

    pub(super) fn stop(&mut self, id: SessionId, name: &str) -> Result<Flow, SqlError> {
        self.stop_with(id, name, Flow::Wait(Wait::End(name.to_owned())))
    }

    /// STOP IMMEDIATE: nobody waits for the peer.
    pub(super) fn stop_immediate(&mut self, id: SessionId, name: &str) -> Result<Flow, SqlError> {
        self.stop_with(id, name, Flow::done())
    }

    fn stop_with(&mut self, id: SessionId, name: &str, otherwise: Flow) -> Result<Flow, SqlError> {
        let started = self.defined(name)?.is_started;
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        let Some(sender) = self.core.senders.get_mut(name) else {
            if !started {
                return Err(errors::not_started());
            }
            self.core.objects.change(&mut self.db, name, |o| o.is_started = false);
            return Ok(self.stopped(id, Reached::Once));
        };
        match (sender.phase, &otherwise) {
            (Phase::Running, Flow::Wait(_)) => {
                sender.phase = Phase::Stopping;
                sender.stopper = Some(id);
                if let Some(link) = sender.link {
                    self.core.send(link, &Message::Stop);
                }
                Ok(otherwise)
            }
            (Phase::Dialling, Flow::Wait(_)) => {
                sender.stopper = Some(id);
                sender.ending = true;
                Ok(otherwise)
            }
            _ => {
                let reached = reached(sender);
                self.end_sender(name, Err(errors::sync_failed()));
                self.core.objects.change(&mut self.db, name, |o| o.is_started = false);
                Ok(self.stopped(id, reached))
            }
        }
    }

    /// The statement that waits for the end of a sender gave up; the sender ends nevertheless.
    pub(super) fn forget_stopper(&mut self, name: &str) {
        if let Some(sender) = self.core.senders.get_mut(name) {
            sender.stopper = None;
            sender.ending = true;
        }
    }

    /// The statement that waits for a start or a copy gave up: the sender is shut down.
    pub(super) fn abandon_start(&mut self, name: &str, id: SessionId) {
        if let Some(sender) = self.core.senders.get_mut(name)
            && sender.starter == Some(id)
        {
            sender.starter = None;
            self.end_sender(name, Ok(()));
        }
    }

    /// A sender has ended: nothing of it is left but what the catalog says. `outcome` is for a statement that waits for
    /// its start or its copy; one that waits for its end has what it wanted.
    pub(super) fn end_sender(&mut self, name: &str, outcome: Result<(), SqlError>) {
        let Some(mut sender) = self.core.senders.remove(name) else { return };
        let copying = sender.sync.is_some();
        super::sync_source::close_sync(&mut self.db, &mut sender);
        if let Some(link) = sender.link.take() {
            self.core.hang_up(link);
        }
        if sender.connected_once && !copying {
            let from = if matches!(sender.phase, Phase::Running | Phase::Stopping) {
                sender.needed_from()
            } else {
                sender.restart
            };
            self.save_xsn(name, from);
        }
        if let Some(id) = sender.starter {
            self.answer_start(id, name, outcome);
        }
        if let Some(id) = sender.stopper {
            self.core.objects.change(&mut self.db, name, |o| o.is_started = false);
            self.answer_stop(id, reached(&sender));
        }
        self.retain_log();
    }

    /// Writes a sender's position to the catalog, if the object has one.
    pub(super) fn save_xsn(&mut self, name: &str, xsn: u64) {
        if self.core.objects.get(name).is_some_and(|o| o.xsn.is_some_and(|old| old != xsn)) {
            self.core.objects.change(&mut self.db, name, |o| o.xsn = Some(xsn));
        }
    }

    pub(super) fn reset(&mut self, id: SessionId, name: &str) -> Result<Flow, SqlError> {
        self.defined(name)?;
        self.commit(id, -1);
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        if self.core.senders.contains_key(name) {
            return Err(errors::sender_exists());
        }
        self.core.objects.change(&mut self.db, name, |o| {
            o.xsn = None;
            o.is_started = false;
            o.remote_fault = None;
            o.give_up = None;
        });
        self.retain_log();
        Ok(Flow::done())
    }

    /// At the start of the server: what was started starts again, in RETRY fashion (`altibase.md` 8.3).
    pub(super) fn auto_start(&mut self) {
        let started: Vec<_> =
            self.core.objects.iter().filter(|o| o.is_started).map(|o| (o.name.clone(), o.xsn)).collect();
        let automatic = self.core.properties.is_on("REPLICATION_SENDER_AUTO_START")
            && self.core.properties.get("REPLICATION_PORT_NO") != 0;
        for (name, xsn) in started {
            if automatic {
                let restart = xsn.unwrap_or_else(|| self.next_sn());
                self.spawn(&name, StartFlag::Normal, Persistence::Retry, restart);
                self.dial(&name);
            } else {
                self.core.objects.change(&mut self.db, &name, |o| o.is_started = false);
            }
        }
    }

    /// Tells the peers that this server is there, so that sleeping senders try at once.
    pub(super) fn wake_peers(&mut self) {
        if self.core.properties.get("REPLICATION_PORT_NO") == 0 {
            return;
        }
        let mut hosts: Vec<_> = self
            .core
            .objects
            .iter()
            .flat_map(|o| o.hosts.iter().map(|h| (o.name.clone(), h.host.clone(), h.port)))
            .collect();
        hosts.sort();
        let timeout = self.core.properties.seconds("REPLICATION_CONNECT_TIMEOUT");
        for (name, host, port) in hosts {
            let link = self.core.new_link(Link::WakeUp(name));
            self.core.out.push(Output::Dial { link, host, port, timeout });
        }
    }
}

fn reached(sender: &Sender) -> Reached {
    if sender.connected_once { Reached::Once } else { Reached::Never }
}
