//! One `( ... )` of REPLICATIONS: its properties and its list of targets.

use super::{
    cursor::Cursor,
    value::{assignments, option, unclosed_quote, unquote},
};
use crate::conf::{
    Span,
    lex::Kind,
    problem::{Code, Problem},
    property,
    syntax::{Group, Health, Item, Name},
};

const PARTITION: &str = "PARTITION";

/// Reads a group, its `(` being next. Always consumes at least that.
pub(super) fn group(c: &mut Cursor<'_, '_>) -> Option<Group> {
    let open = c.eat(Kind::Open)?.span.clone();
    let before = c.problem_count();
    let mut group = Group { assigns: Vec::new(), items: Vec::new(), open, health: Health::Sound };
    let mut lists = 0;
    loop {
        if c.at_top_assignment() || (lists > 0 && c.at_next_group()) {
            unclosed(c, &group.open);
            break;
        }
        match c.peek_kind() {
            Some(Kind::Close) => {
                c.next();
                break;
            }
            Some(Kind::Open) => {
                if lists > 0 {
                    second_list(c);
                }
                lists += 1;
                list(c, &mut group.items);
            }
            Some(Kind::Word) if c.at_assignment() || c.at_option() => {
                if lists > 0 {
                    let problem = Problem::new(Code::Unexpected, "a property after the list of targets")
                        .hint("the properties of a group stand before its list");
                    c.report(problem, &c.here());
                }
                if c.at_option() {
                    group.assigns.extend(option(c));
                } else {
                    group.assigns.extend(assignments(c));
                }
            }
            Some(Kind::Word | Kind::Quoted) => no_list(c),
            Some(Kind::Unclosed) => {
                if let Some(token) = c.peek() {
                    unclosed_quote(c, token);
                }
            }
            Some(Kind::Comma | Kind::Equals | Kind::Dot) => stray_mark(c),
            None => {
                unclosed(c, &group.open);
                break;
            }
        }
    }
    if lists == 0 && c.problem_count() == before {
        let problem = Problem::new(Code::BadTarget, "this group has no list of targets")
            .hint("( REPLICATION_NAME_PREFIX = AKU_REP ( SYS.T1, SYS.T2 PARTITION P1 ) )");
        c.report(problem, &group.open);
    }
    if c.problem_count() > before {
        group.health = Health::Damaged;
    }
    Some(group)
}

fn unclosed(c: &mut Cursor<'_, '_>, open: &Span) {
    let line = c.source.line(c.here().start);
    let hint = match c.peek() {
        Some(_) => format!("`)` was expected before {} on line {line}", c.here_words()),
        None => format!("the file ends on line {line} without the `)`"),
    };
    c.report(Problem::new(Code::UnclosedParenthesis, "this `(` is never closed").label("opened here").hint(hint), open);
}

fn second_list(c: &mut Cursor<'_, '_>) {
    let problem = Problem::new(Code::Unexpected, "a second list of targets in one group")
        .hint("put all targets into one list, separated by commas, or begin a new group: `), ( ...`");
    c.report(problem, &c.here());
}

/// Targets directly inside of the group.
fn no_list(c: &mut Cursor<'_, '_>) {
    let shown = c.here_words();
    let is_local = c.peek().is_some_and(|t| c.text(t) == property::LOCAL);
    let hint = if is_local {
        property::NOT_LOCAL
    } else {
        "the targets stand in parentheses of their own: ( SYS.T1, SYS.T2 )"
    };
    let problem = Problem::new(Code::Unexpected, format!("{shown} cannot stand here"))
        .label("expected PROPERTY = VALUE or the list of targets")
        .hint(hint);
    c.report(problem, &c.here());
    c.skip_to(|c| matches!(c.peek_kind(), Some(Kind::Open | Kind::Close)) || c.at_assignment());
}

fn stray_mark(c: &mut Cursor<'_, '_>) {
    let shown = c.here_words();
    let hint = match c.peek_kind() {
        Some(Kind::Comma) => "no comma stands between the properties of a group; remove it",
        _ => "a group is ( REPLICATION_NAME_PREFIX = AKU_REP ( SYS.T1 ) )",
    };
    c.report(Problem::new(Code::Unexpected, format!("{shown} cannot stand here")).hint(hint), &c.here());
    c.next();
}

/// `"(" item { "," item } ")"`, the `(` being next.
fn list(c: &mut Cursor<'_, '_>, items: &mut Vec<Item>) {
    let Some(open) = c.eat(Kind::Open) else { return };
    let mut comma: Option<Span> = None;
    let mut any = false;
    loop {
        if c.at_top_assignment() || c.at_group_assignment() || c.peek().is_none() {
            unclosed(c, &open.span);
            return;
        }
        match c.peek_kind() {
            Some(Kind::Close) => {
                c.next();
                match comma {
                    Some(comma) => trailing_comma(c, &comma),
                    None if !any => {
                        let problem = Problem::new(Code::BadTarget, "the list of targets is empty")
                            .hint("write at least one: ( SYS.T1 )");
                        c.report(problem, &open.span);
                    }
                    None => {}
                }
                return;
            }
            Some(Kind::Comma) => {
                if let Some(token) = c.next() {
                    c.report(Problem::new(Code::Unexpected, "a comma with no target before it"), &token.span);
                }
                continue;
            }
            Some(Kind::Open | Kind::Word | Kind::Quoted) => items.extend(item(c)),
            Some(Kind::Unclosed) => {
                if let Some(token) = c.peek() {
                    unclosed_quote(c, token);
                }
            }
            Some(Kind::Equals | Kind::Dot) | None => {
                bad_target(c, "a target cannot begin here");
                resume(c);
            }
        }
        any = true;
        comma = c.eat(Kind::Comma).map(|t| t.span.clone());
        if comma.is_none() && matches!(c.peek_kind(), Some(Kind::Open | Kind::Word | Kind::Quoted)) {
            missing_comma(c);
        }
    }
}

fn trailing_comma(c: &mut Cursor<'_, '_>, comma: &Span) {
    let problem = Problem::new(Code::TrailingComma, "a comma after the last target").label("no target follows");
    c.report(problem.hint("remove it"), comma);
}

fn missing_comma(c: &mut Cursor<'_, '_>) {
    if c.at_top_assignment() || c.at_group_assignment() {
        return;
    }
    let problem = Problem::new(Code::MissingComma, format!("expected `,` or `)` before {}", c.here_words()))
        .hint("targets are separated by commas: SYS.T1, SYS.T2 PARTITION P1");
    c.report(problem, &c.here());
}

/// One target in either dialect; `None` when it was reported.
fn item(c: &mut Cursor<'_, '_>) -> Option<Item> {
    let read = if c.peek_kind() == Some(Kind::Open) { old_item(c) } else { target(c) };
    if read.is_none() {
        resume(c);
    }
    read
}

/// After an error inside of a list: to the next comma or to the end of the list.
fn resume(c: &mut Cursor<'_, '_>) {
    c.skip_to(|c| {
        matches!(c.peek_kind(), Some(Kind::Comma | Kind::Close)) || c.at_top_assignment() || c.at_group_assignment()
    });
}

fn old_item(c: &mut Cursor<'_, '_>) -> Option<Item> {
    let open = c.eat(Kind::Open)?;
    let assigns = assignments(c);
    if let Some(close) = c.eat(Kind::Close) {
        return Some(Item::Old { assigns, span: open.span.start..close.span.end });
    }
    if c.peek().is_none() || c.at_top_assignment() {
        unclosed(c, &open.span);
        return None;
    }
    let problem = Problem::new(Code::BadTarget, format!("{} cannot stand here", c.here_words()))
        .label("expected `)`, or USER_NAME and TABLE_NAME")
        .hint("an old-style target is ( USER_NAME = \"SYS\" TABLE_NAME = \"T1\" ), without a comma inside");
    c.report(problem, &c.here());
    c.skip_to(|c| matches!(c.peek_kind(), Some(Kind::Close)) || c.at_top_assignment() || c.at_group_assignment());
    c.eat(Kind::Close);
    None
}

fn target(c: &mut Cursor<'_, '_>) -> Option<Item> {
    let user = name(c)?;
    if c.eat(Kind::Dot).is_none() {
        bad_target_at(c, &user.span, format!("{} is not a target", c.source.quote(&user.span)));
        return None;
    }
    let table = name(c)?;
    if c.peek_kind() == Some(Kind::Dot) {
        bad_target(c, "a target has one dot");
        return None;
    }
    let partition = if partition_keyword(c) { Some(name(c)?) } else { None };
    let end = partition.as_ref().map_or(table.span.end, |p| p.span.end);
    Some(Item::Target { span: user.span.start..end, user, table, partition })
}

/// Takes PARTITION, in any case. A misspelling is reported and taken, too.
fn partition_keyword(c: &mut Cursor<'_, '_>) -> bool {
    let Some(token) = c.peek().filter(|t| t.kind == Kind::Word) else { return false };
    let word = c.text(token);
    if property::nearest(word, [PARTITION]).is_none() || c.second_is(Kind::Dot) {
        return false;
    }
    if !word.eq_ignore_ascii_case(PARTITION) {
        let words = format!("{} is no keyword", c.source.quote(&token.span));
        c.report(Problem::new(Code::BadTarget, words).hint("did you mean PARTITION?"), &token.span);
    }
    c.next();
    true
}

fn name(c: &mut Cursor<'_, '_>) -> Option<Name> {
    let token = c.peek()?;
    match token.kind {
        Kind::Word => {
            c.next();
            Some(Name { text: c.text(token).to_owned(), span: token.span.clone(), quoted: false })
        }
        Kind::Quoted => {
            c.next();
            Some(Name { text: unquote(c.text(token)), span: token.span.clone(), quoted: true })
        }
        Kind::Unclosed => {
            unclosed_quote(c, token);
            None
        }
        Kind::Open | Kind::Close | Kind::Comma | Kind::Equals | Kind::Dot => {
            bad_target(c, "a name is missing");
            None
        }
    }
}

fn bad_target(c: &mut Cursor<'_, '_>, words: &str) {
    let span = c.here();
    bad_target_at(c, &span, words.to_owned());
}

fn bad_target_at(c: &mut Cursor<'_, '_>, span: &Span, words: String) {
    let problem = Problem::new(Code::BadTarget, words)
        .label("expected USER.TABLE or USER.TABLE PARTITION NAME")
        .hint("for example SYS.T1, or SYS.\"Low Case\" PARTITION P1");
    c.report(problem, span);
}
