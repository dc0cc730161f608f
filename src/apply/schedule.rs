//! Which actions may begin, which will never run: the plan's DAG as a state machine. Pure, no threads, no clock.
//!
//! A failure stops what depends on it and nothing else. `Always` and `Undo` run after failures and after the wish to
//! stop, never after an abort (`plan::RunWhen`).

use std::collections::{BTreeMap, BTreeSet};

use super::event::Outcome;
use crate::{
    plan::{
        Action, ActionId, Before, Milestone, RunWhen,
        cost::Turn,
        resume::{CompletedActions, PriorOutcome},
    },
    topology::Ordinal,
};

/// Whether new actions may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admit {
    /// Yes.
    All,
    /// Only what puts things back; why, in words.
    PutBack(String),
    /// Nothing; why, in words.
    Nothing(String),
}

/// How an action ended, as far as others depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// Done, was so already, or not needed.
    Good,
    /// Failed or unknown.
    Bad,
    /// Never begun: the failed action behind it, and the words.
    NotRun(Option<ActionId>, String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Over(Ending),
}

/// What an action takes up while it runs: one of the lanes of its pod, or nothing.
pub(super) type Lane = Option<Ordinal>;

struct Node {
    lane: Lane,
    turn: Turn,
    /// Gates that it waits at.
    gates: Vec<usize>,
    /// The gate of what makes an `Undo` unnecessary.
    until: Option<usize>,
    run: RunWhen,
    state: State,
    begun: bool,
    trace: SideEffect,
}

/// Whether an action that is over may have left something behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SideEffect {
    /// It sent nothing but SELECTs.
    None,
    /// It sent a statement that changes something, or nobody knows.
    Some,
}

/// What several actions lead to, counted, so that nobody looks through them: those that one action waits for by itself, or a
/// milestone.
#[derive(Default)]
struct Gate {
    /// How many are not over yet.
    open: usize,
    /// Some are not in the plan: they never happen.
    missing: bool,
    /// The first by number that failed or was not run for a failure, and that failure.
    bad: Option<(ActionId, ActionId)>,
    /// The first by number that was not begun for another reason, and the words.
    idle: Option<(ActionId, String)>,
    /// Who waits here.
    users: Vec<ActionId>,
}

impl Gate {
    fn good(&self) -> bool {
        self.open == 0 && !self.missing && self.bad.is_none() && self.idle.is_none()
    }

    /// One of them is over. Whether those who wait here may have another fate now.
    fn pass(&mut self, id: ActionId, ending: &Ending) -> bool {
        self.open = self.open.saturating_sub(1);
        let known = (self.bad.is_some(), self.idle.is_some());
        let root = match ending {
            Ending::Good => None,
            Ending::Bad => Some(id),
            Ending::NotRun(Some(root), _) => Some(*root),
            Ending::NotRun(None, why) => {
                if self.idle.as_ref().is_none_or(|(first, _)| id < *first) {
                    self.idle = Some((id, why.clone()));
                }
                None
            }
        };
        if let Some(root) = root
            && self.bad.is_none_or(|(first, _)| id < first)
        {
            self.bad = Some((id, root));
        }
        self.open == 0 || known != (self.bad.is_some(), self.idle.is_some())
    }
}

/// The plan in progress. Looks again only at what may have changed: a run costs as much as its plan has edges.
pub(super) struct Schedule {
    nodes: BTreeMap<ActionId, Node>,
    gates: Vec<Gate>,
    /// The gates that an action leads to.
    leads: BTreeMap<ActionId, Vec<usize>>,
    /// How many wait.
    waiting: usize,
    /// Waiting actions whose fate may have changed since it was looked at.
    changed: BTreeSet<ActionId>,
    /// Waiting actions that can begin, by what they take up.
    ready: BTreeMap<Lane, BTreeSet<Turn>>,
    /// Under what they can.
    admit: Admit,
}

/// What is to become of a waiting action.
enum Fate {
    Wait,
    Ready,
    Skip(Outcome),
}

impl Schedule {
    /// With actions that earlier runs of the plan did: they are over, and count as begun, so that what they need to be put
    /// back is put back.
    pub(super) fn going_on(
        actions: &[Action],
        turns: &BTreeMap<ActionId, Turn>,
        lane: impl Fn(&Action) -> Lane,
        earlier: &CompletedActions,
    ) -> Self {
        let mut schedule = Self::new(actions, turns, lane);
        for (id, how) in earlier {
            schedule.begin(*id);
            let trace = match how {
                PriorOutcome::Did | PriorOutcome::Begun => SideEffect::Some,
                PriorOutcome::FoundSo => SideEffect::None,
            };
            schedule.end(*id, &Outcome::Already, trace);
        }
        schedule
    }

    /// `turns`: of each action.
    pub(super) fn new(actions: &[Action], turns: &BTreeMap<ActionId, Turn>, lane: impl Fn(&Action) -> Lane) -> Self {
        let known: BTreeSet<ActionId> = actions.iter().map(|a| a.id).collect();
        let mut gates = Gates { known: &known, all: Vec::new(), leads: BTreeMap::new(), milestones: BTreeMap::new() };
        let node = |a: &Action| {
            let mut own = BTreeSet::new();
            let mut at = Vec::new();
            for after in &a.after {
                match &after.before {
                    Before::Action(id) => drop(own.insert(*id)),
                    Before::Milestone(m) => at.push(gates.milestone(m)),
                }
            }
            let until = match &a.run {
                RunWhen::Normal => None,
                RunWhen::Always { armed_by } => {
                    own.insert(*armed_by);
                    None
                }
                RunWhen::Undo { armed_by, until } => {
                    own.insert(*armed_by);
                    Some(gates.milestone(until))
                }
            };
            at.extend(until);
            if !own.is_empty() {
                at.push(gates.of(own));
            }
            at.sort_unstable();
            at.dedup();
            for gate in &at {
                gates.all[*gate].users.push(a.id);
            }
            let turn = turns.get(&a.id).copied().unwrap_or((false, std::cmp::Reverse(0), a.id));
            let (run, state) = (a.run.clone(), State::Waiting);
            (a.id, Node { lane: lane(a), turn, gates: at, until, run, state, begun: false, trace: SideEffect::None })
        };
        let nodes: BTreeMap<_, _> = actions.iter().map(node).collect();
        let Gates { all, leads, .. } = gates;
        let (changed, waiting) = (nodes.keys().copied().collect(), nodes.len());
        Self { nodes, gates: all, leads, waiting, changed, ready: BTreeMap::new(), admit: Admit::All }
    }

    /// Actions that can begin under what [`settle`](Self::settle) was told last, in their turn; of those that take
    /// up a lane of a pod as many as it has free. Costs as much as it finds, however many wait for a lane.
    pub(super) fn ready(&self, free: impl Fn(Ordinal) -> usize) -> Vec<ActionId> {
        let some = |lane: &Lane| lane.map_or(usize::MAX, &free);
        let mut ready: Vec<_> =
            self.ready.iter().flat_map(|(lane, ids)| ids.iter().copied().take(some(lane))).collect();
        ready.sort_unstable();
        ready.into_iter().map(|(.., id)| id).collect()
    }

    fn unready(&mut self, id: ActionId) {
        let Some((lane, turn)) = self.nodes.get(&id).map(|n| (n.lane, n.turn)) else { return };
        if let Some(ids) = self.ready.get_mut(&lane) {
            ids.remove(&turn);
            if ids.is_empty() {
                self.ready.remove(&lane);
            }
        }
    }

    /// Ends every action that will never begin, transitively; smaller ids first.
    pub(super) fn settle(&mut self, admit: &Admit) -> Vec<(ActionId, Outcome)> {
        if *admit != self.admit {
            self.admit = admit.clone();
            self.changed = self.nodes.keys().copied().collect();
        }
        let mut settled = Vec::new();
        while let Some(id) = self.changed.pop_first() {
            match self.fate(id, admit) {
                Fate::Wait => self.unready(id),
                Fate::Ready => {
                    let Node { lane, turn, .. } = &self.nodes[&id];
                    self.ready.entry(*lane).or_default().insert(*turn);
                }
                Fate::Skip(outcome) => {
                    self.end(id, &outcome, SideEffect::None);
                    settled.push((id, outcome));
                }
            }
        }
        settled
    }

    /// Ends everything that waits although nothing runs: the plan is no DAG.
    pub(super) fn give_up(&mut self, why: &str) -> Vec<(ActionId, Outcome)> {
        let waiting: Vec<_> = self.nodes.iter().filter(|(_, n)| n.state == State::Waiting).map(|(id, _)| *id).collect();
        let outcome = Outcome::NotRun { because_of: None, why: why.to_owned() };
        waiting
            .into_iter()
            .map(|id| {
                self.end(id, &outcome, SideEffect::None);
                (id, outcome.clone())
            })
            .collect()
    }

    pub(super) fn begin(&mut self, id: ActionId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            self.waiting -= usize::from(node.state == State::Waiting);
            node.state = State::Running;
            node.begun = true;
        }
        self.unready(id);
    }

    pub(super) fn end(&mut self, id: ActionId, outcome: &Outcome, trace: SideEffect) {
        let ending = match outcome {
            Outcome::Done { .. } | Outcome::Already | Outcome::NotNeeded { .. } => Ending::Good,
            Outcome::Failed(_) | Outcome::Unknown(_) => Ending::Bad,
            Outcome::NotRun { because_of, why } => Ending::NotRun(*because_of, why.clone()),
        };
        let Some(node) = self.nodes.get_mut(&id).filter(|n| !matches!(n.state, State::Over(_))) else { return };
        self.waiting -= usize::from(node.state == State::Waiting);
        node.trace = trace;
        for gate in self.leads.get(&id).into_iter().flatten() {
            let gate = &mut self.gates[*gate];
            if gate.pass(id, &ending) {
                self.changed.extend(&gate.users);
            }
        }
        node.state = State::Over(ending);
        self.unready(id);
    }

    /// Whether an action still waits.
    pub(super) fn waiting(&self) -> bool {
        self.waiting > 0
    }

    fn fate(&self, id: ActionId, admit: &Admit) -> Fate {
        let node = &self.nodes[&id];
        if node.state != State::Waiting {
            return Fate::Wait;
        }
        if let Admit::Nothing(why) = admit {
            return Fate::Skip(not_run(None, why.clone()));
        }
        match &node.run {
            RunWhen::Normal => self.normal(node, admit),
            RunWhen::Always { armed_by } => {
                if !self.all_over(node) {
                    Fate::Wait
                } else if self.begun(*armed_by) {
                    Fate::Ready
                } else {
                    let why = format!("{armed_by} was not begun, so there is nothing to put back");
                    Fate::Skip(not_run(self.blame(*armed_by), why))
                }
            }
            RunWhen::Undo { armed_by, until: _ } => {
                if !self.all_over(node) {
                    Fate::Wait
                } else if !self.begun(*armed_by) {
                    let why = format!("{armed_by} was not begun, so there is nothing to take back");
                    Fate::Skip(not_run(self.blame(*armed_by), why))
                } else if self.nodes.get(armed_by).is_some_and(|n| n.trace == SideEffect::None) {
                    // What is there was made by somebody else, and is not ours to take back.
                    let why = format!("{armed_by} changed nothing, so there is nothing to take back");
                    Fate::Skip(not_run(self.blame(*armed_by), why))
                } else if node.until.is_some_and(|gate| self.gates[gate].good()) {
                    let why = format!("what {armed_by} did is needed, and what it was for is done");
                    Fate::Skip(Outcome::NotNeeded { why })
                } else {
                    Fate::Ready
                }
            }
        }
    }

    fn normal(&self, node: &Node, admit: &Admit) -> Fate {
        let gates = || node.gates.iter().map(|gate| &self.gates[*gate]);
        if let Some((_, root)) = gates().filter_map(|g| g.bad).min() {
            return Fate::Skip(not_run(Some(root), needs(root)));
        }
        let idle = gates().filter_map(|g| g.idle.as_ref()).min().map(|(_, why)| why);
        let open = gates().any(|g| g.open > 0 || g.missing);
        let why = match (idle, admit, open) {
            (Some(why), _, _) | (None, Admit::Nothing(why), _) | (None, Admit::PutBack(why), false) => why,
            // It waits on, because what it needs may still fail, and then that is the better reason.
            (None, Admit::PutBack(_) | Admit::All, true) => return Fate::Wait,
            (None, Admit::All, false) => return Fate::Ready,
        };
        Fate::Skip(not_run(None, why.clone()))
    }

    fn ending(&self, id: ActionId) -> Option<&Ending> {
        match self.nodes.get(&id).map(|n| &n.state) {
            Some(State::Over(ending)) => Some(ending),
            Some(State::Waiting | State::Running) | None => None,
        }
    }

    fn begun(&self, id: ActionId) -> bool {
        self.nodes.get(&id).is_some_and(|n| n.begun)
    }

    fn all_over(&self, node: &Node) -> bool {
        // What is not in the plan never happens, so nobody waits for it.
        node.gates.iter().all(|gate| self.gates[*gate].open == 0)
    }

    fn blame(&self, id: ActionId) -> Option<ActionId> {
        match self.ending(id) {
            Some(Ending::NotRun(root, _)) => *root,
            Some(Ending::Bad) => Some(id),
            Some(Ending::Good) | None => None,
        }
    }
}

/// Gates in the making.
struct Gates<'a> {
    known: &'a BTreeSet<ActionId>,
    all: Vec<Gate>,
    leads: BTreeMap<ActionId, Vec<usize>>,
    milestones: BTreeMap<usize, usize>,
}

impl Gates<'_> {
    fn of(&mut self, actions: impl IntoIterator<Item = ActionId>) -> usize {
        let at = self.all.len();
        let mut gate = Gate::default();
        for id in actions {
            if self.known.contains(&id) {
                gate.open += 1;
                self.leads.entry(id).or_default().push(at);
            } else {
                gate.missing = true;
            }
        }
        self.all.push(gate);
        at
    }

    fn milestone(&mut self, milestone: &Milestone) -> usize {
        if let Some(known) = self.milestones.get(&milestone.identity()) {
            return *known;
        }
        let at = self.of(milestone.actions().iter().copied());
        self.milestones.insert(milestone.identity(), at);
        at
    }
}

fn needs(root: ActionId) -> String {
    format!("it needs {root}, which was not done")
}

fn not_run(because_of: Option<ActionId>, why: String) -> Outcome {
    Outcome::NotRun { because_of, why }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{After, Code, Op, Reason, cost};

    /// A plan of random edges; some actions put things back.
    fn actions() -> impl Strategy<Value = Vec<Action>> {
        let one = (proptest::collection::vec(any::<prop::sample::Index>(), 0..4), 0..6_u8);
        proptest::collection::vec(one, 1..14).prop_map(|all| {
            let action = |(i, (after, kind)): (usize, (Vec<prop::sample::Index>, u8))| {
                let id = |n: usize| ActionId(u32::try_from(n + 1).unwrap());
                let before: Vec<_> = after.iter().filter(|_| i > 0).map(|n| id(n.index(i))).collect();
                let run = match (kind, before.as_slice()) {
                    (0, [armed_by, ..]) => RunWhen::Always { armed_by: *armed_by },
                    (1, [armed_by, until @ ..]) => {
                        RunWhen::Undo { armed_by: *armed_by, until: Milestone::of(until.iter().copied()) }
                    }
                    _ => RunWhen::Normal,
                };
                let after = before.into_iter().map(|id| After::one(id, "")).collect();
                let because = Reason::new(Code::Copy, "a test");
                Action { id: id(i), pod: Ordinal::MASTER, op: Op::Fence, because, after, run }
            };
            all.into_iter().enumerate().map(action).collect()
        })
    }

    fn failed(action: &Action) -> Outcome {
        Outcome::Failed(crate::render::fixtures::handshake(action))
    }

    proptest! {
        /// What is looked at again is enough: nothing that can begin is missed, and nothing that never will is left.
        #[test]
        fn nothing_is_forgotten(actions in actions(), steps in proptest::collection::vec((0..5_u8, any::<prop::sample::Index>()), 0..40)) {
            let mut schedule = Schedule::new(&actions, &cost::turns(&actions), |a| (a.id.0 % 3 != 0).then_some(a.pod));
            let mut admit = Admit::All;
            let mut running: Vec<ActionId> = Vec::new();
            for (kind, which) in steps {
                schedule.settle(&admit);
                let (mut ready, mut skipped) = (Vec::new(), Vec::new());
                for id in schedule.nodes.keys() {
                    match schedule.fate(*id, &admit) {
                        Fate::Ready => ready.push(*id),
                        Fate::Skip(_) => skipped.push(*id),
                        Fate::Wait => {}
                    }
                }
                ready.sort_by_key(|id| schedule.nodes[id].turn);
                prop_assert_eq!(schedule.ready(|_| usize::MAX), ready.clone());
                // With one free lane: everything that takes up none, and the first of the others.
                let mut one = ready.clone();
                let first = one.iter().copied().find(|id| id.0 % 3 != 0);
                one.retain(|id| id.0 % 3 == 0 || Some(*id) == first);
                prop_assert_eq!(schedule.ready(|_| 1), one);
                prop_assert_eq!(skipped, Vec::new());
                match kind {
                    0 | 1 if !ready.is_empty() => {
                        let id = ready[which.index(ready.len())];
                        schedule.begin(id);
                        running.push(id);
                    }
                    2 | 3 if !running.is_empty() => {
                        let id = running.swap_remove(which.index(running.len()));
                        let action = actions.iter().find(|a| a.id == id).unwrap();
                        let (outcome, trace) = match kind {
                            2 => (Outcome::Already, SideEffect::None),
                            _ => (failed(action), SideEffect::Some),
                        };
                        schedule.end(id, &outcome, trace);
                    }
                    4 if which.index(8) == 0 => {
                        admit = match admit {
                            Admit::All => Admit::PutBack("enough".to_owned()),
                            Admit::PutBack(why) | Admit::Nothing(why) => Admit::Nothing(why),
                        };
                    }
                    _ => {}
                }
            }
        }
    }
}
