//! Text of somebody else that is printed: names, comments, words of servers. What a terminal would obey, and what nobody can
//! see, is written out, so that the text looks like what it is.

/// Whether a character does something else than being seen: controls (C0, C1), direction marks, what has no width, breaks of
/// lines and paragraphs, and tags.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{3164}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// One line: every hidden character written as `\u{..}`, a tab as a blank.
#[must_use]
pub fn line(text: &str) -> String {
    written(text, |c| c == '\t', is_hidden)
}

/// As [`line()`], with the ends of lines and tabs as they are.
#[must_use]
pub fn lines(text: &str) -> String {
    written(text, |_| false, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

/// As [`lines`], with the escapes of colours as they are: for text in which only we can have put them.
#[must_use]
pub fn coloured(text: &str) -> String {
    written(text, |_| false, |c| is_hidden(c) && !matches!(c, '\n' | '\t' | '\u{1b}'))
}

fn written(text: &str, blank: impl Fn(char) -> bool, hidden: impl Fn(char) -> bool) -> String {
    // Nearly every text is of these, and hides nothing.
    let graphic = |b: u8| b == b' ' || b.is_ascii_graphic();
    if text.bytes().all(graphic) || !text.contains(|c| hidden(c) || blank(c)) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len() + 16), |mut out, c| {
        match c {
            c if blank(c) => out.push(' '),
            c if hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_hidden_is_seen() {
        let text = "a\u{1b}[2Jb\rc\td\u{202E}e\u{9B}f\u{200B}g\u{FEFF}h\ni";
        assert_eq!(line(text), "a\\u{1b}[2Jb\\rc d\\u{202e}e\\u{9b}f\\u{200b}g\\u{feff}h\\ni");
        assert_eq!(lines("a\tb\n\u{9B}"), "a\tb\n\\u{9b}");
        assert_eq!(coloured("\u{1b}[1mx\u{9B}\n"), "\u{1b}[1mx\\u{9b}\n");
        assert_eq!(line("Größe 表 😀"), "Größe 表 😀");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left_and_nothing_else_changes(text in any::<String>()) {
            prop_assert!(!line(&text).contains(is_hidden));
            if !text.contains(is_hidden) {
                prop_assert_eq!(line(&text), text);
            }
        }
    }
}
