//! Each rule on a world where it finds something and on one where it does not; levels; the file.

use std::collections::BTreeSet;

use aku_core::{
    desired::Goal,
    topology::{Identifier, Ordinal},
};

use super::*;
use crate::testing::{Worlds, desired, ord};

fn calm() -> Worlds {
    let w = Worlds::new(desired(Goal::Start(ord(2)), 4, 1)).up(0, 0).up(1, 0).up(2, 1);
    w.pair(0, 1, "LL").side(0, 2, 'R').side(1, 2, 'R').rows(0, 200_000).rows(2, 7)
}

fn codes(w: &Worlds, policy: &Policy, how: Use) -> BTreeSet<String> {
    let plan = crate::make(&w.desired, &w.observed).ok();
    let facts = match &plan {
        Some(plan) => Facts::of(plan, &w.desired, &w.observed),
        None => Facts::of_cluster(&w.desired, &w.observed),
    };
    let found = judge(policy, Subject { facts: &facts, plan: plan.as_ref() }, how);
    assert!(found.iter().all(|f| !f.text.is_empty() && f.level != Level::Off), "{found:#?}");
    found.into_iter().map(|f| f.code.into_owned()).collect()
}

fn strange(w: &mut Worlds, pod: u8, f: impl Fn(&mut aku_core::observe::Pod)) {
    f(w.pod_mut(pod));
}

#[test]
fn every_rule_finds_what_it_looks_for_and_nothing_else() {
    let policy = parse("protect = [\"SYS.T1\"]\nmax_rows_deleted = 0\n[levels]\nP009 = \"warn\"").unwrap();
    let quiet = {
        let mut w = calm().pair(0, 2, "LL").pair(1, 2, "LL");
        w.desired.delay_start_complete_s = 90;
        w
    };
    let none = Use::default();
    assert_eq!(codes(&quiet, &policy, none), BTreeSet::new());
    let short = Use { deadline: Some(Duration::from_secs(60)), ..none };
    let pipeline = Use { review: Review::Impossible, ..none };
    let edit = |f: &dyn Fn(&mut Worlds)| {
        let mut w = Worlds { desired: quiet.desired.clone(), observed: quiet.observed.clone() };
        f(&mut w);
        w
    };
    let foreign = edit(&|w| {
        strange(w, 1, |p| {
            let copy = p.replications.values().next().unwrap().clone();
            p.replications.insert(aku_core::topology::ReplicationName::exact("OTHER").unwrap(), copy);
        });
    });
    let table: Vec<(Rule, Worlds, Use)> = vec![
        (
            Rule::PartialView,
            edit(&|w| *w = Worlds { desired: w.desired.clone(), observed: w.observed.clone() }.broken(3)),
            none,
        ),
        (Rule::VersionSkew, edit(&|w| strange(w, 1, |p| p.server.version = Some("7.1".to_owned()))), none),
        (Rule::Truncate, calm(), none),
        (
            Rule::ConfDiffers,
            edit(&|w| strange(w, 1, |p| p.replications.values_mut().for_each(|r| r.hosts[0].port = 9))),
            none,
        ),
        (
            Rule::NoPrimaryKey,
            edit(&|w| strange(w, 1, |p| p.tables.values_mut().for_each(|t| t.primary_key = false))),
            none,
        ),
        (
            Rule::ShapeDiffers,
            edit(&|w| {
                strange(w, 1, |p| {
                    p.tables.values_mut().for_each(|t| t.partitions = [Identifier::exact("P").unwrap()].into());
                });
            }),
            none,
        ),
        (
            Rule::LogPinned,
            edit(&|w| *w = Worlds { desired: w.desired.clone(), observed: w.observed.clone() }.side(2, 3, 'L')),
            none,
        ),
        (Rule::DeadlineTooShort, edit(&|_| {}), short),
        (Rule::Unreviewed, calm(), pipeline),
        (Rule::Foreign, foreign, none),
        (
            Rule::SidesDisagree,
            edit(&|w| *w = Worlds { desired: w.desired.clone(), observed: w.observed.clone() }.side(1, 2, 'R')),
            none,
        ),
        (Rule::Protected, calm(), none),
        (Rule::TooManyRows, calm(), none),
    ];
    assert_eq!(table.iter().map(|(r, _, _)| *r).collect::<Vec<_>>(), Rule::ALL);
    for (rule, w, how) in table {
        let found = codes(&w, &policy, how);
        assert!(found.contains(rule.as_str()), "{} is not in {found:?}", rule.as_str());
        if *quiet.observed.pods.get(&Ordinal::MASTER).unwrap() == *w.observed.pods.get(&Ordinal::MASTER).unwrap() {
            let off = Policy { levels: [(rule, Level::Off)].into(), ..policy.clone() };
            assert!(!codes(&w, &off, how).contains(rule.as_str()), "{} cannot be switched off", rule.as_str());
        }
    }
}

#[test]
fn levels_come_from_the_file() {
    let policy = parse("[levels]\nP003 = \"deny\"\np010-foreign-object = \"off\"\n").unwrap();
    assert_eq!(policy.level(Rule::Truncate), Level::Deny);
    assert_eq!(policy.level(Rule::Foreign), Level::Off);
    assert_eq!(policy.level(Rule::PartialView), Level::Warn);
    let wrong = [
        ("[levels]\nP011 = \"deny\"", "there is no rule \"P011\""),
        ("[levels]\nP003 = \"loud\"", "loud"),
        ("level = 1", "unknown field"),
        ("max_rows_deleted = -1", "max_rows_deleted"),
        ("protect = SYS.T1", "TOML"),
    ];
    for (text, want) in wrong {
        let said = parse(text).unwrap_err().to_string();
        assert!(said.contains(want) || want == "TOML", "{text}: {said}");
    }
}

#[test]
fn the_sample_is_a_policy() {
    let policy = parse(include_str!("../../../../conf/policy.toml")).unwrap();
    assert_eq!((policy.level(Rule::PartialView), policy.level(Rule::Unreviewed)), (Level::Deny, Level::Deny));
    let whole =
        include_str!("../../../../conf/policy.toml").replace("# protect", "protect").replace("# max_rows", "max_rows");
    let policy = parse(&whole).unwrap();
    assert_eq!((policy.protect.as_slice(), policy.max_rows_deleted), (&["SYS.ACCOUNTS".to_owned()][..], Some(100_000)));
}

#[test]
fn rules_have_stories_and_numbers_of_their_own() {
    let mut numbers = BTreeSet::new();
    for rule in Rule::ALL {
        let number = rule.as_str().split('-').next().unwrap();
        assert!(numbers.insert(number) && number.len() == 4 && rule.explanation().len() > 40, "{}", rule.as_str());
    }
}
