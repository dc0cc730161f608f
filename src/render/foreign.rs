//! A plan that another release made and this one does not fully know: what its file says of itself, without judging it.

use serde_json::Value;

use super::{
    style::{Doc, Line, Role},
    words::wrap,
};

/// Head, then each action with its word, its statements and its reason.
#[must_use]
pub fn foreign_plan(document: &Value, width: usize) -> Doc {
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    let mut doc = Doc::default();
    let goal = &document["plan"]["goal"];
    let pod = |v: &Value| v.as_u64().map_or_else(|| "?".to_owned(), |n| n.to_string());
    doc.line(Line::plain(format!(
        "aku show   {}   {} pod {}",
        text(&document["plan"]["statefulset"]),
        text(&goal["goal"]),
        pod(&goal["pod"])
    )));
    doc.line(Line::plain(format!(
        "plan {}, made {} by aku {}",
        text(&document["plan_id"]),
        text(&document["created_at"]),
        text(&document["producer"]["aku"])
    )));
    doc.gap();
    for a in document["plan"]["actions"].as_array().map_or(&[][..], Vec::as_slice) {
        let mut line = Line::plain(format!("   A{:<4}", pod(&a["id"])));
        line.push(Role::Plain, format!("pod {}  {}", pod(&a["pod"]), text(&a["op"])));
        doc.line(line);
        for sql in a["sql"].as_array().map_or(&[][..], Vec::as_slice) {
            dim(&mut doc, &format!("{};", text(sql)), width);
        }
        dim(&mut doc, &format!("[{}] {}", text(&a["because"]["code"]), text(&a["because"]["text"])), width);
    }
    doc.gap();
    doc.line(Line::plain(text(&document["digest"])));
    doc
}

fn dim(doc: &mut Doc, text: &str, width: usize) {
    for part in wrap(text, width.saturating_sub(8).max(20)) {
        doc.line(Line::plain("        ").with(Role::Dim, part));
    }
}
