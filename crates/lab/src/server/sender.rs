//! One sender: what it is doing, how far it read, sent and was acknowledged.
//!
//! It decides the numbers that views and the catalog show for it; it never sends anything itself.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use super::{
    Core,
    message::History,
    object::{Item, Replication},
    properties::Properties,
    sessions::SessionId,
};
use crate::{
    data::{PartitionId, SnapshotId, TableId, TxId},
    io::{LinkId, Micros},
};

/// V$REPSENDER.START_FLAG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartFlag {
    Normal,
    Quick,
    Sync,
    SyncOnly,
}

impl StartFlag {
    /// Whether rows are copied first.
    fn copies(self) -> bool {
        match self {
            Self::Sync | Self::SyncOnly => true,
            Self::Normal | Self::Quick => false,
        }
    }

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Normal => 0,
            Self::Quick => 1,
            Self::Sync => 2,
            Self::SyncOnly => 3,
        }
    }
}

/// What happens when a round over all hosts fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// The statement that began it fails, and the sender is gone.
    OnceOnly,
    /// It sleeps and tries again.
    Retry,
}

/// What a sender is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Will dial then.
    Preparing { until: Micros },
    /// Waits for the network.
    Dialling,
    /// Said hello, waits for the answer.
    Greeting { until: Micros },
    /// Connected and sending.
    Running,
    /// Between two rounds over its hosts.
    Sleeping { until: Micros },
    /// SYNC waits for its table locks.
    Locking { until: Option<Micros> },
    /// SYNC copies rows.
    Copying,
    /// Said that it ends.
    Stopping,
}

/// How far an EAGER sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EagerState {
    /// The object is LAZY.
    Lazy,
    /// Catching up; commits do not wait for it.
    Failback,
    /// Commits wait for the peer.
    Idle,
}

/// How silence is found out. Kept beside the properties because it is looked at all the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heartbeat {
    /// Between two questions; 0 for never.
    interval: Micros,
    /// Silence that counts as death: the missed heartbeats and one connect timeout (`measured.md` 5: noticed between 36
    /// and 76 s).
    silence: Micros,
}

impl Heartbeat {
    pub(crate) fn of(properties: &Properties) -> Self {
        let interval = properties.seconds("REPLICATION_HBT_DETECT_TIME");
        let marks = properties.get("REPLICATION_HBT_DETECT_HIGHWATER_MARK").max(1);
        let connect = properties.seconds("REPLICATION_CONNECT_TIMEOUT");
        Self { interval, silence: interval.saturating_mul(marks).saturating_add(connect) }
    }
}

/// When the peer is asked to confirm whatever happens; at the measured pace only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// For the first time since the connection.
    First(Micros),
    /// Again.
    Next(Micros),
}

/// Which item of the handshake's list a table or partition is.
#[derive(Debug, Default)]
pub(crate) struct ItemMap {
    items: HashMap<(TableId, Option<PartitionId>), (usize, u64)>,
}

impl ItemMap {
    pub(crate) fn new(items: &[Item]) -> Self {
        let items = items.iter().enumerate().map(|(n, i)| ((i.table, i.partition), (n, i.invalid_max_sn))).collect();
        Self { items }
    }

    /// The item whose record this is, unless its records up to that SN are not to be sent.
    pub(crate) fn find(&self, table: TableId, partition: Option<PartitionId>, sn: u64) -> Option<usize> {
        let (item, invalid) = self.items.get(&(table, partition))?;
        (sn > *invalid).then_some(*item)
    }
}

/// A SYNC under way.
#[derive(Debug)]
pub(crate) struct SyncJob {
    /// Indexes of the items to copy.
    pub(crate) items: Vec<usize>,
    /// All items are copied: XSN moves to the copy's start.
    pub(crate) whole: bool,
    /// Transaction that holds (or waits for) the table locks.
    pub(crate) locks: TxId,
    /// Reading positions, in order of `items`; empty before the locks are had.
    pub(crate) snapshots: Vec<SnapshotId>,
    /// Position in `items` that is being copied.
    pub(crate) at: usize,
    /// Rows sent of each item in `items`.
    pub(crate) sent: Vec<u64>,
    /// Rows sent and acknowledged over all.
    pub(crate) total: u64,
    pub(crate) acknowledged: u64,
    /// The peer was told that this was all.
    pub(crate) ended: bool,
}

/// One sender.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) name: String,
    pub(crate) start_flag: StartFlag,
    pub(crate) persistence: Persistence,
    pub(crate) phase: Phase,
    pub(crate) eager: EagerState,
    pub(crate) link: Option<LinkId>,
    pub(crate) local: String,
    pub(crate) peer: String,
    /// Hosts tried in this round.
    pub(crate) tried: usize,
    pub(crate) connected_once: bool,
    pub(crate) net_error: bool,
    /// The statement that waits for the connection or the copy.
    pub(crate) starter: Option<SessionId>,
    /// The statement that waits for the end.
    pub(crate) stopper: Option<SessionId>,
    /// It ends as soon as it can.
    pub(crate) ending: bool,
    pub(crate) items: Arc<ItemMap>,
    /// SN to read from after the next connection.
    pub(crate) restart: u64,
    /// Whether the peer is to go on with what it remembers.
    pub(crate) history: History,
    /// Next SN to read.
    pub(crate) cursor: u64,
    /// Batches under way: the SN that each reaches.
    pub(crate) in_flight: VecDeque<u64>,
    /// The peer has confirmed everything up to this SN.
    pub(crate) acked: u64,
    /// V$REPSENDER.XSN and V$REPGAP.REP_SN: what was sent, or passed and asked about.
    pub(crate) passed: u64,
    /// When `cursor` moved last.
    pub(crate) moved_at: Micros,
    /// The peer was asked to confirm everything up to this SN and has not.
    pub(crate) asked: Option<u64>,
    pub(crate) beat: Beat,
    /// Transactions that were partly sent, with their first SN.
    pub(crate) open: BTreeMap<TxId, u64>,
    /// Commits sent and not acknowledged: SN of the commit, first SN of the transaction.
    pub(crate) unacked: VecDeque<(u64, u64)>,
    /// Transactions that the peer has already.
    pub(crate) skip: BTreeSet<TxId>,
    /// Transactions that begin up to this SN are dropped: the peer has processed so much of an other past of this log.
    pub(crate) skip_to: u64,
    pub(crate) commit_xsn: u64,
    pub(crate) read_count: u64,
    pub(crate) send_count: u64,
    /// When the peer was heard last, and when it was asked last.
    pub(crate) heard: Micros,
    pub(crate) pinged: Micros,
    pub(crate) saved_at: Micros,
    pub(crate) sync: Option<SyncJob>,
}

impl Sender {
    /// A sender that has not done anything yet.
    pub(crate) fn new(
        object: &Replication,
        start_flag: StartFlag,
        persistence: Persistence,
        restart: u64,
        now: Micros,
    ) -> Self {
        Self {
            name: object.name.clone(),
            start_flag,
            persistence,
            phase: Phase::Dialling,
            eager: if object.is_eager() { EagerState::Failback } else { EagerState::Lazy },
            link: None,
            local: "127.0.0.1:0".to_owned(),
            peer: object.hosts.first().map(|h| format!("{}:{}", h.host, h.port)).unwrap_or_default(),
            tried: 0,
            connected_once: false,
            net_error: false,
            starter: None,
            stopper: None,
            ending: false,
            items: Arc::new(ItemMap::new(&object.items)),
            restart,
            history: if start_flag.copies() { History::New } else { object.history() },
            cursor: restart,
            in_flight: VecDeque::new(),
            acked: restart.saturating_sub(1),
            passed: restart,
            moved_at: now,
            asked: None,
            beat: Beat::First(now),
            open: BTreeMap::new(),
            unacked: VecDeque::new(),
            skip: BTreeSet::new(),
            skip_to: 0,
            commit_xsn: restart,
            read_count: 0,
            send_count: 0,
            heard: now,
            pinged: now,
            saved_at: now,
            sync: None,
        }
    }

    /// Whether the link is up and the peer took it.
    pub(crate) fn is_connected(&self) -> bool {
        match self.phase {
            Phase::Running | Phase::Locking { .. } | Phase::Copying | Phase::Stopping => true,
            Phase::Preparing { .. } | Phase::Dialling | Phase::Greeting { .. } | Phase::Sleeping { .. } => false,
        }
    }

    /// V$REPSENDER.STATUS.
    pub(crate) fn status(&self) -> i64 {
        match (self.phase, self.eager) {
            (Phase::Stopping, _) => 0,
            (Phase::Locking { .. } | Phase::Copying, _) => 6,
            (Phase::Running, EagerState::Lazy) => 1,
            (Phase::Running, EagerState::Failback) => 3,
            (Phase::Running, EagerState::Idle) => 9,
            (Phase::Preparing { .. } | Phase::Dialling | Phase::Greeting { .. } | Phase::Sleeping { .. }, _) => {
                if self.connected_once { 2 } else { 0 }
            }
        }
    }

    /// The oldest SN that the peer may still need: the start of the oldest transaction that is open or whose end is not
    /// acknowledged (`altibase.md` 8.2).
    pub(crate) fn needed_from(&self) -> u64 {
        let read = if self.in_flight.is_empty() { self.cursor } else { self.acked + 1 };
        let open = self.open.values().copied();
        let unacked = self.unacked.iter().map(|(_, begin)| *begin);
        open.chain(unacked).fold(read, u64::min)
    }

    /// Everything up to this SN is processed by the peer, or is nothing for it.
    pub(crate) fn processed(&self) -> u64 {
        if self.in_flight.is_empty() { self.cursor.saturating_sub(1) } else { self.acked }
    }

    /// The peer processed everything up to `upto`.
    pub(crate) fn acknowledge(&mut self, upto: u64) {
        while self.in_flight.front().is_some_and(|sn| *sn <= upto) {
            self.in_flight.pop_front();
        }
        self.acked = self.acked.max(upto);
        self.asked = self.asked.filter(|asked| *asked > upto);
        while self.unacked.front().is_some_and(|(commit, _)| *commit <= upto) {
            self.unacked.pop_front();
        }
    }

    /// The link is gone: what was under way is read again after the next connection.
    pub(crate) fn rewind(&mut self) {
        if self.is_connected() && self.sync.is_none() {
            self.restart = self.needed_from();
        }
        self.link = None;
        self.net_error = true;
        self.in_flight.clear();
        self.open.clear();
        self.unacked.clear();
        self.skip.clear();
        if self.eager == EagerState::Idle {
            self.eager = EagerState::Failback;
        }
    }
}

impl Core {
    /// When a sender has to be looked at because of the time.
    pub(super) fn sender_deadline(&self, sender: &Sender) -> Option<Micros> {
        match sender.phase {
            Phase::Dialling => None,
            Phase::Preparing { until } | Phase::Greeting { until } | Phase::Sleeping { until } => Some(until),
            Phase::Locking { until } => until.into_iter().chain(self.heartbeat_due(sender)).min(),
            Phase::Running => self.heartbeat_due(sender).into_iter().chain(sender.asks_at(self.config.pace)).min(),
            Phase::Copying | Phase::Stopping => self.heartbeat_due(sender),
        }
    }

    /// Time of the next question, or of the moment when silence counts as death.
    pub(super) fn heartbeat_due(&self, sender: &Sender) -> Option<Micros> {
        let interval = self.heartbeat.interval;
        (interval > 0).then(|| (sender.pinged + interval).min(self.silence_ends(sender)))
    }

    pub(super) fn silence_ends(&self, sender: &Sender) -> Micros {
        sender.heard + self.heartbeat.silence
    }

    /// Whether an eager peer that commits wait for has not processed everything up to `sn`.
    pub(super) fn eager_behind(&self, sn: u64) -> bool {
        self.senders.values().any(|s| s.eager == EagerState::Idle && s.phase == Phase::Running && s.processed() < sn)
    }
}
