//! Sizes, combinations, roles, and what differs.

use super::*;
use crate::{
    observe::{Fixed, Mode, Replication},
    testing::{Worlds, desired, ord},
};

fn parallel(n: u16, buffer: Option<&str>) -> GroupOption {
    GroupOption::Parallel { appliers: Appliers::new(n).unwrap(), buffer: buffer.map(|b| b.parse().unwrap()) }
}

#[test]
fn sizes() {
    let bytes = |text: &str| text.parse::<Buffer>().map(Buffer::bytes).ok();
    let table = [
        ("1K", Some(1024)),
        ("10m", Some(10 << 20)),
        ("2 G", Some(2 << 30)),
        ("1024G", Some(1 << 40)),
        ("1025G", None),
        ("0M", None),
        ("10", None),
        ("M", None),
        ("-1M", None),
        ("99999999999999999999K", None),
        ("18446744073709551615G", None),
        ("1T", None),
        ("é", None),
    ];
    for (text, want) in table {
        assert_eq!(bytes(text), want, "{text}");
    }
}

#[test]
fn releases() {
    let table = [
        (Some("7.1.0.9.5"), Known::Yes),
        (Some("7.3.0.1.2"), Known::Yes),
        (Some("10.0"), Known::Yes),
        (Some("6.5.1.0.1"), Known::No),
        (Some("7.0"), Known::No),
        (Some("trunk"), Known::CannotTell),
        (Some(""), Known::CannotTell),
        (None, Known::CannotTell),
    ];
    for (version, want) in table {
        assert_eq!(known_by(version), want, "{version:?}");
    }
}

#[test]
fn eager_goes_with_recovery_alone() {
    let with = |o| Attributes::new(GroupMode::Eager, Conflict::MasterSlave, [o]).map_err(|e| e.0);
    assert!(with(GroupOption::Recovery).is_ok());
    assert_eq!(with(GroupOption::Gapless), Err(ObjectOption::Gapless));
    assert_eq!(with(GroupOption::Grouping), Err(ObjectOption::Grouping));
    assert_eq!(with(parallel(2, None)), Err(ObjectOption::Parallel));
}

/// The handshake takes 0-0 and 1-2 (recording `roles`).
#[test]
fn every_pair_has_one_master() {
    let roles = Attributes::new(GroupMode::Lazy, Conflict::MasterSlave, []).unwrap();
    for (low, high) in [(0, 1), (0, 2), (1, 2), (3, 12)] {
        let pair = Pair::new(ord(low), ord(high)).unwrap();
        let number = |pod: u8| Role::number(roles.shape(ord(pod), pair).role);
        assert_eq!((number(low), number(high)), (1, 2), "{low} {high}");
    }
}

fn unlike(shape: &Shape, f: impl Fn(&mut Replication)) -> (Fixed, String, String) {
    let w = Worlds::new(desired(crate::desired::Goal::Reconcile, 2, 1)).up(0, 0).side(0, 1, 'L').edit(0, 1, f);
    let found = w.observed.pod(ord(0)).unwrap().replications.values().next().unwrap().clone();
    let unlike = found.unlike(shape);
    let words = |all: Vec<String>| all.join(" ");
    let clear = unlike.clear.iter().map(ToString::to_string).collect();
    (unlike.fixed, words(clear), words(unlike.set.iter().map(|o| o.on()).collect()))
}

/// A story, what is asked for, what stands there, and what is wrong with it.
type Case<'s> = (&'s str, &'s Shape, Box<dyn Fn(&mut Replication)>, (Fixed, &'s str, &'s str));

#[test]
fn what_differs() {
    let plain = Shape::default();
    let rich = Shape { options: [GroupOption::Gapless, parallel(4, Some("10M"))].into(), ..Shape::default() };
    let slave = Shape { role: Some(Role::Slave), ..Shape::default() };
    let eager = Shape { mode: GroupMode::Eager, ..Shape::default() };
    let whole = |r: &mut Replication| {
        (r.options, r.parallel_applier, r.applier_buffer) = (12, 4, Some(10 << 20));
    };
    let edits: Vec<Case<'_>> = vec![
        ("plain", &plain, Box::new(|_| ()), (Fixed::Right, "", "")),
        ("by hand", &plain, Box::new(|r| r.options = 4), (Fixed::Right, "GAPLESS", "")),
        ("LOCAL", &plain, Box::new(|r| r.options = 32), (Fixed::Wrong, "", "")),
        ("nothing there", &rich, Box::new(|_| ()), (Fixed::Right, "", "GAPLESS ENABLE PARALLEL 4 10 M")),
        ("right", &rich, Box::new(whole), (Fixed::Right, "", "")),
        (
            "another number",
            &rich,
            Box::new(move |r| {
                whole(r);
                r.parallel_applier = 2;
            }),
            (Fixed::Right, "PARALLEL", "PARALLEL 4 10 M"),
        ),
        (
            "another buffer",
            &rich,
            Box::new(move |r| {
                whole(r);
                r.applier_buffer = Some(0);
            }),
            (Fixed::Right, "PARALLEL", "PARALLEL 4 10 M"),
        ),
        (
            "a buffer that nobody tells of",
            &rich,
            Box::new(move |r| {
                whole(r);
                r.applier_buffer = None;
            }),
            (Fixed::Right, "", ""),
        ),
        ("no role", &slave, Box::new(|_| ()), (Fixed::Wrong, "", "")),
        ("master", &slave, Box::new(|r| r.conflict_resolution = 1), (Fixed::Wrong, "", "")),
        ("slave", &slave, Box::new(|r| r.conflict_resolution = 2), (Fixed::Right, "", "")),
        ("lazy", &eager, Box::new(|_| ()), (Fixed::Wrong, "", "")),
        ("eager", &eager, Box::new(|r| r.mode = Mode::Eager), (Fixed::Right, "", "")),
        ("eager by hand", &plain, Box::new(|r| r.mode = Mode::Eager), (Fixed::Wrong, "", "")),
    ];
    for (what, shape, edit, (fixed, clear, set)) in edits {
        assert_eq!(unlike(shape, edit), (fixed, clear.to_owned(), set.to_owned()), "{what}");
    }
}

#[test]
fn clauses_in_the_order_of_the_statement() {
    let shape = Shape {
        role: Some(Role::Master),
        options: [parallel(2, None), GroupOption::Recovery].into(),
        mode: GroupMode::Lazy,
    };
    assert_eq!(shape.clauses(), ["AS MASTER", "OPTIONS RECOVERY PARALLEL 2"]);
    assert_eq!(shape.mask(), 9);
    let text = serde_json::to_string(&shape).unwrap();
    assert_eq!(serde_json::from_str::<Shape>(&text).unwrap(), shape, "{text}");
    assert_eq!(serde_json::to_string(&Shape::default()).unwrap(), "{}");
}
