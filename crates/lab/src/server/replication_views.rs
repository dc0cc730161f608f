//! The V$REP* views (`altibase.md` 2.1 to 2.5, transcripts `*_00_desc`).
//!
//! It decides what senders and receivers show of themselves. Views of senders are built under the sender latch, which
//! is guarded where statements run.

use std::collections::BTreeMap;

use super::{
    Core,
    object::{EAGER, NOWAIT, option},
    offline::Delivered,
    performance::{int, text},
    sender::{EagerState, Phase, Sender},
};
use crate::{
    data::{Database, Sn},
    sql::exec::Relation,
    value::Datum,
};

/// Address and port of `ip:port`.
fn split(address: &str) -> (Datum, Datum) {
    let (ip, port) = address.rsplit_once(':').unwrap_or((address, "0"));
    (text(ip), int(port.parse::<i64>().unwrap_or(0)))
}

impl Core {
    /// With replication switched off no replication view has rows.
    fn visible_senders(&self) -> impl Iterator<Item = &Sender> {
        let enabled = self.properties.get("REPLICATION_PORT_NO") != 0;
        self.senders.values().filter(move |s| enabled && s.status_visible())
    }

    /// A row for each replication with the OFFLINE option, started or not.
    pub(super) fn offline_status(&self) -> Relation {
        let mut relation = Relation::new(&["REP_NAME", "STATUS", "SUCCESS_TIME"]);
        for o in self.objects.iter().filter(|o| o.options & option::OFFLINE != 0) {
            let (status, at) = match self.offline.get(&o.name) {
                None => (0, 0),
                Some(done @ Delivered::All(at)) => (done.status(), at / 1_000_000),
                Some(failed @ Delivered::Failed) => (failed.status(), 0),
            };
            relation.push(vec![text(&o.name), Datum::Int(status), int(at)]);
        }
        relation
    }

    pub(super) fn executor(&self) -> Relation {
        let mut relation = Relation::new(&["PORT", "MAX_SENDER_COUNT", "MAX_RECEIVER_COUNT"]);
        let port = self.properties.get("REPLICATION_PORT_NO");
        if port != 0 {
            let max = self.properties.get("REPLICATION_MAX_COUNT");
            relation.push(vec![int(port), int(max), int(max)]);
        }
        relation
    }

    pub(super) fn mode_name(&self, name: &str) -> &'static str {
        match self.objects.get(name).map(|o| o.mode) {
            Some(EAGER) => "EAGER",
            Some(NOWAIT) => "NOWAIT",
            Some(0) => "LAZY",
            Some(_) | None => "UNKNOWN",
        }
    }

    pub(super) fn repsender(&self, parallel: Parallel) -> Relation {
        let mut relation = match parallel {
            Parallel::No => Relation::new(&[
                "REP_NAME",
                "START_FLAG",
                "NET_ERROR_FLAG",
                "XSN",
                "COMMIT_XSN",
                "STATUS",
                "SENDER_IP",
                "PEER_IP",
                "SENDER_PORT",
                "PEER_PORT",
                "READ_LOG_COUNT",
                "SEND_LOG_COUNT",
                "REPL_MODE",
                "ACT_REPL_MODE",
            ]),
            Parallel::Yes => Relation::new(&[
                "REP_NAME",
                "CURRENT_TYPE",
                "NET_ERROR_FLAG",
                "XSN",
                "COMMIT_XSN",
                "STATUS",
                "SENDER_IP",
                "PEER_IP",
                "SENDER_PORT",
                "PEER_PORT",
                "READ_LOG_COUNT",
                "SEND_LOG_COUNT",
                "REPL_MODE",
                "PARALLEL_ID",
            ]),
        };
        for s in self.visible_senders() {
            let (sender_ip, sender_port) = split(&s.local);
            let (peer_ip, peer_port) = split(&s.peer);
            let mode = self.mode_name(&s.name);
            let actual = match s.eager {
                EagerState::Idle => "EAGER",
                EagerState::Failback => "LAZY",
                EagerState::Lazy => mode,
            };
            let (flag, status, last) = match parallel {
                Parallel::No => (int(s.start_flag.number()), int(s.status()), text(actual)),
                Parallel::Yes => (text("NORMAL"), text(status_name(s.status())), Datum::Int(0)),
            };
            relation.push(vec![
                text(&s.name),
                flag,
                int(i64::from(s.net_error)),
                s.position().map_or(Datum::Int(-1), int),
                // Nothing is read before the first connection (7.2_02_peerdown, 2018_02_peerdown).
                int(s.position().map_or(0, |_| s.commit_xsn)),
                status,
                sender_ip,
                peer_ip,
                sender_port,
                peer_port,
                int(s.read_count),
                int(s.send_count),
                text(mode),
                last,
            ]);
        }
        relation
    }

    pub(super) fn gaps(&self, db: &Database) -> Relation {
        let columns = [
            "REP_NAME",
            "START_FLAG",
            "REP_LAST_SN",
            "REP_SN",
            "REP_GAP",
            "REP_GAP_SIZE",
            "READ_LFG_ID",
            "READ_FILE_NO",
            "READ_OFFSET",
        ];
        let columns: Vec<_> = columns.into_iter().filter(|c| !self.is_2018() || *c != "REP_GAP_SIZE").collect();
        let mut relation = Relation::new(&columns);
        let last = db.next_sn().0;
        let end = db.log_bytes_before(db.next_sn());
        let file = self.properties.get("LOG_FILE_SIZE").max(1);
        for s in self.visible_senders() {
            let at = s.position();
            let mut row = vec![text(&s.name), int(s.start_flag.number()), int(last), at.map_or(Datum::Int(-1), int)];
            let read = at.map(|at| db.log_bytes_before(Sn(at)));
            if self.is_2018() {
                row.push(int(i128::from(last) - at.map_or(-1, i128::from)));
            } else {
                let (gap, size) = gap_in_bytes(read, end, file, self.properties.get("REPLICATION_GAP_UNIT").max(1));
                row.extend([int(gap), int(size)]);
            }
            let (read_file, offset) = at.map(Sn).map_or((0, 0), |at| (at.file(), at.offset()));
            row.extend([Datum::Int(0), int(read_file), int(offset)]);
            relation.push(row);
        }
        relation
    }

    pub(super) fn sync_progress(&self) -> Relation {
        let mut relation = Relation::new(&["REP_NAME", "SYNC_TABLE", "SYNC_PARTITION", "SYNC_RECORD_COUNT", "SYNC_SN"]);
        for s in self.visible_senders() {
            let Some(object) = self.objects.get(&s.name) else { continue };
            let job = s.sync.iter().flat_map(|job| job.items.iter().zip(&job.sent));
            let copied: BTreeMap<usize, u64> = job.map(|(item, sent)| (*item, *sent)).collect();
            for (n, item) in object.items.iter().enumerate() {
                let sent = copied.get(&n).copied();
                relation.push(vec![
                    text(&s.name),
                    text(&item.local[1]),
                    text(&item.local[2]),
                    sent.map_or(Datum::Int(-1), int),
                    int(s.restart),
                ]);
            }
        }
        relation
    }

    pub(super) fn sender_transactions(&self) -> Relation {
        let mut relation =
            Relation::new(&["REP_NAME", "START_FLAG", "LOCAL_TID", "REMOTE_TID", "BEGIN_FLAG", "BEGIN_SN"]);
        for s in self.visible_senders() {
            for (tx, begin) in &s.open {
                relation.push(vec![
                    text(&s.name),
                    int(s.start_flag.number()),
                    int(tx.0),
                    Datum::Int(-1),
                    Datum::Int(1),
                    int(*begin),
                ]);
            }
        }
        relation
    }

    pub(super) fn repreceiver(&self) -> Relation {
        let mut relation = Relation::new(&[
            "REP_NAME",
            "MY_IP",
            "MY_PORT",
            "PEER_IP",
            "PEER_PORT",
            "APPLY_XSN",
            "INSERT_SUCCESS_COUNT",
            "INSERT_FAILURE_COUNT",
            "UPDATE_SUCCESS_COUNT",
            "UPDATE_FAILURE_COUNT",
            "DELETE_SUCCESS_COUNT",
            "DELETE_FAILURE_COUNT",
            "PARALLEL_ID",
            "SQL_APPLY_TABLE_COUNT",
            "APPLIER_INIT_BUFFER_USAGE",
        ]);
        for (name, r) in &self.receivers {
            let (my_ip, my_port) = split(&r.local);
            let (peer_ip, peer_port) = split(&r.peer);
            relation.push(vec![
                text(name),
                my_ip,
                my_port,
                peer_ip,
                peer_port,
                int(r.apply_xsn),
                int(r.inserts.success),
                int(r.inserts.failure),
                int(r.updates.success),
                int(r.updates.failure),
                int(r.deletes.success),
                int(r.deletes.failure),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Int(0),
            ]);
        }
        relation
    }

    pub(super) fn receiver_transactions(&self) -> Relation {
        let mut relation = Relation::new(&["REP_NAME", "LOCAL_TID", "REMOTE_TID", "BEGIN_FLAG", "BEGIN_SN"]);
        for (name, r) in &self.receivers {
            let mut open: Vec<_> = r.open.iter().collect();
            open.sort_by_key(|(id, _)| **id);
            for (remote, o) in open {
                let begin = o.marks.first().map_or(Datum::Int(-1), |(sn, _)| int(*sn));
                relation.push(vec![text(name), int(o.tx.0), int(*remote), Datum::Int(1), begin]);
            }
        }
        relation
    }
}

/// Which of the two forms of a view.
#[derive(Clone, Copy)]
pub(super) enum Parallel {
    Yes,
    No,
}

impl Sender {
    /// A sender that is about to end has no row.
    fn status_visible(&self) -> bool {
        self.phase != Phase::Stopping && !self.ending
    }

    /// V$REPSENDER.XSN, the place before which everything was sent or passed; `None` before the first connection.
    fn position(&self) -> Option<u64> {
        self.connected_once.then_some(self.passed)
    }
}

/// REP_GAP (in units of REPLICATION_GAP_UNIT, rounded up) and REP_GAP_SIZE (bytes). A sender that never connected reads at
/// file 2^32-1, offset 2^32-1, and the difference wraps: 17592186040333 and -4282142109 in 7.2_02_peerdown.
fn gap_in_bytes(read: Option<u64>, end: u64, file_size: u64, unit: u64) -> (u64, i64) {
    let size = match read {
        Some(read) => i128::from(end.saturating_sub(read)),
        None => i128::from(end / file_size + 1) * i128::from(file_size) + i128::from(end % file_size) - 0xFFFF_FFFF,
    };
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    (size.cast_unsigned().div_ceil(unit), size)
}

fn status_name(status: i64) -> &'static str {
    match status {
        0 => "STOP",
        1 => "RUN",
        2 => "RETRY",
        3 => "FAILBACK_NORMAL",
        6 => "SYNC",
        9 => "IDLE",
        _ => "UNKNOWN",
    }
}

#[test]
fn the_gap_of_a_sender_that_never_connected_wraps() {
    let (file, unit) = (10_485_760, 1_048_576);
    assert_eq!(gap_in_bytes(None, 2_339_426, file, unit), (17_592_186_040_333, -4_282_142_109));
    // `measured.md` 9.8.
    assert_eq!(gap_in_bytes(None, 31 * file + 449_863, file, unit), (17_592_186_040_641, -3_958_973_112));
    assert_eq!(gap_in_bytes(Some(1_581_377), 1_582_177, file, unit), (1, 800));
    assert_eq!(gap_in_bytes(Some(1_581_377), 1_581_377, file, unit), (0, 0));
}
