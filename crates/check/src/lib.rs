//! Verifies a finished plan against the rules that protect rows. Shares no code with the planner on purpose: what it
//! knows, it reads from the actions, their edges and the observed world. A plan that fails here is a bug of the planner
//! and must be neither printed as a proposal nor applied.
//!
//! Here: that it is a DAG, acts on seen pods only and puts settings back. `copy` is about deleting and copying rows,
//! `place` about positions, definitions and users, `eager` about objects that users' commits wait for, `conflicts` about who wins one, `handover` about tables that change hands, `stakes` about rows that nobody else may have, `repair` about single rows, `logs` about those of a dead pod, `ledger` about whose they are.

mod conflicts;
mod copy;
mod eager;
mod handover;
mod index;
mod ledger;
mod logs;
mod place;
mod repair;
mod stakes;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use aku_core::{
    conf::GroupId,
    desired::{Desired, Goal, Object},
    found::as_found,
    observe::{Observed, PodView, RowCount, Sender},
    plan::{
        Decision, Plan,
        action::{Action, Expect, Op, RunWhen},
    },
    sql::setting::Setting,
    topology::{Ordinal, ReplicationName, Target},
};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use self::index::{BadEdges, Index, Kind, Waits};

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct Violation {
    /// Short name of the rule.
    pub rule: &'static str,
    /// What breaks it.
    pub detail: String,
}

/// Every rule that `plan` breaks; empty for a good plan.
///
/// ```
/// use aku_check::check;
/// use aku_core::plan::Op;
/// # use aku_core::{conf, desired::{Desired, Goal}, document::Document as _, observe::Capture};
/// # let file = std::fs::read("../../snapshots/captured.conf")?;
/// # let conf = conf::parse("aku.conf", &file).config.expect("a valid file");
/// # let seen = Capture::parse(&std::fs::read_to_string("../../snapshots/captured-first-start.json")?)?;
/// # let desired = Desired::new(&conf, Goal::Start(seen.pod), |pod| seen.addresses[&pod].clone());
/// # let observed = seen.observed_for(seen.pod);
/// # let mut plan = aku_planner::make(&desired, &observed).expect("nothing bars this start");
///
/// assert_eq!(check(&plan, &desired, &observed), []);
/// // Users would come in before the rows are there.
/// let open = plan.actions.iter_mut().find(|a| a.op == Op::Open).expect("a start opens its pod");
/// open.after.clear();
/// assert!(check(&plan, &desired, &observed).iter().any(|v| v.rule == "open-last"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn check(plan: &Plan, desired: &Desired, observed: &Observed) -> Vec<Violation> {
    let desired = &*as_found(desired, observed);
    let index = match Index::new(&plan.actions) {
        Ok(index) => index,
        Err(bad) => {
            let detail = match bad {
                BadEdges::NotBefore(a, b) => format!("{a} waits for {b}, which is not before it"),
                BadEdges::Twice(a) => format!("{a} occurs twice"),
            };
            return vec![Violation { rule: "dag", detail }];
        }
    };
    let mut groups: HashMap<&Target, Vec<GroupId>> = HashMap::with_capacity(desired.targets().count());
    for (id, group) in &desired.groups {
        for target in &group.targets {
            groups.entry(target).or_default().push(*id);
        }
    }
    let objects = desired.objects.iter().map(|o| (&o.name, o)).collect();
    let seen = || observed.pods.keys().filter_map(|k| Some((*k, observed.pod(*k)?)));
    let mut rows = HashMap::with_capacity(seen().map(|(_, pod)| pod.rows.len()).sum());
    rows.extend(seen().flat_map(|(k, pod)| pod.rows.iter().map(move |(t, n)| ((k, t), *n))));
    let lost = match &plan.decision {
        Decision::Full { unsent, .. } => unsent.iter().map(|u| &u.name).collect(),
        Decision::None { .. } | Decision::CatchUp { .. } | Decision::Repair { .. } | Decision::Logs { .. } => {
            HashSet::new()
        }
    };
    let mut c = Checker {
        plan,
        desired,
        observed,
        objects,
        groups,
        rows,
        index,
        members: RefCell::default(),
        strangers: BTreeMap::new(),
        lost,
        seen: BTreeSet::new(),
        found: Vec::new(),
    };
    c.reachable();
    c.clones();
    c.settings();
    c.repairs_only();
    c.logs_only();
    for action in &plan.actions {
        match &action.op {
            Op::Truncate { target, source } => c.truncate(action, target, *source),
            Op::Sync { name, peer, .. } => c.sync(action, name, *peer),
            Op::SyncTables { name, peer, targets, .. } => c.sync_tables(action, name, *peer, targets),
            Op::AddTable { name, peer, target } => c.add_table(action, name, *peer, target),
            Op::Reset { name, peer } => c.reset(action, name, *peer),
            Op::DropReplication { name, peer } => c.drop_replication(action, name, *peer),
            Op::DropTable { name, peer, target, .. } => c.drop_table(action, name, *peer, target),
            Op::Start { name, expect: Expect::Fresh, .. } => c.fresh_start(action, name),
            Op::Start { name, expect: Expect::Live, .. } => c.eager_start(action, name),
            Op::Pin { name, .. } => c.pin(action, name),
            Op::Anchor { name, peer, .. } => c.anchor(action, name, *peer),
            Op::Open => {
                c.open(action);
                c.opens_as_itself(action);
            }
            Op::WriteLedger { ledger } => c.write_ledger(action, ledger),
            Op::SetLogPath { name, .. } => c.set_log_path(action, name),
            Op::ReadLogs { name, path, .. } => c.read_logs(action, name, path),
            Op::Retry { name, peer } => c.retry(action, name, *peer),
            Op::MendRows(rows) => c.repair(action, rows, repair::Kind::Mends),
            Op::DeleteRows(rows) => c.repair(action, rows, repair::Kind::Deletes),
            Op::CreateReplication { .. }
            | Op::ChangeHost { .. }
            | Op::ClearOption { .. }
            | Op::SetOption { .. }
            | Op::Drain { .. }
            | Op::Stop { .. }
            | Op::Unpin { .. }
            | Op::Flush { .. }
            | Op::SetProperty { .. }
            | Op::CheckQuiet { .. }
            | Op::CheckEmpty { .. }
            | Op::CheckContents { .. }
            | Op::CheckHolds { .. }
            | Op::Fence
            | Op::CheckDelivered { .. }
            | Op::Delay { .. }
            | Op::WriteMarker
            | Op::RemoveMarker => {}
        }
    }
    c.found
}

struct Checker<'a> {
    plan: &'a Plan,
    desired: &'a Desired,
    observed: &'a Observed,
    objects: HashMap<&'a ReplicationName, &'a Object>,
    /// Groups that have the target.
    groups: HashMap<&'a Target, Vec<GroupId>>,
    /// Rows as they were counted.
    rows: HashMap<(Ordinal, &'a Target), RowCount>,
    index: Index<'a>,
    /// Who is a member of whom, as far as it was asked for.
    members: RefCell<BTreeMap<(Ordinal, Ordinal), bool>>,
    /// Pairs of which one pod has no object of the other, as far as it was asked for.
    strangers: BTreeMap<(Ordinal, Ordinal), bool>,
    /// Objects whose unsent rows are listed as lost.
    lost: HashSet<&'a ReplicationName>,
    /// What was looked at for a TRUNCATE: joiner, source, and what comes before.
    seen: BTreeSet<(Ordinal, Ordinal, Waits)>,
    found: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn broken(&mut self, rule: &'static str, detail: String) {
        self.found.push(Violation { rule, detail });
    }

    /// Whether `earlier` has succeeded when `later` runs.
    fn is_before(&self, earlier: &Action, later: &Action) -> bool {
        self.index.is_before(earlier, later)
    }

    /// An action of that kind on that pod comes before.
    fn after(&self, a: &Action, pod: Ordinal, kind: Kind) -> bool {
        self.index.of(pod, kind).any(|b| self.is_before(b, a))
    }

    /// An action on that pod about that object comes before.
    fn did(&self, a: &Action, pod: Ordinal, name: &'a ReplicationName, is: fn(&Op) -> bool) -> bool {
        self.index.about(pod, name).any(|b| is(&b.op) && self.is_before(b, a))
    }

    fn fenced(&self, a: &Action, pod: Ordinal) -> bool {
        self.after(a, pod, Kind::Fence)
    }

    /// Objects of a pair.
    fn between(&self, a: Ordinal, b: Ordinal) -> impl Iterator<Item = &'a Object> + use<'a> {
        self.desired.objects_between(a, b)
    }

    fn live(&self, pod: Ordinal, name: &ReplicationName) -> bool {
        self.observed.replication(pod, name).is_some_and(|r| r.position.is_live())
    }

    fn gave_up(&self, pod: Ordinal, name: &ReplicationName) -> bool {
        self.observed.replication(pod, name).is_some_and(|r| r.gave_up.is_some())
    }

    /// Whether a pod admits users, as far as was seen.
    fn serves(&self, pod: Ordinal) -> bool {
        self.observed.pod(pod).is_some_and(|p| p.property("ADMIN_MODE") == Some(0))
    }

    fn reachable(&mut self) {
        for a in &self.plan.actions {
            if !matches!(self.observed.pods.get(&a.pod), Some(PodView::Seen(_))) {
                self.found.push(Violation {
                    rule: "unseen-pod",
                    detail: format!("{} acts on pod {}, which was not seen", a.id, a.pod),
                });
            }
        }
    }

    /// Every setting that is changed for a while is put back whatever happens; and what is put back was changed by this plan,
    /// or left behind by a run that is not at work any more.
    fn settings(&mut self) {
        for a in &self.plan.actions {
            let Op::SetProperty { property, from, to } = &a.op else { continue };
            let (pod, id) = (a.pod, a.id);
            let for_a_while = *to == property.during();
            match &a.run {
                RunWhen::Normal if for_a_while => {
                    let put_back = self.index.of(pod, Kind::Setting).any(|b| {
                        b.run == RunWhen::Always { armed_by: id }
                            && matches!(&b.op, Op::SetProperty { property: p, to, .. } if p == property && to == from)
                    });
                    if !put_back {
                        self.broken(
                            "put-back",
                            format!("{id} changes {property} on pod {pod} and nothing puts it back"),
                        );
                    }
                }
                RunWhen::Normal if !self.is_left(pod, *property) => {
                    self.broken(
                        "put-back",
                        format!("{id} changes {property} on pod {pod}, which may need it as it is"),
                    );
                }
                RunWhen::Always { .. } | RunWhen::Undo { .. } if for_a_while => {
                    self.broken("put-back", format!("{id} puts {property} on pod {pod} to {to}, and it stays so"));
                }
                RunWhen::Normal | RunWhen::Always { .. } | RunWhen::Undo { .. } => {}
            }
        }
        self.nothing_left();
    }

    /// As a killed run leaves it, and no run of aku and no SYNC is at work there that may need it so.
    fn is_left(&self, pod: Ordinal, setting: Setting) -> bool {
        self.observed.pod(pod).is_some_and(|p| {
            let copies = p.replications.values().any(|r| r.sender == Sender::Syncing);
            p.property(setting.name()) == Some(setting.during())
                && !p.clients.iter().any(|c| c.at_work().is_some())
                && !(copies && setting == Setting::SyncLockTimeout)
        })
    }

    /// A start, a recovery and a reconcile leave no setting behind as they found it.
    fn nothing_left(&mut self) {
        let everywhere = match self.desired.goal {
            Goal::Start(_) | Goal::Recover(_) => false,
            Goal::Reconcile => true,
            Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => return,
        };
        let own = self.desired.goal.single();
        let reached = |k: &Ordinal| everywhere || own == Some(*k) || self.serves(*k);
        let pods: Vec<_> = self.desired.pods.keys().copied().filter(reached).collect();
        for pod in pods {
            for setting in Setting::ALL {
                if !self.is_left(pod, setting) {
                    continue;
                }
                let sets = |a: &Action| match &a.op {
                    Op::SetProperty { property, to, .. } if *property == setting => Some(*to),
                    _ => None,
                };
                let last = self.index.of(pod, Kind::Setting).filter_map(sets).last();
                if last.is_none_or(|to| to == setting.during()) {
                    self.broken("left-behind", format!("{setting} on pod {pod} stays as a killed run left it"));
                }
            }
        }
    }
}
