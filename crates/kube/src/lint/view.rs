//! The objects of the files, and ways to what is in them.

use super::{Code, Finding};
use crate::yaml::{Node, Place, Value};

/// An object and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'f> {
    pub file: &'f str,
    pub node: &'f Node,
    pub kind: &'f str,
    pub name: &'f str,
}

/// The objects of all documents, those in lists, too.
pub(super) fn objects<'f>(documents: &'f [(&'f str, Node)], findings: &mut Vec<Finding>) -> Vec<Object<'f>> {
    let mut all = Vec::new();
    for (file, node) in documents {
        take(file, node, &mut all, findings);
    }
    all
}

fn take<'f>(file: &'f str, node: &'f Node, all: &mut Vec<Object<'f>>, findings: &mut Vec<Finding>) {
    let Some(kind) = node.get("kind").and_then(Node::text) else {
        findings.push(Finding {
            code: Code::NoObject,
            file: file.to_owned(),
            at: node.at,
            message: "a document without kind".to_owned(),
        });
        return;
    };
    if kind.ends_with("List") && node.get("items").is_some() {
        for item in node.get("items").map(Node::items).unwrap_or_default() {
            take(file, item, all, findings);
        }
        return;
    }
    let name = node.at(&["metadata", "name"]).and_then(Node::text).unwrap_or_default();
    all.push(Object { file, node, kind, name });
}

impl<'f> Object<'f> {
    pub(super) fn get(&self, keys: &[&str]) -> Option<&'f Node> {
        self.node.at(keys)
    }

    /// Where the last of the keys stands that there is.
    pub(super) fn place(&self, keys: &[&str]) -> Place {
        place(self.node, keys)
    }

    pub(super) fn finding(&self, code: Code, at: Place, message: impl Into<String>) -> Finding {
        Finding { code, file: self.file.to_owned(), at, message: message.into() }
    }
}

/// Where the last of the keys stands that there is.
pub(super) fn place(node: &Node, keys: &[&str]) -> Place {
    let mut at = node.at;
    let mut node = node;
    for key in keys {
        match node.entry(key) {
            Some(entry) => (at, node) = (entry.at, &entry.value),
            None => break,
        }
    }
    at
}

/// Whether all of these labels are among those. A selector of nothing selects nothing here: that of a Service does so,
/// and that of a budget selects everything, which nobody means.
pub(super) fn selects(selector: Option<&Node>, labels: Option<&Node>) -> bool {
    let (Some(selector), Some(labels)) = (selector, labels) else { return false };
    !selector.entries().is_empty()
        && selector.entries().iter().all(|e| labels.get(&e.key).is_some_and(|l| l.value == e.value.value))
}

/// Whether a selector of Kubernetes' newer form selects these labels: that of nothing selects everything.
pub(super) fn fits(selector: Option<&Node>, labels: Option<&Node>) -> bool {
    let Some(selector) = selector else { return true };
    let label = |key: &str| labels.and_then(|l| l.get(key));
    let pairs = selector.get("matchLabels").map(Node::entries).unwrap_or_default();
    let expressions = selector.get("matchExpressions").map(Node::items).unwrap_or_default();
    pairs.iter().all(|e| label(&e.key).is_some_and(|l| l.value == e.value.value))
        && expressions.iter().all(|x| {
            let found = x.get("key").and_then(Node::text).and_then(label);
            let among = || {
                x.get("values")
                    .map(Node::items)
                    .unwrap_or_default()
                    .iter()
                    .any(|v| Some(&v.value) == found.map(|l| &l.value))
            };
            match x.get("operator").and_then(Node::text) {
                Some("In") => among(),
                Some("NotIn") => !among(),
                Some("Exists") => found.is_some(),
                Some("DoesNotExist") => found.is_none(),
                Some(_) | None => false,
            }
        })
}

/// All scalars of a command as words; numbers are shown as they are meant.
pub(super) fn words(node: Option<&Node>) -> Vec<String> {
    node.map(Node::items)
        .unwrap_or_default()
        .iter()
        .map(|item| match &item.value {
            Value::Text(text) => text.clone(),
            Value::Int(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
            Value::Null | Value::List(_) | Value::Map(_) => String::new(),
        })
        .collect()
}
