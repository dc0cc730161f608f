//! Plays recordings on a simulation: fresh pods in memory, virtual time.

use std::{collections::BTreeMap, io, time::Duration};

use aku_core::sql::Privilege;
use aku_db::wire::Response;

use super::{ClientId, Sim};
use crate::{
    conformance::{Login, Player},
    io::Micros,
    server::{Generation, PodConfig},
};

/// A player whose pods live in memory.
pub struct SimPlayer {
    sim: Sim,
    began: Micros,
    sessions: BTreeMap<(usize, String), ClientId>,
}

fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX)
}

impl SimPlayer {
    /// That many empty pods of that generation, under a seed.
    ///
    /// # Errors
    /// The store.
    pub fn new(generation: Generation, pods: usize, seed: u64) -> io::Result<Self> {
        let mut sim = Sim::new(seed);
        for pod in 0..pods {
            sim.add_pod(PodConfig::new(generation, format!("10.99.0.{}", pod + 1)))?;
        }
        let began = sim.now();
        Ok(Self { sim, began, sessions: BTreeMap::new() })
    }

    /// The simulation behind it.
    pub fn sim(&mut self) -> &mut Sim {
        &mut self.sim
    }
}

impl Player for SimPlayer {
    fn connect(&mut self, login: &Login) -> Result<(), Response> {
        let mut options = vec![("UID", login.uid.as_str()), ("PWD", login.pwd.as_str())];
        match login.privilege {
            Privilege::Normal => {}
            Privilege::Sysdba => options.push(("PRIVILEGE", "SYSDBA")),
        }
        let client = self.sim.connect(login.pod, &options)?;
        if let Some(old) = self.sessions.insert((login.pod, login.session.clone()), client) {
            self.sim.close(old);
        }
        Ok(())
    }

    fn close(&mut self, pod: usize, session: &str) {
        if let Some(client) = self.sessions.remove(&(pod, session.to_owned())) {
            self.sim.close(client);
            self.sim.run_for(1_000);
        }
    }

    fn execute(&mut self, pod: usize, session: &str, sql: &str) -> Response {
        match self.sessions.get(&(pod, session.to_owned())) {
            Some(client) => self.sim.execute(*client, sql),
            None => Response::Error {
                sqlstate: "08003".to_owned(),
                native: 331_830,
                message: "Connection does not exist".to_owned(),
            },
        }
    }

    fn kill(&mut self, pod: usize) {
        self.sim.kill(pod);
        self.sessions.retain(|(p, _), _| *p != pod);
    }

    fn start(&mut self, pod: usize) {
        if let Err(e) = self.sim.start(pod) {
            tracing::error!("pod {pod} does not start: {e}");
        }
    }

    fn sleep(&mut self, time: Duration) {
        self.sim.run_for(micros(time));
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.sim.now() - self.began)
    }

    fn host(&self, pod: usize) -> String {
        self.sim.ip(pod)
    }

    fn replication_port(&self) -> u16 {
        20_301
    }
}
