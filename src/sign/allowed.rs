//! The file of those whose signatures count: `allowed_signers` as `ssh-keygen` and git read it (ssh-keygen(1), ALLOWED SIGNERS).
//! A line that this program cannot honour to the letter allows nobody; what cannot be read refuses the whole file.

use jiff::{Timestamp, civil, tz::TimeZone};
use ssh_key::{PublicKey, public::KeyData};

use super::NAMESPACE;

/// Who may sign, by key.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    number: usize,
    principals: Vec<String>,
    namespaces: Option<Vec<String>>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    key: KeyData,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadLine {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// Whether a key may sign plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may, as these.
    Allowed(Vec<String>),
    /// No line names it.
    Unknown,
    /// A line names it for other things than plans.
    OtherNamespace {
        /// Of the line.
        line: usize,
    },
    /// A line names it for another time.
    OtherTime {
        /// Of the line.
        line: usize,
    },
}

/// The kinds of keys whose signatures are verified here.
const KINDS: [&str; 2] = ["ssh-ed25519", "sk-ssh-ed25519@openssh.com"];

impl Allowed {
    /// Reads a file. Times without `Z` are of `zone`.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, BadLine> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let bad = |why: String| BadLine { line: number, why };
            lines.extend(read(number, line.trim(), zone).map_err(bad)?);
        }
        Ok(Self(lines))
    }

    /// Whether a key may sign plans at a time: as every principal that a line gives it.
    #[must_use]
    pub fn verdict(&self, key: &KeyData, now: Timestamp) -> Verdict {
        let mut principals = Vec::new();
        let mut why = Verdict::Unknown;
        for line in self.0.iter().filter(|l| l.key == *key) {
            let early = line.after.is_some_and(|after| now < after);
            let late = line.before.is_some_and(|before| now >= before);
            if line.namespaces.as_ref().is_some_and(|all| !matches(all, NAMESPACE)) {
                why = Verdict::OtherNamespace { line: line.number };
            } else if early || late {
                why = Verdict::OtherTime { line: line.number };
            } else {
                principals.extend(line.principals.iter().cloned());
            }
        }
        if principals.is_empty() { why } else { Verdict::Allowed(principals) }
    }
}

/// One line; nothing where it is empty, a comment, or allows what is not verified here.
fn read(number: usize, line: &str, zone: &TimeZone) -> Result<Option<Line>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (principals, rest) = word(line)?;
    let principals = list(&principals);
    if principals.is_empty() {
        return Err("it names nobody".to_owned());
    }
    let (mut kind, mut rest) = word(rest)?;
    let mut options = String::new();
    if !is_kind(&kind) {
        options = std::mem::take(&mut kind);
        (kind, rest) = word(rest)?;
    }
    let mut of = Line { number, principals, namespaces: None, after: None, before: None, key: placeholder() };
    for option in split(&options) {
        let (name, value) = option.split_once('=').map_or((option.as_str(), ""), |(n, v)| (n, v));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            // Certificates are not verified here.
            "cert-authority" => return Ok(None),
            "namespaces" if of.namespaces.is_none() && !value.is_empty() => of.namespaces = Some(list(value)),
            "valid-after" if of.after.is_none() => of.after = Some(time(value, zone)?),
            "valid-before" if of.before.is_none() => of.before = Some(time(value, zone)?),
            other => return Err(format!("\"{other}\" is no option, or stands there twice, or has no value")),
        }
    }
    if !is_kind(&kind) {
        return Err("it names no key".to_owned());
    }
    if !KINDS.contains(&kind.as_str()) {
        return Ok(None);
    }
    let (base64, _) = word(rest)?;
    let key =
        PublicKey::from_openssh(&format!("{kind} {base64}")).map_err(|e| format!("its key cannot be read: {e}"))?;
    Ok(Some(Line { key: key.key_data().clone(), ..of }))
}

fn placeholder() -> KeyData {
    KeyData::Ed25519(ssh_key::public::Ed25519PublicKey([0; 32]))
}

/// Whether a word is the kind of a key.
fn is_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start))
}

/// The first word and what stands behind it; blanks between quotes belong to the word.
fn word(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start();
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c.is_ascii_whitespace() && !quoted
    });
    if end.is_none() && quoted {
        return Err("a quote is not closed".to_owned());
    }
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    // Quotes around a whole word are no part of it; those of an option are taken off with its value.
    let bare = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')).unwrap_or(word);
    Ok((bare.to_owned(), rest))
}

/// Options; commas between quotes belong to the value.
fn split(options: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = options.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

/// Whether a list of patterns has a name: one of them fits, and none that begins with `!`.
fn matches(patterns: &[String], name: &str) -> bool {
    let not = |p: &String| p.strip_prefix('!').is_some_and(|p| fits(p, name));
    patterns.iter().any(|p| !p.starts_with('!') && fits(p, name)) && !patterns.iter().any(not)
}

/// Whether a pattern with `*` and `?` fits.
#[must_use]
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            Some(_) | None => match star {
                // The star takes one more.
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with `Z` for UTC.
fn time(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let bad = || format!("\"{text}\" is no time; write 20261231 or 20261231235959Z");
    let (digits, zone) = match text.strip_suffix('Z') {
        Some(digits) => (digits, TimeZone::UTC),
        None => (text, zone.clone()),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 8 | 12 | 14) {
        return Err(bad());
    }
    let whole = format!("{digits:0<14}");
    let at = |from: usize, to: usize| whole[from..to].parse::<i16>().map_err(|_| bad());
    let small = |from: usize| whole[from..from + 2].parse::<i8>().map_err(|_| bad());
    let time = civil::DateTime::new(at(0, 4)?, small(4)?, small(6)?, small(8)?, small(10)?, small(12)?, 0);
    let time = time.and_then(|t| t.to_zoned(zone)).map_err(|_| bad())?;
    Ok(time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn verdict(line: &str, at: &str) -> Result<Verdict, String> {
        let key = PublicKey::from_openssh(KEY).unwrap();
        let all = Allowed::parse(line, &TimeZone::UTC).map_err(|e| e.to_string())?;
        Ok(all.verdict(key.key_data(), at.parse().unwrap()))
    }

    #[test]
    fn lines_allow_what_they_say_and_nothing_else() {
        let now = "2026-11-30T12:00:00Z";
        let allowed = |names: &[&str]| Ok(Verdict::Allowed(names.iter().map(ToString::to_string).collect()));
        let table = [
            (format!("alice@example.com {KEY} her laptop"), allowed(&["alice@example.com"])),
            (format!("alice,bob {KEY}"), allowed(&["alice", "bob"])),
            (format!("\"alice smith\" {KEY}"), allowed(&["alice smith"])),
            (format!("# {KEY}\n\nalice {KEY}"), allowed(&["alice"])),
            (format!("alice namespaces=\"git,aku-*\" {KEY}"), allowed(&["alice"])),
            (format!("alice namespaces=\"git\" {KEY}"), Ok(Verdict::OtherNamespace { line: 1 })),
            (format!("alice namespaces=\"*,!aku-plan\" {KEY}"), Ok(Verdict::OtherNamespace { line: 1 })),
            (format!("alice valid-before=\"20261130\" {KEY}"), Ok(Verdict::OtherTime { line: 1 })),
            (format!("alice valid-after=20261130120000Z,valid-before=202612010000 {KEY}"), allowed(&["alice"])),
            (format!("alice valid-after=20261130120001Z {KEY}"), Ok(Verdict::OtherTime { line: 1 })),
            (format!("alice cert-authority {KEY}"), Ok(Verdict::Unknown)),
            ("alice ssh-rsa AAAA".to_owned(), Ok(Verdict::Unknown)),
            (String::new(), Ok(Verdict::Unknown)),
            (format!("alice{KEY}"), Err("line 1: \"aaaac3".to_owned())),
            ("alice x y".to_owned(), Err("line 1: \"x\" is no option".to_owned())),
            ("alice".to_owned(), Err("line 1: it names no key".to_owned())),
            ("alice ssh-ed25519 AAAA".to_owned(), Err("line 1: its key cannot be read".to_owned())),
            (format!("x {KEY}\nalice no-touch {KEY}"), Err("line 2: \"no-touch\" is no option".to_owned())),
            (format!("alice valid-before=tomorrow {KEY}"), Err("line 1: \"tomorrow\" is no time".to_owned())),
            (format!("alice \"namespaces {KEY}"), Err("line 1: a quote is not closed".to_owned())),
        ];
        for (line, want) in table {
            match (verdict(&line, now), want) {
                (Err(said), Err(part)) => assert!(said.starts_with(&part), "{line}: {said}"),
                (got, want) => assert_eq!(got, want, "{line}"),
            }
        }
    }

    #[test]
    fn patterns() {
        for (pattern, name, want) in
            [("a*c", "abbc", true), ("*", "", true), ("a?", "a", false), ("*@x", "b@x", true), ("a*", "ba", false)]
        {
            assert_eq!(fits(pattern, name), want, "{pattern} {name}");
        }
    }
}
