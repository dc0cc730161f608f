//! Which parts of a file's lines may be a password, so that no message ever shows them.
//!
//! Works on raw lines, not on parsed values, because a broken line must be masked too. Masks rather too much than
//! too little: everything after a word that looks like the password property, and the value of a key that we cannot
//! place (it may be the password property, misspelt). Where nothing of the key is left, nothing can be known. Never
//! changes the text.

use super::{
    Property, Source,
    property::{self, is_harmless_key},
};

/// For each line, the byte offset at which the part begins that must not be shown.
pub(super) fn secret_starts(source: &Source) -> Vec<Option<usize>> {
    let mut starts = Vec::with_capacity(source.line_count());
    // Whether a secret value may go on in the next line, and whether it is inside an open quote.
    let mut carry = Carry::None;
    for line in 1..=source.line_count() {
        let span = source.line_span(line);
        let text = &source.text()[span.clone()];
        let begins = text.len() - text.trim_start().len();
        let from = match (tail_of_secret_key(text), carry) {
            (Some(at), _) => Some(at),
            (None, Carry::None) => None,
            (None, Carry::Value | Carry::Quote) if starts_known_assignment(text) => None,
            (None, Carry::Value | Carry::Quote) => Some(begins),
        };
        carry = match from {
            Some(at) => carry_on(&text[at..], carry, at == begins),
            None => Carry::None,
        };
        starts.push(from.map(|at| span.start + at));
    }
    starts
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carry {
    None,
    /// The key stood alone; its value may follow.
    Value,
    /// A quote was opened and not closed.
    Quote,
}

/// What the next line has to expect after this secret tail.
fn carry_on(tail: &str, before: Carry, is_continuation: bool) -> Carry {
    let value = tail.trim_start();
    let open = value.matches('"').count() % 2 == 1;
    if before == Carry::Quote && is_continuation {
        return if open { Carry::None } else { Carry::Quote };
    }
    if open {
        Carry::Quote
    } else if value.is_empty() || value.starts_with('#') {
        Carry::Value
    } else {
        Carry::None
    }
}

/// Offset of what follows the first key on the line whose value has to be hidden; `=` and blanks are shown.
fn tail_of_secret_key(line: &str) -> Option<usize> {
    if let Some(value) = line.trim_start().strip_prefix('=') {
        // The key is lost; it may have been any.
        return Some(line.len() - value.trim_start().len());
    }
    let end = words(line).find_map(|(at, word)| {
        let next = line[at + word.len()..].trim_start().chars().next();
        let upper = word.to_ascii_uppercase();
        let like_password = ["PAS", "PWD", "PSW", "SWORD"].iter().any(|p| upper.contains(p));
        let is_aku = upper.starts_with("AKU");
        // Not the owner or the table of a target.
        let is_key = is_aku || !matches!(next, Some('.' | ',' | ')'));
        let leads = line[..at].trim_start_matches(['#', ' ', '\t']).is_empty();
        let in_key_place = if is_aku { leads || next == Some('=') } else { leads && next == Some('=') };
        let unplaced = in_key_place && !may_be_shown(word);
        ((like_password && is_key) || unplaced).then_some(at + word.len())
    })?;
    let rest = line[end..].trim_start();
    let value = rest.strip_prefix('=').map_or(rest, str::trim_start);
    Some(line.len() - value.len())
}

/// Whether a key is one of the harmless ones, or clearly meant to be.
fn may_be_shown(key: &str) -> bool {
    is_harmless_key(key)
        || property::nearest(key, property::all_keys()).is_some_and(|near| near != Property::SysPassword.name())
}

fn starts_known_assignment(line: &str) -> bool {
    words(line).next().is_some_and(|(at, word)| {
        line[..at].trim().is_empty() && is_harmless_key(word) && line[at + word.len()..].trim_start().starts_with('=')
    })
}

/// Runs of letters, digits and underscores with their offsets.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + line[rest..].find(is_word)?;
        rest = line[start..].find(|c| !is_word(c)).map_or(line.len(), |n| start + n);
        Some((start, &line[start..rest]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> Vec<String> {
        let source = Source::decode("f", text.as_bytes());
        (1..=source.line_count())
            .map(|n| {
                let span = source.line_span(n);
                let end = source.secret_start(n).unwrap_or(span.end);
                source.text()[span.start..end].to_owned()
            })
            .collect()
    }

    #[test]
    fn password_values_are_found_on_good_and_broken_lines() {
        let cases: [(&str, &[&str]); 22] = [
            ("AKU_SYS_PASSWORD = hidden", &["AKU_SYS_PASSWORD = "]),
            ("  AKU_SYS_PASWWORD=\"hidden\"", &["  AKU_SYS_PASWWORD="]),
            ("aku_sys_password hidden", &["aku_sys_password "]),
            ("# AKU_SYS_PASSWORD = hidden", &["# AKU_SYS_PASSWORD = "]),
            ("AKU_SYS_PSSWORT = hidden", &["AKU_SYS_PSSWORT = "]),
            ("AKU_SYS_ ASWORD == hidden", &["AKU_SYS_ "]),
            ("SYS_ ASSWORD = =hidden", &["SYS_ ASSWORD = "]),
            ("PASSWORD: hidden", &["PASSWORD"]),
            ("AKU_PORT_NO = 1 AKU_SYS_PASSWORD = hidden", &["AKU_PORT_NO = 1 AKU_SYS_PASSWORD = "]),
            ("AKU_SYS_PASSWORD =\n\"hidden\"\nAKU_PORT_NO = 1", &["AKU_SYS_PASSWORD =", "", "AKU_PORT_NO = 1"]),
            ("AKU_SYS_PASSWORD = # why\n  hidden", &["AKU_SYS_PASSWORD = ", "  "]),
            ("AKU_SYS_PASSWORD = \"hid\nden\"\nAKU_PORT_NO = 1", &["AKU_SYS_PASSWORD = ", "", "AKU_PORT_NO = 1"]),
            ("AKU_SYS_PASSWORD = \"hid\n\nden", &["AKU_SYS_PASSWORD = ", "", ""]),
            ("AKU_SYS_PASSWORD = \"hidden\nAKU_PORT_NO = 1", &["AKU_SYS_PASSWORD = ", "AKU_PORT_NO = 1"]),
            ("AKU_SECRET = hidden", &["AKU_SECRET = "]),
            ("  SYS_KEY = hidden", &["  SYS_KEY = "]),
            (" = hidden", &[" = "]),
            ("SYS.PASSWORDS, SYS.T2", &["SYS.PASSWORDS, SYS.T2"]),
            ("AKU_STS_NAME = shown", &["AKU_STS_NAME = shown"]),
            ("AKU_STS_NAM = shown", &["AKU_STS_NAM = shown"]),
            ("( (USER = \"SYS\")", &["( (USER = \"SYS\")"]),
            ("REPLICATION_NAME_PREFIX = AKU_X\n(", &["REPLICATION_NAME_PREFIX = AKU_X", "("]),
        ];
        for (text, want) in cases {
            assert_eq!(masked(text), want, "{text:?}");
        }
    }
}
