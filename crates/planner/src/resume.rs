//! What is left of a half-applied plan, and whether that may still be done. Pure.
//!
//! A journal is evidence, never truth: an action counts as done when the journal says so *and* the pods still show what it
//! made. Whatever waits for an action that is not done is not done either, and an action that was put back or taken back
//! is as if it had never been. A look (is it quiet, empty, equal?) is made again while what it protects is left. A fact that is neither what the plan expects nor the trace of its own actions bars the
//! rest: there is no "continue anyway".

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    plan::{Action, ActionId, Before, Effect, Milestone, Op, Plan, RunWhen},
    topology::Ordinal,
};
use foldhash::{HashMap, HashMapExt as _, HashSet};

use super::facts::{ANYTHING, Changed, Changes, Fact, Facts, Post};

/// What earlier runs of a plan have to do with one of its actions, by their journals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorOutcome {
    /// One of them did it.
    Did,
    /// It was so before the first of them.
    FoundSo,
    /// It was begun, and is not known to be done: what it makes may be there or not.
    Begun,
}

impl PriorOutcome {
    /// Whether the journals call it done.
    #[must_use]
    pub fn done(self) -> bool {
        match self {
            Self::Did | Self::FoundSo => true,
            Self::Begun => false,
        }
    }
}

/// By action; those that no run began are missing.
pub type CompletedActions = BTreeMap<ActionId, PriorOutcome>;

/// Splits a half-applied plan: gives back its actions that are done, with what the journals say about them. All others
/// are to be done, in the order of the plan. `then` are the facts of the plan, `now` those of the same plan as they are.
///
/// # Errors
/// What bars the rest, as for a plan that is begun.
pub fn done(plan: &Plan, then: &Facts, now: &Facts, past: &CompletedActions) -> Result<CompletedActions, Changes> {
    let looked = Looked { plan, then, now: values(now), past, writers: writers(plan, then) };
    let open: BTreeSet<ActionId> =
        plan.actions.iter().map(|a| a.id).filter(|id| !looked.past(*id).is_some_and(PriorOutcome::done)).collect();
    let mut left = open.clone();
    // What is left only grows, and with it what is not done after all, so the order in which that is found does not matter.
    while looked.undone(&mut left) {}
    let matter = looked.bars(&left);
    if !matter.is_empty() {
        let matter = looked.lost(&open, matter);
        return Err(Changes { matter, idle: 0, done: Vec::new() });
    }
    Ok(past.iter().filter(|(id, _)| !left.contains(id)).map(|(id, earlier)| (*id, *earlier)).collect())
}

/// Actions of the rest that delete, forget or copy what a plan of now would leave alone; empty when the rest goes no
/// further than that plan.
#[must_use]
pub fn beyond<'a>(plan: &'a Plan, done: &CompletedActions, fresh: &Plan) -> Vec<&'a Action> {
    let known: HashSet<(Ordinal, String)> = fresh.actions.iter().map(|a| (a.pod, uncounted(&a.op))).collect();
    let harms = |a: &&Action| match a.op.effect() {
        Effect::DeletesRows | Effect::RemovesDefinition | Effect::ForgetsPosition | Effect::CopiesRows => true,
        Effect::Observe | Effect::Define | Effect::Run | Effect::Setting | Effect::Marks => false,
    };
    plan.actions
        .iter()
        .filter(|a| a.run == RunWhen::Normal && !done.contains_key(&a.id))
        .filter(harms)
        .filter(|a| !known.contains(&(a.pod, uncounted(&a.op))))
        .collect()
}

/// As text, without the number of rows, which moves while clients write.
fn uncounted(op: &Op) -> String {
    let mut op = op.clone();
    if let Op::Sync { rows, .. } | Op::SyncTables { rows, .. } = &mut op {
        *rows = None;
    }
    crate::saved::to_value(op).to_string()
}

type Values<'a> = BTreeMap<(Ordinal, &'a str), &'a str>;

fn values(facts: &Facts) -> Values<'_> {
    facts.all.iter().map(|f| ((f.pod, f.key.as_str()), f.value.as_str())).collect()
}

fn at(post: &Post) -> (Ordinal, &str) {
    (post.pod, post.key.as_str())
}

/// The actions that make each fact anew, in the order of the plan.
type Writers<'a> = HashMap<(Ordinal, &'a str), Vec<&'a Action>>;

fn writers<'a>(plan: &'a Plan, then: &'a Facts) -> Writers<'a> {
    let mut writers: Writers<'a> = HashMap::new();
    for a in &plan.actions {
        for post in then.uses.get(&a.id).map_or(&[][..], |u| u.post.as_slice()) {
            writers.entry(at(post)).or_default().push(a);
        }
    }
    writers
}

struct Looked<'a> {
    plan: &'a Plan,
    then: &'a Facts,
    now: Values<'a>,
    past: &'a CompletedActions,
    writers: Writers<'a>,
}

impl<'a> Looked<'a> {
    fn past(&self, id: ActionId) -> Option<PriorOutcome> {
        self.past.get(&id).copied()
    }

    fn did(&self, id: ActionId) -> bool {
        self.past(id).is_some_and(PriorOutcome::done)
    }

    fn posts(&self, id: ActionId) -> &'a [Post] {
        self.then.uses.get(&id).map_or(&[], |u| u.post.as_slice())
    }

    fn seen(&self, key: (Ordinal, &str)) -> &'a str {
        self.now.get(&key).copied().unwrap_or("not looked at")
    }

    /// Adds actions that are not done after all. Whether there was one.
    fn undone(&self, left: &mut BTreeSet<ActionId>) -> bool {
        let before = left.len();
        // An action waits for earlier ones only, so one walk finds all that wait for what is left.
        let mut reached: HashMap<usize, bool> = HashMap::new();
        for a in &self.plan.actions {
            if left.contains(&a.id) {
                continue;
            }
            let mut any = |m: &Milestone| {
                *reached.entry(m.identity()).or_insert_with(|| m.actions().iter().any(|id| left.contains(id)))
            };
            let armed = match &a.run {
                RunWhen::Normal => false,
                RunWhen::Always { armed_by } => left.contains(armed_by),
                RunWhen::Undo { armed_by, until } => left.contains(armed_by) || any(until),
            };
            let waits = armed
                || a.after.iter().any(|after| match &after.before {
                    Before::Action(id) => left.contains(id),
                    Before::Milestone(m) => any(m),
                });
            if waits {
                left.insert(a.id);
            }
        }
        if left.len() > before {
            return true;
        }
        if let Some(armed_by) = self.taken_back(left) {
            return left.insert(armed_by);
        }
        let outside = || self.plan.actions.iter().filter(|a| !left.contains(&a.id));
        let more: Vec<ActionId> = outside().filter(|a| self.is_old(a, left)).map(|a| a.id).collect();
        if more.is_empty() {
            let other: Vec<ActionId> = outside().filter(|a| self.shows_otherwise(a, left)).map(|a| a.id).collect();
            left.extend(other);
        }
        left.extend(more);
        left.len() > before
    }

    /// Whether a look was made too long ago for what it was to protect: no fact tells what happened since. What it
    /// protects comes after it and is left.
    fn is_old(&self, a: &Action, left: &BTreeSet<ActionId>) -> bool {
        let later = || self.plan.actions.iter().filter(|b| b.id > a.id && b.run == RunWhen::Normal);
        let is_left = |effect: Effect| later().any(|b| b.op.effect() == effect && left.contains(&b.id));
        match &a.op {
            Op::CheckQuiet { .. } => is_left(Effect::DeletesRows) || is_left(Effect::CopiesRows),
            Op::CheckEmpty { .. } => is_left(Effect::CopiesRows),
            // The pod may have been open in between. Once a position is forgotten there is nothing to flush any more.
            Op::CheckDelivered { .. } | Op::Flush { .. } => {
                // Without a fence a FLUSH never covered what was committed after it.
                let fenced = self.plan.actions.iter().any(|b| b.pod == a.pod && b.op == Op::Fence);
                let forgets = || later().filter(|b| b.op.effect() == Effect::ForgetsPosition && b.pod == a.pod);
                fenced && forgets().next().is_some() && forgets().all(|b| left.contains(&b.id) && !self.did(b.id))
            }
            // Another run may have begun a copy of its own meanwhile, on another machine. What other pods wrote since
            // arrives only later, so this may fail where nothing is wrong; then a plan of now copies anew. Once users are
            // admitted it has served.
            // The other pod was open in between, or a restart lost rows.
            Op::CheckHolds { .. } => is_left(Effect::ForgetsPosition) || is_left(Effect::DeletesRows),
            Op::CheckContents { .. } => match later().find(|b| b.pod == a.pod && b.op == Op::Open) {
                Some(open) => left.contains(&open.id),
                None => later().any(|b| left.contains(&b.id)),
            },
            Op::CreateReplication { .. }
            | Op::DropReplication { .. }
            | Op::AddTable { .. }
            | Op::DropTable { .. }
            | Op::ChangeHost { .. }
            | Op::ClearOption { .. }
            | Op::SetOption { .. }
            | Op::SetLogPath { .. }
            | Op::ReadLogs { .. }
            | Op::Retry { .. }
            | Op::Start { .. }
            | Op::Pin { .. }
            | Op::Anchor { .. }
            | Op::Drain { .. }
            | Op::Stop { .. }
            | Op::Reset { .. }
            | Op::Unpin { .. }
            | Op::SetProperty { .. }
            | Op::Truncate { .. }
            | Op::Sync { .. }
            | Op::SyncTables { .. }
            | Op::Fence
            | Op::Delay { .. }
            | Op::Open
            | Op::WriteMarker
            | Op::RemoveMarker
            | Op::WriteLedger { .. }
            | Op::MendRows(_)
            | Op::DeleteRows(_) => false,
        }
    }

    /// An action whose effect an earlier run took back, or put back before all that needs it was done.
    fn taken_back(&self, left: &BTreeSet<ActionId>) -> Option<ActionId> {
        self.plan.actions.iter().find_map(|a| {
            // Where it only began, the pods show how far it came.
            let ran = self.past(a.id).is_some_and(PriorOutcome::done);
            let armed_by = match &a.run {
                RunWhen::Undo { armed_by, .. } if ran => armed_by,
                RunWhen::Always { armed_by } if ran && left.contains(&a.id) => armed_by,
                RunWhen::Normal | RunWhen::Undo { .. } | RunWhen::Always { .. } => return None,
            };
            (!left.contains(armed_by)).then_some(*armed_by)
        })
    }

    /// Whether the pods do not show what a done action made, and no later action explains that: one that is done, or one
    /// that was begun and may find its own work done.
    fn shows_otherwise(&self, a: &Action, left: &BTreeSet<ActionId>) -> bool {
        let posts = self.posts(a.id);
        if let Op::Truncate { .. } = &a.op {
            // Rows come back with the copy: only one that is still to be made needs the target empty.
            let copy = |b: &&Action| b.id > a.id && left.contains(&b.id) && b.op.effect() == Effect::CopiesRows;
            return self.plan.actions.iter().any(|b| copy(&b)) && posts.iter().any(|p| self.seen(at(p)) != p.value);
        }
        let explains = |b: &Action, p: &Post| {
            let made = self.posts(b.id).iter().find(|q| at(q) == at(p));
            if left.contains(&b.id) {
                let found = |q: &Post| q.value == ANYTHING || q.value == self.seen(at(p));
                // What puts back or takes back undoes it.
                b.run == RunWhen::Normal
                    && self.past(b.id).is_some()
                    && again(&b.op) != Again::Never
                    && made.is_some_and(found)
            } else {
                made.is_some()
            }
        };
        let later = |p: &Post| {
            let writers = self.writers.get(&at(p)).map_or(&[][..], Vec::as_slice);
            writers.iter().filter(|b| b.id > a.id).any(|b| explains(b, p))
        };
        posts.iter().any(|p| p.value != ANYTHING && self.seen(at(p)) != p.value && !later(p))
    }

    /// Adds, before `matter`, what the journals call done and the pods do not show: it is why so much is left.
    fn lost(&self, open: &BTreeSet<ActionId>, matter: Vec<Changed>) -> Vec<Changed> {
        let done = self.plan.actions.iter().filter(|a| !open.contains(&a.id));
        let posts =
            done.filter(|a| self.shows_otherwise(a, open)).flat_map(|a| self.posts(a.id).iter().map(|p| (a.id, p)));
        let lost = posts.filter(|(_, p)| p.value != ANYTHING && self.seen(at(p)) != p.value).filter_map(|(id, p)| {
            let fact = self.then.all.iter().find(|f| f.pod == p.pod && f.key == p.key)?;
            let told = matter.iter().any(|c| c.id == fact.id);
            let now = self.seen(at(p)).to_owned();
            (!told).then(|| Changed {
                id: fact.id,
                pod: p.pod,
                key: p.key.clone(),
                then: p.value.clone(),
                now,
                used_by: vec![id],
            })
        });
        let mut all: Vec<Changed> = lost.collect();
        all.extend(matter);
        all
    }

    /// Facts that bar what is left.
    fn bars(&self, left: &BTreeSet<ActionId>) -> Vec<Changed> {
        let mut expected = values(self.then);
        for (_, uses) in self.then.uses.iter().filter(|(id, _)| !left.contains(id)) {
            expected.extend(uses.post.iter().map(|p| (at(p), p.value.as_str())));
        }
        let bar = |f: &Fact| {
            let key = (f.pod, f.key.as_str());
            let (then, now) = (expected.get(&key).copied().unwrap_or_default(), self.seen(key));
            if then == now || then == ANYTHING {
                return None;
            }
            let needs = |id: &ActionId| {
                // What takes something back was not decided from the state of things: it follows from what it takes back.
                let decided = self.plan.action(*id).is_some_and(|a| a.run == RunWhen::Normal);
                self.then
                    .uses
                    .get(id)
                    .is_some_and(|u| u.pre.contains(&f.id) || decided && u.because.facts().binary_search(&f.id).is_ok())
            };
            let used_by: Vec<ActionId> =
                left.iter().filter(|id| needs(id) && !self.own_trace(**id, key, now, left)).copied().collect();
            let volatile = f.volatile && !self.refilled(f, left);
            (!volatile && !used_by.is_empty()).then(|| Changed {
                id: f.id,
                pod: f.pod,
                key: f.key.clone(),
                then: then.to_owned(),
                now: now.to_owned(),
                used_by,
            })
        };
        self.then.all.iter().filter_map(bar).collect()
    }

    /// Whether rows are in a table that is to be emptied again although no run of this plan began to copy.
    fn refilled(&self, f: &Fact, left: &BTreeSet<ActionId>) -> bool {
        let copied = self.past.keys().filter_map(|id| self.plan.action(*id));
        let mut emptied = self.plan.actions.iter().filter(|a| left.contains(&a.id) && self.past(a.id).is_some());
        let writes = |a: &Action| self.posts(a.id).iter().any(|p| p.pod == f.pod && p.key == f.key);
        emptied.any(|a| matches!(a.op, Op::Truncate { .. }) && writes(a))
            && !copied.into_iter().any(|a| a.op.effect() == Effect::CopiesRows)
    }

    /// Whether `now` is what an action of this plan left behind that was begun before, and `user` can live with it.
    fn own_trace(&self, user: ActionId, key: (Ordinal, &str), now: &str, left: &BTreeSet<ActionId>) -> bool {
        let writes = |id: ActionId| self.posts(id).iter().find(|p| at(p) == key);
        let begun = |id: &&ActionId| self.past(**id).is_some();
        let mut traces =
            left.iter().filter(begun).filter(|id| writes(**id).is_some_and(|p| p.value == now || p.value == ANYTHING));
        let mut restored =
            left.range(..=user).filter_map(|id| self.plan.action(*id)).filter(|a| writes(a.id).is_some());
        let Some(first) = traces.next() else { return false };
        if restored.any(|a| again(&a.op) == Again::Restores) {
            return true;
        }
        // What comes after it finds what it would find; it itself must bear finding its work done.
        *first <= user && self.plan.action(user).is_some_and(|a| a.id != *first || again(&a.op) != Again::Never)
    }
}

/// What an action makes of what an unfinished run of it left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// It leads to the same whatever an unfinished copy or pin left there.
    Restores,
    /// It may find its own work done.
    Repeats,
    /// It may not: where it began is where others go on from.
    Never,
}

fn again(op: &Op) -> Again {
    match op {
        Op::Reset { .. } | Op::Truncate { .. } => Again::Restores,
        Op::Pin { .. } | Op::Anchor { .. } | Op::Sync { .. } | Op::SyncTables { .. } => Again::Never,
        Op::CreateReplication { .. }
        | Op::DropReplication { .. }
        | Op::AddTable { .. }
        | Op::DropTable { .. }
        | Op::ChangeHost { .. }
        | Op::ClearOption { .. }
        | Op::SetOption { .. }
        | Op::SetLogPath { .. }
        | Op::ReadLogs { .. }
        | Op::Retry { .. }
        | Op::Start { .. }
        | Op::Drain { .. }
        | Op::Stop { .. }
        | Op::Unpin { .. }
        | Op::Flush { .. }
        | Op::SetProperty { .. }
        | Op::CheckQuiet { .. }
        | Op::CheckEmpty { .. }
        | Op::CheckContents { .. }
        | Op::CheckHolds { .. }
        | Op::Fence
        | Op::CheckDelivered { .. }
        | Op::Delay { .. }
        | Op::Open
        | Op::WriteMarker
        | Op::RemoveMarker
        | Op::WriteLedger { .. }
        // Rows that are as on the right pod are found so.
        | Op::MendRows(_)
        | Op::DeleteRows(_) => Again::Repeats,
    }
}

#[cfg(test)]
#[path = "resume_tests.rs"]
mod tests;
