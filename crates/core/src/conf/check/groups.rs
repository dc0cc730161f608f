//! The REPLICATIONS groups: names, SYNC threads, targets, and that no two of them are in each other's way.

use std::collections::BTreeMap;

use super::{
    attributes, names,
    scalars::{duplicate, number, unknown},
};
use crate::{
    conf::{
        GroupConf, Span,
        origin::{GroupOrigin, Origin, Origins},
        problem::{Code, Log, Problem, missing},
        property::{
            self, ATTRIBUTES, GROUP_KEYS, ITEM_KEYS, Number, PARALLEL, PARALLEL_RANGE, PREFIX, TABLE_NAME, USER_NAME,
        },
        syntax::{Assign, File, Group, Health, Item, Value},
    },
    ledger,
    topology::{Identifier, ReplicationName, ServerCount, Target},
};

const EXAMPLE: &str = "it has no default; add REPLICATIONS = ( REPLICATION_NAME_PREFIX = AKU_REP ( SYS.T1, SYS.T2 ) )";

/// More groups than this are no configuration; a group's index is a byte.
const MOST_GROUPS: usize = 128;

/// A target that was read, and where.
struct Placed {
    group: usize,
    partition: Option<Identifier>,
    span: Span,
}

/// What is known of the groups read so far.
#[derive(Default)]
struct Seen {
    /// Prefix to the line it stands on.
    prefixes: BTreeMap<String, usize>,
    /// Table to its places.
    tables: BTreeMap<(Identifier, Identifier), Vec<Placed>>,
}

/// All groups; `None` when there are none or one is not complete.
pub(super) fn read(
    file: &File,
    count: Option<ServerCount>,
    origins: &mut Origins,
    log: &mut Log<'_>,
) -> Option<Vec<GroupConf>> {
    if file.groups.is_empty() {
        if !file.mentioned.iter().any(|key| key == property::REPLICATIONS) {
            log.report_missing(missing(property::REPLICATIONS).hint(EXAMPLE));
        }
        return None;
    }
    if let Some(surplus) = file.groups.get(MOST_GROUPS) {
        let words = format!("{} groups, the limit is {MOST_GROUPS}", file.groups.len());
        log.report(Problem::new(Code::OutOfRange, words), &surplus.open);
        return None;
    }
    let mut seen = Seen::default();
    let groups: Vec<_> =
        file.groups.iter().enumerate().map(|(i, g)| group(i, g, count, &mut seen, origins, log)).collect();
    groups.into_iter().collect()
}

fn group(
    index: usize,
    group: &Group,
    count: Option<ServerCount>,
    seen: &mut Seen,
    origins: &mut Origins,
    log: &mut Log<'_>,
) -> Option<GroupConf> {
    let given = by_key(&group.assigns, &GROUP_KEYS, log);
    let line = |key: &str| given.get(key).map(|a| log.source().line(a.key_span.start));
    origins.groups.push(GroupOrigin {
        open: log.source().line(group.open.start),
        prefix: line(PREFIX).map_or(Origin::Nowhere, Origin::Line),
        parallel: line(PARALLEL).map_or(Origin::Default, Origin::Line),
        attributes: ATTRIBUTES.into_iter().filter_map(|key| Some((key, line(key)?))).collect(),
    });
    if !given.contains_key(PREFIX) && group.health == Health::Sound {
        log.report(missing(PREFIX).label("in this group").hint("it has no default"), &group.open);
    }
    let prefix = given.get(PREFIX).and_then(|assign| prefix(assign, count, seen, log));
    let limits = Number { range: PARALLEL_RANGE, default: *PARALLEL_RANGE.start() };
    let parallel = match given.get(PARALLEL) {
        Some(assign) => number(&assign.value, PARALLEL, &limits, log),
        None => Some(limits.default),
    };
    let attributes = attributes::read(&given, count, log);
    let targets: Vec<_> = group.items.iter().map(|item| target(index, item, seen, log)).collect();
    let targets: Option<Vec<_>> = targets.into_iter().collect();
    Some(GroupConf {
        prefix: prefix?,
        sync_parallel: parallel.and_then(|n| u8::try_from(n).ok())?,
        attributes: attributes?,
        targets: targets.filter(|t| !t.is_empty())?,
    })
}

/// The assignments of a group or of an old-style target; unknown and repeated keys are reported.
fn by_key<'f>(assigns: &'f [Assign], keys: &[&'static str], log: &mut Log<'_>) -> BTreeMap<&'f str, &'f Assign> {
    let mut given: BTreeMap<&str, &Assign> = BTreeMap::new();
    for assign in assigns {
        match given.get(assign.key.as_str()) {
            _ if !keys.contains(&assign.key.as_str()) => unknown(assign, keys.iter().copied(), log),
            Some(first) => duplicate(assign, first, log),
            None => {
                given.insert(&assign.key, assign);
            }
        }
    }
    given
}

fn prefix(assign: &Assign, count: Option<ServerCount>, seen: &mut Seen, log: &mut Log<'_>) -> Option<String> {
    let value = &assign.value;
    if value.text.is_empty() {
        log.report(missing(PREFIX).label("it has no value"), &assign.key_span);
        return None;
    }
    let name = names::catalog_name(&value.text);
    if let Some((code, words, hint)) = names::bad_character(&name, PREFIX) {
        log.report(Problem::new(code, words).hint(hint), &value.span);
        return None;
    }
    let line = log.source().line(value.span.start);
    if let Some(first) = seen.prefixes.insert(name.clone(), line) {
        let problem = Problem::new(Code::DuplicatePrefix, format!("two groups are named {name}"))
            .label(format!("the first is on line {first}"))
            .hint("give each group a prefix of its own: it names the replication objects");
        log.report(problem, &value.span);
        return None;
    }
    // `_` and two ordinals of one digit each, or of two when there are more than ten pods.
    let (suffix, example) = if count.is_some_and(|c| c.get() > 10) { (5, "0001") } else { (3, "01") };
    let limit = ReplicationName::MAX_BYTES - suffix;
    if name.len() > limit {
        let words = format!("{PREFIX} has {} bytes, the limit is {limit}", name.len());
        let hint = format!("the server takes {} bytes in all, with _{example} at the end", ReplicationName::MAX_BYTES);
        log.report(Problem::new(Code::PrefixTooLong, words).hint(hint), &value.span);
        return None;
    }
    Some(name)
}

fn target(group: usize, item: &Item, seen: &mut Seen, log: &mut Log<'_>) -> Option<Target> {
    let (target, span) = match item {
        Item::Target { user, table, partition, span } => {
            let user = names::target_name(user, "user name", log);
            let table = names::target_name(table, "table name", log);
            let partition = match partition {
                Some(name) => Some(names::target_name(name, "partition name", log)?),
                None => None,
            };
            (Target { user: user?, table: table?, partition }, span)
        }
        Item::Old { assigns, span } => {
            let given = by_key(assigns, &ITEM_KEYS, log);
            let user = old(&given, USER_NAME, span, log);
            let table = old(&given, TABLE_NAME, span, log);
            (Target { user: user?, table: table?, partition: None }, span)
        }
    };
    if target.user.as_str() == ledger::OWNER && target.table.as_str() == ledger::TABLE {
        let problem =
            Problem::new(Code::BadTarget, format!("{target} is aku's own ledger, which is different on every pod"))
                .hint("remove it; it is never replicated");
        log.report(problem, span);
        return None;
    }
    let places = seen.tables.entry((target.user.clone(), target.table.clone())).or_default();
    let clash = places.iter().find(|p| overlap(p.partition.as_ref(), target.partition.as_ref()));
    if let Some(first) = clash {
        let problem = clash_problem(group, &target, first, log);
        log.report(problem, span);
        return None;
    }
    places.push(Placed { group, partition: target.partition.clone(), span: span.clone() });
    Some(target)
}

fn old(given: &BTreeMap<&str, &Assign>, key: &str, item: &Span, log: &mut Log<'_>) -> Option<Identifier> {
    match given.get(key) {
        Some(Assign { value: Value { text, .. }, key_span, .. }) if text.is_empty() => {
            log.report(missing(key).label("it has no value"), key_span);
            None
        }
        Some(assign) => names::old_name(&assign.value, key, log),
        None => {
            log.report(missing(key).label("in this target"), item);
            None
        }
    }
}

/// A table and any partition of it overlap; two partitions do when they are the same.
fn overlap(a: Option<&Identifier>, b: Option<&Identifier>) -> bool {
    match (a, b) {
        (None, _) | (_, None) => true,
        (Some(a), Some(b)) => a == b,
    }
}

fn clash_problem(group: usize, target: &Target, first: &Placed, log: &Log<'_>) -> Problem {
    let label = format!("the first is on line {}", log.source().line(first.span.start));
    if first.group != group {
        // The server takes it, but each change would travel twice, and a joining pod could not be copied: the second
        // group's SYNC would meet a table that the first has filled (DESIGN D16).
        return Problem::new(Code::SharedTarget, format!("{target} is in two groups"))
            .label(label)
            .hint("keep it in one: each change would be sent twice, and a new pod could not be filled");
    }
    if first.partition == target.partition {
        Problem::new(Code::DuplicateTarget, format!("{target} is in this group twice")).label(label).hint("remove one")
    } else {
        let words = format!("{} is in this group both as a whole and as a partition", target.table_sql());
        Problem::new(Code::DuplicateTarget, words).label(label).hint("keep the table, or only its partitions")
    }
}
