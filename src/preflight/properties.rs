//! Questions about servers: versions, properties, room for objects, what earlier runs left behind, foreign definitions.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answers, Finding, Level, Scope, by_value, told};
use crate::{
    db::setting::Setting,
    desired::Goal,
    drift::{self, Kind},
    observe::Pod,
    plan::conflicts::{Known, gaps},
    remedy::Remedy,
    status::pods,
    topology::{Ordinal, ReplicationName},
};

pub(super) fn examine(scope: Scope<'_>) -> Vec<Finding> {
    let questions = [
        versions,
        protocol,
        port,
        admin_mode,
        sysdba,
        duplicate_hosts,
        max_count,
        max_logfile,
        conflict_rules,
        |scope: Scope<'_>| left_behind(scope, Setting::DdlEnable),
        |scope: Scope<'_>| left_behind(scope, Setting::SyncLockTimeout),
        transactions,
        charsets,
        time_zones,
        signatures,
        definitions,
        strangers,
    ];
    questions.into_iter().flat_map(|ask| ask(scope)).collect()
}

fn with(scope: Scope<'_>, property: &str, wanted: impl Fn(i64) -> bool) -> Vec<Ordinal> {
    scope.seen().filter(|(_, p)| p.property(property).is_some_and(&wanted)).map(|(pod, _)| pod).collect()
}

fn equal(
    scope: Scope<'_>,
    question: &'static str,
    level: Level,
    value: impl Fn(&Pod) -> Option<String>,
    fix: &str,
) -> Vec<Finding> {
    let mut answers = Answers::to(question);
    let groups = by_value(scope.seen().filter_map(|(pod, p)| Some((pod, value(p)?))));
    if groups.len() > 1 {
        answers.ask(level, Vec::new(), told(&groups), fix);
    }
    let same = groups.keys().next().map_or_else(|| "the servers do not say".to_owned(), |v| format!("{v} everywhere"));
    answers.or_pass(same)
}

fn versions(scope: Scope<'_>) -> Vec<Finding> {
    let fix = "bring all pods to one version; between releases the handshake may be refused";
    equal(scope, "server version", Level::Warn, |p| p.server.version.clone(), fix)
}

fn protocol(scope: Scope<'_>) -> Vec<Finding> {
    let fix = "bring all pods to one version: servers of different replication protocols do not talk to each other";
    equal(scope, "replication protocol", Level::Fail, |p| p.server.replication_protocol.clone(), fix)
}

fn port(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("REPLICATION_PORT_NO");
    let off = with(scope, "REPLICATION_PORT_NO", |v| v == 0);
    if !off.is_empty() {
        let fix = "set REPLICATION_PORT_NO in altibase.properties and restart the server";
        answers.ask(Level::Fail, off, "is 0: replication is switched off", fix);
    }
    for (pod, seen) in scope.seen() {
        let (has, want) = (seen.property("REPLICATION_PORT_NO"), i64::from(scope.desired.pods[&pod].port));
        if let Some(has) = has.filter(|has| *has != 0 && *has != want) {
            let fix = "correct AKU_REPLICATION_PORT_NO, or the property, and restart the server";
            answers.ask(Level::Fail, vec![pod], format!("is {has}, and aku.conf says {want}"), fix);
        }
    }
    answers.or_pass("as in aku.conf")
}

fn admin_mode(scope: Scope<'_>) -> Vec<Finding> {
    let closed: Vec<_> = scope.seen().filter(|(_, p)| p.admin_mode()).map(|(pod, _)| pod).collect();
    let said = if closed.is_empty() {
        "0 everywhere: users are admitted".to_owned()
    } else {
        format!("1 on {}: closed to users until aku start has finished there", pods(&closed))
    };
    Answers::to("ADMIN_MODE").or_pass(said)
}

fn sysdba(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("REMOTE_SYSDBA_ENABLE");
    let off = with(scope, "REMOTE_SYSDBA_ENABLE", |v| v == 0);
    if !off.is_empty() {
        let fix = "set REMOTE_SYSDBA_ENABLE = 1 in altibase.properties and restart the server";
        answers.ask(Level::Fail, off, "is 0: while ADMIN_MODE is 1 other pods cannot log in", fix);
    }
    answers.or_pass("1")
}

fn duplicate_hosts(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("REPLICATION_ALLOW_DUPLICATE_HOSTS");
    let groups = scope.desired.groups.len();
    let off = with(scope, "REPLICATION_ALLOW_DUPLICATE_HOSTS", |v| v == 0);
    if groups > 1 && !off.is_empty() {
        let fix = "ALTER SYSTEM SET REPLICATION_ALLOW_DUPLICATE_HOSTS = 1, and the same in altibase.properties";
        answers.ask(
            Level::Fail,
            off,
            format!("is 0, and {groups} groups need several objects to one peer (ERR-6110C)"),
            fix,
        );
    }
    answers.or_pass(if groups > 1 { "1" } else { "not needed with one group" })
}

/// What CONFLICT of aku.conf rests on beside the objects.
fn conflict_rules(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("conflict rules");
    for (pod, seen) in scope.seen() {
        for gap in gaps(scope.desired, seen) {
            let level = match gap.known() {
                Known::Missing => Level::Fail,
                Known::Unknown => Level::Unknown,
            };
            let said = format!("{}, and aku.conf asks for CONFLICT = {}", gap.lacks, gap.rule.as_str());
            answers.ask(level, vec![pod], said, gap.fix(pod));
        }
    }
    let asked = scope.desired.groups.values().any(|g| !g.attributes.conflict().properties().is_empty());
    answers.or_pass(if asked { "as aku.conf says" } else { "none that rests on the servers" })
}

fn max_count(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("REPLICATION_MAX_COUNT");
    let mut most = 0;
    for (pod, seen) in scope.seen() {
        let ours: BTreeSet<&ReplicationName> = scope.desired.objects_of(pod).map(|(_, o)| &o.name).collect();
        let foreign = seen.replications.keys().filter(|n| !ours.contains(n)).count();
        let need = ours.len() + foreign;
        most = most.max(need);
        if let Some(max) =
            seen.property("REPLICATION_MAX_COUNT").filter(|m| usize::try_from(*m).is_ok_and(|m| m < need))
        {
            let others = if foreign == 0 { String::new() } else { format!(", {foreign} of them not of aku.conf") };
            let said = format!("is {max}, and {need} objects are needed{others} (ERR-61102)");
            let fix =
                format!("set REPLICATION_MAX_COUNT = {need} or more in altibase.properties and restart the server");
            answers.ask(Level::Fail, vec![pod], said, fix);
        }
    }
    answers.or_pass(format!("enough for {most} objects on a pod"))
}

fn max_logfile(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("REPLICATION_MAX_LOGFILE");
    for (limit, on) in by_value(scope.seen().filter_map(|(pod, p)| Some((pod, p.property("REPLICATION_MAX_LOGFILE")?))))
    {
        if limit != 0 {
            let said = format!("is {limit}: beyond that many log files behind, a server gives up unsent changes");
            answers.ask(
                Level::Warn,
                on,
                said,
                "0 never gives up; then watch the log disk while a pod is down (aku status)",
            );
        }
    }
    answers.or_pass("0: no server gives up unsent log")
}

fn left_behind(scope: Scope<'_>, setting: Setting) -> Vec<Finding> {
    let mut answers = Answers::to(setting.name());
    let left = scope.observed.left_behind().into_iter().filter(|left| left.setting == setting);
    let on: Vec<Ordinal> = left.map(|left| left.pod).collect();
    if !on.is_empty() {
        let said = match setting {
            Setting::DdlEnable => "is 1: left open, replicated tables can be truncated and altered",
            Setting::SyncLockTimeout => "is 0: a SYNC by hand would take no lock on its tables",
        };
        answers.add(Level::Warn, on, said, Remedy::Goal(Goal::Reconcile));
    }
    answers.or_pass(match setting {
        Setting::DdlEnable => "0, except where a run is at work",
        Setting::SyncLockTimeout => "not 0, except where a run is at work",
    })
}

fn transactions(scope: Scope<'_>) -> Vec<Finding> {
    let fix = "set one TRANSACTION_TABLE_SIZE in altibase.properties of all pods and restart the servers";
    let size = |p: &Pod| p.property("TRANSACTION_TABLE_SIZE").map(|v| v.to_string());
    equal(scope, "TRANSACTION_TABLE_SIZE", Level::Fail, size, fix)
}

/// Rows travel as bytes, and mean the same only in one character set: the handshake refuses another (ERR-610D1).
fn charsets(scope: Scope<'_>) -> Vec<Finding> {
    let fix = "create the databases of all pods with one character set and one national character set";
    let sets = |p: &Pod| p.server.characters.as_ref().map(ToString::to_string);
    let mut all = equal(scope, "character sets", Level::Fail, sets, fix);
    let silent: Vec<_> = scope.seen().filter(|(_, p)| sets(p).is_none()).map(|(pod, _)| pod).collect();
    if !silent.is_empty() {
        let mut answers = Answers::to("character sets");
        let fix = "ask the server itself: SELECT NLS_CHARACTERSET, NLS_NCHAR_CHARACTERSET FROM V$NLS_PARAMETERS";
        answers.ask(Level::Unknown, silent, "does not say which it has", fix);
        all.retain(|f| f.level != Level::Pass);
        all.extend(answers.found);
    }
    all
}

/// SYSDATE is the time of the server's zone, and travels as it was written.
fn time_zones(scope: Scope<'_>) -> Vec<Finding> {
    let fix =
        "set one TIME_ZONE in altibase.properties of all pods, or TZ of their containers, and restart the servers";
    equal(scope, "time zone", Level::Warn, |p| p.server.time_zone.clone(), fix)
}

/// Two pods with one signature have one database between them, e.g. a volume that was copied.
fn signatures(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("databases differ");
    for (_, on) in by_value(scope.seen().filter_map(|(pod, p)| Some((pod, p.server.signature.clone()?)))) {
        if on.len() > 1 {
            let fix = "see whether the service addresses lead to different servers, and whether a volume was copied";
            answers.ask(
                Level::Warn,
                on,
                "have the same database signature: one server, or copies of one database",
                fix,
            );
        }
    }
    answers.or_pass("each pod has a database of its own")
}

/// What each pod's objects say, against aku.conf: a pod that was set up from another file shows it here. Judged as drift
/// judges it, so that the two never disagree.
fn definitions(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("definitions");
    let drift = drift::examine(drift::Scope { desired: scope.desired, observed: scope.observed });
    let mut told: BTreeMap<(Ordinal, Kind, String), (Remedy, Vec<String>)> = BTreeMap::new();
    for d in drift.differences.into_iter().filter(|d| level(d.kind).is_some()) {
        let key = (d.pod, d.kind, d.next.clone());
        told.entry(key).or_insert_with(|| (d.remedy, Vec::new())).1.extend(d.object);
    }
    for ((pod, kind, _), (remedy, mut names)) in told {
        names.dedup();
        let Some((level, what)) = level(kind) else { continue };
        answers.add(level, vec![pod], format!("{what}: {}", shortened(&names)), remedy);
    }
    let ours = |pod: Ordinal, seen: &Pod| {
        scope.desired.objects_of(pod).filter(|(_, o)| seen.replications.contains_key(&o.name)).count()
    };
    let looked_at: usize = scope.seen().map(|(pod, seen)| ours(pod, seen)).sum();
    let said = if looked_at == 0 {
        "no pod has any yet".to_owned()
    } else {
        format!("{looked_at} objects say what aku.conf says")
    };
    answers.or_pass(said)
}

/// How a kind of difference is told here, if it is about a definition of ours.
fn level(kind: Kind) -> Option<(Level, &'static str)> {
    match kind {
        Kind::ObjectMissing => Some((Level::Warn, "missing")),
        Kind::ItemMissing | Kind::ItemExtra | Kind::ConfDiffers => {
            Some((Level::Fail, "other tables than aku.conf says"))
        }
        Kind::Host | Kind::Port => Some((Level::Fail, "another peer address than aku.conf says")),
        Kind::Mode => Some((Level::Fail, "not LAZY")),
        Kind::OptionSet => Some((Level::Warn, "options that aku.conf does not ask for")),
        Kind::ObjectSurplus => Some((Level::Warn, "named like ours, and not in aku.conf")),
        Kind::ObjectName => Some((Level::Warn, "another name than aku.conf says")),
        Kind::MemberDown
        | Kind::Closed
        | Kind::JoinUnfinished
        | Kind::JoinStuck
        | Kind::NotJoined
        | Kind::MasterLost
        | Kind::NobodyInService
        | Kind::ClosedLong
        | Kind::ForeignObject
        | Kind::SenderStopped
        | Kind::SenderTrying
        | Kind::HalfReset
        | Kind::NotConnected
        | Kind::GaveUp
        | Kind::Leftover
        | Kind::GapLarge
        | Kind::LogLarge
        | Kind::LagLong
        | Kind::DdlEnabled
        | Kind::SyncLockOff
        | Kind::PortClosed
        | Kind::SettingDiffers
        | Kind::ConflictRule
        | Kind::NoTimestamp
        | Kind::TableMissing
        | Kind::TableUnfit
        | Kind::TableDiffers
        | Kind::VersionSkew
        | Kind::ProtocolSkew
        | Kind::SameDatabase
        | Kind::AnotherCluster
        | Kind::PutBack
        | Kind::LedgerOdd
        | Kind::CharacterSets
        | Kind::TimeZone => None,
    }
}

fn shortened(names: &[String]) -> String {
    const MOST: usize = 3;
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

/// Replications that aku.conf does not know but that replicate its tables.
fn strangers(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("foreign objects");
    for (pod, seen) in scope.seen() {
        let ours = |name: &ReplicationName| scope.desired.objects_of(pod).any(|(_, o)| o.name == *name);
        for (name, r) in seen.replications.iter().filter(|(n, _)| !ours(n)) {
            let shared = r
                .items
                .iter()
                .any(|i| scope.desired.targets().any(|t| t.user == i.local.user && t.table == i.local.table));
            let said = if shared { "replicates tables of aku.conf" } else { "is not of aku.conf" };
            answers.mind(Level::Warn, vec![pod], format!("{name} {said}; aku never touches it"));
        }
    }
    answers.or_pass("none")
}
