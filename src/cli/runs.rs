//! `aku runs`: what earlier runs on this machine did, from their journals. Connects to nothing; `gc` removes journals and
//! nothing else.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    confpath,
    stream::{OutputStyle, Streams, answer, fail, shown},
    wiring::Platform,
};
use crate::{
    exit::Exit,
    journal::{self, runs},
    render::{self, Diagnostic, words::counted},
    run_id::RunId,
};

/// Flags of `aku runs`.
#[derive(Args, Clone, Debug)]
pub struct RunsArgs {
    /// What to do
    #[command(subcommand)]
    pub what: RunsWhat,
}

/// What to do with the journals.
#[derive(Clone, Debug, Subcommand)]
pub enum RunsWhat {
    /// List them, newest first
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Show one: what was done, what failed, what nobody knows
    Show {
        /// Its number; without one the newest
        run: Option<RunId>,
        /// Form of the answer: what it did, or a page with a bar for each action
        #[arg(long, value_enum, default_value_t)]
        format: RunFormat,
    },
    /// Remove all but the newest
    Gc {
        /// How many stay
        #[arg(long, value_name = "N", default_value_t = 100)]
        keep: usize,
    },
}

/// Form of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RunFormat {
    /// Text for people.
    #[default]
    Human,
    /// One page: a lane for each pod, and what the run waited for.
    Html,
}

/// Runs it.
pub fn run(args: &RunsArgs, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    match text(args, world, look) {
        Ok(text) => match answer(s, &text) {
            Ok(()) => Exit::Ok,
            Err(exit) => exit,
        },
        Err(trouble) => fail(s, look, &trouble),
    }
}

fn state(world: &dyn Platform) -> Result<PathBuf, Diagnostic> {
    confpath::state(world.env()).ok_or_else(|| {
        let text = format!("it is not known where the journals are: set {}", journal::DIR_VARIABLE);
        Diagnostic::new(Exit::NoInput, "no-journal", text).next("ALTIBASE_HOME serves as well: $ALTIBASE_HOME/aku")
    })
}

fn text(args: &RunsArgs, world: &dyn Platform, look: &OutputStyle) -> Result<String, Diagnostic> {
    let state = state(world)?;
    let unreadable = |what: String| {
        move |e: std::io::Error| Diagnostic::new(Exit::NoInput, "no-journal", format!("cannot read {what}: {e}"))
    };
    let folder = || state.display().to_string();
    match &args.what {
        RunsWhat::List { limit } => {
            let ids = runs::list(&state).map_err(unreadable(folder()))?;
            let mut all = Vec::new();
            for id in ids.iter().take(*limit) {
                all.push(runs::load(&state, id).map_err(unreadable(format!("the journal of {id}")))?);
            }
            Ok(shown(&render::runs(&all, ids.len()), look))
        }
        RunsWhat::Show { run, format } => {
            let newest = || runs::list(&state).map(|ids| ids.into_iter().next());
            let id = match run {
                Some(id) => id.clone(),
                None => newest().map_err(unreadable(folder()))?.ok_or_else(|| {
                    Diagnostic::new(Exit::NoInput, "no-journal", format!("there is no journal in {}", folder()))
                })?,
            };
            let run = runs::load(&state, &id).map_err(unreadable(format!("the journal of {id}")))?;
            match format {
                RunFormat::Human => Ok(shown(&render::run(&run, look.width), look)),
                RunFormat::Html => render::timeline(&run).ok_or_else(|| {
                    let text = format!("run {id} began no action, so there is nothing to draw");
                    Diagnostic::new(Exit::NoInput, "no-action", text).next(format!("aku runs show {id}"))
                }),
            }
        }
        RunsWhat::Gc { keep } => {
            let gone = runs::gc(&state, *keep).map_err(|e| {
                Diagnostic::new(
                    Exit::Output,
                    "output",
                    format!("not all journals in {} could be removed: {e}", folder()),
                )
            })?;
            Ok(format!("removed {} from {}\n", counted(gone, "journal"), folder()))
        }
    }
}
