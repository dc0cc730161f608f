//! Mode, roles and options of aku.conf on real lab processes: they are made, shown, changed by hand, seen as drift, put
//! right by a reconcile, and every row is everywhere in the end.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::sync::Arc;

use aku::{db::wire::Cell, lab::pace::Pace};
use life::{Stage, Style, TABLES, Writer, converge, fill, started};

const ALL: [u8; 3] = [0, 1, 2];

/// Puts lines into the only group of aku.conf.
fn group(stage: &Stage, lines: &str) {
    let path = stage.lab.dir().join("aku.conf");
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = text.find("REPLICATIONS").unwrap();
    let tables = TABLES.join(", ");
    let group = format!("REPLICATIONS = (\n    REPLICATION_NAME_PREFIX = AKU_REP\n    {lines}\n    ({tables})\n)\n");
    std::fs::write(path, format!("{}{group}", &text[..begin])).unwrap();
}

/// CONFLICT_RESOLUTION, OPTIONS, PARALLEL_APPLIER_COUNT of every object of a pod, in the order of their names.
fn shapes(stage: &Stage, on: u8) -> Vec<[i64; 3]> {
    let rows = stage.select(
        on,
        "SELECT CONFLICT_RESOLUTION, OPTIONS, PARALLEL_APPLIER_COUNT FROM SYSTEM_.SYS_REPLICATIONS_ ORDER BY REPLICATION_NAME",
    );
    let numbers = |row: Vec<Cell>| match row.as_slice() {
        [Cell::Int(a), Cell::Int(b), Cell::Int(c)] => [*a, *b, *c],
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(numbers).collect()
}

#[test]
fn declared_made_changed_by_hand_seen_and_put_right() {
    let stage = started(0, 3);
    group(&stage, "CONFLICT = MASTER_SLAVE\n    PARALLEL 4 10M\n    GAPLESS");
    stage.ok(0, "validate");
    stage.ok(0, "-p start");
    fill(&stage, 0, 40);
    stage.ok(1, "-p start");
    stage.ok(2, "-p start");
    // GAPLESS 4 and PARALLEL 8; in every pair the smaller ordinal is the master.
    assert_eq!(shapes(&stage, 0), [[1, 12, 4], [1, 12, 4]]);
    assert_eq!(shapes(&stage, 1), [[2, 12, 4], [1, 12, 4]]);
    assert_eq!(shapes(&stage, 2), [[2, 12, 4], [2, 12, 4]]);
    stage.ok(0, "drift");
    assert!(stage.ok(0, "status").out.contains("CONFLICT = MASTER_SLAVE, GAPLESS, PARALLEL 4 10 M"));

    let writers: Vec<_> = ALL
        .iter()
        .map(|on| {
            let on = *on;
            let first = 1_000_000 * (i64::from(on) + 1);
            (TABLES[usize::from(on)], Writer::new(&stage, on, TABLES[usize::from(on)], first, Style::Autocommit))
        })
        .collect();
    for on in [1, 2] {
        stage.sql(on, "ALTER REPLICATION AKU_REP_12 STOP");
    }
    for what in ["SET GAPLESS DISABLE", "SET PARALLEL 0", "SET PARALLEL 2", "SET GROUPING ENABLE", "START"] {
        stage.sql(1, &format!("ALTER REPLICATION AKU_REP_12 {what}"));
    }
    stage.sql(2, "ALTER REPLICATION AKU_REP_12 START");
    let drift = stage.aku(0, "drift");
    assert_eq!(drift.code, Some(2), "{}{}", drift.out, drift.err);
    for words in ["D215", "OPTIONS is 24, aku.conf asks for 12", "PARALLEL_APPLIER_COUNT is 2, aku.conf asks for 4"] {
        assert!(drift.out.contains(words), "{words}\n{}", drift.out);
    }
    stage.ok(0, "apply reconcile --yes");
    stage.ok(0, "drift");
    stage.ok(0, "plan reconcile --exit-code");
    assert_eq!(shapes(&stage, 1), [[2, 12, 4], [1, 12, 4]]);

    // aku.conf asks for less.
    group(&stage, "CONFLICT = MASTER_SLAVE\n    GROUPING");
    assert_eq!(stage.aku(0, "drift").code, Some(2));
    stage.ok(0, "apply reconcile --yes");
    stage.ok(0, "drift");
    assert_eq!(shapes(&stage, 2), [[2, 16, 0], [2, 16, 0]]);

    let written: Vec<_> = writers.into_iter().map(|(table, w)| (table, w.stop())).collect();
    stage.equal(&ALL);
    for (table, w) in written {
        assert!(!w.acknowledged.is_empty(), "nothing was written to {table}");
        let rows = stage.table(0, table);
        assert!(w.missing(&rows).is_empty(), "{table}: {:?}", w.missing(&rows));
    }
}

/// HOST_TEMPLATE of aku.conf, which the endpoints file of a lab hides.
fn template(stage: &Stage, line: &str) {
    let conf = stage.lab.dir().join("aku.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    let kept: Vec<&str> = text.lines().filter(|l| !l.starts_with("HOST_TEMPLATE")).collect();
    let at = kept.iter().position(|l| l.starts_with("REPLICATIONS")).unwrap();
    std::fs::write(conf, [&kept[..at], &[line], &kept[at..]].concat().join("\n") + "\n").unwrap();
    let endpoints = stage.lab.dir().join("endpoints.toml");
    let text = std::fs::read_to_string(&endpoints).unwrap();
    let kept: Vec<&str> = text.lines().filter(|l| !l.starts_with("replication_host")).collect();
    std::fs::write(endpoints, kept.join("\n") + "\n").unwrap();
}

/// Where each object of a pod leads, by the name of the object.
fn hosts(stage: &Stage, on: u8) -> Vec<String> {
    let sql = "SELECT HOST_IP FROM SYSTEM_.SYS_REPL_HOSTS_ ORDER BY REPLICATION_NAME";
    let text = |row: Vec<Cell>| match row.as_slice() {
        [Cell::Text(host)] => host.clone(),
        other => panic!("{other:?}"),
    };
    stage.select(on, sql).into_iter().map(text).collect()
}

/// Replication moves to a network of its own and back under writers, while sessions go where they went; a name that leads
/// nowhere stops streams and loses nothing.
#[test]
fn replication_moves_to_the_hosts_of_the_template() {
    let stage = started(2, 3);
    fill(&stage, 0, 30);
    stage.ok(2, "-p start");
    let writers: Vec<_> = ALL
        .iter()
        .map(|on| {
            let table = TABLES[usize::from(*on)];
            (table, Writer::new(&stage, *on, table, 1_000_000 * (i64::from(*on) + 1), Style::Autocommit))
        })
        .collect();
    template(&stage, "HOST_TEMPLATE = \"{pod}.{svc}-repl\"");
    stage.ok(0, "validate");
    let drift = stage.aku(0, "drift");
    assert_eq!(drift.code, Some(2), "{}{}", drift.out, drift.err);
    assert!(drift.out.contains("pod 1 is at altibase-sts-1.altibase-svc-repl"), "{}", drift.out);
    stage.ok(0, "apply reconcile --yes");
    stage.ok(0, "drift");
    stage.ok(0, "plan reconcile --exit-code");
    let repl = |n: u8| format!("altibase-sts-{n}.altibase-svc-repl");
    assert_eq!(hosts(&stage, 1), [repl(0), repl(2)]);
    stage.ok(2, "-p end");
    stage.restart(2);
    stage.ok(2, "-p start");
    assert_eq!(hosts(&stage, 2), [repl(0), repl(1)]);

    template(&stage, "HOST_TEMPLATE = \"{pod}.nowhere.lab.invalid\"");
    let broken = stage.aku(0, "apply reconcile --yes");
    assert_eq!(broken.code, Some(4), "{}{}", broken.out, broken.err);
    template(&stage, "");
    stage.ok(0, "apply reconcile --yes");
    stage.ok(0, "drift");
    assert_eq!(hosts(&stage, 0), ["altibase-sts-1.altibase-svc", "altibase-sts-2.altibase-svc"]);
    let written: Vec<_> = writers.into_iter().map(|(table, w)| (table, w.stop())).collect();
    stage.equal(&ALL);
    for (table, w) in written {
        let rows = stage.table(0, table);
        assert!(w.missing(&rows).is_empty(), "{table}: {:?}", w.missing(&rows));
    }
}

/// What the servers decide: a pod stays closed until somebody does what is printed, the later of two changes wins, and a property
/// that somebody sets back is drift.
#[test]
fn the_later_change_wins_where_every_server_says_so() {
    let stage = started(0, 2);
    group(&stage, "CONFLICT = TIMESTAMP");
    let refused = stage.aku(0, "-p start");
    assert_eq!(refused.code, Some(3), "{}{}", refused.out, refused.err);
    let said = refused.out + &refused.err;
    assert!(said.contains("X229") && said.contains("SYS.T1 has no TIMESTAMP column"), "{said}");
    for on in [0, 1] {
        for table in TABLES {
            stage.sql(on, &format!("ALTER TABLE {table} ADD COLUMN (C4 TIMESTAMP)"));
        }
    }
    stage.ok(0, "-p start");
    stage.sql(0, "INSERT INTO SYS.T1 (I1, C2, C3) VALUES (1, 'old', 0)");
    let property = "REPLICATION_TIMESTAMP_RESOLUTION";
    stage.sql(1, &format!("ALTER SYSTEM SET {property} = 0"));
    let refused = stage.aku(1, "-p start");
    assert_eq!(refused.code, Some(3), "{}{}", refused.out, refused.err);
    let told = format!("ALTER SYSTEM SET {property} = 1");
    assert!((refused.out.clone() + &refused.err).contains(&told), "{}{}", refused.out, refused.err);
    stage.sql(1, &told);
    stage.ok(1, "-p start");
    stage.ok(0, "drift");

    for on in [0, 1] {
        stage.sql(on, "ALTER REPLICATION AKU_REP_01 STOP");
    }
    for (on, value) in [(0, "earlier"), (1, "later")] {
        stage.sql(on, &format!("UPDATE SYS.T1 SET C2 = '{value}' WHERE I1 = 1"));
    }
    for on in [1, 0] {
        stage.sql(on, "ALTER REPLICATION AKU_REP_01 START");
    }
    stage.equal(&[0, 1]);
    assert_eq!(stage.table(0, "SYS.T1")[&1].0, "later");

    stage.sql(1, &format!("ALTER SYSTEM SET {property} = 0"));
    let drift = stage.aku(0, "drift");
    assert_eq!(drift.code, Some(2), "{}{}", drift.out, drift.err);
    assert!(drift.out.contains("D404") && drift.out.contains(&told), "{}", drift.out);
    let check = stage.aku(0, "check");
    assert_eq!(check.code, Some(3), "{}{}", check.out, check.err);
    let plan = stage.ok(0, "plan reconcile");
    assert!(plan.out.contains("W125") && plan.out.contains(&told), "{}", plan.out);
}

/// Roles change only by DROP and CREATE: drift says how, and what it says ends the drift.
#[test]
fn roles_that_are_declared_later_come_with_the_next_start() {
    let stage = started(2, 2);
    fill(&stage, 0, 20);
    group(&stage, "CONFLICT = MASTER_SLAVE");
    let drift = stage.aku(0, "drift");
    assert_eq!(drift.code, Some(2));
    assert!(drift.out.contains("end --ordinal 1"), "{}", drift.out);
    stage.ok(1, "apply end --yes");
    stage.ok(1, "apply start --yes --approve deletes-rows=altibase-sts/1 --approve removes-definition=altibase-sts/0 --approve removes-definition=altibase-sts/1");
    assert_eq!((shapes(&stage, 0), shapes(&stage, 1)), (vec![[1, 0, 0]], vec![[2, 0, 0]]));
    stage.ok(0, "drift");
    stage.equal(&[0, 1]);
}

#[test]
fn an_eager_pair_with_recovery_joins_ends_and_comes_back() {
    let stage = started(0, 2);
    group(&stage, "MODE = EAGER\n    RECOVERY");
    stage.ok(0, "-p start");
    fill(&stage, 0, 20);
    stage.ok(1, "-p start");
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (500, 'of pod 1', 0)");
    assert!(stage.table(0, TABLES[0]).contains_key(&500), "an EAGER commit has reached the peer");
    stage.ok(0, "drift");
    stage.ok(1, "-p end");
    stage.restart(1);
    stage.ok(1, "-p start");
    stage.equal(&[0, 1]);
    stage.ok(0, "drift");
}

/// Issue 16.2: the third and the fourth pod of an EAGER group join under writers, the program is killed in the middle of it, and
/// nobody loses a row or is told of an error.
#[test]
fn an_eager_group_grows_under_writers_and_a_kill() {
    let stage = started(0, 4);
    group(&stage, "MODE = EAGER");
    stage.ok(0, "-p start");
    fill(&stage, 0, 60);
    stage.ok(1, "-p start");
    let writer = |on: u8, style| {
        let table = TABLES[usize::from(on)];
        (table, Writer::new(&stage, on, table, 1_000_000 * (i64::from(on) + 1), style))
    };
    let mut writers = vec![writer(0, Style::Autocommit), writer(1, Style::Autocommit)];
    // It is past the anchor: its position is there, and nothing is copied yet.
    stage.killed_at(2, "-p start", "open transactions").expect("it drains pod 1");
    converge(&stage, 2);
    writers.push(writer(2, Style::Autocommit));
    stage.restart(3);
    stage.killed_at(3, "-p start", "TRUNCATE").expect("it empties its tables");
    converge(&stage, 3);
    stage.ok(0, "drift");
    let written: Vec<_> = writers.into_iter().map(|(table, w)| (table, w.stop())).collect();
    stage.equal(&[0, 1, 2, 3]);
    for (table, w) in written {
        assert!(!w.acknowledged.is_empty(), "nothing was written to {table}");
        assert!(w.unknown.is_empty(), "{table}: a user was told of an error: {:?}", w.unknown);
        let rows = stage.table(3, table);
        assert!(w.missing(&rows).is_empty(), "{table}: {:?}", w.missing(&rows));
    }
}

/// START and STOP take seconds: users wait under the lock, and nobody for longer than receivers do.
#[test]
fn an_eager_group_grows_at_the_measured_pace() {
    let stage = Arc::new(Stage::at_pace(3, Pace::Real));
    group(&stage, "MODE = EAGER");
    stage.ok(0, "-p start");
    fill(&stage, 0, 30);
    stage.ok(1, "-p start");
    let writer = |on: u8| {
        let table = TABLES[usize::from(on)];
        (table, Writer::new(&stage, on, table, 1_000_000 * (i64::from(on) + 1), Style::Autocommit))
    };
    let writers = [writer(0), writer(1)];
    let run = stage.ok(2, "-p start");
    let under_the_lock =
        run.out.lines().find_map(|l| l.split_once(" ms under the lock")?.0.split(' ').next_back()?.parse().ok());
    let under_the_lock: u64 = under_the_lock.unwrap_or_else(|| panic!("{}", run.out));
    assert!((900..4_000).contains(&under_the_lock), "{under_the_lock} ms");
    let written = writers.map(|(table, w)| (table, w.stop()));
    stage.equal(&[0, 1, 2]);
    for (table, w) in written {
        assert!(!w.acknowledged.is_empty() && w.unknown.is_empty(), "{table}: {:?}", w.unknown);
        assert!(w.missing(&stage.table(2, table)).is_empty(), "{table}");
    }
}
