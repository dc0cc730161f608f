//! Tables and groups that aku.conf gained: which pairs lack them, and how each pair gets them. Refuses when no copy of such
//! a table is known to be the right one.
//!
//! A table that is not replicated yet belongs to nobody: pod 0 is the source of all copies, so what pod 0 holds is right,
//! and a slave must hold none of it. Where it is empty on both pods of a pair, ADD TABLE alone is enough. Where pod 0 holds
//! rows and the slave none, they are copied (`copy_in` says how, and why nothing is missed). Where a slave holds rows, no
//! plan of ours can know whether they are the same ones, newer ones or others, so a person decides.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    conf::GroupId,
    desired::Object,
    observe::RowCount,
    plan::{
        Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::{Ordinal, ReplicationName, Target},
};

use super::{
    build,
    cluster_view::ClusterView,
    definition,
    links::{self, Link},
    stakes,
};

/// What is to be done about tables that are not replicated yet.
#[derive(Default)]
pub(super) struct Newcomers {
    /// Slaves that get rows from pod 0, with the targets of each group that they lack.
    pub copies: BTreeMap<Ordinal, BTreeMap<GroupId, Vec<Target>>>,
    /// Pairs that `copy_in` handles.
    copied: BTreeSet<ReplicationName>,
    /// Pairs whose tables cannot be added now.
    put_off: BTreeSet<ReplicationName>,
    /// Tables that a pair which `copy_in` handles lacks and goes on to lack.
    left_out: BTreeMap<ReplicationName, Vec<Target>>,
    /// What a person should know.
    pub notes: Vec<Reason>,
}

impl Newcomers {
    /// Whether `copy_in` handles the object.
    pub fn is_copied(&self, object: &Object) -> bool {
        self.copied.contains(&object.name)
    }

    /// Tables that it goes on to lack although `copy_in` handles it.
    pub fn left_out(&self, object: &Object) -> &[Target] {
        self.left_out.get(&object.name).map_or(&[], Vec::as_slice)
    }

    /// Whether its new tables have to wait.
    pub fn is_put_off(&self, object: &Object) -> bool {
        self.put_off.contains(&object.name)
    }
}

/// Targets of the object's group that at least one side does not replicate; all of them where the pair was never connected.
pub(super) fn lacks<'a>(world: &ClusterView<'a>, object: &'a Object) -> Vec<&'a Target> {
    let targets = &world.desired.groups[&object.group].targets;
    match links::link(world, object) {
        Link::Half => Vec::new(),
        Link::None => targets.iter().filter(|t| !world.moves.gains(&object.name, t)).collect(),
        Link::Live => {
            let missing: Vec<_> = links::sides(object)
                .into_iter()
                .flat_map(|(pod, peer)| definition::wrong(world, pod, peer, object).missing)
                .collect();
            targets.iter().filter(|t| missing.contains(t)).collect()
        }
    }
}

/// An object that was never connected and gets tables from another: what else it has comes with it, or has to wait.
pub(super) fn begun_by_a_move(world: &ClusterView<'_>, object: &Object) -> bool {
    let gains = world.desired.groups[&object.group].targets.iter().any(|t| world.moves.gains(&object.name, t));
    gains && links::link(world, object) != Link::Live
}

fn rows(world: &ClusterView<'_>, pod: Ordinal, target: &Target) -> RowCount {
    world.rows(pod, target)
}

pub(super) fn judge(world: &ClusterView<'_>, active: &BTreeSet<Ordinal>) -> Result<Newcomers, Refusal> {
    let mut found = Newcomers::default();
    let (mut uncounted, mut taken) = (BTreeSet::new(), BTreeSet::new());
    let lacking: Vec<_> = links::pairs(world, active)
        .map(|o| (o, lacks(world, o)))
        .filter(|(o, l)| !l.is_empty() && !begun_by_a_move(world, o))
        .collect();
    if !active.contains(&Ordinal::MASTER) && !lacking.is_empty() {
        put_off_all(
            &mut found,
            &lacking,
            "pod 0 is the source of all copies, and it is not in service; run this again when it is",
        );
        return Ok(found);
    }
    for (object, lack) in lacking.iter().filter(|(o, _)| o.pair.low().is_master()) {
        let slave = object.pair.high();
        for target in lack {
            let (here, there) = (rows(world, Ordinal::MASTER, target), rows(world, slave, target));
            match (here.is_empty(), there.is_empty()) {
                (Some(true), Some(true)) => {}
                (Some(false), Some(true)) => {
                    let lack = lack.iter().map(|t| (*t).clone()).collect();
                    found.copies.entry(slave).or_default().insert(object.group, lack);
                }
                (Some(_), Some(false)) => {
                    taken.insert((slave, (*target).clone(), there.at_least()));
                }
                (None, _) => {
                    uncounted.insert((Ordinal::MASTER, (*target).clone()));
                }
                (_, None) => {
                    uncounted.insert((slave, (*target).clone()));
                }
            }
        }
    }
    refuse_unknown(&uncounted)?;
    refuse_taken(world, &taken)?;
    refuse_broken(world, &found)?;
    if !found.copies.is_empty() && !world.moves.units.is_empty() {
        let mut found = Newcomers::default();
        put_off_all(&mut found, &lacking, "other tables change hands between objects first; run this again after that");
        return Ok(found);
    }
    for object in links::pairs(world, active) {
        with_copies(world, object, &mut found);
    }
    slave_pairs(world, &lacking, &mut found);
    Ok(found)
}

fn put_off_all(found: &mut Newcomers, lacking: &[(&Object, Vec<&Target>)], why: &str) {
    let tables: BTreeSet<_> = lacking.iter().flat_map(|(_, l)| l.iter().map(ToString::to_string)).collect();
    found.put_off = lacking.iter().map(|(o, _)| o.name.clone()).collect();
    let tables: Vec<_> = tables.into_iter().collect();
    let text = format!("{} cannot be added now: {why}", tables.join(", "));
    found.notes.push(Reason::new(Code::NoSource, text));
}

/// Whether a pair beside a copy takes part in it. A half pair stays one, and so does one that was never connected and lacks
/// more than is copied: what its pods committed to the other tables is in no stream.
fn with_copies(world: &ClusterView<'_>, object: &Object, found: &mut Newcomers) {
    let (low, high) = (object.pair.low(), object.pair.high());
    let copied: Vec<_> = [low, high].iter().filter_map(|k| found.copies.get(k)?.get(&object.group)).flatten().collect();
    if copied.is_empty() {
        return;
    }
    let rest: Vec<Target> = lacks(world, object).into_iter().filter(|t| !copied.contains(t)).cloned().collect();
    match links::link(world, object) {
        Link::Half => {}
        Link::Live | Link::None if rest.is_empty() => {
            found.copied.insert(object.name.clone());
        }
        Link::None => {
            found.put_off.insert(object.name.clone());
            found.notes.push(not_connected(world, object, &rest));
        }
        Link::Live => {
            found.notes.push(not_connected(world, object, &rest));
            found.copied.insert(object.name.clone());
            found.left_out.insert(object.name.clone(), rest);
        }
    }
}

fn are_empty(world: &ClusterView<'_>, object: &Object, tables: &[Target]) -> bool {
    let pods = [object.pair.low(), object.pair.high()];
    tables.iter().all(|t| pods.iter().all(|pod| rows(world, *pod, t).is_empty() == Some(true)))
}

fn not_connected(world: &ClusterView<'_>, object: &Object, tables: &[Target]) -> Reason {
    let (low, high) = (object.pair.low(), object.pair.high());
    let names: Vec<_> = tables.iter().map(ToString::to_string).collect();
    let then = if are_empty(world, object, tables) {
        "; run this again after the copy, which adds them where they are still empty".to_owned()
    } else {
        format!(
            ", and hold rows in it; only a new copy of one of them helps: `aku apply end --ordinal {high}`, then `aku apply start --ordinal {high}`"
        )
    };
    let text = format!("pods {low} and {high} do not replicate {} with each other{then}", names.join(", "));
    Reason::new(Code::NotConnected, text)
}

/// Two slaves that both replicate a table with pod 0 and not with each other: rows may have been missed in between.
fn slave_pairs(world: &ClusterView<'_>, lacking: &[(&Object, Vec<&Target>)], found: &mut Newcomers) {
    for (object, lack) in lacking {
        if object.pair.low().is_master() || found.is_copied(object) || found.is_put_off(object) {
            continue;
        }
        let tables: Vec<_> = lack.iter().map(|t| (*t).clone()).collect();
        if !are_empty(world, object, &tables) {
            found.put_off.insert(object.name.clone());
            found.notes.push(not_connected(world, object, &tables));
        }
    }
}

fn refuse_unknown(uncounted: &BTreeSet<(Ordinal, Target)>) -> Result<(), Refusal> {
    if uncounted.is_empty() {
        return Ok(());
    }
    let text = "aku.conf gained tables, and whether they are empty cannot be told; nothing was changed";
    let mut because = vec![Reason::new(Code::NewTableNotEmpty, text)];
    because.extend(
        uncounted
            .iter()
            .map(|(pod, t)| Reason::new(Code::NewTable, format!("the rows of {t} on pod {pod} were not counted"))),
    );
    let next = vec!["see that the tables can be read as SYS on those pods, then run this again".to_owned()];
    Err(Refusal { kind: RefusalKind::CannotTell, because, next })
}

fn refuse_taken(world: &ClusterView<'_>, taken: &BTreeSet<(Ordinal, Target, u64)>) -> Result<(), Refusal> {
    if taken.is_empty() {
        return Ok(());
    }
    let text = "aku.conf gained tables that hold rows on a slave, and whether these are the same as on pod 0, newer ones or others cannot be told; nothing was changed";
    let mut because = vec![Reason::new(Code::NewTableNotEmpty, text)];
    let (mut next, mut empties) = (Vec::new(), false);
    for (pod, t, n) in taken {
        let rows = stakes::rows_of(RowCount::Counted(*n));
        let through = carriers(world, *pod, t);
        let mut held = format!("{t} on pod {pod} holds {rows}");
        if through.is_empty() {
            empties = true;
            next.push(format!("if pod 0 has all rows that count, empty {t} on pod {pod}   (it is not replicated yet, so an ordinary DELETE is enough)"));
        } else {
            let through = through.join(", ");
            held = format!("{held} and is replicated there through {through}");
            next.push(format!(
                "delete nothing from {t}: it replicates through {through}. It moves while the slaves are closed: aku apply end on every slave, aku apply reconcile, then aku apply start on each"
            ));
        }
        because.push(Reason::new(Code::NewTable, held));
    }
    if empties {
        next.push("if a slave has rows that pod 0 lacks, insert them on pod 0 first".to_owned());
    }
    next.push("or take the tables out of aku.conf for now".to_owned());
    Err(Refusal { kind: RefusalKind::Refused, because, next })
}

/// Objects through which a pod replicates a table or a part of it by now: what is deleted from it is deleted everywhere.
fn carriers(world: &ClusterView<'_>, pod: Ordinal, target: &Target) -> Vec<String> {
    let Some(seen) = world.pod(pod) else { return Vec::new() };
    let of_table = |i: &aku_core::observe::Item| i.local.user == target.user && i.local.table == target.table;
    let carries = |r: &aku_core::observe::Replication| r.position.is_live() && r.items.iter().any(of_table);
    seen.replications.iter().filter(|(_, r)| carries(r)).map(|(name, _)| name.to_string()).collect()
}

fn refuse_broken(world: &ClusterView<'_>, found: &Newcomers) -> Result<(), Refusal> {
    let broken = world.pods_broken();
    if broken.is_empty() || found.copies.is_empty() {
        return Ok(());
    }
    let text = format!(
        "rows must be copied, and {} cannot be looked at and may be a member that would miss them; nothing was changed",
        build::pods(&broken)
    );
    let mut because = vec![Reason::new(Code::BrokenPod, text)];
    because.extend(world.notes(None).into_iter().filter(|n| n.code == Code::PodBroken));
    let next = vec!["make those pods answer, or stop them, then run this again".to_owned()];
    Err(Refusal { kind: RefusalKind::CannotTell, because, next })
}
