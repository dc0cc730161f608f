//! Settings that a run changed for a while and did not put back: it was killed. One judgement for plan, drift and check.

use super::{Client, Observed, Sender};
use crate::{sql::setting::Setting, topology::Ordinal};

/// One such setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// Where.
    pub pod: Ordinal,
    /// Which.
    pub setting: Setting,
    /// What it is put back to.
    pub back: i64,
    /// Where that is known from.
    pub known: Known,
}

/// Where the value before is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The run that changed it wrote it down.
    Journal,
    /// Nobody knows: it is the server's default.
    Default,
}

impl Observed {
    /// What a setting of a pod is to be when no run needs it otherwise.
    #[must_use]
    pub fn value_before(&self, pod: Ordinal, setting: Setting) -> (i64, Known) {
        let remembered = self.remembered.get(&pod).and_then(|of| of.get(&setting));
        match remembered.filter(|value| **value != setting.during()) {
            Some(value) => (*value, Known::Journal),
            None => (setting.default_value(), Known::Default),
        }
    }

    /// What was left behind on the pods that were seen. Nothing on a pod where a run is at work, and no lock timeout where a
    /// SYNC runs: both may need what they set.
    #[must_use]
    pub fn left_behind(&self) -> Vec<LeftBehind> {
        let mut all = Vec::new();
        for pod in self.pods.keys().copied() {
            let Some(seen) = self.pod(pod) else { continue };
            if seen.clients.iter().any(|c: &Client| c.at_work().is_some()) {
                continue;
            }
            let copies = seen.replications.values().any(|r| r.sender == Sender::Syncing);
            for setting in Setting::ALL {
                let needed = match setting {
                    Setting::SyncLockTimeout => copies,
                    Setting::DdlEnable => false,
                };
                if !needed && seen.property(setting.name()) == Some(setting.during()) {
                    let (back, known) = self.value_before(pod, setting);
                    all.push(LeftBehind { pod, setting, back, known });
                }
            }
        }
        all
    }
}
