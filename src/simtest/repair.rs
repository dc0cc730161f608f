//! Rows that differ between pods, by chance, are compared, planned and repaired while clients write, and the run is killed
//! somewhere. In the end the rows are as the rule says, and nothing that was right is gone.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    conf::Conf,
    play,
    scenario::{Ended, Life, Shape},
    sim_cluster::{Contents, Cut, login},
    writer::Place,
};
use crate::{
    conf::Switch,
    db::{Session, connect_sys},
    desired::{Desired, Goal, Right},
    lab::{server::Generation, sim::Rng},
    observe::{Compared, ComparedTable, TableName, layout::layouts},
    plan::{self, Plan, check::check, testing},
    topology::{Ordinal, Target},
    verify::{Bounds, Reader, Settle, Shape as TableShape, Source, Sources, compare, seen_everywhere},
};

/// Keys that nobody else writes.
const KEYS: std::ops::Range<i64> = 100..112;
/// Rows of a table that a plan has at most; more than differ.
const LIMIT: usize = 1_000;

fn joined(seed: u64, rng: &mut Rng) -> Life {
    let pods = 2 + u8::try_from(rng.below(3)).unwrap_or(0);
    let generation = if rng.percent(50) { Generation::V7_2 } else { Generation::V2018 };
    let shape = Shape {
        generation,
        pods,
        groups: 1,
        tables: 2,
        flush_at_end: Switch::On,
        reset_at_end: Switch::Off,
        flush_at_start: Switch::On,
        ledger: Switch::On,
    };
    let mut life = Life::new(seed, shape, Conf::new(&shape, None));
    for p in 0..usize::from(pods) {
        let ended = life.start(p, Cut::Never);
        assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
    }
    life
}

/// Writes some rows on each pod and tells nobody. What each pod holds then of the keys.
fn plant(life: &mut Life, rng: &mut Rng) -> Vec<Contents> {
    let pods = life.pods();
    let mut held = vec![Contents::new(); pods];
    let mut inner = life.stage.lock();
    for (p, held) in held.iter_mut().enumerate() {
        let client = inner.sim.connect_sys(p).expect("SYS logs in");
        inner.execute(client, "ALTER SESSION SET REPLICATION = FALSE");
        for table in 1..=2 {
            for key in KEYS {
                let value = match rng.below(8) {
                    0 => continue,
                    1 => format!("it''s {p}"),
                    2 => "b".to_owned(),
                    _ => "a".to_owned(),
                };
                inner.execute(client, &format!("INSERT INTO T{table} (I1, C2) VALUES ({key}, '{value}')"));
                held.insert((table, key), value.replace("''", "'"));
            }
        }
        inner.sim.close(client);
    }
    inner.pump(2_000);
    held
}

/// What a key should hold on every pod.
enum Want {
    /// This; `None` is no row.
    Row(Option<String>),
    /// Nobody can tell what is right.
    AsBefore,
}

/// What the keys should hold.
fn wanted(held: &[Contents], right: Right) -> BTreeMap<Place, Want> {
    let places = (1..=2).flat_map(|t| KEYS.map(move |k| (t, k)));
    let of = |place: Place| match right {
        Right::Pod(p) => Want::Row(held[usize::from(p.get())].get(&place).cloned()),
        Right::Majority => {
            let values: Vec<_> = held.iter().map(|h| h.get(&place).cloned()).collect();
            let most = values.iter().find(|v| values.iter().filter(|w| w == v).count() * 2 > held.len());
            most.map_or(Want::AsBefore, |v| Want::Row(v.clone()))
        }
    };
    places.map(|place| (place, of(place))).collect()
}

fn sessions(life: &Life, desired: &Desired) -> BTreeMap<Ordinal, Box<dyn Session>> {
    let connector = life.stage.connector();
    let open = |p: &Ordinal| connect_sys(&*connector, *p, &login()).map(|(session, _)| (*p, session));
    desired.pods.keys().map(|p| open(p).expect("a pod in service lets SYS in")).collect()
}

/// As `aku verify --plan` does it.
fn compared(life: &Life, desired: &Desired) -> Compared {
    let mut sessions = sessions(life, desired);
    let names = |of: Ordinal| desired.objects_of(of).map(|(_, o)| o.name.clone()).collect::<Vec<_>>();
    let pause = || life.stage.lock().pump(1_000_000);
    let mut tables = Vec::new();
    let targets: Vec<Target> = desired.targets().cloned().collect();
    for target in targets {
        let first = sessions.values_mut().next().expect("there are pods");
        let layout = layouts(&mut **first, std::slice::from_ref(&target.user)).expect("the catalog answers");
        let layout = &layout[&TableName::of(&target)];
        let shape = TableShape {
            target: target.clone(),
            key: layout.paging_key().expect("a key of numbers"),
            rest: layout.comparable(),
        };
        let mut readers: Vec<(Ordinal, Reader<'_>)> = sessions
            .iter_mut()
            .map(|(p, session)| (*p, Reader { session: &mut **session, shape: &shape, flushed: names(*p), wait_s: 30 }))
            .collect();
        let (here, mut reference) = readers.remove(0);
        let mut others: Sources<'_> =
            readers.into_iter().map(|(p, r)| (p, Box::new(r) as Box<dyn Source + '_>)).collect();
        let bounds = Bounds { suspects: LIMIT, ..Bounds::default() };
        let found = compare((here, &mut reference), &mut others, Settle::Flush, bounds, &pause).expect("pods answer");
        let seen = seen_everywhere((here, &mut reference), &mut others, &found, Settle::Flush, LIMIT, &pause)
            .expect("pods answer");
        tables.push(ComparedTable {
            target,
            by: shape.key.iter().map(|c| c.name.clone()).collect(),
            rows: seen.rows,
            left: seen.left,
            changing: seen.changing,
            cannot: None,
            undelivered: seen.undelivered,
        });
    }
    Compared { pods: desired.pods.keys().copied().collect(), unread: Vec::new(), tables }
}

/// A plan of what was compared, and its spoilt sisters, which the checker must refuse.
fn planned(life: &Life, desired: &Desired, compared: &Compared, rng: &mut Rng) -> Plan {
    let mut observed = life.observe(desired);
    observed.compared = Some(Box::new(compared.clone()));
    let plan =
        plan::make(desired, &observed).unwrap_or_else(|refusal| panic!("{}", life.told(&format!("{refusal:#?}"))));
    assert_eq!(check(&plan, desired, &observed), []);
    for spoilt in spoilt(&plan, rng) {
        assert_ne!(check(&spoilt, desired, &observed), [], "{spoilt:#?}");
    }
    plan
}

/// Plans that touch a pod that is right, or delete without a yes, or say something else than was seen.
fn spoilt(plan: &Plan, rng: &mut Rng) -> Vec<Plan> {
    use crate::plan::Op;
    let mut all = Vec::new();
    if !plan.approvals.is_empty() {
        let mut silent = plan.clone();
        silent.approvals.remove(0);
        all.push(silent);
    }
    if plan.actions.is_empty() {
        return all;
    }
    let at = usize::try_from(rng.below(plan.actions.len() as u64)).unwrap_or(0);
    let mut change = |edit: &dyn Fn(&mut crate::plan::Action)| {
        let mut spoilt = plan.clone();
        edit(&mut spoilt.actions[at]);
        all.push(spoilt);
    };
    let rows = |a: &mut crate::plan::Action, edit: &dyn Fn(&mut crate::plan::RowRepair)| {
        if let Op::MendRows(rows) | Op::DeleteRows(rows) = &mut a.op {
            edit(rows);
        }
    };
    change(&|a| a.pod = a.op.clone().right());
    change(&|a| {
        let pod = a.pod;
        rows(a, &|r| r.right = pod);
    });
    change(&|a| rows(a, &|r| r.rows[0].key[0].push('0')));
    change(&|a| rows(a, &|r| r.rows[0].seen.reverse()));
    change(&|a| {
        a.op = match a.op.clone() {
            Op::MendRows(rows) => Op::DeleteRows(rows),
            Op::DeleteRows(rows) => Op::MendRows(rows),
            other => other,
        }
    });
    // Two that hold the same seen backwards are no other plan.
    all.retain(|spoilt| spoilt != plan);
    all
}

trait IsRight {
    fn right(self) -> Ordinal;
}

impl IsRight for crate::plan::Op {
    fn right(self) -> Ordinal {
        match self {
            Self::MendRows(rows) | Self::DeleteRows(rows) => rows.right,
            other => panic!("no repair: {other:?}"),
        }
    }
}

fn case(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(91));
    let mut life = joined(seed, &mut rng);
    let held = plant(&mut life, &mut rng);
    let writers: BTreeSet<usize> = (0..life.pods()).filter(|_| rng.percent(70)).collect();
    for p in &writers {
        life.write(*p);
    }
    let right = match rng.below(3) {
        0 => Right::Majority,
        _ => Right::Pod(testing::ord(u8::try_from(rng.below(life.pods() as u64)).unwrap_or(0))),
    };
    let desired = life.desired(Goal::Repair(right));
    let compared = compared(&life, &desired);
    let plan = planned(&life, &desired, &compared, &mut rng);
    if rng.percent(60) {
        let ended = life.carry_out(&plan, Cut::Kill(1 + rng.below(40)));
        life.stage.say(format!("{ended:?}"));
        life.stage.lock().pump(2_000_000);
    }
    if !plan.is_empty() {
        let ended = life.carry_out(&plan, Cut::Never);
        assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
    }
    for p in 0..life.pods() {
        life.still(p);
    }
    life.stage.lock().pump(10_000_000);
    let now: Vec<Contents> = (0..life.pods()).map(|p| life.stage.lock().contents(p)).collect();
    for (place, wanted) in wanted(&held, right) {
        for (p, now) in now.iter().enumerate() {
            let wanted = match &wanted {
                Want::Row(row) => row.as_ref(),
                Want::AsBefore => held[p].get(&place),
            };
            assert_eq!(now.get(&place), wanted, "{}", life.told(&format!("{place:?} on pod {p}, {right:?}")));
        }
    }
    let inner = life.stage.lock();
    for writer in &inner.writers {
        for (place, value) in writer.rows.iter().filter(|(place, _)| !writer.doubt.contains(place)) {
            for (p, now) in now.iter().enumerate() {
                let told = || format!("seed {seed}: pod {p} {place:?}\n{}", inner.log.join("\n"));
                assert_eq!(now.get(place), Some(value), "{}", told());
            }
        }
    }
}

#[test]
fn repairs() {
    play("repair", 60, case);
}
