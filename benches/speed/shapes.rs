//! Plans of a given shape whose actions are one statement each: FLUSH, which the engine sends without looking first.

use aku::{
    desired::Goal,
    plan::{Action, ActionId, After, Code, Decision, Op, Plan, Reason, RunWhen},
    topology::{Ordinal, ReplicationName},
};

/// How the actions wait for each other.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Not at all.
    Flat,
    /// The last for all others.
    FanIn,
    /// Rows of ten; each waits for two of the row before.
    Layers,
    /// Each for the one before.
    Chain,
}

/// Width of a layer.
pub const WIDTH: usize = 10;

impl Shape {
    /// What action number `i` (from 0) of `n` waits for.
    pub fn waits(self, i: usize, n: usize) -> Vec<usize> {
        match self {
            Self::FanIn if i + 1 == n => (0..i).collect(),
            Self::Flat | Self::FanIn => Vec::new(),
            Self::Layers => match (i / WIDTH).checked_sub(1) {
                None => Vec::new(),
                Some(before) => vec![before * WIDTH + i % WIDTH, before * WIDTH + (i + 1) % WIDTH],
            },
            Self::Chain => i.checked_sub(1).into_iter().collect(),
        }
    }
}

/// Name of an action's object; no two share one.
pub fn object(id: ActionId) -> ReplicationName {
    ReplicationName::exact(format!("BENCH_{}", id.0)).expect("letters and digits")
}

/// A plan of `n` actions over `pods` pods.
pub fn plan(shape: Shape, n: usize, pods: u8) -> Plan {
    let id = |i: usize| ActionId(u32::try_from(i + 1).expect("few actions"));
    let pod = |i: usize| Ordinal::new(u8::try_from(i % usize::from(pods)).expect("few pods")).expect("few pods");
    let because = || Reason::new(Code::NeverJoined, "a bench wants it");
    let action = |i: usize| Action {
        id: id(i),
        pod: pod(i),
        op: Op::Flush { name: object(id(i)), peer: pod(i + 1), wait_s: 10 },
        because: because(),
        after: shape.waits(i, n).into_iter().map(|w| After::one(id(w), "shape")).collect(),
        run: RunWhen::Normal,
    };
    Plan {
        goal: Goal::Start(pod(0)),
        statefulset: "altibase-sts".to_owned(),
        decision: Decision::None { because: vec![because()] },
        pods: Vec::new(),
        notes: Vec::new(),
        approvals: Vec::new(),
        actions: (0..n).map(action).collect(),
        already_right: 0,
    }
}
