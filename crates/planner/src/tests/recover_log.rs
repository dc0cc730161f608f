//! A dead pod's tail is read from its logs: whose they are, who reads, and that the checker sees it with code of its own.

use std::collections::BTreeMap;

use aku_core::{
    attributes::ObjectOption,
    logs::{Contents, Directory, Remembers, Seen},
    observe::{Conflicts, Mode, Sender},
    sql::ChangeSql,
};

use super::*;
use crate::testing::signature;

const DIR: &str = "/mnt/dead/logs";

/// Pods 0 and 1 live, pod 2 is dead, and both wait for it; ledgers know all three.
fn dead() -> Worlds {
    let w = Worlds::new(desired(Goal::RecoverLog(ord(2)), 3, 1)).up(0, 0).up(1, 0);
    let w = w.pair(0, 1, "LL").side(0, 2, 'T').side(1, 2, 'T').ledgers();
    w.remembers(0, 2, 2).remembers(1, 2, 2).remembers(0, 1, 2).remembers(1, 0, 2)
}

fn row(pods: &[u8]) -> Remembers {
    Remembers(pods.iter().map(|k| (ord(*k), signature(*k, "6B00DD1A"))).collect())
}

fn at(mut w: Worlds, pod: u8, path: &str, seen: Seen) -> Worlds {
    w.observed.logs.insert(ord(pod), Directory { path: path.parse().unwrap(), seen });
    w
}

fn read(rows: &[Remembers], files: Option<(u64, u64)>) -> Seen {
    Seen::Read(Contents { files, rows: rows.iter().cloned().collect() })
}

/// Both survivors were named the same directory.
fn both(w: Worlds, seen: &Seen) -> Worlds {
    at(at(w, 0, DIR, seen.clone()), 1, DIR, seen.clone())
}

fn proved() -> Seen {
    read(&[row(&[0, 1])], None)
}

fn asked(plan: &Plan) -> Vec<String> {
    plan.approvals.iter().map(|a| format!("{}={}", a.class.as_str(), a.scope)).collect()
}

#[test]
fn every_survivor_reads_for_itself_and_all_is_as_before() {
    let plan = made(&both(dead(), &proved()));
    let of = |k: u8| {
        let o = format!("AKU_REP_{k}2");
        let steps = [format!("stop {o}"), format!("logs {DIR}"), format!("read-logs {o}"), "clear OFFLINE".to_owned()];
        steps.into_iter().chain([format!("retry {o}")]).map(move |s| format!("{k}:{s}"))
    };
    let mut want: Vec<String> = of(0).chain(of(1)).collect();
    let mut is = steps(&plan);
    want.sort();
    is.sort();
    assert_eq!(is, want);
    assert_eq!(asked(&plan).len(), 2, "what the log says speaks for it, and proves nothing");
    for k in 0..2 {
        let step = |what: &str| format!("{k}:{what}");
        assert!(waits(&plan, &step(&format!("read-logs AKU_REP_{k}2")), &step(&format!("stop AKU_REP_{k}2"))));
        assert!(waits(&plan, &step(&format!("retry AKU_REP_{k}2")), &step("clear OFFLINE")));
    }
    let sql: Vec<ChangeSql> = plan.actions.iter().filter(|a| a.pod == ord(0)).flat_map(|a| a.op.statements()).collect();
    let sql: Vec<String> = sql.iter().map(ToString::to_string).collect();
    assert_eq!(
        sql,
        [
            "ALTER REPLICATION AKU_REP_02 STOP",
            "ALTER REPLICATION AKU_REP_02 SET OFFLINE ENABLE WITH '/mnt/dead/logs'",
            "ALTER REPLICATION AKU_REP_02 START WITH OFFLINE",
            "ALTER REPLICATION AKU_REP_02 SET OFFLINE DISABLE",
            "ALTER REPLICATION AKU_REP_02 START RETRY",
        ]
    );
}

/// What is seen of a directory, and what becomes of the plan: a yes that is asked, or the code of the refusal.
#[test]
fn whose_logs_they_are_is_refuted_or_asked() {
    let yes = |pods: &[u8]| pods.iter().map(|k| format!("unproved-logs=altibase-sts/{k}")).collect::<Vec<_>>();
    let foreign = Remembers([(ord(0), "AAAA".to_owned()), (ord(1), "BBBB".to_owned())].into());
    let half = Remembers([(ord(0), signature(0, "6B00DD1A")), (ord(1), "BBBB".to_owned())].into());
    let pass: [(&str, Seen, Vec<String>); 7] = [
        ("its own row", proved(), yes(&[0, 1])),
        ("its own row, and an old one of fewer pods", read(&[row(&[0, 1]), row(&[0])], None), yes(&[0, 1])),
        ("nobody looked", Seen::NotLooked, yes(&[0, 1])),
        ("not there from here", Seen::Unreadable("No such file".to_owned()), yes(&[0, 1])),
        ("no row", read(&[], Some((0, 9))), yes(&[0, 1])),
        ("a row of a time of fewer pods", read(&[row(&[0])], None), yes(&[0, 1])),
        ("a survivor has another database since", read(&[half], None), yes(&[0, 1])),
    ];
    for (what, seen, want) in pass {
        assert_eq!(asked(&made(&both(dead(), &seen))), want, "{what}");
    }
    let bar = [
        ("pod 1's row", read(&[row(&[0, 2])], None), Code::OtherLogs),
        ("rows of both", read(&[row(&[0, 1]), row(&[0, 2])], None), Code::OtherLogs),
        ("another cluster's", read(&[foreign], None), Code::OtherLogs),
    ];
    for (what, seen, want) in bar {
        let refusal = refused(&both(dead(), &seen));
        assert_eq!((codes(&refusal.because), refusal.kind), (vec![want; 2], RefusalKind::Refused), "{what}");
    }
    for (path, want) in [("/mnt/altibase-sts-1/logs", true), ("/mnt/pvc-altibase-sts-2/x", false), ("/lab/pod-0", true)]
    {
        let w = at(dead(), 0, path, Seen::NotLooked);
        assert_eq!(make(&w.desired, &w.observed).is_err(), want, "{path}");
    }
    for writer in [0, 1] {
        let mut w = both(dead(), &proved());
        w.pod_mut(writer).properties.insert("LOG_DIR".to_owned(), format!("{DIR}/"));
        assert_eq!(codes(&refused(&w).because), [Code::OtherLogs, Code::OtherLogs], "pod {writer} writes there");
    }
}

#[test]
fn a_log_that_does_not_reach_is_refused_with_what_is_lost() {
    let sn = |file: u64, offset: u64| (file << 32) + offset;
    let with = |applied: Option<u64>, end: Option<u64>, files| {
        let known = |w: Worlds, k: u8| {
            w.edit_ledger(k, |l| {
                let peer = l.peers.get_mut(&ord(2)).unwrap();
                (peer.applied, peer.log_end) = (applied, end);
            })
        };
        both(known(known(dead(), 0), 1), &read(&[row(&[0, 1])], Some(files)))
    };
    made(&with(Some(sn(7, 5)), Some(sn(9, 0)), (7, 9)));
    made(&with(None, None, (70, 90)));
    // What is noted as applied is the least, so a log that begins later may be whole: a person is told, and decides.
    let late = made(&with(Some(sn(7, 5)), Some(sn(9, 0)), (8, 9)));
    assert!(late.approvals[0].because.contains(&format!("SN {}", sn(7, 5))), "{late:?}");
    let old = refused(&with(Some(sn(7, 5)), Some(sn(9, 0)), (3, 8)));
    assert_eq!(codes(&old.because), [Code::LogsTooShort; 2]);
    assert!(old.because[0].text.contains("logfile9"), "{old:?}");
    // Of the database that the pod had before, nothing follows.
    let w = with(Some(sn(7, 5)), Some(sn(9, 0)), (3, 8)).edit_ledger(1, |l| {
        let peer = l.peers.get_mut(&ord(2)).unwrap();
        (peer.incarnation, peer.signature, peer.log_end, peer.applied) = (3, "NEW".to_owned(), None, None);
    });
    made(&w);
}

#[test]
fn only_the_log_of_a_dead_pod_is_read() {
    let kind = |w: &Worlds| {
        let r = refused(w);
        (r.kind, codes(&r.because)[0])
    };
    let with = |w| both(w, &proved());
    assert_eq!(kind(&with(dead().up(2, 1))), (RefusalKind::Refused, Code::StillHere));
    assert_eq!(kind(&with(dead().broken(2))), (RefusalKind::CannotTell, Code::BrokenPod));
    let sends = dead().edit(1, 2, |r| r.receiver = Some(Conflicts::default()));
    assert_eq!(kind(&with(sends)), (RefusalKind::CannotTell, Code::BrokenPod));
    let taken = dead().edit(0, 2, |r| r.sender = Sender::Running);
    assert_eq!(kind(&with(taken)), (RefusalKind::CannotTell, Code::BrokenPod));
    assert_eq!(kind(&dead()), (RefusalKind::Refused, Code::NobodyReads));
    let forgotten = dead().side(0, 2, 'R').side(1, 2, 'R');
    assert_eq!(kind(&with(forgotten)), (RefusalKind::Refused, Code::NobodyReads));
}

#[test]
fn who_gets_nothing_is_named() {
    let one = made(&at(dead(), 0, DIR, proved()));
    assert!(steps(&one).iter().all(|s| s.starts_with("0:")), "{:?}", steps(&one));
    assert_eq!(codes(&one.notes).iter().filter(|c| **c == Code::LogsNotRead).count(), 1);
    // Pod 1 forgot its position: it is not connected.
    let reset = made(&both(dead().side(1, 2, 'R'), &proved()));
    assert!(steps(&reset).iter().all(|s| s.starts_with("0:")), "{:?}", steps(&reset));
    assert!(codes(&reset.notes).contains(&Code::LogsNotRead));
    let edits: [fn(&mut aku_core::observe::Replication); 2] =
        [|r| r.mode = Mode::Eager, |r| r.options |= ObjectOption::Recovery.bit()];
    for edit in edits {
        let plan = made(&both(dead().edit(1, 2, edit), &proved()));
        assert!(steps(&plan).iter().all(|s| s.starts_with("0:")), "{:?}", steps(&plan));
        assert!(codes(&plan.notes).contains(&Code::LogsNotRead));
        // Nobody is left who reads: no plan that says it does.
        let refusal = refused(&both(dead().edit(0, 2, edit).edit(1, 2, edit), &proved()));
        assert_eq!(codes(&refusal.because), [Code::NobodyReads, Code::LogsNotRead, Code::LogsNotRead]);
    }
}

/// As a run that was killed leaves it: stopped, with the option. It starts over, and the object is started in the end.
#[test]
fn what_a_killed_run_left_is_finished_or_taken_off() {
    let left = || dead().side(0, 2, 'l').edit(0, 2, |r| r.options |= ObjectOption::Offline.bit());
    let again = made(&at(left(), 0, DIR, proved()));
    assert_eq!(
        steps(&again),
        ["0:logs /mnt/dead/logs", "0:read-logs AKU_REP_02", "0:clear OFFLINE", "0:retry AKU_REP_02"]
    );
    let mut w = left();
    w.desired.goal = Goal::Reconcile;
    let changing = |w: &Worlds| {
        let noted = |s: &String| !s.ends_with(":ledger");
        steps(&made(w)).into_iter().filter(noted).collect::<Vec<_>>()
    };
    assert_eq!(changing(&w), ["0:clear OFFLINE", "0:retry AKU_REP_02"]);
    let mut runs = dead().edit(0, 2, |r| r.options |= ObjectOption::Offline.bit());
    runs.desired.goal = Goal::Reconcile;
    assert_eq!(changing(&runs), ["0:stop AKU_REP_02", "0:clear OFFLINE", "0:retry AKU_REP_02"]);
    // Given up by the server, and not sending: it stays so.
    let gave_up = made(&at(dead().side(0, 2, 'G'), 0, DIR, proved()));
    assert_eq!(steps(&gave_up), ["0:logs /mnt/dead/logs", "0:read-logs AKU_REP_02", "0:clear OFFLINE"]);
}

#[test]
fn the_checker_knows_the_rules_by_itself() {
    type Mutation = fn(&mut Plan);
    type Change = fn(Worlds) -> Worlds;
    fn only(plan: &mut Plan, keep: fn(&Action) -> bool) {
        let gone: Vec<ActionId> = plan.actions.iter().filter(|a| !keep(a)).map(|a| a.id).collect();
        assert!(!gone.is_empty(), "the mutation must change something");
        plan.actions.retain(keep);
        let is_gone = |id: ActionId| gone.contains(&id);
        let mut thinned = Thinned::without(&is_gone);
        plan.actions.iter_mut().for_each(|a| thinned.thin(&mut a.after));
    }
    let w = both(dead(), &Seen::NotLooked);
    let good = made(&w);
    let table: [(&str, Mutation); 10] = [
        ("whose-logs", |p| p.approvals.clear()),
        ("logs", |p| only(p, |a| !matches!(a.op, Op::Stop { .. }))),
        ("logs", |p| only(p, |a| !matches!(a.op, Op::SetLogPath { .. }))),
        ("put-back", |p| only(p, |a| !matches!(a.op, Op::ClearOption { .. }))),
        ("put-back", |p| only(p, |a| !matches!(a.op, Op::Retry { .. }))),
        ("whose-logs", |p| {
            for a in &mut p.actions {
                if let Op::SetLogPath { path, .. } | Op::ReadLogs { path, .. } = &mut a.op {
                    *path = "/another".parse().unwrap();
                }
            }
        }),
        ("logs", |p| {
            for a in &mut p.actions {
                if let Op::ReadLogs { .. } = &a.op {
                    a.after.clear();
                }
            }
        }),
        ("retry", |p| {
            for a in &mut p.actions {
                if let Op::Retry { .. } = &a.op {
                    a.after.clear();
                }
            }
        }),
        ("put-back", |p| {
            for a in &mut p.actions {
                if let Op::ClearOption { .. } = &a.op {
                    a.run = RunWhen::Normal;
                }
            }
        }),
        ("logs", |p| {
            for a in &mut p.actions {
                if let Op::Stop { peer, .. } = &mut a.op {
                    *peer = ord(1);
                }
            }
        }),
    ];
    for (rule, mutate) in table {
        let mut bad = good.clone();
        mutate(&mut bad);
        let found = check::check(&bad, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == rule), "{rule}: {found:?}");
    }
    let worlds: [(&str, Change); 5] = [
        ("logs-of-the-living", |w| w.up(2, 1)),
        ("whose-logs", |w| both(w, &read(&[row(&[0, 2])], None))),
        ("whose-logs", |mut w| {
            w.pod_mut(1).properties.insert("LOG_DIR".to_owned(), DIR.to_owned());
            w
        }),
        ("retry", |w| w.side(0, 2, 'R')),
        ("logs", |mut w| {
            w.desired.goal = Goal::Forget(ord(2));
            w
        }),
    ];
    for (rule, change) in worlds {
        let w = change(both(dead(), &Seen::NotLooked));
        let found = check::check(&good, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == rule), "{rule}: {found:?}");
    }
}

#[test]
fn a_saved_plan_keeps_its_directories() {
    let w = both(dead(), &Seen::NotLooked);
    let plan = made(&w);
    let paths: BTreeMap<_, _> = [0, 1].map(|k| (ord(k), DIR.parse().unwrap())).into();
    assert_eq!(plan.log_paths(), Some(&paths));
    let read: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(read, plan);
}
