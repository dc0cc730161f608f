//! Settings that a run left behind, settings and versions that should be equal everywhere, and servers that are one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Kind, Scope, remedy::Way};
use crate::{
    db::setting::Setting,
    observe::{LeftBehind, Pod},
    plan::conflicts::{Known, Lacks, gaps},
    status::pods,
    topology::Ordinal,
};

/// Properties that decide what a receiver does with a conflict, when log is given up, and whether servers can talk.
const EQUAL: [&str; 5] = [
    "REPLICATION_INSERT_REPLACE",
    "REPLICATION_UPDATE_REPLACE",
    "REPLICATION_MAX_LOGFILE",
    "REPLICATION_LOCK_TIMEOUT",
    "TRANSACTION_TABLE_SIZE",
];

pub(super) fn examine(scope: Scope<'_>) -> Vec<Difference> {
    let mut all = Vec::new();
    all.extend(scope.observed.left_behind().into_iter().map(left_behind));
    for (pod, seen) in scope.seen() {
        port(scope, pod, seen, &mut all);
    }
    for (pod, seen) in scope.seen() {
        conflicts(scope, pod, seen, &mut all);
    }
    let judged: BTreeSet<&str> =
        scope.desired.groups.values().flat_map(|g| g.attributes.conflict().properties()).copied().collect();
    for name in EQUAL.into_iter().filter(|name| !judged.contains(name)) {
        odd(
            scope,
            |p| p.properties.get(name).map(|v| v.trim().to_owned()),
            |pod, has, most| {
                let difference = Difference::new(Kind::SettingDiffers, pod, name, format!("{name} is {has}"));
                all.push(difference.text(most).mended(Way::Usual));
            },
        );
    }
    odd(
        scope,
        |p| p.server.version.clone(),
        |pod, has, most| {
            let difference = Difference::new(Kind::VersionSkew, pod, "version", format!("server version {has}"));
            all.push(difference.text(format!("{most} [P002]")).mended(Way::Usual));
        },
    );
    odd(
        scope,
        |p| p.server.replication_protocol.clone(),
        |pod, has, most| {
            let difference =
                Difference::new(Kind::ProtocolSkew, pod, "protocol", format!("replication protocol {has}"));
            let text = format!("{most}; servers of different protocols do not talk to each other");
            all.push(difference.text(text).mended(Way::Usual));
        },
    );
    odd(
        scope,
        |p| p.server.characters.as_ref().map(ToString::to_string),
        |pod, has, most| {
            let difference =
                Difference::new(Kind::CharacterSets, pod, "character sets", format!("character sets {has}"));
            let text =
                format!("{most}; the handshake refuses another (ERR-610D1), so nothing can be copied between them");
            all.push(difference.text(text).mended(Way::Usual));
        },
    );
    odd(
        scope,
        |p| p.server.time_zone.clone(),
        |pod, has, most| {
            let difference = Difference::new(Kind::TimeZone, pod, "time zone", format!("time zone {has}"));
            let text = format!("{most}; what users write with SYSDATE is the local time of the pod that they write to");
            all.push(difference.text(text).mended(Way::Usual));
        },
    );
    same_database(scope, &mut all);
    all
}

/// What a run changed for its own length, and no run is at work.
fn left_behind(left: LeftBehind) -> Difference {
    let LeftBehind { pod, setting, back, .. } = left;
    let (kind, what) = match setting {
        Setting::DdlEnable => (Kind::DdlEnabled, "replicated tables can be truncated and altered"),
        Setting::SyncLockTimeout => (Kind::SyncLockOff, "a SYNC by hand would take no lock on its tables"),
    };
    Difference::new(kind, pod, setting.name(), format!("{setting} is {}", setting.during()))
        .text(format!("left by a run that was killed? {what}; it is put back to {back}"))
        .mended(Way::Usual)
}

fn port(scope: Scope<'_>, pod: Ordinal, seen: &Pod, all: &mut Vec<Difference>) {
    const PORT: &str = "REPLICATION_PORT_NO";
    let want = i64::from(scope.desired.pods[&pod].port);
    if let Some(has) = seen.property(PORT).filter(|has| *has != want) {
        let text = match has {
            0 => "replication is switched off on this server".to_owned(),
            _ => format!("its peers are told {want}, so nobody can send to it"),
        };
        let difference = Difference::new(Kind::PortClosed, pod, PORT, format!("{PORT} is {has}"));
        all.push(difference.text(text).mended(Way::Usual));
    }
}

/// What CONFLICT of aku.conf asks of a server and of its tables.
fn conflicts(scope: Scope<'_>, pod: Ordinal, seen: &Pod, all: &mut Vec<Difference>) {
    for gap in gaps(scope.desired, seen) {
        let rule = gap.rule.as_str();
        let text = format!("aku.conf asks for CONFLICT = {rule}: conflicts are resolved otherwise here");
        let headline = gap.lacks.to_string();
        let difference = match gap.lacks {
            Lacks::Property { name, is: _ } => Difference::new(Kind::ConflictRule, pod, name, headline),
            Lacks::Column { table, known: Known::Missing } => {
                Difference::new(Kind::NoTimestamp, pod, "timestamp", "has no TIMESTAMP column").object(&table)
            }
            Lacks::Column { table, known: Known::Unknown } => {
                Difference::new(Kind::NoTimestamp, pod, "timestamp", "may have no TIMESTAMP column").object(&table)
            }
        };
        all.push(difference.text(text).mended(Way::Usual));
    }
}

/// Tells of every pod that has another value than most; with as many of each, than the group with the lowest pod.
fn odd(scope: Scope<'_>, value: impl Fn(&Pod) -> Option<String>, mut tell: impl FnMut(Ordinal, &str, String)) {
    let mut groups: BTreeMap<String, Vec<Ordinal>> = BTreeMap::new();
    for (pod, seen) in scope.seen() {
        if let Some(v) = value(seen) {
            groups.entry(v).or_default().push(pod);
        }
    }
    let usual = groups.iter().max_by_key(|(_, on)| (on.len(), std::cmp::Reverse(on[0])));
    let Some((usual, on)) = usual.map(|(v, on)| (v.clone(), on.clone())) else { return };
    for (has, odd) in groups.iter().filter(|(v, _)| **v != usual) {
        for pod in odd {
            tell(*pod, has, format!("it is {usual} on {}", pods(&on)));
        }
    }
}

fn same_database(scope: Scope<'_>, all: &mut Vec<Difference>) {
    let mut first: BTreeMap<&str, Ordinal> = BTreeMap::new();
    for (pod, seen) in scope.seen() {
        let Some(signature) = seen.server.signature.as_deref() else { continue };
        if let Some(other) = first.get(signature) {
            let text = "one server behind two addresses, or a copied volume; a join could empty what it copies from";
            all.push(
                Difference::new(Kind::SameDatabase, pod, "signature", format!("is the same database as pod {other}"))
                    .peer(*other)
                    .text(text)
                    .mended(Way::Usual),
            );
        } else {
            first.insert(signature, pod);
        }
    }
}
