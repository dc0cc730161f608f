use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use proptest::prelude::*;

use super::{Bounds, Compared, Kind, Print, Settle, Source, Sources, Versus, compare};
use crate::{
    db::{DbError, Value, page::Range},
    plan::testing::ord,
};

type Table = BTreeMap<i64, i64>;

/// A table that others may change between two readings.
#[derive(Clone)]
struct Held(Arc<Mutex<Table>>);

fn held(rows: &[(i64, i64)]) -> Held {
    Held(Arc::new(Mutex::new(rows.iter().copied().collect())))
}

fn number(key: &[Value]) -> i64 {
    match key {
        [Value::Int(n)] => *n,
        other => panic!("{other:?}"),
    }
}

impl Source for Held {
    fn rows(&mut self, range: &Range, limit: u32) -> Result<Vec<(Vec<Value>, Print)>, DbError> {
        let table = self.0.lock().unwrap();
        let within = |n: i64| match range {
            Range::Exactly(key) => n == number(key),
            Range::Between { after, until } => {
                after.as_ref().is_none_or(|k| n > number(k)) && until.as_ref().is_none_or(|k| n <= number(k))
            }
        };
        let rows = table.iter().filter(|(k, _)| within(**k)).take(limit as usize);
        Ok(rows.map(|(k, v)| (vec![Value::Int(*k)], Print::of(&[Value::Int(*k), Value::Int(*v)]))).collect())
    }

    fn flush(&mut self) -> Result<Vec<(crate::topology::ReplicationName, String)>, DbError> {
        let mut table = self.0.lock().unwrap();
        table.remove(&-1);
        // A stream that is stuck.
        let stuck = table
            .contains_key(&STUCK)
            .then(|| (crate::topology::ReplicationName::exact("AKU_REP_01").unwrap(), "it timed out".to_owned()));
        Ok(stuck.into_iter().collect())
    }
}

/// A key of a pod whose FLUSH does not return.
const STUCK: i64 = 4_000;

#[test]
fn a_difference_beside_a_stream_that_is_not_drained_is_told_as_such() {
    let reference = held(&[(1, 10), (2, 20)]);
    let behind = held(&[(1, 10), (2, 21), (STUCK, 0)]);
    let got = run(&reference, &[&behind], Settle::Flush, 100, &|| {});
    let told: Vec<_> = got.undelivered.iter().map(|u| (u.pod, u.name.as_str(), u.said.as_str())).collect();
    assert_eq!(told, [(ord(1), "AKU_REP_01", "it timed out")]);
    // Nothing is asked where nothing differs, and nobody flushes without being told to.
    assert!(run(&behind, &[&behind.clone()], Settle::Flush, 100, &|| {}).undelivered.is_empty());
    assert!(run(&reference, &[&behind], Settle::Pause, 100, &|| {}).undelivered.is_empty());
}

fn run(reference: &Held, others: &[&Held], settle: Settle, page: u32, pause: &dyn Fn()) -> Compared {
    let mut sources: Sources<'_> = BTreeMap::new();
    for (n, other) in (1u8..).zip(others) {
        sources.insert(ord(n), Box::new((*other).clone()));
    }
    let bounds = Bounds { page, ..Bounds::default() };
    compare((ord(0), &mut reference.clone()), &mut sources, settle, bounds, pause).unwrap()
}

fn kinds(v: &Versus) -> Vec<(Kind, i64)> {
    let mut all: Vec<_> = v.found.iter().map(|(kind, key)| (*kind, number(key))).collect();
    all.sort();
    all
}

#[test]
fn the_three_kinds_on_several_pods() {
    let reference = held(&[(1, 10), (2, 20), (3, 30)]);
    let same = held(&[(1, 10), (2, 20), (3, 30)]);
    let other = held(&[(0, 0), (1, 11), (3, 30), (9, 90)]);
    let empty = held(&[]);
    for page in [1, 2, 100] {
        let got = run(&reference, &[&same, &other, &empty], Settle::Pause, page, &|| {});
        assert_eq!((got.rows, got.others[&ord(1)].rows, got.others[&ord(2)].rows), (3, 3, 4), "page {page}");
        assert!(got.others[&ord(1)].found.is_empty());
        let want = [(Kind::Differs, 1), (Kind::OnlyReference, 2), (Kind::OnlyOther, 0), (Kind::OnlyOther, 9)];
        assert_eq!(kinds(&got.others[&ord(2)]), want, "page {page}");
        assert_eq!(got.others[&ord(3)].found.len(), 3);
    }
}

#[test]
fn a_row_on_its_way_is_no_difference() {
    let (reference, other) = (held(&[(1, 10), (2, 20)]), held(&[(1, 10)]));
    let arrive = || {
        other.0.lock().unwrap().insert(2, 20);
    };
    let got = run(&reference, &[&other], Settle::Pause, 10, &arrive);
    assert_eq!(got.others[&ord(1)], Versus { rows: 1, ..Versus::default() });
    let (reference, other) = (held(&[(-1, 1)]), held(&[]));
    assert!(run(&reference, &[&other], Settle::Flush, 10, &|| {}).others[&ord(1)].found.is_empty());
    assert_eq!(run(&held(&[(-1, 1)]), &[&other], Settle::Pause, 10, &|| {}).others[&ord(1)].found.len(), 1);
}

#[test]
fn a_row_that_never_rests_is_called_that() {
    let (reference, other) = (held(&[(1, 0)]), held(&[(1, -1)]));
    let n = Cell::new(0);
    let change = || {
        n.set(n.get() + 1);
        reference.0.lock().unwrap().insert(1, n.get());
    };
    let got = run(&reference, &[&other], Settle::Pause, 10, &change);
    assert_eq!((got.others[&ord(1)].changing, got.others[&ord(1)].found.len()), (1, 0));
}

#[test]
fn too_many_are_counted() {
    let many: Vec<_> = (0..500).map(|n| (n, n)).collect();
    let got = run(&held(&many), &[&held(&[])], Settle::Pause, 64, &|| {});
    assert_eq!((got.others[&ord(1)].found.len(), got.others[&ord(1)].beyond), (200, 300));
}

#[test]
fn prints_tell_null_from_text_and_cells_apart() {
    let text = |t: &str| Value::Text(t.to_owned());
    let different =
        [vec![Value::Null], vec![text("a"), text("b")], vec![text("ab")], vec![text("a"), Value::Null, text("b")]];
    for (i, a) in different.iter().enumerate() {
        for b in &different[i + 1..] {
            assert_ne!(Print::of(a), Print::of(b), "{a:?} {b:?}");
        }
    }
    assert_eq!(Print::of(&[Value::Int(7)]), Print::of(&[text("7")]));
}

proptest! {
    #[test]
    fn as_a_naive_comparison(
        a in prop::collection::btree_map(0i64..60, 0i64..3, 0..40),
        b in prop::collection::btree_map(0i64..60, 0i64..3, 0..40),
        page in 1u32..12,
    ) {
        let mut want: Vec<_> = (0..60).filter_map(|k| match (a.get(&k), b.get(&k)) {
            (Some(x), Some(y)) if x != y => Some((Kind::Differs, k)),
            (Some(_), None) => Some((Kind::OnlyReference, k)),
            (None, Some(_)) => Some((Kind::OnlyOther, k)),
            _ => None,
        }).collect();
        want.sort();
        let hold = |t: &Table| Held(Arc::new(Mutex::new(t.clone())));
        let got = run(&hold(&a), &[&hold(&b)], Settle::Pause, page, &|| {});
        prop_assert_eq!(kinds(&got.others[&ord(1)]), want);
        prop_assert_eq!((got.rows, got.others[&ord(1)].rows), (a.len() as u64, b.len() as u64));
    }
}
