//! The names, defaults and ranges of the properties (`aku-behaviour.md` A.1). Holds tables, reads nothing.

use std::ops::RangeInclusive;

use super::{Config, Switch};

/// A property outside of the REPLICATIONS groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Named after the property, without `AKU_`.
pub enum Property {
    StsName,
    SvcName,
    ServerCount,
    SysPassword,
    PortNo,
    ReplicationPortNo,
    QueryTimeout,
    QueryRetryCount,
    QueryRetryDelayMsec,
    AddressCheckCount,
    FlushAtStart,
    FlushTimeoutAtStart,
    DelayStartCompleteTime,
    FlushAtEnd,
    ReplicationResetAtEnd,
    CompareAtStart,
    Ledger,
    MemberDown,
    HostTemplate,
}

/// Spelling of the password property in every quoted sample before June 2023 (`aku-behaviour.md` A.7, 1).
pub(super) const MISSPELT_PASSWORD: &str = "AKU_SYS_PASWWORD";
/// Keyword of the groups.
pub(super) const REPLICATIONS: &str = "REPLICATIONS";
/// Key of a group's name.
pub(super) const PREFIX: &str = "REPLICATION_NAME_PREFIX";
/// Key of a group's SYNC threads.
pub(super) const PARALLEL: &str = "SYNC_PARALLEL_COUNT";
/// Old-style key of a target's owner.
pub(super) const USER_NAME: &str = "USER_NAME";
/// Old-style key of a target's table.
pub(super) const TABLE_NAME: &str = "TABLE_NAME";

/// Key of a group's mode.
pub(super) const MODE: &str = "MODE";
/// Key of a group's conflict rule.
pub(super) const CONFLICT: &str = "CONFLICT";
/// Option of a group that has numbers.
pub(super) const APPLIERS: &str = "PARALLEL";
/// Options of a group that are there or not.
pub(super) const FLAGS: [&str; 3] = ["RECOVERY", "GAPLESS", "GROUPING"];

/// An option of the server that no group asks for.
pub(super) const LOCAL: &str = "LOCAL";
/// Why.
pub(super) const NOT_LOCAL: &str =
    "LOCAL connects two replications of one server, and every pod is a server of its own; take it out";

/// Keys of a group's attributes.
pub(super) const ATTRIBUTES: [&str; 6] = [MODE, CONFLICT, APPLIERS, FLAGS[0], FLAGS[1], FLAGS[2]];
/// Keys of a group.
pub(super) const GROUP_KEYS: [&str; 8] = [PREFIX, PARALLEL, MODE, CONFLICT, APPLIERS, FLAGS[0], FLAGS[1], FLAGS[2]];
/// Keys of an old-style target.
pub(super) const ITEM_KEYS: [&str; 2] = [USER_NAME, TABLE_NAME];

/// SYNC_PARALLEL_COUNT's range; its default is the lower end.
pub(super) const PARALLEL_RANGE: RangeInclusive<u64> = 1..=100;

/// Longest STS and SVC name in bytes (`aku-behaviour.md` A.1).
pub(super) const HOST_PART_BYTES: usize = 63;

/// What a number may be.
pub(super) struct Number {
    pub range: RangeInclusive<u64>,
    pub default: u64,
}

impl Property {
    /// Every property, in the order of the published sample.
    pub const ALL: [Self; 19] = [
        Self::StsName,
        Self::SvcName,
        Self::ServerCount,
        Self::SysPassword,
        Self::PortNo,
        Self::ReplicationPortNo,
        Self::QueryTimeout,
        Self::QueryRetryCount,
        Self::QueryRetryDelayMsec,
        Self::AddressCheckCount,
        Self::FlushAtStart,
        Self::FlushTimeoutAtStart,
        Self::DelayStartCompleteTime,
        Self::FlushAtEnd,
        Self::ReplicationResetAtEnd,
        Self::CompareAtStart,
        Self::Ledger,
        Self::MemberDown,
        Self::HostTemplate,
    ];

    /// The key in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StsName => "AKU_STS_NAME",
            Self::SvcName => "AKU_SVC_NAME",
            Self::ServerCount => "AKU_SERVER_COUNT",
            Self::SysPassword => "AKU_SYS_PASSWORD",
            Self::PortNo => "AKU_PORT_NO",
            Self::ReplicationPortNo => "AKU_REPLICATION_PORT_NO",
            Self::QueryTimeout => "AKU_QUERY_TIMEOUT",
            Self::QueryRetryCount => "AKU_QUERY_RETRY_COUNT",
            Self::QueryRetryDelayMsec => "AKU_QUERY_RETRY_DELAY_MSEC",
            Self::AddressCheckCount => "AKU_ADDRESS_CHECK_COUNT",
            Self::FlushAtStart => "AKU_FLUSH_AT_START",
            Self::FlushTimeoutAtStart => "AKU_FLUSH_TIMEOUT_AT_START",
            Self::DelayStartCompleteTime => "AKU_DELAY_START_COMPLETE_TIME",
            Self::FlushAtEnd => "AKU_FLUSH_AT_END",
            Self::ReplicationResetAtEnd => "AKU_REPLICATION_RESET_AT_END",
            Self::CompareAtStart => "AKU_COMPARE_AT_START",
            Self::Ledger => "AKU_LEDGER",
            Self::MemberDown => "AKU_MEMBER_DOWN",
            Self::HostTemplate => "HOST_TEMPLATE",
        }
    }

    /// The property of a key, spelt exactly. The published misspelling counts as the password.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        if key == MISSPELT_PASSWORD {
            return Some(Self::SysPassword);
        }
        Self::ALL.into_iter().find(|p| p.name() == key)
    }

    /// Range and default of a numeric property; `None` for text.
    pub(super) fn number(self) -> Option<Number> {
        let of = |range, default| Some(Number { range, default });
        let any = 0..=u64::from(u32::MAX);
        match self {
            Self::StsName
            | Self::SvcName
            | Self::SysPassword
            | Self::CompareAtStart
            | Self::MemberDown
            | Self::HostTemplate => None,
            // 6 is documented (7.3); up to 33 is accepted with a warning.
            Self::ServerCount => of(1..=u64::from(crate::topology::ServerCount::MAX), 4),
            Self::PortNo => of(1024..=65535, 20300),
            Self::ReplicationPortNo => of(1024..=65535, 20301),
            Self::QueryTimeout => of(any, 3600),
            Self::QueryRetryCount => of(any, 5),
            Self::QueryRetryDelayMsec => of(any, 1000),
            Self::AddressCheckCount => of(any, 30),
            Self::FlushTimeoutAtStart => of(any, 300),
            Self::DelayStartCompleteTime => of(any, 0),
            Self::FlushAtStart | Self::FlushAtEnd | Self::ReplicationResetAtEnd | Self::Ledger => of(0..=1, 1),
        }
    }

    /// The value of a valid configuration as text. The password is `***`, or `(not in the file)`.
    #[must_use]
    pub fn value_in(self, c: &Config) -> String {
        let switch = |s: Switch| match s {
            Switch::Off => "0".to_owned(),
            Switch::On => "1".to_owned(),
        };
        match self {
            Self::StsName => c.sts_name.clone(),
            Self::SvcName => c.svc_name.clone(),
            Self::ServerCount => c.server_count.get().to_string(),
            Self::SysPassword if c.sys_password.is_some() => "***".to_owned(),
            Self::SysPassword => "(not in the file)".to_owned(),
            Self::PortNo => c.port_no.to_string(),
            Self::ReplicationPortNo => c.replication_port_no.to_string(),
            Self::QueryTimeout => c.query_timeout.as_secs().to_string(),
            Self::QueryRetryCount => c.query_retry_count.to_string(),
            Self::QueryRetryDelayMsec => c.query_retry_delay.as_millis().to_string(),
            Self::AddressCheckCount => c.address_check_count.to_string(),
            Self::FlushAtStart => switch(c.flush_at_start),
            Self::FlushTimeoutAtStart => c.flush_timeout_at_start.to_string(),
            Self::DelayStartCompleteTime => c.delay_start_complete.as_secs().to_string(),
            Self::FlushAtEnd => switch(c.flush_at_end),
            Self::ReplicationResetAtEnd => switch(c.replication_reset_at_end),
            Self::CompareAtStart => c.compare_at_start.as_str().to_owned(),
            Self::Ledger => switch(c.ledger),
            Self::MemberDown => c.member_down.to_string(),
            Self::HostTemplate => c.host_template.to_string(),
        }
    }
}

/// Every key that may stand at the top of the file.
pub(super) fn top_keys() -> impl Iterator<Item = &'static str> {
    Property::ALL.into_iter().map(Property::name).chain([REPLICATIONS])
}

/// Every key there is.
pub(super) fn all_keys() -> impl Iterator<Item = &'static str> {
    top_keys().chain(GROUP_KEYS).chain(ITEM_KEYS)
}

/// Whether this is a known key whose value may be shown.
pub(super) fn is_harmless_key(word: &str) -> bool {
    all_keys().any(|k| k == word && k != Property::SysPassword.name())
}

/// The candidate closest to what was typed, if it is close enough to be what was meant.
pub(super) fn nearest<'c>(typed: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    /// Longer words are garbage, and the distance costs the product of both lengths.
    const LONGEST: usize = 64;
    if typed.len() > LONGEST {
        return None;
    }
    let upper = typed.to_uppercase();
    let candidates: Vec<_> = candidates.into_iter().collect();
    let close = candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(&upper, c), *c))
        .filter(|(distance, c)| *distance <= c.len() / 4)
        .min_by_key(|(distance, _)| *distance);
    // Somebody stopped typing: enough of it is there to know what was meant.
    let begun = || candidates.iter().find(|c| upper.len() * 2 > c.len() && c.starts_with(&upper)).copied();
    close.map(|(_, c)| c).or_else(begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_key() {
        let cases = [
            ("AKU_STS_NAM", Some("AKU_STS_NAME")),
            ("aku_sts_name", Some("AKU_STS_NAME")),
            ("AKU_FLUSH_TIMEOUT_START", Some("AKU_FLUSH_TIMEOUT_AT_START")),
            ("REPLICATION", Some("REPLICATIONS")),
            ("AKU_FLUSH_TIMEOUT", Some("AKU_FLUSH_TIMEOUT_AT_START")),
            ("LOG_LEVEL", None),
        ];
        for (typed, want) in cases {
            assert_eq!(nearest(typed, top_keys()), want, "{typed}");
        }
    }

    #[test]
    fn every_default_lies_in_its_range() {
        for p in Property::ALL {
            assert_eq!(Property::from_key(p.name()), Some(p));
            if let Some(n) = p.number() {
                assert!(n.range.contains(&n.default), "{}", p.name());
            }
        }
    }
}
