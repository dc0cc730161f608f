//! K301 to K307: who is the first process, who ends the replication, and in what time.

use super::{
    Case,
    pod::{Pod, Variable},
};
use crate::{
    lint::{Code, Finding, view::words},
    yaml::Node,
};

/// terminationGracePeriodSeconds when nobody says anything.
const DEFAULT_GRACE: i64 = 30;

pub(super) fn rules(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let command = c.pod.command();
    let at_command = crate::lint::view::place(c.pod.container, &["command"]);
    let flags = run_flags(&command).map(|f| f.or_variables(&c.pod));
    let grace = c.pod.spec.get("terminationGracePeriodSeconds").map_or(Some(DEFAULT_GRACE), Node::int);
    let at_grace = c.set.place(&["spec", "template", "spec", "terminationGracePeriodSeconds"]);
    let sleep = c.pod.sleep();
    let stop = flags.as_ref().and_then(|f| f.server_stop).unwrap_or(c.limits.server_stop);
    let needed = c.spec.end.total() + stop + sleep;
    if grace.and_then(|g| u64::try_from(g).ok()).is_none_or(|g| g < needed) {
        let shown = grace.map_or_else(|| "no number".to_owned(), |g| format!("{g} s"));
        let message = format!(
            "the grace period is {shown}; an end takes up to {} s, the stop of the server {stop} s, the hook {sleep} s, \
             together {needed} s",
            c.spec.end.total()
        );
        findings.push(c.about(Code::Grace, at_grace, message));
    }
    match flags {
        Some(flags) => {
            if ends(&hook(c)) {
                let at = crate::lint::view::place(c.pod.container, &["lifecycle", "preStop"]);
                findings.push(c.about(Code::TwoEnds, at, "the preStop hook runs an end, and so does aku run"));
            }
            let right = grace.and_then(|g| u64::try_from(g).ok()).map(|g| g.saturating_sub(sleep));
            // Told nothing, it reckons with what aku.conf needs; whether there is so much was asked above.
            if flags.grace.is_some() && flags.grace != right {
                let told = flags.grace.unwrap_or_default();
                let right = right.map_or_else(|| "unknown".to_owned(), |g| format!("{g} s"));
                let message = format!("aku run is told {told} s, what is left of the grace period is {right}");
                findings.push(c.about(Code::GraceUntold, at_command, message));
            }
        }
        None => first_process(c, &command, at_command, findings),
    }
}

/// What the preStop hook runs.
fn hook(c: &Case<'_>) -> String {
    words(c.pod.container.at(&["lifecycle", "preStop", "exec", "command"])).join(" ")
}

/// Whether an end is run somewhere in a text: `aku -p end`, `aku apply end`.
fn ends(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_end = |w: &[&str]| {
        w[0].trim_start_matches(['(', '{', '\'', '"', '`']).rsplit('/').next() == Some("aku")
            && matches!(w[1], "-p" | "--pod" | "apply")
            && w[2].trim_matches(['"', '\'', ';', ')', '}']).eq_ignore_ascii_case("end")
    };
    words.windows(3).any(is_end)
}

/// Somebody else than `aku run` is the first process.
fn first_process(c: &Case<'_>, command: &[String], at: crate::yaml::Place, findings: &mut Vec<Finding>) {
    let hook = hook(c);
    let all = command.join(" ");
    let is_ended = ends(&hook) || ends(&all) || c.pod.scripts().any(ends);
    let program = command.first().map(|w| w.rsplit('/').next().unwrap_or(w).to_owned());
    match program.as_deref() {
        None if !is_ended => {
            findings.push(c.about(Code::EntryUnseen, at, "the container starts what its image says"));
            return;
        }
        Some("altibase") => findings.push(c.about(Code::ServerFirst, at, "the server is the first process")),
        Some("sh" | "bash" | "ash" | "dash" | "ksh") => {
            findings.push(c.about(Code::ShellFirst, at, "a shell is the first process"));
        }
        Some(_) | None => {}
    }
    if !is_ended {
        findings.push(c.about(Code::NoEnd, at, "nothing in these files runs an end"));
    }
}

struct Flags {
    grace: Option<u64>,
    server_stop: Option<u64>,
}

impl Flags {
    /// A flag outweighs its variable.
    fn or_variables(self, pod: &Pod<'_>) -> Self {
        let variable = |name| match pod.variable(name) {
            Variable::Is(value, _) => seconds(&value),
            Variable::From(_) | Variable::Unset | Variable::Unseen(..) => None,
        };
        Self {
            grace: self.grace.or_else(|| variable("AKU_GRACE")),
            server_stop: self.server_stop.or_else(|| variable("AKU_SERVER_STOP")),
        }
    }
}

/// The flags of `aku run`, also within the text of a shell; `None` when it is not run.
fn run_flags(command: &[String]) -> Option<Flags> {
    let words: Vec<&str> = command.iter().flat_map(|w| w.split_whitespace()).collect();
    let at = words.windows(2).position(|w| w[0].rsplit('/').next() == Some("aku") && w[1] == "run")?;
    let rest: Vec<&str> = words[at + 2..].iter().copied().take_while(|w| *w != "--").collect();
    let flag = |name: &str| {
        let n = rest.iter().position(|w| w.split('=').next() == Some(name))?;
        let value = rest[n].split_once('=').map(|(_, v)| v).or_else(|| rest.get(n + 1).copied())?;
        seconds(value)
    };
    Some(Flags { grace: flag("--grace"), server_stop: flag("--server-stop") })
}

/// A time with or without a unit; less than a second counts as none.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let n: u64 = digits.parse().ok()?;
    match &text[digits.len()..] {
        "" | "s" => Some(n),
        "m" => n.checked_mul(60),
        "h" => n.checked_mul(3600),
        "ms" => Some(n / 1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let table =
            [("436s", Some(436)), ("436", Some(436)), ("7m", Some(420)), ("1h", Some(3600)), ("x", None), ("5d", None)];
        for (text, want) in table {
            assert_eq!(seconds(text), want, "{text}");
        }
    }

    #[test]
    fn flags_of_aku_run() {
        let read = |text: &str| {
            run_flags(&text.split('|').map(str::to_owned).collect::<Vec<_>>()).map(|f| (f.grace, f.server_stop))
        };
        assert_eq!(read("aku|run|--grace=436s|--server-stop|2m|--|x|--grace=1s"), Some((Some(436), Some(120))));
        assert_eq!(read("sh|-c|exec /bin/aku run --grace 60 -- altibase -n"), Some((Some(60), None)));
        assert_eq!(read("aku|run"), Some((None, None)));
        assert_eq!(read("aku|-p|start"), None);
    }
}
