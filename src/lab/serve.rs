//! Where the host of a pod and the database meet.

use std::{io, path::Path};

use super::{
    io::{Engine, Input, Micros, Output},
    pod,
};

/// Runs the pod of `dir` in this process until it is told to stop.
///
/// # Errors
/// As [`pod::run_pod`].
pub fn serve(dir: &Path) -> io::Result<()> {
    pod::run_pod(dir, |_| Err::<NoEngine, _>(io::Error::other("this build has no database")))
}

/// Stands where the database will be.
enum NoEngine {}

impl Engine for NoEngine {
    fn handle(&mut self, _: Micros, _: Input, _: &mut Vec<Output>) {
        match *self {}
    }

    fn next_deadline(&self) -> Option<Micros> {
        match *self {}
    }

    fn persist(&mut self) -> io::Result<()> {
        match *self {}
    }
}
