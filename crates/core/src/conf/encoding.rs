//! Bytes that a configuration file cannot have: not UTF-8, or control characters. In a comment they are forgiven
//! (comments in a local encoding are common), elsewhere they are errors with their offset in the file.

use super::{
    Span,
    problem::{Code, Log, Problem},
};

/// After so many the rest says nothing new.
const SHOWN: usize = 5;

/// Notes bad bytes.
pub(super) fn check(comments: &[Span], log: &mut Log<'_>) {
    let source = log.source();
    let in_comment = |pos: usize| {
        let next = comments.partition_point(|c| c.end <= pos);
        comments.get(next).is_some_and(|c| c.contains(&pos))
    };
    let mut errors: Vec<(Span, String)> = Vec::new();
    let mut forgiven = None;
    for bad in source.invalid() {
        if in_comment(bad.pos) {
            forgiven.get_or_insert(bad);
        } else {
            let span = bad.pos..bad.pos + char::REPLACEMENT_CHARACTER.len_utf8();
            errors.push((span, format!("byte {} of the file is not UTF-8", bad.offset)));
        }
    }
    let controls = source.text().char_indices().filter(|&(_, c)| c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    for (pos, c) in controls.filter(|&(pos, _)| !in_comment(pos)) {
        let name = if c == '\0' { "a NUL".to_owned() } else { format!("the control character {}", c.escape_unicode()) };
        errors.push((pos..pos + c.len_utf8(), format!("byte {} of the file is {name}", source.file_offset(pos))));
    }
    errors.sort_by_key(|(span, _)| span.start);
    let more = errors.len().saturating_sub(SHOWN);
    for (i, (span, words)) in errors.into_iter().take(SHOWN).enumerate() {
        let mut problem = Problem::new(Code::Encoding, words).hint("save the file as UTF-8 text");
        if i + 1 == SHOWN && more > 0 {
            problem = problem.label(format!("and {more} more such bytes"));
        }
        log.report(problem, &span);
    }
    if let Some(bad) = forgiven {
        let words = format!("byte {} of the file is not UTF-8; it is in a comment and does no harm", bad.offset);
        let problem = Problem::new(Code::EncodingInComment, words).hint("save the file as UTF-8 text");
        log.report(problem, &(bad.pos..bad.pos));
    }
}

/// A file that is not UTF-8 at all, told by its first bytes.
pub(super) fn foreign(bytes: &[u8]) -> Option<Problem> {
    let is_utf16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    is_utf16.then(|| {
        Problem::new(Code::Encoding, "byte 0 of the file begins a UTF-16 mark; only UTF-8 can be read")
            .hint("save the file as UTF-8 text")
    })
}
