//! What the attributes of a group bar while its pods are in service: an EAGER object is not copied in part, and one
//! with RECOVERY keeps its tables (ERR-61119, ERR-6111E). Refuses; plans nothing.

use std::collections::BTreeSet;

use aku_core::{
    attributes::{GroupMode, ObjectOption},
    desired::Object,
    plan::{
        Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{
    added_targets::Newcomers,
    cluster_view::ClusterView,
    definition,
    links::{self, Link},
};

/// Whether aku.conf asks for EAGER here.
pub(super) fn is_to_be_eager(world: &ClusterView<'_>, object: &Object) -> bool {
    world.desired.groups.get(&object.group).is_some_and(|g| g.attributes.mode() == GroupMode::Eager)
}

/// Whether aku.conf asks for RECOVERY here.
pub(super) fn recovers(world: &ClusterView<'_>, object: &Object) -> bool {
    world.desired.groups.get(&object.group).is_some_and(|g| g.attributes.has(ObjectOption::Recovery))
}

/// Bars a reconcile that would have to copy single tables of an EAGER object, or to change the tables of one with RECOVERY.
pub(super) fn bars(world: &ClusterView<'_>, active: &BTreeSet<Ordinal>, newcomers: &Newcomers) -> Result<(), Refusal> {
    let (mut because, mut next) = (Vec::new(), Vec::new());
    let mut eager = BTreeSet::new();
    for (slave, groups) in &newcomers.copies {
        for group in groups.keys() {
            let object = world.desired.object_between(Ordinal::MASTER, *slave, *group);
            eager.extend(object.filter(|o| is_to_be_eager(world, o)).map(|o| (*slave, o.name.to_string())));
        }
    }
    for (slave, name) in &eager {
        let text = format!(
            "rows of a new table have to be copied to pod {slave} through {name}, which is EAGER and is not copied in part (ERR-61121), so rows could be missed; nothing was changed"
        );
        because.push(Reason::new(Code::EagerJoin, text));
    }
    let slaves: BTreeSet<_> = eager.iter().map(|(slave, _)| *slave).collect();
    next.extend(slaves.iter().map(|slave| format!("aku apply end --ordinal {slave}")));
    if !slaves.is_empty() {
        next.push("aku apply reconcile    (pod 0 gets the new table then)".to_owned());
    }
    next.extend(
        slaves.iter().map(|k| format!("aku apply start --ordinal {k}    (copied anew, beside whoever is in service)")),
    );
    for object in links::pairs(world, active).filter(|o| recovers(world, o)) {
        let right = |(pod, peer): (Ordinal, Ordinal)| definition::all_wrong(world, pod, peer, object).has_its_tables();
        if links::link(world, object) == Link::Live && !links::sides(object).into_iter().all(right) {
            let text = format!(
                "the tables of {} are not those of aku.conf, and an object with RECOVERY takes none and gives none away (ERR-61119, ERR-6111E); nothing was changed",
                object.name
            );
            because.push(Reason::new(Code::DefinitionDiffers, text));
            next.push(
                "take RECOVERY out of aku.conf on both pods and run this; then put it back and run this again"
                    .to_owned(),
            );
        }
    }
    next.dedup();
    if because.is_empty() { Ok(()) } else { Err(Refusal { kind: RefusalKind::Refused, because, next }) }
}
