//! The production road end to end: the real binary, unixODBC, the lab's ODBC driver, lab pods.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use aku::{
    db::testing::lab_driver,
    db::wire::{Cell, Response},
    lab::{Lab, LabOptions, process::PodProgram},
    topology::{Ordinal, ServerCount},
};

const PASSWORD: &str = "manager";

struct Cluster {
    lab: Lab,
    endpoints: PathBuf,
    _home: tempfile::TempDir,
}

fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).unwrap()
}

fn cluster(pods: u8) -> Cluster {
    let home = tempfile::tempdir().unwrap();
    let program = PodProgram::aku(env!("CARGO_BIN_EXE_aku").into());
    let lab = Lab::up(LabOptions::new(home.path().join("lab"), ServerCount::new(pods).unwrap(), program)).unwrap();
    let text = fs::read_to_string(lab.dir().join("endpoints.toml")).unwrap();
    assert!(text.contains("transport = \"lab\""), "{text}");
    let endpoints = home.path().join("odbc.toml");
    fs::write(&endpoints, text.replace("transport = \"lab\"", "transport = \"odbc\"")).unwrap();
    Cluster { lab, endpoints, _home: home }
}

impl Cluster {
    fn aku(&self, args: &[&str], driver: &Path) -> Output {
        Command::new(env!("CARGO_BIN_EXE_aku"))
            .args(args)
            .envs(self.lab.environment())
            .env("AKU_ENDPOINTS", &self.endpoints)
            .env("AKU_ODBC_DRIVER", driver)
            .env_remove("AKU_SYS_PASSWORD")
            .env_remove("AKU_SYS_PASSWORD_FILE")
            .output()
            .unwrap()
    }

    fn good(&self, args: &[&str]) -> String {
        let done = self.aku(args, &lab_driver());
        let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "aku {args:?}: {}\n{text}", done.status);
        assert!(!text.contains(PASSWORD), "the password is in the output of aku {args:?}");
        text
    }

    fn keys(&self, n: u8) -> Vec<i64> {
        let Response::Rows { rows, .. } = self.lab.sql(pod(n), "SELECT I1 FROM T1 ORDER BY I1").unwrap() else {
            panic!("no rows")
        };
        rows.iter().map(|r| if let Cell::Int(k) = r[0] { k } else { panic!("{r:?}") }).collect()
    }
}

#[test]
fn a_cluster_lives_through_odbc() {
    let c = cluster(3);
    c.good(&["apply", "start", "--ordinal", "0", "--yes"]);
    for key in 1..=20 {
        c.lab.sql(pod(0), &format!("INSERT INTO T1 VALUES ({key}, 'row', 0)")).unwrap();
    }
    c.good(&["apply", "start", "--ordinal", "1", "--yes"]);
    c.good(&["apply", "start", "--ordinal", "2", "--yes"]);
    assert_eq!(c.keys(2), (1..=20).collect::<Vec<_>>());
    assert!(c.good(&["plan", "start", "--ordinal", "2", "--exit-code"]).contains("Nothing to do"));

    c.lab.sql(pod(2), "INSERT INTO T1 VALUES (21, 'from pod 2', 0)").unwrap();
    c.good(&["apply", "end", "--ordinal", "2", "--yes"]);
    for n in 0..=1 {
        assert_eq!(c.keys(n), (1..=21).collect::<Vec<_>>(), "pod {n} after the end of pod 2");
    }

    c.lab.kill(pod(1)).unwrap();
    c.lab.sql(pod(0), "INSERT INTO T1 VALUES (22, 'while pod 1 is down', 0)").unwrap();
    c.lab.start(pod(1)).unwrap();
    assert!(c.good(&["apply", "start", "--ordinal", "1", "--yes"]).contains("complete"));
    assert_eq!(c.keys(1), (1..=22).collect::<Vec<_>>());

    let again = c.aku(&["apply", "start", "--ordinal", "2", "--yes"], &lab_driver());
    assert_eq!(again.status.code(), Some(3), "21 rows of pod 2 are not deleted without a word");
    c.good(&["apply", "start", "--ordinal", "2", "--yes", "--approve", "deletes-rows=altibase-sts/2"]);
    assert_eq!(c.keys(2), (1..=22).collect::<Vec<_>>());
}

#[test]
fn a_driver_that_is_not_there_is_named_and_nothing_is_connected() {
    let c = cluster(1);
    let done = c.aku(&["plan", "start", "--ordinal", "0"], Path::new("/nowhere/libaltibase_odbc-64bit-ul64.so"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success());
    assert!(said.contains("/nowhere/libaltibase_odbc-64bit-ul64.so"), "{said}");
}
