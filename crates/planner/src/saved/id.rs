//! The name of a plan: a ULID whose random half is a digest of the plan, so that the same plan made at the same second has
//! the same name and nothing here needs a source of randomness.

use std::sync::OnceLock;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// Crockford's letters, in order of value.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The name, once somebody asked for it. Equal to any other: it follows from everything else in the plan.
#[derive(Clone, Debug, Default)]
pub(super) struct PlanId(OnceLock<String>);

impl PlanId {
    /// As a file has it.
    pub fn read(name: String) -> Self {
        Self(OnceLock::from(name))
    }

    pub fn get(&self, make: impl FnOnce() -> String) -> &str {
        self.0.get_or_init(make)
    }
}

impl PartialEq for PlanId {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for PlanId {}

/// 26 letters and digits: 48 bits of milliseconds, then 80 bits of the digest of `content`.
pub(super) fn plan_id(at: Timestamp, content: &str) -> String {
    let ms = u128::try_from(at.as_millisecond()).unwrap_or(0) & ((1 << 48) - 1);
    let hash = Sha256::digest(content.as_bytes());
    let low = hash.iter().take(10).fold(0u128, |n, byte| (n << 8) | u128::from(*byte));
    let all = (ms << 80) | low;
    (0..26).rev().map(|i| char::from(LETTERS[((all >> (5 * i)) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_plans_sort_later_and_other_plans_differ() {
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        let id = plan_id(at("2026-11-20T23:41:07Z"), "a");
        assert_eq!(id.len(), 26);
        assert_eq!(id, plan_id(at("2026-11-20T23:41:07Z"), "a"));
        assert_eq!(id[..10], plan_id(at("2026-11-20T23:41:07Z"), "b")[..10]);
        assert_ne!(id, plan_id(at("2026-11-20T23:41:07Z"), "b"));
        assert!(id < plan_id(at("2026-11-20T23:41:08Z"), "a"));
    }
}
