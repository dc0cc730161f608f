//! From typed values to YAML with comments that say why. The comments are put in by place: the printed text is read
//! again, and a path that leads nowhere is a mistake of ours that every test would show.

use std::fmt::Write as _;

use serde::Serialize;
use serde_saphyr::SerializerOptions;

use crate::yaml::{self, Node, Place};

/// Columns of a comment.
const WIDTH: usize = 110;

/// A reason for the value at a path, e.g. `spec.template.spec.containers[0].env[POD_NAME]`: keys with dots between
/// them, an item of a list by its number or by its `name`.
pub(crate) type Why = (&'static str, &'static str);

/// One document without comments.
pub(crate) fn plain<T: Serialize>(value: &T) -> String {
    serde_saphyr::to_string_with_options(value, options()).expect("values of fixed types can be printed")
}

fn options() -> SerializerOptions {
    let mut options = SerializerOptions::default();
    options.compact_list_indent = false;
    // A fold would break the command lines of hooks.
    options.folded_wrap_chars = 4096;
    options
}

/// The text with each reason above the line it is about.
pub(crate) fn annotate(text: &str, reasons: &[Why]) -> String {
    let documents = yaml::read(text).expect("what was printed can be read");
    let root = documents.first().expect("what was printed is not empty");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut found: Vec<(Place, &str)> = reasons
        .iter()
        .map(|(path, why)| (find(root, path).unwrap_or_else(|| panic!("nothing is at {path}\n{text}")), *why))
        .collect();
    found.sort_by_key(|(at, _)| *at);
    for (at, why) in found.into_iter().rev() {
        let indent = indent_of(&lines[at.line - 1]);
        let comments = wrapped(why, indent);
        lines.splice(at.line - 1..at.line - 1, comments);
    }
    lines.iter().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{line}");
        all
    })
}

/// Blanks at the beginning of a line.
pub(crate) fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Lines of comment, broken between words.
pub(crate) fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let blank = " ".repeat(indent);
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + 2 + line.len() + 1 + word.len() > WIDTH {
            lines.push(format!("{blank}# {line}"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(format!("{blank}# {line}"));
    lines
}

/// Where the key or the item at a path stands.
pub(crate) fn find(root: &Node, path: &str) -> Option<Place> {
    let mut node = root;
    let mut at = root.at;
    for step in path.split('.') {
        let (key, items) = step.split_once('[').map_or((step, ""), |(key, rest)| (key, rest));
        let entry = node.entry(key)?;
        (node, at) = (&entry.value, entry.at);
        for item in items.split(['[', ']']).filter(|i| !i.is_empty()) {
            node = match item.parse::<usize>() {
                Ok(n) => node.items().get(n)?,
                Err(_) => node.items().iter().find(|i| i.get("name").and_then(Node::text) == Some(item))?,
            };
            at = node.at;
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stands_above_its_line_and_changes_nothing() {
        let value = serde_json::json!({
            "data": {"f": "x\ny\n"},
            "list": [{"name": "a", "on": "true"}, {"name": "b", "size": 1}],
        });
        let text = plain(&value);
        let why = [("list[b].size", "number"), ("list[a]", "first"), ("list", "all"), ("data.f", "file")];
        let with = annotate(&text, &why);
        insta::assert_snapshot!(with, @r#"
        data:
          # file
          f: |
            x
            y
        # all
        list:
          # first
          - name: a
            "on": "true"
          - name: b
            # number
            size: 1
        "#);
        assert_eq!(yaml::read(&with).unwrap()[0].to_json(), value);
    }

    #[test]
    fn text_that_looks_like_something_else_stays_text() {
        for text in
            ["yes", "0777", "1", "null", "a: b", "# x", "", " x", "x ", "-", "*a", "1e3", "on", "@x", "%", "!x", "'"]
        {
            let printed = plain(&serde_json::json!({"a": text}));
            assert_eq!(
                yaml::read(&printed).unwrap()[0].entry("a").unwrap().value.value,
                yaml::Value::Text(text.into()),
                "{printed}"
            );
        }
    }

    #[test]
    fn comments_are_broken_between_words() {
        let lines = wrapped(&"word ".repeat(60), 10);
        assert!(
            lines.len() > 2 && lines.iter().all(|l| l.len() <= WIDTH && l.starts_with("          # word")),
            "{lines:?}"
        );
    }
}
