//! Worlds in one line each, and what drift says of them.

mod identity;
mod judged;
mod limits;

use std::collections::BTreeSet;

use super::*;
use crate::{
    attributes::{Appliers, Attributes, Conflict, GroupMode, GroupOption},
    desired::Goal,
    ledger::ClusterId,
    observe::{BrokenBy, Client, GiveUp, Item as TableItem, Mode, PodView, Sender, Stamp, TableName},
    plan::testing::{Worlds, characters, desired, ord, target},
    topology::{Position, ReplicationName},
};

pub use judged::{reports, scenes};

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

/// The same, under a rule that the servers decide.
fn conflicts(rule: Conflict) -> Worlds {
    three().attributes(&Attributes::new(GroupMode::Lazy, rule, []).unwrap())
}

fn busy(mut w: Worlds, pod: u8) -> Worlds {
    let view = PodView::Broken { address: "x".to_owned(), failure: BrokenBy::SysdbaBusy, said: "ERR-41041".to_owned() };
    w.observed.pods.insert(ord(pod), view);
    w
}

/// The same, and a run that starts the pod shows itself on pod 0.
fn worked_on(w: Worlds, pod: u8) -> Worlds {
    let run = "20261121T121044Z-1f3a9c".parse().unwrap();
    let mut w = busy(w, pod);
    w.pod_mut(0).clients.push(client(&crate::lock::working("start", ord(pod), 7, Some(&run))));
    w
}

fn client(app: &str) -> Client {
    Client { user: "SYS".to_owned(), app: app.to_owned(), from: "10.0.0.2".to_owned(), sysdba: false, sessions: 1 }
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
        format!("{} {} {} {}", d.pod, &d.kind.as_str()[..4], d.object.as_deref().unwrap_or("-"), d.fact)
    };
    drift.differences.iter().map(one).collect()
}

fn standings(w: &Worlds) -> Vec<&'static str> {
    look(w).pods.iter().map(|p| p.standing.as_str()).collect()
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
        ("a join: its session taken, a pin on pod 1", worked_on(sound().side(1, 2, 'l'), 2)),
        (
            "a join: after the copy",
            worked_on(sound().side(1, 2, 'l').side(0, 2, 'l').set(0, "REPLICATION_SYNC_LOCK_TIMEOUT", 0), 2),
        ),
        ("nothing but pod 0", Worlds::new(desired(Goal::Start(ord(0)), 1, 1)).up(0, 0)),
    ];
    let mut unrelated = sound();
    let mut r = unrelated.observed.replication(ord(0), &unrelated.desired.objects[0].name).unwrap().clone();
    r.items = BTreeSet::from([TableItem { local: target("OTHER"), remote: target("OTHER") }]).into();
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
        (
            "nobody serves",
            three().set(0, "ADMIN_MODE", 1).set(1, "ADMIN_MODE", 1).set(2, "ADMIN_MODE", 1),
            &["0 D101 - ADMIN_MODE", "0 D106 - in-service", "1 D101 - ADMIN_MODE", "2 D101 - ADMIN_MODE"],
        ),
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
            "pod 0 lost its volume, the others kept their places",
            three().up(0, 1),
            &["0 D105 - joined", "1 D305 AKU_REP_01 xsn", "2 D305 AKU_REP_02 xsn"],
        ),
        (
            "an object was dropped",
            with(&|w| drop(w.pod_mut(1).replications.remove(&ReplicationName::exact("AKU_REP_12").unwrap()))),
            &["1 D200 AKU_REP_12 object", "1 D302 AKU_REP_12 xsn"],
        ),
        ("left of a longer list of pods", stranger("AKU_REP_15"), &["1 D201 AKU_REP_15 object"]),
        ("somebody else's on our tables", stranger("BILLING"), &["1 D202 BILLING object"]),
        (
            "another name in aku.conf",
            with(&|w| {
                let name = |n| ReplicationName::exact(n).unwrap();
                w.desired.renames.insert(name("AKU_REP_12"), name("OTHER_12"));
            }),
            &["1 D203 AKU_REP_12 name", "2 D203 AKU_REP_12 name"],
        ),
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
            "REPLACE, and one server does not, and one does not tell",
            conflicts(Conflict::Replace)
                .set(0, "REPLICATION_INSERT_REPLACE", 1)
                .set(0, "REPLICATION_UPDATE_REPLACE", 1)
                .set(1, "REPLICATION_INSERT_REPLACE", 1)
                .set(1, "REPLICATION_UPDATE_REPLACE", 0)
                .set(2, "REPLICATION_INSERT_REPLACE", 1),
            &["1 D404 - REPLICATION_UPDATE_REPLACE", "2 D404 - REPLICATION_UPDATE_REPLACE"],
        ),
        (
            "TIMESTAMP, and a table has no such column, and of one nobody can tell",
            {
                let mut w = conflicts(Conflict::Timestamp);
                for pod in 0..3 {
                    w = w.set(pod, "REPLICATION_TIMESTAMP_RESOLUTION", 1);
                    w.pod_mut(pod).tables.values_mut().for_each(|t| t.timestamp = Stamp::Has);
                }
                w.pod_mut(1).tables.get_mut(&TableName::of(&target("T1"))).unwrap().timestamp = Stamp::Lacks;
                w.pod_mut(2).tables.get_mut(&TableName::of(&target("T2"))).unwrap().timestamp = Stamp::Unknown;
                w
            },
            &["1 D503 SYS.T1 timestamp", "2 D503 SYS.T2 timestamp"],
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
            "character sets and time zones; who does not say has none",
            with(&|w| {
                w.pod_mut(2).server.characters = characters("KSC5601", "UTF16");
                w.pod_mut(2).server.time_zone = None;
                w.pod_mut(1).server.time_zone = Some("+09:00".to_owned());
            }),
            &["1 D607 - time zone", "2 D606 - character sets"],
        ),
        (
            "one server behind two names",
            with(&|w| [0, 2].into_iter().for_each(|n| w.pod_mut(n).server.signature = Some("s".to_owned()))),
            &["2 D602 - signature"],
        ),
        ("a volume put back", three().ledgers().remembers(0, 2, 3), &["2 D604 - ledger"]),
        (
            "a pod of another cluster",
            three().ledgers().edit_ledger(1, |l| l.cluster = ClusterId::founded_on("B")),
            &["1 D603 - cluster"],
        ),
        ("a volume that was moved", three().ledgers().edit_ledger(2, |l| l.pod = ord(3)), &["2 D605 - ledger"]),
    ];
    let mut kinds: BTreeSet<Kind> = BTreeSet::from([
        Kind::JoinStuck,
        Kind::ClosedLong,
        Kind::TableDiffers,
        // With a limit only.
        Kind::GapLarge,
        Kind::LogLarge,
        Kind::LagLong,
    ]);
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
    assert_eq!(standings(&worked_on(sound().side(1, 2, 'l'), 2))[2], "joining");
    assert_eq!(standings(&worked_on(sound(), 2))[2], "joining");
    // A person took the session of a member: what goes on there is not known.
    let taken = busy(sound().side(1, 2, 'l').side(0, 2, 'l'), 2);
    assert_eq!((standings(&taken)[2], look(&taken).completeness()), ("unseen", Completeness::Partial));
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
    let seen = |app: &str| {
        let mut w = busy(sound(), 2);
        w.pod_mut(0).clients = vec![client(app)];
        standings(&w)[2]
    };
    let run = "run 20261121T121044Z-1f3a9c";
    let start = format!("aku 0.1.0 start pod 2 pid 7 {run}");
    assert_eq!(seen(&start), "joining");
    assert_eq!(seen(&format!("aku 0.1.0 end pod 2 pid 7 {run}")), "joining");
    assert_eq!(seen(&format!("aku 0.1.0 recover pod 0 pid 7 {run}")), "joining");
    assert_eq!(seen("aku lock 20261121T121044Z-1f3a9c start pod 2 pid 7 on h"), "joining");
    assert_eq!(seen(&format!("aku 0.1.0 start pod 0 pid 7 {run}")), "unseen");
    assert_eq!(seen("aku 0.1.0 start pod 2 pid 7"), "unseen", "a look has no number");
    assert_eq!(seen("isql start pod 2 pid 7"), "unseen");
    let mut frozen = sound().broken(2);
    frozen.pod_mut(0).clients = vec![client(&start)];
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

#[test]
fn the_cure_is_named() {
    let next = |w: &Worlds| -> Vec<String> { look(w).differences.into_iter().map(|d| d.next).collect() };
    assert_eq!(next(&three().up(0, 1)), ["aku plan recover"; 3]);
    assert!(next(&absent(three(), 2))[0].ends_with("if it left for good: aku plan forget 2"));
    assert!(next(&absent(three(), 0))[0].ends_with("if its volume is lost: start it empty, then aku plan recover"));
    assert_eq!(next(&three().side(1, 3, 'l')), ["aku plan forget 3"]);
    assert_eq!(next(&closed().side(1, 2, 'l')), ["aku plan start --ordinal 2"; 2]);
    // Pod 2 was forgotten, and comes back with its places: it is copied anew, and the others need nothing.
    let forgotten = objects(sound().up(2, 1), &[2]).side(2, 0, 'L').side(2, 1, 'T');
    assert_eq!(next(&forgotten), ["aku plan start --ordinal 2"; 3], "{:?}", told(&look(&forgotten)));
    // The same when all restarted.
    let all = forgotten.set(0, "ADMIN_MODE", 1).set(1, "ADMIN_MODE", 1);
    let of_2: Vec<_> = look(&all).differences.into_iter().filter(|d| d.pod == ord(2)).map(|d| d.next).collect();
    assert!(!of_2.is_empty() && of_2.iter().all(|n| n == "aku plan recover"), "{of_2:?}");
    // The start of pod 2 would wait for pod 0, and that of pod 0 is refused: pod 2 keeps log for a place that pod 0 does not have.
    let mut pod_0 = all.desired.clone();
    pod_0.goal = Goal::Start(ord(0));
    let refused = crate::plan::make(&pod_0, &all.observed).expect_err("pod 0 looks as if its volume were lost");
    assert!(refused.because.iter().any(|b| b.code == crate::plan::Code::MasterFailed), "{refused:?}");
    assert_eq!(next(&three().side(1, 2, 'l')), ["aku plan reconcile"]);
}

/// Two pods in service with all that a LAZY group can have.
fn asked() -> Worlds {
    let parallel = GroupOption::Parallel { appliers: Appliers::new(4).unwrap(), buffer: "10M".parse().ok() };
    let options = [parallel, GroupOption::Gapless];
    let attributes = Attributes::new(GroupMode::Lazy, Conflict::MasterSlave, options).unwrap();
    let w = Worlds::new(desired(Goal::Start(ord(0)), 2, 1)).attributes(&attributes).up(0, 0).up(1, 0);
    w.pair(0, 1, "LL")
}

#[test]
fn what_aku_conf_asks_of_a_group() {
    let table: Vec<(&str, Worlds, &[&str])> = vec![
        ("as asked", asked(), &[]),
        ("the buffer as asked", asked().edit(0, 1, |r| r.applier_buffer = Some(10 << 20)), &[]),
        (
            "another buffer",
            asked().edit(0, 1, |r| r.applier_buffer = Some(0)),
            &["0 D215 AKU_REP_01 APPLIER_INIT_BUFFER_SIZE"],
        ),
        ("an option taken off", asked().edit(1, 0, |r| r.options &= !4), &["1 D215 AKU_REP_01 OPTIONS"]),
        (
            "another number",
            asked().edit(1, 0, |r| r.parallel_applier = 2),
            &["1 D215 AKU_REP_01 PARALLEL_APPLIER_COUNT"],
        ),
        ("no role", asked().edit(1, 0, |r| r.conflict_resolution = 0), &["1 D215 AKU_REP_01 CONFLICT_RESOLUTION"]),
        (
            "the roles swapped",
            asked().edit(0, 1, |r| r.conflict_resolution = 2),
            &["0 D215 AKU_REP_01 CONFLICT_RESOLUTION"],
        ),
        ("another mode", asked().edit(0, 1, |r| r.mode = Mode::Eager), &["0 D214 AKU_REP_01 mode"]),
        (
            "LAZY where EAGER is asked for",
            asked().attributes(&Attributes::new(GroupMode::Eager, Conflict::MasterSlave, []).unwrap()).edit(
                0,
                1,
                |r| {
                    (r.mode, r.options, r.parallel_applier) = (Mode::Eager, 0, 0);
                },
            ),
            &["1 D214 AKU_REP_01 mode", "1 D215 AKU_REP_01 OPTIONS", "1 D215 AKU_REP_01 PARALLEL_APPLIER_COUNT"],
        ),
    ];
    for (what, w, want) in table {
        let drift = look(&w);
        let mut told = told(&drift);
        told.sort();
        assert_eq!(told, want, "{what}: {drift:#?}");
        // What comes with another mode waits for it.
        let in_place = |d: &&Difference| d.fact == "OPTIONS" || d.fact == "PARALLEL_APPLIER_COUNT";
        let alone = !told.iter().any(|t| t.contains("D214"));
        for d in drift.differences.iter().filter(in_place).filter(|_| alone) {
            assert!(format!("{:?}", d.remedy).contains("econcile"), "{what}: {d:#?}");
        }
    }
}
