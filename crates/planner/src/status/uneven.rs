//! What should be the same on every server and is not. Pods that do not say are named beside it, never counted as right.

use std::collections::BTreeMap;

use aku_core::{
    observe::{Observed, Pod},
    topology::Ordinal,
};
use schemars::JsonSchema;
use serde::Serialize;

/// A fact that servers do not have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Uneven {
    /// Which fact, in one to three words.
    pub fact: &'static str,
    /// Who has which value.
    pub values: BTreeMap<String, Vec<Ordinal>>,
    /// Pods that were seen and do not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Ordinal>,
}

type Ask = fn(&Pod) -> Option<String>;

/// What is compared, in the order in which it is told.
const FACTS: [(&str, Ask); 4] = [
    ("server version", |p| p.server.version.clone()),
    ("replication protocol", |p| p.server.replication_protocol.clone()),
    ("character set", |p| p.server.characters.as_ref().map(ToString::to_string)),
    ("time zone", |p| p.server.time_zone.clone()),
];

/// Of what was seen.
pub(super) fn of(observed: &Observed) -> Vec<Uneven> {
    let one = |(fact, ask): (&'static str, Ask)| {
        let mut values: BTreeMap<String, Vec<Ordinal>> = BTreeMap::new();
        let mut unknown = Vec::new();
        for (pod, seen) in observed.pods.keys().filter_map(|pod| Some((*pod, observed.pod(*pod)?))) {
            match ask(seen) {
                Some(value) => values.entry(value).or_default().push(pod),
                None => unknown.push(pod),
            }
        }
        (values.len() > 1).then_some(Uneven { fact, values, unknown })
    };
    FACTS.into_iter().filter_map(one).collect()
}
