//! The order of a plan as a graph: DOT and Mermaid, the same bytes for the same plan.
//!
//! Shown are the edges that are not implied by others. A plan that is too large to look at is shown as one node per pod
//! with counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{
    op,
    plan::{destroys, waits},
    plan_end::is_undo,
    safe,
    words::counted,
};
use crate::{
    plan::{Action, ActionId, After, Direct, Effect, Graph, Plan, cost},
    topology::Ordinal,
};

/// More nodes than this are collapsed per pod.
pub const MOST_NODES: usize = 80;

/// One box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) pod: Ordinal,
    /// First line.
    pub(super) title: String,
    /// Second line; may be empty.
    pub(super) more: String,
    pub(super) kind: NodeShape,
    pub(super) critical: Weight,
}

/// What a box says by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeShape {
    Destroys,
    Changes,
    Looks,
    Undo,
}

/// Whether something lies on the longest chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Critical,
    Normal,
}

/// One arrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) label: String,
    pub(super) weight: Weight,
}

/// Boxes and arrows in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

impl Chart {
    pub(super) fn of(plan: &Plan) -> Self {
        let title = format!("{} of {}", plan.goal.title(), plan.statefulset);
        if plan.actions.len() > MOST_NODES { collapsed(plan, &title) } else { whole(plan, title) }
    }

    fn by_pod(&self) -> BTreeMap<Ordinal, Vec<&Node>> {
        let mut pods: BTreeMap<Ordinal, Vec<&Node>> = BTreeMap::new();
        for n in &self.nodes {
            pods.entry(n.pod).or_default().push(n);
        }
        pods
    }
}

fn whole(plan: &Plan, title: String) -> Chart {
    let waits = Graph::new(&plan.actions).map(|graph| waits(&graph)).unwrap_or_default();
    // By the seconds that steps take, not by their number.
    let (path, _) = cost::critical_path(&plan.actions).unwrap_or_default();
    let steps: BTreeSet<(ActionId, ActionId)> = path.windows(2).map(|w| (w[0], w[1])).collect();
    let weight = |on: bool| if on { Weight::Critical } else { Weight::Normal };
    let nodes = plan.actions.iter().map(|a| {
        let w = op::words(&a.op);
        let more = [w.peer, w.detail].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ");
        Node {
            id: a.id.to_string(),
            pod: a.pod,
            title: format!("{} {} {}", a.id, w.verb, w.object),
            more,
            kind: kind(a),
            critical: weight(path.contains(&a.id)),
        }
    });
    let edges = plan.actions.iter().flat_map(|a| {
        waits.get(&a.id).into_iter().flat_map(Direct::iter).map(|from| {
            let leads = |x: &&After| x.before.actions().binary_search(&from).is_ok();
            Edge {
                from: from.to_string(),
                to: a.id.to_string(),
                label: a.after.iter().find(leads).map(|x| x.because.clone().into_owned()).unwrap_or_default(),
                weight: weight(steps.contains(&(from, a.id))),
            }
        })
    });
    Chart { title, nodes: nodes.collect(), edges: edges.collect() }
}

fn kind(a: &Action) -> NodeShape {
    if is_undo(a) {
        return NodeShape::Undo;
    }
    match a.op.effect() {
        Effect::DeletesRows | Effect::RemovesDefinition => NodeShape::Destroys,
        Effect::Observe => NodeShape::Looks,
        Effect::Define
        | Effect::Run
        | Effect::CopiesRows
        | Effect::ForgetsPosition
        | Effect::Setting
        | Effect::Marks => NodeShape::Changes,
    }
}

fn collapsed(plan: &Plan, title: &str) -> Chart {
    let mut pods: BTreeMap<Ordinal, Vec<&Action>> = BTreeMap::new();
    for a in &plan.actions {
        pods.entry(a.pod).or_default().push(a);
    }
    let pod_of: BTreeMap<ActionId, Ordinal> = plan.actions.iter().map(|a| (a.id, a.pod)).collect();
    let waits = Graph::new(&plan.actions).map(|graph| waits(&graph)).unwrap_or_default();
    let mut between: BTreeMap<(Ordinal, Ordinal), usize> = BTreeMap::new();
    // What many wait for is counted once.
    let mut known: Option<(&Direct, BTreeMap<Ordinal, usize>)> = None;
    for (to, froms) in &waits {
        let counts = match known.take() {
            Some((twin, counts)) if twin.is_twin(froms) => counts,
            Some(_) | None => {
                let mut counts: BTreeMap<Ordinal, usize> = BTreeMap::new();
                froms.iter().for_each(|from| *counts.entry(pod_of[&from]).or_default() += 1);
                counts
            }
        };
        for (from, n) in counts.iter().filter(|(from, _)| **from != pod_of[to]) {
            *between.entry((*from, pod_of[to])).or_default() += n;
        }
        known = Some((froms, counts));
    }
    let nodes = pods.iter().map(|(pod, actions)| Node {
        id: format!("P{pod}"),
        pod: *pod,
        title: counted(actions.len(), "action"),
        more: kinds(actions),
        kind: if actions.iter().any(|a| destroys(a)) { NodeShape::Destroys } else { NodeShape::Changes },
        critical: Weight::Normal,
    });
    let edges = between.iter().map(|((from, to), n)| Edge {
        from: format!("P{from}"),
        to: format!("P{to}"),
        label: counted(*n, "wait"),
        weight: Weight::Normal,
    });
    let title = format!("{title}: {}, too many to draw, shown per pod", counted(plan.actions.len(), "action"));
    Chart { title, nodes: nodes.collect(), edges: edges.collect() }
}

/// `3 TRUNCATE, 2 start`
pub(super) fn kinds(actions: &[&Action]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for a in actions {
        *kinds.entry(op::kind(&a.op)).or_default() += 1;
    }
    kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect::<Vec<_>>().join(", ")
}

/// Graphviz.
#[must_use]
pub fn dot(plan: &Plan) -> String {
    let chart = Chart::of(plan);
    let mut out = format!("digraph aku {{\n  label={};\n  labelloc=t;\n  rankdir=TB;\n", quoted(&chart.title));
    out.push_str("  node [shape=box, fontname=\"sans-serif\", fontsize=11];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=9];\n");
    for (pod, nodes) in chart.by_pod() {
        let name = format!("pod {pod}  {}-{pod}", plan.statefulset);
        line(&mut out, format_args!("  subgraph cluster_pod{pod} {{"));
        line(&mut out, format_args!("    label={};", quoted(&name)));
        for n in nodes {
            let shape = match n.kind {
                NodeShape::Destroys => ", shape=octagon, color=red, fontcolor=red",
                NodeShape::Looks => ", shape=ellipse",
                NodeShape::Undo => ", style=dashed",
                NodeShape::Changes => "",
            };
            let bold = bold(n.critical, ", penwidth=2.5");
            let more = if n.more.is_empty() { String::new() } else { format!("\\n{}", safe::dot(&n.more)) };
            line(&mut out, format_args!("    {} [label=\"{}{more}\"{shape}{bold}];", n.id, safe::dot(&n.title)));
        }
        out.push_str("  }\n");
    }
    for e in &chart.edges {
        let bold = bold(e.weight, ", style=bold, penwidth=2.5");
        line(&mut out, format_args!("  {} -> {} [label={}{bold}];", e.from, e.to, quoted(&e.label)));
    }
    out.push_str("}\n");
    out
}

/// Mermaid, as pull requests show it.
#[must_use]
pub fn mermaid(plan: &Plan) -> String {
    let chart = Chart::of(plan);
    let mut out = format!("%% {}\nflowchart TD\n", safe::terminal(&chart.title).replace('%', "%25"));
    for (pod, nodes) in chart.by_pod() {
        line(&mut out, format_args!("  subgraph pod{pod}[\"pod {pod}\"]"));
        for n in nodes {
            let more = if n.more.is_empty() { String::new() } else { format!("<br/>{}", safe::mermaid(&n.more)) };
            let text = format!("\"{}{more}\"", safe::mermaid(&n.title));
            let boxed = match n.kind {
                NodeShape::Destroys => format!("{{{{{text}}}}}"),
                NodeShape::Looks => format!("([{text}])"),
                NodeShape::Undo | NodeShape::Changes => format!("[{text}]"),
            };
            line(&mut out, format_args!("    {}{boxed}", n.id));
        }
        out.push_str("  end\n");
    }
    for e in &chart.edges {
        let arrow = bold(e.weight, "==>");
        let arrow = if arrow.is_empty() { "-->" } else { arrow };
        let label = if e.label.is_empty() { String::new() } else { format!("|\"{}\"|", safe::mermaid(&e.label)) };
        line(&mut out, format_args!("  {} {arrow}{label} {}", e.from, e.to));
    }
    let of = |look| chart.nodes.iter().filter(|n| n.kind == look).map(|n| n.id.as_str()).collect::<Vec<_>>().join(",");
    for (class, style, ids) in [
        ("destroys", "stroke:#c00,stroke-width:2px,color:#c00", of(NodeShape::Destroys)),
        ("undo", "stroke-dasharray:4 3", of(NodeShape::Undo)),
    ] {
        if !ids.is_empty() {
            line(&mut out, format_args!("  classDef {class} {style}\n  class {ids} {class}"));
        }
    }
    out
}

fn line(out: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{args}");
}

fn bold(weight: Weight, text: &'static str) -> &'static str {
    match weight {
        Weight::Critical => text,
        Weight::Normal => "",
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", safe::dot(text))
}
