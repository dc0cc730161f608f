//! Names that objects find each other by.

use crate::{
    api::{Map, Meta, Selector},
    spec::Cluster,
};

/// What an object is part of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The servers.
    Database,
    /// The look for drift.
    Drift,
}

/// Labels that never change: a selector is immutable, so no version is in them.
pub(super) fn of(c: &Cluster, part: Part) -> Map {
    let component = match part {
        Part::Database => "database",
        Part::Drift => "drift",
    };
    map([
        ("app.kubernetes.io/name", "altibase"),
        ("app.kubernetes.io/instance", &c.spec.name),
        ("app.kubernetes.io/component", component),
    ])
}

pub(super) fn map<const N: usize>(pairs: [(&str, &str); N]) -> Map {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// Selects the pods of the servers.
pub(super) fn servers(c: &Cluster) -> Selector {
    Selector { match_labels: of(c, Part::Database) }
}

pub(super) fn meta(c: &Cluster, name: impl Into<String>, part: Part) -> Meta {
    Meta {
        name: Some(name.into()),
        namespace: c.options.namespace.clone(),
        labels: of(c, part),
        annotations: Map::new(),
    }
}
