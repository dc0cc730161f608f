//! The connection string, from a login. Decides the quoting; must never put into the string what the driver manager
//! or the driver would read as something else.

use aku_core::sql::{DbError, Privilege};
use secrecy::{ExposeSecret, SecretString};

use super::{Address, own_error, setup::OdbcSetup, whole_seconds};
use crate::Login;

/// Longest APP_INFO, bytes (V$SESSION.CLIENT_APP_INFO).
const MAX_APP_INFO: usize = 128;

/// Longest password, bytes, and longest host. unixODBC keeps connection strings in buffers of 2,048 bytes.
const MAX_PART: usize = 512;

/// The driver's default for QUERY_TIMEOUT: it means "do not send", and the server's 600 s would apply
/// (`altibase.md` 6.3).
const NEVER_SENT: u32 = 60;

/// Keywords that unixODBC itself acts upon. It does not know the driver's double quotes and would find them in a
/// password as well.
const MANAGER_KEYWORDS: [&str; 7] = ["DSN", "DRIVER", "FILEDSN", "SAVEFILE", "DMENVATTR", "DMCONNATTR", "DMSTMTATTR"];

/// `DSN=...;Server=...;...`: the form that gives the true cause of a failed connect on real servers.
///
/// # Errors
/// A password or a host that cannot be passed; the message does not show the password.
pub fn build(
    setup: &OdbcSetup,
    address: &Address,
    login: &Login,
    password: &SecretString,
) -> Result<SecretString, DbError> {
    let Address { host, port } = address;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_:%".contains(&b);
    if host.is_empty() || !host.bytes().all(allowed) {
        return Err(own_error("HY024", format!("{host:?} is no host name or address")));
    }
    if host.len() > MAX_PART {
        return Err(own_error("HY024", format!("a host name has at most {MAX_PART} bytes, this one {}", host.len())));
    }
    let password = passable(password.expose_secret())?;
    let privilege = match login.privilege {
        Privilege::Normal => "",
        Privilege::Sysdba => ";PRIVILEGE=SYSDBA",
    };
    let query_timeout = match login.query_timeout.map(whole_seconds) {
        None => 0,
        Some(NEVER_SENT) => NEVER_SENT + 1,
        Some(seconds) => seconds,
    };
    let dsn = setup.dsn();
    let app_info = plain(&login.app_info);
    Ok(SecretString::from(format!(
        "DSN={dsn};Server={host};PORT_NO={port};UID=SYS;PWD=\"{password}\";NLS_USE=UTF8;\
         QUERY_TIMEOUT={query_timeout};APP_INFO={app_info}{privilege}"
    )))
}

/// The password between double quotes is the only form that the driver takes whole (`PWD={...}` is refused); it has no
/// escape for a double quote.
fn passable(password: &str) -> Result<&str, DbError> {
    let cannot = |what: &str| {
        Err(own_error("HY090", format!("the password of SYS cannot be passed to the ODBC driver: it holds {what}")))
    };
    if password.len() > MAX_PART {
        return cannot("more than 512 bytes");
    }
    if password.contains('"') {
        return cannot("a double quote");
    }
    if password.chars().any(char::is_control) {
        return cannot("a control character");
    }
    let keyword = |part: &str| part.split('=').next().unwrap_or_default().trim().to_ascii_uppercase();
    if password.split(';').skip(1).map(keyword).any(|key| MANAGER_KEYWORDS.contains(&key.as_str())) {
        return cannot("a semicolon followed by a keyword of unixODBC");
    }
    Ok(password)
}

/// Characters that need no quoting; others become `_`.
fn plain(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || " .:/@+-_".contains(c) { c } else { '_' };
    text.chars().map(keep).take(MAX_APP_INFO).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, time::Duration};

    use super::*;
    use crate::odbc::setup::keep_user_dsn;

    fn login() -> Login {
        Login {
            privilege: Privilege::Normal,
            connect_timeout: Duration::from_secs(5),
            query_timeout: Some(Duration::from_secs(30)),
            silence_timeout: None,
            app_info: "aku plan".to_owned(),
        }
    }

    fn text(host: &str, login: &Login, password: &str) -> Result<String, DbError> {
        let setup = keep_user_dsn("aku", Some(OsStr::new("/x"))).unwrap();
        let address = Address { host: host.to_owned(), port: 20300 };
        build(&setup, &address, login, &SecretString::from(password)).map(|s| s.expose_secret().to_owned())
    }

    #[test]
    fn the_whole_string() {
        assert_eq!(
            text("pod-0.svc", &login(), "a;b'c").unwrap(),
            "DSN=aku;Server=pod-0.svc;PORT_NO=20300;UID=SYS;PWD=\"a;b'c\";NLS_USE=UTF8;QUERY_TIMEOUT=30;APP_INFO=aku plan"
        );
        let sysdba = Login { privilege: Privilege::Sysdba, query_timeout: None, ..login() };
        assert!(text("::1", &sysdba, "x").unwrap().ends_with("QUERY_TIMEOUT=0;APP_INFO=aku plan;PRIVILEGE=SYSDBA"));
    }

    #[test]
    fn query_timeouts_that_the_driver_would_swallow_are_changed() {
        let table = [(Some(60_000), 61), (Some(59_001), 61), (Some(61_000), 61), (Some(1), 1), (Some(0), 1), (None, 0)];
        for (limit_ms, sent) in table {
            let login = Login { query_timeout: limit_ms.map(Duration::from_millis), ..login() };
            assert!(text("h", &login, "x").unwrap().contains(&format!(";QUERY_TIMEOUT={sent};")), "{limit_ms:?}");
        }
    }

    #[test]
    fn passwords_that_cannot_be_passed_are_refused_and_not_shown() {
        let long = "secret".repeat(100);
        for password in ["se\"cret", "secret\n", "secret\0", "secret;DSN=x", "secret; savefile =/etc/x", &long] {
            let refused = text("h", &login(), password).unwrap_err();
            assert_eq!(refused.sqlstate, "HY090", "{password:?}");
            assert!(refused.message.contains("cannot be passed") && !refused.message.contains("cret"), "{refused}");
        }
        for password in ["", "{a}", "a=b;c", "비밀", "a;b=c", "DSN=x"] {
            assert!(text("h", &login(), password).is_ok(), "{password:?}");
        }
    }

    #[test]
    fn hosts_cannot_smuggle_keywords_in() {
        for host in ["", "h;DSN=x", "h }", "h\"", "h\n", &"h".repeat(5000)] {
            assert_eq!(text(host, &login(), "x").unwrap_err().sqlstate, "HY024", "{host:?}");
        }
    }

    #[test]
    fn app_info_is_made_plain_and_short() {
        assert_eq!(plain("aku;UID=x \"y\""), "aku_UID_x _y_");
        assert_eq!(plain(&"x".repeat(200)).len(), MAX_APP_INFO);
    }
}
