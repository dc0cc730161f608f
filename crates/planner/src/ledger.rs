//! What a run writes into the ledgers: one row on each pod that it reaches, made here from what was seen, so that `apply`
//! writes it as it stands. A start writes before it opens the pod; every other goal when all else is done.
//!
//! What a pod remembers of another is never ahead of what that one's own row says, wherever a run is killed: the row of the
//! pod that changes comes first, the others' after it, and of pods that do not change they remember what those rows said.
//!
//! Where the ledger cannot be kept (switched off, a signature that no pod shows, a pod that is not there) nothing is written
//! and nothing fails: the plan is what it would be without one.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    conf::Switch,
    desired::{Goal, Object},
    ledger::{ClusterId, Copied, Ledger, Peer, Standing, View, is_plain},
    observe::Pod,
    plan::{
        After, Before, Plan,
        action::{Action, ActionId, Op, RunWhen},
        reason::{Code, Reason},
    },
    topology::Ordinal,
};
use foldhash::{HashSet, HashSetExt as _};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::ClusterView,
    identity, service,
};

/// What a run does to the rows.
struct Account<'w, 'a> {
    world: &'w ClusterView<'a>,
    cluster: ClusterId,
    run: u64,
    /// Pods that change how they stand, or get a copy.
    changed: BTreeMap<Ordinal, Change>,
    /// Pods whose row is written, as far as it can be: members, and what knows the cluster. Who is neither writes its own row
    /// when it starts.
    reached: BTreeSet<Ordinal>,
}

/// What becomes of one pod.
#[derive(Clone, Copy)]
struct Change {
    standing: Standing,
    opens: bool,
    copied: Option<Ordinal>,
}

impl<'w, 'a> Account<'w, 'a> {
    fn new(world: &'w ClusterView<'a>, cluster: ClusterId, changed: BTreeMap<Ordinal, Change>) -> Self {
        let of = |k| world.held(k).filter(|l| l.cluster == cluster);
        let kept = |k: &Ordinal| {
            let open = world.pod(*k).is_some_and(|p| !p.admin_mode());
            let joins = || open && world.is_member(*k);
            changed.contains_key(k) || world.held(*k).map_or_else(joins, |l| l.cluster == cluster)
        };
        let reached = world.seen().filter(kept).collect();
        let run = world.seen().filter_map(of).map(|l| l.run).max().unwrap_or(0).saturating_add(1);
        Self { world, cluster, run, changed, reached }
    }

    /// The highest incarnation that anybody knows of for the database that the pod has now.
    fn incarnation(&self, pod: Ordinal) -> u64 {
        let own = self.world.held(pod).map(|l| l.incarnation);
        let remembered = self.world.seen().filter_map(|k| identity::remembered(self.world, k, pod));
        let same = remembered.filter(|p| self.world.signature(pod) == Some(p.signature.as_str()));
        own.into_iter().chain(same.map(|p| p.incarnation)).max().unwrap_or(0)
    }

    fn standing(&self, pod: Ordinal) -> Standing {
        let held = || self.world.held(pod).filter(|l| l.cluster == self.cluster).map(|l| l.standing);
        self.changed.get(&pod).map(|c| c.standing).or_else(held).unwrap_or(Standing::Running)
    }

    /// Whether a run may say of the pod what it shows itself and nothing else. Only a pod that opens or gets a copy was judged
    /// by what others remember of it; the row of any other keeps what shows that its volume was put back, and to which cluster
    /// its rows belong.
    fn renews(&self, pod: Ordinal) -> bool {
        self.changed.get(&pod).is_some_and(|c| c.opens || c.copied.is_some())
    }

    /// The row of a pod; `None` where it cannot be written, or would hide whose rows the pod has.
    fn row(&self, pod: Ordinal) -> Option<Ledger> {
        if identity::is_of_another(self.world, pod) {
            return None;
        }
        match self.world.ledger(pod) {
            View::NotRead | View::Broken { .. } | View::Newer { .. } => return None,
            View::Missing | View::Empty | View::Held(_) => {}
        }
        let mine = self.world.signature(pod).filter(|s| is_plain(s))?;
        let held = self.world.held(pod);
        let hides = held.map_or_else(|| identity::behind(self.world, pod).is_some(), |l| l.cluster != self.cluster);
        if hides && !self.renews(pod) {
            return None;
        }
        let before = held.filter(|l| l.cluster == self.cluster);
        let change = self.changed.get(&pod);
        let opens = change.is_some_and(|c| c.opens);
        let shown = if self.renews(pod) { self.incarnation(pod) } else { held.map_or(1, |l| l.incarnation) };
        let copied = change.and_then(|c| c.copied).map(|from| Copied { from, run: self.run });
        let mut peers: BTreeMap<Ordinal, Peer> = before.map(|l| l.peers.clone()).unwrap_or_default();
        for k in self.world.desired.pods.keys().copied().filter(|k| *k != pod) {
            if let Some(peer) = self.peer(pod, k, peers.get(&k)) {
                peers.insert(k, peer);
            }
        }
        Some(Ledger {
            cluster: self.cluster,
            pod,
            signature: mine.to_owned(),
            incarnation: (shown + u64::from(opens)).max(1),
            run: self.run,
            standing: self.standing(pod),
            copied: copied.or_else(|| before.and_then(|l| l.copied)),
            peers,
        })
    }

    /// What `pod` remembers of `k` afterwards.
    fn peer(&self, pod: Ordinal, k: Ordinal, before: Option<&Peer>) -> Option<Peer> {
        let change = self.changed.get(&k);
        let Some(seen) = self.world.pod(k).filter(|_| !identity::is_of_another(self.world, k)) else {
            // A pod that is forgotten is mostly not there; a copy of another's volume says nothing of it.
            let standing = change.map(|c| c.standing);
            return before.map(|p| Peer { standing: standing.unwrap_or(p.standing), ..p.clone() });
        };
        let mine = self.world.signature(k).filter(|s| is_plain(s))?;
        let known = self.world.held(k).filter(|l| l.cluster == self.cluster);
        if known.is_none() && change.is_none() {
            return before.cloned();
        }
        // The log of a new database, and of one that was copied anew, begins again.
        let goes_on = before.filter(|p| p.signature == mine && change.is_none_or(|c| c.copied.is_none()));
        let applied = |o: &Object| self.world.replication(pod, o).and_then(|r| r.applied);
        let applied = self.world.desired.objects_between(pod, k).filter_map(applied).max();
        Some(Peer {
            signature: mine.to_owned(),
            incarnation: (self.incarnation(k) + u64::from(change.is_some_and(|c| c.opens))).max(1),
            standing: self.standing(k),
            log_end: goes_on.and_then(|p| p.log_end).max(seen.log_end),
            applied: goes_on.map_or(applied, |p| p.applied.max(applied)),
        })
    }

    fn op(&self, pod: Ordinal) -> Option<Op> {
        self.row(pod).map(|ledger| Op::WriteLedger { ledger: Box::new(ledger) })
    }
}

/// The cluster that the rows of the pods are known to belong to: that of pod 0, or of whoever is connected with it; while
/// pod 0 is not there, the one that the pod knows itself, or another member does.
fn known(world: &ClusterView<'_>, pod: Ordinal) -> Option<ClusterId> {
    if world.desired.ledger == Switch::Off {
        return None;
    }
    let source = Ordinal::MASTER;
    let of = |k: Ordinal| world.held(k).map(|l| l.cluster);
    if world.pod(source).is_some() {
        // Who is connected with pod 0 has its rows, or gave them to it in a recovery that was killed before it noted that.
        let beside = || world.seen_others(source).filter(|k| world.is_member(*k)).find_map(of);
        return match world.ledger(source) {
            View::NotRead | View::Broken { .. } | View::Newer { .. } => None,
            View::Missing | View::Empty | View::Held(_) => of(source).or_else(beside),
        };
    }
    of(pod).or_else(|| world.seen().filter(|k| world.is_member(*k)).find_map(of))
}

/// The cluster that `pod` is taken into. A ledger begins with the database of a pod 0 that opens, is in service or is connected
/// with somebody, and nowhere else: another one may have lost its rows, and nothing is founded on those that it has now.
fn joined(world: &ClusterView<'_>, pod: Ordinal) -> Option<ClusterId> {
    let source = Ordinal::MASTER;
    let opens = world.desired.goal == Goal::Start(source);
    let connected = || world.seen_others(source).any(|k| world.is_member(k));
    let begins = world.desired.ledger == Switch::On
        && world.pod(source).is_some_and(|p| opens || !p.admin_mode() || connected())
        && matches!(world.ledger(source), View::Missing | View::Empty | View::Held(_));
    let founded = || world.signature(source).filter(|s| begins && is_plain(s)).map(ClusterId::founded_on);
    known(world, pod).or_else(founded)
}

/// The cluster that `pod` leaves: its own.
fn left(world: &ClusterView<'_>, pod: Ordinal) -> Option<ClusterId> {
    let own = || world.held(pod).map(|l| l.cluster);
    if world.desired.ledger == Switch::Off { None } else { own().or_else(|| known(world, pod)) }
}

/// The rows that a start writes: the pod's own before it opens, those of the other members after that. Returns what the
/// opening waits for.
pub(super) fn before_opening(
    world: &ClusterView<'_>,
    build: &mut Builder,
    me: Ordinal,
    copied: Option<Ordinal>,
    waits: &Dependencies,
) -> Option<ActionId> {
    let cluster = joined(world, me)?;
    let change = Change { standing: Standing::Running, opens: true, copied };
    let account = Account::new(world, cluster, [(me, change)].into());
    let op = account.op(me)?;
    let text = format!("pod {me} opens for the {} time with this database", nth(&op));
    let own = build.add(me, op, why(Code::Ledger, text), waits.clone());
    for k in account.reached.iter().copied().filter(|k| *k != me) {
        let Some(op) = account.op(k) else { continue };
        let text = format!("pod {k} remembers that pod {me} opens, so that an older copy of its volume is noticed");
        let waits = Dependencies::on([own], "nobody remembers what the pod itself does not know");
        build.add(k, op, why(Code::Ledger, text), waits);
    }
    Some(own)
}

/// The row of a pod that is cleaned, before it forgets anything: a clean that breaks off is then never mistaken for a pod
/// that lost its rows.
pub(super) fn before_forgetting(
    world: &ClusterView<'_>,
    build: &mut Builder,
    me: Ordinal,
    waits: Dependencies,
) -> Option<ActionId> {
    let change = Change { standing: Standing::Cleaned, opens: false, copied: None };
    let op = Account::new(world, left(world, me)?, [(me, change)].into()).op(me)?;
    let text = format!("pod {me} is no longer kept in sync, and whoever finds a clean that broke off knows it");
    Some(build.add(me, op, why(Code::Ledger, text), waits))
}

fn nth(op: &Op) -> String {
    let Op::WriteLedger { ledger } = op else { return String::new() };
    let n = ledger.incarnation;
    let ending = match (n % 10, n % 100) {
        (1, m) if m != 11 => "st",
        (2, m) if m != 12 => "nd",
        (3, m) if m != 13 => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

/// The plan with the rows that its goal writes when all else is done; a start has written its own.
pub(super) fn afterwards(world: &ClusterView<'_>, mut plan: Plan) -> Plan {
    let change = |standing| Change { standing, opens: false, copied: None };
    let (changed, text): (BTreeMap<Ordinal, Change>, String) = match plan.goal {
        // No row of a repair says whose rows are whose.
        Goal::Start(_) | Goal::Repair(_) | Goal::RecoverLog(_) => return plan,
        Goal::End(pod) if !service::is_in_order(world, pod) => return plan,
        // Its next start asks what it asks of a cleaned pod.
        Goal::End(pod) if service::admits_unkept(world, pod) => {
            let text =
                format!("pod {pod} let users in while it was in nobody's sync: what they wrote was sent to nobody");
            ([(pod, change(Standing::Cleaned))].into(), text)
        }
        Goal::End(pod) => ([(pod, change(Standing::Ended))].into(), format!("pod {pod} left in order")),
        Goal::Clean(pod) => {
            let text = format!("pod {pod} is no longer kept in sync: what is written there is sent to nobody");
            ([(pod, change(Standing::Cleaned))].into(), text)
        }
        Goal::CleanEverywhere => {
            let all = world.seen().map(|k| (k, change(Standing::Cleaned))).collect();
            (all, "the pods are no longer kept in sync".to_owned())
        }
        Goal::Forget(pod) => ([(pod, change(Standing::Forgotten))].into(), format!("pod {pod} left for good")),
        Goal::Recover(from) => {
            let mut all: BTreeMap<Ordinal, Change> = world
                .seen_others(Ordinal::MASTER)
                .filter(|k| Some(*k) != from)
                .map(|k| (k, change(Standing::Ended)))
                .collect();
            all.insert(Ordinal::MASTER, Change { standing: Standing::Ended, opens: false, copied: from });
            (all, "pod 0 has the rows of the cluster again".to_owned())
        }
        Goal::Reconcile => (BTreeMap::new(), "the running pods were brought to aku.conf".to_owned()),
    };
    let found = match plan.goal {
        // Pod 0 lost what it knew.
        Goal::Recover(Some(from)) if world.desired.ledger == Switch::On => {
            let founded = || world.signature(from).filter(|s| is_plain(s)).map(ClusterId::founded_on);
            world.held(from).map(|l| l.cluster).or_else(founded)
        }
        Goal::End(pod) | Goal::Clean(pod) => left(world, pod),
        Goal::CleanEverywhere | Goal::Forget(_) | Goal::Recover(_) => known(world, plan.goal.pod()),
        Goal::Start(_) | Goal::Reconcile | Goal::Repair(_) | Goal::RecoverLog(_) => joined(world, plan.goal.pod()),
    };
    let Some(cluster) = found else { return plan };
    let adopts = plan.goal == Goal::Reconcile;
    let account = Account::new(world, cluster, changed);
    // A clean has written its own row before it forgot anything.
    let written: Vec<(Ordinal, ActionId)> =
        plan.actions.iter().filter(|a| matches!(a.op, Op::WriteLedger { .. })).map(|a| (a.pod, a.id)).collect();
    let open = account.reached.iter().copied().filter(|k| written.iter().all(|(pod, _)| pod != k));
    let writes: Vec<(Ordinal, Op)> = open.filter_map(|k| Some((k, account.op(k)?))).collect();
    let unknown = |k: &Ordinal| world.held(*k).is_none_or(|l| l.cluster != cluster);
    let nothing = match plan.goal {
        Goal::Reconcile => !writes.iter().any(|(k, _)| unknown(k)),
        // It is a member for the ledgers, although nobody keeps log for it.
        Goal::Forget(pod) => !world.is_down(pod, Some(pod)),
        Goal::Start(_)
        | Goal::End(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Recover(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => true,
    };
    if plan.actions.is_empty() && nothing {
        return plan;
    }
    let last = sinks(&plan);
    let next = plan.actions.iter().map(|a| a.id.0).max().unwrap_or(0) + 1;
    let about = plan.goal.single();
    let text = if adopts && plan.actions.is_empty() {
        "no run has noted yet which cluster the pod belongs to".to_owned()
    } else {
        text
    };
    // Those that change first; what an end says of itself comes last, so that a pod which noted that it left in order was
    // noted by the others.
    let (changed, others): (Vec<_>, Vec<_>) = writes.into_iter().partition(|(k, _)| account.changed.contains_key(k));
    let (first, then, why) = if matches!(plan.goal, Goal::End(_)) {
        (others, changed, "who left in order is known to have")
    } else {
        (changed, others, "nobody remembers what the pod itself does not know")
    };
    let lead: Vec<ActionId> =
        (next..).take(first.len()).map(ActionId).chain(written.into_iter().map(|(_, id)| id)).collect();
    let leads = first.len();
    for (i, (pod, op)) in first.into_iter().chain(then).enumerate() {
        let done = last
            .iter()
            .filter(|(k, _)| *k == pod || Some(*k) == about)
            .map(|(_, action)| After::one(*action, "the ledger says what is done"));
        let before = lead.iter().filter(|_| i >= leads).map(|action| After::one(*action, why));
        plan.actions.push(Action {
            id: ActionId(next + u32::try_from(i).unwrap_or(u32::MAX)),
            pod,
            op,
            because: Reason::new(Code::Ledger, text.clone()),
            after: done.chain(before).collect(),
            run: RunWhen::Normal,
        });
    }
    plan
}

/// Actions that no other waits for, what takes things back apart.
fn sinks(plan: &Plan) -> Vec<(Ordinal, ActionId)> {
    let undo = |a: &&Action| matches!(a.run, RunWhen::Undo { .. });
    let (mut waited, mut seen) = (HashSet::<ActionId>::new(), HashSet::<usize>::new());
    for after in plan.actions.iter().filter(|a| !undo(a)).flat_map(|a| &a.after) {
        match &after.before {
            Before::Action(id) => drop(waited.insert(*id)),
            Before::Milestone(m) if seen.insert(m.identity()) => waited.extend(m.actions()),
            Before::Milestone(_) => {}
        }
    }
    plan.actions.iter().filter(|a| !undo(a) && !waited.contains(&a.id)).map(|a| (a.pod, a.id)).collect()
}

/// What is to be said of ledgers that cannot be used.
pub(super) fn notes(world: &ClusterView<'_>) -> Vec<Reason> {
    let mut notes = Vec::new();
    for k in world.seen() {
        let said = match world.ledger(k) {
            View::Held(l) if world.held(k).is_none() => format!(
                "the ledger on pod {k} came with a dump of another database (signature {}); it counts as none and is written anew when the pod starts",
                l.signature
            ),
            View::NotRead | View::Missing | View::Empty | View::Held(_) => continue,
            View::Broken { why } => format!(
                "SYS.AKU_LEDGER on pod {k} is not a ledger of ours ({why}); it is left alone, and nothing follows from it; if nobody else needs the table, drop it there, and the next start makes it anew"
            ),
            View::Newer { layout } => format!(
                "SYS.AKU_LEDGER on pod {k} was written by a later release (layout {layout}); it is left alone, and nothing follows from it"
            ),
        };
        notes.push(Reason::new(Code::LedgerOdd, said));
    }
    notes
}

/// What is not noticed without ledgers, for plans that go on without them.
pub(super) fn without(world: &ClusterView<'_>) -> Option<Reason> {
    let closed = world.desired.goal.single().and_then(|me| world.pod(me)).is_some_and(Pod::admin_mode);
    let starts = matches!(world.desired.goal, Goal::Start(_));
    (world.desired.ledger == Switch::Off && starts && closed).then(|| {
        let text = "AKU_LEDGER is 0: a volume that was put back from an older copy, and a pod 0 that began anew with other rows, are noticed only as far as row counts and signatures show them";
        Reason::new(Code::LedgerOff, text)
    })
}
