//! A few of the rows that a repair is about: what each pod holds of them, in letters. Never a value outside the key.

use super::{
    style::{Doc, Line, Role},
    words::{counted, wrap},
};
use crate::{
    observe::{Compared, ComparedTable, RowPrint, SeenRow},
    plan::{Decision, Plan},
};

/// Rows shown of one table; the file has all.
const FEW: usize = 5;
/// Widest key.
const KEY: usize = 40;

/// The section of a plan.
pub(super) fn sample(doc: &mut Doc, plan: &Plan, width: usize) {
    let compared = match &plan.decision {
        Decision::Repair { compared, .. } => compared,
        Decision::None { .. } | Decision::CatchUp { .. } | Decision::Full { .. } | Decision::Logs { .. } => return,
    };
    let tables: Vec<&ComparedTable> = compared.tables.iter().filter(|t| !t.rows.is_empty()).collect();
    if tables.is_empty() {
        return;
    }
    doc.gap();
    for line in wrap("Rows by key and pod: the same letter is the same contents, - is no such row.", width) {
        doc.line(Line::default().with(Role::Dim, line));
    }
    for t in tables {
        table(doc, t, compared);
    }
}

fn table(doc: &mut Doc, t: &ComparedTable, compared: &Compared) {
    let by: Vec<String> = t.by.iter().map(ToString::to_string).collect();
    let head = format!("  {} ({})", t.target, by.join(", "));
    let rows: Vec<(String, Vec<char>)> = t.rows.iter().take(FEW).map(|r| (key(r), letters(&r.seen))).collect();
    let longest = rows.iter().map(|(k, _)| k.chars().count() + 4).max().unwrap_or(0);
    let at = head.chars().count().max(longest) + 2;
    let mut line = Line::plain(head);
    line.pad_to(at);
    for pod in &compared.pods {
        line.push(Role::Dim, format!("pod {pod:<4}"));
    }
    doc.line(line);
    for (key, letters) in rows {
        let mut line = Line::plain(format!("    {key}"));
        line.pad_to(at);
        for (letter, pod) in letters.into_iter().zip(&compared.pods) {
            line.push(Role::Plain, format!("{letter:<width$}", width = 4 + format!("{pod:<4}").len()));
        }
        doc.line(line);
    }
    if t.rows.len() > FEW {
        let text = format!("    and {} more, in the file", counted(t.rows.len() - FEW, "row"));
        doc.line(Line::default().with(Role::Dim, text));
    }
}

fn key(row: &SeenRow) -> String {
    let key = row.key.join(", ");
    match key.char_indices().nth(KEY) {
        Some((end, _)) => format!("{}...", &key[..end]),
        None => key,
    }
}

/// The first contents are a, other ones b and so on.
fn letters(seen: &[Option<RowPrint>]) -> Vec<char> {
    let mut known: Vec<&RowPrint> = Vec::new();
    seen.iter()
        .map(|print| {
            let Some(print) = print else { return '-' };
            let at = known.iter().position(|k| *k == print).unwrap_or(known.len());
            if at == known.len() {
                known.push(print);
            }
            char::from(b'a' + u8::try_from(at % 26).unwrap_or(0))
        })
        .collect()
}
