//! `aku show FILE`: a saved plan, without any network.

use std::path::Path;

use aku_core::safe;

use super::{
    file_args::{GraphArgs, GraphFormat, ShowArgs, ShowFormat},
    stream::{OutputStyle, Streams, answer, fail, shown, tell},
    typed::shell,
};
use crate::{
    document::{self, Fault},
    exit::Exit,
    files,
    plan::saved::{DOCUMENT, Misfit, ReadError, Reading, Saved},
    render::{self, Diagnostic, Head, Layout, Line, Sql},
    sign,
};

/// Runs it.
pub fn run(args: &ShowArgs, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    let read = files::read(&args.file, DOCUMENT).and_then(|text| Ok((Reading::parse(&text)?, text)));
    let (reading, file) = match read {
        Ok(read) => read,
        Err(e) => return fail(s, look, &unreadable(&args.file, &e.into())),
    };
    for misfit in &reading.misfits {
        let misfit = safe::line(&misfit.to_string());
        tell(s, &format!("warning: this release does not apply the plan: {misfit}\n"));
    }
    let usable = reading.misfits.iter().all(Misfit::is_readable);
    let text = match (reading.saved, args.format) {
        (Some(saved), format) if usable => known(&saved, format, args, look),
        (_, ShowFormat::Json) => document::pretty(&file),
        (_, ShowFormat::Human) => shown(&render::foreign_plan(&file, look.width), look),
        (_, ShowFormat::Digest | ShowFormat::Md | ShowFormat::Dot | ShowFormat::Mermaid | ShowFormat::Html) => {
            let misfit = reading.misfits.into_iter().next().unwrap_or(Misfit::Other("the plan".to_owned()));
            let trouble = unreadable(&args.file, &misfit.into());
            return fail(s, look, &trouble.next("aku show FILE    (human and json forms show what is there)"));
        }
    };
    drop(file);
    match answer(s, &text) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

fn known(saved: &Saved, format: ShowFormat, args: &ShowArgs, look: &OutputStyle) -> String {
    let file = shell(&args.file);
    match format {
        ShowFormat::Json => saved.text(),
        ShowFormat::Digest => sign::message(&saved.digest()),
        ShowFormat::Md => render::markdown(saved, &file),
        ShowFormat::Dot => render::dot(&saved.plan),
        ShowFormat::Mermaid => render::mermaid(&saved.plan),
        ShowFormat::Html => render::html(saved, &file),
        ShowFormat::Human => {
            let apply = format!("aku apply {file}");
            let head = Head {
                command: "aku show",
                at: saved.created_at,
                here: saved.observer,
                conf: &saved.conf_digest,
                apply: Some(&apply),
            };
            let sql = if args.sql { Sql::Shown } else { Sql::Hidden };
            let mut doc = render::plan(&saved.plan, &head, Layout { width: look.width, sql });
            doc.gap();
            doc.append(render::policy(&saved.policy, look.width));
            doc.gap();
            let made = format!(
                "Plan {}, made by aku {}, to be applied before {}.",
                saved.plan_id(),
                saved.producer,
                saved.expires_at
            );
            for line in render::words::wrap(&made, look.width) {
                doc.line(Line::plain(line));
            }
            doc.line(Line::plain(saved.digest()));
            if !saved.signatures.is_empty() {
                let text = format!(
                    "{}, not verified here: aku apply FILE --require-signature ALLOWED verifies",
                    render::words::counted(saved.signatures.len(), "signature")
                );
                for line in render::words::wrap(&text, look.width) {
                    doc.line(Line::plain(line));
                }
            }
            shown(&doc, look)
        }
    }
}

/// Runs `aku graph`.
pub fn graph(args: &GraphArgs, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    let saved = match files::saved(&args.file) {
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
pub(super) fn unreadable(file: &Path, e: &ReadError) -> Diagnostic {
    let (exit, code) = match e {
        ReadError::File(fault) => fault_code(fault),
        ReadError::Misfit(_) => (Exit::BadData, "plan-release"),
    };
    Diagnostic::new(exit, code, e.to_string())
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
