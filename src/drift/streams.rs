//! Positions and senders of every pair, both sides at once (DESIGN D1).

use std::collections::BTreeMap;

use super::{
    Difference, Kind, Scope, Standing,
    remedy::Way,
    standing::{placeless, syncs},
};
use crate::{
    desired::Object,
    observe::{Sender, Side},
    topology::Ordinal,
};

pub(super) fn examine(scope: Scope<'_>, standings: &BTreeMap<Ordinal, Standing>) -> Vec<Difference> {
    let mut all = Vec::new();
    for object in &scope.desired.objects {
        let (low, high) = (object.pair.low(), object.pair.high());
        let side = |pod| End {
            pod,
            side: scope.observed.side(pod, &object.name),
            standing: standings.get(&pod).copied().unwrap_or(Standing::Unseen),
        };
        let ends = [side(low), side(high)];
        for (mine, theirs) in [(ends[0], ends[1]), (ends[1], ends[0])] {
            if mine.side == Side::GaveUp {
                all.push(gave_up(object, mine, theirs));
            }
        }
        if !syncs(scope, low, &object.name) && !syncs(scope, high, &object.name) {
            pair(scope, object, ends, &mut all);
        }
    }
    all
}

/// One side of a pair.
#[derive(Clone, Copy)]
struct End {
    pod: Ordinal,
    side: Side,
    standing: Standing,
}

impl End {
    /// Of two pods that disagree, the one that is less far is the one that is started: by what it is, then by how many
    /// others it is connected with.
    fn how_far(self, scope: Scope<'_>) -> (u8, usize) {
        let both =
            |(k, o): &(Ordinal, &Object)| [self.pod, *k].iter().all(|pod| scope.observed.side(*pod, &o.name).is_live());
        let connected = scope.desired.objects_of(self.pod).filter(both).count();
        let standing = match self.standing {
            Standing::InService => 4,
            Standing::Apart => 3,
            Standing::Closed => 2,
            Standing::Unfinished => 1,
            Standing::Lost
            | Standing::Joining
            | Standing::Left
            | Standing::NotThere
            | Standing::Down
            | Standing::Unseen => 0,
        };
        (standing, connected)
    }

    fn is_live(self) -> bool {
        self.side.is_live()
    }
}

fn pair(scope: Scope<'_>, object: &Object, [a, b]: [End; 2], all: &mut Vec<Difference>) {
    use Standing::{Apart, Closed, Down, InService, Joining, Left, Lost, NotThere, Unfinished, Unseen};
    match (a.standing, b.standing) {
        (InService, InService) => in_service(scope, object, [a, b], all),
        // The log for a pod that is down is told with that pod; what waits for a joining or unseen pod is not judged.
        (Down | Joining | Unseen, _) | (_, Down | Joining | Unseen) => {}
        (
            InService | Apart | Closed | Unfinished | Lost | Left | NotThere,
            InService | Apart | Closed | Unfinished | Lost | Left | NotThere,
        ) => {
            for (mine, theirs) in [(a, b), (b, a)] {
                if let Side::Live(sn) = mine.side
                    && !theirs.is_live()
                {
                    all.push(leftover(scope, object, mine, theirs, sn));
                }
            }
        }
    }
}

fn in_service(scope: Scope<'_>, object: &Object, [a, b]: [End; 2], all: &mut Vec<Difference>) {
    match (a.side, b.side) {
        (Side::Live(_), Side::Live(_)) => {
            for (mine, theirs) in [(a, b), (b, a)] {
                all.extend(sender(scope, object, mine, theirs));
            }
        }
        // Told already.
        (Side::GaveUp, _) | (_, Side::GaveUp) => {}
        (Side::Live(sn), Side::Missing | Side::Reset | Side::Unknown) => all.push(half(object, b, a, sn)),
        (Side::Missing | Side::Reset | Side::Unknown, Side::Live(sn)) => all.push(half(object, a, b, sn)),
        (Side::Missing | Side::Reset | Side::Unknown, Side::Missing | Side::Reset | Side::Unknown) => {
            let text = format!("nothing travels between pods {} and {}, both in service", a.pod, b.pod);
            all.push(
                Difference::new(Kind::NotConnected, b.pod, "xsn", "no place in the log on either side")
                    .peer(a.pod)
                    .object(&object.name)
                    .text(text)
                    .mended(Way::Start(b.pod)),
            );
        }
    }
}

fn sender(scope: Scope<'_>, object: &Object, mine: End, theirs: End) -> Option<Difference> {
    let found = scope.observed.replication(mine.pod, &object.name)?;
    let (kind, headline) = match found.sender {
        Sender::Running | Sender::Syncing => return None,
        Sender::None => (Kind::SenderStopped, "stopped, should be started"),
        Sender::Trying => (Kind::SenderTrying, "started, but cannot reach its peer"),
    };
    let from = match mine.side {
        Side::Live(sn) => format!("from SN {sn} on"),
        Side::Missing | Side::Reset | Side::GaveUp | Side::Unknown => String::new(),
    };
    let wish = match (found.sender, found.is_started) {
        (Sender::None, true) => "; its catalog says started, so the sender died",
        (Sender::None, false) | (Sender::Trying | Sender::Running | Sender::Syncing, _) => "",
    };
    let text = format!(
        "changes of pod {} do not reach pod {}; pod {} keeps its log for them {from}{wish}",
        mine.pod, theirs.pod, mine.pod
    );
    let difference = Difference::new(kind, mine.pod, "started", headline).peer(theirs.pod).object(&object.name);
    Some(difference.text(text).mended(Way::Usual))
}

/// `lost` is the side without a place.
fn half(object: &Object, lost: End, kept: End, sn: u64) -> Difference {
    let slave = if lost.pod.is_master() { kept.pod } else { lost.pod };
    let text = format!(
        "pod {} has no place in the log of this pair, pod {} is live at SN {sn}; a START would skip what changed \
         meanwhile [P012]",
        lost.pod, kept.pod
    );
    Difference::new(Kind::HalfReset, lost.pod, "xsn", "half reset: only its peer kept its place")
        .peer(kept.pod)
        .object(&object.name)
        .text(text)
        .mended(Way::Start(slave))
}

/// A place that the other side does not have. Which of the two is to be started: the one that is less far.
fn leftover(scope: Scope<'_>, object: &Object, mine: End, theirs: End, sn: u64) -> Difference {
    let forgotten = if theirs.pod.is_master() {
        !placeless(scope, theirs.pod)
    } else {
        theirs.standing != Standing::NotThere && mine.how_far(scope) < theirs.how_far(scope)
    };
    let (why, way) = match (forgotten, theirs.pod.is_master(), theirs.standing == Standing::NotThere) {
        (true, _, _) => ("has no place for it any more: it is copied anew when it starts", Way::Start(mine.pod)),
        (false, true, _) => ("has no place in it any more", Way::Recover),
        (false, false, true) => ("is not there: left by a join that broke off", Way::Forget(theirs.pod)),
        (false, false, false) => ("is not joined: left by a join that broke off", Way::Start(theirs.pod)),
    };
    let headline = if forgotten {
        format!("log kept for pod {}, which has forgotten this pod", theirs.pod)
    } else {
        format!("log kept for pod {}, not joined", theirs.pod)
    };
    let text = format!("pod {} keeps its log from SN {sn} on for pod {}, which {why} [P007]", mine.pod, theirs.pod);
    Difference::new(Kind::Leftover, mine.pod, "xsn", headline)
        .peer(theirs.pod)
        .object(&object.name)
        .text(text)
        .mended(way)
}

fn gave_up(object: &Object, mine: End, theirs: End) -> Difference {
    let slave = if theirs.pod.is_master() { mine.pod } else { theirs.pod };
    let text = format!(
        "the server of pod {} gave up log that it had not sent; the copy of pod {} lacks rows",
        mine.pod, theirs.pod
    );
    Difference::new(Kind::GaveUp, mine.pod, "xsn", "gave up unsent log")
        .object(&object.name)
        .text(text)
        .mended(Way::Start(slave))
}
