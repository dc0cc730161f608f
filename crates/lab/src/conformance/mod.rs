//! Plays recorded conversations with real servers against a lab and compares every answer.
//!
//! It decides what counts as the same answer: success, SQLSTATE, native code, the message up to its first line break,
//! column names and rows, with masked columns reduced to -1, null or live. It must never know what a recording is
//! about; how statements reach the pods is the business of a [`Player`].

mod recording;

use std::{fmt, time::Duration};

use aku_db::wire::{Cell, Response};

pub use recording::{Action, BadRecording, Expected, Login, Recording, Step};

/// The replication port as it shows in recorded answers.
const RECORDED_PORT: i64 = 20_301;

/// Time between two looks of a `poll` step.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Carries a recording's steps to fresh pods; one value plays one recording.
pub trait Player {
    /// Opens a session; an earlier one of that name on that pod is closed when the new login succeeded.
    ///
    /// # Errors
    /// The refusal as [`Response::Error`].
    fn connect(&mut self, login: &Login) -> Result<(), Response>;
    /// Closes a session; nothing happens when there is none.
    fn close(&mut self, pod: usize, session: &str);
    /// Runs one statement on a session that was opened before, and waits for its answer.
    fn execute(&mut self, pod: usize, session: &str, sql: &str) -> Response;
    /// SIGKILL; every session of the pod is gone.
    fn kill(&mut self, pod: usize);
    /// Starts a killed pod on its data; returns when it accepts logins.
    fn start(&mut self, pod: usize);
    /// Lets time pass.
    fn sleep(&mut self, time: Duration);
    /// Time since some fixed moment of this play.
    fn now(&self) -> Duration;
    /// Address of a pod as other pods reach it.
    fn host(&self, pod: usize) -> String;
    /// The replication port of all pods.
    fn replication_port(&self) -> u16;
}

/// One answer that is not the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Index of the step, from 0.
    pub step: usize,
    /// The step in words.
    pub what: String,
    /// Recorded.
    pub expected: String,
    /// Given.
    pub got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}\n    recorded {}\n    got      {}", self.step, self.what, self.expected, self.got)
    }
}

/// The outcome of one play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name of the recording.
    pub name: String,
    /// Steps played (notes do not count).
    pub steps: usize,
    /// What differed.
    pub mismatches: Vec<Mismatch>,
}

/// One line: name, steps, mismatches.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24} {:>4} steps {:>4} mismatches", self.name, self.steps, self.mismatches.len())
    }
}

struct Play<'a> {
    player: &'a mut dyn Player,
    pods: usize,
    sessions: Vec<(usize, String)>,
}

/// Plays a whole recording; never stops at a mismatch.
pub fn play(recording: &Recording, player: &mut dyn Player) -> Report {
    let mut play = Play { player, pods: recording.pods, sessions: Vec::new() };
    let mut report = Report { name: recording.name.clone(), steps: 0, mismatches: Vec::new() };
    for (index, step) in recording.steps.iter().enumerate() {
        let Some(outcome) = play.step(step) else { continue };
        report.steps += 1;
        if let Err((what, expected, got)) = outcome {
            report.mismatches.push(Mismatch { step: index, what, expected, got });
        }
    }
    report
}

type Outcome = Result<(), (String, String, String)>;

impl Play<'_> {
    /// `None` for a step that has no answer.
    fn step(&mut self, step: &Step) -> Option<Outcome> {
        match &step.action {
            Action::Note => None,
            Action::Sleep(time) => {
                self.player.sleep(*time);
                None
            }
            Action::Kill(pod) => {
                self.player.kill(*pod);
                self.sessions.retain(|(p, _)| p != pod);
                None
            }
            Action::Start(pod) => {
                self.player.start(*pod);
                None
            }
            Action::Close { pod, session } => {
                self.player.close(*pod, session);
                self.sessions.retain(|(p, s)| (p, s) != (pod, session));
                None
            }
            Action::Connect { login, expected } => Some(self.connect(login, expected)),
            Action::Execute { pod, session, sql, expected } => {
                let sql = self.filled(sql);
                let got = self.ask(*pod, session, &sql);
                Some(self.compare(format!("pod {pod} {session}: {sql}"), expected, &got))
            }
            Action::Poll { pod, sql, until, within } => Some(self.poll(*pod, &self.filled(sql), until, *within)),
        }
    }

    fn connect(&mut self, login: &Login, expected: &Expected) -> Outcome {
        let got = match self.player.connect(login) {
            Ok(()) => {
                let key = (login.pod, login.session.clone());
                if !self.sessions.contains(&key) {
                    self.sessions.push(key);
                }
                Response::Done { affected: -1 }
            }
            Err(refusal) => refusal,
        };
        self.compare(format!("connect {login:?}"), expected, &got)
    }

    /// Sessions that nobody opened explicitly are opened on first use, as SYS.
    fn ask(&mut self, pod: usize, session: &str, sql: &str) -> Response {
        let key = (pod, session.to_owned());
        if !self.sessions.contains(&key) {
            if let Err(refusal) = self.player.connect(&Login::sys(pod, session)) {
                return refusal;
            }
            self.sessions.push(key);
        }
        self.player.execute(pod, session, sql)
    }

    fn poll(&mut self, pod: usize, sql: &str, until: &[Vec<serde_json::Value>], within: Duration) -> Outcome {
        let deadline = self.player.now() + within;
        loop {
            let got = self.ask(pod, "main", sql);
            let reached = match &got {
                Response::Rows { rows, .. } => self.same_rows(until, rows, &[]),
                Response::Connected { .. } | Response::Done { .. } | Response::Error { .. } => false,
            };
            if reached {
                return Ok(());
            }
            if self.player.now() >= deadline {
                return Err((format!("pod {pod} polls: {sql}"), format!("{until:?}"), format!("{got:?}")));
            }
            self.player.sleep(POLL_EVERY);
        }
    }

    fn filled(&self, text: &str) -> String {
        let mut text = text.replace("{port}", &self.player.replication_port().to_string());
        for pod in 0..self.pods {
            text = text.replace(&format!("{{h{pod}}}"), &self.player.host(pod));
        }
        text
    }

    fn compare(&self, what: String, expected: &Expected, got: &Response) -> Outcome {
        let same = match (expected, got) {
            (Expected::Ok, Response::Done { .. } | Response::Connected { .. }) => true,
            (Expected::Rows { columns, rows, mask }, Response::Rows { columns: c, rows: r }) => {
                let masked: Vec<bool> = columns.iter().map(|c| mask.contains(c)).collect();
                columns == c && self.same_rows(rows, r, &masked)
            }
            (Expected::Error { sqlstate, native, message }, Response::Error { sqlstate: s, native: n, message: m }) => {
                sqlstate == s && native == n && first_line(&self.filled(message)) == first_line(m)
            }
            (Expected::Ok | Expected::Rows { .. } | Expected::Error { .. }, _) => false,
        };
        if same { Ok(()) } else { Err((what, format!("{expected:?}"), format!("{got:?}"))) }
    }

    fn same_rows(&self, expected: &[Vec<serde_json::Value>], got: &[Vec<Cell>], masked: &[bool]) -> bool {
        expected.len() == got.len()
            && expected.iter().zip(got).all(|(e, g)| {
                e.len() == g.len()
                    && e.iter()
                        .zip(g)
                        .enumerate()
                        .all(|(i, (e, g))| self.same_cell(e, g, masked.get(i).copied().unwrap_or_default()))
            })
    }

    fn same_cell(&self, expected: &serde_json::Value, got: &Cell, masked: bool) -> bool {
        use serde_json::Value as J;
        match (expected, got) {
            (J::Null, Cell::Null) => true,
            (J::String(live), Cell::Int(n)) if masked => live == "live" && *n != -1,
            (J::String(live), Cell::Text(t)) if masked => live == "live" && t != "-1",
            (J::String(text), Cell::Text(t)) => self.filled(text).trim_end() == t.trim_end(),
            (J::Number(n), Cell::Int(i)) => {
                n.as_i64() == Some(*i)
                    || (n.as_i64() == Some(RECORDED_PORT) && *i == i64::from(self.player.replication_port()))
            }
            (J::Number(n), Cell::Text(t)) => n.as_f64().is_some_and(|n| t.trim().parse() == Ok(n)),
            _ => false,
        }
    }
}

fn first_line(message: &str) -> &str {
    message.split('\n').next().unwrap_or(message).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says yes to everything.
    struct Yes(Duration);

    impl Player for Yes {
        fn connect(&mut self, _: &Login) -> Result<(), Response> {
            Ok(())
        }
        fn close(&mut self, _: usize, _: &str) {}
        fn execute(&mut self, _: usize, _: &str, _: &str) -> Response {
            Response::Done { affected: 0 }
        }
        fn kill(&mut self, _: usize) {}
        fn start(&mut self, _: usize) {}
        fn sleep(&mut self, time: Duration) {
            self.0 += time;
        }
        fn now(&self) -> Duration {
            self.0
        }
        fn host(&self, pod: usize) -> String {
            format!("h{pod}")
        }
        fn replication_port(&self) -> u16 {
            1
        }
    }

    #[test]
    fn wrong_answers_are_found() {
        let text = r#"{"name": "n", "pods": 1, "steps": [
            {"note": "x"},
            {"on": 0, "sql": "A", "ok": true},
            {"on": 0, "sql": "B", "error": {"sqlstate": "HY000", "native": 1, "message": "m"}},
            {"on": 0, "sql": "C", "columns": ["X"], "rows": [[1]]},
            {"connect": {"on": 0, "pwd": "wrong"}, "error": {"sqlstate": "28000", "native": 2, "message": "m"}},
            {"on": 0, "poll": "D", "until": [[1]], "within": 2}
        ]}"#;
        let recording = Recording::parse(text, "n").expect("a recording");
        let report = play(&recording, &mut Yes(Duration::ZERO));
        let steps: Vec<_> = report.mismatches.iter().map(|m| m.step).collect();
        assert_eq!((report.steps, steps), (5, vec![2, 3, 4, 5]));
    }

    #[test]
    fn cells_are_compared_as_the_recorder_wrote_them() {
        let mut yes = Yes(Duration::ZERO);
        let play = Play { player: &mut yes, pods: 1, sessions: Vec::new() };
        let json = |text: &str| serde_json::from_str(text).expect("JSON");
        let cell = |t: &str| Cell::Text(t.to_owned());
        assert!(play.same_cell(&json("\"live\""), &Cell::Int(7), true));
        assert!(!play.same_cell(&json("\"live\""), &Cell::Int(-1), true));
        assert!(play.same_cell(&json("-1"), &Cell::Int(-1), true));
        assert!(!play.same_cell(&json("-1"), &Cell::Int(7), true));
        assert!(!play.same_cell(&json("\"live\""), &Cell::Int(7), false));
        assert!(play.same_cell(&json("\"{h0}\""), &cell("h0"), false));
        assert!(play.same_cell(&json("20301"), &Cell::Int(1), false));
        assert!(!play.same_cell(&json("null"), &cell("x"), false));
    }
}
