//! Whoever can write a file can compute its digest. So every field of every reviewed plan is changed, name and digest are
//! computed anew, and the plan has to be refused, unless [`MAY_DIFFER`] lists the field.

#![allow(clippy::disallowed_methods)] // Plans are files of the repository.

use std::{collections::BTreeMap, path::PathBuf};

use aku_core::{
    conf,
    desired::Desired,
    document::{self, Document as _},
    observe::{Capture, Observed},
};
use serde_json::{Value, json};

use super::{Origin, Saved, again, again::MAY_DIFFER, id};

struct Known {
    name: &'static str,
    document: Value,
    desired: Desired,
    observed: Observed,
    origin: Origin,
}

fn read(path: &str) -> String {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    std::fs::read_to_string(root.join(path)).unwrap()
}

fn known(name: &'static str) -> Known {
    let path = format!("plans/{name}.json");
    let goal: aku_core::desired::Goal =
        serde_json::from_value(serde_json::from_str::<Value>(&read(&path)).unwrap()["plan"]["goal"].clone()).unwrap();
    let capture = Capture::parse(&read(&format!("snapshots/captured-{name}.json"))).unwrap();
    let conf = conf::parse("captured.conf", read("snapshots/captured.conf").as_bytes()).config.unwrap();
    let desired = Desired::new(&conf, goal, |pod| capture.addresses[&pod].clone());
    let origin = Origin {
        observer: capture.here,
        service: desired.service.clone(),
        conf_digest: capture.conf_digest.clone(),
        at: capture.created_at,
    };
    let observed = capture.into_observed_for(goal.pod());
    if std::env::var_os("AKU_WRITE_PLANS").is_some() {
        let plan = crate::make(&desired, &observed).unwrap();
        let facts = crate::facts::Facts::of(&plan, &desired, &observed);
        let saved = Saved::new(plan, facts, origin.clone());
        let found = saved.own_findings();
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        std::fs::write(root.join(&path), saved.judged(crate::policy::Policy::default(), found).text()).unwrap();
    }
    let text = read(&path);
    Known { name, document: serde_json::from_str(&text).unwrap(), desired, observed, origin }
}

impl Known {
    /// Whether `aku apply` would go on, after whoever changed the file did what can be done to hide it.
    fn passes(&self, mut document: Value) -> bool {
        if document["plan_id"] == self.document["plan_id"] {
            let mut bare = document.clone();
            bare["plan_id"] = "".into();
            bare["policy"] = json!([]);
            if let Some(bare) = bare.as_object_mut() {
                bare.remove("rules");
            }
            let at = document["created_at"].as_str().and_then(|t| t.parse().ok()).unwrap_or(self.origin.at);
            document["plan_id"] = id::plan_id(at, &document::digest(&bare)).into();
        }
        document["digest"] = document::digest(&document).into();
        Saved::parse(&document.to_string())
            .is_ok_and(|saved| again::same_document(&saved, &self.desired, &self.observed, &self.origin).is_ok())
    }
}

/// A way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    At(usize),
}

fn walk(value: &Value, way: &mut Vec<Step>, all: &mut Vec<Vec<Step>>) {
    all.push(way.clone());
    let mut into = |step: Step, value: &Value| {
        way.push(step);
        walk(value, way, all);
        way.pop();
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, v)| into(Step::Name(name.clone()), v)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| into(Step::At(i), v)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn at<'v>(value: &'v mut Value, way: &[Step]) -> &'v mut Value {
    way.iter().fold(value, |value, step| match step {
        Step::Name(name) => &mut value[name],
        Step::At(i) => &mut value[i],
    })
}

/// `facts[].value`
fn pattern(way: &[Step]) -> String {
    way.iter().fold(String::new(), |text, step| match step {
        Step::Name(name) if text.is_empty() => name.clone(),
        Step::Name(name) => format!("{text}.{name}"),
        Step::At(_) => format!("{text}[]"),
    })
}

/// What somebody could make of a value.
fn edits(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![json!(1), json!("x")],
        Value::Bool(b) => vec![json!(!b)],
        Value::Number(n) => vec![json!(n.as_u64().unwrap_or(0) + 1), json!(0)],
        Value::String(s) => {
            let other = if s.ends_with('1') { "2" } else { "1" };
            let last = s.char_indices().next_back().map_or(0, |(at, _)| at);
            vec![json!(format!("{}{other}", &s[..last])), json!(format!("{s} (approved)")), json!("")]
        }
        Value::Array(items) => {
            let mut all = vec![json!(items.iter().chain(items.last()).collect::<Vec<_>>())];
            all.push(json!(items.iter().chain([&json!("x")]).collect::<Vec<_>>()));
            if !items.is_empty() {
                all.extend([json!([]), json!(items[1..])]);
                let mut turned = items.clone();
                turned.reverse();
                all.push(json!(turned));
            }
            all
        }
        Value::Object(fields) => {
            let without = |name: &String| {
                let mut fields = fields.clone();
                fields.remove(name);
                Value::Object(fields)
            };
            let mut all: Vec<Value> = fields.keys().map(without).collect();
            let mut more = fields.clone();
            more.insert("approved_by".to_owned(), json!("security team"));
            all.push(Value::Object(more));
            all
        }
    }
}

fn is_listed(document: &Value, way: &[Step]) -> bool {
    let place = pattern(way);
    let key = match way {
        [Step::Name(facts), Step::At(i), ..] if facts == "facts" => document["facts"][i]["key"].as_str().unwrap_or(""),
        _ => "",
    };
    MAY_DIFFER.iter().any(|may| {
        let below = place.strip_prefix(may.path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        below && key.contains(may.of)
    })
}

#[test]
fn every_field_is_made_again_or_refused() {
    let all = std::env::var("AKU_MUTATIONS").is_ok_and(|all| all == "all");
    let mut tried = 0;
    for known in ["first-start", "end", "catch-up", "recovery"].map(known) {
        assert!(
            known.passes(known.document.clone()),
            "{} is not what is planned now; AKU_WRITE_PLANS=1 writes it; read what changed",
            known.name
        );
        let mut ways = Vec::new();
        walk(&known.document, &mut Vec::new(), &mut ways);
        // Of places that are alike two, unless all are asked for: facts by their key as well.
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for way in ways {
            let kind = match way.as_slice() {
                [Step::Name(facts), Step::At(i), ..] if facts == "facts" => {
                    known.document["facts"][i]["key"].as_str().unwrap_or("").rsplit('/').next().unwrap_or("").to_owned()
                }
                _ => String::new(),
            };
            let times = seen.entry(pattern(&way) + &kind).or_default();
            *times += 1;
            if (!all && *times > 2) || pattern(&way) == "digest" {
                continue;
            }
            for edit in edits(at(&mut known.document.clone(), &way)) {
                let mut changed = known.document.clone();
                *at(&mut changed, &way) = edit.clone();
                // The digest is computed anew, so a document without one is the document.
                // Signatures are listed, and lie beside what is signed.
                let no_digest = way.is_empty() && (edit.get("digest").is_none() || edit.get("signatures").is_none());
                if changed == known.document || no_digest {
                    continue;
                }
                tried += 1;
                let was = at(&mut known.document.clone(), &way).clone();
                let listed = is_listed(&known.document, &way) || again::same_words(&was, &edit);
                assert!(listed || !known.passes(changed), "{} {}: {edit}", known.name, pattern(&way));
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn what_is_listed_is_there_and_says_why() {
    let known = known("first-start");
    let mut ways = Vec::new();
    walk(&known.document, &mut Vec::new(), &mut ways);
    for may in MAY_DIFFER {
        let absent = matches!(may.path, "rules" | "sentences");
        assert!(absent || ways.iter().any(|way| pattern(way) == may.path), "{}", may.path);
        assert!(may.because.len() > 20, "{}", may.path);
    }
}

#[test]
fn rows_and_positions_may_move_and_their_words_must_fit_them() {
    let mut known = known("first-start");
    assert!(known.passes(known.document.clone()));
    for view in known.observed.pods.values_mut() {
        if let aku_core::observe::PodView::Seen(pod) = view {
            for (_, n) in &mut pod.rows {
                *n = aku_core::observe::RowCount::Counted(n.at_least() + 7);
            }
        }
    }
    assert!(known.passes(known.document.clone()), "more rows on the pods change no word of the file");
    let mut lied = known.document.clone();
    let rows = lied["plan"]["decision"]["rows"][0]["joiner"].as_u64().unwrap_or(0);
    lied["plan"]["decision"]["rows"][0]["joiner"] = json!(rows + 1);
    assert!(!known.passes(lied), "the file contradicts itself");
}

#[test]
fn a_denial_cannot_be_taken_out() {
    let known = known("first-start");
    let saved = Saved::parse(&known.document.to_string()).unwrap();
    let rules =
        crate::policy::parse("protect = [\"SYS.T1\"]\nmax_rows_deleted = 0\n[levels]\nP003 = \"deny\"\n").unwrap();
    let found = crate::policy::judge(
        &rules,
        crate::policy::Subject { facts: &saved.facts, plan: Some(&saved.plan) },
        crate::policy::Use::default(),
    );
    assert!(crate::policy::denied(&found).count() > 0);
    let denied = saved.judged(rules, found).document();
    assert!(known.passes(denied.clone()), "its denial is for whoever applies it to see");
    let mut emptied = denied.clone();
    emptied["policy"] = json!([]);
    assert!(!known.passes(emptied));
    let mut softened = denied;
    softened["policy"][0]["level"] = "warn".into();
    assert!(!known.passes(softened));
}
