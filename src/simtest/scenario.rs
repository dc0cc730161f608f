//! What happens to a cluster: runs of ours, writers, kills, lost volumes, meddling by hand; and what must hold when it is
//! left alone again.
//!
//! Rows *in doubt* are not expected anywhere: those of which no client was told whether they were committed, and those
//! that were nowhere else when their only volume was wiped, their objects were cleaned away, or somebody's hand forgot a
//! position. Everything else that a writer was told is committed must be on every member in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use super::{
    conf::Conf,
    goals,
    sim_cluster::{Cut, Stage, login},
    volumes::Volumes,
    writer::{Place, Style, Writer},
};
use crate::{
    apply::{Context, Limits, Outcome, Report, Retry, single},
    attributes::Conflict,
    conf::{Compare, Switch},
    desired::{Desired, Goal},
    found,
    lab::{
        server::Generation,
        sim::{ClientId, Rng},
    },
    logs::DeadLogs,
    observe::{self, Gathering, MarkerView, Observed},
    plan::{self, Approval, ApprovalClass, Plan, Refusal, RefusalKind, testing},
};

/// What a life begins with.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub generation: Generation,
    pub pods: u8,
    pub groups: u8,
    pub tables: usize,
    pub flush_at_end: Switch,
    pub reset_at_end: Switch,
    pub flush_at_start: Switch,
    pub ledger: Switch,
}

/// How a run of ours ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// There was nothing to do.
    Nothing,
    /// Everything was done.
    Done,
    /// It was begun and not finished: which actions, in words.
    Incomplete(String),
    /// The planner refused.
    Refused(Refusal),
    /// It needs a yes that this test never gives.
    Unapproved(Vec<Approval>),
}

pub struct Life {
    pub stage: Stage,
    pub shape: Shape,
    pub conf: Conf,
    pub rng: Rng,
    /// Pods whose start finished, and that did not end, lose their volume or get cleaned since.
    pub joined: BTreeSet<usize>,
    /// Pods that joined with the volume that they have.
    pub copies: BTreeSet<usize>,
    pub doubt: BTreeSet<Place>,
    /// Members whose objects somebody touched by hand since: nobody writes there before they were started again.
    pub touched: BTreeSet<usize>,
    /// What this life says yes to, beside what the goal itself is about.
    pub yes: BTreeSet<ApprovalClass>,
    /// Pods with rows from somewhere else that somebody says yes to giving up.
    pub strangers: BTreeSet<usize>,
    /// What the last run had a yes for.
    pub given: Vec<Approval>,
    /// Pod 0 lost its volume. It may come up empty while nobody who knows better is there, and a new cluster begins; what
    /// the old one promised is then on the pods that refuse to join it, and no longer expected of members.
    pub new_line: bool,
    pub volumes: Volumes,
    /// Where survivors are told that the log of a dead pod is.
    pub logs: DeadLogs,
    slots: Vec<ClientId>,
    number: i64,
}

pub fn pod(p: usize) -> crate::topology::Ordinal {
    testing::ord(u8::try_from(p).expect("a few pods"))
}

impl Life {
    pub fn new(seed: u64, shape: Shape, conf: Conf) -> Self {
        let stage = Stage::new(seed, shape.generation, usize::from(shape.pods), shape.tables);
        let life = Self {
            stage,
            shape,
            conf,
            rng: Rng::new(seed ^ 0x5eed),
            joined: BTreeSet::new(),
            copies: BTreeSet::new(),
            doubt: BTreeSet::new(),
            touched: BTreeSet::new(),
            yes: BTreeSet::new(),
            strangers: BTreeSet::new(),
            given: Vec::new(),
            new_line: false,
            volumes: Volumes::default(),
            logs: DeadLogs::new(),
            slots: Vec::new(),
            number: 0,
        };
        for p in 0..life.pods() {
            life.create_tables(p);
        }
        let mut inner = life.stage.lock();
        for t in 1..=shape.tables {
            for key in 1..=4 {
                inner.by_hand(0, &format!("INSERT INTO T{t} (I1, C2) VALUES ({key}, 'heirloom')"));
                inner.heirlooms.insert((t, key), "heirloom".to_owned());
            }
        }
        inner.log.clear();
        drop(inner);
        life
    }

    pub fn pods(&self) -> usize {
        usize::from(self.shape.pods)
    }

    pub fn create_tables(&self, p: usize) {
        let mut inner = self.stage.lock();
        let stamp = match self.conf.attributes.conflict() {
            Conflict::None | Conflict::MasterSlave | Conflict::Replace => "",
            Conflict::Timestamp => ", T3 TIMESTAMP",
        };
        for t in 1..=self.shape.tables {
            inner.by_hand(p, &format!("CREATE TABLE T{t} (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20){stamp})"));
        }
    }

    /// Rows that nobody else has, on a pod that is not a member.
    pub fn stale_rows(&mut self, p: usize) {
        self.strangers.insert(p);
        let mut inner = self.stage.lock();
        for t in 1..=self.shape.tables {
            let key = 900_000_000 + p;
            inner.by_hand(p, &format!("INSERT INTO T{t} (I1, C2) VALUES ({key}, 'stale')"));
            inner.by_hand(p, &format!("INSERT INTO T{t} (I1, C2) VALUES (1, 'other')"));
        }
    }

    /// Nothing is in that table on that pod.
    pub fn clear(&self, t: usize, p: usize) {
        self.stage.lock().by_hand(p, &format!("DELETE FROM T{t}"));
    }

    pub fn desired(&self, goal: Goal) -> Desired {
        let mut desired = self.conf.desired(goal);
        desired.flush_timeout_at_start = 10;
        desired.compare_at_start = Compare::Counts;
        desired.ledger = self.shape.ledger;
        desired.flush_at_start = self.shape.flush_at_start;
        desired.flush_at_end = self.shape.flush_at_end;
        desired.reset_at_end = self.shape.reset_at_end;
        desired
    }

    /// A look at every pod, with the counts that the plan hangs on.
    pub fn observe(&self, desired: &Desired) -> Observed {
        let connector = self.stage.connector();
        let how = Gathering { login: login(), marker: MarkerView::Elsewhere };
        let views = desired.pods.keys().map(|p| (*p, observe::look(&*connector, *p, desired, &how)));
        let mut observed = Observed::new(views.collect(), MarkerView::Elsewhere);
        observed.logs.clone_from(&self.logs);
        for (p, targets) in plan::row_questions(desired, &observed) {
            let counts = observe::count_on(&*connector, p, &targets, &how);
            observe::note_counts(&mut observed, p, counts);
        }
        observed
    }

    /// Counts what any goal that drift may name hangs on.
    pub fn count(&self, desired: &Desired, observed: &mut Observed) {
        let how = Gathering { login: login(), marker: MarkerView::Elsewhere };
        let mut wanted: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for goal in [Goal::Reconcile, Goal::Recover(None)] {
            let scope = crate::drift::Scope { desired, observed };
            for (p, targets) in crate::drift::remedy::uncounted(scope, goal) {
                let known = observed.pod(p).into_iter().flat_map(|seen| seen.rows.iter().map(|(t, _)| t.clone()));
                wanted.entry(p).or_default().extend(targets.into_iter().chain(known));
            }
        }
        for (p, targets) in wanted {
            let targets: Vec<_> = targets.into_iter().collect();
            let found = observe::count_on(&*self.stage.connector(), p, &targets, &how);
            if let (Ok(rows), Some(observe::PodView::Seen(seen))) = (found, observed.pods.get_mut(&p)) {
                seen.rows = rows;
            }
        }
    }

    pub fn plan(&self, goal: Goal) -> Result<Plan, Refusal> {
        let desired = self.desired(goal);
        let made = plan::make(&desired, &self.observe(&desired));
        // Sessions of the look are closed a moment later.
        self.stage.lock().pump(2_000);
        made
    }

    /// Looks, plans, applies.
    pub fn run(&mut self, goal: Goal, cut: Cut) -> Ended {
        self.stage.say(format!("=== {} ({cut:?})", goal.title()));
        let ended = self.try_run(goal, cut);
        let text = match &ended {
            Ended::Refused(r) => {
                assert_ne!(r.kind, RefusalKind::OurBug, "{}", self.told(&format!("{r:#?}")));
                format!("refused: {}", r.because[0].text)
            }
            Ended::Incomplete(which) => format!("incomplete:{which}"),
            Ended::Unapproved(which) => format!("not approved: {which:?}"),
            Ended::Nothing => "nothing to do".to_owned(),
            Ended::Done => "done".to_owned(),
        };
        self.stage.say(text);
        let broken = self.stage.lock().broken.clone();
        assert!(broken.is_empty(), "{}", self.told(&broken.join("\n")));
        ended
    }

    fn try_run(&mut self, goal: Goal, cut: Cut) -> Ended {
        self.given.clear();
        let plan = match self.plan(goal) {
            Err(refusal) => return Ended::Refused(refusal),
            Ok(plan) if plan.is_empty() => return Ended::Nothing,
            Ok(plan) => plan,
        };
        let open: Vec<_> = plan.approvals.iter().filter(|a| !self.says_yes(goal, a)).cloned().collect();
        if !open.is_empty() {
            return Ended::Unapproved(open);
        }
        self.carry_out(&plan, cut)
    }

    /// Carries out a plan that somebody said yes to.
    pub fn carry_out(&mut self, plan: &Plan, cut: Cut) -> Ended {
        self.given.clone_from(&plan.approvals);
        let context = Context {
            connector: self.stage.connector(),
            login: login(),
            retry: Retry { count: 1, delay: Duration::from_millis(100), seed: 1 },
            deadline: None,
            marker: None,
            marked_here: BTreeMap::new(),
            lock: None,
            witness: None,
            clock: self.stage.clock(),
            limits: Limits::default(),
        };
        let stop = self.stage.begin(cut);
        let rng = &mut self.rng;
        let mut pick = |n: usize| usize::try_from(rng.below(n as u64)).unwrap_or(0);
        let report = single::run(plan, &context, &stop, &mut pick);
        self.stage.end();
        if report.complete() { Ended::Done } else { Ended::Incomplete(self.what_failed(plan, &report)) }
    }

    /// Whoever plays a life notes what a yes gives up.
    fn says_yes(&self, goal: Goal, approval: &Approval) -> bool {
        let class = approval.class;
        let usual = matches!(class, ApprovalClass::DeletesRows | ApprovalClass::RemovesDefinition);
        let of_goal = match goal {
            Goal::Recover(_) => true,
            Goal::Clean(_) | Goal::CleanEverywhere | Goal::Forget(_) => class == ApprovalClass::LosesUnsent,
            // Rows from somewhere else, on the pod itself.
            Goal::Start(p) => {
                let me = usize::from(p.get());
                class == ApprovalClass::LosesUnsent && goals::scope(approval) == me && self.strangers.contains(&me)
            }
            Goal::Repair(_) => class == ApprovalClass::DeletesSurplus,
            Goal::RecoverLog(_) => class == ApprovalClass::UnprovedLogs,
            Goal::End(_) | Goal::Reconcile => false,
        };
        usual || of_goal || self.yes.contains(&class)
    }

    fn what_failed(&self, plan: &Plan, report: &Report) -> String {
        let mut text = String::new();
        for (id, outcome) in &report.outcomes {
            if let Outcome::Failed(e) | Outcome::Unknown(e) = outcome {
                let op = plan.action(*id).map(|a| format!("{:?}", a.op)).unwrap_or_default();
                let _ = write!(text, "\n  {id} {op}: {} {} {:?}", e.code, e.meaning, e.error);
                assert_ne!(e.code, "E100", "{}", self.told(&text));
            }
        }
        text
    }

    /// A start; a pod whose start finished is a member, and gets a writer now and then.
    pub fn start(&mut self, p: usize, cut: Cut) -> Ended {
        let ended = self.run(Goal::Start(pod(p)), cut);
        if matches!(ended, Ended::Done | Ended::Nothing) && self.stage.lock().sim.is_up(p) {
            self.joined.insert(p);
            self.strangers.remove(&p);
            self.copies.insert(p);
            self.touched.remove(&p);
        } else if matches!(ended, Ended::Incomplete(_)) && self.is_copied(p) {
            self.copies.insert(p);
        }
        ended
    }

    /// Whether pod 0 goes on from its copy to `p` in every group.
    fn is_copied(&self, p: usize) -> bool {
        let desired = self.desired(Goal::Start(pod(p)));
        let observed = self.observe(&desired);
        self.stage.lock().pump(2_000);
        let desired = found::as_found(&desired, &observed);
        let live = |name| observed.replication(pod(0), name).is_some_and(|r| r.position.is_live());
        p == 0 || desired.objects_between(pod(0), pod(p)).all(|o| live(&o.name))
    }

    /// A writer on a member.
    pub fn write(&mut self, p: usize) {
        if self.touched.contains(&p) {
            return;
        }
        let style = if self.rng.percent(50) { Style::Autocommit } else { Style::Transactions };
        self.write_as(p, style);
    }

    /// A writer of one kind.
    pub fn write_as(&mut self, p: usize, style: Style) {
        self.number += 1;
        let tables = self.conf.tables();
        let mut inner = self.stage.lock();
        if let Some(writer) = Writer::new(&mut inner.sim, p, self.number, tables, style) {
            inner.say(format!("writer {} on {p} ({style:?})", self.number));
            inner.writers.push(writer);
        }
    }

    /// Nobody writes on that pod any more.
    pub fn still(&mut self, p: usize) {
        let mut inner = self.stage.lock();
        for writer in inner.writers.iter_mut().filter(|w| w.pod == p) {
            writer.rest();
        }
        inner.pump(1_000_000);
        let inner = &mut *inner;
        for writer in inner.writers.iter_mut().filter(|w| w.pod == p && w.alive) {
            writer.close(&mut inner.sim);
        }
        inner.pump(1_000);
    }

    pub fn end(&mut self, p: usize, cut: Cut) -> Ended {
        let ended = self.run(Goal::End(pod(p)), cut);
        if !matches!(ended, Ended::Nothing | Ended::Refused(_)) {
            self.joined.remove(&p);
        }
        ended
    }

    /// A clean, whoever writes on the pod: what was acknowledged there is delivered, or named by a yes.
    pub fn clean(&mut self, p: usize, cut: Cut) -> Ended {
        // Without pod 0 nobody is joined with anybody: the others' positions towards it go too, and what they write from
        // then on is theirs alone until a new cluster is made.
        let others: Vec<_> = if p == 0 { (1..self.pods()).collect() } else { Vec::new() };
        for k in &others {
            self.still(*k);
        }
        let ended = self.run(Goal::Clean(pod(p)), cut);
        if matches!(ended, Ended::Nothing | Ended::Refused(_) | Ended::Unapproved(_)) {
            return ended;
        }
        self.named_is_forgotten();
        self.touched.insert(p);
        self.touched.extend(others);
        self.joined.remove(&p);
        ended
    }

    /// What the last run had a yes for may be on no other pod.
    pub fn named_is_forgotten(&mut self) {
        let named: BTreeSet<usize> =
            self.given.iter().filter(|a| a.class == ApprovalClass::LosesUnsent).map(goals::scope).collect();
        for k in named {
            self.forgotten(k);
        }
    }

    /// What only `p` has will not reach the others any more: rows that were written there and are not the same on every
    /// other copy.
    pub fn forgotten(&mut self, p: usize) {
        let mut inner = self.stage.lock();
        let mine = inner.contents(p);
        let others: Vec<_> = self.copies.iter().filter(|k| **k != p).map(|k| inner.contents(*k)).collect();
        let places: BTreeSet<Place> =
            inner.writers.iter().filter(|w| w.pod == p).flat_map(|w| &w.touched).copied().collect();
        for place in places {
            if others.is_empty() || others.iter().any(|held| held.get(&place) != mine.get(&place)) {
                self.doubt.insert(place);
            }
        }
    }

    pub fn kill(&mut self, p: usize) {
        self.stage.say(format!("--- pod {p} is killed"));
        self.stage.lock().kill(p);
        self.stage.lock().pump(1_000);
    }

    pub fn boot(&mut self, p: usize) {
        self.stage.say(format!("--- pod {p} boots"));
        let mut inner = self.stage.lock();
        inner.sim.start(p).expect("a pod starts");
        inner.pump(20_000);
    }

    pub fn wipe(&mut self, p: usize) {
        self.stage.say(format!("--- pod {p} loses its volume"));
        // Whatever was on its way from it arrives or not.
        self.forgotten(p);
        self.joined.remove(&p);
        self.copies.remove(&p);
        self.new_line |= p == 0;
        self.only_on(p);
        self.stage.lock().wipe(p);
        self.stage.lock().pump(1_000);
    }

    /// Whoever wrote them: rows that are on no other volume go with this one.
    fn only_on(&mut self, p: usize) {
        let mut inner = self.stage.lock();
        let all: Vec<_> = (0..inner.kept.len()).filter(|k| *k != p).map(|k| inner.contents(k)).collect();
        let rows = inner.writers.iter().flat_map(|w| &w.rows);
        let gone = rows.filter(|(place, value)| !all.iter().any(|held| held.get(place) == Some(value)));
        let gone: Vec<Place> = gone.map(|(place, _)| *place).collect();
        drop(inner);
        self.doubt.extend(gone);
    }

    /// Somebody else's SYSDBA session, which keeps us out of a closed pod.
    pub fn occupy(&mut self, p: usize) {
        let sysdba = [("UID", "SYS"), ("PWD", "manager"), ("PRIVILEGE", "SYSDBA")];
        let taken = self.stage.lock().sim.connect(p, &sysdba);
        self.slots.extend(taken.ok());
        self.stage.say(format!("--- a DBA's session on pod {p}"));
    }

    pub fn release(&mut self) {
        let mut inner = self.stage.lock();
        for client in self.slots.drain(..) {
            inner.sim.close(client);
        }
        inner.pump(1_000);
    }

    /// Somebody's hand at an object of pod `p` towards `k`.
    pub fn meddle(&mut self, p: usize, k: usize) {
        self.still(p);
        self.forgotten(p);
        self.touched.insert(p);
        let desired = self.desired(Goal::Start(pod(p)));
        let objects: Vec<_> = desired.objects_between(pod(p), pod(k)).cloned().collect();
        let Some(object) = objects.get(usize::try_from(self.rng.below(objects.len().max(1) as u64)).unwrap_or(0))
        else {
            return;
        };
        let name = &object.name;
        let choice = self.rng.below(6);
        let mut inner = self.stage.lock();
        inner.by_hand(p, &format!("ALTER REPLICATION {name} STOP"));
        match choice {
            0 => {}
            1 | 2 => drop(inner.by_hand(p, &format!("ALTER REPLICATION {name} RESET"))),
            3 => drop(inner.by_hand(p, &format!("DROP REPLICATION {name}"))),
            4 => {
                inner.by_hand(p, &format!("DROP REPLICATION {name}"));
                let item = &desired.groups[&object.group].targets[0];
                let port = 20301 + self.rng.below(2) * 98;
                inner.by_hand(p, &format!("CREATE REPLICATION {name} WITH '10.0.0.{k}', {port} FROM {item} TO {item}"));
            }
            _ => {
                let sql = "CREATE REPLICATION SOMEBODYS WITH '10.0.0.99', 20301 FROM SYS.T1 TO SYS.T1";
                inner.by_hand(p, sql);
            }
        }
    }

    /// The whole story, for a failure.
    pub fn told(&self, what: &str) -> String {
        let inner = self.stage.lock();
        format!("{what}\n\n{:?}\n{:?}\njoined {:?}\n{}", self.shape, self.conf, self.joined, inner.log.join("\n"))
    }
}
