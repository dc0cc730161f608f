//! The ConfigMap with aku.conf.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{
    Manifest,
    labels::{Part, map, meta},
    manifest,
};
use crate::{
    api::{ConfigMapData, Object},
    spec::Cluster,
};

/// Key of aku.conf in it.
pub(super) const KEY: &str = "aku.conf";
/// Annotation of the pods with the digest of aku.conf.
pub(crate) const CHECKSUM: &str = "checksum/aku-conf";

pub(super) fn name(c: &Cluster) -> String {
    format!("{}-conf", c.spec.name)
}

/// Digest of aku.conf, as Helm's sha256sum writes it.
pub(crate) fn checksum(conf: &str) -> String {
    Sha256::digest(conf.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn config_map(c: &Cluster) -> Manifest {
    let object = Object {
        api_version: "v1",
        kind: "ConfigMap",
        metadata: meta(c, name(c), Part::Database),
        rest: ConfigMapData { data: map([(KEY, &c.spec.conf)]) },
    };
    let why = [(
        "data",
        "No password is in here: everybody who may see pods may read a ConfigMap. It comes from a Secret, as a file.",
    )];
    manifest("configmap.yaml", &object, &why)
}
