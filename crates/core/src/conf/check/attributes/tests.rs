//! Attributes of a group in both styles of the file: what is read, what is refused, and with which code.

use crate::{
    attributes::{Attributes, Shape},
    conf::{self, Code, Parsed, has_errors},
    topology::{Ordinal, Pair},
};

/// A file of so many servers with these lines in its group, in the style of 7.3 and in the quoted one of 7.1.
fn files(servers: u8, lines: &str) -> [Parsed; 2] {
    let plain = format!(
        "AKU_STS_NAME = db\nAKU_SVC_NAME = db-svc\nAKU_SERVER_COUNT = {servers}\nREPLICATIONS = (\n  \
         REPLICATION_NAME_PREFIX = R\n{lines}\n  SYNC_PARALLEL_COUNT = 2\n  (SYS.T1, SYS.T2 PARTITION P1)\n)\n"
    );
    let quoted = format!(
        "AKU_STS_NAME = \"db\"\nAKU_SVC_NAME = \"db-svc\"\nAKU_SERVER_COUNT = {servers}\nREPLICATIONS = (\n  \
         REPLICATION_NAME_PREFIX = \"R\"\n{lines}\n  SYNC_PARALLEL_COUNT = 2\n  (\n    (\n      USER_NAME = \"SYS\"\n      \
         TABLE_NAME = \"T1\"\n    )\n  )\n)\n"
    );
    [plain, quoted].map(|text| conf::parse("aku.conf", text.as_bytes()))
}

fn words(parsed: &Parsed) -> Result<String, Vec<Code>> {
    match &parsed.config {
        Some(config) => {
            assert_eq!(config.groups[0].sync_parallel, 2);
            Ok(config.groups[0].attributes.words().join("; "))
        }
        None => Err(parsed.problems.iter().map(|p| p.code).collect()),
    }
}

#[test]
fn what_is_read() {
    let table = [
        ("", ""),
        ("MODE = LAZY\nCONFLICT = NONE\nPARALLEL 0\nGAPLESS = 0", ""),
        ("MODE = EAGER", "MODE = EAGER"),
        ("MODE = \"eager\"", "MODE = EAGER"),
        ("CONFLICT = MASTER_SLAVE", "CONFLICT = MASTER_SLAVE"),
        ("CONFLICT = master_slave", "CONFLICT = MASTER_SLAVE"),
        ("CONFLICT = TIMESTAMP", "CONFLICT = TIMESTAMP"),
        ("CONFLICT = \"replace\"", "CONFLICT = REPLACE"),
        ("GAPLESS", "GAPLESS"),
        ("GAPLESS = 1", "GAPLESS"),
        ("GROUPING   # sends transactions together", "GROUPING"),
        ("RECOVERY", "RECOVERY"),
        ("PARALLEL 4", "PARALLEL 4"),
        ("PARALLEL = 4", "PARALLEL 4"),
        ("PARALLEL = \"4\"", "PARALLEL 4"),
        ("PARALLEL 512", "PARALLEL 512"),
        ("PARALLEL 4 10M", "PARALLEL 4 10 M"),
        ("PARALLEL 4 10 M", "PARALLEL 4 10 M"),
        ("PARALLEL = 4 10M", "PARALLEL 4 10 M"),
        ("PARALLEL = \"4 512k\"", "PARALLEL 4 512 K"),
        ("GAPLESS GROUPING PARALLEL 4 1G RECOVERY", "RECOVERY; GAPLESS; PARALLEL 4 1 G; GROUPING"),
        ("CONFLICT = MASTER_SLAVE GAPLESS", "CONFLICT = MASTER_SLAVE; GAPLESS"),
        ("GROUPING MODE = LAZY PARALLEL 2 GAPLESS", "GAPLESS; PARALLEL 2; GROUPING"),
        ("MODE = EAGER RECOVERY CONFLICT = MASTER_SLAVE", "MODE = EAGER; CONFLICT = MASTER_SLAVE; RECOVERY"),
    ];
    for (lines, want) in table {
        for parsed in files(2, lines) {
            assert_eq!(words(&parsed), Ok(want.to_owned()), "{lines}\n{:?}", parsed.problems);
            assert!(parsed.problems.is_empty(), "{lines}\n{:?}", parsed.problems);
        }
    }
}

#[test]
fn what_is_refused() {
    let table: [(&str, &[Code]); 21] = [
        ("MODE = NOWAIT", &[Code::OutOfRange]),
        ("MODE =", &[Code::OutOfRange]),
        ("CONFLICT = NEWER", &[Code::OutOfRange]),
        ("CONFLICT = MASTER", &[Code::OutOfRange]),
        ("MODE = EAGER\nMODE = LAZY", &[Code::DuplicateKey]),
        ("GAPLESS\nGAPLESS", &[Code::DuplicateKey]),
        ("GAPLESS = 2", &[Code::OutOfRange]),
        ("GAPLESS = yes", &[Code::NotANumber]),
        ("PARALLEL", &[Code::NotANumber]),
        ("PARALLEL many", &[Code::NotANumber]),
        ("PARALLEL -1", &[Code::NotANumber]),
        ("PARALLEL 513", &[Code::OutOfRange]),
        ("PARALLEL 99999999999", &[Code::OutOfRange]),
        ("PARALLEL 4 10", &[Code::OutOfRange]),
        ("PARALLEL 4 0M", &[Code::OutOfRange]),
        ("PARALLEL 4 1025G", &[Code::OutOfRange]),
        ("PARALLEL 0 10M", &[Code::OutOfRange]),
        ("PARALLEL 4 10 M more", &[Code::Unexpected]),
        ("MODE = EAGER\nGAPLESS", &[Code::EagerOption]),
        ("MODE = EAGER\nPARALLEL 2", &[Code::EagerOption]),
        ("GROUPING\nMODE = EAGER", &[Code::EagerOption]),
    ];
    for (lines, want) in table {
        for parsed in files(2, lines) {
            assert!(has_errors(&parsed.problems), "{lines}");
            assert_eq!(words(&parsed), Err(want.to_vec()), "{lines}\n{:?}", parsed.problems);
            let at = parsed.problems[0].place.as_ref().expect("every one has a place");
            assert!((6..=7).contains(&at.line), "{lines}: line {}", at.line);
        }
    }
}

/// What is not supported is refused with the reason, however it is written.
#[test]
fn local_is_refused_in_words() {
    for (lines, code) in
        [("LOCAL", Code::Unexpected), ("LOCAL R_02", Code::Unexpected), ("LOCAL = R_02", Code::UnknownKey)]
    {
        for parsed in files(2, lines) {
            assert!(parsed.config.is_none(), "{lines}");
            let found =
                parsed.problems.iter().find(|p| p.code == code).unwrap_or_else(|| panic!("{:?}", parsed.problems));
            assert!(found.hint.as_deref().is_some_and(|h| h.contains("two replications of one server")), "{found:?}");
            assert_eq!(found.place.as_ref().map(|p| p.line), Some(6), "{lines}");
        }
    }
}

/// A server takes a table in one object with RECOVERY; EAGER is possible, and a third pod needs the others away.
#[test]
fn what_more_than_two_servers_cannot_have() {
    let table: [(u8, &str, &[Code]); 6] = [
        (2, "RECOVERY", &[]),
        (3, "RECOVERY", &[Code::RecoveryTwice]),
        (3, "RECOVERY = 0", &[]),
        (2, "MODE = EAGER", &[]),
        (3, "MODE = EAGER", &[Code::EagerMesh]),
        (1, "MODE = EAGER RECOVERY", &[]),
    ];
    for (servers, lines, want) in table {
        for parsed in files(servers, lines) {
            let codes: Vec<_> = parsed.problems.iter().map(|p| p.code).collect();
            assert_eq!(codes, want, "{servers} {lines}");
            assert_eq!(parsed.config.is_some(), !want.contains(&Code::RecoveryTwice), "{servers} {lines}");
        }
    }
}

/// A property of the server is nothing that groups have one by one.
#[test]
fn replace_counts_for_every_group_without_roles() {
    let table: [(&str, &str, &[Code]); 4] = [
        ("CONFLICT = REPLACE", "", &[Code::SharedConflict]),
        ("CONFLICT = REPLACE", "CONFLICT = REPLACE", &[]),
        ("CONFLICT = REPLACE", "CONFLICT = MASTER_SLAVE", &[]),
        ("CONFLICT = TIMESTAMP", "", &[]),
    ];
    for (one, other, want) in table {
        let text = format!(
            "AKU_STS_NAME = db\nAKU_SVC_NAME = s\nREPLICATIONS = (REPLICATION_NAME_PREFIX = A {one} (SYS.T1)),\n\
             (REPLICATION_NAME_PREFIX = B {other} (SYS.T2))\n"
        );
        let parsed = conf::parse("aku.conf", text.as_bytes());
        let found = parsed.problems.iter().map(|p| p.code).filter(|c| *c == Code::SharedConflict);
        assert_eq!(found.collect::<Vec<_>>(), want, "{one} {other}: {:?}", parsed.problems);
        assert!(parsed.config.is_some());
    }
}

/// Attributes stay in their group, and a group without any is what it was.
#[test]
fn each_group_has_its_own() {
    let text = "AKU_STS_NAME = db\nAKU_SVC_NAME = s\nREPLICATIONS = (REPLICATION_NAME_PREFIX = A GAPLESS (SYS.T1)),\n\
                (REPLICATION_NAME_PREFIX = B (SYS.GAPLESS, SYS.T3))\n";
    let config = conf::parse("aku.conf", text.as_bytes()).config.expect("a valid file");
    assert_eq!(config.groups[0].attributes.words(), ["GAPLESS"]);
    assert_eq!(config.groups[1].attributes, Attributes::default());
    let pair = Pair::new(Ordinal::MASTER, Ordinal::new(1).expect("a pod")).expect("a pair");
    assert_eq!(config.groups[1].attributes.shape(Ordinal::MASTER, pair), Shape::default());
}
