//! Changes of printed YAML into templates, by path. What a change is about is found by reading the text as YAML; how far
//! it goes is seen by its indentation, which is that of our own printer.

use crate::{
    print::{find, indent_of},
    yaml,
};

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    path: String,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    /// The scalar becomes an expression.
    Value(String),
    /// The key or item becomes these lines, which are indented as it was.
    Lines(Vec<String>),
    /// It is there only under a condition.
    If(String),
    /// These lines follow.
    After(Vec<String>),
    /// These lines come before.
    Before(Vec<String>),
    /// These lines come first in the map.
    First(Vec<String>),
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

impl Edit {
    fn new(path: impl Into<String>, change: Change) -> Self {
        Self { path: path.into(), change }
    }

    pub(super) fn value(path: impl Into<String>, expression: &str) -> Self {
        Self::new(path, Change::Value(expression.to_owned()))
    }

    pub(super) fn lines(path: impl Into<String>, text: &str) -> Self {
        Self::new(path, Change::Lines(lines_of(text)))
    }

    pub(super) fn only_if(path: impl Into<String>, condition: &str) -> Self {
        Self::new(path, Change::If(condition.to_owned()))
    }

    pub(super) fn after(path: impl Into<String>, text: &str) -> Self {
        Self::new(path, Change::After(lines_of(text)))
    }

    pub(super) fn before(path: impl Into<String>, text: &str) -> Self {
        Self::new(path, Change::Before(lines_of(text)))
    }

    pub(super) fn first(path: impl Into<String>, text: &str) -> Self {
        Self::new(path, Change::First(lines_of(text)))
    }
}

/// The text with all changes. Those of one line are made in the order in which they are given.
pub(super) fn apply(text: &str, edits: &[Edit]) -> String {
    let documents = yaml::read(text).expect("what was printed can be read");
    let root = documents.first().expect("what was printed is not empty");
    // What is ours to Prometheus must not be Helm's.
    let mut lines: Vec<String> = text.lines().map(escaped).collect();
    let mut found: Vec<_> = edits
        .iter()
        .map(|edit| {
            let at = find(root, &edit.path).unwrap_or_else(|| panic!("nothing is at {}\n{text}", edit.path));
            (at, &edit.change)
        })
        .collect();
    // From the end, so that lines keep their numbers; the sort is stable.
    found.sort_by_key(|(at, _)| std::cmp::Reverse(at.line));
    for (at, change) in found {
        let index = at.line - 1;
        let column = at.column - 1;
        let end = end_of(&lines, index, column);
        let blank = " ".repeat(indent_of(&lines[index]));
        let shifted = |new: &[String]| new.iter().map(|l| format!("{blank}{l}")).collect::<Vec<_>>();
        match change {
            Change::Value(expression) => {
                let line = &lines[index];
                let rest = &line[column..];
                // A key, or the scalar of an item itself.
                let keep = rest.split_once(": ").map_or(column, |(key, _)| column + key.len() + 2);
                lines[index] = format!("{}{expression}", &line[..keep]);
            }
            Change::Lines(new) => {
                lines.splice(index..end, shifted(new));
            }
            Change::If(condition) => {
                lines.insert(end, format!("{blank}{{{{- end }}}}"));
                let start = start_of(&lines, index);
                lines.insert(start, format!("{blank}{{{{- if {condition} }}}}"));
            }
            Change::After(new) => {
                lines.splice(end..end, shifted(new));
            }
            Change::Before(new) => {
                let start = start_of(&lines, index);
                lines.splice(start..start, shifted(new));
            }
            Change::First(new) => {
                let inner: Vec<_> = shifted(new).iter().map(|l| format!("  {l}")).collect();
                let below = index + 1;
                lines.splice(below..below, inner);
            }
        }
    }
    lines.join("\n") + "\n"
}

fn escaped(line: &str) -> String {
    if line.contains("{{") {
        line.replace("{{", "\u{1}").replace("}}", "{{ \"}}\" }}").replace('\u{1}', "{{ \"{{\" }}")
    } else {
        line.to_owned()
    }
}

/// The line after the last one of what begins at this place.
fn end_of(lines: &[String], index: usize, column: usize) -> usize {
    // An item begins at its dash, a key at itself. `- name: x` is the place of both; it means the item.
    let line = &lines[index];
    let own = if line[..column].trim_end().ends_with('-') && line.trim_start().starts_with("- ") {
        indent_of(line)
    } else {
        column
    };
    let inside = |l: &String| l.trim().is_empty() || indent_of(l) > own;
    index + 1 + lines[index + 1..].iter().take_while(|l| inside(l)).count()
}

/// The first line of the comment above.
fn start_of(lines: &[String], index: usize) -> usize {
    let indent = indent_of(&lines[index]);
    let is_comment = |l: &String| l.trim_start().starts_with("# ") && indent_of(l) == indent;
    index - lines[..index].iter().rev().take_while(|l| is_comment(l)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
a:
  b: 1
  # why
  c:
    - x
    - name: n
      v: 2
    # last
    - name: m
      v: 3
d: see {{ $labels.x }}
";

    #[test]
    fn every_change() {
        let edits = [
            Edit::value("a.b", "{{ .B }}"),
            Edit::value("a.c[0]", "--x={{ .X }}"),
            Edit::value("a.c[n].v", "{{ .V }}"),
            Edit::after("a.c[m]", "{{- with .More }}\n{{- end }}"),
            Edit::only_if("a.c[m]", ".M"),
            Edit::only_if("a.c", ".C"),
            Edit::first("a", "{{- first }}"),
            Edit::before("a.c", "before: x"),
        ];
        insta::assert_snapshot!(apply(TEXT, &edits), @r#"
        a:
          {{- first }}
          b: {{ .B }}
          {{- if .C }}
          before: x
          # why
          c:
            - --x={{ .X }}
            - name: n
              v: {{ .V }}
            {{- if .M }}
            # last
            - name: m
              v: 3
            {{- end }}
            {{- with .More }}
            {{- end }}
          {{- end }}
        d: see {{ "{{" }} $labels.x {{ "}}" }}
        "#);
        insta::assert_snapshot!(apply(TEXT, &[Edit::lines("a.c", "{{- c }}"), Edit::lines("d", "e: f")]), @r"
        a:
          b: 1
          # why
          {{- c }}
        e: f
        ");
    }

    #[test]
    #[should_panic(expected = "nothing is at a.z")]
    fn a_path_that_leads_nowhere_is_a_mistake() {
        apply(TEXT, &[Edit::value("a.z", "x")]);
    }
}
