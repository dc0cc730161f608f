//! Whose turn it is when several runs of one StatefulSet begin at once: from the wait for another pod to a plan made under
//! the lock.
//!
//! Runs meet at the lock of a pod that admits users. Where none does, each could only hold the SYSDBA session of its own
//! pod, which all others need for their look. So a start waits for the closed pods with smaller numbers, and holds nothing
//! meanwhile: pod 0 is first, and the others queue at its lock once it is open. Whoever finds a session taken all the same
//! gives its own back before it looks again, after a pause that differs from run to run: nobody waits in a circle.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    running::{News, RunGuard},
    scene::{CommandContext, Retry, busy},
    time::varied,
    wiring::{Admission, Platform},
};
use crate::{
    desired::Goal,
    lock::Held,
    observe::{Observed, PodView},
    plan::{Code, Plan, Refusal, RefusalKind},
    render::{Diagnostic, words},
    topology::Ordinal,
};

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Ours: there is a lock to meet at, or nobody before us.
    Mine,
    /// That pod's, which is closed as ours is.
    After(Ordinal),
}

/// Whose turn it is for a start of `me`.
#[must_use]
pub fn whose(me: Ordinal, doors: &BTreeMap<Ordinal, Admission>) -> Turn {
    if doors.values().any(|door| *door == Admission::Open) {
        return Turn::Mine;
    }
    let closed = |(pod, door): (&Ordinal, &Admission)| (*door == Admission::Closed && *pod < me).then_some(*pod);
    doors.iter().find_map(closed).map_or(Turn::Mine, Turn::After)
}

/// Mean pause between two looks at the doors.
const DOORS: Duration = Duration::from_millis(500);
/// Shortest time between two words about waiting.
const WORDS: Duration = Duration::from_secs(10);

/// A plan made under the lock.
pub struct Made {
    /// The lock.
    pub held: Arc<Held>,
    /// What it was made from.
    pub observed: Observed,
    /// It, or why there is none.
    pub planned: Result<Plan, Refusal>,
}

/// How long a run waits for others in all, and how it varies its pauses.
struct Patience {
    whole: Duration,
    began: Instant,
    /// Pauses so far: a test's clock stands still.
    paused: Cell<Duration>,
    seed: u64,
    rounds: Cell<u32>,
}

impl Patience {
    fn new(running: &RunGuard, me: Ordinal) -> Self {
        // Not the process: in containers all of them have the same number.
        let seed = running.run().as_str().bytes().fold(u64::from(me.get()), |n, b| n.wrapping_mul(31) + u64::from(b));
        Self { whole: running.patience(), began: Instant::now(), paused: Cell::default(), seed, rounds: Cell::new(0) }
    }

    fn waited(&self) -> Duration {
        self.began.elapsed().max(self.paused.get())
    }

    fn left(&self) -> Duration {
        self.whole.saturating_sub(self.waited())
    }

    fn is_left(&self) -> bool {
        !self.left().is_zero()
    }

    /// Between half of `mean` and one and a half of it.
    fn pause(&self, world: &dyn Platform, mean: Duration) {
        self.rounds.set(self.rounds.get() + 1);
        let pause = varied(self.seed, self.rounds.get(), mean);
        self.paused.set(self.paused.get() + pause);
        world.sleep(pause);
    }
}

/// Waits for the turn of this run, takes the lock, looks and plans; again, with everything given back in between, while
/// somebody else is in the way and patience is left.
///
/// # Errors
/// Another run has the lock (exit 6).
pub fn take(
    scene: &CommandContext,
    world: &dyn Platform,
    running: &RunGuard,
    again: &str,
    tell: &mut dyn FnMut(News<'_>),
) -> Result<Made, Diagnostic> {
    let patience = Patience::new(running, scene.who.pod);
    let mut said = Said::default();
    for attempt in 1.. {
        wait(scene, world, &patience, &mut said, tell);
        let held = running.lock(scene, again, patience.left(), tell)?;
        let mut observed = scene.look(world);
        let planned = scene.plan_once(&mut observed);
        let (why, again) = match in_the_way(scene, &observed, &planned) {
            InTheWay::Nobody => (String::new(), false),
            InTheWay::Session(pods) => {
                let of = scene.conf.query_retry_count;
                // A person's session may be there for hours: what can be done without that pod is.
                let again = attempt <= of || (planned.is_err() && patience.is_left());
                let busy = Retry { pods, attempt: attempt.min(of.max(1)), of: of.max(1) }.to_string();
                (if attempt <= of { busy } else { format!("{busy}; it is still waited for") }, again)
            }
            InTheWay::Source(why) => (why, patience.is_left()),
        };
        if !again {
            return Ok(Made { held, observed, planned });
        }
        // Others may be waiting for the very session that this run keeps for its lock.
        drop(held);
        said.once(&why, tell);
        // After the first attempts there is no hurry.
        let mean = scene.conf.query_retry_delay;
        patience.pause(world, if attempt <= scene.conf.query_retry_count { mean } else { mean.max(DOORS) });
    }
    unreachable!("attempts are not counted that far")
}

/// Says the same thing only now and then.
#[derive(Default)]
struct Said(Option<(String, Instant)>);

impl Said {
    fn once(&mut self, what: &str, tell: &mut dyn FnMut(News<'_>)) {
        if self.0.as_ref().is_none_or(|(before, at)| before != what || at.elapsed() >= WORDS) {
            tell(News::Words(what));
            self.0 = Some((what.to_owned(), Instant::now()));
        }
    }
}

/// A start waits for the pods before it, holding nothing.
fn wait(
    scene: &CommandContext,
    world: &dyn Platform,
    patience: &Patience,
    said: &mut Said,
    tell: &mut dyn FnMut(News<'_>),
) {
    let (Goal::Start(me), true) = (scene.desired.goal, patience.is_left()) else { return };
    while let Turn::After(pod) = whose(me, &scene.cluster.doors(&scene.login())) {
        if !patience.is_left() {
            return;
        }
        let most = words::duration(patience.whole);
        said.once(
            &format!("waiting for pod {pod}, which is closed (ADMIN_MODE 1) as well: it starts first; at most {most}"),
            tell,
        );
        patience.pause(world, DOORS);
    }
}

/// What keeps a run from going on, and passes.
enum InTheWay {
    Nobody,
    /// Somebody has the only SYSDBA session of these pods.
    Session(Vec<Ordinal>),
    /// The pod that rows are copied from is not in service yet.
    Source(String),
}

fn in_the_way(scene: &CommandContext, observed: &Observed, planned: &Result<Plan, Refusal>) -> InTheWay {
    let busy = busy(observed);
    if !busy.is_empty() {
        return InTheWay::Session(busy);
    }
    let (Goal::Start(me), Err(refusal)) = (scene.desired.goal, planned) else { return InTheWay::Nobody };
    let source = match observed.pods.get(&Ordinal::MASTER) {
        Some(PodView::Absent { .. }) => "does not answer yet",
        Some(PodView::Seen(pod)) if pod.admin_mode() => "is not in service yet",
        Some(PodView::Seen(_) | PodView::Broken { .. }) | None => return InTheWay::Nobody,
    };
    let no_source = refusal.because.first().is_some_and(|r| r.code == Code::NoSource);
    if no_source && refusal.kind == RefusalKind::CannotTell && !me.is_master() {
        let pod = Ordinal::MASTER;
        return InTheWay::Source(format!("waiting for pod {pod}, which pod {me} is copied from and which {source}"));
    }
    InTheWay::Nobody
}

#[cfg(test)]
mod tests;
