//! The fence: users are shut out, and every session but those of runs, this one and others, is closed (DESIGN D15).
//!
//! The one SYSDBA session is taken as well and kept until the run is over: users who are shut out may come back as SYSDBA.
//!
//! Never closes anything before this run's own sessions are known by number, and never says "done" while somebody
//! else's session is left.

use std::collections::BTreeSet;

use super::super::{
    codes::Code,
    look,
    op_error::{OpError, OpFinding},
    sessions::Slot,
    work::{Ended, Work},
};
use crate::{
    db::{
        DbError, Row,
        sql::{ChangeSql, ReadSql},
    },
    lock,
    topology::Identifier,
};

/// Looks in a row that must find nobody: a login that began before ADMIN_MODE 1 may show up late.
const LOOKS: u32 = 2;

pub(super) fn fence(work: &mut Work<'_>) -> Result<Ended, OpError> {
    let pod = work.action.pod;
    let admin = look::property(work, pod, "ADMIN_MODE")?;
    let lanes = work.shared.context.limits.lanes.max(1);
    let wanted = work.shared.wanted.get(&pod).copied().unwrap_or(1).clamp(1, lanes);
    work.shared.sessions.seal(pod, wanted, &work.control)?;
    slot(work)?;
    match admin {
        None => return Err(work.told(Code::NoProperty, "ADMIN_MODE")),
        Some(0) => work.change(&ChangeSql::SetSystem { property: "ADMIN_MODE", value: 1 })?,
        Some(_) => {}
    }
    let database = database(work)?;
    let mut closing = Closing { database, closed: BTreeSet::new(), left: Vec::new(), refused: None, looks: 0 };
    let gone = work.poll(work.shared.context.limits.fence, |work| closing.round(work))?;
    if gone.is_none() {
        let detail = closing.left.join(", ");
        let (code, error) = (Code::SessionsLeft, closing.refused);
        return Err(OpError::OpFinding(Box::new(OpFinding { code, pod, sql: None, error, detail })));
    }
    match (admin, closing.closed.len()) {
        (Some(0), n) => Ok(Ended::said(format!("{n} {} closed", if n == 1 { "session" } else { "sessions" }))),
        (_, 0) => Ok(Ended::Already),
        (_, n) => Ok(Ended::said(format!("ADMIN_MODE was 1 already, {n} closed"))),
    }
}

fn slot(work: &Work<'_>) -> Result<Slot, OpError> {
    let kept = work.shared.sessions.keep_slot(work.action.pod);
    kept.map_err(|e| OpError::NoSession(Box::new(e)))
}

fn database(work: &mut Work<'_>) -> Result<Identifier, OpError> {
    let rows = work.read(&ReadSql::Server)?;
    let name = rows.iter().next().and_then(|row| row.text("DB_NAME"));
    let unknown = || work.told(Code::NoSessionFacts, "V$DATABASE.DB_NAME cannot be read");
    name.and_then(|n| Identifier::exact(n).ok()).ok_or_else(unknown)
}

struct Closing {
    database: Identifier,
    closed: BTreeSet<i64>,
    left: Vec<String>,
    refused: Option<DbError>,
    looks: u32,
}

impl Closing {
    /// Closes whoever is there; `Some` when nobody was, twice in a row.
    fn round(&mut self, work: &mut Work<'_>) -> Result<Option<()>, OpError> {
        self.left.clear();
        let others = others(work)?;
        self.left.extend(others.iter().map(|(_, words)| words.clone()));
        work.slot.say(format!("{} sessions of users are left", others.len()));
        if others.is_empty() {
            match slot(work)? {
                Slot::Kept | Slot::Closed => self.looks += 1,
                // It is being closed, or another run looks at the pod.
                Slot::Taken => {
                    self.looks = 0;
                    self.left.push("a SYSDBA session that is not this run's".to_owned());
                }
            }
            return Ok((self.looks >= LOOKS).then_some(()));
        }
        self.looks = 0;
        for (id, _) in others {
            self.close(work, id)?;
        }
        Ok(None)
    }

    /// A refusal is remembered; whether the session is gone is seen in the next round.
    fn close(&mut self, work: &mut Work<'_>, session: i64) -> Result<(), OpError> {
        self.closed.insert(session);
        match work.change(&ChangeSql::CloseSession { database: self.database.clone(), session }) {
            Ok(()) => Ok(()),
            Err(OpError::Statement(s)) if !s.error.lost_session() => {
                self.refused = Some(s.error);
                Ok(())
            }
            Err(other) => Err(other),
        }
    }
}

/// Sessions of users that are not this run's own, by number, in words.
pub(super) fn others(work: &mut Work<'_>) -> Result<Vec<(i64, String)>, OpError> {
    let rows = work.read(&ReadSql::Sessions)?;
    let own = work.shared.sessions.own(work.action.pod);
    if own.is_empty() {
        return Err(work.told(Code::NoSessionFacts, "this run does not know its own sessions"));
    }
    let mut others = Vec::new();
    for row in rows.iter().filter(|row| row.text("DB_USERNAME").is_some()) {
        // What another run does here goes on: a copy that holds the lock must not break because this pod leaves.
        let (user, app) = (row.text("DB_USERNAME"), row.text("CLIENT_APP_INFO"));
        if user.as_deref() == Some("SYS") && app.as_deref().is_some_and(lock::is_of_a_run) {
            continue;
        }
        let id = row.int("ID").ok_or_else(|| work.told(Code::NoSessionFacts, "a session without a number"))?;
        if !own.contains(&id) {
            others.push((id, session_words(row)));
        }
    }
    Ok(others)
}

/// A session as a person would look for it.
pub(super) fn session_words(row: Row<'_>) -> String {
    let text = |column| row.text(column).unwrap_or_else(|| "?".to_owned());
    let app = row.text("CLIENT_APP_INFO").map(|a| format!(" {a}")).unwrap_or_default();
    format!("session {} of {}{app} from {}", text("ID"), text("DB_USERNAME"), text("COMM_NAME"))
}
