//! Random lives. Every case: a random configuration, a random history with runs of ours that are killed, stopped or meet
//! dying pods after a random statement, then peace; see `peace` for what must hold.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering as Atomic},
};

use super::{
    conf::Conf,
    play,
    scenario::{Life, Shape},
    sim_cluster::Cut,
    volumes::{NOTICED, UNNOTICED},
};
use crate::{
    attributes::{Appliers, Attributes, Conflict, GroupMode, GroupOption},
    conf::{GroupId, Switch},
    lab::{server::Generation, sim::Rng},
};

fn below(rng: &mut Rng, n: usize) -> usize {
    usize::try_from(rng.below(n as u64)).unwrap_or(0)
}

fn switch(rng: &mut Rng, on: u64) -> Switch {
    if rng.percent(on) { Switch::On } else { Switch::Off }
}

/// Pods, groups, tables and switches of a life.
pub fn shape(rng: &mut Rng) -> Shape {
    let pods = [1, 2, 2, 3, 3, 3, 4][below(rng, 7)];
    let groups = [1, 1, 2][below(rng, 3)];
    Shape {
        generation: if rng.percent(50) { Generation::V2018 } else { Generation::V7_2 },
        pods,
        groups,
        tables: usize::from(groups) + below(rng, 4 - usize::from(groups)),
        flush_at_end: switch(rng, 85),
        reset_at_end: switch(rng, 70),
        flush_at_start: switch(rng, 90),
        ledger: Switch::On,
    }
}

/// How a run of ours is broken off, mostly not at all.
pub fn cut(life: &mut Life) -> Cut {
    let at = 1 + life.rng.below(45);
    let pods = life.pods();
    let pod = below(&mut life.rng, pods);
    match life.rng.below(10) {
        0..3 => Cut::Kill(at),
        3..5 => Cut::Signal(at),
        5 => Cut::PodDies(at, pod),
        _ => Cut::Never,
    }
}

/// Something happens.
pub fn event(life: &mut Life) {
    let pods = life.pods();
    let p = below(&mut life.rng, pods);
    let up = life.stage.lock().sim.is_up(p);
    let there = p < usize::from(life.conf.count);
    match life.rng.below(30) {
        20..22 => drop(life.edit_conf()),
        22..25 => {
            let cut = cut(life);
            life.reconcile(cut);
        }
        25 if p > 0 && !up => {
            let cut = cut(life);
            life.forget(p, cut);
        }
        26 => {
            let cut = cut(life);
            life.recover(cut);
        }
        27 if life.rng.percent(30) => {
            let cut = cut(life);
            life.clean_everywhere(cut);
        }
        // A pod that the file does not have is not there.
        _ if !there => {}
        _ if !up => {
            life.boot(p);
            // The job that makes the tables does not always run.
            if life.rng.percent(90) {
                life.create_tables(p);
            }
        }
        0..8 => {
            let cut = cut(life);
            life.start(p, cut);
        }
        8..10 => {
            let cut = cut(life);
            life.end(p, cut);
            if life.rng.percent(60) {
                life.kill(p);
            }
        }
        10 => {
            let cut = cut(life);
            life.clean(p, cut);
        }
        11..13 => life.kill(p),
        13..15 => {
            life.kill(p);
            life.boot(p);
        }
        15 => life.wipe(p),
        16..18 if pods > 1 => {
            let k = (p + 1 + below(&mut life.rng, pods - 1)) % pods;
            life.meddle(p, k);
        }
        18 => life.occupy(p),
        19 => life.release(),
        _ => {}
    }
    for p in life.joined.clone() {
        let free = life.stage.lock().writers.iter().all(|w| w.pod != p || !w.alive);
        if free && life.rng.percent(40) {
            life.write(p);
        }
    }
    let pause = life.rng.below(60_000);
    life.stage.lock().pump(pause);
}

/// Pods that took part, and pods that reached the goal.
static TRIED: AtomicUsize = AtomicUsize::new(0);
static REACHED: AtomicUsize = AtomicUsize::new(0);

/// What happens to volumes, beside what happens to pods.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Storage {
    /// Nothing but their loss.
    Stays,
    /// They are put back, copied, lost and refilled.
    Moves,
}

fn case(seed: u64) {
    live(seed, Storage::Stays);
}

/// A life without lost or moved volumes, as it stands after a few events.
pub fn lived(seed: u64, rng: &mut Rng) -> Life {
    let shape = shape(rng);
    let mut life = Life::new(seed, shape, Conf::new(&shape, None));
    for p in 0..life.pods() {
        if rng.percent(85) {
            let cut = if rng.percent(10) { cut(&mut life) } else { Cut::Never };
            life.start(p, cut);
        }
    }
    for _ in 0..rng.below(5) {
        event(&mut life);
    }
    life
}

fn live(seed: u64, storage: Storage) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9) + 1);
    let mut shape = shape(&mut rng);
    // Not drawn, so that the seeds that are kept mean what they meant.
    if seed % 5 == 4 && storage == Storage::Stays {
        shape.ledger = Switch::Off;
    }
    let put_off = (shape.tables > 1 && rng.percent(20)).then_some(shape.tables);
    let mut life = Life::new(seed, shape, Conf::new(&shape, put_off));
    for p in 1..life.pods() {
        if rng.percent(20) {
            life.stale_rows(p);
        }
    }
    // Most lives begin as they should; the rest meet half a cluster.
    for p in 0..life.pods() {
        if rng.percent(80) {
            let cut = if rng.percent(15) { cut(&mut life) } else { Cut::Never };
            life.start(p, cut);
        }
    }
    let mut moves = Rng::new(seed ^ 0x000b_ac4b);
    // Of their own, so that the seeds that are kept mean what they meant.
    let mut restarts = Rng::new(seed ^ 0x4e57_a475);
    for _ in 0..=rng.below(6) {
        if storage == Storage::Moves {
            life.storage(&mut moves);
        }
        if storage == Storage::Moves && seed % 2 == 1 {
            life.restarts(&mut restarts);
        }
        event(&mut life);
    }
    let mut absent: BTreeSet<_> = (1..life.pods()).filter(|_| rng.percent(10)).collect();
    if storage == Storage::Moves {
        // Who is away may be the one that knows.
        absent.clear();
    }
    let reached = life.settle(&absent);
    let pods = usize::from(life.conf.count);
    TRIED.fetch_add(pods - absent.range(..pods).count(), Atomic::AcqRel);
    REACHED.fetch_add(reached.len(), Atomic::AcqRel);
    if std::env::var_os("AKU_SEED").is_some() {
        eprintln!("{}", life.told(&format!("seed {seed}: reached {reached:?}")));
    }
}

/// Prefixes change, tables go from group to group, groups are split and merged, while pods come and go.
fn turned(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9) + 7);
    let mut shape = shape(&mut rng);
    shape.pods = shape.pods.max(2);
    // Groups of one object for each address as well.
    shape.groups = if rng.percent(20) { 1 } else { 2 };
    shape.tables = 2 + below(&mut rng, 3);
    let mut life = Life::new(seed, shape, Conf::new(&shape, None));
    for p in 0..life.pods() {
        life.start(p, Cut::Never);
    }
    let mut turns = Rng::new(seed ^ 0x7047);
    for _ in 0..=rng.below(4) {
        if turns.percent(60) {
            life.turn_conf(&mut turns);
        }
        if turns.percent(50) {
            let cut = cut(&mut life);
            life.reconcile(cut);
        }
        event(&mut life);
    }
    let reached = life.settle(&BTreeSet::new());
    if std::env::var_os("AKU_SEED").is_some() {
        eprintln!("{}", life.told(&format!("seed {seed}: reached {reached:?}")));
    }
}

/// HOST_TEMPLATE comes and goes while pods write, come, end and die: replication moves from one network to the other.
fn rerouted(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9) + 17);
    let mut shape = shape(&mut rng);
    shape.pods = shape.pods.max(2);
    let mut conf = Conf::new(&shape, None);
    if rng.percent(50) {
        conf.reroute();
        conf.edited = false;
    }
    conf.attributes = if rng.percent(30) { asked(&mut rng, shape.pods) } else { Attributes::default() };
    let mut life = Life::new(seed, shape, conf);
    for p in 0..life.pods() {
        let cut = if rng.percent(15) { cut(&mut life) } else { Cut::Never };
        life.start(p, cut);
        if life.joined.contains(&p) {
            life.write(p);
        }
    }
    for _ in 0..=rng.below(4) {
        if rng.percent(50) {
            life.conf.reroute();
            let cut = cut(&mut life);
            life.reconcile(cut);
        }
        event(&mut life);
    }
    let reached = life.settle(&BTreeSet::new());
    let pods = usize::from(life.conf.count);
    REROUTED.0.fetch_add(pods, Atomic::AcqRel);
    REROUTED.1.fetch_add(reached.len(), Atomic::AcqRel);
    if std::env::var_os("AKU_SEED").is_some() {
        eprintln!("{}", life.told(&format!("seed {seed}: reached {reached:?}")));
    }
}

/// As [`TRIED`] and [`REACHED`], of lives in which replication moves.
static REROUTED: (AtomicUsize, AtomicUsize) = (AtomicUsize::new(0), AtomicUsize::new(0));

#[test]
fn another_replication_network_loses_nothing() {
    play("networks", 150, rerouted);
    let (tried, reached) = (REROUTED.0.load(Atomic::Acquire), REROUTED.1.load(Atomic::Acquire));
    eprintln!("{reached} of {tried} pods reached the goal");
    assert!(tried < 100 || reached * 2 > tried, "most lives end in a refusal: this test proves little");
}

/// Options that somebody may ask for at any time.
fn options(rng: &mut Rng) -> Vec<GroupOption> {
    let appliers = Appliers::new(2 + u16::try_from(rng.below(3)).unwrap_or(0)).expect("a few");
    let parallel = GroupOption::Parallel { appliers, buffer: None };
    [parallel, GroupOption::Gapless, GroupOption::Grouping].into_iter().filter(|_| rng.percent(50)).collect()
}

/// Mode, role and options of a life; two servers may have RECOVERY.
fn asked(rng: &mut Rng, pods: u8) -> Attributes {
    let conflict = if rng.percent(50) { Conflict::MasterSlave } else { Conflict::None };
    let recovery = (pods <= 2 && rng.percent(40)).then_some(GroupOption::Recovery);
    if pods <= 2 && rng.percent(30) {
        Attributes::new(GroupMode::Eager, conflict, recovery).expect("EAGER goes with RECOVERY")
    } else {
        Attributes::new(GroupMode::Lazy, conflict, options(rng).into_iter().chain(recovery))
            .expect("LAZY goes with all")
    }
}

/// Every group, or one of them, is EAGER: pods join beside others that write, end, die and are cleaned; sometimes the file gains
/// a table or moves one, which an EAGER group waits for until its pods end.
fn eager(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9) + 13);
    let mut shape = shape(&mut rng);
    shape.pods = shape.pods.max(3);
    let mut conf = Conf::new(&shape, None);
    let conflict = if rng.percent(30) { Conflict::MasterSlave } else { Conflict::None };
    conf.attributes = Attributes::new(GroupMode::Eager, conflict, []).expect("EAGER goes with roles");
    conf.asks = (shape.groups > 1 && rng.percent(50)).then_some(GroupId(0));
    let mut life = Life::new(seed, shape, conf);
    for p in 1..life.pods() {
        if rng.percent(30) {
            life.stale_rows(p);
        }
    }
    for p in 0..life.pods() {
        let cut = if rng.percent(25) { cut(&mut life) } else { Cut::Never };
        life.start(p, cut);
        if rng.percent(70) && life.joined.contains(&p) {
            life.write(p);
        }
    }
    for _ in 0..=rng.below(5) {
        if rng.percent(15) {
            life.turn_conf(&mut rng);
        }
        event(&mut life);
    }
    let reached = life.settle(&BTreeSet::new());
    let pods = usize::from(life.conf.count);
    EAGER.0.fetch_add(pods, Atomic::AcqRel);
    EAGER.1.fetch_add(reached.len(), Atomic::AcqRel);
    if std::env::var_os("AKU_SEED").is_some() {
        eprintln!("{}", life.told(&format!("seed {seed}: reached {reached:?}")));
    }
}

/// As [`TRIED`] and [`REACHED`], of lives with EAGER groups.
static EAGER: (AtomicUsize, AtomicUsize) = (AtomicUsize::new(0), AtomicUsize::new(0));

#[test]
fn eager_groups_lose_nothing() {
    play("eager", 150, eager);
    let (tried, reached) = (EAGER.0.load(Atomic::Acquire), EAGER.1.load(Atomic::Acquire));
    eprintln!("{reached} of {tried} pods reached the goal");
    assert!(tried < 100 || reached * 2 > tried, "most lives end in a refusal: this test proves little");
}

/// Groups ask for modes, roles and options; the options change while pods come and go.
fn shaped(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9) + 11);
    let mut shape = shape(&mut rng);
    shape.pods = shape.pods.max(2);
    let mut conf = Conf::new(&shape, None);
    conf.attributes = asked(&mut rng, shape.pods);
    // Not drawn from the same, so that the seeds that are kept mean what they meant.
    let mut more = Rng::new(seed ^ 0xea9e);
    if shape.pods > 2 && more.percent(25) {
        let conflict = conf.attributes.conflict();
        conf.attributes = Attributes::new(GroupMode::Eager, conflict, []).expect("EAGER goes with roles");
        conf.asks = (shape.groups > 1 && more.percent(40)).then_some(GroupId(0));
    }
    let mut life = Life::new(seed, shape, conf);
    for p in 0..life.pods() {
        let cut = if rng.percent(15) { cut(&mut life) } else { Cut::Never };
        life.start(p, cut);
    }
    for _ in 0..=rng.below(5) {
        let now = life.conf.attributes.clone();
        if now.mode() == GroupMode::Lazy && rng.percent(40) {
            let recovery = now.options().filter(|o| *o == GroupOption::Recovery);
            let asked = Attributes::new(GroupMode::Lazy, now.conflict(), options(&mut rng).into_iter().chain(recovery));
            life.conf.attributes = asked.expect("LAZY goes with all");
            let cut = cut(&mut life);
            life.reconcile(cut);
        }
        event(&mut life);
    }
    let reached = life.settle(&BTreeSet::new());
    let pods = usize::from(life.conf.count);
    SHAPED.0.fetch_add(pods, Atomic::AcqRel);
    SHAPED.1.fetch_add(reached.len(), Atomic::AcqRel);
    if std::env::var_os("AKU_SEED").is_some() {
        eprintln!("{}", life.told(&format!("seed {seed}: reached {reached:?}")));
    }
}

/// As [`TRIED`] and [`REACHED`], of lives with attributes.
static SHAPED: (AtomicUsize, AtomicUsize) = (AtomicUsize::new(0), AtomicUsize::new(0));

#[test]
fn modes_roles_and_options_lose_nothing() {
    play("attributes", 200, shaped);
    let (tried, reached) = (SHAPED.0.load(Atomic::Acquire), SHAPED.1.load(Atomic::Acquire));
    eprintln!("{reached} of {tried} pods reached the goal");
    assert!(tried < 100 || reached * 2 > tried, "most lives end in a refusal: this test proves little");
}

#[test]
fn names_and_groups_that_change_lose_nothing() {
    play("topology", 300, turned);
}

#[test]
fn runs_reach_their_goal_or_refuse_and_lose_nothing() {
    play("random", 1_000, case);
    let (tried, reached) = (TRIED.load(Atomic::Acquire), REACHED.load(Atomic::Acquire));
    eprintln!("{reached} of {tried} pods reached the goal");
    assert!(tried < 100 || reached * 2 > tried, "most lives end in a refusal: this test proves little");
}

#[test]
fn volumes_that_are_put_back_copied_or_refilled_lose_nothing() {
    play("volumes", 500, |seed| live(seed, Storage::Moves));
    let (noticed, not) = (NOTICED.load(Atomic::Acquire), UNNOTICED.load(Atomic::Acquire));
    eprintln!("{noticed} volumes that were put back were noticed, {not} were not: no run had noted anything since");
}
