//! The steps of a full join, in order (DESIGN D1). `full` decides whether there may be one.

use std::collections::BTreeMap;

use aku_core::{
    attributes::{GroupOption, ObjectOption},
    desired::Object,
    observe::{RowCount, Side},
    plan::{
        Milestone, RowsAtStake,
        action::{ActionId, Depth, Expect, Op, RunWhen},
        reason::Code,
    },
    sql::setting::Setting,
    topology::{Ordinal, ReplicationName, Target},
};
use foldhash::{HashMap, HashMapExt as _};

use super::{
    anchor,
    build::{Dependencies, why},
    cluster_view::ClusterView,
    deliver::{self, Delivery, Gate, Peer, Way},
    draft::Draft,
    due::{self, Objects},
    for_a_while::Held,
    preflight, shapes, steps,
};

/// Longest wait for transactions that were open at the pin, seconds.
pub(super) const DRAIN_S: u32 = 60;

pub(super) struct Join<'w, 'd> {
    pub world: &'w ClusterView<'w>,
    pub me: Ordinal,
    pub source: Ordinal,
    pub members: Vec<Ordinal>,
    pub draft: &'d mut Draft,
}

/// What salvage left to wait for: the flush of one object of the joiner.
pub(super) type Salvaged = Vec<(ReplicationName, ActionId)>;

/// A side that forgets: the other pod of the pair, the pod whose side it is, the object, and the last step of that.
pub(super) struct Gone {
    with: Ordinal,
    side: Ordinal,
    name: ReplicationName,
    pub id: ActionId,
}

/// Objects whose other side was made anew so that the joiner can deliver, with the CREATE of each.
pub(super) type Mended = BTreeMap<ReplicationName, ActionId>;

/// Settings that killed runs left behind; those that the join itself needs are put back with it.
pub(super) fn put_back_left(world: &ClusterView<'_>, draft: &mut Draft, me: Ordinal, source: Ordinal) {
    let needs = [(me, Setting::DdlEnable), (source, Setting::SyncLockTimeout)];
    draft.build.put_back_left(world, &needs, &mut draft.notes);
}

impl Join<'_, '_> {
    fn objects(&self, k: Ordinal) -> Vec<Object> {
        self.world.objects_between(self.me, k).cloned().collect()
    }

    fn receivers_of_salvage(&self) -> Vec<Ordinal> {
        std::iter::once(self.source).chain(self.members.iter().copied()).collect()
    }

    /// Who is on the pod although it is closed: somebody who came before it was closed.
    pub fn fence(&mut self) -> ActionId {
        let text = "ADMIN_MODE 1 keeps out who comes, not who is there; what they wrote would be deleted or be in the way of the copy";
        self.draft.build.add(self.me, Op::Fence, why(Code::Fence, text), Dependencies::none())
    }

    /// (1) A side that keeps the joiner from delivering and has no place of its own is made anew.
    pub fn recreate_receivers(&mut self, fenced: ActionId) -> Mended {
        let me = self.me;
        let mut mended = Mended::new();
        for k in self.receivers_of_salvage() {
            for object in self.objects(k) {
                let live = self.world.observed.side(me, &object.name).is_live();
                if !live || deliver::delivery(self.world, me, k, &object) != Delivery::AfterMending {
                    continue;
                }
                let fenced = Dependencies::on([fenced], "what is written after the flush would be lost");
                let stop = self.world.is_started(me, &object).then(|| {
                    let op = Op::Stop { name: object.name.clone(), peer: k };
                    let text = "an object is made anew only while nobody sends to it (ERR-6109F)";
                    self.draft.build.add(me, op, why(Code::Salvage, text), fenced.clone())
                });
                let text = format!(
                    "it is not what aku.conf says, so pod {me} cannot deliver what pod {k} does not have yet; it has no position, so nothing is lost with it"
                );
                let op = Op::DropReplication { name: object.name.clone(), peer: me };
                let waits = fenced.and(stop, "neither side may be sending");
                let dropped = self.draft.build.add(k, op, why(Code::Salvage, text.clone()), waits);
                let op = steps::create_op(self.world, k, &object);
                let waits = Dependencies::on([dropped], "the name must be free");
                mended.insert(object.name, self.draft.build.add(k, op, why(Code::Salvage, text), waits));
            }
        }
        mended
    }

    /// (1) What the joiner has not sent is delivered, where its side is live and the peer has the object.
    pub fn deliver_unsent(&mut self, created: &[ActionId], mended: &Mended, fenced: ActionId) -> Salvaged {
        let mut flushed = Vec::new();
        let objects_first = Dependencies::on(created.iter().copied(), "objects first");
        for k in self.receivers_of_salvage() {
            let first = Dependencies::on([fenced], "what is written after the flush would be lost");
            let pods = [self.me, k];
            let stale = due::forget_stale(self.world, &mut self.draft.build, pods, Objects::Stay, &first);
            for object in self.objects(k).into_iter().chain(due::deliverable(self.world, self.me, k)) {
                let sides = self.world.sides(self.me, k, &object);
                let (Side::Live(_), Side::Missing | Side::Reset | Side::Live(_) | Side::GaveUp) =
                    (sides.mine, sides.theirs)
                else {
                    continue;
                };
                if deliver::delivery(self.world, self.me, k, &object) == Delivery::Impossible {
                    continue;
                }
                // What was made anew in this plan.
                let swapped = mended.get(&object.name).copied();
                let made = self.draft.build.creates_of(k, &object.name);
                let text = format!(
                    "what pod {} committed and pod {k} does not have yet is delivered before it would be deleted",
                    self.me
                );
                let because = why(Code::Salvage, text);
                let gate = Gate {
                    first: first.clone().and(stale.iter().copied(), "what is kept twice is forgotten first"),
                    start: objects_first.clone().and(swapped, "both sides must agree before they meet"),
                    peer: match (swapped, made) {
                        (Some(_), _) => Peer::Swaps,
                        (None, Some(_)) => Peer::Gets,
                        (None, None) => Peer::Has,
                    },
                };
                let way = Way { from: self.me, to: k, object: &object };
                let build = &mut self.draft.build;
                let id = deliver::deliver(self.world, build, way, (because.clone(), because), gate);
                flushed.push((object.name, id));
            }
        }
        flushed
    }

    /// (2) Both sides of every pair of the joiner: STOP, then RESET; its own side first.
    pub fn reset_positions(&mut self, salvaged: &Salvaged) -> Vec<Gone> {
        let mut done = Vec::new();
        let delivered: HashMap<&ReplicationName, ActionId> = salvaged.iter().map(|(name, id)| (name, *id)).collect();
        let others: Vec<_> = self.world.desired.pods.keys().copied().filter(|k| *k != self.me).collect();
        for k in others {
            for object in self.objects(k).into_iter().chain(due::deliverable(self.world, self.me, k)) {
                let flushed = delivered.get(&object.name).copied();
                let mine = self.forget_side(self.me, k, &object, flushed);
                // A pod that is not there keeps its side; its own start sees that the two disagree.
                let theirs = self.forget_side(k, self.me, &object, mine);
                let gone = |side: Ordinal, id: ActionId| Gone { with: k, side, name: object.name.clone(), id };
                done.extend(mine.map(|id| gone(self.me, id)));
                done.extend(theirs.map(|id| gone(k, id)));
            }
        }
        done
    }

    fn forget_side(
        &mut self,
        pod: Ordinal,
        peer: Ordinal,
        object: &Object,
        after: Option<ActionId>,
    ) -> Option<ActionId> {
        let waits = Dependencies::on(after, "what is unsent goes out first, and the joiner forgets before its peer");
        // Salvage starts a sender that was down.
        let started = self.world.is_started(pod, object) || (pod == self.me && after.is_some());
        let stop = started.then(|| {
            let op = Op::Stop { name: object.name.clone(), peer };
            let text = format!("pod {pod} must not send to pod {peer} while pod {} is copied", self.me);
            self.draft.build.add(pod, op, why(Code::StopFirst, text), waits.clone())
        });
        match self.world.observed.side(pod, &object.name) {
            Side::Live(_) | Side::GaveUp => {
                let op = Op::Reset { name: object.name.clone(), peer };
                let text = format!("the old position of pod {pod} would replay old changes over the new copy");
                let waits = waits.and(stop, "RESET needs a stopped sender");
                Some(self.draft.build.add(pod, op, why(Code::ForgetOldPosition, text), waits))
            }
            Side::Missing | Side::Reset | Side::Unknown => stop,
        }
    }

    /// Objects whose definition differs are made anew: their positions are forgotten anyway.
    pub fn redefine(&mut self, forgotten: &[ActionId], mended: &Mended) -> Vec<ActionId> {
        let mut done = Vec::new();
        let me = self.me;
        let receivers = self.receivers_of_salvage();
        let mine = self.world.objects_of(me).map(|(k, o)| (me, k, o.clone()));
        let theirs = self.world.objects_of(me).filter(|(k, _)| receivers.contains(k)).map(|(k, o)| (k, me, o.clone()));
        let gone = Dependencies::on(forgotten.iter().copied(), "an object with a position is not dropped");
        for (pod, peer, object) in mine.chain(theirs).collect::<Vec<_>>() {
            if pod != me && mended.contains_key(&object.name) {
                continue;
            }
            let agreed = self.world.targets_of(object.group);
            let Some(diff) = preflight::difference_from(self.world, pod, peer, &object, agreed) else { continue };
            let text =
                format!("it is not what aku.conf says, and its position is forgotten anyway:\n{}", diff.trim_end());
            let op = Op::DropReplication { name: object.name.clone(), peer };
            let dropped = self.draft.build.add(pod, op, why(Code::Differs, text.clone()), gone.clone());
            let op = steps::create_op(self.world, pod, &object);
            done.push(self.draft.build.add(
                pod,
                op,
                why(Code::Differs, text),
                Dependencies::on([dropped], "the name must be free"),
            ));
        }
        done
    }

    /// (3) and (4): every other member is pinned, drained, and flushed to the source. A pin waits for its own side, so that
    /// no old position is replayed, and for all of the pair with the source, so that a kill shows a pod that must be copied
    /// anew; what else the joiner stops, one STOP after the other, goes on beside it. An EAGER object is anchored in its place,
    /// when nothing else stops and no other is: who writes waits meanwhile.
    pub fn pin(&mut self, ready: &[ActionId], forgotten: &[Gone]) -> (Vec<(Ordinal, Object, ActionId)>, Vec<ActionId>) {
        let (me, source) = (self.me, self.source);
        let (mut pins, mut flushed) = (Vec::new(), Vec::new());
        let old = "an old position would replay old changes, and a place towards the source would make the joiner look complete";
        let first = Dependencies::on(ready.iter().copied(), "the joiner is closed, and objects are there")
            .and(forgotten.iter().filter(|g| g.with == source).map(|g| g.id), old);
        let mut own: HashMap<(Ordinal, &ReplicationName), Vec<ActionId>> = HashMap::new();
        for g in forgotten.iter().filter(|g| g.with != source) {
            own.entry((g.side, &g.name)).or_default().push(g.id);
        }
        let all_stopped = Dependencies::on(
            forgotten.iter().map(|g| g.id),
            "a STOP of the same server would be waited for under the lock",
        );
        let mut anchored: Option<ActionId> = None;
        for k in self.members.clone() {
            let mut here = Vec::new();
            let (lazy, eager): (Vec<_>, Vec<_>) =
                self.objects(k).into_iter().partition(|o| !shapes::is_to_be_eager(self.world, o));
            for object in lazy.into_iter().chain(eager) {
                let own = own.get(&(k, &object.name)).into_iter().flatten().copied();
                let mut waits = first.clone().and(own, old);
                let (op, because) = anchor::op(self.world, k, me, &object);
                let is_anchor = matches!(op, Op::Anchor { .. });
                if is_anchor {
                    waits = waits
                        .and_all(all_stopped.clone())
                        .and(here.iter().copied(), "they stop on the same server")
                        .and(anchored, "one lock at a time: a commit waits for all pods of its group");
                }
                let id = self.draft.build.add(k, op, because, waits);
                anchored = if is_anchor { Some(id) } else { anchored };
                here.push(id);
                pins.push((k, object, id));
            }
            let text = format!(
                "a transaction that was open on pod {k} at the pin is in neither stream unless it ends before the snapshot"
            );
            let drained = self.draft.build.add(
                k,
                Op::Drain { wait_s: DRAIN_S },
                why(Code::Drain, text),
                Dependencies::on(here, "it looks at what was open at the pin"),
            );
            let live = |o: &&Object| self.world.sides(k, source, o).both_live();
            for object in self.world.objects_between(k, source).filter(live).cloned().collect::<Vec<_>>() {
                let op =
                    Op::Flush { name: object.name.clone(), peer: source, wait_s: self.world.desired.flush_wait_s() };
                let text = format!("what pod {k} committed before the pin must be on pod {source} before the snapshot");
                flushed.push(self.draft.build.add(
                    k,
                    op,
                    why(Code::FlushToSource, text),
                    Dependencies::on([drained], "it delivers what the drain waited for"),
                ));
            }
        }
        (pins, flushed)
    }

    /// (5) Nobody sends to the joiner any more, and no side of it is live.
    pub fn check_quiet(
        &mut self,
        names: Vec<ReplicationName>,
        ready: &[ActionId],
        pins: &[(Ordinal, Object, ActionId)],
        flushed: &[ActionId],
    ) -> ActionId {
        let waits = Dependencies::on(ready.iter().copied(), "positions are forgotten first")
            .and(pins.iter().map(|(_, _, id)| *id), "a pin sends until its STOP")
            .and(flushed.iter().copied(), "a failure up to here loses nothing");
        let text =
            format!("rows that arrive on pod {} after its tables are emptied would be in the way of the copy", self.me);
        self.draft.build.add(self.me, Op::CheckQuiet { names }, why(Code::QuietBeforeTruncate, text), waits)
    }

    /// (6) and (7): the targets are emptied and proved empty.
    pub fn truncate(&mut self, quiet: ActionId) -> Vec<ActionId> {
        let (me, source) = (self.me, self.source);
        let because = why(Code::DdlSwitch, "TRUNCATE of a replicated table needs it (ERR-312C4)");
        let waits = Dependencies::on([quiet], "the switch is open as briefly as possible");
        let held = self.draft.build.hold(self.world, (me, Setting::DdlEnable), because, waits);
        let on = held.as_ref().and_then(Held::on);
        let mut emptied = Vec::new();
        for target in self.world.targets().cloned().collect::<Vec<_>>() {
            let text = format!("pod {me} gets a new copy, and SYNC is right only into empty tables");
            let op = Op::Truncate { target, source };
            emptied.push(self.draft.build.add(
                me,
                op,
                why(Code::EmptyTarget, text),
                Dependencies::on(
                    [on.unwrap_or(quiet)],
                    if on.is_some() { "needs the switch" } else { "nothing arrives" },
                ),
            ));
        }
        let over = "when the tables are empty, or it failed";
        let back = held.and_then(|held| self.draft.build.put_back(&held, &emptied, over));
        let targets = self.world.targets().cloned().collect();
        let waits = Dependencies::on(emptied, "it looks at what they did")
            .and(back, "the switch is closed before rows are copied");
        vec![self.draft.build.add(
            me,
            Op::CheckEmpty { targets },
            why(Code::ProveEmpty, "SYNC copies only into targets proved empty"),
            waits,
        )]
    }

    /// (5) A table of an object with RECOVERY cannot be emptied (ERR-312C5), so the joiner's are without it until then.
    pub fn recovery_off(&mut self, ready: &[ActionId]) -> Vec<ActionId> {
        let me = self.me;
        let mut off = Vec::new();
        for (peer, object) in self.recovering() {
            let text =
                "a table of an object with RECOVERY cannot be emptied (ERR-312C5); it is put on again before the copy";
            let op = Op::ClearOption { name: object.name, peer, option: ObjectOption::Recovery };
            let waits = Dependencies::on(ready.iter().copied(), "an object is changed only while neither side sends");
            off.push(self.draft.build.add(me, op, why(Code::CorrectDefinition, text), waits));
        }
        off
    }

    /// (7) The option again: the handshake takes no object that has it on one side only (ERR-610D0).
    pub fn recovery_on(&mut self, emptied: Vec<ActionId>) -> Vec<ActionId> {
        let me = self.me;
        let mut on = Vec::new();
        for (peer, object) in self.recovering() {
            let op = Op::SetOption { name: object.name, peer, option: GroupOption::Recovery };
            let waits = Dependencies::on(emptied.iter().copied(), "the tables are empty");
            on.push(self.draft.build.add(me, op, why(Code::CorrectDefinition, "aku.conf asks for RECOVERY"), waits));
        }
        if on.is_empty() { emptied } else { on }
    }

    fn recovering(&self) -> Vec<(Ordinal, Object)> {
        let of_group = |(_, o): &(Ordinal, &Object)| shapes::recovers(self.world, o);
        self.world.objects_of(self.me).filter(of_group).map(|(k, o)| (k, o.clone())).collect()
    }

    /// (8) All groups are copied side by side, without the lock that starves the source's receivers.
    pub fn sync(
        &mut self,
        emptied: &[ActionId],
        rows: &[RowsAtStake],
        pins: &[(Ordinal, Object, ActionId)],
    ) -> Vec<ActionId> {
        let (me, source) = (self.me, self.source);
        let text = format!("a SYNC that waits for its lock makes pod {source} skip changes it receives");
        let waits = Dependencies::on(emptied.iter().copied(), "only for the length of the copy");
        let because = why(Code::NoSyncLock, text);
        let held = self.draft.build.hold(self.world, (source, Setting::SyncLockTimeout), because, waits);
        let off = held.as_ref().and_then(Held::on);
        let mut synced = Vec::new();
        let ready = Dependencies::on(emptied.iter().copied(), "sync needs empty tables").and(off, "without the lock");
        let rows: HashMap<&Target, &RowsAtStake> = rows.iter().map(|r| (&r.target, r)).collect();
        for object in self.objects(source) {
            let group = &self.world.desired.groups[&object.group];
            let mine = self.world.targets_of(object.group).iter().filter_map(|t| rows.get(t));
            let counted = RowCount::sum(mine.map(|r| r.source)).exact();
            let op = Op::Sync { name: object.name.clone(), peer: me, parallel: group.sync_parallel, rows: counted };
            synced.push(self.draft.build.add(
                source,
                op,
                why(Code::Copy, format!("pod {source} copies the targets to pod {me}")),
                ready.clone(),
            ));
        }
        if let Some(held) = held {
            self.draft.build.put_back(&held, &synced, "when the copy is over, or failed");
        }
        let until = Milestone::of(synced.iter().copied());
        let over = Dependencies::on(synced.iter().copied(), "only if the copy did not finish");
        for (k, object, pin) in pins {
            let run = RunWhen::Undo { armed_by: *pin, until: until.clone() };
            let text = format!("without a finished copy the pin would make pod {k} keep log for nothing");
            let op = Op::Unpin { name: object.name.clone(), peer: me };
            self.draft.build.add_when(
                *k,
                op,
                why(Code::UndoPin, text),
                over.clone().and([*pin], "it undoes this"),
                run,
            );
        }
        synced
    }

    /// (9) The contents are checked; success of SYNC proves nothing.
    pub fn prove(&mut self, synced: &[ActionId]) -> ActionId {
        let (me, source) = (self.me, self.source);
        let op = Op::CheckContents {
            source,
            names: self.objects(source).into_iter().map(|o| o.name).collect(),
            targets: self.world.targets().cloned().collect(),
            wait_s: self.world.desired.flush_wait_s(),
            depth: Depth::Counts,
        };
        let text = format!("SYNC can leave rows out and still say success, so pods {source} and {me} are counted");
        self.draft.build.add(
            me,
            op,
            why(Code::ProveContents, text),
            Dependencies::on(synced.iter().copied(), "it looks at what they copied"),
        )
    }

    /// (10) and (11): the joiner sends to everybody, and everybody sends to the joiner. Neither waits for the other: a pinned
    /// stream that runs makes no side of the joiner live.
    pub fn start_all(&mut self, proved: ActionId) -> Vec<ActionId> {
        let me = self.me;
        let mut out = Vec::new();
        for k in self.members.iter().copied().chain([self.source]).collect::<Vec<_>>() {
            let proved = Dependencies::on([proved], "no side of the joiner is live before its copy is proved");
            let waits = if k == self.source {
                let text = "pod 0 last: who has a place towards it and not towards another member lost that one";
                proved.and(out.iter().copied(), text)
            } else {
                proved
            };
            for object in self.objects(k) {
                let op = Op::Start { name: object.name.clone(), peer: k, expect: Expect::Fresh };
                let text = format!("pod {me} sends to pod {k} what it commits from now on");
                out.push(self.draft.build.add(me, op, why(Code::SendToPeer, text), waits.clone()));
            }
        }
        let mut all = out.clone();
        for k in self.members.clone() {
            for object in self.objects(k) {
                let op = Op::Start { name: object.name.clone(), peer: me, expect: Expect::Live };
                let from = if shapes::is_to_be_eager(self.world, &object) { "anchor" } else { "pin" };
                let text = format!("pod {k} sends from its {from} on; what the copy already had is skipped");
                all.push(self.draft.build.add(
                    k,
                    op,
                    why(Code::ResumeFromPin, text),
                    Dependencies::on([proved], "nothing arrives before the copy is proved"),
                ));
            }
        }
        all
    }
}
