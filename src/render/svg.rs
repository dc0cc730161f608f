//! The graph of a plan as SVG for inside a page: layers by depth, pods side by side. No font metrics are known, so
//! boxes have one width and long names are cut; the whole text is in the tooltip and in the page's tables.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    graph::{Chart, Node, NodeShape, Weight},
    safe::html as escape,
};
use crate::plan::Plan;

const WIDTH: usize = 232;
const HEIGHT: usize = 42;
const GAP_X: usize = 22;
const GAP_Y: usize = 34;
const MARGIN: usize = 12;
/// Characters that fit a box.
const FITS: usize = 31;

/// Columns of a line that passes a layer.
const LANE: usize = 16;

/// What has a place in a layer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot<'a> {
    /// A box.
    Box(&'a str),
    /// The edge of that number passes through, so that no line runs behind a box.
    Lane(usize),
}

impl Slot<'_> {
    fn width(self) -> usize {
        match self {
            Self::Box(_) => WIDTH,
            Self::Lane(_) => LANE,
        }
    }
}

/// Where everything is: the middle of each slot, by layer.
struct Places<'a> {
    middle: BTreeMap<(usize, Slot<'a>), usize>,
    depth: BTreeMap<&'a str, usize>,
    width: usize,
}

fn top(depth: usize) -> usize {
    MARGIN + depth * (HEIGHT + GAP_Y)
}

impl<'a> Places<'a> {
    /// Each layer in the middle, in the order of what stands above.
    fn of(chart: &'a Chart, layers: &[Vec<&'a Node>]) -> Self {
        let depth: BTreeMap<&str, usize> =
            layers.iter().enumerate().flat_map(|(d, layer)| layer.iter().map(move |n| (n.id.as_str(), d))).collect();
        let mut slots: Vec<Vec<Slot<'a>>> =
            layers.iter().map(|layer| layer.iter().map(|n| Slot::Box(&n.id)).collect()).collect();
        for (i, e) in chart.edges.iter().enumerate() {
            let (Some(from), Some(to)) = (depth.get(e.from.as_str()), depth.get(e.to.as_str())) else { continue };
            for layer in slots.iter_mut().take(*to).skip(from + 1) {
                layer.push(Slot::Lane(i));
            }
        }
        let used = |layer: &[Slot<'_>]| layer.iter().map(|s| s.width() + GAP_X).sum::<usize>().saturating_sub(GAP_X);
        let width = slots.iter().map(|l| used(l)).max().unwrap_or(0) + 2 * MARGIN;
        let mut places = Self { middle: BTreeMap::new(), depth, width };
        for (d, layer) in slots.iter_mut().enumerate() {
            if d > 0 {
                // A stable sort: pods stay side by side where nothing above says otherwise.
                layer.sort_by_key(|slot| places.above(chart, d, *slot));
            }
            let mut x = MARGIN + (width - 2 * MARGIN - used(layer)) / 2;
            for slot in layer {
                places.middle.insert((d, *slot), x + slot.width() / 2);
                x += slot.width() + GAP_X;
            }
        }
        places
    }

    /// The mean of what a slot hangs on, one layer up.
    fn above(&self, chart: &'a Chart, d: usize, slot: Slot<'a>) -> usize {
        let into = |(i, e): (usize, &'a super::graph::Edge)| match slot {
            Slot::Box(id) => e.to == id,
            Slot::Lane(lane) => i == lane,
        };
        let edges = chart.edges.iter().enumerate().filter(|(i, e)| into((*i, e)));
        let xs: Vec<usize> = edges
            .filter_map(|(i, e)| {
                self.middle.get(&(d - 1, Slot::Lane(i))).or_else(|| self.middle.get(&(d - 1, Slot::Box(&e.from))))
            })
            .copied()
            .collect();
        xs.iter().sum::<usize>() / xs.len().max(1)
    }

    /// The line of an edge: down through its lanes, into the top of the box that waits.
    fn line(&self, i: usize, from: &'a str, to: &'a str) -> Option<String> {
        let (first, last) = (*self.depth.get(from)?, *self.depth.get(to)?);
        let mut x = *self.middle.get(&(first, Slot::Box(from)))?;
        let mut path = format!("M{x} {}", top(first) + HEIGHT);
        for d in first + 1..=last {
            let slot = if d == last { Slot::Box(to) } else { Slot::Lane(i) };
            let (next, y1, y2) = (*self.middle.get(&(d, slot))?, top(d - 1) + HEIGHT, top(d));
            let bend = y1 + GAP_Y / 2;
            let _ = write!(path, "C{x} {bend} {next} {bend} {next} {y2}");
            if d < last {
                let _ = write!(path, "V{}", y2 + HEIGHT);
            }
            x = next;
        }
        Some(path)
    }
}

/// The picture, or nothing when it could not be read anyway.
pub(super) fn svg(plan: &Plan) -> Option<String> {
    let chart = Chart::of(plan);
    let layers = layers(&chart)?;
    layers.iter().find(|layer| !layer.is_empty())?;
    let places = Places::of(&chart, &layers);
    let (width, height) = (places.width, 2 * MARGIN + layers.len() * (HEIGHT + GAP_Y) - GAP_Y);
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"{}\">\n",
        escape(&chart.title)
    );
    out.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
    );
    for (i, e) in chart.edges.iter().enumerate() {
        let Some(line) = places.line(i, &e.from, &e.to) else { continue };
        let class = if e.weight == Weight::Critical { "edge critical" } else { "edge" };
        put(
            &mut out,
            format_args!(
                "<path class=\"{class}\" d=\"{line}\" marker-end=\"url(#tip)\">\
                 <title>{} waits for {}: {}</title></path>",
                e.to,
                e.from,
                escape(&e.label)
            ),
        );
    }
    for (d, n) in layers.iter().enumerate().flat_map(|(d, layer)| layer.iter().map(move |n| (d, n))) {
        if let Some(x) = places.middle.get(&(d, Slot::Box(&n.id))) {
            node(&mut out, n, (x - WIDTH / 2, top(d)));
        }
    }
    out.push_str("</svg>\n");
    Some(out)
}

fn node(out: &mut String, n: &Node, (x, y): (usize, usize)) {
    let kind = match n.kind {
        NodeShape::Destroys => "destroys",
        NodeShape::Changes => "changes",
        NodeShape::Looks => "looks",
        NodeShape::Undo => "undo",
    };
    let critical = if n.critical == Weight::Critical { " critical" } else { "" };
    let below = format!("pod {}{}{}", n.pod, if n.more.is_empty() { "" } else { ": " }, n.more);
    let round = if n.kind == NodeShape::Looks { HEIGHT / 2 } else { 5 };
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
