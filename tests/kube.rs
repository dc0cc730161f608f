//! The life of a StatefulSet without a cluster: what `aku k8s manifests` prints is played by a kubelet and a controller
//! (`crates/stateful`), pods are `aku run` over servers of the lab, and clients write all the time and remember what was
//! acknowledged. Each scenario ends with equal rows and none lost.
//!
//! Scenarios of every run are here and cheap; the others run with AKU_KUBE_ALL=1.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

#[path = "kube/account.rs"]
mod account;
#[path = "kube/always.rs"]
mod always;
#[path = "kube/manifests.rs"]
mod manifests;
#[path = "kube/sometimes.rs"]
mod sometimes;
#[path = "kube/stage.rs"]
mod stage;
