//! Mode, conflict rule and options of a group: words, ranges, and what goes together.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::scalars::number;
use crate::{
    attributes::{Appliers, Attributes, Buffer, Conflict, EagerRefuses, GroupMode, GroupOption, ObjectOption},
    conf::{
        problem::{Code, Log, Problem},
        property::{APPLIERS, CONFLICT, FLAGS, MODE, Number},
        syntax::Assign,
    },
    topology::ServerCount,
};

/// Something was wrong, and the log has it.
struct Reported;

/// Of one group; `None` where something was reported.
pub(super) fn read(
    given: &BTreeMap<&str, &Assign>,
    count: Option<ServerCount>,
    log: &mut Log<'_>,
) -> Option<Attributes> {
    // Everything is read before the first `?`, so that everything wrong is reported.
    let mode = word(given.get(MODE), GroupMode::ALL, GroupMode::as_str, log);
    let conflict = word(given.get(CONFLICT), Conflict::ALL, Conflict::as_str, log);
    let parallel = match given.get(APPLIERS) {
        Some(assign) => parallel(assign, log),
        None => Ok(None),
    };
    let kinds = [GroupOption::Recovery, GroupOption::Gapless, GroupOption::Grouping];
    let flags: Vec<_> =
        FLAGS.into_iter().zip(kinds).map(|(key, option)| flag(given.get(key), key, option, log)).collect();
    let options: Result<Vec<Option<GroupOption>>, Reported> = flags.into_iter().chain([parallel]).collect();
    let options = options.ok()?.into_iter().flatten();
    let attributes = match Attributes::new(mode?, conflict?, options) {
        Ok(attributes) => attributes,
        Err(EagerRefuses(option)) => {
            let problem = Problem::new(Code::EagerOption, format!("{option} is not possible with MODE = EAGER"))
                .label("the server refuses it")
                .hint("an EAGER commit has reached the peer already; take one of the two out");
            if let Some(assign) = given.get(option.as_str()) {
                log.report(problem, &assign.key_span);
            }
            return None;
        }
    };
    fits(given, &attributes, count, log);
    Some(attributes)
}

fn fits(given: &BTreeMap<&str, &Assign>, attributes: &Attributes, count: Option<ServerCount>, log: &mut Log<'_>) {
    let Some(many) = count.map(ServerCount::get).filter(|n| *n > 2) else { return };
    if let (true, Some(assign)) = (attributes.has(ObjectOption::Recovery), given.get(ObjectOption::Recovery.as_str())) {
        let words =
            format!("RECOVERY with {many} servers: a server takes a table in one object with RECOVERY (ERR-61114)");
        let hint = "each pod has an object with the same tables towards every other; with 2 servers there is one";
        log.report(Problem::new(Code::RecoveryTwice, words).hint(hint), &assign.key_span);
    }
    if let (GroupMode::Eager, Some(assign)) = (attributes.mode(), given.get(MODE)) {
        let words = format!("EAGER with {many} servers: a pod is copied only while pod 0 alone is in service");
        let hint =
            "an EAGER object cannot be pinned (ERR-61121), so a full join beside another slave is refused (X209)";
        log.report(Problem::new(Code::EagerMesh, words).hint(hint), &assign.value.span);
    }
}

/// One of the words, in capitals or small letters; the first without a line.
fn word<T: Copy, const N: usize>(
    assign: Option<&&Assign>,
    all: [T; N],
    shown: fn(T) -> &'static str,
    log: &mut Log<'_>,
) -> Option<T> {
    let Some(assign) = assign else { return all.first().copied() };
    let found = all.into_iter().find(|w| shown(*w).eq_ignore_ascii_case(&assign.value.text));
    if found.is_none() {
        let words: Vec<_> = all.into_iter().map(shown).collect();
        let problem = Problem::new(Code::OutOfRange, format!("{} is none of its words", assign.key))
            .label(format!("expected {}", words.join(" or ")))
            .hint(format!("without this line it is {}", words[0]));
        log.report(problem, &assign.value.span);
    }
    found
}

/// An option that is there or not.
fn flag(
    assign: Option<&&Assign>,
    key: &'static str,
    option: GroupOption,
    log: &mut Log<'_>,
) -> Result<Option<GroupOption>, Reported> {
    let Some(assign) = assign else { return Ok(None) };
    let n = number(&assign.value, key, &Number { range: 0..=1, default: 0 }, log).ok_or(Reported)?;
    Ok((n == 1).then_some(option))
}

/// `n`, or `n` and a size; 0 is none.
fn parallel(assign: &Assign, log: &mut Log<'_>) -> Result<Option<GroupOption>, Reported> {
    let value = &assign.value;
    let (first, rest) = value.text.trim().split_once(' ').unwrap_or((value.text.trim(), ""));
    let out_of_range = |label: String, log: &mut Log<'_>| {
        let problem = Problem::new(Code::OutOfRange, format!("{APPLIERS} is out of range")).label(label);
        log.report(problem.hint("PARALLEL 4, or PARALLEL 4 10M with the size of a buffer"), &value.span);
        Err(Reported)
    };
    let most = *Appliers::RANGE.end();
    let expected = format!("expected a number from 0 to {most}");
    if first.is_empty() || !first.bytes().all(|b| b.is_ascii_digit()) {
        let problem = Problem::new(Code::NotANumber, format!("{APPLIERS} is not a number")).label(expected);
        log.report(problem.hint("PARALLEL 4, or PARALLEL 4 10M with the size of a buffer"), &value.span);
        return Err(Reported);
    }
    // Only digits: what does not parse is too large.
    let Some(n) = first.parse::<u16>().ok().filter(|n| *n <= most) else { return out_of_range(expected, log) };
    let buffer = match rest.trim() {
        "" => None,
        size => match size.parse::<Buffer>() {
            Ok(buffer) => Some(buffer),
            Err(expected) => return out_of_range(format!("expected {expected}"), log),
        },
    };
    match (Appliers::new(n), buffer) {
        (Some(appliers), buffer) => Ok(Some(GroupOption::Parallel { appliers, buffer })),
        (None, None) => Ok(None),
        (None, Some(_)) => out_of_range("0 switches it off, and then there is no buffer".to_owned(), log),
    }
}
