//! The objects of a cluster, each as a file of YAML with comments.

pub(crate) mod config;
pub(crate) mod database;
pub(crate) mod drift;
mod labels;
mod limits;
mod monitoring;
mod services;

use serde::Serialize;

use crate::{
    print::{self, Why},
    spec::{Cluster, Wanted},
};

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// A name for its file.
    pub file: String,
    /// The text, one document without `---`.
    pub yaml: String,
}

/// What mounts and variables say of where things are in the container.
pub(crate) mod place {
    /// aku.conf.
    pub const CONF: &str = "/etc/aku/conf";
    /// The password.
    pub const PASSWORD: &str = "/etc/aku/secret";
    /// The file of the password in it.
    pub const PASSWORD_FILE: &str = "password";
}

/// Everything that the options ask for, in the order in which it is applied: names before pods.
#[must_use]
pub fn manifests(c: &Cluster) -> Vec<Manifest> {
    let mut all = vec![config::config_map(c), services::peers(c), services::clients(c)];
    all.extend(if_wanted(c.options.per_pod, || services::per_pod(c)).into_iter().flatten());
    all.extend(if_wanted(c.options.network_policy, || limits::network_policy(c)));
    all.push(limits::budget(c));
    all.push(database::stateful_set(c));
    all.extend(if_wanted(c.options.drift, || drift::cron_job(c)));
    all.extend(if_wanted(c.options.monitoring, || monitoring::objects(c)).into_iter().flatten());
    all
}

fn if_wanted<T>(wanted: Wanted, write: impl FnOnce() -> T) -> Option<T> {
    match wanted {
        Wanted::Yes => Some(write()),
        Wanted::No => None,
    }
}

/// All of them as one stream.
#[must_use]
pub fn stream(c: &Cluster) -> String {
    let licence = c.options.licence.as_ref().map_or_else(String::new, |key| {
        format!("#   kubectl create secret generic {} --from-file={}=LICENCE-FILE\n", key.secret, key.key)
    });
    let password = &c.options.password;
    let head = format!(
        "# Written by aku k8s manifests; aku.conf is the source. Change that, or the flags, and write it anew.\n\
         # Secrets are not written; they have to be there before the first pod:\n\
         #   kubectl create secret generic {} --from-file={}=FILE\n{licence}",
        password.secret, password.key,
    );
    manifests(c).iter().fold(head, |all, m| format!("{all}---\n{}", m.yaml))
}

fn manifest<T: Serialize>(file: impl Into<String>, object: &T, reasons: &[Why]) -> Manifest {
    Manifest { file: file.into(), yaml: print::annotate(&print::plain(object), reasons) }
}

#[cfg(test)]
mod tests;
