//! The command line of `aku run`, as far as manifests say it.

use crate::lint::{near::nearest, shell::base};

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// A value only behind `=`.
    Perhaps,
    Text,
    /// A number alone is seconds.
    Seconds,
    /// With a unit.
    Time,
    /// With a unit, or 0.
    TimeOrNothing,
    Signal,
}

/// The flags of `aku run`, and those that every command has.
const FLAGS: [(&str, Takes); 21] = [
    ("--grace", Takes::Seconds),
    ("--server-stop", Takes::Seconds),
    ("--stop-signal", Takes::Signal),
    ("--create-database", Takes::Perhaps),
    ("--data", Takes::Text),
    ("--beat", Takes::TimeOrNothing),
    ("--retry", Takes::Time),
    ("--termination-log", Takes::Text),
    ("--metrics", Takes::Text),
    ("--log-disk", Takes::Text),
    ("--conf", Takes::Text),
    ("--endpoints", Takes::Text),
    ("--odbc-driver", Takes::Text),
    ("--password-fd", Takes::Text),
    ("--ordinal", Takes::Text),
    ("--connect-timeout", Takes::Time),
    ("--color", Takes::Text),
    ("--width", Takes::Text),
    ("--quiet", Takes::Nothing),
    ("--verbose", Takes::Nothing),
    ("--log-format", Takes::Text),
];

/// Variables of `aku run` that have to be of some form.
const VARIABLES: [(&str, Takes); 5] = [
    ("AKU_GRACE", Takes::Seconds),
    ("AKU_SERVER_STOP", Takes::Seconds),
    ("AKU_STOP_SIGNAL", Takes::Signal),
    ("AKU_BEAT", Takes::TimeOrNothing),
    ("AKU_RETRY", Takes::Time),
];

/// The names of these variables.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|(name, _)| *name)
}

/// What is wrong with the value of such a variable.
pub(super) fn wrong_variable(name: &str, value: &str) -> Option<String> {
    let (_, takes) = VARIABLES.iter().find(|(n, _)| *n == name)?;
    wrong(*takes, value).map(|what| format!("{name} is \"{value}\", which is {what}"))
}

/// What `aku run` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub grace: Option<u64>,
    pub server_stop: Option<u64>,
    pub stop_signal: Option<String>,
    pub conf: Option<String>,
    pub data: Vec<String>,
    /// The word, when it is to make a database.
    pub creates: Option<String>,
    /// Words that it refuses, and why.
    pub refused: Vec<(String, String)>,
    /// The server and its arguments; none when nobody names it.
    pub server: Vec<String>,
}

/// Reads the words behind `aku`; `None` when it is not `aku run`.
pub(super) fn read(words: &[String]) -> Option<Run> {
    let mut run = Run::default();
    let mut at = 0;
    let mut is_run = false;
    while let Some(word) = words.get(at).map(String::as_str) {
        at += 1;
        match word {
            "--" => {
                run.server = words[at..].to_vec();
                break;
            }
            "run" if !is_run => is_run = true,
            "-h" | "-v" | "-vv" | "-vvv" | "--help" => {}
            flag if flag.starts_with('-') => {
                if run.flag(flag, words.get(at).map(String::as_str)) == Next::Taken {
                    at += 1;
                }
            }
            _ if is_run => {
                run.server = words[at - 1..].to_vec();
                break;
            }
            _ => return None,
        }
    }
    is_run.then_some(run)
}

/// What becomes of the word behind a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Taken,
    Left,
}

impl Run {
    fn flag(&mut self, word: &str, next: Option<&str>) -> Next {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let Some((_, takes)) = FLAGS.iter().find(|(n, _)| *n == name) else {
            let meant = nearest(name, FLAGS.iter().map(|(n, _)| *n));
            let meant = meant.map_or_else(String::new, |n| format!("; {n} is one"));
            self.refused.push((word.to_owned(), format!("{name} is no flag of aku run{meant}")));
            return Next::Left;
        };
        let (value, taken) = match (takes, value) {
            (Takes::Nothing | Takes::Perhaps, value) => (value, Next::Left),
            (_, Some(value)) => (Some(value), Next::Left),
            (_, None) => (next, Next::Taken),
        };
        let text = value.unwrap_or_default();
        if let Some(what) = wrong(*takes, text) {
            self.refused.push((word.to_owned(), format!("{name} is told \"{text}\", which is {what}")));
        }
        match name {
            "--grace" => self.grace = seconds(text),
            "--server-stop" => self.server_stop = seconds(text),
            "--stop-signal" => self.stop_signal = Some(text.to_owned()),
            "--conf" => self.conf = Some(text.to_owned()),
            "--data" => self.data.push(text.to_owned()),
            "--create-database" => self.creates = Some(word.to_owned()),
            _ => {}
        }
        taken
    }

    /// Whether the server is Altibase, as far as words tell, by itself or in the text of a shell; another one may take
    /// other signals.
    pub(super) fn is_altibase(&self) -> bool {
        let says = |w: &String| w.split([' ', ';', '&', '\n']).any(|w| base(w) == "altibase");
        match self.server.first() {
            None => true,
            // A pod of the lab may have a directory of that name.
            Some(program) => base(program) != "aku" && self.server.iter().any(says),
        }
    }
}

/// What is wrong with a value. What only a shell or Kubernetes can put in is not judged.
fn wrong(takes: Takes, value: &str) -> Option<&'static str> {
    if value.contains('$') {
        return None;
    }
    let has_unit = value.ends_with(|c: char| c.is_ascii_alphabetic());
    let is_nothing = value.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse() == Ok(0);
    let is_time = has_unit && seconds(value).is_some() && !is_nothing;
    let is_right = match takes {
        Takes::Nothing | Takes::Perhaps | Takes::Text => true,
        Takes::Seconds => is_time || value.parse::<u64>().is_ok_and(|n| n > 0),
        Takes::Time => is_time,
        Takes::TimeOrNothing => is_time || value == "0",
        Takes::Signal => ["INT", "TERM", "QUIT"].iter().any(|s| s.eq_ignore_ascii_case(value)),
    };
    let what = match takes {
        Takes::Signal => "none of INT, TERM and QUIT",
        Takes::Seconds => "no time: 436s or 436",
        Takes::Nothing | Takes::Perhaps | Takes::Text | Takes::Time | Takes::TimeOrNothing => "no time: 5s, 2m, 1h",
    };
    (!is_right).then_some(what)
}

/// A time with or without a unit; less than a second counts as none.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let n: u64 = digits.parse().ok()?;
    match &text[digits.len()..] {
        "" | "s" => Some(n),
        "m" | "min" => n.checked_mul(60),
        "h" => n.checked_mul(3600),
        "ms" => Some(n / 1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What only the front door takes.
    const FRONT: [&str; 2] = ["--output-style", "--show-secrets"];

    fn of(text: &str) -> Option<Run> {
        read(&text.split('|').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn times() {
        let table = [
            ("436s", Some(436)),
            ("436", Some(436)),
            ("7m", Some(420)),
            ("2min", Some(120)),
            ("1h", Some(3600)),
            ("x", None),
            ("5d", None),
        ];
        for (text, want) in table {
            assert_eq!(seconds(text), want, "{text}");
        }
    }

    #[test]
    fn flags_and_the_server() {
        let run = of("run|--grace=436s|--server-stop|2m|--|x|--grace=1s").unwrap();
        assert_eq!((run.grace, run.server_stop, run.server.join(" ")), (Some(436), Some(120), "x --grace=1s".into()));
        let run = of("--conf|/a|run|-v|--create-database|--data|/d|--data=/e|/bin/altibase|-n").unwrap();
        assert_eq!((run.conf.as_deref(), run.data.join(" ")), (Some("/a"), "/d /e".into()));
        assert_eq!(
            (run.creates.as_deref(), run.server.join(" ")),
            (Some("--create-database"), "/bin/altibase -n".into())
        );
        assert!(run.refused.is_empty() && run.is_altibase());
        assert!(of("run").unwrap().is_altibase() && !of("run|--|aku|lab|/x/altibase").unwrap().is_altibase());
        assert!(of("run|--|sh|-c|ulimit -n 9; exec /bin/altibase -n").unwrap().is_altibase());
        assert_eq!((of("-p|start"), of("drift"), of("")), (None, None, None));
    }

    /// The reference is printed from the flags that there are.
    #[test]
    fn the_flags_are_those_of_the_reference() {
        let reference = include_str!("../../../../../docs/reference.md");
        let of = |section: &str| -> BTreeSet<&str> {
            let (_, text) = reference.split_once(&format!("\n### {section}\n")).expect("the section is there");
            let text = text.split("\n### ").next().unwrap_or(text);
            let lines = text.lines().filter_map(|l| l.strip_prefix("      --").map(|_| l.trim_start()));
            lines.map(|l| l.split([' ', '[', '.']).next().unwrap_or(l)).collect()
        };
        let mut told = of("aku run");
        assert!(told.contains("--grace"));
        told.extend(of("aku").into_iter().filter(|f| !FRONT.contains(f)));
        let known: BTreeSet<&str> = FLAGS.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, told);
    }

    #[test]
    fn what_is_refused() {
        let table = [
            ("run|--grac=436s", "--grac is no flag of aku run; --grace is one"),
            ("run|--no-such-thing", "--no-such-thing is no flag of aku run"),
            ("run|--grace=4x", "--grace is told \"4x\", which is no time: 436s or 436"),
            ("run|--grace=0", "--grace is told \"0\", which is no time: 436s or 436"),
            ("run|--retry=0s", "--retry is told \"0s\", which is no time: 5s, 2m, 1h"),
            ("run|--grace", "--grace is told \"\", which is no time: 436s or 436"),
            ("run|--retry|5", "--retry is told \"5\", which is no time: 5s, 2m, 1h"),
            ("run|--stop-signal=SIGINT", "--stop-signal is told \"SIGINT\", which is none of INT, TERM and QUIT"),
        ];
        for (text, want) in table {
            let refused: Vec<String> = of(text).unwrap().refused.into_iter().map(|(_, why)| why).collect();
            assert_eq!(refused, [want], "{text}");
        }
        for text in ["run|--beat=0|--retry=05s|--stop-signal|term|--grace=$(AKU_GRACE)|--verbose", "run|--|x|--grac"] {
            assert_eq!(of(text).unwrap().refused, [], "{text}");
        }
        assert_eq!(wrong_variable("AKU_GRACE", "436s"), None);
        assert!(wrong_variable("AKU_BEAT", "5").is_some());
    }
}
