//! Every state from its facts, and facts from worlds.

use aku_core::{desired::Goal, observe::Client};

use super::*;
use crate::testing::{Worlds, desired, ord};

fn facts(door: Door, copying: Copying, open: &[Link], closed: &[Link]) -> LinkFacts {
    let links = |from: u8, l: &[Link]| (from..).zip(l).map(|(n, l)| (ord(n), *l)).collect();
    LinkFacts { door, copying, open: links(1, open), closed: links(10, closed) }
}

#[test]
fn the_pod_that_fails_with_most_is_the_one_in_error() {
    let goal = Goal::Start(ord(0));
    let base = || Worlds::new(desired(goal, 3, 1)).up(0, 0).up(1, 0).up(2, 0).pair(0, 1, "LL");
    let states =
        |w: &Worlds| Status::of(&w.desired, &w.observed).pods.into_values().map(|p| p.state).collect::<Vec<_>>();
    let alone = base().pair(0, 2, "TL").pair(1, 2, "TT");
    assert_eq!(states(&alone), [State::Synced, State::Synced, State::Error]);
    let shown = Status::of(&alone.desired, &alone.observed);
    assert_eq!(shown.pods[&ord(0)].why, "replicates with pod 1, not with pod 2");
    // One pair of three: nobody can tell which of the two it is.
    let tie = base().pair(0, 2, "LL").pair(1, 2, "TL");
    assert_eq!(states(&tie), [State::Synced, State::Error, State::Error]);
}

#[test]
fn every_state_from_its_facts() {
    use Copying::{From, None, To};
    use Door::{Closed, Open};
    use Link::{Half, Lost, Nothing, Runs, Stands};
    type Case = (Door, Copying, &'static [Link], &'static [Link], State);
    let table: [Case; 22] = [
        (Open, None, &[], &[], State::Synced),
        (Open, None, &[], &[Nothing, Half], State::Synced),
        (Open, None, &[Runs], &[], State::Synced),
        (Open, None, &[Runs, Runs], &[Half], State::Synced),
        (Open, None, &[Runs, Stands], &[], State::Error),
        (Open, None, &[Runs, Half], &[], State::Error),
        (Open, None, &[Runs, Nothing], &[], State::Error),
        (Open, None, &[Lost], &[], State::Error),
        (Open, None, &[Runs], &[Lost], State::Error),
        (Closed, None, &[Lost], &[], State::Error),
        (Open, To(ord(3)), &[Runs], &[], State::Donor),
        (Open, From(ord(3)), &[Runs], &[], State::Joiner),
        (Closed, From(ord(0)), &[], &[], State::Joiner),
        (Closed, None, &[], &[], State::Undefined),
        (Closed, None, &[Nothing, Nothing], &[], State::Undefined),
        (Closed, None, &[Nothing], &[Runs], State::Undefined),
        (Closed, None, &[Half], &[], State::Joiner),
        (Closed, None, &[Runs, Nothing], &[], State::Joiner),
        (Closed, None, &[Runs, Half], &[], State::Joiner),
        (Closed, None, &[Runs, Stands], &[Nothing], State::Joined),
        (Closed, None, &[], &[Runs], State::Joined),
        (Closed, None, &[], &[Runs, Nothing], State::Joiner),
    ];
    for (door, copying, open, closed, want) in table {
        let (got, why) = state(&facts(door, copying, open, closed));
        assert_eq!(got, want, "{door:?} {copying:?} {open:?} {closed:?}: {why}");
        assert!(!why.is_empty());
    }
}

#[test]
fn links_over_groups() {
    use Link::{Half, Lost, Nothing, Runs, Stands};
    let all = [Runs, Stands, Half, Lost, Nothing];
    for a in all {
        assert_eq!(both(a, a), a);
        for b in all {
            assert_eq!(both(a, b), both(b, a));
        }
    }
    assert_eq!(both(Runs, Nothing), Half);
    assert_eq!(both(Runs, Stands), Stands);
}

#[test]
fn worlds() {
    let w = || Worlds::new(desired(Goal::Start(ord(0)), 4, 2)).up(0, 0).up(1, 0).up(2, 1).pair(0, 1, "LL");
    let states = |w: &Worlds| -> Vec<&'static str> {
        Status::of(&w.desired, &w.observed).pods.values().map(|p| p.state.as_str()).collect()
    };
    let quiet = w().side(0, 2, 'R').side(1, 2, 'R');
    assert_eq!(states(&quiet), ["SYNCED", "SYNCED", "UNDEFINED", "UNDEFINED"]);
    let pinned = w().side(1, 2, 'l').side(0, 2, 'R').side(2, 1, 'R').side(0, 3, 'T');
    assert_eq!(states(&pinned), ["SYNCED", "SYNCED", "JOINER", "UNDEFINED"]);
    let kept = Status::of(&pinned.desired, &pinned.observed).retained;
    let kept: Vec<_> = kept.iter().map(|r| format!("{} for {} {}", r.on, r.towards, r.object)).collect();
    assert_eq!(kept, ["0 for 3 AKU_REP1_03", "0 for 3 AKU_REP2_03", "1 for 2 AKU_REP1_12", "1 for 2 AKU_REP2_12"]);
    let copying = w().side(0, 2, 'R').edit(0, 2, |r| r.sender = Sender::Syncing).side(2, 0, 'R');
    assert_eq!(states(&copying), ["DONOR", "SYNCED", "JOINER", "UNDEFINED"]);
    assert_eq!(states(&w().pair(0, 2, "LL").pair(1, 2, "LL").broken(3)), ["SYNCED", "SYNCED", "JOINED", "ERROR"]);
    let mut busy = w().side(1, 2, 'l');
    let view = |failure| PodView::Broken { address: "x".to_owned(), failure, said: "ERR-41041".to_owned() };
    busy.observed.pods.insert(ord(2), view(BrokenBy::SysdbaBusy));
    busy.observed.pods.insert(ord(3), view(BrokenBy::SysdbaBusy));
    assert_eq!(states(&busy), ["SYNCED", "SYNCED", "ERROR", "ERROR"], "whose session it is, nobody knows");
    let run = "20261121T121044Z-1f3a9c".parse().unwrap();
    let app = aku_core::app_info::working("start", ord(2), 7, Some(&run));
    let from = "10.0.0.2".to_owned();
    busy.pod_mut(1).clients = vec![Client { user: "SYS".to_owned(), app, from, sysdba: false, sessions: 1 }];
    assert_eq!(states(&busy), ["SYNCED", "SYNCED", "JOINER", "ERROR"]);
    assert_eq!(states(&w().pair(0, 1, "Tl")), ["ERROR", "ERROR", "UNDEFINED", "UNDEFINED"]);
    let mut strange = w();
    let foreign = strange.observed.replication(ord(0), &strange.desired.objects[0].name).unwrap().clone();
    strange.pod_mut(1).replications.insert(ReplicationName::exact("OTHER").unwrap(), foreign);
    let found = Status::of(&strange.desired, &strange.observed).strangers;
    assert_eq!(found.iter().map(|s| s.object.as_str()).collect::<Vec<_>>(), ["OTHER"]);
}
