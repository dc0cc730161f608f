//! The state of the scripted cluster.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, atomic::AtomicU32},
    time::Duration,
};

use crate::{
    db::{ConnectFailure, Privilege},
    ledger::Ledger,
    topology::{Ordinal, ReplicationName, Target},
};

/// Every pod, and what was sent.
#[derive(Default)]
pub(crate) struct ScriptedPods {
    pub pods: BTreeMap<Ordinal, FakePod>,
    /// Changing statements that reached a server: pod and text.
    pub changes: Vec<(u8, String)>,
}

/// One server.
#[derive(Default)]
pub(crate) struct FakePod {
    pub properties: BTreeMap<&'static str, i64>,
    pub objects: BTreeMap<ReplicationName, Object>,
    pub receivers: BTreeSet<ReplicationName>,
    pub rows: BTreeMap<Target, u64>,
    pub sessions: BTreeMap<i64, FakeLogin>,
    /// Sessions that cannot be closed.
    pub sticky: BTreeSet<i64>,
    pub writers: BTreeSet<i64>,
    /// Transactions of receivers, with the SESSION_ID that is shown.
    pub applying: BTreeMap<i64, i64>,
    pub gaps: BTreeMap<ReplicationName, i64>,
    pub syncing: BTreeMap<ReplicationName, i64>,
    /// How often V$REPSYNC was looked at.
    pub sync_looks: AtomicU32,
    /// What becomes of the next logins; `None` lets one in.
    pub connect_errors: VecDeque<Option<(ConnectFailure, i32)>>,
    /// Every login: privilege, query timeout, silence timeout.
    pub logins: Vec<(Privilege, Option<Duration>, Option<Duration>)>,
    /// User locks: number and session.
    pub locks: Mutex<BTreeMap<i64, i64>>,
    /// SYS.AKU_LEDGER: no table, no row, a row.
    #[expect(clippy::option_option, reason = "a table that is not there, and one without a row")]
    pub ledger: Option<Option<Ledger>>,
    next_session: i64,
    sn: i64,
}

/// One login.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeLogin {
    pub user: Option<&'static str>,
    pub app: String,
    pub sysdba: bool,
    pub transaction: i64,
}

/// One side of a pair.
#[expect(clippy::struct_excessive_bools, reason = "columns of a catalog")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub is_started: bool,
    pub xsn: i64,
    pub gave_up: Option<&'static str>,
    pub sender: bool,
    /// The sender is not let in: V$REPSENDER says STATUS 0, NET_ERROR_FLAG 1.
    pub refused: bool,
    pub eager: bool,
    /// OPTIONS
    pub options: i64,
    /// CONFLICT_RESOLUTION
    pub conflict: i64,
    /// PARALLEL_APPLIER_COUNT
    pub appliers: i64,
    /// The sender takes long to connect: V$REPSENDER says STATUS 0.
    pub slow: bool,
    /// Directory of OFFLINE.
    pub logs: Option<String>,
    /// V$REPOFFLINE_STATUS.STATUS
    pub read: i64,
    pub hosts: Vec<(String, u16)>,
    pub items: Vec<Target>,
}

impl Object {
    pub fn new(host: &str, items: &[Target]) -> Self {
        Self {
            is_started: false,
            xsn: -1,
            gave_up: None,
            sender: false,
            refused: false,
            eager: false,
            options: 0,
            conflict: 0,
            appliers: 0,
            slow: false,
            logs: None,
            read: 0,
            hosts: vec![(host.to_owned(), 20301)],
            items: items.to_vec(),
        }
    }
}

impl FakePod {
    /// Admits users.
    pub fn in_service() -> Self {
        let properties = [
            ("ADMIN_MODE", 0),
            ("REPLICATION_DDL_ENABLE", 1),
            ("REPLICATION_SYNC_LOCK_TIMEOUT", 30),
            ("REPLICATION_LOCK_TIMEOUT", 5),
        ];
        Self { properties: properties.into(), sn: 100, ..Self::default() }
    }

    /// A session is gone, and its locks with it.
    pub fn end_session(&mut self, id: i64) {
        self.sessions.remove(&id);
        self.locks.lock().unwrap().retain(|_, holder| *holder != id);
    }

    pub fn next_sn(&mut self) -> i64 {
        self.sn += 1;
        self.sn
    }

    pub fn new_session(&mut self, app: &str, sysdba: bool) -> i64 {
        self.next_session += 1;
        let login = FakeLogin { user: Some("SYS"), app: app.to_owned(), sysdba, transaction: -1 };
        self.sessions.insert(self.next_session, login);
        self.next_session
    }
}

impl ScriptedPods {
    pub fn pod(&mut self, n: u8) -> &mut FakePod {
        let pod = Ordinal::new(n).unwrap();
        self.pods.entry(pod).or_insert_with(FakePod::in_service)
    }

    pub fn object(&mut self, pod: u8, name: &str) -> &mut Object {
        let name = ReplicationName::exact(name).unwrap();
        self.pod(pod).objects.get_mut(&name).unwrap()
    }

    /// The other pod that has the object.
    pub fn peer(&mut self, pod: Ordinal, name: &ReplicationName) -> Option<&mut FakePod> {
        self.pods.iter_mut().find(|(p, here)| **p != pod && here.objects.contains_key(name)).map(|(_, here)| here)
    }
}
