//! The one place that makes text of somebody else safe for each form of output. A text that went through here means itself and
//! nothing else there: no markup, no link, no mention, no command. What nobody can see is written out first
//! ([`aku_core::safe`]).

use aku_core::safe::line;

/// For a terminal, or any line of plain text.
pub(super) fn terminal(text: &str) -> String {
    line(text)
}

/// Between tags of HTML or SVG, or in a quoted attribute.
pub(super) fn html(text: &str) -> String {
    line(text).chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

/// In an HTML comment.
pub(super) fn html_comment(text: &str) -> String {
    line(text).chars().filter(|c| *c != '>').fold(String::with_capacity(text.len()), |mut out, c| {
        // Two of them would end it.
        if c == '-' && out.ends_with('-') {
            out.push(' ');
        }
        out.push(c);
        out
    })
}

/// Splits a word for whoever looks for links, mentions and numbers of issues in what a reader sees.
const SPLIT: &str = "<!-- -->";

/// In a paragraph, a list or a table of Markdown, as GitHub and GitLab read it.
pub(super) fn markdown(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied();
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '`' | '*' | '[' | ']' | '\\' | '~' | '$' | '_' | '^' | '{' | '}' => out.extend(['\\', c]),
            // A mention, or an address of mail.
            '@' => out.extend(["&#64;", SPLIT]),
            // An issue, or a heading.
            '#' => out.extend(["\\#", SPLIT]),
            '!' if word(after) => out.extend(["\\!", SPLIT]),
            // `https://` and `:smile:`.
            ':' if after == Some('/') || word(after) || matches!(after, Some('+' | '-')) => out.extend([":", SPLIT]),
            // `www.`, and an issue such as `GH-1`.
            '.' if ends_with_www(&out) => out.extend([".", SPLIT]),
            '-' if before == Some('H') && after.is_some_and(|c| c.is_ascii_digit()) => out.extend(["-", SPLIT]),
            // What would begin a list or a rule.
            '-' | '+' | '=' if before.is_none() => out.extend(['\\', c]),
            '.' | ')' if out.bytes().all(|b| b.is_ascii_digit()) => out.extend(['\\', c]),
            c => out.push(c),
        }
        before = Some(c);
    }
    out
}

fn ends_with_www(text: &str) -> bool {
    text.len().checked_sub(3).and_then(|at| text.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Between single backticks of Markdown.
pub(super) fn markdown_code(text: &str) -> String {
    line(text).replace('`', "'")
}

/// In a quoted string of Graphviz.
pub(super) fn dot(text: &str) -> String {
    line(text).replace('\\', "\\\\").replace('"', "\\\"")
}

/// In a quoted text of Mermaid.
pub(super) fn mermaid(text: &str) -> String {
    line(text).chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '#' => out.push_str("#35;"),
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' => out.push_str("#96;"),
            '\\' => out.push_str("#92;"),
            c => out.push(c),
        }
        out
    })
}

/// In a quoted value of a label of Prometheus.
pub(super) fn prometheus(text: &str) -> String {
    line(text).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names as somebody would choose them who wants to do harm, and any others.
    fn names() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            Just("www.evil.example"),
            Just("https://x.y/z"),
            Just("#1"),
            Just("@user"),
            Just("a@b.cd"),
            Just("~~"),
            Just("**"),
            Just("->"),
            Just("--"),
            Just("<!--"),
            Just("-->"),
            Just("<script>"),
            Just("&amp;"),
            Just("![a](b)"),
            Just("[a](javascript:b)"),
            Just("`"),
            Just("|"),
            Just("\\"),
            Just("\""),
            Just("'"),
            Just("1."),
            Just("- "),
            Just("# "),
            Just("$x$"),
            Just(":smile:"),
            Just("_a_"),
            Just("\u{1b}[2J"),
            Just("\u{9b}"),
            Just("\u{202e}"),
            Just("\n"),
            Just("T1"),
        ];
        proptest::collection::vec(prop_oneof![word.prop_map(str::to_owned), "\\PC{0,4}", any::<String>()], 1..6)
            .prop_map(|parts| parts.concat())
    }

    /// The text of a tree of XML.
    fn xml(text: &str) -> String {
        let tree = roxmltree::Document::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let name = tree.root_element().attribute("name").unwrap_or_default();
        let inner: String =
            tree.root_element().descendants().filter_map(|n| n.text().filter(|_| n.is_text())).collect();
        assert_eq!(name, inner, "in an attribute and between tags");
        assert_eq!(tree.descendants().filter(roxmltree::Node::is_element).count(), 1, "{text}");
        inner
    }

    /// What a reader sees, and whether there is anything but text.
    fn of_markdown(text: &str) -> String {
        use comrak::nodes::NodeValue as V;
        let mut options = comrak::Options::default();
        let e = &mut options.extension;
        (e.autolink, e.strikethrough, e.table, e.tasklist, e.footnotes) = (true, true, true, true, true);
        let arena = comrak::Arena::new();
        let root = comrak::parse_document(&arena, text, &options);
        let mut seen = String::new();
        for node in root.descendants() {
            match &node.data.borrow().value {
                V::Document | V::List(_) | V::Item(_) | V::Paragraph | V::SoftBreak => {}
                V::Text(t) => seen.push_str(t),
                V::HtmlInline(html) => assert_eq!(html, SPLIT, "{text}"),
                other => panic!("{other:?} in {text:?}"),
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn names_come_out_of_xml_as_they_went_in(name in names()) {
            let safe = html(&name);
            // XML has no non-characters at all.
            prop_assume!(!line(&name).contains(['\u{FFFE}', '\u{FFFF}']));
            prop_assert_eq!(xml(&format!("<p name=\"{safe}\">{safe}</p>")), line(&name));
        }

        #[test]
        fn names_come_out_of_markdown_as_text_and_nothing_else(name in names()) {
            let blanks = |t: &str| t.split_whitespace().collect::<Vec<_>>().join(" ");
            let seen = of_markdown(&format!("* x{}x", markdown(&format!(" {name} "))));
            prop_assert_eq!(blanks(&seen), blanks(&format!("x {} x", line(&name))));
            let first = of_markdown(&format!("* {}x", markdown(name.trim_start())));
            prop_assert_eq!(blanks(&first), blanks(&format!("{}x", line(name.trim_start()))));
        }

        #[test]
        fn a_quoted_string_ends_where_it_should(name in names()) {
            for quoted in [dot(&name), prometheus(&name)] {
                // What both formats say of strings: a backslash takes the next character.
                let (mut out, mut rest) = (String::new(), quoted.chars());
                while let Some(c) = rest.next() {
                    prop_assert!(c != '"', "{quoted}");
                    out.push(if c == '\\' { rest.next().unwrap() } else { c });
                }
                prop_assert_eq!(out, line(&name));
            }
            prop_assert!(!mermaid(&name).contains(['"', '`', '<', '>', '&', '\\']));
            let comment = html_comment(&name);
            prop_assert!(!comment.contains("--") && !comment.contains('>'));
            prop_assert!(!markdown_code(&name).contains(['`', '\n']));
        }
    }
}
