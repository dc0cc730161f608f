//! The aku.conf of a life, and how somebody edits it while the cluster runs: another number of pods, a table or a group
//! more or less. Decides what the file says; what the pods replicate by then is another matter.

use std::collections::BTreeSet;

use super::scenario::Shape;
use crate::{
    attributes::Attributes,
    conf::GroupId,
    desired::{Desired, Goal},
    lab::sim::Rng,
    plan::testing,
    topology::ReplicationName,
};

/// What the file says.
#[derive(Clone, Debug)]
pub struct Conf {
    /// AKU_SERVER_COUNT.
    pub count: u8,
    /// Tables of each group by number; a group without tables is not in the file.
    groups: Vec<Vec<usize>>,
    /// Tables that were never taken out or put in.
    steady: BTreeSet<usize>,
    /// How often REPLICATION_NAME_PREFIX was changed.
    prefix: u8,
    /// Where replication goes.
    pub network: Network,
    /// Whether it is another file than the pods were set up from.
    pub edited: bool,
    /// What groups ask of their objects.
    pub attributes: Attributes,
    /// The only group that asks for them; `None`: all do.
    pub asks: Option<GroupId>,
}

/// HOST_TEMPLATE, as numbers: servers of 2018 take nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// No line.
    Service,
    /// A network of its own.
    Replication,
}

/// What was done to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A table was put into a group, or a group was made for it.
    Gained(usize),
    /// A table was taken out; the last one of a group takes the group with it.
    Lost(usize),
    /// The prefix was changed.
    Renamed,
    /// A table went to a group.
    Moved(usize, usize),
    /// AKU_SERVER_COUNT before and after.
    Count(u8, u8),
}

impl Conf {
    /// The file that a life begins with: all tables, or all but one.
    pub fn new(shape: &Shape, put_off: Option<usize>) -> Self {
        let in_group = |g: usize| {
            let mine = (1..=shape.tables).filter(|t| (t - 1) % usize::from(shape.groups) == g && Some(*t) != put_off);
            mine.collect::<Vec<_>>()
        };
        let groups: Vec<_> = (0..usize::from(shape.groups)).map(in_group).collect();
        let steady = groups.iter().flatten().copied().collect();
        Self {
            count: shape.pods,
            groups,
            steady,
            prefix: 0,
            network: Network::Service,
            edited: false,
            attributes: Attributes::default(),
            asks: None,
        }
    }

    /// Tables in the file.
    pub fn tables(&self) -> Vec<usize> {
        self.groups.iter().flatten().copied().collect()
    }

    /// Whether the table was in the file all the time.
    pub fn is_steady(&self, table: usize) -> bool {
        self.steady.contains(&table)
    }

    /// Whether the group is in the file and has a table that was there all the time.
    pub fn is_steady_group(&self, GroupId(group): GroupId) -> bool {
        self.groups.get(usize::from(group)).is_some_and(|tables| tables.iter().any(|t| self.is_steady(*t)))
    }

    /// What it asks for.
    pub fn desired(&self, goal: Goal) -> Desired {
        let total = u8::try_from(self.groups.len()).expect("a few groups");
        let mut desired = testing::desired(goal, self.count, total);
        let here = |GroupId(g): &GroupId| !self.groups[usize::from(*g)].is_empty();
        desired.groups.retain(|id, _| here(id));
        desired.objects.retain(|o| here(&o.group));
        for (id @ GroupId(g), group) in &mut desired.groups {
            group.targets = self.groups[usize::from(*g)].iter().map(|t| testing::target(&format!("T{t}"))).collect();
            if self.asks.is_none_or(|asks| asks == *id) {
                group.attributes.clone_from(&self.attributes);
            }
            if self.prefix > 0 {
                group.prefix = format!("NEW{}_{g}", self.prefix);
            }
        }
        match self.network {
            Network::Service => {}
            Network::Replication => {
                for (pod, address) in &mut desired.pods {
                    address.host = format!("10.9.0.{pod}");
                }
            }
        }
        for o in desired.objects.iter_mut().filter(|_| self.prefix > 0) {
            let name = format!("{}_{}{}", desired.groups[&o.group].prefix, o.pair.low(), o.pair.high());
            o.name = ReplicationName::exact(name).expect("a short name");
        }
        desired
    }

    /// The other network.
    pub fn reroute(&mut self) {
        self.network = match self.network {
            Network::Service => Network::Replication,
            Network::Replication => Network::Service,
        };
        self.edited = true;
    }

    /// Every group gets another prefix.
    pub fn rename(&mut self) {
        self.prefix += 1;
        self.edited = true;
    }

    /// A table goes to another group, which may be new; a group that gave its last one is gone.
    pub fn move_table(&mut self, table: usize, group: usize) {
        for tables in &mut self.groups {
            tables.retain(|t| *t != table);
        }
        self.groups[group].push(table);
        self.edited = true;
    }

    /// A change of names or of groups that moves no row.
    pub fn turn(&mut self, rng: &mut Rng) -> Edit {
        let pick = |rng: &mut Rng, n: usize| usize::try_from(rng.below(n as u64)).unwrap_or(0);
        let tables = self.tables();
        if rng.percent(40) {
            self.rename();
            return Edit::Renamed;
        }
        let (table, group) = (tables[pick(rng, tables.len())], pick(rng, self.groups.len()));
        self.move_table(table, group);
        Edit::Moved(table, group)
    }

    /// A table is put into a group.
    pub fn gain(&mut self, table: usize, group: usize) {
        self.groups[group].push(table);
        self.steady.remove(&table);
        self.edited = true;
    }

    /// One change, if the one that was drawn is possible.
    pub fn edit(&mut self, rng: &mut Rng, shape: &Shape) -> Option<Edit> {
        let pick = |rng: &mut Rng, n: usize| usize::try_from(rng.below(n as u64)).unwrap_or(0);
        let edit = match rng.below(4) {
            0 => {
                let out: Vec<_> = (1..=shape.tables).filter(|t| !self.tables().contains(t)).collect();
                let table = *out.get(pick(rng, out.len().max(1)))?;
                let group = pick(rng, self.groups.len());
                self.gain(table, group);
                Edit::Gained(table)
            }
            1 => {
                let tables = self.tables();
                if tables.len() < 2 {
                    return None;
                }
                let table = tables[pick(rng, tables.len())];
                for group in &mut self.groups {
                    group.retain(|t| *t != table);
                }
                self.steady.remove(&table);
                Edit::Lost(table)
            }
            2 if self.count < shape.pods => {
                self.count += 1;
                Edit::Count(self.count - 1, self.count)
            }
            3 if self.count > 1 => {
                self.count -= 1;
                Edit::Count(self.count + 1, self.count)
            }
            _ => return None,
        };
        self.edited = true;
        Some(edit)
    }
}
