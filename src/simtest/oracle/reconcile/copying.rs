//! What a copy of new tables into running slaves owes, as an order between the actions of a plan: each rule names two steps,
//! and the second may run only when the first has succeeded. Says nothing about how long a plan may be.
//!
//! For a slave k that gets rows and another pod x (see [`Fate::Copied`]): k is closed, then delivers what it committed and is
//! proved to have nothing left; then the streams of their object stop; x gets the new items, and what it committed by then is
//! flushed to pod 0 (after a pin and a drain where the object was never connected); k is proved empty, then forgets, then
//! gets the items; all of that comes before the copy, which runs without the SYNC lock; it is proved before anything is sent
//! to or from k; k sends before x does; users come in last.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cluster::Cluster,
    model::Model,
    object::{Fate, Object},
};
use crate::plan::{Action, ActionId, Op, Plan, RunWhen};

struct Order<'p> {
    plan: &'p Plan,
    /// What must have run before each action.
    before: BTreeMap<ActionId, BTreeSet<ActionId>>,
}

impl<'p> Order<'p> {
    fn new(plan: &'p Plan) -> Self {
        let mut before: BTreeMap<ActionId, BTreeSet<ActionId>> = BTreeMap::new();
        for a in &plan.actions {
            let mut all = BTreeSet::new();
            for earlier in a.waits() {
                all.insert(earlier);
                all.extend(before[&earlier].iter().copied());
            }
            before.insert(a.id, all);
        }
        Self { plan, before }
    }

    /// What runs on that pod when all goes well, and is so.
    fn on(&self, pod: usize, is: impl Fn(&Op) -> bool) -> Vec<&'p Action> {
        let runs = |a: &&Action| !matches!(a.run, RunWhen::Undo { .. });
        self.plan.actions.iter().filter(runs).filter(|a| usize::from(a.pod.get()) == pod && is(&a.op)).collect()
    }

    /// Of that object.
    fn of(&self, pod: usize, o: &Object, is: impl Fn(&Op) -> bool) -> Vec<&'p Action> {
        self.on(pod, |op| op.object().is_some_and(|name| name.to_string() == o.name) && is(op))
    }

    /// Every first comes before every second.
    fn rule(&self, why: &str, first: &[&Action], second: &[&Action]) -> Result<(), String> {
        for b in second {
            if let Some(a) = first.iter().find(|a| !self.before[&b.id].contains(&a.id)) {
                return Err(format!("{} does not wait for {}: {why}", b.id, a.id));
            }
        }
        Ok(())
    }
}

fn one<'a>(what: &str, found: Vec<&'a Action>) -> Result<Vec<&'a Action>, String> {
    if found.len() == 1 { Ok(found) } else { Err(format!("{} times {what}", found.len())) }
}

fn is_definition(op: &Op) -> bool {
    matches!(op, Op::AddTable { .. } | Op::ChangeHost { .. })
}

pub fn check(plan: &Plan, model: &Model<'_>, objects: &[Object]) -> Result<(), String> {
    let order = Order::new(plan);
    let slaves: BTreeSet<usize> = model.copies.iter().map(|(k, _)| *k).collect();
    let syncs = order.on(0, |op| matches!(op, Op::Sync { .. } | Op::SyncTables { .. }));
    if syncs.len() != model.copies.len() {
        return Err(format!("{} copies instead of {}", syncs.len(), model.copies.len()));
    }
    if model.c.lock {
        let sets = order.on(0, |op| matches!(op, Op::SetProperty { .. }));
        let [off, back] = sets[..] else { return Err(format!("the lock is set {} times", sets.len())) };
        order.rule("a SYNC that waits for its lock starves the receivers", &[off], &syncs)?;
        order.rule("the lock comes back when the copy is over", &syncs, &[back])?;
    }
    for k in slaves {
        let copied: Vec<_> = objects.iter().filter(|o| o.fate == Fate::Copied && o.ends.contains(&k)).collect();
        let gets = |o: &&&Object| model.copies.contains(&(k, o.group));
        let mine: Vec<_> = copied.iter().filter(gets).copied().collect();
        slave(&order, model, k, &mine)?;
        for o in mine {
            object(&order, model, k, o)?;
        }
    }
    Ok(())
}

/// What is done once for a slave.
fn slave(order: &Order<'_>, model: &Model<'_>, k: usize, mine: &[&Object]) -> Result<(), String> {
    let fence = one("a fence", order.on(k, |op| matches!(op, Op::Fence)))?;
    let proof = one("a proof of the contents", order.on(k, |op| matches!(op, Op::CheckContents { .. })))?;
    let into_k = order.on(0, |op| match op {
        Op::Sync { peer, .. } | Op::SyncTables { peer, .. } => usize::from(peer.get()) == k,
        _ => false,
    });
    order.rule("it looks at what was copied", &into_k, &proof)?;
    let lacks = |o: &Object| model.lacks(0, k, o.group);
    let wanted = |o: &&Object| {
        (0..2).filter(|bit| lacks(o) & (1 << bit) != 0).map(|bit| Cluster::table(2 * o.group + bit)).collect::<Vec<_>>()
    };
    let tables: BTreeSet<_> = mine.iter().flat_map(wanted).collect();
    let empty = |op: &Op| matches!(op, Op::CheckEmpty { targets } if tables.iter().all(|t| targets.contains(t)));
    let empty = order.on(k, empty);
    // A correction beside the copy may look at some of the same tables, never at all of them and behind the fence.
    let empty: Vec<_> =
        empty.into_iter().filter(|a| fence.iter().all(|f| order.before[&a.id].contains(&f.id))).collect();
    let empty = one("a proof behind the fence that the new tables are empty", empty)?;
    order.rule("a copy goes only into tables proved empty", &empty, &into_k)?;
    let opens = order.on(k, |op| matches!(op, Op::Open));
    if opens.len() != usize::from(model.is_open(k)) {
        return Err(format!("pod {k} is opened {} times", opens.len()));
    }
    order.rule("users come in when the copy is proved", &proof, &opens)?;
    for o in mine {
        for (pod, x) in [(o.ends[0], o.ends[1]), (o.ends[1], o.ends[0])] {
            let starts = order.of(pod, o, |op| matches!(op, Op::Start { .. }));
            let last: Vec<_> = starts.last().copied().into_iter().collect();
            order.rule("users come in when every stream runs", &last, &opens)?;
            order.rule("nothing is sent before the copy is proved", &proof, &last)?;
            if pod != 0 && last.is_empty() {
                return Err(format!("pod {pod} never sends to pod {x} through {}", o.name));
            }
            let stops = order.of(pod, o, |op| matches!(op, Op::Stop { .. }));
            order.rule("nothing may arrive any more", &stops, &empty)?;
        }
        let side = usize::from(o.ends[1] == k);
        let forgets = order.of(k, o, |op| matches!(op, Op::Reset { .. }));
        if forgets.len() != usize::from(o.sides[side].is_live()) {
            return Err(format!("pod {k} forgets {} {} times", o.name, forgets.len()));
        }
        order.rule("only a slave proved empty forgets", &empty, &forgets)?;
        order.rule("a copy that breaks off must be seen", &forgets, &into_k)?;
        order.rule("a slave that forgot is changed", &forgets, &order.of(k, o, is_definition))?;
    }
    Ok(())
}

/// What is done for one object of a slave.
fn object(order: &Order<'_>, model: &Model<'_>, k: usize, o: &Object) -> Result<(), String> {
    let side = usize::from(o.ends[1] == k);
    let x = o.ends[1 - side];
    let live = o.sides[side].is_live();
    let fence = order.on(k, |op| matches!(op, Op::Fence));
    let stops: Vec<_> = o.ends.iter().flat_map(|end| order.of(*end, o, |op| matches!(op, Op::Stop { .. }))).collect();
    let redefined: Vec<_> = o.ends.iter().flat_map(|end| order.of(*end, o, is_definition)).collect();
    let syncs = order.on(0, |op| match op {
        Op::Sync { peer, .. } | Op::SyncTables { peer, .. } => usize::from(peer.get()) == k,
        _ => false,
    });
    order.rule("definitions are ready before the copy", &redefined, &syncs)?;
    if live {
        let flush = one("a delivery", order.of(k, o, |op| matches!(op, Op::Flush { .. })))?;
        let quiet = order.on(k, |op| matches!(op, Op::CheckDelivered { .. }));
        let quiet = one("a proof that nothing is left to send", quiet)?;
        order.rule("users are out before it delivers", &fence, &flush)?;
        order.rule("the proof looks at what was delivered", &flush, &quiet)?;
        let forgets = order.of(k, o, |op| matches!(op, Op::Reset { .. }));
        order.rule("what is not delivered is not forgotten", &quiet, &forgets)?;
        for stops in o.ends.map(|end| order.of(end, o, |op| matches!(op, Op::Stop { .. }))) {
            let last: Vec<_> = stops.last().copied().into_iter().collect();
            order.rule("a stopped stream delivers nothing", &last, &forgets)?;
        }
    }
    let from_x = order.of(x, o, |op| matches!(op, Op::Start { .. }));
    let from_k = order.of(k, o, |op| matches!(op, Op::Start { .. }));
    let last = |starts: &[&'_ Action]| starts.last().map(|a| a.id);
    if x == 0 || model.copies.contains(&(x, o.group)) {
        return Ok(());
    }
    let (Some(theirs), Some(ours)) = (last(&from_x), last(&from_k)) else {
        return Err(format!("{} does not run on both sides", o.name));
    };
    if !order.before[&theirs].contains(&ours) {
        return Err(format!("{theirs} does not wait for {ours}: the slave's own stream first"));
    }
    // What x committed before its stream to k begins is on pod 0 before the copy.
    let begins: Vec<_> = if live {
        order.of(x, o, is_definition)
    } else {
        let pin = one("a pin", order.of(x, o, |op| matches!(op, Op::Pin { .. })))?;
        let drains = order.on(x, |op| matches!(op, Op::Drain { .. }));
        drains.into_iter().filter(|d| order.before[&d.id].contains(&pin[0].id)).collect()
    };
    if !live && begins.is_empty() {
        return Err(format!("pod {x} is not drained for {}", o.name));
    }
    let to_source = model.c.name(0, x, o.group);
    let about = |op: &Op| op.object().is_some_and(|name| name.to_string() == to_source);
    let delivered = order.on(x, |op| about(op) && matches!(op, Op::Flush { .. }));
    let starts = order.on(x, |op| about(op) && matches!(op, Op::Start { .. }));
    order.rule("only a running sender can be flushed", &starts, &delivered)?;
    let before_the_copy = |f: &&&Action| syncs.iter().all(|s| order.before[&s.id].contains(&f.id));
    let in_the_copy = |f: &&Action| begins.iter().chain(&stops).all(|b| order.before[&f.id].contains(&b.id));
    if !delivered.iter().filter(before_the_copy).any(in_the_copy) {
        return Err(format!("what pod {x} committed before it sends {} to pod {k} is not in the copy", o.name));
    }
    Ok(())
}
