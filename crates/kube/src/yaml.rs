//! YAML as a tree that knows where each thing stands. Scalars are read as kubectl reads them (YAML 1.1 booleans and
//! octal numbers). What cannot be read is an error with a place; nothing is guessed, dropped or read twice.

use std::{collections::HashMap, fmt};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// Deeper files are refused: no object of Kubernetes comes near, and walks may recurse.
const DEPTH: usize = 100;
/// More nodes are refused, so that aliases of aliases cannot fill the memory.
const NODES: usize = 500_000;

/// A place in a file, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where.
    pub at: Place,
    /// What.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// A boolean, in any of the spellings that kubectl takes.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other scalar. A fraction is one too: no field that is looked at has one.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file, without duplicates.
    Map(Vec<Entry>),
}

/// A key of a map with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub at: Place,
    /// Its value.
    pub value: Node,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct Unreadable {
    /// Where.
    pub at: Place,
    /// What is wrong.
    pub message: String,
}

impl Node {
    /// The entry of a key; `None` when this is no map, too.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|e| e.key == key)
    }

    /// The value of a key. A key without a value counts as absent, as Kubernetes reads it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value).filter(|v| v.value != Value::Null)
    }

    /// The value at the end of these keys.
    #[must_use]
    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a map; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The items of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::Map(_) => &[],
        }
    }

    /// A text. A number or a boolean is none: Kubernetes refuses it where it wants text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// A whole number.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self.value {
            Value::Int(n) => Some(n),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// A boolean.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(b) => Some(b),
            Value::Null | Value::Int(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The texts of a list; what is no text is left out.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.items().iter().filter_map(Node::text)
    }

    /// What is meant, without places and without an order of keys.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(n) => (*n).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                serde_json::Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect())
            }
        }
    }
}

/// The documents of a file. Empty ones are left out.
///
/// # Errors
/// See [`Unreadable`].
pub fn read(text: &str) -> Result<Vec<Node>, Unreadable> {
    let mut reader = Reader { documents: Vec::new(), open: Vec::new(), anchors: HashMap::new(), nodes: 0 };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => reader.take(event, span)?,
            Err(e) => {
                let mark = e.marker();
                let at = Place { line: mark.line(), column: mark.col() + 1 };
                return Err(Unreadable { at, message: e.info() });
            }
        }
    }
    Ok(reader.documents)
}

struct Reader {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// A collection whose end is still to come.
struct Open {
    at: Place,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map(Vec<Entry>, Option<(String, Place)>),
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Unreadable> {
        let at = Place { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = match (style, tag.as_deref().map(Tag::to_string).as_deref()) {
                    (ScalarStyle::Plain, None) => plain(&text),
                    _ => Value::Text(text.into_owned()),
                };
                // A key is a text, whatever it looks like.
                if let Some(Open { kind: Kind::Map(entries, key @ None), .. }) = self.open.last_mut() {
                    let text = text_of(value);
                    if let Some(twin) = entries.iter().find(|e| e.key == text) {
                        let message = format!("the key {text} was given before, in line {}", twin.at.line);
                        return Err(Unreadable { at, message });
                    }
                    *key = Some((text, at));
                    return Ok(());
                }
                self.put(Node { at, value }, anchor)
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(node) => {
                    let node = Node { at, value: node.value.clone() };
                    self.nodes += count(&node);
                    self.put(node, 0)
                }
                None => Err(Unreadable { at, message: "the alias names something that contains it".to_owned() }),
            },
            Event::SequenceStart(_, anchor, _) => self.begin(at, anchor, Kind::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.begin(at, anchor, Kind::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { at, anchor, kind: Kind::List(items) }) => {
                    self.put(Node { at, value: Value::List(items) }, anchor)
                }
                Some(Open { at, anchor, kind: Kind::Map(entries, _) }) => {
                    self.put(Node { at, value: Value::Map(merged(entries)?) }, anchor)
                }
                None => Err(Unreadable { at, message: "a collection ends that never began".to_owned() }),
            },
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            Event::UnresolvedAlias(name) => Err(Unreadable { at, message: format!("nothing is named &{name}") }),
            // What is left says nothing about values.
            _ => Ok(()),
        }
    }

    fn begin(&mut self, at: Place, anchor: usize, kind: Kind) -> Result<(), Unreadable> {
        if let Some(Open { kind: Kind::Map(_, None), .. }) = self.open.last() {
            return Err(Unreadable { at, message: "a key has to be a text".to_owned() });
        }
        if self.open.len() >= DEPTH {
            return Err(Unreadable { at, message: format!("nested more than {DEPTH} deep") });
        }
        self.open.push(Open { at, anchor, kind });
        Ok(())
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Unreadable> {
        let at = node.at;
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(Unreadable { at, message: format!("more than {NODES} values") });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|o| &mut o.kind) {
            None => {
                if node.value != Value::Null {
                    self.documents.push(node);
                }
                Ok(())
            }
            Some(Kind::List(items)) => {
                items.push(node);
                Ok(())
            }
            Some(Kind::Map(entries, key)) => match key.take() {
                Some((key, at)) => {
                    entries.push(Entry { key, at, value: node });
                    Ok(())
                }
                None => Err(Unreadable { at, message: "a key has to be a text".to_owned() }),
            },
        }
    }
}

fn count(node: &Node) -> usize {
    let inner: usize = match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|e| count(&e.value)).sum(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Text(_) => 0,
    };
    inner + 1
}

fn text_of(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}

/// `<<: *other` takes over what the map does not say itself.
fn merged(entries: Vec<Entry>) -> Result<Vec<Entry>, Unreadable> {
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e.key == "<<");
    for merge in merges {
        let sources = match merge.value.value {
            Value::Map(_) => vec![merge.value],
            Value::List(items) => items,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Text(_) => {
                return Err(Unreadable { at: merge.at, message: "<< takes a map".to_owned() });
            }
        };
        for source in sources {
            let Value::Map(entries) = source.value else {
                return Err(Unreadable { at: source.at, message: "<< takes maps".to_owned() });
            };
            for entry in entries {
                if !own.iter().any(|e| e.key == entry.key) {
                    own.push(entry);
                }
            }
        }
    }
    Ok(own)
}

/// A scalar without quotes.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::Text(text.to_owned()), Value::Int),
    }
}

fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        (8, octal)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let n = i64::from_str_radix(digits, radix).ok()?;
    Some(if negative { -n } else { n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_kubectl_makes_of_them() {
        let table = [
            ("yes", Value::Bool(true)),
            ("\"yes\"", Value::Text("yes".into())),
            ("Off", Value::Bool(false)),
            ("0777", Value::Int(0o777)),
            ("0o440", Value::Int(0o440)),
            ("-12", Value::Int(-12)),
            ("1e3", Value::Text("1e3".into())),
            ("12Gi", Value::Text("12Gi".into())),
            ("0x", Value::Text("0x".into())),
            ("08", Value::Text("08".into())),
            ("'12'", Value::Text("12".into())),
            ("!!str 12", Value::Text("12".into())),
            ("~", Value::Null),
        ];
        for (text, want) in table {
            let documents = read(&format!("a: {text}\n")).unwrap();
            assert_eq!(documents[0].entry("a").unwrap().value.value, want, "{text}");
        }
    }

    #[test]
    fn places_are_those_of_an_editor() {
        let documents = read("---\n# c\na:\n  - b: 1\n    \u{e4}: x\n---\n---\nz: 1\n").unwrap();
        assert_eq!(documents.len(), 2, "the empty document is none");
        let item = &documents[0].get("a").unwrap().items()[0];
        let entry = item.entry("\u{e4}").unwrap();
        assert_eq!((entry.at.to_string(), entry.value.at.to_string()), ("5:5".into(), "5:8".into()));
        assert_eq!(documents[1].entry("z").unwrap().at.to_string(), "8:1");
    }

    #[test]
    fn aliases_and_merges() {
        let documents = read("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\ne: *x\n").unwrap();
        let want = serde_json::json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}, "e": {"b": 1, "c": 2}});
        assert_eq!(documents[0].to_json(), want);
    }

    #[test]
    fn what_cannot_be_read_has_a_place() {
        let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
        let bomb = (1..40)
            .fold("a0: &a0 [1,1,1,1]\n".to_owned(), |text, n| format!("{text}a{n}: &a{n} [*a{m}, *a{m}]\n", m = n - 1));
        let table = [
            ("a: 1\nb: 2\na: 3\n", "3:1: the key a was given before, in line 1"),
            ("a: b: c\n", "1:5"),
            ("a:\n\t- b\n", "2:"),
            ("a: {{ .Values.x }}\n", "1:"),
            ("a: *b\n", "1:4"),
            ("{[1]: 2}\n", "1:2: a key has to be a text"),
            ("a: [1\n", ""),
            ("<<: 1\n", "1:1: << takes a map"),
            (&deep, "1:103: nested more than 100 deep"),
            (&bomb, "more than 500000 values"),
        ];
        for (text, want) in table {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains(want), "{text:?}: {said}");
        }
    }
}
