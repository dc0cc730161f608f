//! The scenarios: the rows of the table in `measured.md` 8, each under writers on every open pod where it says so, and
//! after each all rows of all open pods against what was acknowledged.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use aku::{
    db::wire::{Cell, Response},
    lab::process::wait_until,
};

use crate::{
    account::{Account, Style, Writer, fill},
    site::{PATIENCE, Run, Site, TABLES, USER},
};

/// A cluster in the middle of its play.
pub struct Play {
    pub site: Site,
    account: Account,
    tables: Vec<&'static str>,
    /// Pods in service.
    pub open: BTreeSet<u8>,
    pause: Duration,
    times: Vec<(String, Duration, u64, &'static str)>,
}

impl Play {
    /// Empty servers with the suite's tables. `pause` is what a client thinks between two statements.
    pub fn new(site: Site, pause: Duration) -> Self {
        for on in 0..site.pods() {
            site.make(on);
        }
        let tables = TABLES[..3].to_vec();
        Self { site, account: Account::default(), tables, open: BTreeSet::new(), pause, times: Vec::new() }
    }

    /// Runs `act` while clients write on every open pod, one in autocommit and one with transactions; then compares.
    pub fn under_load<T>(&mut self, name: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let (site, tables, pause) = (&self.site, &self.tables, self.pause);
        let styles = [Style::Autocommit, Style::Transactions];
        let clients = self.open.iter().flat_map(|&on| styles.map(|style| (on, style)));
        let writers: Vec<_> = clients.map(|(on, style)| Writer::new(site, on, tables, style, pause)).collect();
        let before = self.account.changes;
        let began = Instant::now();
        let result = act(self);
        let took = began.elapsed();
        for writer in writers {
            self.account.add(writer.stop());
        }
        self.note(name, took, self.account.changes - before);
        result
    }

    /// Without clients.
    pub fn quietly<T>(&mut self, name: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let began = Instant::now();
        let result = act(self);
        self.note(name, began.elapsed(), 0);
        result
    }

    fn note(&mut self, name: &str, took: Duration, changes: u64) {
        println!("{name}: {:.2} s, {changes} changes", took.as_secs_f64());
        let wrong = self.account.differences(&self.site, &self.open, &self.tables);
        self.times.push((name.to_owned(), took, changes, if wrong.is_ok() { "equal" } else { "WRONG" }));
        if let Err(wrong) = wrong {
            panic!("{name}: {wrong}\n{}", self.table());
        }
    }

    /// The times so far.
    pub fn table(&self) -> String {
        let mut text = String::from("\n| run | s | acknowledged changes | rows |\n|---|--:|--:|---|\n");
        for (name, took, changes, rows) in &self.times {
            let _ = writeln!(text, "| {name} | {:.2} | {changes} | {rows} |", took.as_secs_f64());
        }
        text
    }

    /// Rows that are there before anybody joins.
    pub fn fill(&mut self, on: u8, rows: i64) {
        self.account.add(fill(&self.site, on, &self.tables, rows));
    }

    /// `aku -p start` on a pod, which is in service afterwards.
    pub fn start(&mut self, on: u8) {
        self.site.ok(on, "-p start");
        self.open.insert(on);
    }

    /// `aku -p end` on a pod, which is out of service afterwards.
    pub fn end(&mut self, on: u8) {
        self.open.remove(&on);
        self.site.ok(on, "-p end");
    }

    /// Runs start until there is nothing to do: what a person does who reads the message of a broken-off run.
    fn converge(&mut self, on: u8) -> Run {
        let run = self.site.aku(on, "-p start");
        match run.code {
            Some(0) => {}
            // Opened before it was killed, or all done.
            Some(3) if run.out.contains("X202") || run.out.contains("X210") => {
                drop(self.site.ok(on, "apply start --yes"));
            }
            other => panic!("{other:?}\n{}", run.out),
        }
        self.open.insert(on);
        run
    }

    /// First starts, of the pods in turn.
    pub fn first_starts(&mut self, rows: i64) {
        for on in 0..self.site.pods() {
            self.under_load(&format!("first start of pod {on}"), |p| p.start(on));
            if on == 0 {
                self.fill(0, rows);
            }
        }
    }

    pub fn end_and_rejoin(&mut self, on: u8) {
        self.under_load(&format!("end of pod {on}"), |p| p.end(on));
        self.under_load(&format!("rejoin of pod {on}"), |p| p.start(on));
    }

    /// What was committed on it before the kill is in its log; the writers on it do not know of their last change.
    pub fn kill_and_catch_up(&mut self, on: u8) {
        self.under_load(&format!("pod {on} killed, catch-up"), |p| {
            p.open.remove(&on);
            p.site.reboot(on);
            p.start(on);
        });
    }

    pub fn wiped(&mut self, on: u8) {
        // What only this pod had would be lost with its volume: it ends first.
        self.under_load(&format!("end of pod {on} before its volume is lost"), |p| p.end(on));
        self.under_load(&format!("pod {on} wiped, rejoin"), |p| {
            p.site.does("KILL", on);
            p.site.lose_volume(on);
            p.start(on);
        });
    }

    /// The program is killed after these times, and run again.
    pub fn program_killed(&mut self, on: u8, after: &[Duration]) {
        for &after in after {
            self.under_load("end before the next", |p| p.end(on));
            self.under_load(&format!("aku killed after {after:?} of a join, run again"), |p| {
                let mut child = p.site.spawn(on, "-p start");
                thread::sleep(after); // What is measured, not a way to wait for something.
                child.kill().unwrap();
                child.wait().unwrap();
                p.converge(on);
            });
        }
    }

    /// A pod is killed while SYNC runs into `joiner`.
    pub fn killed_in_sync(&mut self, joiner: u8, victim: u8) {
        self.under_load("end before the next", |p| p.end(joiner));
        let who = if victim == joiner { "joiner" } else { "source" };
        self.under_load(&format!("{who} killed in SYNC, run again"), |p| {
            let mut child = p.site.spawn(joiner, "-p start");
            let mut session = p.site.session(0);
            let copying = "SELECT COUNT(*) FROM V$REPSENDER WHERE START_FLAG = 2";
            let is_copying = |answer| {
                matches!(answer, Ok(Response::Rows { rows, .. })
                    if matches!(rows[0][0], Cell::Int(n) if n > 0))
            };
            let seen = wait_until(PATIENCE, || is_copying(session.run(copying)) || child.try_wait().unwrap().is_some());
            drop(session);
            assert!(seen && child.try_wait().unwrap().is_none(), "the copy was over before it was seen: more rows");
            p.site.does("KILL", victim);
            assert_eq!(child.wait().unwrap().code(), Some(4), "a start whose {who} is killed");
            p.open.remove(&victim);
            p.site.boot(victim);
            if victim != joiner {
                p.start(victim);
            }
            p.converge(joiner);
        });
    }

    /// Both groups of a pod reset on the other side while it has rows that nobody got: salvage.
    pub fn half_reset(&mut self, on: u8, rows: i64) {
        self.quietly(&format!("half-reset pairs, {rows} unsent rows a table, salvage"), |p| {
            let others: Vec<_> = p.open.iter().copied().filter(|o| *o != on).collect();
            let pairs: Vec<_> = others.iter().flat_map(|&o| [0, 1].map(|g| (o, replication(g, o, on)))).collect();
            let alter = |name: &String, what: &str| format!("ALTER REPLICATION {name} {what}");
            p.site.sql(on, &pairs.iter().map(|(_, name)| alter(name, "STOP")).collect::<Vec<_>>());
            p.fill(on, rows);
            for (other, name) in &pairs {
                p.site.sql(*other, &[alter(name, "STOP"), alter(name, "RESET")]);
            }
            p.open.remove(&on);
            p.site.reboot(on);
            p.start(on);
        });
    }

    /// Pod 0 loses its volume when everything is flushed; the others copy it back.
    pub fn recover(&mut self) {
        self.quietly("pod 0 wiped, recover and starts", |p| {
            p.site.does("KILL", 0);
            p.site.lose_volume(0);
            p.site.ok(0, "apply recover --from 1 --yes");
            for on in 0..p.site.pods() {
                let run = p.site.aku(on, "-p start");
                // Closed by the recovery, with a marker of before; what it holds is what all of them hold.
                if run.code == Some(3) && run.out.contains("X210") {
                    p.site.ok(on, &format!("apply start --yes --approve deletes-rows=aku-real/{on}"));
                } else {
                    assert_eq!(run.code, Some(0), "start of pod {on}:\n{}", run.out);
                }
            }
        });
    }

    pub fn end_and_restart_of_0(&mut self) {
        self.under_load("end and restart of pod 0", |p| {
            p.end(0);
            p.start(0);
        });
    }

    /// A table joins the second group.
    pub fn add_table(&mut self) {
        self.site.conf(&[&TABLES[..2], &TABLES[2..]]);
        self.under_load("table added by reconcile", |p| drop(p.site.ok(0, "apply reconcile --yes")));
        self.tables = TABLES.to_vec();
        self.under_load("changes in the new table", |p| thread::sleep(p.pause * 10));
    }

    /// Two starts at once: one waits for the lock of the other.
    pub fn starts_at_once(&mut self, pods: [u8; 2]) {
        for on in pods {
            self.under_load("end before the next", |p| p.end(on));
        }
        self.under_load(&format!("starts of {} and {} at once", pods[0], pods[1]), |p| {
            let site = &p.site;
            thread::scope(|scope| {
                let runs = pods.map(|on| scope.spawn(move || site.ok(on, "-p start")));
                for run in runs {
                    run.join().unwrap();
                }
            });
            p.open.extend(pods);
        });
    }

    /// A transaction that does not end across the pin: the start gives up, deletes nothing and unpins.
    pub fn open_transaction(&mut self, joiner: u8, on: u8) {
        self.under_load("end before the next", |p| p.end(joiner));
        self.quietly("transaction open across the pin: refused", |p| {
            let before: Vec<_> = self_rows(&p.site, joiner);
            let mut session = p.site.client(on).unwrap();
            session.run("ALTER SESSION SET AUTOCOMMIT = FALSE").unwrap();
            session.run(&format!("INSERT INTO {USER}.T1 VALUES (-1, 'open', 0)")).unwrap();
            let run = p.site.aku(joiner, "-p start");
            assert!(run.code != Some(0), "{}", run.out);
            session.run("ROLLBACK").unwrap();
            assert_eq!(self_rows(&p.site, joiner), before, "rows were deleted");
            let pins = "SELECT COUNT(*) FROM SYSTEM_.SYS_REPLICATIONS_ WHERE XSN <> -1 AND REPLICATION_NAME = ";
            for group in [0, 1] {
                let name = replication(group, joiner, on);
                let left = p.site.session(on).run(&format!("{pins}'{name}'")).unwrap();
                let Response::Rows { rows, .. } = left else { panic!("no rows") };
                assert_eq!(rows, [[Cell::Int(0)]], "{name} on pod {on}");
            }
        });
        self.under_load("start after it", |p| p.start(joiner));
    }

    /// An end beside a pod that answers nobody.
    pub fn end_beside_black_hole(&mut self, on: u8, dark: u8) {
        self.under_load(&format!("end of pod {on} with pod {dark} black-holed"), |p| {
            p.open.remove(&dark);
            p.site.does("CUT", dark);
            p.end(on);
            p.site.does("HEAL", dark);
        });
        self.kill_and_catch_up_of(dark);
        self.under_load(&format!("start of pod {on}"), |p| p.start(on));
    }

    fn kill_and_catch_up_of(&mut self, on: u8) {
        self.quietly(&format!("pod {on} back"), |p| {
            p.site.reboot(on);
            p.start(on);
        });
    }

    /// A pod leaves for good, is forgotten, and comes back as a new one.
    pub fn forget(&mut self, on: u8) {
        self.under_load(&format!("end of pod {on} for good"), |p| p.end(on));
        self.under_load(&format!("forget {on}"), |p| drop(p.site.ok(0, &format!("apply forget {on} --yes"))));
        self.under_load(&format!("return of pod {on}"), |p| p.start(on));
    }

    /// Everything of the suite is taken down again.
    pub fn clean(&mut self) {
        let pods = 0..self.site.pods();
        let approvals: Vec<_> = pods.map(|on| format!(" --approve removes-definition=aku-real/{on}")).collect();
        let clean = format!("apply clean --everywhere --yes{}", approvals.concat());
        self.quietly("clean --everywhere", |p| drop(p.site.ok(0, &clean)));
        let objects = format!("SELECT COUNT(*) FROM SYSTEM_.SYS_REPLICATIONS_ WHERE REPLICATION_NAME LIKE '{USER}%'");
        for on in 0..self.site.pods() {
            let answer = self.site.session(on).run(&objects).unwrap();
            let Response::Rows { rows, .. } = answer else { panic!("no rows") };
            assert_eq!(rows, [[Cell::Int(0)]], "objects of the suite are left on pod {on}");
            self.site.unmake(on);
        }
    }
}

fn self_rows(site: &Site, on: u8) -> Vec<Response> {
    let mut session = site.session(on);
    TABLES.map(|t| session.run(&format!("SELECT COUNT(*) FROM {USER}.{t}")).unwrap()).to_vec()
}

/// The name of the suite's replication of a group between two pods.
fn replication(group: usize, a: u8, b: u8) -> String {
    let number = if group == 0 { String::new() } else { (group + 1).to_string() };
    format!("{USER}{number}_{}{}", a.min(b), a.max(b))
}
