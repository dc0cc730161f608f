//! Small words: numbers, durations, lists of ids, wrapped sentences.

use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::commands::pieces;
use crate::{observe::RowCount, plan::ActionId};

pub use aku_core::words::{count, counted, size};

pub use crate::observe::grouped as number;

/// Rows of one table, for a column of numbers.
#[must_use]
pub fn rows_now(n: Option<RowCount>) -> String {
    match n {
        Some(RowCount::Counted(n)) => number(n),
        Some(RowCount::AtLeast { at_least }) => format!("at least {}", number(at_least)),
        Some(RowCount::NotCounted) | None => "not counted".to_owned(),
    }
}

/// `5,020 rows`, `at least 5,020 rows`; `None` when nobody knows.
#[must_use]
pub fn rows_in_all(n: RowCount) -> Option<String> {
    match n {
        RowCount::Counted(n) => Some(count(n, "row")),
        RowCount::AtLeast { at_least } => Some(format!("at least {}", count(at_least, "row"))),
        RowCount::NotCounted => None,
    }
}

/// `4 ms`, `31.7 s`, `2 min 05 s`, `1 h 48 min`
#[must_use]
pub fn duration(d: Duration) -> String {
    let ms = d.as_millis();
    let s = d.as_secs();
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{s}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

/// `A1-A4, A7`; the ids must be in ascending order.
#[must_use]
pub fn ids(ids: &[ActionId]) -> String {
    in_a_row(ids).map(|(first, last)| range(first, last)).collect::<Vec<_>>().join(", ")
}

/// As [`ids`], but at most `most` columns: what does not fit is counted (`A1-A4, A7 and 3 more`). `ranges`: the first and the
/// last of actions in a row; `all`: how many actions there are. Of a long list only the beginning is looked at.
#[must_use]
pub fn ids_within(ranges: impl IntoIterator<Item = (ActionId, ActionId)>, all: usize, most: usize) -> String {
    let (mut whole, mut told) = (String::new(), 0);
    let mut fits: Option<String> = None;
    for (first, last) in ranges {
        let apart = if whole.is_empty() { "" } else { ", " };
        // All of them, or as many as have a shorter number at the end, or two, or one.
        let shorter = (1..10).map(|digits| 10_u32.pow(digits) - 1).filter(|n| (first.0 + 2..last.0).contains(n));
        let ends = [first.0, first.0 + 1].into_iter().chain(shorter).filter(|n| *n < last.0).chain([last.0]);
        let mut text = String::new();
        for end in ends.map(ActionId) {
            text = format!("{whole}{apart}{}", range(first, end));
            let so_far = told + (end.0 - first.0) as usize + 1;
            if so_far < all {
                let cut = format!("{text} and {} more", all - so_far);
                if cut.width() <= most {
                    fits = Some(cut);
                }
            }
        }
        whole = text;
        told += (last.0 - first.0) as usize + 1;
        if whole.width() > most {
            return fits.unwrap_or_else(|| counted(all, "action"));
        }
    }
    whole
}

fn range(first: ActionId, last: ActionId) -> String {
    match last.0 - first.0 {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}-{last}"),
    }
}

/// The first and the last of ids in a row; `ids` are sorted.
pub fn in_a_row(ids: &[ActionId]) -> impl Iterator<Item = (ActionId, ActionId)> {
    ids.chunk_by(|a, b| b.0 == a.0 + 1).filter_map(|row| Some((*row.first()?, *row.last()?)))
}

/// Breaks a text at blanks so that no line is wider than `width`, unless a single word or a command is.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in pieces(text) {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The sentence with a period, whether or not it came with one.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// A sentence is wrapped; the lines of a definition below it stay as they are.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = text.split('\n');
    let mut all = wrap(lines.next().unwrap_or_default(), width);
    all.extend(lines.map(|line| line.trim_end().to_owned()));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(ns: &[u32]) -> Vec<ActionId> {
        ns.iter().map(|n| ActionId(*n)).collect()
    }

    #[test]
    fn numbers_and_durations() {
        assert_eq!([0, 7, 999, 1000, 1_204_332].map(number), ["0", "7", "999", "1,000", "1,204,332"]);
        assert_eq!([0, 1, 1000].map(|n| count(n, "row")), ["0 rows", "1 row", "1,000 rows"]);
        let shown = [4, 999, 1000, 31_749, 59_999, 125_000, 6_480_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["4 ms", "999 ms", "1.0 s", "31.7 s", "59.9 s", "2 min 05 s", "1 h 48 min"]);
    }

    #[test]
    fn ids_are_compressed() {
        let table: [(&[u32], &str); 5] = [
            (&[], ""),
            (&[1], "A1"),
            (&[1, 2], "A1, A2"),
            (&[1, 2, 3, 4, 7], "A1-A4, A7"),
            (&[2, 4, 6, 7, 8], "A2, A4, A6-A8"),
        ];
        for (ns, want) in table {
            assert_eq!(ids(&list(ns)), want);
        }
        let odd = list(&[1, 3, 5, 7, 9, 11, 13, 15, 17]);
        let within = |most| ids_within(in_a_row(&odd), odd.len(), most);
        assert_eq!(within(24), "A1, A3, A5 and 6 more");
        assert_eq!(within(80), ids(&odd));
        assert_eq!(within(3), "9 actions");
    }

    proptest! {
        #[test]
        fn wrapping_keeps_every_word(text in "[a-z]{1,12}( [a-z]{1,12}){0,20}", width in 5usize..60) {
            let lines = wrap(&text, width);
            prop_assert_eq!(lines.join(" "), text);
            for line in lines {
                prop_assert!(line.width() <= width || !line.contains(' '));
            }
        }
    }
}
