//! Names and groups that change in aku.conf, on real lab processes under writers, with `kill -9` of the program at one line
//! after the other: no acknowledged row is lost, all pods end equal, and nothing is left to do.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::collections::BTreeMap;

use aku::db::wire::Cell;
use life::{Run, Stage, Style, TABLES, Writer, Written, fill, pod, started};

const ALL: [u8; 3] = [0, 1, 2];

/// Puts another list of groups into aku.conf.
fn groups(stage: &Stage, groups: &[(&str, &str)]) {
    let path = stage.lab.dir().join("aku.conf");
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = text.find("REPLICATIONS").unwrap();
    let list: Vec<_> = groups.iter().map(|(p, t)| format!("(REPLICATION_NAME_PREFIX = {p} ({t}))")).collect();
    std::fs::write(path, format!("{}REPLICATIONS = {}\n", &text[..begin], list.join(", "))).unwrap();
}

/// The objects of a pod, by name.
fn names(stage: &Stage, on: u8) -> Vec<String> {
    let rows = stage.select(on, "SELECT REPLICATION_NAME FROM SYSTEM_.SYS_REPLICATIONS_ ORDER BY 1");
    let name = |row: Vec<Cell>| match row.as_slice() {
        [Cell::Text(name)] => name.trim_end().to_owned(),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(name).collect()
}

const RECONCILE: &str = "apply reconcile --yes --approve removes-definition=altibase-sts/0 --approve removes-definition=altibase-sts/1 --approve removes-definition=altibase-sts/2";

fn reconciled(stage: &Stage) -> Run {
    stage.ok(0, RECONCILE)
}

/// The pods hold what was acknowledged, the same everywhere, and drift is clean.
fn holds(stage: &Stage, written: &[(&'static str, Written)]) {
    for on in ALL {
        for name in names(stage, on) {
            stage.sql(on, &format!("ALTER REPLICATION {name} FLUSH ALL WAIT 30"));
        }
    }
    for table in TABLES {
        let rows: Vec<BTreeMap<i64, (String, i64)>> = ALL.iter().map(|p| stage.table(*p, table)).collect();
        assert!(rows.windows(2).all(|w| w[0] == w[1]), "{table} differs");
        for (_, w) in written.iter().filter(|(t, _)| *t == table) {
            assert!(w.missing(&rows[0]).is_empty(), "{table}: {:?} are missing", w.missing(&rows[0]));
        }
    }
    stage.ok(0, "drift");
    stage.ok(0, "plan reconcile --exit-code");
}

/// Writers on all pods while aku.conf changes: killed after 1, 2, 3 .. lines, until a run comes to its end.
fn under_writers(change: impl Fn(&Stage, usize)) {
    let stage = started(3, 3);
    fill(&stage, 0, 40);
    for on in ALL {
        // One object for each address is what a server takes by default.
        stage.sql(on, "ALTER SYSTEM SET REPLICATION_ALLOW_DUPLICATE_HOSTS = 1");
    }
    let mut kills = 0;
    for turn in 0..6 {
        let writers: Vec<_> = ALL
            .into_iter()
            .flat_map(|on| TABLES.into_iter().enumerate().map(move |(n, table)| (on, n, table)))
            .map(|(on, n, table)| {
                let first = 1_000_000 * (1 + i64::try_from(turn).unwrap())
                    + 100_000 * i64::from(on)
                    + 10_000 * i64::try_from(n).unwrap();
                (table, Writer::new(&stage, on, table, first, Style::Autocommit))
            })
            .collect();
        change(&stage, turn);
        // A little further each time.
        for lines in [2 + turn, 9 + 3 * turn, 20 + 5 * turn] {
            kills += usize::from(stage.killed_after(0, RECONCILE, lines).is_some());
        }
        reconciled(&stage);
        let written: Vec<_> = writers.into_iter().map(|(table, w)| (table, w.stop())).collect();
        assert!(written.iter().any(|(_, w)| w.acknowledged.len() > 10), "nobody wrote");
        holds(&stage, &written);
    }
    assert!(kills > 6, "{kills} runs were killed: this test proves little");
}

#[test]
fn a_prefix_changes_under_writers() {
    under_writers(|stage, turn| groups(stage, &[(&format!("NAME{turn}"), "SYS.T1, SYS.T2, SYS.T3")]));
}

#[test]
fn tables_move_groups_split_and_merge_under_writers() {
    under_writers(|stage, turn| {
        let list: &[(&str, &str)] = match turn % 3 {
            0 => &[("AKU_REP", "SYS.T1, SYS.T2"), ("OTHER", "SYS.T3")],
            1 => &[("AKU_REP", "SYS.T1"), ("OTHER", "SYS.T3, SYS.T2")],
            _ => &[("AKU_REP", "SYS.T1, SYS.T2, SYS.T3")],
        };
        groups(stage, list);
    });
}

/// Where a server takes one object for each address, the old one goes first.
#[test]
fn a_prefix_changes_where_an_address_takes_one_object() {
    let stage = started(3, 3);
    fill(&stage, 0, 20);
    let writer = Writer::new(&stage, 1, TABLES[0], 1_000_000, Style::Autocommit);
    groups(&stage, &[("NEWNAME", "SYS.T1, SYS.T2, SYS.T3")]);
    let drift = stage.aku(0, "drift");
    assert_eq!(drift.code, Some(2), "{}", drift.out);
    assert!(drift.out.contains("aku plan reconcile"), "{}", drift.out);
    reconciled(&stage);
    let written = writer.stop();
    for on in ALL {
        assert!(names(&stage, on).iter().all(|n| n.starts_with("NEWNAME_")), "{:?}", names(&stage, on));
    }
    holds(&stage, &[(TABLES[0], written)]);
}

/// Pods restart one after the other with the new aku.conf before anybody reconciled: each delivers and comes back under the
/// old names.
#[test]
fn pods_end_and_start_under_their_old_names() {
    let stage = started(3, 3);
    fill(&stage, 0, 20);
    groups(&stage, &[("NEWNAME", "SYS.T1, SYS.T2, SYS.T3")]);
    for on in [2, 1, 0] {
        stage.sql(on, &format!("INSERT INTO SYS.T1 VALUES ({}, 'last', 0)", 700 + i64::from(on)));
        stage.ok(on, "-p end");
        stage.restart(on);
        stage.ok(on, "-p start");
    }
    reconciled(&stage);
    holds(&stage, &[]);
    assert!((700..703).all(|key| stage.table(0, TABLES[0]).contains_key(&key)));
}

/// The contents of a pod that comes back are compared row by row: as many rows with other contents do not open it.
#[test]
fn a_pod_with_other_contents_is_not_opened_when_contents_are_compared() {
    for (depth, opens) in [("counts", true), ("contents", false)] {
        let stage = started(2, 2);
        stage.conf(&format!("AKU_COMPARE_AT_START = {depth}\nAKU_REPLICATION_RESET_AT_END = 0"));
        fill(&stage, 0, 20);
        stage.flush(&[0, 1]);
        stage.ok(1, "-p end");
        // A change that is sent to nobody.
        let mut client = stage.client(0);
        client.execute("ALTER SESSION SET REPLICATION = FALSE").unwrap();
        client.execute("UPDATE SYS.T1 SET C3 = 4711 WHERE I1 = 3").unwrap();
        drop(client);
        stage.restart(1);
        let run = stage.aku(1, "-p start");
        assert_eq!(run.code == Some(0), opens, "{depth}: {:?}\n{}{}", run.code, run.out, run.err);
        assert_eq!(stage.marker(1).exists(), opens, "{depth}");
        if opens {
            continue;
        }
        assert!(run.out.contains("SYS.T1"), "{}", run.out);
        // Mended by hand, it comes back.
        stage.sql(1, "UPDATE SYS.T1 SET C3 = 4711 WHERE I1 = 3");
        stage.ok(1, "-p start");
        assert_eq!(stage.table(0, TABLES[0]), stage.table(1, TABLES[0]));
    }
}

/// Pod 0 is lost while the two sides of a pair of slaves differ: what ends it is done or said.
#[test]
fn pod_0_is_recovered_beside_a_pair_whose_sides_differ() {
    let stage = started(3, 3);
    fill(&stage, 0, 20);
    stage.flush(&ALL);
    for on in [1, 2] {
        stage.sql(on, "ALTER REPLICATION AKU_REP_12 STOP");
    }
    stage.sql(1, "ALTER REPLICATION AKU_REP_12 DROP TABLE FROM SYS.T3 TO SYS.T3");
    stage.lab.kill(pod(0)).unwrap();
    stage.wipe(0);
    let recover = "apply recover --from 1 --yes --approve deletes-rows=altibase-sts/0 --approve loses-unsent=altibase-sts/0 --approve loses-unsent=altibase-sts/2 --approve unproved-source=altibase-sts/1 --approve empty-source=altibase-sts/0";
    let run = stage.aku(0, recover);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    stage.ok(0, "-p start");
    stage.ok(2, "apply start --yes --approve deletes-rows=altibase-sts/2");
    stage.equal(&ALL);
}
