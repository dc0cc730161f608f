//! Privileges: what GRANT gave, and which of them a statement needs (`2018_06_hosts` and `7.2_11_misc` for the words;
//! numbers and the privileges that CREATE USER brings as the server's own catalog has them).
//!
//! It decides who may touch whose tables. SYS and SYSTEM_ may everything, owners everything of theirs. Replication
//! statements are not privileges: they are for SYS (`execute::only_sys`).

use std::collections::BTreeSet;

use super::{Server, errors, execute::Flow, sessions::SessionId};
use crate::{
    data::{Database, Table, TableId},
    sql::{SqlError, Statement, ast::TableName, exec, statement::Privileges},
};

/// Meta key prefix; the grantee follows.
const GRANTS: &str = "grants/";
/// Everybody.
const PUBLIC: &str = "PUBLIC";
/// Every system privilege.
const ALL: &str = "ALL PRIVILEGES";

/// System privileges that mean something here, and those that CREATE USER grants; their numbers in the catalog.
const SYSTEM: &[(&str, i64)] = &[
    ("ALTER ANY INDEX", 203),
    ("ALTER ANY TABLE", 219),
    ("ALTER DATABASE", 233),
    ("ALTER SESSION", 216),
    ("ALTER SYSTEM", 201),
    ("ALTER USER", 227),
    (ALL, 200),
    ("CREATE ANY INDEX", 202),
    ("CREATE ANY TABLE", 218),
    ("CREATE DATABASE LINK", 260),
    ("CREATE LIBRARY", 256),
    ("CREATE MATERIALIZED VIEW", 252),
    ("CREATE PROCEDURE", 205),
    ("CREATE SEQUENCE", 210),
    ("CREATE SESSION", 215),
    ("CREATE SYNONYM", 245),
    ("CREATE TABLE", 217),
    ("CREATE TRIGGER", 241),
    ("CREATE USER", 226),
    ("CREATE VIEW", 229),
    ("DELETE ANY TABLE", 220),
    ("DROP ANY INDEX", 204),
    ("DROP ANY TABLE", 221),
    ("DROP USER", 228),
    ("GRANT ANY PRIVILEGES", 232),
    ("INSERT ANY TABLE", 222),
    ("LOCK ANY TABLE", 223),
    ("SELECT ANY TABLE", 224),
    ("UPDATE ANY TABLE", 225),
];

/// What CREATE USER grants.
const DEFAULTS: [&str; 10] = [
    "CREATE SESSION",
    "CREATE TABLE",
    "CREATE SEQUENCE",
    "CREATE PROCEDURE",
    "CREATE VIEW",
    "CREATE TRIGGER",
    "CREATE SYNONYM",
    "CREATE MATERIALIZED VIEW",
    "CREATE LIBRARY",
    "CREATE DATABASE LINK",
];

/// Privileges on one table.
const OBJECT: [&str; 7] = ["ALTER", "DELETE", "INDEX", "INSERT", "REFERENCES", "SELECT", "UPDATE"];

/// What one grantee has: system privileges by name, object privileges as `name@table id`.
type Granted = BTreeSet<String>;

fn granted(db: &Database, grantee: &str) -> Granted {
    let bytes = db.meta(&format!("{GRANTS}{grantee}")).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::to_owned).collect()
}

fn store(db: &mut Database, user: &str, all: &Granted) {
    let lines: Vec<_> = all.iter().map(String::as_str).collect();
    db.put_meta(&format!("{GRANTS}{user}"), lines.join("\n").into_bytes());
}

fn on_table(privilege: &str, table: TableId) -> String {
    format!("{privilege}@{}", table.0)
}

/// What CREATE USER brings.
pub(super) fn grant_defaults(db: &mut Database, user: &str) {
    store(db, user, &DEFAULTS.iter().map(|p| (*p).to_owned()).collect());
}

/// DROP USER.
pub(super) fn forget(db: &mut Database, user: &str) {
    db.delete_meta(&format!("{GRANTS}{user}"));
}

impl Server {
    fn has(&self, user: &str, wanted: &[String]) -> bool {
        let hit = |grantee: &str| {
            let all = granted(&self.db, grantee);
            wanted.iter().any(|w| all.contains(w) || (!w.contains('@') && all.contains(ALL)))
        };
        hit(user) || hit(PUBLIC)
    }

    fn is_privileged(&self, id: SessionId) -> bool {
        self.core.sessions.get(id).is_some_and(|s| s.is_sys() || s.user == "SYSTEM_")
    }

    /// A system privilege, for statements that are about no table.
    ///
    /// # Errors
    /// 311B1.
    pub(super) fn require(&self, id: SessionId, privilege: &str) -> Result<(), SqlError> {
        let user = self.core.sessions.get(id).map(|s| s.user.as_str()).unwrap_or_default();
        if self.is_privileged(id) || self.has(user, &[privilege.to_owned()]) {
            Ok(())
        } else {
            Err(errors::needs_privilege(&privilege.replace(' ', "_")))
        }
    }

    /// Any of these object privileges on a table, or the system privilege, or to be its owner.
    fn require_on(&self, id: SessionId, name: &TableName, objects: &[&str], system: &str) -> Result<(), SqlError> {
        let Some(session) = self.core.sessions.get(id) else { return Ok(()) };
        // What is not found is told where the statement runs.
        let Ok(table) = self.db.resolve(&session.user, name) else { return Ok(()) };
        if table.owner == session.user || table.owner == "SYSTEM_" {
            return Ok(());
        }
        let mut wanted: Vec<_> = objects.iter().map(|o| on_table(o, table.id)).collect();
        wanted.push(system.to_owned());
        if self.has(&session.user, &wanted) { Ok(()) } else { Err(errors::needs_privilege(&system.replace(' ', "_"))) }
    }

    /// What a user other than SYS needs for a statement.
    ///
    /// # Errors
    /// 311B1; 31030 for TRUNCATE.
    pub(super) fn check_privileges(&self, id: SessionId, statement: &Statement) -> Result<(), SqlError> {
        use Statement as S;
        if self.is_privileged(id) {
            return Ok(());
        }
        let reads = |own: usize| {
            let tables = exec::relations(statement);
            tables.iter().skip(own).try_for_each(|t| self.require_on(id, t, &["SELECT"], "SELECT ANY TABLE"))
        };
        let user = self.core.sessions.get(id).map(|s| s.user.as_str()).unwrap_or_default();
        match statement {
            S::Query(_) => reads(0),
            S::Insert(insert) => {
                self.require_on(id, &insert.table, &["INSERT"], "INSERT ANY TABLE")?;
                reads(1)
            }
            S::Update(update) => {
                self.require_on(id, &update.table, &["UPDATE"], "UPDATE ANY TABLE")?;
                reads(1)
            }
            S::Delete(delete) => {
                self.require_on(id, &delete.table, &["DELETE"], "DELETE ANY TABLE")?;
                reads(1)
            }
            S::LockTable { table, .. } => {
                self.require_on(id, table, &["DELETE", "INSERT", "SELECT", "UPDATE"], "LOCK ANY TABLE")
            }
            S::CreateTable(def) => {
                let own = def.table.user.as_deref().is_none_or(|owner| owner == user);
                self.require(id, if own { "CREATE TABLE" } else { "CREATE ANY TABLE" })
            }
            S::DropTable(table) => self.require_on(id, table, &[], "DROP ANY TABLE"),
            S::Truncate { table, .. } => {
                self.require_on(id, table, &["ALTER"], "ALTER ANY TABLE").map_err(|_| errors::no_permission())
            }
            S::AddColumns { table, .. } | S::DropColumns { table, .. } | S::RenameTable { table, .. } => {
                self.require_on(id, table, &["ALTER"], "ALTER ANY TABLE")
            }
            S::CreateIndex { table, .. } => self.require_on(id, table, &["INDEX"], "CREATE ANY INDEX"),
            S::DropIndex(name) => match &name.user {
                Some(owner) if owner != user => self.require(id, "DROP ANY INDEX"),
                Some(_) | None => Ok(()),
            },
            S::AlterSystem { .. } | S::Checkpoint => self.require(id, "ALTER SYSTEM"),
            S::CreateUser { .. } => self.require(id, "CREATE USER"),
            S::AlterUser { name, .. } if name == user => Ok(()),
            S::AlterUser { .. } => self.require(id, "ALTER USER"),
            S::DropUser { .. } => self.require(id, "DROP USER"),
            S::Grant(what) | S::Revoke(what) => self.may_grant(id, user, what),
            // Their own checks: transactions and sessions are one's own, replication is for SYS.
            S::Commit
            | S::Rollback { .. }
            | S::Savepoint(_)
            | S::AlterSession { .. }
            | S::CloseSession { .. }
            | S::CreateReplication(_)
            | S::DropReplication(_)
            | S::AlterReplication { .. }
            | S::TemporaryGetTable { .. } => Ok(()),
        }
    }

    fn may_grant(&self, id: SessionId, user: &str, what: &Privileges) -> Result<(), SqlError> {
        match &what.on {
            None => self.require(id, "GRANT ANY PRIVILEGES"),
            Some(table) if self.db.resolve(user, table)?.owner == user => Ok(()),
            Some(_) => Err(errors::no_permission()),
        }
    }

    /// GRANT.
    ///
    /// # Errors
    /// 31031, 31404, 31206.
    pub(super) fn grant(&mut self, id: SessionId, what: &Privileges) -> Result<Flow, SqlError> {
        for (grantee, keys) in self.grants_of(id, what)? {
            let mut all = granted(&self.db, &grantee);
            for key in keys {
                let number = SYSTEM.iter().find(|(name, _)| *name == key).map(|(_, number)| *number);
                if !all.insert(key)
                    && let Some(number) = number
                {
                    return Err(errors::has_privilege(&grantee, number));
                }
            }
            store(&mut self.db, &grantee, &all);
        }
        Ok(Flow::done())
    }

    /// REVOKE; what was not granted is no error.
    ///
    /// # Errors
    /// 31031, 31404.
    pub(super) fn revoke(&mut self, id: SessionId, what: &Privileges) -> Result<Flow, SqlError> {
        for (grantee, keys) in self.grants_of(id, what)? {
            let mut all = granted(&self.db, &grantee);
            all.retain(|key| !keys.contains(key));
            store(&mut self.db, &grantee, &all);
        }
        Ok(Flow::done())
    }

    /// Whom a GRANT or REVOKE concerns, and the keys it names.
    fn grants_of(&self, id: SessionId, what: &Privileges) -> Result<Vec<(String, Vec<String>)>, SqlError> {
        let user = self.core.sessions.get(id).map(|s| s.user.as_str()).unwrap_or_default();
        let table = what.on.as_ref().map(|name| self.db.resolve(user, name)).transpose()?;
        let keys = keys(&what.privileges, table)?;
        let known = |name: &String| name == PUBLIC || self.db.user(name).is_some();
        match what.users.iter().find(|u| !known(u)) {
            Some(_) => Err(errors::no_user_or_role()),
            None => Ok(what.users.iter().map(|u| (u.clone(), keys.clone())).collect()),
        }
    }
}

fn keys(privileges: &[String], table: Option<&Table>) -> Result<Vec<String>, SqlError> {
    let mut out = Vec::new();
    for privilege in privileges {
        let name = privilege.as_str();
        match table {
            None if SYSTEM.iter().any(|(known, _)| *known == name) => out.push(name.to_owned()),
            None => return Err(errors::no_user_or_role()),
            Some(table) if OBJECT.contains(&name) => out.push(on_table(name, table.id)),
            Some(table) if name == "ALL" || name == ALL => out.extend(OBJECT.map(|o| on_table(o, table.id))),
            Some(_) => return Err(SqlError::syntax_because("")),
        }
    }
    Ok(out)
}
