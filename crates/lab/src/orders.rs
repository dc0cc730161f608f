//! Faults of a running lab: set, listed and cleared by name, pod by pod.
//!
//! A freeze is a signal from outside; all other faults are orders to the pod's host, which forgets them when it ends.

use aku_core::topology::Ordinal;

use super::{
    Lab, LabError,
    fault::{Fault, NamedFault},
    lab_error::io_error,
    pod::{self, Answer, Request},
    process::{self, Life},
};

/// Name of the fault that a frozen pod shows.
const FREEZE: &str = "freeze";

impl Lab {
    fn order(&self, pod: Ordinal, request: &Request) -> Result<Answer, LabError> {
        self.check(pod)?;
        if self.life(pod) == Life::Down {
            return Err(LabError::NotRunning(pod));
        }
        match pod::request(&self.pod_dir(pod), request).map_err(|source| LabError::Control { pod, source })? {
            Answer::Refused(why) => Err(LabError::Fault(why)),
            answer @ (Answer::Done | Answer::Named(_) | Answer::Faults(_)) => Ok(answer),
        }
    }

    /// Sets a fault and returns its name. A frozen pod's fault is always called `freeze`.
    ///
    /// # Errors
    /// The pod is not running, or the name is taken.
    pub fn fault(&self, pod: Ordinal, name: Option<&str>, fault: Fault) -> Result<String, LabError> {
        match fault {
            Fault::Freeze if name.is_some_and(|n| n != FREEZE) => {
                Err(LabError::Fault(format!("a freeze is always called \"{FREEZE}\"")))
            }
            Fault::Freeze => {
                self.check(pod)?;
                let what = io_error(format!("cannot freeze pod {pod}"));
                let frozen = process::freeze(&self.pod_dir(pod)).map_err(what)?;
                if frozen { Ok(FREEZE.to_owned()) } else { Err(LabError::NotRunning(pod)) }
            }
            fault => match self.order(pod, &Request::Set { name: name.map(str::to_owned), fault })? {
                Answer::Named(name) => Ok(name),
                Answer::Done | Answer::Faults(_) | Answer::Refused(_) => {
                    Err(LabError::Fault("the pod gave a strange answer".to_owned()))
                }
            },
        }
    }

    /// Faults of one pod; none when it has no process. Of a frozen pod only the freeze is known.
    ///
    /// # Errors
    /// The pod does not answer.
    pub fn faults(&self, pod: Ordinal) -> Result<Vec<NamedFault>, LabError> {
        match self.life(pod) {
            Life::Down => Ok(Vec::new()),
            Life::Frozen(_) => Ok(vec![NamedFault { name: FREEZE.to_owned(), fault: Fault::Freeze, left: None }]),
            Life::Up(_) => match self.order(pod, &Request::List)? {
                Answer::Faults(faults) => Ok(faults),
                Answer::Done | Answer::Named(_) | Answer::Refused(_) => Ok(Vec::new()),
            },
        }
    }

    /// Clears one fault of a pod.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn clear(&self, pod: Ordinal, name: &str) -> Result<(), LabError> {
        if name == FREEZE && matches!(self.life(pod), Life::Frozen(_)) {
            return self.thaw(pod);
        }
        self.order(pod, &Request::Clear(name.to_owned())).map(|_| ())
    }

    /// Clears every fault of a pod and thaws it. Fine when there is none.
    ///
    /// # Errors
    /// The pod does not answer.
    pub fn clear_all(&self, pod: Ordinal) -> Result<(), LabError> {
        match self.life(pod) {
            Life::Down => return Ok(()),
            Life::Frozen(_) => self.thaw(pod)?,
            Life::Up(_) => {}
        }
        self.order(pod, &Request::ClearAll).map(|_| ())
    }

    fn thaw(&self, pod: Ordinal) -> Result<(), LabError> {
        process::thaw(&self.pod_dir(pod)).map(|_| ()).map_err(io_error(format!("cannot thaw pod {pod}")))
    }
}
