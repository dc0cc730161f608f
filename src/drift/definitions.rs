//! Objects as they were made: which exist, and what they say. A definition is judged on every pod that answers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Kind, Scope, Standing, remedy::Way};
use crate::{
    attributes::{GroupMode, ObjectOption, Others, Role},
    conf::GroupId,
    desired::Object,
    found::parts,
    observe::{Item, Mode, Pod, Replication},
    topology::{Ordinal, Position, ReplicationName},
};

pub(super) fn examine(scope: Scope<'_>, standings: &BTreeMap<Ordinal, Standing>) -> Vec<Difference> {
    let mut all = Vec::new();
    for (pod, seen) in scope.seen() {
        match standings.get(&pod) {
            Some(Standing::InService | Standing::Closed) => missing(scope, pod, seen, &mut all),
            // The next start creates them; a pod apart is told as a whole.
            Some(
                Standing::Apart
                | Standing::Unfinished
                | Standing::Lost
                | Standing::Joining
                | Standing::Left
                | Standing::NotThere
                | Standing::Down
                | Standing::Unseen,
            )
            | None => {}
        }
        items(scope, pod, seen, &mut all);
        for (other, object) in scope.desired.objects_of(pod) {
            if let Some(found) = seen.replications.get(&object.name) {
                name(scope, pod, other, object, &mut all);
                address(scope, pod, other, object, found, &mut all);
                options(scope, pod, object, found, &mut all);
            }
        }
        strangers(scope, pod, seen, &mut all);
    }
    all
}

fn missing(scope: Scope<'_>, pod: Ordinal, seen: &Pod, all: &mut Vec<Difference>) {
    for (other, object) in scope.desired.objects_of(pod).filter(|(_, o)| !seen.replications.contains_key(&o.name)) {
        all.push(
            Difference::new(Kind::ObjectMissing, pod, "object", "missing")
                .object(&object.name)
                .text(format!("aku.conf asks for it between pods {pod} and {other}"))
                .mended(Way::Usual),
        );
    }
}

fn wanted(scope: Scope<'_>, group: GroupId) -> BTreeSet<Item> {
    let targets = &scope.desired.groups[&group].targets;
    targets.iter().map(|t| Item { local: t.clone(), remote: t.clone() }).collect()
}

fn shown(item: &Item) -> String {
    if item.local == item.remote { item.local.to_string() } else { format!("{} to {}", item.local, item.remote) }
}

fn listed<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    items.map(shown).collect::<Vec<_>>().join(", ")
}

fn items(scope: Scope<'_>, pod: Ordinal, seen: &Pod, all: &mut Vec<Difference>) {
    for group in scope.desired.groups.keys().copied() {
        let want = wanted(scope, group);
        let of_group = || scope.desired.objects_of(pod).filter(|(_, o)| o.group == group);
        let found: Vec<(&Object, &Replication)> =
            of_group().filter_map(|(_, o)| Some((o, seen.replications.get(&o.name)?))).collect();
        if let Some(difference) = another_conf(pod, &found, &want) {
            all.push(difference);
            continue;
        }
        for (object, r) in found {
            for item in want.difference(&r.items) {
                let text = format!(
                    "aku.conf names {}, and the object does not replicate it: its changes do not travel",
                    shown(item)
                );
                let headline = format!("lacks {}", shown(item));
                let fact = format!("item {}", shown(item));
                let difference = Difference::new(Kind::ItemMissing, pod, fact, headline);
                all.push(difference.object(&object.name).text(text).mended(Way::Usual));
            }
            for item in r.items.difference(&want) {
                let headline = format!("has {}, aku.conf does not", shown(item));
                let text = format!("added by hand? aku.conf names {}", listed(want.iter()));
                let fact = format!("item {}", shown(item));
                let difference = Difference::new(Kind::ItemExtra, pod, fact, headline);
                all.push(difference.object(&object.name).text(text).mended(Way::Usual));
            }
        }
    }
}

/// Two or more objects of one group on one pod, all with the same other tables.
fn another_conf(pod: Ordinal, found: &[(&Object, &Replication)], want: &BTreeSet<Item>) -> Option<Difference> {
    let (first, r) = found.first()?;
    let same = found.len() > 1 && *r.items != *want && found.iter().all(|(_, other)| other.items == r.items);
    same.then(|| {
        let text = format!(
            "all {} objects of the group on pod {pod} replicate {}; aku.conf names {}: was the pod set up from another \
             aku.conf, or is this one not the current one?",
            found.len(),
            if r.items.is_empty() { "nothing".to_owned() } else { listed(r.items.iter()) },
            listed(want.iter())
        );
        let prefix = prefix(first);
        Difference::new(Kind::ConfDiffers, pod, "items", "was set up from another aku.conf")
            .object(&prefix)
            .text(text)
            .mended(Way::Usual)
    })
}

/// The name of an object without its two ordinals.
fn prefix(object: &Object) -> &str {
    let name = object.name.as_str();
    name.rsplit_once('_').map_or(name, |(prefix, _)| prefix)
}

fn name(scope: Scope<'_>, pod: Ordinal, other: Ordinal, object: &Object, all: &mut Vec<Difference>) {
    if let Some(wanted) = scope.desired.renames.get(&object.name) {
        all.push(
            Difference::new(Kind::ObjectName, pod, "name", format!("is called {wanted} in aku.conf"))
                .peer(other)
                .object(&object.name)
                .text("REPLICATION_NAME_PREFIX was changed, or the count of pods passed ten; it replicates as before")
                .mended(Way::Usual),
        );
    }
}

fn address(
    scope: Scope<'_>,
    pod: Ordinal,
    other: Ordinal,
    object: &Object,
    found: &Replication,
    all: &mut Vec<Difference>,
) {
    let want = &scope.desired.pods[&other];
    let hosts: BTreeSet<&str> = found.hosts.iter().map(|h| h.host.as_str()).collect();
    let ports: BTreeSet<u16> = found.hosts.iter().map(|h| h.port).collect();
    if hosts != BTreeSet::from([want.host.as_str()]) {
        let has = if hosts.is_empty() { "nowhere".to_owned() } else { Vec::from_iter(hosts).join(", ") };
        all.push(
            Difference::new(Kind::Host, pod, "host", format!("leads to {has}"))
                .object(&object.name)
                .text(format!("pod {other} is at {}", want.host))
                .mended(Way::Usual),
        );
    }
    if !ports.is_empty() && ports != BTreeSet::from([want.port]) {
        let has: Vec<_> = ports.iter().map(ToString::to_string).collect();
        all.push(
            Difference::new(Kind::Port, pod, "port", format!("leads to port {}", has.join(", ")))
                .object(&object.name)
                .text(format!("pod {other} listens on {}", want.port))
                .mended(Way::Usual),
        );
    }
}

/// Mode, role and options, column by column. Without attributes each is 0 (`altibase.md` 2.1).
fn options(scope: Scope<'_>, pod: Ordinal, object: &Object, found: &Replication, all: &mut Vec<Difference>) {
    let shape = scope.desired.shape(pod, object);
    let mode = match found.mode {
        Mode::Lazy => "LAZY".to_owned(),
        Mode::Eager => "EAGER".to_owned(),
        Mode::Other(n) => format!("mode {n}"),
    };
    if !found.mode.is(shape.mode) {
        let text = match shape.mode {
            GroupMode::Lazy => "an eager object cannot be pinned, so no pod can join beside it",
            GroupMode::Eager => "a commit does not wait for the peer, as MODE = EAGER of aku.conf asks for",
        };
        all.push(
            Difference::new(Kind::Mode, pod, "mode", format!("is {mode}, not {}", shape.mode.as_str()))
                .object(&object.name)
                .text(text)
                .mended(remade(object, found)),
        );
    }
    let (appliers, bytes) = shape.appliers();
    let numbers = [
        ("OPTIONS", found.options, shape.mask()),
        ("ROLE", found.role, 0),
        ("CONFLICT_RESOLUTION", found.conflict_resolution, Role::number(shape.role)),
        ("PARALLEL_APPLIER_COUNT", found.parallel_applier, appliers),
        ("APPLIER_INIT_BUFFER_SIZE", found.applier_buffer.unwrap_or(bytes), bytes),
    ];
    let others = ObjectOption::of_mask(found.options).1 == Others::Some;
    for (name, n, want) in numbers.into_iter().filter(|(_, n, want)| n != want) {
        let in_place = match name {
            "OPTIONS" => !others,
            "PARALLEL_APPLIER_COUNT" | "APPLIER_INIT_BUFFER_SIZE" => true,
            _ => false,
        };
        let way = if in_place { Way::Usual } else { remade(object, found) };
        all.push(
            Difference::new(Kind::OptionSet, pod, name, format!("{name} is {n}, aku.conf asks for {}", asked(want)))
                .object(&object.name)
                .text(if name == "OPTIONS" && found.options & ObjectOption::Offline.bit() != 0 {
                    "OFFLINE is left by a recovery of a log that broke off, or was set by hand".to_owned()
                } else if shape.is_plain() {
                    "set by hand with ALTER REPLICATION or CREATE REPLICATION OPTIONS".to_owned()
                } else {
                    format!("aku.conf has {}", scope.desired.groups[&object.group].attributes.words().join(", "))
                })
                .mended(way),
        );
    }
}

fn asked(number: i64) -> String {
    if number == 0 { "none".to_owned() } else { number.to_string() }
}

/// What only DROP and CREATE change has to wait until the pair holds no position: one of its pods ends first.
fn remade(object: &Object, found: &Replication) -> Way {
    match found.position {
        Position::Live(_) => Way::End(object.pair.high()),
        Position::Reset => Way::Usual,
    }
}

/// Between two pods of aku.conf, by the end of its name and the address that it leads to: of a group that was there once.
fn is_shaped_like_ours(scope: Scope<'_>, pod: Ordinal, name: &ReplicationName, found: &Replication) -> bool {
    let Some((_, low, high)) = parts(name.as_str()) else { return false };
    let peer = if pod == low { high } else { low };
    [low, high].contains(&pod) && scope.desired.pods.get(&peer).is_some_and(|address| found.hosts.contains(address))
}

/// Objects that aku.conf does not know. Those that have nothing to do with our tables are nobody's business.
fn strangers(scope: Scope<'_>, pod: Ordinal, seen: &Pod, all: &mut Vec<Difference>) {
    let prefixes: BTreeSet<&str> = scope.desired.objects.iter().map(prefix).collect();
    let ours = |name: &ReplicationName| scope.desired.objects_of(pod).any(|(_, o)| o.name == *name);
    for (name, r) in seen.replications.iter().filter(|(name, _)| !ours(name)) {
        let numbered = name.as_str().rsplit_once('_').is_some_and(|(prefix, ordinals)| {
            prefixes.contains(prefix) && ordinals.len() >= 2 && ordinals.bytes().all(|b| b.is_ascii_digit())
        });
        let tables: BTreeSet<String> = r
            .items
            .iter()
            .filter(|i| scope.desired.targets().any(|t| t.user == i.local.user && t.table == i.local.table))
            .map(|i| i.local.table_sql())
            .collect();
        if scope.desired.renames.values().any(|wanted| wanted == name) {
            let text = "it is to take over from an object with another name, and that broke off";
            let difference = Difference::new(Kind::ObjectSurplus, pod, "object", "not in use yet").object(name);
            all.push(difference.text(text).mended(Way::Usual));
        } else if numbered || (!tables.is_empty() && is_shaped_like_ours(scope, pod, name, r)) {
            let kept = match r.position {
                Position::Live(sn) => format!("; it keeps log from SN {sn} on"),
                Position::Reset => String::new(),
            };
            let text = if numbered {
                format!("named like ours, but aku.conf has no such pair; was AKU_SERVER_COUNT lowered?{kept}")
            } else {
                format!("made like ours, for a group or under a prefix that aku.conf does not have (any more){kept}")
            };
            let difference = Difference::new(Kind::ObjectSurplus, pod, "object", "not in aku.conf").object(name);
            all.push(difference.text(text).mended(Way::Usual));
        } else if !tables.is_empty() {
            let tables = Vec::from_iter(tables).join(", ");
            let text = format!("it replicates {tables}; aku never touches it [P010]");
            let difference = Difference::new(Kind::ForeignObject, pod, "object", "foreign object on our tables");
            all.push(difference.object(name).text(text).mended(Way::Usual));
        }
    }
}
