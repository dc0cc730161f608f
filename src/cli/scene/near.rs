//! What a look adds from this machine: what journals tell of ends before, and what is in the directory of a dead pod's logs.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{confpath, log_files, wiring::Platform},
    CommandContext,
};
use crate::{
    desired::Goal,
    journal::runs,
    logs::{DeadLogs, Directory, LogPath, Seen},
    observe::Observed,
    topology::Ordinal,
};

impl CommandContext {
    /// The pod that this run is about, where an end has closed it: this run before it had the lock, or one before it.
    pub(super) fn shut_out(&self, world: &dyn Platform, observed: &Observed) -> Option<Ordinal> {
        let me = self.who.pod;
        let pod = observed.pod(me).filter(|p| p.admin_mode())?;
        let by_journal = || {
            let (state, started) = (confpath::state(world.env())?, pod.server.started_at_s?);
            runs::is_shut_out(&state, &self.desired.statefulset, me, started).ok()
        };
        let ends = self.desired.goal == Goal::End(me);
        (ends && (self.shut_out.get() || by_journal().unwrap_or(false))).then_some(me)
    }

    /// What is seen of the logs of a dead pod from here; a directory is read once, however many pods are near.
    pub(super) fn logs(&self) -> DeadLogs {
        let near: BTreeSet<&LogPath> =
            self.log_paths.iter().filter(|(k, _)| self.near.contains(k)).map(|p| p.1).collect();
        let read: BTreeMap<&LogPath, Seen> = near.into_iter().map(|path| (path, log_files::look(path))).collect();
        let seen = |(k, path): (&Ordinal, &LogPath)| {
            let there = read.get(path).filter(|_| self.near.contains(k)).cloned();
            (*k, Directory { path: path.clone(), seen: there.unwrap_or(Seen::NotLooked) })
        };
        self.log_paths.iter().map(seen).collect()
    }
}
