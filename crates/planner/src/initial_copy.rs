//! Rows of tables that aku.conf gained go from pod 0 into the slaves, while the cluster runs. Only the new tables are
//! copied, and nothing that anybody commits meanwhile is missed. Why this order, for a slave k and another member x:
//!
//! 1. k is fenced, and everything it committed is delivered (FLUSH, which behind the fence covers it all). From here until it opens, k commits nothing
//!    of its own. Without that a client of k could put a row into a new table: SYNC onto a table that is not empty leaves
//!    rows out and still says success (`measured.md` 3).
//! 2. The streams of the group between k and every x stop. Positions are kept, so x's changes to other tables wait.
//! 3. x gets the new items. ADD TABLE locks the table, so every change before it is committed and every change after it is
//!    in the stream x -> k. What x committed before must be in the copy: x is flushed to pod 0 after its ADD TABLE.
//! 4. The new tables on k are proved empty. Then k forgets its own positions: there is nothing left to send, and a run that
//!    is killed from here on leaves "pod 0 live, k at -1", which every later start reads as "copy anew" (DESIGN D1). With
//!    positions kept, a broken copy would look like a pod that only has to catch up. Then k gets the new items.
//! 5. SYNC TABLE from pod 0 (the whole group where it was never connected), without the lock that starves pod 0's receivers
//!    (`measured.md` 1). The position of 0 -> k is kept for the other tables and moved for these.
//! 6. The new tables are counted on both pods. Then k begins to send "now", which is right because it committed nothing
//!    since 1; then x goes on sending to k from where it stopped. Repeats of what the copy has change nothing.
//! 7. k opens.
//!
//! A failure before 4 leaves k closed with its positions: `reconcile` again goes on. By then one side of a pair may have a
//! new item and the other not, and no sender gets through (ERR-6100D): what one side has too much goes until k has delivered.
//! After 4: `start` copies it anew.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    conf::GroupId,
    desired::Object,
    observe::{Item, Pod, RowCount, Sender},
    plan::{
        Milestone,
        action::{ActionId, Depth, Expect, Op, RunWhen},
        reason::{Code, Reason},
    },
    sql::setting::Setting,
    topology::{Ordinal, ReplicationName, Target},
};

use super::{
    added_targets::Newcomers,
    build::{Builder, Dependencies, pods, why},
    cluster_view::ClusterView,
    definition, deliver,
    for_a_while::Held,
    join::DRAIN_S,
    links::{self, Link},
};

pub(super) fn plan(
    world: &ClusterView<'_>,
    build: &mut Builder,
    notes: &mut Vec<Reason>,
    active: &BTreeSet<Ordinal>,
    newcomers: &Newcomers,
    created: &[ActionId],
) {
    if newcomers.copies.is_empty() {
        return;
    }
    let objects: Vec<&Object> = links::pairs(world, active).filter(|o| newcomers.is_copied(o)).collect();
    let mut copy =
        Copying { world, build, newcomers, objects, created, slaves: BTreeMap::new(), matched: BTreeMap::new() };
    for k in newcomers.copies.keys() {
        copy.fence(*k);
    }
    copy.change_definitions();
    let synced = copy.sync();
    copy.take_pins_back(&synced);
    copy.prove_and_start();
    tell(world, notes, newcomers);
}

fn tell(world: &ClusterView<'_>, notes: &mut Vec<Reason>, newcomers: &Newcomers) {
    let tables: BTreeSet<_> =
        newcomers.copies.values().flat_map(BTreeMap::values).flatten().map(ToString::to_string).collect();
    let tables: Vec<_> = tables.into_iter().collect();
    notes.push(Reason::new(
        Code::ClosedForCopy,
        format!(
            "{} {} closed to users while {} {} copied; pod 0 stays in service",
            pods(newcomers.copies.keys()),
            if newcomers.copies.len() == 1 { "is" } else { "are" },
            tables.join(", "),
            if tables.len() == 1 { "is" } else { "are" }
        ),
    ));
    for k in newcomers.copies.keys().filter(|k| world.pod(**k).is_some_and(Pod::admin_mode)) {
        notes.push(Reason::new(
            Code::Afterwards,
            format!(
                "pod {k} was closed already, so it stays closed; `aku apply start --ordinal {k}` opens it afterwards"
            ),
        ));
    }
}

/// Steps of one slave that others wait for.
#[derive(Default)]
struct Slave {
    fenced: Option<ActionId>,
    /// Everything it committed is delivered.
    delivered: Vec<ActionId>,
    /// Its objects of the pair with pod 0 are ready on both sides, and so is everything that must be in the copy.
    ready: Vec<ActionId>,
    /// Pins towards it: pod, object, action.
    pins: Vec<(Ordinal, Object, ActionId)>,
    proved: Option<ActionId>,
    synced: Vec<ActionId>,
}

struct Copying<'w, 'a, 'b> {
    world: &'w ClusterView<'a>,
    build: &'b mut Builder,
    newcomers: &'w Newcomers,
    objects: Vec<&'w Object>,
    created: &'b [ActionId],
    slaves: BTreeMap<Ordinal, Slave>,
    /// Pairs whose two sides were made equal, so that a slave can deliver: the last steps of that.
    matched: BTreeMap<ReplicationName, Vec<ActionId>>,
}

impl Copying<'_, '_, '_> {
    /// Items that only one side of a pair has go for now: `k` cannot deliver otherwise.
    fn matched(&mut self, object: &Object, fenced: ActionId) -> Vec<ActionId> {
        if let Some(done) = self.matched.get(&object.name) {
            return done.clone();
        }
        let world = self.world;
        let unmatched = world.unmatched(object);
        if unmatched.is_empty() {
            return Vec::new();
        }
        let mut stopped = Dependencies::on([fenced], "users are out first");
        for (pod, peer) in links::sides(object).into_iter().filter(|(pod, _)| world.is_started(*pod, object)) {
            let op = Op::Stop { name: object.name.clone(), peer };
            let text = "an object is corrected only while neither side sends (ERR-610FE, ERR-6109F)";
            let waits = Dependencies::on([fenced], "users are out first");
            let id = self.build.add(pod, op, why(Code::CorrectDefinition, text), waits);
            stopped = stopped.and([id], "neither side may be sending");
        }
        let drop = |(pod, item): &(Ordinal, &Item)| {
            let peer = other(object, *pod);
            let (target, remote) = (item.local.clone(), item.remote.clone());
            let text = format!(
                "pod {peer} does not have {target} in {} (a correction broke off), so nothing can be delivered; it comes back below",
                object.name
            );
            let op = Op::DropTable { name: object.name.clone(), peer, target, remote };
            self.build.add(*pod, op, why(Code::CorrectDefinition, text), stopped.clone())
        };
        let done: Vec<ActionId> = unmatched.iter().map(drop).collect();
        self.matched.insert(object.name.clone(), done.clone());
        done
    }

    fn gets(&self, k: Ordinal, group: GroupId) -> bool {
        self.newcomers.copies.get(&k).is_some_and(|g| g.contains_key(&group))
    }

    fn slave(&mut self, k: Ordinal) -> &mut Slave {
        self.slaves.entry(k).or_default()
    }

    fn targets(&self, k: Ordinal) -> Vec<Target> {
        self.newcomers.copies[&k].values().flatten().cloned().collect()
    }

    /// (1)
    fn fence(&mut self, k: Ordinal) {
        let world = self.world;
        let text = format!(
            "nobody may write on pod {k} while new tables are copied into it, and what was committed is delivered first"
        );
        let fenced = self.build.add(k, Op::Fence, why(Code::HalfCopyIsSeen, text), Dependencies::none());
        let (mut flushed, mut names, mut peers) = (Vec::new(), Vec::new(), BTreeSet::new());
        let sending: Vec<&Object> = self
            .objects
            .iter()
            .copied()
            .filter(|o| o.pair.contains(k) && self.gets(k, o.group) && links::link(world, o) == Link::Live)
            .collect();
        for object in sending {
            let peer = other(object, k);
            let matched = self.matched(object, fenced);
            let down = !matched.is_empty() || world.replication(k, object).is_some_and(|r| r.sender == Sender::None);
            let text = format!("everything pod {k} committed must be on pod {peer}");
            let started = down.then(|| {
                let op = Op::Start { name: object.name.clone(), peer, expect: Expect::Live };
                let waits = Dependencies::on([fenced], "users are out first").and(matched, "both sides must agree");
                self.build.add(k, op, why(Code::SenderDown, text.clone()), waits)
            });
            let wait_s = world.desired.flush_wait_s();
            let op = Op::Flush { name: object.name.clone(), peer, wait_s };
            let waits =
                Dependencies::on([fenced], "users are out first").and(started, "only a running sender can be flushed");
            flushed.push(self.build.add(k, op, why(Code::FlushBeforeStop, text), waits));
            names.push(object.name.clone());
            peers.insert(peer);
        }
        let mut delivered = vec![fenced];
        if !names.is_empty() {
            let waits = Dependencies::on(flushed, "it looks at what they did");
            delivered = vec![self.build.add(k, Op::CheckDelivered { names }, deliver::proof(&pods(&peers)), waits)];
        }
        let slave = self.slave(k);
        slave.fenced = Some(fenced);
        slave.delivered = delivered;
    }

    /// (2) to (4), pair by pair; pairs do not wait for each other, but a slave is proved empty once.
    fn change_definitions(&mut self) {
        let world = self.world;
        let objects = self.objects.clone();
        let mut stopped: BTreeMap<&str, Vec<ActionId>> = BTreeMap::new();
        for object in &objects {
            let ids = self.stop(object);
            stopped.insert(object.name.as_str(), ids);
        }
        let slaves: Vec<Ordinal> = self.newcomers.copies.keys().copied().collect();
        let mut empty: BTreeMap<Ordinal, ActionId> = BTreeMap::new();
        for k in &slaves {
            let mut waits = Dependencies::on(self.slaves[k].delivered.iter().copied(), "users are out first");
            for object in objects.iter().filter(|o| o.pair.contains(*k)) {
                waits = waits.and(stopped[object.name.as_str()].iter().copied(), "nothing may arrive any more");
            }
            let op = Op::CheckEmpty { targets: self.targets(*k) };
            let text = "SYNC into a table that holds rows leaves rows out and still says success";
            empty.insert(*k, self.build.add(*k, op, why(Code::ProveEmpty, text), waits));
        }
        let objects_first = Dependencies::on(self.created.iter().copied(), "objects first");
        for object in &objects {
            let base = Dependencies::on(stopped[object.name.as_str()].iter().copied(), "neither side may be sending")
                .and_all(objects_first.clone());
            let live = links::link(world, object) == Link::Live;
            // The side that keeps its place first: until the slave's is changed, everybody sees that they differ.
            let mut sides = links::sides(object);
            sides.sort_by_key(|(pod, _)| self.gets(*pod, object.group));
            let mut before = base;
            for (pod, peer) in sides {
                let mut waits = before.clone();
                let mut done: Vec<ActionId> = Vec::new();
                if self.gets(pod, object.group) {
                    waits = waits.and([empty[&pod]], "only a slave proved empty gets a copy");
                    if live {
                        let op = Op::Reset { name: object.name.clone(), peer };
                        let text = format!(
                            "pod {pod} has nothing left to send, and a copy that breaks off must not look like a finished one"
                        );
                        let id = self.build.add(pod, op, why(Code::HalfCopyIsSeen, text), waits);
                        waits = Dependencies::on([id], "a broken copy must be seen as one");
                        done.push(id);
                    }
                }
                let mut wrong = definition::wrong(world, pod, peer, object);
                if self.matched.contains_key(&object.name) {
                    let mine = world.unmatched(object).into_iter().filter(|(p, _)| *p == pod);
                    let gone: Vec<Item> = mine.map(|(_, item)| item.clone()).collect();
                    wrong = wrong.without(&gone, &world.desired.groups[&object.group].targets);
                }
                wrong.missing.retain(|t| !self.newcomers.left_out(object).contains(t));
                let corrected = definition::correct_what(world, self.build, (pod, peer), object, wrong, &waits);
                if let Some(last) = corrected.last() {
                    done.push(*last);
                }
                before = before.and(done.iter().copied(), "the slave is changed last");
                let arriving = if self.gets(pod, object.group) {
                    Vec::new()
                } else {
                    self.in_the_copy(pod, peer, object, live, &before)
                };
                for k in [pod, peer] {
                    if self.gets(k, object.group) {
                        let ready = done.iter().chain(&arriving).copied().collect::<Vec<_>>();
                        self.slave(k).ready.extend(ready);
                    }
                }
            }
        }
        for (k, id) in empty {
            self.slave(k).ready.push(id);
        }
    }

    /// STOP on both sides, after the slave has delivered.
    fn stop(&mut self, object: &Object) -> Vec<ActionId> {
        let world = self.world;
        let mut waits = Dependencies::none();
        for k in [object.pair.low(), object.pair.high()] {
            if self.gets(k, object.group) {
                waits = waits
                    .and(self.slaves[&k].delivered.iter().copied(), "everything is delivered before the streams stop");
            }
        }
        let mut ids = Vec::new();
        for (pod, peer) in links::sides(object) {
            let revived = self.gets(pod, object.group) && links::link(world, object) == Link::Live;
            let stopped = self.matched.contains_key(&object.name);
            if (world.is_started(pod, object) && !stopped) || revived {
                let op = Op::Stop { name: object.name.clone(), peer };
                let text = "an object is corrected only while neither side sends (ERR-610FE, ERR-6109F)";
                ids.push(self.build.add(pod, op, why(Code::CorrectDefinition, text), waits.clone()));
            }
        }
        ids
    }

    /// What another slave committed to the new tables before it sends them to `k` must be on pod 0 before the copy is taken.
    fn in_the_copy(
        &mut self,
        pod: Ordinal,
        k: Ordinal,
        object: &Object,
        live: bool,
        after: &Dependencies,
    ) -> Vec<ActionId> {
        let world = self.world;
        if pod.is_master() {
            return Vec::new();
        }
        let mut waits = after.clone();
        if !live {
            let op = Op::Pin { name: object.name.clone(), peer: k };
            let text = format!(
                "from now on pod {pod} keeps its log for pod {k}, so that nothing it commits during the copy is missed"
            );
            let pin = self.build.add(pod, op, why(Code::Pin, text), waits);
            self.slave(k).pins.push((pod, object.clone(), pin));
            let text = format!(
                "a transaction that was open on pod {pod} at the pin is in neither stream unless it ends before the copy"
            );
            let drain = self.build.add(
                pod,
                Op::Drain { wait_s: DRAIN_S },
                why(Code::Drain, text),
                Dependencies::on([pin], "it looks at what was open at the pin"),
            );
            waits = Dependencies::on([drain], "it delivers what the drain waited for");
        }
        let to_source: Vec<&Object> = world
            .desired
            .objects_between(pod, Ordinal::MASTER)
            .filter(|o| o.group == object.group && links::link(world, o) == Link::Live)
            .collect();
        to_source
            .into_iter()
            .map(|o| {
                let wait_s = world.desired.flush_wait_s();
                let op = Op::Flush { name: o.name.clone(), peer: Ordinal::MASTER, wait_s };
                let text = format!("what pod {pod} committed before it sends the new tables to pod {k} must be on pod 0 before the copy");
                let started = self.build.starts_of(pod, &o.name);
                let waits = waits.clone().and(started, "only a running sender can be flushed");
                self.build.add(pod, op, why(Code::FlushToSource, text), waits)
            })
            .collect()
    }

    /// (5)
    fn sync(&mut self) -> Vec<ActionId> {
        let source = Ordinal::MASTER;
        let world = self.world;
        let ready: Vec<ActionId> = self.slaves.values().flat_map(|s| s.ready.iter().copied()).collect();
        let because = why(Code::NoSyncLock, "a SYNC that waits for its lock makes pod 0 skip changes it receives");
        let waits = Dependencies::on(ready, "only for the length of the copy");
        let held = self.build.hold(world, (source, Setting::SyncLockTimeout), because, waits);
        let off = held.as_ref().and_then(Held::on);
        let mut all = Vec::new();
        let copies = self.newcomers.copies.clone();
        for (k, groups) in copies {
            let ready =
                Dependencies::on(self.slaves[&k].ready.iter().copied(), "definitions, positions and streams are ready");
            for (group, targets) in groups {
                let Some(object) = world.desired.objects_between(source, k).find(|o| o.group == group) else {
                    continue;
                };
                let rows = RowCount::sum(targets.iter().map(|t| world.rows(source, t))).exact();
                let parallel = world.desired.groups[&group].sync_parallel;
                let name = object.name.clone();
                let tables: Vec<_> = targets.iter().map(ToString::to_string).collect();
                let text = format!("pod 0 copies {} to pod {k}, and goes on sending from there", tables.join(", "));
                let op = match links::link(world, object) {
                    Link::Live | Link::Half => Op::SyncTables { name, peer: k, parallel, targets, rows },
                    Link::None => Op::Sync { name, peer: k, parallel, rows },
                };
                let waits = ready.clone().and(off, "without the lock");
                let id = self.build.add(source, op, why(Code::Copy, text), waits);
                self.slave(k).synced.push(id);
                all.push(id);
            }
        }
        if let Some(held) = held {
            self.build.put_back(&held, &all, "when the copy is over, or failed");
        }
        all
    }

    fn take_pins_back(&mut self, synced: &[ActionId]) {
        let pins: Vec<_> = self.slaves.iter().flat_map(|(k, s)| s.pins.iter().map(move |p| (*k, p.clone()))).collect();
        let over = Dependencies::on(synced.iter().copied(), "only if the copy did not finish");
        let until = |s: &Slave| Milestone::of(s.synced.iter().copied());
        let untils: BTreeMap<Ordinal, Milestone> = self.slaves.iter().map(|(k, s)| (*k, until(s))).collect();
        for (k, (pod, object, pin)) in pins {
            let until = untils[&k].clone();
            let text = format!("without a finished copy the pin would make pod {pod} keep log for nothing");
            let op = Op::Unpin { name: object.name, peer: k };
            let waits = over.clone().and([pin], "it undoes this");
            self.build.add_when(pod, op, why(Code::UndoPin, text), waits, RunWhen::Undo { armed_by: pin, until });
        }
    }

    /// (6) and (7)
    fn prove_and_start(&mut self) {
        let world = self.world;
        let slaves: Vec<Ordinal> = self.newcomers.copies.keys().copied().collect();
        for &k in &slaves {
            let names = self
                .objects
                .iter()
                .filter(|o| o.pair.low().is_master() && o.pair.high() == k)
                .map(|o| o.name.clone())
                .collect();
            let wait_s = world.desired.flush_wait_s();
            let op = Op::CheckContents {
                source: Ordinal::MASTER,
                names,
                targets: self.targets(k),
                wait_s,
                depth: Depth::Counts,
            };
            let text = format!("SYNC can leave rows out and still say success, so pods 0 and {k} are counted");
            let waits = Dependencies::on(self.slaves[&k].synced.iter().copied(), "it looks at what they copied");
            let id = self.build.add(k, op, why(Code::ProveContents, text), waits);
            self.slave(k).proved = Some(id);
        }
        let objects = self.objects.clone();
        for object in objects {
            let proved: Vec<ActionId> =
                [object.pair.low(), object.pair.high()].iter().filter_map(|p| self.slaves.get(p)?.proved).collect();
            let mut own = Vec::new();
            let mut sides = links::sides(object);
            sides.sort_by_key(|(pod, _)| !self.gets(*pod, object.group));
            for (pod, peer) in sides {
                let waits = Dependencies::on(proved.iter().copied(), "nothing arrives before the copy is proved");
                let (expect, because, waits) = if self.gets(pod, object.group) {
                    let text = format!("pod {pod} committed nothing since it was fenced, so it begins now");
                    (Expect::Fresh, why(Code::SendToPeer, text), waits)
                } else if pod.is_master() {
                    // SYNC went over into sending.
                    continue;
                } else {
                    let text = format!("pod {pod} goes on from where it stopped; what the copy already had is skipped");
                    (
                        Expect::Live,
                        why(Code::SendAgain, text),
                        waits.and(own.iter().copied(), "the slave's own stream first"),
                    )
                };
                let op = Op::Start { name: object.name.clone(), peer, expect };
                let id = self.build.add(pod, op, because, waits);
                own.push(id);
            }
        }
        for k in slaves {
            if world.pod(k).is_some_and(Pod::admin_mode) {
                continue;
            }
            // Those of its other groups too.
            let waits = Dependencies::on(self.build.streams_of(k), "users come in when every stream runs")
                .and(self.slaves[&k].proved, "users come in when the copy is proved");
            self.build.add(
                k,
                Op::Open,
                why(Code::Open, "the new tables are there, so users are admitted again"),
                waits,
            );
        }
    }
}

fn other(object: &Object, pod: Ordinal) -> Ordinal {
    object.pair.other(pod)
}
