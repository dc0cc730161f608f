//! What ends a failed action, by its code: one table over every code. The sentences that are printed with it stand in
//! `codes`.

use super::codes::Code;
use crate::{desired::Goal, remedy::Remedy};

/// The table: the same goal again, another one, or a person.
#[must_use]
pub fn of(code: Code, goal: Goal) -> Remedy {
    let again = Remedy::Goal(goal);
    match code {
        // The next plan looks at what is there, and begins or goes on from it.
        Code::LostLink
        | Code::Stopped
        | Code::ObjectMissing
        | Code::SenderExists
        | Code::PositionLost
        | Code::GaveUp
        | Code::NotStarted
        | Code::SyncFailed
        | Code::SyncNotReset
        | Code::NotDelivered
        | Code::ContentsDiffer
        | Code::SourceEmptied
        | Code::Restarted
        | Code::LogPathDiffers
        | Code::PeerBack
        | Code::Ledger => again,
        Code::RowsUnfit | Code::RowsLeft => Remedy::person("compare the pods again: aku verify --plan"),
        Code::ObjectDiffers => Remedy::Goal(Goal::Reconcile),
        Code::SourceLacks => Remedy::Goal(Goal::Recover(None)),
        Code::Internal
        | Code::NoSession
        | Code::LoginRefused
        | Code::SysdbaBusy
        | Code::Silent
        | Code::Abandoned
        | Code::Refused
        | Code::QueryTimeout
        | Code::Started
        | Code::OldPosition
        | Code::PinNotProved
        | Code::AnchorNotHeld
        | Code::LockTooLong
        | Code::Handshake
        | Code::SyncStalled
        | Code::NoThread
        | Code::StillOpen
        | Code::FlushTimeout
        | Code::NotQuiet
        | Code::SourceUnfit
        | Code::Locked
        | Code::DdlOff
        | Code::NotEmpty
        | Code::NoProperty
        | Code::SessionsLeft
        | Code::RowsDiffer
        | Code::NeverMet
        | Code::LogsMissing
        | Code::LogsNotRead
        | Code::OfflineBarred
        | Code::NoSessionFacts
        | Code::Marker => Remedy::person(code.next().join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::ord;

    /// What is printed below an error says what the table says.
    #[test]
    fn the_sentences_say_the_same() {
        for code in Code::ALL {
            let goal = Goal::Start(ord(1));
            let said = code.next().join("; ");
            match of(*code, goal) {
                Remedy::Goal(Goal::Start(_)) => {
                    assert!(said.contains("run again") || said.contains("aku plan"), "{code:?}: {said}");
                }
                Remedy::Goal(other) => assert!(said.contains("aku plan"), "{code:?} {other:?}: {said}"),
                Remedy::Person(what) => assert!(what.len() > 5, "{code:?}"),
                Remedy::Wait(_) | Remedy::Nothing => panic!("{code:?} asks for nothing"),
            }
        }
    }
}
