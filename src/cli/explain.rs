//! `aku explain CODE`: the long story behind a code of a plan, a refusal, a failed action or a difference.

use super::{
    common::ExplainArgs,
    secret::Exposure,
    stream::{OutputStyle, Streams, answer, fail},
};
use crate::{
    apply::codes,
    drift::{Kind, Severity},
    exit::Exit,
    plan::{Code, policy::Rule},
    render::{Diagnostic, words::wrap},
    review::Check,
};

/// A code with its kind and its story.
struct Entry {
    word: &'static str,
    kind: &'static str,
    story: &'static str,
}

/// Every code there is: of plans, of runs, of rules, of files, of drift.
fn entries() -> impl Iterator<Item = Entry> {
    let of_plans = Code::ALL.iter().map(|c| Entry { word: c.as_str(), kind: kind(c.as_str()), story: c.explanation() });
    let of_runs = codes::Code::ALL.iter().map(|c| Entry {
        word: c.as_str(),
        kind: "what went wrong in an action",
        story: c.explanation(),
    });
    let of_drift = Kind::ALL.iter().map(|k| Entry {
        word: k.as_str(),
        kind: match k.severity() {
            Severity::Warning => "a difference that aku drift tells of, a warning",
            Severity::Critical => "a difference that aku drift tells of, critical",
        },
        story: k.explanation(),
    });
    let of_rules = Rule::ALL.iter().map(|r| Entry {
        word: r.as_str(),
        kind: "a rule; its level is set by --policy FILE",
        story: r.explanation(),
    });
    let of_files = Check::ALL.iter().map(|c| Entry {
        word: c.as_str(),
        kind: "what is checked of a saved plan",
        story: c.explanation(),
    });
    let of_secrets = Exposure::ALL.iter().map(|c| Entry {
        word: c.as_str(),
        kind: "a warning about a file that the password depends on",
        story: c.explanation(),
    });
    let of_manifests = aku_kube::lint::Code::ALL.iter().map(|c| Entry {
        word: c.as_str(),
        kind: match c.severity() {
            aku_kube::lint::Severity::Error => "a rule of aku k8s lint, an error",
            aku_kube::lint::Severity::Warning => "a rule of aku k8s lint, a warning",
        },
        story: c.explanation(),
    });
    of_plans.chain(of_runs).chain(of_rules).chain(of_files).chain(of_drift).chain(of_manifests).chain(of_secrets)
}

/// Word, kind and story of every code, for the reference.
#[cfg(test)]
pub(super) fn stories() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    entries().map(|e| (e.word, e.kind, e.story))
}

fn kind(word: &str) -> &'static str {
    match word.as_bytes().first() {
        Some(b'R') => "a reason why something is done",
        Some(b'W') => "something to mind; it stops nothing",
        _ => "a reason why there is no plan",
    }
}

/// Runs it.
pub fn run(args: &ExplainArgs, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    let text = match &args.code {
        None => entries().flat_map(|e| [e.word, "\n"]).collect(),
        Some(asked) => match entries().find(|e| matches(e.word, asked)) {
            Some(e) => format!("{}    ({})\n\n{}\n", e.word, e.kind, wrap(e.story, look.width).join("\n")),
            None => return fail(s, look, &unknown(asked)),
        },
    };
    match answer(s, &text) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// The whole word, or its number alone.
fn matches(word: &str, asked: &str) -> bool {
    let number = word.split('-').next().unwrap_or(word);
    word.eq_ignore_ascii_case(asked) || number.eq_ignore_ascii_case(asked)
}

fn unknown(asked: &str) -> Diagnostic {
    let nearest = entries()
        .map(|e| (strsim::jaro_winkler(e.word, asked), e.word))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word);
    let trouble = Diagnostic::new(Exit::Usage, "usage", format!("there is no code \"{asked}\""));
    let trouble = match nearest {
        Some(word) => trouble.next(format!("aku explain {word}")),
        None => trouble,
    };
    trouble.next("aku explain    (lists all)")
}
