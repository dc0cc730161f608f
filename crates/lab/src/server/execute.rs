//! One statement of a session from its text to its answer.
//!
//! It decides which part of the server a statement belongs to, and when a transaction begins and ends. What a
//! statement means is decided in the part's own file.

use std::sync::Arc;

use aku_db::wire::{Request, Response};

use super::{
    Server, errors,
    host::SessionHost,
    latch::Mode,
    sessions::{Autocommit, Forwarding, Running, SessionId, Wait},
};
use crate::{
    data::{LockMode, Origin, Queue, Stop, TxId},
    io::{ConnId, Output},
    sql::{
        self, SqlError, Statement,
        ast::TableName,
        exec::{self, Scope},
    },
};

/// How far a statement got.
pub(super) enum Flow {
    /// To its end.
    Answer(Response),
    /// It waits.
    Wait(Wait),
}

impl Flow {
    /// Done, without a count of rows.
    pub(super) fn done() -> Self {
        Self::Answer(Response::Done { affected: -1 })
    }
}

/// Views that are built under the sender latch (`altibase.md` 2).
const LATCHED_VIEWS: [&str; 9] = [
    "V$REPSENDER",
    "V$REPSENDER_PARALLEL",
    "V$REPGAP",
    "V$REPGAP_PARALLEL",
    "V$REPSYNC",
    "V$REPSENDER_TRANSTBL",
    "V$REPSENDER_STATISTICS",
    "V$REPSENDER_SENT_LOG_COUNT",
    "V$REPLOGBUFFER",
];

impl Server {
    pub(super) fn client(&mut self, conn: ConnId, peer: &str, request: Request) {
        match request {
            Request::Connect { options } => self.connect(conn, peer, &options),
            Request::Cancel { session } => {
                self.cancel(session);
                self.core.out.push(Output::Respond { conn, response: Response::Done { affected: -1 } });
            }
            Request::Execute { sql } => {
                if let Some(session) = self.core.sessions.of_conn(conn) {
                    self.start_statement(session, &sql);
                } else {
                    let response = errors::response(&errors::not_connected());
                    self.core.out.push(Output::Respond { conn, response });
                }
            }
        }
    }

    fn start_statement(&mut self, id: SessionId, sql: &str) {
        let grammar = self.core.grammar();
        let known = |statement: Arc<Statement>| statement.known_since(grammar).map(|()| statement);
        let statement = match sql::parse_once(sql).and_then(known) {
            Ok(statement) => statement,
            Err(error) => return self.finish(id, errors::response(&error)),
        };
        let deadline = self.time_limit(id, &statement);
        let now = self.core.now;
        if let Some(session) = self.core.sessions.get_mut(id) {
            session.running = Some(Running {
                statement,
                sql: sql.into(),
                began: now,
                acted: None,
                wait: None,
                deadline,
                lock_deadline: None,
            });
            self.resume(id);
        }
    }

    /// Runs a session's statement from its beginning: at once, or again after a wait.
    pub(super) fn resume(&mut self, id: SessionId) {
        let Some(running) = self.core.sessions.get_mut(id).and_then(|s| s.running.as_mut()) else { return };
        running.wait = None;
        let statement = Arc::clone(&running.statement);
        match self.perform(id, &statement) {
            Ok(Flow::Answer(response)) => self.finish(id, response),
            Ok(Flow::Wait(wait)) => self.set_wait(id, wait),
            Err(error) => self.finish(id, errors::response(&error)),
        }
    }

    pub(super) fn set_wait(&mut self, id: SessionId, wait: Wait) {
        if let Some(running) = self.core.sessions.get_mut(id).and_then(|s| s.running.as_mut()) {
            running.wait = Some(wait);
        }
    }

    /// Answers a session's statement.
    pub(super) fn finish(&mut self, id: SessionId, response: Response) {
        self.core.latch.leave(id);
        if let Some(session) = self.core.sessions.get_mut(id) {
            session.running = None;
            let conn = session.conn;
            self.core.out.push(Output::Respond { conn, response });
        }
    }

    /// Answers a statement that waited for something of replication.
    pub(super) fn complete(&mut self, id: SessionId, result: Result<(), SqlError>) {
        match result {
            Ok(()) => self.finish(id, Response::Done { affected: -1 }),
            Err(error) => self.finish(id, errors::response(&error)),
        }
    }

    /// Takes the sender latch for a verb, or says what to wait for.
    pub(super) fn take_latch(&mut self, id: SessionId) -> Option<Flow> {
        if !self.core.latch.take(id, Mode::Exclusive) {
            return Some(Flow::Wait(Wait::Latch));
        }
        let now = self.core.now;
        if let Some(running) = self.core.sessions.get_mut(id).and_then(|s| s.running.as_mut()) {
            running.acted.get_or_insert(now);
        }
        None
    }

    fn perform(&mut self, id: SessionId, statement: &Statement) -> Result<Flow, SqlError> {
        use Statement as S;
        self.check_privileges(id, statement)?;
        match statement {
            S::Query(query) => self.query(id, statement, query),
            S::Insert(_) | S::Update(_) | S::Delete(_) => self.change(id, statement),
            S::LockTable { table, mode, wait_s } => self.lock_table(id, table, *mode, *wait_s),
            S::Commit => Ok(self.commit(id, -1)),
            S::Rollback { to: None } => {
                self.rollback(id);
                Ok(Flow::done())
            }
            S::Rollback { to: Some(name) } => self.rollback_to(id, name),
            S::Savepoint(name) => Ok(self.savepoint(id, name)),
            S::CreateTable(_)
            | S::DropTable(_)
            | S::Truncate { .. }
            | S::AddColumns { .. }
            | S::DropColumns { .. }
            | S::RenameTable { .. }
            | S::CreateIndex { .. }
            | S::DropIndex(_) => self.ddl(id, statement),
            S::CreateUser { .. } | S::AlterUser { .. } | S::DropUser { .. } | S::Grant(_) | S::Revoke(_) => {
                self.user_statement(id, statement)
            }
            S::AlterSystem { property, value } => self.alter_system(id, property, value),
            S::AlterSession { property, value } => self.alter_session(id, property, value),
            S::Checkpoint => Ok(self.alter_system_checkpoint()),
            S::CloseSession { database, which } => self.close_sessions(id, database, which),
            S::CreateReplication(def) => self.create_replication(id, def),
            S::DropReplication(name) => self.drop_replication(id, name),
            S::AlterReplication { name, action } => self.alter_replication(id, name, action),
            S::TemporaryGetTable { .. } => {
                self.only_sys(id)?;
                Err(errors::no_longer_supported())
            }
        }
    }

    fn user(&self, id: SessionId) -> String {
        self.core.sessions.get(id).map(|s| s.user.clone()).unwrap_or_default()
    }

    fn query(&mut self, id: SessionId, statement: &Statement, query: &sql::ast::Query) -> Result<Flow, SqlError> {
        let latched = exec::relations(statement)
            .iter()
            .any(|t| LATCHED_VIEWS.contains(&t.name.as_str()) && !self.sees_past_stop(&t.name));
        if latched && !self.core.latch.take(id, Mode::Shared) {
            return Ok(Flow::Wait(Wait::Latch));
        }
        let user = self.user(id);
        let tx = self.core.sessions.get(id).and_then(|s| s.tx);
        let mut host = SessionHost { core: &mut self.core, session: id };
        match exec::query(&self.db, &mut Scope { user: &user, tx, host: &mut host }, query) {
            Ok(relation) => Ok(Flow::Answer(relation.response())),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Blocked(_)) => Ok(Flow::Wait(Wait::Lock)),
            Err(Stop::Wait) => Ok(self.wait_for_user_lock(id)),
        }
    }

    fn wait_for_user_lock(&mut self, id: SessionId) -> Flow {
        let deadline = self.core.now + self.core.properties.seconds("USER_LOCK_REQUEST_TIMEOUT");
        self.set_lock_deadline(id, Some(deadline));
        Flow::Wait(Wait::UserLock)
    }

    /// The session's transaction; begins one when there is none.
    fn transaction(&mut self, id: SessionId) -> TxId {
        if let Some(tx) = self.core.sessions.get(id).and_then(|s| s.tx) {
            return tx;
        }
        let forwarding = self.core.sessions.get(id).map_or(Forwarding::On, |s| s.forwarding);
        let tx = self.db.begin(match forwarding {
            Forwarding::On => Origin::Client,
            Forwarding::Off => Origin::Unreplicated,
        });
        if let Some(session) = self.core.sessions.get_mut(id) {
            session.tx = Some(tx);
        }
        tx
    }

    fn autocommit(&self, id: SessionId) -> Autocommit {
        self.core.sessions.get(id).map_or(Autocommit::On, |s| s.autocommit)
    }

    fn change(&mut self, id: SessionId, statement: &Statement) -> Result<Flow, SqlError> {
        let user = self.user(id);
        let tx = self.transaction(id);
        let mut host = SessionHost { core: &mut self.core, session: id };
        let result =
            exec::change(&mut self.db, &mut Scope { user: &user, tx: Some(tx), host: &mut host }, tx, statement);
        let autocommit = self.autocommit(id);
        match result {
            Ok(rows) => {
                let affected = i64::try_from(rows).unwrap_or(i64::MAX);
                match autocommit {
                    Autocommit::On => Ok(self.commit(id, affected)),
                    Autocommit::Off => Ok(Flow::Answer(Response::Done { affected })),
                }
            }
            Err(Stop::Blocked(_)) => Ok(Flow::Wait(Wait::Lock)),
            Err(Stop::Wait) => Ok(self.wait_for_user_lock(id)),
            Err(Stop::Error(error)) => {
                match autocommit {
                    Autocommit::On => self.rollback(id),
                    Autocommit::Off => self.db.stop_waiting(tx),
                }
                Err(error)
            }
        }
    }

    fn lock_table(
        &mut self,
        id: SessionId,
        table: &TableName,
        mode: LockMode,
        wait_s: Option<u64>,
    ) -> Result<Flow, SqlError> {
        let user = self.user(id);
        let table = self.db.resolve(&user, table)?.id;
        let tx = self.transaction(id);
        let queue = if wait_s == Some(0) { Queue::Try } else { Queue::Join };
        match self.db.lock_table(tx, table, mode, queue) {
            Ok(()) => match self.autocommit(id) {
                Autocommit::On => Ok(self.commit(id, -1)),
                Autocommit::Off => Ok(Flow::done()),
            },
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Blocked(_) | Stop::Wait) => {
                if wait_s == Some(0) {
                    return Err(SqlError::lock_timeout());
                }
                self.set_lock_deadline(id, wait_s.map(|s| self.core.now + s * 1_000_000));
                Ok(Flow::Wait(Wait::Lock))
            }
        }
    }

    /// Ends the session's transaction; eager peers must have it before the answer.
    pub(super) fn commit(&mut self, id: SessionId, affected: i64) -> Flow {
        let done = Flow::Answer(Response::Done { affected });
        let Some(session) = self.core.sessions.get_mut(id) else { return done };
        session.savepoints.clear();
        let Some(tx) = session.tx.take() else { return done };
        match self.db.commit(tx) {
            Some(sn) if self.core.eager_behind(sn.0) => Flow::Wait(Wait::Eager { sn: sn.0, affected }),
            Some(_) | None => done,
        }
    }

    pub(super) fn rollback(&mut self, id: SessionId) {
        if let Some(session) = self.core.sessions.get_mut(id) {
            session.savepoints.clear();
            if let Some(tx) = session.tx.take() {
                self.db.rollback(tx);
            }
        }
    }

    fn savepoint(&mut self, id: SessionId, name: &str) -> Flow {
        let tx = self.transaction(id);
        let point = self.db.savepoint(tx);
        if let Some(session) = self.core.sessions.get_mut(id) {
            session.savepoints.retain(|(n, _)| n != name);
            session.savepoints.push((name.to_owned(), point));
        }
        Flow::done()
    }

    fn rollback_to(&mut self, id: SessionId, name: &str) -> Result<Flow, SqlError> {
        let session = self.core.sessions.get_mut(id).ok_or_else(errors::session_closed)?;
        let found = session.savepoints.iter().position(|(n, _)| n == name).zip(session.tx);
        let (index, tx) = found.ok_or_else(|| SqlError::new("HY000", 69_732, "Savepoint not found."))?;
        let point = session.savepoints[index].1;
        session.savepoints.truncate(index + 1);
        self.db.rollback_to(tx, point);
        Ok(Flow::done())
    }

    /// Replication statements are for SYS only.
    pub(super) fn only_sys(&self, id: SessionId) -> Result<(), SqlError> {
        match self.core.sessions.get(id) {
            Some(session) if session.is_sys() => Ok(()),
            Some(_) | None => Err(errors::only_sys()),
        }
    }
}
