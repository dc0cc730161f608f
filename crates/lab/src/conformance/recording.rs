//! The format of the recorded conversations (`tests/conformance/README.md`).
//!
//! It decides which JSON is a recording; it must never interpret the SQL inside.

use std::{fmt, io, path::Path, time::Duration};

use serde::Deserialize;

/// One recorded conversation.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Short name, as the file's.
    pub name: String,
    /// What it shows.
    pub why: String,
    /// Number of pods, all empty at the start.
    pub pods: usize,
    /// Which build answered, in words.
    pub server: String,
    /// In order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done, with what came of it.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// A remark.
    Note,
    /// Wait.
    Sleep(Duration),
    /// SIGKILL of a pod.
    Kill(usize),
    /// Restart of a pod.
    Start(usize),
    /// A session is closed.
    Close {
        /// Which pod.
        pod: usize,
        /// Which session.
        session: String,
    },
    /// A login.
    Connect {
        /// As whom.
        login: Login,
        /// Recorded outcome.
        expected: Expected,
    },
    /// A statement.
    Execute {
        /// Which pod.
        pod: usize,
        /// Which session.
        session: String,
        /// With `{h0}`, `{port}` still in it.
        sql: String,
        /// Recorded outcome.
        expected: Expected,
    },
    /// A query that is repeated until its rows are these.
    Poll {
        /// Which pod.
        pod: usize,
        /// The query.
        sql: String,
        /// The rows.
        until: Vec<Vec<serde_json::Value>>,
        /// Bound.
        within: Duration,
    },
}

/// A login as a recording writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Which pod.
    pub pod: usize,
    /// User.
    pub uid: String,
    /// Password.
    pub pwd: String,
    /// Name of the session.
    pub session: String,
    /// Ordinary or SYSDBA.
    pub privilege: aku_core::sql::Privilege,
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {} {} as {} ({:?})", self.pod, self.session, self.uid, self.privilege)
    }
}

impl Login {
    /// The usual session: SYS, not SYSDBA.
    #[must_use]
    pub fn sys(pod: usize, session: &str) -> Self {
        Self {
            pod,
            uid: "SYS".to_owned(),
            pwd: "manager".to_owned(),
            session: session.to_owned(),
            privilege: aku_core::sql::Privilege::Normal,
        }
    }
}

/// A recorded answer.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Success without rows.
    Ok,
    /// A result set.
    Rows {
        /// Column names.
        columns: Vec<String>,
        /// Rows.
        rows: Vec<Vec<serde_json::Value>>,
        /// Columns of which only -1 and null were kept.
        mask: Vec<String>,
    },
    /// A refusal.
    Error {
        /// SQLSTATE.
        sqlstate: String,
        /// Native code.
        native: i32,
        /// Message with its position hint.
        message: String,
    },
}

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
pub enum BadRecording {
    /// Not readable.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Not the JSON of a recording.
    #[error("{path} is not a recording: {error}")]
    Json {
        /// Which file.
        path: String,
        /// Where.
        error: serde_json::Error,
    },
    /// A step of an unknown kind.
    #[error("{path}: step {step} is of no known kind")]
    Step {
        /// Which file.
        path: String,
        /// Index from 0.
        step: usize,
    },
}

#[derive(Deserialize)]
struct File {
    name: String,
    #[serde(default)]
    why: String,
    pods: usize,
    #[serde(default)]
    server: String,
    steps: Vec<RawStep>,
}

#[derive(Deserialize)]
struct RawError {
    sqlstate: String,
    native: i32,
    message: String,
}

#[derive(Deserialize)]
struct RawConnect {
    on: usize,
    uid: Option<String>,
    pwd: Option<String>,
    #[serde(default)]
    sysdba: bool,
    session: Option<String>,
}

#[derive(Deserialize)]
struct RawClose {
    on: usize,
    session: Option<String>,
}

#[derive(Deserialize)]
struct RawStep {
    on: Option<usize>,
    sql: Option<String>,
    session: Option<String>,
    poll: Option<String>,
    until: Option<Vec<Vec<serde_json::Value>>>,
    within: Option<f64>,
    connect: Option<RawConnect>,
    close: Option<RawClose>,
    kill: Option<usize>,
    start: Option<usize>,
    sleep: Option<f64>,
    note: Option<String>,
    columns: Option<Vec<String>>,
    rows: Option<Vec<Vec<serde_json::Value>>>,
    error: Option<RawError>,
    #[serde(default)]
    mask: Vec<String>,
}

fn session(name: Option<String>) -> String {
    name.unwrap_or_else(|| "main".to_owned())
}

impl RawStep {
    fn expected(&mut self) -> Expected {
        if let Some(RawError { sqlstate, native, message }) = self.error.take() {
            return Expected::Error { sqlstate, native, message };
        }
        match self.rows.take() {
            Some(rows) => Expected::Rows {
                columns: self.columns.take().unwrap_or_default(),
                rows,
                mask: std::mem::take(&mut self.mask),
            },
            None => Expected::Ok,
        }
    }

    fn action(mut self) -> Option<Action> {
        let expected = self.expected();
        if let Some(c) = self.connect {
            let sys = Login::sys(c.on, &session(c.session));
            let privilege = if c.sysdba { aku_core::sql::Privilege::Sysdba } else { aku_core::sql::Privilege::Normal };
            let login = Login { uid: c.uid.unwrap_or(sys.uid), pwd: c.pwd.unwrap_or(sys.pwd), privilege, ..sys };
            return Some(Action::Connect { login, expected });
        }
        if let (Some(pod), Some(sql)) = (self.on, self.sql) {
            return Some(Action::Execute { pod, session: session(self.session), sql, expected });
        }
        if let (Some(pod), Some(sql), Some(until)) = (self.on, self.poll, self.until) {
            let within = Duration::from_secs_f64(self.within.unwrap_or(30.0));
            return Some(Action::Poll { pod, sql, until, within });
        }
        if let Some(c) = self.close {
            return Some(Action::Close { pod: c.on, session: session(c.session) });
        }
        (self.kill.map(Action::Kill))
            .or(self.start.map(Action::Start))
            .or(self.sleep.map(|s| Action::Sleep(Duration::from_secs_f64(s))))
            .or(self.note.map(|_| Action::Note))
    }
}

impl Recording {
    /// Reads one file.
    ///
    /// # Errors
    /// See [`BadRecording`].
    pub fn read(path: &Path) -> Result<Self, BadRecording> {
        let shown = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| BadRecording::Unreadable { path: shown.clone(), error })?;
        Self::parse(&text, &shown)
    }

    /// Parses a recording's text; `path` is for messages.
    ///
    /// # Errors
    /// See [`BadRecording`].
    pub fn parse(text: &str, path: &str) -> Result<Self, BadRecording> {
        let file: File =
            serde_json::from_str(text).map_err(|error| BadRecording::Json { path: path.to_owned(), error })?;
        let mut steps = Vec::with_capacity(file.steps.len());
        for (step, raw) in file.steps.into_iter().enumerate() {
            let action = raw.action().ok_or_else(|| BadRecording::Step { path: path.to_owned(), step })?;
            steps.push(Step { action });
        }
        Ok(Self { name: file.name, why: file.why, pods: file.pods, server: file.server, steps })
    }

    /// Every recording of a directory, in order of file names.
    ///
    /// # Errors
    /// See [`BadRecording`].
    pub fn read_all(dir: &Path) -> Result<Vec<Self>, BadRecording> {
        let unreadable = |error| BadRecording::Unreadable { path: dir.display().to_string(), error };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|e| e == "json") {
                files.push(path);
            }
        }
        files.sort();
        files.iter().map(|path| Self::read(path)).collect()
    }
}
