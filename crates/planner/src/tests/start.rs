//! A pod starts.

use aku_core::{
    conf::{Compare, Switch},
    desired::Goal,
    observe::MarkerView,
};

use super::{
    super::{
        testing::{Worlds, characters, desired, ord},
        *,
    },
    *,
};

#[test]
fn first_start_of_pod_0_creates_and_opens() {
    let plan = made(&start(0, 4).up(0, 1));
    assert_eq!(steps(&plan), ["0:create AKU_REP_01", "0:create AKU_REP_02", "0:create AKU_REP_03", "0:open", "0:mark"]);
    assert!(matches!(plan.decision, Decision::None { .. }));
    assert_eq!(plan.approvals, []);
}

#[test]
fn a_single_pod_has_nothing_to_replicate() {
    assert_eq!(steps(&made(&start(0, 1).up(0, 1))), ["0:open", "0:mark"]);
}

#[test]
fn first_start_of_a_slave_is_a_full_join() {
    let w = start(1, 2).up(0, 0).side(0, 1, 'R').up(1, 1).rows(0, 10).rows(1, 0);
    let plan = made(&w);
    assert_eq!(
        steps(&plan),
        [
            "1:fence",
            "1:create AKU_REP_01",
            "1:quiet",
            "1:set REPLICATION_DDL_ENABLE=1",
            "1:truncate SYS.T1",
            "1:truncate SYS.T2",
            "1:set REPLICATION_DDL_ENABLE=0",
            "1:empty",
            "0:set REPLICATION_SYNC_LOCK_TIMEOUT=0",
            "0:sync AKU_REP_01",
            "0:set REPLICATION_SYNC_LOCK_TIMEOUT=30",
            "1:contents",
            "1:start-fresh AKU_REP_01",
            "1:open",
            "1:mark",
        ]
    );
    let Decision::Full { because, rows, .. } = &plan.decision else { panic!("{:?}", plan.decision) };
    assert_eq!(codes(because), [Code::NeverJoined]);
    assert_eq!(rows[0].source, 10.into());
    assert_eq!(plan.approvals, [], "no rows are deleted, so nothing needs approval");
}

#[test]
fn other_members_are_pinned_before_anything_is_deleted() {
    let w = start(2, 3)
        .up(0, 0)
        .up(1, 0)
        .up(2, 1)
        .pair(0, 1, "LL")
        .pair(0, 2, "RR")
        .pair(1, 2, "RR")
        .rows(0, 10)
        .rows(2, 4);
    let plan = made(&w);
    for (later, earlier) in [
        ("2:truncate SYS.T1", "1:pin AKU_REP_12"),
        ("1:drain", "1:pin AKU_REP_12"),
        ("1:flush AKU_REP_01", "1:drain"),
        ("2:truncate SYS.T1", "1:flush AKU_REP_01"),
        ("2:truncate SYS.T1", "2:quiet"),
        ("0:sync AKU_REP_02", "2:empty"),
        ("2:contents", "0:sync AKU_REP_02"),
        ("2:start-fresh AKU_REP_02", "2:contents"),
        ("2:start-fresh AKU_REP_12", "2:contents"),
        ("1:start AKU_REP_12", "2:contents"),
        ("2:open", "1:start AKU_REP_12"),
        ("1:unpin AKU_REP_12", "0:sync AKU_REP_02"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
    let approvals: Vec<_> = plan.approvals.iter().map(|a| (a.class, a.scope.as_str())).collect();
    assert_eq!(approvals, [(ApprovalClass::DeletesRows, "altibase-sts/2")]);
}

#[test]
fn both_live_catches_up_and_opens_after_flushes_in_both_directions() {
    let plan = made(&start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "TL"));
    same_steps(&plan, &["0:flush AKU_REP_01", "1:flush AKU_REP_01", "1:open", "1:mark"]);
    assert!(waits(&plan, "1:open", "0:flush AKU_REP_01") && waits(&plan, "1:open", "1:flush AKU_REP_01"));
    assert!(matches!(plan.decision, Decision::CatchUp { .. }));
}

#[test]
fn a_sender_that_is_down_is_started_before_it_is_flushed() {
    let plan = made(&start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "lL"));
    assert!(waits(&plan, "0:flush AKU_REP_01", "0:start AKU_REP_01"));
}

#[test]
fn without_flush_at_start_the_pod_opens_at_once_and_says_so() {
    let mut w = start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "ll");
    w.desired.flush_at_start = Switch::Off;
    let plan = made(&w);
    same_steps(&plan, &["0:start AKU_REP_01", "1:start AKU_REP_01", "1:open", "1:mark"]);
    assert!(codes(&plan.notes).contains(&Code::OpensWithGap));
}

#[test]
fn flush_timeout_0_means_a_bound_of_300_s() {
    let mut w = start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "LL");
    w.desired.flush_timeout_at_start = 0;
    let plan = made(&w);
    same_steps(&plan, &["0:flush AKU_REP_01", "1:flush AKU_REP_01", "1:open", "1:mark"]);
    let waits: Vec<_> = plan
        .actions
        .iter()
        .filter_map(|a| match a.op {
            Op::Flush { wait_s, .. } => Some(wait_s),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [300, 300]);
}

#[test]
fn a_healthy_pod_in_service_needs_nothing() {
    let w = start(1, 3)
        .up(0, 0)
        .up(1, 0)
        .up(2, 0)
        .pair(0, 1, "LL")
        .pair(0, 2, "LL")
        .pair(1, 2, "LL")
        .marker(MarkerView::Present);
    assert_eq!(steps(&made(&w)), Vec::<String>::new());
}

#[test]
fn a_stopped_sender_of_a_pod_in_service_is_started_without_a_flush() {
    let w = start(1, 3)
        .up(0, 0)
        .up(1, 0)
        .up(2, 0)
        .pair(0, 1, "LL")
        .pair(0, 2, "LL")
        .pair(1, 2, "lL")
        .marker(MarkerView::Present);
    assert_eq!(steps(&made(&w)), ["1:start AKU_REP_12"]);
}

/// `aku-behaviour.md` B.8: every combination of the two sides towards the source, for a slave that starts.
#[test]
fn the_pair_table_towards_the_source() {
    let full = |codes: &[Code]| Some(codes.to_vec());
    let table = [
        ("RR", full(&[Code::NeverJoined])),
        ("R-", full(&[Code::NeverJoined])),
        ("-R", full(&[Code::NeverJoined])),
        ("--", full(&[Code::NeverJoined])),
        ("LR", full(&[Code::SidesDisagree])),
        ("L-", full(&[Code::SidesDisagree])),
        ("RL", full(&[Code::SidesDisagree])),
        ("-L", full(&[Code::SidesDisagree])),
        ("GL", full(&[Code::GaveUp])),
        ("LG", full(&[Code::GaveUp])),
        ("GR", full(&[Code::GaveUp])),
        ("LL", None),
        ("TT", None),
        ("ll", None),
        ("lT", None),
    ];
    for (states, want) in table {
        let w = start(1, 2).up(0, 0).up(1, 1).pair(0, 1, states).rows(0, 5).rows(1, 0);
        let plan = made(&w);
        let got = match &plan.decision {
            Decision::Full { because, .. } => Some(codes(because)),
            Decision::CatchUp { .. } | Decision::None { .. } | Decision::Repair { .. } | Decision::Logs { .. } => None,
        };
        assert_eq!(got, want, "0 and 1 are {states}");
        if want.is_some() {
            let reset = |pod: u8| steps(&plan).contains(&format!("{pod}:reset AKU_REP_01"));
            for (pod, state) in (0u8..).zip(states.chars()) {
                assert_eq!(reset(pod), matches!(state, 'L' | 'G'), "{states}: RESET on pod {pod}");
            }
        }
    }
}

#[test]
fn a_pod_that_joined_meanwhile_means_full_and_salvage_to_the_source() {
    let w =
        start(1, 3).up(0, 0).up(2, 0).up(1, 1).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "RR").rows(0, 5).rows(1, 5);
    let plan = made(&w);
    let Decision::Full { because, .. } = &plan.decision else { panic!("{:?}", plan.decision) };
    assert_eq!(codes(because), [Code::JoinedMeanwhile]);
    assert!(waits(&plan, "1:reset AKU_REP_01", "1:flush AKU_REP_01"), "unsent rows go out before they are forgotten");
    assert!(waits(&plan, "1:truncate SYS.T1", "1:flush AKU_REP_01"));
}

#[test]
fn salvage_starts_a_sender_whose_peer_was_reset() {
    let w = start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "Rl").rows(0, 5).rows(1, 5);
    let plan = made(&w);
    assert!(waits(&plan, "1:flush AKU_REP_01", "1:start AKU_REP_01"));
    assert!(waits(&plan, "1:stop AKU_REP_01", "1:flush AKU_REP_01"));
    assert!(waits(&plan, "1:truncate SYS.T1", "1:reset AKU_REP_01"));
}

#[test]
fn a_leftover_towards_a_pod_that_is_not_joined_decides_nothing() {
    let w = start(1, 3).up(0, 0).up(1, 1).up(2, 1).pair(0, 1, "LL").pair(0, 2, "RR").pair(1, 2, "lR");
    let plan = made(&w);
    assert!(matches!(plan.decision, Decision::CatchUp { .. }));
    assert!(steps(&plan).contains(&"1:reset AKU_REP_12".to_owned()));
    assert!(!steps(&plan).iter().any(|s| s.contains("truncate")));
}

#[test]
fn a_pod_in_service_only_reports_a_leftover() {
    let w = start(1, 3).up(0, 0).up(1, 0).up(2, 1).pair(0, 1, "LL").pair(1, 2, "lR").marker(MarkerView::Present);
    let plan = made(&w);
    assert_eq!(steps(&plan), Vec::<String>::new());
    assert!(codes(&plan.notes).contains(&Code::Leftover));
}

#[test]
fn nothing_is_deleted_without_a_source_in_service() {
    let table = [
        ("absent", start(1, 2).up(1, 1)),
        ("broken", start(1, 2).up(1, 1).broken(0)),
        ("not in service", start(1, 2).up(1, 1).up(0, 1)),
    ];
    for (name, w) in table {
        let r = refused(&w);
        assert_eq!((r.kind, r.because[0].code), (RefusalKind::CannotTell, Code::NoSource), "{name}");
        assert!(!r.next.is_empty(), "{name}");
    }
}

#[test]
fn a_slave_that_kept_its_place_comes_back_even_without_pod_0() {
    let w = start(1, 3).up(1, 1).up(2, 0).side(1, 0, 'T').side(2, 0, 'T').pair(1, 2, "LL");
    let plan = made(&w);
    assert!(matches!(plan.decision, Decision::CatchUp { .. }));
    assert!(codes(&plan.notes).contains(&Code::MemberDown));
}

#[test]
fn a_broken_pod_bars_a_full_join_but_not_a_catch_up() {
    let r = refused(&start(2, 3).up(0, 0).broken(1).up(2, 1));
    assert_eq!((r.kind, r.because[0].code), (RefusalKind::CannotTell, Code::BrokenPod));
    let plan = made(&start(2, 3).up(0, 0).broken(1).up(2, 1).pair(0, 2, "LL"));
    assert!(matches!(plan.decision, Decision::CatchUp { .. }));
    assert!(codes(&plan.notes).contains(&Code::PodBroken));
}

#[test]
fn joining_beside_a_member_that_is_down_needs_approval_by_name() {
    let w = start(2, 3).up(0, 0).side(0, 1, 'T').up(2, 1).rows(0, 5).rows(2, 0);
    let plan = made(&w);
    let approvals: Vec<_> = plan.approvals.iter().map(|a| (a.class, a.scope.as_str())).collect();
    assert_eq!(approvals, [(ApprovalClass::MemberDown, "altibase-sts/1")]);
    assert_eq!(plan.pods[1].state, PodState::MemberDown);
}

#[test]
fn an_empty_source_over_a_pod_with_rows_needs_approval_by_name() {
    let plan = made(&start(1, 2).up(0, 0).side(0, 1, 'R').up(1, 1).side(1, 0, 'R').rows(0, 0).rows(1, 9));
    let classes: Vec<_> = plan.approvals.iter().map(|a| a.class).collect();
    assert_eq!(classes, [ApprovalClass::DeletesRows, ApprovalClass::EmptySource]);
}

#[test]
fn unsent_rows_that_a_server_gave_up_need_approval_by_name() {
    let plan = made(&start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "LG").rows(0, 5).rows(1, 9));
    assert!(plan.approvals.iter().any(|a| a.class == ApprovalClass::LosesUnsent));
    let Decision::Full { unsent, .. } = &plan.decision else { panic!("{:?}", plan.decision) };
    assert_eq!(unsent.len(), 1);
}

#[test]
fn users_on_a_pod_that_must_be_copied_anew_bar_it() {
    let r = refused(&start(1, 2).up(0, 0).up(1, 0));
    assert_eq!((r.kind, r.because[0].code), (RefusalKind::Refused, Code::NotAdminMode));
}

#[test]
fn pod_0_without_its_place_is_not_opened_while_a_slave_has_one() {
    for (states, admin) in [("RL", 0), ("-L", 0), ("RL", 1), ("-l", 1), ("RR", 0), ("LG", 0)] {
        let r = refused(&start(0, 2).up(0, 1).up(1, admin).pair(0, 1, states));
        assert_eq!(
            (r.kind, r.because[0].code),
            (RefusalKind::Refused, Code::MasterFailed),
            "{states}, ADMIN_MODE {admin}"
        );
    }
}

#[test]
fn pod_0_live_towards_a_reset_slave_starts_and_warns() {
    let plan = made(&start(0, 2).up(0, 1).up(1, 0).pair(0, 1, "TR"));
    assert_eq!(steps(&plan), ["0:open", "0:mark"]);
    assert!(codes(&plan.notes).contains(&Code::SlaveFailed));
}

#[test]
fn pod_0_comes_back_to_live_slaves_by_flushing_both_ways() {
    let plan = made(&start(0, 3).up(0, 1).up(1, 0).up(2, 0).pair(0, 1, "TL").pair(0, 2, "lL").pair(1, 2, "LL"));
    for step in ["0:flush AKU_REP_01", "1:flush AKU_REP_01", "0:flush AKU_REP_02", "2:flush AKU_REP_02"] {
        assert!(waits(&plan, "0:open", step), "{step}");
    }
    assert!(!steps(&plan).iter().any(|s| s.contains("truncate") || s.contains("reset")));
}

#[test]
fn pod_0_does_not_open_when_a_slave_that_may_be_ahead_cannot_be_looked_at() {
    let r = refused(&start(0, 2).up(0, 1).broken(1));
    assert_eq!((r.kind, r.because[0].code), (RefusalKind::CannotTell, Code::BrokenPod));
    let plan = made(&start(0, 2).up(0, 1).broken(1).side(0, 1, 'T'));
    assert!(codes(&plan.notes).contains(&Code::PodBroken));
}

#[test]
fn a_surplus_pod_and_an_unseen_pod_are_refused() {
    let surplus = Worlds::new(desired(Goal::Start(ord(4)), 4, 1)).up(0, 0);
    assert_eq!(refused(&surplus).because[0].code, Code::SurplusPod);
    assert_eq!(refused(&start(1, 2).up(0, 0)).because[0].code, Code::SelfUnseen);
}

#[test]
fn unfit_tables_and_properties_are_refused_before_any_change() {
    let mut w = start(1, 2).up(0, 0).up(1, 1);
    let names: Vec<_> = w.pod_mut(1).tables.keys().cloned().collect();
    w.pod_mut(1).tables.remove(&names[0]);
    w.pod_mut(1).tables.get_mut(&names[1]).unwrap().primary_key = false;
    let r = refused(&w);
    assert_eq!(codes(&r.because), [Code::TargetUnfit, Code::TargetUnfit]);
    assert!(r.because[0].text.contains("SYS.T1") && r.because[0].text.contains("pod 1"), "{}", r.because[0].text);

    let groups =
        Worlds::new(desired(Goal::Start(ord(0)), 2, 2)).up(0, 1).set(0, "REPLICATION_ALLOW_DUPLICATE_HOSTS", 0);
    let r = refused(&groups);
    assert!(r.because[0].text.contains("REPLICATION_ALLOW_DUPLICATE_HOSTS"), "{}", r.because[0].text);

    let many = start(0, 4).up(0, 1).set(0, "REPLICATION_MAX_COUNT", 2);
    assert_eq!(codes(&refused(&many).because), [Code::PropertyBars]);
}

#[test]
fn a_database_that_the_handshake_refuses_is_not_emptied_for_a_copy() {
    let w = || start(2, 3).up(0, 0).up(1, 0).pair(0, 1, "LL").up(2, 1).rows(0, 10).rows(2, 4);
    let plan = made(&w());
    for (pod, sets) in [(2, characters("KSC5601", "UTF16")), (2, characters("UTF8", "UTF8")), (1, characters("A", "B"))]
    {
        let mut w = w();
        w.pod_mut(pod).server.characters = sets;
        let r = refused(&w);
        assert_eq!(r.because[0].code, Code::UnlikeServers);
        assert!(
            r.because[0].text.contains("pod 2") && r.because[0].text.contains("ERR-610D1"),
            "{}",
            r.because[0].text
        );
        // Who plans without looking at them is caught.
        let found = check::check(&plan, &w.desired, &w.observed);
        assert_eq!(found.iter().any(|v| v.rule == "let-in"), pod == 2, "{found:?}");
    }
    let sizes = w().set(0, "TRANSACTION_TABLE_SIZE", 1024).set(2, "TRANSACTION_TABLE_SIZE", 64);
    assert_eq!(refused(&sizes).because[0].code, Code::UnlikeServers);
    // Nobody knows, and nobody is barred.
    let mut silent = w();
    silent.pod_mut(2).server.characters = None;
    assert!(!made(&silent).is_empty());
    // A pod that is none of those it is connected with.
    let mut bystander = start(1, 3).up(0, 0).up(1, 1).up(2, 1).rows(0, 10).rows(1, 4);
    bystander.pod_mut(2).server.characters = characters("KSC5601", "UTF16");
    assert!(!made(&bystander).is_empty());
}

#[test]
fn objects_that_members_lack_are_part_of_the_plan() {
    let plan = made(&start(2, 3).up(0, 0).up(1, 0).pair(0, 1, "LL").up(2, 1).rows(0, 1).rows(2, 0));
    for step in ["0:create AKU_REP_02", "1:create AKU_REP_12", "2:create AKU_REP_02", "2:create AKU_REP_12"] {
        assert!(steps(&plan).contains(&step.to_owned()), "{step}");
    }
    assert!(waits(&plan, "1:pin AKU_REP_12", "1:create AKU_REP_12"));
}

#[test]
fn a_definition_that_differs_is_shown_and_made_anew_where_its_position_is_forgotten_anyway() {
    let w = start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "RR").edit(1, 0, |r| r.items.clear()).rows(0, 1).rows(1, 0);
    let plan = made(&w);
    assert!(waits(&plan, "1:truncate SYS.T1", "1:drop AKU_REP_01"));
    let drop = plan.actions.iter().find(|a| matches!(a.op, Op::DropReplication { .. })).unwrap();
    assert!(drop.because.text.contains("+FROM SYS.T1 TO SYS.T1"), "{}", drop.because.text);

    let shrunk = |w: Worlds| w.edit(1, 0, |r| std::mem::drop(r.items.pop_last()));
    let live = shrunk(start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "LL"));
    assert_eq!(refused(&live).because[0].code, Code::DefinitionDiffers, "no sender would get through");
    // Pod 0 opens, and says what does not run.
    let source = made(&shrunk(start(0, 2).up(0, 1).up(1, 0).pair(0, 1, "ll")));
    assert!(codes(&source.notes).contains(&Code::Differs));
    assert_eq!(steps(&source), ["0:open", "0:mark"]);
}

#[test]
fn row_questions_are_asked_only_for_a_full_transfer() {
    let full = start(1, 2).up(0, 0).up(1, 1);
    let asked: Vec<_> = row_questions(&full.desired, &full.observed).into_iter().map(|(pod, _)| pod.get()).collect();
    assert_eq!(asked, [0, 1]);
    let live = start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "LL");
    assert_eq!(row_questions(&live.desired, &live.observed), []);
    let barred = start(1, 2).up(0, 0).up(1, 0);
    assert_eq!(row_questions(&barred.desired, &barred.observed), []);
}

/// A pod that comes back compares with a joined pod, pod 0 first, behind the streams and before users; who is in service already,
/// or opens with a gap, does not.
#[test]
fn a_return_compares_before_it_opens() {
    let at = |me: u8, closed: i64, how: Compare| {
        let mut w = start(me, 3).up(0, i64::from(me == 0) * closed).up(1, i64::from(me == 1) * closed).up(2, 0);
        w = w.pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL");
        w.desired.compare_at_start = how;
        w
    };
    for (me, with) in [(1, 0), (0, 1)] {
        let plan = made(&at(me, 1, Compare::Contents));
        let check = plan.actions.iter().find(|a| matches!(a.op, Op::CheckContents { .. })).expect("it compares");
        assert!(matches!(&check.op, Op::CheckContents { source, depth: Depth::Contents, .. } if source.get() == with));
        assert!(check.because.text.contains("1 s for 35,000"), "the cost is shown: {}", check.because.text);
        let (contents, open) = (format!("{me}:contents"), format!("{me}:open"));
        assert!(waits(&plan, &open, &contents) && waits(&plan, &contents, &format!("{with}:flush AKU_REP_01")));
    }
    let none = |w: &Worlds| !steps(&made(w)).iter().any(|s| s.contains("contents"));
    assert!(none(&at(1, 0, Compare::Counts)) && none(&at(1, 1, Compare::Off)));
    let mut gap = at(1, 1, Compare::Counts);
    gap.desired.flush_at_start = Switch::Off;
    assert!(none(&gap));
}
