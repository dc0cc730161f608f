//! Small words: numbers, durations, lists of ids, wrapped sentences.

use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::commands::pieces;
use crate::{observe::RowCount, plan::ActionId};

pub use aku_core::words::{count, counted};

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
    ranges(ids).join(", ")
}

/// As [`ids`], but at most `most` columns: what does not fit is counted (`A1-A4, A7 and 3 more`).
#[must_use]
pub fn ids_within(all: &[ActionId], most: usize) -> String {
    let whole = ids(all);
    if whole.width() <= most {
        return whole;
    }
    let shown = (1..all.len()).rev().map(|n| (n, ids(&all[..n])));
    shown
        .map(|(n, text)| format!("{text} and {} more", all.len() - n))
        .find(|text| text.width() <= most)
        .unwrap_or_else(|| counted(all.len(), "action"))
}

fn ranges(ids: &[ActionId]) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = ids;
    while let Some((first, _)) = rest.split_first() {
        let len = (0u32..).zip(rest).take_while(|(i, id)| id.0 == first.0 + i).count();
        let last = rest[len - 1];
        match len {
            1 => out.push(first.to_string()),
            2 => out.extend([first.to_string(), last.to_string()]),
            _ => out.push(format!("{first}-{last}")),
        }
        rest = &rest[len..];
    }
    out
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
        assert_eq!(ids_within(&odd, 24), "A1, A3, A5 and 6 more");
        assert_eq!(ids_within(&odd, 80), ids(&odd));
        assert_eq!(ids_within(&odd, 3), "9 actions");
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
