//! Columns of text: every column as wide as its widest cell, the last one wrapped.

use unicode_width::UnicodeWidthStr as _;

use super::{
    style::{Doc, Line, Role},
    words::wrap,
};

const GAP: usize = 2;
/// Narrowest last column; below it lines may be wider than asked for.
const NARROWEST: usize = 24;

/// Appends rows of cells to a text.
pub(super) fn table(doc: &mut Doc, rows: &[Vec<(Role, String)>], width: usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| c.1.width()).max().unwrap_or(0);
    let mut starts = vec![0];
    for i in 0..columns {
        starts.push(starts[i] + widest(i) + GAP);
    }
    for row in rows {
        let mut line = Line::default();
        for (i, (role, cell)) in row.iter().enumerate() {
            line.pad_to(starts[i]);
            if i + 1 < columns {
                line.push(*role, cell);
                continue;
            }
            let mut parts = wrap(cell, width.saturating_sub(starts[i]).max(NARROWEST)).into_iter();
            line.push(*role, parts.next().unwrap_or_default());
            for part in parts {
                doc.line(std::mem::take(&mut line));
                line.pad_to(starts[i]);
                line.push(*role, part);
            }
        }
        doc.line(line);
    }
}
