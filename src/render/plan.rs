//! A plan for people (`contract.md` 3.1). What deletes comes first and loud, with what is lost and where the
//! surviving copy is; then why, then every action by pod; at the end what to type.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use comfy_table::{CellAlignment, Table, presets};

use super::{
    op,
    plan_end::{Head, is_undo, labelled, summary, to_apply},
    repair,
    row::{self, Row},
    style::{Doc, Line, Role},
    words::{counted, ids, ids_within, in_a_row, rows_in_all, rows_now, sentence, wrap, wrapped},
};
use crate::{
    desired::{Goal, Right},
    observe::RowCount,
    plan::{Action, ActionId, Code, Decision, Direct, Effect, Graph, Op, Plan, PodState, Reason, RowsAtStake, RunWhen},
    topology::{Ordinal, Target},
};

/// Whether statements are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sql {
    /// Only actions.
    Hidden,
    /// Every statement below its action.
    Shown,
}

/// How a plan is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Columns that may be used.
    pub width: usize,
    /// Statements.
    pub sql: Sql,
}

/// Widest "after" column.
const AFTER_WIDTH: usize = 26;

/// The whole plan.
///
/// ```
/// use aku::{plan, render::{self, Colour, Head, Layout, Sql}};
/// # use aku::{conf, desired::{Desired, Goal}, document::Document as _, observe::Capture};
/// # let file = std::fs::read("snapshots/captured.conf")?;
/// # let conf = conf::parse("aku.conf", &file).config.expect("a valid file");
/// # let seen = Capture::parse(&std::fs::read_to_string("snapshots/captured-first-start.json")?)?;
/// # let desired = Desired::new(&conf, Goal::Start(seen.pod), |pod| seen.addresses[&pod].clone());
/// # let observed = seen.observed_for(seen.pod);
/// # let plan = plan::make(&desired, &observed).expect("nothing bars this start");
///
/// let at = jiff::Timestamp::UNIX_EPOCH;
/// let head = Head { command: "aku plan", at, here: None, conf: "sha256:0", apply: Some("aku apply start") };
/// let text = render::plan(&plan, &head, Layout { width: 80, sql: Sql::Hidden }).text(Colour::Plain);
/// assert!(text.contains("TRUNCATE") && text.lines().all(|line| line.chars().count() <= 80));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn plan(plan: &Plan, head: &Head<'_>, layout: Layout) -> Doc {
    let mut doc = Doc::default();
    if plan.is_empty() {
        nothing_to_do(&mut doc, plan, layout);
        return doc;
    }
    title(&mut doc, plan, head);
    doc.gap();
    pods(&mut doc, plan, layout.width);
    doc.gap();
    destructive(&mut doc, plan, layout);
    doc.gap();
    why(&mut doc, plan, layout.width);
    notes(&mut doc, plan, layout.width);
    repair::sample(&mut doc, plan, layout.width);
    let graph = Graph::new(&plan.actions);
    actions(&mut doc, plan, graph.as_ref().ok(), head, layout);
    doc.gap();
    summary(&mut doc, plan, graph.as_ref().ok(), layout.width);
    to_apply(&mut doc, plan, head, layout.width);
    doc
}

fn nothing_to_do(doc: &mut Doc, plan: &Plan, layout: Layout) {
    let whose = plan.goal.single().map_or_else(|| "every pod".to_owned(), |pod| format!("pod {pod}"));
    let right = counted(plan.already_right, "object");
    if let Goal::Repair(_) = plan.goal {
        doc.line(Line::plain(format!(
            "Nothing to repair: no row of {} that was compared can be made the same, or none differs.",
            plan.statefulset
        )));
        notes(doc, plan, layout.width);
        return;
    }
    if plan.goal == Goal::Reconcile && !plan.notes.is_empty() {
        let text = format!("Nothing that can be corrected by itself; {right} looked at and right. Mind what follows.");
        doc.line(Line::plain(text));
        notes(doc, plan, layout.width);
        return;
    }
    doc.line(Line::plain(format!(
        "Nothing to do: {whose} of {} is as \"{}\" wants it; {right} looked at and right.",
        plan.statefulset,
        plan.goal.as_str()
    )));
    notes(doc, plan, layout.width);
}

fn title(doc: &mut Doc, plan: &Plan, head: &Head<'_>) {
    let from =
        head.here.filter(|h| plan.goal.single() != Some(*h)).map(|h| format!("   from pod {h}")).unwrap_or_default();
    doc.line(
        Line::plain(format!("{} {}   {}{from}", head.command, plan.goal.as_str(), about(plan)))
            .with(Role::Dim, format!("   {}   conf {}", head.at.strftime("%F %TZ"), short_digest(head.conf))),
    );
}

fn about(plan: &Plan) -> String {
    let whose = match plan.goal {
        Goal::Start(p) | Goal::End(p) | Goal::Clean(p) | Goal::Forget(p) | Goal::RecoverLog(p) => format!("pod {p}"),
        Goal::Recover(Some(from)) => format!("pod 0 from pod {from}"),
        Goal::Recover(None) => "pod 0".to_owned(),
        Goal::CleanEverywhere | Goal::Reconcile => "all pods".to_owned(),
        Goal::Repair(Right::Pod(pod)) => format!("rows, pod {pod} is right,"),
        Goal::Repair(Right::Majority) => "rows, the majority is right,".to_owned(),
    };
    format!("{whose} of {}", plan.statefulset)
}

fn short_digest(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..8).unwrap_or(hex)
}

fn state(s: PodState) -> (&'static str, Role) {
    match s {
        PodState::Joined => ("joined", Role::Add),
        PodState::JoinedClosed => ("joined, closed", Role::Change),
        PodState::NotJoined => ("not joined", Role::Change),
        PodState::Absent => ("absent", Role::Dim),
        PodState::MemberDown => ("MEMBER DOWN", Role::Wait),
        PodState::Broken => ("CANNOT TELL", Role::Wait),
    }
}

/// Narrower than this the pods' full names are left out.
const NAMES_FROM: usize = 60;

fn pods(doc: &mut Doc, plan: &Plan, width: usize) {
    let mut left = Table::new();
    left.load_style(presets::NOTHING);
    for p in &plan.pods {
        let mut cells = vec![format!("pod {}", p.pod)];
        if width >= NAMES_FROM {
            cells.push(format!("{}-{}", plan.statefulset, p.pod));
        }
        left.add_row(cells);
    }
    for column in left.column_iter_mut() {
        column.set_padding((1, 1));
    }
    let states = plan.pods.iter().map(|p| state(p.state).0.len()).max().unwrap_or(0);
    for (p, left) in plan.pods.iter().zip(left.lines()) {
        let (word, role) = state(p.state);
        let mark = if Some(p.pod) == plan.goal.single() { " >" } else { "  " };
        let mut line = Line::plain(format!("{mark}{left} ")).with(role, word);
        line.pad_to(line.width() - word.len() + states + 2);
        let column = line.width();
        let master = if p.pod.is_master() { "master, " } else { "" };
        let mut details = wrap(&format!("{master}{}", p.detail), width.saturating_sub(column).max(16)).into_iter();
        line.push(Role::Dim, details.next().unwrap_or_default());
        doc.line(line);
        for more in details {
            let mut line = Line::default();
            line.pad_to(column);
            line.push(Role::Dim, more);
            doc.line(line);
        }
    }
}

pub(super) fn destroys(a: &Action) -> bool {
    match a.op.effect() {
        Effect::DeletesRows | Effect::RemovesDefinition => true,
        Effect::Observe
        | Effect::Define
        | Effect::Run
        | Effect::CopiesRows
        | Effect::ForgetsPosition
        | Effect::Setting
        | Effect::Marks => false,
    }
}

fn destructive(doc: &mut Doc, plan: &Plan, layout: Layout) {
    let pods: BTreeSet<Ordinal> = plan.actions.iter().filter(|a| destroys(a)).map(|a| a.pod).collect();
    for pod in pods {
        let of = |effect| plan.actions.iter().filter(move |a| a.pod == pod && a.op.effect() == effect);
        deleted_rows(doc, plan, pod, &of(Effect::DeletesRows).collect::<Vec<_>>(), layout);
        removed_definitions(doc, pod, &of(Effect::RemovesDefinition).collect::<Vec<_>>(), layout);
    }
    if let Decision::Full { unsent, .. } = &plan.decision {
        for u in unsent {
            loud(doc, "LOSES UNSENT ROWS");
            let text = format!(
                " what pod {} has not sent to pod {} through {} cannot be delivered any more",
                plan.goal.pod(),
                u.peer,
                u.name
            );
            doc.line(Line::default().with(Role::Destroy, "!!").with(Role::Plain, text));
        }
    }
}

fn loud(doc: &mut Doc, text: impl AsRef<str>) {
    doc.line(Line::default().with(Role::Destroy, "!!").with(Role::Plain, " ").with(Role::Destroy, text));
}

pub(super) fn rows_at_stake(plan: &Plan) -> HashMap<&Target, &RowsAtStake> {
    match &plan.decision {
        Decision::Full { rows, .. } => rows.iter().map(|r| (&r.target, r)).collect(),
        Decision::None { .. } | Decision::CatchUp { .. } | Decision::Repair { .. } | Decision::Logs { .. } => {
            HashMap::new()
        }
    }
}

fn deleted_rows(doc: &mut Doc, plan: &Plan, pod: Ordinal, actions: &[&Action], layout: Layout) {
    if actions.is_empty() {
        return;
    }
    loud(doc, format!("DELETES ROWS on pod {pod}"));
    let mut rows = vec![["", "", "rows now", "surviving copy", "its rows"].map(str::to_owned)];
    let stakes = rows_at_stake(plan);
    for a in actions {
        if let Op::Truncate { target, source } = &a.op {
            let at_stake = stakes.get(target).copied();
            rows.push([
                a.id.to_string(),
                format!("TRUNCATE {target}"),
                rows_now(at_stake.map(|r| r.joiner)),
                format!("pod {source}"),
                rows_now(at_stake.map(|r| r.source)),
            ]);
        }
        if let Op::DeleteRows(repair) = &a.op {
            rows.push([
                a.id.to_string(),
                format!("DELETE from {}", repair.target),
                repair.rows.len().to_string(),
                format!("none on pod {}", repair.right),
                String::new(),
            ]);
        }
    }
    let widest = |columns: usize| table(&rows, columns);
    let text = [5, 3, 2].into_iter().map(widest).find(|t| t.iter().all(|l| l.len() + 3 <= layout.width));
    let text = text.unwrap_or_else(|| table(&rows, 2));
    for (line, a) in text.into_iter().zip(std::iter::once(None).chain(actions.iter().map(Some))) {
        if a.is_some() || !line.trim().is_empty() {
            doc.line(Line::default().with(Role::Destroy, "!!").with(Role::Plain, format!(" {line}")));
        }
        if let Some(a) = a {
            statements(doc, a, layout);
        }
    }
}

/// The first `columns` columns, aligned; numbers to the right.
fn table(rows: &[[String; 5]], columns: usize) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for row in rows {
        table.add_row(row.iter().take(columns));
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if i == 2 || i == 4 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|l| l.trim_end().to_owned()).collect()
}

fn removed_definitions(doc: &mut Doc, pod: Ordinal, actions: &[&Action], layout: Layout) {
    if actions.is_empty() {
        return;
    }
    loud(doc, format!("REMOVES DEFINITIONS on pod {pod}"));
    for a in actions {
        let w = op::words(&a.op);
        let text = format!(" {}  DROP REPLICATION {}  {}", a.id, w.object, w.peer);
        doc.line(Line::default().with(Role::Destroy, "!!").with(Role::Plain, text));
        statements(doc, a, layout);
    }
}

fn why(doc: &mut Doc, plan: &Plan, width: usize) {
    let pod = plan.goal.pod();
    let (what, because) = match &plan.decision {
        Decision::None { because } | Decision::Repair { because, .. } | Decision::Logs { because, .. } => {
            (String::new(), because)
        }
        Decision::CatchUp { because } => {
            (format!("Catch-up: no row of pod {pod} is deleted, the senders deliver what is missing."), because)
        }
        Decision::Full { source, because, rows, .. } => {
            let copied = rows_in_all(RowCount::sum(rows.iter().map(|r| r.source)));
            let copied = copied.map(|rows| rows + " in ").unwrap_or_default();
            (format!("Full copy from pod {source}: {copied}{}.", counted(rows.len(), "target")), because)
        }
    };
    let mut parts: Vec<String> = Vec::new();
    if !what.is_empty() {
        parts.push(what);
    }
    parts.extend(because.iter().map(reason));
    labelled(doc, "Why:  ", Role::Plain, &parts, width);
}

fn reason(r: &Reason) -> String {
    coded(&r.text, r.code.as_str())
}

/// The code stands behind the sentence, before a definition that follows on lines of its own.
fn coded(text: &str, code: &str) -> String {
    match text.split_once('\n') {
        None => format!("{} [{code}]", sentence(text)),
        Some((first, rest)) => format!("{first} [{code}]\n{rest}"),
    }
}

/// As [`reason`], with the code cut to its number: it stands below every action.
fn short_reason(r: &Reason) -> String {
    let code = r.code.as_str().split('-').next().unwrap_or_default();
    coded(&r.text, code)
}

fn notes(doc: &mut Doc, plan: &Plan, width: usize) {
    for note in &plan.notes {
        labelled(doc, "Mind: ", Role::Change, &[reason(note)], width);
    }
}

fn actions(doc: &mut Doc, plan: &Plan, graph: Option<&Graph<'_>>, head: &Head<'_>, layout: Layout) {
    let normal: Vec<&Action> = plan.actions.iter().filter(|a| !is_undo(a)).collect();
    // What is waited for through something else is left out: nobody reads a list of ten.
    let waits = graph.map(waits).unwrap_or_default();
    let goal = plan.goal.pod();
    let mut pods: Vec<Ordinal> = normal.iter().map(|a| a.pod).collect::<BTreeSet<_>>().into_iter().collect();
    pods.sort_by_key(|p| (*p != goal, *p));
    for pod in pods {
        doc.gap();
        let here = if head.here == Some(pod) { " (here)" } else { "" };
        doc.line(Line::plain(format!("pod {pod}  {}-{pod}{here}", plan.statefulset)));
        let mine: Vec<&Action> = normal.iter().copied().filter(|a| a.pod == pod).collect();
        block(doc, &mine, &waits, layout);
    }
    let undo: Vec<&Action> = plan.actions.iter().filter(|a| is_undo(a)).collect();
    if !undo.is_empty() {
        doc.gap();
        doc.line(Line::plain("only if the run stops in between"));
        block(doc, &undo, &waits, layout);
    }
}

/// What each action waits for.
pub(super) type Waits = BTreeMap<ActionId, Direct>;

/// Of every action.
pub(super) fn waits(graph: &Graph<'_>) -> Waits {
    graph.actions().iter().map(|a| a.id).zip(graph.direct()).collect()
}

/// One pod's actions: TRUNCATEs that follow each other share a line, and each reason is said once.
fn block(doc: &mut Doc, actions: &[&Action], waits: &Waits, layout: Layout) {
    let runs = merge(actions);
    let rows: Vec<Row> = runs.iter().map(|run| as_row(run, waits)).collect();
    let lines = row::lay_out(&rows, layout.width);
    let mut said: HashSet<(Code, &str)> = HashSet::new();
    for (i, (run, line)) in runs.iter().zip(lines).enumerate() {
        doc.line(line);
        for a in run.iter().filter(|a| !destroys(a)) {
            statements(doc, a, layout);
        }
        let because = &run[0].because;
        let last_of_its_kind = runs.get(i + 1).is_none_or(|next| next[0].because != *because);
        if last_of_its_kind && said.insert((because.code, &because.text)) {
            for text in wrapped(&short_reason(because), layout.width.saturating_sub(REASON_AT).max(20)) {
                let mut line = Line::default();
                line.pad_to(REASON_AT);
                line.push(Role::Dim, text);
                doc.line(line);
            }
        }
    }
}

/// Column of reasons and statements.
const REASON_AT: usize = 8;

fn merge<'a>(actions: &[&'a Action]) -> Vec<Vec<&'a Action>> {
    let truncate = |a: &Action| matches!(a.op, Op::Truncate { .. });
    let mut runs: Vec<Vec<&Action>> = Vec::new();
    for a in actions.iter().copied() {
        match runs.last_mut() {
            Some(run) if truncate(run[0]) && truncate(a) => run.push(a),
            Some(_) | None => runs.push(vec![a]),
        }
    }
    runs
}

fn as_row(run: &[&Action], waits: &Waits) -> Row {
    let first = run[0];
    let mine: Vec<ActionId> = run.iter().map(|a| a.id).collect();
    let w = op::words(&first.op);
    let object = if run.len() > 1 { format!("{}, see above", counted(run.len(), "target")) } else { w.object };
    Row {
        symbol: op::symbol(&first.op),
        id: ids(&mine),
        verb: w.verb.to_owned(),
        object,
        peer: w.peer,
        address: w.address,
        detail: if is_undo(first) { format!("on pod {}", first.pod) } else { w.detail },
        after: after(run, &mine, waits),
    }
}

fn after(run: &[&Action], mine: &[ActionId], waits: &Waits) -> String {
    let mut each: Vec<&Direct> = run.iter().filter_map(|a| waits.get(&a.id)).collect();
    each.dedup_by(|a, b| a.is_twin(b));
    let waits = match each.as_slice() {
        [one] => ids_within(one.rows(), one.len(), AFTER_WIDTH),
        all => {
            let mine: HashSet<ActionId> = mine.iter().copied().collect();
            let waits: BTreeSet<ActionId> = all.iter().flat_map(|d| d.iter()).filter(|id| !mine.contains(id)).collect();
            let waits: Vec<ActionId> = waits.into_iter().collect();
            ids_within(in_a_row(&waits), waits.len(), AFTER_WIDTH)
        }
    };
    let waits = if waits.is_empty() { waits } else { format!("after {waits}") };
    match &run[0].run {
        RunWhen::Normal => waits,
        RunWhen::Always { .. } => format!("{waits}, always"),
        RunWhen::Undo { armed_by, .. } => format!("takes back {armed_by}"),
    }
}

fn statements(doc: &mut Doc, a: &Action, layout: Layout) {
    match layout.sql {
        Sql::Hidden => {}
        Sql::Shown => {
            for sql in a.op.statements() {
                let mut line = Line::default();
                line.pad_to(REASON_AT);
                // A statement is not broken into lines: it is there to be copied.
                line.push(Role::Dim, format!("{sql};"));
                doc.line(line);
            }
        }
    }
}
