//! CONFLICT = TIMESTAMP and REPLACE: what servers decide by properties that live in memory, so that each restart of a server
//! takes them away again. A pod never comes into service with other rules than aku.conf asks for; somebody does what the
//! refusal says, and every row is everywhere in the end.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering as Atomic},
};

use super::{
    conf::Conf,
    play,
    random::{cut, event, shape},
    scenario::{Ended, Life},
    sim_cluster::Cut,
};
use crate::{
    attributes::{Attributes, Conflict, GroupMode},
    db::wire::{Cell, Response},
    lab::sim::Rng,
    plan::{Code, Refusal},
};

impl Life {
    /// The statements of a refusal for a rule, on the pods that they name.
    pub fn set_as_told(&self, refusal: &Refusal) -> bool {
        let told: Vec<(String, usize)> = refusal
            .next
            .iter()
            .filter_map(|line| {
                let (statement, rest) = line.split_once(" on pod ")?;
                let (pod, _) = rest.split_once(',')?;
                statement.starts_with("ALTER SYSTEM SET ").then_some((statement.to_owned(), pod.parse().ok()?))
            })
            .collect();
        for (statement, p) in &told {
            let answer = self.stage.lock().by_hand(*p, statement);
            assert!(matches!(answer, Response::Done { .. }), "{statement} on pod {p}: {answer:?}");
        }
        !told.is_empty()
    }

    /// What the server of a pod says of a property.
    fn property(&self, p: usize, name: &str) -> Option<String> {
        let sql = format!("SELECT VALUE1 FROM V$PROPERTY WHERE NAME = '{name}'");
        match self.stage.lock().by_hand(p, &sql) {
            Response::Rows { rows, .. } => rows.first().and_then(|row| row.first()).map(|cell| match cell {
                Cell::Text(text) => text.trim().to_owned(),
                other => format!("{other:?}"),
            }),
            _ => None,
        }
    }

    /// A start, and what has to hold of the pod that it opened.
    fn start_by_the_rules(&mut self, p: usize, cut: Cut) -> Ended {
        // Who is in service already is only told of.
        let closed = self.property(p, "ADMIN_MODE").as_deref() == Some("1");
        let ended = self.start(p, cut);
        if closed && matches!(ended, Ended::Done) {
            for name in self.conf.attributes.conflict().properties() {
                let is = self.property(p, name);
                assert_eq!(is.as_deref(), Some("1"), "{}", self.told(&format!("pod {p} came into service: {name}")));
                OPENED.fetch_add(1, Atomic::AcqRel);
            }
        }
        ended
    }
}

/// Pods that took part, and pods that reached the goal; starts that were refused, and properties that were looked at.
static TRIED: AtomicUsize = AtomicUsize::new(0);
static REACHED: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicUsize = AtomicUsize::new(0);
static OPENED: AtomicUsize = AtomicUsize::new(0);

fn lived(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9) + 19);
    let mut shape = shape(&mut rng);
    shape.pods = shape.pods.max(2);
    let mut conf = Conf::new(&shape, None);
    let rule = if rng.percent(50) { Conflict::Timestamp } else { Conflict::Replace };
    conf.attributes = Attributes::new(GroupMode::Lazy, rule, []).expect("a rule goes with LAZY");
    let mut life = Life::new(seed, shape, conf);
    for _ in 0..2 + rng.below(5) {
        for p in 0..life.pods() {
            // Somebody's hand, a restart, or the default of the server.
            if rng.percent(30) && life.stage.lock().sim.is_up(p) {
                let property = rule.properties()[usize::try_from(rng.below(2)).unwrap_or(0) % rule.properties().len()];
                let value = rng.below(2);
                life.stage.lock().by_hand(p, &format!("ALTER SYSTEM SET {property} = {value}"));
            }
            let cut = if rng.percent(15) { cut(&mut life) } else { Cut::Never };
            let ended = life.start_by_the_rules(p, cut);
            if let Ended::Refused(refusal) = &ended
                && refusal.because.iter().any(|r| r.code == Code::ConflictRule)
            {
                REFUSED.fetch_add(1, Atomic::AcqRel);
                if rng.percent(70) {
                    assert!(life.set_as_told(refusal), "{}", life.told("the refusal names no statement"));
                    life.start_by_the_rules(p, Cut::Never);
                }
            }
            if life.joined.contains(&p) {
                life.write(p);
            }
        }
        event(&mut life);
    }
    for p in 0..life.pods() {
        // Who is in service is only told of it.
        for property in rule.properties() {
            life.stage.lock().by_hand(p, &format!("ALTER SYSTEM SET {property} = 1"));
        }
    }
    let reached = life.settle(&BTreeSet::new());
    TRIED.fetch_add(usize::from(life.conf.count), Atomic::AcqRel);
    REACHED.fetch_add(reached.len(), Atomic::AcqRel);
    if std::env::var_os("AKU_SEED").is_some() {
        eprintln!("{}", life.told(&format!("seed {seed}: reached {reached:?}")));
    }
}

#[test]
fn servers_that_decide_conflicts_lose_nothing() {
    play("conflicts", 150, lived);
    let count = |n: &AtomicUsize| n.load(Atomic::Acquire);
    let (tried, reached, refused, opened) = (count(&TRIED), count(&REACHED), count(&REFUSED), count(&OPENED));
    eprintln!(
        "{reached} of {tried} pods reached the goal; {refused} starts were refused, {opened} properties looked at"
    );
    assert!(tried < 100 || reached * 2 > tried, "most lives end in a refusal: this test proves little");
    assert!(tried < 100 || (refused > 20 && opened > 100), "no rule was ever wrong, or right: this test proves little");
}
