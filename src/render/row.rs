//! Action lines in aligned columns. When they do not fit, columns go in a fixed order: the peer's address (it is in the
//! statement), "after", then the details; ids, verbs and object names are never cut.

use unicode_width::UnicodeWidthStr as _;

use super::style::{Line, Role};

/// One line of a block.
#[derive(Clone, Debug)]
pub struct Row {
    /// Gutter symbol and what it means.
    pub symbol: (&'static str, Role),
    /// `A1`, or `A5-A7`.
    pub id: String,
    /// Verb.
    pub verb: String,
    /// Object.
    pub object: String,
    /// The other pod, as `to pod 1`.
    pub peer: String,
    /// Address of the peer.
    pub address: String,
    /// Details.
    pub detail: String,
    /// `after A1-A4`.
    pub after: String,
}

/// What is shown besides symbol, id, verb and object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    All,
    NoAddress,
    NoAfter,
    Bare,
}

impl Shown {
    /// In the order in which columns go.
    const WIDEST_FIRST: [Self; 4] = [Self::All, Self::NoAddress, Self::NoAfter, Self::Bare];

    /// Peer, address and detail share a column, because few actions have all of them.
    fn columns(self, row: &Row) -> Vec<(Role, String)> {
        let at = if row.address.is_empty() { String::new() } else { format!(" at {}", row.address) };
        let tail = |peer: String| {
            let parts: Vec<&str> = [peer.as_str(), row.detail.as_str()].into_iter().filter(|p| !p.is_empty()).collect();
            (Role::Plain, parts.join(", "))
        };
        let after = (Role::Dim, row.after.clone());
        match self {
            Self::All => vec![tail(format!("{}{at}", row.peer)), after],
            Self::NoAddress => vec![tail(row.peer.clone()), after],
            Self::NoAfter => vec![tail(row.peer.clone())],
            Self::Bare => Vec::new(),
        }
    }
}

/// Column of the id.
pub const GUTTER: usize = 3;
const GAP: usize = 2;

/// Lays out the rows of one block, all with the same columns.
#[must_use]
pub fn lay_out(rows: &[Row], width: usize) -> Vec<Line> {
    let fits = |shown: &Shown| {
        let lines = draw(rows, *shown);
        lines.iter().all(|l| l.width() <= width)
    };
    let shown = Shown::WIDEST_FIRST.into_iter().find(fits).unwrap_or(Shown::Bare);
    draw(rows, shown)
}

fn draw(rows: &[Row], shown: Shown) -> Vec<Line> {
    let cells: Vec<Vec<(Role, String)>> = rows
        .iter()
        .map(|row| {
            let verb = if row.symbol.1 == Role::Destroy { Role::Plain } else { row.symbol.1 };
            let mut cells =
                vec![(Role::Plain, row.id.clone()), (verb, row.verb.clone()), (Role::Plain, row.object.clone())];
            cells.extend(shown.columns(row));
            cells
        })
        .collect();
    let columns = cells.first().map_or(0, Vec::len);
    let widest = |i: usize| cells.iter().map(|c| c[i].1.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    rows.iter().zip(&cells).map(|(row, cells)| draw_row(row, cells, &widths)).collect()
}

fn draw_row(row: &Row, cells: &[(Role, String)], widths: &[usize]) -> Line {
    let (symbol, role) = row.symbol;
    let mut line = Line::default().with(role, symbol);
    let mut column = GUTTER;
    for ((role, cell), width) in cells.iter().zip(widths).filter(|(_, width)| **width > 0) {
        if !cell.is_empty() {
            line.pad_to(column);
            line.push(*role, cell);
        }
        column += width + GAP;
    }
    line
}
