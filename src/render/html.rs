//! A plan as one page: no network, no script; light and dark by the reader's choice; fit for printing.
//!
//! Everything that comes from a database or a file name is escaped, and a content policy in the page forbids whatever
//! would slip through.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    op,
    plan::{destroys, is_undo, rows_at_stake, waits},
    plan_end::approval_flags,
    style::visible,
    svg::svg,
    words::{counted, ids, ids_within, rows_in_all, rows_now, sentence},
};
use crate::{
    observe::RowCount,
    plan::{Action, Decision, Direct, Graph, Op, Plan, PodState, Reason, saved::Saved},
    topology::Ordinal,
};

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--dim:#57606a;--line:#d0d7de;--soft:#f6f8fa;--bad:#b4231a;\
--bad-bg:#fff0ee}\
@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--dim:#9aa4af;--line:#30363d;--soft:#161b22;\
--bad:#ff8a80;--bad-bg:#2d1312}}\
*{box-sizing:border-box}body{margin:0 auto;padding:1.5rem;max-width:75rem;color:var(--fg);background:var(--bg);\
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}\
.dim{color:var(--dim)}code,pre{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}\
pre{background:var(--soft);padding:.75rem;white-space:pre-wrap}.wide{overflow-x:auto}\
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid var(--line);padding:.35rem .6rem;\
text-align:left;vertical-align:top}th{font-weight:600;color:var(--dim)}.n{text-align:right}td.n{\
font-variant-numeric:tabular-nums}td:first-child,th:first-child{white-space:nowrap}.code{display:inline-block}\
table.actions{table-layout:fixed}.actions td{overflow-wrap:anywhere}table.actions col:nth-child(1){width:3.6rem}table.actions col:nth-child(2){width:26%}\
table.actions col:nth-child(3){width:30%}table.actions col:nth-child(5){width:5.5rem}details{margin:1.5rem 0}\
summary{font-weight:600;cursor:pointer}.bad{border:2px solid var(--bad);background:var(--bad-bg);padding:.25rem 1rem 1rem;\
margin:1.5rem 0}.bad h2{color:var(--bad);margin-top:.5rem}tr.destroys td:nth-child(2){color:var(--bad);\
font-weight:600}svg{max-width:100%;min-width:48rem;height:auto;background:var(--bg)}svg text{fill:var(--fg);font:12px system-ui,sans-serif;\
text-anchor:middle}svg .more{fill:var(--dim);font-size:11px}svg rect{fill:var(--soft);stroke:var(--line)}\
svg .critical rect{stroke:var(--fg);stroke-width:2.5}svg .destroys rect{fill:var(--bad-bg);stroke:var(--bad)}\
svg .undo rect{stroke-dasharray:4 3}svg .edge{fill:none;stroke:var(--dim)}svg .edge.critical{stroke:var(--fg);\
stroke-width:2.5}svg marker path{fill:var(--dim)}\
@media (max-width:40rem){body{padding:1rem}table.stack,.stack tbody,.stack tr,.stack td{display:block;width:auto}\
.stack tr:first-child{display:none}.stack tr{border-bottom:1px solid var(--line);padding:.4rem 0}\
.stack td{border:0;padding:.1rem 0}.stack td.n{text-align:left}.stack td:empty{display:none}\
.stack td[data-label]::before{content:attr(data-label) \": \";color:var(--dim)}.stack td:first-child{font-weight:600}}\
@media print{body{max-width:none;padding:0}.bad,tr,h2,svg{break-inside:avoid}h2,h2+p{break-after:avoid}\
details::details-content{content-visibility:visible;height:auto}\
svg{min-width:0}}";

/// Text between tags or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    visible(text).chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

/// The page. `file` is what the reader applies.
#[must_use]
pub fn html(saved: &Saved, file: &str) -> String {
    let plan = &saved.plan;
    let title = format!("{} of {}", plan.goal.title(), plan.statefulset);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>aku: {t}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{t}</h1>\n",
        t = escape(&title)
    );
    let observer = saved.observer.map(|p| format!(" on pod {p}")).unwrap_or_default();
    put(
        &mut out,
        format_args!(
            "<p class=\"dim\">made {} by aku {}{observer}, to be applied before {}</p>",
            saved.created_at,
            escape(&saved.producer),
            saved.expires_at
        ),
    );
    put(&mut out, format_args!("<p><strong>{}</strong></p>", escape(&verdict(plan))));
    destructive(&mut out, plan);
    why(&mut out, plan);
    pods(&mut out, plan);
    actions(&mut out, plan);
    graph(&mut out, plan);
    policy(&mut out, saved);
    facts(&mut out, saved);
    how(&mut out, saved, file);
    out.push_str("</body>\n</html>\n");
    out
}

fn put(out: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{args}");
}

/// The plan in one sentence.
pub(super) fn verdict(plan: &Plan) -> String {
    if plan.is_empty() {
        return format!("Nothing to do; {} looked at and right.", counted(plan.already_right, "object"));
    }
    let undo = plan.actions.iter().filter(|a| is_undo(a)).count();
    let pods: BTreeSet<Ordinal> = plan.actions.iter().map(|a| a.pod).collect();
    let how = match &plan.decision {
        Decision::None { .. } => String::new(),
        Decision::CatchUp { .. } => "; catch-up, no row is deleted".to_owned(),
        Decision::Full { source, rows, unsent, .. } => {
            let deleted = rows_in_all(RowCount::sum(rows.iter().map(|r| r.joiner)));
            let deleted = deleted.map_or_else(|| "rows not counted".to_owned(), |rows| rows + " deleted");
            let lost = if unsent.is_empty() { "" } else { ", UNSENT ROWS ARE LOST" };
            format!("; full copy from pod {source}, {} emptied ({deleted}){lost}", counted(rows.len(), "target"))
        }
    };
    let drops = plan.actions.iter().filter(|a| matches!(a.op, Op::DropReplication { .. })).count();
    let drops = if drops == 0 { String::new() } else { format!("; {} removed", counted(drops, "definition")) };
    format!("{} on {}{how}{drops}.", counted(plan.actions.len() - undo, "action"), counted(pods.len(), "pod"))
}

fn destructive(out: &mut String, plan: &Plan) {
    let all: Vec<&Action> = plan.actions.iter().filter(|a| destroys(a)).collect();
    if all.is_empty() && plan.approvals.is_empty() {
        return;
    }
    out.push_str("<section class=\"bad\">\n<h2>Deletes or gives up something</h2>\n");
    for a in &plan.approvals {
        let flag = format!("--approve {}={}", a.class.as_str(), a.scope);
        put(out, format_args!("<p>{} <code>{}</code></p>", escape(&sentence(&a.because)), escape(&flag)));
    }
    if !all.is_empty() {
        out.push_str("<div class=\"wide\"><table class=\"stack\">\n<tr><th></th><th>statement</th><th>pod</th>");
        out.push_str("<th class=\"n\">rows now</th><th>surviving copy</th><th class=\"n\">its rows</th></tr>\n");
    }
    let stakes = rows_at_stake(plan);
    for a in &all {
        let sql = a.op.statements().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let (rows, copy, its) = match &a.op {
            Op::Truncate { target, source } => {
                let r = stakes.get(target);
                (rows_now(r.map(|r| r.joiner)), format!("pod {source}"), rows_now(r.map(|r| r.source)))
            }
            _ => (String::new(), String::new(), String::new()),
        };
        put(
            out,
            format_args!(
                "<tr><td>{}</td><td><code>{}</code></td><td data-label=\"pod\">{}</td>\
                 <td class=\"n\" data-label=\"rows now\">{rows}</td><td data-label=\"surviving copy\">{copy}</td>\
                 <td class=\"n\" data-label=\"its rows\">{its}</td></tr>",
                a.id,
                escape(&sql),
                a.pod
            ),
        );
    }
    out.push_str(if all.is_empty() { "</section>\n" } else { "</table></div>\n</section>\n" });
}

fn reason(r: &Reason) -> String {
    format!("{} <code class=\"code\">{}</code>", escape(&sentence(&r.text)), r.code.as_str())
}

fn why(out: &mut String, plan: &Plan) {
    let because = match &plan.decision {
        Decision::None { because } | Decision::CatchUp { because } | Decision::Full { because, .. } => because,
    };
    for (head, list) in [("Why", because), ("Mind", &plan.notes)] {
        if !list.is_empty() {
            put(out, format_args!("<h2>{head}</h2>\n<ul>"));
            for r in list {
                put(out, format_args!("<li>{}</li>", reason(r)));
            }
            out.push_str("</ul>\n");
        }
    }
}

pub(super) fn state(s: PodState) -> &'static str {
    match s {
        PodState::Joined => "joined",
        PodState::JoinedClosed => "joined, closed",
        PodState::NotJoined => "not joined",
        PodState::Absent => "absent",
        PodState::MemberDown => "MEMBER DOWN",
        PodState::Broken => "CANNOT TELL",
    }
}

fn pods(out: &mut String, plan: &Plan) {
    out.push_str("<h2>Pods</h2>\n<div class=\"wide\"><table>\n<tr><th>pod</th><th>state</th><th></th></tr>\n");
    for p in &plan.pods {
        put(out, format_args!("<tr><td>{}</td><td>{}</td><td>{}</td></tr>", p.pod, state(p.state), escape(&p.detail)));
    }
    out.push_str("</table></div>\n");
}

fn actions(out: &mut String, plan: &Plan) {
    let waits = Graph::new(&plan.actions).map(|graph| waits(&graph)).unwrap_or_default();
    for pod in pods_of(plan) {
        put(out, format_args!("<h2>Pod {pod} <span class=\"dim\">{}-{pod}</span></h2>", escape(&plan.statefulset)));
        out.push_str(
            "<div class=\"wide\"><table class=\"stack actions\">\n<colgroup><col><col><col><col><col></colgroup>\n",
        );
        out.push_str("<tr><th></th><th>action</th><th>statements</th><th>why</th><th>after</th></tr>\n");
        for a in plan.actions.iter().filter(|a| a.pod == pod) {
            row(out, a, waits.get(&a.id));
        }
        out.push_str("</table></div>\n");
    }
}

/// Pods with actions, the one that the plan is about first.
pub(super) fn pods_of(plan: &Plan) -> Vec<Ordinal> {
    let goal = plan.goal.pod();
    let mut pods: Vec<Ordinal> = plan.actions.iter().map(|a| a.pod).collect::<BTreeSet<_>>().into_iter().collect();
    pods.sort_by_key(|p| (*p != goal, *p));
    pods
}

/// Most columns of what an action waits for.
const WAITS_WIDTH: usize = 200;

fn row(out: &mut String, a: &Action, waits: Option<&Direct>) {
    let class = if destroys(a) { " class=\"destroys\"" } else { "" };
    let w = op::words(&a.op);
    let join = |parts: [String; 3], by: &str| parts.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(by);
    let what = join([w.verb.to_owned(), w.object, w.peer], " ");
    // An arrow in one piece, so that no line ends inside it.
    let words = join([what, w.address, w.detail], ", ").replace("->", "\u{2192}");
    let undo = if is_undo(a) { " <span class=\"dim\">only if the run stops in between</span>" } else { "" };
    // A range in one piece as well.
    let waits = waits.map(|w| ids_within(w.rows(), w.len(), WAITS_WIDTH)).unwrap_or_default().replace('-', "\u{2011}");
    let after =
        if waits.is_empty() { "<td></td>".to_owned() } else { format!("<td data-label=\"after\">{waits}</td>") };
    let sql: Vec<String> = a.op.statements().iter().map(|s| escape(&s.to_string())).collect();
    put(
        out,
        format_args!(
            "<tr{class}><td>{}</td><td>{}{undo}</td><td>{}</td><td>{}</td>{after}</tr>",
            a.id,
            // A long name may be broken where its parts meet.
            escape(&words).replace('_', "_<wbr>"),
            if sql.is_empty() { String::new() } else { format!("<code>{}</code>", sql.join("<br>")) },
            reason(&a.because),
        ),
    );
}

fn graph(out: &mut String, plan: &Plan) {
    if plan.is_empty() {
        return;
    }
    out.push_str("<h2>Order</h2>\n");
    match svg(plan) {
        Some(svg) => {
            out.push_str("<p class=\"dim\">An arrow leads to what waits. Bold: the longest chain.</p>\n");
            put(out, format_args!("<div class=\"wide\">{svg}</div>"));
        }
        None => out.push_str("<p class=\"dim\">Too many actions to draw; the tables say what waits for what.</p>\n"),
    }
}

fn policy(out: &mut String, saved: &Saved) {
    if saved.policy.is_empty() {
        return;
    }
    out.push_str("<h2>Rules</h2>\n<ul>\n");
    for f in &saved.policy {
        let actions = if f.actions.is_empty() { String::new() } else { format!(" ({})", ids(&f.actions)) };
        let text = escape(&sentence(&f.text));
        put(
            out,
            format_args!(
                "<li><strong>{}</strong> {text}{actions} <code class=\"code\">{}</code></li>",
                f.level.as_str(),
                escape(&f.code)
            ),
        );
    }
    out.push_str("</ul>\n");
}

/// The facts that the actions hang on, folded.
fn facts(out: &mut String, saved: &Saved) {
    let used: Vec<_> = saved.facts.footprint().collect();
    if used.is_empty() {
        return;
    }
    let count = counted(used.len(), "fact");
    put(out, format_args!("<details><summary>{count} that the actions hang on</summary>"));
    out.push_str("<div class=\"wide\"><table>\n<tr><th></th><th>pod</th><th>fact</th><th>when planned</th></tr>\n");
    for f in used {
        let (key, value) = (escape(&f.key), escape(&f.value));
        put(
            out,
            format_args!("<tr><td>{}</td><td>{}</td><td><code>{key}</code></td><td>{value}</td></tr>", f.id, f.pod),
        );
    }
    out.push_str("</table></div></details>\n");
}

fn how(out: &mut String, saved: &Saved, file: &str) {
    if !saved.plan.is_empty() {
        let mut command = vec![format!("aku apply {file} --yes")];
        command.extend(approval_flags(&saved.plan));
        put(out, format_args!("<h2>To apply it</h2>\n<pre>{}</pre>", escape(&command.join(" "))));
    }
    put(
        out,
        format_args!(
            "<p class=\"dim\">plan {}<br>digest <code>{}</code><br>fingerprint of the facts <code>{}</code><br>\
             aku.conf <code>{}</code></p>",
            escape(&saved.plan_id),
            saved.digest(),
            saved.fingerprint(),
            escape(&saved.conf_digest)
        ),
    );
}
