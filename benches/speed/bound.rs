//! The shortest time in which a plan can be carried out when its actions take as long as they did: no schedule can be
//! faster, whatever its order.
//!
//! Two bounds, the larger counts. Along the DAG: the longest chain. In the lanes of a pod: what must come before the
//! earliest of some of its actions, those actions one after another in as many lanes as there are, and what must follow;
//! over every choice of "those that cannot begin before" and "those that are followed by at least".

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aku::{
    plan::{ActionId, Op, Plan, RunWhen},
    topology::Ordinal,
};

/// Durations of the actions that ran; the others take no time.
pub type Durations = BTreeMap<ActionId, Duration>;

/// The bounds.
pub struct Bound {
    /// Longest chain of the DAG.
    pub chain: Duration,
    /// With lanes.
    pub lanes: Duration,
}

/// Bounds of `plan`; `lanes` says how many actions of a pod may run side by side.
pub fn of(plan: &Plan, took: &Durations, lanes: impl Fn(Ordinal) -> u32) -> Bound {
    let waits = waits(plan);
    let took = |id: &ActionId| took.get(id).copied().unwrap_or_default();
    let heads = chains(&waits, took);
    let mut followers: BTreeMap<ActionId, BTreeSet<ActionId>> = waits.keys().map(|id| (*id, BTreeSet::new())).collect();
    for (id, before) in &waits {
        for b in before {
            followers.entry(*b).or_default().insert(*id);
        }
    }
    let tails = chains(&followers, took);
    let chain = waits.keys().map(|id| heads[id] + took(id) + tails[id]).max().unwrap_or_default();
    let pods: BTreeSet<Ordinal> = plan.actions.iter().map(|a| a.pod).collect();
    let on_pods = pods.into_iter().map(|pod| {
        // A START gives its lane back while it waits for the sender to connect, which is most of its time.
        let lane = |a: &&aku::plan::Action| a.pod == pod && !matches!(a.op, Op::Start { .. });
        let here: Vec<_> = plan.actions.iter().filter(lane).map(|a| a.id).collect();
        // None of them: nothing is said.
        let bound = |head: Duration, tail: Duration| {
            let those: Vec<_> = here.iter().filter(|id| heads[id] >= head && tails[id] >= tail).map(took).collect();
            (!those.is_empty()).then(|| head + those.iter().sum::<Duration>() / lanes(pod) + tail)
        };
        let pairs = here.iter().flat_map(|a| here.iter().map(move |b| (a, b)));
        pairs.filter_map(|(a, b)| bound(heads[a], tails[b])).max().unwrap_or_default()
    });
    let lanes = on_pods.max().unwrap_or_default().max(chain);
    Bound { chain, lanes }
}

fn waits(plan: &Plan) -> BTreeMap<ActionId, BTreeSet<ActionId>> {
    let implied = |run: &RunWhen| match run {
        RunWhen::Normal => Vec::new(),
        RunWhen::Always { armed_by } => vec![*armed_by],
        RunWhen::Undo { armed_by, until } => [&[*armed_by][..], until.actions()].concat(),
    };
    let of = |a: &aku::plan::Action| (a.id, a.waits().chain(implied(&a.run)).collect());
    plan.actions.iter().map(of).collect()
}

/// The longest chain of what each action needs.
fn chains(waits: &BTreeMap<ActionId, BTreeSet<ActionId>>, took: impl Fn(&ActionId) -> Duration) -> Durations {
    let mut known = Durations::new();
    while known.len() < waits.len() {
        let before = known.len();
        for (id, needs) in waits {
            if !known.contains_key(id) && needs.iter().all(|n| known.contains_key(n)) {
                let head = needs.iter().map(|n| known[n] + took(n)).max().unwrap_or_default();
                known.insert(*id, head);
            }
        }
        assert!(known.len() > before, "the actions wait for each other in a circle");
    }
    known
}
