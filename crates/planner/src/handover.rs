//! How a table changes hands between two objects of a pair without a gap and while users write. Touches no row.
//!
//! Between two pods G gets tables that A carries. Why this order:
//!
//! 1. G is there on both sides and does not send: one that runs is stopped, one with nothing of its own begins anew. Then it
//!    gets its log: ADD TABLE locks the table, so every change after it is in G's stream; a pin keeps the log from then on, and
//!    a transaction that was open at the pin is waited for (`measured.md` 1, drain).
//! 2. A is flushed in both directions: what was committed before 1 is on the peer. A stops. Only then does A lose the tables:
//!    a place in the log and an item tell the next run what was not handed over yet, so a kill before this leaves A as it
//!    was, and a kill after it leaves G with everything.
//! 3. G starts. What A had delivered already is repeated and changes nothing, because G goes on to the end of the log. G
//!    never runs beside A: a change that A delivers late, when G is ahead, could undo a later one.
//! 4. An object that goes is dropped when G is seen to deliver, or before G starts where the server allows one object for
//!    each address (REPLICATION_ALLOW_DUPLICATE_HOSTS 0). There G is made with a port that nobody listens on, because a pin
//!    needs no peer, and gets the right one when A is gone.
//!
//! A run that was killed leaves G with the tables and without a sender, or pinned. The next one takes G's share out again
//! and begins at 1, so that what is repeated stays short.

mod even;

use std::collections::BTreeMap;

use aku_core::{
    desired::Object,
    observe::{Pod, Sender},
    plan::{
        Milestone,
        action::{ActionId, Expect, Op, RunWhen},
        reason::Code,
    },
    topology::{Ordinal, ReplicationName, Target},
};

use even::Even;

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::{ClusterView, runs},
    definition,
    join::DRAIN_S,
    links::sides,
    moved::{Gives, How, Loser, Unit},
};

/// A port that no server of ours listens on: whoever is sent there is refused at once.
const NOWHERE: u16 = 1;

/// What others wait for.
pub(super) struct Done {
    /// Everything that a unit does when all goes well.
    pub all: Vec<ActionId>,
    /// Objects that go, by pod.
    pub dropped: Vec<(Ordinal, ReplicationName)>,
}

pub(super) fn unit(world: &ClusterView<'_>, build: &mut Builder, unit: &Unit, before: &Dependencies) -> Done {
    let mut h = Handover { world, build, unit, all: Vec::new(), stops: Vec::new(), dropped: Vec::new() };
    let (low, high) = (unit.object.pair.low(), unit.object.pair.high());
    let begun = match &unit.how {
        How::Added => h.add(before),
        How::Connected { fresh } => h.connect(before, fresh),
        How::Renamed => h.make(before),
    };
    let begun_all =
        Dependencies::on(begun.ids.values().flatten().copied(), "from then on the other object has every change");
    let even = h.even(before);
    let delivered: Vec<ActionId> = unit
        .losers
        .iter()
        .flat_map(|loser| [(low, high), (high, low)].map(|ends| (loser, ends)))
        .map(|(loser, ends)| h.deliver(loser, ends, &even, &begun_all))
        .collect();
    let delivered = Dependencies::on(delivered, "everything is delivered before the streams stop");
    let stopped = h.stop_losers(&delivered);
    let undone = h.undo(&begun, &stopped);
    let given = h.give(&stopped);
    h.start(&begun, &undone, &given);
    Done { all: h.all, dropped: h.dropped }
}

/// What the object that gets the tables was made ready with.
#[derive(Default)]
struct Begun {
    /// By pod: from then on it has every change.
    ids: BTreeMap<Ordinal, Vec<ActionId>>,
    /// Its STOPs, by pod.
    stops: BTreeMap<Ordinal, ActionId>,
    /// What is taken back when the run ends before the tables are given.
    undo: Vec<(Ordinal, Ordinal, Taken, ActionId)>,
}

/// What is taken back.
enum Taken {
    Table(Target),
    Pin,
}

struct Handover<'w, 'a, 'b> {
    world: &'w ClusterView<'a>,
    build: &'b mut Builder,
    unit: &'w Unit,
    all: Vec<ActionId>,
    /// STOPs of the objects that give: pod, object, action.
    stops: Vec<(Ordinal, ReplicationName, ActionId)>,
    dropped: Vec<(Ordinal, ReplicationName)>,
}

impl Handover<'_, '_, '_> {
    fn act(&mut self, pod: Ordinal, op: Op, code: Code, text: impl Into<String>, waits: Dependencies) -> ActionId {
        let id = self.build.add(pod, op, why(code, text), waits);
        self.all.push(id);
        id
    }

    fn name(&self) -> ReplicationName {
        self.unit.object.name.clone()
    }

    fn tables(&self) -> String {
        self.unit.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    fn from(&self) -> String {
        self.unit.losers.iter().map(|l| l.name.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// (1) It runs with other tables: STOP both, ADD TABLE both.
    fn add(&mut self, before: &Dependencies) -> Begun {
        let (world, unit, name) = (self.world, self.unit, self.name());
        let mut begun = Begun::default();
        for (pod, peer) in sides(&unit.object) {
            if world.is_started(pod, &unit.object) || !self.build.starts_of(pod, &name).is_empty() {
                let op = Op::Stop { name: name.clone(), peer };
                let text = "an object is corrected only while neither side sends (ERR-610FE, ERR-6109F)";
                let id = self.act(pod, op, Code::CorrectDefinition, text, before.clone());
                begun.stops.insert(pod, id);
            }
        }
        let stopped = before.clone().and(begun.stops.values().copied(), "neither side may be sending");
        for (pod, peer) in sides(&unit.object) {
            let mut last: Option<ActionId> = None;
            for target in &unit.targets {
                let waits = |last: Option<ActionId>| match last {
                    None => stopped.clone(),
                    Some(last) => Dependencies::on([last], "one change of an object at a time"),
                };
                let item = |r: &aku_core::observe::Replication| r.items.iter().any(|i| i.local == *target);
                let there = world.replication(pod, &unit.object).is_some_and(item);
                if there && !self.build.drops(pod, &name, target) {
                    let op = Op::DropTable { name: name.clone(), peer, target: target.clone(), remote: target.clone() };
                    let text = format!(
                        "a change that broke off left {target} in {name}; it is put in anew, so that little is sent twice"
                    );
                    last = Some(self.act(pod, op, Code::Moved, text, waits(last)));
                }
                let op = Op::AddTable { name: name.clone(), peer, target: target.clone() };
                let text = format!(
                    "aku.conf has {target} in this group; {} carries it until here, so no row is copied",
                    self.from()
                );
                let id = self.act(pod, op, Code::Moved, text, waits(last));
                begun.undo.push((pod, peer, Taken::Table(target.clone()), id));
                last = Some(id);
            }
            begun.ids.insert(pod, last.into_iter().collect());
        }
        begun
    }

    /// (1) It has nothing of its own: it begins anew.
    fn connect(&mut self, before: &Dependencies, fresh: &[Target]) -> Begun {
        let (world, unit, name) = (self.world, self.unit, self.name());
        let mut ready = before.clone();
        for (pod, peer) in sides(&unit.object) {
            let made = self.build.creates_of(pod, &name);
            ready = ready.and(made, "both sides must be there");
            let stopped = world.is_started(pod, &unit.object).then(|| {
                let op = Op::Stop { name: name.clone(), peer };
                self.act(pod, op, Code::Moved, "it begins anew", before.clone())
            });
            let mut last = stopped;
            if world.observed.side(pod, &name).has_position() {
                let op = Op::Reset { name: name.clone(), peer };
                let text = format!("{} carries all its tables, so it forgets nothing and begins anew", self.from());
                let waits = before.clone().and(stopped, "RESET needs a stopped sender");
                last = Some(self.act(pod, op, Code::Moved, text, waits));
            }
            let waits = before.clone().and(last, "one change of an object at a time");
            let wrong = definition::all_wrong(world, pod, peer, &unit.object);
            let corrected = definition::correct_what(world, self.build, (pod, peer), &unit.object, wrong, &waits);
            self.all.extend(corrected.iter().copied());
            ready = ready.and(last, "it begins anew").and(corrected, "the definition first");
        }
        self.pin(&ready, fresh)
    }

    /// (1) It is made beside the one that goes.
    fn make(&mut self, before: &Dependencies) -> Begun {
        let (world, unit, name) = (self.world, self.unit, self.name());
        let text = format!("a change that broke off left it; {} carries its tables, so it is made anew", self.from());
        let mut stopped = before.clone();
        for (pod, peer) in sides(&unit.object) {
            if world.observed.replication(pod, &name).is_some_and(runs) {
                let op = Op::Stop { name: name.clone(), peer };
                let id = self.act(pod, op, Code::Moved, text.clone(), before.clone());
                stopped = stopped.and([id], "neither side may be sending");
            }
        }
        let mut made = Vec::new();
        for (pod, peer) in sides(&unit.object) {
            let mut waits = stopped.clone();
            if let Some(found) = world.observed.replication(pod, &name) {
                if found.position.is_live() || found.gave_up.is_some() {
                    let op = Op::Reset { name: name.clone(), peer };
                    let id = self.act(pod, op, Code::Moved, text.clone(), waits);
                    waits = Dependencies::on([id], "it holds no place then");
                }
                let op = Op::DropReplication { name: name.clone(), peer };
                let id = self.act(pod, op, Code::Moved, text.clone(), waits);
                waits = Dependencies::on([id], "the name must be free");
            }
            let op = self.create(pod, peer);
            let text = self.made_for();
            made.push(self.act(pod, op, Code::Moved, text, waits));
        }
        let ready = Dependencies::on(made, "both sides must be there");
        self.pin(&ready, &[])
    }

    fn made_for(&self) -> String {
        format!("aku.conf gives it this name; it takes over from {}, and no row is copied", self.from())
    }

    fn create(&self, pod: Ordinal, peer: Ordinal) -> Op {
        let address = &self.world.desired.pods[&peer];
        Op::CreateReplication {
            name: self.name(),
            peer,
            host: address.host.clone(),
            port: if self.is_alone() { NOWHERE } else { address.port },
            targets: self.unit.targets.clone(),
            shape: self.world.desired.shape(pod, &self.unit.object),
        }
    }

    /// One of the two servers takes one object for each address.
    fn is_alone(&self) -> bool {
        let one = |p: &Pod| p.property("REPLICATION_ALLOW_DUPLICATE_HOSTS") == Some(0);
        let pods = [self.unit.object.pair.low(), self.unit.object.pair.high()];
        self.unit.how == How::Renamed && pods.iter().any(|p| self.world.pod(*p).is_some_and(one))
    }

    fn pin(&mut self, ready: &Dependencies, fresh: &[Target]) -> Begun {
        let (unit, name) = (self.unit, self.name());
        let mut begun = Begun::default();
        for (pod, peer) in sides(&unit.object) {
            let op = Op::Pin { name: name.clone(), peer };
            let text = format!("from now on pod {pod} keeps its log of {} for {name}", self.tables());
            let pin = self.act(pod, op, Code::Pin, text, ready.clone());
            begun.undo.push((pod, peer, Taken::Pin, pin));
            let op = Op::Drain { wait_s: DRAIN_S };
            let text = format!("a transaction that was open on pod {pod} at the pin is in {} alone", self.from());
            let waits = Dependencies::on([pin], "it looks at what was open at the pin");
            let mut ids = vec![self.act(pod, op, Code::Drain, text, waits)];
            if !fresh.is_empty() {
                let op = Op::CheckEmpty { targets: fresh.to_vec() };
                let text = format!("what pod {pod} committed before its pin to a table that is new reaches nobody");
                let waits = Dependencies::on([pin], "it looks at what was there before the pin");
                ids.push(self.act(pod, op, Code::NewTable, text, waits));
            }
            begun.ids.insert(pod, ids);
        }
        begun
    }

    /// (2) What was committed until here goes out.
    fn deliver(
        &mut self,
        loser: &Loser,
        (pod, peer): (Ordinal, Ordinal),
        even: &Even,
        begun: &Dependencies,
    ) -> ActionId {
        let found = self.world.observed.replication(pod, &loser.name);
        let stopped = even.stopped.contains(&(pod, loser.name.clone()));
        let down = stopped || found.is_some_and(|r| r.sender == Sender::None);
        let earlier = self.build.starts_of(pod, &loser.name);
        let started = (down && earlier.is_empty()).then(|| {
            let op = Op::Start { name: loser.name.clone(), peer, expect: Expect::Live };
            let text = format!("pod {pod} has no sender to pod {peer}; what is unsent goes out first");
            self.act(pod, op, Code::SenderDown, text, even.first.clone())
        });
        let wait_s = self.world.desired.flush_wait_s();
        let op = Op::Flush { name: loser.name.clone(), peer, wait_s };
        let text =
            format!("what pod {pod} committed until here reaches pod {peer}; from here on {} has it", self.name());
        let waits = begun.clone().and(started.into_iter().chain(earlier), "only a running sender can be flushed");
        self.act(pod, op, Code::FlushBeforeStop, text, waits)
    }

    fn stop_losers(&mut self, delivered: &Dependencies) -> Vec<ActionId> {
        for loser in &self.unit.losers {
            for (pod, peer) in sides(&self.unit.object) {
                let op = Op::Stop { name: loser.name.clone(), peer };
                let text = format!("{} has gone over to {}", self.tables(), self.name());
                let id = self.act(pod, op, Code::Moved, text, delivered.clone());
                self.stops.push((pod, loser.name.clone(), id));
            }
        }
        self.stops.iter().map(|(_, _, id)| *id).collect()
    }

    /// What was made ready goes again when the run ends before the old streams have stopped.
    fn undo(&mut self, begun: &Begun, stopped: &[ActionId]) -> Vec<ActionId> {
        let mut undone = Vec::new();
        let until = Milestone::of(stopped.iter().copied());
        for (pod, peer, taken, id) in &begun.undo {
            let (name, peer) = (self.name(), *peer);
            let (op, code) = match taken {
                Taken::Table(target) => {
                    let (target, remote) = (target.clone(), target.clone());
                    (Op::DropTable { name, peer, target, remote }, Code::Moved)
                }
                Taken::Pin => (Op::Unpin { name, peer }, Code::UndoPin),
            };
            let text = format!("the change broke off: {} goes on as before", self.from());
            let run = RunWhen::Undo { armed_by: *id, until: until.clone() };
            let waits = Dependencies::on(stopped.iter().copied(), "only if the tables do not go over");
            let id = self.build.add_when(*pod, op, why(code, text), waits, run);
            self.all.push(id);
            undone.push(id);
        }
        undone
    }

    /// (2) The tables go out of the objects that carried them; an object that has given all goes.
    fn give(&mut self, stopped: &[ActionId]) -> Vec<ActionId> {
        let stopped = Dependencies::on(stopped.iter().copied(), "neither side may be sending");
        let mut given = Vec::new();
        for loser in &self.unit.losers {
            match &loser.gives {
                Gives::Tables(targets) => {
                    let ids = self.take_out(loser, targets, &stopped);
                    given.extend(ids);
                }
                Gives::All => {
                    let ids = self.forget(loser, &stopped);
                    given.extend(ids);
                }
            }
        }
        given
    }

    fn take_out(&mut self, loser: &Loser, targets: &[Target], stopped: &Dependencies) -> Vec<ActionId> {
        let mut out = Vec::new();
        for (pod, peer) in sides(&self.unit.object) {
            let mut last: Option<ActionId> = None;
            for target in targets {
                let (name, remote) = (loser.name.clone(), target.clone());
                let op = Op::DropTable { name, peer, target: target.clone(), remote };
                let text = format!("{} has it from here on; its rows stay", self.name());
                let waits = match last {
                    None => stopped.clone(),
                    Some(last) => Dependencies::on([last], "one change of an object at a time"),
                };
                last = Some(self.act(pod, op, Code::Moved, text, waits));
            }
            out.extend(last);
        }
        let changed = Dependencies::on(out.iter().copied(), "both sides must agree before they meet");
        for (pod, peer) in sides(&self.unit.object) {
            let op = Op::Start { name: loser.name.clone(), peer, expect: Expect::Live };
            let text = format!("pod {pod} goes on with the other tables from where it stopped");
            let armed_by = self.stop_of(pod, &loser.name);
            let run = RunWhen::Always { armed_by };
            let id = self.build.add_when(pod, op, why(Code::SendAgain, text), changed.clone(), run);
            self.all.push(id);
        }
        out
    }

    fn stop_of(&self, pod: Ordinal, name: &ReplicationName) -> ActionId {
        let stop = self.stops.iter().find(|(p, n, _)| *p == pod && n == name);
        stop.expect("every object that gives is stopped on both pods").2
    }

    /// An object that goes forgets its places; until the first is forgotten it could go on.
    fn forget(&mut self, loser: &Loser, stopped: &Dependencies) -> Vec<ActionId> {
        let mut waits = stopped.clone();
        let mut forgotten = Vec::new();
        let (low, high) = (self.unit.object.pair.low(), self.unit.object.pair.high());
        for (pod, peer) in [(high, low), (low, high)] {
            let op = Op::Reset { name: loser.name.clone(), peer };
            let text = format!(
                "it has delivered everything, and {} has what comes; a place that is left would keep log for nothing",
                self.name()
            );
            let id = self.act(pod, op, Code::Moved, text, waits);
            waits = Dependencies::on([id], "one side after the other");
            forgotten.push(id);
        }
        let first = Milestone::of(forgotten.first().copied());
        for (pod, peer) in sides(&self.unit.object) {
            let op = Op::Start { name: loser.name.clone(), peer, expect: Expect::Live };
            let text = "the change broke off: it goes on as before".to_owned();
            let armed_by = self.stop_of(pod, &loser.name);
            let run = RunWhen::Undo { armed_by, until: first.clone() };
            let waits = Dependencies::on(forgotten.iter().copied(), "only if its places are still there");
            let id = self.build.add_when(pod, op, why(Code::SendAgain, text), waits, run);
            self.all.push(id);
        }
        if self.is_alone() {
            let waits = Dependencies::on(forgotten.iter().copied(), "its places are forgotten");
            let gone = self.drop_object(loser, &waits);
            return self.addresses(&gone);
        }
        forgotten
    }

    fn drop_object(&mut self, loser: &Loser, waits: &Dependencies) -> Vec<ActionId> {
        let mut gone = Vec::new();
        for (pod, peer) in sides(&self.unit.object) {
            self.dropped.push((pod, loser.name.clone()));
            let op = Op::DropReplication { name: loser.name.clone(), peer };
            let text = format!("{} has taken over; the tables stay as they are", self.name());
            gone.push(self.act(pod, op, Code::Moved, text, waits.clone()));
        }
        gone
    }

    /// The right port, now that nobody else has the address.
    fn addresses(&mut self, gone: &[ActionId]) -> Vec<ActionId> {
        let mut right = Vec::new();
        for (pod, peer) in sides(&self.unit.object) {
            let address = self.world.desired.pods[&peer].clone();
            let old = vec![aku_core::desired::ReplicationAddress { port: NOWHERE, ..address.clone() }];
            let op = Op::ChangeHost { name: self.name(), peer, host: address.host, port: address.port, old };
            let text = "REPLICATION_ALLOW_DUPLICATE_HOSTS is 0, so the address is free only now";
            let waits = Dependencies::on(gone.iter().copied(), "one object for each address");
            right.push(self.act(pod, op, Code::AddressChanged, text, waits));
        }
        right
    }

    /// (3) and (4)
    fn start(&mut self, begun: &Begun, undone: &[ActionId], given: &[ActionId]) {
        let name = self.name();
        let waits = Dependencies::on(given.iter().copied(), "never beside the one that carried them")
            .and(undone.iter().copied(), "both sides must agree before they meet");
        let mut started = Vec::new();
        for (pod, peer) in sides(&self.unit.object) {
            let op = Op::Start { name: name.clone(), peer, expect: Expect::Live };
            let (code, text) = match &self.unit.how {
                How::Added => {
                    (Code::SendAgain, format!("pod {pod} goes on from where it stopped, now with {}", self.tables()))
                }
                How::Connected { .. } | How::Renamed => {
                    (Code::ResumeFromPin, format!("pod {pod} sends from its pin on"))
                }
            };
            let run = begun.stops.get(&pod).map_or(RunWhen::Normal, |id| RunWhen::Always { armed_by: *id });
            let id = self.build.add_when(pod, op, why(code, text), waits.clone(), run);
            self.all.push(id);
            started.push(id);
        }
        if self.is_alone() || !self.unit.losers.iter().any(|l| l.gives == Gives::All) {
            return;
        }
        let mut proved = Vec::new();
        for (pod, peer) in sides(&self.unit.object) {
            let op = Op::Flush { name: name.clone(), peer, wait_s: self.world.desired.flush_wait_s() };
            let text = format!("{name} is seen to deliver before the other goes");
            // A START that runs whatever happens does not vouch for what came before it.
            let waits = Dependencies::on(started.iter().copied(), "only a running sender can be flushed")
                .and(given.iter().copied(), "never beside the one that carried them");
            proved.push(self.act(pod, op, Code::ProveDelivered, text, waits));
        }
        let proved =
            Dependencies::on(proved, "the new one delivers").and(given.iter().copied(), "its places are forgotten");
        for loser in self.unit.losers.iter().filter(|l| l.gives == Gives::All) {
            self.drop_object(loser, &proved);
        }
    }
}

/// The object that carries everything goes under its old name; this is the one that takes over.
pub(super) fn renamed(world: &ClusterView<'_>, old: &Object, wanted: ReplicationName) -> Unit {
    Unit {
        object: Object { name: wanted, ..old.clone() },
        how: How::Renamed,
        targets: world.desired.groups[&old.group].targets.clone(),
        losers: vec![Loser { name: old.name.clone(), gives: Gives::All, surplus: Vec::new() }],
    }
}
