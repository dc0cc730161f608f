//! The checker, and the codes.

use super::*;

#[test]
fn every_code_is_unique_and_has_a_story() {
    let mut words: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
    let n = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), n);
    assert!(Code::ALL.iter().all(|c| c.explanation().trim().len() > 20));
}

/// The checker is worth something only if it catches what it claims to: every mutation of a good plan below is caught.
#[test]
fn the_checker_catches_what_it_claims_to() {
    type Mutation = fn(&mut Plan);
    fn without(plan: &mut Plan, is: fn(&Op) -> bool) {
        let gone: Vec<_> = plan.actions.iter().filter(|a| is(&a.op)).map(|a| a.id).collect();
        assert!(!gone.is_empty(), "the mutation must change something");
        plan.actions.retain(|a| !gone.contains(&a.id));
        let is_gone = |id: ActionId| gone.contains(&id);
        let mut thinned = Thinned::without(&is_gone);
        for a in &mut plan.actions {
            thinned.thin(&mut a.after);
        }
    }
    let w =
        start(2, 3).up(0, 0).up(1, 0).up(2, 1).pair(0, 1, "LL").pair(0, 2, "RL").side(1, 2, 'R').rows(0, 10).rows(2, 4);
    let good = made(&w);
    let table: [(&str, Mutation); 14] = [
        ("pinned", |p| without(p, |op| matches!(op, Op::Pin { .. }))),
        ("pinned", |p| without(p, |op| matches!(op, Op::Unpin { .. }))),
        ("drained", |p| without(p, |op| matches!(op, Op::Drain { .. }))),
        ("quiet", |p| without(p, |op| matches!(op, Op::CheckQuiet { .. }))),
        ("empty-target", |p| without(p, |op| matches!(op, Op::CheckEmpty { .. }))),
        ("contents", |p| without(p, |op| matches!(op, Op::CheckContents { .. }))),
        ("empty-target", |p| {
            for a in &mut p.actions {
                if let Op::CheckEmpty { targets } = &mut a.op {
                    targets.pop();
                }
            }
        }),
        ("contents", |p| {
            for a in &mut p.actions {
                if let Op::CheckContents { targets, .. } = &mut a.op {
                    targets.pop();
                }
            }
        }),
        ("contents", |p| {
            for a in &mut p.actions {
                if let Op::CheckContents { source, .. } = &mut a.op {
                    *source = ord(1);
                }
            }
        }),
        ("salvage", |p| without(p, |op| matches!(op, Op::Flush { .. }))),
        ("copied-again", |p| without(p, |op| matches!(op, Op::Sync { .. }))),
        ("put-back", |p| {
            for a in p.actions.iter_mut().filter(|a| matches!(a.op, Op::SetProperty { .. })) {
                a.run = RunWhen::Normal;
            }
        }),
        ("open-last", |p| {
            let open = p.actions.iter_mut().find(|a| a.op == Op::Open).unwrap();
            open.after.clear();
        }),
        ("dag", |p| {
            let first = p.actions[0].id;
            p.actions[1].id = first;
        }),
    ];
    for (rule, mutate) in table {
        let mut bad = good.clone();
        mutate(&mut bad);
        let found = check::check(&bad, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == rule), "{rule} is not caught: {found:?}");
    }
    let mut empty_source = start(1, 2).up(0, 0).up(1, 1).rows(0, 1).rows(1, 1);
    let plan = made(&empty_source);
    empty_source = empty_source.set(0, "ADMIN_MODE", 1);
    let found = check::check(&plan, &empty_source.desired, &empty_source.observed);
    assert!(found.iter().any(|v| v.rule == "last-copy"), "{found:?}");
}

/// A yes that nobody is asked for is missed.
#[test]
fn the_checker_knows_what_has_to_be_asked() {
    let cut_off = start(1, 3).up(0, 0).up(1, 1).up(2, 0).pair(0, 1, "RR").pair(0, 2, "-T").pair(1, 2, "RL");
    let away = start(2, 3).up(0, 0).up(2, 1).side(0, 1, 'T').pair(0, 2, "RR");
    let empty = start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "RR");
    for (rule, w) in [
        ("cut-off", cut_off.rows(0, 10).rows(1, 4)),
        ("member-down", away.rows(0, 10).rows(2, 4)),
        ("empty-source", empty.rows(0, 0).rows(1, 4)),
    ] {
        let mut plan = made(&w);
        assert_eq!(check::check(&plan, &w.desired, &w.observed), [], "{rule}");
        plan.approvals.retain(|a| a.class == ApprovalClass::DeletesRows);
        let found = check::check(&plan, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == rule), "{rule} is not caught: {found:?}");
    }
}
