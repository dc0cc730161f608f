//! What a replication object replicates, as a set that is shared when it is cloned: all objects of a group hold the same, and a
//! large cluster has tens of thousands of them.

use std::{
    collections::{BTreeSet, btree_set},
    ops::{Deref, DerefMut},
    sync::Arc,
};

use super::Item;

/// Items, sorted, each once.
#[derive(Clone, Debug, Default, Eq)]
pub struct Items(Arc<BTreeSet<Item>>);

impl Items {
    /// Equal for copies of one set: what is known of one is known of the other.
    #[must_use]
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl PartialEq for Items {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Deref for Items {
    type Target = BTreeSet<Item>;

    fn deref(&self) -> &BTreeSet<Item> {
        &self.0
    }
}

/// Whoever changes a set that is shared gets a set of its own.
impl DerefMut for Items {
    fn deref_mut(&mut self) -> &mut BTreeSet<Item> {
        Arc::make_mut(&mut self.0)
    }
}

impl From<BTreeSet<Item>> for Items {
    fn from(items: BTreeSet<Item>) -> Self {
        Self(Arc::new(items))
    }
}

impl FromIterator<Item> for Items {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        BTreeSet::from_iter(items).into()
    }
}

impl<'i> IntoIterator for &'i Items {
    type Item = &'i Item;
    type IntoIter = btree_set::Iter<'i, Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
