//! Logins: who gets in, in the server's order of checks (`altibase.md` 5.1, recording `admin-mode`).
//!
//! It decides only about logins; it must never show a password.

use aku_db::wire::Response;

use super::{
    Server, errors,
    sessions::{Autocommit, Forwarding, Session},
};
use crate::{
    io::{ConnId, Output},
    sql::SqlError,
};

/// Connection-string keywords by name.
struct Options<'a>(&'a [(String, String)]);

impl<'a> Options<'a> {
    fn get(&self, names: &[&str]) -> Option<&'a str> {
        self.0.iter().find(|(k, _)| names.iter().any(|n| k.eq_ignore_ascii_case(n))).map(|(_, v)| v.as_str())
    }

    fn seconds(&self, names: &[&str]) -> Option<u64> {
        self.get(names).and_then(|v| v.trim().parse().ok())
    }
}

/// UID as the server reads it: upper case unless quoted.
fn user_name(uid: &str) -> String {
    uid.strip_prefix('"').and_then(|u| u.strip_suffix('"')).map_or_else(|| uid.to_ascii_uppercase(), str::to_owned)
}

/// Who was let in.
struct Login {
    user: String,
    user_id: u32,
    sysdba: bool,
}

impl Server {
    pub(super) fn connect(&mut self, conn: ConnId, peer: &str, options: &[(String, String)]) {
        let response = match self.try_connect(conn, peer, &Options(options)) {
            Ok(session) => Response::Connected { session },
            Err(error) => errors::response(&error),
        };
        self.core.out.push(Output::Respond { conn, response });
    }

    fn try_connect(&mut self, conn: ConnId, peer: &str, options: &Options<'_>) -> Result<u32, SqlError> {
        let user = user_name(options.get(&["UID", "USER", "USERID", "USERNAME"]).unwrap_or_default());
        let password = options.get(&["PWD", "PASSWORD"]).unwrap_or_default();
        let sysdba = options.get(&["PRIVILEGE"]).is_some_and(|p| p.eq_ignore_ascii_case("SYSDBA"));
        let user_id = self.db.user(&user).ok_or_else(SqlError::no_user)?.id.0;
        if sysdba {
            if !self.is_local(peer) && !self.core.properties.is_on("REMOTE_SYSDBA_ENABLE") {
                return Err(errors::sysdba_not_local());
            }
            if user != "SYS" {
                return Err(errors::sysdba_not_sys());
            }
        }
        if self.db.password_matches(&user, password) != Some(true) {
            return Err(errors::bad_password());
        }
        if self.core.properties.is_on("ADMIN_MODE") && !sysdba {
            return Err(errors::admin_mode_on());
        }
        if user == "SYSTEM_" {
            return Err(errors::sysdba_not_sys());
        }
        if sysdba {
            if self.core.sessions.iter().any(|s| s.sysdba) {
                return Err(errors::sysdba_busy());
            }
        } else if self.core.sessions.len() as u64 >= self.core.properties.get("MAX_CLIENT") {
            return Err(errors::too_many_sessions());
        }
        Ok(self.admit(conn, peer, Login { user, user_id, sysdba }, options))
    }

    fn admit(&mut self, conn: ConnId, peer: &str, login: Login, options: &Options<'_>) -> u32 {
        let Login { user, user_id, sysdba } = login;
        let off = options
            .get(&["AUTOCOMMIT"])
            .is_some_and(|v| ["OFF", "0", "NO", "FALSE"].contains(&v.to_ascii_uppercase().as_str()));
        let p = &self.core.properties;
        let query_timeout = options.seconds(&["QUERY_TIMEOUT"]).unwrap_or_else(|| p.get("QUERY_TIMEOUT"));
        let ddl_timeout = options.seconds(&["DDL_TIMEOUT"]).unwrap_or_else(|| p.get("DDL_TIMEOUT"));
        let app_info: String = options.get(&["APP_INFO"]).unwrap_or_default().chars().take(128).collect();
        let id = self.core.sessions.next_id();
        self.core.sessions.add(Session {
            id,
            conn,
            peer: peer.to_owned(),
            user,
            user_id,
            sysdba,
            app_info,
            login_time: self.core.now,
            autocommit: if off { Autocommit::Off } else { Autocommit::On },
            forwarding: Forwarding::On,
            query_timeout,
            ddl_timeout,
            ddl_lock_timeout: None,
            tx: None,
            savepoints: Vec::new(),
            running: None,
        });
        id
    }

    /// A client on the pod's own address is local; everything else came over the network.
    fn is_local(&self, peer: &str) -> bool {
        peer.rsplit_once(':').is_some_and(|(ip, _)| ip == self.core.config.ip)
    }
}
