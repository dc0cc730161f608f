//! The life of a cluster through the real program on a lab: joins and ends under writers, kills, repetition, exit codes.
//! `AKU_CASES` asks for more random kills, `AKU_SEED` repeats a run.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use aku::{
    db::{client::Client, wire::Cell},
    lab::{
        fault::{Fault, Moment, Party},
        process::{Life, wait_until},
    },
};
use life::{Dice, PATIENCE, Run, Stage, Style, TABLES, Writer, as_sys, cases, converge, fill, pod, started};

#[test]
fn a_pod_joins_under_writers_and_nothing_is_lost() {
    let stage = started(2, 3);
    fill(&stage, 0, 800);
    let writers = [
        Writer::new(&stage, 0, TABLES[0], 100_000, Style::Autocommit),
        Writer::new(&stage, 1, TABLES[0], 200_000, Style::Autocommit),
        Writer::new(&stage, 0, TABLES[1], 300_000, Style::Spanning("AKU_REP_02")),
        Writer::new(&stage, 1, TABLES[1], 400_000, Style::Spanning("AKU_REP_12")),
        Writer::new(&stage, 1, TABLES[0], 500_000, Style::Spanning("AKU_REP_12")),
    ];
    stage.ok(2, "-p start");
    let tables = [0, 0, 1, 1, 0].map(|n| TABLES[n]);
    let written = writers.map(Writer::stop);
    stage.equal(&[0, 1, 2]);
    for (w, table) in written.iter().zip(tables) {
        assert!(w.unknown.is_empty() && !w.acknowledged.is_empty(), "{table}: {:?}", w.unknown);
        assert_eq!(w.missing(&stage.table(2, table)), [0_i64; 0], "{table}");
    }
    // And again: a clean end, more rows, a second join.
    stage.ok(2, "-p end");
    let writer = Writer::new(&stage, 1, TABLES[2], 600_000, Style::Autocommit);
    stage.ok(2, "-p start");
    let written = writer.stop();
    stage.equal(&[0, 1, 2]);
    assert_eq!(written.missing(&stage.table(2, TABLES[2])), [0_i64; 0]);
}

/// What the manuals say, by hand: this is why the program does something else (`measured.md` 1).
#[test]
fn the_documented_join_loses_what_is_committed_before_its_last_start() {
    let stage = started(2, 3);
    fill(&stage, 0, 20);
    stage.equal(&[0, 1]);
    let items = TABLES.map(|t| format!("FROM {t} TO {t}")).join(", ");
    for peer in [0, 1] {
        let (ip, port) = (stage.lab.file().ip(pod(peer)), stage.lab.file().replication_port());
        stage.sql(2, &format!("CREATE REPLICATION AKU_REP_{peer}2 WITH '{ip}', {port} {items}"));
    }
    stage.sql(2, "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1");
    for table in TABLES {
        stage.sql(2, &format!("TRUNCATE TABLE {table}"));
    }
    stage.sql(0, "ALTER REPLICATION AKU_REP_02 SYNC");
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (1000, 'in neither stream', 0)");
    stage.sql(2, "ALTER REPLICATION AKU_REP_02 START");
    stage.sql(2, "ALTER REPLICATION AKU_REP_12 START");
    stage.sql(1, "ALTER REPLICATION AKU_REP_12 START");
    stage.flush(&[0, 1, 2]);
    assert!(stage.table(0, TABLES[0]).contains_key(&1000));
    assert_eq!(stage.table(2, TABLES[0]).len(), 20, "the row of pod 1 is on pod 2, or more is missing");
}

#[test]
fn a_fenced_end_under_a_writer_loses_nothing() {
    let stage = started(3, 3);
    let writer = Writer::new(&stage, 2, TABLES[0], 0, Style::Autocommit);
    let spanning = Writer::new(&stage, 2, TABLES[1], 0, Style::Spanning("NONE"));
    assert!(wait_until(PATIENCE, || stage.table(2, TABLES[0]).len() > 20));
    stage.ok(2, "-p end");
    let (written, spanned) = (writer.thrown_out(), spanning.thrown_out());
    assert!(written.acknowledged.len() > 20);
    stage.equal(&[0, 1]);
    for n in [0, 1] {
        assert_eq!(written.missing(&stage.table(n, TABLES[0])), [0_i64; 0], "pod {n}");
        assert_eq!(spanned.missing(&stage.table(n, TABLES[1])), [0_i64; 0], "pod {n}");
    }
    // Reset on both sides, so nobody keeps log for it.
    let xsn = "SELECT REPLICATION_NAME FROM SYSTEM_.SYS_REPLICATIONS_ WHERE XSN <> -1 ORDER BY 1";
    assert_eq!([0, 1, 2].map(|n| stage.select(n, xsn).len()), [1, 1, 0]);
}

/// An end that was killed between its first two steps: new clients are kept out, but one is still inside.
#[test]
fn an_end_that_runs_again_closes_the_sessions_that_are_left() {
    let stage = started(3, 3);
    let writer = Writer::new(&stage, 2, TABLES[0], 0, Style::Autocommit);
    stage.sql(2, "ALTER SYSTEM SET ADMIN_MODE = 1");
    stage.ok(2, "-p end");
    let written = writer.thrown_out();
    stage.equal(&[0, 1]);
    assert_eq!(written.missing(&stage.table(1, TABLES[0])), [0_i64; 0]);
    let again = stage.ok(2, "apply end --yes");
    assert!(again.out.starts_with("Nothing to do"), "{}", again.out);
}

#[test]
fn the_documented_end_loses_what_is_committed_after_its_flush() {
    let stage = started(2, 2);
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (1, 'before', 0)");
    stage.sql(1, "ALTER REPLICATION AKU_REP_01 FLUSH ALL WAIT 30");
    stage.sql(1, "ALTER REPLICATION AKU_REP_01 STOP");
    // Nobody shut the client out.
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (2, 'after', 0)");
    stage.sql(1, "ALTER REPLICATION AKU_REP_01 RESET");
    stage.sql(1, "ALTER REPLICATION AKU_REP_01 START");
    stage.flush(&[1, 0]);
    assert_eq!(stage.table(0, TABLES[0]).into_keys().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_busy_sysdba_slot_is_named_and_never_skipped() {
    let stage = started(2, 3);
    // A DBA sits on pod 2, which is closed, and on pod 1, which is not and admits ordinary sessions.
    let dba = [stage.client(2), stage.client(1)];
    // A hook waits longer than its attempts, for the hooks of other pods; not here.
    let run = Run::from(stage.command(2, "-p start").env("AKU_CLI_LOCK_TIMEOUT", "0").output().unwrap());
    assert_eq!(run.code, Some(7), "{}", run.out);
    assert!(run.out.contains("ERR-41041") && run.out.contains("attempt 5 of 5"), "{}", run.out);
    assert!(run.out.contains("nothing: only SELECTs were sent"), "{}", run.out);
    // Shown, and not called clean: a pod was not seen.
    let run = stage.aku(1, "plan");
    assert_eq!(run.code, Some(7), "{}", run.out);
    assert!(run.out.contains("pod 2") && run.out.contains("41041"), "{}", run.out);
    drop(dba);
    stage.ok(2, "-p start");
}

#[test]
fn a_catch_up_opens_the_pod_only_when_both_directions_are_flushed() {
    let stage = started(3, 3);
    stage.restart(1);
    stage.lab.fault(pod(1), None, Fault::Cut { from: Party::Pod(pod(2)) }).unwrap();
    stage.sql(2, "INSERT INTO SYS.T1 VALUES (5, 'on its way', 0)");
    let mut child = stage.command(1, "-p start").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // Pod 0 is done in both directions; pod 2 is not.
    let mut open = 2;
    while open > 0 {
        let line = lines.next().unwrap();
        open -= u8::from(line.contains("flush AKU_REP_01") && line.contains("done"));
    }
    assert!(!stage.marker(1).exists());
    let closed = Client::connect(&stage.lab.address(pod(1)).0, stage.lab.address(pod(1)).1, &as_sys());
    assert_eq!(closed.map(drop).unwrap_err().native, 266_350, "the pod admits users");
    stage.lab.clear_all(pod(1)).unwrap();
    assert!(lines.any(|line| line.contains("open ADMIN_MODE 0: done")));
    assert!(child.wait().unwrap().success());
    assert!(stage.table(1, TABLES[0]).contains_key(&5));
}

#[test]
fn a_signal_stops_a_start_in_good_order() {
    for signal in ["-INT", "-TERM"] {
        let stage = started(2, 3);
        fill(&stage, 0, 50);
        let late = Fault::Latency { from: Party::Clients, millis: 30 };
        stage.lab.fault(pod(2), None, late).unwrap();
        let mut child = stage.command(2, "-p start").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("REPLICATION_DDL_ENABLE 0 -> 1: done")));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let rest: Vec<_> = lines.collect();
        assert_eq!(child.wait().unwrap().code(), Some(8), "{rest:#?}");
        stage.lab.clear_all(pod(2)).unwrap();
        // Put back and unpinned.
        let ddl = "SELECT VALUE1 FROM V$PROPERTY WHERE NAME = 'REPLICATION_DDL_ENABLE'";
        assert_eq!(stage.select(2, ddl), [[Cell::Text("0".to_owned())]], "{rest:#?}");
        let pin = "SELECT XSN FROM SYSTEM_.SYS_REPLICATIONS_ WHERE REPLICATION_NAME = 'AKU_REP_12'";
        assert_eq!(stage.select(1, pin), [[Cell::Int(-1)]], "{rest:#?}");
        stage.ok(2, "-p start");
        stage.equal(&[0, 1, 2]);
    }
}

#[test]
fn a_start_killed_anywhere_converges_when_it_runs_again() {
    let mut dice = Dice::new("a_start_killed");
    let stage = started(2, 3);
    fill(&stage, 0, 100);
    for case in 0..cases(6) {
        let first = 1_000_000 + i64::try_from(case).unwrap() * 100_000;
        let writer = Writer::new(&stage, 1, TABLES[0], first, Style::Autocommit);
        let lines = 2 + usize::try_from(dice.below(28)).unwrap();
        println!("case {case}: killed after line {lines}");
        stage.killed_after(2, "-p start", lines);
        converge(&stage, 2);
        let written = writer.stop();
        stage.equal(&[0, 1, 2]);
        assert_eq!(written.missing(&stage.table(2, TABLES[0])), [0_i64; 0]);
        // The next case starts from a clean end, or from a crash, or from a lost volume.
        match dice.below(3) {
            0 => drop(stage.ok(2, "-p end")),
            1 => stage.restart(2),
            _ => stage.wipe(2),
        }
    }
}

#[test]
fn a_pod_killed_during_a_start_converges_when_it_is_back() {
    let mut dice = Dice::new("a_pod_killed");
    let moments = [
        (2, "CREATE REPLICATION"),
        (1, "STOP"),
        (2, "TRUNCATE"),
        (2, "REPLICATION_DDL_ENABLE = 0"),
        (0, "SYNC"),
        (0, "REPLICATION_SYNC_LOCK_TIMEOUT = 30"),
        (2, "START"),
        (1, "START"),
        (2, "ADMIN_MODE = 0"),
    ];
    for case in 0..cases(4) {
        let (victim, matching) = moments[usize::try_from(dice.below(9)).unwrap()];
        let moment = if dice.below(2) == 0 { Moment::Before } else { Moment::After };
        println!("case {case}: pod {victim} dies {moment:?} {matching}");
        let stage = started(2, 3);
        fill(&stage, 0, 50);
        stage.flush(&[0, 1]);
        let fault = Fault::Kill { moment, matching: matching.to_owned(), nth: 1, delay_millis: 0 };
        stage.lab.fault(pod(victim), None, fault).unwrap();
        let run = stage.aku(2, "-p start");
        if stage.lab.life(pod(victim)) == Life::Down {
            assert_ne!(run.code, Some(0), "{}", run.out);
            stage.restart(victim);
            if victim != 2 {
                stage.ok(victim, "-p start");
            }
            converge(&stage, 2);
        }
        stage.sql(1, "INSERT INTO SYS.T1 VALUES (1000, 'after it', 0)");
        stage.equal(&[0, 1, 2]);
        assert!(stage.table(2, TABLES[0]).contains_key(&1000));
    }
}

#[test]
fn applying_again_sends_nothing_but_selects() {
    let stage = started(3, 3);
    fill(&stage, 0, 10);
    stage.flush(&[0, 1, 2]);
    // Whatever is no SELECT is refused from here on.
    let words = ["ALTER", "CREATE", "DROP", "TRUNCATE", "INSERT", "DELETE", "UPDATE", "EXEC"];
    for n in 0..3 {
        for word in words {
            let message = format!("a statement with {word} was sent");
            let (sqlstate, native) = ("HY000".to_owned(), 1);
            let fault = Fault::Answer { matching: format!("{word} "), sqlstate, native, message, times: 1 };
            stage.lab.fault(pod(n), None, fault).unwrap();
        }
    }
    let before = [0, 1, 2].map(|n| stage.state(n));
    for n in 0..3 {
        for args in ["plan start --exit-code", "apply start --yes", "apply start --yes", "plan"] {
            let run = stage.ok(n, args);
            assert!(run.out.starts_with("Nothing to do: "), "{args}: {}", run.out);
        }
    }
    assert_eq!([0, 1, 2].map(|n| stage.state(n)), before);
    for n in 0..3 {
        assert_eq!(stage.lab.faults(pod(n)).unwrap().len(), words.len(), "a fault was used up on pod {n}");
    }
}

#[test]
fn a_saved_plan_is_applied_once_and_not_after_it_changed() {
    let stage = started(1, 2);
    fill(&stage, 0, 10);
    stage.ok(1, "plan start -o plan.json");
    let path = stage.dir().join("plan.json");
    let text = fs::read_to_string(&path).unwrap();
    let edited = text.replacen("AKU_REP_01", "AKU_REP_02", 1);
    assert_ne!(text, edited);
    fs::write(stage.dir().join("edited.json"), edited).unwrap();
    let run = stage.aku(1, "apply edited.json --yes");
    assert_eq!(run.code, Some(65), "{}{}", run.out, run.err);
    // Another world: a row where the plan saw none.
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (77, 'new', 0)");
    let run = stage.aku(1, "apply plan.json --yes");
    assert_eq!(run.code, Some(5), "{}{}", run.out, run.err);
    assert!(stage.table(1, TABLES[0]).contains_key(&77));
    stage.sql(1, "DELETE FROM SYS.T1");
    stage.ok(1, "apply plan.json --yes");
    stage.equal(&[0, 1]);
    let again = stage.aku(1, "apply plan.json --yes");
    assert!(matches!(again.code, Some(0 | 5)), "{}{}", again.out, again.err);
}

#[test]
fn exit_codes_and_streams() {
    let stage = Stage::new(2);
    fs::write(stage.dir().join("bad.conf"), "AKU_STS_NAME = a\nREPLICATIONS = (\n").unwrap();
    fs::write(stage.dir().join("bad.toml"), "nonsense\n").unwrap();
    let out = |text| (text, "");
    let err = |text| ("", text);
    let table = [
        ("-v", 0, out("aku 0.")),
        ("-h", 0, out("Keeps Altibase")),
        ("", 64, err("")),
        ("--nonsense", 64, err("--nonsense")),
        ("-p restart", 64, err("restart")),
        ("plan sideways", 64, err("sideways")),
        ("validate", 0, out("")),
        ("-i", 0, out("")),
        ("validate --conf bad.conf", 65, ("", "")),
        ("plan --conf bad.conf", 65, err("bad.conf")),
        ("plan --conf none.conf", 66, err("none.conf")),
        ("plan --endpoints bad.toml", 65, err("bad.toml")),
        ("plan --endpoints none.toml", 66, err("none.toml")),
        ("apply none.json --yes", 66, err("none.json")),
        ("apply bad.toml --yes", 65, err("bad.toml")),
        ("plan --ordinal 5", 3, err("AKU_SERVER_COUNT")),
        ("plan --exit-code", 2, out("aku plan start")),
        ("plan --format json", 0, out("{")),
        ("apply start", 3, err("--yes")),
        ("explain X202", 0, out("X202")),
    ];
    for (args, code, (out, err)) in table {
        let run = stage.aku(0, args);
        assert_eq!(run.code, Some(code), "aku {args}\n--- out\n{}\n--- err\n{}", run.out, run.err);
        assert!(run.out.contains(out) && run.err.contains(err), "aku {args}\n{}\n---\n{}", run.out, run.err);
        if code >= 64 && !args.starts_with("validate") {
            assert_eq!(run.out, "", "aku {args}: an error goes to standard error");
        }
    }
}
