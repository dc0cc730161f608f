//! Log lines of the documented front door, in the new style (`aku-behaviour.md` A.5):
//! `[AKU][YYYY/MM/DD hh:mm:ss.uuuuuu][thread] [LEVEL][function:line][target pod][replication name] message`.
//!
//! One message, one line: a message of several lines becomes several log lines. The function and line are ours and
//! move between builds; nobody should parse them.

use std::panic::Location;

use super::{
    legacy_71::Style,
    stream::{AnswerWriter, Reader, Streams},
    wiring::Platform,
};
use crate::{
    render::{Colour, Doc, Line},
    topology::ReplicationName,
};

/// Levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Progress.
    Info,
    /// To be minded.
    Warn,
    /// It failed.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// What a line is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// Pod's name.
    pub pod: Option<&'a str>,
    /// Object.
    pub object: Option<&'a ReplicationName>,
}

/// Writes the log of one run to standard output. Failures to write are remembered, never acted upon.
pub struct Log<'w, 's, 'io> {
    world: &'w dyn Platform,
    function: &'static str,
    style: Style,
    streams: &'s mut Streams<'io>,
    patient: AnswerWriter,
}

impl<'w, 's, 'io> Log<'w, 's, 'io> {
    /// A log whose lines name `function`.
    pub fn new(world: &'w dyn Platform, function: &'static str, style: Style, streams: &'s mut Streams<'io>) -> Self {
        Self { world, function, style, streams, patient: AnswerWriter::new(Reader::Optional) }
    }

    /// A line that is no log line: the documented first and last ones.
    pub fn bare(&mut self, text: &str) {
        match self.style {
            Style::V73 => self.patient.write(self.streams, &format!("{text}\n")),
            // It has none.
            Style::V71 => {}
        }
    }

    /// Whose lines these are.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Lines that only 7.1 has.
    pub fn of_71(&mut self, text: &str) {
        if self.style == Style::V71 && !text.is_empty() {
            self.patient.write(self.streams, &format!("{}\n", text.trim_end()));
        }
    }

    /// A message in the way of 7.1, which says nothing of progress.
    fn write_71(&mut self, level: Level, message: &str) {
        if level == Level::Info {
            return;
        }
        let mut doc = Doc::default();
        for text in message.lines().filter(|l| !l.trim().is_empty()) {
            doc.line(Line::plain(format!("[{}] {text}", level.as_str())));
        }
        self.patient.write(self.streams, &doc.text(Colour::Plain));
    }

    /// Log lines, one for each line of the message that says something.
    #[track_caller]
    pub fn write(&mut self, level: Level, about: About<'_>, message: &str) {
        if self.style == Style::V71 {
            return self.write_71(level, message);
        }
        let line = Location::caller().line();
        let at = self.world.now().to_zoned(self.world.zone());
        let head = format!(
            "[AKU][{}][{}] [{}][{}:{line}][{}][{}]",
            at.strftime("%Y/%m/%d %H:%M:%S.%6f"),
            std::process::id(),
            level.as_str(),
            self.function,
            about.pod.unwrap_or("-"),
            about.object.map_or("-", ReplicationName::as_str),
        );
        let mut doc = Doc::default();
        for text in message.lines().filter(|l| !l.trim().is_empty()) {
            doc.line(Line::plain(format!("{head} {text}")));
        }
        self.patient.write(self.streams, &doc.text(Colour::Plain));
    }

    /// Progress about nothing in particular.
    #[track_caller]
    pub fn info(&mut self, message: &str) {
        self.write(Level::Info, About::default(), message);
    }

    /// Ends the log: the exit code, and what is said when the log itself could not be written.
    pub fn finish(mut self, exit: crate::exit::Exit) -> crate::exit::Exit {
        self.patient.settle(self.streams);
        self.patient.exit(self.streams, exit)
    }
}
