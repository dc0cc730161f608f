//! A plan that another release made and this one does not fully know: what its file says of itself, without judging it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    style::{Doc, Line, Role},
    words::wrap,
};

/// What another release wrote where we expect a word or a number: that, or `?`.
#[derive(Clone, Debug)]
struct Word(String);

impl Default for Word {
    fn default() -> Self {
        Self("?".to_owned())
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Word;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
                Ok(Word(text.to_owned()))
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Word, E> {
                Ok(Word(n.to_string()))
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Word, E> {
                Ok(Word::default())
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Word, E> {
                Ok(Word::default())
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Word, E> {
                Ok(Word::default())
            }
            fn visit_unit<E: Error>(self) -> Result<Word, E> {
                Ok(Word::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Word, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Word::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Word, A::Error> {
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Word::default())
            }
        }
        json.deserialize_any(Any)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    plan_id: Word,
    created_at: Word,
    digest: Word,
    producer: Producer,
    plan: Plan,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Producer {
    aku: Word,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Plan {
    statefulset: Word,
    goal: Goal,
    actions: Vec<Action>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Goal {
    goal: Word,
    pod: Word,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Action {
    id: Word,
    pod: Word,
    op: Word,
    sql: Vec<Word>,
    because: Because,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Because {
    code: Word,
    text: Word,
}

/// Head, then each action with its word, its statements and its reason.
#[must_use]
pub fn foreign_plan(file: &str, width: usize) -> Doc {
    let mut doc = Doc::default();
    let file: File = match serde_json::from_str(file) {
        Ok(file) => file,
        Err(e) => {
            doc.line(Line::plain(format!(
                "aku show   the plan has another shape than any that this release knows: {e}"
            )));
            return doc;
        }
    };
    let (plan, goal) = (&file.plan, &file.plan.goal);
    doc.line(Line::plain(format!("aku show   {}   {} pod {}", plan.statefulset.0, goal.goal.0, goal.pod.0)));
    doc.line(Line::plain(format!(
        "plan {}, made {} by aku {}",
        file.plan_id.0, file.created_at.0, file.producer.aku.0
    )));
    doc.gap();
    for a in &plan.actions {
        let mut line = Line::plain(format!("   A{:<4}", a.id.0));
        line.push(Role::Plain, format!("pod {}  {}", a.pod.0, a.op.0));
        doc.line(line);
        for sql in &a.sql {
            dim(&mut doc, &format!("{};", sql.0), width);
        }
        dim(&mut doc, &format!("[{}] {}", a.because.code.0, a.because.text.0), width);
    }
    doc.gap();
    doc.line(Line::plain(file.digest.0));
    doc
}

fn dim(doc: &mut Doc, text: &str, width: usize) {
    for part in wrap(text, width.saturating_sub(8).max(20)) {
        doc.line(Line::plain("        ").with(Role::Dim, part));
    }
}
