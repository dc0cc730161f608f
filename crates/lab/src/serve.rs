//! Where the host of a pod and the database meet.

use std::{io, path::Path, sync::Arc};

use super::{
    pod::{self, Boot, Release},
    server::{self, Server},
    store::{PodDirectories, SqliteStore},
};

/// The database file in a pod's directory.
pub(super) const DATA: &str = "data.db";

/// Runs the pod of `dir` in this process until it is told to stop.
///
/// # Errors
/// As [`pod::run_pod`].
pub fn serve(dir: &Path) -> io::Result<()> {
    pod::run_pod(dir, |boot| Server::open(server_config(boot), SqliteStore::open(&boot.dir.join(DATA))?, boot.now))
}

/// A pod's settings in the database's terms.
fn server_config(boot: &Boot<'_>) -> server::PodConfig {
    let config = boot.config;
    let names = config.hosts.iter().filter(|&(_, &ip)| ip == config.ip).map(|(name, _)| name.clone());
    server::PodConfig {
        generation: match config.server {
            Release::R2018 => server::Generation::V2018,
            Release::R72 => server::Generation::V7_2,
        },
        ip: config.ip.to_string(),
        names: names.collect(),
        port: config.port,
        replication_port: config.replication_port,
        boot_properties: config.properties.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
        pace: config.pace,
        copy_pace: config.copy_pace,
        logs: Arc::new(PodDirectories(DATA)),
    }
}
