//! `aku show FILE`: a saved plan, without any network.

use std::path::Path;

use super::{
    file_args::{GraphArgs, GraphFormat, ShowArgs, ShowFormat},
    stream::{Look, Streams, answer, fail, shown},
};
use crate::{
    document::Fault,
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
        ShowFormat::Json => saved.text(),
        ShowFormat::Md => render::markdown(&saved, &args.file.display().to_string()),
        ShowFormat::Dot => render::dot(&saved.plan),
        ShowFormat::Mermaid => render::mermaid(&saved.plan),
        ShowFormat::Html => render::html(&saved, &args.file.display().to_string()),
        ShowFormat::Human => {
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

/// Runs `aku graph`.
pub fn graph(args: &GraphArgs, look: &Look, s: &mut Streams<'_>) -> Exit {
    let saved = match Saved::load(&args.file) {
        Ok(saved) => saved,
        Err(e) => return fail(s, look, &unreadable(&args.file, &e)),
    };
    let text = match args.format {
        GraphFormat::Dot => render::dot(&saved.plan),
        GraphFormat::Mermaid => render::mermaid(&saved.plan),
    };
    match answer(s, &text) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// What is wrong with a plan file.
pub(super) fn unreadable(file: &Path, e: &ReadError) -> Trouble {
    let (exit, code) = match e {
        ReadError::File(fault) => fault_code(fault),
        ReadError::OtherStatements(_) => (Exit::BadData, "plan-release"),
    };
    Trouble::new(exit, code, e.to_string())
        .fact("file", file.display().to_string())
        .fact("changed", "nothing: no pod was contacted")
        .next("aku plan -o FILE    (makes a new one)")
}

/// Exit code and code word of a file that is not as it should be.
pub(super) fn fault_code(fault: &Fault) -> (Exit, &'static str) {
    match fault {
        Fault::Unreadable { .. } => (Exit::NoInput, "no-plan"),
        Fault::Truncated { .. } => (Exit::BadData, "plan-truncated"),
        Fault::Malformed { .. } | Fault::OtherKind { .. } => (Exit::BadData, "not-a-plan"),
        Fault::UnknownVersion { .. } => (Exit::BadData, "plan-version"),
        Fault::Edited(_) => (Exit::BadData, "plan-edited"),
    }
}
