//! Whether a reviewed plan may still be applied: not expired, the same configuration, the facts that its actions hang on
//! as they were, and the plan that would be made now the same. Changes nothing.

use std::{collections::BTreeSet, path::Path};

use jiff::Timestamp;

use super::{common::Common, scene::CommandContext, stale, typed::plan_anew};
use crate::{
    exit::Exit,
    observe::Observed,
    plan::{
        Plan,
        facts::{Changed, Changes, Facts},
        saved::{
            Origin, Saved,
            again::{self, Differs},
        },
    },
    render::{
        Diagnostic,
        words::{counted, duration, ids, ids_within, in_a_row},
    },
    review,
};

/// A reviewed plan that is to be applied.
#[derive(Clone, Copy)]
pub(super) struct Reviewed<'a> {
    pub saved: &'a Saved,
    /// Where it was read.
    pub path: &'a Path,
    /// The flags of the command, with the pod that the plan names.
    pub common: &'a Common,
}

impl Reviewed<'_> {
    /// A refusal of a file, with the command that makes a new one. `common` names the pod.
    pub fn old(&self, text: impl Into<String>) -> Diagnostic {
        let made = self.saved.observer.map_or_else(String::new, |pod| format!(" on pod {pod}"));
        Diagnostic::new(Exit::Stale, "stale", text)
            .fact("plan", format!("{}, made {}{made}", self.saved.plan_id(), self.saved.created_at))
            .fact("changed", "nothing")
            .next(plan_anew(self.saved.plan.goal, self.common, self.path))
    }

    /// What can be said before any pod is asked.
    ///
    /// # Errors
    /// Exit 5.
    pub fn before_looking(&self, now: Timestamp) -> Result<(), Diagnostic> {
        if self.saved.expired(now) {
            let late = now.duration_since(self.saved.expires_at).unsigned_abs();
            let text = format!("this plan was to be applied before {}, {} ago", self.saved.expires_at, duration(late));
            return Err(self.old(text));
        }
        if review::from_the_future(self.saved, now) {
            let text = format!(
                "this plan was made at {}, which is in the future of this machine's clock",
                self.saved.created_at
            );
            return Err(self.old(text));
        }
        Ok(())
    }

    /// The configuration must mean what it meant.
    ///
    /// # Errors
    /// Exit 5.
    pub fn same_conf(&self, scene: &CommandContext) -> Result<(), Diagnostic> {
        if scene.digest == self.saved.conf_digest {
            return Ok(());
        }
        let text = "aku.conf means something else than when this plan was made";
        Err(self.old(text).fact("then", self.saved.conf_digest.clone()).fact("now", scene.digest.clone()))
    }

    /// The facts of the plan as they are. `observed` holds the counts that a plan of now needs.
    ///
    /// # Errors
    /// This release would ask for other facts (exit 65).
    pub fn facts_now(&self, scene: &CommandContext, observed: &Observed) -> Result<Facts, Diagnostic> {
        let now = Facts::of(&self.saved.plan, &scene.desired, observed);
        if self.saved.facts.same_questions(&now) {
            return Ok(now);
        }
        let text = "the facts in the plan are not those that this release would ask for its actions";
        Err(Diagnostic::new(Exit::BadData, "plan-release", text)
            .fact("file", self.path.display().to_string())
            .fact("changed", "nothing")
            .next(plan_anew(self.saved.plan.goal, self.common, self.path)))
    }

    /// The facts must be those that its actions hang on. `observed` holds the counts that a plan of now needs.
    ///
    /// # Errors
    /// Exit 5 with each changed fact, old and new, and the actions that hang on it.
    pub fn same_facts(&self, scene: &CommandContext, observed: &Observed) -> Result<(), Diagnostic> {
        let now = self.facts_now(scene, observed)?;
        let changes = self.saved.facts.changes(&now, &BTreeSet::new());
        if changes.matter.is_empty() { Ok(()) } else { Err(self.changed(&changes)) }
    }

    fn changed(&self, changes: &Changes) -> Diagnostic {
        let text = "this plan was made for a different situation; nothing was changed";
        let mut trouble = list(self.old(text), &changes.matter);
        if changes.idle > 0 {
            let what =
                format!("{} changed that does not matter here (positions, row counts)", counted(changes.idle, "fact"));
            trouble = trouble.fact("besides", if changes.idle == 1 { what } else { what.replace("does", "do") });
        }
        if !changes.done.is_empty() {
            let text = format!(
                "what {} would do is so already: somebody else, or an earlier run of this plan, did it",
                ids(&changes.done)
            );
            trouble = trouble.fact("note", text);
        }
        trouble
    }

    /// The plan that is made now must be the same one.
    ///
    /// # Errors
    /// Exit 5 with what differs.
    pub fn same_plan(&self, now: &Plan) -> Result<(), Diagnostic> {
        let differences = stale::differences(&self.saved.plan, now);
        let Some(first) = differences.first() else { return Ok(()) };
        let text = "this plan was made for a different situation; nothing was changed";
        let trouble = self.old(text).fact("differs", first.to_string());
        Err(differences.iter().skip(1).fold(trouble, |t, d| t.fact("", d.to_string())))
    }

    /// The whole document must be the one that would be made now, words included (`saved::again`).
    ///
    /// # Errors
    /// Exit 5 with the first place that differs.
    pub fn same_document(&self, scene: &CommandContext, observed: &Observed) -> Result<(), Diagnostic> {
        let origin = Origin {
            observer: scene.who.here,
            service: scene.desired.service.clone(),
            conf_digest: scene.digest.clone(),
            at: self.saved.created_at,
        };
        again::same_document(self.saved, &scene.desired, observed, &origin).map_err(|differs| match *differs {
            Differs::At { path: place, then, now } => {
                let text = "the file says something else than what is seen and planned now; nothing was changed";
                Diagnostic { code: "plan-differs".into(), ..self.old(text) }
                    .fact("where", place)
                    .fact("in the file", then)
                    .fact("now", now)
            }
            Differs::NoPlan(refusal) => {
                let text = "with the numbers of rows that the file names there would be no plan; nothing was changed";
                let said = refusal.because.first().map_or_else(String::new, |r| r.text.clone());
                Diagnostic { code: "plan-differs".into(), ..self.old(text) }.fact("because", said)
            }
        })
    }
}

/// Adds changed facts.
pub(super) fn list(trouble: Diagnostic, matter: &[Changed]) -> Diagnostic {
    let lines = table(matter).into_iter().enumerate();
    lines.fold(trouble, |trouble, (i, line)| trouble.fact(if i == 0 { "facts" } else { "" }, line))
}

/// Most changed facts that are listed.
const FEW: usize = 40;

/// Fact, then, now, who needs it; columns aligned.
fn table(matter: &[Changed]) -> Vec<String> {
    let row = |c: &Changed| {
        let key = c.key.strip_prefix("replication/").unwrap_or(&c.key).replace('/', " ");
        let what = format!("pod {} {key}", c.pod);
        [c.id.to_string(), what, c.then.clone(), c.now.clone(), ids_within(in_a_row(&c.used_by), c.used_by.len(), 20)]
    };
    let head = ["fact", "", "when planned", "now", "used by"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(matter.iter().take(FEW).map(row)).collect();
    let width = |i: usize| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let line = |r: &[String; 5]| {
        let mut text = String::new();
        for (cell, width) in r.iter().zip(widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width + 2 - cell.chars().count()));
        }
        text + &r[4]
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if matter.len() > FEW {
        lines.push(format!("and {} more", matter.len() - FEW));
    }
    lines
}
