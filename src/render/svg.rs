//! The graph of a plan as SVG for inside a page: layers by depth, pods side by side. No font metrics are known, so
//! boxes have one width and long names are cut; the whole text is in the tooltip and in the page's tables.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    graph::{Chart, Look, Node, Weight},
    html::escape,
};
use crate::plan::Plan;

const WIDTH: usize = 232;
const HEIGHT: usize = 42;
const GAP_X: usize = 22;
const GAP_Y: usize = 34;
const MARGIN: usize = 12;
/// Characters that fit a box.
const FITS: usize = 31;

/// The picture, or nothing when it could not be read anyway.
pub(super) fn svg(plan: &Plan) -> Option<String> {
    let chart = Chart::of(plan);
    let layers = layers(&chart)?;
    let widest = layers.iter().map(Vec::len).max().filter(|n| *n > 0)?;
    let (width, height) =
        (2 * MARGIN + widest * (WIDTH + GAP_X) - GAP_X, 2 * MARGIN + layers.len() * (HEIGHT + GAP_Y) - GAP_Y);
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"{}\">\n",
        escape(&chart.title)
    );
    out.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
    );
    let mut at: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (depth, layer) in layers.iter().enumerate() {
        let used = layer.len() * (WIDTH + GAP_X) - GAP_X;
        let left = MARGIN + (width - 2 * MARGIN - used) / 2;
        for (i, n) in layer.iter().enumerate() {
            at.insert(&n.id, (left + i * (WIDTH + GAP_X), MARGIN + depth * (HEIGHT + GAP_Y)));
        }
    }
    for e in &chart.edges {
        let (Some((x1, y1)), Some((x2, y2))) = (at.get(e.from.as_str()), at.get(e.to.as_str())) else { continue };
        let (x1, y1, x2) = (x1 + WIDTH / 2, y1 + HEIGHT, x2 + WIDTH / 2);
        let class = if e.weight == Weight::Critical { "edge critical" } else { "edge" };
        let (c1, c2) = (y1 + GAP_Y / 2, y2.saturating_sub(GAP_Y / 2));
        put(
            &mut out,
            format_args!(
                "<path class=\"{class}\" d=\"M{x1} {y1}C{x1} {c1} {x2} {c2} {x2} {y2}\" marker-end=\"url(#tip)\">\
                 <title>{} waits for {}: {}</title></path>",
                e.to,
                e.from,
                escape(&e.label)
            ),
        );
    }
    for n in layers.iter().flatten() {
        node(&mut out, n, at[n.id.as_str()]);
    }
    out.push_str("</svg>\n");
    Some(out)
}

fn node(out: &mut String, n: &Node, (x, y): (usize, usize)) {
    let kind = match n.kind {
        Look::Destroys => "destroys",
        Look::Changes => "changes",
        Look::Looks => "looks",
        Look::Undo => "undo",
    };
    let critical = if n.critical == Weight::Critical { " critical" } else { "" };
    let below = format!("pod {}{}{}", n.pod, if n.more.is_empty() { "" } else { ": " }, n.more);
    let round = if n.kind == Look::Looks { HEIGHT / 2 } else { 5 };
    put(
        out,
        format_args!(
            "<g class=\"node {kind}{critical}\"><title>{}; {}</title>\
             <rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"{round}\"/>\
             <text x=\"{tx}\" y=\"{t1}\">{}</text><text class=\"more\" x=\"{tx}\" y=\"{t2}\">{}</text></g>",
            escape(&n.title),
            escape(&below),
            escape(&cut(&n.title)),
            escape(&cut(&below)),
            tx = x + WIDTH / 2,
            t1 = y + 17,
            t2 = y + 33,
        ),
    );
}

fn put(out: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{args}");
}

fn cut(text: &str) -> String {
    if text.chars().count() <= FITS {
        return text.to_owned();
    }
    text.chars().take(FITS - 3).chain("...".chars()).collect()
}

/// Boxes by depth, pods side by side within a layer. `None` when the boxes wait for each other (pods as a whole may).
fn layers(chart: &Chart) -> Option<Vec<Vec<&Node>>> {
    let mut depth: BTreeMap<&str, usize> = chart.nodes.iter().map(|n| (n.id.as_str(), 0)).collect();
    // A longest path has fewer edges than there are boxes: when it still grows after that, there is a circle.
    for round in 0..=chart.nodes.len() {
        let mut grew = false;
        for e in &chart.edges {
            let below = depth.get(e.from.as_str()).map_or(0, |d| d + 1);
            if let Some(d) = depth.get_mut(e.to.as_str())
                && *d < below
            {
                *d = below;
                grew = true;
            }
        }
        if !grew {
            break;
        }
        if round == chart.nodes.len() {
            return None;
        }
    }
    let mut layers: Vec<Vec<&Node>> = Vec::new();
    for n in &chart.nodes {
        let d = depth[n.id.as_str()];
        layers.resize_with(layers.len().max(d + 1), Vec::new);
        layers[d].push(n);
    }
    for layer in &mut layers {
        layer.sort_by_key(|n| n.pod);
    }
    Some(layers)
}
