//! The list of differences that somebody has looked at and wants no alarm about, each with a reason and an end.
//!
//! ```toml
//! [[accept]]
//! object = "AKU_REP_03"        # at least one of object, pod, fact and kind
//! pod = 0
//! fact = "started"
//! reason = "pod 3 in repair"
//! until = 2026-12-01           # inclusive, UTC; or a moment, 2026-12-01T08:00:00Z
//! ```
//!
//! Parses and matches; reads no file and no clock. Every entry ends: what is accepted for ever belongs into `aku.conf`.

use std::{ops::Range, path::Path};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Difference, Kind};
use crate::topology::Ordinal;

/// Every entry of a file, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepts {
    entries: Vec<Entry>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Replication or table.
    pub object: Option<String>,
    /// Where.
    pub pod: Option<Ordinal>,
    /// Which fact.
    pub fact: Option<String>,
    /// In which way.
    pub kind: Option<Kind>,
    /// For people.
    pub reason: String,
    /// As written.
    pub until: String,
    /// From then on it accepts nothing.
    pub ends: Timestamp,
}

/// Why a file is no list.
#[derive(Debug, thiserror::Error)]
#[error("accept list {path} is not valid:\n{message}")]
pub struct AcceptError {
    path: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accept: Vec<toml::Spanned<Raw>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    object: Option<String>,
    pod: Option<Ordinal>,
    fact: Option<String>,
    kind: Option<String>,
    reason: String,
    until: Moment,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Bare(toml::value::Datetime),
    Quoted(String),
}

impl Accepts {
    /// Parses the text of a file; `path` is only for messages.
    ///
    /// # Errors
    /// Bad TOML, an unknown key or kind, an entry without reason or end, or one that would accept everything.
    pub fn parse(text: &str, path: &Path) -> Result<Self, AcceptError> {
        let invalid = |message: String| AcceptError { path: path.display().to_string(), message };
        let file: File = toml::from_str(text).map_err(|e| invalid(e.to_string().trim_end().to_owned()))?;
        let entries = file.accept.into_iter().map(|raw| {
            let span = raw.span();
            Entry::read(raw.into_inner()).map_err(|why| invalid(format!("line {}: {why}", line(text, &span))))
        });
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// The first entry that covers a difference and has not ended, with its number from 1.
    #[must_use]
    pub fn covering(&self, d: &Difference, now: Timestamp) -> Option<(usize, &Entry)> {
        self.numbered().find(|(_, e)| now < e.ends && e.covers(d))
    }

    /// Every entry with its number from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Entry)> {
        (1..).zip(&self.entries)
    }
}

fn line(text: &str, span: &Range<usize>) -> usize {
    text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
}

impl Entry {
    fn read(raw: Raw) -> Result<Self, String> {
        if raw.object.is_none() && raw.pod.is_none() && raw.fact.is_none() && raw.kind.is_none() {
            return Err("say what is accepted: object, pod, fact or kind".to_owned());
        }
        if raw.reason.trim().is_empty() {
            return Err("the reason is empty".to_owned());
        }
        let until = match raw.until {
            Moment::Bare(moment) => moment.to_string(),
            Moment::Quoted(text) => text,
        };
        let ends = ends(&until).ok_or_else(|| format!("until is \"{until}\"; write a day, e.g. 2026-12-01"))?;
        let kind = raw.kind.map(|k| k.parse()).transpose()?;
        Ok(Self { object: raw.object, pod: raw.pod, fact: raw.fact, kind, reason: raw.reason, until, ends })
    }

    /// Whether a difference is meant.
    #[must_use]
    pub fn covers(&self, d: &Difference) -> bool {
        self.object.as_ref().is_none_or(|o| d.object.as_ref() == Some(o))
            && self.pod.is_none_or(|p| d.pod == p)
            && self.fact.as_ref().is_none_or(|f| d.fact == *f)
            && self.kind.is_none_or(|k| d.kind == k)
    }

    /// What it is about, in words.
    #[must_use]
    pub fn what(&self) -> String {
        let parts = [
            self.pod.map(|p| format!("pod {p}")),
            self.object.clone(),
            self.fact.clone(),
            self.kind.map(|k| k.as_str().to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

fn ends(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let day: Date = text.parse().ok()?;
    Some(day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Something to tell about an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// Number of the entry in its file, from 1.
    pub entry: usize,
    /// What is wrong with it.
    pub state: NoteState,
    /// What it is about.
    pub what: String,
    /// Its reason.
    pub reason: String,
    /// Its end, as written.
    pub until: String,
}

/// Why an entry should be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoteState {
    /// It has ended and accepts nothing any more.
    Expired,
    /// There is no such difference.
    Unused,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::ord;

    fn parse(text: &str) -> Result<Accepts, String> {
        Accepts::parse(text, Path::new("a.toml")).map_err(|e| e.to_string())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn entries_cover_what_they_name_until_they_end() {
        let text = "[[accept]]\nobject = \"AKU_REP_03\"\npod = 0\nfact = \"started\"\nreason = \"pod 3 in repair\"\n\
                    until = 2026-12-01\n[[accept]]\nkind = \"d300\"\nreason = \"x\"\nuntil = \"2026-12-01T08:00:00Z\"\n";
        let list = parse(text).unwrap();
        let d = |pod, object: &str, kind| Difference::new(kind, ord(pod), "started", "").object(&object);
        let found = |d: &Difference, now| list.covering(d, at(now)).map(|(n, _)| n);
        let (stopped, trying) = (Kind::SenderStopped, Kind::SenderTrying);
        assert_eq!(found(&d(0, "AKU_REP_03", trying), "2026-12-01T23:59:59Z"), Some(1));
        assert_eq!(found(&d(0, "AKU_REP_03", trying), "2026-12-02T00:00:00Z"), None);
        assert_eq!(found(&d(1, "AKU_REP_03", trying), "2026-11-01T00:00:00Z"), None);
        assert_eq!(found(&d(1, "AKU_REP_12", stopped), "2026-12-01T07:59:59Z"), Some(2));
        assert_eq!(found(&d(1, "AKU_REP_12", stopped), "2026-12-01T08:00:00Z"), None);
        assert_eq!(list.entries[0].what(), "pod 0 AKU_REP_03 started");
    }

    #[test]
    fn wrong_lists_say_where() {
        let end = "reason = \"x\"\nuntil = 2026-12-01\n";
        let table = [
            (format!("[[accept]]\n{end}"), "line 1: say what is accepted"),
            ("\n[[accept]]\npod = 0\nreason = \" \"\nuntil = 2026-12-01\n".to_owned(), "line 2: the reason is empty"),
            ("[[accept]]\npod = 0\nreason = \"x\"\n".to_owned(), "missing field `until`"),
            ("[[accept]]\npod = 0\nreason = \"x\"\nuntil = \"soon\"\n".to_owned(), "until is \"soon\""),
            ("[[accept]]\npod = 0\nreason = \"x\"\nuntil = 08:00:00\n".to_owned(), "until is \"08:00:00\""),
            (format!("[[accept]]\nkind = \"D300-sender-stoped\"\n{end}"), "the nearest is D300-sender-stopped"),
            (format!("[[accept]]\npod = 40\n{end}"), "they go from 0 to one less than AKU_SERVER_COUNT"),
            (format!("[[accept]]\npods = 0\n{end}"), "unknown field `pods`"),
            (format!("[accepts]\n{end}"), "unknown field `accepts`"),
            ("[[accept".to_owned(), "line 1"),
        ];
        for (text, want) in table {
            let said = parse(&text).unwrap_err();
            assert!(said.contains(want) && said.contains("a.toml"), "{text}: {said}");
        }
        assert_eq!(parse("").unwrap(), Accepts::default());
    }
}
