//! Errors for people: one headline with a stable code, the facts, what to type next, the exit code
//! (`contract.md` 3.5).

use unicode_width::UnicodeWidthStr as _;

use super::{
    op,
    style::{Doc, Line, Role},
    words::{counted, wrap},
};
use crate::{
    apply::ActionError,
    exit::Exit,
    plan::{Action, Plan, Refusal, RefusalKind},
};

/// Anything that ends a command without its goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable word, e.g. `X204-no-source` or `usage`.
    pub code: String,
    /// What is wrong, one sentence.
    pub headline: String,
    /// Labelled facts, in order. A label is repeated by giving it once and then empty.
    pub facts: Vec<(&'static str, String)>,
    /// What to do, one sentence or command each.
    pub next: Vec<String>,
    /// How the program ends.
    pub exit: Exit,
}

impl Diagnostic {
    /// Without facts.
    pub fn new(exit: Exit, code: impl Into<String>, headline: impl Into<String>) -> Self {
        Self { code: code.into(), headline: headline.into(), facts: Vec::new(), next: Vec::new(), exit }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.facts.push((label, text.into()));
        self
    }

    /// Adds something to do.
    #[must_use]
    pub fn next(mut self, text: impl Into<String>) -> Self {
        self.next.push(text.into());
        self
    }
}

impl From<&Refusal> for Diagnostic {
    fn from(r: &Refusal) -> Self {
        let exit = match r.kind {
            RefusalKind::Refused => Exit::Refused,
            RefusalKind::CannotTell => Exit::Unknown,
            RefusalKind::OurBug => Exit::Internal,
        };
        let (code, headline) =
            r.because.first().map_or(("refused", "there is no plan"), |h| (h.code.as_str(), &h.text));
        let mut trouble = Self::new(exit, code, headline);
        for (i, detail) in r.because.iter().skip(1).enumerate() {
            let label = if i == 0 { "because" } else { "" };
            trouble = trouble.fact(label, format!("{} [{}]", detail.text, detail.code.as_str()));
        }
        trouble.next.clone_from(&r.next);
        trouble.fact("changed", "nothing: only SELECTs were sent")
    }
}

/// Column where facts begin.
const FACTS_AT: usize = 13;

/// The block of an error, ending with its exit code.
#[must_use]
pub fn trouble(t: &Diagnostic, width: usize) -> Doc {
    let mut doc = Doc::default();
    headline(&mut doc, &t.code, &t.headline, width);
    for (label, text) in &t.facts {
        fact(&mut doc, label, text, width);
    }
    next(&mut doc, &t.next, width);
    doc.line(Line::default().with(Role::Dim, format!("exit {}", t.exit as u8)));
    doc
}

fn headline(doc: &mut Doc, code: &str, text: &str, width: usize) {
    let label = format!("error[{code}]");
    let mut parts = text.split('\n');
    let first = parts.next().unwrap_or_default();
    let mut lines = wrap(&format!("{label}: {first}"), width).into_iter();
    if let Some(line) = lines.next() {
        let rest = line.strip_prefix(label.as_str()).unwrap_or(&line).to_owned();
        doc.line(Line::default().with(Role::Destroy, label).with(Role::Plain, rest));
    }
    for line in lines {
        doc.line(Line::plain(format!("  {line}")));
    }
    // Further lines are drawings (a caret below a line of a file): they are kept as they are.
    for line in parts {
        doc.line(Line::plain(line));
    }
}

pub(super) fn fact(doc: &mut Doc, label: &str, text: &str, width: usize) {
    let mut label = label;
    let room = width.saturating_sub(FACTS_AT).max(20);
    // A line that fits keeps its blanks.
    let lines = text.lines().flat_map(|l| if l.width() <= room { vec![l.to_owned()] } else { wrap(l, room) });
    for text in lines {
        let mut line = Line::plain("  ");
        line.push(Role::Dim, label);
        line.pad_to(FACTS_AT);
        line.push(Role::Plain, text);
        doc.line(line);
        label = "";
    }
}

pub(super) fn next(doc: &mut Doc, next: &[String], width: usize) {
    let room = width.saturating_sub(FACTS_AT).max(20);
    for (i, text) in next.iter().enumerate() {
        fact(doc, if i == 0 { "next" } else { "" }, &typed(text, room), width);
    }
}

/// A command that is too long for a line, on several that a shell reads as one; a remark behind it on lines of its own.
fn typed(text: &str, room: usize) -> String {
    if text.width() <= room || !text.starts_with("aku ") {
        return text.to_owned();
    }
    let (command, remark) = match text.split_once("    (") {
        Some((command, remark)) => (command, Some(format!("({remark}"))),
        None => (text, None),
    };
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in shell_words(command) {
        // Behind every line but the last stand a blank and a backslash.
        if !line.is_empty() && line.width() + 1 + word.width() + 2 > room {
            lines.push(std::mem::replace(&mut line, "  ".to_owned()) + " \\");
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.extend(remark);
    lines.join("\n")
}

/// The words of a command; a blank between quotes ends none.
fn shell_words(command: &str) -> Vec<&str> {
    let mut quoted = None;
    let is_end = |c: char| {
        match (quoted, c) {
            (None, '\'' | '"') => quoted = Some(c),
            (Some(open), c) if open == c => quoted = None,
            (None | Some(_), _) => {}
        }
        c == ' ' && quoted.is_none()
    };
    command.split(is_end).filter(|word| !word.is_empty()).collect()
}

/// One failed action: where, statement, the database's words, what it means, what was tried.
#[must_use]
pub fn failed_action(plan: &Plan, action: &Action, error: &ActionError, how: Failed, width: usize) -> Doc {
    let mut doc = Doc::default();
    let what = op::short(&action.op);
    let text = match how {
        Failed::No => format!("{what} failed on pod {}", error.pod),
        Failed::Unknown => format!("it is not known whether {what} was done on pod {}", error.pod),
    };
    headline(&mut doc, error.code, &text, width);
    let pod = error.pod;
    let on = format!("pod {pod} {}-{pod}, action {}", plan.statefulset, action.id);
    fact(&mut doc, "where", &on, width);
    if let Some(sql) = &error.statement {
        fact(&mut doc, "statement", sql, width);
    }
    if let Some(e) = &error.error {
        let codes = format!("SQLSTATE {}  native {} (ERR-{:05X})", e.sqlstate, e.native, e.native);
        fact(&mut doc, "database", &codes, width);
        fact(&mut doc, "", &e.message, width);
    }
    fact(&mut doc, "meaning", &error.meaning, width);
    if error.attempts > 1 {
        fact(&mut doc, "tried", &counted(error.attempts as usize, "time"), width);
    }
    next(&mut doc, &error.next, width);
    doc
}

/// How an action went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It was not done.
    No,
    /// It may or may not have been done.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_can_be_pasted() {
        let command =
            "aku apply start --ordinal 1 --yes --approve loses-unsent:altibase-sts/1 --conf '/a folder/aku.conf'";
        let text = typed(&format!("{command}    (copies it anew)"), 60);
        assert!(text.lines().all(|line| line.width() <= 60), "{text}");
        let (last, lines) = text.lines().collect::<Vec<_>>().split_last().map(|(l, all)| (*l, all.to_vec())).unwrap();
        assert_eq!(last, "(copies it anew)");
        let pasted = lines.join("\n").replace(" \\\n  ", " ");
        assert_eq!(pasted, command, "{text}");
        assert_eq!(typed("make pod 1 answer, then run this again, which is a sentence", 20).lines().count(), 1);
    }
}
