//! Statements that wait: trying again, time limits, cancellation, the end of a session.
//!
//! It decides when a wait is over without success and what is undone then. Waiting at the sender latch is the one wait
//! that nothing interrupts but the end of the session (`altibase.md` 9).

use aku_db::wire::Response;

use super::execute::Flow;
use super::{
    Generation, Server, errors,
    sessions::{Autocommit, Session, SessionId, Wait},
};
use crate::{
    io::{ConnId, Micros, Output},
    sql::{
        SqlError, Statement,
        statement::{ReplicationAction, Sessions},
    },
};

/// When a session's statement has to be looked at because of the time.
pub(super) fn next_deadline(session: &Session) -> Option<Micros> {
    let running = session.running.as_ref()?;
    let wait = running.wait.as_ref()?;
    let own = match wait {
        Wait::Latch => return None,
        Wait::Flush { deadline, .. } => *deadline,
        Wait::Lock | Wait::UserLock => running.lock_deadline,
        Wait::Paced { until, .. } => Some(*until),
        Wait::Handshake(_) | Wait::Copy(_) | Wait::End(_) | Wait::Eager { .. } | Wait::Connected(_) => None,
    };
    own.into_iter().chain(running.deadline).min()
}

/// Which time limit a statement is under (`altibase.md` 3).
enum Class {
    Query,
    Ddl,
    None,
}

fn class(statement: &Statement, generation: Generation) -> Class {
    use Statement as S;
    match statement {
        S::Query(_) | S::Insert(_) | S::Update(_) | S::Delete(_) | S::LockTable { .. } => Class::Query,
        S::AlterReplication { action, .. } => match (&**action, generation) {
            (ReplicationAction::Stop | ReplicationAction::StopImmediate | ReplicationAction::Flush(_), _)
            | (
                ReplicationAction::Start(_)
                | ReplicationAction::QuickStart
                | ReplicationAction::QuickStartRetry
                | ReplicationAction::Sync(_),
                Generation::V7_2,
            ) => Class::Query,
            _ => Class::Ddl,
        },
        S::CreateReplication(_)
        | S::DropReplication(_)
        | S::TemporaryGetTable { .. }
        | S::CreateTable(_)
        | S::DropTable(_)
        | S::Truncate { .. }
        | S::AddColumns { .. }
        | S::DropColumns { .. }
        | S::RenameTable { .. }
        | S::CreateIndex { .. }
        | S::DropIndex(_) => Class::Ddl,
        S::Commit
        | S::Rollback { .. }
        | S::Savepoint(_)
        | S::CreateUser { .. }
        | S::AlterUser { .. }
        | S::DropUser { .. }
        | S::Grant(_)
        | S::Revoke(_)
        | S::AlterSystem { .. }
        | S::Checkpoint
        | S::AlterSession { .. }
        | S::CloseSession { .. } => Class::None,
    }
}

impl Server {
    /// The time limit of a statement that begins now.
    pub(super) fn time_limit(&self, id: SessionId, statement: &Statement) -> Option<Micros> {
        let session = self.core.sessions.get(id)?;
        let seconds = match class(statement, self.core.config.generation) {
            Class::Query => session.query_timeout,
            Class::Ddl => session.ddl_timeout,
            Class::None => 0,
        };
        (seconds > 0).then(|| self.core.now.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Sets the limit of a lock wait once; further tries keep it.
    pub(super) fn set_lock_deadline(&mut self, id: SessionId, deadline: Option<Micros>) {
        if let Some(running) = self.core.sessions.get_mut(id).and_then(|s| s.running.as_mut()) {
            running.lock_deadline = running.lock_deadline.or(deadline);
        }
    }

    /// Locks were let go: everything that waits for one is tried again, longest waiting first.
    pub(super) fn retry_locks(&mut self) {
        for id in self.core.sessions.waiting(|w| *w == Wait::Lock) {
            self.resume(id);
        }
        self.retry_sync_locks();
        self.unblock_receivers();
    }

    pub(super) fn retry_user_locks(&mut self) {
        for id in self.core.sessions.waiting(|w| *w == Wait::UserLock) {
            self.resume(id);
        }
    }

    /// Waits whose time is over.
    pub(super) fn expire_waits(&mut self) {
        let now = self.core.now;
        let due = |s: &Session| next_deadline(s).filter(|at| *at <= now).map(|_| s.id);
        let due: Vec<_> = self.core.sessions.iter().filter_map(due).collect();
        for id in due {
            let Some(running) = self.core.sessions.get(id).and_then(|s| s.running.as_ref()) else { continue };
            let over = |at: Option<Micros>| at.is_some_and(|at| at <= now);
            let query_over = over(running.deadline);
            match &running.wait {
                Some(Wait::Paced { until, outcome }) if *until <= now => {
                    let outcome = outcome.clone();
                    self.complete(id, outcome);
                }
                Some(Wait::UserLock) if over(running.lock_deadline) => self.resume(id),
                Some(Wait::Lock) if over(running.lock_deadline) => self.abort(id, &SqlError::lock_timeout()),
                Some(Wait::Flush { deadline, .. }) if over(*deadline) => self.abort(id, &errors::flush_timeout()),
                _ if query_over => self.abort(id, &errors::query_timeout()),
                _ => {}
            }
        }
    }

    /// Gives a session's statement up and answers with this error.
    pub(super) fn abort(&mut self, id: SessionId, error: &SqlError) {
        self.undo_statement(id);
        self.finish(id, errors::response(error));
    }

    /// Takes back what a waiting statement left behind.
    fn undo_statement(&mut self, id: SessionId) {
        let Some(session) = self.core.sessions.get(id) else { return };
        let (tx, autocommit) = (session.tx, session.autocommit);
        let wait = session.running.as_ref().and_then(|r| r.wait.clone());
        match wait {
            Some(Wait::Handshake(name) | Wait::Copy(name)) => self.abandon_start(&name, id),
            Some(Wait::End(name)) => self.forget_stopper(&name),
            Some(
                Wait::Lock
                | Wait::UserLock
                | Wait::Latch
                | Wait::Flush { .. }
                | Wait::Eager { .. }
                | Wait::Connected(_)
                | Wait::Paced { .. },
            )
            | None => {}
        }
        match (autocommit, tx) {
            (Autocommit::On, Some(_)) => self.rollback(id),
            (Autocommit::Off, Some(tx)) => self.db.stop_waiting(tx),
            (_, None) => {}
        }
    }

    /// Cancels what runs on a session.
    pub(super) fn cancel(&mut self, id: SessionId) {
        let interruptible = self
            .core
            .sessions
            .get(id)
            .and_then(|s| s.running.as_ref())
            .is_some_and(|r| r.wait.as_ref().is_some_and(|w| *w != Wait::Latch));
        if interruptible {
            self.abort(id, &errors::cancelled());
        }
    }

    pub(super) fn client_gone(&mut self, conn: ConnId) {
        if let Some(id) = self.core.sessions.of_conn(conn) {
            self.end_session(id);
        }
    }

    /// Ends a session: its statement, its transaction, its user locks.
    fn end_session(&mut self, id: SessionId) {
        self.undo_statement(id);
        self.rollback(id);
        self.core.latch.leave(id);
        self.core.user_locks.forget(id);
        self.core.user_lock_freed = true;
        self.core.sessions.remove(id);
    }

    /// ALTER DATABASE .. SESSION CLOSE: a statement that waits is answered with 4163, the connection is closed.
    pub(super) fn close_sessions(&mut self, id: SessionId, database: &str, which: &Sessions) -> Result<Flow, SqlError> {
        let own = self.core.sessions.get(id).ok_or_else(errors::session_closed)?;
        if !own.is_sys() {
            return Err(errors::needs_sysdba());
        }
        if !database.eq_ignore_ascii_case(super::performance::DB_NAME) {
            return Err(SqlError::new("HY000", 200_705, format!("Database not found : {database}")));
        }
        let chosen = |s: &&Session| match which {
            Sessions::Id(n) => i64::from(s.id) == *n,
            Sessions::User(user) => s.user == *user && s.id != id,
            Sessions::All => s.id != id,
        };
        let victims: Vec<_> = self.core.sessions.iter().filter(chosen).map(|s| (s.id, s.conn)).collect();
        for (victim, conn) in victims {
            let busy = self.core.sessions.get(victim).is_some_and(|s| s.running.is_some());
            self.end_session(victim);
            if busy {
                let response = errors::response(&errors::session_closed());
                self.core.out.push(Output::Respond { conn, response });
            }
            self.core.out.push(Output::CloseClient { conn });
        }
        Ok(Flow::Answer(Response::Done { affected: -1 }))
    }
}
