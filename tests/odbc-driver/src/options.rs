//! Reads a connection string as the real driver does, traps included (measured on real servers):
//!
//! * `Driver=` in the string posts 01S00 as the first record, before the cause of a failure;
//! * `Server=` without `DSN=` fails with HY024 once the server is reachable;
//! * `PWD={...}` is refused with HY090, `PWD="..."` is unquoted;
//! * QUERY_TIMEOUT=60 means "do not send".
//!
//! `LAB_LENIENT=ON` switches the first two off. `APP_INFO=lab-fault:NAME` makes the driver itself misbehave (`worst`).

use std::time::Duration;

use crate::{diag::Record, worst::Fault};

const BAD_STRING: i32 = 331_802;

/// A connection string, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub host: String,
    pub port: u16,
    /// `Driver=` as written, when the trap is armed.
    pub driver: Option<String>,
    /// Whether `Server=` stands there without `DSN=`, when the trap is armed.
    pub server_alone: bool,
    pub login_timeout: Option<Duration>,
    pub connection_timeout: Option<Duration>,
    pub fault: Option<Fault>,
    /// What the pod is told; keys in upper case.
    pub passed_on: Vec<(String, String)>,
}

impl Options {
    /// # Errors
    /// The diagnostic record to post.
    pub fn parse(text: &str) -> Result<Self, Record> {
        let (mut dsn, mut server, mut port, mut driver, mut lenient) = (None, None, None, None, false);
        let (mut login_timeout, mut connection_timeout, mut passed_on) = (None, None, Vec::new());
        for (key, value) in pairs(text)? {
            match key.as_str() {
                "DSN" | "DATASOURCENAME" => dsn = Some(value),
                "DRIVER" => driver = Some(value),
                "SERVER" | "SERVERNAME" | "HOST" | "HOSTNAME" => server = Some(value),
                "PORT_NO" | "PORT" => port = Some(value.parse().map_err(|_| malformed())?),
                "LAB_LENIENT" => lenient = value.eq_ignore_ascii_case("ON"),
                "LOGIN_TIMEOUT" | "TIMEOUT" => login_timeout = Some(seconds(&value)?),
                "CONNECTION_TIMEOUT" => connection_timeout = Some(seconds(&value)?),
                "USER" | "USERID" | "USERNAME" => passed_on.push(("UID".to_owned(), value)),
                "PASSWORD" => passed_on.push(("PWD".to_owned(), value)),
                "QUERY_TIMEOUT" if value == "60" => {}
                _ => passed_on.push((key, value)),
            }
        }
        let app_info = passed_on.iter().find(|(key, _)| key == "APP_INFO");
        let fault = match app_info.and_then(|(_, value)| value.strip_prefix("lab-fault:")) {
            Some(name) => Fault::of(name).map(Some),
            None => Fault::of_environment(),
        };
        let fault = fault.map_err(|what| Record::new("HY024", 0, what))?;
        let port = port.ok_or_else(|| Record::new("HY000", 331_879, "Port number is not specified."))?;
        Ok(Self {
            server_alone: !lenient && dsn.is_none() && server.is_some(),
            host: server.or(dsn).unwrap_or_else(|| "localhost".to_owned()),
            port,
            driver: driver.filter(|_| !lenient),
            login_timeout,
            connection_timeout,
            fault,
            passed_on,
        })
    }
}

fn malformed() -> Record {
    Record::new("HY090", BAD_STRING, "Invalid connection string format")
}

fn seconds(value: &str) -> Result<Duration, Record> {
    value.parse().map(Duration::from_secs).map_err(|_| malformed())
}

/// `key=value;` pairs with keys in upper case. A value may stand in double quotes and then hold `;`.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Record> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches(['\0', ';', ' ']);
    while !rest.trim_matches(['\0', ' ']).is_empty() {
        let (key, tail) = rest.split_once('=').ok_or_else(malformed)?;
        let key = key.trim().to_ascii_uppercase();
        let tail = tail.trim_start();
        let (value, after) = if let Some(quoted) = tail.strip_prefix('"') {
            quoted.split_once('"').ok_or_else(malformed)?
        } else {
            tail.split_once(';').map_or((tail, ""), |(value, _)| (value, &tail[value.len()..]))
        };
        // Paths of `Driver=` may stand in braces; the driver manager itself reads those.
        if value.starts_with('{') && key != "DRIVER" {
            return Err(malformed());
        }
        found.push((key, value.trim_end_matches('\0').to_owned()));
        rest = after.trim_start_matches(['\0', ';', ' ']);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(text: &str) -> Vec<(String, String)> {
        Options::parse(text).unwrap().passed_on
    }

    #[test]
    fn a_quoted_password_may_hold_semicolons() {
        let options = passed("DSN=aku;Server=h;PORT_NO=1;UID=SYS;PWD=\"a;b=c\";NLS_USE=UTF8");
        let expected = [("UID", "SYS"), ("PWD", "a;b=c"), ("NLS_USE", "UTF8")];
        assert_eq!(options, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn braces_around_a_password_are_refused() {
        let refused = Options::parse("DSN=aku;Server=h;PORT_NO=1;PWD={a}").unwrap_err();
        assert_eq!(refused.state, "HY090");
    }

    #[test]
    fn the_default_query_timeout_is_not_sent() {
        assert_eq!(passed("DSN=h;Port=1;QUERY_TIMEOUT=60"), []);
        assert_eq!(passed("DSN=h;Port=1;QUERY_TIMEOUT=61").len(), 1);
    }

    #[test]
    fn the_host_is_the_server_or_else_the_dsn() {
        assert_eq!(Options::parse("DSN=aku;Server=pod-0;Port=1").unwrap().host, "pod-0");
        assert_eq!(Options::parse("DSN=pod-0;Port=1").unwrap().host, "pod-0");
    }

    #[test]
    fn the_traps_are_armed_unless_told_otherwise() {
        let armed = Options::parse("Driver={/a b/x.so};Server=h;Port=1").unwrap();
        assert!(armed.server_alone && armed.driver.is_some());
        let lenient = Options::parse("Driver=/x.so;Server=h;Port=1;LAB_LENIENT=ON").unwrap();
        assert!(!lenient.server_alone && lenient.driver.is_none());
    }
}
