//! What must hold before anything is changed: tables, keys, properties. Refuses with every problem at once.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    attributes::{self, Known, ObjectOption, Others, Role, Shape},
    desired::{Object, ReplicationAddress},
    observe::{Mode, Pod, Replication, TableName, Unlike},
    plan::{
        Refusal, RefusalKind,
        action::{Action, Op},
        reason::{Code, Reason},
    },
    topology::{Identifier, Ordinal, ReplicationName, Target},
};

use super::cluster_view::ClusterView;

const DUPLICATE_HOSTS: &str = "REPLICATION_ALLOW_DUPLICATE_HOSTS";
const ALLOW_DUPLICATES: &str =
    "ALTER SYSTEM SET REPLICATION_ALLOW_DUPLICATE_HOSTS = 1, and the same in altibase.properties, on every pod";

/// Checks `pods`, which must have been seen; `creating` lists the objects that each pod will get.
pub(super) fn check(world: &ClusterView<'_>, pods: &[Ordinal], creating: &[(Ordinal, &Object)]) -> Result<(), Refusal> {
    let mut because = Vec::new();
    let mut next = Vec::new();
    for &pod in pods {
        let Some(seen) = world.pod(pod) else { continue };
        for target in world.desired.targets() {
            if let Some(text) = unfit(pod, seen, target) {
                because.push(Reason::new(Code::TargetUnfit, text));
            }
        }
        because.extend(unknown_attributes(world, pod, seen));
        let new = creating.iter().filter(|(k, _)| *k == pod).count();
        properties(world, pod, seen, new, &mut because, &mut next);
    }
    if because.is_empty() {
        return Ok(());
    }
    if because.iter().any(|r| r.code == Code::AttributeUnknown) {
        next.push("take the attributes out of aku.conf on every pod, or upgrade the servers that are named".to_owned());
    }
    if because.iter().any(|r| r.code == Code::TargetUnfit) {
        next.push("create or correct the tables named above on those pods, then run the same command again".to_owned());
    }
    Err(Refusal { kind: RefusalKind::Refused, because, next })
}

/// Compared by the handshake (`altibase.md` 3.14).
const TRANSACTIONS: &str = "TRANSACTION_TABLE_SIZE";

/// Whether the servers of `others` let the database of `me` in. Character sets stay for the life of a database, so a copy that
/// is refused now is refused for ever; what a server does not say bars nothing.
pub(super) fn let_in(world: &ClusterView<'_>, me: Ordinal, others: &[Ordinal]) -> Result<(), Refusal> {
    let Some(mine) = world.pod(me) else { return Ok(()) };
    let mut because = Vec::new();
    let mut next = Vec::new();
    let mut refused = |what: &str, code: &str, has: String, (pod, wants): (Ordinal, String), mend: String| {
        let text = format!(
            "pod {me} must be copied anew, which deletes its rows, and its {what} is {has}, that of pod {pod} is {wants}: the handshake refuses it ({code}); nothing was changed"
        );
        because.push(Reason::new(Code::UnlikeServers, text));
        if !next.contains(&mend) {
            next.push(mend);
        }
    };
    for (k, theirs) in others.iter().filter_map(|k| Some((*k, world.pod(*k)?))) {
        if let (Some(has), Some(wants)) = (&mine.server.characters, &theirs.server.characters)
            && has != wants
        {
            let mend = format!(
                "give pod {me} an empty volume, create its database with CHARACTER SET {} NATIONAL CHARACTER SET {}, and start it again",
                wants.database, wants.national
            );
            refused("character set", "ERR-610D1", has.to_string(), (k, wants.to_string()), mend);
        }
        if let (Some(has), Some(wants)) = (mine.property(TRANSACTIONS), theirs.property(TRANSACTIONS))
            && has != wants
        {
            let mend =
                format!("set {TRANSACTIONS} = {wants} in altibase.properties of pod {me} and restart its server");
            refused(TRANSACTIONS, "ERR-610CF", has.to_string(), (k, wants.to_string()), mend);
        }
    }
    if because.is_empty() { Ok(()) } else { Err(Refusal { kind: RefusalKind::Refused, because, next }) }
}

/// What aku.conf asks of a group and the release of this server does not have.
fn unknown_attributes(world: &ClusterView<'_>, pod: Ordinal, seen: &Pod) -> Option<Reason> {
    let version = seen.server.version.as_deref();
    match attributes::known_by(version) {
        Known::Yes | Known::CannotTell => return None,
        Known::No => {}
    }
    let words: BTreeSet<String> = world.desired.groups.values().flat_map(|g| g.attributes.words()).collect();
    let text = format!(
        "aku.conf asks for {}, and the server of pod {pod} is {}, which is older than {}",
        Vec::from_iter(&words).into_iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        version.unwrap_or("unknown"),
        attributes::SINCE
    );
    (!words.is_empty()).then(|| Reason::new(Code::AttributeUnknown, text))
}

pub fn unfit(pod: Ordinal, seen: &Pod, target: &Target) -> Option<String> {
    let table = || target.table_sql();
    let Some(found) = seen.tables.get(&TableName::of(target)) else {
        return Some(format!("pod {pod} has no table {}", table()));
    };
    let fits = found.is_table && found.primary_key && !found.foreign_key;
    if fits && target.partition.is_none() {
        return None;
    }
    let table = table();
    if !found.is_table {
        return Some(format!("on pod {pod}, {table} is no plain table, and only tables can be replicated"));
    }
    if !found.primary_key {
        return Some(format!("on pod {pod}, {table} has no primary key (ERR-61113), so it cannot be replicated"));
    }
    if found.foreign_key {
        return Some(format!("on pod {pod}, {table} has a foreign key (ERR-61112), so it cannot be replicated"));
    }
    match &target.partition {
        Some(p) if !found.partitions.contains(p) => {
            Some(format!("on pod {pod}, {table} has no partition {p}{}", partitions(found.partitions.iter())))
        }
        Some(_) | None => None,
    }
}

fn partitions<'a>(names: impl Iterator<Item = &'a Identifier>) -> String {
    let names: Vec<_> = names.map(ToString::to_string).collect();
    if names.is_empty() { " (it is not partitioned)".to_owned() } else { format!(" (it has {})", names.join(", ")) }
}

fn properties(
    world: &ClusterView<'_>,
    pod: Ordinal,
    seen: &Pod,
    new: usize,
    because: &mut Vec<Reason>,
    next: &mut Vec<String>,
) {
    if seen.property("REPLICATION_PORT_NO") == Some(0) {
        because.push(Reason::new(
            Code::PropertyBars,
            format!("REPLICATION_PORT_NO is 0 on pod {pod}: replication is switched off there"),
        ));
        next.push(format!("set REPLICATION_PORT_NO in altibase.properties of pod {pod} and restart its server"));
    }
    if new == 0 {
        return;
    }
    if world.desired.groups.len() > 1 && seen.property(DUPLICATE_HOSTS) == Some(0) {
        because.push(Reason::new(
            Code::PropertyBars,
            format!(
                "aku.conf has {} REPLICATIONS groups, so a pod holds several objects to the same peer address, and \
                 {DUPLICATE_HOSTS} is 0 on pod {pod} (ERR-6110C)",
                world.desired.groups.len()
            ),
        ));
        next.push(ALLOW_DUPLICATES.to_owned());
    }
    let max = seen.property("REPLICATION_MAX_COUNT").and_then(|n| usize::try_from(n).ok());
    let have = seen.replications.len();
    if let Some(max) = max.filter(|max| have + new > *max) {
        because.push(Reason::new(
            Code::PropertyBars,
            format!("pod {pod} holds {have} replications and needs {new} more, but REPLICATION_MAX_COUNT is {max} (ERR-61102)"),
        ));
        next.push(format!("raise REPLICATION_MAX_COUNT to {} or more on every pod and restart the servers, or use fewer groups or pods", have + new));
    }
}

/// Whether servers take the addresses that objects get where they stand: with REPLICATION_ALLOW_DUPLICATE_HOSTS 0, ADD HOST
/// refuses one that another object of the server has (ERR-6110C). What is dropped or led elsewhere by the plan is in nobody's way.
pub(super) fn addresses(world: &ClusterView<'_>, actions: &[Action]) -> Result<(), Refusal> {
    let mut because = Vec::new();
    for pod in world.seen() {
        let Some(seen) = world.pod(pod).filter(|p| p.property(DUPLICATE_HOSTS) == Some(0)) else { continue };
        let mut leads: BTreeMap<&ReplicationName, Vec<ReplicationAddress>> =
            seen.replications.iter().map(|(name, found)| (name, found.hosts.clone())).collect();
        let mut added: BTreeMap<ReplicationAddress, Vec<&ReplicationName>> = BTreeMap::new();
        for action in actions.iter().filter(|a| a.pod == pod) {
            if let Op::DropReplication { name, .. } = &action.op {
                leads.remove(name);
            }
            if let Op::ChangeHost { name, host, port, .. } = &action.op {
                let address = ReplicationAddress { host: host.clone(), port: *port };
                if !seen.replications.get(name).is_some_and(|r| r.hosts.contains(&address)) {
                    added.entry(address.clone()).or_default().push(name);
                }
                leads.insert(name, vec![address]);
            }
        }
        for (address, names) in added {
            let there = leads.values().filter(|hosts| hosts.contains(&address)).count();
            if there > 1 {
                let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                let text = format!(
                    "{} on pod {pod} would lead to {}:{}, as {there} objects there in all, and {DUPLICATE_HOSTS} is 0 (ERR-6110C)",
                    names.join(" and "),
                    address.host,
                    address.port,
                );
                because.push(Reason::new(Code::PropertyBars, text));
            }
        }
    }
    if because.is_empty() {
        return Ok(());
    }
    Err(Refusal { kind: RefusalKind::Refused, because, next: vec![ALLOW_DUPLICATES.to_owned()] })
}

/// How an existing object differs from what it should be, as a unified diff of the two CREATE texts; `None` when equal.
pub(super) fn difference(world: &ClusterView<'_>, pod: Ordinal, other: Ordinal, object: &Object) -> Option<String> {
    difference_from(world, pod, other, object, &world.desired.groups[&object.group].targets)
}

/// As [`difference`], where the object should have these targets.
pub(super) fn difference_from(
    world: &ClusterView<'_>,
    pod: Ordinal,
    other: Ordinal,
    object: &Object,
    targets: &[Target],
) -> Option<String> {
    let [have, want] = texts(world, pod, other, object, targets)?;
    let diff = similar::TextDiff::from_lines(&have, &want);
    Some(diff.unified_diff().header(&format!("{} on pod {pod}", object.name), "aku.conf").to_string())
}

/// The CREATE texts of an existing object and of what it should be; `None` when they are equal. A diff of them takes the
/// square of what differs, which is everything where thousands of tables are new.
pub(super) fn texts(
    world: &ClusterView<'_>,
    pod: Ordinal,
    other: Ordinal,
    object: &Object,
    targets: &[Target],
) -> Option<[String; 2]> {
    let found = world.replication(pod, object)?;
    let address = &world.desired.pods[&other];
    let of_group = targets.len() == world.desired.groups[&object.group].targets.len();
    let shape = world.desired.shape(pod, object);
    let here = found.hosts.iter().eq([address]) && found.unlike(&shape) == Unlike::default();
    if of_group && here && world.has_the_items_of(object.group, found) {
        return None;
    }
    let want = canonical(
        &object.name,
        shape.mode.as_str(),
        &asked(&shape),
        &[format!("'{}', {}", address.host, address.port)],
        targets.iter().map(|t| format!("FROM {t} TO {t}")).collect(),
    );
    let mode = match found.mode {
        Mode::Lazy => "LAZY".to_owned(),
        Mode::Eager => "EAGER".to_owned(),
        Mode::Other(n) => format!("mode {n}"),
    };
    let hosts: Vec<_> = found.hosts.iter().map(|h| format!("'{}', {}", h.host, h.port)).collect();
    let have = canonical(
        &object.name,
        &mode,
        &options(found, &shape),
        &hosts,
        found.items.iter().map(|i| format!("FROM {} TO {}", i.local, i.remote)).collect(),
    );
    (want != have).then_some([have, want])
}

fn canonical(
    name: &ReplicationName,
    mode: &str,
    options: &[String],
    hosts: &[String],
    mut items: Vec<String>,
) -> String {
    items.sort();
    let options = options.iter().fold(String::new(), |text, o| text + o + "\n");
    format!("CREATE {mode} REPLICATION {name}\n{options}WITH {}\n{}\n", hosts.join(" "), items.join("\n"))
}

/// What stands in an object beside mode, hosts and items, one line each.
fn options(found: &Replication, shape: &Shape) -> Vec<String> {
    let (set, others) = ObjectOption::of_mask(found.options);
    let changes = found.unlike(shape).set;
    let as_asked = |option: ObjectOption| {
        let asked = shape.options.iter().find(|o| o.kind() == option);
        asked.filter(|o| !changes.contains(o)).map(|o| format!("OPTIONS {o}"))
    };
    let mut all: Vec<String> = set
        .into_iter()
        .map(|option| match (as_asked(option), option) {
            (Some(line), _) => line,
            (None, ObjectOption::Parallel) => match found.applier_buffer.filter(|bytes| *bytes != 0) {
                None => format!("OPTIONS PARALLEL {}", found.parallel_applier),
                Some(bytes) => format!("OPTIONS PARALLEL {} with {bytes} bytes", found.parallel_applier),
            },
            (None, ObjectOption::Recovery | ObjectOption::Offline | ObjectOption::Gapless | ObjectOption::Grouping) => {
                format!("OPTIONS {option}")
            }
        })
        .collect();
    if others == Others::Some {
        all.push(format!("OPTIONS {}", found.options));
    }
    let numbers = [("ROLE", found.role), ("CONFLICT_RESOLUTION", found.conflict_resolution)];
    all.extend(numbers.iter().filter(|(_, n)| *n != 0).map(|(name, n)| format!("{name} {n}")));
    all
}

/// The same of what aku.conf asks for.
fn asked(shape: &Shape) -> Vec<String> {
    let options = shape.options.iter().map(|o| format!("OPTIONS {o}"));
    options.chain(shape.role.map(|role| format!("CONFLICT_RESOLUTION {}", Role::number(Some(role))))).collect()
}

/// Bits of OPTIONS that the handshake compares: RECOVERY and LOCAL (`altibase.md` 3.7).
pub(super) const COMPARED: i64 = 1 | 32;

/// Whether the handshake takes two sides with these CONFLICT_RESOLUTIONs: none, or one of each (ERR-610CC).
pub(super) fn roles_fit(mine: i64, theirs: i64) -> bool {
    matches!((mine, theirs), (0, 0) | (1, 2) | (2, 1))
}

/// Whether an object leads to its peer and has these targets, so that a peer made as aku.conf says lets it in.
pub(super) fn is_let_in(
    world: &ClusterView<'_>,
    pod: Ordinal,
    other: Ordinal,
    object: &Object,
    targets: &[Target],
) -> bool {
    let Some(found) = world.replication(pod, object) else { return true };
    let shape = world.desired.shape(pod, object);
    let here = found.mode.is(shape.mode)
        && (found.options ^ shape.mask()) & COMPARED == 0
        && found.conflict_resolution == Role::number(shape.role)
        && found.hosts.iter().eq([&world.desired.pods[&other]]);
    let wanted: BTreeSet<_> = targets.iter().collect();
    here && found.items.iter().all(|i| i.local == i.remote)
        && found.items.iter().map(|i| &i.local).collect::<BTreeSet<_>>() == wanted
}
