//! The picture of a run at a terminal: a line for each pod of the plan, and one for all. Events keep it up to date; it
//! knows no time but what it is told, and no terminal but its size.

use std::{collections::BTreeMap, time::Duration};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::super::{
    op,
    style::{Doc, Line, Role},
    words::{counted, duration, number},
};
use crate::{
    apply::{Event, Outcome},
    plan::{ActionId, Plan},
    topology::Ordinal,
};

/// Columns of a bar without its brackets.
const BAR: std::ops::RangeInclusive<usize> = 6..=20;
/// Below this nothing is told by words.
const WORDS: usize = 12;
/// Rows of the terminal that are left to what is printed above.
const ABOVE: usize = 2;

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Board {
    pods: BTreeMap<Ordinal, PodLine>,
    /// The last signal.
    signal: Option<&'static str>,
}

#[derive(Clone, Debug, Default)]
struct PodLine {
    actions: usize,
    over: usize,
    failed: usize,
    running: BTreeMap<ActionId, Running>,
}

/// An action under way.
#[derive(Clone, Debug)]
struct Running {
    what: String,
    elapsed: Duration,
    rows: Option<(u64, Option<u64>)>,
    note: String,
}

/// Something about an action, and how important it is: the smaller, the longer it stays when there is little room.
struct Detail {
    rank: u8,
    text: String,
}

impl Board {
    /// Nothing has begun.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut pods: BTreeMap<Ordinal, PodLine> = BTreeMap::new();
        for action in &plan.actions {
            pods.entry(action.pod).or_default().actions += 1;
        }
        Self { pods, signal: None }
    }

    /// Something happened.
    pub fn event(&mut self, plan: &Plan, event: &Event) {
        match event {
            Event::RunStart | Event::RunEnd => {}
            Event::Signal { name } => self.signal = Some(name),
            Event::ActionStart { id } => {
                let Some(action) = plan.action(*id) else { return };
                let what = format!("{id} {}", op::short(&action.op));
                let running = Running { what, elapsed: Duration::ZERO, rows: None, note: String::new() };
                self.pods.entry(action.pod).or_default().running.insert(*id, running);
            }
            Event::Progress { id, elapsed, rows, doing } => {
                if let Some(running) = self.running(*id) {
                    (running.elapsed, running.rows) = (*elapsed, *rows);
                    running.note.clone_from(doing);
                }
            }
            Event::Retry { id, attempt, delay, .. } => {
                if let Some(running) = self.running(*id) {
                    running.note = format!("attempt {attempt} failed, again in {}", duration(*delay));
                }
            }
            Event::ActionEnd { id, outcome } => {
                let Some(action) = plan.action(*id) else { return };
                let pod = self.pods.entry(action.pod).or_default();
                pod.running.remove(id);
                pod.over += 1;
                pod.failed += usize::from(matches!(outcome, Outcome::Failed(_) | Outcome::Unknown(_)));
            }
        }
    }

    fn running(&mut self, id: ActionId) -> Option<&mut Running> {
        self.pods.values_mut().find_map(|pod| pod.running.get_mut(&id))
    }

    /// The picture on a terminal of so many columns and rows. Where it is too low for all pods, the idle ones go first.
    #[must_use]
    pub fn doc(&self, elapsed: Duration, columns: usize, rows: usize) -> Doc {
        let room = rows.saturating_sub(ABOVE + 1).max(1);
        let busy = |pod: &PodLine| !pod.running.is_empty() || pod.failed > 0;
        let all = self.pods.len() <= room;
        let shown: Vec<_> = self.pods.iter().filter(|(_, pod)| all || busy(pod)).take(room).collect();
        let digits = self.pods.keys().map(|pod| pod.to_string().len()).max().unwrap_or(1);
        let (over, actions) = self.pods.values().fold((0, 0), |(o, a), pod| (o + pod.over, a + pod.actions));
        let counter = format!("{actions}/{actions}").len();
        let mut doc = Doc::default();
        for (ordinal, pod) in &shown {
            let lead = format!("pod {:<digits$}  {:>counter$}  ", ordinal.to_string(), pod.counter());
            doc.line(pod.line(lead, columns));
        }
        let head = "total";
        let counter = format!("{:>counter$}", format!("{over}/{actions}"));
        let lead = format!("{head:<0$}  {counter}  {1}", 4 + digits, seconds(elapsed));
        let mut line = Line::default().with(Role::Plain, cut(&lead, columns));
        let hidden = counted(self.pods.len() - shown.len(), "pod");
        let hidden = if all { Vec::new() } else { vec![format!("{hidden} not shown")] };
        for words in [hidden, self.hint()] {
            let left = columns.saturating_sub(line.width() + 2);
            // The most that there is room for.
            if let Some(text) = words.iter().find(|text| text.width() <= left) {
                line.push(Role::Dim, format!("  {text}"));
            }
        }
        doc.line(line);
        doc
    }

    /// How a run is stopped, in fewer and fewer words.
    fn hint(&self) -> Vec<String> {
        match self.signal {
            None => ["^C stops in good order, twice aborts", "^C stops, twice aborts", "^C stops"]
                .map(str::to_owned)
                .to_vec(),
            Some(name) => vec![format!("{name}: stopping, once more aborts"), format!("{name}: stopping")],
        }
    }
}

impl PodLine {
    fn counter(&self) -> String {
        format!("{}/{}", self.over, self.actions)
    }

    fn line(&self, lead: String, columns: usize) -> Line {
        let mut line = Line::default().with(Role::Plain, lead);
        if self.failed > 0 {
            line.push(Role::Destroy, format!("{} FAILED", self.failed));
            line.push(Role::Plain, "  ");
        }
        let room = columns.saturating_sub(line.width());
        let copies = |(_, r): &(&ActionId, &Running)| r.rows.is_some();
        // What copies rows is what one waits for.
        let Some((_, running)) = self.running.iter().find(copies).or_else(|| self.running.iter().next()) else {
            let (role, word) = match (self.over < self.actions, self.failed) {
                (true, _) => (Role::Dim, "waits"),
                (false, 0) => (Role::Add, "done"),
                (false, _) => (Role::Plain, "over"),
            };
            line.push(role, cut(word, room));
            return line;
        };
        line.extend(running.line(self.running.len() - 1, room));
        line
    }
}

impl Running {
    fn line(&self, others: usize, room: usize) -> Line {
        let details = self.details(others);
        let mut kept = vec![false; details.len()];
        let mut used = self.what.width();
        let mut by_rank: Vec<usize> = (0..details.len()).collect();
        by_rank.sort_by_key(|i| details[*i].rank);
        for i in by_rank {
            let needs = details[i].text.width() + 2;
            // The first is worth some of the words.
            let squeezed = details[i].rank == 0 && room >= needs + WORDS;
            if used + needs <= room || squeezed {
                kept[i] = true;
                used += needs;
            }
        }
        let beside: usize = details.iter().zip(&kept).filter(|(_, k)| **k).map(|(d, _)| d.text.width() + 2).sum();
        let most = room.saturating_sub(beside);
        // Which peer it is about is the first thing that one can do without: the object's name says it, too.
        let (brief, _) = self.what.split_once(" to pod ").unwrap_or((&self.what, ""));
        let what = cut(if self.what.width() <= most { &self.what } else { brief }, most);
        let mut left = room.saturating_sub(what.width() + beside);
        let mut line = Line::default().with(Role::Plain, what);
        if let Some(bar) = self.bar(left.saturating_sub(2)) {
            left = left.saturating_sub(bar.len() + 2);
            line.push(Role::Start, format!("  {bar}"));
        }
        for (detail, _) in details.iter().zip(kept).filter(|(_, k)| *k) {
            line.push(Role::Wait, format!("  {}", detail.text));
        }
        if left >= WORDS + 2 && !self.note.is_empty() {
            line.push(Role::Dim, format!("  {}", cut(&self.note, left - 2)));
        }
        line
    }

    /// In the order in which they are shown.
    fn details(&self, others: usize) -> Vec<Detail> {
        let mut details = Vec::new();
        let mut detail = |rank, text| details.push(Detail { rank, text });
        if let Some((done, all)) = self.rows {
            let all = all.filter(|all| *all > 0);
            if let Some(all) = all {
                detail(0, format!("{} %", (u128::from(done) * 100 / u128::from(all)).min(100)));
                detail(4, format!("{} of {} rows", number(done), number(all)));
            } else {
                detail(0, format!("{} rows", number(done)));
            }
            if let Some(rate) = done.checked_div(self.elapsed.as_secs()).filter(|rate| *rate > 0) {
                detail(3, format!("{} rows/s", number(rate)));
                if let Some(left) = all.and_then(|all| all.checked_sub(done)).filter(|left| *left > 0) {
                    detail(2, format!("{} left", seconds(Duration::from_secs(left.div_ceil(rate)))));
                }
            }
        } else if self.elapsed >= Duration::from_secs(1) {
            detail(0, seconds(self.elapsed));
        }
        if others > 0 {
            detail(1, format!("+{others}"));
        }
        details
    }

    fn bar(&self, room: usize) -> Option<String> {
        let (done, Some(all)) = self.rows? else { return None };
        let cells = room.saturating_sub(2).min(*BAR.end());
        if all == 0 || !BAR.contains(&cells) {
            return None;
        }
        let full = u128::from(done.min(all)) * cells as u128 / u128::from(all);
        let full = usize::try_from(full).unwrap_or(cells);
        let head = if full < cells { ">" } else { "" };
        Some(format!("[{}{head}{}]", "=".repeat(full), " ".repeat(cells - full - head.len())))
    }
}

/// Nobody reads tenths of something that moves.
fn seconds(d: Duration) -> String {
    if d < Duration::from_secs(60) { format!("{} s", d.as_secs()) } else { duration(d) }
}

/// At most so many columns.
fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let (mut out, mut columns) = (String::new(), 0);
    for c in text.chars() {
        columns += c.width().unwrap_or(0);
        if columns + 2 > most {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    if most >= 2 { out + ".." } else { out }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::render::{
        fixtures::{self, settings},
        golden::text,
    };

    fn done(id: u32) -> Event {
        let outcome = Outcome::Done { took: Duration::from_millis(4), said: None };
        Event::ActionEnd { id: ActionId(id), outcome }
    }

    fn progress(id: u32, seconds: u64, rows: Option<(u64, Option<u64>)>, doing: &str) -> Event {
        Event::Progress { id: ActionId(id), elapsed: Duration::from_secs(seconds), rows, doing: doing.to_owned() }
    }

    /// The pictures of a join, one after the other.
    fn pictures(columns: usize, rows: usize) -> String {
        let plan = fixtures::full_join();
        let mut board = Board::new(&plan);
        let mut all = String::new();
        let mut show = |what: &str, seconds: u64, events: Vec<Event>| {
            for event in events {
                board.event(&plan, &event);
            }
            let doc = board.doc(Duration::from_secs(seconds), columns, rows);
            assert!(doc.lines().iter().all(|l| l.width() <= columns), "{what}: too wide");
            assert!(doc.lines().len() <= rows.max(2), "{what}: too high");
            let _ = write!(all, "--- {what}\n{}", text(&doc));
        };
        let start = |id| Event::ActionStart { id: ActionId(id) };
        show("nothing has begun", 0, vec![Event::RunStart]);
        show("a first look", 1, vec![start(1), start(5), done(1), start(2)]);
        show("a wait", 4, vec![progress(5, 3, None, "2 of 3 transactions are still open")]);
        let before: Vec<_> = (2..14).flat_map(|id| [start(id), done(id)]).collect();
        show("a copy begins", 5, before.into_iter().chain([start(14)]).collect());
        show("a copy", 15, vec![progress(14, 10, Some((405_311, Some(1_307_466))), "SYNC")]);
        show("a copy of nobody knows how much", 25, vec![progress(14, 20, Some((405_311, None)), "SYNC")]);
        show("nearly over", 37, vec![progress(14, 32, Some((1_307_466, Some(1_307_466))), "SYNC")]);
        let failed = Outcome::Failed(fixtures::handshake(&plan.actions[14]));
        let ends = [done(14), start(15), Event::ActionEnd { id: ActionId(15), outcome: failed }];
        show("a failure", 40, ends.into_iter().chain([start(16), Event::Signal { name: "SIGINT" }]).collect());
        let rest: Vec<_> = plan.actions.iter().map(|a| a.id.0).filter(|id| *id > 15).map(done).collect();
        show("the end", 41, rest);
        all
    }

    #[test]
    fn a_line_for_each_pod_and_one_for_all() {
        settings().bind(|| {
            for columns in [120, 80, 40] {
                insta::assert_snapshot!(format!("board-{columns}"), pictures(columns, 24));
            }
            insta::assert_snapshot!("board-low", pictures(80, 4));
        });
    }

    #[test]
    fn it_fits_everywhere() {
        for columns in 30..130 {
            for rows in [3, 24] {
                pictures(columns, rows);
            }
        }
        let plan = fixtures::full_join();
        let doc = Board::new(&plan).doc(Duration::ZERO, 0, 0);
        assert!(!doc.lines().is_empty());
    }
}
