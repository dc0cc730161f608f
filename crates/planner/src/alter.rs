//! A pair that kept its place on both sides is corrected where it stands: STOP both, correct both, START both. Touches no
//! position, and deletes no row.

use aku_core::{
    desired::Object,
    plan::{
        Milestone,
        action::{ActionId, Expect, Op, RunWhen},
        reason::Code,
    },
    topology::{Ordinal, Target},
};

use super::{
    added_targets,
    build::{Builder, Dependencies, why},
    cluster_view::ClusterView,
    definition,
    links::sides,
};

/// STOP both, correct both, START both. New tables are empty on both pods and proved so after each ADD TABLE: what was
/// committed before it is in no stream. Nothing is taken out before that: what was added may have to go again, so that
/// both sides agree as before, and the last item of an object cannot go (ERR-6106F).
pub(super) fn pair(world: &ClusterView<'_>, build: &mut Builder, object: &Object) {
    let name = &object.name;
    let mut stops: Vec<(Ordinal, ActionId)> = Vec::new();
    // A table that changed hands before this left it running.
    let earlier: Vec<ActionId> = sides(object).iter().flat_map(|(pod, _)| build.about(*pod, name)).collect();
    for (pod, peer) in sides(object) {
        if world.is_started(pod, object) || !build.starts_of(pod, name).is_empty() {
            let op = Op::Stop { name: name.clone(), peer };
            let text = "an object is corrected only while neither side sends (ERR-610FE, ERR-6109F)";
            let waits = Dependencies::on(earlier.iter().copied(), "one change of an object at a time");
            stops.push((pod, build.add(pod, op, why(Code::CorrectDefinition, text), waits)));
        }
    }
    let stopped = Dependencies::on(stops.iter().map(|(_, id)| *id), "neither side may be sending");
    let empty = added_targets::lacks(world, object).into_iter().cloned().collect::<Vec<_>>();
    let mut changing = sides(object).map(|ends| (ends, definition::wrong(world, ends.0, ends.1, object).in_turn()));
    // First the side that is proved sooner, because the other one waits for it.
    changing.sort_by_key(|(_, turns)| (!turns.missing.is_nothing(), !turns.address.is_nothing()));
    let moved = changing
        .each_ref()
        .map(|(ends, turns)| definition::correct_what(world, build, *ends, object, turns.address.clone(), &stopped));
    let mut over: Vec<ActionId> = moved.concat();
    let mut added: Vec<(Ordinal, Ordinal, Target, ActionId)> = Vec::new();
    let mut checks: Vec<ActionId> = Vec::new();
    let mut lasts: Vec<Option<ActionId>> = Vec::new();
    for (((pod, peer), turns), moved) in changing.iter().zip(&moved) {
        let first = build.next();
        // The second side is changed only when the first is proved: until then everybody sees that they differ.
        let waits = stopped
            .clone()
            .and(moved.iter().copied(), "one change of an object at a time")
            .and(checks.iter().copied(), "the other side is proved empty first");
        let wrong = turns.missing.clone();
        let gained = definition::correct_what(world, build, (*pod, *peer), object, wrong, &waits);
        for (id, target) in build.added_tables(first) {
            added.push((*pod, *peer, target, id));
        }
        lasts.push(gained.last().or(moved.last()).copied());
        over.extend(gained.iter().copied());
        if empty.is_empty() {
            continue;
        }
        let targets = empty.clone();
        let text =
            format!("what pod {pod} committed to a new table before its ADD TABLE reaches nobody, so it must be empty");
        let check_waits = Dependencies::on(gained, "it looks at what was there before");
        checks.push(build.add(*pod, Op::CheckEmpty { targets }, why(Code::NewTable, text), check_waits));
    }
    over.extend(checks.iter().copied());
    for ((ends, turns), last) in changing.iter().zip(lasts) {
        let waits = stopped
            .clone()
            .and(last, "one change of an object at a time")
            .and(checks.iter().copied(), "until then what was added may have to go again");
        let wrong = turns.extra.clone();
        over.extend(definition::correct_what(world, build, *ends, object, wrong, &waits));
    }
    for (pod, peer, target, id) in added {
        let op = Op::DropTable { name: name.clone(), peer, target: target.clone(), remote: target };
        let text =
            "the table is not empty, or the run stopped before that was proved; the object goes back to what it was";
        let run = RunWhen::Undo { armed_by: id, until: Milestone::of(checks.iter().copied()) };
        let waits = Dependencies::on(checks.iter().copied(), "only if it is not proved empty");
        over.push(build.add_when(pod, op, why(Code::NewTable, text), waits, run));
    }
    for (pod, peer) in sides(object) {
        let op = Op::Start { name: name.clone(), peer, expect: Expect::Live };
        let text = format!("pod {pod} goes on from where it stopped, whatever became of the correction");
        let waits = Dependencies::on(over.iter().copied(), "both sides must agree before they meet");
        let run = match stops.iter().find(|(p, _)| *p == pod) {
            Some((_, armed_by)) => RunWhen::Always { armed_by: *armed_by },
            None => RunWhen::Normal,
        };
        build.add_when(pod, op, why(Code::SendAgain, text), waits, run);
    }
}
