//! Plans built by hand, for tests of everything that shows or stores plans.

use std::time::Duration;

use secrecy::SecretString;

use crate::{
    attributes::{Attributes, Shape},
    conf::{Compare, Config, GroupConf, HostTemplate, MemberDown, Switch},
    desired::Goal,
    observe::{RowCount, Side},
    plan::{
        Action, ActionId, After, Approval, ApprovalClass, Code, Decision, Depth, Expect, Milestone, Op, Plan, PodLine,
        PodState, Reason, RowsAtStake, RunWhen, Unsent,
    },
    sql::setting::Setting,
    topology::{Identifier, Ordinal, ReplicationName, ServerCount, Target},
};

/// What no output may ever hold.
pub const PASSWORD: &str = "xyzzy-4711";

/// Four pods, one group, two tables.
pub fn config() -> Config {
    Config {
        sts_name: "altibase-sts".to_owned(),
        svc_name: "altibase-svc".to_owned(),
        server_count: ServerCount::new(4).unwrap(),
        sys_password: Some(SecretString::from(PASSWORD)),
        port_no: 20300,
        replication_port_no: 20301,
        query_timeout: Duration::from_secs(3600),
        query_retry_count: 5,
        query_retry_delay: Duration::from_secs(1),
        address_check_count: 30,
        flush_at_start: Switch::On,
        flush_timeout_at_start: 300,
        delay_start_complete: Duration::ZERO,
        compare_at_start: Compare::Counts,
        ledger: Switch::On,
        flush_at_end: Switch::On,
        replication_reset_at_end: Switch::On,
        member_down: MemberDown::Ask,
        host_template: HostTemplate::default(),
        groups: vec![GroupConf {
            prefix: "AKU_REP".to_owned(),
            sync_parallel: 1,
            attributes: Attributes::default(),
            targets: vec![target("T1"), target("T2")],
        }],
    }
}

pub fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).unwrap()
}

pub fn name(text: &str) -> ReplicationName {
    ReplicationName::exact(text).unwrap()
}

pub fn target(table: &str) -> Target {
    Target { user: Identifier::exact("SYS").unwrap(), table: Identifier::exact(table).unwrap(), partition: None }
}

pub fn because(code: Code, text: &str) -> Reason {
    Reason::new(code, text)
}

#[derive(Default)]
pub struct Steps(pub Vec<Action>);

impl Steps {
    pub fn add(&mut self, on: u8, op: Op, why: Reason, after: &[u32]) -> u32 {
        let id = u32::try_from(self.0.len()).unwrap() + 1;
        let after = after.iter().map(|n| After::one(ActionId(*n), "it must be over")).collect();
        self.0.push(Action { id: ActionId(id), pod: pod(on), op, because: why, after, run: RunWhen::Normal });
        id
    }

    fn run(&mut self, id: u32, run: RunWhen) {
        self.0[id as usize - 1].run = run;
    }
}

pub fn plan_of(goal: Goal, decision: Decision, actions: Vec<Action>) -> Plan {
    Plan {
        goal,
        statefulset: "altibase-sts".to_owned(),
        decision,
        pods: vec![
            line(0, PodState::Joined, "server 7.2.0.0.0"),
            line(1, PodState::Joined, "server 7.2.0.0.0"),
            line(2, PodState::NotJoined, "server 7.2.0.0.0, ADMIN_MODE 1"),
            line(3, PodState::Absent, "nobody answers at altibase-sts-3.altibase-svc:20300 (connection refused)"),
        ],
        notes: Vec::new(),
        approvals: Vec::new(),
        actions,
        already_right: 11,
    }
}

fn line(n: u8, state: PodState, detail: &str) -> PodLine {
    PodLine { pod: pod(n), state, detail: detail.to_owned() }
}

/// Pod 2 of 4 joins for the first time; pod 3 does not exist yet.
pub fn full_join() -> Plan {
    let targets = vec![target("T1"), target("T2"), target("T3")];
    let mut s = Steps::default();
    let missing = || because(Code::ObjectMissing, "aku.conf asks for the object and the pod does not have it");
    for (peer, object) in [(0, "AKU_REP_02"), (1, "AKU_REP_12"), (3, "AKU_REP_23")] {
        let op = Op::CreateReplication {
            name: name(object),
            peer: pod(peer),
            host: format!("altibase-sts-{peer}.altibase-svc"),
            port: 20301,
            targets: targets.clone(),
            shape: Shape::default(),
        };
        s.add(2, op, missing(), &[]);
    }
    let pin = s.add(
        1,
        Op::Pin { name: name("AKU_REP_12"), peer: pod(2) },
        because(Code::Pin, "from here on pod 1 keeps its log for pod 2, so nothing it commits meanwhile is missed"),
        &[2],
    );
    let drain = s.add(
        1,
        Op::Drain { wait_s: 60 },
        because(Code::Drain, "a transaction open at the pin must end before the snapshot"),
        &[pin],
    );
    let flush = s.add(
        1,
        Op::Flush { name: name("AKU_REP_01"), peer: pod(0), wait_s: 300 },
        because(Code::FlushToSource, "what pod 1 committed before the pin must be on pod 0 before the snapshot"),
        &[drain],
    );
    let quiet = s.add(
        2,
        Op::CheckQuiet { names: vec![name("AKU_REP_02"), name("AKU_REP_12"), name("AKU_REP_23")] },
        because(Code::QuietBeforeTruncate, "nothing may be sending to pod 2 when its tables are emptied"),
        &[1, 2, 3, flush],
    );
    let ddl = |from, to| Op::SetProperty { property: Setting::DdlEnable, from, to };
    let switch = || because(Code::DdlSwitch, "TRUNCATE of a replicated table needs it (ERR-312C4)");
    let on = s.add(2, ddl(0, 1), switch(), &[quiet]);
    let empty = || because(Code::EmptyTarget, "SYNC leaves rows out where the target already holds rows");
    let truncates: Vec<u32> =
        targets.iter().map(|t| s.add(2, Op::Truncate { target: t.clone(), source: pod(0) }, empty(), &[on])).collect();
    let off = s.add(2, ddl(1, 0), because(Code::PutBack, "put back to what it was"), &truncates);
    s.run(off, RunWhen::Always { armed_by: ActionId(on) });
    let proved = s.add(
        2,
        Op::CheckEmpty { targets: targets.clone() },
        because(Code::ProveEmpty, "SYNC copies only into a target proved empty"),
        &truncates,
    );
    let sync = s.add(
        0,
        Op::Sync { name: name("AKU_REP_02"), peer: pod(2), parallel: 1, rows: Some(1_307_466) },
        because(Code::Copy, "pod 2 gets the rows of pod 0"),
        &[proved, off],
    );
    let check = s.add(
        2,
        Op::CheckContents {
            source: pod(0),
            names: vec![name("AKU_REP_02")],
            targets: targets.clone(),
            wait_s: 300,
            depth: Depth::Counts,
        },
        because(Code::ProveContents, "success of SYNC is not proof of contents"),
        &[sync],
    );
    let mut starts = Vec::new();
    for (peer, object) in [(0, "AKU_REP_02"), (1, "AKU_REP_12")] {
        let op = Op::Start { name: name(object), peer: pod(peer), expect: Expect::Fresh };
        starts.push(s.add(2, op, because(Code::SendToPeer, "pod 2 starts sending to its peers"), &[check]));
    }
    let op = Op::Start { name: name("AKU_REP_12"), peer: pod(2), expect: Expect::Live };
    starts.push(s.add(1, op, because(Code::ResumeFromPin, "pod 1 sends from its pin on"), &[check]));
    let open = s.add(2, Op::Open, because(Code::Open, "the rows are right, so users are admitted"), &starts);
    s.add(2, Op::WriteMarker, because(Code::Marker, "the startup probe looks for it"), &[open]);
    let unpin = s.add(
        1,
        Op::Unpin { name: name("AKU_REP_12"), peer: pod(2) },
        because(Code::UndoPin, "a pin whose copy did not finish would keep log for nothing"),
        &[sync],
    );
    s.run(unpin, RunWhen::Undo { armed_by: ActionId(pin), until: Milestone::of([ActionId(sync)]) });
    let rows = [(512, 1_204_332), (0, 98_114), (0, 5_020)];
    let rows = targets
        .into_iter()
        .zip(rows)
        .map(|(target, (joiner, source))| RowsAtStake {
            target,
            joiner: RowCount::Counted(joiner),
            source: RowCount::Counted(source),
        })
        .collect();
    let why = because(Code::NeverJoined, "both sides of AKU_REP_02 and AKU_REP_12 are at -1 or missing");
    let decision = Decision::Full { source: pod(0), because: vec![why], rows, unsent: Vec::new() };
    let mut plan = plan_of(Goal::Start(pod(2)), decision, s.0);
    plan.notes = vec![because(
        Code::PodAbsent,
        "pod 3 does not answer and nobody keeps log for it; its objects are defined and not started",
    )];
    plan.approvals = vec![deletes_rows(2, "512 rows in 3 tables of pod 2 are deleted; pod 0 holds the surviving copy")];
    plan
}

pub fn deletes_rows(n: u8, because: &str) -> Approval {
    Approval { class: ApprovalClass::DeletesRows, scope: format!("altibase-sts/{n}"), because: because.to_owned() }
}

/// As [`full_join`], beside a member that is down, with rows that cannot be delivered.
pub fn full_join_with_losses() -> Plan {
    let mut plan = full_join();
    plan.pods[3] = line(3, PodState::MemberDown, "connection refused; pods 0 and 1 keep log for it since 22:10");
    plan.pods[1] = line(1, PodState::Broken, "another SYSDBA session holds the only slot (ERR-41041)");
    if let Decision::Full { unsent, rows, .. } = &mut plan.decision {
        unsent.push(Unsent { name: name("AKU_REP_23"), peer: pod(3), side: Side::Live(859_070_110) });
        rows[1].joiner = RowCount::NotCounted;
    }
    plan.notes.push(because(Code::MemberDown, "pod 3 is down: what it has not sent yet reaches pod 0 but not pod 2"));
    plan.approvals.extend([ApprovalClass::MemberDown, ApprovalClass::LosesUnsent].map(|class| Approval {
        class,
        scope: "altibase-sts/2".to_owned(),
        because: match class {
            ApprovalClass::MemberDown => "pod 2 joins while pod 3 is down".to_owned(),
            _ => "rows of pod 2 that pod 3 never got are deleted".to_owned(),
        },
    }));
    plan
}

/// Pod 1 comes back and catches up.
pub fn catch_up() -> Plan {
    let mut steps = Steps::default();
    let s = &mut steps;
    let down = || because(Code::SenderDown, "the sender should run and does not");
    let start = s.add(1, Op::Start { name: name("AKU_REP_01"), peer: pod(0), expect: Expect::Live }, down(), &[]);
    let back = s.add(0, Op::Start { name: name("AKU_REP_01"), peer: pod(1), expect: Expect::Live }, down(), &[]);
    let first = || because(Code::CatchUpFirst, "pod 1 opens only after FLUSH returned in both directions");
    let flush = |peer| Op::Flush { name: name("AKU_REP_01"), peer: pod(peer), wait_s: 300 };
    let flush_there = s.add(1, flush(0), first(), &[start]);
    let flush_back = s.add(0, flush(1), first(), &[back]);
    let delay = s.add(
        1,
        Op::Delay { seconds: 30 },
        because(Code::Delay, "AKU_DELAY_START_COMPLETE_TIME"),
        &[flush_there, flush_back],
    );
    let open = s.add(1, Op::Open, because(Code::Open, "the rows are right, so users are admitted"), &[delay]);
    s.add(1, Op::WriteMarker, because(Code::Marker, "the startup probe looks for it"), &[open]);
    let why = because(Code::BothLive, "both sides of every pair kept their place in the log");
    let mut plan = plan_of(Goal::Start(pod(1)), Decision::CatchUp { because: vec![why] }, steps.0);
    plan.pods.truncate(2);
    plan.pods[1].state = PodState::NotJoined;
    plan
}

/// Pod 2 leaves.
pub fn end() -> Plan {
    let mut s = Steps::default();
    let fence =
        s.add(2, Op::Fence, because(Code::Fence, "what clients commit after the last flush would be lost"), &[]);
    let unmark = s.add(2, Op::RemoveMarker, because(Code::Marker, "the pod is not in service any more"), &[fence]);
    let mut ends = Vec::new();
    for (peer, object) in [(0, "AKU_REP_02"), (1, "AKU_REP_12")] {
        let op = Op::Flush { name: name(object), peer: pod(peer), wait_s: 300 };
        ends.push(s.add(2, op, because(Code::FlushBeforeStop, "everything committed is delivered first"), &[unmark]));
    }
    let names = vec![name("AKU_REP_02"), name("AKU_REP_12")];
    let gap = s.add(
        2,
        Op::CheckDelivered { names },
        because(Code::ProveDelivered, "nobody is left who could commit more"),
        &ends,
    );
    for (on, peer, object) in [(2, 0, "AKU_REP_02"), (2, 1, "AKU_REP_12"), (0, 2, "AKU_REP_02"), (1, 2, "AKU_REP_12")] {
        let leaving = because(Code::Leaving, "pod 2 leaves, so the streams stop");
        let stop = s.add(on, Op::Stop { name: name(object), peer: pod(peer) }, leaving, &[gap]);
        let reset = because(Code::ResetAtEnd, "after an orderly end nobody needs to keep log for pod 2");
        s.add(on, Op::Reset { name: name(object), peer: pod(peer) }, reset, &[stop]);
    }
    let why = because(Code::Leaving, "pod 2 leaves in an orderly way; its rows stay where they are");
    let mut plan = plan_of(Goal::End(pod(2)), Decision::None { because: vec![why] }, s.0);
    plan.pods[2].state = PodState::Joined;
    plan
}

/// Pod 2's objects go.
pub fn clean() -> Plan {
    let mut s = Steps::default();
    let leaving = || because(Code::Leaving, "the pod leaves, so the stream stops");
    let stop = s.add(2, Op::Stop { name: name("AKU_REP_02"), peer: pod(0) }, leaving(), &[]);
    let drop = because(Code::CleanObject, "the object is removed from pod 2");
    s.add(2, Op::DropReplication { name: name("AKU_REP_02"), peer: pod(0) }, drop, &[stop]);
    let stop = s.add(0, Op::Stop { name: name("AKU_REP_02"), peer: pod(2) }, leaving(), &[]);
    let reset = because(Code::CleanPeer, "pod 0 would keep log for ever for an object that is gone");
    s.add(0, Op::Reset { name: name("AKU_REP_02"), peer: pod(2) }, reset, &[stop]);
    let mut plan = plan_of(Goal::Clean(pod(2)), Decision::None { because: Vec::new() }, s.0);
    plan.approvals = vec![Approval {
        class: ApprovalClass::RemovesDefinition,
        scope: "altibase-sts/2".to_owned(),
        because: "1 replication definition of pod 2 is removed".to_owned(),
    }];
    plan
}

/// Nothing to do.
pub fn empty() -> Plan {
    let why = because(Code::BothLive, "both sides of every pair are live");
    plan_of(Goal::Start(pod(1)), Decision::None { because: vec![why] }, Vec::new())
}
