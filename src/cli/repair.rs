//! `aku verify --plan`: what a comparison found becomes a saved plan. Changes nothing on the pods.

use std::path::PathBuf;

use clap::Args;

use super::{
    common::Common,
    made::Made,
    plan::store,
    policy,
    scene::{CommandContext, refused},
    stream::{OutputStyle, Streams, fail},
    typed,
    wiring::Platform,
};
use crate::{
    desired::{Goal, Right},
    exit::Exit,
    observe::{Compared, ComparedTable, Observed},
    plan::{self, Code, Plan, policy::Use, saved::Saved},
    render::{self, Diagnostic, Doc, Head, Layout, Sql},
    topology::Ordinal,
    verify::report::{Because, LeftOut},
};

/// Flags of `aku verify --plan`.
#[derive(Args, Clone, Debug)]
pub struct RepairArgs {
    /// Make a plan that repairs what differs, to be shown, reviewed and applied like any other; needs -o and --right
    #[arg(long, requires = "output")]
    pub plan: bool,
    /// Where the plan is written
    #[arg(short, long, value_name = "FILE", requires = "plan")]
    pub output: Option<PathBuf>,
    /// Which pod is right about a row that differs: the number of a pod, or `majority` for what more than half of the pods hold
    #[arg(long, value_name = "N|majority", requires = "plan", value_parser = right)]
    pub right: Option<Right>,
    /// Rows of one table that a plan repairs at most; it says how many are left
    #[arg(long, value_name = "ROWS", requires = "plan", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

fn right(text: &str) -> Result<Right, String> {
    match text {
        "majority" => Ok(Right::Majority),
        number => number
            .parse::<u8>()
            .ok()
            .and_then(|n| Ordinal::new(n).ok())
            .map(Right::Pod)
            .ok_or_else(|| "neither the number of a pod nor the word majority".to_owned()),
    }
}

/// What is asked for, where a plan is.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Which pod is right.
    pub right: Right,
    /// Where it is written.
    pub output: PathBuf,
    /// Rows of one table.
    pub limit: u32,
}

impl RepairArgs {
    /// # Errors
    /// A plan without a word about who is right: nobody but a person can tell.
    pub(super) fn wanted(&self) -> Result<Option<Wanted>, Diagnostic> {
        let (true, Some(output)) = (self.plan, &self.output) else { return Ok(None) };
        let Some(right) = self.right else {
            let text = "a repair needs to be told which pod is right; no pod was contacted";
            return Err(Diagnostic::new(Exit::Usage, "usage", text)
                .next("--right N           (pod N is right about every row that differs)")
                .next(
                    "--right majority    (what more than half of the pods hold is right; other rows are left alone)",
                ));
        };
        Ok(Some(Wanted { right, output: output.clone(), limit: self.limit }))
    }
}

/// What was compared, as a plan needs it.
pub(super) fn compared(pods: Vec<Ordinal>, left_out: &[LeftOut], tables: Vec<ComparedTable>) -> Compared {
    let unseen = left_out.iter().filter(|l| match l.because {
        Because::CannotBeSeen => true,
        Because::NotJoined => false,
    });
    let mut unread: Vec<Ordinal> = unseen.map(|l| l.pod).collect();
    unread.sort_unstable();
    let worth = |t: &ComparedTable| !t.rows.is_empty() || t.left + t.changing > 0 || t.cannot.is_some();
    Compared { pods, unread, tables: tables.into_iter().filter(worth).collect() }
}

/// A plan that was made, as it is told.
pub(super) struct Planned {
    /// The document.
    pub saved: Saved,
    /// For people.
    pub doc: Doc,
    /// What it leaves open: rows without a majority, or tables that cannot be repaired.
    pub exit: Exit,
}

/// Plans and saves.
///
/// # Errors
/// The exit code, after the trouble was told.
pub(super) fn plan(
    wanted: &Wanted,
    scene: &mut CommandContext,
    mut observed: Observed,
    compared: Compared,
    (common, world): (&Common, &dyn Platform),
    (look, s): (&OutputStyle, &mut Streams<'_>),
) -> Result<Planned, Exit> {
    scene.desired.goal = Goal::Repair(wanted.right);
    observed.compared = Some(Box::new(compared));
    let made = plan::make(&scene.desired, &observed)
        .map_err(|refusal| fail(s, look, &refused(&refusal, &observed, scene.who.pod)))?;
    let exit = open(&made);
    let made = Made::of(made, scene, &observed, world.now());
    let saved = Saved::new(made.plan, made.facts, made.origin);
    let judges = policy::PolicyArgs::default().or_env(world.env());
    let rules = policy::load(&judges).map_err(|t| fail(s, look, &t))?;
    let found = policy::judge(&judges, &rules, &saved, Use::default()).map_err(|t| fail(s, look, &t))?;
    let saved = saved.judged(rules, found);
    store(&saved, &wanted.output, look, s)?;
    let common = Common { ordinal: None, ..common.clone() };
    let apply = format!("aku apply {}{}", typed::shell(&wanted.output), typed::flags(&common));
    let head = Head {
        command: "aku verify --plan",
        at: saved.created_at,
        here: saved.observer,
        conf: &saved.conf_digest,
        apply: Some(&apply),
    };
    let mut doc = render::plan(&saved.plan, &head, Layout { width: look.width, sql: Sql::Hidden });
    let rules = render::policy(&saved.policy, look.width);
    if !rules.lines().is_empty() {
        doc.gap();
        doc.append(rules);
    }
    Ok(Planned { saved, doc, exit })
}

/// What the plan leaves open decides the exit code: 7 for rows of which nobody can tell, 3 for tables that are refused.
fn open(plan: &Plan) -> Exit {
    let noted = |code: Code| plan.notes.iter().any(|n| n.code == code);
    if noted(Code::NoMajority) {
        Exit::Unknown
    } else if noted(Code::NotRepairable) {
        Exit::Refused
    } else {
        Exit::Ok
    }
}
