//! A finished run as one page: a lane for each pod, a bar for each action, the chain that the run waited for.

use std::time::Duration;

use maud::{Markup, html as markup};

use super::{
    html::{page, safe},
    words::{counted, duration},
};
use crate::{
    events::ActionOutcome,
    journal::{
        runs::Run,
        timeline::{Bar, Timeline},
    },
};

/// Width of the drawing, in its own units.
const WIDTH: u64 = 1_000;
/// What is left for the names of the pods.
const NAMES: u64 = 60;
/// Height of a line of bars.
const LINE: u64 = 22;
/// Of a bar in it.
const BAR: u64 = 16;
/// Above the first lane, for the scale.
const TOP: u64 = 24;

const STYLE: &str = "svg .bar rect{fill:var(--line);stroke:var(--dim)}svg .bar.critical rect{fill:var(--fg);stroke:var(--fg)}\
svg .bar.failed rect{fill:var(--bad-bg);stroke:var(--bad);stroke-width:2}svg .wait{stroke:var(--dim);stroke-dasharray:2 2}\
svg .grid{stroke:var(--line)}svg text{text-anchor:start}svg .scale{fill:var(--dim);font-size:11px}\
svg .bar text{font-size:10px;pointer-events:none}svg .bar.critical text{fill:var(--bg)}";

/// The page; `None` where the journal tells of no action.
#[must_use]
pub fn timeline(run: &Run) -> Option<String> {
    let line = Timeline::of(run)?;
    let title = format!("run {}", run.id);
    let waited: u64 = line.critical().map(Bar::took).sum();
    let works: u64 = line.bars.iter().map(Bar::took).sum();
    let body = markup! {
        h1 { (safe(&title)) }
        p.dim { code { (safe(run.command().unwrap_or("?"))) } " " (safe(&begun(run))) }
        p {
            strong {
                (took(line.took)) " for " (counted(line.bars.len(), "action")) " that took " (took(works)) " in all. "
                "It waited for a chain of " (line.critical().count()) ", " (took(waited)) " of work."
            }
        }
        div.wide { (drawing(&line)) }
        p.dim {
            "Dark: the chain that ended last, from what each of its actions waited for longest. Dotted: ready, and \
             waiting for its turn in the pod's session. A red edge: it failed, or nobody knows. Times are those of the \
             machine that it ran on."
        }
        h2 { "What it waited for" }
        table.stack {
            tr { th { "action" } th { "pod" } th { "what" } th.n { "waited" } th.n { "took" } th.n { "of the run" } }
            @for bar in line.critical() {
                tr {
                    td { (bar.id) }
                    td data-label="pod" { (bar.pod) }
                    td { (safe(&bar.what)) @if bar.retries > 0 { " (" (counted(bar.retries as usize, "retry")) ")" } }
                    td.n data-label="waited" { (took(bar.began - bar.ready)) }
                    td.n data-label="took" { (took(bar.took())) }
                    td.n data-label="of the run" { (bar.took() * 100 / line.took.max(1)) " %" }
                }
            }
        }
    };
    Some(page(&title, STYLE, &body))
}

fn begun(run: &Run) -> String {
    run.lines.first().map(|l| format!("begun {}", l.ts)).unwrap_or_default()
}

fn took(micros: u64) -> String {
    duration(Duration::from_micros(micros))
}

fn drawing(line: &Timeline) -> Markup {
    let lanes = line.lanes();
    let height = TOP + lanes.values().map(|l| l.len() as u64 * LINE + 6).sum::<u64>();
    let x = |at: u64| {
        NAMES
            + u64::try_from(u128::from(at) * u128::from(WIDTH - NAMES) / u128::from(line.took.max(1))).unwrap_or(WIDTH)
    };
    let mut tops = Vec::new();
    let mut y = TOP;
    for lines in lanes.values() {
        tops.push(y);
        y += lines.len() as u64 * LINE + 6;
    }
    markup! {
        svg viewBox=(format!("0 0 {} {height}", WIDTH + 40)) role="img" aria-label="bars of actions, a lane for each pod" {
            @for at in scale(line.took) {
                line.grid x1=(x(at)) x2=(x(at)) y1=(TOP - 6) y2=(height) {}
                text.scale x=(x(at)) y="11" { (took(at)) }
            }
            @for ((pod, lines), top) in lanes.iter().zip(&tops) {
                text x="0" y=(top + BAR - 3) { "pod " (pod) }
                @for (i, bars) in lines.iter().enumerate() {
                    @for bar in bars {
                        (drawn(bar, top + i as u64 * LINE, &x))
                    }
                }
            }
        }
    }
}

fn drawn(bar: &Bar, y: u64, x: &dyn Fn(u64) -> u64) -> Markup {
    let (from, to) = (x(bar.began), x(bar.over));
    let class = match bar.outcome {
        Some(ActionOutcome::Done | ActionOutcome::Already) if bar.critical => "bar critical",
        Some(ActionOutcome::Done | ActionOutcome::Already) => "bar",
        Some(ActionOutcome::Failed | ActionOutcome::Unknown) | None => "bar failed",
    };
    let name = bar.id.to_string();
    // A digit is about seven units wide.
    let fits = to - from > 7 * name.len() as u64;
    markup! {
        @if bar.began > bar.ready {
            line.wait x1=(x(bar.ready)) x2=(from) y1=(y + BAR / 2) y2=(y + BAR / 2) {}
        }
        g class=(class) {
            title {
                (name) " " (safe(&bar.what)) ": " (took(bar.took()))
                @if bar.began > bar.ready { ", waited " (took(bar.began - bar.ready)) }
            }
            rect x=(from) y=(y) width=((to - from).max(1)) height=(BAR) rx="2" {}
            @if fits { text x=(from + 3) y=(y + BAR - 4) { (name) } }
        }
    }
}

/// Marks of the scale: about eight, at round numbers.
fn scale(took: u64) -> impl Iterator<Item = u64> {
    let mut step = 1;
    // 1, 2, 5, 10, 20, 50 and so on.
    for factor in [2, 5, 10].into_iter().cycle() {
        if took / step <= 8 {
            break;
        }
        let decade = 10_u64.pow(step.ilog10());
        step = decade * factor;
    }
    (0..=took / step).map(move |n| n * step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::timeline::testing::journal, render::fixtures::settings};

    #[test]
    fn the_scale_is_round() {
        let steps = |took| scale(took).collect::<Vec<_>>();
        assert_eq!(steps(8), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(steps(14_050_000), (0..=7).map(|n| n * 2_000_000).collect::<Vec<_>>());
        for took in [0, 1, 999, 123_456, 3_600_000_000] {
            assert!((1..=9).contains(&steps(took).len()), "{took}: {:?}", steps(took));
        }
    }

    #[test]
    fn a_page_of_a_run_as_it_was_reviewed() {
        let run = journal(&[
            (1, 0, 0, Some(1_000), &[]),
            (2, 1, 0, Some(300), &[]),
            (3, 1, 1_200, Some(2_000), &[1, 2]),
            (4, 2, 1_000, None, &[1]),
        ]);
        let page = timeline(&run).unwrap();
        well_formed(&page);
        settings().bind(|| insta::assert_snapshot!("run-html", page.replace("><", ">\n<")));
        assert!(!page.contains("<b>&"), "what comes from elsewhere is escaped");
        assert_eq!(timeline(&journal(&[])), None);
    }

    /// The drawing is well-formed and nothing lies outside it.
    fn well_formed(page: &str) {
        let (from, to) = (page.find("<svg").unwrap(), page.find("</svg>").unwrap() + 6);
        let tree = roxmltree::Document::parse(&page[from..to]).unwrap();
        let bars: Vec<_> = tree.descendants().filter(|n| n.has_tag_name("rect")).collect();
        assert_eq!(bars.len(), 4);
        for bar in bars {
            let number = |name| bar.attribute(name).unwrap().parse::<u64>().unwrap();
            assert!(number("x") >= NAMES && number("x") + number("width") <= WIDTH + 1);
        }
    }
}
