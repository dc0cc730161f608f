//! `aku show FILE`: a saved plan, without any network.

use std::path::Path;

use super::{
    args::{Format, ShowArgs},
    stream::{Look, Streams, answer, fail, shown},
};
use crate::{
    exit::Exit,
    plan::saved::{ReadError, Saved},
    render::{self, Head, Layout, Sql, Trouble},
};

/// Runs it.
pub fn run(args: &ShowArgs, look: &Look, s: &mut Streams<'_>) -> Exit {
    let saved = match Saved::load(&args.file) {
        Ok(saved) => saved,
        Err(e) => return fail(s, look, &unreadable(&args.file, &e)),
    };
    let text = match args.format {
        Format::Json => saved.text(),
        Format::Human => {
            let apply = format!("aku apply {}", args.file.display());
            let head = Head {
                command: "aku show",
                at: saved.created_at,
                here: saved.observer,
                conf: &saved.conf_digest,
                apply: Some(&apply),
            };
            let sql = if args.sql { Sql::Shown } else { Sql::Hidden };
            let plan = shown(&render::plan(&saved.plan, &head, Layout { width: look.width, sql }), look);
            format!(
                "{plan}\nMade by aku {}, to be applied before {}.\n{}\n",
                saved.producer,
                saved.expires_at,
                saved.digest()
            )
        }
    };
    match answer(s, &text) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// What is wrong with a plan file.
pub(super) fn unreadable(file: &Path, e: &ReadError) -> Trouble {
    let (exit, code) = match e {
        ReadError::Unreadable { .. } => (Exit::NoInput, "no-plan"),
        ReadError::Truncated { .. } => (Exit::BadData, "plan-truncated"),
        ReadError::NotAPlan(_) | ReadError::OtherKind(_) => (Exit::BadData, "not-a-plan"),
        ReadError::UnknownVersion(_) => (Exit::BadData, "plan-version"),
        ReadError::Edited => (Exit::BadData, "plan-edited"),
        ReadError::OtherStatements(_) => (Exit::BadData, "plan-release"),
    };
    Trouble::new(exit, code, e.to_string())
        .fact("file", file.display().to_string())
        .fact("changed", "nothing: no pod was contacted")
        .next("aku plan -o FILE    (makes a new one)")
}
