//! A plan as a comment of a pull request. The first line is hidden and names the plan, so that a bot can find its own
//! comment and replace it. What does not fit the size of a comment is left out openly.

use std::fmt::Write as _;

use super::{
    graph::kinds,
    html::{pods_of, verdict},
    op,
    plan::{destroys, rows_at_stake},
    plan_end::approval_flags,
    plan_end::is_undo,
    safe,
    words::{counted, rows_in_all, rows_now, sentence},
};
use crate::{
    plan::{Action, Decision, Effect, Op, Plan, policy, saved::Saved},
    topology::Ordinal,
};

/// Most bytes of a comment; GitHub takes 65,536 characters.
pub const BUDGET: usize = 60_000;
/// Lines of the table of what is deleted, when not everything fits.
const FEW: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Full,
    Counts,
    Summary,
}

/// The comment. `file` is what the reader applies.
#[must_use]
pub fn markdown(saved: &Saved, file: &str) -> String {
    let fits = |text: &String| text.len() <= BUDGET;
    let levels = [Level::Full, Level::Counts, Level::Summary];
    if let Some(text) = levels.into_iter().map(|l| at(saved, file, l)).find(fits) {
        return text;
    }
    let mut text = at(saved, file, Level::Summary);
    let cut = "\n\n_Cut here: the plan is larger than a comment may be._\n";
    let end = (0..=BUDGET - cut.len()).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    text.truncate(end);
    text + cut
}

fn at(saved: &Saved, file: &str, level: Level) -> String {
    let plan = &saved.plan;
    let scope =
        plan.goal.single().map_or_else(|| plan.statefulset.clone(), |pod| format!("{}/{pod}", plan.statefulset));
    let mut out =
        format!("<!-- aku-plan {} {} {} -->\n", plan.goal.as_str(), safe::html_comment(&scope), saved.digest());
    let what = format!("aku {} of {}: {}", plan.goal.title(), plan.statefulset, verdict(plan));
    put(&mut out, format_args!("**{}** To be applied before {}.\n", safe::markdown(&what), saved.expires_at));
    if level != Level::Full {
        put(
            &mut out,
            format_args!("_Shortened to fit a comment; `aku show {}` has everything._\n", safe::markdown_code(file)),
        );
    }
    destructive(&mut out, plan, level);
    reasons(&mut out, plan, level);
    match level {
        Level::Full => pods_of(plan).into_iter().for_each(|pod| details(&mut out, plan, pod)),
        Level::Counts => {
            for pod in pods_of(plan) {
                let mine: Vec<&Action> = plan.actions.iter().filter(|a| a.pod == pod).collect();
                put(&mut out, format_args!("* pod {pod}: {} ({})", counted(mine.len(), "action"), kinds(&mine)));
            }
            out.push('\n');
        }
        Level::Summary => {}
    }
    rules(&mut out, saved);
    if level == Level::Full {
        facts(&mut out, saved);
    }
    if !plan.is_empty() {
        let mut command = vec![format!("aku apply {file} --yes")];
        command.extend(approval_flags(plan));
        put(&mut out, format_args!("Apply exactly this: `{}`\n", safe::markdown_code(&command.join(" "))));
    }
    let on = saved.observer.map(|p| format!(" on pod {p}")).unwrap_or_default();
    let (id, digest, made) = (safe::markdown(saved.plan_id()), saved.digest(), saved.created_at);
    put(&mut out, format_args!("plan {id}, {digest}, made {made} by aku {}{on}", safe::markdown(&saved.producer)));
    put(&mut out, format_args!("facts {}", saved.fingerprint()));
    out
}

fn put(out: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{args}");
}

fn destructive(out: &mut String, plan: &Plan, level: Level) {
    for a in &plan.approvals {
        let flag = format!("--approve {}={}", a.class.as_str(), a.scope);
        put(
            out,
            format_args!(
                "* :warning: {} Needs `{}`",
                safe::markdown(&sentence(&a.because)),
                safe::markdown_code(&flag)
            ),
        );
    }
    if !plan.approvals.is_empty() {
        out.push('\n');
    }
    let all: Vec<&Action> = plan.actions.iter().filter(|a| destroys(a)).collect();
    let most = match level {
        Level::Full => usize::MAX,
        Level::Counts => FEW,
        Level::Summary => 0,
    };
    if all.is_empty() || most == 0 {
        return;
    }
    out.push_str("| | what | pod | rows now | surviving copy |\n|---|---|---|--:|---|\n");
    let stakes = rows_at_stake(plan);
    for a in all.iter().take(most) {
        let (what, rows, copy) = match &a.op {
            Op::Truncate { target, source } => {
                let r = stakes.get(target);
                let its = r.and_then(|r| rows_in_all(r.source)).map(|rows| format!(", {rows}")).unwrap_or_default();
                (format!("TRUNCATE {target}"), rows_now(r.map(|r| r.joiner)), format!("pod {source}{its}"))
            }
            Op::DeleteRows(rows) => {
                (op::short(&a.op), rows.rows.len().to_string(), format!("none on pod {}", rows.right))
            }
            other => (op::short(other), String::new(), String::new()),
        };
        put(out, format_args!("| {} | {} | {} | {rows} | {copy} |", a.id, safe::markdown(&what), a.pod));
    }
    if all.len() > most {
        put(out, format_args!("| | and {} more | | | |", all.len() - most));
    }
    out.push('\n');
}

fn reasons(out: &mut String, plan: &Plan, level: Level) {
    let because = match &plan.decision {
        Decision::None { because }
        | Decision::CatchUp { because }
        | Decision::Full { because, .. }
        | Decision::Repair { because, .. }
        | Decision::Logs { because, .. } => because,
    };
    let most = if level == Level::Full { usize::MAX } else { FEW };
    for (word, list) in [("Why", because), ("Mind", &plan.notes)] {
        for r in list.iter().take(most) {
            put(out, format_args!("* {word}: {} `{}`", safe::markdown(&sentence(&r.text)), r.code.as_str()));
        }
        if list.len() > most {
            put(out, format_args!("* {word}: and {} more", list.len() - most));
        }
    }
    out.push('\n');
}

/// What rules found: how many, and each that refuses.
fn rules(out: &mut String, saved: &Saved) {
    let codes = |level| -> Vec<String> {
        let mut codes: Vec<String> = saved
            .policy
            .iter()
            .filter(|f| f.level == level)
            .map(|f| format!("`{}`", safe::markdown_code(&f.code)))
            .collect();
        codes.dedup();
        codes
    };
    let (warned, denied) = (codes(policy::Level::Warn), codes(policy::Level::Deny));
    if warned.is_empty() && denied.is_empty() {
        return;
    }
    let list = |codes: &[String]| if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
    put(
        out,
        format_args!(
            "Policy: {}{}, {} denied{}.\n",
            counted(warned.len(), "warning"),
            list(&warned),
            denied.len(),
            list(&denied)
        ),
    );
    for f in policy::denied(&saved.policy).take(FEW) {
        put(
            out,
            format_args!("* :no_entry: {} `{}`", safe::markdown(&sentence(&f.text)), safe::markdown_code(&f.code)),
        );
    }
}

/// The facts that the actions hang on, folded.
fn facts(out: &mut String, saved: &Saved) {
    let used: Vec<_> = saved.facts.footprint().collect();
    if used.is_empty() {
        return;
    }
    put(out, format_args!("<details><summary>{} that the actions hang on</summary>\n", counted(used.len(), "fact")));
    out.push_str("| | pod | fact | when planned |\n|---|---|---|---|\n");
    for f in used {
        put(out, format_args!("| {} | {} | {} | {} |", f.id, f.pod, safe::markdown(&f.key), safe::markdown(&f.value)));
    }
    out.push_str("\n</details>\n\n");
}

fn details(out: &mut String, plan: &Plan, pod: Ordinal) {
    let mine: Vec<&Action> = plan.actions.iter().filter(|a| a.pod == pod).collect();
    let mut body = String::new();
    for a in &mine {
        let undo = if is_undo(a) { " (only if the run stops in between)" } else { "" };
        put(&mut body, format_args!("{} {} {}{undo}", sign(&a.op), a.id, safe::terminal(&op::short(&a.op))));
        for sql in a.op.statements() {
            put(&mut body, format_args!("       {};", safe::terminal(&sql.to_string())));
        }
        put(&mut body, format_args!("       [{}] {}", a.because.code.as_str(), safe::terminal(&a.because.text)));
    }
    let fence = fence(&body);
    put(out, format_args!("<details><summary>pod {pod}: {}</summary>\n", counted(mine.len(), "action")));
    put(out, format_args!("{fence}diff\n{body}{fence}\n\n</details>\n"));
}

fn sign(op: &Op) -> char {
    match op.effect() {
        Effect::Define | Effect::CopiesRows => '+',
        Effect::DeletesRows | Effect::RemovesDefinition | Effect::ForgetsPosition => '-',
        Effect::Setting => '!',
        Effect::Run => match op {
            Op::Stop { .. } => '-',
            _ => '+',
        },
        Effect::Observe | Effect::Marks => ' ',
    }
}

/// A fence that nothing inside ends.
fn fence(body: &str) -> String {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
