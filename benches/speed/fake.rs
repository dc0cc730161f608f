//! Pods that sleep instead of working, and how long each statement really slept: what a machine adds to a sleep is not
//! the engine's.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use aku::{
    apply::{Context, Limits, Retry, SystemClock},
    db::{
        Cancel, ConnectError, Connector, DbError, Login, Privilege, Rows, Session, Value,
        sql::{ChangeSql, ReadSql},
    },
    topology::{Ordinal, ReplicationName},
};

/// Opens sessions at once; a statement takes `each`.
pub struct Sleepers {
    each: Duration,
    slept: Arc<Mutex<BTreeMap<ReplicationName, Duration>>>,
}

impl Sleepers {
    /// Pods whose statements take that long; nothing at all for zero.
    pub fn new(each: Duration) -> Self {
        Self { each, slept: Arc::default() }
    }

    /// How long the statements about each object took.
    pub fn slept(&self) -> BTreeMap<ReplicationName, Duration> {
        self.slept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Connector for Sleepers {
    fn connect(&self, _: Ordinal, _: &Login) -> Result<Box<dyn Session>, ConnectError> {
        Ok(Box::new(Sleeper { each: self.each, slept: Arc::clone(&self.slept) }))
    }
}

struct Sleeper {
    each: Duration,
    slept: Arc<Mutex<BTreeMap<ReplicationName, Duration>>>,
}

impl Sleeper {
    fn sleep(&self) -> Duration {
        if self.each.is_zero() {
            return Duration::ZERO;
        }
        let began = Instant::now();
        thread::sleep(self.each);
        began.elapsed()
    }
}

struct Never;

impl Cancel for Never {
    fn cancel(&self) {}
}

impl Session for Sleeper {
    fn query(&mut self, _: &ReadSql) -> Result<Rows, DbError> {
        self.sleep();
        Ok(Rows { columns: vec!["VALUE1".to_owned()], rows: vec![vec![Value::Int(0)]] })
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        let took = self.sleep();
        if let ChangeSql::Flush { name, .. } = sql {
            self.slept.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), took);
        }
        Ok(())
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Never)
    }
}

/// How a session is opened here.
pub fn login() -> Login {
    Login {
        privilege: Privilege::Normal,
        connect_timeout: Duration::from_secs(5),
        query_timeout: None,
        silence_timeout: None,
        app_info: "bench".to_owned(),
    }
}

/// A run without retries, deadline or marker.
pub fn context(connector: Arc<dyn Connector>, lanes: usize) -> Context {
    Context {
        connector,
        login: login(),
        retry: Retry { count: 0, delay: Duration::from_millis(10), seed: 0 },
        deadline: None,
        marker: None,
        marked_here: std::collections::BTreeMap::new(),
        lock: None,
        witness: None,
        clock: Arc::new(SystemClock),
        limits: Limits { lanes, ..Limits::default() },
    }
}
