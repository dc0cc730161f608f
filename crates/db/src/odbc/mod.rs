//! The production road: sessions over unixODBC and the Altibase driver.
//!
//! Decides how a login becomes a connection string and connection attributes, and what class a failed connect has.
//! Must never let the driver's faults end the process (panics, failing disconnects), and never let the password reach
//! an error or a log. Facts: `odbc-client.md` 2, `measured.md` 6, `altibase.md` 6.
//!
//! * [`driver`] finds the driver. * [`setup`] gives unixODBC a private odbc.ini; call it before any thread exists.
//! * The rest is one subject per file: one call, connection string, diagnostics, guarding the driver, cancelling, sessions.
//!
//! Nothing here runs before [`OdbcConnector::connect`], so commands without a database never touch ODBC.

mod call;
mod cancel;
mod connection_string;
mod diagnostics;
pub mod driver;
mod fetch;
mod guard;
mod session;
pub mod setup;

use std::{collections::BTreeMap, sync::Arc};

use aku_core::{
    sql::{ConnectError, DbError},
    topology::Ordinal,
};
use secrecy::SecretString;

use self::{diagnostics::Scrub, setup::OdbcSetup};
use crate::{Connector, Login, Session, resolve};

/// Where a pod's server listens for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address.
    pub host: String,
    /// AKU_PORT_NO, 20300 as shipped.
    pub port: u16,
}

/// Opens sessions through the Altibase ODBC driver, always as SYS.
#[derive(Debug)]
pub struct OdbcConnector {
    setup: OdbcSetup,
    pods: BTreeMap<Ordinal, Address>,
    password: SecretString,
    scrub: Arc<Scrub>,
}

impl OdbcConnector {
    /// Keeps what is needed to connect; opens nothing and loads nothing.
    #[must_use]
    pub fn new(setup: OdbcSetup, pods: BTreeMap<Ordinal, Address>, password: SecretString) -> Self {
        let scrub = Arc::new(Scrub::new(password.clone()));
        Self { setup, pods, password, scrub }
    }
}

impl Connector for OdbcConnector {
    /// Resolving the host name is not covered by `connect_timeout`: the driver leaves it to the system's resolver.
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        let failed = |address: String, error: DbError| {
            let host = self.pods.get(&pod).map_or("", |a| a.host.as_str());
            let failure = resolve::failure(&error, host, login.connect_timeout);
            ConnectError { pod, address, failure, error }
        };
        let Some(address) = self.pods.get(&pod) else {
            return Err(failed("(unknown)".to_owned(), own_error("HY000", "this pod has no address")));
        };
        let shown = format!("{}:{}", address.host, address.port);
        connection_string::build(&self.setup, address, login, &self.password)
            .and_then(|text| session::open(&text, login, Arc::clone(&self.scrub)))
            .map(|session| Box::new(session) as Box<dyn Session>)
            .map_err(|error| failed(shown, error))
    }
}

/// A failure that no driver reported; native code 0.
fn own_error(sqlstate: &str, message: impl Into<String>) -> DbError {
    DbError { sqlstate: sqlstate.to_owned(), native: 0, message: message.into() }
}

/// A timeout attribute or keyword: whole seconds, rounded up, at least 1, because 0 means "wait for ever".
fn whole_seconds(limit: std::time::Duration) -> u32 {
    let up = u64::from(limit.subsec_nanos() > 0);
    u32::try_from(limit.as_secs().saturating_add(up)).unwrap_or(u32::MAX).max(1)
}
