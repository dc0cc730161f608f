//! Tokens to a syntax tree, for both published dialects at once (`aku-behaviour.md` A.2 and A.3).
//!
//! ```text
//! file   = { assign } REPLICATIONS "=" group { "," group } { assign }
//! assign = KEY "=" ( BARE | QUOTED )
//! group  = "(" { assign | option } "(" item { "," item } ")" ")"
//! option = "GAPLESS" | "GROUPING" | "RECOVERY" | "PARALLEL" ["="] NUMBER [ SIZE ]
//! item   = NAME "." NAME [ "PARTITION" NAME ]  |  "(" { assign } ")"
//! ```
//!
//! After an error it goes on at the next assignment, item or group, so that one run shows everything. Which keys and
//! values are right is not decided here.

mod cursor;
mod group;
mod value;

use super::{
    Span,
    lex::{Kind, Lexed},
    problem::{Code, Log, Problem},
    property,
    syntax::{File, Health},
};
use cursor::Cursor;

/// Reads the whole file; what it could not read is in the log.
pub(super) fn parse<'s>(lexed: &'s Lexed, log: &mut Log<'s>) -> File {
    cut_by_comment(lexed, log);
    let mut file = File::default();
    let mut c = Cursor::new(&lexed.tokens, log);
    while let Some(token) = c.peek() {
        match token.kind {
            Kind::Word => statement(&mut c, &mut file),
            Kind::Open => stray_group(&mut c, &mut file),
            Kind::Close => {
                let problem = Problem::new(Code::Unexpected, "this `)` closes nothing").label("no `(` is open here");
                c.report(problem, &token.span);
                c.next();
                if c.eat(Kind::Comma).is_some() && c.peek_kind() == Some(Kind::Open) {
                    groups(&mut c, &mut file);
                }
            }
            Kind::Comma | Kind::Equals | Kind::Dot | Kind::Quoted | Kind::Unclosed => {
                let words = format!("{} cannot stand here", c.here_words());
                let problem = Problem::new(Code::Unexpected, words).label("expected a property, such as AKU_STS_NAME");
                c.report(problem, &token.span);
                c.next();
                c.skip_line();
            }
        }
    }
    file
}

/// A word at the top of the file: `KEY = value`, or the groups.
fn statement(c: &mut Cursor<'_, '_>, file: &mut File) {
    let Some(token) = c.next() else { return };
    let key = c.text(token);
    file.mentioned.push(key.to_owned());
    let key_span = token.span.clone();
    let has_equals = c.eat(Kind::Equals).is_some();
    if !has_equals {
        missing_equals(c, key, &key_span);
    }
    if key == property::REPLICATIONS {
        replications(c, file, &key_span);
    } else if has_equals {
        if let Some(value) = value::value(c, value::Where::Top) {
            file.assigns.push(super::syntax::Assign { key: key.to_owned(), key_span, value });
        }
    } else {
        c.skip_line();
    }
}

fn missing_equals(c: &mut Cursor<'_, '_>, key: &str, key_span: &Span) {
    let shown = c.source.quote(key_span);
    let known = property::top_keys().any(|k| k == key);
    let (words, span) = if known {
        (format!("{shown} has no `=`"), c.after_previous())
    } else {
        (format!("{shown} is not an assignment"), key_span.clone())
    };
    let mut problem = Problem::new(Code::MissingEquals, words);
    if known {
        problem = problem.label("expected `=` and a value").hint(format!("write {key} = VALUE"));
    } else {
        problem = problem.label("expected PROPERTY = VALUE").hint(match property::nearest(key, property::top_keys()) {
            Some(near) => format!("did you mean {near} = VALUE?"),
            None => "a comment begins with #; a value with blanks needs double quotes".to_owned(),
        });
    }
    c.report(problem, &span);
}

/// What follows `REPLICATIONS =`.
fn replications(c: &mut Cursor<'_, '_>, file: &mut File, key_span: &Span) {
    if let Some(first) = file.groups.first() {
        let words = format!("{} is given twice", property::REPLICATIONS);
        let label = format!("the first is on line {}", c.source.line(first.open.start));
        let hint = "write the keyword once; further groups follow as `, ( ... )`";
        c.report(Problem::new(Code::DuplicateKey, words).label(label).hint(hint), key_span);
    }
    if c.peek_kind() != Some(Kind::Open) {
        let words = format!("{} needs a group in parentheses, found {}", property::REPLICATIONS, c.here_words());
        let problem = Problem::new(Code::Unexpected, words)
            .label("expected `(`")
            .hint("REPLICATIONS = ( REPLICATION_NAME_PREFIX = AKU_REP ( SYS.T1, SYS.T2 ) )");
        c.report(problem, &c.after_previous());
        c.skip_line();
        return;
    }
    groups(c, file);
}

/// `group { "," group }`, the first `(` being next.
fn groups(c: &mut Cursor<'_, '_>, file: &mut File) {
    loop {
        file.groups.extend(group::group(c));
        let comma = c.eat(Kind::Comma);
        match (comma, c.peek_kind()) {
            (Some(_), Some(Kind::Open)) => {}
            (None, Some(Kind::Open)) => {
                let problem = Problem::new(Code::MissingComma, "two groups without a comma between them")
                    .label("expected `,` before this group");
                c.report(problem, &c.here());
            }
            (Some(comma), _) => {
                let problem = Problem::new(Code::TrailingComma, "a comma after the last group")
                    .label("no group follows")
                    .hint("remove it");
                c.report(problem, &comma.span);
                return;
            }
            (None, _) => return,
        }
    }
}

/// A `(` at the top of the file without the keyword.
fn stray_group(c: &mut Cursor<'_, '_>, file: &mut File) {
    let problem = Problem::new(Code::Unexpected, "a group that belongs to nothing")
        .label("expected a property")
        .hint("the first group follows `REPLICATIONS =`, each further one a comma");
    c.report(problem, &c.here());
    let before = file.groups.len();
    groups(c, file);
    for group in &mut file.groups[before..] {
        group.health = Health::Damaged;
    }
    file.mentioned.push(property::REPLICATIONS.to_owned());
}

/// Warns where a `#` touches a word, or stands where a value is expected: perhaps it was meant to be part of it.
fn cut_by_comment(lexed: &Lexed, log: &mut Log<'_>) {
    /// A list in this style throughout needs no more; a value that is cut is always said.
    const SHOWN: usize = 3;
    let mut in_lists = 0;
    let source = log.source();
    // `= #secret`, as against `= # none here`.
    let holds_text =
        |comment: &Span| source.text()[comment.clone()].chars().nth(1).is_some_and(|c| !c.is_whitespace() && c != '#');
    // A value may stand on the next line: a list, a quoted text, a number.
    let goes_on = |i: usize| {
        lexed.tokens.get(i).is_some_and(|next| match next.kind {
            Kind::Quoted | Kind::Unclosed | Kind::Open => true,
            Kind::Word => source.text()[next.span.clone()].bytes().all(|b| b.is_ascii_digit()),
            Kind::Close | Kind::Comma | Kind::Equals | Kind::Dot => false,
        })
    };
    for comment in &lexed.comments {
        let line = log.source().line(comment.start);
        let i = lexed.tokens.partition_point(|t| t.span.end <= comment.start);
        let on_line = lexed.tokens[..i].iter().rev().take_while(|t| log.source().line(t.span.start) == line);
        let before: Vec<Kind> = on_line.map(|t| t.kind).collect();
        let touches = lexed.tokens[..i].last().is_some_and(|t| t.span.end == comment.start);
        let words = match before.as_slice() {
            [Kind::Equals, ..] if touches || (!goes_on(i) && holds_text(comment)) => {
                "this `#` begins a comment where a value is expected, so the value is empty"
            }
            [Kind::Word, ..] if touches => "this `#` begins a comment, although it touches what stands before it",
            _ => continue,
        };
        if !before.contains(&Kind::Equals) {
            in_lists += 1;
            if in_lists > SHOWN {
                continue;
            }
        }
        let problem = Problem::new(Code::CutByComment, words)
            .label("ignored from here on")
            .hint("if it belongs to the value, put the value in double quotes; otherwise put a blank before it");
        log.report(problem, comment);
    }
}
