//! Where each value of a configuration comes from. Holds facts, decides nothing.

use std::{collections::BTreeMap, fmt};

use super::{GroupId, property::Property};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file does not set it.
    Default,
    /// Line of the file, from 1.
    Line(usize),
    /// An environment variable of that name.
    Environment(&'static str),
    /// Nothing gives it.
    Nowhere,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Nowhere => f.write_str("not set"),
        }
    }
}

/// The origin of every value of one file.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    pub(super) lines: BTreeMap<Property, usize>,
    pub(super) groups: Vec<GroupOrigin>,
}

/// Lines of a group, from 1.
#[derive(Clone, Debug)]
pub struct GroupOrigin {
    /// The opening parenthesis.
    pub open: usize,
    /// REPLICATION_NAME_PREFIX.
    pub prefix: Origin,
    /// SYNC_PARALLEL_COUNT.
    pub parallel: Origin,
    /// Key and line of each attribute that is written.
    pub attributes: Vec<(&'static str, usize)>,
}

impl Origins {
    /// Where the file has a property. The password may come from the environment instead: see
    /// [`super::password::resolve`].
    #[must_use]
    pub fn of(&self, property: Property) -> Origin {
        let fallback = if property == Property::SysPassword { Origin::Nowhere } else { Origin::Default };
        self.lines.get(&property).map_or(fallback, |&line| Origin::Line(line))
    }

    /// Where a group stands; `None` for a group of another file.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&GroupOrigin> {
        self.groups.get(usize::from(id.0))
    }
}
