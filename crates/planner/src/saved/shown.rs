//! The file of a plan as it is written: each action with its effect, its statements and its facts, which follow from the rest.
//! A list of facts that many actions were decided from is written once.

use std::{borrow::Cow, collections::BTreeMap};

use aku_core::{
    plan::{
        Action, ActionId, Effect, Plan, Reason,
        wire::{self, FEW},
    },
    topology::Ordinal,
};
use foldhash::{HashMap, HashMapExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DOCUMENT, Saved, Signature, completeness, summary};
use crate::{
    facts::{Fact, FactId, FactList, Facts, Post, Uses},
    policy::{Finding, Policy},
    risk::Risk,
};

/// Number of a list of facts inside its plan, from 1; written as `L1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^L[0-9]+$"))]
pub(crate) struct ListId(usize);

impl From<ListId> for String {
    fn from(id: ListId) -> Self {
        format!("L{}", id.0)
    }
}

impl TryFrom<String> for ListId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_prefix('L').and_then(|n| n.parse().ok());
        number.map(Self).ok_or_else(|| format!("\"{text}\" is no number of a list of facts"))
    }
}

/// Facts that several actions were decided from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct List {
    /// Its number.
    pub(super) id: ListId,
    /// The facts.
    pub(super) facts: Vec<FactId>,
}

/// A few facts, or a list of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Cited {
    /// These.
    Facts(Vec<FactId>),
    /// Those of a list.
    List(ListId),
}

impl Default for Cited {
    fn default() -> Self {
        Self::Facts(Vec::new())
    }
}

#[derive(Serialize)]
pub(super) struct Sealed<'a> {
    #[serde(flatten)]
    pub(super) bare: Document<'a>,
    pub(super) digest: String,
    pub(super) signatures: &'a [Signature],
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    conf_digest: &'a str,
    created_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fact_lists: Vec<List>,
    facts: &'a [Fact],
    fingerprint: String,
    format_version: &'static str,
    kind: &'static str,
    must_understand: [(); 0],
    observer: Observer,
    plan: wire::Plan<'a, Shown<'a>>,
    plan_id: &'a str,
    policy: &'a [Finding],
    producer: Producer<'a>,
    risk: Risk,
    #[serde(skip_serializing_if = "Policy::is_built_in")]
    rules: Cow<'a, Policy>,
    summary: BTreeMap<String, usize>,
    target: Target<'a>,
    view: View,
}

#[derive(Serialize)]
struct Observer {
    ordinal: Option<Ordinal>,
}

#[derive(Serialize)]
struct Producer<'a> {
    aku: &'a str,
    planner_rev: u32,
}

#[derive(Serialize)]
struct Target<'a> {
    service: &'a str,
    statefulset: &'a str,
}

#[derive(Serialize)]
struct View {
    completeness: &'static str,
}

/// An action with what follows from it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    #[serde(flatten)]
    action: wire::Action<'a, Because<'a>>,
    effect: Effect,
    post: &'a [Post],
    pre: &'a [FactId],
    sql: Vec<String>,
}

#[derive(Serialize)]
struct Because<'a> {
    #[serde(flatten)]
    reason: &'a Reason,
    facts: Cited,
}

/// Numbers the lists that more than one action cites.
struct Lists {
    numbers: HashMap<usize, ListId>,
    all: Vec<List>,
}

impl Lists {
    fn of(facts: &Facts) -> Self {
        let mut users: HashMap<usize, usize> = HashMap::new();
        for u in facts.uses.values() {
            *users.entry(u.because.identity()).or_default() += 1;
        }
        let mut lists = Self { numbers: HashMap::new(), all: Vec::new() };
        for list in facts.uses.values().map(|u| &u.because) {
            let many = list.facts().len() >= FEW && users.get(&list.identity()).is_some_and(|n| *n > 1);
            if many && !lists.numbers.contains_key(&list.identity()) {
                let id = ListId(lists.all.len() + 1);
                lists.numbers.insert(list.identity(), id);
                lists.all.push(List { id, facts: list.facts().to_vec() });
            }
        }
        lists
    }

    fn cited(&self, list: &FactList) -> Cited {
        let number = self.numbers.get(&list.identity());
        number.map_or_else(|| Cited::Facts(list.facts().to_vec()), |id| Cited::List(*id))
    }
}

/// The statements that an action sends, as they are shown.
pub(super) fn sql(action: &Action) -> Vec<String> {
    action.op.statements().iter().map(ToString::to_string).collect()
}

impl<'a> Document<'a> {
    pub(super) fn of(saved: &'a Saved) -> Self {
        Self { plan_id: saved.plan_id(), ..Self::unnamed(saved) }
    }

    /// Before it had a name and was judged.
    pub(super) fn unjudged(saved: &'a Saved) -> Self {
        Self { policy: &[], rules: Cow::Owned(Policy::default()), ..Self::unnamed(saved) }
    }

    fn unnamed(saved: &'a Saved) -> Self {
        let lists = Lists::of(&saved.facts);
        let plan = shown(&saved.plan, &saved.facts, &lists);
        Self {
            conf_digest: &saved.conf_digest,
            created_at: saved.created_at.to_string(),
            expires_at: saved.expires_at.to_string(),
            fact_lists: lists.all,
            facts: &saved.facts.all,
            fingerprint: saved.fingerprint(),
            format_version: DOCUMENT.version,
            kind: DOCUMENT.word,
            must_understand: [],
            observer: Observer { ordinal: saved.observer },
            plan,
            plan_id: "",
            policy: &saved.policy,
            producer: Producer { aku: &saved.producer, planner_rev: saved.planner_rev },
            risk: Risk::of(&saved.plan),
            rules: Cow::Borrowed(&saved.rules),
            summary: summary(&saved.plan),
            target: Target { service: &saved.service, statefulset: &saved.plan.statefulset },
            view: View { completeness: completeness(&saved.plan) },
        }
    }
}

fn shown<'a>(plan: &'a Plan, facts: &'a Facts, lists: &Lists) -> wire::Plan<'a, Shown<'a>> {
    let uses = |id: ActionId| facts.uses.get(&id);
    let because = |a: &'a Action| {
        let facts = uses(a.id).map(|u| lists.cited(&u.because)).unwrap_or_default();
        Because { reason: &a.because, facts }
    };
    let shown = |a: &'a Action, action| {
        let (pre, post) = uses(a.id).map_or((&[][..], &[][..]), |u: &Uses| (&u.pre, &u.post));
        Shown { action, effect: a.op.effect(), post, pre, sql: sql(a) }
    };
    wire::Plan::of(plan, because, shown)
}

/// Lists of a file, by number.
pub(super) fn read(lists: Vec<List>) -> Result<HashMap<ListId, FactList>, String> {
    let mut known = HashMap::with_capacity(lists.len());
    for List { id, facts } in lists {
        if known.insert(id, facts.into_iter().collect()).is_some() {
            return Err(format!("list of facts {} occurs twice", String::from(id)));
        }
    }
    Ok(known)
}

impl Cited {
    /// The facts. Lists that are written out again and again, as in older files, become one.
    pub(super) fn resolve(
        self,
        lists: &HashMap<ListId, FactList>,
        written: &mut HashMap<Vec<FactId>, FactList>,
    ) -> Result<FactList, String> {
        match self {
            Self::List(id) => {
                lists.get(&id).cloned().ok_or_else(|| format!("there is no list of facts {}", String::from(id)))
            }
            Self::Facts(facts) => Ok(written.entry(facts).or_insert_with_key(|f| f.iter().copied().collect()).clone()),
        }
    }
}
