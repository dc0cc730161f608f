//! Worlds in one line each, and what drift says of them; then looks one after the other.

use std::{collections::BTreeSet, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    accept::Accepts,
    compare::{Plugin, Rules, Setting, compare},
    document::Report,
    *,
};
use crate::{
    desired::Goal,
    observe::{BrokenBy, Client, GiveUp, Item as TableItem, Mode, PodView, Sender, TableName},
    plan::{
        facts::Facts,
        policy::{Policy, Subject, Use, judge, parse},
        testing::{Worlds, desired, ord, target},
    },
    topology::{Position, ReplicationName},
};

/// Pods 0 and 1 in service, 2 and 3 not created.
fn sound() -> Worlds {
    objects(Worlds::new(desired(Goal::Start(ord(0)), 4, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL"), &[0, 1])
}

/// Every object that does not exist yet, reset.
fn objects(mut w: Worlds, pods: &[u8]) -> Worlds {
    for &a in pods {
        for b in (0..4).filter(|b| *b != a) {
            let there = |o: &crate::desired::Object| w.observed.replication(ord(a), &o.name).is_some();
            if !w.desired.objects_between(ord(a), ord(b)).all(there) {
                w = w.side(a, b, 'R');
            }
        }
    }
    w
}

/// With pod 2 up and closed, nothing live.
fn closed() -> Worlds {
    objects(sound().up(2, 1), &[2])
}

/// Pods 0, 1 and 2 in service.
fn three() -> Worlds {
    objects(sound().up(2, 0).pair(0, 2, "LL").pair(1, 2, "LL"), &[2])
}

fn busy(mut w: Worlds, pod: u8) -> Worlds {
    let view = PodView::Broken { address: "x".to_owned(), failure: BrokenBy::SysdbaBusy, said: "ERR-41041".to_owned() };
    w.observed.pods.insert(ord(pod), view);
    w
}

fn absent(mut w: Worlds, pod: u8) -> Worlds {
    let view = PodView::Absent { address: format!("10.0.0.{pod}:20300"), said: "refused".to_owned() };
    w.observed.pods.insert(ord(pod), view);
    w
}

fn look(w: &Worlds) -> Drift {
    examine(Scope { desired: &w.desired, observed: &w.observed })
}

/// `pod KIND object fact`, sorted.
fn told(drift: &Drift) -> Vec<String> {
    let one = |d: &Difference| {
        assert!(!d.headline.is_empty() && !d.text.is_empty() && !d.next.is_empty(), "{d:?}");
        format!("{} {} {} {}", d.pod, &d.kind.word()[..4], d.object.as_deref().unwrap_or("-"), d.fact)
    };
    drift.differences.iter().map(one).collect()
}

fn standings(w: &Worlds) -> Vec<&'static str> {
    look(w).pods.iter().map(|p| p.standing.word()).collect()
}

#[test]
fn what_is_normal_is_no_difference() {
    let mut worlds = vec![
        ("two in service, two not created", sound()),
        ("three in service", three()),
        ("an ended pod that still answers", closed()),
        ("an ended pod that is gone", absent(three().pair(0, 2, "RR").pair(1, 2, "RR"), 2)),
        ("a pod that was never set up, no objects", sound().up(2, 1)),
        ("a join: copying", closed().edit(0, 2, |r| r.sender = Sender::Syncing)),
        ("a join: its session taken, a pin on pod 1", busy(sound().side(1, 2, 'l'), 2)),
        (
            "a join: after the copy",
            busy(sound().side(1, 2, 'l').side(0, 2, 'l').set(0, "REPLICATION_SYNC_LOCK_TIMEOUT", 0), 2),
        ),
        ("nothing but pod 0", Worlds::new(desired(Goal::Start(ord(0)), 1, 1)).up(0, 0)),
    ];
    let mut unrelated = sound();
    let mut r = unrelated.observed.replication(ord(0), &unrelated.desired.objects[0].name).unwrap().clone();
    r.items = BTreeSet::from([TableItem { local: target("OTHER"), remote: target("OTHER") }]);
    unrelated.pod_mut(0).replications.insert(ReplicationName::exact("BILLING").unwrap(), r);
    worlds.push(("a replication of other tables", unrelated));
    for (what, w) in worlds {
        let drift = look(&w);
        assert_eq!(told(&drift), [""; 0], "{what}");
        assert_eq!(drift.completeness(), Completeness::Full, "{what}");
    }
}

#[test]
fn what_is_not_normal_is_told_once() {
    let with = |f: &dyn Fn(&mut Worlds)| {
        let mut w = three();
        f(&mut w);
        w
    };
    let items = |w: &mut Worlds, pod: u8, peer: u8, table: &'static str| {
        let old = std::mem::replace(w, Worlds::new(desired(Goal::Start(ord(0)), 4, 1)));
        *w = old.edit(pod, peer, |r| {
            r.items.insert(TableItem { local: target(table), remote: target(table) });
        });
    };
    let stranger = |name: &'static str| {
        with(&move |w| {
            let r = w.observed.replication(ord(1), &w.desired.objects[0].name).unwrap().clone();
            w.pod_mut(1).replications.insert(ReplicationName::exact(name).unwrap(), r);
        })
    };
    let table: Vec<(&str, Worlds, &[&str])> = vec![
        ("a member is killed", absent(three(), 2), &["2 D100 - up"]),
        ("pod 0 ended, its positions kept by design", absent(three(), 0), &["0 D100 - up"]),
        ("closed after a restart", three().set(2, "ADMIN_MODE", 1), &["2 D101 - ADMIN_MODE"]),
        ("half a join, nobody at work", closed().pair(0, 2, "LL"), &["2 D102 - joined"]),
        ("open without a pair", objects(sound().up(2, 0), &[2]), &["2 D104 - joined"]),
        ("cleaned and open", objects(sound(), &[0, 1]).up(2, 0), &["2 D104 - joined"]),
        ("pod 0 came back empty and open", three().pair(0, 1, "RR").pair(0, 2, "RR"), &["0 D105 - joined"]),
        (
            "pod 0 came back empty and closed",
            three().pair(0, 1, "RR").pair(0, 2, "RR").set(0, "ADMIN_MODE", 1),
            &["0 D105 - joined"],
        ),
        (
            "an object was dropped",
            with(&|w| drop(w.pod_mut(1).replications.remove(&ReplicationName::exact("AKU_REP_12").unwrap()))),
            &["1 D200 AKU_REP_12 object", "1 D302 AKU_REP_12 xsn"],
        ),
        ("left of a longer list of pods", stranger("AKU_REP_15"), &["1 D201 AKU_REP_15 object"]),
        ("somebody else's on our tables", stranger("BILLING"), &["1 D202 BILLING object"]),
        (
            "a table taken out by hand",
            three().edit(2, 1, |r| r.items.retain(|i| i.local != target("T2"))),
            &["2 D210 AKU_REP_12 item SYS.T2"],
        ),
        ("a table put in by hand", with(&|w| items(w, 2, 0, "T4")), &["2 D211 AKU_REP_02 item SYS.T4"]),
        (
            "another host and port",
            three()
                .edit(0, 1, |r| r.hosts = vec![crate::desired::ReplicationAddress { host: "h".to_owned(), port: 1 }]),
            &["0 D212 AKU_REP_01 host", "0 D213 AKU_REP_01 port"],
        ),
        ("no host at all", three().edit(0, 1, |r| r.hosts.clear()), &["0 D212 AKU_REP_01 host"]),
        ("eager", three().edit(0, 1, |r| r.mode = Mode::Eager), &["0 D214 AKU_REP_01 mode"]),
        (
            "options",
            three().edit(0, 1, |r| (r.options, r.conflict_resolution) = (4, 1)),
            &["0 D215 AKU_REP_01 CONFLICT_RESOLUTION", "0 D215 AKU_REP_01 OPTIONS"],
        ),
        (
            "set up from another file",
            with(&|w| (0..4).filter(|k| *k != 2).for_each(|k| items(w, 2, k, "T4"))),
            &["2 D216 AKU_REP items"],
        ),
        ("a sender stopped", three().side(1, 2, 'l'), &["1 D300 AKU_REP_12 started"]),
        ("a sender in vain", three().side(1, 2, 'T'), &["1 D301 AKU_REP_12 started"]),
        ("half reset", three().side(1, 2, 'R'), &["1 D302 AKU_REP_12 xsn"]),
        ("reset on both sides while in service", three().pair(1, 2, "RR"), &["2 D303 AKU_REP_12 xsn"]),
        (
            "a server gave up",
            three().edit(0, 2, |r| r.gave_up = Some(GiveUp { at: "x".to_owned(), xsn: None })),
            &["0 D304 AKU_REP_02 xsn"],
        ),
        ("a pin that a kill left", closed().side(1, 2, 'l'), &["1 D305 AKU_REP_12 xsn", "2 D102 - joined"]),
        ("a pin for a pod that is gone", objects(sound(), &[0, 1]).side(1, 3, 'l'), &["1 D305 AKU_REP_13 xsn"]),
        ("DDL switch", three().set(1, "REPLICATION_DDL_ENABLE", 1), &["1 D400 - REPLICATION_DDL_ENABLE"]),
        ("SYNC lock", three().set(0, "REPLICATION_SYNC_LOCK_TIMEOUT", 0), &["0 D401 - REPLICATION_SYNC_LOCK_TIMEOUT"]),
        ("port", three().set(0, "REPLICATION_PORT_NO", 0), &["0 D402 - REPLICATION_PORT_NO"]),
        (
            "one receiver replaces, the others do not",
            three().set(0, "REPLICATION_INSERT_REPLACE", 0).set(1, "REPLICATION_INSERT_REPLACE", 1).set(
                2,
                "REPLICATION_INSERT_REPLACE",
                0,
            ),
            &["1 D403 - REPLICATION_INSERT_REPLACE"],
        ),
        (
            "a table dropped",
            with(&|w| drop(w.pod_mut(1).tables.remove(&TableName::of(&target("T1"))))),
            &["1 D500 SYS.T1 table"],
        ),
        (
            "a key dropped",
            with(&|w| w.pod_mut(1).tables.get_mut(&TableName::of(&target("T1"))).unwrap().primary_key = false),
            &["1 D501 SYS.T1 table"],
        ),
        (
            "versions",
            with(&|w| {
                w.pod_mut(2).server.version = Some("7.1".to_owned());
                w.pod_mut(2).server.replication_protocol = Some("7.4.1".to_owned());
                w.pod_mut(1).server.replication_protocol = Some("7.4.7".to_owned());
            }),
            &["2 D601 - protocol", "2 D600 - version"],
        ),
        (
            "one server behind two names",
            with(&|w| [0, 2].into_iter().for_each(|n| w.pod_mut(n).server.signature = Some("s".to_owned()))),
            &["2 D602 - signature"],
        ),
    ];
    let mut kinds: BTreeSet<Kind> = BTreeSet::from([Kind::JoinStuck, Kind::TableDiffers]);
    for (what, w, want) in table {
        let drift = look(&w);
        assert_eq!(told(&drift), want, "{what}: {drift:#?}");
        kinds.extend(drift.differences.iter().map(|d| d.kind));
    }
    let all: BTreeSet<Kind> = Kind::ALL.iter().copied().collect();
    assert_eq!(kinds, all, "a kind without a world");
}

#[test]
fn standings_of_pods() {
    assert_eq!(standings(&sound()), ["in-service", "in-service", "not-there", "not-there"]);
    assert_eq!(standings(&busy(sound(), 2)), ["in-service", "in-service", "unseen", "not-there"]);
    assert_eq!(standings(&busy(sound().side(1, 2, 'l'), 2))[2], "joining");
    assert_eq!(standings(&absent(three(), 2))[2], "down");
    assert_eq!(standings(&closed())[2], "left");
    assert_eq!(standings(&three().broken(1))[1], "unseen");
}

#[test]
fn shapes_of_tables_are_compared() {
    let shaped = |pod: u8, layout: Option<&str>| {
        let mut w = three();
        w.pod_mut(pod).tables.get_mut(&TableName::of(&target("T2"))).unwrap().layout = layout.map(str::to_owned);
        w
    };
    assert_eq!(told(&look(&shaped(2, Some("00000000")))), ["2 D502 SYS.T2 layout"]);
    assert_eq!(told(&look(&shaped(0, Some("00000000")))), ["1 D502 SYS.T2 layout", "2 D502 SYS.T2 layout"]);
    let drift = look(&shaped(1, None));
    assert_eq!((drift.completeness(), drift.gaps.len(), drift.differences.len()), (Completeness::Partial, 1, 0));
}

/// A start names itself on every pod it works on, so a pod whose only session it holds is known to be joining.
#[test]
fn a_run_is_known_by_its_sessions() {
    let client = |app: &str| Client {
        user: "SYS".to_owned(),
        app: app.to_owned(),
        from: "10.0.0.2".to_owned(),
        sysdba: false,
        sessions: 1,
    };
    let seen = |app: &str| {
        let mut w = busy(sound(), 2);
        w.pod_mut(0).clients = vec![client(app)];
        standings(&w)[2]
    };
    assert_eq!(seen("aku 0.1.0 start pod 2 pid 7"), "joining");
    assert_eq!(seen("aku 0.1.0 end pod 2 pid 7"), "joining");
    assert_eq!(seen("aku 0.1.0 start pod 0 pid 7"), "unseen");
    assert_eq!(seen("isql start pod 2 pid 7"), "unseen");
    let mut frozen = sound().broken(2);
    frozen.pod_mut(0).clients = vec![client("aku 0.1.0 start pod 2 pid 7")];
    assert_eq!(standings(&frozen)[2], "unseen", "it does not answer at all");
}

#[test]
fn unknown_is_never_clean() {
    let quiet = |f: fn(Worlds) -> Worlds| look(&f(three()));
    assert_eq!(quiet(|w| w.broken(3)).completeness(), Completeness::Partial);
    assert_eq!(quiet(|w| busy(w, 3)).completeness(), Completeness::Partial);
    let nobody = look(&Worlds::new(desired(Goal::Start(ord(0)), 4, 1)));
    assert_eq!(nobody.completeness(), Completeness::None);
    let c = look(&three().broken(3)).checked;
    assert_eq!((c.objects, c.looked_at, c.right), (12, 9, 9));
}

/// What a difference is does not hang on numbers that move.
#[test]
fn volatile_facts_are_no_difference() {
    let w = three().side(1, 2, 'l').side(0, 3, 'l');
    let moved = w.edit(1, 2, |r| r.position = Position::Live(999));
    let again = three().side(1, 2, 'l').side(0, 3, 'l');
    let ids = |w: &Worlds| look(w).differences.iter().map(Difference::identity).collect::<Vec<_>>();
    assert_eq!(ids(&moved), ids(&again));
    let lagging = three().edit(0, 1, |r| {
        r.gap = Some(12_345);
        r.receiver = Some(crate::observe::Conflicts { insert: 9, update: 9, delete: 9 });
        r.position = Position::Live(4711);
    });
    assert_eq!(told(&look(&lagging)), [""; 0]);
}

fn t(seconds: i64) -> Timestamp {
    "2026-11-21T06:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

const JOIN_LIMIT: Duration = Duration::from_secs(7200);

struct Judge {
    accepts: Accepts,
    policy: Policy,
    deny: BTreeSet<Kind>,
    since_ok: Option<Duration>,
}

impl Judge {
    fn plain() -> Self {
        Self { accepts: Accepts::default(), policy: Policy::default(), deny: BTreeSet::new(), since_ok: None }
    }

    fn judge(&self, w: &Worlds, previous: Option<&Report>, at: i64) -> Report {
        let facts = Facts::of_cluster(&w.desired, &w.observed);
        let rules = Rules {
            previous,
            policy: judge(&self.policy, Subject { facts: &facts, plan: None }, Use::default()),
            accepts: &self.accepts,
            deny: &self.deny,
            since_ok: self.since_ok,
            join_limit: JOIN_LIMIT,
        };
        let setting = Setting {
            statefulset: "altibase-sts".to_owned(),
            service: "altibase-svc".to_owned(),
            observer: Some(ord(0)),
            conf_digest: format!("sha256:{}", "0".repeat(64)),
        };
        compare(&look(w), setting, rules, t(at), Duration::from_millis(40))
    }
}

/// New, known, resolved, unchecked, exit.
fn counts(r: &Report) -> (usize, usize, usize, usize, u8) {
    (r.new.len(), r.known.len(), r.resolved.len(), r.unchecked.len(), r.exit)
}

#[test]
fn new_known_resolved_and_what_cannot_be_seen() {
    let j = Judge::plain();
    let clean = j.judge(&three(), None, 0);
    assert_eq!((counts(&clean), clean.compared_with), ((0, 0, 0, 0, 0), None));
    let stopped = j.judge(&three().side(1, 2, 'l'), Some(&clean), 60);
    assert_eq!((counts(&stopped), stopped.new[0].since), ((1, 0, 0, 0, 2), t(60)));
    let still = j.judge(&three().side(1, 2, 'l').edit(1, 2, |r| r.position = Position::Live(9)), Some(&stopped), 120);
    assert_eq!((counts(&still), still.known[0].since), ((0, 1, 0, 0, 2), t(60)));
    // Its pod cannot be looked at: neither there nor gone, twice; then the peer cannot.
    let hidden = j.judge(&three().side(1, 2, 'l').broken(1), Some(&still), 180);
    assert_eq!(counts(&hidden), (0, 0, 0, 1, 7));
    let hidden = j.judge(&three().side(1, 2, 'l').broken(2), Some(&hidden), 240);
    assert_eq!(counts(&hidden), (0, 0, 0, 1, 7));
    let back = j.judge(&three().side(1, 2, 'l'), Some(&hidden), 300);
    assert_eq!((counts(&back), back.known[0].since), ((0, 1, 0, 0, 2), t(60)));
    // The peer dies: that is another difference, and the sender is not judged meanwhile.
    let down = j.judge(&absent(three().side(1, 2, 'l'), 2), Some(&back), 360);
    assert_eq!(counts(&down), (1, 0, 0, 1, 2));
    let mended = j.judge(&three(), Some(&down), 420);
    assert_eq!(counts(&mended), (0, 0, 2, 0, 0));
    assert_eq!(counts(&j.judge(&three(), Some(&mended), 480)), (0, 0, 0, 0, 0));
    // Nobody keeps log for a pod because nobody was seen: its death is not resolved by that.
    let gone = absent(absent(three(), 0), 1).broken(0);
    let dark = j.judge(&absent(gone, 2), Some(&down), 420);
    assert_eq!((dark.resolved.len(), dark.exit), (0, 7));
    // A pod that left in good order takes what was odd about it along.
    let left = absent(three().pair(0, 2, "RR").pair(1, 2, "RR"), 2);
    assert_eq!(counts(&j.judge(&left, Some(&down), 420)), (0, 0, 2, 0, 0));
}

#[test]
fn accepted_settling_and_denied() {
    let text = "[[accept]]\nobject = \"AKU_REP_12\"\nfact = \"started\"\nreason = \"in repair\"\nuntil = 2026-11-21\n\
                [[accept]]\npod = 3\nreason = \"old\"\nuntil = 2026-11-20\n\
                [[accept]]\nkind = \"D600\"\nreason = \"upgrade\"\nuntil = 2026-12-31\n";
    let accepts = Accepts::parse(text, Path::new("a")).unwrap();
    let j = Judge { accepts, ..Judge::plain() };
    let day = 86_400;
    let first = j.judge(&three().side(1, 2, 'l'), None, 0);
    assert_eq!((first.accepted.len(), first.exit), (1, 0));
    let noted: Vec<_> = first.accept_notes.iter().map(|n| (n.entry, format!("{:?}", n.state))).collect();
    assert_eq!(noted, [(2, "Expired".to_owned()), (3, "Unused".to_owned())]);
    let later = j.judge(&three().side(1, 2, 'l'), Some(&first), day);
    assert_eq!((later.new.len(), later.new[0].since, later.exit), (1, t(0), 2), "expired: an alarm, with its true age");
    // Nobody can tell whether an entry is used while pods are not seen.
    assert_eq!(j.judge(&three().broken(3), None, 0).accept_notes.len(), 1);

    let j = Judge { since_ok: Some(Duration::from_secs(900)), ..Judge::plain() };
    let young = j.judge(&three().side(1, 2, 'l'), None, 0);
    assert_eq!((young.settling.len(), young.exit), (1, 0));
    assert_eq!(counts(&j.judge(&three(), Some(&young), 60)), (0, 0, 0, 0, 0), "nobody was told of it");
    let old = j.judge(&three().side(1, 2, 'l'), Some(&young), 900);
    assert_eq!((counts(&old), old.new[0].since), ((1, 0, 0, 0, 2), t(0)));

    let j = Judge { deny: BTreeSet::from([Kind::SenderStopped]), ..Judge::plain() };
    assert_eq!(j.judge(&three(), None, 0).exit, 0);
    assert_eq!(j.judge(&three().side(1, 2, 'l').broken(3), None, 0).exit, 3);
    assert_eq!(j.judge(&three().side(1, 2, 'R').broken(3), None, 0).exit, 7);
}

#[test]
fn a_rule_of_the_site_denies() {
    let word = "P007";
    let policy = parse(&format!("[levels]\n{word} = \"deny\"\n")).unwrap();
    let j = Judge { policy, ..Judge::plain() };
    assert_eq!(j.judge(&three(), None, 0).exit, 0);
    let down = j.judge(&absent(three(), 2), None, 0);
    assert_eq!((down.exit, Plugin::of(&down)), (3, Plugin::Critical), "{:?}", down.policy);
}

#[test]
fn a_join_that_never_ends() {
    let j = Judge::plain();
    let joining = || busy(sound().side(1, 2, 'l'), 2);
    let first = j.judge(&joining(), None, 0);
    let second = j.judge(&joining(), Some(&first), 7200);
    assert_eq!((first.exit, second.exit), (0, 0));
    let third = j.judge(&joining(), Some(&second), 7201);
    assert_eq!((third.exit, third.new[0].difference.kind), (2, Kind::JoinStuck));
    let done = j.judge(&three(), Some(&third), 7260);
    assert_eq!(counts(&done), (0, 0, 1, 0, 0));
}

#[test]
fn plugin_answers() {
    let j = Judge::plain();
    let of = |w: &Worlds| Plugin::of(&j.judge(w, None, 0));
    assert_eq!(of(&three()), Plugin::Ok);
    assert_eq!(of(&absent(three(), 2)), Plugin::Warning);
    assert_eq!(of(&three().side(1, 2, 'R')), Plugin::Critical);
    assert_eq!(of(&three().side(1, 2, 'R').broken(3)), Plugin::Critical);
    assert_eq!(of(&absent(three(), 2).broken(3)), Plugin::Unknown);
    let denied = Judge { deny: BTreeSet::from([Kind::MemberDown]), ..Judge::plain() };
    assert_eq!(Plugin::of(&denied.judge(&absent(three(), 2), None, 0)), Plugin::Critical);
}

#[test]
fn nothing_destructive_is_proposed_and_every_kind_has_a_story() {
    let mut words = BTreeSet::new();
    for kind in Kind::ALL {
        assert!(kind.story().len() > 60, "{}", kind.word());
        assert!(words.insert(&kind.word()[..4]), "two kinds {}", kind.word());
        assert_eq!(kind.word()[..4].to_lowercase().parse(), Ok(*kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
    }
    for (name, report) in reports() {
        for item in report.counted() {
            let next = item.difference.next.to_uppercase();
            let bad = ["RESET", "DROP", "TRUNCATE", "APPLY", "CLEAN", "--YES"].into_iter().find(|w| next.contains(w));
            assert_eq!(bad, None, "{name}: {next}");
        }
    }
}

proptest! {
    /// Whatever the pods look like: nothing panics, one identity is told once, and the sums are right.
    #[test]
    fn any_world(
        admin in proptest::collection::vec(0i64..2, 4),
        views in proptest::collection::vec(0u8..6, 4),
        sides in proptest::collection::vec(proptest::sample::select(vec!['R', 'L', 'l', 'T', 'G', '-']), 12),
        then in proptest::collection::vec(proptest::sample::select(vec!['R', 'L', 'l', 'T', 'G', '-']), 12),
    ) {
        let world = |sides: &[char]| {
            let mut w = Worlds::new(desired(Goal::Start(ord(0)), 4, 2));
            let mut next = sides.iter();
            for n in 0..4u8 {
                w = match views[usize::from(n)] {
                    0 => w,
                    1 => w.broken(n),
                    2 => busy(w, n),
                    _ => w.up(n, admin[usize::from(n)]),
                };
                let seen = w.observed.pod(ord(n)).is_some();
                for k in (0..4u8).filter(|k| *k != n) {
                    let state = *next.next().unwrap();
                    if seen {
                        w = w.side(n, k, state);
                    }
                }
            }
            w
        };
        let j = Judge::plain();
        let first = j.judge(&world(&sides), None, 0);
        let second = j.judge(&world(&then), Some(&first), 60);
        for r in [&first, &second] {
            let ids: BTreeSet<_> = r.counted().map(|i| i.difference.identity()).collect();
            prop_assert_eq!(ids.len(), r.counted().count());
            prop_assert!(r.checked.right <= r.checked.looked_at && r.checked.looked_at <= r.checked.objects);
            prop_assert_eq!(r.exit == 0, r.view.completeness == Completeness::Full && ids.is_empty());
            prop_assert_eq!(&Report::parse(&r.text()).unwrap(), r);
        }
        // Whatever was there is there, gone, or not to be seen: never forgotten.
        let before: BTreeSet<_> = first.counted().map(|i| i.difference.identity()).collect();
        let after = second.known.iter().chain(&second.resolved).chain(&second.unchecked);
        let after: BTreeSet<_> = after.map(|i| i.difference.identity()).collect();
        prop_assert_eq!(before, after);
    }
}

/// Reports for golden files, schemas and metrics.
pub fn reports() -> Vec<(&'static str, Report)> {
    scenes().into_iter().map(|(name, _, report)| (name, report)).collect()
}

/// The same with the worlds they come from.
pub fn scenes() -> Vec<(&'static str, Worlds, Report)> {
    let text = "[[accept]]\nobject = \"AKU_REP_13\"\npod = 1\nfact = \"xsn\"\nreason = \"pod 3 in repair\"\n\
                until = 2026-12-01\n[[accept]]\npod = 1\nfact = \"port\"\nreason = \"moved\"\nuntil = 2026-11-01\n";
    let accepts = Accepts::parse(text, Path::new("a")).unwrap();
    let j = Judge { accepts, deny: BTreeSet::from([Kind::ForeignObject]), ..Judge::plain() };
    let plain = Judge::plain();
    let pinned = |w: Worlds| w.side(1, 3, 'l');
    let stopped = || pinned(three()).side(1, 2, 'l').set(0, "REPLICATION_DDL_ENABLE", 1);
    let before = plain.judge(&stopped(), None, -6480);
    let mut mixed = pinned(three()).side(1, 2, 'l').edit(2, 0, |r| {
        r.items.insert(TableItem { local: target("T4"), remote: target("T4") });
    });
    let foreign = mixed.observed.replication(ord(0), &mixed.desired.objects[0].name).unwrap().clone();
    mixed.pod_mut(0).replications.insert(ReplicationName::exact("BILLING").unwrap(), foreign);
    let plain_mixed = pinned(three()).side(1, 2, 'l').edit(2, 0, |r| {
        r.items.insert(TableItem { local: target("T4"), remote: target("T4") });
    });
    let nobody = || Worlds::new(desired(Goal::Start(ord(0)), 4, 1));
    let hidden = || stopped().broken(1);
    let joining = || busy(sound().side(1, 2, 'l'), 2);
    let killed = || absent(three(), 2);
    let all = [
        ("clean", sound(), None),
        ("mixed", plain_mixed, Some(&before)),
        ("denied", mixed, Some(&before)),
        ("hidden", hidden(), Some(&before)),
        ("nobody", nobody(), Some(&before)),
        ("joining", joining(), None),
        ("killed", killed(), None),
    ];
    all.into_iter()
        .map(|(name, w, previous)| {
            let report = j.judge(&w, previous, 0);
            (name, w, report)
        })
        .collect()
}
