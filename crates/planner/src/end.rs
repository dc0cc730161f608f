//! A pod leaves in an orderly way: fenced, flushed, stopped, reset (DESIGN D15; `measured.md` 2). A clean takes the same
//! steps and drops as well; what is its own is in `clean`.
//!
//! A kill at any point fails towards "copy anew": the leaving pod forgets before its peers do.

use aku_core::{
    conf::Switch,
    desired::Object,
    observe::{MarkerView, Side},
    plan::{
        Before, Decision, Plan,
        action::{Action, ActionId, Op, RunWhen},
        reason::{Code, Reason},
    },
    topology::{Ordinal, ReplicationName},
};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::ClusterView,
    deliver::{self, Gate, Passable, Peer, Way},
    due::{self, Objects},
    identity, service, steps,
};

pub(super) fn plan(world: &ClusterView<'_>, me: Ordinal) -> Plan {
    let mut end = Leave::new(world, me, How::Ends);
    let (fenced, pairs) = end.begin();
    end.make(&pairs);
    for k in pairs {
        let mut flushed: Vec<_> = end.flush(k, fenced).into_iter().collect();
        flushed.extend(end.remove_twins(k, fenced, &flushed));
        end.leave(k, fenced, &flushed);
    }
    end.remarks();
    let text = match world.desired.flush_at_end {
        Switch::On => format!("pod {me} leaves; what it committed is delivered first"),
        Switch::Off => format!("pod {me} leaves; what it has not sent yet is sent when it comes back"),
    };
    end.told(text, world.desired.objects_of(me).count())
}

/// The volume is another pod's, or a copy of it: users are shut out; nothing is sent, forgotten, or written into a ledger.
pub(super) fn of_another(world: &ClusterView<'_>, me: Ordinal) -> Plan {
    let mut end = Leave::new(world, me, How::Ends);
    end.begin();
    let text = format!("pod {me} is closed; `aku plan start --ordinal {me}` says whose volume it has and what to do");
    end.told(text, 0)
}

/// What of an end is safe beside any other run, so that it waits for no lock: users are shut out and what they committed
/// is delivered. Everything on the leaving pod alone; nothing starts, stops or forgets.
#[must_use]
pub fn before_the_lock(plan: &Plan) -> Plan {
    let me = plan.goal.pod();
    let mut kept: Vec<Action> = Vec::new();
    let (mut ids, mut reached) = (HashSet::<ActionId>::new(), HashMap::<usize, bool>::new());
    for action in &plan.actions {
        let safe = match &action.op {
            Op::Fence | Op::RemoveMarker | Op::Flush { .. } | Op::CheckDelivered { .. } => true,
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
            // A sender that is down may be another run's pin.
            | Op::Start { .. }
            | Op::Pin { .. }
            | Op::Anchor { .. }
            | Op::Unpin { .. }
            | Op::Stop { .. }
            | Op::Reset { .. }
            | Op::SetProperty { .. }
            | Op::Truncate { .. }
            | Op::CheckEmpty { .. }
            | Op::Sync { .. }
            | Op::SyncTables { .. }
            | Op::Drain { .. }
            | Op::Delay { .. }
            | Op::CheckQuiet { .. }
            | Op::CheckContents { .. }
            | Op::CheckHolds { .. }
            | Op::Open
            // It says what is done when all else is.
            | Op::WriteLedger { .. }
            | Op::MendRows(_)
            | Op::DeleteRows(_)
            | Op::WriteMarker => false,
        };
        // What a milestone leads to comes after all of it, so what is known of it once stays so.
        let mut is_kept = |before: &Before| match before {
            Before::Action(id) => ids.contains(id),
            Before::Milestone(m) => {
                *reached.entry(m.identity()).or_insert_with(|| m.actions().iter().all(|id| ids.contains(id)))
            }
        };
        let ready = action.after.iter().all(|after| is_kept(&after.before));
        if safe && ready && action.pod == me && action.run == RunWhen::Normal {
            ids.insert(action.id);
            kept.push(action.clone());
        }
    }
    Plan { actions: kept, approvals: Vec::new(), ..plan.clone() }
}

/// What becomes of a pod that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It comes back.
    Ends,
    /// It is no longer kept in sync: its objects go, whatever aku.conf says of ends, and what cannot be delivered goes with
    /// a yes that names it.
    Cleans,
}

/// The steps of a pod that leaves.
pub(super) struct Leave<'a> {
    pub world: &'a ClusterView<'a>,
    me: Ordinal,
    how: How,
    pub build: Builder,
    pub notes: Vec<Reason>,
    /// RESETs towards pod 0, which all others wait for.
    source_forgotten: Vec<ActionId>,
    /// Objects that were made anew on a peer.
    made: Vec<(Ordinal, ReplicationName, ActionId)>,
    /// The row of the ledger that says so, where it stands before anything is forgotten.
    pub noted: Option<ActionId>,
}

impl<'a> Leave<'a> {
    pub fn new(world: &'a ClusterView<'a>, me: Ordinal, how: How) -> Self {
        Self {
            world,
            me,
            how,
            build: Builder::default(),
            notes: world.notes(Some(me)),
            source_forgotten: Vec::new(),
            made: Vec::new(),
            noted: None,
        }
    }

    fn told(self, text: String, already_right: usize) -> Plan {
        let Self { world, me, build, notes, .. } = self;
        Plan {
            goal: world.desired.goal,
            statefulset: world.desired.statefulset.clone(),
            decision: Decision::None { because: vec![why(Code::Leaving, text)] },
            pods: world.lines(Some(me)),
            notes,
            approvals: Vec::new(),
            actions: build.finish(),
            already_right,
        }
    }

    /// Whether what the pod committed is delivered first.
    fn delivers(&self) -> bool {
        match self.how {
            How::Ends => self.world.desired.flush_at_end == Switch::On,
            How::Cleans => true,
        }
    }

    /// Whether a pair forgets.
    fn forgets(&self, k: Ordinal, object: &Object) -> bool {
        match self.how {
            How::Ends => self.resets() && !self.is_stuck(k, object),
            How::Cleans => true,
        }
    }

    fn resets(&self) -> bool {
        // Pod 0 keeps its positions: that is how it catches up when it comes back (BUG-50259). Without a flush a RESET
        // would forget rows that were never sent (DESIGN D15).
        !self.me.is_master()
            && self.world.desired.reset_at_end == Switch::On
            && self.world.desired.flush_at_end == Switch::On
            && service::may_forget(self.world, self.me)
            && !self.keeps_source()
    }

    /// A position towards a pod 0 that is not in service, or that gets nothing now, is kept, and then all are: whoever is live
    /// with pod 0 counts as complete when it comes back, so it must not have forgotten anybody else. And what is forgotten is
    /// copied anew from pod 0, which nobody does from a pod that may have lost rows.
    fn keeps_source(&self) -> bool {
        let source = Ordinal::MASTER;
        let serves = self.world.pod(source).is_some_and(|p| !p.admin_mode());
        let mut towards = self.world.desired.objects_between(self.me, source);
        !serves || identity::behind(self.world, source).is_some() || towards.any(|o| self.is_stuck(source, o))
    }

    fn objects(&self, k: Ordinal) -> Vec<Object> {
        self.world.desired.objects_between(self.me, k).cloned().collect()
    }

    /// Whether anything is left to do for a pair.
    fn busy(&self, k: Ordinal) -> bool {
        let forget = |pod: Ordinal, o: &Object| match self.how {
            How::Ends => self.world.observed.side(pod, &o.name).is_live() && self.resets(),
            How::Cleans => self.world.observed.side(pod, &o.name).has_position(),
        };
        let due = || due::deliverable(self.world, self.me, k).iter().any(|o| self.world.is_started(self.me, o));
        self.objects(k)
            .iter()
            .any(|o| [self.me, k].into_iter().any(|pod| self.world.is_started(pod, o) || forget(pod, o)))
            || due()
    }

    /// Whether the pod itself has a place or a sender towards `k`.
    fn takes_part(&self, k: Ordinal) -> bool {
        let live = |o: &Object| self.world.observed.side(self.me, &o.name).is_live();
        self.objects(k).iter().any(|o| live(o) || self.world.is_started(self.me, o))
    }

    /// The fence and the marker, when there is anything to fence for.
    pub fn begin(&mut self) -> (Option<ActionId>, Vec<Ordinal>) {
        let pairs: Vec<_> = self.world.seen_others(self.me).filter(|k| self.busy(*k)).collect();
        let sends =
            self.world.desired.objects_of(self.me).any(|(_, o)| self.world.observed.side(self.me, &o.name).is_live());
        let open = self.world.pod(self.me).is_some_and(|p| !p.admin_mode());
        // ADMIN_MODE 1 shuts out who comes, not who is there: an end that was killed right after setting it left
        // clients inside.
        let concerned = match self.how {
            How::Ends => !pairs.is_empty(),
            // Where a clean broke off the pod may have been opened since, and is in nobody's sync.
            How::Cleans => self.world.desired.pods.keys().any(|k| *k != self.me && self.takes_part(*k)),
        };
        let admits = self.how == How::Ends && service::admits_unkept(self.world, self.me);
        let fenced = ((open && sends) || concerned || admits).then(|| {
            let text = "what clients commit after the last flush would be lost, so they are shut out first";
            self.build.add(self.me, Op::Fence, why(Code::Fence, text), Dependencies::none())
        });
        match self.world.observed.marker {
            MarkerView::Present | MarkerView::Stale => {
                let text = match self.how {
                    How::Ends => "the pod is no longer started",
                    How::Cleans => "the pod is no longer kept in sync",
                };
                let because = why(Code::Marker, text);
                self.build.add(self.me, Op::RemoveMarker, because, Dependencies::on(fenced, "right after the fence"));
            }
            MarkerView::Missing | MarkerView::Elsewhere => {}
        }
        (fenced, pairs)
    }

    /// What a change of names that broke off left between the two pods.
    pub fn remove_twins(&mut self, k: Ordinal, fenced: Option<ActionId>, flushed: &[ActionId]) -> Vec<ActionId> {
        let objects = match self.how {
            How::Ends => Objects::Stay,
            How::Cleans => Objects::Go,
        };
        let first = Dependencies::on(fenced, "users are out first")
            .and(flushed.iter().copied(), "unsent rows are never forgotten");
        let ends = [(self.me, k), (k, self.me)];
        due::remove_twins(self.world, &mut self.build, ends, objects, &first)
    }

    /// Positions under names that aku.conf does not have, through which nothing is due.
    fn forget_stale(&mut self, k: Ordinal, fenced: Option<ActionId>) -> Vec<ActionId> {
        let objects = match self.how {
            How::Ends if !self.resets() => return Vec::new(),
            How::Ends => Objects::Stay,
            How::Cleans => Objects::Go,
        };
        let first = Dependencies::on(fenced, "users are out first");
        due::forget_stale(self.world, &mut self.build, [self.me, k], objects, &first)
    }

    /// STOP on both sides of every pair with `k`, then RESET here, DROP here where the objects go, and RESET there.
    /// `flushed` is what delivers before.
    pub fn leave(&mut self, k: Ordinal, fenced: Option<ActionId>, flushed: &[ActionId]) {
        let me = self.me;
        let flushed = || flushed.iter().copied();
        let stop_waits = Dependencies::on(flushed(), "everything is delivered before the streams stop")
            .and(fenced, "users are out first");
        let (mut stopped_there, mut dropped) = (Vec::new(), Vec::new());
        let forgotten = Dependencies::on(
            self.source_forgotten.iter().copied(),
            "pod 0 is forgotten first: who is live with it counts as complete",
        );
        for object in self.objects(k).into_iter().chain(due::deliverable(self.world, me, k)) {
            let mine = self.stop(me, k, &object, &stop_waits);
            let theirs = self.stop(k, me, &object, &stop_waits);
            if !self.forgets(k, &object) {
                continue;
            }
            let stopped = Dependencies::on(mine, "RESET needs a stopped sender")
                .and(flushed(), "unsent rows are never forgotten")
                .and(fenced, "users are out first")
                .and(self.noted, "a kill from here on is seen as what it is");
            let stopped = if k.is_master() { stopped } else { stopped.and_all(forgotten.clone()) };
            let forgot = self.reset(me, k, &object, stopped);
            if k.is_master() {
                self.source_forgotten.extend(forgot);
            }
            dropped.extend(self.remove(k, &object, [mine, theirs, forgot]));
            stopped_there.push((object, theirs, forgot));
        }
        let forgotten = Dependencies::on(
            self.source_forgotten.iter().copied(),
            "in every group, so that a group that neither side has a place in is one that aku.conf gained",
        );
        for (object, theirs, mine) in stopped_there {
            let stopped = Dependencies::on(theirs, "RESET needs a stopped sender")
                .and(mine, "the leaving pod forgets first: a kill in between means a new copy, never a gap")
                .and(flushed(), "only a pair whose flush returned is reset")
                .and(dropped.iter().copied(), "a DROP that fails leaves the peer as it is");
            let stopped = if k.is_master() { stopped.and_all(forgotten.clone()) } else { stopped };
            self.reset(k, me, &object, stopped);
        }
    }

    /// DROP, where the objects of the pod go.
    fn remove(
        &mut self,
        k: Ordinal,
        object: &Object,
        [mine, theirs, forgot]: [Option<ActionId>; 3],
    ) -> Option<ActionId> {
        let goes = self.how == How::Cleans && self.world.replication(self.me, object).is_some();
        goes.then(|| {
            // The server has had crashes when DROP met a receiver or an incoming START (BUG-50058, BUG-50862): peers stop first.
            let waits = Dependencies::on(theirs, "the peer must not be sending")
                .and(mine, "DROP needs a stopped sender")
                .and(forgot, "the place goes first: what is left of a clean that breaks off looks joined to nobody")
                .and(self.noted, "a kill from here on is seen as what it is");
            let op = Op::DropReplication { name: object.name.clone(), peer: k };
            self.build.add(self.me, op, self.reason(), waits)
        })
    }

    /// Why streams stop.
    fn reason(&self) -> Reason {
        match self.how {
            How::Ends => why(Code::Leaving, format!("pod {} leaves", self.me)),
            How::Cleans => why(Code::CleanObject, format!("pod {} is no longer kept in sync", self.me)),
        }
    }

    /// Flushes every live side towards `k`, and proves that `k` has everything. A side that cannot be delivered is left to
    /// [`is_stuck`](Self::is_stuck).
    pub fn flush(&mut self, k: Ordinal, fenced: Option<ActionId>) -> Option<ActionId> {
        if !self.delivers() {
            return None;
        }
        let me = self.me;
        let (mut flushed, mut names) = (Vec::new(), Vec::new());
        let due = due::deliverable(self.world, me, k);
        let stale = self.forget_stale(k, fenced);
        for object in self.objects(k).into_iter().chain(due) {
            if !self.world.observed.side(me, &object.name).is_live() || self.is_stuck(k, &object) {
                continue;
            }
            let made = self.made.iter().find(|(pod, name, _)| *pod == k && *name == object.name).map(|(_, _, id)| *id);
            let text = match made {
                Some(_) => format!("pod {k} lost its object and gets it back, so that what is unsent goes out first"),
                None => {
                    format!("pod {me} has no sender to pod {k}, and it keeps a position: what is unsent goes out first")
                }
            };
            let start = why(Code::SenderDown, text);
            let flush = why(Code::FlushBeforeStop, format!("everything pod {me} committed must be on pod {k}"));
            let gate = Gate {
                first: Dependencies::on(fenced, "users are out first")
                    .and(stale.iter().copied(), "what is kept twice is forgotten first"),
                start: Dependencies::on(made, "both sides must be there"),
                peer: if made.is_some() { Peer::Gets } else { Peer::Has },
            };
            let way = Way { from: me, to: k, object: &object };
            flushed.push(deliver::deliver(self.world, &mut self.build, way, (start, flush), gate));
            names.push(object.name);
        }
        (!names.is_empty()).then(|| {
            self.build.add(
                me,
                Op::CheckDelivered { names },
                deliver::proof(&format!("pod {k}")),
                Dependencies::on(flushed, "it looks at what they did"),
            )
        })
    }

    /// Whether what `me` holds back for `k` cannot be delivered now, although `k` is there: its position is kept.
    pub fn is_stuck(&self, k: Ordinal, object: &Object) -> bool {
        let way = Way { from: self.me, to: k, object };
        let live = self.world.observed.side(self.me, &object.name).is_live();
        live && matches!(deliver::passable(self.world, way), Passable::No(_))
    }

    /// Objects that peers lost are made anew there, as a start does: without them nothing can be delivered.
    pub fn make(&mut self, pairs: &[Ordinal]) {
        if !self.delivers() {
            return;
        }
        let (world, me) = (self.world, self.me);
        let is_lost = |k: Ordinal, object: &Object| {
            let live = world.observed.side(me, &object.name).is_live();
            live && deliver::passable(world, Way { from: me, to: k, object }) == Passable::OnceMade
        };
        let lost = |k: Ordinal| {
            let all = world.desired.objects_between(me, k);
            all.filter(move |o| is_lost(k, o)).map(move |o| (k, o))
        };
        let creating: Vec<_> = pairs.iter().flat_map(|k| lost(*k)).collect();
        let made = steps::create(world, &mut self.build, &creating);
        self.made = creating.iter().zip(made).map(|((k, o), id)| (*k, o.name.clone(), id)).collect();
    }

    fn stop(&mut self, pod: Ordinal, peer: Ordinal, object: &Object, waits: &Dependencies) -> Option<ActionId> {
        // The flush may have started a sender that was down.
        let revived = pod == self.me
            && self.delivers()
            && self.world.pod(peer).is_some()
            && !self.is_stuck(peer, object)
            && self.world.observed.side(pod, &object.name).is_live();
        (self.world.is_started(pod, object) || revived).then(|| {
            let op = Op::Stop { name: object.name.clone(), peer };
            self.build.add(pod, op, self.reason(), waits.clone())
        })
    }

    fn reset(&mut self, pod: Ordinal, peer: Ordinal, object: &Object, waits: Dependencies) -> Option<ActionId> {
        match self.world.observed.side(pod, &object.name) {
            // What was given up was never delivered: the mark stays, so that the next start names the loss.
            Side::GaveUp if pod == self.me => None,
            Side::Live(_) | Side::GaveUp => {
                let op = Op::Reset { name: object.name.clone(), peer };
                let because = match self.how {
                    How::Ends => {
                        let me = self.me;
                        let text = format!(
                            "pod {pod} keeps no log for pod {peer}; pod {me} is copied anew when it comes back"
                        );
                        why(Code::ResetAtEnd, text)
                    }
                    How::Cleans if pod == self.me => self.reason(),
                    How::Cleans => {
                        why(Code::CleanPeer, format!("otherwise pod {pod} would keep log for pod {peer} for ever"))
                    }
                };
                Some(self.build.add(pod, op, because, waits))
            }
            Side::Missing | Side::Reset | Side::Unknown => None,
        }
    }

    fn remarks(&mut self) {
        let me = self.me;
        if self.build.last().is_none() {
            return;
        }
        if self.world.desired.flush_at_end == Switch::Off {
            self.notes.push(Reason::new(
                Code::NoFlushAtEnd,
                "AKU_FLUSH_AT_END is 0: nothing is flushed, so nothing is reset either, because that would lose unsent rows",
            ));
        }
        if !self.resets() && self.world.desired.objects_of(me).next().is_some() {
            self.notes.push(Reason::new(
                Code::LogKept,
                format!("positions are kept: the other pods keep their log for pod {me} until it comes back, so their disks fill while it is away"),
            ));
        }
        for (k, object) in self.world.desired.objects_of(me) {
            if self.world.observed.side(me, &object.name) == Side::GaveUp {
                self.notes.push(Reason::new(
                    Code::GaveUp,
                    format!("{}: pod {me} gave up log that pod {k} never got; the mark is kept, and the next start of pod {me} names what is lost", object.name),
                ));
            }
            if self.world.pod(k).is_some()
                && self.world.desired.flush_at_end == Switch::On
                && let Side::Live(sn) = self.world.observed.side(me, &object.name)
                && let Passable::No(because) = deliver::passable(self.world, Way { from: me, to: k, object })
            {
                self.notes.push(Reason::new(
                    Code::LogKept,
                    format!("{}: what pod {me} has not sent to pod {k} cannot be delivered now: {because}; the position SN {sn} is kept, and the next start of pod {me} delivers it or names what is lost", object.name),
                ));
            }
            if self.world.pod(k).is_none()
                && let Side::Live(sn) = self.world.observed.side(me, &object.name)
            {
                self.notes.push(Reason::new(
                    Code::LogKept,
                    format!("pod {k} is not reachable, so {} stays live at SN {sn}: what pod {k} does not have is sent when both are back", object.name),
                ));
            }
        }
    }
}
