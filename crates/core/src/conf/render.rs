//! Problems as text for people: the line, a caret, a hint. Decides no wording of its own beyond the headline.
//!
//! Never shows a secret: the masked part of a line becomes `***`.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

use crate::safe;

use super::{
    Source, Span,
    problem::{Place, Problem, Severity},
};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// ANSI escapes.
    Always,
    /// Plain text.
    Never,
}

/// First words when the text itself could not be read, as the manuals have them.
pub const HEADLINE: &str = "Cannot parse aku.conf";

/// Characters of a line that are shown at most.
const WINDOW: usize = 120;
/// Characters shown before the place when a line is cut.
const LEAD: usize = 40;
const MASK: &str = "***";
const CUT: &str = "...";

/// All problems, one block each, with a headline before them if one is a syntax error. Empty for no problems.
#[must_use]
pub fn render_problems(problems: &[Problem], source: &Source, colour: Colour) -> String {
    let renderer = match colour {
        Colour::Always => Renderer::styled(),
        Colour::Never => Renderer::plain(),
    };
    let mut blocks = Vec::new();
    if problems.iter().any(|p| p.code.is_syntax()) {
        blocks.push(HEADLINE.to_owned());
    }
    blocks.extend(problems.iter().map(|p| render(p, source, &renderer, colour)));
    let text = blocks.iter().map(|block| format!("{}\n", block.trim_end())).collect::<Vec<_>>().join("\n");
    // The library writes out the controls of the source, and leaves C1 and most of what is invisible.
    match colour {
        Colour::Always => safe::coloured(&text),
        Colour::Never => safe::lines(&text),
    }
}

/// One line for each problem: for commands that are about something else.
#[must_use]
pub fn problem_lines(problems: &[Problem], source: &Source) -> String {
    let path = normalize_untrusted_str(source.path());
    let line = |p: &Problem| {
        let place = p.place.as_ref().map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        let word = match p.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (code, message) = (p.code.as_str(), normalize_untrusted_str(&p.message));
        format!("{word}[{code}] {path}{place}: {message} (aku validate says more)\n")
    };
    safe::lines(&problems.iter().map(line).collect::<String>())
}

/// A line as it may be shown, and where in it the problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, masked, and cut if it is very long.
    pub text: String,
    /// Bytes of `text`.
    pub span: Span,
}

/// The line of a problem as it may be shown.
#[must_use]
pub fn excerpt(place: &Place, source: &Source) -> Excerpt {
    let line = source.line_span(place.line);
    let shown_end = source.secret_start(place.line).unwrap_or(line.end);
    let clear = &source.text()[line.start..shown_end];
    let masked = shown_end < line.end;
    let text = if masked { format!("{clear}{MASK}") } else { clear.to_owned() };
    let span = if place.span.start >= shown_end && masked {
        text.len() - MASK.len()..text.len()
    } else {
        let end = if place.span.end > shown_end { text.len() } else { place.span.end - line.start };
        place.span.start - line.start..end
    };
    cut(&text, &span)
}

fn cut(text: &str, span: &Span) -> Excerpt {
    if text.chars().nth(WINDOW).is_none() {
        return Excerpt { text: text.to_owned(), span: span.clone() };
    }
    let before = &text[..span.start];
    let from = before.char_indices().rev().nth(LEAD).map_or(0, |(i, _)| i);
    let to = text[from..].char_indices().nth(WINDOW).map_or(text.len(), |(i, _)| from + i);
    let (head, tail) = (if from > 0 { CUT } else { "" }, if to < text.len() { CUT } else { "" });
    let shift = |pos: usize| pos.clamp(from, to) - from + head.len();
    Excerpt { text: format!("{head}{}{tail}", &text[from..to]), span: shift(span.start)..shift(span.end) }
}

fn render(problem: &Problem, source: &Source, renderer: &Renderer, colour: Colour) -> String {
    let level = match problem.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(problem.message.as_str()).id(problem.code.as_str()));
    if let Some(place) = &problem.place {
        let Excerpt { text, span } = excerpt(place, source);
        let mut annotation = AnnotationKind::Primary.span(span);
        if !problem.label.is_empty() {
            annotation = annotation.label(problem.label.clone());
        }
        group = group.element(Snippet::source(text).line_start(place.line).annotation(annotation));
    }
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.message(normalize_untrusted_str(hint)));
    }
    let block = renderer.render(&[group]);
    let (title, rest) = block.split_once('\n').unwrap_or((&block, ""));
    format!("{title}\n{}\n{rest}", location(problem.place.as_ref(), source, colour))
}

/// `--> file:line:column`. Written here, because the renderer would count columns in the excerpt, which may be cut
/// or masked.
fn location(place: Option<&Place>, source: &Source, colour: Colour) -> String {
    let path = normalize_untrusted_str(source.path());
    let arrow = match colour {
        Colour::Always => {
            let style = anstyle::AnsiColor::BrightBlue.on_default().bold();
            format!("{style}-->{style:#}")
        }
        Colour::Never => "-->".to_owned(),
    };
    match place {
        Some(Place { line, column, .. }) => {
            let width = line.to_string().len();
            format!("{:width$}{arrow} {path}:{line}:{column}", "")
        }
        None => format!(" {arrow} {path}"),
    }
}

#[test]
fn one_line_for_each_problem() {
    let conf = include_bytes!("../../../../conf/aku.conf.groups");
    let parsed = super::parse("/etc/aku.conf", conf);
    let lines = problem_lines(&parsed.problems, &parsed.source);
    assert_eq!(lines.lines().count(), parsed.problems.len());
    let all = lines.lines().all(|l| l.starts_with("warning[AKU-C3") && l.contains("] /etc/aku.conf:"));
    assert!(all && lines.contains("several replications to the same host"), "{lines}");
}
