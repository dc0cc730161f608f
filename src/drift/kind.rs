//! Kinds of differences: stable codes with one severity each. Scripts, accept lists and metrics may rely on both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use aku_core::stable_codes;

/// How bad a difference is. A property of its kind, so that a time series keeps its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is lost and users see right rows; it costs log, time or safety.
    Warning,
    /// Rows of pods in service differ, will differ, or can be lost.
    Critical,
}

impl Severity {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $severity:ident;)+) => {
        stable_codes! {
            /// What is different. `D1xx` pods, `D2xx` definitions, `D3xx` streams, `D4xx` settings, `D5xx` tables,
            /// `D6xx` servers.
            pub enum Kind;
            $($(#[doc = $doc])+ $variant = $word;)+
        }

        impl Kind {
            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),+ }
            }
        }
    };
}

kinds! {
    /// A pod is not there while pods in service keep their log for it: it crashed, or pod 0 ended, or the pod ended
    /// with AKU_REPLICATION_RESET_AT_END = 0. Nothing is lost while the log is kept, and it catches up when it comes
    /// back; the log disks of the others fill up meanwhile. A pod that was never created, or that ended in good order
    /// so that both sides are reset, is no difference.
    MemberDown = "D100-member-down", Warning;
    /// A pod answers, its pairs are live, and ADMIN_MODE is 1: no user gets in. A start or an end did not finish, or a
    /// restarted server waits for its start script. While a start is at work its SYSDBA session is seen, and the pod
    /// counts as joining, which is no difference.
    Closed = "D101-closed", Warning;
    /// A pod is closed, some of its pairs are live and some are not, and no session is at work on it: a join broke off.
    /// The next start of the pod copies it anew.
    JoinUnfinished = "D102-join-unfinished", Warning;
    /// A pod has been joining for longer than --join-limit. Needs --previous, because one look cannot see how long.
    JoinStuck = "D103-join-stuck", Warning;
    /// A pod admits users and has no live pair with any other pod in service: what its users write stays there, and what
    /// others write does not arrive.
    NotJoined = "D104-not-joined", Critical;
    /// Pod 0 has no live pair while other pods are in service. It is the source of every copy, so no pod can join until
    /// it is recovered; starting it as it is could make an empty pod the source.
    MasterLost = "D105-master-lost", Critical;
    /// Pods answer, none of them admits users, none is being joined, and none of them is hidden from view: nothing is
    /// served and nothing replicates. Every start failed, pod 0 is missing, or all have ended.
    NobodyInService = "D106-nobody-in-service", Critical;
    /// A pod answers, is closed to users and has not joined (or has left in good order) for longer than --join-limit: its
    /// start fails, or nobody starts it, or nobody needs its server any more. Needs --previous, because one look cannot see
    /// how long.
    ClosedLong = "D107-closed-long", Warning;
    /// aku.conf asks for a replication object, and a joined pod does not have it.
    ObjectMissing = "D200-object-missing", Warning;
    /// An object is named like ours, and aku.conf has no such pair or group: left behind when AKU_SERVER_COUNT was
    /// lowered or a group was removed. If it is live, its pod keeps log for it for ever.
    ObjectSurplus = "D201-object-surplus", Warning;
    /// A replication that aku.conf does not know replicates one of our tables (policy P010). aku never touches it.
    ForeignObject = "D202-foreign-object", Warning;
    /// An object carries another name than aku.conf gives it: REPLICATION_NAME_PREFIX was changed, or AKU_SERVER_COUNT passed
    /// ten. It replicates as before, and every command works with the name that is there.
    ObjectName = "D203-object-name", Warning;
    /// An object does not replicate a table that aku.conf names for it. START fails once the two sides disagree, and
    /// changes to the table do not travel.
    ItemMissing = "D210-item-missing", Critical;
    /// An object replicates a table that aku.conf does not name for it.
    ItemExtra = "D211-item-extra", Warning;
    /// An object leads to another host than aku.conf or the endpoints file says.
    Host = "D212-host", Warning;
    /// An object leads to another port than AKU_REPLICATION_PORT_NO or the endpoints file says.
    Port = "D213-port", Warning;
    /// An object is not LAZY, or has not the MODE that aku.conf asks for. An EAGER object waits for its peer in every commit and cannot be pinned.
    Mode = "D214-mode", Warning;
    /// An object has an option, role, conflict resolution or parallel applier that aku.conf does not ask for, or lacks one
    /// that it asks for.
    OptionSet = "D215-option", Warning;
    /// Every object of a group on a pod holds the same other tables than aku.conf names: the pod was set up from another
    /// aku.conf, or this one is not the current one. Told once, not once per object.
    ConfDiffers = "D216-conf-differs", Critical;
    /// Two pods are in service, and the sender from one to the other does not run: changes of the first wait in its log.
    SenderStopped = "D300-sender-stopped", Critical;
    /// Two pods are in service, and the sender from one to the other cannot reach it: changes wait in its log.
    SenderTrying = "D301-sender-trying", Critical;
    /// Two pods are in service, and only one side of their pair kept its place in the log (policy P012). A START would
    /// silently skip what was changed meanwhile, so the rows have to be copied anew.
    HalfReset = "D302-half-reset", Critical;
    /// Two pods are in service, and neither side of their pair has a place in the log: nothing travels between them.
    NotConnected = "D303-not-connected", Critical;
    /// A server gave up log that it had not sent (REPLICATION_MAX_LOGFILE): the copy on the other side lacks rows.
    GaveUp = "D304-gave-up", Critical;
    /// A pod keeps its log for a pod that is not joined (policy P007): a pin or a position that a broken join left. The
    /// log disk fills up until it is reset; the next start of that pod does it.
    Leftover = "D305-leftover", Warning;
    /// A sender has more log left to send than --gap-limit: what its peer shows is that far behind. Told only where the limit is
    /// set.
    GapLarge = "D306-gap-large", Warning;
    /// A pod keeps more of its log for others than --log-limit: its log disk fills. Told only where the limit is set.
    LogLarge = "D307-log-large", Warning;
    /// What a pod logged longer ago than --lag-limit is not sent yet. Told only where the limit is set, and not in a first look.
    LagLong = "D308-lag-long", Warning;
    /// REPLICATION_DDL_ENABLE is 1 although nobody joins: replicated tables can be truncated and altered by anybody.
    DdlEnabled = "D400-ddl-enabled", Warning;
    /// REPLICATION_SYNC_LOCK_TIMEOUT is 0 although nobody joins: a SYNC by hand would take no lock on its tables.
    SyncLockOff = "D401-sync-lock-off", Warning;
    /// REPLICATION_PORT_NO of a server is another than the one its peers are told, or 0: nobody can send to it.
    PortClosed = "D402-port-closed", Critical;
    /// A server property that replication depends on is not the same on every pod.
    SettingDiffers = "D403-setting-differs", Warning;
    /// A property of a server is not what CONFLICT of aku.conf rests on, or it cannot be read: the pod resolves conflicts
    /// otherwise than the others, and rows come to differ without a word.
    ConflictRule = "D404-conflict-rule", Critical;
    /// A table that aku.conf names is not on a pod that has joined: what others write to it cannot be applied there.
    TableMissing = "D500-table-missing", Critical;
    /// A table cannot be replicated: no plain table, no primary key, a foreign key, or a partition is missing.
    TableUnfit = "D501-table-unfit", Critical;
    /// Columns, types, NOT NULL or primary key of a table are not the same on every pod: the handshake refuses it.
    TableDiffers = "D502-table-differs", Critical;
    /// A table of a group with CONFLICT = TIMESTAMP has no TIMESTAMP column, or nobody can tell: its conflicts are resolved by
    /// other rules.
    NoTimestamp = "D503-no-timestamp", Critical;
    /// Pods run different versions of the server (policy P002). Normal during a rolling upgrade, accept it for that long.
    VersionSkew = "D600-version-skew", Warning;
    /// Pods speak different replication protocols: their senders cannot connect.
    ProtocolSkew = "D601-protocol-skew", Critical;
    /// Two pods show the same database signature: two addresses lead to one server, or a volume was copied. A join could
    /// empty the very tables it copies from.
    SameDatabase = "D602-same-database", Critical;
    /// The ledgers of two pods name different clusters: one of them began anew, e.g. on an empty volume, and the rows of the
    /// two have nothing to do with each other.
    AnotherCluster = "D603-another-cluster", Critical;
    /// The volume of a pod was put back from an older copy: others remember more of the same database than it shows. The
    /// server itself shows nothing; what the pod had committed since is missing there, and its new changes are skipped by its
    /// peers until its log has grown past what they have processed.
    PutBack = "D604-put-back", Critical;
    /// SYS.AKU_LEDGER on a pod is none of ours, of a later release, or of another pod, so nothing follows from it.
    LedgerOdd = "D605-ledger-odd", Warning;
    /// The databases of two pods have other character sets: the handshake refuses them (ERR-610D1), so they do not replicate
    /// and none of them can be copied from the other. A database keeps its character sets for ever.
    CharacterSets = "D606-character-sets", Critical;
    /// Servers have other time zones: SYSDATE of one is not that of another, and travels as it was written.
    TimeZone = "D607-time-zone", Warning;
}

impl Kind {
    /// Whether it is about a pod as a whole, so that nothing on the pod counts as right.
    #[must_use]
    pub fn is_about_a_pod(self) -> bool {
        self.as_str().starts_with("D1")
    }
}

impl std::str::FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |word: &'static str| word.split('-').next().unwrap_or(word);
        let is = |k: &&Self| k.as_str().eq_ignore_ascii_case(text) || number(k.as_str()).eq_ignore_ascii_case(text);
        Self::ALL.iter().find(is).copied().ok_or_else(|| {
            let near = Self::ALL
                .iter()
                .map(|k| (strsim::jaro_winkler(k.as_str(), text), k.as_str()))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            format!("no such kind; the nearest is {}", near.map_or("", |n| n.1))
        })
    }
}
