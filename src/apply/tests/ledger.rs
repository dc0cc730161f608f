//! The row of the ledger: made, filled, replaced by a later run, and never taken back.

use super::*;
use crate::{
    ledger::{ClusterId, Ledger, Standing},
    plan::testing::ord,
};

fn row(cluster: &str, run: u64) -> Ledger {
    Ledger {
        cluster: ClusterId::founded_on(cluster),
        pod: ord(1),
        signature: "BA35EC821714-6B00DD1A:000E578D-7257D71A".to_owned(),
        incarnation: run,
        run,
        standing: Standing::Running,
        copied: None,
        peers: [].into(),
    }
}

fn write(row: &Ledger) -> Op {
    Op::WriteLedger { ledger: Box::new(row.clone()) }
}

#[test]
fn a_row_goes_forward_only() {
    let stage = Stage::new(2);
    let there = |l: Option<Option<Ledger>>| stage.cluster.world().pod(1).ledger = l;
    let holds = || stage.cluster.world().pod(1).ledger.clone().flatten();
    let table = [
        ("no table", None, row("A", 1), "done"),
        ("no row", Some(None), row("A", 1), "done"),
        ("the same", Some(Some(row("A", 3))), row("A", 3), "already"),
        ("an earlier run", Some(Some(row("A", 2))), row("A", 3), "done"),
        ("another cluster", Some(Some(row("B", 9))), row("A", 3), "done"),
        ("a later run", Some(Some(row("A", 4))), row("A", 3), "failed E170"),
    ];
    for (name, before, new, word) in table {
        there(before.clone());
        assert_eq!(stage.word(write(&new)), word, "{name}");
        let after = if word == "done" { Some(new) } else { before.flatten() };
        assert_eq!(holds(), after, "{name}");
    }
}

#[test]
fn the_table_is_made_before_its_row() {
    let stage = Stage::new(2);
    assert_eq!(stage.word(write(&row("A", 1))), "done");
    assert_eq!(stage.word(write(&row("A", 2))), "done");
    let changes = stage.cluster.world().changes.clone();
    let words: Vec<_> = changes.iter().map(|(_, sql)| sql.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(words, ["CREATE", "INSERT", "UPDATE"]);
    assert!(changes[1].1.starts_with("INSERT INTO SYS.AKU_LEDGER (LAYOUT, CLUSTER_ID, POD_NO, "), "{}", changes[1].1);
    assert!(changes[2].1.ends_with("WRITTEN_AT = SYSDATE WHERE LAYOUT = 1"), "{}", changes[2].1);
}
