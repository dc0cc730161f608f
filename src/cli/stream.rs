//! Standard streams of a command: the answer goes to `out`, progress, questions and errors go to `err`.
//!
//! A reader who went away is no error of a plan. It stops nothing of a run that changes pods, but the run's result is lost
//! then: exit 74, as with a full disk (`contract.md` 2.5). To a pod hook it is nothing at all.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    thread,
    time::{Duration, Instant},
};

use super::{
    common::{ColorWhen, Common},
    env::{Env, Talk},
};
use crate::{
    exit::Exit,
    render::{self, Colour, Diagnostic, Doc},
};

/// The streams, and what is known of them.
pub struct Streams<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// Which of them are terminals.
    pub terminal: Terminal,
}

/// Which streams are terminals, and how wide.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Standard output.
    pub out: bool,
    /// Standard error.
    pub err: bool,
    /// Standard input.
    pub input: bool,
    /// Columns, when there is a terminal.
    pub columns: Option<usize>,
}

impl Terminal {
    /// What the process has.
    #[must_use]
    pub fn detect() -> Self {
        Self {
            out: io::stdout().is_terminal(),
            err: io::stderr().is_terminal(),
            input: io::stdin().is_terminal(),
            columns: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
        }
    }
}

/// How output looks.
#[derive(Clone, Copy, Debug)]
pub struct OutputStyle {
    /// Columns that may be used.
    pub width: usize,
    /// On standard output.
    pub out: Colour,
    /// On standard error.
    pub err: Colour,
    /// Whether progress and warnings are told.
    pub talk: Talk,
}

/// Widest human output.
const WIDEST: usize = 120;
/// Columns without a terminal.
const NO_TERMINAL: usize = 100;

impl OutputStyle {
    /// From flags, environment and terminals.
    #[must_use]
    pub fn new(common: &Common, env: &Env, terminal: Terminal) -> Self {
        let colour = |is_terminal| {
            let ansi = match common.color {
                ColorWhen::Always => true,
                ColorWhen::Never => false,
                ColorWhen::Auto if env.var("NO_COLOR").is_some() => false,
                ColorWhen::Auto if env.var("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
                ColorWhen::Auto => is_terminal && env.var("TERM").is_none_or(|t| t != "dumb"),
            };
            if ansi { Colour::Ansi } else { Colour::Plain }
        };
        let columns = env.var("COLUMNS").and_then(|c| c.to_str()?.parse().ok()).filter(|c| *c >= 20);
        let detected = if terminal.out || terminal.err { columns.or(terminal.columns) } else { None };
        Self {
            width: common.width.map_or_else(|| detected.map_or(NO_TERMINAL, |c| c.min(WIDEST)), usize::from),
            out: colour(terminal.out),
            err: colour(terminal.err),
            talk: if common.quiet { Talk::Quiet } else { Talk::Full },
        }
    }
}

/// Writes the answer of a command that changes nothing.
///
/// # Errors
/// The exit code that ends the command now: 0 when the reader went away, 74 when the text could not be written.
pub fn answer(s: &mut Streams<'_>, text: &str) -> Result<(), Exit> {
    match s.out.write_all(text.as_bytes()).and_then(|()| s.out.flush()) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Exit::Ok),
        Err(e) => {
            tell(s, &format!("error[output]: standard output cannot be written: {e}\n"));
            Err(Exit::Output)
        }
    }
}

/// Writes to standard error. There is nobody left to tell when that fails.
pub fn tell(s: &mut Streams<'_>, text: &str) {
    let _ = s.err.write_all(text.as_bytes()).and_then(|()| s.err.flush());
}

/// Whether a result is lost when the reader went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Somebody asked for it.
    Wanted,
    /// It is a log: whoever wanted it has read enough.
    Optional,
}

/// How long the end of a run waits for whoever reads its result, and how often it looks.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// As [`answer`] for a command that changes pods: failures are remembered, never acted upon.
#[derive(Debug)]
pub struct AnswerWriter {
    reader: Reader,
    failed: Option<io::Error>,
}

impl AnswerWriter {
    /// Nothing is written yet.
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Self { reader, failed: None }
    }

    /// Writes as much as goes.
    pub fn write(&mut self, s: &mut Streams<'_>, text: &str) {
        match s.out.write_all(text.as_bytes()).and_then(|()| s.out.flush()) {
            Ok(()) => {}
            // Nobody reads at this moment: what becomes of it is seen at the end.
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {}
            Err(e) => self.fail(e),
        }
    }

    fn fail(&mut self, e: io::Error) {
        let gone = [io::ErrorKind::BrokenPipe, io::ErrorKind::TimedOut].contains(&e.kind());
        if !gone || self.reader == Reader::Wanted {
            self.failed.get_or_insert(e);
        }
    }

    /// Gives a slow reader a last moment. To be called once everything is written and no pod is held any more.
    pub fn settle(&mut self, s: &mut Streams<'_>) {
        let until = Instant::now() + LAST_WORDS;
        loop {
            match s.out.flush() {
                Err(e) if e.kind() == io::ErrorKind::TimedOut && Instant::now() < until => thread::sleep(LOOK),
                Err(e) => return self.fail(e),
                Ok(()) => return,
            }
        }
    }

    /// Why not all of it was written.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        let text = |e| format!("standard output could not be written: {e}; the pods are not affected");
        self.failed.as_ref().map(text)
    }

    /// The exit code of the command: 74 instead of 0 when the result could not be written.
    pub fn exit(self, s: &mut Streams<'_>, exit: Exit) -> Exit {
        let Some(text) = self.lost() else { return exit };
        tell(s, &format!("error[output]: {text}\n"));
        if exit == Exit::Ok { Exit::Output } else { exit }
    }
}

/// Shows what is wrong and gives its exit code.
pub fn fail(s: &mut Streams<'_>, look: &OutputStyle, trouble: &Diagnostic) -> Exit {
    tell(s, &told(&render::trouble(trouble, look.width), look));
    trouble.exit
}

/// Text of a document for standard output.
#[must_use]
pub fn shown(doc: &Doc, look: &OutputStyle) -> String {
    doc.folded(look.width).text(look.out)
}

/// Text of a document for standard error.
#[must_use]
pub fn told(doc: &Doc, look: &OutputStyle) -> String {
    doc.folded(look.width).text(look.err)
}

/// Tells something that is no error.
pub(super) fn talk(look: &OutputStyle, s: &mut Streams<'_>, text: &str) {
    if look.talk == Talk::Full && !text.is_empty() {
        tell(s, &format!("{text}\n"));
    }
}
