//! One [`Connector`] for a cluster whose pods are reached in different ways.
//!
//! Decides nothing but the way. The ODBC side is made by the caller, and only when some pod needs it, so that a
//! cluster of lab pods works on a machine without any ODBC library (DESIGN D11).

use std::collections::BTreeMap;

use aku_core::{
    sql::{ConnectError, ConnectFailure, DbError},
    topology::Ordinal,
};
use secrecy::SecretString;

use super::{
    Connector, Login, Session,
    endpoints::{Endpoint, Transport},
    lab::LabConnector,
};

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

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use super::*;
    use aku_core::sql::Privilege;

    /// A road that always ends at the same sign.
    struct Sign;

    impl Connector for Sign {
        fn connect(&self, pod: Ordinal, _: &Login) -> Result<Box<dyn Session>, ConnectError> {
            let error = DbError { sqlstate: "IM000".to_owned(), native: 1, message: "over ODBC".to_owned() };
            Err(ConnectError { pod, address: String::new(), failure: ConnectFailure::Other, error })
        }
    }

    fn endpoint(transport: Transport) -> Endpoint {
        // Port 1 of a loopback address of nobody: refused at once.
        let host = "127.255.254.253".to_owned();
        Endpoint { transport, host: host.clone(), port: 1, replication_host: host, replication_port: 2 }
    }

    #[test]
    fn each_pod_goes_its_way() {
        let pod = |n| Ordinal::new(n).unwrap();
        let endpoints: BTreeMap<_, _> =
            [(pod(0), endpoint(Transport::Lab)), (pod(1), endpoint(Transport::Odbc))].into();
        let login = Login {
            privilege: Privilege::Normal,
            connect_timeout: Duration::from_secs(5),
            query_timeout: None,
            silence_timeout: None,
            app_info: String::new(),
        };
        let password = || SecretString::from("p");
        let native = |c: &dyn Connector, n| c.connect(pod(n), &login).err().map(|e| (e.error.native, e.failure));
        let odbc = |pods: BTreeMap<Ordinal, Endpoint>| {
            assert_eq!(pods.keys().copied().collect::<Vec<_>>(), [pod(1)]);
            Ok::<_, Infallible>(Box::new(Sign) as Box<dyn Connector>)
        };
        let both = connector(endpoints.clone(), [pod(0), pod(1)], password(), odbc).unwrap();
        assert_eq!(native(&*both, 0), Some((327_730, ConnectFailure::Absent)));
        assert_eq!(native(&*both, 1), Some((1, ConnectFailure::Other)));
        assert_eq!(native(&*both, 2), Some((0, ConnectFailure::Other)));

        let never = |_| -> Result<Box<dyn Connector>, Infallible> { panic!("no pod needs ODBC") };
        let lab = connector(endpoints, [pod(0)], password(), never).unwrap();
        assert_eq!(native(&*lab, 1), Some((0, ConnectFailure::Other)));
    }
}
