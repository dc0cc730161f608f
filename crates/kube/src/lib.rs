//! Everything between `aku.conf` and a running StatefulSet, as text: objects of Kubernetes, a Helm chart, a
//! kustomization, and a judgement of manifests that others wrote.
//!
//! Pure: takes a [`Cluster`], returns text. Reads no file, writes none, talks to no cluster.

pub mod api;
mod build;
mod chart;
mod kustomize;
pub mod lint;
mod print;
pub mod secret;
mod spec;
#[cfg(test)]
mod testing;
pub mod yaml;

pub use build::{Manifest, manifests, stream};
pub use chart::{File, chart};
pub use kustomize::kustomize;
pub use spec::{
    Access, AtEnd, Cluster, ClusterSpec, EndSeconds, LONGEST_NAME, METRICS_PORT, Members, Options, Quantity, SecretKey,
    SpecError, StopSignal, Wanted, is_dns_label, is_dns_subdomain,
};
