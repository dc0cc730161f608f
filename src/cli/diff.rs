//! `aku diff A B` and `aku plan --against FILE`: whether two plans say the same. Reads files only.

use std::path::Path;

use serde_json::json;

use super::{
    args::Format,
    file_args::DiffArgs,
    show::unreadable,
    stream::{Look, Streams, answer, fail, shown},
};
use crate::{
    exit::Exit,
    plan::{
        diff::{Change, diff},
        saved::Saved,
    },
    render,
};

/// Runs `aku diff`.
pub fn run(args: &DiffArgs, look: &Look, s: &mut Streams<'_>) -> Exit {
    let load = |path: &Path| Saved::load(path).map_err(|e| unreadable(path, &e));
    let (then, now) = match load(&args.then).and_then(|then| Ok((then, load(&args.now)?))) {
        Ok(both) => both,
        Err(trouble) => return fail(s, look, &trouble),
    };
    let changes = diff(&then.plan, &now.plan);
    let names = (args.then.display().to_string(), args.now.display().to_string());
    let text = match args.format {
        Format::Human => shown(&render::diff(&changes, (&names.0, &names.1)), look),
        Format::Json => {
            let document = json!({
                "format_version": "1.0",
                "kind": "aku.diff",
                "then": then.digest(),
                "now": now.digest(),
                "changes": changes,
            });
            format!("{document:#}\n")
        }
    };
    said(&text, &changes, s)
}

/// Compares the plan that was just made with a saved one.
pub(super) fn against(made: &Saved, path: &Path, look: &Look, s: &mut Streams<'_>) -> Exit {
    let then = match Saved::load(path) {
        Ok(then) => then,
        Err(e) => return fail(s, look, &unreadable(path, &e)),
    };
    let changes = diff(&then.plan, &made.plan);
    let doc = render::diff(&changes, (&path.display().to_string(), "the plan made now"));
    said(&shown(&doc, look), &changes, s)
}

fn said(text: &str, changes: &[Change], s: &mut Streams<'_>) -> Exit {
    let exit = if changes.is_empty() { Exit::Ok } else { Exit::Changes };
    match answer(s, text) {
        // The reader went away: what was found is still the answer.
        Ok(()) | Err(Exit::Ok) => exit,
        Err(other) => other,
    }
}
