//! What one side of an object is by the attributes of its group, and how what was found differs from that.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Buffer, GroupMode, GroupOption, Role};
use crate::{
    observe::Replication,
    sql::option::{ObjectOption, Others},
};

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

/// How an object that was found differs from its [`Shape`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlike {
    /// Mode, role and what else only DROP and CREATE change.
    pub fixed: Fixed,
    /// Options that are taken off.
    pub clear: Vec<ObjectOption>,
    /// Options that are put on, after the others went.
    pub set: Vec<GroupOption>,
}

/// What only DROP and CREATE change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fixed {
    /// As wanted.
    #[default]
    Right,
    /// Another one.
    Wrong,
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

    /// What is different about an object that was found.
    #[must_use]
    pub fn unlike(&self, found: &Replication) -> Unlike {
        let (there, others) = ObjectOption::of_mask(found.options);
        let right = self.mode.is(found.mode)
            && others == Others::None
            && found.role == 0
            && found.conflict_resolution == Role::number(self.role);
        let as_found = |o: &GroupOption| there.contains(&o.kind()) && same(*o, found);
        let kept: Vec<ObjectOption> = self.options.iter().filter(|o| as_found(o)).map(|o| o.kind()).collect();
        Unlike {
            fixed: if right { Fixed::Right } else { Fixed::Wrong },
            clear: there.into_iter().filter(|o| !kept.contains(o)).collect(),
            set: self.options.iter().filter(|o| !kept.contains(&o.kind())).copied().collect(),
        }
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

/// Whether an option that is on has the numbers that are wanted. A buffer that the catalog does not tell of is not judged.
fn same(option: GroupOption, found: &Replication) -> bool {
    match option {
        GroupOption::Recovery | GroupOption::Gapless | GroupOption::Grouping => true,
        GroupOption::Parallel { appliers, buffer } => {
            let bytes = buffer.map_or(0, Buffer::bytes);
            found.parallel_applier == i64::from(appliers.get())
                && found.applier_buffer.is_none_or(|n| u64::try_from(n) == Ok(bytes))
        }
    }
}
