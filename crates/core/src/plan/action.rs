//! One step of a plan. Specific enough that the executor has nothing left to decide.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    milestone::{After, Milestone},
    reason::Reason,
    row_repair::RowRepair,
};
use crate::{
    attributes::{GroupOption, ObjectOption, Shape},
    desired::ReplicationAddress,
    ledger::Ledger,
    logs::LogPath,
    sql::setting::Setting,
    topology::{Ordinal, ReplicationName, Target},
};

/// Number of an action inside its plan, from 1; shown as `A1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ActionId(pub u32);

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A{}", self.0)
    }
}

/// A step. How it is written: `wire`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its number.
    pub id: ActionId,
    /// The pod it is sent to.
    pub pod: Ordinal,
    /// What is done.
    pub op: Op,
    /// Why.
    pub because: Reason,
    /// What it waits for.
    pub after: Vec<After>,
    /// When it runs.
    pub run: RunWhen,
}

impl Action {
    /// Every action that it waits for, one by one. Those may be most of the plan: what looks at all actions uses
    /// [`Graph`](super::Graph), or looks at each milestone once.
    pub fn waits(&self) -> impl Iterator<Item = ActionId> {
        self.after.iter().flat_map(|after| after.before.actions()).copied()
    }
}

/// When an action runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunWhen {
    /// When everything it waits for is done.
    #[default]
    Normal,
    /// When everything it waits for is over (done, failed, not run), provided that `armed_by` was begun.
    /// For settings that are put back whatever happens.
    Always {
        /// The action that makes it necessary.
        armed_by: ActionId,
    },
    /// Only when `armed_by` sent a changing statement and `until` did not finish, once everything it waits for is over; on
    /// signals too. For pins of a join whose SYNC has not returned (DESIGN D15); a position that this run did not make is
    /// never taken back.
    Undo {
        /// The action that it takes back.
        armed_by: ActionId,
        /// Actions that, once all are done, make it unnecessary.
        until: Milestone,
    },
}

/// What a START must find, because START on XSN -1 silently begins "now".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// XSN live and not given up: resume.
    Live,
    /// XSN -1, or live when a run before this one got that far: begin now; right only from a pod whose rows are known
    /// equal on the peer.
    Fresh,
}

/// How closely rows are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Rows are counted.
    #[default]
    Counts,
    /// They are counted, and then every row is read on both pods.
    Contents,
}

impl Depth {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
    fn is_counts(&self) -> bool {
        *self == Self::Counts
    }
}

/// What is done. One statement each where possible; a few are small procedures that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "op")]
pub enum Op {
    /// CREATE REPLICATION
    CreateReplication {
        /// Object.
        name: ReplicationName,
        /// The other pod.
        peer: Ordinal,
        /// Its replication host.
        host: String,
        /// Its replication port.
        port: u16,
        /// Items.
        targets: Vec<Target>,
        /// Mode, role and options, where aku.conf asks for any.
        #[serde(default, skip_serializing_if = "Shape::is_plain")]
        shape: Shape,
    },
    /// DROP REPLICATION
    DropReplication {
        /// Object.
        name: ReplicationName,
        /// The other pod.
        peer: Ordinal,
    },
    /// ADD TABLE. Done already when it is an item; needs both sides stopped (ERR-610FE, ERR-6109F).
    AddTable {
        /// Object.
        name: ReplicationName,
        /// The other pod.
        peer: Ordinal,
        /// Table or partition.
        target: Target,
    },
    /// DROP TABLE: the table is no longer replicated through this object; its rows stay.
    DropTable {
        /// Object.
        name: ReplicationName,
        /// The other pod.
        peer: Ordinal,
        /// Table or partition here.
        target: Target,
        /// What it is called there.
        remote: Target,
    },
    /// ADD HOST of the right address, then DROP HOST of every other one; there is no "change host".
    ChangeHost {
        /// Object.
        name: ReplicationName,
        /// The other pod.
        peer: Ordinal,
        /// Its replication host.
        host: String,
        /// Its replication port.
        port: u16,
        /// Addresses that go.
        old: Vec<ReplicationAddress>,
    },
    /// SET of an option that aku.conf does not ask for, off. Done already when its bit is not set; needs both sides stopped
    /// (ERR-6100A, ERR-6109F).
    ClearOption {
        /// Object.
        name: ReplicationName,
        /// The other pod.
        peer: Ordinal,
        /// Which.
        option: ObjectOption,
    },
    /// SET of an option that aku.conf asks for, on. Done already when the object has it with the same numbers; needs both
    /// sides stopped (ERR-6100A, ERR-6109F), and another number of PARALLEL needs 0 first (397665).
    SetOption {
        /// Object.
        name: ReplicationName,
        /// The other pod.
        peer: Ordinal,
        /// Which, with its numbers.
        option: GroupOption,
    },
    /// SET OFFLINE ENABLE WITH the directory of the peer's logs. Done already when it is set to this one; another one is taken
    /// off first (397603). Needs both sides stopped (ERR-6100A, ERR-6109F).
    SetLogPath {
        /// Object.
        name: ReplicationName,
        /// The dead pod.
        peer: Ordinal,
        /// On the machine of this pod.
        path: LogPath,
    },
    /// START WITH OFFLINE: what the dead pod committed and had not sent here is applied here from its logs. Only when the
    /// option names this directory and nobody sends to the object; repeating it is harmless (`measured.md` 9.6).
    ReadLogs {
        /// Object.
        name: ReplicationName,
        /// The dead pod.
        peer: Ordinal,
        /// On the machine of this pod.
        path: LogPath,
    },
    /// START RETRY towards a pod that is dead: the sender waits for it to come back. Done already when a sender exists;
    /// refused on XSN -1, where it would begin now.
    Retry {
        /// Object.
        name: ReplicationName,
        /// The dead pod.
        peer: Ordinal,
    },
    /// START RETRY, and a look whether the sender connects; a plain START for an EAGER object, and where the sender does
    /// not connect (`measured.md` 9.1). Done already when a sender exists.
    Start {
        /// Object.
        name: ReplicationName,
        /// The pod it sends to.
        peer: Ordinal,
        /// What XSN must be.
        expect: Expect,
    },
    /// START RETRY, then STOP; done when V$REPSENDER has no row for it and XSN is live (`measured.md` 1).
    Pin {
        /// Object.
        name: ReplicationName,
        /// The joiner.
        peer: Ordinal,
    },
    /// What a pin is to an EAGER object, which START RETRY cannot fix (397601): START and STOP while a second session holds a
    /// SHARE lock on the targets, so that no commit meets a sender whose peer has no rows yet (`measured.md` 9.5). Done when
    /// V$REPSENDER has no row for it, XSN is live, and the lock was held from before the START to after the STOP.
    Anchor {
        /// Object.
        name: ReplicationName,
        /// The joiner.
        peer: Ordinal,
        /// What is locked: all that the object sends.
        targets: Vec<Target>,
        /// Bound of the wait for the first lock, seconds; the others are had at once, or all are let go and asked for again.
        /// Who waits holds nothing, so that no user is in a deadlock with it.
        lock_s: u32,
        /// Bound from the first request of a lock until all are let go, seconds: so long may a user wait.
        held_s: u32,
    },
    /// Waits until every transaction that had written when this began has ended (`measured.md` 1, drain).
    Drain {
        /// Bound, seconds.
        wait_s: u32,
    },
    /// STOP. Done already when there is no sender and IS_STARTED is 0.
    Stop {
        /// Object.
        name: ReplicationName,
        /// The pod it sends to.
        peer: Ordinal,
    },
    /// RESET. Done already when XSN is -1 and nothing is marked.
    Reset {
        /// Object.
        name: ReplicationName,
        /// The pod it sends to.
        peer: Ordinal,
    },
    /// STOP if needed, then RESET: takes back a pin.
    Unpin {
        /// Object.
        name: ReplicationName,
        /// The joiner.
        peer: Ordinal,
    },
    /// `FLUSH WAIT n`: everything this pod committed so far is on the peer. Behind a fence that is everything that clients
    /// committed.
    Flush {
        /// Object.
        name: ReplicationName,
        /// The pod it sends to.
        peer: Ordinal,
        /// Bound, seconds.
        wait_s: u32,
    },
    /// ALTER SYSTEM SET of a property that the plan puts back.
    SetProperty {
        /// Which.
        property: Setting,
        /// Value now.
        from: i64,
        /// Value then.
        to: i64,
    },
    /// Nothing sends to this pod and every side of it reads -1; waits a little for receivers to end.
    CheckQuiet {
        /// Objects of the pod.
        names: Vec<ReplicationName>,
    },
    /// TRUNCATE. The source is looked at again in the moment before: in service, and the table is there (DESIGN D2).
    Truncate {
        /// Table or partition.
        target: Target,
        /// The pod with the surviving copy.
        source: Ordinal,
    },
    /// Every target holds no row.
    CheckEmpty {
        /// Tables and partitions.
        targets: Vec<Target>,
    },
    /// SYNC PARALLEL n.
    Sync {
        /// Object.
        name: ReplicationName,
        /// The joiner.
        peer: Ordinal,
        /// Threads.
        parallel: u8,
        /// Rows to copy, where they were counted.
        rows: Option<u64>,
    },
    /// SYNC PARALLEL n TABLE ...: only these items are copied; the position of the object is kept for the others.
    SyncTables {
        /// Object.
        name: ReplicationName,
        /// The pod that gets the rows.
        peer: Ordinal,
        /// Threads.
        parallel: u8,
        /// Tables and partitions.
        targets: Vec<Target>,
        /// Rows to copy, where they were counted.
        rows: Option<u64>,
    },
    /// The copy is complete: FLUSH source to joiner, count the source, the joiner, the source again; the joiner lies
    /// between (DESIGN D16). Sent to the joiner and to the source.
    CheckContents {
        /// The pod rows were copied from.
        source: Ordinal,
        /// Objects to flush on the source.
        names: Vec<ReplicationName>,
        /// Tables and partitions.
        targets: Vec<Target>,
        /// Bound of each FLUSH, seconds.
        wait_s: u32,
        /// How closely.
        #[serde(default, skip_serializing_if = "Depth::is_counts")]
        depth: Depth,
    },
    /// For each target the pod holds at least as many rows as `of`, which is fenced and has delivered what it committed: what
    /// only `of` has, from a pod that is lost, would be deleted with it.
    CheckHolds {
        /// The pod that will be copied anew.
        of: Ordinal,
        /// Tables and partitions.
        targets: Vec<Target>,
    },
    /// ADMIN_MODE 1, then every session but this run's is closed, until none is left (DESIGN D15).
    Fence,
    /// After the fence and the FLUSHes: nobody is left who could commit more, and these senders still run. No position that
    /// a pod shows proves delivery, so the FLUSH that returned is the proof, and this is what could take it back:
    /// V$REPGAP and V$REPSENDER.XSN tell what was read, not what was acknowledged (REP_GAP was 0 with a row undelivered,
    /// `measured.md` 5), and count what is received from others (`measured.md` 8); XSN of the catalog is acknowledged, but
    /// it is where a restart would begin to read, and moves only now and then.
    #[serde(alias = "check-no-gap")]
    CheckDelivered {
        /// Objects that were flushed.
        names: Vec<ReplicationName>,
    },
    /// AKU_DELAY_START_COMPLETE_TIME
    Delay {
        /// Seconds.
        seconds: u64,
    },
    /// ADMIN_MODE 0: users are admitted.
    Open,
    /// Creates `/tmp/aku_start_completed`.
    WriteMarker,
    /// Deletes `/tmp/aku_start_completed`.
    RemoveMarker,
    /// Writes the row of `SYS.AKU_LEDGER` on this pod as it stands here; makes the table first where there is none. Done
    /// already when the row is there; refused when a later run wrote it.
    WriteLedger {
        /// The row.
        ledger: Box<Ledger>,
    },
    /// INSERT and UPDATE of rows, as the right pod holds them, in a session that sends nothing to others. Each only where the
    /// row is still as it was seen.
    MendRows(Box<RowRepair>),
    /// DELETE of rows that the right pod does not have, in the same way.
    DeleteRows(Box<RowRepair>),
}
