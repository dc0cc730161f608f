//! How a name in the file becomes the catalog's spelling.
//!
//! * New style: a bare name folds to upper case, as the server folds it; `"Low Case"` is exact.
//! * Old style (`TABLE_NAME = "t1"`): the quotes belong to the file, not to SQL. What could be written bare in SQL
//!   (ASCII letters, digits, `_`, `$`) folds, because the statements of the old tool were not quoted and the server
//!   folded them; anything else (blanks, dots, Korean) is exact. `"""t1"""` is exactly `t1`.

use crate::{
    conf::{
        Span,
        problem::{Code, Log, Problem},
        syntax::{Name, Value},
    },
    topology::Identifier,
};

/// Why a name cannot be used: code, words, advice.
type Bad = (Code, String, &'static str);

fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
}

/// A name that stands between quotes of the file, or bare after `=`.
pub(super) fn catalog_name(text: &str) -> String {
    match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(exact) => exact.to_owned(),
        None if is_plain(text) => text.to_ascii_uppercase(),
        None => text.to_owned(),
    }
}

/// What no name can hold.
pub(super) fn bad_character(name: &str, what: &str) -> Option<Bad> {
    if name.contains(['"', '\'']) {
        Some((Code::BadName, format!("{what} holds a quote, which no Altibase name can"), "remove the quote"))
    } else if name.chars().any(char::is_control) {
        Some((Code::BadName, format!("{what} holds a control character, which no Altibase name can"), "remove it"))
    } else {
        None
    }
}

fn identifier(name: String, what: &str) -> Result<Identifier, Bad> {
    if let Some(bad) = bad_character(&name, what) {
        return Err(bad);
    }
    let bytes = name.len();
    Identifier::exact(name).map_err(|_| {
        if bytes == 0 {
            return (Code::BadName, format!("{what} is empty"), "write the name");
        }
        let words = format!("{what} has {bytes} bytes, the limit is {}", Identifier::MAX_BYTES);
        (Code::TooLong, words, "the limit counts bytes, not characters")
    })
}

fn reported(result: Result<Identifier, Bad>, span: &Span, log: &mut Log<'_>) -> Option<Identifier> {
    result.map_err(|(code, words, hint)| log.report(Problem::new(code, words).hint(hint), span)).ok()
}

/// A name of a new-style target.
pub(super) fn target_name(name: &Name, what: &str, log: &mut Log<'_>) -> Option<Identifier> {
    let bare_ok = |t: &str| {
        t.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && t.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
    };
    let result = if name.quoted {
        identifier(name.text.clone(), what)
    } else if bare_ok(&name.text) {
        identifier(name.text.to_ascii_uppercase(), what)
    } else {
        let words = format!("{what} {} is not a plain SQL name", log.source().quote(&name.span));
        Err((Code::BadName, words, "put the name in double quotes; it is then taken exactly as written"))
    };
    reported(result, &name.span, log)
}

/// The value of USER_NAME or TABLE_NAME.
pub(super) fn old_name(value: &Value, what: &str, log: &mut Log<'_>) -> Option<Identifier> {
    reported(identifier(catalog_name(&value.text), what), &value.span, log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_style_names_fold_as_the_old_statements_did() {
        let cases = [
            ("T1", "T1"),
            ("t1", "T1"),
            ("t_1$", "T_1$"),
            ("Low Case", "Low Case"),
            ("a.b", "a.b"),
            ("주문", "주문"),
            ("t주문", "t주문"),
            ("1t", "1t"),
            ("\"t1\"", "t1"),
        ];
        for (text, want) in cases {
            assert_eq!(catalog_name(text), want, "{text}");
        }
    }
}
