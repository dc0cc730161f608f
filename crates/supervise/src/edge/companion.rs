//! The companion: a process that looks at the pods and serves metrics while the pod serves or waits.

use std::{os::unix::process::CommandExt as _, process::Stdio, time::Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{COMPANION, Edge};
use crate::{machine::State, words::Level};

impl Edge<'_> {
    /// A companion looks at the pods as often as it likes, so there is none while a start or an end needs the only session that
    /// a closed pod admits (DESIGN D8).
    pub(super) fn accompany(&mut self) {
        match (self.companion, self.welcome()) {
            (Some(pid), false) => {
                // It is reaped, and missed, like everybody.
                let _ = kill_process_group(pid, Signal::KILL);
            }
            (None, true) if self.next_companion <= Instant::now() => {
                let Some(mut command) = self.world.companion() else { return };
                match command.stdin(Stdio::null()).process_group(0).spawn() {
                    Ok(process) => self.companion = i32::try_from(process.id()).ok().and_then(Pid::from_raw),
                    Err(e) => {
                        let name = command.get_program().display().to_string();
                        self.world.log(Level::Warn, &format!("{name} cannot be started: {e}"));
                        self.next_companion = Instant::now() + COMPANION;
                    }
                }
            }
            (Some(_), true) | (None, true | false) => {}
        }
    }

    /// Whether the pod has room for a companion.
    pub(super) fn welcome(&self) -> bool {
        match self.machine.state() {
            State::Serve | State::Parked(_) => self.exit.is_none(),
            State::Init(_) | State::Boot | State::Join | State::End | State::Stop(_) | State::Over(_) => false,
        }
    }
}
