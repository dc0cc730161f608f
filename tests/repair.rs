//! `aku verify --plan`, `aku show`, `aku apply` over real processes: rows that differ are made the same, whoever is right,
//! through kills and beside clients that write; and nothing of it is sent to pods that were right.

#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{process::Stdio, time::Duration};

use aku::lab::{
    fault::{Fault, Moment, Party},
    process::wait_until,
};
use life::{Dice, PATIENCE, Run, Stage, Style, TABLES, Writer, cases, fill, pod, started};

const PODS: [u8; 3] = [0, 1, 2];

fn is(run: &Run, code: i32, words: &[&str]) {
    assert_eq!(run.code, Some(code), "{}{}", run.out, run.err);
    for word in words {
        assert!(run.out.contains(word) || run.err.contains(word), "no {word:?} in\n{}{}", run.out, run.err);
    }
}

/// Changes rows on one pod and tells nobody.
fn behind(stage: &Stage, on: u8, statements: &[String]) {
    let mut client = stage.client(on);
    client.execute("ALTER SESSION SET REPLICATION = FALSE").unwrap();
    for sql in statements {
        client.execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

/// Three pods with the same rows.
fn alike(rows: i64) -> std::sync::Arc<Stage> {
    let stage = started(3, 3);
    fill(&stage, 0, rows);
    stage.equal(&PODS);
    stage
}

/// The flags that the plan asks for.
fn approvals(out: &str) -> String {
    let words: Vec<&str> = out.split_whitespace().collect();
    let flags = words.windows(2).filter(|w| w[0] == "--approve" && w[1].starts_with("deletes-surplus="));
    let mut all: Vec<String> = flags.map(|w| format!("--approve {}", w[1])).collect();
    all.dedup();
    all.join(" ")
}

#[test]
fn the_pod_that_is_named_is_right() {
    let stage = alike(40);
    let text = |s: &str| s.to_owned();
    behind(
        &stage,
        1,
        &[
            text("UPDATE SYS.T1 SET C2 = 'it''s; DROP TABLE SYS.T1; --' WHERE I1 = 3"),
            text("DELETE FROM SYS.T1 WHERE I1 = 4"),
            text("INSERT INTO SYS.T1 VALUES (700, 'only here', 1)"),
            text("INSERT INTO SYS.T2 VALUES (701, 'only here', 1)"),
        ],
    );
    behind(&stage, 2, &[text("UPDATE SYS.T1 SET C2 = NULL WHERE I1 = 5")]);
    is(&stage.aku(0, "verify"), 2, &["DIFFERENT"]);
    // Nobody but a person knows who is right, and flushing is not left out.
    is(&stage.aku(0, "verify --plan -o r.json"), 64, &["which pod is right"]);
    is(&stage.aku(0, "verify --plan --right 0 --no-flush -o r.json"), 64, &["--no-flush"]);
    let plan = stage.aku(0, "verify --plan --right 0 -o r.json");
    is(
        &plan,
        2,
        &[
            "SYS.T1 on pod 1: 1 row inserted, 1 row updated, 1 row DELETED",
            "SYS.T1 on pod 2: 1 row updated",
            "--approve deletes-surplus=altibase-sts/1/SYS.T1/1",
            "--approve deletes-surplus=altibase-sts/1/SYS.T2/1",
        ],
    );
    let file = std::fs::read_to_string(stage.dir().join("r.json")).unwrap();
    assert!(!file.contains("DROP TABLE") && !file.contains("only here"), "{file}");
    is(&stage.aku(0, "show r.json"), 0, &["DELETES ROWS on pod 1", "mend rows"]);
    is(&stage.aku(0, "review r.json"), 0, &[]);
    // A row goes only with a yes that names how many of which table go where.
    is(&stage.aku(0, "apply r.json --yes"), 3, &["deletes-surplus=altibase-sts/1/SYS.T1/1"]);
    is(&stage.aku(0, "apply r.json --yes --approve deletes-surplus=altibase-sts/1/SYS.T1/2"), 3, &[]);
    assert!(stage.table(1, TABLES[0]).contains_key(&700));
    let right = stage.table(0, TABLES[0]);
    let done = stage.aku(0, &format!("apply r.json --yes {}", approvals(&plan.out)));
    is(&done, 0, &["Apply complete", "1 of 1 row as on pod 0 now (1 written)"]);
    assert_eq!(stage.table(0, TABLES[0]), right);
    is(&stage.aku(0, "verify"), 0, &["equal"]);
    stage.equal(&PODS);
    // Once more: every row is found right.
    is(&stage.aku(0, &format!("apply r.json --yes {}", approvals(&plan.out))), 0, &["all rows are right"]);
    stage.equal(&PODS);
    is(&stage.aku(0, "verify --plan --right 0 -o r.json"), 0, &["Nothing to repair"]);
    let journals = format!("{:?}", stage.aku(0, "runs list"));
    assert!(!journals.contains("DROP TABLE"), "{journals}");
}

#[test]
fn what_most_pods_hold_is_right() {
    let stage = alike(40);
    let text = |s: &str| s.to_owned();
    behind(&stage, 0, &[text("UPDATE SYS.T1 SET C3 = 99 WHERE I1 = 3"), text("DELETE FROM SYS.T1 WHERE I1 = 4")]);
    behind(&stage, 1, &[text("INSERT INTO SYS.T1 VALUES (700, 'only here', 1)")]);
    for on in PODS {
        behind(&stage, on, &[format!("UPDATE SYS.T2 SET C3 = 100{on} WHERE I1 = 7")]);
    }
    let plan = stage.aku(1, "verify --plan --right majority -o r.json");
    // The row of which every pod holds another value is named, and the exit code says that nobody can tell.
    is(&plan, 7, &["W120-no-majority", "(7)", "SYS.T1 on pod 0: 1 row inserted, 1 row updated"]);
    is(&stage.aku(1, &format!("apply r.json --yes {}", approvals(&plan.out))), 0, &["Apply complete"]);
    assert_eq!(stage.table(0, TABLES[0]), stage.table(2, TABLES[0]));
    assert_eq!(stage.table(1, TABLES[0]), stage.table(2, TABLES[0]));
    assert_eq!(stage.table(0, TABLES[0]).len(), 40);
    for on in PODS {
        assert_eq!(stage.table(on, TABLES[1])[&7].1, 1000 + i64::from(on));
    }
    is(&stage.aku(1, "verify --plan --right 2 -o r.json"), 2, &["SYS.T2 on pod 0: 1 row updated"]);
    is(&stage.aku(1, "apply r.json --yes"), 0, &["Apply complete"]);
    stage.equal(&PODS);
}

#[test]
fn a_row_that_changed_meanwhile_is_left_alone() {
    let stage = alike(40);
    let change = |key: i64| format!("UPDATE SYS.T1 SET C3 = 77 WHERE I1 = {key}");
    behind(&stage, 1, &[change(3), change(4), change(5)]);
    is(&stage.aku(0, "verify --plan --right 0 -o r.json"), 2, &["3 rows updated"]);
    // The row of the wrong pod, and one that the right pod has changed since, which replication may mend.
    behind(&stage, 1, &["UPDATE SYS.T1 SET C3 = 78 WHERE I1 = 3".to_owned()]);
    behind(&stage, 0, &["UPDATE SYS.T1 SET C3 = 79 WHERE I1 = 4".to_owned()]);
    let words = ["1 of 3 rows as on pod 0 now (1 written, 2 changed meanwhile and left alone)"];
    is(&stage.aku(0, "apply r.json --yes"), 4, &[words[0], "E153", "aku verify --plan"]);
    let rows = stage.table(1, TABLES[0]);
    assert_eq!((rows[&3].1, rows[&4].1, rows[&5].1), (78, 77, 5));
    assert_eq!(stage.table(0, TABLES[0])[&4].1, 79);
}

#[test]
fn a_run_that_was_killed_is_done_again() {
    let mut dice = Dice::new("a_run_that_was_killed_is_done_again");
    let stage = alike(900);
    for _ in 0..cases(2) {
        behind(
            &stage,
            1,
            &[
                "UPDATE SYS.T1 SET C3 = -1 WHERE I1 < 300".to_owned(),
                "DELETE FROM SYS.T1 WHERE I1 >= 600".to_owned(),
                "INSERT INTO SYS.T2 VALUES (2000, 'only here', 1)".to_owned(),
            ],
        );
        let plan = stage.aku(0, "verify --plan --right 0 --limit 500 -o r.json");
        is(&plan, 2, &["--approve deletes-surplus=altibase-sts/1/SYS.T2/1", "W121-rows-left"]);
        let apply = format!("apply r.json --yes {}", approvals(&plan.out));
        // Slow enough to be killed in the middle.
        stage.lab.fault(pod(1), None, Fault::Latency { from: Party::Clients, millis: 4 }).unwrap();
        let mut killed = stage.command(0, &apply).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = || stage.table(1, TABLES[0]).values().filter(|(_, n)| *n == -1).count() < 300;
        assert!(wait_until(PATIENCE, begun), "nothing is repaired");
        std::thread::sleep(Duration::from_millis(dice.below(900)));
        killed.kill().unwrap();
        killed.wait().unwrap();
        stage.lab.clear_all(pod(1)).unwrap();
        // What its transaction had not committed is taken back with its session.
        let wrong = || stage.table(1, TABLES[0]).values().filter(|(_, n)| *n == -1).count();
        println!("killed with {} of 300 rows still wrong", wrong());
        assert_eq!(wrong() % 50, 0, "a transaction is whole or not there");
        assert!((1..300).contains(&wrong()), "{}", wrong());
        // The answer to a COMMIT is lost: the rows tell what became of it.
        let (matching, times) = ("COMMIT".to_owned(), 1);
        stage.lab.fault(pod(1), None, Fault::Drop { moment: Moment::After, matching, times }).unwrap();
        if dice.below(2) == 0 {
            // 66: it had not begun.
            let resumed = stage.aku(0, &format!("{apply} --resume"));
            assert!(matches!(resumed.code, Some(0 | 66)), "{}{}", resumed.out, resumed.err);
        }
        is(&stage.aku(0, &apply), 0, &["Apply complete"]);
        // What did not fit into the first plan.
        is(&stage.aku(0, "verify --plan --right 0 -o r.json"), 2, &[]);
        is(&stage.aku(0, "apply r.json --yes"), 0, &["Apply complete"]);
        is(&stage.aku(0, "verify"), 0, &["equal"]);
        stage.equal(&PODS);
        assert_eq!(stage.table(1, TABLES[0]).len(), 900);
    }
}

#[test]
fn beside_clients_that_write() {
    let stage = alike(200);
    let writers: Vec<Writer> = PODS
        .iter()
        .map(|on| Writer::new(&stage, *on, TABLES[0], 1_000_000 * (i64::from(*on) + 1), Style::Autocommit))
        .collect();
    behind(
        &stage,
        2,
        &[
            "UPDATE SYS.T1 SET C3 = -1 WHERE I1 < 50".to_owned(),
            "DELETE FROM SYS.T1 WHERE I1 BETWEEN 100 AND 119".to_owned(),
            "INSERT INTO SYS.T1 VALUES (700, 'only here', 1)".to_owned(),
        ],
    );
    let plan = stage.aku(0, "verify --plan --right majority -o r.json");
    assert!(matches!(plan.code, Some(2 | 7)), "{}{}", plan.out, plan.err);
    // Rows of the writers are on their way, and no difference.
    assert!(plan.out.contains("SYS.T1 on pod 2: 20 rows inserted, 50 rows updated, 1 row DELETED"), "{}", plan.out);
    assert!(!plan.out.contains("on pod 1:  "), "{}", plan.out);
    is(&stage.aku(0, &format!("apply r.json --yes {}", approvals(&plan.out))), 0, &["Apply complete"]);
    let written: Vec<_> = writers.into_iter().map(Writer::stop).collect();
    stage.equal(&PODS);
    let rows = stage.table(2, TABLES[0]);
    for of_one in &written {
        assert_eq!(of_one.missing(&rows), Vec::<i64>::new());
    }
    assert_eq!((rows[&3].1, rows[&110].1, rows.contains_key(&700)), (3, 110, false));
    is(&stage.aku(0, "verify"), 0, &["equal"]);
}
