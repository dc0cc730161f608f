//! Looks one after the other, judged: new, known, resolved, accepted, denied; and the reports that other tests show.

use std::{collections::BTreeSet, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    super::{
        accept::Accepts,
        compare::{Plugin, Rules, Setting, compare},
        document::Report,
    },
    *,
};
use crate::{
    document::Document as _,
    plan::{
        facts::Facts,
        policy::{Policy, Subject, Use, judge, parse},
    },
};

fn t(seconds: i64) -> Timestamp {
    "2026-11-21T06:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

const JOIN_LIMIT: Duration = Duration::from_secs(7200);

struct Judge {
    accepts: Accepts,
    policy: Policy,
    deny: BTreeSet<Kind>,
    since_ok: Option<Duration>,
}

impl Judge {
    fn plain() -> Self {
        Self { accepts: Accepts::default(), policy: Policy::default(), deny: BTreeSet::new(), since_ok: None }
    }

    fn judge(&self, w: &Worlds, previous: Option<&Report>, at: i64) -> Report {
        let facts = Facts::of_cluster(&w.desired, &w.observed);
        let rules = Rules {
            previous,
            policy: judge(&self.policy, Subject { facts: &facts, plan: None }, Use::default()),
            accepts: &self.accepts,
            deny: &self.deny,
            since_ok: self.since_ok,
            marks: Vec::new(),
            join_limit: JOIN_LIMIT,
        };
        let setting = Setting {
            statefulset: "altibase-sts".to_owned(),
            service: "altibase-svc".to_owned(),
            observer: Some(ord(0)),
            conf_digest: format!("sha256:{}", "0".repeat(64)),
        };
        let scope = Scope { desired: &w.desired, observed: &w.observed };
        compare(scope, &look(w), setting, rules, t(at), Duration::from_millis(40))
    }
}

/// New, known, resolved, unchecked, exit.
fn counts(r: &Report) -> (usize, usize, usize, usize, u8) {
    (r.new.len(), r.known.len(), r.resolved.len(), r.unchecked.len(), r.exit)
}

#[test]
fn new_known_resolved_and_what_cannot_be_seen() {
    let j = Judge::plain();
    let clean = j.judge(&three(), None, 0);
    assert_eq!((counts(&clean), clean.compared_with), ((0, 0, 0, 0, 0), None));
    let stopped = j.judge(&three().side(1, 2, 'l'), Some(&clean), 60);
    assert_eq!((counts(&stopped), stopped.new[0].since), ((1, 0, 0, 0, 2), t(60)));
    let still = j.judge(&three().side(1, 2, 'l').edit(1, 2, |r| r.position = Position::Live(9)), Some(&stopped), 120);
    assert_eq!((counts(&still), still.known[0].since), ((0, 1, 0, 0, 2), t(60)));
    // Its pod cannot be looked at: neither there nor gone, twice; then the peer cannot.
    let hidden = j.judge(&three().side(1, 2, 'l').broken(1), Some(&still), 180);
    assert_eq!(counts(&hidden), (0, 0, 0, 1, 7));
    let hidden = j.judge(&three().side(1, 2, 'l').broken(2), Some(&hidden), 240);
    assert_eq!(counts(&hidden), (0, 0, 0, 1, 7));
    let back = j.judge(&three().side(1, 2, 'l'), Some(&hidden), 300);
    assert_eq!((counts(&back), back.known[0].since), ((0, 1, 0, 0, 2), t(60)));
    // The peer dies: that is another difference, and the sender is not judged meanwhile.
    let down = j.judge(&absent(three().side(1, 2, 'l'), 2), Some(&back), 360);
    assert_eq!(counts(&down), (1, 0, 0, 1, 2));
    let mended = j.judge(&three(), Some(&down), 420);
    assert_eq!(counts(&mended), (0, 0, 2, 0, 0));
    assert_eq!(counts(&j.judge(&three(), Some(&mended), 480)), (0, 0, 0, 0, 0));
    // Nobody keeps log for a pod because nobody was seen: its death is not resolved by that.
    let gone = absent(absent(three(), 0), 1).broken(0);
    let dark = j.judge(&absent(gone, 2), Some(&down), 420);
    assert_eq!((dark.resolved.len(), dark.exit), (0, 7));
    // A pod that left in good order takes what was odd about it along.
    let left = absent(three().pair(0, 2, "RR").pair(1, 2, "RR"), 2);
    assert_eq!(counts(&j.judge(&left, Some(&down), 420)), (0, 0, 2, 0, 0));
}

#[test]
fn accepted_settling_and_denied() {
    let text = "[[accept]]\nobject = \"AKU_REP_12\"\nfact = \"started\"\nreason = \"in repair\"\nuntil = 2026-11-21\n\
                [[accept]]\npod = 3\nreason = \"old\"\nuntil = 2026-11-20\n\
                [[accept]]\nkind = \"D600\"\nreason = \"upgrade\"\nuntil = 2026-12-31\n";
    let accepts = Accepts::parse(text, Path::new("a")).unwrap();
    let j = Judge { accepts, ..Judge::plain() };
    let day = 86_400;
    let first = j.judge(&three().side(1, 2, 'l'), None, 0);
    assert_eq!((first.accepted.len(), first.exit), (1, 0));
    let noted: Vec<_> = first.accept_notes.iter().map(|n| (n.entry, format!("{:?}", n.state))).collect();
    assert_eq!(noted, [(2, "Expired".to_owned()), (3, "Unused".to_owned())]);
    let later = j.judge(&three().side(1, 2, 'l'), Some(&first), day);
    assert_eq!((later.new.len(), later.new[0].since, later.exit), (1, t(0), 2), "expired: an alarm, with its true age");
    // Nobody can tell whether an entry is used while pods are not seen.
    assert_eq!(j.judge(&three().broken(3), None, 0).accept_notes.len(), 1);

    let j = Judge { since_ok: Some(Duration::from_secs(900)), ..Judge::plain() };
    let young = j.judge(&three().side(1, 2, 'l'), None, 0);
    assert_eq!((young.settling.len(), young.exit), (1, 0));
    assert_eq!(counts(&j.judge(&three(), Some(&young), 60)), (0, 0, 0, 0, 0), "nobody was told of it");
    let old = j.judge(&three().side(1, 2, 'l'), Some(&young), 900);
    assert_eq!((counts(&old), old.new[0].since), ((1, 0, 0, 0, 2), t(0)));

    let j = Judge { deny: BTreeSet::from([Kind::SenderStopped]), ..Judge::plain() };
    assert_eq!(j.judge(&three(), None, 0).exit, 0);
    assert_eq!(j.judge(&three().side(1, 2, 'l').broken(3), None, 0).exit, 3);
    assert_eq!(j.judge(&three().side(1, 2, 'R').broken(3), None, 0).exit, 7);
}

#[test]
fn a_rule_of_the_site_denies() {
    let word = "P007";
    let policy = parse(&format!("[levels]\n{word} = \"deny\"\n")).unwrap();
    let j = Judge { policy, ..Judge::plain() };
    assert_eq!(j.judge(&three(), None, 0).exit, 0);
    let down = j.judge(&absent(three(), 2), None, 0);
    assert_eq!((down.exit, Plugin::of(&down)), (3, Plugin::Critical), "{:?}", down.policy);
}

#[test]
fn a_join_that_never_ends() {
    let j = Judge::plain();
    let joining = || worked_on(sound().side(1, 2, 'l'), 2);
    let first = j.judge(&joining(), None, 0);
    let second = j.judge(&joining(), Some(&first), 7200);
    assert_eq!((first.exit, second.exit), (0, 0));
    let third = j.judge(&joining(), Some(&second), 7201);
    assert_eq!((third.exit, third.new[0].difference.kind), (2, Kind::JoinStuck));
    let done = j.judge(&three(), Some(&third), 7260);
    assert_eq!(counts(&done), (0, 0, 1, 0, 0));
}

/// A start that fails again and again is at work in one look and not in the next: the time counts through.
#[test]
fn a_pod_that_is_never_opened() {
    let j = Judge::plain();
    let first = j.judge(&closed(), None, 0);
    let tried = j.judge(&worked_on(closed(), 2), Some(&first), 4000);
    assert_eq!((first.exit, tried.exit), (0, 0));
    let late = j.judge(&closed(), Some(&tried), 7201);
    assert_eq!((late.exit, late.new[0].difference.kind), (2, Kind::ClosedLong));
    assert_eq!(late.new[0].difference.next, "aku plan start --ordinal 2");
    assert_eq!(counts(&j.judge(&three(), Some(&late), 7260)), (0, 0, 1, 0, 0));
    // It was open in between.
    let open = j.judge(&three(), Some(&tried), 5000);
    assert_eq!(j.judge(&closed(), Some(&open), 7201).exit, 0);
}

/// What is not there, and what was not looked at, is not called right.
#[test]
fn right_is_what_was_seen_to_be() {
    let checked = |w: &Worlds| {
        let c = look(w).checked;
        (c.objects, c.looked_at, c.right, c.waiting)
    };
    assert_eq!(checked(&three()), (12, 9, 9, 3));
    assert_eq!(checked(&closed()), (12, 9, 6, 6));
    assert_eq!(checked(&three().broken(3)), (12, 9, 9, 0));
    assert_eq!(checked(&three().set(2, "ADMIN_MODE", 1)), (12, 9, 6, 3));
    assert_eq!(checked(&absent(three(), 2)), (12, 6, 6, 3));
    let bare = Worlds::new(desired(Goal::Start(ord(0)), 4, 1)).up(0, 1).up(1, 1).up(2, 1).up(3, 1);
    assert_eq!(checked(&bare).2, 0, "no object exists");
}

#[test]
fn plugin_answers() {
    let j = Judge::plain();
    let of = |w: &Worlds| Plugin::of(&j.judge(w, None, 0));
    assert_eq!(of(&three()), Plugin::Ok);
    assert_eq!(of(&absent(three(), 2)), Plugin::Warning);
    assert_eq!(of(&three().side(1, 2, 'R')), Plugin::Critical);
    assert_eq!(of(&three().side(1, 2, 'R').broken(3)), Plugin::Critical);
    assert_eq!(of(&absent(three(), 2).broken(3)), Plugin::Unknown);
    let denied = Judge { deny: BTreeSet::from([Kind::MemberDown]), ..Judge::plain() };
    assert_eq!(Plugin::of(&denied.judge(&absent(three(), 2), None, 0)), Plugin::Critical);
}

#[test]
fn nothing_destructive_is_proposed_and_every_kind_has_a_story() {
    let mut words = BTreeSet::new();
    for kind in Kind::ALL {
        assert!(kind.explanation().len() > 60, "{}", kind.as_str());
        assert!(words.insert(&kind.as_str()[..4]), "two kinds {}", kind.as_str());
        assert_eq!(kind.as_str()[..4].to_lowercase().parse(), Ok(*kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    for (name, report) in reports() {
        for item in report.counted() {
            let next = item.difference.next.to_uppercase();
            let bad = ["RESET", "DROP", "TRUNCATE", "APPLY", "CLEAN", "--YES"].into_iter().find(|w| next.contains(w));
            assert_eq!(bad, None, "{name}: {next}");
        }
    }
}

proptest! {
    /// Whatever the pods look like: nothing panics, one identity is told once, and the sums are right.
    #[test]
    fn any_world(
        admin in proptest::collection::vec(0i64..2, 4),
        views in proptest::collection::vec(0u8..6, 4),
        sides in proptest::collection::vec(proptest::sample::select(vec!['R', 'L', 'l', 'T', 'G', '-']), 12),
        then in proptest::collection::vec(proptest::sample::select(vec!['R', 'L', 'l', 'T', 'G', '-']), 12),
    ) {
        let world = |sides: &[char]| {
            let mut w = Worlds::new(desired(Goal::Start(ord(0)), 4, 2));
            let mut next = sides.iter();
            for n in 0..4u8 {
                w = match views[usize::from(n)] {
                    0 => w,
                    1 => w.broken(n),
                    2 => busy(w, n),
                    _ => w.up(n, admin[usize::from(n)]),
                };
                let seen = w.observed.pod(ord(n)).is_some();
                for k in (0..4u8).filter(|k| *k != n) {
                    let state = *next.next().unwrap();
                    if seen {
                        w = w.side(n, k, state);
                    }
                }
            }
            w
        };
        let j = Judge::plain();
        let first = j.judge(&world(&sides), None, 0);
        let second = j.judge(&world(&then), Some(&first), 60);
        for r in [&first, &second] {
            let ids: BTreeSet<_> = r.counted().map(|i| i.difference.identity()).collect();
            prop_assert_eq!(ids.len(), r.counted().count());
            prop_assert!(r.checked.right <= r.checked.looked_at && r.checked.looked_at <= r.checked.objects);
            prop_assert_eq!(r.exit == 0, r.view.completeness == Completeness::Full && ids.is_empty());
            prop_assert_eq!(&Report::parse(&r.text()).unwrap(), r);
        }
        // Whatever was there is there, gone, or not to be seen: never forgotten.
        let before: BTreeSet<_> = first.counted().map(|i| i.difference.identity()).collect();
        let after = second.known.iter().chain(&second.resolved).chain(&second.unchecked);
        let after: BTreeSet<_> = after.map(|i| i.difference.identity()).collect();
        prop_assert_eq!(before, after);
    }
}

/// Reports for golden files, schemas and metrics.
pub fn reports() -> Vec<(&'static str, Report)> {
    scenes().into_iter().map(|(name, _, report)| (name, report)).collect()
}

/// The same with the worlds they come from.
pub fn scenes() -> Vec<(&'static str, Worlds, Report)> {
    let text = "[[accept]]\nobject = \"AKU_REP_13\"\npod = 1\nfact = \"xsn\"\nreason = \"pod 3 in repair\"\n\
                until = 2026-12-01\n[[accept]]\npod = 1\nfact = \"port\"\nreason = \"moved\"\nuntil = 2026-11-01\n";
    let accepts = Accepts::parse(text, Path::new("a")).unwrap();
    let j = Judge { accepts, deny: BTreeSet::from([Kind::ForeignObject]), ..Judge::plain() };
    let plain = Judge::plain();
    let pinned = |w: Worlds| w.side(1, 3, 'l');
    let stopped = || pinned(three()).side(1, 2, 'l').set(0, "REPLICATION_DDL_ENABLE", 1);
    let before = plain.judge(&stopped(), None, -6480);
    let mut mixed = pinned(three()).side(1, 2, 'l').edit(2, 0, |r| {
        r.items.insert(TableItem { local: target("T4"), remote: target("T4") });
    });
    let foreign = mixed.observed.replication(ord(0), &mixed.desired.objects[0].name).unwrap().clone();
    mixed.pod_mut(0).replications.insert(ReplicationName::exact("BILLING").unwrap(), foreign);
    let plain_mixed = pinned(three()).side(1, 2, 'l').edit(2, 0, |r| {
        r.items.insert(TableItem { local: target("T4"), remote: target("T4") });
    });
    let nobody = || Worlds::new(desired(Goal::Start(ord(0)), 4, 1));
    let hidden = || stopped().broken(1);
    let joining = || worked_on(sound().side(1, 2, 'l'), 2);
    let killed = || absent(three(), 2);
    let all = [
        ("clean", sound(), None),
        ("mixed", plain_mixed, Some(&before)),
        ("denied", mixed, Some(&before)),
        ("hidden", hidden(), Some(&before)),
        ("nobody", nobody(), Some(&before)),
        ("joining", joining(), None),
        ("killed", killed(), None),
    ];
    all.into_iter()
        .map(|(name, w, previous)| {
            let report = j.judge(&w, previous, 0);
            (name, w, report)
        })
        .collect()
}
