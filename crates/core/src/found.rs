//! Objects that still carry another REPLICATION_NAME_PREFIX: which of the objects that were found is which object of
//! `aku.conf`. Pure; decides names only.
//!
//! `aku.conf` may get another prefix while pods replicate under the old one, and a count beyond ten adds digits to every
//! name. What a pod holds is then recognised by its shape: the two pods that its name ends with, the address of the one on
//! the other, and tables of one group. Until `reconcile` has put an object of the wanted name in its place, every command
//! works with the name that is there: the pods are as connected as they were.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use foldhash::HashSet;

use crate::{
    conf::GroupId,
    desired::{Desired, Object},
    observe::{Item, Observed, Replication, Side},
    topology::{Ordinal, Pair, ReplicationName},
};

/// Prefix and both pods of a name made by our rule: `<prefix>_<i><j>`, two digits each where there are more than ten pods.
#[must_use]
pub fn parts(name: &str) -> Option<(&str, Ordinal, Ordinal)> {
    let (prefix, digits) = name.rsplit_once('_')?;
    let half = match digits.len() {
        2 => 1,
        4 => 2,
        _ => return None,
    };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (low, high): (Ordinal, Ordinal) = (number(digits.get(..half)?)?, number(digits.get(half..)?)?);
    (low < high).then_some((prefix, low, high))
}

/// The same desire, with the names under which its objects are there; [`Desired::renames`] says what they should be called.
#[must_use]
pub fn as_found<'d>(desired: &'d Desired, observed: &Observed) -> Cow<'d, Desired> {
    if !desired.renames.is_empty() {
        // Made from an earlier look.
        let mut plain = desired.clone();
        for object in &mut plain.objects {
            if let Some(wanted) = plain.renames.get(&object.name) {
                object.name = wanted.clone();
            }
        }
        plain.renames.clear();
        return Cow::Owned(as_found(&plain, observed).into_owned());
    }
    let names: HashSet<&ReplicationName> = desired.objects.iter().map(|o| &o.name).collect();
    let mut old: BTreeMap<Pair, BTreeSet<&ReplicationName>> = BTreeMap::new();
    for (pod, name, found) in held(observed).filter(|(_, name, _)| !names.contains(name)) {
        if let Some(pair) = pair_of(desired, pod, name, found) {
            old.entry(pair).or_default().insert(name);
        }
    }
    if old.is_empty() {
        return Cow::Borrowed(desired);
    }
    let mut renames: BTreeMap<ReplicationName, ReplicationName> = BTreeMap::new();
    let mut found = desired.clone();
    for (pair, olds) in old {
        for (name, object) in of_pair(desired, observed, pair, &olds) {
            if is_in_place(observed, name, object) {
                continue;
            }
            if let Some(o) = found.objects.iter_mut().find(|o| o.pair == pair && o.group == object.group) {
                o.name = name.clone();
                renames.insert(name.clone(), object.name.clone());
            }
        }
    }
    if renames.is_empty() {
        return Cow::Borrowed(desired);
    }
    found.renames = renames;
    Cow::Owned(found)
}

fn held(observed: &Observed) -> impl Iterator<Item = (Ordinal, &ReplicationName, &Replication)> {
    let seen = observed.pods.keys().filter_map(|k| Some((*k, observed.pod(*k)?)));
    seen.flat_map(|(k, pod)| pod.replications.iter().map(move |(name, found)| (k, name, found)))
}

/// The pods that an object is between, by its name and the address that it leads to.
fn pair_of(desired: &Desired, pod: Ordinal, name: &ReplicationName, found: &Replication) -> Option<Pair> {
    let (_, low, high) = parts(name.as_str())?;
    let peer = match pod {
        p if p == low => high,
        p if p == high => low,
        _ => return None,
    };
    desired.pods.contains_key(&pod).then_some(())?;
    found.hosts.contains(desired.pods.get(&peer)?).then_some(())?;
    Pair::new(low, high)
}

/// How well an object that was found stands for one of `aku.conf`: how many of its sides have a position, how many tables
/// both have.
type Share<'o, 'd> = (std::cmp::Reverse<(usize, usize)>, GroupId, &'o ReplicationName, &'d Object);

/// Which of these objects stands for which object of `aku.conf`: each for at most one, those that share most tables first.
fn of_pair<'d, 'o>(
    desired: &'d Desired,
    observed: &Observed,
    pair: Pair,
    olds: &BTreeSet<&'o ReplicationName>,
) -> Vec<(&'o ReplicationName, &'d Object)> {
    let pods = [pair.low(), pair.high()];
    // The other side is the same object only where it leads back.
    let ours = |name: &ReplicationName| {
        pods.iter()
            .all(|p| observed.replication(*p, name).is_none_or(|found| pair_of(desired, *p, name, found) == Some(pair)))
    };
    let mut shares: Vec<Share<'o, 'd>> = Vec::new();
    for name in olds.iter().copied().filter(|n| ours(n)) {
        for object in desired.objects_between(pair.low(), pair.high()) {
            let targets: HashSet<_> = desired.groups[&object.group].targets.iter().collect();
            let sides = || pods.iter().filter_map(|p| observed.replication(*p, name));
            let shared = sides().map(|r| r.items.iter().filter(|i| targets.contains(&i.local)).count()).max();
            let shared = shared.unwrap_or(0);
            if shared == 0 || !covers(observed, pods, name, &object.name) {
                continue;
            }
            let kept = pods.iter().filter(|p| observed.side(**p, name).has_position()).count();
            // One that is left on one pod and remembers nothing connects nobody.
            if kept == 0 && pods.iter().any(|p| observed.side(*p, name) == Side::Missing) {
                continue;
            }
            shares.push((std::cmp::Reverse((kept, shared)), object.group, name, object));
        }
    }
    shares.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
    let mut taken: Vec<(&ReplicationName, &Object)> = Vec::new();
    for (_, _, name, object) in shares {
        if !taken.iter().any(|(n, o)| *n == name || o.name == object.name) {
            taken.push((name, object));
        }
    }
    taken
}

/// Whether an object of the wanted name replicates nothing that the old one does not: at most a pin of a change that broke
/// off. One that does is an object of its own.
fn covers(observed: &Observed, pods: [Ordinal; 2], old: &ReplicationName, wanted: &ReplicationName) -> bool {
    let items: BTreeSet<&Item> =
        pods.iter().filter_map(|p| observed.replication(*p, old)).flat_map(|r| &r.items).collect();
    pods.iter().filter_map(|p| observed.replication(*p, wanted)).flat_map(|r| &r.items).all(|i| items.contains(i))
}

/// Whether a pod that was seen has a place in the log under that name.
fn is_kept(observed: &Observed, pods: [Ordinal; 2], name: &ReplicationName) -> bool {
    pods.iter().any(|p| observed.side(*p, name).has_position())
}

/// Whether the object of the wanted name has taken over. While both sides of the old one have a place, it has not: what is
/// there of it is a pin, through which nothing was sent.
fn is_in_place(observed: &Observed, old: &ReplicationName, object: &Object) -> bool {
    let pods = [object.pair.low(), object.pair.high()];
    let there = pods.iter().any(|p| observed.replication(*p, &object.name).is_some());
    // What was not seen counts as what was.
    let live = |name| {
        let sides = pods.map(|p| observed.side(p, name));
        sides.iter().any(|s| s.is_live()) && sides.iter().all(|s| matches!(s, Side::Live(_) | Side::Unknown))
    };
    there && !live(old) && (live(&object.name) || !is_kept(observed, pods, old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desired::Goal,
        testing::{Worlds, desired},
    };

    #[test]
    fn names_of_our_rule() {
        let read = |name| parts(name).map(|(prefix, low, high)| (prefix, low.get(), high.get()));
        let table = [
            ("AKU_REP_01", Some(("AKU_REP", 0, 1))),
            ("AKU_REP_0112", Some(("AKU_REP", 1, 12))),
            ("X_45", Some(("X", 4, 5))),
            ("AKU_REP_10", None),
            ("AKU_REP_11", None),
            ("AKU_REP_012", None),
            ("AKU_REP_9912", None),
            ("AKU_REP_é1", None),
            ("AKUREP01", None),
        ];
        for (name, want) in table {
            assert_eq!(read(name), want, "{name}");
        }
    }

    /// Names of the pair 0-1 as they are taken, for old and new sides by letter.
    fn taken(old: &str, new: &str) -> String {
        let mut w = Worlds::new(desired(Goal::Reconcile, 2, 1)).up(0, 0).up(1, 0);
        for (name, letters) in [("OLD_01", old), ("AKU_REP_01", new)] {
            for (pod, letter) in [0, 1].into_iter().zip(letters.chars()) {
                if letter != '-' {
                    w = w.held(pod, name, 1 - pod, letter, &["T1", "T2"]);
                }
            }
        }
        let found = as_found(&w.desired, &w.observed);
        assert_eq!(as_found(&found, &w.observed), found, "once is enough");
        found.objects[0].name.to_string()
    }

    #[test]
    fn an_old_name_counts_until_the_new_one_has_taken_over() {
        let table = [
            ("LL", "--", "OLD_01"),
            ("RR", "--", "OLD_01"),
            ("L-", "--", "OLD_01"),
            ("R-", "--", "AKU_REP_01"),
            // Pins of a change that broke off.
            ("LL", "R-", "OLD_01"),
            ("LL", "LR", "OLD_01"),
            ("LL", "LL", "OLD_01"),
            // The old one has delivered and is going.
            ("RL", "LL", "AKU_REP_01"),
            ("RR", "LL", "AKU_REP_01"),
            ("-R", "LL", "AKU_REP_01"),
            ("--", "LL", "AKU_REP_01"),
            // Never connected, either way.
            ("RR", "RR", "AKU_REP_01"),
            ("RL", "RR", "OLD_01"),
        ];
        for (old, new, want) in table {
            assert_eq!(taken(old, new), want, "old {old}, new {new}");
        }
    }
}
