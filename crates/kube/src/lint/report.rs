//! Findings as text, JSON and SARIF.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Code, Finding, Judgement, Severity};

fn counted(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

/// For people.
#[must_use]
pub fn text(j: &Judgement) -> String {
    let mut all = String::new();
    for f in &j.findings {
        let Finding { code, file, at, message } = f;
        let _ = writeln!(all, "{file}:{at}: {}[{}]: {message}", code.severity().as_str(), code.as_str());
        let _ = writeln!(all, "  why: {}", code.why());
        let _ = writeln!(all, "  fix: {}", code.fix());
    }
    let (errors, warnings) = (j.count(Severity::Error), j.count(Severity::Warning));
    let objects = counted(j.objects, "object");
    if j.findings.is_empty() {
        let _ = writeln!(all, "{objects}: nothing found");
    } else {
        let _ = writeln!(all, "{objects}: {}, {}", counted(errors, "error"), counted(warnings, "warning"));
    }
    all
}

/// For programs.
#[must_use]
pub fn json(j: &Judgement) -> Value {
    let findings: Vec<Value> = j
        .findings
        .iter()
        .map(|f| {
            json!({
                "code": f.code.as_str(), "severity": f.code.severity().as_str(), "file": f.file,
                "line": f.at.line, "column": f.at.column, "message": f.message,
                "why": f.code.why(), "fix": f.code.fix(),
            })
        })
        .collect();
    json!({
        "format_version": "1.0",
        "kind": "aku.k8s.lint",
        "objects": j.objects,
        "errors": j.count(Severity::Error),
        "warnings": j.count(Severity::Warning),
        "findings": findings,
    })
}

/// SARIF 2.1.0, which code hosts show beside the lines.
#[must_use]
pub fn sarif(j: &Judgement, version: &str) -> Value {
    let rules: Vec<Value> = Code::ALL
        .iter()
        .map(|c| {
            json!({
                "id": c.as_str(),
                "shortDescription": {"text": c.why()},
                "help": {"text": c.fix()},
                "defaultConfiguration": {"level": c.severity().as_str()},
            })
        })
        .collect();
    let results: Vec<Value> = j
        .findings
        .iter()
        .map(|f| {
            json!({
                "ruleId": f.code.as_str(),
                "ruleIndex": Code::ALL.iter().position(|c| *c == f.code),
                "level": f.code.severity().as_str(),
                "message": {"text": format!("{}. {} {}", f.message, f.code.why(), f.code.fix())},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": f.file},
                    "region": {"startLine": f.at.line, "startColumn": f.at.column},
                }}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "aku k8s lint", "version": version, "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}
