//! What ends a refusal, and what a code of a reason asks for: one table over every code.

use aku_core::{
    desired::Goal,
    plan::{Refusal, reason::Code},
    remedy::Remedy,
    topology::Ordinal,
};

/// What ends a refusal of that goal: the remedy of its first code. Where a person has to, the refusal's own words say what.
#[must_use]
pub fn of_refusal(refusal: &Refusal, goal: Goal) -> Remedy {
    let Some(first) = refusal.because.first() else { return Remedy::Nothing };
    match of(first.code, goal) {
        Remedy::Person(what) => {
            let next = refusal.next.first().cloned().unwrap_or(what);
            Remedy::Person(format!("{next}: {}", short(&first.text)))
        }
        asked @ (Remedy::Goal(_) | Remedy::Wait(_) | Remedy::Nothing) => asked,
    }
}

/// A headline without what a driver said, and without what follows from it.
fn short(text: &str) -> &str {
    let end = [": ", "; "].iter().filter_map(|mark| text.find(mark)).min();
    end.map_or(text, |at| &text[..at])
}

/// The table. A reason why something is done asks for nothing; what a plan minds and what it refuses for asks for this.
#[must_use]
pub fn of(code: Code, goal: Goal) -> Remedy {
    let reconcile = Remedy::Goal(Goal::Reconcile);
    let recover = Remedy::Goal(Goal::Recover(None));
    let source = Remedy::Goal(Goal::Start(Ordinal::MASTER));
    match code {
        Code::ObjectMissing
        | Code::NeverJoined
        | Code::SidesDisagree
        | Code::GaveUp
        | Code::JoinedMeanwhile
        | Code::Restored
        | Code::BothLive
        | Code::Master
        | Code::Salvage
        | Code::StopFirst
        | Code::ForgetOldPosition
        | Code::Pin
        | Code::Anchor
        | Code::Drain
        | Code::FlushToSource
        | Code::QuietBeforeTruncate
        | Code::DdlSwitch
        | Code::EmptyTarget
        | Code::ProveEmpty
        | Code::NoSyncLock
        | Code::Copy
        | Code::ProveContents
        | Code::SendToPeer
        | Code::ResumeFromPin
        | Code::Delay
        | Code::Open
        | Code::Marker
        | Code::PutBack
        | Code::UndoPin
        | Code::SenderDown
        | Code::CatchUpFirst
        | Code::Ledger
        | Code::CompareFirst
        | Code::Fence
        | Code::FlushBeforeStop
        | Code::ProveDelivered
        | Code::Leaving
        | Code::ResetAtEnd
        | Code::CleanObject
        | Code::CleanPeer
        | Code::GoneForGood
        | Code::Reconcile
        | Code::CorrectDefinition
        | Code::SendAgain
        | Code::NewTable
        | Code::TableGone
        | Code::AddressChanged
        | Code::Moved
        | Code::SurplusObject
        | Code::HalfCopyIsSeen
        | Code::Recover
        | Code::OneSource
        | Code::MostAdvanced
        | Code::ProveHolds
        | Code::RowsWrong
        | Code::RowsSurplus
        | Code::ReadLogs
        | Code::WhoseLogs
        // What is noted, and the word of a goal that has nothing to do.
        | Code::PodAbsent
        | Code::OpensWithGap
        | Code::NoFlushAtEnd
        | Code::LedgerOff
        | Code::ClosedForCopy
        | Code::UsersWait
        | Code::AlreadyStarted => Remedy::Nothing,

        Code::MemberDown => Remedy::person("bring the pod back, or let it go with aku plan forget N"),
        Code::PodBroken | Code::BrokenPod => {
            Remedy::person("make the pod answer, or stop its server, then run the same command again")
        }
        Code::LogKept | Code::PeerEnded => Remedy::Wait("the start of that pod".to_owned()),
        Code::Leftover => Remedy::Wait("the start of the pod that log is kept for, which clears it".to_owned()),
        Code::NotConnected | Code::SlaveFailed | Code::TailMissing => {
            Remedy::person("end that pod and start it again: it is copied anew")
        }
        Code::Differs | Code::SettingLeft | Code::Surplus | Code::Afterwards | Code::DefinitionDiffers => {
            if goal == Goal::Reconcile { Remedy::person("the note says what has to come first") } else { reconcile }
        }
        Code::Foreign => Remedy::person("find out who made it: aku never touches what is not its own"),
        Code::AnotherAdvanced | Code::CannotBeKnown => Remedy::person("weigh it before saying yes"),
        Code::LedgerOdd => Remedy::person("find out whose volume it is"),

        Code::SurplusPod => Remedy::person("raise AKU_SERVER_COUNT on every pod, or scale the StatefulSet down"),
        Code::SelfUnseen => Remedy::person("see that the server of this pod runs and lets SYS in"),
        Code::NotAdminMode => match goal {
            // An end closes the pod in order; where that has nothing to do, a person closes it.
            Goal::Start(pod) if !pod.is_master() => Remedy::Goal(Goal::End(pod)),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => Remedy::person("close the pod: ALTER SYSTEM SET ADMIN_MODE = 1"),
        },
        Code::CleanBrokeOff => Remedy::Goal(Goal::Clean(Ordinal::MASTER)),
        Code::MasterFailed | Code::MasterRestored => match goal {
            Goal::Recover(_) => Remedy::person("no slave can be the source yet"),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Forget(_) | Goal::Repair(_) | Goal::RecoverLog(_) => recover,
        },
        Code::NoSource => match goal {
            Goal::Start(pod) if !pod.is_master() => source,
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_) | Goal::Repair(_) | Goal::RecoverLog(_) => Remedy::person("bring pod 0 into service first"),
        },
        Code::TargetUnfit => Remedy::person("create or correct the tables that are named"),
        Code::ConflictRule | Code::ConflictRuleOff => {
            Remedy::person("set the property that is named on that pod, or give the table its TIMESTAMP column")
        }
        Code::RepeatsReplace => Remedy::person("compare the rows afterwards: aku verify"),
        Code::PropertyBars => Remedy::person("set the property that is named, and restart the server where it says so"),
        Code::UnlikeServers => Remedy::person("create the database of the pod that is named with the character sets of the others, and give all one TRANSACTION_TABLE_SIZE"),
        Code::AttributeUnknown => Remedy::person("take the attributes out of aku.conf, or upgrade the server"),
        Code::EagerJoin => Remedy::person("do what is printed below it for the pod that is named, then run it again"),
        Code::ConfDiffers => Remedy::person("compare aku.conf on all pods, and correct the one that is wrong"),
        Code::StillHere => match goal {
            Goal::RecoverLog(pod) => Remedy::Goal(Goal::Start(pod)),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::Repair(_) => Remedy::person("stop the pod that is to be forgotten, or leave it in"),
        },
        Code::NotFailed => Remedy::person("pod 0 needs no recovery: start it"),
        Code::NoRecoverySource => Remedy::person("bring a slave with the rows into service or at least up"),
        Code::NewTableNotEmpty => {
            Remedy::person("decide which rows of the new table count, and empty it on the slaves")
        }
        Code::NoPodSeen => Remedy::person("see that the servers run and can be reached from here"),
        Code::Cloned => Remedy::person("give one of the two pods a database of its own"),
        Code::NoMajority => Remedy::person("decide which pod is right: aku verify --plan --right N"),
        Code::RowsLeft => Remedy::person("run aku verify --plan again"),
        Code::NotRepairable => Remedy::person("decide which pod is right, and correct the table by hand or copy the pod anew"),
        Code::NotCompared => Remedy::person("run aku verify --plan"),
        Code::ComparedPodGone => Remedy::person("bring the pod back, and run aku verify --plan again"),
        Code::Undelivered => Remedy::person("let the streams deliver, then run aku verify --plan again"),
        Code::LogsNotRead => Remedy::person("name a directory for that pod, once it is there: aku plan recover-log N --log-path K=DIR; what reads no logs comes with a new copy"),
        Code::OtherLogs | Code::LogsTooShort => Remedy::person("find the logs of the dead pod"),
        Code::NobodyReads => Remedy::person("name the directory: aku plan recover-log N --log-path DIR"),
        Code::PlannerBug => Remedy::person("please report this"),
    }
}
