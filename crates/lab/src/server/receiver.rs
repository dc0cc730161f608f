//! One receiver: what a peer's sender delivers, and the order in which it is taken in.
//!
//! It decides when work is done, waited for and acknowledged; how a change meets the rows is in `apply` and
//! `sync_target`. Nothing is acknowledged that is not applied.

use std::collections::{HashMap, VecDeque};

use super::{
    Link, Server,
    apply::Progress,
    message::{Batch, Hello, Message},
    meta::ItemMeta,
    object::AppliedMark,
    sync_target::Intake,
};
use crate::{
    data::{Savepoint, TableId, TxId},
    io::{LinkId, Micros, Output},
    value::{Datum, Row},
};

/// Counters of V$REPRECEIVER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) success: i64,
    pub(crate) failure: i64,
}

/// Where a sender's item goes here.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) table: TableId,
    /// For each column of the sender's row its position here; `None` for one that is not replicated.
    pub(crate) columns: Vec<Option<usize>>,
    /// Defaults of the local row.
    pub(crate) defaults: Vec<Datum>,
}

impl Target {
    /// A sender's row as a row of the local table.
    pub(crate) fn row(&self, theirs: &Row) -> Row {
        let mut row = self.defaults.clone();
        for (value, column) in theirs.iter().zip(&self.columns) {
            if let Some(column) = column {
                row[*column] = value.clone();
            }
        }
        row.into()
    }
}

/// A sender's transaction that is not ended.
#[derive(Debug)]
pub(crate) struct OpenTx {
    pub(crate) tx: TxId,
    /// SN of each change and the point before it, for UndoTo.
    pub(crate) marks: Vec<(u64, Savepoint)>,
    /// A change of it met a conflict, or waited too long for a lock, and was skipped.
    pub(crate) skipped: bool,
}

/// What is to be done, in order.
#[derive(Debug)]
pub(crate) enum Work {
    /// Changes; the first `done` of them are.
    Changes { batch: Batch, done: usize },
    /// Rows of SYNC.
    Rows { item: usize, rows: Vec<Row>, done: usize },
    /// An item is complete.
    ItemEnd,
    /// The copy is complete.
    SyncEnd,
    /// Everything up to this SN is to be confirmed.
    Confirm { upto: u64 },
    /// The sender ends.
    Stop,
}

/// One receiver.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) link: LinkId,
    pub(crate) local: String,
    pub(crate) peer: String,
    pub(crate) signature: String,
    /// By the sender's item numbers.
    pub(crate) targets: Vec<Option<Target>>,
    pub(crate) open: HashMap<u64, OpenTx>,
    pub(crate) work: VecDeque<Work>,
    /// The first piece of work waits for a lock until then.
    pub(crate) blocked_until: Option<Micros>,
    /// The rows of a SYNC that were taken in last keep it busy until then.
    pub(crate) busy_until: Option<Micros>,
    /// A lock was let go since: worth another try.
    pub(crate) retry: bool,
    /// Everything up to this SN is to be confirmed then.
    pub(crate) confirm_at: Option<(Micros, u64)>,
    /// Changes taken in and not confirmed.
    pub(crate) unconfirmed: usize,
    /// SNs of commits of an EAGER object that are to be told as refused with the next confirmation.
    pub(crate) refused: Vec<u64>,
    pub(crate) apply_xsn: i64,
    /// SN of the sender's last transaction that is committed here.
    pub(crate) applied: u64,
    pub(crate) inserts: Counter,
    pub(crate) updates: Counter,
    pub(crate) deletes: Counter,
    pub(crate) intake: Intake,
    /// It refused a copy; when its sender hangs up, it stays in sight for a moment.
    pub(crate) refused_copy: bool,
    /// The sender has hung up, and this is when the receiver notices.
    pub(crate) notices_at: Option<Micros>,
}

/// What this process remembers of the receivers of a name: how far they took in, and from which database.
#[derive(Clone, Debug)]
pub(crate) struct Processed {
    pub(crate) signature: String,
    pub(crate) upto: u64,
}

/// How long a receiver that refused a copy outlives its link: V$REPRECEIVER still shows it after the SYNC failed
/// (recording 7.2 `sync`; in the log of `7.2_08_syncflush` it ends a second after its sender).
const LINGER: Micros = 1_000_000;

impl Receiver {
    /// When it has to be looked at because of the time.
    pub(super) fn deadline(&self) -> Option<Micros> {
        let confirm = self.confirm_at.map(|(at, _)| at);
        self.blocked_until.into_iter().chain(self.busy_until).chain(self.notices_at).chain(confirm).min()
    }
}

impl Server {
    /// Takes a sender on; an older receiver of that name ends.
    pub(super) fn open_receiver(
        &mut self,
        name: &str,
        link: LinkId,
        (hello, pairs): (&Hello, &[Option<usize>]),
        (local, peer): (&str, &str),
        applied: u64,
    ) {
        self.drop_receiver(name);
        self.core.met.insert(name.to_owned());
        let targets =
            hello.meta.items.iter().zip(pairs).map(|(item, ours)| self.target(name, item, (*ours)?)).collect();
        self.core.links.insert(link, Link::Receiver(name.to_owned()));
        self.core.receivers.insert(
            name.to_owned(),
            Receiver {
                link,
                local: local.to_owned(),
                peer: peer.to_owned(),
                signature: hello.signature.clone(),
                targets,
                open: HashMap::new(),
                work: VecDeque::new(),
                blocked_until: None,
                busy_until: None,
                retry: false,
                confirm_at: None,
                unconfirmed: 0,
                refused: Vec::new(),
                apply_xsn: i64::try_from(applied.max(hello.restart)).unwrap_or(i64::MAX),
                applied,
                inserts: Counter::default(),
                updates: Counter::default(),
                deletes: Counter::default(),
                intake: Intake::default(),
                refused_copy: false,
                notices_at: None,
            },
        );
    }

    /// Where one of the sender's items goes.
    fn target(&self, name: &str, theirs: &ItemMeta, ours: usize) -> Option<Target> {
        let item = self.core.objects.get(name)?.items.get(ours)?;
        let table = self.db.find_table_by_id(item.table)?;
        Some(Target {
            table: table.id,
            columns: theirs.columns.iter().map(|c| table.column(&c.name)).collect(),
            defaults: table.columns.iter().map(|c| c.default.clone()).collect(),
        })
    }

    /// Ends a receiver: transactions that its sender had not committed are undone, the link is closed.
    pub(super) fn drop_receiver(&mut self, name: &str) {
        let Some(receiver) = self.core.receivers.remove(name) else { return };
        for (_, open) in sorted(receiver.open) {
            self.db.rollback(open.tx);
        }
        if let Some(tx) = receiver.intake.tx {
            self.db.rollback(tx);
        }
        self.core.hang_up(receiver.link);
    }

    /// The sender is gone, in whatever way.
    pub(super) fn receiver_link_down(&mut self, name: &str, link: LinkId) {
        let now = self.core.now;
        let Some(receiver) = self.core.receivers.get_mut(name).filter(|r| r.link == link) else { return };
        if receiver.refused_copy {
            receiver.notices_at = Some(now + LINGER);
        } else {
            self.drop_receiver(name);
        }
    }

    pub(super) fn receiver_message(&mut self, name: &str, link: LinkId, message: Message) {
        let Some(receiver) = self.core.receivers.get_mut(name).filter(|r| r.link == link) else { return };
        let work = match message {
            Message::Changes(batch) => Work::Changes { batch, done: 0 },
            Message::SyncRows { item, rows } => Work::Rows { item, rows, done: 0 },
            Message::SyncItemEnd { .. } => Work::ItemEnd,
            Message::SyncEnd => Work::SyncEnd,
            Message::Confirm { upto } => Work::Confirm { upto },
            Message::Stop => Work::Stop,
            Message::Ping => return self.core.send(link, &Message::Pong),
            Message::Hello(_)
            | Message::Welcome { .. }
            | Message::Differs(_)
            | Message::Denied(_)
            | Message::Ack { .. }
            | Message::Stopped
            | Message::Pong
            | Message::WakeUp { .. }
            | Message::SyncAck { .. }
            | Message::SyncResult { .. } => return,
        };
        receiver.work.push_back(work);
    }

    /// Locks were let go: blocked receivers try again.
    pub(super) fn unblock_receivers(&mut self) {
        for receiver in self.core.receivers.values_mut() {
            receiver.retry = receiver.blocked_until.is_some();
        }
    }

    /// Receivers whose wait for a lock is over give that change up; those that lingered end.
    pub(super) fn receiver_timers(&mut self) {
        let now = self.core.now;
        let over = |r: &Receiver| r.notices_at.is_some_and(|at| at <= now);
        let gone: Vec<_> = self.core.receivers.iter().filter(|(_, r)| over(r)).map(|(n, _)| n.clone()).collect();
        for name in gone {
            self.drop_receiver(&name);
        }
        for receiver in self.core.receivers.values_mut() {
            if let Some((_, upto)) = receiver.confirm_at.take_if(|(at, _)| *at <= now) {
                receiver.unconfirmed = 0;
                let refused = std::mem::take(&mut receiver.refused);
                let message = Message::Ack { upto, refused }.encode();
                self.core.out.push(Output::Send { link: receiver.link, message });
            }
        }
        let due: Vec<_> = self
            .core
            .receivers
            .iter()
            .filter(|(_, r)| [r.blocked_until, r.busy_until].into_iter().flatten().any(|at| at <= now))
            .map(|(n, _)| n.clone())
            .collect();
        for name in due {
            self.run_receiver(&name);
        }
    }

    /// Takes in what came; whether anything moved.
    pub(super) fn pump_receivers(&mut self) -> bool {
        let ready: Vec<_> = self
            .core
            .receivers
            .iter()
            .filter(|(_, r)| !r.work.is_empty() && r.busy_until.is_none() && (r.blocked_until.is_none() || r.retry))
            .map(|(n, _)| n.clone())
            .collect();
        for name in &ready {
            self.run_receiver(name);
        }
        !ready.is_empty()
    }

    fn run_receiver(&mut self, name: &str) {
        // Out of the map while it works, so that the database and the rest stay reachable.
        let Some(mut receiver) = self.core.receivers.remove(name) else { return };
        receiver.retry = false;
        receiver.busy_until = receiver.busy_until.filter(|at| *at > self.core.now);
        let before = receiver.applied;
        let mut alive = true;
        while receiver.busy_until.is_none()
            && let Some(work) = receiver.work.pop_front()
        {
            match self.work(name, &mut receiver, work) {
                Progress::Done => receiver.blocked_until = None,
                Progress::Blocked(work) => {
                    receiver.work.push_front(work);
                    break;
                }
                Progress::Ended => {
                    alive = false;
                    break;
                }
            }
        }
        if receiver.applied != before {
            AppliedMark { signature: receiver.signature.clone(), sn: receiver.applied }.save(&mut self.db, name);
        }
        self.core.receivers.insert(name.to_owned(), receiver);
        if !alive {
            self.drop_receiver(name);
        }
    }

    /// Everything up to there is taken in.
    pub(super) fn note_processed(&mut self, name: &str, receiver: &mut Receiver, upto: u64) {
        receiver.apply_xsn = i64::try_from(upto + 1).unwrap_or(i64::MAX);
        let new = || Processed { signature: receiver.signature.clone(), upto };
        let known = self.core.processed.entry(name.to_owned()).or_insert_with(new);
        if known.signature == receiver.signature {
            // A sender that was put back does not make it less (`measured.md` 9.2).
            known.upto = known.upto.max(upto);
        } else {
            *known = new();
        }
    }

    /// The catalog of the 2018 build remembers how far the peer's sender was.
    fn note_remote_xsn(&mut self, name: &str, receiver: &Receiver) {
        let reached = u64::try_from(receiver.apply_xsn).unwrap_or(0);
        if self.core.is_2018() {
            self.core.objects.change(&mut self.db, name, |o| o.remote_xsn = reached);
        }
    }

    fn work(&mut self, name: &str, receiver: &mut Receiver, work: Work) -> Progress {
        match work {
            Work::Changes { batch, done } => self.apply_batch(name, receiver, batch, done),
            Work::Rows { item, rows, done } => self.take_rows(name, receiver, item, rows, done),
            Work::ItemEnd => {
                self.end_item(receiver);
                Progress::Done
            }
            Work::SyncEnd => {
                self.end_item(receiver);
                let failed = receiver.intake.failed;
                receiver.refused_copy = failed;
                if !failed {
                    self.note_remote_xsn(name, receiver);
                }
                receiver.intake = Intake::default();
                self.core.send(receiver.link, &Message::SyncResult { failed });
                Progress::Done
            }
            Work::Confirm { upto } => {
                self.note_processed(name, receiver, upto);
                receiver.confirm_at = Some((self.core.now + super::confirm::TURNAROUND, upto));
                Progress::Done
            }
            Work::Stop => {
                self.note_remote_xsn(name, receiver);
                if receiver.unconfirmed > 0 {
                    let upto = u64::try_from(receiver.apply_xsn - 1).unwrap_or(0);
                    let refused = std::mem::take(&mut receiver.refused);
                    self.core.send(receiver.link, &Message::Ack { upto, refused });
                }
                self.core.send(receiver.link, &Message::Stopped);
                Progress::Ended
            }
        }
    }
}

/// In an order that does not depend on the hash map.
fn sorted(open: HashMap<u64, OpenTx>) -> Vec<(u64, OpenTx)> {
    let mut all: Vec<_> = open.into_iter().collect();
    all.sort_by_key(|(id, _)| *id);
    all
}
