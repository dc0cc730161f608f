//! The parts of CREATE and ALTER REPLICATION.

/// CREATE REPLICATION
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateReplication {
    /// Name, at most 40 bytes.
    pub name: String,
    /// Mode word; `None` when not written (LAZY).
    pub mode: Option<ReplicationMode>,
    /// FOR ...
    pub purpose: Option<Purpose>,
    /// AS ...
    pub role: Option<Role>,
    /// OPTIONS, in the order written, repetitions included.
    pub options: Vec<ReplicationOption>,
    /// WITH; empty for UNIX_DOMAIN.
    pub hosts: Vec<Host>,
    /// Items; 7.2 allows none.
    pub items: Vec<ItemPair>,
}

/// Mode words before REPLICATION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicationMode {
    /// LAZY
    Lazy,
    /// EAGER
    Eager,
    /// NOWAIT (7.2)
    NoWait,
    /// CONSISTENT (7.2)
    Consistent,
}

/// FOR ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// ANALYSIS
    Analysis,
    /// ANALYSIS PROPAGATION (7.2)
    AnalysisPropagation,
    /// PROPAGABLE LOGGING
    PropagableLogging,
    /// PROPAGATION
    Propagation,
}

/// AS ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// MASTER
    Master,
    /// SLAVE
    Slave,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationOption {
    /// RECOVERY
    Recovery,
    /// GAPLESS
    Gapless,
    /// GROUPING
    Grouping,
    /// OFFLINE 'dir', ...
    Offline(Vec<String>),
    /// PARALLEL n [size unit]
    Parallel(ParallelOption),
    /// LOCAL peer
    Local(String),
    /// DDL_REPLICATE (7.2)
    DdlReplicate,
    /// V6_PROTOCOL (7.2)
    V6Protocol,
    /// META_LOGGING (late releases, ANALYSIS only)
    MetaLogging,
}

/// PARALLEL n [size {K|M|G}]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParallelOption {
    /// Appliers; not checked here.
    pub count: i64,
    /// Buffer in bytes.
    pub buffer: Option<u64>,
}

/// One address of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Address or host name as written.
    pub host: String,
    /// Port; any 32-bit number, not checked here.
    pub port: i64,
    /// `USING TCP` or `USING IB [n]` (7.2).
    pub using: Option<Transport>,
}

/// USING ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP
    Tcp,
    /// IB with its latency number.
    Ib(i64),
}

/// One side of an item: `user.table [PARTITION p]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRef {
    /// Owner.
    pub user: String,
    /// Table.
    pub table: String,
    /// Partition.
    pub partition: Option<String>,
}

/// `FROM local TO remote`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemPair {
    /// Here.
    pub local: ItemRef,
    /// At the peer.
    pub remote: ItemRef,
}

/// ENABLE or DISABLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// ENABLE
    Enable,
    /// DISABLE
    Disable,
}

/// What follows ALTER REPLICATION name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationAction {
    /// ADD TABLE
    AddTable(ItemPair),
    /// DROP TABLE
    DropTable(ItemPair),
    /// ADD HOST
    AddHost(Host),
    /// DROP HOST
    DropHost(Host),
    /// SET HOST
    SetHost(Host),
    /// SET MODE
    SetMode(ReplicationMode),
    /// SET RECOVERY
    SetRecovery(Switch),
    /// SET GAPLESS
    SetGapless(Switch),
    /// SET GROUPING
    SetGrouping(Switch),
    /// SET DDL_REPLICATE (7.2)
    SetDdlReplicate(Switch),
    /// SET PARALLEL
    SetParallel(ParallelOption),
    /// SET OFFLINE ENABLE WITH 'dir', ...
    SetOffline(Vec<String>),
    /// SET OFFLINE DISABLE
    UnsetOffline,
    /// START ...
    Start(Start),
    /// QUICKSTART
    QuickStart,
    /// QUICKSTART RETRY
    QuickStartRetry,
    /// SYNC ...
    Sync(Sync),
    /// STOP
    Stop,
    /// STOP IMMEDIATE (7.2)
    StopImmediate,
    /// RESET
    Reset,
    /// FLUSH ...
    Flush(Flush),
    /// FAILBACK (7.2)
    Failback,
    /// FAILOVER (7.2)
    Failover,
    /// DELETE ITEM_REPLACE_HISTORY (7.2)
    DeleteHistory,
}

/// START ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// START
    Now,
    /// START RETRY
    Retry,
    /// START AT SN (n)
    AtSn(u64),
    /// START WITH OFFLINE
    Offline,
    /// START CONDITIONAL (7.2)
    Conditional,
}

/// SYNC ...
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// What happens after the copy.
    pub then: AfterSync,
    /// PARALLEL n, at least 1; 1 when not written.
    pub parallel: u32,
    /// TABLE list; empty for all items.
    pub tables: Vec<ItemRef>,
}

/// What SYNC does after the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterSync {
    /// The sender goes on.
    Start,
    /// ONLY: it ends.
    Stop,
    /// CONDITIONAL (7.2).
    Conditional,
}

/// FLUSH ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// What to wait for.
    pub until: FlushUntil,
    /// WAIT n, seconds; `None` for ever.
    pub wait_s: Option<u64>,
}

/// What FLUSH waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushUntil {
    /// What is in the log when the statement arrives.
    Issued,
    /// ALL: no gap at all.
    NoGap,
    /// FROM XLOGFILE (7.2).
    XLogFile,
}

/// Which builds know a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// Both generations.
    Always,
    /// Only 7.2; a syntax error (31001) before.
    V72,
}
