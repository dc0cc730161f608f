//! `KEY = value`: the value, bare or quoted.

use super::cursor::Cursor;
use crate::conf::{
    Span,
    lex::{Kind, Token},
    problem::{Code, Problem},
    property,
    syntax::{Assign, Value},
};

/// Where an assignment stands; it decides where a bare value ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// At the top of the file: at a blank or `#`.
    Top,
    /// Inside of parentheses: at `(`, `)`, `,` and `=` as well.
    Group,
}

/// What is inside the quotes, `""` read as one.
pub(super) fn unquote(text: &str) -> String {
    let inner = text.strip_prefix('"').unwrap_or(text);
    inner.strip_suffix('"').unwrap_or(inner).replace("\"\"", "\"")
}

/// `{ KEY "=" value }` inside of parentheses.
pub(super) fn assignments(c: &mut Cursor<'_, '_>) -> Vec<Assign> {
    let mut all = Vec::new();
    while c.at_assignment() && !c.at_top_assignment() {
        let Some(key) = c.next() else { break };
        c.next();
        let value = if c.text(key) == property::APPLIERS { numbers(c) } else { value(c, Where::Group) };
        if let Some(value) = value {
            all.push(Assign { key: c.text(key).to_owned(), key_span: key.span.clone(), value });
        }
    }
    all
}

/// `GAPLESS`, `PARALLEL 4 10M`: an option of a group without `=`; its word comes next.
pub(super) fn option(c: &mut Cursor<'_, '_>) -> Option<Assign> {
    let key = c.eat(Kind::Word)?;
    let value = if c.text(key) == property::APPLIERS {
        numbers(c)?
    } else {
        let value = Value { text: "1".to_owned(), span: key.span.clone(), quoted: false };
        nothing_after(c, Where::Group, &value)?;
        value
    };
    Some(Assign { key: c.text(key).to_owned(), key_span: key.span.clone(), value })
}

/// `4`, `4 10M` or `4 10 M` on one line, or all of it in quotes.
fn numbers(c: &mut Cursor<'_, '_>) -> Option<Value> {
    let begun = c.peek().is_some_and(|t| t.kind == Kind::Word && !t.first_on_line);
    if !begun {
        return value(c, Where::Group);
    }
    let mut words = bare(c, Where::Group);
    let more = |c: &Cursor<'_, '_>| {
        c.on_same_line() && c.peek_kind() == Some(Kind::Word) && !c.at_assignment() && !c.at_option()
    };
    for _ in 0..2 {
        if more(c) {
            let next = bare(c, Where::Group);
            words.text = format!("{} {}", words.text, next.text);
            words.span.end = next.span.end;
        }
    }
    nothing_after(c, Where::Group, &words)?;
    Some(words)
}

/// The value after `=`. `None` when it could not be read; that is reported, and the rest of the line skipped.
pub(super) fn value(c: &mut Cursor<'_, '_>, place: Where) -> Option<Value> {
    let empty = Value { text: String::new(), span: c.after_previous(), quoted: false };
    let Some(token) = c.peek() else { return Some(empty) };
    if token.first_on_line && !continues(c, token) {
        return Some(empty);
    }
    let value = match token.kind {
        Kind::Quoted => {
            c.next();
            Value { text: unquote(c.text(token)), span: token.span.clone(), quoted: true }
        }
        Kind::Unclosed => {
            unclosed_quote(c, token);
            return None;
        }
        Kind::Open | Kind::Close | Kind::Comma | Kind::Equals if place == Where::Group => return Some(empty),
        Kind::Word | Kind::Open | Kind::Close | Kind::Comma | Kind::Equals | Kind::Dot => bare(c, place),
    };
    nothing_after(c, place, &value)?;
    Some(value)
}

/// Whether a token that begins a line is the value of the key on the line before: strings and numbers may be, as in
/// the old dialect; a bare word there is more likely the next key.
fn continues(c: &Cursor<'_, '_>, token: &Token) -> bool {
    match token.kind {
        Kind::Quoted | Kind::Unclosed => true,
        Kind::Word => c.text(token).bytes().all(|b| b.is_ascii_digit()),
        Kind::Open | Kind::Close | Kind::Comma | Kind::Equals | Kind::Dot => false,
    }
}

fn bare(c: &mut Cursor<'_, '_>, place: Where) -> Value {
    let start = c.here().start;
    let mut end = start;
    while c.touches(end) {
        let takes = match c.peek_kind() {
            Some(Kind::Word | Kind::Dot) => true,
            Some(Kind::Open | Kind::Close | Kind::Comma | Kind::Equals) => place == Where::Top,
            Some(Kind::Quoted | Kind::Unclosed) | None => false,
        };
        if !takes {
            break;
        }
        end = c.here().end;
        c.next();
    }
    Value { text: c.source.text()[start..end].to_owned(), span: start..end, quoted: false }
}

pub(super) fn unclosed_quote(c: &mut Cursor<'_, '_>, token: &Token) {
    let opening = token.span.start..token.span.start + 1;
    let problem = Problem::new(Code::UnclosedQuote, "this quote is not closed on its line")
        .label("opened here")
        .hint("close it with \"; a quote inside of the value is written twice: \"\"");
    c.report(problem, &opening);
    c.next();
    c.skip_line();
}

/// A value is followed by a line end, a comment, or the next assignment.
fn nothing_after(c: &mut Cursor<'_, '_>, place: Where, value: &Value) -> Option<()> {
    let Some(token) = c.peek().filter(|t| !t.first_on_line) else { return Some(()) };
    let touching = token.span.start == value.span.end;
    let (words, hint) = match token.kind {
        Kind::Quoted | Kind::Unclosed if touching && !value.quoted => (
            "a quote in the middle of a value",
            "put the whole value in double quotes, and write this quote twice: \"\"",
        ),
        Kind::Word | Kind::Dot if touching && value.quoted => {
            ("text right after a closing quote", "a quote inside of the value is written twice: \"\"")
        }
        Kind::Open | Kind::Close | Kind::Comma if place == Where::Group => return Some(()),
        Kind::Word if c.at_assignment() || c.at_option() => return Some(()),
        Kind::Comma if value.quoted => ("a comma after a value", "no comma stands between properties; remove it"),
        Kind::Word
        | Kind::Dot
        | Kind::Quoted
        | Kind::Unclosed
        | Kind::Open
        | Kind::Close
        | Kind::Comma
        | Kind::Equals => ("text after the value", "a value with blanks needs double quotes; a comment begins with #"),
    };
    let rest = token.span.start..line_end(c, &token.span);
    c.report(Problem::new(Code::Unexpected, words).label("expected the end of the line").hint(hint), &rest);
    match place {
        Where::Top => c.skip_line(),
        // The list of targets or the closing parenthesis may stand on this line.
        Where::Group => c.skip_to(|c| {
            !c.on_same_line() || matches!(c.peek_kind(), Some(Kind::Open | Kind::Close)) || c.at_assignment()
        }),
    }
    None
}

fn line_end(c: &Cursor<'_, '_>, span: &Span) -> usize {
    let line = &c.source.text()[span.start..c.source.line_span(c.source.line(span.start)).end];
    // Up to a comment: what it says is no part of the problem.
    span.start + line.split('#').next().unwrap_or(line).trim_end().len().max(1)
}
