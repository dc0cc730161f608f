//! The cluster as a drawing: a circle of pods, a line for each pair that is or was connected, the worst of its objects first.

use std::collections::BTreeMap;

use maud::{Markup, html as markup};

use super::{
    html::{page, safe},
    words::counted,
};
use crate::{
    observe::{Sender, Side},
    status::{PairStatus, SideStatus, State, Status},
    topology::Ordinal,
};

/// Half of the drawing, in its own units.
const MIDDLE: f64 = 320.0;
/// Of the circle on which pods stand.
const RADIUS: f64 = 230.0;
/// Of a pod.
const POD: f64 = 26.0;

const STYLE: &str = "svg.topology{min-width:0;width:100%;max-width:44rem}svg .pod circle{fill:var(--soft);stroke:var(--fg);stroke-width:1.5}\
svg .pod.out circle{stroke:var(--dim);stroke-dasharray:4 3}svg .pod.bad circle{fill:var(--bad-bg);stroke:var(--bad);stroke-width:2.5}\
svg .pod text{font-size:14px;font-weight:600}svg .pod text.state{font-size:11px;font-weight:400;fill:var(--dim)}\
svg .link{stroke:var(--fg);stroke-width:2}svg .link.stands{stroke-dasharray:8 5}svg .link.torn{stroke:var(--bad);stroke-width:2.5;stroke-dasharray:3 4}\
svg .link.unseen{stroke:var(--dim);stroke-dasharray:1 5}";

/// How a pair is connected, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    /// Both ways.
    Runs,
    /// One side could not be looked at.
    Unseen,
    /// Both sides have a position, and a sender does not run.
    Stands,
    /// One side has a position, or log was given up.
    Torn,
}

impl Link {
    fn class(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Unseen => "unseen",
            Self::Stands => "stands",
            Self::Torn => "torn",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Runs => "replicate both ways",
            Self::Unseen => "cannot be looked at on one side",
            Self::Stands => "have positions, and a sender does not run",
            Self::Torn => "are connected on one side only",
        }
    }
}

/// Of one object; nothing where neither side remembers the other.
fn link(pair: &PairStatus) -> Option<Link> {
    let runs = |s: &SideStatus| match s.sender {
        Some(Sender::Running | Sender::Syncing) => true,
        Some(Sender::None | Sender::Trying) | None => false,
    };
    match (pair.low.side, pair.high.side) {
        (Side::Live(_), Side::Live(_)) if runs(&pair.low) && runs(&pair.high) => Some(Link::Runs),
        (Side::Live(_), Side::Live(_)) => Some(Link::Stands),
        (Side::Unknown, Side::Live(_)) | (Side::Live(_), Side::Unknown) => Some(Link::Unseen),
        (Side::GaveUp, _)
        | (_, Side::GaveUp)
        | (Side::Live(_), Side::Missing | Side::Reset)
        | (Side::Missing | Side::Reset, Side::Live(_)) => Some(Link::Torn),
        (Side::Missing | Side::Reset | Side::Unknown, Side::Missing | Side::Reset | Side::Unknown) => None,
    }
}

/// The drawing alone.
#[must_use]
pub fn svg(status: &Status) -> String {
    // A file of its own has no page around it that knows colours.
    let colours = "svg{--fg:#1b1f24;--bg:#fff;--dim:#57606a;--soft:#f6f8fa;--bad:#b4231a;--bad-bg:#fff0ee;background:var(--bg)}\
        svg text{fill:var(--fg);font:12px system-ui,sans-serif;text-anchor:middle}";
    drawing(status, &[colours, STYLE].concat()).into_string() + "\n"
}

/// A page with it.
#[must_use]
pub fn topology(status: &Status, statefulset: &str, at: jiff::Timestamp) -> String {
    let body = markup! {
        h1 { (safe(statefulset)) }
        p.dim { "as it was looked at " (at) }
        (drawing(status, ""))
        p.dim {
            "Solid: replicates both ways. Dashed: a sender does not run. Red: one side only. Dotted: a side could not be \
             looked at. No line: neither pod remembers the other."
        }
        table.stack {
            tr { th { "pod" } th { "state" } th { "what it is" } }
            @for (pod, is) in &status.pods {
                tr { td { (pod) } td data-label="state" { (is.state.as_str()) } td { (safe(&is.why)) } }
            }
        }
    };
    page(statefulset, STYLE, &body)
}

/// Where a pod stands: pod 0 at the top, the others clockwise.
fn place(at: usize, count: usize) -> (f64, f64) {
    at_radius(at, count, RADIUS)
}

fn at_radius(at: usize, count: usize, radius: f64) -> (f64, f64) {
    let share = u32::try_from(at).map_or(0.0, f64::from) / u32::try_from(count.max(1)).map_or(1.0, f64::from);
    let angle = share * std::f64::consts::TAU;
    let radius = if count == 1 { radius - RADIUS } else { radius };
    (MIDDLE + radius * angle.sin(), MIDDLE - radius * angle.cos())
}

fn drawing(status: &Status, style: &str) -> Markup {
    let count = status.pods.len();
    let places: BTreeMap<Ordinal, (f64, f64)> =
        status.pods.keys().enumerate().map(|(i, pod)| (*pod, place(i, count))).collect();
    let mut links: BTreeMap<(Ordinal, Ordinal), (Link, usize)> = BTreeMap::new();
    for pair in &status.pairs {
        if let Some(found) = link(pair) {
            let entry = links.entry((pair.low.pod, pair.high.pod)).or_insert((found, 0));
            *entry = (entry.0.max(found), entry.1 + 1);
        }
    }
    markup! {
        svg.topology xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {0} {0}", 2.0 * MIDDLE)) role="img" aria-label="pods and how they replicate" {
            @if !style.is_empty() { style { (maud::PreEscaped(style)) } }
            @for ((low, high), (found, objects)) in &links {
                @if let (Some((x1, y1)), Some((x2, y2))) = (places.get(low), places.get(high)) {
                    line class=(format!("link {}", found.class())) x1=(cut(*x1)) y1=(cut(*y1)) x2=(cut(*x2)) y2=(cut(*y2)) {
                        title { "pods " (low) " and " (high) " " (found.words()) " (" (counted(*objects, "object")) ")" }
                    }
                }
            }
            @for (i, (pod, is)) in status.pods.iter().enumerate() {
                @let (x, y) = place(i, count);
                // Outside of the circle no line runs.
                @let (word_x, word_y) = at_radius(i, count, RADIUS + POD + 20.0);
                g class=(format!("pod {}", class(is.state))) {
                    title { "pod " (pod) ": " (safe(&is.why)) }
                    circle cx=(cut(x)) cy=(cut(y)) r=(POD) {}
                    text x=(cut(x)) y=(cut(y + 5.0)) { (pod) }
                    text.state x=(cut(word_x)) y=(cut(word_y + 4.0)) { (is.state.as_str()) }
                }
            }
        }
    }
}

fn class(state: State) -> &'static str {
    match state {
        State::Synced | State::Joined | State::Donor => "in",
        State::Undefined | State::Joiner => "out",
        State::Error => "bad",
    }
}

/// A coordinate with one digit behind the point.
fn cut(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desired::Goal,
        plan::testing::{Worlds, desired, ord},
        render::fixtures::settings,
    };

    fn status() -> Status {
        let w = Worlds::new(desired(Goal::Start(ord(0)), 5, 2))
            .up(0, 0)
            .up(1, 0)
            .up(2, 0)
            .up(3, 1)
            .pair(0, 1, "LL")
            .pair(0, 2, "LL")
            .pair(1, 2, "LR")
            .pair(0, 3, "Gl");
        Status::of(&w.desired, &w.observed)
    }

    #[test]
    fn a_page_and_a_drawing_as_they_were_reviewed() {
        let status = status();
        settings().bind(|| {
            let at = "2026-11-30T12:00:00Z".parse().unwrap();
            let page = topology(&status, "altibase-sts <b>", at).replace("><", ">\n<");
            insta::assert_snapshot!("status-html", page);
        });
        let drawing = svg(&status);
        let tree = roxmltree::Document::parse(&drawing).unwrap();
        let count =
            |tag: &str| tree.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", tag))).count();
        assert_eq!((count("circle"), count("line")), (5, 4));
    }

    #[test]
    fn pods_stand_apart_and_inside() {
        for count in 1..=33 {
            let all: Vec<_> = (0..count).map(|i| place(i, count)).collect();
            for (i, (x, y)) in all.iter().enumerate() {
                assert!([x, y].iter().all(|v| (POD..=2.0 * MIDDLE - POD).contains(v)));
                let apart = |(a, b): &(f64, f64)| (a - x).hypot(b - y) > 1.5 * POD;
                assert!(all[..i].iter().all(apart), "{count} pods");
            }
        }
    }
}
