//! The kubelet, for one pod: one thread that mounts, starts, probes, starts again and stops. Does what the template says and what
//! it is told; looks at nothing but exit codes.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

use crate::{
    clock,
    cluster::Shared,
    controller::Phase,
    manifest::{Container, PodTemplate, Probe},
    sandbox::{Came, Sandbox, code},
};

/// Grace of a template that names none.
const GRACE: u64 = 30;

/// What a kubelet is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// The pod is to end within this time.
    Stop(Duration),
    /// The kubelet was started anew: a hook that runs is run once more, with the whole grace.
    Again,
    /// The first process of the container ended.
    Ended(i32),
    /// A hook ended.
    Hooked,
}

/// How a life of a container ended.
enum End {
    /// The pod is to go.
    Stopped,
    /// The container is started again.
    Died(i32),
}

/// A pod on its node.
pub(crate) struct Kubelet {
    pub shared: Arc<Shared>,
    pub uid: u64,
    pub pod: u8,
    pub template: Arc<PodTemplate>,
    pub send: Sender<Message>,
    pub inbox: Receiver<Message>,
}

/// A probe and when it is due.
struct Turn<'a> {
    probe: &'a Probe,
    due: Instant,
    failed: u32,
}

impl<'a> Turn<'a> {
    fn new(probe: &'a Probe) -> Self {
        Self { probe, due: Instant::now(), failed: 0 }
    }

    /// Asks; whether it succeeded.
    fn ask(&mut self, sandbox: &Sandbox) -> bool {
        let came = sandbox.exec(&self.probe.exec.command, Duration::from_secs(self.probe.timeout_seconds));
        let good = matches!(came, Ok((Came::Code(0), _)));
        self.failed = if good { 0 } else { self.failed + 1 };
        self.due = Instant::now() + clock::pause(self.probe.period_seconds);
        good
    }

    fn over(&self) -> bool {
        self.failed >= self.probe.failure_threshold
    }
}

/// The grace of a template.
pub(crate) fn grace(template: &PodTemplate) -> Duration {
    Duration::from_secs(template.spec.termination_grace_period_seconds.unwrap_or(GRACE))
}

impl Kubelet {
    /// The life of the pod.
    pub(crate) fn run(self) {
        if self.shared.mounted(self.uid, self.pod, &self.inbox) {
            self.live();
        }
        self.shared.gone(self.uid, self.pod);
    }

    fn container(&self) -> &Container {
        &self.template.spec.containers[0]
    }

    fn live(&self) {
        for restarts in 0.. {
            if self.told_to_stop_within(clock::back_off(restarts)) {
                return;
            }
            let started = self.shared.sandbox(self.uid, self.pod, restarts, &self.template).and_then(|sandbox| {
                let words: Vec<_> = self.container().command.iter().chain(&self.container().args).cloned().collect();
                let child = sandbox.start(&words)?;
                Ok((Arc::new(sandbox), child))
            });
            let (sandbox, mut child) = match started {
                Ok(both) => both,
                Err(e) => {
                    self.event(&format!("cannot be started: {e}"));
                    continue;
                }
            };
            let first = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            let send = self.send.clone();
            thread::spawn(move || {
                let _ = send.send(Message::Ended(child.wait().map_or(-1, code)));
            });
            self.shared.change(self.uid, self.pod, "started", |pod| {
                pod.phase = Phase::Running;
                pod.restarts = restarts;
                pod.container = Some(Arc::clone(&sandbox));
                pod.first = first;
            });
            let end = self.watch(&sandbox, first);
            sandbox.kill_all();
            let message = std::fs::read_to_string(sandbox.path("/dev/termination-log")).unwrap_or_default();
            let text = match &end {
                End::Stopped => "stopped".to_owned(),
                End::Died(code) => format!("ended with {code}"),
            };
            self.shared.change(self.uid, self.pod, &text, |pod| {
                pod.ready = false;
                pod.container = None;
                pod.first = None;
                pod.message = message;
            });
            match end {
                End::Stopped => return,
                End::Died(_) => {}
            }
        }
    }

    fn event(&self, text: &str) {
        self.shared.change(self.uid, self.pod, text, |_| {});
    }

    fn told_to_stop_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Message::Stop(_)) => return true,
                Ok(Message::Again | Message::Ended(_) | Message::Hooked) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Probes until the container ends or is to end.
    fn watch(&self, sandbox: &Sandbox, first: Option<Pid>) -> End {
        let container = self.container();
        let mut startup = container.startup_probe.as_ref().map(Turn::new);
        let mut ready = container.readiness_probe.as_ref().map(Turn::new);
        let mut live = container.liveness_probe.as_ref().map(Turn::new);
        if startup.is_none() && ready.is_none() {
            self.set_ready(true);
        }
        loop {
            // The startup probe latches; the others are off until then.
            let turn = match &startup {
                Some(turn) => Some(turn.due),
                None => ready.iter().chain(&live).map(|turn| turn.due).min(),
            };
            let message = match turn {
                Some(due) => self.inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => self.inbox.recv().map_err(|mpsc::RecvError| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Stop(grace)) => {
                    self.stop(sandbox, first, grace);
                    return End::Stopped;
                }
                Ok(Message::Ended(code)) => return End::Died(code),
                Ok(Message::Again | Message::Hooked) => continue,
                Err(RecvTimeoutError::Disconnected) => return End::Stopped,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if let Some(turn) = &mut startup {
                if turn.ask(sandbox) {
                    startup = None;
                    if ready.is_none() {
                        self.set_ready(true);
                    }
                } else if turn.over() {
                    return self.restart(sandbox, first, "the startup probe failed");
                }
                continue;
            }
            if let Some(turn) = ready.as_mut().filter(|turn| turn.due <= now) {
                if turn.ask(sandbox) {
                    self.set_ready(true);
                } else if turn.over() {
                    self.set_ready(false);
                }
            }
            if let Some(turn) = live.as_mut().filter(|turn| turn.due <= now)
                && !turn.ask(sandbox)
                && turn.over()
            {
                return self.restart(sandbox, first, "the liveness probe failed");
            }
        }
    }

    fn set_ready(&self, ready: bool) {
        self.shared.set_ready(self.uid, self.pod, ready);
    }

    /// A probe failed: the container is stopped as a pod is, with the hook, and started again.
    fn restart(&self, sandbox: &Sandbox, first: Option<Pid>, why: &str) -> End {
        self.event(why);
        match self.stop(sandbox, first, grace(&self.template)) {
            Some(code) => End::Died(code),
            None => End::Stopped,
        }
    }

    /// The stop of a container (`killContainer`): the hook inside the grace, at least 2 s for the rest, SIGTERM to the first
    /// process alone, SIGKILL to all at the end. `None`: it was told meanwhile that the whole pod is to go.
    fn stop(&self, sandbox: &Sandbox, first: Option<Pid>, mut grace: Duration) -> Option<i32> {
        self.set_ready(false);
        let mut whole = false;
        let mut began = Instant::now();
        let hook = self.container().lifecycle.as_ref().filter(|_| !grace.is_zero()).map(|l| &l.pre_stop.exec.command);
        if let Some(words) = hook {
            self.event("preStop");
            self.begin(sandbox, words);
            loop {
                match self.inbox.recv_timeout((began + grace).saturating_duration_since(Instant::now())) {
                    Ok(Message::Hooked) => break,
                    // Delivery is at least once.
                    Ok(Message::Again) => {
                        self.event("preStop once more");
                        began = Instant::now();
                        self.begin(sandbox, words);
                    }
                    // The first process is gone, and the hook with it.
                    Ok(Message::Ended(code)) => return Some(code),
                    Ok(Message::Stop(shorter)) => {
                        whole = true;
                        grace = grace.min(shorter);
                    }
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                        self.event("FailedPreStopHook");
                        break;
                    }
                }
            }
        }
        if let Some(pid) = first {
            // Gone is as good as signalled.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let mut deadline = Instant::now() + clock::after_hook(grace, began.elapsed());
        loop {
            match self.inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Message::Ended(code)) => return (!whole).then_some(code),
                Ok(Message::Stop(shorter)) => {
                    whole = true;
                    deadline = deadline.min(Instant::now() + shorter.max(clock::LEAST_GRACE));
                }
                Ok(Message::Again | Message::Hooked) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.event("SIGKILL: the grace is over");
                    sandbox.kill_all();
                    deadline = Instant::now() + GRACE_OF_THE_KERNEL;
                }
            }
        }
    }

    fn begin(&self, sandbox: &Sandbox, words: &[String]) {
        let send = self.send.clone();
        let begun = sandbox.begin(words, move || drop(send.send(Message::Hooked)));
        if let Err(e) = begun {
            self.event(&format!("FailedPreStopHook: {e}"));
            let _ = self.send.send(Message::Hooked);
        }
    }
}

/// Until the end of a killed process is told.
const GRACE_OF_THE_KERNEL: Duration = Duration::from_secs(5);

/// Where the pieces of a pod are.
pub(crate) fn pod_dir(dir: &std::path::Path, name: &str, uid: u64) -> PathBuf {
    dir.join("pods").join(format!("{name}.{uid}"))
}
