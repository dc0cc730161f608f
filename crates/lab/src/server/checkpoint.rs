//! Checkpoints: a lagging replication is given up (`altibase.md` 8.5).
//!
//! It decides only about log that nobody fetched in time; rows are made durable elsewhere, all the time.

use super::{Server, errors, object::LAZY};
use crate::data::Sn;

impl Server {
    pub(super) fn checkpoint(&mut self) {
        self.core.next_checkpoint = self.core.now + self.core.properties.seconds("CHECKPOINT_INTERVAL_IN_SEC");
        let max = self.core.properties.get("REPLICATION_MAX_LOGFILE");
        if max > 0 {
            let current = self.db.next_sn().file();
            let lagging: Vec<_> = self
                .core
                .objects
                .iter()
                .filter(|o| o.mode == LAZY)
                .filter_map(|o| Some((o.name.clone(), o.xsn?)))
                .filter(|(_, xsn)| current.saturating_sub(Sn(*xsn).file()) > max)
                .collect();
            for (name, xsn) in lagging {
                self.give_up(&name, xsn);
            }
        }
        self.retain_log();
    }

    fn give_up(&mut self, name: &str, xsn: u64) {
        let running = self.core.senders.contains_key(name);
        let again = running && self.core.properties.is_on("REPLICATION_SENDER_START_AFTER_GIVING_UP");
        self.end_sender(name, Err(errors::sync_failed()));
        let evidence = Some((self.core.now, xsn));
        self.core.objects.change(&mut self.db, name, |o| o.give_up = evidence);
        if again {
            self.restart_from_now(name);
        } else {
            self.core.objects.change(&mut self.db, name, |o| {
                o.xsn = None;
                o.is_started = false;
            });
        }
    }
}
