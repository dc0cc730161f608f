//! Tables of what a pod is, and the page that shows them.

use super::*;

const LOOKS: [Sight; 5] = [Sight::Absent, Sight::Busy, Sight::Hidden, Sight::Closed, Sight::Open];
const WORKS: [Work; 2] = [Work::None, Work::Under];
const PLACES: [Place; 4] = [Place::None, Place::Theirs, Place::Some, Place::All];
const MEMORIES: [Memory; 3] = [Memory::None, Memory::Left, Memory::Member];
const AROUNDS: [Around; 2] = [Around::Fine, Around::Apart];
const WHOS: [Who; 2] = [Who::Master, Who::Slave];

fn every() -> Vec<Inputs> {
    let mut all = Vec::new();
    for look in LOOKS {
        for work in WORKS {
            for place in PLACES {
                for memory in MEMORIES {
                    for who in WHOS {
                        for around in AROUNDS {
                            all.push(Inputs { who, look, work, place, memory, around });
                        }
                    }
                }
            }
        }
    }
    all
}

/// One column of the table.
struct Column {
    title: &'static str,
    of: fn(&Inputs) -> &'static str,
}

const COLUMNS: [Column; 6] = [
    Column {
        title: "look",
        of: |i| match i.look {
            Sight::Absent => "nobody answers",
            Sight::Busy => "its SYSDBA session is taken",
            Sight::Hidden => "cannot be looked at",
            Sight::Closed => "closed",
            Sight::Open => "open",
        },
    },
    Column {
        title: "at work on it",
        of: |i| match i.work {
            Work::None => "nobody",
            Work::Under => "a run, a copy",
        },
    },
    Column {
        title: "places",
        of: |i| match i.place {
            Place::None => "none",
            Place::Theirs => "only others' towards it",
            Place::Some => "some",
            Place::All => "all",
        },
    },
    Column {
        title: "remembered as",
        of: |i| match i.memory {
            Memory::None => "nothing",
            Memory::Left => "left",
            Memory::Member => "member",
        },
    },
    Column {
        title: "pod",
        of: |i| match i.who {
            Who::Master => "0",
            Who::Slave => "another",
        },
    },
    Column {
        title: "other open pods",
        of: |i| match i.around {
            Around::Fine => "none, or connected",
            Around::Apart => "none connected",
        },
    },
];

/// Rows that differ in one column only, for all of its values and with the same answer, become one with `any`.
fn table() -> String {
    type Row = (Vec<Option<&'static str>>, Standing);
    let mut rows: Vec<Row> =
        every().iter().map(|i| (COLUMNS.iter().map(|c| Some((c.of)(i))).collect(), decide(*i))).collect();
    for column in (0..COLUMNS.len()).rev() {
        let values: std::collections::BTreeSet<_> = every().iter().map(|i| (COLUMNS[column].of)(i)).collect();
        let mut merged: Vec<Row> = Vec::new();
        for (cells, standing) in &rows {
            let mut any = cells.clone();
            any[column] = None;
            let same = |(c, s): &&Row| {
                let mut other = c.clone();
                other[column] = None;
                other == any && s == standing && c[column].is_some()
            };
            let row = if rows.iter().filter(same).count() == values.len() {
                (any, *standing)
            } else {
                (cells.clone(), *standing)
            };
            if !merged.contains(&row) {
                merged.push(row);
            }
        }
        rows = merged;
    }
    let mut text = String::from("|");
    for c in &COLUMNS {
        text.extend([" ", c.title, " |"]);
    }
    text.push_str(" standing | state |\n|");
    text.push_str(&"---|".repeat(COLUMNS.len() + 2));
    text.push('\n');
    for (cells, standing) in rows {
        text.push('|');
        for cell in cells {
            text.extend([" ", cell.unwrap_or("any"), " |"]);
        }
        let states: Vec<_> = standing.states().iter().map(|s| s.as_str()).collect();
        text.extend([" ", standing.as_str(), " | ", &states.join(", "), " |\n"]);
    }
    text
}

const BEGIN: &str = "<!-- made from crates/planner/src/status/standing.rs -->\n";
const END: &str = "<!-- end -->\n";

#[test]
fn the_document_shows_every_case() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/states.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table begins");
    let (found, after) = rest.split_once(END).expect("the table ends");
    if std::env::var_os("AKU_WRITE_SCHEMA").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(found, table(), "AKU_WRITE_SCHEMA=1 cargo test writes it");
}

#[test]
fn every_standing_occurs_and_every_case_has_one() {
    let found: std::collections::BTreeSet<_> = every().into_iter().map(decide).collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), Standing::ALL);
}
