//! What the observed pods are to each other: who is a member, who is joined, who is down (DESIGN D1).

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use aku_core::{
    conf::{GroupId, Switch},
    desired::{Desired, Goal, Object},
    ledger::View,
    observe::{Item, Observed, Pod, PodView, Replication, RowCount, Sender, Side},
    plan::{
        PodLine, PodState,
        reason::{Code, Reason},
    },
    sql::Privilege,
    topology::{Ordinal, ReplicationName, Target},
};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use crate::{moved::Moves, status};

/// Desired and observed side by side, with the questions the planner asks.
pub(super) struct ClusterView<'a> {
    pub desired: &'a Desired,
    pub observed: &'a Observed,
    names: HashMap<&'a ReplicationName, &'a Object>,
    members: BTreeSet<Ordinal>,
    /// Members by the ledgers, whether they are there or not.
    running: BTreeSet<Ordinal>,
    /// What a start connects: see [`ClusterView::targets_of`].
    agreed: BTreeMap<GroupId, Vec<Target>>,
    /// Targets of each group, sorted as the items of an object are.
    sorted: BTreeMap<GroupId, Vec<&'a Target>>,
    rows: HashMap<(Ordinal, &'a Target), RowCount>,
    /// Tables that change hands; of a reconcile only.
    pub moves: Moves,
    /// What [`ClusterView::items_against`] found, by pod and object: a reconcile asks for the same one many times.
    against: RefCell<HashMap<(Ordinal, ReplicationName), Unlike>>,
}

/// Targets that an object lacks, and items that it has too much.
type Unlike = Rc<(Vec<Target>, Vec<Item>)>;

/// Both sides of one object, seen from one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sides {
    pub mine: Side,
    pub theirs: Side,
}

impl Sides {
    pub fn both_live(self) -> bool {
        self.mine.is_live() && self.theirs.is_live()
    }
}

/// Whether a sender thread exists or is wished for.
pub(super) fn runs(found: &Replication) -> bool {
    found.is_started || found.sender != Sender::None
}

/// Whether the peer of an object is connected with it in either direction: then the peer lives, wherever it answers.
pub(super) fn is_connected(found: &Replication) -> bool {
    let sends = match found.sender {
        Sender::Running | Sender::Syncing => true,
        Sender::None | Sender::Trying => false,
    };
    sends || found.receiver.is_some()
}

/// How long a stream outlives its peer (`measured.md` 9.1).
pub(super) const STREAM_ENDS: &str = "of a link that was cut without a word a sender is rid after 76 s, a receiver after REPLICATION_RECEIVE_TIMEOUT at the latest";

impl<'a> ClusterView<'a> {
    pub fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        let names = desired.objects.iter().map(|o| (&o.name, o)).collect();
        let agreed = desired.groups.iter().map(|(id, g)| (*id, g.targets.clone())).collect();
        let sorted = desired.groups.iter().map(|(id, g)| {
            let mut targets: Vec<_> = g.targets.iter().collect();
            targets.sort();
            (*id, targets)
        });
        let counted = || observed.pods.keys().filter_map(|k| Some((*k, observed.pod(*k)?)));
        let mut rows = HashMap::with_capacity(counted().map(|(_, pod)| pod.rows.len()).sum());
        rows.extend(counted().flat_map(|(k, pod)| pod.rows.iter().map(move |(t, n)| ((k, t), *n))));
        let mut world = Self {
            desired,
            observed,
            names,
            members: BTreeSet::new(),
            running: BTreeSet::new(),
            agreed,
            sorted: sorted.collect(),
            rows,
            moves: Moves::default(),
            against: RefCell::default(),
        };
        world.members = desired.pods.keys().copied().filter(|k| world.connected(*k)).collect();
        world.running = world.called_running();
        if let Goal::Start(me) = desired.goal {
            world.agreed = world.agreed_with(me);
        }
        world
    }

    /// A start connects a pod with what the running pods replicate among themselves. A table or a group that aku.conf
    /// gained since is left to `reconcile`: a pod that joins may hold rows in it that no other pod has.
    fn agreed_with(&self, me: Ordinal) -> BTreeMap<GroupId, Vec<Target>> {
        let source = Ordinal::MASTER;
        let running: Vec<_> = self.seen_others(me).filter(|k| *k != source && self.is_joined(*k)).collect();
        let replicated = |object: &Object| {
            if self.sides(source, object.pair.high(), object).both_live() {
                self.replication(source, object)
            } else {
                None
            }
        };
        // What the source replicates is the measure; while it is not seen, nothing counts as new.
        let alone = running.is_empty() || self.pod(source).is_none();
        let among_slaves = self.among_slaves();
        let is_among_slaves = |group: &GroupId| among_slaves.contains(group);
        let connected = self.desired.objects_between(source, me).any(|o| self.sides(me, source, o).both_live());
        let (mut held, mut live) = (HashSet::new(), HashSet::new());
        for o in self.desired.objects.iter().filter(|_| alone) {
            if self.held_anywhere(o) {
                held.insert(o.group);
            }
            if self.live_anywhere(o) {
                live.insert(o.group);
            }
        }
        let mut agreed = BTreeMap::new();
        for (id, group) in &self.desired.groups {
            let among: Vec<_> = running.iter().filter_map(|k| self.desired.object_between(source, *k, *id)).collect();
            let mine_held = self.desired.object_between(source, me, *id).is_some_and(|o| {
                let sides = self.sides(me, source, o);
                !sides.mine.has_no_position() || !matches!(sides.theirs, Side::Missing | Side::Reset | Side::Unknown)
            });
            let targets = if alone && connected && self.is_gained(me, *id) && !is_among_slaves(id) {
                Vec::new()
            } else if alone {
                // Nobody runs who could tell. An end never drops an object, so what is on no pod at all is new.
                let others = live.len() > usize::from(live.contains(id));
                if !held.contains(id) && others { Vec::new() } else { group.targets.clone() }
            } else {
                let live: Vec<_> = among.iter().filter_map(|o| replicated(o)).collect();
                match live.is_empty() {
                    true if mine_held || is_among_slaves(id) => group.targets.clone(),
                    true => Vec::new(),
                    false => {
                        let all = |held: &HashSet<&Target>| group.targets.iter().all(|t| held.contains(t));
                        let mut held = HashSet::new();
                        // They are mostly alike, so the first mostly has them all.
                        for r in live {
                            held.extend(r.items.iter().map(|i| &i.local));
                            if all(&held) {
                                break;
                            }
                        }
                        group.targets.iter().filter(|t| held.contains(t)).cloned().collect()
                    }
                }
            };
            agreed.insert(*id, targets);
        }
        agreed
    }

    /// Whether a slave and pod 0 have no place in the group. Where they have one in another, it is new: an end forgets pod 0 in
    /// every group before pod 0 forgets it in any.
    fn is_gained(&self, me: Ordinal, group: GroupId) -> bool {
        let source = Ordinal::MASTER;
        let never = |o: &Object| {
            let sides = self.sides(me, source, o);
            [sides.mine, sides.theirs].iter().all(|s| s.has_no_position())
        };
        !me.is_master() && self.desired.object_between(source, me, group).is_none_or(never)
    }

    /// Groups that two slaves replicate with each other: they had them from pod 0.
    fn among_slaves(&self) -> HashSet<GroupId> {
        let mut groups = HashSet::new();
        let slaves = self.desired.objects.iter().filter(|o| !o.pair.low().is_master());
        for o in slaves {
            if !groups.contains(&o.group) && self.sides(o.pair.low(), o.pair.high(), o).both_live() {
                groups.insert(o.group);
            }
        }
        groups
    }

    fn held_anywhere(&self, object: &Object) -> bool {
        [object.pair.low(), object.pair.high()].into_iter().any(|pod| self.replication(pod, object).is_some())
    }

    fn live_anywhere(&self, object: &Object) -> bool {
        let live = |pod| self.observed.side(pod, &object.name).has_position();
        [object.pair.low(), object.pair.high()].into_iter().any(live)
    }

    /// What a start connects of a group: all of it, less what the running pods do not replicate yet.
    pub fn targets_of(&self, group: GroupId) -> &[Target] {
        self.agreed.get(&group).map_or(&[], Vec::as_slice)
    }

    /// Whether aku.conf gained the group and no running pod replicates it yet.
    pub fn is_new(&self, group: GroupId) -> bool {
        self.targets_of(group).is_empty()
    }

    /// Whether the items of an object are exactly the targets of a group of aku.conf.
    pub fn has_the_items_of(&self, group: GroupId, found: &Replication) -> bool {
        let Some(wanted) = self.sorted.get(&group) else { return false };
        found.items.len() == wanted.len()
            && found.items.iter().zip(wanted).all(|(i, t)| i.local == **t && i.local == i.remote)
    }

    /// Targets of an object's group that are no items of what a pod holds, in the order of aku.conf, and items that are no
    /// targets; `None` where it holds nothing.
    pub fn items_against(&self, pod: Ordinal, object: &Object) -> Option<Unlike> {
        let found = self.replication(pod, object)?;
        let key = (pod, object.name.clone());
        let known = self.against.borrow().get(&key).map(Rc::clone);
        Some(known.unwrap_or_else(|| {
            let unlike = Rc::new(self.compare_items(object.group, found));
            self.against.borrow_mut().insert(key, Rc::clone(&unlike));
            unlike
        }))
    }

    fn compare_items(&self, group: GroupId, found: &Replication) -> (Vec<Target>, Vec<Item>) {
        let wanted = self.sorted.get(&group).map_or(&[][..], Vec::as_slice);
        let mut lacking: HashSet<&Target> = HashSet::new();
        let mut extra = Vec::new();
        let mut left = wanted.iter().copied().peekable();
        for item in &found.items {
            // Both are sorted: what is passed over is not there.
            while let Some(passed) = left.next_if(|t| **t < item.local) {
                lacking.insert(passed);
            }
            let matches = left.peek().is_some_and(|t| **t == item.local);
            if matches && item.local == item.remote {
                left.next();
            } else {
                extra.push(item.clone());
            }
        }
        lacking.extend(left);
        let missing = match self.desired.groups.get(&group) {
            Some(group) if !lacking.is_empty() => {
                group.targets.iter().filter(|t| lacking.contains(t)).cloned().collect()
            }
            Some(_) | None => Vec::new(),
        };
        (missing, extra)
    }

    /// Items that one side of a pair holds and the other does not, each with the pod that holds it. With any, no sender of
    /// the pair gets through (ERR-6100D). Nothing where a side is not there.
    pub fn unmatched(&self, object: &Object) -> Vec<(Ordinal, &'a Item)> {
        let (low, high) = (object.pair.low(), object.pair.high());
        let (Some(here), Some(there)) = (self.replication(low, object), self.replication(high, object)) else {
            return Vec::new();
        };
        let only = |mine: &'a Replication, theirs: &'a Replication| {
            let mirrored: HashSet<_> = theirs.items.iter().map(|i| (&i.remote, &i.local)).collect();
            mine.items.iter().filter(move |i| !mirrored.contains(&(&i.local, &i.remote)))
        };
        if here.items.iter().eq(&there.items) && here.items.iter().all(|i| i.local == i.remote) {
            return Vec::new();
        }
        only(here, there).map(|i| (low, i)).chain(only(there, here).map(|i| (high, i))).collect()
    }

    /// Rows of a target on a pod, as far as they were counted.
    pub fn rows(&self, pod: Ordinal, target: &Target) -> RowCount {
        self.rows.get(&(pod, target)).copied().unwrap_or(RowCount::NotCounted)
    }

    /// Every target that a start connects.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.agreed.values().flatten()
    }

    /// Objects of one pair that a start connects.
    pub fn objects_between(&self, a: Ordinal, b: Ordinal) -> impl Iterator<Item = &'a Object> + '_ {
        self.desired.objects_between(a, b).filter(|o| !self.is_new(o.group))
    }

    /// Objects of a pod that a start connects, with the other pod of each.
    pub fn objects_of(&self, pod: Ordinal) -> impl Iterator<Item = (Ordinal, &'a Object)> + '_ {
        self.desired.objects_of(pod).filter(|(_, o)| !self.is_new(o.group))
    }

    /// The object of that name, if the configuration asks for one.
    pub fn object(&self, name: &ReplicationName) -> Option<&'a Object> {
        self.names.get(name).copied()
    }

    pub fn pod(&self, pod: Ordinal) -> Option<&'a Pod> {
        self.observed.pod(pod)
    }

    /// The ledger of a pod as it was found; nothing is known of it while AKU_LEDGER is 0.
    pub fn ledger(&self, pod: Ordinal) -> &'a View {
        match (self.desired.ledger, self.pod(pod)) {
            (Switch::On, Some(seen)) => &seen.ledger,
            (Switch::On, None) | (Switch::Off, _) => &View::NotRead,
        }
    }

    /// Every other pod that was seen, in ordinal order.
    pub fn seen_others(&self, me: Ordinal) -> impl Iterator<Item = Ordinal> + '_ {
        self.desired.pods.keys().copied().filter(move |k| *k != me && self.pod(*k).is_some())
    }

    /// Every pod that was seen, in ordinal order.
    pub fn seen(&self) -> impl Iterator<Item = Ordinal> + '_ {
        self.desired.pods.keys().copied().filter(|k| self.pod(*k).is_some())
    }

    pub fn replication(&self, pod: Ordinal, object: &Object) -> Option<&'a Replication> {
        self.observed.replication(pod, &object.name)
    }

    pub fn sides(&self, me: Ordinal, other: Ordinal, object: &Object) -> Sides {
        Sides { mine: self.observed.side(me, &object.name), theirs: self.observed.side(other, &object.name) }
    }

    /// Seen, and its copy was completed: live with the source in both directions, in every group that is connected at
    /// all; a group where neither side has a position was added to aku.conf and waits for `reconcile`. Whether users
    /// are admitted does not matter. While the source is not seen, the pod's own sides towards it must do.
    pub fn is_member(&self, pod: Ordinal) -> bool {
        self.members.contains(&pod)
    }

    fn connected(&self, pod: Ordinal) -> bool {
        if self.pod(pod).is_none() {
            return false;
        }
        let source = Ordinal::MASTER;
        if pod == source {
            return true;
        }
        let mut connected = false;
        for object in self.desired.objects_between(pod, source) {
            let sides = self.sides(pod, source, object);
            match (sides.mine, sides.theirs) {
                (Side::Live(_), Side::Live(_) | Side::Unknown) => connected = true,
                (Side::Missing | Side::Reset, Side::Missing | Side::Reset | Side::Unknown) => {}
                (Side::Live(_), Side::Missing | Side::Reset | Side::GaveUp)
                | (Side::Missing | Side::Reset, Side::Live(_) | Side::GaveUp)
                | (Side::GaveUp | Side::Unknown, _) => return false,
            }
        }
        connected
    }

    /// A member that admits users.
    pub fn is_joined(&self, pod: Ordinal) -> bool {
        self.is_member(pod) && self.pod(pod).is_some_and(|p| !p.admin_mode())
    }

    /// Whether a pod's position towards another tells that the other is one of us. A pod that is not a member may keep log
    /// as a leftover of a join that broke; when pod 0 has failed nobody is a member, and every slave's word counts.
    fn counts(&self, pod: Ordinal) -> bool {
        match self.desired.goal {
            Goal::Recover(_) => !pod.is_master() && self.pod(pod).is_some(),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => self.is_member(pod),
        }
    }

    /// Not there, while a member keeps log for it or the ledgers call it a member (DESIGN D19). `but` is the pod a start or
    /// end is about; what it keeps does not count.
    pub fn is_down(&self, pod: Ordinal, but: Option<Ordinal>) -> bool {
        let kept = || {
            self.desired.objects_of(pod).any(|(other, o)| {
                Some(other) != but && self.counts(other) && self.observed.side(other, &o.name).is_live()
            })
        };
        matches!(self.observed.pods.get(&pod), Some(PodView::Absent { .. }) | None)
            && (self.running.contains(&pod) || kept())
    }

    /// Whether somebody kept log for it and gave it up: it was one of us.
    fn was_given_up(&self, pod: Ordinal) -> bool {
        self.desired.objects_of(pod).any(|(other, o)| self.observed.side(other, &o.name) == Side::GaveUp)
    }

    /// Whether `me` has a position towards that pod.
    fn keeps_log(&self, me: Option<Ordinal>, pod: Ordinal) -> bool {
        let live = |me: Ordinal, o: &Object| self.observed.side(me, &o.name).is_live();
        me.is_some_and(|me| self.desired.objects_between(me, pod).any(|o| live(me, o)))
    }

    pub fn pods_down(&self, me: Option<Ordinal>) -> Vec<Ordinal> {
        self.desired.pods.keys().copied().filter(|k| Some(*k) != me && self.is_down(*k, me)).collect()
    }

    pub fn pods_broken(&self) -> Vec<Ordinal> {
        let broken = |view: &PodView| matches!(view, PodView::Broken { .. });
        self.observed.pods.iter().filter(|(_, v)| broken(v)).map(|(k, _)| *k).collect()
    }

    /// Whether a sender thread exists or is wished for.
    pub fn is_started(&self, pod: Ordinal, object: &Object) -> bool {
        self.replication(pod, object).is_some_and(runs)
    }

    /// The head lines of the plan.
    pub fn lines(&self, me: Option<Ordinal>) -> Vec<PodLine> {
        let line = |(pod, view): (&Ordinal, &PodView)| {
            let (state, detail) = match view {
                PodView::Seen(p) => {
                    let state = if self.is_joined(*pod) {
                        PodState::Joined
                    } else if status::is_joined_and_closed(self.desired, self.observed, *pod) {
                        PodState::JoinedClosed
                    } else {
                        PodState::NotJoined
                    };
                    (state, seen_detail(p))
                }
                PodView::Absent { said, .. } if self.is_down(*pod, me) => (PodState::MemberDown, said.clone()),
                PodView::Absent { said, .. } if self.keeps_log(me, *pod) => {
                    let keeper = me.map(|me| format!("; pod {me} keeps log for it")).unwrap_or_default();
                    (PodState::Absent, format!("{said}{keeper}"))
                }
                PodView::Absent { said, .. } if self.was_given_up(*pod) => {
                    (PodState::Absent, format!("{said}; log for it was given up, so it has to be copied anew"))
                }
                PodView::Absent { .. } => (PodState::Absent, "not created yet, or left in an orderly way".to_owned()),
                PodView::Broken { said, .. } => (PodState::Broken, said.clone()),
            };
            PodLine { pod: *pod, state, detail }
        };
        self.observed.pods.iter().map(line).collect()
    }

    /// Notes about pods that are not as they should be.
    pub fn notes(&self, me: Option<Ordinal>) -> Vec<Reason> {
        let mut notes = Vec::new();
        for pod in self.pods_down(me) {
            let keepers: BTreeMap<_, _> = self
                .desired
                .objects_of(pod)
                .filter(|(other, _)| Some(*other) != me && self.counts(*other))
                .filter_map(|(other, o)| match self.observed.side(other, &o.name) {
                    Side::Live(sn) => Some((other, sn)),
                    Side::Missing | Side::Reset | Side::GaveUp | Side::Unknown => None,
                })
                .collect();
            let keepers: Vec<_> = keepers.iter().map(|(k, sn)| format!("pod {k} (from SN {sn})")).collect();
            let member = if keepers.is_empty() {
                "the ledgers call it a running member".to_owned()
            } else {
                format!("log is kept for it on {}", keepers.join(", "))
            };
            notes.push(Reason::new(
                Code::MemberDown,
                format!("pod {pod} is down, and {member}; it may hold rows that no other pod has"),
            ));
        }
        for pod in self.pods_broken() {
            if let Some(PodView::Broken { said, .. }) = self.observed.pods.get(&pod) {
                notes.push(Reason::new(Code::PodBroken, format!("pod {pod} cannot be looked at: {said}")));
            }
        }
        for pod in self.seen().filter(|k| Some(*k) != me) {
            let open = self.pod(pod).is_some_and(|p| !p.admin_mode());
            if open && pod != Ordinal::MASTER && !self.is_member(pod) {
                notes.push(Reason::new(
                    Code::NotConnected,
                    format!("pod {pod} admits users but is not connected with pod 0 in both directions; `aku plan start --ordinal {pod}` says why"),
                ));
            }
        }
        notes
    }
}

fn seen_detail(p: &Pod) -> String {
    let version = p.server.version.as_deref().unwrap_or("unknown version");
    let mode = match (p.admin_mode(), p.privilege) {
        (true, Privilege::Normal | Privilege::Sysdba) => "closed to users (ADMIN_MODE 1)",
        (false, Privilege::Normal | Privilege::Sysdba) => "in service",
    };
    format!("{version}, {mode}")
}
