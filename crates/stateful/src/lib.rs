//! A kubelet and a StatefulSet controller for tests and the demo: what is in the manifests is done, with real processes.
//!
//! The only input is YAML; what is not understood of it is a failure ([`manifest`]). Pods are process trees of their own over
//! servers of the lab. It is a model of what Kubernetes does (each rule cites `kubernetes.md` of the reference by its words),
//! knows nothing of aku but the program's path, and never asks aku how it is in any way that Kubernetes has not.
//!
//! * [`manifest`]: objects, read strictly. * [`controller`]: what the StatefulSet controller does next; pure.
//! * [`clock`]: which times are shortened. * `sandbox`: one container: root, variables, process tree.
//! * `kubelet`: one thread for each pod: volumes, probes, restarts, the stop algorithm.
//! * [`cluster`]: nodes, volumes, names, Services, the API that people use.

pub mod clock;
pub mod cluster;
pub mod controller;
mod kubelet;
pub mod manifest;
mod sandbox;
