//! Two to six hooks at once under a seeded scheduler: who holds which only session, when, and whether all come to an end.
//! Pauses and turns are the program's; how long looks and runs take, and who wins a race, is the seed's.

use std::collections::{BTreeSet, VecDeque};

use super::*;
use crate::apply;

fn pod(n: usize) -> Ordinal {
    Ordinal::new(u8::try_from(n).unwrap()).unwrap()
}

#[test]
fn a_start_waits_for_the_closed_pods_before_it_where_nobody_is_open() {
    use Admission::{Away, Closed, Open};
    let table: [(usize, &[Admission], Turn); 8] = [
        (0, &[Closed, Closed, Closed], Turn::Mine),
        (1, &[Closed, Closed, Closed], Turn::After(pod(0))),
        (2, &[Closed, Closed, Closed], Turn::After(pod(0))),
        (2, &[Away, Closed, Closed], Turn::After(pod(1))),
        (1, &[Away, Closed, Closed], Turn::Mine),
        (2, &[Open, Closed, Closed], Turn::Mine),
        (1, &[Closed, Closed, Open], Turn::Mine),
        (2, &[Away, Away, Away], Turn::Mine),
    ];
    for (me, doors, turn) in table {
        let doors = doors.iter().enumerate().map(|(n, door)| (pod(n), *door)).collect();
        assert_eq!(whose(pod(me), &doors), turn, "pod {me}: {doors:?}");
    }
}

#[test]
fn pauses_differ_and_stay_near_their_mean() {
    let mean = Duration::from_secs(1);
    let all: BTreeSet<_> = (0..50).map(|seed| varied(seed, 1, mean)).collect();
    assert!(all.len() > 40);
    assert!(all.iter().all(|p| (mean / 2..=mean * 3 / 2).contains(p)), "{all:?}");
    assert_eq!(varied(7, 3, mean), varied(7, 3, mean));
}

/// What the hooks do about each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manners {
    /// As the program does.
    Ours,
    /// Each keeps its own pod's session while it looks, one second apart, five times: as it was.
    Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Doors,
    Lock,
    /// Looks at the pods in `todo` from here on.
    OutputStyle,
    Run,
    Ended(bool),
}

struct Hook {
    begin: u64,
    step: Step,
    /// Next move, ms.
    at: u64,
    rounds: u32,
    attempt: u32,
    ended: u64,
    /// Pods still to be looked at, or to be worked at, in this order.
    todo: VecDeque<usize>,
    met: bool,
    retries: u32,
}

struct Stage {
    seed: u64,
    drawn: u64,
    manners: Manners,
    /// Who has the only session of a closed pod.
    session: Vec<Option<usize>>,
    open: Vec<bool>,
    /// Who has the lock of the open pods.
    lock: Option<usize>,
    hooks: Vec<Hook>,
}

const PATIENCE: u64 = 60_000;

impl Stage {
    fn new(seed: u64, count: usize, manners: Manners) -> Self {
        let mut stage = Self {
            seed,
            drawn: 0,
            manners,
            session: vec![None; count],
            open: vec![false; count],
            lock: None,
            hooks: Vec::new(),
        };
        let spread = [0, 300, 5_000, 30_000][usize::try_from(seed % 4).unwrap()];
        for _ in 0..count {
            let begin = if spread == 0 { 0 } else { stage.draw(0, spread) };
            let todo = VecDeque::new();
            let (step, met, at) = (Step::Doors, false, begin);
            let hook = Hook { begin, step, at, rounds: 0, attempt: 0, ended: 0, todo, met, retries: 0 };
            stage.hooks.push(hook);
        }
        stage
    }

    /// From `least` and below `most`, ms.
    fn draw(&mut self, least: u64, most: u64) -> u64 {
        self.drawn += 1;
        let z = u64::from(apply::spread(self.seed.wrapping_mul(0x9e37_79b9).wrapping_add(self.drawn)));
        least + z * (most - least) / 0x1_0000
    }

    fn pause(&mut self, me: usize, mean_ms: u64) -> u64 {
        if self.manners == Manners::Keep {
            return mean_ms;
        }
        self.hooks[me].rounds += 1;
        let pause = varied(self.seed ^ me as u64, self.hooks[me].rounds, Duration::from_millis(mean_ms));
        u64::try_from(pause.as_millis()).unwrap()
    }

    fn release(&mut self, me: usize) {
        if self.lock == Some(me) {
            self.lock = None;
        }
        for held in &mut self.session {
            if *held == Some(me) {
                *held = None;
            }
        }
    }

    fn others(&mut self, me: usize) -> VecDeque<usize> {
        let from = usize::try_from(self.draw(0, 1000)).unwrap();
        let count = self.open.len();
        (0..count).map(|n| (n + from) % count).filter(|n| *n != me).collect()
    }

    /// One move of one hook: what it does, and how long until its next.
    fn step(&mut self, me: usize, now: u64) -> u64 {
        let late = now - self.hooks[me].begin >= PATIENCE;
        match self.hooks[me].step {
            Step::Doors => {
                let door = |open: &bool| if *open { Admission::Open } else { Admission::Closed };
                let doors = self.open.iter().enumerate().map(|(n, open)| (pod(n), door(open))).collect();
                let waits = matches!(whose(pod(me), &doors), Turn::After(_));
                if waits && !late && self.manners == Manners::Ours {
                    return self.pause(me, 500);
                }
                self.hooks[me].step = Step::Lock;
                self.draw(1, 60)
            }
            Step::Lock => {
                if self.open.contains(&true) {
                    match self.lock {
                        Some(other) if other != me => {
                            if late {
                                self.hooks[me].step = Step::Ended(false);
                            }
                            return self.draw(50, 1000);
                        }
                        Some(_) | None => self.lock = Some(me),
                    }
                }
                if !self.open[me] && self.session[me].is_none() {
                    self.session[me] = Some(me);
                }
                let met = self.session[me] == Some(me) || self.open[me];
                let todo = self.others(me);
                (self.hooks[me].todo, self.hooks[me].met) = (todo, !met);
                self.hooks[me].step = Step::OutputStyle;
                self.draw(1, 60)
            }
            Step::OutputStyle => {
                // The session of the pod before is given back first.
                for n in 0..self.session.len() {
                    if n != me && self.session[n] == Some(me) {
                        self.session[n] = None;
                    }
                }
                if let Some(n) = self.hooks[me].todo.pop_front() {
                    if !self.open[n] {
                        match self.session[n] {
                            None => self.session[n] = Some(me),
                            Some(_) => self.hooks[me].met = true,
                        }
                    }
                    return self.draw(5, 150);
                }
                if !self.hooks[me].met {
                    self.hooks[me].todo = self.others(me);
                    self.hooks[me].step = Step::Run;
                    return self.draw(50, 1500);
                }
                self.hooks[me].attempt += 1;
                if self.hooks[me].attempt > 5 && (late || self.manners == Manners::Keep) {
                    self.release(me);
                    self.hooks[me].step = Step::Ended(false);
                    return 1;
                }
                if self.manners == Manners::Ours {
                    self.release(me);
                    self.hooks[me].step = Step::Doors;
                } else {
                    self.hooks[me].todo = self.others(me);
                    self.hooks[me].met = false;
                }
                self.pause(me, 1000)
            }
            // A catch-up sends a FLUSH on the other pods, over their only session where they are closed.
            Step::Run => {
                if let Some(n) = self.hooks[me].todo.pop_front() {
                    if self.open[n] || self.session[n].is_none() || self.session[n] == Some(me) {
                        self.hooks[me].retries = 0;
                        if !self.open[n] {
                            self.session[n] = Some(me);
                        }
                        return self.draw(20, 800);
                    }
                    self.hooks[me].todo.push_front(n);
                    self.hooks[me].retries += 1;
                    if self.hooks[me].retries > 5 {
                        self.release(me);
                        self.hooks[me].step = Step::Ended(false);
                        return 1;
                    }
                    return 1000 << self.hooks[me].retries.min(3);
                }
                self.open[me] = true;
                self.release(me);
                self.hooks[me].step = Step::Ended(true);
                1
            }
            Step::Ended(_) => u64::MAX,
        }
    }

    fn run(mut self) -> Vec<Hook> {
        loop {
            let next = (0..self.hooks.len()).filter(|n| !matches!(self.hooks[*n].step, Step::Ended(_)));
            let Some(me) = next.min_by_key(|n| self.hooks[*n].at) else { return self.hooks };
            let now = self.hooks[me].at;
            assert!(now < 600_000, "seed {}: no end", self.seed);
            let pause = self.step(me, now);
            self.hooks[me].at = now + pause;
            self.hooks[me].ended = now;
        }
    }
}

#[test]
fn any_number_of_hooks_at_once_all_reach_their_goal_in_time() {
    let (mut longest, mut kept) = (0, 0);
    for seed in 0..3000 {
        let count = 2 + usize::try_from(seed / 4 % 5).unwrap();
        let hooks = Stage::new(seed, count, Manners::Ours).run();
        let told = || hooks.iter().map(|h| (h.begin, h.step, h.ended)).collect::<Vec<_>>();
        for (n, hook) in hooks.iter().enumerate() {
            assert_eq!(hook.step, Step::Ended(true), "seed {seed}, hook {n} of {count}: {:?}", told());
            // Whoever is before it in the queue may begin later.
            let begin = hooks.iter().map(|h| h.begin).max().unwrap();
            let took = hook.ended.saturating_sub(begin);
            assert!(took < PATIENCE, "seed {seed}, hook {n} of {count}: {:?}", told());
            longest = longest.max(took);
        }
        let old = Stage::new(seed, count, Manners::Keep).run();
        kept += usize::from(old.iter().any(|h| h.step == Step::Ended(false)));
    }
    println!("longest {longest} ms; with sessions kept while looking {kept} of 3000 rounds fail");
    // The stage can tell good manners from bad ones.
    assert!(kept > 1000, "{kept}");
}
