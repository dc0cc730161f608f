//! Tokens to a syntax tree, for both published dialects at once (`aku-behaviour.md` A.2 and A.3).
//!
//! ```text
//! file   = { assign } REPLICATIONS "=" group { "," group } { assign }
//! assign = KEY "=" ( BARE | QUOTED )
//! group  = "(" { assign } "(" item { "," item } ")" ")"
//! item   = NAME "." NAME [ "PARTITION" NAME ]  |  "(" { assign } ")"
//! ```
//!
//! After an error it goes on at the next assignment, item or group, so that one run shows everything. Which keys and
//! values are right is not decided here.

mod cursor;
mod group;
mod value;

use cursor::Cursor;

use super::{
    Span,
    lex::{Kind, Lexed},
    problem::{Code, Log, Problem},
    property,
    syntax::{File, Health},
};

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

/// Warns where a `#` touches a word: perhaps it was meant to be part of it.
fn cut_by_comment(lexed: &Lexed, log: &mut Log<'_>) {
    /// A file in this style throughout needs no more.
    const SHOWN: usize = 3;
    let touches = |comment: &&Span| {
        let i = lexed.tokens.partition_point(|t| t.span.end < comment.start);
        let before = lexed.tokens.get(i).filter(|t| t.span.end == comment.start);
        before.is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Equals))
    };
    for comment in lexed.comments.iter().filter(touches).take(SHOWN) {
        let words = "this `#` begins a comment, although it touches what stands before it";
        let problem = Problem::new(Code::CutByComment, words)
            .label("ignored from here on")
            .hint("if it belongs to the value, put the value in double quotes; otherwise put a blank before it");
        log.report(problem, comment);
    }
}
