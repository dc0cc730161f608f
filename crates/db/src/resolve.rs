//! Asks the system's resolver whether a name exists. The driver says the same of a name that nobody knows and of a name
//! server that is down (HY024/332178 without an errno, `measured.md` 9.9), and only the first means that a pod is absent
//! (DESIGN D19). Decides nothing else; opens no connection to a pod.

use std::{io, net::IpAddr, time::Duration};

use aku_core::sql::{ConnectFailure, DbError, error::native};
use dns_lookup::{AddrInfoHints, LookupErrorKind};

use crate::{
    bounded,
    dial::{DOMAIN, NO_NAME_SERVER},
};

/// What the resolver says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Its addresses, one or more.
    Found(Vec<IpAddr>),
    /// Whoever knows says that there is no such name, or no address under it.
    Nobody(String),
    /// Nobody could be asked, or he gave no answer in time.
    CannotTell(String),
}

/// Classifies a failed connect to `host`. Where no address was tried, the resolver is asked for `patience` at most whether
/// there is such a name.
pub(super) fn failure(e: &DbError, host: &str, patience: Duration) -> ConnectFailure {
    let nameless = [native::CONNECT_FAILED, native::UNKNOWN_HOST].contains(&e.native) && e.errno().is_none();
    match nameless.then(|| ask(host, patience)) {
        Some(Name::Nobody(_)) => ConnectFailure::Absent,
        Some(Name::Found(_) | Name::CannotTell(_)) | None => ConnectFailure::classify(e),
    }
}

/// Asks, for `left` at most: the system's resolver has bounds of its own, and they are long.
pub(super) fn ask(host: &str, left: Duration) -> Name {
    if let Ok(ip) = host.parse() {
        return Name::Found(vec![ip]);
    }
    match host.strip_suffix(DOMAIN) {
        // The lab's names for what no fault of a pod can bring about.
        Some(NO_NAME_SERVER) => return Name::CannotTell("Temporary failure in name resolution".to_owned()),
        Some(_) => return Name::Nobody("Name or service not known".to_owned()),
        None => {}
    }
    let name = host.to_owned();
    match bounded::within(left, move || look_up(&name)) {
        Ok(answer) => answer,
        Err(e) if e.kind() == io::ErrorKind::TimedOut => {
            Name::CannotTell("the resolver gave no answer in time".to_owned())
        }
        // Without a thread: as the system does it.
        Err(_) => look_up(host),
    }
}

fn look_up(host: &str) -> Name {
    // One kind of socket, so that each address comes once.
    let hints = AddrInfoHints { socktype: 1, ..AddrInfoHints::default() };
    let answer = dns_lookup::getaddrinfo(Some(host), None, Some(hints)).map_err(|e| (e.kind(), io::Error::from(e)));
    match answer {
        Ok(all) => match all.map(|one| one.map(|a| a.sockaddr.ip())).collect::<io::Result<Vec<_>>>() {
            Ok(addresses) if addresses.is_empty() => Name::CannotTell("the resolver gave no address".to_owned()),
            Ok(addresses) => Name::Found(addresses),
            Err(e) => Name::CannotTell(e.to_string()),
        },
        Err((kind, e)) => judged(kind, e.to_string()),
    }
}

/// Only an answer of somebody who knows is one.
fn judged(kind: LookupErrorKind, said: String) -> Name {
    match kind {
        LookupErrorKind::NoName | LookupErrorKind::NoData => Name::Nobody(said),
        LookupErrorKind::Again
        | LookupErrorKind::Badflags
        | LookupErrorKind::Fail
        | LookupErrorKind::Family
        | LookupErrorKind::Socktype
        | LookupErrorKind::Service
        | LookupErrorKind::Memory
        | LookupErrorKind::System
        | LookupErrorKind::Unknown
        | LookupErrorKind::IO => Name::CannotTell(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_question() {
        let long = Duration::from_secs(5);
        assert_eq!(ask("127.0.0.1", long), Name::Found(vec!["127.0.0.1".parse().unwrap()]));
        assert!(matches!(ask("localhost", long), Name::Found(all) if all.iter().all(IpAddr::is_loopback)));
        assert!(matches!(ask("nobody.lab.invalid", long), Name::Nobody(_)));
        assert!(matches!(ask("no-name-server.lab.invalid", long), Name::CannotTell(_)));
    }

    #[test]
    fn only_no_such_name_is_an_answer() {
        use LookupErrorKind as K;
        for kind in [K::NoName, K::NoData] {
            assert!(matches!(judged(kind, String::new()), Name::Nobody(_)), "{kind:?}");
        }
        for kind in [
            K::Again,
            K::Fail,
            K::System,
            K::Memory,
            K::Family,
            K::Socktype,
            K::Service,
            K::Badflags,
            K::Unknown,
            K::IO,
        ] {
            assert!(matches!(judged(kind, String::new()), Name::CannotTell(_)), "{kind:?}");
        }
    }
}
