//! The policy file: TOML with levels by code, protected tables and a limit of rows.
//!
//! ```toml
//! protect = ["SYS.ACCOUNTS"]
//! max_rows_deleted = 0
//!
//! [levels]
//! P003 = "deny"
//! P010-foreign-object = "off"
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Level, Policy, Rule};

/// Why a file is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No TOML, or an unknown key or level.
    #[error("{0}")]
    Malformed(String),
    /// No such rule.
    #[error("there is no rule \"{code}\"; known are {}", known())]
    UnknownRule {
        /// As written.
        code: String,
    },
}

fn known() -> String {
    let words: Vec<&str> = Rule::ALL.iter().map(|r| r.as_str()).collect();
    words.join(", ")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    protect: Vec<String>,
    max_rows_deleted: Option<u64>,
    #[serde(default)]
    levels: BTreeMap<String, Level>,
}

/// Reads a policy.
///
/// # Errors
/// See [`PolicyError`].
pub fn parse(text: &str) -> Result<Policy, PolicyError> {
    let file: File = toml::from_str(text).map_err(|e| PolicyError::Malformed(e.to_string().trim_end().to_owned()))?;
    let mut levels = BTreeMap::new();
    for (code, level) in file.levels {
        let named =
            |r: &&Rule| r.as_str().eq_ignore_ascii_case(&code) || number(r.as_str()).eq_ignore_ascii_case(&code);
        let rule = Rule::ALL.iter().find(named).ok_or_else(|| PolicyError::UnknownRule { code: code.clone() })?;
        levels.insert(*rule, level);
    }
    Ok(Policy { levels, protect: file.protect, max_rows_deleted: file.max_rows_deleted })
}

/// `P003` of `P003-truncate`.
fn number(word: &str) -> &str {
    word.split('-').next().unwrap_or(word)
}
