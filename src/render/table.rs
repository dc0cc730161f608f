//! Columns of text: every column as wide as its widest cell, the last one wrapped, or below the others where it has no room.

use unicode_width::UnicodeWidthStr as _;

use super::{
    style::{Doc, Line, Role},
    words::wrap,
};

const GAP: usize = 2;
/// Narrowest last column; what would be narrower stands below, from the second column on.
const NARROWEST: usize = 24;

/// Appends rows of cells to a text.
pub(super) fn table(doc: &mut Doc, rows: &[Vec<(Role, String)>], width: usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| c.1.width()).max().unwrap_or(0);
    let mut starts = vec![0];
    for i in 0..columns {
        starts.push(starts[i] + widest(i) + GAP);
    }
    let last = starts[columns.saturating_sub(1)];
    let below = starts.get(1).copied().filter(|_| columns > 1);
    for row in rows {
        let mut line = Line::default();
        let cramped = |cell: &str| last + cell.width() > width && width < last + NARROWEST;
        for (i, (role, cell)) in row.iter().enumerate() {
            line.pad_to(starts[i]);
            if i + 1 < columns {
                line.push(*role, cell);
                continue;
            }
            let start = match below.filter(|_| cramped(cell)) {
                Some(start) => {
                    let above = std::mem::take(&mut line);
                    // A row that only goes on has nothing in the columns before.
                    if row.iter().take(i).any(|c| !c.1.is_empty()) {
                        doc.line(above);
                    }
                    line.pad_to(start);
                    start
                }
                None => starts[i],
            };
            let mut parts = wrap(cell, width.saturating_sub(start).max(NARROWEST)).into_iter();
            line.push(*role, parts.next().unwrap_or_default());
            for part in parts {
                doc.line(std::mem::take(&mut line));
                line.pad_to(start);
                line.push(*role, part);
            }
        }
        doc.line(line);
    }
}
