//! What differs between two plans, by matching their actions. Pure.
//!
//! An action of one plan is that of another when it does the same kind of thing to the same object on the same pod;
//! numbers of actions do not matter. Decides nothing about which difference is acceptable.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    observe::RowCount,
    plan::{Action, ActionId, After, Before, Decision, Milestone, Plan, Reason, RunWhen},
    words::counted,
};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::build::pods;

/// What an action is, whatever its number.
pub type Key = String;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Change {
    /// A fact of the plan as a whole: goal, decision, a pod's state.
    Plan {
        /// Which.
        field: &'static str,
        /// In the first plan, as far as it is not in the second.
        then: String,
        /// In the second plan.
        now: String,
    },
    /// Only the second plan needs this approval.
    ApprovalAdded {
        /// The flag.
        flag: String,
        /// What would happen.
        because: String,
    },
    /// Only the first plan needs this approval.
    ApprovalGone {
        /// The flag.
        flag: String,
    },
    /// Only the second plan has the action.
    Added {
        /// Its number there.
        id: ActionId,
        /// What it is.
        action: Key,
        /// Its statements.
        sql: Vec<String>,
        /// Why.
        because: Reason,
    },
    /// Only the first plan has the action.
    Gone {
        /// Its number there.
        id: ActionId,
        /// What it is.
        action: Key,
        /// Its statements.
        sql: Vec<String>,
    },
    /// Both have it, in other words.
    Changed {
        /// Its numbers in the first and the second plan.
        ids: (ActionId, ActionId),
        /// What it is.
        action: Key,
        /// `sql`, `detail`, `because`, `after`, `run`.
        part: &'static str,
        /// In the first plan.
        then: String,
        /// In the second plan.
        now: String,
    },
    /// Both have it, at another place among the actions that both have.
    Reordered {
        /// Its numbers in the first and the second plan.
        ids: (ActionId, ActionId),
        /// What it is.
        action: Key,
    },
}

/// Every difference, those of the whole plan first, then in the order of the actions. Empty when both say the same.
#[must_use]
pub fn diff(then: &Plan, now: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    whole(then, now, &mut changes);
    approvals(then, now, &mut changes);
    actions(&Keyed::new(then), &Keyed::new(now), &mut changes);
    changes
}

fn whole(a: &Plan, b: &Plan, changes: &mut Vec<Change>) {
    let mut field = |field, then: String, now: String| {
        if then != now {
            changes.push(Change::Plan { field, then, now });
        }
    };
    let goal = |p: &Plan| format!("{} of {}", p.goal.title(), p.statefulset);
    field("goal", goal(a), goal(b));
    field("decision", decision(&a.decision), decision(&b.decision));
    field("rows", rows(&a.decision), rows(&b.decision));
    field("why", reasons(why(&a.decision)), reasons(why(&b.decision)));
    let pods = |p: &Plan| lines(p.pods.iter().map(|l| format!("pod {} {}: {}", l.pod, word(l.state), l.detail)));
    field("pods", pods(a), pods(b));
    field("notes", reasons(&a.notes), reasons(&b.notes));
    field("already right", a.already_right.to_string(), b.already_right.to_string());
}

fn lines(of: impl Iterator<Item = String>) -> String {
    of.collect::<Vec<_>>().join("\n")
}

fn reasons(of: &[Reason]) -> String {
    lines(of.iter().map(reason))
}

fn reason(r: &Reason) -> String {
    format!("[{}] {}", r.code.as_str(), r.text)
}

fn why(d: &Decision) -> &[Reason] {
    match d {
        Decision::None { because }
        | Decision::CatchUp { because }
        | Decision::Full { because, .. }
        | Decision::Repair { because, .. }
        | Decision::Logs { because, .. } => because,
    }
}

fn decision(d: &Decision) -> String {
    match d {
        Decision::None { .. } => "no rows move".to_owned(),
        Decision::CatchUp { .. } => "catch-up".to_owned(),
        Decision::Repair { compared, .. } => format!("rows are repaired as {} show them", pods(&compared.pods)),
        Decision::Logs { paths, .. } => lines(paths.iter().map(|(pod, path)| format!("pod {pod} reads {path}"))),
        Decision::Full { source, unsent, .. } => {
            let lost = unsent.iter().map(|u| format!("loses what {} has not sent to pod {}", u.name, u.peer));
            lines(std::iter::once(format!("full copy from pod {source}")).chain(lost))
        }
    }
}

fn rows(d: &Decision) -> String {
    let shown = |n: RowCount| match n {
        RowCount::Counted(n) => n.to_string(),
        RowCount::AtLeast { at_least } => format!("at least {at_least}"),
        RowCount::NotCounted => "not counted".to_owned(),
    };
    match d {
        Decision::None { .. } | Decision::CatchUp { .. } | Decision::Logs { .. } => String::new(),
        Decision::Repair { compared, .. } => lines(
            compared.tables.iter().map(|t| format!("{}: {} not the same", t.target, counted(t.rows.len(), "row"))),
        ),
        Decision::Full { rows, .. } => {
            lines(rows.iter().map(|r| format!("{}: {} deleted, {} copied", r.target, shown(r.joiner), shown(r.source))))
        }
    }
}

/// The word of a value of an enum in the file.
fn word(of: impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

fn approvals(a: &Plan, b: &Plan, changes: &mut Vec<Change>) {
    let flags = |p: &Plan| -> BTreeMap<String, String> {
        p.approvals.iter().map(|x| (format!("{}={}", x.class.as_str(), x.scope), x.because.clone())).collect()
    };
    let (then, now) = (flags(a), flags(b));
    for flag in then.keys().filter(|f| !now.contains_key(*f)) {
        changes.push(Change::ApprovalGone { flag: flag.clone() });
    }
    for (flag, because) in &now {
        match then.get(flag) {
            None => changes.push(Change::ApprovalAdded { flag: flag.clone(), because: because.clone() }),
            Some(old) if old != because => {
                changes.push(Change::Plan { field: "approval", then: old.clone(), now: because.clone() });
            }
            Some(_) => {}
        }
    }
}

/// A plan's actions by what they are.
struct Keyed<'a> {
    keys: Vec<Key>,
    /// By key, where the action stands.
    places: HashMap<Key, usize>,
    names: HashMap<ActionId, usize>,
    actions: &'a [Action],
}

impl<'a> Keyed<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut all = Self { keys: Vec::new(), places: HashMap::new(), names: HashMap::new(), actions: &plan.actions };
        let mut twins: HashMap<Key, usize> = HashMap::new();
        for (at, a) in plan.actions.iter().enumerate() {
            let base = key(a);
            let twin = twins.entry(base.clone()).or_insert(0);
            *twin += 1;
            let name = if *twin == 1 { base } else { format!("{base} ({twin})") };
            all.keys.push(name.clone());
            all.names.insert(a.id, at);
            all.places.insert(name, at);
        }
        all
    }

    fn get(&self, key: &str) -> Option<&'a Action> {
        self.places.get(key).map(|at| &self.actions[*at])
    }

    fn name(&self, id: ActionId) -> &str {
        self.names.get(&id).map_or("an action that is not there", |at| &self.keys[*at])
    }

    fn run(&self, a: &Action) -> String {
        match &a.run {
            RunWhen::Normal => "normally".to_owned(),
            RunWhen::Always { armed_by } => format!("always, after {} began", self.name(*armed_by)),
            RunWhen::Undo { armed_by, until } => {
                let names = until.actions().iter().map(|id| self.name(*id));
                let until: Vec<&str> = names.take(FULL).collect();
                format!("takes back {} until {}", self.name(*armed_by), until.join(", "))
            }
        }
    }
}

/// Most waits of an action that are listed; of more only those that differ.
const FULL: usize = 20;

/// What an action waits for, as far as it can be compared without a look at each: a name, or the number of a list of names.
type Points<'k> = BTreeSet<(Result<&'k str, usize>, &'k str)>;
/// What two actions wait for, in words.
type Texts = (String, String);

/// Milestones of both plans. Those with the same actions, by name, have the same number.
#[derive(Default)]
struct Stages<'k> {
    by_names: HashMap<Vec<&'k str>, usize>,
    /// By plan and identity.
    numbers: HashMap<(usize, usize), usize>,
    /// Texts of what differs, or none where it does not.
    known: HashMap<(Points<'k>, Points<'k>), Option<Texts>>,
}

impl<'k> Stages<'k> {
    fn number(&mut self, keyed: &'k Keyed<'k>, milestone: &Milestone) -> usize {
        let id = (std::ptr::from_ref(keyed).addr(), milestone.identity());
        if let Some(known) = self.numbers.get(&id) {
            return *known;
        }
        let mut names: Vec<&str> = milestone.actions().iter().map(|id| keyed.name(*id)).collect();
        names.sort_unstable();
        let next = self.by_names.len();
        let number = *self.by_names.entry(names).or_insert(next);
        self.numbers.insert(id, number);
        number
    }

    fn points(&mut self, keyed: &'k Keyed<'k>, a: &'k Action) -> Points<'k> {
        let point = |after: &'k After| {
            let point = match &after.before {
                Before::Action(id) => Ok(keyed.name(*id)),
                Before::Milestone(m) => Err(self.number(keyed, m)),
            };
            (point, &*after.because)
        };
        a.after.iter().map(point).collect()
    }

    /// How the waits differ, each with its reason.
    fn waits(
        &mut self,
        (then, a): (&'k Keyed<'k>, &'k Action),
        (now, b): (&'k Keyed<'k>, &'k Action),
    ) -> Option<Texts> {
        let points = (self.points(then, a), self.points(now, b));
        if points.0 == points.1 {
            return None;
        }
        if let Some(known) = self.known.get(&points) {
            return known.clone();
        }
        let all = |keyed: &'k Keyed<'k>, a: &'k Action| -> BTreeSet<String> {
            let each = a.after.iter().flat_map(|after| after.before.actions().iter().map(move |id| (*id, after)));
            each.map(|(id, after)| format!("{} ({})", keyed.name(id), after.because)).collect()
        };
        let (old, new) = (all(then, a), all(now, b));
        let text = |of: &BTreeSet<String>, other: &BTreeSet<String>| {
            if of.len() <= FULL {
                return lines(of.iter().cloned());
            }
            let common = of.intersection(other).count();
            let both = (common > 0).then(|| format!("and {common} that both wait for"));
            lines(of.difference(other).cloned().chain(both))
        };
        let texts = (old != new).then(|| (text(&old, &new), text(&new, &old)));
        self.known.insert(points, texts.clone());
        texts
    }

    /// Whether they run under the same conditions.
    fn same_run(&mut self, (then, a): (&'k Keyed<'k>, &'k Action), (now, b): (&'k Keyed<'k>, &'k Action)) -> bool {
        match (&a.run, &b.run) {
            (RunWhen::Undo { armed_by: x, until: old }, RunWhen::Undo { armed_by: y, until: new }) => {
                then.name(*x) == now.name(*y) && self.number(then, old) == self.number(now, new)
            }
            (RunWhen::Normal | RunWhen::Always { .. } | RunWhen::Undo { .. }, _) => then.run(a) == now.run(b),
        }
    }
}

/// `pod 2: start AKU_REP_02 to pod 0`
fn key(a: &Action) -> Key {
    let op = serde_json::to_value(&a.op).unwrap_or(Value::Null);
    let text = |field: &str| op[field].as_str().map(|s| format!(" {s}")).unwrap_or_default();
    let peer = op["peer"].as_u64().map(|p| format!(" to pod {p}")).unwrap_or_default();
    let target = match &a.op {
        aku_core::plan::Op::Truncate { target, .. } => format!(" {target}"),
        _ => String::new(),
    };
    format!("pod {}:{}{}{}{target}{peer}", a.pod, text("op"), text("name"), text("property"))
}

/// The rest of an operation: what is neither in its key nor in its statements.
fn detail(a: &Action) -> String {
    let mut op = serde_json::to_value(&a.op).unwrap_or(Value::Null);
    if let Some(fields) = op.as_object_mut() {
        for known in ["op", "name", "property", "peer", "target"] {
            fields.remove(known);
        }
    }
    op.to_string()
}

fn sql(a: &Action) -> Vec<String> {
    a.op.statements().iter().map(ToString::to_string).collect()
}

fn actions(then: &Keyed<'_>, now: &Keyed<'_>, changes: &mut Vec<Change>) {
    for (k, a) in then.keys.iter().zip(then.actions).filter(|(k, _)| now.get(k).is_none()) {
        changes.push(Change::Gone { id: a.id, action: k.clone(), sql: sql(a) });
    }
    let moved = moved(then, now);
    let mut stages = Stages::default();
    for (k, b) in now.keys.iter().zip(now.actions) {
        let Some(a) = then.get(k) else {
            changes.push(Change::Added { id: b.id, action: k.clone(), sql: sql(b), because: b.because.clone() });
            continue;
        };
        let differs = |then: String, now: String| (then != now).then_some((then, now));
        let same_op = a.op == b.op;
        let parts = [
            ("sql", if same_op { None } else { differs(sql(a).join("\n"), sql(b).join("\n")) }),
            ("detail", if same_op { None } else { differs(detail(a), detail(b)) }),
            ("because", if a.because == b.because { None } else { differs(reason(&a.because), reason(&b.because)) }),
            ("after", stages.waits((then, a), (now, b))),
            ("run", (!stages.same_run((then, a), (now, b))).then(|| (then.run(a), now.run(b)))),
        ];
        let ids = (a.id, b.id);
        changes.extend(parts.into_iter().filter_map(|(part, texts)| {
            let (then, now) = texts?;
            Some(Change::Changed { ids, action: k.clone(), part, then, now })
        }));
        if moved.contains(k.as_str()) {
            changes.push(Change::Reordered { ids, action: k.clone() });
        }
    }
}

/// Actions that stand at another place among those that both plans have.
fn moved<'a>(then: &Keyed<'_>, now: &'a Keyed<'_>) -> HashSet<&'a str> {
    let old: Vec<&str> = then.keys.iter().filter(|k| now.get(k).is_some()).map(String::as_str).collect();
    let new: Vec<&str> = now.keys.iter().filter(|k| then.get(k).is_some()).map(String::as_str).collect();
    if old == new {
        return HashSet::new();
    }
    let diff = similar::TextDiff::from_slices(&old, &new);
    diff.iter_all_changes()
        .filter(|c| c.tag() == similar::ChangeTag::Insert)
        .filter_map(|c| new.get(c.new_index()?).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plans as fixtures;
    use aku_core::plan::{Code, Op};

    #[test]
    fn a_plan_does_not_differ_from_itself() {
        for plan in [fixtures::full_join_with_losses(), fixtures::end(), fixtures::clean(), fixtures::empty()] {
            assert_eq!(diff(&plan, &plan), []);
        }
    }

    #[test]
    fn any_difference_is_found() {
        type Edit = fn(&mut Plan);
        let edits: [(Edit, &str); 9] = [
            (|p| drop(p.actions.remove(19)), "Gone"),
            (|p| p.actions[4].op = Op::Drain { wait_s: 61 }, "part: \"detail\""),
            (|p| p.actions[0].because.code = Code::Leftover, "part: \"because\""),
            (|p| drop(p.actions[3].after.pop()), "part: \"after\""),
            (|p| p.actions[8].run = RunWhen::Always { armed_by: ActionId(2) }, "part: \"run\""),
            (|p| p.actions.swap(0, 1), "Reordered"),
            (|p| drop(p.approvals.pop()), "ApprovalGone"),
            (|p| p.already_right = 3, "already right"),
            (|p| p.pods[0].detail.push('x'), "pods"),
        ];
        for (edit, want) in edits {
            let then = fixtures::full_join();
            let mut now = then.clone();
            edit(&mut now);
            let found = format!("{:?}", diff(&then, &now));
            assert!(found.contains(want), "{found}\nlacks {want}");
            assert!(!diff(&now, &then).is_empty(), "{want}");
        }
        let swapped = diff(&fixtures::catch_up(), &fixtures::end());
        assert!(swapped.iter().any(|c| matches!(c, Change::Added { .. })), "{swapped:?}");
    }

    #[test]
    fn numbers_of_actions_do_not_matter() {
        let then = fixtures::full_join();
        let mut text = serde_json::to_string(&then).unwrap();
        for n in (1..=then.actions.len()).rev() {
            for field in ["id", "action", "armed_by"] {
                text = text.replace(&format!("\"{field}\":{n},"), &format!("\"{field}\":{},", n + 100));
                text = text.replace(&format!("\"{field}\":{n}}}"), &format!("\"{field}\":{}}}", n + 100));
            }
        }
        let mut now: Plan = serde_json::from_str(&text).unwrap();
        for a in &mut now.actions {
            if let RunWhen::Undo { until, .. } = &mut a.run {
                *until = Milestone::of(until.actions().iter().map(|id| ActionId(id.0 + 100)));
            }
        }
        assert_ne!(then, now);
        assert_eq!(diff(&then, &now), []);
    }
}
