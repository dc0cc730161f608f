//! A TCP connection to a lab pod, and what the real driver says when there is none (`measured.md` 9.9).
//!
//! What no fault of a pod can bring about is had through the host name of an endpoint: under [`DOMAIN`] each name stands
//! for one failure. Decides codes and waits; sends nothing.

use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use aku_core::sql::{DbError, error::native};

use crate::resolve::{self, Name};

/// No such domain exists (RFC 6761). `no-route.lab.invalid` fails with errno 113, `no-network` with 101, `black-hole`
/// with 110 when the time is over, `no-descriptors` with 24, `no-name-server` as a name does when nobody can be asked about
/// it, `errno-N` with that number; every other name is unknown.
pub const DOMAIN: &str = ".lab.invalid";
/// Before [`DOMAIN`]: nobody can be asked about the name.
pub const NO_NAME_SERVER: &str = "no-name-server";

/// Linux's numbers.
mod errno {
    pub const EMFILE: i32 = 24;
    pub const ENFILE: i32 = 23;
    pub const ENETUNREACH: i32 = 101;
    /// std's own timeout carries no errno.
    pub const ETIMEDOUT: i32 = 110;
    pub const EHOSTUNREACH: i32 = 113;
}

/// How long a host is tried to which no route leads.
const NO_ROUTE: Duration = Duration::from_millis(3100);

fn fail(sqlstate: &str, native: i32, message: String) -> DbError {
    DbError { sqlstate: sqlstate.to_owned(), native, message }
}

/// No connection, by the number that the system gave.
fn failed(errno: i32) -> DbError {
    match errno {
        errno::EMFILE | errno::ENFILE => {
            let text =
                format!("Communication link failure. (Failed to invoke the socket() system function, errno={errno})");
            fail("08S01", native::LINK_ERROR, text)
        }
        _ => {
            let text = format!(
                "Client unable to establish connection. (Failed to invoke the connect() system function, errno={errno})"
            );
            fail("08001", native::CONNECT_FAILED, text)
        }
    }
}

/// The failure that a host name stands for, after the time that it takes.
fn on_demand(host: &str, deadline: Instant) -> Option<DbError> {
    let left = deadline.saturating_duration_since(Instant::now());
    let (errno, takes) = match host.strip_suffix(DOMAIN)? {
        "no-route" => (errno::EHOSTUNREACH, NO_ROUTE),
        "no-network" => (errno::ENETUNREACH, Duration::ZERO),
        "no-descriptors" => (errno::EMFILE, Duration::ZERO),
        "black-hole" => (errno::ETIMEDOUT, left),
        other => (other.strip_prefix("errno-")?.parse().ok()?, Duration::ZERO),
    };
    thread::sleep(takes.min(left));
    Some(failed(if takes > left { errno::ETIMEDOUT } else { errno }))
}

fn addresses(host: &str, left: Duration) -> Result<Vec<IpAddr>, DbError> {
    match resolve::ask(host, left) {
        Name::Found(all) => Ok(all),
        Name::Nobody(said) | Name::CannotTell(said) => {
            Err(fail("HY024", native::UNKNOWN_HOST, format!("getaddrinfo failure ({host}: {said})")))
        }
    }
}

/// Connects until `deadline`.
///
/// # Errors
/// As the real driver: 08001 / 327730 with an errno, 08S01 / 331855 without a free descriptor, HY024 / 332178 for a name
/// that nobody knows or nobody could be asked about.
pub(super) fn dial(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, DbError> {
    if let Some(failure) = on_demand(host, deadline) {
        return Err(failure);
    }
    let addresses = addresses(host, deadline.saturating_duration_since(Instant::now()))?;
    let mut failure = failed(errno::ETIMEDOUT);
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&SocketAddr::new(address, port), left) {
            Ok(stream) => return Ok(stream),
            Err(e) => failure = failed(e.raw_os_error().unwrap_or(errno::ETIMEDOUT)),
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aku_core::sql::ConnectFailure;

    #[test]
    fn each_name_is_one_failure() {
        let met = |name: &str, limit_ms: u64| {
            let deadline = Instant::now() + Duration::from_millis(limit_ms);
            let e = dial(&format!("{name}{DOMAIN}"), 20_300, deadline).expect_err("no connection");
            let errno = e.message.rsplit_once("errno=").map(|(_, n)| n.trim_end_matches(')').to_owned());
            let failure = resolve::failure(&e, &format!("{name}{DOMAIN}"), Duration::from_secs(1));
            (e.sqlstate.clone(), e.native, errno, failure)
        };
        let want =
            |state: &str, native, errno: &str, failure| (state.to_owned(), native, Some(errno.to_owned()), failure);
        assert_eq!(met("no-route", 20), want("08001", 327_730, "110", ConnectFailure::Timeout));
        assert_eq!(met("no-route", 4000), want("08001", 327_730, "113", ConnectFailure::Unreachable));
        assert_eq!(met("no-network", 20), want("08001", 327_730, "101", ConnectFailure::Unreachable));
        assert_eq!(met("black-hole", 20), want("08001", 327_730, "110", ConnectFailure::Timeout));
        assert_eq!(met("no-descriptors", 20), want("08S01", 331_855, "24", ConnectFailure::Unreachable));
        let same = |failure| ("HY024".to_owned(), 332_178, None, failure);
        assert_eq!(met("no-name", 2000), same(ConnectFailure::Absent));
        assert_eq!(met(NO_NAME_SERVER, 2000), same(ConnectFailure::Unreachable));
    }

    /// The table of all numbers: one of them means that nobody is there.
    #[test]
    fn one_number_means_absent() {
        for errno in 1..134 {
            let deadline = Instant::now() + Duration::from_secs(1);
            let e = dial(&format!("errno-{errno}{DOMAIN}"), 20_300, deadline).expect_err("no connection");
            // Whatever the name says: there was an address to try.
            let failure = resolve::failure(&e, "nobody.lab.invalid", Duration::from_secs(1));
            let want = match errno {
                111 => ConnectFailure::Absent,
                110 => ConnectFailure::Timeout,
                _ => ConnectFailure::Unreachable,
            };
            assert_eq!(failure, want, "{e}");
        }
    }
}
