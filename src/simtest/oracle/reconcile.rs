//! Reconciling beside a search of its own, object by object: what is wrong between running pods is put right where it
//! stands. The longest chain of a plan must be as long as the search's fewest rounds; and the plan, played in rounds on the
//! model, must do in each of them only what the model allows there.
//!
//! **The model.** A side is there or not, has a place or not, a sender or not, and its definition lacks tables, has one too
//! many, or has an old address. In a round each side may do one statement, and a look at its tables beside it. Definitions
//! change while neither side sends: addresses, then what is missing, then what is too much. What a pod committed to a
//! table before its ADD TABLE or its pin is in no stream, so the tables are proved empty after it; until the first side is
//! proved the other one gets nothing, so that everybody sees that they differ; and until both are proved nothing is taken
//! away, because what was added must be able to go again (the last item of an object cannot). Senders start when both sides
//! are right. All CREATEs of a pod follow each other and come before any pin. What is [`Fate::Removed`] is delivered, then
//! stopped, then dropped. A lock timeout that a killed run left is put back at once on every pod that answers, where no copy of
//! this plan needs it first. Not modelled: contents, time, failures of steps, and how rows are copied: where a copy is due, only
//! which pods get it.

mod cluster;
mod copying;
mod model;
mod object;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    cluster::Cluster,
    model::Model,
    object::{Fate, Object, Side, Step},
};
use super::world::Pod;
use crate::{
    lab::sim::Rng,
    plan::{self, Action, ApprovalClass, Op, Plan, RefusalKind, RunWhen},
};

/// In which round each action runs when all goes well, the first being 1; what takes something back does not run then.
fn rounds(actions: &[Action]) -> BTreeMap<plan::ActionId, usize> {
    let mut rounds: BTreeMap<plan::ActionId, usize> = BTreeMap::new();
    for a in actions {
        let before = a.waits().filter_map(|id| rounds.get(&id)).max().copied().unwrap_or(0);
        rounds.insert(a.id, before + usize::from(!is_undo(a) && !puts_back(a)));
    }
    rounds
}

/// Slaves that get rows from pod 0.
fn copies(plan: &Plan) -> BTreeSet<usize> {
    let copied = |a: &Action| match a.op {
        Op::Sync { peer, .. } | Op::SyncTables { peer, .. } => Some(usize::from(peer.get())),
        _ => None,
    };
    plan.actions.iter().filter_map(copied).collect()
}

fn is_about(a: &Action, o: &Object) -> bool {
    a.op.object().is_some_and(|name| name.to_string() == o.name) && o.ends.contains(&usize::from(a.pod.get()))
}

/// What no object of its own needs: steps of a copy, about its objects, its pods, or from where its members deliver.
fn is_of_a_copy(a: &Action, plan: &Plan, objects: &[Object]) -> bool {
    if copies(plan).is_empty() {
        return false;
    }
    match objects.iter().find(|o| is_about(a, o)) {
        Some(o) => o.fate == Fate::Copied || (matches!(a.op, Op::Flush { .. }) && o.fate != Fate::Removed),
        None => !matches!(a.op, Op::CheckEmpty { .. }),
    }
}

fn is_undo(a: &Action) -> bool {
    matches!(a.run, RunWhen::Undo { .. })
}

/// A setting that a killed run left: beside everything else, and of no round of its own.
fn puts_back(a: &Action) -> bool {
    a.run == RunWhen::Normal && a.after.is_empty() && matches!(a.op, Op::SetProperty { from: 0, to: 30, .. })
}

/// What was left is put back once, at once; pod 0's when its copies are over, whatever becomes of them.
fn settings(plan: &Plan, c: &Cluster) -> Result<(), String> {
    for p in (0..c.pods.len()).filter(|p| matches!(c.pods[*p], Pod::Closed | Pod::Open)) {
        let on = |a: &&Action| usize::from(a.pod.get()) == p && matches!(a.op, Op::SetProperty { .. });
        let sets: Vec<_> = plan.actions.iter().filter(on).collect();
        let copies = p == 0 && !copies(plan).is_empty();
        let right = match (c.lock, copies, sets.as_slice()) {
            (true, false, []) => true,
            (true, true, [off, back]) => !puts_back(off) && !puts_back(back),
            (false, false, [one]) => puts_back(one),
            (false, true, [one]) => {
                matches!((&one.op, &one.run), (Op::SetProperty { to: 30, .. }, RunWhen::Always { .. }))
            }
            (true | false, true | false, _) => false,
        };
        if !right {
            return Err(format!("the lock timeout of pod {p} is not put back as it should be"));
        }
    }
    Ok(())
}

/// Plays the plan on the model, every action as early as it may run.
fn play(plan: &Plan, objects: &[Object], created: usize) -> Result<(), String> {
    let when = rounds(&plan.actions);
    let mut now: Vec<[Side; 2]> = objects.iter().map(|o| o.sides).collect();
    for round in 1..=when.values().max().copied().unwrap_or(0) {
        let old = now.clone();
        let mut busy = BTreeSet::new();
        let mut creating = BTreeSet::new();
        let now_due =
            |a: &&Action| when[&a.id] == round && !is_undo(a) && !puts_back(a) && !is_of_a_copy(a, plan, objects);
        for a in plan.actions.iter().filter(now_due) {
            let pod = usize::from(a.pod.get());
            let step = match &a.op {
                Op::CheckEmpty { targets } => {
                    let mut looked = false;
                    for (o, (old, now)) in objects.iter().zip(old.iter().zip(&mut now)) {
                        let Some(i) = o.ends.iter().position(|end| *end == pod) else { continue };
                        let asked = o.provable(old, i);
                        if asked.is_some_and(|asked| asked.iter().all(|t| targets.contains(t))) {
                            now[i] = now[i].proved();
                            looked = true;
                        }
                    }
                    if !looked && !copies(plan).contains(&pod) {
                        return Err(format!("{} proves nothing", a.id));
                    }
                    continue;
                }
                op => step(op).ok_or_else(|| format!("{} is no step of the model", a.id))?,
            };
            let at = objects.iter().position(|o| is_about(a, o)).ok_or_else(|| format!("{} is about nothing", a.id))?;
            let (o, before) = (&objects[at], &old[at]);
            let i = usize::from(o.ends[1] == pod);
            if step == Step::Create && o.made[i] {
                if !creating.insert(pod) || round > created {
                    return Err(format!("{} does not come in its turn", a.id));
                }
                continue;
            }
            let allowed = o.steps(before, i, round > created);
            let Some((_, side)) = allowed.into_iter().find(|(s, _)| *s == step) else {
                return Err(format!("{} ({step:?}) is not open to it in round {round}: {before:?}", a.id));
            };
            if !busy.insert((at, i)) {
                return Err(format!("{} is not the only one about its object in round {round}", a.id));
            }
            let proved = now[at][i].proved;
            now[at][i] = Side { proved, ..side };
        }
        if let Some(at) = now.iter().position(|s| s[0].gaining && s[1].gaining) {
            return Err(format!("both sides of {} are changed in round {round}", objects[at].name));
        }
    }
    match objects.iter().zip(&now).find(|(o, now)| !o.done(now)) {
        Some((o, now)) => Err(format!("{} is not what it should be in the end: {now:?}, {:?}", o.name, o.fate)),
        None => Ok(()),
    }
}

fn step(op: &Op) -> Option<Step> {
    match op {
        Op::CreateReplication { .. } => Some(Step::Create),
        Op::DropReplication { .. } => Some(Step::Remove),
        Op::AddTable { target, .. } => (0..4).find(|t| Cluster::table(*t) == *target).map(|t| Step::Add(t % 2)),
        Op::DropTable { target, .. } => (*target == Cluster::table(cluster::EXTRA)).then_some(Step::DropExtra),
        Op::ChangeHost { .. } => Some(Step::Address),
        Op::Start { .. } => Some(Step::Start),
        Op::Pin { .. } => Some(Step::Pin),
        Op::Stop { .. } => Some(Step::Stop),
        Op::Flush { .. } => Some(Step::Flush),
        Op::ClearOption { .. }
        | Op::SetOption { .. }
        | Op::SetLogPath { .. }
        | Op::ReadLogs { .. }
        | Op::Retry { .. }
        | Op::Drain { .. }
        | Op::Anchor { .. }
        | Op::Reset { .. }
        | Op::Unpin { .. }
        | Op::SetProperty { .. }
        | Op::CheckQuiet { .. }
        | Op::Truncate { .. }
        | Op::CheckEmpty { .. }
        | Op::Sync { .. }
        | Op::SyncTables { .. }
        | Op::CheckContents { .. }
        | Op::CheckHolds { .. }
        | Op::Fence
        | Op::CheckDelivered { .. }
        | Op::Open
        | Op::Delay { .. }
        | Op::WriteMarker
        | Op::RemoveMarker
        | Op::WriteLedger { .. }
        | Op::MendRows(_)
        | Op::DeleteRows(_) => None,
    }
}

/// Pods on which a definition goes, so that somebody says yes to it.
fn loses_definition(objects: &[Object]) -> BTreeSet<usize> {
    let goes = |o: &Object, i: usize| match o.fate {
        Fate::Removed => o.sides[i].there,
        Fate::Connected => o.sides[i].eager,
        Fate::Settled(mine) => mine[i] && o.sides[i].eager,
        Fate::Left | Fate::Runs | Fate::Corrected { .. } | Fate::Copied => false,
    };
    let ends = |o: &Object| (0..2).filter(|i| goes(o, *i)).map(|i| o.ends[i]).collect::<Vec<_>>();
    objects.iter().flat_map(ends).collect()
}

pub fn case(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(79));
    let cluster = Cluster::random(&mut rng);
    let w = cluster.observed();
    let ours = plan::make(&w.desired, &w.observed);
    let model = Model::new(&cluster);
    let told = || format!("seed {seed}: {cluster:#?}\nours: {ours:#?}");
    let plan = match (&ours, model.is_refused()) {
        (Ok(plan), false) => plan,
        (Err(refusal), true) => {
            assert_ne!(refusal.kind, RefusalKind::OurBug, "{}", told());
            return;
        }
        (Ok(_), true) => panic!("a plan where there is none; {}", told()),
        (Err(_), false) => panic!("no plan where there is one; {}", told()),
    };
    let copies = copies(plan);
    assert_eq!(copies, model.copies.iter().map(|(k, _)| *k).collect(), "{}", told());
    let objects = model.objects();
    let asked = plan.approvals.iter().filter(|a| a.class == ApprovalClass::RemovesDefinition);
    let asked: BTreeSet<usize> = asked.filter_map(|a| a.scope.rsplit('/').next()?.parse().ok()).collect();
    assert_eq!(asked, loses_definition(&objects), "{}", told());
    let changes = |a: &Action| !matches!(a.op, Op::Flush { .. });
    let touched = |o: &Object| plan.actions.iter().any(|a| is_about(a, o) && changes(a));
    if let Some(o) = objects.iter().find(|o| o.fate == Fate::Left && o.made == [false; 2] && touched(o)) {
        panic!("{} is to be left as it is; {}", o.name, told());
    }
    let made =
        |p: usize| objects.iter().flat_map(|o| o.ends.iter().zip(o.made)).filter(|end| *end == (&p, true)).count();
    let created = (0..cluster.pods.len()).map(made).max().unwrap_or(0);
    let fewest = objects.iter().map(|o| o.fewest(created)).max().unwrap_or(0).max(created);
    if let Err(why) = settings(plan, &cluster).and_then(|()| play(plan, &objects, created)) {
        panic!("{why}; {}", told());
    }
    if copies.is_empty() {
        let deepest = rounds(&plan.actions).into_values().max().unwrap_or(0);
        assert_eq!(deepest, fewest, "{}", told());
    } else if let Err(why) = copying::check(plan, &model, &objects) {
        panic!("{why}; {}", told());
    }
}
