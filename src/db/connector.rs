//! One [`Connector`] for a cluster whose pods are reached in different ways.
//!
//! Decides nothing but the way. The ODBC side is made by the caller, and only when some pod needs it, so that a
//! cluster of lab pods works on a machine without any ODBC library (DESIGN D11).

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::{
    ConnectError, ConnectFailure, Connector, DbError, Login, Session,
    endpoints::{Endpoint, Transport},
    lab::LabConnector,
};
use crate::topology::Ordinal;

struct Composite {
    endpoints: BTreeMap<Ordinal, Endpoint>,
    lab: LabConnector,
    odbc: Option<Box<dyn Connector>>,
}

/// A connector for `endpoints` (see [`resolve_all`](super::endpoints::Endpoints::resolve_all)). `odbc` is called once
/// with the endpoints of the ODBC pods, and not at all when `needed` holds no ODBC pod: pods outside `needed` (usually
/// `0..server_count`) that would want ODBC then have no way.
///
/// # Errors
/// What `odbc` returned.
pub fn connector<E>(
    endpoints: BTreeMap<Ordinal, Endpoint>,
    needed: impl IntoIterator<Item = Ordinal>,
    password: SecretString,
    odbc: impl FnOnce(BTreeMap<Ordinal, Endpoint>) -> Result<Box<dyn Connector>, E>,
) -> Result<Box<dyn Connector>, E> {
    let over_odbc = |e: &Endpoint| match e.transport {
        Transport::Odbc => true,
        Transport::Lab => false,
    };
    let wanted = needed.into_iter().any(|pod| endpoints.get(&pod).is_some_and(over_odbc));
    let odbc = if wanted {
        let pods = endpoints.iter().filter(|(_, e)| over_odbc(e)).map(|(&o, e)| (o, e.clone())).collect();
        Some(odbc(pods)?)
    } else {
        None
    };
    Ok(Box::new(Composite { lab: LabConnector::new(&endpoints, password), endpoints, odbc }))
}

impl Composite {
    fn no_way(&self, pod: Ordinal) -> ConnectError {
        let address = self.endpoints.get(&pod).map_or_else(|| "?".to_owned(), |e| format!("{}:{}", e.host, e.port));
        let message = "no transport is set up for this pod; add it to the endpoints file".to_owned();
        let error = DbError { sqlstate: "HY000".to_owned(), native: 0, message };
        ConnectError { pod, address, failure: ConnectFailure::Other, error }
    }
}

impl Connector for Composite {
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        match (self.endpoints.get(&pod).map(|e| e.transport), &self.odbc) {
            (Some(Transport::Lab), _) => self.lab.connect(pod, login),
            (Some(Transport::Odbc), Some(odbc)) => odbc.connect(pod, login),
            (Some(Transport::Odbc), None) | (None, _) => Err(self.no_way(pod)),
        }
    }
}
