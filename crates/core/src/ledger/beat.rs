//! A beat: between runs, a pod that serves remembers how far it has applied the logs of the others. Pure.
//!
//! It is what shows a volume that was put back from a copy made after the last run (`measured.md` 9.2): the server's own
//! memory of it falls when the older copy connects, so the maximum is kept.

use std::collections::BTreeMap;

use super::{Ledger, Standing};
use crate::topology::Ordinal;

impl Ledger {
    /// The row after a beat, `None` when there is nothing new. `applied`: V$REPRECEIVER.APPLY_XSN, by the pod whose log it is.
    #[must_use]
    pub fn beaten(&self, applied: &BTreeMap<Ordinal, u64>) -> Option<Self> {
        let mut after = self.clone();
        for (pod, peer) in &mut after.peers {
            // A pod that left writes nothing here; one that comes back is noted by the run that lets it in.
            if peer.standing == Standing::Running {
                peer.applied = peer.applied.max(applied.get(pod).copied());
            }
        }
        (after != *self).then_some(after)
    }

    /// Whether this row is `other` with nothing but beats since.
    #[must_use]
    pub fn is_beaten_from(&self, other: &Self) -> bool {
        let applied = self.peers.iter().filter_map(|(pod, peer)| Some((*pod, peer.applied?))).collect();
        self == other || other.beaten(&applied).as_ref() == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{ClusterId, Peer};

    fn ord(n: u8) -> Ordinal {
        Ordinal::new(n).unwrap()
    }

    fn ledger(peers: [(u8, Standing, Option<u64>); 3]) -> Ledger {
        let peer = |(n, standing, applied)| {
            let signature = format!("DB-{n}");
            (ord(n), Peer { signature, incarnation: 1, standing, log_end: Some(50), applied })
        };
        Ledger {
            cluster: ClusterId::founded_on("DB-0"),
            pod: ord(0),
            signature: "DB-0".to_owned(),
            incarnation: 1,
            run: 7,
            standing: Standing::Running,
            copied: None,
            peers: peers.into_iter().map(peer).collect(),
        }
    }

    #[test]
    fn what_was_applied_only_grows_and_nothing_else_changes() {
        use Standing::{Ended, Running};
        let before = ledger([(1, Running, Some(100)), (2, Running, None), (3, Ended, Some(5))]);
        let seen = |list: &[(u8, u64)]| list.iter().map(|(n, sn)| (ord(*n), *sn)).collect::<BTreeMap<_, _>>();
        let after = before.beaten(&seen(&[(1, 120), (2, 7), (3, 9), (4, 1)])).unwrap();
        assert_eq!(after, ledger([(1, Running, Some(120)), (2, Running, Some(7)), (3, Ended, Some(5))]));
        // An older copy connected: the maximum is kept.
        assert_eq!(after.beaten(&seen(&[(1, 60)])), None);
        assert_eq!(before.beaten(&BTreeMap::new()), None);
        assert!(after.is_beaten_from(&before) && before.is_beaten_from(&before) && !before.is_beaten_from(&after));
        assert!(!Ledger { run: 8, ..after.clone() }.is_beaten_from(&before));
    }
}
