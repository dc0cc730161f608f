//! Text with roles: what a span means, and the one place where meaning becomes colour.
//!
//! A [`Doc`] never holds an escape sequence. Control characters that come from a database or a host name are made
//! visible here, so that nothing can play tricks with a terminal or a log. Colour only repeats what symbol and word
//! say: taking it away changes no byte of the text.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

/// What a piece of text means (`plan-apply-anchors.md` 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing special.
    Plain,
    /// Something comes into being, or went well.
    Add,
    /// A setting or a warning.
    Change,
    /// Rows or definitions go, or something failed.
    Destroy,
    /// Something starts running.
    Start,
    /// Waiting, or not known.
    Wait,
    /// Secondary: reasons, SQL.
    Dim,
}

impl Role {
    /// The only mapping from meaning to colour.
    #[must_use]
    pub fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Add => AnsiColor::Green.on_default(),
            Self::Change => AnsiColor::Yellow.on_default(),
            Self::Destroy => AnsiColor::BrightWhite.on(AnsiColor::Red).bold(),
            Self::Start => AnsiColor::Cyan.on_default(),
            Self::Wait => AnsiColor::Magenta.on_default(),
            Self::Dim => Style::new().dimmed(),
        }
    }
}

/// Whether escape sequences are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Text only.
    Plain,
    /// With SGR sequences.
    Ansi,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    spans: Vec<(Role, String)>,
}

impl Line {
    /// A line of one plain span.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::default().with(Role::Plain, text)
    }

    /// Adds a span.
    #[must_use]
    pub fn with(mut self, role: Role, text: impl AsRef<str>) -> Self {
        self.push(role, text);
        self
    }

    /// Adds a span.
    pub fn push(&mut self, role: Role, text: impl AsRef<str>) {
        let text = visible(text.as_ref());
        if !text.is_empty() {
            self.spans.push((role, text));
        }
    }

    /// Adds the spans of another line.
    pub fn extend(&mut self, other: Self) {
        self.spans.extend(other.spans);
    }

    /// Fills up with blanks to `column`, counted from 0.
    pub fn pad_to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.width());
        if missing > 0 {
            self.spans.push((Role::Plain, " ".repeat(missing)));
        }
    }

    /// Columns it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.spans.iter().map(|(_, t)| t.width()).sum()
    }

    fn trimmed(&self) -> Vec<(Role, &str)> {
        let mut spans: Vec<_> = self.spans.iter().map(|(r, t)| (*r, t.as_str())).collect();
        while let Some((_, last)) = spans.last_mut() {
            *last = last.trim_end();
            if !last.is_empty() {
                break;
            }
            spans.pop();
        }
        spans
    }

    /// The line without its end, trailing blanks dropped.
    #[must_use]
    pub fn text(&self, colour: Colour) -> String {
        let mut out = String::new();
        for (role, text) in self.trimmed() {
            let style = role.style();
            match colour {
                Colour::Ansi if style != Style::new() => {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "{style}{text}{style:#}");
                }
                Colour::Ansi | Colour::Plain => out.push_str(text),
            }
        }
        out
    }
}

/// A text of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doc {
    lines: Vec<Line>,
}

impl Doc {
    /// Adds a line.
    pub fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Adds an empty line, unless nothing or an empty line stands before it.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|l| l.width() > 0) {
            self.lines.push(Line::default());
        }
    }

    /// Adds all lines of another text.
    pub fn append(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    /// Its lines.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Everything, each line with its end.
    #[must_use]
    pub fn text(&self, colour: Colour) -> String {
        self.lines.iter().fold(String::new(), |mut all, line| {
            all.push_str(&line.text(colour));
            all.push('\n');
            all
        })
    }
}

/// Control characters and invisible direction marks, written so that one sees them.
pub(super) fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(hidden) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\t' => out.push(' '),
            c if hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_changes_no_byte_of_the_text() {
        let roles = [Role::Plain, Role::Add, Role::Change, Role::Destroy, Role::Start, Role::Wait, Role::Dim];
        let mut doc = Doc::default();
        for role in roles {
            doc.line(Line::default().with(role, "!! ").with(Role::Dim, format!("{role:?} ")).with(role, "   "));
        }
        doc.gap();
        doc.gap();
        let plain = doc.text(Colour::Plain);
        let coloured = doc.text(Colour::Ansi);
        assert_ne!(plain, coloured);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
        assert!(plain.lines().all(|l| l == l.trim_end()));
        assert_eq!(doc.lines().len(), roles.len() + 1);
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_as_a_command() {
        let line = Line::plain("a\u{1b}[2Jb\rc\td\u{202E}e");
        assert_eq!(line.text(Colour::Ansi), "a\\u{1b}[2Jb\\rc d\\u{202e}e");
    }
}
