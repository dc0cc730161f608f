//! What one side of an object is by the attributes of its group.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GroupMode, GroupOption, Role};

/// One side of an object, beside its tables and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shape {
    /// LAZY or EAGER.
    #[serde(default, skip_serializing_if = "GroupMode::is_lazy")]
    pub mode: GroupMode,
    /// AS MASTER or AS SLAVE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// OPTIONS, in the order of their bits.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub options: BTreeSet<GroupOption>,
}

impl Shape {
    /// LAZY, no role, no options.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// SYS_REPLICATIONS_.OPTIONS of it.
    #[must_use]
    pub fn mask(&self) -> i64 {
        self.options.iter().fold(0, |mask, o| mask | o.kind().bit())
    }

    /// PARALLEL_APPLIER_COUNT and APPLIER_INIT_BUFFER_SIZE of it.
    #[must_use]
    pub fn appliers(&self) -> (i64, i64) {
        let numbers = |o: &GroupOption| match o {
            GroupOption::Recovery | GroupOption::Gapless | GroupOption::Grouping => None,
            GroupOption::Parallel { appliers, buffer } => {
                // At most 1 TiB.
                let bytes = buffer.map_or(0, |b| i64::try_from(b.bytes()).unwrap_or(i64::MAX));
                Some((i64::from(appliers.get()), bytes))
            }
        };
        self.options.iter().find_map(numbers).unwrap_or_default()
    }

    /// What stands between the name and WITH, one clause each: `AS MASTER`, `OPTIONS GAPLESS PARALLEL 4`.
    #[must_use]
    pub fn clauses(&self) -> Vec<String> {
        let mut all: Vec<String> = self.role.iter().map(|role| format!("AS {}", role.as_str())).collect();
        if !self.options.is_empty() {
            let options: Vec<String> = self.options.iter().map(ToString::to_string).collect();
            all.push(format!("OPTIONS {}", options.join(" ")));
        }
        all
    }
}
