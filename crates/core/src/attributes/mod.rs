//! What `aku.conf` asks of the objects of a group beside their tables: mode, who wins a conflict, options; and what each
//! side of an object is by that. Pure; knows no file and no server.

mod option;
mod shape;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topology::{Ordinal, Pair};

pub use option::{ObjectOption, Others};
pub use shape::Shape;

/// The first release that is known to have all of them (`altibase.md` 3.1).
pub const SINCE: &str = "7.1";

/// Whether a server has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its release is [`SINCE`] or later.
    Yes,
    /// It is older.
    No,
    /// It does not say: the server itself will.
    CannotTell,
}

/// Whether a server of that V$VERSION.PRODUCT_VERSION has them.
#[must_use]
pub fn known_by(version: Option<&str>) -> Known {
    let mut numbers = version.unwrap_or_default().split('.').map(|n| n.trim().parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= (7, 1) => Known::Yes,
        (Some(_), Some(_)) => Known::No,
        (Some(_) | None, Some(_) | None) => Known::CannotTell,
    }
}

/// MODE of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupMode {
    /// The sender follows.
    #[default]
    Lazy,
    /// The commit waits for the peer.
    Eager,
}

impl GroupMode {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Lazy, Self::Eager];

    /// The word in the file and in the statement.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lazy => "LAZY",
            Self::Eager => "EAGER",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
    fn is_lazy(&self) -> bool {
        *self == Self::Lazy
    }
}

/// CONFLICT of a group: whose change stays when two pods changed the same row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conflict {
    /// What the properties REPLICATION_INSERT_REPLACE and REPLICATION_UPDATE_REPLACE of the receiver say.
    #[default]
    None,
    /// Between two pods that of the smaller ordinal.
    MasterSlave,
    /// That with the later value in the TIMESTAMP column, which every table of the group has.
    Timestamp,
    /// That which arrives.
    Replace,
}

impl Conflict {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::None, Self::MasterSlave, Self::Timestamp, Self::Replace];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::MasterSlave => "MASTER_SLAVE",
            Self::Timestamp => "TIMESTAMP",
            Self::Replace => "REPLACE",
        }
    }

    /// Properties of every server that have to be 1 for it; each is changed at run time (`altibase.md` 7). They count for
    /// all objects of the server that have no role.
    #[must_use]
    pub fn properties(self) -> &'static [&'static str] {
        match self {
            Self::None | Self::MasterSlave => &[],
            Self::Timestamp => &["REPLICATION_TIMESTAMP_RESOLUTION"],
            Self::Replace => &["REPLICATION_INSERT_REPLACE", "REPLICATION_UPDATE_REPLACE"],
        }
    }
}

/// Role of one side of an object. The handshake takes one of each or none (ERR-610CC, recording `roles`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Its changes win.
    Master,
    /// The peer's do.
    Slave,
}

impl Role {
    /// What stands behind AS.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Slave => "SLAVE",
        }
    }

    /// SYS_REPLICATIONS_.CONFLICT_RESOLUTION of a side with this role.
    #[must_use]
    pub fn number(role: Option<Self>) -> i64 {
        match role {
            None => 0,
            Some(Self::Master) => 1,
            Some(Self::Slave) => 2,
        }
    }
}

/// First buffer of a parallel applier, as it is written: a number and K, M or G; at most 1 TiB (ERR-61178).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Buffer {
    number: u64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    K,
    M,
    G,
}

impl Unit {
    fn bytes(self) -> u64 {
        match self {
            Self::K => 1 << 10,
            Self::M => 1 << 20,
            Self::G => 1 << 30,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::K => 'K',
            Self::M => 'M',
            Self::G => 'G',
        }
    }
}

impl Buffer {
    const MOST: u64 = 1 << 40;
    const EXPECTED: &str = "a size such as 512K, 10M or 1G, at most 1024G";

    /// In bytes, as the catalog shows it.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.number * self.unit.bytes()
    }
}

impl FromStr for Buffer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unit = match text.as_bytes().last() {
            Some(b'K' | b'k') => Unit::K,
            Some(b'M' | b'm') => Unit::M,
            Some(b'G' | b'g') => Unit::G,
            Some(_) | None => return Err(Self::EXPECTED),
        };
        let digits = text[..text.len() - 1].trim_end();
        let number: u64 =
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten().ok_or(Self::EXPECTED)?;
        let fits = number > 0 && number.checked_mul(unit.bytes()).is_some_and(|n| n <= Self::MOST);
        if fits { Ok(Self { number, unit }) } else { Err(Self::EXPECTED) }
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.unit.letter())
    }
}

impl From<Buffer> for String {
    fn from(buffer: Buffer) -> Self {
        buffer.to_string()
    }
}

impl TryFrom<String> for Buffer {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// How many threads apply what arrives, `1..=512` (ERR-61160).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
#[schemars(with = "u16")]
pub struct Appliers(u16);

impl Appliers {
    /// Fewest and most.
    pub const RANGE: std::ops::RangeInclusive<u16> = 1..=512;

    /// `None` outside of the range.
    #[must_use]
    pub fn new(count: u16) -> Option<Self> {
        Self::RANGE.contains(&count).then_some(Self(count))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl From<Appliers> for u16 {
    fn from(n: Appliers) -> Self {
        n.0
    }
}

impl TryFrom<u16> for Appliers {
    type Error = &'static str;
    fn try_from(n: u16) -> Result<Self, Self::Error> {
        Self::new(n).ok_or("PARALLEL is a number from 1 to 512")
    }
}

/// An option that an object has when it is as `aku.conf` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupOption {
    /// RECOVERY: what a server lost in a crash comes back from its peer.
    Recovery,
    /// GAPLESS: commits slow down rather than run ahead of the sender.
    Gapless,
    /// PARALLEL: several threads apply what arrives.
    Parallel {
        /// How many.
        appliers: Appliers,
        /// Their first buffer, where one is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buffer: Option<Buffer>,
    },
    /// GROUPING: the sender puts transactions together.
    Grouping,
}

impl GroupOption {
    /// Which.
    #[must_use]
    pub fn kind(self) -> ObjectOption {
        match self {
            Self::Recovery => ObjectOption::Recovery,
            Self::Gapless => ObjectOption::Gapless,
            Self::Parallel { .. } => ObjectOption::Parallel,
            Self::Grouping => ObjectOption::Grouping,
        }
    }

    /// What is written behind SET to switch it on.
    #[must_use]
    pub fn on(self) -> String {
        match self {
            Self::Recovery | Self::Gapless | Self::Grouping => format!("{self} ENABLE"),
            Self::Parallel { .. } => self.to_string(),
        }
    }
}

/// As it stands behind OPTIONS.
impl fmt::Display for GroupOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recovery | Self::Gapless | Self::Grouping => self.kind().fmt(f),
            Self::Parallel { appliers, buffer } => {
                write!(f, "{} {}", self.kind(), appliers.get())?;
                buffer.map_or(Ok(()), |size| write!(f, " {size}"))
            }
        }
    }
}

/// What a group asks of its objects. The default is what it asks without a word: LAZY, no roles, no options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    mode: GroupMode,
    conflict: Conflict,
    options: BTreeSet<GroupOption>,
}

/// EAGER and an option that it refuses (397660, 397663, 397669).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EagerRefuses(pub ObjectOption);

impl Attributes {
    /// What a file says; the options in any order.
    ///
    /// # Errors
    /// The first option that does not go with EAGER.
    pub fn new(
        mode: GroupMode,
        conflict: Conflict,
        options: impl IntoIterator<Item = GroupOption>,
    ) -> Result<Self, EagerRefuses> {
        let options: BTreeSet<GroupOption> = options.into_iter().collect();
        let refused = |o: &&GroupOption| match o {
            GroupOption::Recovery => false,
            GroupOption::Gapless | GroupOption::Parallel { .. } | GroupOption::Grouping => mode == GroupMode::Eager,
        };
        match options.iter().find(refused) {
            Some(option) => Err(EagerRefuses(option.kind())),
            None => Ok(Self { mode, conflict, options }),
        }
    }

    /// MODE
    #[must_use]
    pub fn mode(&self) -> GroupMode {
        self.mode
    }

    /// CONFLICT
    #[must_use]
    pub fn conflict(&self) -> Conflict {
        self.conflict
    }

    /// The options, in the order of their bits.
    pub fn options(&self) -> impl Iterator<Item = GroupOption> {
        self.options.iter().copied()
    }

    /// Whether that option is asked for.
    #[must_use]
    pub fn has(&self, option: ObjectOption) -> bool {
        self.options.iter().any(|o| o.kind() == option)
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The lines of aku.conf that differ from the default: `MODE = EAGER`, `PARALLEL 4`.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.mode != GroupMode::default() {
            all.push(format!("MODE = {}", self.mode.as_str()));
        }
        if self.conflict != Conflict::default() {
            all.push(format!("CONFLICT = {}", self.conflict.as_str()));
        }
        all.extend(self.options.iter().map(ToString::to_string));
        all
    }

    /// What the side that `pod` holds of the object between this pair is. Of two pods the one with the smaller ordinal is the
    /// master, so that pod 0 is it towards all, and every pair has one of each.
    #[must_use]
    pub fn shape(&self, pod: Ordinal, pair: Pair) -> Shape {
        let role = match self.conflict {
            Conflict::None | Conflict::Timestamp | Conflict::Replace => None,
            Conflict::MasterSlave if pod == pair.low() => Some(Role::Master),
            Conflict::MasterSlave => Some(Role::Slave),
        };
        Shape { mode: self.mode, role, options: self.options.clone() }
    }
}
