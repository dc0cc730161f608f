//! Text with roles: what a span means, and the one place where meaning becomes colour.
//!
//! A [`Doc`] never holds an escape sequence. Control characters that come from a database or a host name are made
//! visible here, so that nothing can play tricks with a terminal or a log. Colour only repeats what symbol and word
//! say: taking it away changes no byte of the text.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::safe::terminal;

/// What a piece of text means (`contract.md` 2.6).
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
        let text = terminal(text.as_ref());
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

    /// The same in at most `width` columns: broken at blanks, and within a word only where the word alone is too long.
    /// What is continued stands below the column it belongs to, or two columns further right. A line that fits stays.
    fn folded(&self, width: usize) -> Vec<Self> {
        if self.width() <= width || width == 0 {
            return vec![self.clone()];
        }
        let mut rest: Vec<(Role, char)> =
            self.trimmed().into_iter().flat_map(|(role, text)| text.chars().map(move |c| (role, c))).collect();
        let indent = rest.iter().take_while(|(_, c)| *c == ' ').count();
        let column =
            |i: &usize| matches!(rest.get(i.saturating_sub(2)..=*i), Some([(_, ' '), (_, ' '), (_, c)]) if *c != ' ');
        let hang = (indent + 3..=width / 3).rev().find(column).unwrap_or((indent + 2).min(width / 2));
        // What stands further right than that has no room for a word.
        rest.drain(..indent.saturating_sub(width / 2));
        let mut lines = Vec::new();
        while columns(&rest) > width {
            let fits = fitting(&rest, width);
            let text = rest.iter().take_while(|(_, c)| *c == ' ').count();
            // A blank right behind the last column is as good as one before it.
            let blank = (text + 1..=fits).rev().find(|i| rest.get(*i).is_some_and(|(_, c)| *c == ' '));
            let at = blank.unwrap_or(fits.max(text + 1));
            let next = rest.split_off(at);
            lines.push(of_chars(&rest));
            let next = next.into_iter().skip_while(|(_, c)| *c == ' ');
            rest = std::iter::repeat_n((Role::Plain, ' '), hang).chain(next).collect();
        }
        lines.push(of_chars(&rest));
        lines
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

fn columns(chars: &[(Role, char)]) -> usize {
    chars.iter().map(|(_, c)| c.width().unwrap_or(0)).sum()
}

/// How many characters fit into `width` columns.
fn fitting(chars: &[(Role, char)], width: usize) -> usize {
    let mut taken = 0;
    chars
        .iter()
        .take_while(|(_, c)| {
            taken += c.width().unwrap_or(0);
            taken <= width
        })
        .count()
}

fn of_chars(chars: &[(Role, char)]) -> Line {
    let mut spans: Vec<(Role, String)> = Vec::new();
    for (role, c) in chars {
        match spans.last_mut() {
            Some((last, text)) if last == role => text.push(*c),
            Some(_) | None => spans.push((*role, c.to_string())),
        }
    }
    Line { spans }
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

    /// In at most `width` columns, whatever a path or a digest needs: the last step before a terminal.
    #[must_use]
    pub fn folded(&self, width: usize) -> Self {
        Self { lines: self.lines.iter().flat_map(|line| line.folded(width)).collect() }
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
    fn what_is_too_long_is_folded_and_nothing_is_lost() {
        let line = Line::plain("  plan  ")
            .with(Role::Add, "sha256:0123456789abcdef0123456789abcdef")
            .with(Role::Dim, " from pod 0");
        let mut doc = Doc::default();
        doc.line(line);
        assert_eq!(
            doc.folded(20).text(Colour::Plain),
            "  plan\n    sha256:012345678\n    9abcdef012345678\n    9abcdef from pod\n    0\n"
        );
        assert_eq!(doc.folded(80), doc);
        for width in 1..60 {
            let folded = doc.folded(width);
            assert!(folded.lines().iter().all(|l| l.width() <= width), "{width}: {folded:?}");
            let letters = |d: &Doc| d.text(Colour::Plain).split_whitespace().collect::<String>();
            assert_eq!(letters(&folded), letters(&doc), "{width}");
            let coloured = anstream::adapter::strip_str(&folded.text(Colour::Ansi)).to_string();
            assert_eq!(coloured, folded.text(Colour::Plain), "{width}");
        }
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_as_a_command() {
        let line = Line::plain("a\u{1b}[2Jb\rc\td\u{202E}e");
        assert_eq!(line.text(Colour::Ansi), "a\\u{1b}[2Jb\\rc d\\u{202e}e");
    }
}
