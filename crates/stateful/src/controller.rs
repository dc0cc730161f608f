//! What the StatefulSet controller does next under OrderedReady (`stateful_set_control.go`). Pure: what is wanted and which
//! pods there are go in, one step comes out. At most one thing is done at a time.

use std::collections::{BTreeMap, BTreeSet};

/// A version of the template.
pub type Revision = u64;

/// Phase of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its container was not started yet.
    Pending,
    /// It was.
    Running,
    /// It ended, and nothing starts it again.
    Ended,
}

/// A pod as the API server shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which template it was made from.
    pub revision: Revision,
    /// Its phase.
    pub phase: Phase,
    /// Its condition Ready.
    pub ready: bool,
    /// It has a deletionTimestamp.
    pub terminating: bool,
}

impl Seen {
    fn healthy(self) -> bool {
        self.phase == Phase::Running && self.ready && !self.terminating
    }
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// spec.replicas
    pub replicas: u8,
    /// The revision of spec.template. New pods are of it: without a partition no number is kept back.
    pub update: Revision,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A pod is made.
    Create {
        /// Its number.
        pod: u8,
    },
    /// A pod is deleted, with the grace of its template.
    Delete {
        /// Its number.
        pod: u8,
        /// Why.
        why: Why,
    },
}

/// Why a pod is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It ended by itself, and is made again.
    Ended,
    /// There are too many.
    Surplus,
    /// Its template is an older one.
    Outdated,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This.
    Do(Step),
    /// Nothing, until this pod has changed.
    Wait(u8),
    /// Nothing: all is as wanted.
    Settled,
}

/// The next step. Scaling goes before updating; whatever is wrong with one pod holds up everything behind it.
#[must_use]
pub fn next(wanted: &Wanted, pods: &BTreeMap<u8, Seen>) -> Next {
    // 1. From the lowest up: an ended pod is replaced, a missing one is made, any other that is not ready is waited for.
    for pod in 0..wanted.replicas {
        match pods.get(&pod) {
            Some(seen) if seen.terminating => return Next::Wait(pod),
            Some(seen) if seen.phase == Phase::Ended => return Next::Do(Step::Delete { pod, why: Why::Ended }),
            None => return Next::Do(Step::Create { pod }),
            Some(seen) if !seen.healthy() => return Next::Wait(pod),
            Some(_) => {}
        }
    }
    // 2. From the highest down: surplus pods, one at a time. One that is not ready waits for an unhealthy one below it.
    let surplus = pods.range(wanted.replicas..);
    if let Some((&pod, seen)) = surplus.clone().next_back() {
        let lowest = surplus.clone().find(|(_, seen)| !seen.healthy()).map(|(n, _)| *n);
        return match lowest {
            _ if seen.terminating => Next::Wait(pod),
            Some(lowest) if !seen.healthy() && lowest != pod => Next::Wait(lowest),
            Some(_) | None => Next::Do(Step::Delete { pod, why: Why::Surplus }),
        };
    }
    // 3. From the highest down: pods of another template, one at a time; step 1 waits for what comes in their place.
    let outdated = pods.iter().rev().find(|(_, seen)| seen.revision != wanted.update);
    match outdated {
        Some((&pod, _)) => Next::Do(Step::Delete { pod, why: Why::Outdated }),
        None => Next::Settled,
    }
}

/// What becomes of volumes that no pod needs any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum Kept {
    /// They stay.
    Retain,
    /// They go with their pods.
    Delete,
}

/// The volumes that go: of pods beyond `replicas` that are gone themselves.
#[must_use]
pub fn surplus_claims(kept: Kept, replicas: u8, pods: &BTreeMap<u8, Seen>, claims: &BTreeSet<u8>) -> BTreeSet<u8> {
    match kept {
        Kept::Retain => BTreeSet::new(),
        Kept::Delete => claims.range(replicas..).filter(|pod| !pods.contains_key(pod)).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `R1` ready, `p` pending, `r` running and not ready, `E` ended, `T` terminating; then the revision; `-` no pod.
    fn pods(text: &str) -> BTreeMap<u8, Seen> {
        let one = |(n, word): (usize, &str)| {
            let (letter, revision) = word.split_at(1);
            let (phase, ready, terminating) = match letter {
                "-" => return None,
                "R" => (Phase::Running, true, false),
                "r" => (Phase::Running, false, false),
                "p" => (Phase::Pending, false, false),
                "E" => (Phase::Ended, false, false),
                "T" => (Phase::Running, false, true),
                other => panic!("{other}"),
            };
            let revision = revision.parse().unwrap_or(1);
            Some((u8::try_from(n).expect("small"), Seen { revision, phase, ready, terminating }))
        };
        text.split_whitespace().enumerate().filter_map(one).collect()
    }

    fn said(replicas: u8, update: Revision, text: &str) -> String {
        match next(&Wanted { replicas, update }, &pods(text)) {
            Next::Do(Step::Create { pod }) => format!("create {pod}"),
            Next::Do(Step::Delete { pod, why }) => format!("delete {pod}: {why:?}"),
            Next::Wait(pod) => format!("wait for {pod}"),
            Next::Settled => "settled".to_owned(),
        }
    }

    #[test]
    fn order_of_creation_and_of_scaling_down() {
        for (replicas, pods, want) in [
            (3, "", "create 0"),
            (3, "p", "wait for 0"),
            (3, "r", "wait for 0"),
            (3, "R", "create 1"),
            (3, "R r", "wait for 1"),
            (3, "R R R", "settled"),
            // One that was deleted by hand or evicted is made again before anything behind it is looked at.
            (3, "R T R", "wait for 1"),
            (3, "R - R", "create 1"),
            (3, "- R R", "create 0"),
            // And a pod that ended is deleted first.
            (3, "R E R", "delete 1: Ended"),
            (3, "R p R", "wait for 1"),
            // Down from the highest, one at a time.
            (2, "R R R R", "delete 3: Surplus"),
            (2, "R R R T", "wait for 3"),
            (2, "R R R", "delete 2: Surplus"),
            (2, "R R", "settled"),
            (0, "R R", "delete 1: Surplus"),
            (0, "R", "delete 0: Surplus"),
            (0, "", "settled"),
            // A pod that is not ready holds up scaling down, unless it is the first to go.
            (2, "R r R R", "wait for 1"),
            (2, "R R R r", "delete 3: Surplus"),
            (2, "R R r R", "delete 3: Surplus"),
            (2, "R R r r", "wait for 2"),
        ] {
            assert_eq!(said(replicas, 1, pods), want, "{replicas}: {pods}");
        }
    }

    #[test]
    fn order_of_an_update() {
        for (pods, want) in [
            ("R1 R1 R1", "delete 2: Outdated"),
            ("R1 R1 T1", "wait for 2"),
            // The pod whose turn it was is of the new template.
            ("R1 R1 -", "create 2"),
            ("R1 R1 r2", "wait for 2"),
            ("R1 R1 R2", "delete 1: Outdated"),
            // A pod below, lost meanwhile, comes before it, and is a new one as well.
            ("R1 - R2", "create 1"),
            ("- R1 T1", "create 0"),
            ("R1 R2 R2", "delete 0: Outdated"),
            ("T1 R2 R2", "wait for 0"),
            ("- R2 R2", "create 0"),
            ("R2 R2 R2", "settled"),
            // One that never gets ready stops everything, also the update that would mend it.
            ("R1 R1 r3", "wait for 2"),
            ("R1 R1 p3", "wait for 2"),
        ] {
            assert_eq!(said(3, 2, pods), want, "{pods}");
        }
        // Scaling goes first.
        assert_eq!(said(4, 2, "R1 R1 R1"), "create 3");
        assert_eq!(said(2, 2, "R1 R1 R1"), "delete 2: Surplus");
    }

    #[test]
    fn volumes_stay_or_go_with_their_pods() {
        let claims = BTreeSet::from([0, 1, 2, 3]);
        let gone = |kept, replicas, text: &str| surplus_claims(kept, replicas, &pods(text), &claims);
        assert_eq!(gone(Kept::Retain, 2, "R R"), BTreeSet::new());
        assert_eq!(gone(Kept::Delete, 2, "R R T"), BTreeSet::from([3]), "the pod still runs");
        assert_eq!(gone(Kept::Delete, 2, "R R"), BTreeSet::from([2, 3]));
        assert_eq!(gone(Kept::Delete, 4, "R R"), BTreeSet::new(), "the pods come back");
    }
}
