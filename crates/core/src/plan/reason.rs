//! Reasons: a stable code and a sentence. Every action, note and refusal has one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stable_codes;

/// Why something is so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Stable: scripts may match it.
    pub code: Code,
    /// For people, complete, ends without a period where it stands in a table.
    pub text: String,
}

impl Reason {
    /// A reason.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

stable_codes! {
    /// Stable codes of reasons. `R0xx` why something is done, `W1xx` what to mind, `X2xx` why there is no plan.
    pub enum Code;
    /// The configuration asks for the object and the pod does not have it.
    ObjectMissing = "R001-object-missing";
    /// Both sides of the pair are at -1 or missing: the pod never joined, or it ended in an orderly way.
    NeverJoined = "R010-never-joined";
    /// One side of a pair kept its place in the log and the other did not. START would silently skip what the other
    /// side changed meanwhile, so the rows are copied anew.
    SidesDisagree = "R011-sides-disagree";
    /// A server gave up unsent log (REPLICATION_MAX_LOGFILE): the copy on the other side is incomplete.
    GaveUp = "R012-gave-up";
    /// A pod joined while this one was away, so this pod's rows never had a stream to it.
    JoinedMeanwhile = "R013-joined-meanwhile";
    /// The volume of the pod was put back from an older copy: others remember more of the same database than it shows. The
    /// server itself shows nothing (signature, senders and gaps look right); what the pod had committed since is missing
    /// there, and what it would commit is skipped by its peers, because they have processed those numbers of its log. So it is
    /// copied anew, after it delivered what it has not sent.
    Restored = "R014-restored";
    /// Both sides of every pair kept their place in the log: the senders deliver what is missing.
    BothLive = "R020-both-live";
    /// Pod 0 is the source of all copies; its rows are never replaced outside a recovery.
    Master = "R021-master";
    /// Rows that the pod committed and has not sent yet are delivered before they would be deleted.
    Salvage = "R030-salvage";
    /// The server starts senders by itself at boot, so STOP comes before RESET.
    StopFirst = "R031-stop-first";
    /// A position that survived would replay old changes over the new copy, or make a half-finished join look complete.
    ForgetOldPosition = "R032-forget-old-position";
    /// From the pin on the pod keeps its log for the joiner, so that nothing it commits during the copy is missed.
    Pin = "R033-pin";
    /// An EAGER object takes no START RETRY (ERR-61121), so nothing but a START fixes where the pod's log is kept for the joiner,
    /// and a START without more would make commits wait for a pod that has no rows yet: a user would be told that his change
    /// conflicts (HY000/397549). So the tables of the object are locked in SHARE mode by a session of its own, START and STOP
    /// follow each other under the lock, and it is let go. Users read meanwhile; who writes waits, for the seconds that the
    /// plan names, less than REPLICATION_LOCK_TIMEOUT, after which a receiver would skip what it waits for.
    Anchor = "R055-anchor";
    /// A transaction that was open at the pin must have ended before the snapshot is taken.
    Drain = "R034-drain";
    /// What the pod committed before the pin must be on the source before the snapshot is taken.
    FlushToSource = "R035-flush-to-source";
    /// Nothing may be sending to the pod when its tables are emptied.
    QuietBeforeTruncate = "R036-quiet-before-truncate";
    /// TRUNCATE of a replicated table needs REPLICATION_DDL_ENABLE = 1 (ERR-312C4).
    DdlSwitch = "R037-ddl-switch";
    /// SYNC leaves rows out, or fails, where the target already holds rows, so the target is emptied first.
    EmptyTarget = "R038-empty-target";
    /// SYNC copies only into a target proved empty.
    ProveEmpty = "R039-prove-empty";
    /// While SYNC waits for table locks the source's receivers time out behind it and skip changes; with 0 no lock is taken.
    NoSyncLock = "R040-no-sync-lock";
    /// The source's rows are copied.
    Copy = "R041-copy";
    /// Success of SYNC is not proof of contents.
    ProveContents = "R042-prove-contents";
    /// The pod starts sending to its peers.
    SendToPeer = "R043-send-to-peer";
    /// The peer sends from its pin on; what the snapshot already had is skipped as a conflict that changes nothing.
    ResumeFromPin = "R044-resume-from-pin";
    /// The configuration's delay before users are admitted (AKU_DELAY_START_COMPLETE_TIME).
    Delay = "R045-delay";
    /// The rows are right, so users are admitted.
    Open = "R046-open";
    /// The startup probe looks for the marker.
    Marker = "R047-marker";
    /// The setting is put back to what it was, whatever happens.
    PutBack = "R048-put-back";
    /// A pin whose copy did not finish would keep log for nothing and mislead the next run.
    UndoPin = "R049-undo-pin";
    /// The sender should run and does not.
    SenderDown = "R050-sender-down";
    /// The pod opens only after FLUSH returned in both directions.
    CatchUpFirst = "R051-catch-up-first";
    /// A live position towards a pod that is not joined is a leftover of a join that broke.
    Leftover = "R052-leftover";
    /// Every pod has a table of one row, `SYS.AKU_LEDGER`, that says which cluster its rows belong to, how often it was opened
    /// with this database, how it left, where its rows were copied from, and how far it knows the logs of the others. A run
    /// notes there what it does, so that a volume that was lost, put back or cloned is noticed later. It is not replicated,
    /// and never the only reason why something is deleted. AKU_LEDGER = 0 leaves it off.
    Ledger = "R053-ledger";
    /// A pod that comes back compares its rows with a joined pod before users come in (AKU_COMPARE_AT_START): an older copy of
    /// its volume looks whole to the server.
    CompareFirst = "R054-compare-first";
    /// What clients commit after the last flush would be lost, so users are shut out first.
    Fence = "R060-fence";
    /// Everything that was committed is delivered before the streams stop.
    FlushBeforeStop = "R061-flush-before-stop";
    /// After the fence, FLUSH covers everything that clients committed, and its return is the proof that the peer has it.
    /// Before positions are forgotten it is seen that nobody is left who could commit more, and that the senders still run.
    ProveDelivered = "R062-prove-delivered";
    /// The pod leaves, so the streams in both directions stop.
    Leaving = "R063-leaving";
    /// After an orderly end nobody needs to keep log for the pod (AKU_REPLICATION_RESET_AT_END).
    ResetAtEnd = "R064-reset-at-end";
    /// The object is removed from this pod.
    CleanObject = "R070-clean-object";
    /// The peer would keep log for ever for an object that is gone.
    CleanPeer = "R071-clean-peer";
    /// The pod left for good. RESET forgets the position that made its peers keep log for it, and the log is freed at the
    /// next checkpoint. What the pod committed and had not sent is given up; if it comes back it is copied anew.
    GoneForGood = "R080-gone-for-good";
    /// The running pods are brought back to the configuration. No row that is there is deleted or copied again.
    Reconcile = "R081-reconcile";
    /// A definition is corrected where it stands. An older server refuses that while a sender or receiver of the object
    /// exists, so both sides are stopped first; positions are kept, and the senders go on from them afterwards.
    CorrectDefinition = "R082-correct-definition";
    /// The senders were stopped for a correction, or were down; they go on from where they stopped, whatever happened in
    /// between, because log piles up while they stand still.
    SendAgain = "R083-send-again";
    /// The configuration gained a table. What was in it before its ADD TABLE is in no stream, so it must be empty on the
    /// slaves, and what pod 0 holds is copied with SYNC TABLE.
    NewTable = "R084-new-table";
    /// The configuration lost the table: it is no longer replicated. Its rows stay where they are.
    TableGone = "R085-table-gone";
    /// The peer listens somewhere else than the object says.
    AddressChanged = "R086-address-changed";
    /// A table is in another group of aku.conf, or an object has another name: it changes hands between two objects of the
    /// same pods while both have every change, and no row is copied.
    Moved = "R089-moved";
    /// The configuration no longer has the pod or the group that the object was made for, and nothing is unsent.
    SurplusObject = "R087-surplus-object";
    /// While a table is copied into a pod, the pod is closed and its own positions are forgotten after everything it
    /// committed was delivered. A copy that breaks off is then seen by everybody as a pod that must be copied anew,
    /// never as one that only has to catch up.
    HalfCopyIsSeen = "R088-half-copy-is-seen";
    /// Pod 0 lost its rows or its place in the log, and a slave has them: pod 0 is emptied and copied from that slave. It is
    /// the only goal that deletes rows on pod 0.
    Recover = "R090-recover";
    /// Pod 0 may have delivered its last changes to one slave and not to another, and slaves do not pass on what they
    /// receive. So only one slave can be the source, and the others leave and are copied anew.
    OneSource = "R091-one-source";
    /// The source of a recovery was not named. A slave in service comes before one that is closed, one whose copy was
    /// completed before one of which that cannot be seen, then the one with the most rows, then the smallest number.
    /// Rows are a weak sign, and there is no better one: REMOTE_XSN of a slave, which should say how far pod 0 had got with
    /// it, is always -1 on 7.2, and the 2018 build writes it only when the sender of pod 0 is stopped in good order or a
    /// SYNC ends, so that after a failure it is as old as the last start; V$REPRECEIVER is empty once pod 0 is gone.
    MostAdvanced = "R092-most-advanced";
    /// A slave may hold rows that the lost pod 0 sent to nobody else. They would be deleted with it, so the source is proved
    /// to hold as many once the slave has delivered.
    ProveHolds = "R094-prove-holds";
    /// Rows of a table are not the same on all pods, and somebody said which pod is right. On the others, rows that are
    /// missing are inserted and rows that differ are updated, in a session whose changes are not sent to anybody
    /// (ALTER SESSION SET REPLICATION = FALSE). A row is touched only while every pod shows what the plan saw: one that
    /// changed meanwhile is left alone and counted, because replication may be about to mend it.
    RowsWrong = "R095-rows-wrong";
    /// A pod holds rows that the right pod does not have. They are deleted there only with a yes that names the pod, the
    /// table and how many there are: no other copy of them may be left afterwards.
    RowsSurplus = "R096-rows-surplus";
    /// A pod is dead and had not sent all that it committed. A survivor reads the rest from the directory of its logs, with the
    /// off-line replicator of the server: STOP, SET OFFLINE ENABLE WITH the directory, START WITH OFFLINE, SET OFFLINE DISABLE,
    /// START RETRY. Committed changes arrive, others do not; what is there already is skipped, so doing it again is harmless;
    /// no position moves, and when the pod comes back its peers skip what was delivered. Each survivor reads for itself: what
    /// a pod receives it does not send on.
    ReadLogs = "R097-read-logs";
    /// Whose logs lie in a directory. A server reads another pod's without a word. Rows of SYS.AKU_LEDGER in the log speak for
    /// the dead pod: they name every pod but the one that wrote them, with their databases. It is shown to be wrong by another
    /// pod's rows, another pod's name in the path, the LOG_DIR of a pod that runs, and files that end before what is known of
    /// the dead pod's log. Else a person says yes by name (unproved-logs); no hook and no --yes does.
    WhoseLogs = "R098-whose-logs";

    /// A pod cannot be reached, and no seen pod keeps log for it.
    PodAbsent = "W100-pod-absent";
    /// A pod is down while others keep log for it.
    MemberDown = "W101-member-down";
    /// A pod answers but cannot be looked at.
    PodBroken = "W102-pod-broken";
    /// A pod is in service but not connected with pod 0 in both directions.
    NotConnected = "W103-not-connected";
    /// A slave lost its place although it is in service.
    SlaveFailed = "W104-slave-failed";
    /// AKU_FLUSH_AT_END is 0: nothing is flushed, so nothing is reset either, because that would lose what is unsent.
    NoFlushAtEnd = "W105-no-flush-at-end";
    /// Log is kept for the pod until it comes back.
    LogKept = "W106-log-kept";
    /// An object of ours has a definition that differs from the configuration.
    Differs = "W107-differs";
    /// A replication that the configuration does not know replicates one of our tables.
    Foreign = "W108-foreign";
    /// A setting differs from what it should be, perhaps left behind by a run that was killed.
    SettingLeft = "W109-setting-left";
    /// AKU_FLUSH_AT_START is 0: the pod opens with whatever gap exists.
    OpensWithGap = "W110-opens-with-gap";
    /// An object was made for a pod or a group that the configuration no longer has.
    Surplus = "W111-surplus";
    /// A pod has ended and not been started again; it connects its pairs when it starts.
    PeerEnded = "W112-peer-ended";
    /// What the pod committed while others joined without it reaches those others only when they are copied anew.
    TailMissing = "W113-tail-missing";
    /// Another slave holds rows that the chosen source lacks.
    AnotherAdvanced = "W114-another-advanced";
    /// Something that no pod shows and that a person should know before saying yes.
    CannotBeKnown = "W115-cannot-be-known";
    /// Slaves are closed to users while new tables are copied into them: a row that somebody writes there would be in the way
    /// of the copy. Pod 0 stays in service.
    ClosedForCopy = "W116-closed-for-copy";
    /// Another step is needed afterwards.
    Afterwards = "W117-afterwards";

    /// A ledger cannot be used: another table of that name, a value that makes no sense, a later release, another database.
    LedgerOdd = "W118-ledger-odd";
    /// AKU_LEDGER is 0: nobody notes whose rows are whose.
    LedgerOff = "W119-ledger-off";
    /// No value of a row is held by more than half of the pods, those that could not be read counted in. Nobody can tell
    /// which is right, so it is left alone; --right with the number of a pod decides.
    NoMajority = "W120-no-majority";
    /// A plan of repair lists a bounded number of rows of each table. When it was applied, `aku verify --plan` finds the rest.
    RowsLeft = "W121-rows-left";
    /// A table differs and cannot be repaired row by row, because it holds values that cannot be written exactly (large
    /// objects, DOUBLE, REAL, geometry, bytes), or it could not be compared.
    NotRepairable = "W122-not-repairable";
    /// A survivor, or an object, gets nothing of what a dead pod had not sent: no directory is named for it, it was not seen,
    /// or the server does not read logs for such an object.
    LogsNotRead = "W123-logs-not-read";

    /// Who writes to the tables of an EAGER group waits for a moment on the pods that are in service, while their objects
    /// towards a pod that joins are anchored; a commit on another pod waits as long for them.
    UsersWait = "W124-users-wait";
    /// A pod resolves conflicts otherwise than CONFLICT of aku.conf says: a property of its server is not 1, or cannot be read,
    /// or a table has no TIMESTAMP column. Two pods that judge one conflict differently end with different rows.
    ConflictRuleOff = "W125-conflict-rule-off";
    /// CONFLICT = REPLACE, and changes are repeated: those since the pin of a copy, or those of a log that is read. They are
    /// older than what is there and replace it, which is wrong where another pod has changed the row since.
    RepeatsReplace = "W126-repeats-replace";

    /// The ordinal is not below AKU_SERVER_COUNT.
    SurplusPod = "X200-surplus-pod";
    /// The pod itself cannot be reached.
    SelfUnseen = "X201-self-unseen";
    /// ADMIN_MODE is 0 although the pod has not been started: users may be writing.
    NotAdminMode = "X202-not-admin-mode";
    /// Pod 0 lost its place while a slave is in service.
    MasterFailed = "X203-master-failed";
    /// The source cannot be used: nothing is deleted.
    NoSource = "X204-no-source";
    /// A pod that cannot be looked at bars everything destructive.
    BrokenPod = "X205-broken-pod";
    /// A target table is missing, has no primary key, owns a foreign key, or lacks the partition.
    TargetUnfit = "X206-target-unfit";
    /// The server's properties do not allow it.
    PropertyBars = "X207-property-bars";
    /// An object of ours has another definition and correcting it here could lose changes.
    DefinitionDiffers = "X208-definition-differs";
    /// An EAGER object cannot be pinned, and here it cannot be anchored either: a member is closed (one session only, and the
    /// lock needs a second), or receivers of a member would give up waiting while its tables are locked. Nor is a table that
    /// holds rows added to one between two pods in service.
    EagerJoin = "X209-eager-join";
    /// The pod was started already.
    AlreadyStarted = "X210-already-started";
    /// The objects on the pods were made from another configuration than this one. Which of the two is right only a person
    /// can tell, so nothing is deleted before they agree.
    ConfDiffers = "X211-conf-differs";
    /// The pod to be forgotten did not leave.
    StillHere = "X212-still-here";
    /// Pod 0 did not fail: emptying it would only add risk.
    NotFailed = "X213-not-failed";
    /// No slave can be the source of a recovery, or the one that was named cannot.
    NoRecoverySource = "X214-no-recovery-source";
    /// A table that the configuration gained holds rows on a slave, so no copy of it is known to be the right one.
    NewTableNotEmpty = "X215-new-table-not-empty";
    /// No pod of the StatefulSet could be looked at.
    NoPodSeen = "X217-no-pod-seen";
    /// Two pods hold the same database: the volume of one is a copy of the other's. A server does not replicate with itself,
    /// and rows that both hold tell nothing about who has them, so nothing is made before one of them gets a database of its
    /// own.
    Cloned = "X218-cloned";
    /// The volume of pod 0 was put back from an older copy: slaves remember more of the same database than it shows. Opened
    /// like this it would lack what it had acknowledged, be the source of all copies, and have its new changes skipped by its
    /// peers.
    MasterRestored = "X219-master-restored";
    /// Pod 0 was being cleaned and that broke off: slaves still keep log for it, and it has no place towards them any more.
    /// It had delivered everything before it forgot anything, so it did not lose its rows.
    CleanBrokeOff = "X220-clean-broke-off";
    /// A repair is planned from a comparison of all pods, which `aku verify --plan` makes.
    NotCompared = "X221-not-compared";
    /// A pod that was compared, or the one that is to be right, cannot be looked at, so no row is touched.
    ComparedPodGone = "X222-compared-pod-gone";
    /// The configuration asks for a mode, role or option of its objects that the release of a server does not have.
    AttributeUnknown = "X223-attribute-unknown";
    /// The directory that a survivor is told to read belongs to another pod, to another cluster, or to itself. No yes gets past
    /// this: the server would apply that pod's changes as those of the dead one.
    OtherLogs = "X224-other-logs";
    /// The files in the directory end before what others have of the dead pod's log: it is another pod's, or an older copy.
    LogsTooShort = "X225-logs-too-short";
    /// No survivor can read the log: none is connected with the dead pod, or no directory is named.
    NobodyReads = "X226-nobody-reads";
    /// A pod would be copied anew from a server whose handshake refuses its database: another character set, another national
    /// character set, or another TRANSACTION_TABLE_SIZE. Its rows would be deleted for a copy that cannot come.
    UnlikeServers = "X227-unlike-servers";
    /// Rows differ between pods of which one has not delivered to the other everything that it committed: what looks wrong may
    /// only be on its way, and a repair would overwrite it.
    Undelivered = "X228-undelivered";
    /// The pod would resolve conflicts otherwise than CONFLICT of aku.conf says: a property of its server is not 1, or cannot be
    /// read, or a table has no TIMESTAMP column. It stays closed, because its rows would come to differ without a word.
    ConflictRule = "X229-conflict-rule";
    /// The independent checker found that the plan breaks a rule that protects rows. This is a bug of the program.
    PlannerBug = "X299-planner-bug";
}
