//! K301 to K312: who is the first process, who ends the replication, and in what time.

use super::{
    Case,
    pod::{Pod, Variable},
    run::{self, Run, seconds},
};
use crate::{
    lint::{
        Code, Finding,
        shell::{self, Shell, Source, base, is_shell},
        view::{place, words},
    },
    yaml::{Node, Place},
};

/// terminationGracePeriodSeconds when nobody says anything.
const DEFAULT_GRACE: i64 = 30;

/// Who stands between Kubernetes and `aku run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// Nobody, or somebody who hands signals on.
    Nobody,
    Shell(Shell, Traps),
    /// su: ends its child 2 s after SIGTERM.
    Su,
}

/// Whether a text catches signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Traps {
    No,
    Yes,
}

/// `aku run` in the container.
pub(super) struct Entry {
    pub run: Run,
    holder: Holder,
}

impl Entry {
    /// `None` when the container does not start `aku run`, as far as these files tell.
    pub(super) fn of(pod: &Pod<'_>) -> Option<Self> {
        let command = pod.command();
        // Before it may stand what hands signals on: tini, env.
        let is_last = |w: &String| {
            base(w) == "aku" || is_shell(w) || matches!(base(w), "su" | "runuser") || pod.script(w).is_some()
        };
        let at = command.iter().position(is_last)?;
        let (program, arguments) = (command[at].as_str(), &command[at + 1..]);
        match base(program) {
            "aku" => run::read(arguments).map(|run| Self { run, holder: Holder::Nobody }),
            "su" | "runuser" => {
                let texts = arguments.iter().filter(|a| a.contains(' '));
                texts.filter_map(|text| in_text(text)).map(|(run, _)| Self { run, holder: Holder::Su }).next()
            }
            _ => {
                let text = text(pod, program, arguments)?;
                let (run, shell) = in_text(text)?;
                let traps = if shell::traps(text) { Traps::Yes } else { Traps::No };
                Some(Self { run, holder: Holder::Shell(shell, traps) })
            }
        }
    }
}

/// What a shell reads, or a script that is started by itself; of a script that is called from a text, the script.
fn text<'a>(pod: &Pod<'a>, program: &'a str, arguments: &'a [String]) -> Option<&'a str> {
    if !is_shell(program) {
        return pod.script(program);
    }
    match shell::source(arguments) {
        Source::Text(text) if in_text(text).is_some() => Some(text),
        Source::Text(text) => {
            let commands = shell::commands(text);
            let called = commands.iter().flat_map(|c| &c.words).find_map(|w| pod.script(w));
            called.or(Some(text))
        }
        Source::File(file) => pod.script(file),
        Source::Input => None,
    }
}

/// The `aku run` of a text.
fn in_text(text: &str) -> Option<(Run, Shell)> {
    shell::commands(text).into_iter().find_map(|c| {
        let at = c.words.iter().position(|w| base(w) == "aku")?;
        Some((run::read(&c.words[at + 1..])?, c.shell))
    })
}

pub(super) fn rules(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let at_command = place(c.pod.container, &["command"]);
    let run = c.entry.as_ref().map(|e| &e.run);
    // A flag outweighs its variable.
    let time = |name| match c.pod.variable(name) {
        Variable::Is(value, _) => seconds(&value),
        Variable::From(_) | Variable::Unset | Variable::Unseen(..) => None,
    };
    let told = run.and_then(|r| r.grace.or_else(|| time("AKU_GRACE")));
    let grace = c.pod.spec.get("terminationGracePeriodSeconds").map_or(Some(DEFAULT_GRACE), Node::int);
    let grace = grace.and_then(|g| u64::try_from(g).ok());
    let at_grace = c.set.place(&["spec", "template", "spec", "terminationGracePeriodSeconds"]);
    let sleep = c.pod.sleep();
    let stop = run.and_then(|r| r.server_stop.or_else(|| time("AKU_SERVER_STOP"))).unwrap_or(c.limits.server_stop);
    let needed = c.spec.end.total() + stop + sleep;
    if grace.is_none_or(|g| g < needed) {
        let shown = grace.map_or_else(|| "no number".to_owned(), |g| format!("{g} s"));
        let message = format!(
            "the grace period is {shown}; an end takes up to {} s, the stop of the server {stop} s, the hook {sleep} s, \
             together {needed} s",
            c.spec.end.total()
        );
        findings.push(c.about(Code::Grace, at_grace, message));
    }
    let Some(entry) = &c.entry else {
        first_process(c, &c.pod.command(), at_command, findings);
        return;
    };
    if ends(&hook(c)) {
        let at = place(c.pod.container, &["lifecycle", "preStop"]);
        findings.push(c.about(Code::TwoEnds, at, "the preStop hook runs an end, and so does aku run"));
    }
    // Told nothing, it reckons with what aku.conf needs; whether there is so much was asked above.
    let right = grace.map(|g| g.saturating_sub(sleep));
    if let Some(told) = told.filter(|t| Some(*t) != right) {
        let right = right.map_or_else(|| "unknown".to_owned(), |g| format!("{g} s"));
        let message = format!("aku run is told {told} s, what is left of the grace period is {right}");
        findings.push(c.about(Code::GraceUntold, at_command, message));
    }
    held(c, entry.holder, findings);
    told_wrong(c, &entry.run, findings);
    server(c, &entry.run, findings);
}

/// Who keeps SIGTERM from `aku run`.
fn held(c: &Case<'_>, holder: Holder, findings: &mut Vec<Finding>) {
    let at = c.pod.word_place(&["aku", "run"]);
    let (code, message) = match holder {
        Holder::Nobody | Holder::Shell(Shell::Gone, _) => return,
        Holder::Su => (Code::SignalHeld, "su is in front of aku run, and kills it 2 s after SIGTERM"),
        Holder::Shell(Shell::Stays, Traps::No) => (Code::SignalHeld, "a shell stays the first process beside aku run"),
        // It may hand them on.
        Holder::Shell(Shell::Stays, Traps::Yes) => (Code::ShellFirst, "a shell with a trap is the first process"),
        Holder::Shell(Shell::Perhaps, _) => {
            (Code::ShellFirst, "a shell starts aku run without exec, and not every shell gives way to its only command")
        }
    };
    findings.push(c.about(code, at, message));
}

/// What `aku run` refuses, or had better not be told for ever.
fn told_wrong(c: &Case<'_>, run: &Run, findings: &mut Vec<Finding>) {
    for (word, why) in &run.refused {
        findings.push(c.about(Code::RunFlag, c.pod.word_place(&[word]), why.as_str()));
    }
    for name in run::variables() {
        if let Variable::Is(value, at) = c.pod.variable(name)
            && !value.is_empty()
            && let Some(why) = run::wrong_variable(name, &value)
        {
            findings.push(c.about(Code::RunFlag, at, why));
        }
    }
    if let Some(word) = &run.creates {
        findings.push(c.about(
            Code::CreatesDatabase,
            c.pod.word_place(&[word]),
            "a pod with an empty volume makes a new database",
        ));
    }
}

/// What is started behind `aku run --`, and how it is stopped.
fn server(c: &Case<'_>, run: &Run, findings: &mut Vec<Finding>) {
    let signal = match (&run.stop_signal, c.pod.variable("AKU_STOP_SIGNAL")) {
        (Some(flag), _) => Some((flag.clone(), c.pod.word_place(&["--stop-signal"]))),
        (None, Variable::Is(value, at)) => Some((value, at)),
        (None, Variable::From(_) | Variable::Unset | Variable::Unseen(..)) => None,
    };
    let crashes = |s: &str| ["TERM", "QUIT"].iter().any(|w| w.eq_ignore_ascii_case(s));
    if let Some((signal, at)) = signal.filter(|(s, _)| crashes(s) && run.is_altibase()) {
        let message = format!("Altibase is to be stopped by SIG{}", signal.to_ascii_uppercase());
        findings.push(c.about(Code::StopSignal, at, message));
    }
    let Some((program, arguments)) = run.server.split_first() else { return };
    if !is_shell(program) && c.pod.script(program).is_none() {
        return;
    }
    let at = c.pod.word_place(&[program]);
    let Some(text) = text(&c.pod, program, arguments) else {
        let message = format!("what {} starts behind aku run is not in these files", run.server.join(" "));
        findings.push(c.about(Code::EntryUnseen, at, message));
        return;
    };
    let gives_way =
        shell::commands(text).iter().any(|k| k.shell == Shell::Gone && k.words.first().is_some_and(|w| !is_shell(w)));
    if !gives_way {
        findings.push(c.about(Code::ServerInShell, at, "a shell stays around the server behind aku run"));
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
        base(w[0].trim_start_matches(['(', '{', '\'', '"', '`'])) == "aku"
            && matches!(w[1], "-p" | "--pod" | "apply")
            && w[2].trim_matches(['"', '\'', ';', ')', '}']).eq_ignore_ascii_case("end")
    };
    words.windows(3).any(is_end)
}

/// Somebody else than `aku run` is the first process.
fn first_process(c: &Case<'_>, command: &[String], at: Place, findings: &mut Vec<Finding>) {
    let hook = hook(c);
    let all = command.join(" ");
    let is_ended = ends(&hook) || ends(&all) || c.pod.scripts().any(ends);
    // Arguments alone are for what the image starts.
    let program = c.pod.container.get("command").and(command.first()).map(|w| base(w));
    match program {
        None if !is_ended => {
            findings.push(c.about(Code::EntryUnseen, at, "the container starts what its image says"));
            return;
        }
        Some("altibase") => findings.push(c.about(Code::ServerFirst, at, "the server is the first process")),
        Some(program) if is_shell(program) => {
            findings.push(c.about(Code::ShellFirst, at, "a shell is the first process"));
        }
        Some(_) | None => {}
    }
    if !is_ended {
        findings.push(c.about(Code::NoEnd, at, "nothing in these files runs an end"));
    }
}
