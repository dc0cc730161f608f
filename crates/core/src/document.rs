//! Files with a digest: how a plan or a capture is written and how it is known that nobody edited it.
//!
//! The digest is SHA-256 over the compact form with sorted keys (RFC 8785 for the values that occur: objects, arrays,
//! strings, integers, booleans) without the digest itself and the signatures over it, so white space may be changed and nothing
//! else. Reading and writing files is not done here.

mod canonical;
mod sound;

use std::{fmt::Write as _, io};

use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// One kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The word in the file.
    pub word: &'static str,
    /// The word in messages.
    pub noun: &'static str,
    /// Major and minor: a reader takes any minor of the major it knows.
    pub version: &'static str,
}

/// Why a file is no document of a kind.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No such file, or it cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// As given.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// The text ends in the middle.
    #[error("the {noun} file is truncated: it ends at line {line}, column {column}")]
    Truncated {
        /// See [`Kind::noun`].
        noun: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// No JSON, or not of the right shape.
    #[error("the file is not a {noun}: {said}")]
    Malformed {
        /// See [`Kind::noun`].
        noun: &'static str,
        /// What is wrong.
        said: String,
    },
    /// Another kind of document.
    #[error("the file is a \"{found}\", not an \"{wanted}\"")]
    OtherKind {
        /// Its kind.
        found: String,
        /// See [`Kind::word`].
        wanted: &'static str,
    },
    /// A format from another age.
    #[error("the {noun} has format version {found}; this program reads version {known}")]
    UnknownVersion {
        /// See [`Kind::noun`].
        noun: &'static str,
        /// Of the file.
        found: String,
        /// Ours.
        known: &'static str,
    },
    /// Content and digest do not belong together.
    #[error("the {0} was edited after it was made: its digest does not fit its content")]
    Edited(&'static str),
}

#[derive(Deserialize)]
struct Head {
    kind: String,
    format_version: String,
    digest: String,
}

/// A value that is kept as a document.
pub trait Document: Serialize + DeserializeOwned {
    /// Its kind.
    const KIND: Kind;

    /// The document with its digest.
    ///
    /// # Panics
    /// The type has keys that are no text, or floating point numbers.
    fn document(&self) -> Value {
        let value = serde_json::to_value(self).expect("documents have text keys and no floating point");
        seal(value, Self::KIND)
    }

    /// The document as text, indented, keys sorted.
    /// A large one is written without line breaks: nobody reads it, and white space would be half of it.
    fn text(&self) -> String {
        let kind = Self::KIND;
        let bare = Kinded { format_version: kind.version, kind: kind.word, value: self };
        let compact = canonical::of(&bare).expect("documents have text keys and no floating point");
        let sealed = canonical::with(&compact, &[("digest", format!("\"{}\"", sha256(&compact)))]);
        let text = if sealed.len() < LARGE { canonical::indented(&sealed) } else { canonical::text(sealed) };
        text + "\n"
    }

    /// Reads a document.
    ///
    /// # Errors
    /// See [`Fault`].
    fn parse(text: &str) -> Result<Self, Fault> {
        verified(text, Self::KIND)?;
        serde_json::from_str(text).map_err(|e| Fault::Malformed { noun: Self::KIND.noun, said: e.to_string() })
    }
}

/// A value with its kind.
#[derive(Serialize)]
struct Kinded<'v, T> {
    format_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    value: &'v T,
}

/// From this size on, in bytes, a document is written without line breaks.
const LARGE: usize = 1 << 20;

/// Checks a document: sound JSON, kind, version and digest; the digest. Builds no tree of values, so that a large file takes
/// no more memory than thrice its size, itself included.
///
/// # Errors
/// See [`Fault`].
pub fn verified(text: &str, kind: Kind) -> Result<String, Fault> {
    let noun = kind.noun;
    let wrong = |e: serde_json::Error| {
        if e.is_eof() {
            Fault::Truncated { noun, line: e.line(), column: e.column() }
        } else {
            Fault::Malformed { noun, said: e.to_string() }
        }
    };
    sound::sound(text).map_err(wrong)?;
    let head: Head = serde_json::from_str(text).map_err(wrong)?;
    if head.kind != kind.word {
        return Err(Fault::OtherKind { found: head.kind, wanted: kind.word });
    }
    if head.format_version.split('.').next() != kind.version.split('.').next() {
        return Err(Fault::UnknownVersion { noun, found: head.format_version, known: kind.version });
    }
    // As we write it, or with its keys in another order and characters spelt in another way.
    if head.digest != sha256(&canonical::stripped(text)) && head.digest != digest_of_text(text).map_err(wrong)? {
        return Err(Fault::Edited(noun));
    }
    Ok(head.digest)
}

fn digest_of_text(text: &str) -> serde_json::Result<String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let canonical = canonical::text(canonical::of_about(&serde_transcode::Transcoder::new(&mut json), text.len())?);
    Ok(sha256(&canonical::stripped(&canonical)))
}

/// The text of a document with line breaks, whatever it had.
#[must_use]
pub fn pretty(text: &str) -> String {
    canonical::indented(&canonical::compact(text)) + "\n"
}

/// The document with kind, version and digest added.
#[must_use]
pub fn seal(mut document: Value, kind: Kind) -> Value {
    document["kind"] = kind.word.into();
    document["format_version"] = kind.version.into();
    document["digest"] = digest(&document).into();
    document
}

/// Digest of a document without its own digest and signatures, `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn digest(document: &Value) -> String {
    match document {
        Value::Object(fields) => digest_of(&Bare(fields)),
        other => digest_of(other),
    }
}

/// The members that the digest is about.
struct Bare<'d>(&'d Map<String, Value>);

impl Serialize for Bare<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter(|(name, _)| !matches!(name.as_str(), "digest" | "signatures")))
    }
}

/// Digest of a value that has neither digest nor signatures.
///
/// # Panics
/// The type has keys that are no text, or floating point numbers.
#[must_use]
pub fn digest_of(bare: &impl Serialize) -> String {
    sha256(&canonical::of(bare).expect("documents have text keys and no floating point"))
}

/// A value without digest and signatures as the text of a file, with its digest and those signatures: indented, keys sorted.
///
/// # Panics
/// As [`digest_of`].
#[must_use]
pub fn sealed_text_of(bare: &impl Serialize, signatures: &impl Serialize) -> String {
    let compact = canonical::of(bare).expect("documents have text keys and no floating point");
    let signatures = canonical::of(signatures).expect("signatures have text keys");
    let members = [("digest", format!("\"{}\"", sha256(&compact))), ("signatures", canonical::text(signatures))];
    canonical::indented(&canonical::with(&compact, &members)) + "\n"
}

fn sha256(text: &[u8]) -> String {
    Sha256::digest(text).iter().fold("sha256:".to_owned(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
