//! The observed world as values.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Compared, Items, RowCount, TableName};
use crate::{
    app_info::AtWork,
    desired::ReplicationAddress,
    ledger::View,
    logs::DeadLogs,
    sql::{ConnectFailure, Privilege, setting::Setting},
    topology::{Identifier, Ordinal, Position, ReplicationName, Target, sn},
};

/// Everything that was seen, at about one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// One entry for every pod that the configuration allows.
    pub pods: BTreeMap<Ordinal, PodView>,
    /// The start marker of the pod that this run is about.
    pub marker: MarkerView,
    /// Pods whose start marker is on this machine and there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub marked_here: BTreeSet<Ordinal>,
    /// Pods that an end shut users out of in this life of their servers, as its journal tells: they were in service until then.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shut_out: BTreeSet<Ordinal>,
    /// What runs before this one found before they changed it for a while, as far as their journals tell.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remembered: Remembered,
    /// Rows that differ between pods, where somebody compared them. Only a repair asks.
    #[serde(skip)]
    pub compared: Option<Box<Compared>>,
    /// Where survivors find the logs of a dead pod, where somebody said so. Only a recovery of a log asks.
    #[serde(skip)]
    pub logs: DeadLogs,
}

/// Values of settings before a run changed them, by pod.
pub type Remembered = BTreeMap<Ordinal, BTreeMap<Setting, i64>>;

/// `/tmp/aku_start_completed` on the pod that the run is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "marker")]
pub enum MarkerView {
    /// The run is not on that pod; the marker is none of its business.
    Elsewhere,
    /// Not there.
    Missing,
    /// There, written by this life of the server, or by somebody who did not say (an older tool).
    Present,
    /// There, but the server was started or closed to users since: whoever closes a pod cannot reach the marker in another
    /// container.
    Stale,
}

/// A pod as seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "view", try_from = "super::view::Written")]
pub enum PodView {
    /// It answered everything.
    Seen(Box<Pod>),
    /// Nobody there: normal for a pod that was not created yet.
    Absent {
        /// `host:port` that was tried.
        address: String,
        /// The driver's words.
        said: String,
    },
    /// Something is there, or should be, but we cannot look at it.
    Broken {
        /// `host:port` that was tried.
        address: String,
        /// The class of the failure.
        failure: BrokenBy,
        /// The driver's words.
        said: String,
    },
}

/// Why a pod could not be looked at, short of being absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokenBy {
    /// Wrong user or password.
    LoginRefused,
    /// Another SYSDBA session holds the only slot.
    SysdbaBusy,
    /// No answer in time.
    Timeout,
    /// The way there does not work, or nobody can be asked for its name: it may well be in service.
    Unreachable,
    /// Logged in, but a query failed, or any other failure.
    Other,
}

impl BrokenBy {
    /// `None` when the failure means that the pod is absent.
    #[must_use]
    pub fn from_failure(f: ConnectFailure) -> Option<Self> {
        match f {
            ConnectFailure::Absent => None,
            ConnectFailure::LoginRefused => Some(Self::LoginRefused),
            ConnectFailure::SysdbaBusy => Some(Self::SysdbaBusy),
            ConnectFailure::Timeout => Some(Self::Timeout),
            ConnectFailure::Unreachable => Some(Self::Unreachable),
            ConnectFailure::AdminMode | ConnectFailure::Other => Some(Self::Other),
        }
    }
}

/// A pod that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// How the session was opened.
    pub privilege: Privilege,
    /// The server.
    pub server: Server,
    /// Properties by name (`db::sql::PROPERTIES`), as text; what the server does not have is not there.
    pub properties: BTreeMap<String, String>,
    /// Every replication object.
    pub replications: BTreeMap<ReplicationName, Replication>,
    /// Tables of the owners that the configuration names.
    pub tables: BTreeMap<TableName, Table>,
    /// Row counts, where they were asked for.
    pub rows: Vec<(Target, RowCount)>,
    /// Who else is connected, sessions of one kind together.
    pub clients: Vec<Client>,
    /// Who the data is.
    pub ledger: View,
    /// Where the log ends, as an SN (V$LFG, `measured.md` 9.8); `None` when nobody looked.
    pub log_end: Option<u64>,
}

/// Sessions of other clients that look the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Client {
    /// DB_USERNAME
    pub user: String,
    /// CLIENT_APP_INFO; empty when the client does not say.
    pub app: String,
    /// Where from: COMM_NAME without the port.
    pub from: String,
    /// Whether it holds the only SYSDBA session.
    pub sysdba: bool,
    /// How many there are, 1 or more.
    pub sessions: usize,
}

impl Client {
    /// The changing run of aku that these sessions are of, if they are of one.
    #[must_use]
    pub fn at_work(&self) -> Option<AtWork> {
        AtWork::of(&self.app)
    }
}

/// Who the server is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// V$VERSION.PRODUCT_VERSION
    pub version: Option<String>,
    /// V$VERSION.REPL_PROTOCOL_VERSION; must be equal between peers.
    pub replication_protocol: Option<String>,
    /// V$INSTANCE.STARTUP_TIME_SEC; grows with each restart.
    pub started_at_s: Option<i64>,
    /// V$DATABASE.DB_NAME; needed to close sessions.
    pub database: Option<String>,
    /// V$DATABASE.DB_SIGNATURE: survives a restart, differs in a newly created database (`measured.md` 4).
    pub signature: Option<String>,
    /// V$NLS_PARAMETERS; `None` where the server does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<CharacterSets>,
    /// V$SESSION.TIME_ZONE of a session that chose none, which is that of the database; `None` where the server does not say,
    /// or says only that it is the one of its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// The character sets that a database was created with. The handshake of a replication wants both alike (`altibase.md` 3.14).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct CharacterSets {
    /// NLS_CHARACTERSET: of CHAR and VARCHAR.
    pub database: String,
    /// NLS_NCHAR_CHARACTERSET: of NCHAR and NVARCHAR.
    pub national: String,
}

impl std::fmt::Display for CharacterSets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, national {}", self.database, self.national)
    }
}

/// LAZY or EAGER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// REPL_MODE 0
    Lazy,
    /// REPL_MODE 2
    Eager,
    /// Any other number.
    Other(i64),
}

impl Mode {
    /// SYS_REPLICATIONS_.REPL_MODE
    #[must_use]
    pub fn from_catalog(number: i64) -> Self {
        match number {
            0 => Self::Lazy,
            2 => Self::Eager,
            other => Self::Other(other),
        }
    }
}

/// A sender thread, from V$REPSENDER (not from IS_STARTED, which is only a wish).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// No row.
    None,
    /// STATUS 0 or 2, or NET_ERROR_FLAG 1: not connected.
    Trying,
    /// STATUS 1 (or an EAGER status) without a network error.
    Running,
    /// STATUS 6: a SYNC is under way.
    Syncing,
}

/// How far a sender is in its server's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// V$REPGAP.REP_SN: where it is.
    #[serde(with = "sn")]
    pub at: u64,
    /// V$REPGAP.REP_LAST_SN: where the log ended at that moment.
    #[serde(with = "sn")]
    pub end: u64,
}

/// The server abandoned unsent log (`altibase.md` 8.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveUp {
    /// GIVE_UP_TIME as text.
    pub at: String,
    /// GIVE_UP_XSN
    pub xsn: Option<i64>,
}

/// Changes a receiver could not apply since it connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflicts {
    /// INSERT_FAILURE_COUNT
    pub insert: i64,
    /// UPDATE_FAILURE_COUNT
    pub update: i64,
    /// DELETE_FAILURE_COUNT
    pub delete: i64,
}

/// One row of SYS_REPL_ITEMS_, reduced to what the configuration can say. A partitioned table named as a whole is one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Item {
    /// Here.
    pub local: Target,
    /// There.
    pub remote: Target,
}

/// One replication object as one pod holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// IS_STARTED: a wish or record, not liveness.
    pub is_started: bool,
    /// XSN
    pub position: Position,
    /// Set when the server gave up unsent log since the last RESET.
    pub gave_up: Option<GiveUp>,
    /// LAZY or EAGER.
    pub mode: Mode,
    /// ROLE
    pub role: i64,
    /// OPTIONS bit mask
    pub options: i64,
    /// CONFLICT_RESOLUTION
    pub conflict_resolution: i64,
    /// PARALLEL_APPLIER_COUNT
    pub parallel_applier: i64,
    /// APPLIER_INIT_BUFFER_SIZE in bytes of an object with PARALLEL; `None` where the server does not tell.
    pub applier_buffer: Option<i64>,
    /// Peer addresses.
    pub hosts: Vec<ReplicationAddress>,
    /// What it replicates.
    pub items: Items,
    /// The sender thread.
    pub sender: Sender,
    /// Present while the peer's sender is connected here.
    pub receiver: Option<Conflicts>,
    /// V$REPGAP.REP_GAP while a sender exists; the unit differs between releases, only zero is meaningful.
    pub gap: Option<i64>,
    /// How far its sender is; `None` without one, and where it never connected (`measured.md` 9.8).
    pub sending: Option<Sending>,
    /// V$REPRECEIVER.APPLY_XSN: how far the peer's log was applied here, while the peer's sender is connected.
    pub applied: Option<u64>,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// TABLE_TYPE is `T`.
    pub is_table: bool,
    /// It has a primary key.
    pub primary_key: bool,
    /// It owns a foreign key. (What few tables have is written only of them: a capture may hold a hundred thousand.)
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign_key: bool,
    /// Its partitions; empty when it is not partitioned.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub partitions: BTreeSet<Identifier>,
    /// Digest of columns and primary key (`observe::layout`); `None` when the columns
    /// could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Whether it has a TIMESTAMP column.
    #[serde(default, skip_serializing_if = "Stamp::is_unknown")]
    pub timestamp: Stamp,
    /// Columns of the primary key, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<Identifier>,
}

/// Whether a table has a TIMESTAMP column (CONSTRAINT_TYPE 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stamp {
    /// Nobody looked: a capture of before.
    #[default]
    Unknown,
    /// It has one.
    Has,
    /// It has none.
    Lacks,
}

impl Stamp {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
    fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
}

/// One side of a pair: what pod `a` holds towards pod `b` (DESIGN D1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// No such object.
    Missing,
    /// XSN -1.
    Reset,
    /// XSN live.
    Live(
        #[serde(with = "sn")]
        #[schemars(with = "String")]
        u64,
    ),
    /// The server gave up unsent log: what the peer holds is incomplete.
    GaveUp,
    /// The pod was not seen.
    Unknown,
}

impl Side {
    /// Whether the peer gets all that was committed since its position.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Live(_) => true,
            Self::Missing | Self::Reset | Self::GaveUp | Self::Unknown => false,
        }
    }

    /// Whether the server keeps a position for the peer, be the log behind it whole or given up.
    #[must_use]
    pub const fn has_position(self) -> bool {
        match self {
            Self::Live(_) | Self::GaveUp => true,
            Self::Missing | Self::Reset | Self::Unknown => false,
        }
    }

    /// Whether it was seen that nothing is kept for the peer. What could not be seen has neither a position nor none.
    #[must_use]
    pub const fn has_no_position(self) -> bool {
        match self {
            Self::Missing | Self::Reset => true,
            Self::Live(_) | Self::GaveUp | Self::Unknown => false,
        }
    }
}

impl Observed {
    /// What was seen of the pods and of the marker of this run's pod; nothing else is known.
    #[must_use]
    pub fn new(pods: BTreeMap<Ordinal, PodView>, marker: MarkerView) -> Self {
        Self {
            pods,
            marker,
            marked_here: BTreeSet::new(),
            shut_out: BTreeSet::new(),
            remembered: Remembered::new(),
            compared: None,
            logs: DeadLogs::new(),
        }
    }

    /// The pod, if it answered.
    #[must_use]
    pub fn pod(&self, pod: Ordinal) -> Option<&Pod> {
        match self.pods.get(&pod)? {
            PodView::Seen(p) => Some(p),
            PodView::Absent { .. } | PodView::Broken { .. } => None,
        }
    }

    /// Whether a changing run of aku that may hold the only SYSDBA session of `pod` has a session on a pod that was seen.
    #[must_use]
    pub fn is_worked_on(&self, pod: Ordinal) -> bool {
        let seen = self.pods.keys().filter_map(|k| self.pod(*k));
        seen.flat_map(|p| &p.clients).filter_map(Client::at_work).any(|work| work.concerns(pod))
    }

    /// What `pod` holds under that name.
    #[must_use]
    pub fn replication(&self, pod: Ordinal, name: &ReplicationName) -> Option<&Replication> {
        self.pod(pod)?.replications.get(name)
    }

    /// The side of a pair that `pod` holds.
    #[must_use]
    pub fn side(&self, pod: Ordinal, name: &ReplicationName) -> Side {
        let Some(seen) = self.pod(pod) else { return Side::Unknown };
        match seen.replications.get(name) {
            None => Side::Missing,
            Some(r) if r.gave_up.is_some() => Side::GaveUp,
            Some(r) => match r.position {
                Position::Reset => Side::Reset,
                Position::Live(sn) => Side::Live(sn),
            },
        }
    }
}

impl Pod {
    /// A property as a number.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<i64> {
        self.properties.get(name)?.trim().parse().ok()
    }

    /// Whether ordinary users are kept out.
    #[must_use]
    pub fn admin_mode(&self) -> bool {
        self.property("ADMIN_MODE").map_or(self.privilege == Privilege::Sysdba, |v| v != 0)
    }

    /// Rows of a target, where they were counted.
    #[must_use]
    pub fn rows_of(&self, target: &Target) -> RowCount {
        self.rows.iter().find(|(t, _)| t == target).map_or(RowCount::NotCounted, |(_, n)| *n)
    }
}

pub(super) mod privilege {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::sql::Privilege;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
    pub fn serialize<S: Serializer>(p: &Privilege, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(match p {
            Privilege::Normal => "normal",
            Privilege::Sysdba => "sysdba",
        })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Privilege, D::Error> {
        match String::deserialize(d)?.as_str() {
            "normal" => Ok(Privilege::Normal),
            "sysdba" => Ok(Privilege::Sysdba),
            other => Err(serde::de::Error::custom(format!("unknown privilege {other}"))),
        }
    }
}
