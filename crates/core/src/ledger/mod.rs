//! The ledger: who the data of a pod is. A table of one row on every pod, not replicated (`docs/ledger.md`).
//!
//! PostgreSQL has its system identifier and timeline, Galera its state UUID and seqno; Altibase has neither, and after a
//! volume was lost, put back or cloned, row counts and ordinals are guesses (DESIGN D18). Here: what the row says.
//! What follows from it is decided by the planner; it forbids and explains, and
//! is never the only reason why something may be deleted.

mod beat;
mod peers;

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::topology::{Ordinal, optional_sn};

/// Owner of the table.
pub const OWNER: &str = "SYS";
/// Name of the table.
pub const TABLE: &str = "AKU_LEDGER";
/// Version of the columns. A row of a later version is not touched.
pub const LAYOUT: i64 = 1;
/// Most bytes of the column PEERS.
pub const PEERS_BYTES: usize = 8000;

/// Which cluster a pod belongs to: a UUID (version 8) made from the signature of the database that pod 0 had when the
/// ledger was begun, so that two runs that begin it at once agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))]
pub struct ClusterId([u8; 16]);

impl ClusterId {
    /// The cluster that begins with this database.
    #[must_use]
    pub fn founded_on(signature: &str) -> Self {
        let hash = Sha256::digest(format!("aku cluster\0{}", signature.trim()));
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        id[6] = (id[6] & 0x0f) | 0x80;
        id[8] = (id[8] & 0x3f) | 0x80;
        Self(id)
    }

    /// The first eight digits: enough to tell two clusters apart in a table.
    #[must_use]
    pub fn short(self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let dash = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ClusterId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is no cluster id");
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let number = u128::from_str_radix(&digits, 16).map_err(|_| bad())?;
        let id = Self(number.to_be_bytes());
        if id.to_string() == text { Ok(id) } else { Err(bad()) }
    }
}

/// Whether a signature may stand in the ledger: letters, digits, `-`, `:`, `_` and `.`, at most 64 of them.
#[must_use]
pub fn is_plain(signature: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'_' | b'.');
    (1..=64).contains(&signature.len()) && signature.bytes().all(plain)
}

/// What the text of the column PEERS says.
///
/// # Errors
/// The part that makes no sense.
pub fn peers_of(text: &str) -> Result<BTreeMap<Ordinal, Peer>, String> {
    peers::parse(text)
}

/// How a pod left, or that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It was opened, and no run took it out since.
    Running,
    /// It ended in an orderly way: what it had committed was delivered, then its positions were forgotten or kept.
    Ended,
    /// It was cleaned: nobody is kept in sync with it, and what is written there from then on is sent to nobody.
    Cleaned,
    /// Its peers were told that it left for good.
    Forgotten,
}

impl Standing {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Running, Self::Ended, Self::Cleaned, Self::Forgotten];

    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Cleaned => "cleaned",
            Self::Forgotten => "forgotten",
        }
    }

    /// The standing of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// Where the rows of a pod were copied from last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Copied {
    /// The pod.
    pub from: Ordinal,
    /// The run, see [`Ledger::run`].
    pub run: u64,
}

/// What a pod remembers of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Peer {
    /// DB_SIGNATURE of its database.
    pub signature: String,
    /// Its incarnation.
    pub incarnation: u64,
    /// How it left.
    pub standing: Standing,
    /// The furthest end of its log that a run saw (V$LFG): a later look at the same database that shows less is a look at
    /// an older copy of it (`measured.md` 9.2).
    #[serde(default, with = "optional_sn", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub log_end: Option<u64>,
    /// The highest SN of it that was applied here (V$REPRECEIVER.APPLY_XSN); it falls as well when an older copy connects.
    #[serde(default, with = "optional_sn", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub applied: Option<u64>,
}

/// The row of a pod's ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    /// The cluster.
    pub cluster: ClusterId,
    /// The pod that the row was written for: on another pod it shows that the volume was moved or copied.
    pub pod: Ordinal,
    /// DB_SIGNATURE of the database that the row was written in: in another database it came with a dump.
    pub signature: String,
    /// Grows with every start that opens the pod, from 1.
    pub incarnation: u64,
    /// Number of the changing run that wrote the row last; every run takes the next one on all pods that it reaches.
    pub run: u64,
    /// How the pod left.
    pub standing: Standing,
    /// Where its rows are from, when they were copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<Copied>,
    /// What it remembers of the others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "peers::by_text")]
    pub peers: BTreeMap<Ordinal, Peer>,
}

impl Ledger {
    /// The text of the column PEERS.
    #[must_use]
    pub fn peers_text(&self) -> String {
        peers::text(&self.peers)
    }
}

/// The ledger of a pod as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ledger")]
pub enum View {
    /// Nobody looked, or the look failed: nothing is known.
    #[default]
    NotRead,
    /// There is no such table.
    Missing,
    /// The table is there, and no row in it: a run was killed right after it had made the table.
    Empty,
    /// The table is there, and what is in it cannot be read as a row of ours: several rows, another table of that name, or
    /// a value that makes no sense.
    Broken {
        /// What is wrong with it.
        why: String,
    },
    /// A later release of the program wrote it.
    Newer {
        /// LAYOUT
        layout: i64,
    },
    /// There, and whole.
    Held(Box<Ledger>),
}

impl View {
    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_not_read(&self) -> bool {
        match self {
            Self::NotRead => true,
            Self::Missing | Self::Empty | Self::Broken { .. } | Self::Newer { .. } | Self::Held(_) => false,
        }
    }

    /// The row, when it is whole.
    #[must_use]
    pub fn held(&self) -> Option<&Ledger> {
        match self {
            Self::Held(ledger) => Some(ledger),
            Self::NotRead | Self::Missing | Self::Empty | Self::Broken { .. } | Self::Newer { .. } => None,
        }
    }
}

impl fmt::Display for Ledger {
    /// As a fact of a plan shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cluster, pod, incarnation, run) = (self.cluster.short(), self.pod, self.incarnation, self.run);
        write!(f, "cluster {cluster}, pod {pod}, incarnation {incarnation}, run {run}, {}", self.standing.as_str())
    }
}
