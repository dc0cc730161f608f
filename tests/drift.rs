//! `aku drift` every minute for an hour, without the minutes: a lab is broken and mended while one report file and one
//! metrics file are carried along, as a cron job does.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{collections::BTreeSet, fs};

use aku::{
    db::wire::Cell,
    document::Document as _,
    drift::document::{Item, Report},
    lab::{
        fault::{Fault, Party, Silence},
        process::wait_until,
    },
};
use life::{PATIENCE, Run, Stage, pod};

/// `pod kind object`
type Told = BTreeSet<String>;

fn told<'a>(items: impl IntoIterator<Item = &'a Item>) -> Told {
    let one = |i: &Item| {
        let d = &i.difference;
        format!("{} {} {}", d.pod, &d.kind.as_str()[..4], d.object.as_deref().unwrap_or("-"))
    };
    items.into_iter().map(one).collect()
}

/// A cron job.
struct Hour {
    stage: Stage,
    before: Report,
    minutes: usize,
}

impl Hour {
    /// Pods 0, 1 and 2 in service.
    fn new() -> Self {
        let stage = Stage::new(3);
        for n in 0..3 {
            stage.ok(n, "-p start");
        }
        let run = stage.ok(0, "drift --format json");
        Self { before: Report::parse(&run.out).unwrap(), stage, minutes: 0 }
    }

    /// One run of the job, and everything that must hold whatever was found.
    fn run(&mut self, more: &str, password: Option<&str>) -> (Run, Report) {
        let line = format!(
            "drift --previous d.json -o d.json --metrics aku.prom --format json --connect-timeout 1s --quiet {more}"
        );
        let mut command = self.stage.command(0, &line);
        if let Some(password) = password {
            command.env_remove("AKU_SYS_PASSWORD_FILE").env("AKU_SYS_PASSWORD", password);
        }
        let run = Run::from(command.output().unwrap());
        let report = Report::parse(&run.out).unwrap_or_else(|e| panic!("{e}: {run:#?}"));
        assert_eq!(run.code, Some(i32::from(report.exit)), "{run:#?}");
        assert_eq!(aku::files::load::<Report>(&self.stage.dir().join("d.json")).unwrap(), report);
        let metrics = fs::read_to_string(self.stage.dir().join("aku.prom")).unwrap();
        assert!(metrics.contains(&format!("\naku_exit_code {}\n", report.exit)), "{metrics}");
        for pod in 0..3 {
            assert!(metrics.contains(&format!("\naku_pod_up{{pod=\"{pod}\"}} ")), "{metrics}");
        }
        let carried = |r: &Report| told(r.counted().chain(&r.unchecked));
        let (was, is) = (carried(&self.before), told(report.counted()));
        let accepted = told(report.accepted.iter().map(|a| &a.item));
        let gone: Told = was.iter().filter(|t| !is.contains(*t) && !accepted.contains(*t)).cloned().collect();
        assert_eq!(told(&report.new), &is - &was, "{report:#?}");
        assert_eq!(told(&report.known), &is & &was, "{report:#?}");
        let ended = &told(&report.resolved) | &told(&report.unchecked);
        assert!(gone.is_subset(&ended), "{gone:?} {report:#?}");
        self.before = report.clone();
        self.minutes += 1;
        (run, report)
    }

    /// The same is found, twice: new or known first, known then.
    fn finds(&mut self, what: &str, want: &[&str]) {
        for round in 0..2 {
            let (run, report) = self.run("", None);
            let want: Told = want.iter().map(ToString::to_string).collect();
            assert_eq!(told(report.counted()), want, "{what}, round {round}: {report:#?}");
            assert_eq!(run.code, Some(if want.is_empty() { 0 } else { 2 }), "{what}: {run:#?}");
            assert!(round == 0 || report.new.is_empty(), "{what}: new twice");
        }
    }

    /// Nobody can tell; what was known is kept.
    fn cannot_tell(&mut self, what: &str, password: Option<&str>, unchecked: &[&str]) {
        for _ in 0..2 {
            let (run, report) = self.run("", password);
            assert_eq!(run.code, Some(7), "{what}: {run:#?}");
            let want: Told = unchecked.iter().map(ToString::to_string).collect();
            assert_eq!((told(&report.unchecked), report.resolved.len()), (want, 0), "{what}: {report:#?}");
            assert!(!run.out.contains("wrong-word"));
        }
    }

    /// Waits until these senders are connected.
    fn connected(&self, senders: &[(u8, &str)]) {
        for (on, name) in senders {
            let sql = format!("SELECT STATUS, NET_ERROR_FLAG FROM V$REPSENDER WHERE REP_NAME = '{name}'");
            let runs = || self.stage.select(*on, &sql) == [[Cell::Int(1), Cell::Int(0)]];
            assert!(wait_until(PATIENCE, runs), "{name} on pod {on}: {:?}", self.stage.select(*on, &sql));
        }
    }

    fn all_connected(&self) {
        self.connected(&[
            (0, "AKU_REP_01"),
            (1, "AKU_REP_01"),
            (0, "AKU_REP_02"),
            (2, "AKU_REP_02"),
            (1, "AKU_REP_12"),
            (2, "AKU_REP_12"),
        ]);
    }
}

#[test]
fn an_hour_of_a_cluster_that_is_broken_and_mended() {
    let mut hour = Hour::new();
    hour.all_connected();
    hour.finds("nothing is wrong", &[]);

    hour.stage.lab.kill(pod(2)).unwrap();
    hour.finds("a pod was killed", &["2 D100 -"]);
    hour.stage.restart(2);
    hour.finds("it booted, its start script did not run", &["2 D101 -"]);
    hour.stage.ok(2, "-p start");
    hour.all_connected();
    hour.finds("it is back", &[]);

    hour.stage.sql(1, "ALTER REPLICATION AKU_REP_12 STOP");
    hour.finds("a sender was stopped", &["1 D300 AKU_REP_12"]);
    hour.stage.lab.fault(pod(1), None, Fault::BlackHole { silence: Silence::Syn }).unwrap();
    hour.cannot_tell("its pod is behind a black hole", None, &["1 D300 AKU_REP_12"]);
    hour.stage.lab.clear_all(pod(1)).unwrap();
    hour.connected(&[(0, "AKU_REP_01"), (1, "AKU_REP_01"), (2, "AKU_REP_12")]);
    hour.finds("it is in sight again", &["1 D300 AKU_REP_12"]);
    hour.stage.sql(0, "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1");
    hour.finds("and a switch is left open", &["0 D400 -", "1 D300 AKU_REP_12"]);
    hour.cannot_tell("the password is refused", Some("wrong-word"), &["0 D400 -", "1 D300 AKU_REP_12"]);
    hour.finds("and right again", &["0 D400 -", "1 D300 AKU_REP_12"]);
    hour.stage.sql(1, "ALTER REPLICATION AKU_REP_12 START");
    hour.all_connected();
    hour.finds("the sender runs", &["0 D400 -"]);
    // What it says to do closes the switch.
    let mended = hour.stage.ok(1, "reconcile --yes");
    assert!(mended.out.contains("REPLICATION_DDL_ENABLE"), "{}", mended.out);
    hour.finds("the switch is closed", &[]);

    hour.stage.sql(0, "CREATE REPLICATION BILLING WITH '127.0.0.9', 30300 FROM SYS.T1 TO SYS.T1");
    hour.finds("a foreign object", &["0 D202 BILLING"]);
    let accept = "[[accept]]\nobject = \"BILLING\"\nreason = \"billing reads along\"\nuntil = 2999-12-31\n";
    fs::write(hour.stage.dir().join("accept.toml"), accept).unwrap();
    let (run, report) = hour.run("--accept accept.toml", None);
    assert_eq!((run.code, report.accepted.len()), (Some(0), 1), "{report:#?}");
    let (run, report) = hour.run("--deny D202-foreign-object", None);
    assert_eq!((run.code, report.denied.len()), (Some(3), 1), "{report:#?}");
    hour.stage.sql(0, "DROP REPLICATION BILLING");
    let (run, report) = hour.run("--accept accept.toml", None);
    assert_eq!((run.code, report.resolved.len(), report.accept_notes.len()), (Some(0), 1, 1), "{report:#?}");

    hour.stage.sql(2, "ALTER REPLICATION AKU_REP_12 STOP");
    hour.stage.sql(1, "ALTER REPLICATION AKU_REP_12 STOP");
    hour.stage.sql(2, "ALTER REPLICATION AKU_REP_12 DROP TABLE FROM SYS.T3 TO SYS.T3");
    hour.finds("an item was taken out", &["1 D300 AKU_REP_12", "2 D210 AKU_REP_12", "2 D300 AKU_REP_12"]);
    hour.stage.sql(2, "ALTER REPLICATION AKU_REP_12 ADD TABLE FROM SYS.T3 TO SYS.T3");
    hour.finds("and put back", &["1 D300 AKU_REP_12", "2 D300 AKU_REP_12"]);
    hour.stage.sql(1, "ALTER REPLICATION AKU_REP_12 RESET");
    hour.finds("one side was reset", &["1 D302 AKU_REP_12"]);

    // Copied anew, with the half reset pair and the objects of a lost volume.
    hour.stage.wipe(2);
    hour.finds("the volume was lost", &["0 D305 AKU_REP_02", "2 D102 -"]);
    hour.stage.ok(2, "-p start");
    hour.all_connected();
    hour.finds("it was copied anew", &[]);

    hour.stage.sql(1, "ALTER SYSTEM SET ADMIN_MODE = 1");
    hour.finds("closed by hand", &["1 D101 -"]);
    hour.stage.sql(1, "ALTER SYSTEM SET ADMIN_MODE = 0");
    hour.stage.sql(0, "ALTER SYSTEM SET REPLICATION_SYNC_LOCK_TIMEOUT = 0");
    hour.finds("open again, a lock is off", &["0 D401 -"]);
    hour.stage.ok(1, "reconcile --yes");
    hour.finds("and on again", &[]);
    let lock = "SELECT VALUE1 FROM V$PROPERTY WHERE NAME = 'REPLICATION_SYNC_LOCK_TIMEOUT'";
    assert_eq!(hour.stage.select(0, lock), [[Cell::Text("30".to_owned())]]);

    hour.stage.ok(2, "-p end");
    hour.finds("an end is no drift", &[]);
    hour.stage.lab.kill(pod(2)).unwrap();
    hour.finds("nor that the ended pod is gone", &[]);
    hour.stage.restart(2);
    hour.stage.ok(2, "-p start");
    hour.all_connected();

    for n in [1, 2] {
        hour.stage.lab.kill(pod(n)).unwrap();
    }
    hour.finds("two pods are down", &["1 D100 -", "2 D100 -"]);
    hour.stage.lab.kill(pod(0)).unwrap();
    hour.cannot_tell("all are", None, &["1 D100 -", "2 D100 -"]);
    assert!(hour.minutes <= 60, "{}", hour.minutes);
    while hour.minutes < 60 {
        hour.cannot_tell("nobody comes back", None, &["1 D100 -", "2 D100 -"]);
    }
}

/// A join is told as a join: no alarm while it is at work.
#[test]
fn a_join_under_way_is_no_drift() {
    let stage = Stage::new(3);
    // As patient as by default: 5 s, not 5 x 20 ms. A job without pauses between its looks takes the slot often.
    stage.conf("AKU_QUERY_RETRY_COUNT = 250");
    for n in 0..2 {
        stage.ok(n, "-p start");
    }
    let late = Fault::Latency { from: Party::Clients, millis: 20 };
    stage.lab.fault(pod(2), None, late).unwrap();
    let told = fs::File::create(stage.dir().join("start.txt")).unwrap();
    let also = told.try_clone().unwrap();
    let mut child = stage.command(2, "-p start").stdout(told).stderr(also).spawn().unwrap();
    let mut looks = Vec::new();
    while child.try_wait().unwrap().is_none() {
        let run = stage.aku(0, "drift --format json --quiet");
        let report = Report::parse(&run.out).unwrap();
        // Its only session is taken before a peer shows that it joins: nobody can tell then.
        assert!(matches!(run.code, Some(0 | 7)), "{report:#?}");
        looks.push(report.view.pods[2].state.standing);
    }
    let told = fs::read_to_string(stage.dir().join("start.txt")).unwrap();
    assert!(child.wait().unwrap().success(), "{looks:?}\n{told}");
    stage.lab.clear_all(pod(2)).unwrap();
    let run = stage.aku(0, "drift");
    assert_eq!(run.code, Some(0), "{run:#?}");
}
