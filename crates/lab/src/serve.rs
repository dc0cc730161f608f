//! Where the host of a pod and the database meet.

use std::{io, path::Path, sync::Arc, thread};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
    low_level,
};

use super::{
    pod::{self, Boot, Release, Request},
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
    listen(dir)?;
    pod::run_pod(dir, |boot| Server::open(server_config(boot), SqliteStore::open(&boot.dir.join(DATA))?, boot.now))
}

/// Exit code of a server that died of a signal.
const CRASHED: i32 = 255;

/// Signals mean what they mean to a real server (`measured.md` 9.3): SIGINT ends it in order, once; a second one, one before
/// it serves, and SIGTERM at any time are a crash.
fn listen(dir: &Path) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let dir = dir.to_owned();
    thread::Builder::new().name("signals".to_owned()).stack_size(64 << 10).spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            let first = signal == SIGINT && !asked;
            asked = true;
            if !first || pod::request(&dir, &Request::Stop).is_err() {
                low_level::exit(CRASHED);
            }
        }
    })?;
    Ok(())
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
        locale: config.locale.clone(),
        log_dir: boot.dir.canonicalize().unwrap_or_else(|_| boot.dir.to_owned()).display().to_string(),
        logs: Arc::new(PodDirectories(DATA)),
    }
}
