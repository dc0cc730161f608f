//! The whole pair table (`aku-behaviour.md` B.8): every state of both sides, every sender, every role. Each cell is a plan
//! that the checker takes or a refusal with a stable code; the table is kept and read.

use std::fmt::Write as _;

use aku_core::{
    desired::Goal,
    plan::{Decision, Effect, RefusalKind},
};

use super::super::{
    testing::{Worlds, desired, ord},
    *,
};

/// Missing, reset, live without a sender, live and trying, live and running, gave up.
const MINE: [char; 6] = ['-', 'R', 'l', 'T', 'L', 'G'];
/// The same, and a pod that is absent or broken.
const THEIRS: [char; 8] = ['-', 'R', 'l', 'T', 'L', 'G', 'a', 'b'];

/// What the pod is about to do.
const ROLES: [(&str, i64); 8] = [
    ("start", 1),
    ("start", 0),
    ("end", 0),
    ("end", 1),
    ("clean", 0),
    ("forget-peer", 0),
    ("reconcile", 0),
    ("recover", 1),
];

/// The two pods of the pair, and whether a third pod is joined with both of them where they are joined.
const CASTS: [(u8, u8, &str); 4] = [
    (0, 1, "pod 0 towards pod 1"),
    (1, 0, "pod 1 towards pod 0"),
    (1, 2, "pod 1 towards pod 2, both live with pod 0"),
    (2, 0, "pod 2 towards pod 0, pod 1 is joined"),
];

fn world(role: &str, admin: i64, (me, peer): (u8, u8), mine: char, theirs: char) -> Worlds {
    let goal = match role {
        "start" => Goal::Start(ord(me)),
        "end" => Goal::End(ord(me)),
        "clean" => Goal::Clean(ord(me)),
        "forget-peer" => Goal::Forget(ord(peer)),
        "reconcile" => Goal::Reconcile,
        "recover" => Goal::Recover(None),
        _ => unreachable!("{role}"),
    };
    let mut w = Worlds::new(desired(goal, 3, 1)).up(me, admin);
    match theirs {
        'a' => {}
        'b' => w = w.broken(peer),
        _ => w = w.up(peer, 0),
    }
    w = w.side(me, peer, mine);
    if w.observed.pod(ord(peer)).is_some() {
        w = w.side(peer, me, theirs);
    }
    match (me, peer) {
        (1, 2) => {
            w = w.up(0, 0).pair(0, 1, "LL");
            w = if w.observed.pod(ord(2)).is_some() { w.pair(0, 2, "LL") } else { w.side(0, 2, 'T') };
        }
        (2, 0) => {
            w = w.up(1, 0).side(1, 0, 'L').side(1, 2, 'R').side(2, 1, 'R');
            if w.observed.pod(ord(0)).is_some() {
                w = w.side(0, 1, 'L');
            }
        }
        _ => {}
    }
    for (pod, _) in row_questions(&w.desired, &w.observed) {
        w = w.rows(pod.get(), 5);
    }
    w
}

/// `F` full copy, `C` catch-up, `p` steps without a transfer, `.` nothing to do, `!` behind it: needs approval by name,
/// `*`: something is noted; a number is the code of a refusal.
fn cell(w: &Worlds, name: &str) -> String {
    match make(&w.desired, &w.observed) {
        Ok(plan) => {
            assert_eq!(aku_check::check(&plan, &w.desired, &w.observed), [], "{name}");
            let transfer = match &plan.decision {
                Decision::Full { .. } => 'F',
                Decision::CatchUp { .. } | Decision::None { .. } if plan.is_empty() => '.',
                Decision::CatchUp { .. } => 'C',
                Decision::None { .. } | Decision::Repair { .. } | Decision::Logs { .. } => 'p',
            };
            let asks = if plan.approvals.is_empty() { "" } else { "!" };
            let notes = if plan.notes.is_empty() { "" } else { "*" };
            format!("{transfer}{asks}{notes}")
        }
        Err(r) => {
            assert_ne!(r.kind, RefusalKind::OurBug, "{name}: {:#?}", r.because);
            assert!(!r.next.is_empty(), "{name}: a refusal says what to do");
            r.because[0].code.as_str()[1..4].to_owned()
        }
    }
}

#[test]
fn the_whole_pair_table() {
    let mut table = String::new();
    for (role, admin) in ROLES {
        for (me, peer, cast) in CASTS {
            let closed = if admin == 1 { "closed" } else { "in service" };
            let _ = writeln!(table, "{role}, {closed}; {cast}");
            let head = THEIRS.map(|c| format!("{c:>5}")).concat();
            let _ = writeln!(table, "     theirs{head}");
            for mine in MINE {
                let cells = THEIRS
                    .map(|theirs| {
                        let name = format!("{role} {closed} {cast}: {mine}{theirs}");
                        format!("{:>5}", cell(&world(role, admin, (me, peer), mine, theirs), &name))
                    })
                    .concat();
                let _ = writeln!(table, "mine {mine}     {cells}");
            }
            table.push('\n');
        }
    }
    super::settings().bind(|| insta::assert_snapshot!("pair-table", table));
}

/// Whatever the two sides say, rows are deleted only on a pod that is closed, and never on pod 0 outside a recovery.
#[test]
fn rows_are_deleted_only_where_a_goal_may_delete_them() {
    for (role, admin) in ROLES {
        for (me, peer, cast) in CASTS {
            for mine in MINE {
                for theirs in THEIRS {
                    let w = world(role, admin, (me, peer), mine, theirs);
                    let Ok(plan) = make(&w.desired, &w.observed) else { continue };
                    for a in plan.actions.iter().filter(|a| a.op.effect() == Effect::DeletesRows) {
                        let closed = w.observed.pod(a.pod).is_some_and(aku_core::observe::Pod::admin_mode);
                        assert!(closed, "{role} {cast} {mine}{theirs}: {a:?}");
                        assert!(role == "recover" || !a.pod.is_master(), "{role} {cast} {mine}{theirs}: {a:?}");
                        assert!(role == "recover" || role == "start", "{role} {cast} {mine}{theirs}: {a:?}");
                    }
                }
            }
        }
    }
}
