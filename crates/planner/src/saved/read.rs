//! Reading a saved plan. What cannot be trusted (no plan, edited, another major version) is refused at once. What can be
//! trusted but not carried out by this release is a [`Misfit`]: shown to a reader, never applied.

use std::collections::BTreeMap;

use aku_core::{
    document::{self, Fault},
    plan::{ActionId, Plan},
    topology::Ordinal,
};
use foldhash::{HashMap, HashMapExt as _};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    DOCUMENT, PLANNER_REV, Saved, completeness,
    shown::{self, Cited, List},
    summary, to_value,
};
use crate::{
    facts::{Fact, FactId, Facts, Post, Uses},
    policy::Finding,
    risk::Risk,
};

/// Why this release must not apply a plan that is otherwise sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// An operation that this release does not have.
    #[error("action {action} is \"{op}\", which this release does not know")]
    UnknownOp {
        /// As written.
        action: String,
        /// Its word.
        op: String,
    },
    /// Something that a reader has to know about.
    #[error("the plan relies on \"{0}\", which this release does not know")]
    MustUnderstand(String),
    /// Another release plans in another way.
    #[error("the plan was made by planner revision {found}; this release has revision {PLANNER_REV}")]
    OtherPlanner {
        /// Of the file; 0 when it names none.
        found: u32,
    },
    /// Another release would send other statements than the reviewer read.
    #[error("the statements in the plan are not what this release would send for {0}")]
    OtherStatements(String),
    /// A number, list or name of the file is not derived from its plan as this release derives it.
    #[error("{0} in the file does not follow from its actions")]
    OtherSums(&'static str),
}

/// A sound file, whether or not this release can apply it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The file.
    pub document: Value,
    /// The plan; `None` when an operation is not known.
    pub saved: Option<Saved>,
    /// Why it must not be applied; empty when it may.
    pub misfits: Vec<Misfit>,
}

#[derive(Deserialize)]
struct Head {
    plan_id: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    producer: Producer,
    target: Target,
    observer: Observer,
    conf_digest: String,
    facts: Vec<Fact>,
    #[serde(default)]
    fact_lists: Vec<List>,
    #[serde(default)]
    must_understand: Vec<String>,
    #[serde(default)]
    policy: Vec<Finding>,
}

#[derive(Deserialize)]
struct Producer {
    aku: String,
    #[serde(default)]
    planner_rev: u32,
}

#[derive(Deserialize)]
struct Target {
    service: String,
}

#[derive(Deserialize)]
struct Observer {
    ordinal: Option<Ordinal>,
}

/// What an action of the file tells of facts.
#[derive(Deserialize)]
struct Cites {
    id: ActionId,
    because: Because,
    #[serde(default)]
    pre: Vec<FactId>,
    #[serde(default)]
    post: Vec<Post>,
}

#[derive(Deserialize)]
struct Because {
    #[serde(default)]
    facts: Cited,
}

impl Reading {
    /// Reads a document.
    ///
    /// # Errors
    /// It is no plan, was edited, or has another major version.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let document = document::parse(text, DOCUMENT)?;
        let shape = |e: serde_json::Error| Fault::Malformed { noun: DOCUMENT.noun, said: e.to_string() };
        let head = Head::deserialize(&document).map_err(shape)?;
        let mut misfits: Vec<Misfit> = head.must_understand.iter().cloned().map(Misfit::MustUnderstand).collect();
        if head.producer.planner_rev != PLANNER_REV {
            misfits.push(Misfit::OtherPlanner { found: head.producer.planner_rev });
        }
        let unknown = unknown_ops(&document["plan"]);
        if !unknown.is_empty() {
            misfits.extend(unknown);
            return Ok(Self { document, saved: None, misfits });
        }
        let plan = match Plan::deserialize(&document["plan"]) {
            Ok(plan) => plan,
            // Another revision may have added a goal, a state or a field as well.
            Err(_) if misfits.iter().any(|m| matches!(m, Misfit::OtherPlanner { .. })) => {
                return Ok(Self { document, saved: None, misfits });
            }
            Err(e) => return Err(shape(e)),
        };
        let cites: Vec<Cites> = Deserialize::deserialize(&document["plan"]["actions"]).map_err(shape)?;
        let malformed = |said: String| Fault::Malformed { noun: DOCUMENT.noun, said };
        let lists = shown::read(head.fact_lists).map_err(malformed)?;
        let mut written = HashMap::new();
        let mut uses: BTreeMap<ActionId, Uses> = BTreeMap::new();
        for c in cites {
            let because = c.because.facts.resolve(&lists, &mut written).map_err(malformed)?;
            uses.insert(c.id, Uses { pre: c.pre, because, post: c.post });
        }
        let saved = Saved {
            plan_id: head.plan_id,
            created_at: head.created_at,
            expires_at: head.expires_at,
            producer: head.producer.aku,
            planner_rev: head.producer.planner_rev,
            observer: head.observer.ordinal,
            service: head.target.service,
            conf_digest: head.conf_digest,
            facts: Facts { all: head.facts, uses },
            policy: head.policy,
            plan,
        };
        if misfits.is_empty() {
            misfits.extend(not_derived(&document, &saved));
        }
        Ok(Self { document, saved: Some(saved), misfits })
    }

    /// The plan, if this release may apply it.
    ///
    /// # Errors
    /// The first reason why it may not.
    pub fn strict(self) -> Result<Saved, Misfit> {
        match (self.misfits.into_iter().next(), self.saved) {
            (Some(misfit), _) => Err(misfit),
            (None, Some(saved)) => Ok(saved),
            (None, None) => Err(Misfit::OtherSums("the plan")),
        }
    }
}

/// Operations that cannot be read, by the word alone: a known word with a wrong field is a malformed file.
fn unknown_ops(plan: &Value) -> Vec<Misfit> {
    let empty = Vec::new();
    let actions = plan["actions"].as_array().unwrap_or(&empty);
    let unknown = |a: &Value| {
        let op = a["op"].as_str()?;
        (!crate::operations::operations().iter().any(|known| known == op)).then(|| {
            let action = a["id"].as_u64().map_or_else(|| "?".to_owned(), |n| format!("A{n}"));
            Misfit::UnknownOp { action, op: op.to_owned() }
        })
    };
    actions.iter().filter_map(unknown).collect()
}

/// Whatever the file says twice must be said alike: a reviewer reads the statements, we send the operations.
fn not_derived(document: &Value, saved: &Saved) -> Option<Misfit> {
    let empty = Vec::new();
    let shown = document["plan"]["actions"].as_array().unwrap_or(&empty);
    for (action, shown) in saved.plan.actions.iter().zip(shown) {
        let own = [("sql", to_value(shown::sql(action))), ("effect", to_value(action.op.effect()))];
        if own.iter().any(|(name, own)| shown[name] != *own) {
            return Some(Misfit::OtherStatements(action.id.to_string()));
        }
    }
    let again = json!({
        "risk": Risk::of(&saved.plan),
        "summary": summary(&saved.plan),
        "fingerprint": saved.fingerprint(),
        "view": { "completeness": completeness(&saved.plan) },
    });
    ["risk", "summary", "fingerprint", "view"]
        .into_iter()
        .find(|f| !includes(&document[f], &again[f]))
        .map(Misfit::OtherSums)
}

/// Whether a file says at least what we would say; a later minor version may say more.
fn includes(file: &Value, own: &Value) -> bool {
    match (file, own) {
        (Value::Object(file), Value::Object(own)) => own.iter().all(|(k, v)| file.get(k) == Some(v)),
        (file, own) => file == own,
    }
}
