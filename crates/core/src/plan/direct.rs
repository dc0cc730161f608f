//! What a reader sees of what an action waits for: what it waits for through something else anyway is left out.
//!
//! Many actions wait for the same milestones, so what is seen of those is worked out once and shared. What is behind a node is
//! kept as a set of bits for nodes with much behind them, which are few; for all others it is walked.

use std::{rc::Rc, sync::Arc};

use foldhash::{HashMap, HashMapExt as _};

use super::{
    action::ActionId,
    graph::{Graph, Point},
};

/// What one action waits for, as far as it has to be said.
#[derive(Clone, Debug, Default)]
pub struct Direct {
    /// Of milestones, sorted.
    shared: Option<Arc<Shared>>,
    /// Of those, the ones that the action waits for through something else; sorted.
    except: Vec<ActionId>,
    /// Of its own; sorted, none of them shared.
    own: Vec<ActionId>,
}

/// A list that many actions wait for.
#[derive(Debug)]
struct Shared {
    /// Sorted.
    ids: Vec<ActionId>,
    /// The same: first and last of those in a row.
    rows: Vec<(u32, u32)>,
}

impl Shared {
    fn of(ids: Vec<ActionId>) -> Arc<Self> {
        let rows =
            ids.chunk_by(|a, b| b.0 == a.0 + 1).filter_map(|row| Some((row.first()?.0, row.last()?.0))).collect();
        Arc::new(Self { ids, rows })
    }
}

impl Direct {
    fn shared(&self) -> &[ActionId] {
        self.shared.as_ref().map_or(&[], |s| &s.ids)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared().len() - self.except.len() + self.own.len()
    }

    /// Whether both come from the same milestones and nothing else, so that they need no look.
    #[must_use]
    pub fn is_twin(&self, other: &Self) -> bool {
        let alone = |d: &Self| d.own.is_empty() && d.except.is_empty();
        let same = match (&self.shared, &other.shared) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, _) | (_, None) => false,
        };
        same && alone(self) && alone(other)
    }

    /// Whether it can begin at once.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorted.
    pub fn iter(&self) -> impl Iterator<Item = ActionId> {
        self.rows().flat_map(|(first, last)| (first.0..=last.0).map(ActionId))
    }

    /// The same, the first and the last of those in a row. A long list costs only as much as is taken of it.
    pub fn rows(&self) -> impl Iterator<Item = (ActionId, ActionId)> {
        let mut shared = self.shared.as_ref().map_or(&[][..], |s| &s.rows).iter().copied().peekable();
        let mut own = self.own.iter().map(|id| (id.0, id.0)).peekable();
        let both = std::iter::from_fn(move || match (shared.peek(), own.peek()) {
            (Some(a), Some(b)) if a < b => shared.next(),
            (Some(_), None) => shared.next(),
            (None | Some(_), Some(_)) | (None, None) => own.next(),
        });
        // A row around what is left out is cut there.
        let mut except = self.except.iter().map(|id| id.0).peekable();
        let mut rest: Option<(u32, u32)> = None;
        let mut both = both.fuse();
        let cut = std::iter::from_fn(move || {
            loop {
                let (first, last) = rest.take().or_else(|| both.next())?;
                match except.next_if(|e| *e <= last) {
                    None => return Some((first, last)),
                    Some(e) => {
                        rest = (e < last).then(|| (e + 1, last));
                        if e > first {
                            return Some((first, e - 1));
                        }
                    }
                }
            }
        });
        let mut cut = cut.fuse().peekable();
        // One that touches the next is one with it.
        std::iter::from_fn(move || {
            let (first, mut last) = cut.next()?;
            while let Some((_, end)) = cut.next_if(|(next, _)| *next == last + 1) {
                last = end;
            }
            Some((ActionId(first), ActionId(last)))
        })
    }
}

/// Places of actions, from 0.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|w| w & (1 << (at % 64)) != 0)
    }

    fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
    }
}

/// What is behind a node.
enum Past {
    /// The nodes before it; there is not much behind them, or it is kept there.
    Near(Vec<usize>),
    /// All of it.
    All(Rc<Bits>),
}

/// So many nodes are walked; with more behind it, a node keeps what is behind it as bits.
const WALK: usize = 24;

/// What is seen of several milestones together.
#[derive(Clone)]
struct Group {
    list: Arc<Shared>,
    /// Their actions and all behind those.
    covers: Rc<Bits>,
}

struct Reader<'g, 'a> {
    graph: &'g Graph<'a>,
    past: Vec<Past>,
    groups: HashMap<Vec<usize>, Group>,
    /// A shared list without what is behind a node, by list and node.
    less: HashMap<(usize, usize), Arc<Shared>>,
    place: HashMap<ActionId, usize>,
}

impl Graph<'_> {
    /// For each action, in the order of the plan, what it waits for and does not wait for already through something else.
    #[must_use]
    pub fn direct(&self) -> Vec<Direct> {
        let place = self.actions().iter().zip(0..).map(|(a, at)| (a.id, at)).collect();
        let past = pasts(self);
        let mut reader = Reader { graph: self, past, groups: HashMap::new(), less: HashMap::new(), place };
        (0..self.actions().len()).map(|at| reader.direct(at)).collect()
    }
}

/// What is behind each node, filled from the first to the last.
fn pasts(graph: &Graph<'_>) -> Vec<Past> {
    let mut past: Vec<Past> = std::iter::repeat_with(|| Past::Near(Vec::new())).take(graph.len()).collect();
    let mut walk: Vec<usize> = vec![0; graph.len()];
    for (n, point) in graph.points() {
        let before: Vec<usize> = graph.before(n).collect();
        let steps = before.len() + before.iter().map(|p| walk[*p]).sum::<usize>();
        let many = match point {
            Point::Action(_) => steps > WALK,
            Point::Milestone(_) => true,
        };
        if many {
            let mut bits = Bits::default();
            union(&mut bits, &before, &past, graph.actions().len());
            past[n] = Past::All(Rc::new(bits));
        } else {
            walk[n] = steps;
            past[n] = Past::Near(before);
        }
    }
    past
}

/// Adds nodes, those of them that are actions, and all behind them.
fn union(bits: &mut Bits, nodes: &[usize], past: &[Past], actions: usize) {
    let mut known: foldhash::HashSet<usize> = foldhash::HashSet::default();
    let mut open = nodes.to_vec();
    while let Some(n) = open.pop() {
        if !known.insert(n) {
            continue;
        }
        match &past[n] {
            Past::All(all) => bits.add(all),
            Past::Near(before) => open.extend(before),
        }
        if n < actions {
            bits.insert(n);
        }
    }
}

impl Reader<'_, '_> {
    fn is_action(&self, node: usize) -> bool {
        node < self.graph.actions().len()
    }

    fn id(&self, place: usize) -> ActionId {
        self.graph.actions()[place].id
    }

    /// What is behind some nodes, without them unless one is behind another.
    fn behind(&self, nodes: &[usize]) -> Bits {
        let before: Vec<usize> = nodes.iter().flat_map(|n| self.graph.before(*n)).collect();
        let mut bits = Bits::default();
        union(&mut bits, &before, &self.past, self.graph.actions().len());
        bits
    }

    /// Some milestones, by their nodes.
    fn group(&mut self, milestones: &[usize]) -> Group {
        if let Some(known) = self.groups.get(milestones) {
            return known.clone();
        }
        let mut members: Vec<usize> = milestones.iter().flat_map(|m| self.graph.before(*m)).collect();
        members.sort_unstable();
        members.dedup();
        let mut covers = self.behind(&members);
        let mut list: Vec<_> = members.iter().filter(|m| !covers.contains(**m)).map(|m| self.id(*m)).collect();
        list.sort_unstable();
        for m in &members {
            covers.insert(*m);
        }
        let group = Group { list: Shared::of(list), covers: Rc::new(covers) };
        self.groups.insert(milestones.to_vec(), group.clone());
        group
    }

    fn direct(&mut self, at: usize) -> Direct {
        let (mut own, mut milestones): (Vec<usize>, Vec<usize>) =
            self.graph.before(at).partition(|n| self.is_action(*n));
        own.sort_unstable();
        own.dedup();
        milestones.sort_unstable();
        milestones.dedup();
        let group = (!milestones.is_empty()).then(|| self.group(&milestones));
        if let Some(group) = &group {
            own.retain(|n| !group.covers.contains(*n));
        }
        let mut shared = group.map(|g| g.list);
        let mut except = Vec::new();
        if own.len() + usize::from(shared.is_some()) > 1 {
            if own.len() > WALK {
                let behind = self.behind(&own);
                own.retain(|n| !behind.contains(*n));
                if let Some(list) = &mut shared {
                    let seen = list.ids.iter().copied().filter(|id| !behind.contains(self.place[id])).collect();
                    *list = Shared::of(seen);
                }
            } else {
                self.few(&mut own, &mut shared, &mut except);
            }
        }
        let mut own: Vec<_> = own.into_iter().map(|n| self.id(n)).collect();
        own.sort_unstable();
        Direct { shared, except, own }
    }

    /// Leaves out what is behind one of a few actions of its own.
    fn few(&mut self, own: &mut Vec<usize>, shared: &mut Option<Arc<Shared>>, except: &mut Vec<ActionId>) {
        let (mut walked, mut kept) = (foldhash::HashSet::default(), Vec::new());
        let mut open: Vec<usize> = Vec::new();
        let enter = |n: usize, open: &mut Vec<usize>, kept: &mut Vec<usize>| match &self.past[n] {
            Past::Near(before) => open.extend(before),
            Past::All(_) => kept.push(n),
        };
        for n in own.iter() {
            enter(*n, &mut open, &mut kept);
        }
        while let Some(n) = open.pop() {
            if walked.insert(n) {
                enter(n, &mut open, &mut kept);
            }
        }
        kept.sort_unstable();
        kept.dedup();
        let all = |n: usize| match &self.past[n] {
            Past::All(all) => Some(all),
            Past::Near(_) => None,
        };
        own.retain(|n| !walked.contains(n) && !kept.iter().filter_map(|k| all(*k)).any(|all| all.contains(*n)));
        let Some(list) = shared else { return };
        for k in kept {
            let Some(behind) = all(k) else { continue };
            let key = (Arc::as_ptr(list).addr(), k);
            *list = if let Some(known) = self.less.get(&key) {
                Arc::clone(known)
            } else {
                let seen: Vec<_> = list.ids.iter().copied().filter(|id| !behind.contains(self.place[id])).collect();
                // The same list where nothing is left out, so that what follows from it is known as well.
                let seen = if seen.len() == list.ids.len() { Arc::clone(list) } else { Shared::of(seen) };
                self.less.insert(key, Arc::clone(&seen));
                seen
            };
        }
        let near = walked.into_iter().filter(|n| self.is_action(*n)).map(|n| self.id(n));
        except.extend(near.filter(|id| list.ids.binary_search(id).is_ok()));
        except.sort_unstable();
    }
}
