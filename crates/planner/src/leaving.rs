//! A table that aku.conf no longer has goes out of an object only when what was committed to it so far is on the peer:
//! after that nobody would send it. What users commit from the FLUSH on stays where it is, as aku.conf asks.

use std::collections::BTreeSet;

use aku_core::{
    desired::Object,
    observe::Sender,
    plan::{
        Approval, ApprovalClass,
        action::{ActionId, Op},
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::ClusterView,
    definition,
    deliver::{self, Gate, Passable, Peer, Way},
    links::sides,
};

/// Targets that go out of an object and that both sides carry; in the order of their names.
pub(super) fn targets(world: &ClusterView<'_>, object: &Object) -> BTreeSet<Target> {
    let carried = |pod: Ordinal| -> BTreeSet<&Target> {
        world.replication(pod, object).map(|r| r.items.iter().map(|i| &i.local).collect()).unwrap_or_default()
    };
    let (low, high) = (carried(object.pair.low()), carried(object.pair.high()));
    sides(object)
        .into_iter()
        .flat_map(|(pod, peer)| definition::wrong(world, pod, peer, object).extra)
        .map(|item| item.local)
        .filter(|t| low.contains(t) && high.contains(t))
        .collect()
}

/// When what a pod committed to such tables can go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// As the two sides stand.
    Now,
    /// When the two sides are corrected, but for the tables that go.
    OnceEven,
    /// The two sides agree, and the sender does not get through: what the plan can mend is right.
    Never,
}

fn when(world: &ClusterView<'_>, way: Way<'_>) -> When {
    match deliver::passable(world, way) {
        Passable::Yes => match world.replication(way.from, way.object).map_or(Sender::None, |r| r.sender) {
            Sender::None | Sender::Running | Sender::Syncing => When::Now,
            Sender::Trying => When::Never,
        },
        Passable::OnceMade | Passable::No(_) => When::OnceEven,
    }
}

/// What a pod committed to tables that go and nobody gets.
pub(super) struct Unsent {
    pub pod: Ordinal,
    pub text: String,
}

/// The tables of an object that go, and how what was committed to them goes out before.
pub(super) struct Leaving<'o> {
    object: &'o Object,
    pub targets: BTreeSet<Target>,
    ways: Vec<(Ordinal, Ordinal, When)>,
}

impl<'o> Leaving<'o> {
    pub fn of(world: &ClusterView<'_>, object: &'o Object) -> Self {
        let targets = targets(world, object);
        let ways = if targets.is_empty() { Vec::new() } else { sides(object).to_vec() };
        let ways = ways.into_iter().map(|(from, to)| (from, to, when(world, Way { from, to, object }))).collect();
        Self { object, targets, ways }
    }

    /// Whether the two sides have to be corrected before anything gets through.
    fn waits_for_even(&self) -> bool {
        self.ways.iter().any(|(_, _, when)| *when == When::OnceEven)
    }

    /// START where a sender is down, and FLUSH, while the two sides stand as they are.
    pub fn now(&self, world: &ClusterView<'_>, build: &mut Builder, before: &Dependencies) -> Vec<ActionId> {
        if self.waits_for_even() { Vec::new() } else { self.send(world, build, before, Peer::Has) }
    }

    /// The same when they are corrected; then STOP. The STOPs, by pod.
    pub fn once_even(
        &self,
        world: &ClusterView<'_>,
        build: &mut Builder,
        before: &Dependencies,
    ) -> Vec<(Ordinal, ActionId)> {
        if !self.waits_for_even() {
            return Vec::new();
        }
        let sent = self.send(world, build, before, Peer::Swaps);
        let waits = Dependencies::on(sent, "everything is delivered before the streams stop");
        let stop = |(from, to, when): &(Ordinal, Ordinal, When)| {
            (*when != When::Never).then(|| {
                let op = Op::Stop { name: self.object.name.clone(), peer: *to };
                let text = "an object is corrected only while neither side sends (ERR-610FE, ERR-6109F)";
                (*from, build.add(*from, op, why(Code::CorrectDefinition, text), waits.clone()))
            })
        };
        self.ways.iter().filter_map(stop).collect()
    }

    fn send(&self, world: &ClusterView<'_>, build: &mut Builder, before: &Dependencies, peer: Peer) -> Vec<ActionId> {
        let object = self.object;
        let send = |(from, to, when): &(Ordinal, Ordinal, When)| {
            (*when != When::Never).then(|| {
                let (start, flush) = self.reasons(*from, *to);
                let earlier = build.starts_of(*from, &object.name);
                let first = before.clone().and(earlier, "only a running sender can be flushed");
                let gate = Gate { first, start: Dependencies::none(), peer };
                deliver::deliver(world, build, Way { from: *from, to: *to, object }, (start, flush), gate)
            })
        };
        self.ways.iter().filter_map(send).collect()
    }

    fn reasons(&self, from: Ordinal, to: Ordinal) -> (Reason, Reason) {
        let start = format!("pod {from} has no sender to pod {to}; what is unsent goes out first");
        let flush = format!(
            "what pod {from} committed to {} so far reaches pod {to}; aku.conf no longer has it, so nobody sends it later",
            self.tables()
        );
        (why(Code::SenderDown, start), why(Code::FlushBeforeStop, flush))
    }

    fn tables(&self) -> String {
        self.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// What cannot go out, whatever the plan does.
    pub fn unsent(&self) -> Vec<Unsent> {
        let lost = |(from, to, when): &(Ordinal, Ordinal, When)| {
            (*when == When::Never).then(|| Unsent {
                pod: *from,
                text: format!(
                    "{} goes out of {}, and its sender on pod {from} does not get through to pod {to} now: what pod {from} committed to it and has not sent reaches nobody; to lose nothing, wait until `aku status` shows the sender running, then plan again",
                    self.tables(),
                    self.object.name
                ),
            })
        };
        self.ways.iter().filter_map(lost).collect()
    }
}

/// What a pod committed so far goes out of an object of which tables go; `even` is what made its two stopped sides equal.
pub(super) fn send(
    world: &ClusterView<'_>,
    build: &mut Builder,
    way: Way<'_>,
    even: Option<Vec<ActionId>>,
) -> ActionId {
    let Way { from, to, object } = way;
    let start = format!("pod {from} has no sender to pod {to}; what is unsent goes out first");
    let flush = format!(
        "aku.conf lost a table of {}: what pod {from} committed so far reaches pod {to} before that goes",
        object.name
    );
    let peer = if even.is_some() { Peer::Swaps } else { Peer::Has };
    let first = Dependencies::on(even.into_iter().flatten(), "both sides must agree before they meet");
    let gate = Gate { first, start: Dependencies::none(), peer };
    deliver::deliver(world, build, way, (why(Code::SenderDown, start), why(Code::FlushBeforeStop, flush)), gate)
}

/// A yes for each pod that loses something.
pub(super) fn approvals(world: &ClusterView<'_>, unsent: &[Unsent]) -> Vec<Approval> {
    let pods: BTreeSet<_> = unsent.iter().map(|u| u.pod).collect();
    let of = |pod: Ordinal| {
        let texts: Vec<_> = unsent.iter().filter(|u| u.pod == pod).map(|u| u.text.as_str()).collect();
        let scope = format!("{}/{pod}", world.desired.statefulset);
        Approval { class: ApprovalClass::LosesUnsent, scope, because: texts.join("; ") }
    };
    pods.into_iter().map(of).collect()
}
