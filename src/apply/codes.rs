//! Stable codes of what can go wrong in an action: one table. Decides nothing.
//!
//! `{pod}` and `{object}` in the next steps are filled in when an error is made.

use aku_core::stable_codes;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $meaning:literal, [$($next:literal),* $(,)?];)+) => {
        stable_codes! {
            /// What went wrong in an action.
            pub enum Code;
            $($(#[doc = $doc])+ $variant = $word;)+
        }

        impl Code {
            /// What it means, one sentence without a period.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }

            /// What to type or to look at next.
            #[must_use]
            pub fn next(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($next),*]),+ }
            }
        }
    };
}

codes! {
    /// The program itself failed in the middle of the action. Other actions went on.
    Internal = "E100", "this is a defect of aku",
        ["aku status", "report it with the message above"];
    /// Nobody answers on the pod any more, although it was there when the plan was made.
    NoSession = "E101", "the pod cannot be reached any more",
        ["check that pod {pod} runs", "aku plan"];
    /// The server refused the login of SYS.
    LoginRefused = "E102", "the server refuses the login of SYS",
        ["check AKU_SYS_PASSWORD and REMOTE_SYSDBA_ENABLE on pod {pod}"];
    /// A pod in ADMIN_MODE admits one SYSDBA session, and somebody else holds it.
    SysdbaBusy = "E103", "another SYSDBA session holds the only slot of a pod in ADMIN_MODE",
        ["close the other SYSDBA session on pod {pod} (isql -sysdba, or another aku), then run again"];
    /// The server accepts connections and does not answer, or packets vanish.
    Silent = "E104", "the pod does not answer in time",
        ["check the network and the load of pod {pod}", "aku status"];
    /// The link was lost while a statement ran, and the pod could not be looked at afterwards.
    LostLink = "E105", "the link was lost while the statement ran, so it may or may not have been done",
        ["aku status", "run again: the next plan looks at what is there"];
    /// A signal or the deadline cancelled it.
    Stopped = "E106", "the run was stopped, and this was cancelled",
        ["run again: the next plan looks at what is there"];
    /// The driver call did not come back, not even after it was cancelled.
    Abandoned = "E107", "the statement did not come back in time and was left alone, so it may or may not have been done",
        ["aku status", "check pod {pod}; the statement may still run there (V$STATEMENT)"];
    /// The database refused the statement with a code that aku has no special answer to.
    Refused = "E108", "the database refused the statement",
        ["look up the code in the Altibase error reference", "aku status"];
    /// QUERY_TIMEOUT ended the statement.
    QueryTimeout = "E109", "the statement took longer than AKU_QUERY_TIMEOUT",
        ["raise AKU_QUERY_TIMEOUT if pod {pod} is only slow"];

    /// The object is not on the pod.
    ObjectMissing = "E110", "the replication object is not on the pod",
        ["aku plan: it plans the CREATE"];
    /// There is an object of that name with other hosts or items.
    ObjectDiffers = "E111", "an object of that name exists with another definition",
        ["aku plan reconcile: it shows the difference and corrects it"];
    /// A sender thread exists where there must be none.
    SenderExists = "E112", "a sender for it runs, which must be stopped first",
        ["aku status", "run again: the next plan stops it"];
    /// Only a stopped replication can be dropped.
    Started = "E113", "the replication is started, so its definition cannot be touched",
        ["ALTER REPLICATION {object} STOP on pod {pod}, then run again"];
    /// START would begin now and skip what was committed before, so it was not sent.
    PositionLost = "E114", "the position in the log is gone, and START would silently skip what was committed since",
        ["run again: the next plan copies the rows anew"];
    /// The server dropped log that the peer never got (REPLICATION_MAX_LOGFILE).
    GaveUp = "E115", "the server gave up log that it had not sent",
        ["run again: the next plan copies the rows anew"];
    /// There is no sender to flush.
    NotStarted = "E116", "there is no sender, so nothing can be flushed",
        ["aku status", "run again: the next plan starts it"];
    /// The object was to be pinned from now on, but it holds an older position.
    OldPosition = "E117", "it holds a position that this run did not make, and a pin must begin now",
        ["make sure that no other aku works on these pods, then run again"];
    /// After START RETRY and STOP the sender is still there, or no position was kept.
    PinNotProved = "E118", "the pin could not be proved, so rows committed meanwhile could be missed",
        ["ALTER REPLICATION {object} STOP on pod {pod} if a sender hangs, then run again"];
    /// The tables of an EAGER object were to be locked from before its START to after its STOP, and the session that held the lock
    /// was lost, or its time was up: users do not wait longer. The position was forgotten again.
    AnchorNotHeld = "E119", "the lock was not held to its end, so the position was forgotten again; nothing was emptied",
        ["check that the pod that joins runs and can be reached on its replication port from pod {pod}",
         "check the load of pod {pod} (START and STOP of a replication take 1 to 2 s together), then run again"];

    /// The handshake between two servers failed.
    Handshake = "E120", "the pod could not reach its peer on the replication port, or the two definitions differ",
        ["check that the peer runs and that its replication port can be reached from pod {pod}", "aku status"];
    /// The copy broke in the middle.
    SyncFailed = "E121", "the copy broke off; the targets hold a part of it and are emptied by the next run",
        ["see altibase_rp.log of pod {pod} for the cause", "run again: it starts the copy over"];
    /// Nothing was copied for too long.
    SyncStalled = "E122", "the copy made no progress and was cancelled",
        ["look for open transactions that lock the tables on pod {pod} (V$LOCK_WAIT)", "run again: it starts the copy over"];
    /// The sending side of a copy must be reset.
    SyncNotReset = "E123", "a copy begins only from a side that is stopped and reset",
        ["run again: the next plan resets it"];
    /// The server has no free replication thread.
    NoThread = "E124", "the server has no free replication thread, or the sender ended at once",
        ["check REPLICATION_MAX_COUNT on pod {pod} and its peer, and altibase_rp.log"];

    /// Transactions that were open at the pin did not end.
    StillOpen = "E130", "transactions that were open at the pin have not ended; nothing was emptied",
        ["end these transactions on pod {pod}, then run again"];
    /// The peer did not acknowledge everything within the bound.
    FlushTimeout = "E131", "the peer has not got everything within the bound",
        ["check that the peer runs and applies (aku status)", "raise AKU_FLUSH_TIMEOUT_AT_START if it is only slow"];
    /// After the fence and the FLUSHes somebody could still commit, or a sender no longer runs. The pod stays closed, and
    /// its positions are kept.
    NotDelivered = "E132", "it is not proved that everything was delivered; no position was forgotten",
        ["aku status", "run again: it fences and flushes once more"];
    /// Something still sends to the pod, or a side of it is not reset.
    NotQuiet = "E133", "something still sends to the pod, or a position is not forgotten; nothing was emptied",
        ["STOP the sender on the pod it comes from, then run again"];
    /// Receivers of the pod wait behind the lock of an anchor, and skip a change that they cannot apply within
    /// REPLICATION_LOCK_TIMEOUT. No lock was taken.
    LockTooLong = "E134", "REPLICATION_LOCK_TIMEOUT of the pod is shorter than the tables of an EAGER group may be locked; nothing was emptied",
        ["ALTER SYSTEM SET REPLICATION_LOCK_TIMEOUT = 5 on pod {pod}, then run again"];

    /// The pod with the surviving copy cannot give it now.
    SourceUnfit = "E140", "the pod with the surviving copy is not in service or lacks the table; nothing was deleted",
        ["bring the source back, then run again"];
    /// A transaction holds the table; where several tables are locked at once, users may also follow each other so closely that
    /// there is no moment at which all are free.
    Locked = "E141", "a transaction holds a lock on the table",
        ["find it on pod {pod} (V$LOCK_STATEMENT), end it, then run again", "or run again when less is written there"];
    /// REPLICATION_DDL_ENABLE is 0.
    DdlOff = "E142", "REPLICATION_DDL_ENABLE is 0 on the pod, although this run had set it",
        ["make sure that no other aku works on pod {pod}, then run again"];
    /// A target holds rows. SYNC would leave rows out, or fail, where rows are already there.
    NotEmpty = "E143", "a target still holds rows, and SYNC is right only into empty ones",
        ["make sure that nobody writes on pod {pod}, then run again"];
    /// The copy is not complete.
    ContentsDiffer = "E144", "the copy differs from its source although nothing changes there",
        ["run again: it starts the copy over"];
    /// The source had rows when the plan was made and has none now.
    SourceEmptied = "E145", "the source lost its rows since the plan was made; nothing was deleted",
        ["look at the source before anything else: its volume may have been replaced", "aku plan"];

    /// The server of the pod was restarted while the run worked on it. It may have come back with another volume, so users
    /// are not admitted before a new plan has looked at it.
    Restarted = "E146", "the server was restarted since the run began, and may hold another volume; users were not admitted",
        ["aku status", "run again: the next plan looks at what is there"];

    /// A slave holds rows that the source of a recovery lacks, although it has delivered everything that it committed: the
    /// lost pod 0 sent them to that slave only. Nothing was deleted.
    SourceLacks = "E147", "another slave holds rows that the source lacks; nothing was deleted",
        ["aku plan recover", "run again: now that the slave is closed, the plan asks for a yes to their loss, with the numbers"];

    /// A pod that comes back does not hold the rows of a joined pod, although its streams have delivered everything: its volume
    /// may be an older copy, or somebody wrote there while nothing was sent. It is not opened. Which of the two is right only a
    /// person can tell.
    RowsDiffer = "E148", "the pod does not hold the rows of the pod that it was compared with; it was not opened, and nothing was deleted",
        ["aku verify    (shows which rows differ)",
         "aku verify --plan --right N -o FILE, then aku apply FILE    (N is the pod that is right, {pod} or another: the others get what it holds of these rows, and rows that would be deleted are asked for)",
         "then start pod {pod} again",
         "if pod {pod} is wrong in many rows, copy it anew instead: aku apply clean --ordinal {pod}, then aku apply start --ordinal {pod} (pod 0: aku plan recover --from N); never where pod {pod} is right"];

    /// Rows are repaired only in a table that has the columns and the key that it had when the pods were compared, on each of
    /// them, and whose values can all be written exactly. No row was touched.
    RowsUnfit = "E149", "the table cannot be repaired row by row; no row of it was changed",
        ["aku check", "aku verify --plan: it compares the pods again"];

    /// The server does not know the property.
    NoProperty = "E150", "the server has no such property",
        ["aku plan"];
    /// Sessions are left behind the fence.
    SessionsLeft = "E151", "sessions could not be closed, and what they commit could be lost",
        ["close them on pod {pod}: ALTER DATABASE name SESSION CLOSE id, then run again"];
    /// The session views cannot be read well enough to close anything.
    NoSessionFacts = "E152", "the sessions of the pod cannot be told apart",
        ["aku status"];

    /// Rows that were compared are still not as on the pod that is right: they changed after they were compared, and
    /// replication may be about to mend them, or their values cannot be written as SQL. What could be repaired was.
    RowsLeft = "E153", "rows are still not as on the pod that is right; they were left alone, all others were repaired",
        ["aku verify --plan: it compares the pods again; a row that replication has mended meanwhile is in no plan",
         "rows that hold each other's unique values (UNIQUE) are corrected by hand on pod {pod}, after ALTER SESSION SET REPLICATION = FALSE: DELETE them and INSERT them anew in one transaction"];

    /// The marker file could not be written or removed.
    Marker = "E160", "the start marker could not be written or removed",
        ["check the directory of the marker and its permissions"];

    /// What is in the ledger is not what the plan was made from: a later run wrote it, another cluster did, or it cannot be
    /// read. A row that is newer than this run is never overwritten.
    Ledger = "E170", "the ledger of the pod is not what the plan was made from",
        ["aku status", "run again: the next plan looks at what is there"];

    /// The server reads a dead pod's log by what it learned of that pod's tables in the last handshake, and it keeps that in
    /// memory only. A survivor that booted since has nothing to go by (397506). Nothing was changed. Survivors that did not
    /// boot since can read the log for themselves; if the dead pod comes back, it sends to all.
    NeverMet = "E180", "the server of the survivor was restarted since the dead pod was last connected with it, and cannot read its log",
        ["bring the dead pod back, on its old volume: it sends what is missing by itself",
         "if it never comes back, what it had not sent to pod {pod} is lost there, and other survivors may hold it: aku verify"];
    /// The server of the survivor finds no such directory. The path is one on its machine, not on that of this program.
    LogsMissing = "E181", "there is no such directory where the server of the survivor runs (397391)",
        ["mount or copy the dead pod's log directory to that path beside pod {pod}, readable for its server, then run again",
         "aku plan recover-log N --log-path DIR"];
    /// The server did not read the log to its end (397511, or V$REPOFFLINE_STATUS.STATUS 3): the directory is empty, files are
    /// missing, or they cannot be read. What was read before is applied whole transactions at a time; reading again is harmless.
    LogsNotRead = "E182", "the log was not read to its end",
        ["see altibase_rp.log of pod {pod} for the file that is missing",
         "complete the directory, then run again: what was applied already is skipped"];
    /// The option OFFLINE of the object names another directory than the plan, or none: somebody else changed it meanwhile.
    LogPathDiffers = "E183", "the object is not set to the directory of the plan, and no other directory is read",
        ["make sure that nobody else works on these pods", "run again: the next plan looks at what is there"];
    /// The server does not read logs for objects that are EAGER, have RECOVERY, or tables with compressed columns.
    OfflineBarred = "E184", "the server reads no logs for such an object",
        ["bring the dead pod back, on its old volume: it sends what is missing by itself",
         "or compare the rows afterwards: aku verify"];
    /// A receiver of the object runs: the pod that is called dead sends. It delivers what is missing itself.
    PeerBack = "E185", "the dead pod is back and sends, so its log is not read in its stead",
        ["aku status", "run again: the next plan looks at what is there"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_ordered_and_every_entry_says_something() {
        let words: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        let mut sorted = words.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(words, sorted);
        for code in Code::ALL {
            assert!(!code.meaning().is_empty() && !code.meaning().ends_with('.'), "{code:?}");
            assert!(!code.next().is_empty(), "{code:?}");
            assert!(code.explanation().trim().ends_with('.'), "{code:?}");
        }
    }
}
