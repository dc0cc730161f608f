//! Reading a saved plan. What cannot be trusted (no plan, edited, another major version) is refused at once. What can be
//! trusted but not carried out by this release is a [`Misfit`]: shown to a reader, never applied.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use aku_core::{
    document::{self, Fault},
    plan::{ActionId, Plan},
    topology::Ordinal,
};
use foldhash::{HashMap, HashMapExt as _};
use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{
    DOCUMENT, PLANNER_REV, Saved, Signature,
    again::{self, Place},
    id::PlanId,
    shown::{self, Cited, List},
};
use crate::{
    facts::{Fact, FactId, Facts, Post, Uses},
    policy::{Finding, Policy},
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
    /// Another program may say other words.
    #[error("the plan was made by aku {found}; this is aku {}", env!("CARGO_PKG_VERSION"))]
    OtherProgram {
        /// Of the file.
        found: String,
    },
    /// Another release would send other statements than the reviewer read.
    #[error("the statements in the plan are not what this release would send for {0}")]
    OtherStatements(String),
    /// The file holds something that this release does not know.
    #[error("{0} in the file is nothing that this release knows")]
    Addition(String),
    /// Something in the file is not what this release derives from the rest of it.
    #[error("{0} in the file does not follow from the rest of it")]
    Other(String),
}

impl Misfit {
    /// Whether this release can show the plan in all forms all the same.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        match self {
            Self::OtherPlanner { .. } | Self::MustUnderstand(_) | Self::OtherProgram { .. } | Self::Addition(_) => true,
            Self::UnknownOp { .. } | Self::OtherStatements(_) | Self::Other(_) => false,
        }
    }
}

/// A sound file, whether or not this release can apply it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
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
    must_understand: Few<String>,
    #[serde(default)]
    rules: Policy,
    #[serde(default)]
    policy: Vec<Finding>,
    #[serde(default)]
    signatures: Vec<Signature>,
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

/// The plan of a file, and nothing else of it.
#[derive(Deserialize)]
struct OfPlan<T> {
    plan: T,
}

/// The actions of a file, and nothing else of it.
#[derive(Deserialize)]
struct OfActions<T> {
    actions: T,
}

/// An action of any release.
#[derive(Deserialize)]
struct AnyAction {
    id: Option<u64>,
    op: Option<String>,
}

/// The first of a list that should be short; the rest is read over, so that a list of millions takes no memory.
struct Few<T>(Vec<T>);

/// How many those are.
const FEW: usize = 64;

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Few<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
                let mut few = Vec::new();
                while few.len() < FEW {
                    let Some(one) = list.next_element()? else { return Ok(Few(few)) };
                    few.push(one);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Few(few))
            }
        }
        json.deserialize_seq(List(PhantomData))
    }
}

/// Operations that this release does not know, the first of them.
struct Unknown(Vec<Misfit>);

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Unknown;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("actions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unknown, A::Error> {
                let mut unknown = Vec::new();
                while let Some(AnyAction { id, op }) = list.next_element()? {
                    let known = |op: &String| crate::operations::operations().contains(op);
                    if let Some(op) = op.filter(|op| !known(op)).filter(|_| unknown.len() < FEW) {
                        let action = id.map_or_else(|| "?".to_owned(), |n| format!("A{n}"));
                        unknown.push(Misfit::UnknownOp { action, op });
                    }
                }
                Ok(Unknown(unknown))
            }
        }
        json.deserialize_seq(List)
    }
}

impl Reading {
    /// Reads a document. Nothing but the plan itself is built of it.
    ///
    /// # Errors
    /// It is no plan, was edited, or has another major version.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let digest = document::verified(text, DOCUMENT)?;
        let malformed = |said: String| Fault::Malformed { noun: DOCUMENT.noun, said };
        let shape = |e: serde_json::Error| malformed(e.to_string());
        let head: Head = serde_json::from_str(text).map_err(shape)?;
        let mut misfits: Vec<Misfit> = head.must_understand.0.into_iter().map(Misfit::MustUnderstand).collect();
        if head.producer.planner_rev != PLANNER_REV {
            misfits.push(Misfit::OtherPlanner { found: head.producer.planner_rev });
        }
        if head.producer.aku != env!("CARGO_PKG_VERSION") {
            misfits.push(Misfit::OtherProgram { found: head.producer.aku.clone() });
        }
        let unknown = unknown_ops(text);
        if !unknown.is_empty() {
            misfits.extend(unknown);
            return Ok(Self { saved: None, misfits });
        }
        let plan = match serde_json::from_str::<OfPlan<Plan>>(text) {
            Ok(of) => of.plan,
            // Another revision may have added a goal, a state or a field as well.
            Err(_) if misfits.iter().any(|m| matches!(m, Misfit::OtherPlanner { .. })) => {
                return Ok(Self { saved: None, misfits });
            }
            Err(e) => return Err(shape(e)),
        };
        let cites: OfPlan<OfActions<Vec<Cites>>> = serde_json::from_str(text).map_err(shape)?;
        let lists = shown::read(head.fact_lists).map_err(malformed)?;
        let mut written = HashMap::new();
        let mut uses: BTreeMap<ActionId, Uses> = BTreeMap::new();
        for c in cites.plan.actions {
            let because = c.because.facts.resolve(&lists, &mut written).map_err(malformed)?;
            uses.insert(c.id, Uses { pre: c.pre, because, post: c.post });
        }
        let saved = Saved {
            plan_id: PlanId::read(head.plan_id),
            created_at: head.created_at,
            expires_at: head.expires_at,
            producer: head.producer.aku,
            planner_rev: head.producer.planner_rev,
            observer: head.observer.ordinal,
            service: head.target.service,
            conf_digest: head.conf_digest,
            facts: Facts { all: head.facts, uses },
            rules: head.rules,
            policy: head.policy,
            signatures: head.signatures,
            plan,
        };
        if misfits.is_empty() {
            misfits.extend(not_derived(text, &digest, &saved));
        }
        Ok(Self { saved: Some(saved), misfits })
    }

    /// The plan, if this release may apply it.
    ///
    /// # Errors
    /// The first reason why it may not.
    pub fn strict(self) -> Result<Saved, Misfit> {
        match (self.misfits.into_iter().next(), self.saved) {
            (Some(misfit), _) => Err(misfit),
            (None, Some(saved)) => Ok(saved),
            (None, None) => Err(Misfit::Other("the plan".to_owned())),
        }
    }
}

/// Operations that cannot be read, by the word alone: a known word with a wrong field is a malformed file.
fn unknown_ops(text: &str) -> Vec<Misfit> {
    // What has another shape is refused by whoever reads the plan itself.
    serde_json::from_str::<OfPlan<OfActions<Unknown>>>(text).map(|of| of.plan.actions.0).unwrap_or_default()
}

/// Whatever the file says twice must be said alike, and nothing may be in it that we would not write: a reviewer reads the
/// statements, we send the operations.
fn not_derived(text: &str, digest: &str, saved: &Saved) -> Option<Misfit> {
    if saved.digest() != digest {
        return Some(first_other(text, saved));
    }
    if saved.expires_at != saved.own_end() {
        return Some(Misfit::Other("expires_at".to_owned()));
    }
    // Behind what the rules find stands what a program said.
    if !saved.policy.starts_with(&saved.own_findings()) {
        return Some(Misfit::Other("policy".to_owned()));
    }
    (saved.plan_id() != saved.own_id()).then(|| Misfit::Other("plan_id".to_owned()))
}

/// Up to this size, in bytes, it is told what is wrong in a file: two trees of values are made for that.
const TOLD: usize = 8 << 20;

/// The first place where a file is not what we would write.
fn first_other(text: &str, saved: &Saved) -> Misfit {
    let other = || Misfit::Other("something".to_owned());
    if text.len() > TOLD {
        return other();
    }
    let Ok(Value::Object(mut file)) = serde_json::from_str(text) else { return other() };
    let Value::Object(mut own) = saved.document() else { return other() };
    for unsigned in ["digest", "signatures"] {
        file.remove(unsigned);
        own.remove(unsigned);
    }
    let (file, own) = (Value::Object(file), Value::Object(own));
    let Some(Place { path, addition }) = again::first_place(&file, &own, &|a, b| a == b) else { return other() };
    if let Some(at) = path.strip_prefix("plan.actions[").and_then(|rest| rest.split(']').next()).filter(|_| !addition) {
        let action = at.parse().ok().and_then(|at: usize| saved.plan.actions.get(at));
        return Misfit::OtherStatements(action.map_or_else(|| "an action".to_owned(), |a| a.id.to_string()));
    }
    if addition { Misfit::Addition(path) } else { Misfit::Other(path) }
}
