//! What is told: log lines, and what becomes of the termination message, which `kubectl describe pod` shows.

use std::time::Duration;

use crate::{
    model::{Child, Death, News},
    rules::Budget,
    verdict::Verdict,
};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Progress.
    Info,
    /// To be minded.
    Warn,
    /// Somebody has to do something.
    Error,
}

/// What becomes of the termination message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// It stays.
    Stays,
    /// It is empty: all is well.
    Cleared,
    /// It is this line and the reason below it.
    Replaced,
    /// This line is added.
    Added,
}

/// What words are made of beside the news.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The grace.
    pub budget: Budget,
    /// What is left of the time for an end.
    pub end_left: Duration,
    /// The last reason that somebody gave, of any length.
    pub reason: Option<&'a str>,
    /// Name of the stop signal.
    pub stop_signal: &'a str,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// How much it matters.
    pub level: Level,
    /// The line.
    pub text: String,
    /// What becomes of the message.
    pub message: Message,
}

/// The line for a piece of news.
#[must_use]
pub fn told(news: News, facts: &Facts<'_>) -> Told {
    let because = facts.reason.map_or_else(String::new, |r| format!(": {}", crate::status::one_line(r)));
    let kill = time(facts.budget.kill());
    let (level, message, text) = match news {
        News::Unfit => (Level::Error, Message::Replaced, format!("INIT: the pod cannot start{because}")),
        News::NoDatabase => (
            Level::Error,
            Message::Replaced,
            format!(
                "INIT: there is no database{because}; --create-database makes one where there is no data file at all"
            ),
        ),
        News::Creating => {
            (Level::Warn, Message::Stays, "INIT: there is no data file at all: a database is made".to_owned())
        }
        News::NotCreated => (
            Level::Error,
            Message::Replaced,
            "INIT: the program that makes a database ended, and there is no data file".to_owned(),
        ),
        News::Booting => (Level::Info, Message::Stays, format!("BOOT: the server is started{because}")),
        News::StillBooting => (Level::Info, Message::Stays, format!("BOOT: the server is not in SERVICE yet{because}")),
        News::Joining => (Level::Info, Message::Stays, "JOIN: the server is in SERVICE, the pod is joined".to_owned()),
        News::Serving => (Level::Info, Message::Cleared, "SERVE: the pod is joined and open".to_owned()),
        News::Parked { verdict, how, pause } => {
            let how = how.map_or_else(|| "could not be started".to_owned(), |h| format!("ended with {}", death(h)));
            let what = match verdict {
                Verdict::Later => "it may succeed by itself",
                Verdict::Refused => "somebody has to look at it: aku plan start",
                Verdict::Broken => "it should not have ended so",
                Verdict::Joined => "joined",
            };
            let text = format!(
                "PARKED: the server is up and closed to users; the start {how}, again in {}; {what}{because}",
                time(pause)
            );
            (if verdict == Verdict::Later { Level::Warn } else { Level::Error }, Message::Replaced, text)
        }
        News::StillParked => (
            Level::Warn,
            Message::Stays,
            format!("PARKED: the server is up and closed to users, the pod is not joined{because}"),
        ),
        News::Ending => {
            let text = format!(
                "END: the pod is ended, within {}; the server is killed in {kill} at the latest",
                time(facts.end_left)
            );
            (Level::Info, Message::Stays, text)
        }
        News::Ended => (Level::Info, Message::Stays, "END: the pod is ended".to_owned()),
        News::NotEnded => (
            Level::Error,
            Message::Added,
            format!(
                "END: not everything was delivered{because}; the server is stopped all the same, and the other pods keep log for it"
            ),
        ),
        News::Stopping => {
            (Level::Info, Message::Stays, format!("STOP: the server gets {}, this once", facts.stop_signal))
        }
        News::BrokenOff => (
            Level::Info,
            Message::Stays,
            format!(
                "STOP: the start is broken off, and puts back what it did within {}",
                time(facts.budget.put_back())
            ),
        ),
        News::WaitsForService => (
            Level::Warn,
            Message::Stays,
            format!("STOP: a signal before SERVICE would be a crash, so that is waited for, {kill} at most"),
        ),
        News::WaitsForCreation => {
            (Level::Warn, Message::Stays, format!("STOP: the database is made first, within {kill}"))
        }
        News::Hurried => {
            (Level::Warn, Message::Stays, "STOP: asked once more; a second signal would kill the server".to_owned())
        }
        News::Killed => (
            Level::Error,
            Message::Added,
            format!("STOP: the grace of {} is all but over: SIGKILL", time(facts.budget.grace)),
        ),
        News::ServerGone(Death::Code(0)) => (Level::Info, Message::Stays, "EXIT: the server ended with 0".to_owned()),
        News::ServerGone(how) => (Level::Error, Message::Added, format!("EXIT: the server ended with {}", death(how))),
        News::NoChild(child) => {
            (Level::Error, Message::Added, format!("{} cannot be started{because}", program(child)))
        }
    };
    Told { level, text, message }
}

fn program(child: Child) -> &'static str {
    match child {
        Child::Create => "the program that makes a database",
        Child::Server => "the server",
        Child::Look => "the look at the server",
        Child::Start => "the start",
        Child::End => "the end",
        Child::Beat => "the beat",
    }
}

fn death(how: Death) -> String {
    match how {
        Death::Code(code) => format!("exit {code}"),
        Death::Signal(signal) => format!("signal {signal}"),
    }
}

fn time(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{} s", time.as_secs()) } else { format!("{:.1} s", time.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_line_and_carries_the_reason() {
        let facts = Facts {
            budget: Budget { grace: Duration::from_secs(60), server_stop: Duration::from_secs(30) },
            end_left: Duration::from_millis(29_500),
            reason: Some("\nerror[master-failed]: pod 0 is away\n  because ...\n"),
            stop_signal: "SIGINT",
        };
        let parked =
            News::Parked { verdict: Verdict::Refused, how: Some(Death::Code(3)), pause: Duration::from_secs(60) };
        assert_eq!(
            told(parked, &facts).text,
            "PARKED: the server is up and closed to users; the start ended with exit 3, again in 60 s; somebody has to look \
             at it: aku plan start: error[master-failed]: pod 0 is away"
        );
        assert_eq!(
            told(News::Ending, &facts).text,
            "END: the pod is ended, within 29.5 s; the server is killed in 57 s at the latest"
        );
        let all = [
            News::Unfit,
            News::NoDatabase,
            News::Creating,
            News::NotCreated,
            News::Booting,
            News::StillBooting,
            News::Joining,
            News::Serving,
            parked,
            News::StillParked,
            News::Ending,
            News::Ended,
            News::NotEnded,
            News::Stopping,
            News::BrokenOff,
            News::WaitsForService,
            News::WaitsForCreation,
            News::Hurried,
            News::Killed,
            News::ServerGone(Death::Signal(11)),
            News::NoChild(Child::Server),
        ];
        for news in all {
            let told = told(news, &facts);
            assert!(!told.text.contains('\n') && told.text.len() < 400, "{}", told.text);
            // What a person has to know is in the message, too.
            let kept = matches!(told.message, Message::Replaced | Message::Added);
            assert_eq!(kept, told.level == Level::Error, "{}", told.text);
        }
    }
}
