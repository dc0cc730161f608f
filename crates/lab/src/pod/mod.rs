//! One pod as a process: sockets, clock, faults and disk around an [`Engine`].
//!
//! One thread and one poll loop for everything, so 33 pods stay small and a burst of requests costs one write to disk.
//! The host decides nothing about the database: it carries bytes in and out and applies the faults on the way.

mod config;
mod control;
mod dial;
mod host;
mod listeners;
mod peer;
mod sockets;

use std::{fs::OpenOptions, io, path::Path, sync::Mutex};

use super::{io::Engine, io::Micros, process};
pub use config::{PodConfig, Release};
pub use control::{Answer, Request, request};

/// What an engine is made from.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// The pod's settings.
    pub config: &'a PodConfig,
    /// Its directory; files of the engine go here.
    pub dir: &'a Path,
    /// The time of the start.
    pub now: Micros,
}

/// Runs a pod in `dir` until it is told to stop. Listens first, so that a second process for the same pod fails before
/// it touches the data; then writes the pid file, makes the engine and serves.
///
/// # Errors
/// An address is taken, the engine cannot be made, or the disk refuses a write; the process must then end with a
/// failure without sending anything more.
pub fn run_pod<E: Engine>(dir: &Path, make: impl FnOnce(&Boot<'_>) -> io::Result<E>) -> io::Result<()> {
    let config = PodConfig::load(dir)?;
    let _log = log_to(dir)?;
    let outcome = serve(&config, dir, make);
    if let Err(error) = &outcome {
        tracing::error!(%error, "the pod ends");
    }
    outcome
}

fn serve<E: Engine>(config: &PodConfig, dir: &Path, make: impl FnOnce(&Boot<'_>) -> io::Result<E>) -> io::Result<()> {
    let host = host::Border::open(config, dir)?;
    process::write_pid(dir)?;
    tracing::info!(pod = %config.ordinal, ip = %config.ip, port = config.port, "listening");
    let engine = make(&Boot { config, dir, now: host.now() })?;
    host.run(engine)
}

/// Log lines of this thread go to `pod.log`; a host is one thread, so several can live in one test process.
fn log_to(dir: &Path) -> io::Result<tracing::subscriber::DefaultGuard> {
    let file = OpenOptions::new().create(true).append(true).open(dir.join(process::LOG))?;
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false)
        .finish();
    Ok(tracing::subscriber::set_default(subscriber))
}
