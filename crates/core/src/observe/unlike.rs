//! How an object that was found differs from what `aku.conf` asks of it beside its tables and addresses.

use super::{Mode, Replication};
use crate::attributes::{Buffer, GroupMode, GroupOption, ObjectOption, Others, Role, Shape};

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

impl Mode {
    /// Whether it is the one that is asked for.
    #[must_use]
    pub fn is(self, asked: GroupMode) -> bool {
        match (asked, self) {
            (GroupMode::Lazy, Self::Lazy) | (GroupMode::Eager, Self::Eager) => true,
            (GroupMode::Lazy, Self::Eager | Self::Other(_)) | (GroupMode::Eager, Self::Lazy | Self::Other(_)) => false,
        }
    }
}

impl Replication {
    /// What is different about it.
    #[must_use]
    pub fn unlike(&self, shape: &Shape) -> Unlike {
        let (there, others) = ObjectOption::of_mask(self.options);
        let right = self.mode.is(shape.mode)
            && others == Others::None
            && self.role == 0
            && self.conflict_resolution == Role::number(shape.role);
        let as_found = |o: &GroupOption| there.contains(&o.kind()) && same(*o, self);
        let kept: Vec<ObjectOption> = shape.options.iter().filter(|o| as_found(o)).map(|o| o.kind()).collect();
        Unlike {
            fixed: if right { Fixed::Right } else { Fixed::Wrong },
            clear: there.into_iter().filter(|o| !kept.contains(o)).collect(),
            set: shape.options.iter().filter(|o| !kept.contains(&o.kind())).copied().collect(),
        }
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
