//! `aku drift` for people, and as the one line of a monitoring plugin.

use std::time::Duration;

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

use super::{
    policy::finding,
    safe,
    style::{Doc, Line, Role},
    words::{counted, duration, sentence, wrap},
};
use crate::{
    drift::{
        Completeness, Difference, Severity, Standing,
        accept::NoteState,
        compare::Plugin,
        document::{Item, PodEntry, Report},
    },
    plan::policy::denied,
    status::pods,
    topology::Ordinal,
};

/// Columns of the symbol.
const GUTTER: usize = 3;
/// Sentences stand this far in, on narrow screens as far as the gutter.
const INDENT: usize = 10;
const NARROW: usize = 60;
/// Ages end here on wide screens, so that the eye finds them.
const WIDEST: usize = 120;
/// Narrowest text; below it lines may be wider than asked for.
const NARROWEST: usize = 24;

/// The screen.
#[must_use]
pub fn drift(report: &Report, width: usize) -> Doc {
    let mut doc = Doc::default();
    head(&mut doc, report, width);
    doc.gap();
    let page = Page { report, width, object: object_width(report) };
    for entry in &report.view.pods {
        page.unseen(&mut doc, entry);
    }
    let mut items: Vec<(&Item, &str)> = report.new.iter().map(|i| (i, "new")).collect();
    items.extend(report.known.iter().map(|i| (i, "")));
    items.sort_by_key(|(i, _)| (std::cmp::Reverse(i.difference.severity), i.difference.identity()));
    for (item, age) in items {
        let (symbol, role) = match item.difference.severity {
            Severity::Critical => ("!", Role::Destroy),
            Severity::Warning => ("~", Role::Change),
        };
        page.row(&mut doc, (symbol, role), &item.difference, &page.age(item, age));
        page.story(&mut doc, &item.difference);
    }
    for item in &report.settling {
        let age = format!("{}, too young to count", page.since(item.since));
        page.row(&mut doc, (".", Role::Dim), &item.difference, &age);
    }
    for a in &report.accepted {
        let d = &a.item.difference;
        page.row(&mut doc, (".", Role::Dim), d, &format!("accepted until {}: {}", a.until, a.reason));
    }
    for item in &report.unchecked {
        let age = format!("{}, cannot be seen now", page.since(item.since));
        page.row(&mut doc, ("?", Role::Wait), &item.difference, &age);
    }
    for item in &report.resolved {
        page.row(&mut doc, ("+", Role::Add), &item.difference, "resolved");
    }
    others(&mut doc, report, width);
    for note in &report.accept_notes {
        let text = match note.state {
            NoteState::Expired => format!("entry {} of the accept list expired on {}", note.entry, note.until),
            NoteState::Unused => format!("entry {} of the accept list accepts nothing that is there", note.entry),
        };
        paragraph(&mut doc, Role::Change, &format!("{text}: {} ({})", note.what, note.reason), width);
    }
    denied(&report.policy).for_each(|f| finding(&mut doc, f, width));
    doc.gap();
    summary(&mut doc, report, width);
    doc
}

fn paragraph(doc: &mut Doc, role: Role, text: &str, width: usize) {
    for part in wrap(text, width.max(NARROWEST)) {
        doc.line(Line::default().with(role, part));
    }
}

fn head(doc: &mut Doc, report: &Report, width: usize) {
    let from = report.observer.map_or_else(|| "from outside".to_owned(), |pod| format!("from pod {pod}"));
    let view = match report.view.completeness {
        Completeness::Full => "view full",
        Completeness::Partial => "view PARTIAL",
        Completeness::None => "view NONE",
    };
    let parts = [
        report.statefulset.clone(),
        from,
        report.at.strftime("%F %H:%M:%SZ").to_string(),
        view.to_owned(),
        duration(Duration::from_millis(report.took_ms)),
    ];
    let mut line = Line::plain("aku drift");
    for part in parts {
        if line.width() + GUTTER + part.width() > width {
            doc.line(std::mem::take(&mut line));
            line = Line::plain(" ".repeat(GUTTER)).with(Role::Dim, part);
        } else {
            line = line.with(Role::Dim, format!("   {part}"));
        }
    }
    doc.line(line);
}

fn object_width(report: &Report) -> usize {
    let all = report.counted().chain(&report.settling).chain(&report.unchecked).chain(&report.resolved);
    let all = all.chain(report.accepted.iter().map(|a| &a.item));
    all.filter_map(|i| i.difference.object.as_deref()).map(UnicodeWidthStr::width).max().unwrap_or(0)
}

struct Page<'a> {
    report: &'a Report,
    width: usize,
    object: usize,
}

impl Page<'_> {
    fn indent(&self) -> usize {
        if self.width < NARROW { GUTTER } else { INDENT }
    }

    /// `since 05:12 (1 h 48 min)`, with the day when it was another one.
    fn since(&self, since: Timestamp) -> String {
        let now = self.report.at;
        let day = |t: Timestamp| t.strftime("%F").to_string();
        let shown = if day(since) == day(now) { since.strftime("%H:%M") } else { since.strftime("%F %H:%M") };
        format!("since {shown} ({})", duration(now.duration_since(since).unsigned_abs()))
    }

    fn age(&self, item: &Item, word: &str) -> String {
        match (word, self.report.compared_with) {
            (_, None) => String::new(),
            ("", Some(_)) => self.since(item.since),
            (word, Some(_)) if item.since == self.report.at => word.to_owned(),
            (word, Some(_)) => format!("{word}, {}", self.since(item.since)),
        }
    }

    fn unseen(&self, doc: &mut Doc, entry: &PodEntry) {
        let text = match (entry.state.standing, &entry.gap) {
            (Standing::Unseen, _) => entry.state.text.clone(),
            (_, Some(gap)) => gap.clone(),
            (_, None) => return,
        };
        let age = if entry.since == self.report.at { String::new() } else { format!("; {}", self.since(entry.since)) };
        let line = Line::default().with(Role::Wait, "?").with(Role::Plain, "  ");
        self.wrapped(doc, line, Role::Plain, &format!("pod {}  {text}{age}", entry.state.pod), GUTTER);
    }

    /// Continues a line, then goes on in lines that begin at `indent`.
    fn wrapped(&self, doc: &mut Doc, mut line: Line, role: Role, text: &str, indent: usize) {
        let room = |at: usize| self.width.saturating_sub(at).max(NARROWEST);
        for part in wrap(text, room(indent.max(line.width()))) {
            line.pad_to(indent);
            line.push(role, part);
            doc.line(std::mem::take(&mut line));
        }
    }

    fn row(&self, doc: &mut Doc, (symbol, role): (&str, Role), d: &Difference, age: &str) {
        let mut line = Line::default().with(role, symbol);
        line.pad_to(GUTTER);
        line.push(Role::Plain, format!("pod {}", d.pod));
        line.pad_to(INDENT);
        if self.object > 0 && self.width >= NARROW {
            line.push(Role::Plain, d.object.as_deref().unwrap_or(""));
            line.pad_to(INDENT + self.object + 2);
        } else if let Some(object) = &d.object {
            line.push(Role::Plain, object);
            doc.line(std::mem::take(&mut line));
            line.pad_to(self.indent());
        }
        let whole = line.width() + d.headline.width() + GUTTER + age.width() <= self.width;
        let quiet = matches!(role, Role::Dim | Role::Add | Role::Wait);
        let text = if quiet { Role::Dim } else { Role::Plain };
        if whole || age.is_empty() {
            let indent = if age.is_empty() { line.width() } else { 0 };
            if age.is_empty() {
                self.wrapped(doc, line, text, &d.headline, indent);
            } else {
                line.push(text, &d.headline);
                line.pad_to(self.width.min(WIDEST).saturating_sub(age.width()));
                line.push(Role::Dim, age);
                doc.line(line);
            }
            return;
        }
        let indent = line.width();
        self.wrapped(doc, line, text, &d.headline, indent);
        self.wrapped(doc, Line::default(), Role::Dim, age, self.indent());
    }

    fn story(&self, doc: &mut Doc, d: &Difference) {
        let code = format!("{} [{}, {}]", d.text, d.kind.as_str(), d.severity.as_str());
        self.wrapped(doc, Line::default(), Role::Dim, &code, self.indent());
        if !d.next.is_empty() {
            self.wrapped(doc, Line::default(), Role::Dim, &format!("next: {}", d.next), self.indent());
        }
    }
}

/// Pods that are neither in service nor told of above.
fn others(doc: &mut Doc, report: &Report, width: usize) {
    let of = |standing: Standing| -> Vec<Ordinal> {
        report.view.pods.iter().filter(|e| e.state.standing == standing).map(|e| e.state.pod).collect()
    };
    let absent = match report.view.completeness {
        Completeness::None => "nobody answers:",
        Completeness::Full | Completeness::Partial => "not created yet, or left in good order:",
    };
    let groups = [
        (Standing::Joining, Role::Start, "a start or an end is at work on"),
        (Standing::Left, Role::Dim, "closed, not joined or left in good order:"),
        (Standing::NotThere, Role::Dim, absent),
    ];
    for (standing, role, text) in groups {
        let there = of(standing);
        if !there.is_empty() {
            paragraph(doc, role, &format!("{text} {}", pods(&there)), width);
        }
    }
}

fn summary(doc: &mut Doc, report: &Report, width: usize) {
    let n = report.counted().count();
    let (new, known) = (report.new.len(), report.known.len());
    let mut parts = Vec::new();
    if n > 0 {
        let split = report.compared_with.map_or_else(String::new, |_| format!(" ({new} new, {known} known)"));
        parts.push(format!("{}{split}", counted(n, "difference")));
    }
    let more = [
        (report.settling.len(), "too young to count"),
        (report.accepted.len(), "accepted"),
        (report.unchecked.len(), "unchecked"),
        (report.resolved.len(), "resolved"),
    ];
    parts.extend(more.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    let c = report.checked;
    let (role, text) = match report.view.completeness {
        Completeness::Full if n == 0 => {
            parts.push(right(report));
            (Role::Add, format!("No drift: {}.", parts.join(", ")))
        }
        Completeness::Full => {
            parts.push(right(report));
            (Role::Change, format!("Drift: {}.", parts.join(", ")))
        }
        Completeness::Partial => {
            let found = if parts.is_empty() { "no difference".to_owned() } else { parts.join(", ") };
            let text = format!(
                "Drift: cannot tell. {} {} of {} objects checked: {found}.",
                sentence(&whom(report)),
                c.looked_at,
                c.objects
            );
            (Role::Wait, text)
        }
        Completeness::None => {
            let more = if parts.is_empty() { String::new() } else { format!(" {}.", parts.join(", ")) };
            (Role::Wait, format!("Drift: cannot tell. No pod was seen.{more}"))
        }
    };
    let rules = denied(&report.policy).map(|f| &*f.code);
    let denied: Vec<_> = report.denied.iter().map(|k| k.as_str()).chain(rules).collect();
    let denied = if denied.is_empty() { String::new() } else { format!(" Denied: {}.", denied.join(", ")) };
    let fix = fixes(report);
    let fix = if fix.is_empty() { String::new() } else { format!(" Fix: {}.", fix.join("; ")) };
    paragraph(doc, role, &format!("{text}{denied}{fix} Exit {}", report.exit), width);
}

/// `6 of 12 objects right, 6 wait for pods that are not in service`: what need not be there yet is not called right.
fn right(report: &Report) -> String {
    let c = report.checked;
    let waiting = match c.waiting {
        0 => String::new(),
        1 => ", 1 waits for a pod that has not joined".to_owned(),
        n => format!(", {n} wait for pods that have not joined"),
    };
    format!("{} of {} objects right{waiting}", c.right, c.objects)
}

fn whom(report: &Report) -> String {
    let unseen = report.view.pods.iter().filter(|e| e.state.standing == Standing::Unseen || e.gap.is_some());
    let unseen: Vec<Ordinal> = unseen.map(|e| e.state.pod).collect();
    let verb = if unseen.len() == 1 { "was" } else { "were" };
    let mut text = format!("{} {verb} not seen whole", pods(&unseen));
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// Commands among what is to be done next, each once.
fn fixes(report: &Report) -> Vec<String> {
    let mut all: Vec<String> = report.counted().filter_map(|i| i.difference.remedy.command()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Differences that the line names.
const NAMED: usize = 3;

/// The line of a monitoring plugin, with its end.
#[must_use]
pub fn plugin_line(report: &Report) -> String {
    let mut items: Vec<&Item> = report.counted().collect();
    items.sort_by_key(|i| (std::cmp::Reverse(i.difference.severity), i.difference.identity()));
    let mut told: Vec<String> = report
        .view
        .pods
        .iter()
        .filter(|e| e.state.standing == Standing::Unseen || e.gap.is_some())
        .map(|e| format!("pod {} {}", e.state.pod, e.gap.as_ref().unwrap_or(&e.state.text)))
        .collect();
    let unseen = told.len();
    if report.view.completeness == Completeness::None {
        told.insert(0, "no pod was seen".to_owned());
    }
    told.extend(items.iter().take(NAMED).map(|i| {
        let d = &i.difference;
        let object = d.object.as_ref().map_or_else(String::new, |o| format!(" {o}"));
        format!("pod {}{object} {}", d.pod, d.headline)
    }));
    if items.len() > NAMED {
        told.push(format!("and {} more", items.len() - NAMED));
    }
    if told.is_empty() {
        told.push(right(report));
    }
    // The bar begins the numbers, and there is one line only.
    let text = safe::terminal(&told.join("; ")).replace('|', "/");
    format!(
        "AKU {} - {}: {text} | new={} known={} accepted={} unchecked={} unseen={unseen}\n",
        Plugin::of(report).as_str(),
        report.statefulset,
        report.new.len(),
        report.known.len(),
        report.accepted.len(),
        report.unchecked.len(),
    )
}
