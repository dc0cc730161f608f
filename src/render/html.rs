//! A plan as one page: no network, no script; light and dark by the reader's choice; fit for printing.
//!
//! Everything that comes from a database or a file name is escaped, and a content policy in the page forbids whatever
//! would slip through.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::{
    op,
    plan::{destroys, rows_at_stake, waits},
    plan_end::approval_flags,
    plan_end::is_undo,
    safe::html as escape,
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

/// What comes from elsewhere, safe between tags and in a quoted attribute, and visible.
pub(super) fn safe(text: &str) -> PreEscaped<String> {
    PreEscaped(escape(text))
}

/// The page. `file` is what the reader applies.
#[must_use]
pub fn html(saved: &Saved, file: &str) -> String {
    let plan = &saved.plan;
    let title = format!("{} of {}", plan.goal.title(), plan.statefulset);
    let observer = saved.observer.map(|p| format!(" on pod {p}")).unwrap_or_default();
    let body = markup! {
        h1 { (safe(&title)) }
        p.dim {
            "made " (saved.created_at) " by aku " (safe(&saved.producer)) (observer)
            ", to be applied before " (saved.expires_at)
        }
        p { strong { (safe(&verdict(plan))) } }
        (destructive(plan))
        (why(plan))
        (pods(plan))
        (actions(plan))
        (graph(plan))
        (policy(saved))
        (facts(saved))
        (how(saved, file))
    };
    page(&title, "", &body)
}

/// A page of ours: `style` is what it has beside what all have.
pub(super) fn page(title: &str, style: &str, body: &Markup) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                meta name="viewport" content="width=device-width, initial-scale=1";
                link rel="icon" href="data:,";
                title { "aku: " (safe(title)) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body { (body) }
        }
    };
    page.into_string() + "\n"
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
        Decision::Repair { .. } => {
            let rows = |is: fn(&Op) -> Option<usize>| plan.actions.iter().filter_map(|a| is(&a.op)).sum::<usize>();
            let mended = rows(|op| if let Op::MendRows(r) = op { Some(r.rows.len()) } else { None });
            let deleted = rows(|op| if let Op::DeleteRows(r) = op { Some(r.rows.len()) } else { None });
            let deleted = if deleted == 0 { String::new() } else { format!(", {} DELETED", counted(deleted, "row")) };
            format!("; {} mended{deleted}", counted(mended, "row"))
        }
        Decision::Logs { paths, .. } => format!("; the log of a dead pod is read on {}", counted(paths.len(), "pod")),
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

fn destructive(plan: &Plan) -> Markup {
    let all: Vec<&Action> = plan.actions.iter().filter(|a| destroys(a)).collect();
    let stakes = rows_at_stake(plan);
    let lost = |a: &Action| match &a.op {
        Op::Truncate { target, source } => {
            let r = stakes.get(target);
            (rows_now(r.map(|r| r.joiner)), format!("pod {source}"), rows_now(r.map(|r| r.source)))
        }
        Op::DeleteRows(rows) => (rows.rows.len().to_string(), format!("none on pod {}", rows.right), String::new()),
        _ => (String::new(), String::new(), String::new()),
    };
    markup! {
        @if !(all.is_empty() && plan.approvals.is_empty()) {
            section.bad {
                h2 { "Deletes or gives up something" }
                @for a in &plan.approvals {
                    p {
                        (safe(&sentence(&a.because))) " "
                        code { (safe(&format!("--approve {}={}", a.class.as_str(), a.scope))) }
                    }
                }
                @if !all.is_empty() {
                    div.wide { table.stack {
                        tr {
                            th {} th { "statement" } th { "pod" } th.n { "rows now" } th { "surviving copy" } th.n { "its rows" }
                        }
                        @for a in &all {
                            @let (rows, copy, its) = lost(a);
                            tr {
                                td { (a.id) }
                                td { code { (safe(&statements(a).join("; "))) } }
                                td data-label="pod" { (a.pod) }
                                td.n data-label="rows now" { (rows) }
                                td data-label="surviving copy" { (copy) }
                                td.n data-label="its rows" { (its) }
                            }
                        }
                    } }
                }
            }
        }
    }
}

fn statements(a: &Action) -> Vec<String> {
    a.op.statements().iter().map(ToString::to_string).collect()
}

fn reason(r: &Reason) -> Markup {
    markup! { (safe(&sentence(&r.text))) " " code.code { (r.code.as_str()) } }
}

fn why(plan: &Plan) -> Markup {
    let because = match &plan.decision {
        Decision::None { because }
        | Decision::CatchUp { because }
        | Decision::Full { because, .. }
        | Decision::Repair { because, .. }
        | Decision::Logs { because, .. } => because,
    };
    markup! {
        @for (head, list) in [("Why", because), ("Mind", &plan.notes)] {
            @if !list.is_empty() {
                h2 { (head) }
                ul { @for r in list { li { (reason(r)) } } }
            }
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

fn pods(plan: &Plan) -> Markup {
    markup! {
        h2 { "Pods" }
        div.wide { table {
            tr { th { "pod" } th { "state" } th {} }
            @for p in &plan.pods {
                tr { td { (p.pod) } td { (state(p.state)) } td { (safe(&p.detail)) } }
            }
        } }
    }
}

fn actions(plan: &Plan) -> Markup {
    let waits = Graph::new(&plan.actions).map(|graph| waits(&graph)).unwrap_or_default();
    markup! {
        @for pod in pods_of(plan) {
            h2 { "Pod " (pod) " " span.dim { (safe(&plan.statefulset)) "-" (pod) } }
            div.wide { table.stack.actions {
                colgroup { col; col; col; col; col; }
                tr { th {} th { "action" } th { "statements" } th { "why" } th { "after" } }
                @for a in plan.actions.iter().filter(|a| a.pod == pod) { (row(a, waits.get(&a.id))) }
            } }
        }
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

fn row(a: &Action, waits: Option<&Direct>) -> Markup {
    let w = op::words(&a.op);
    let join = |parts: [String; 3], by: &str| parts.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(by);
    let what = join([w.verb.to_owned(), w.object, w.peer], " ");
    let words = join([what, w.address, w.detail], ", ");
    // A range in one piece as well.
    let after = waits.map(|w| ids_within(w.rows(), w.len(), WAITS_WIDTH)).unwrap_or_default().replace('-', "\u{2011}");
    let label = (!after.is_empty()).then_some("after");
    let sql = statements(a);
    markup! {
        tr.destroys[destroys(a)] {
            td { (a.id) }
            td {
                // A long name may be broken where its parts meet.
                (PreEscaped(escape(&words).replace('_', "_<wbr>")))
                @if is_undo(a) { " " span.dim { "only if the run stops in between" } }
            }
            td {
                @if !sql.is_empty() {
                    code { @for (n, line) in sql.iter().enumerate() { @if n > 0 { br; } (safe(line)) } }
                }
            }
            td { (reason(&a.because)) }
            td data-label=[label] { (after) }
        }
    }
}

fn graph(plan: &Plan) -> Markup {
    markup! {
        @if !plan.is_empty() {
            h2 { "Order" }
            @match svg(plan) {
                Some(svg) => {
                    p.dim { "An arrow leads to what waits. Bold: the longest chain." }
                    div.wide { (PreEscaped(svg)) }
                }
                None => p.dim { "Too many actions to draw; the tables say what waits for what." }
            }
        }
    }
}

fn policy(saved: &Saved) -> Markup {
    markup! {
        @if !saved.policy.is_empty() {
            h2 { "Rules" }
            ul {
                @for f in &saved.policy {
                    li {
                        strong { (f.level.as_str()) } " " (safe(&sentence(&f.text)))
                        @if !f.actions.is_empty() { " (" (ids(&f.actions)) ")" }
                        " " code.code { (safe(&f.code)) }
                    }
                }
            }
        }
    }
}

/// The facts that the actions hang on, folded.
fn facts(saved: &Saved) -> Markup {
    let used: Vec<_> = saved.facts.footprint().collect();
    markup! {
        @if !used.is_empty() {
            details {
                summary { (counted(used.len(), "fact")) " that the actions hang on" }
                div.wide { table {
                    tr { th {} th { "pod" } th { "fact" } th { "when planned" } }
                    @for f in used {
                        tr { td { (f.id) } td { (f.pod) } td { code { (safe(&f.key)) } } td { (safe(&f.value)) } }
                    }
                } }
            }
        }
    }
}

fn how(saved: &Saved, file: &str) -> Markup {
    let mut command = vec![format!("aku apply {file} --yes")];
    command.extend(approval_flags(&saved.plan));
    markup! {
        @if !saved.plan.is_empty() {
            h2 { "To apply it" }
            pre { (safe(&command.join(" "))) }
        }
        p.dim {
            "plan " (safe(saved.plan_id())) br;
            "digest " code { (saved.digest()) } br;
            "fingerprint of the facts " code { (saved.fingerprint()) } br;
            "aku.conf " code { (safe(&saved.conf_digest)) }
        }
    }
}
