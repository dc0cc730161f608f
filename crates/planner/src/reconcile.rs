//! The running pods are brought back to aku.conf without copying rows that are there: missing objects are created,
//! stopped senders started, definitions corrected where they stand, and what aku.conf no longer has is removed.
//!
//! Deletes no row and forgets no position that still has something to send. Takes part: pods that are members and admit
//! users. A pod that is neither is left to its own `start`, which decides about its rows; only its definitions are corrected,
//! where it is closed and nothing is remembered. Tables and groups that aku.conf
//! gained are judged by `newcomers`; what of them holds rows is copied by `copy_in`.

mod old_groups;

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    attributes::ObjectOption,
    desired::Object,
    observe::{Fixed, Pod, Replication, Sender, Side},
    plan::{
        Approval, ApprovalClass, Decision, Milestone, Plan, Refusal,
        action::{ActionId, Expect, Op, RunWhen},
        reason::{Code, Reason},
    },
    sql::setting::Setting,
    topology::{Ordinal, Pair, ReplicationName, Target},
};

use super::{
    added_targets::{self, Newcomers},
    alter, anchor,
    build::{Builder, Dependencies, pods, why},
    cluster_view::{ClusterView, runs},
    conflicts, definition, handover, initial_copy,
    links::{self, Link},
    preflight, rename, shapes, steps,
    unmanaged::{self, Kind, Stray},
};

pub(super) fn row_questions(world: &ClusterView<'_>) -> Vec<(Ordinal, Vec<Target>)> {
    let active = links::active(world);
    let mut wanted: BTreeSet<&Target> = BTreeSet::new();
    for object in links::pairs(world, &active) {
        wanted.extend(added_targets::lacks(world, object));
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    let wanted: Vec<Target> = wanted.into_iter().cloned().collect();
    let whole = |pod: &Ordinal| preflight::check(world, &[*pod], &[]).is_ok();
    active.iter().copied().filter(whole).map(|pod| (pod, wanted.clone())).collect()
}

pub(super) fn plan(world: &ClusterView<'_>) -> Result<Plan, Refusal> {
    let active = links::active(world);
    let creating = missing(world, &active);
    let renames = rename::all(world, |o| active.contains(&o.pair.low()) && active.contains(&o.pair.high()));
    rename::room(world, &renames)?;
    let taking_part: Vec<_> = active.iter().copied().collect();
    preflight::check(world, &taking_part, &creating)?;
    let newcomers = added_targets::judge(world, &active)?;
    shapes::bars(world, &active, &newcomers)?;
    let mut r = Reconcile {
        world,
        active: &active,
        build: Builder::default(),
        notes: world.notes(None),
        dropped: Vec::new(),
        renaming: renames.iter().filter(|r| r.takes_over(world)).map(|r| &r.object.name).collect(),
        to_anchor: Vec::new(),
        anchored: None,
        right: 0,
    };
    r.notes.extend(conflicts::notes(world, None));
    if !newcomers.copies.is_empty() {
        r.notes.extend(conflicts::repeats(world, "a pod in service", "of the copies of new tables"));
    }
    r.notes.extend(newcomers.notes.iter().cloned());
    r.notes.extend(world.moves.notes.iter().cloned());
    let copies = [(Ordinal::MASTER, Setting::SyncLockTimeout)];
    r.build.put_back_left(world, if newcomers.copies.is_empty() { &[] } else { &copies }, &mut r.notes);
    let created = steps::create(world, &mut r.build, &creating);
    let objects_first = Dependencies::on(created.iter().copied(), "objects first");
    r.hand_over();
    for object in links::pairs(world, &active) {
        r.pair(object, &newcomers, &objects_first);
    }
    for pod in &taking_part {
        for (peer, object) in world.desired.objects_of(*pod).filter(|(peer, _)| !active.contains(peer)) {
            r.alone(*pod, peer, object);
        }
    }
    for pod in world.seen().filter(|k| !active.contains(k)) {
        r.ended(pod);
    }
    r.strays();
    initial_copy::plan(world, &mut r.build, &mut r.notes, &active, &newcomers, &created);
    let renamed = rename::plan(world, &mut r.build, &renames, &newcomers, |pod| active.contains(&pod));
    r.notes.extend(renamed.notes);
    r.dropped.extend(renamed.dropped);
    r.anchor(&objects_first);
    let plan = r.finish();
    preflight::addresses(world, &plan.actions)?;
    Ok(plan)
}

/// Objects that pods which take part do not hold. Creating one is safe where nobody would send to it at once: it has no
/// position and keeps no log.
fn missing<'a>(world: &ClusterView<'a>, active: &BTreeSet<Ordinal>) -> Vec<(Ordinal, &'a Object)> {
    active
        .iter()
        .flat_map(|pod| world.desired.objects_of(*pod).map(move |(_, o)| (*pod, o)))
        .filter(|(pod, o)| world.observed.side(*pod, &o.name) == Side::Missing)
        .filter(|(pod, o)| {
            let peer = o.pair.other(*pod);
            let waits = world.observed.side(peer, &o.name).has_position();
            !(waits || world.is_started(peer, o))
        })
        .collect()
}

struct Reconcile<'w, 'a> {
    world: &'w ClusterView<'a>,
    active: &'w BTreeSet<Ordinal>,
    build: Builder,
    notes: Vec<Reason>,
    /// Objects that are dropped, by pod.
    dropped: Vec<(Ordinal, ReplicationName)>,
    /// Objects that others take over from, and that are started for that where they are down.
    renaming: BTreeSet<&'w ReplicationName>,
    /// The last lock under which an EAGER object is anchored.
    anchored: Option<ActionId>,
    /// Pairs of EAGER groups that are connected last.
    to_anchor: Vec<Object>,
    right: usize,
}

impl Reconcile<'_, '_> {
    fn note(&mut self, code: Code, text: String) {
        self.notes.push(Reason::new(code, text));
    }

    fn pair(&mut self, object: &Object, newcomers: &Newcomers, created: &Dependencies) {
        let (low, high) = (object.pair.low(), object.pair.high());
        if newcomers.is_copied(object) || added_targets::begun_by_a_move(self.world, object) {
            return;
        }
        match links::link(self.world, object) {
            Link::Half => {
                let sides = self.world.sides(low, high, object);
                let text = format!(
                    "{}: pod {low} {}, pod {high} {}; only a new copy of one of them helps: `aku apply end --ordinal {high}`, then `aku apply start --ordinal {high}`",
                    object.name,
                    links::word(sides.mine),
                    links::word(sides.theirs)
                );
                self.note(Code::SidesDisagree, text);
            }
            Link::Live => {
                let [here, there] =
                    [(low, high), (high, low)].map(|(p, q)| definition::wrong(self.world, p, q, object));
                if here.mode == Fixed::Wrong || there.mode == Fixed::Wrong {
                    let (pod, peer) = if here.mode == Fixed::Wrong { (low, high) } else { (high, low) };
                    let what = if self.world.desired.groups[&object.group].attributes.is_default() {
                        "LAZY and EAGER"
                    } else {
                        "MODE and CONFLICT"
                    };
                    let text = format!(
                        "{what} cannot be changed while it holds positions (ERR-610FF); end one of the pods, then start it again"
                    );
                    self.differs(pod, peer, object, &text);
                } else if here.is_nothing() && there.is_nothing() {
                    if self.world.moves.concerns(&object.name) || self.renaming.contains(&object.name) {
                        return;
                    }
                    self.right += 2;
                    self.run_again(object);
                } else if newcomers.is_put_off(object) {
                    if !(here.only_missing() && there.only_missing()) {
                        self.differs(low, high, object, "it is corrected together with the tables that have to wait");
                    }
                    self.run_again(object);
                } else {
                    alter::pair(self.world, &mut self.build, object);
                }
            }
            Link::None if newcomers.is_put_off(object) => {}
            Link::None if shapes::is_to_be_eager(self.world, object) => match anchor::bar(self.world, object) {
                Some(why) => {
                    let text = format!("{} is EAGER, and pods {low} and {high} are not connected: {why}", object.name);
                    self.note(Code::EagerJoin, text);
                }
                None => self.to_anchor.push(object.clone()),
            },
            Link::None => self.connect(object, created.clone()),
        }
    }

    fn differs(&mut self, pod: Ordinal, peer: Ordinal, object: &Object, text: &str) {
        if let Some(diff) = preflight::difference(self.world, pod, peer, object) {
            let text = format!("{} on pod {pod} is not what aku.conf says; {text}:\n{}", object.name, diff.trim_end());
            self.note(Code::Differs, text);
        }
    }

    /// Senders of a pair that is right or has to wait, where they are down and know their peer's address.
    fn run_again(&mut self, object: &Object) {
        if !self.world.unmatched(object).is_empty() {
            // No sender would get through.
            return;
        }
        for (pod, peer) in links::sides(object) {
            let down = |r: &&Replication| r.sender == Sender::None && r.hosts.contains(&self.world.desired.pods[&peer]);
            if self.world.replication(pod, object).as_ref().is_some_and(down) {
                let op = Op::Start { name: object.name.clone(), peer, expect: Expect::Live };
                let text = format!("pod {pod} has no sender to pod {peer}; it resumes where it stopped");
                self.build.add(pod, op, why(Code::SenderDown, text), Dependencies::none());
            }
        }
    }

    /// Pairs of EAGER groups, after everything else: a STOP under a lock would wait for the others of its server, 1 s for
    /// each (`measured.md` 9.1).
    fn anchor(&mut self, created: &Dependencies) {
        let quiet = self.build.stopping();
        for object in std::mem::take(&mut self.to_anchor) {
            let waits = created.clone().and(quiet.iter().copied(), "a STOP under a lock must not queue behind others");
            self.connect(&object, waits);
        }
    }

    /// A pair that was never connected, between two pods whose tables of the group are empty.
    fn connect(&mut self, object: &Object, created: Dependencies) {
        let world = self.world;
        let targets = world.desired.groups[&object.group].targets.clone();
        let mut ready = created;
        for (pod, peer) in links::sides(object) {
            let done = self.settle_reset(pod, peer, object);
            ready = ready.and(done, "the definition first");
        }
        let mut pins: Vec<(Ordinal, Ordinal, ActionId)> = Vec::new();
        for (pod, peer) in links::sides(object) {
            let (op, mut because) = anchor::op(world, pod, peer, object);
            let is_anchor = matches!(op, Op::Anchor { .. });
            if is_anchor {
                ready = ready.and(self.anchored, "one lock at a time: a commit waits for all pods of its group");
            } else {
                because.text = format!(
                    "from now on pod {pod} keeps its log for pod {peer}; what it committed before is proved to be nothing"
                );
            }
            let id = self.build.add(pod, op, because, ready.clone());
            self.anchored = if is_anchor { Some(id) } else { self.anchored };
            pins.push((pod, peer, id));
        }
        self.notes.extend(anchor::note(&anchor::of_pair(world, object)));
        let mut checks = Vec::new();
        for (pod, _, pin) in &pins {
            let op = Op::CheckEmpty { targets: targets.clone() };
            let text = format!("what pod {pod} committed before its pin reaches nobody, so its tables must be empty");
            let waits = Dependencies::on([*pin], "it looks at what was there before the pin");
            checks.push(self.build.add(*pod, op, why(Code::NewTable, text), waits));
        }
        for (pod, peer, pin) in &pins {
            let op = Op::Unpin { name: object.name.clone(), peer: *peer };
            let text = "the tables are not empty, or the run stopped before that was proved";
            let run = RunWhen::Undo { armed_by: *pin, until: Milestone::of(checks.iter().copied()) };
            let waits = Dependencies::on(checks.iter().copied(), "only if they are not proved empty");
            self.build.add_when(*pod, op, why(Code::UndoPin, text), waits, run);
        }
        for (pod, peer, _) in pins {
            let op = Op::Start { name: object.name.clone(), peer, expect: Expect::Live };
            let text = format!("pod {pod} sends from its pin on");
            let waits =
                Dependencies::on(checks.iter().copied(), "only tables proved empty are connected without a copy");
            self.build.add(pod, op, why(Code::ResumeFromPin, text), waits);
        }
    }

    /// Corrects a side without a position.
    fn settle_reset(&mut self, pod: Ordinal, peer: Ordinal, object: &Object) -> Vec<ActionId> {
        if self.world.replication(pod, object).is_none() {
            return Vec::new();
        }
        let wrong = definition::wrong(self.world, pod, peer, object);
        if wrong.is_nothing() {
            return Vec::new();
        }
        let keeps_tables = shapes::recovers(self.world, object) && !wrong.has_its_tables();
        if wrong.mode == Fixed::Wrong || keeps_tables {
            self.dropped.push((pod, object.name.clone()));
            return vec![definition::remake(self.world, &mut self.build, (pod, peer), object, Dependencies::none())];
        }
        definition::correct(self.world, &mut self.build, (pod, peer), object, &Dependencies::none())
    }

    /// The side of a pod whose peer does not take part.
    fn alone(&mut self, pod: Ordinal, peer: Ordinal, object: &Object) {
        let world = self.world;
        let mut wrong = definition::wrong(world, pod, peer, object);
        let left = wrong.options.contains(&ObjectOption::Offline) && world.pod(peer).is_none();
        let idle = |r: &&Replication| left && r.receiver.is_none();
        if let Some(found) = world.replication(pod, object).filter(idle) {
            self.take_off_offline(pod, peer, object, found);
            wrong.options.retain(|option| *option != ObjectOption::Offline);
        }
        // A peer with a position delivers what it has not sent before it is copied anew, and can only while both agree.
        let fed = world.is_started(peer, object) || world.observed.side(peer, &object.name).has_position();
        match world.observed.side(pod, &object.name) {
            Side::Missing | Side::Unknown => {}
            Side::Reset if wrong.is_nothing() => self.right += 1,
            Side::Reset if fed || world.is_started(pod, object) => {
                self.differs(pod, peer, object, &format!("it is corrected when pod {peer} starts"));
            }
            Side::Reset => {
                self.settle_reset(pod, peer, object);
            }
            Side::Live(_) | Side::GaveUp if !wrong.is_nothing() => {
                self.differs(pod, peer, object, &format!("it is corrected when pod {peer} is in service again"));
            }
            Side::Live(sn) if world.pod(peer).is_some() && !world.is_member(peer) => self.note(
                Code::Leftover,
                format!(
                    "{}: pod {pod} keeps log for pod {peer} from SN {sn}, but pod {peer} is not joined; `aku apply start --ordinal {peer}` clears it",
                    object.name
                ),
            ),
            Side::Live(_) if world.pod(peer).is_some_and(Pod::admin_mode) => {
                self.right += 1;
                let text = format!("pod {peer} is closed, as after an end; its streams run again when it starts");
                if !self.notes.iter().any(|n| n.text == text) {
                    self.note(Code::PeerEnded, text);
                }
            }
            Side::Live(_) | Side::GaveUp => self.right += 1,
        }
    }

    /// OFFLINE towards a pod that is not there: left by a recovery of its log that broke off. It goes although nothing else of
    /// the object can be corrected yet, and the object waits for its peer as before.
    fn take_off_offline(&mut self, pod: Ordinal, peer: Ordinal, object: &Object, found: &Replication) {
        let name = || object.name.clone();
        let text = format!("{} on pod {pod} has OFFLINE: a recovery of the log of pod {peer} broke off", object.name);
        let stopped = runs(found).then(|| {
            let op = Op::Stop { name: name(), peer };
            self.build.add(pod, op, why(Code::StopFirst, text.clone()), Dependencies::none())
        });
        let clear = self.build.add(
            pod,
            Op::ClearOption { name: name(), peer, option: ObjectOption::Offline },
            why(Code::CorrectDefinition, text),
            Dependencies::on(stopped, "only a stopped object gives an option away (ERR-6100A)"),
        );
        if found.position.is_live() && (stopped.is_some() || found.gave_up.is_none()) {
            self.build.add_when(
                pod,
                Op::Retry { name: name(), peer },
                why(Code::PutBack, format!("pod {pod} waits for pod {peer} again")),
                Dependencies::on([clear].into_iter().chain(stopped), "an object that sends keeps its options"),
                RunWhen::Always { armed_by: stopped.unwrap_or(clear) },
            );
        }
    }

    /// A pod that is closed and has no place: what it holds is corrected where nothing sends and nothing is remembered, so
    /// that nobody is sent here in vain. Its rows are its own start's business.
    fn ended(&mut self, pod: Ordinal) {
        let world = self.world;
        let closed = world.pod(pod).is_some_and(Pod::admin_mode);
        if !closed || preflight::check(world, &[pod], &[]).is_err() {
            return;
        }
        for (peer, object) in world.desired.objects_of(pod) {
            let wrong = definition::wrong(world, pod, peer, object);
            let fed = world.is_started(peer, object) || world.observed.side(peer, &object.name).has_position();
            match world.observed.side(pod, &object.name) {
                Side::Reset if wrong.is_nothing() => self.right += 1,
                Side::Reset if !fed && !world.is_started(pod, object) => {
                    self.settle_reset(pod, peer, object);
                }
                Side::Reset | Side::Live(_) | Side::GaveUp if !wrong.is_nothing() => {
                    self.differs(pod, peer, object, &format!("it is corrected when pod {pod} starts"));
                }
                Side::Missing | Side::Unknown | Side::Reset | Side::Live(_) | Side::GaveUp => {}
            }
        }
    }

    fn strays(&mut self) {
        let all = unmanaged::all(self.world);
        for stray in all.iter().filter(|s| !self.world.moves.concerns(s.name)) {
            match stray.kind {
                // It is made anew when its pair gets its name.
                Kind::Twin(_) => {}
                Kind::Foreign => self.note(
                    Code::Foreign,
                    format!(
                        "{} on pod {} replicates a table of aku.conf but is not one of its objects; it is left alone",
                        stray.name, stray.pod
                    ),
                ),
                Kind::Surplus(peer) => self.surplus(stray, peer),
                Kind::OldGroup(peer) => {
                    let other = all.iter().find(|s| s.pod == peer && s.name == stray.name);
                    match other.map(|o| o.kind) {
                        Some(Kind::Foreign | Kind::Surplus(_) | Kind::Twin(_)) => self.unclear(stray, peer),
                        // Both sides together, once.
                        Some(Kind::OldGroup(_)) if stray.pod > peer => {}
                        Some(Kind::OldGroup(_)) | None => self.old_group(stray, peer, other),
                    }
                }
            }
        }
    }

    fn surplus(&mut self, stray: &Stray<'_>, peer: Ordinal) {
        let count = self.world.desired.pods.len();
        match unmanaged::side(self.world, stray) {
            Side::Reset if !runs(stray.found) => {
                let text = format!("AKU_SERVER_COUNT is {count}, so there is no pod {peer}; no log is kept for it");
                self.drop_stray(stray, peer, &text, Dependencies::none());
            }
            side @ (Side::Live(_) | Side::GaveUp | Side::Reset | Side::Missing | Side::Unknown) => self.note(
                Code::Surplus,
                format!(
                    "{}: pod {} {}, and AKU_SERVER_COUNT is {count}; if pod {peer} left for good: aku apply forget {peer}",
                    stray.name,
                    stray.pod,
                    links::word(side)
                ),
            ),
        }
    }

    fn drop_stray(&mut self, stray: &Stray<'_>, peer: Ordinal, text: &str, waits: Dependencies) {
        self.dropped.push((stray.pod, stray.name.clone()));
        let op = Op::DropReplication { name: stray.name.clone(), peer };
        self.build.add(stray.pod, op, why(Code::SurplusObject, text), waits);
    }

    /// The other side of it has the address of somebody else, so it may be somebody else's.
    fn unclear(&mut self, stray: &Stray<'_>, peer: Ordinal) {
        let text = format!(
            "{} on pod {} is of a group that aku.conf does not have, and {} on pod {peer} has not the address of pod {}; neither is dropped, because whose they are is not clear",
            stray.name, stray.pod, stray.name, stray.pod
        );
        self.note(Code::Surplus, text);
    }

    /// Tables that change hands: those of one pair after each other.
    fn hand_over(&mut self) {
        let mut last: BTreeMap<Pair, Vec<ActionId>> = BTreeMap::new();
        for unit in &self.world.moves.units {
            let before = last.get(&unit.object.pair).map_or_else(Dependencies::none, |ids| {
                Dependencies::on(ids.iter().copied(), "one table after the other between two pods")
            });
            let made = handover::unit(self.world, &mut self.build, unit, &before);
            self.dropped.extend(made.dropped);
            last.insert(unit.object.pair, made.all);
        }
    }

    fn finish(self) -> Plan {
        let world = self.world;
        let mut approvals: Vec<Approval> = Vec::new();
        let touched: BTreeSet<_> = self.dropped.iter().map(|(pod, _)| *pod).collect();
        for pod in touched {
            let names: Vec<_> = self.dropped.iter().filter(|(p, _)| *p == pod).map(|(_, n)| n.to_string()).collect();
            approvals.push(Approval {
                class: ApprovalClass::RemovesDefinition,
                scope: format!("{}/{pod}", world.desired.statefulset),
                because: format!(
                    "{} {} dropped on pod {pod}",
                    names.join(", "),
                    if names.len() == 1 { "is" } else { "are" }
                ),
            });
        }
        let text = match self.active.len() {
            0 if self.build.next() > 0 => "no pod that was seen is a member in service; what pods that have ended hold is brought to aku.conf, and no row is touched".to_owned(),
            0 => "no pod that was seen is a member in service, so there is nothing to bring back; a pod that is closed comes back by its own start".to_owned(),
            1 => format!("{} is brought back to aku.conf; no row is deleted", pods(self.active)),
            _ => format!("{} are brought back to aku.conf; no row is deleted", pods(self.active)),
        };
        Plan {
            goal: world.desired.goal,
            statefulset: world.desired.statefulset.clone(),
            decision: Decision::None { because: vec![why(Code::Reconcile, text)] },
            pods: world.lines(None),
            notes: self.notes,
            approvals,
            actions: self.build.finish(),
            already_right: self.right,
        }
    }
}
