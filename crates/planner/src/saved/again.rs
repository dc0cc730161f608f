//! Whether a plan that is made now is, as a document, the one that a reviewer saw. Pure.
//!
//! Every field of the file is compared with what is derived from the pods now; what may differ is listed in [`MAY_DIFFER`],
//! each with its reason. Numbers of rows move while clients write and stand in many sentences, so the plan is made once
//! more with the numbers of the file, and has to come out with the very same words.

use aku_core::{
    desired::{Desired, Goal},
    observe::{Observed, PodView, RowCount},
    plan::Refusal,
};
use serde_json::Value;

use super::{Origin, Saved, to_value};
use crate::{
    facts::{Fact, Facts},
    make,
};

/// Something of a file that may be other than what is derived now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MayDiffer {
    /// Where, with everything below; `[]` is any member of a list.
    pub path: &'static str,
    /// For facts: what stands in their key.
    pub of: &'static str,
    /// Why.
    pub because: &'static str,
}

/// What of a file may be other than what is derived now. Everything else is compared.
pub const MAY_DIFFER: [MayDiffer; 10] = [
    may(
        "created_at",
        "",
        "when the facts were seen; one from the future is refused, and expires_at must be 24 hours later",
    ),
    may("expires_at", "", "24 hours after created_at, which the reader sees to"),
    may("plan_id", "", "made from created_at and everything else in the file, which the reader sees to"),
    may("signatures", "", "over the digest; --require-signature says whose are needed"),
    may("rules", "", "the levels and limits when it was made; apply judges anew by the file that it is given"),
    may(
        "policy",
        "",
        "must begin with what those rules find; what a program of the site said behind that is asked anew",
    ),
    may("facts[].value", "rows/", "clients write; more rows to delete than the reviewer saw are refused"),
    may("facts[].value", "/xsn", "positions move while clients write"),
    may("sentences", "", "the number behind SN, XSN and gap is a position and moves while clients write"),
    may("facts[].value", "/sender", "senders come and go; what an action needs of them is looked at when it runs"),
];

const fn may(path: &'static str, of: &'static str, because: &'static str) -> MayDiffer {
    MayDiffer { path, of, because }
}

/// Where two documents differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Such as `plan.actions[3].because.text`.
    pub path: String,
    /// Whether only the first of the two has it.
    pub addition: bool,
}

/// Why a file is not what would be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Differs {
    /// Here.
    At {
        /// Where.
        path: String,
        /// What the file says.
        then: String,
        /// What is so.
        now: String,
    },
    /// With the numbers of rows that the file names there would be no plan.
    NoPlan(Box<Refusal>),
}

/// Compares a file with what would be made now, `origin` saying where.
///
/// # Errors
/// The first place that differs.
pub fn same_document(
    saved: &Saved,
    desired: &Desired,
    observed: &Observed,
    origin: &Origin,
) -> Result<(), Box<Differs>> {
    let at = |path: &str, then: &str, now: &str| {
        Err(Box::new(Differs::At { path: path.to_owned(), then: then.to_owned(), now: now.to_owned() }))
    };
    if saved.conf_digest != origin.conf_digest {
        return at("conf_digest", &saved.conf_digest, &origin.conf_digest);
    }
    if saved.service != origin.service {
        return at("target.service", &saved.service, &origin.service);
    }
    if saved.observer != origin.observer {
        let pod = |p: Option<_>| p.map_or_else(|| "no pod".to_owned(), |p| format!("pod {p}"));
        return at("observer.ordinal", &pod(saved.observer), &pod(origin.observer));
    }
    let observed = with_rows_of(saved, observed);
    let mut plan = make(desired, &observed).map_err(|refusal| Box::new(Differs::NoPlan(Box::new(refusal))))?;
    if let (Goal::Recover(Some(_)), true) = (desired.goal, plan != saved.plan) {
        // Where no source was named, the planner chose one and said why; the file names the source that was chosen.
        let asked = Desired { goal: Goal::Recover(None), ..desired.clone() };
        if let Some(chosen) = make(&asked, &observed).ok().filter(|chosen| *chosen == saved.plan) {
            plan = chosen;
        }
    }
    let facts = Facts::of(&plan, desired, &observed);
    if !saved.facts.same_questions(&facts) {
        return at("facts", "other facts", "those that its actions need");
    }
    for (i, (then, now)) in saved.facts.all.iter().zip(&facts.all).enumerate() {
        if then.value != now.value && !moves(then) {
            return at(&format!("facts[{i}] pod {} {}", then.pod, then.key), &then.value, &now.value);
        }
    }
    if plan == saved.plan {
        return Ok(());
    }
    let (then, now) = (to_value(&saved.plan), to_value(&plan));
    match first_place(&then, &now, &same_words) {
        None => Ok(()),
        Some(Place { path, .. }) => {
            let said = |v: &Value| value_at(v, &path).map_or_else(|| "nothing".to_owned(), short);
            at(&format!("plan.{path}"), &said(&then), &said(&now))
        }
    }
}

/// Facts of which only the numbers move.
fn moves(fact: &Fact) -> bool {
    let object = fact.key.starts_with("replication/") && (fact.key.ends_with("/xsn") || fact.key.ends_with("/sender"));
    fact.volatile && (object || fact.key.starts_with("rows/"))
}

/// What is there, with the numbers of rows of a file.
fn with_rows_of(saved: &Saved, observed: &Observed) -> Observed {
    let mut observed = observed.clone();
    for fact in &saved.facts.all {
        let Some(target) = fact.key.strip_prefix("rows/") else { continue };
        let (Some(count), Some(PodView::Seen(pod))) = (count(&fact.value), observed.pods.get_mut(&fact.pod)) else {
            continue;
        };
        for (_, n) in pod.rows.iter_mut().filter(|(t, _)| t.to_string() == target) {
            *n = count;
        }
    }
    observed
}

/// The number that a fact about rows was written from.
fn count(value: &str) -> Option<RowCount> {
    match value.strip_prefix("at least ") {
        Some(n) => n.parse().ok().map(|at_least| RowCount::AtLeast { at_least }),
        None if value == "not counted" => Some(RowCount::NotCounted),
        None => value.parse().ok().map(RowCount::Counted),
    }
}

/// The same text, or the same but for a position. -1 is no position: it says that there is none.
pub(super) fn same_words(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b || without_positions(a) == without_positions(b),
        (a, b) => a == b,
    }
}

fn without_positions(text: &str) -> String {
    let mut words = text.split(' ');
    let mut kept: Vec<&str> = words.next().into_iter().collect();
    for word in words {
        let number = matches!(kept.last(), Some(&("SN" | "(SN" | "XSN" | "(XSN" | "gap" | "(gap")));
        kept.push(if number { word.trim_start_matches(|c: char| c.is_ascii_digit()) } else { word });
    }
    kept.join(" ")
}

/// The first place where two values differ, by names and numbers.
pub(super) fn first_place(then: &Value, now: &Value, same: &dyn Fn(&Value, &Value) -> bool) -> Option<Place> {
    let inside = |name: String, then: Option<&Value>, now: Option<&Value>| match (then, now) {
        (Some(then), Some(now)) => first_place(then, now, same).map(|mut place| {
            let joint = if place.path.is_empty() || place.path.starts_with('[') { "" } else { "." };
            place.path = format!("{name}{joint}{}", place.path);
            place
        }),
        (then, _) => Some(Place { path: name, addition: then.is_some() }),
    };
    match (then, now) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            names.into_iter().find_map(|name| inside(name.clone(), a.get(name), b.get(name)))
        }
        (Value::Array(a), Value::Array(b)) => {
            (0..a.len().max(b.len())).find_map(|i| inside(format!("[{i}]"), a.get(i), b.get(i)))
        }
        (a, b) => (!same(a, b)).then(|| Place { path: String::new(), addition: false }),
    }
}

/// The value at a place that [`first_place`] named.
fn value_at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty()).try_fold(
        value,
        |value, part| match value {
            Value::Array(list) => list.get(part.parse::<usize>().ok()?),
            other => other.get(part),
        },
    )
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
