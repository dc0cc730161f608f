//! An object that gets another name between two running pods, beside a search of its own: the longest chain of a plan must
//! be as long as the search's fewest rounds, and every step must come where the model allows it.
//!
//! **The model.** Two pods, an old object on both, perhaps something of the new one that a broken change left. A side of an
//! object is there or not, has a place or not, sends or not. In a round each side of each object does one statement. What is
//! left of the new object goes first and is made anew. A new side is pinned when both are there, and its pod drained after
//! that; the old one is flushed when both pods are drained, stopped when both are flushed; the higher pod forgets it before
//! the lower; the new one starts when both have forgotten, is flushed when both have started, and then the old one goes. Where an
//! address takes one object the old one goes before the new one gets its address and starts. Not modelled: contents,
//! failures.

use std::collections::{BTreeMap, HashSet};

use crate::{
    desired::Goal,
    lab::sim::Rng,
    observe::{MarkerView, PodView},
    plan::{self, ApprovalClass, Op, RunWhen, testing},
};

/// Where one side of an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Gone,
    None,
    Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Side {
    at: At,
    sends: bool,
    /// How far it has come: see [`Model::steps`].
    done: u8,
}

/// Old and new on both pods, the higher one second.
type State = [[Side; 2]; 2];

const MADE: u8 = 1;
const PINNED: u8 = 2;
const DRAINED: u8 = 3;
const ADDRESSED: u8 = 4;
const STARTED: u8 = 5;
const FLUSHED: u8 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    Pin,
    Drain,
    Start,
    Flush,
    Stop,
    Reset,
    Drop,
    Address,
}

/// One address takes one object.
struct Model {
    alone: bool,
}

impl Model {
    fn old(&self, s: &State, i: usize) -> Option<(Step, Side)> {
        let me = s[0][i];
        let (old, new) = (|f: fn(&Side) -> bool| s[0].iter().all(f), |f: fn(&Side) -> bool| s[1].iter().all(f));
        let due = new(|n| n.done >= FLUSHED) || (self.alone && old(|o| o.at != At::Place));
        match (me.at, me.sends, me.done) {
            (At::Place, false, 0) => Some((Step::Start, Side { sends: true, ..me })),
            (At::Place, true, 0) if new(|n| n.done >= DRAINED) => Some((Step::Flush, Side { done: FLUSHED, ..me })),
            (At::Place, true, FLUSHED) if old(|o| o.done == FLUSHED) => Some((Step::Stop, Side { sends: false, ..me })),
            (At::Place, false, FLUSHED) if old(|o| !o.sends) && (i == 1 || s[0][1].at != At::Place) => {
                Some((Step::Reset, Side { at: At::None, ..me }))
            }
            (At::None, ..) if due && old(|o| o.at != At::Place) => Some((Step::Drop, Side { at: At::Gone, ..me })),
            (At::Gone | At::Place | At::None, ..) => None,
        }
    }

    fn replacement(&self, s: &State, i: usize) -> Option<(Step, Side)> {
        let me = s[1][i];
        let all = |f: fn(&Side) -> bool| s[1].iter().all(f);
        let forgotten = s[0].iter().all(|o| o.at != At::Place);
        let gone = s[0].iter().all(|o| o.at == At::Gone);
        match (me.at, me.done) {
            (At::Gone, _) => Some((Step::Create, Side { at: At::None, sends: false, done: MADE })),
            (_, 0) if me.sends => Some((Step::Stop, Side { sends: false, ..me })),
            (At::Place, 0) => Some((Step::Reset, Side { at: At::None, ..me })),
            // A server has crashed when DROP met a receiver.
            (At::None, 0) if all(|n| !n.sends) => Some((Step::Drop, Side { at: At::Gone, ..me })),
            (_, MADE) if all(|n| n.done >= MADE) => Some((Step::Pin, Side { at: At::Place, done: PINNED, ..me })),
            (_, PINNED) => Some((Step::Drain, Side { done: DRAINED, ..me })),
            (_, DRAINED) if self.alone && gone => Some((Step::Address, Side { done: ADDRESSED, ..me })),
            (_, DRAINED) if !self.alone && forgotten => Some((Step::Start, Side { sends: true, done: STARTED, ..me })),
            (_, ADDRESSED) if all(|n| n.done >= ADDRESSED) => {
                Some((Step::Start, Side { sends: true, done: STARTED, ..me }))
            }
            (_, STARTED) if !self.alone && all(|n| n.done >= STARTED) => {
                Some((Step::Flush, Side { done: FLUSHED, ..me }))
            }
            (At::None | At::Place, _) => None,
        }
    }

    /// What each side may do next: the object (0 old, 1 new), the pod, the step, and the side after it.
    fn steps(&self, s: &State) -> Vec<(usize, usize, Step, Side)> {
        let of = |o: usize, i: usize| {
            let step = if o == 0 { self.old(s, i) } else { self.replacement(s, i) };
            step.map(|(step, side)| (o, i, step, side))
        };
        (0..2).flat_map(|o| (0..2).map(move |i| (o, i))).filter_map(|(o, i)| of(o, i)).collect()
    }

    fn is_over(s: &State) -> bool {
        s[0].iter().all(|o| o.at == At::Gone) && s[1].iter().all(|n| n.sends && n.done >= STARTED)
    }

    /// The fewest rounds: every subset of what may be done is tried.
    fn fewest(&self, begin: State) -> usize {
        let mut level: HashSet<State> = HashSet::from([begin]);
        let mut seen = level.clone();
        for round in 0..30 {
            if level.iter().any(Self::is_over) {
                return round;
            }
            let mut next = HashSet::new();
            for s in level {
                let steps = self.steps(&s);
                for chosen in 1..1_u32 << steps.len() {
                    let mut after = s;
                    for (n, (o, i, _, side)) in steps.iter().enumerate() {
                        if chosen & (1 << n) != 0 {
                            after[*o][*i] = *side;
                        }
                    }
                    if seen.insert(after) {
                        next.insert(after);
                    }
                }
            }
            level = next;
        }
        panic!("the model comes to no end from {begin:?}")
    }
}

fn side(letter: char) -> Side {
    let (at, sends) = match letter {
        'L' | 'T' => (At::Place, true),
        'l' => (At::Place, false),
        'R' => (At::None, false),
        _ => (At::Gone, false),
    };
    Side { at, sends, done: 0 }
}

fn word(op: &Op) -> Option<Step> {
    match op {
        Op::CreateReplication { .. } => Some(Step::Create),
        Op::DropReplication { .. } => Some(Step::Drop),
        Op::ChangeHost { .. } => Some(Step::Address),
        Op::Start { .. } => Some(Step::Start),
        Op::Pin { .. } => Some(Step::Pin),
        Op::Drain { .. } => Some(Step::Drain),
        Op::Stop { .. } => Some(Step::Stop),
        Op::Reset { .. } => Some(Step::Reset),
        Op::Flush { .. } => Some(Step::Flush),
        Op::AddTable { .. }
        | Op::DropTable { .. }
        | Op::ClearOption { .. }
        | Op::SetOption { .. }
        | Op::SetLogPath { .. }
        | Op::ReadLogs { .. }
        | Op::Retry { .. }
        | Op::Unpin { .. }
        | Op::SetProperty { .. }
        | Op::CheckQuiet { .. }
        | Op::Truncate { .. }
        | Op::CheckEmpty { .. }
        | Op::Sync { .. }
        | Op::SyncTables { .. }
        | Op::Anchor { .. }
        | Op::CheckContents { .. }
        | Op::CheckHolds { .. }
        | Op::Fence
        | Op::CheckDelivered { .. }
        | Op::Delay { .. }
        | Op::Open
        | Op::WriteMarker
        | Op::RemoveMarker
        | Op::WriteLedger { .. }
        | Op::MendRows(_)
        | Op::DeleteRows(_) => None,
    }
}

pub fn case(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(83));
    let mut pick = |from: &[&'static str]| from[usize::try_from(rng.below(from.len() as u64)).unwrap_or(0)];
    let old = pick(&["LL", "LL", "ll", "Ll", "lL", "TL"]);
    let new = pick(&["--", "--", "--", "R-", "RR", "lR", "Rl", "ll", "LL", "-l"]);
    let alone = pick(&["1", "1", "0"]) == "0";
    let mut w = testing::Worlds::new(testing::desired(Goal::Reconcile, 2, 1)).up(0, 0).up(1, 0);
    for (name, letters) in [("OLD_01", old), ("AKU_REP_01", new)] {
        for (pod, letter) in [0, 1].into_iter().zip(letters.chars()).filter(|(_, letter)| *letter != '-') {
            w = w.held(pod, name, 1 - pod, letter, &["T1", "T2"]);
        }
    }
    if alone {
        w = w.set(0, "REPLICATION_ALLOW_DUPLICATE_HOSTS", 0).set(1, "REPLICATION_ALLOW_DUPLICATE_HOSTS", 0);
    }
    let w = w.marker(MarkerView::Elsewhere);
    let told =
        || format!("seed {seed}: old {old}, new {new}, alone {alone}: {:#?}", plan::make(&w.desired, &w.observed));
    let plan = plan::make(&w.desired, &w.observed).unwrap_or_else(|_| panic!("no plan; {}", told()));
    assert!(w.observed.pods.values().all(|v| matches!(v, PodView::Seen(_))));
    let model = Model { alone };
    let state = |letters: &str| {
        let mut letters = letters.chars();
        [(); 2].map(|()| side(letters.next().expect("two sides")))
    };
    let mut now: State = [state(old), state(new)];
    let fewest = model.fewest(now);
    let mut when: BTreeMap<plan::ActionId, usize> = BTreeMap::new();
    for a in &plan.actions {
        let before = a.waits().filter_map(|id| when.get(&id)).max().copied().unwrap_or(0);
        when.insert(a.id, before + usize::from(a.run == RunWhen::Normal));
    }
    for round in 1..=when.values().max().copied().unwrap_or(0) {
        let open = model.steps(&now);
        for a in plan.actions.iter().filter(|a| a.run == RunWhen::Normal && when[&a.id] == round) {
            let step = word(&a.op).unwrap_or_else(|| panic!("{} is no step of the model; {}", a.id, told()));
            let i = usize::from(a.pod.get());
            let o = a.op.object().map_or(1, |name| usize::from(name.as_str() != "OLD_01"));
            let allowed = open.iter().find(|(on, at, s, _)| (*on, *at, *s) == (o, i, step));
            let Some((.., after)) = allowed else {
                panic!("{} ({step:?}) is not open to it in round {round}: {now:?}; {}", a.id, told());
            };
            now[o][i] = *after;
        }
    }
    assert!(Model::is_over(&now), "it is not what it should be in the end: {now:?}; {}", told());
    assert_eq!(when.values().max().copied().unwrap_or(0), fewest, "{}", told());
    let asked = plan.approvals.iter().filter(|a| a.class == ApprovalClass::RemovesDefinition).count();
    assert_eq!((asked, plan.approvals.len()), (2, 2), "{}", told());
}
