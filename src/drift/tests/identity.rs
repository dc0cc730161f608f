//! Whose rows are whose, where nothing is wrong or nobody wants to know.

use super::*;
use crate::{conf::Switch, ledger::View};

#[test]
fn ledgers_that_agree_are_no_difference() {
    let edited = |edit: fn(&mut Worlds)| {
        let mut w = three().ledgers();
        edit(&mut w);
        w
    };
    for (what, w) in [
        ("they agree", edited(|_| {})),
        ("one remembers as much as another shows", three().ledgers().remembers(0, 2, 2)),
        ("one has none yet", edited(|w| w.pod_mut(2).ledger = View::Missing)),
    ] {
        assert_eq!(told(&look(&w)), [""; 0], "{what}");
    }
    let odd = edited(|w| w.pod_mut(1).ledger = View::Broken { why: "two rows".to_owned() });
    assert_eq!(told(&look(&odd)), ["1 D605 - ledger"]);
    let mut off = three().ledgers().remembers(0, 2, 3);
    off.desired.ledger = Switch::Off;
    assert_eq!(told(&look(&off)), [""; 0], "AKU_LEDGER = 0");
}
