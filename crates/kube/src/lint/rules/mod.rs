//! The rules, by what they are about.

mod config;
mod controller;
mod disruption;
mod entry;
mod environment;
mod fields;
mod mounts;
mod network;
mod pod;
mod probes;
mod run;
mod security;
mod services;

use super::{Code, Finding, Limits, view::Object};
use crate::{
    spec::ClusterSpec,
    yaml::{Node, Place},
};

use pod::Pod;

/// Whether every file could be read, and every document has a kind. What may be in one that has not is not told to be
/// missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub readable: bool,
}

/// What rules look at.
struct Case<'f> {
    spec: &'f ClusterSpec,
    limits: Limits,
    objects: &'f [Object<'f>],
    /// The StatefulSet.
    set: Object<'f>,
    pod: Pod<'f>,
    /// `aku run`, where the container starts it.
    entry: Option<entry::Entry>,
}

impl<'f> Case<'f> {
    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &'f Object<'f>> {
        self.objects.iter().filter(move |o| o.kind == kind)
    }

    /// The labels of the pods.
    fn labels(&self) -> Option<&'f Node> {
        self.set.get(&["spec", "template", "metadata", "labels"])
    }

    /// Something about the pods.
    fn about(&self, code: Code, at: Place, message: impl Into<String>) -> Finding {
        self.set.finding(code, at, message)
    }
}

/// All of them.
pub(super) fn all<'f>(
    spec: &'f ClusterSpec,
    limits: Limits,
    objects: &'f [Object<'f>],
    sight: Sight,
    findings: &mut Vec<Finding>,
) {
    controller::names(objects, findings);
    fields::rules(objects, findings);
    config::secrets(spec, objects, findings);
    security::rbac(objects, findings);
    let Some(set) = controller::chosen(spec, objects) else {
        controller::no_set(spec, objects, sight, findings);
        return;
    };
    let pod = Pod::new(set, objects);
    let case = Case { spec, limits, objects, set, pod, entry: entry::Entry::of(&pod) };
    controller::rules(&case, findings);
    services::rules(&case, sight, findings);
    network::rules(&case, findings);
    entry::rules(&case, findings);
    probes::rules(&case, findings);
    environment::rules(&case, findings);
    config::rules(&case, findings);
    mounts::rules(&case, sight, findings);
    disruption::rules(&case, sight, findings);
    security::rules(&case, findings);
}
