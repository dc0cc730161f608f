//! What all objects have.

use std::collections::BTreeMap;

use serde::Serialize;

pub type Map = BTreeMap<String, String>;

/// An object: `apiVersion`, `kind`, `metadata`, and the rest.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object<T> {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: Meta,
    #[serde(flatten)]
    pub rest: T,
}

#[derive(Clone, Debug, Serialize)]
pub struct Spec<T> {
    pub spec: T,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Meta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub labels: Map,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub annotations: Map,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    pub match_labels: Map,
}

/// A port by number or by name.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum PortRef {
    Number(u16),
    Name(&'static str),
}

#[derive(Clone, Debug, Serialize)]
pub struct ConfigMapData {
    pub data: Map,
}
