//! The order of a plan, on petgraph. Built once for a plan; order, depth and what a reader sees are asked of it.
//!
//! Its nodes are the actions and the milestones; a milestone takes no time and is no step.

use std::{cmp::Reverse, collections::BinaryHeap};

use foldhash::{HashMap, HashMapExt as _};
use petgraph::{
    Incoming,
    graph::{DiGraph, NodeIndex},
};

use super::{
    action::{Action, ActionId},
    milestone::{Before, Milestone},
};

/// The actions are no DAG. A plan with this is a bug of the planner, or a file somebody edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two actions share an id.
    #[error("action {0} occurs twice")]
    Duplicate(ActionId),
    /// An action waits for one that is not there.
    #[error("action {0} waits for {1}, which is not in the plan")]
    Unknown(ActionId, ActionId),
    /// They wait for each other.
    #[error("the actions wait for each other in a circle")]
    Circle,
}

/// A node of the graph.
#[derive(Clone, Copy, Debug)]
pub enum Point<'a> {
    /// A step.
    Action(&'a Action),
    /// What several actions lead to.
    Milestone(&'a Milestone),
}

/// Who waits for whom.
pub struct Graph<'a> {
    dag: DiGraph<Point<'a>, ()>,
    /// The first nodes are the actions, in the order of the plan.
    actions: &'a [Action],
    /// Every node after all it waits for; of actions that could come next the one with the smallest id.
    sorted: Vec<NodeIndex>,
}

impl<'a> Graph<'a> {
    /// Costs as much as the plan has actions, milestones and edges.
    ///
    /// # Errors
    /// See [`GraphError`].
    pub fn new(actions: &'a [Action]) -> Result<Self, GraphError> {
        let edges: usize = actions.iter().map(|a| a.after.len()).sum();
        let mut graph = DiGraph::with_capacity(actions.len(), edges);
        let mut nodes: HashMap<ActionId, NodeIndex> = HashMap::with_capacity(actions.len());
        for a in actions {
            if nodes.insert(a.id, graph.add_node(Point::Action(a))).is_some() {
                return Err(GraphError::Duplicate(a.id));
            }
        }
        let mut milestones: HashMap<usize, NodeIndex> = HashMap::new();
        for (a, to) in actions.iter().zip(0..) {
            let find = |id: &ActionId| nodes.get(id).copied().ok_or(GraphError::Unknown(a.id, *id));
            for after in &a.after {
                let from = match &after.before {
                    Before::Action(id) => find(id)?,
                    Before::Milestone(milestone) => {
                        if let Some(known) = milestones.get(&milestone.identity()) {
                            *known
                        } else {
                            let node = graph.add_node(Point::Milestone(milestone));
                            for id in milestone.actions() {
                                graph.add_edge(find(id)?, node, ());
                            }
                            milestones.insert(milestone.identity(), node);
                            node
                        }
                    }
                };
                graph.add_edge(from, NodeIndex::new(to), ());
            }
        }
        let sorted = sorted(&graph)?;
        Ok(Self { dag: graph, actions, sorted })
    }

    /// The actions, in the order of the plan.
    #[must_use]
    pub fn actions(&self) -> &'a [Action] {
        self.actions
    }

    /// Every action after all it waits for; among equals, the smaller id first.
    #[must_use]
    pub fn order(&self) -> Vec<ActionId> {
        let action = |n: &NodeIndex| match self.dag[*n] {
            Point::Action(a) => Some(a.id),
            Point::Milestone(_) => None,
        };
        self.sorted.iter().filter_map(action).collect()
    }

    /// How many nodes there are; the actions are the first of them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether there is no action.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Every node by number, after all it waits for.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = (usize, Point<'a>)> {
        self.sorted.iter().map(|n| (n.index(), self.dag[*n]))
    }

    /// Nodes that a node waits for.
    pub fn before(&self, node: usize) -> impl Iterator<Item = usize> {
        self.dag.neighbors_directed(NodeIndex::new(node), Incoming).map(NodeIndex::index)
    }

    /// Nodes that wait for a node.
    pub fn behind(&self, node: usize) -> impl Iterator<Item = usize> {
        self.dag.neighbors(NodeIndex::new(node)).map(NodeIndex::index)
    }

    /// The longest chain of actions: how many steps deep the plan is.
    #[must_use]
    pub fn critical_path(&self) -> Vec<ActionId> {
        // How deep a node is, and the action at the end of that chain, which is the node itself where it is one.
        let mut best: Vec<(usize, Reverse<ActionId>, usize)> = vec![(0, Reverse(ActionId(0)), usize::MAX); self.len()];
        let mut through: Vec<usize> = vec![usize::MAX; self.len()];
        for (n, point) in self.points() {
            let before = self.before(n).map(|p| best[p]).max();
            best[n] = match point {
                Point::Action(a) => {
                    through[n] = before.map_or(usize::MAX, |(.., at)| at);
                    (before.map_or(0, |(depth, ..)| depth) + 1, Reverse(a.id), n)
                }
                Point::Milestone(_) => before.unwrap_or((0, Reverse(ActionId(0)), usize::MAX)),
            };
        }
        let last = best[..self.actions.len()].iter().max().map(|(.., at)| *at);
        let next = |at: &usize| Some(through[*at]).filter(|p| *p != usize::MAX);
        let mut path: Vec<_> = std::iter::successors(last, next).map(|at| self.actions[at].id).collect();
        path.reverse();
        path
    }
}

fn sorted(g: &DiGraph<Point<'_>, ()>) -> Result<Vec<NodeIndex>, GraphError> {
    let mut left: Vec<usize> = vec![0; g.node_count()];
    for edge in g.raw_edges() {
        left[edge.target().index()] += 1;
    }
    let mut ready = BinaryHeap::new();
    // A milestone is passed as soon as it is reached.
    let mut reached = Vec::new();
    for n in g.node_indices().filter(|n| left[n.index()] == 0) {
        match g[n] {
            Point::Action(a) => ready.push(Reverse((a.id, n))),
            Point::Milestone(_) => reached.push(n),
        }
    }
    let mut sorted = Vec::with_capacity(left.len());
    loop {
        let n = match reached.pop() {
            Some(milestone) => milestone,
            None => match ready.pop() {
                Some(Reverse((_, action))) => action,
                None => break,
            },
        };
        sorted.push(n);
        for next in g.neighbors(n) {
            let count = &mut left[next.index()];
            *count -= 1;
            if *count == 0 {
                match g[next] {
                    Point::Action(a) => ready.push(Reverse((a.id, next))),
                    Point::Milestone(_) => reached.push(next),
                }
            }
        }
    }
    if sorted.len() == left.len() { Ok(sorted) } else { Err(GraphError::Circle) }
}

/// See [`Graph::order`].
///
/// # Errors
/// See [`GraphError`].
pub fn order(actions: &[Action]) -> Result<Vec<ActionId>, GraphError> {
    Graph::new(actions).map(|g| g.order())
}

/// See [`Graph::critical_path`].
///
/// # Errors
/// See [`GraphError`].
pub fn critical_path(actions: &[Action]) -> Result<Vec<ActionId>, GraphError> {
    Graph::new(actions).map(|g| g.critical_path())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        plan::{After, Code, Op, Reason, RunWhen},
        testing::plans as fixtures,
        topology::Ordinal,
    };

    #[test]
    fn what_is_waited_for_anyway_is_left_out() {
        let plan = fixtures::full_join();
        let waits = Graph::new(&plan.actions).unwrap().direct();
        let ids = |n: usize| waits[n - 1].iter().map(|id| id.0).collect::<Vec<_>>();
        // A7 waits for A1 to A3 and A6, and A2 is behind A6 already.
        assert_eq!(ids(7), [1, 3, 6]);
        assert_eq!(ids(1), [0_u32; 0]);
        // Whatever is left out is still an ancestor: the same order comes out.
        let mut thin = plan.actions.clone();
        for (a, keep) in thin.iter_mut().zip(&waits) {
            a.after.retain(|w| w.before.actions().iter().all(|id| keep.iter().any(|k| k == *id)));
        }
        assert_eq!(order(&thin), order(&plan.actions));
        let mut circle = plan.actions;
        let again = circle[6].after[0].clone();
        circle[0].after.push(After { before: Before::Action(ActionId(7)), ..again });
        assert_eq!(Graph::new(&circle).map(|_| ()), Err(GraphError::Circle));
    }

    /// Actions with random edges, some of them through milestones that several share.
    fn actions() -> impl Strategy<Value = Vec<Action>> {
        let some = || proptest::collection::vec(any::<prop::sample::Index>(), 0..5);
        let one = (some(), proptest::option::of(any::<prop::sample::Index>()));
        let sets = proptest::collection::vec(proptest::collection::vec(0..40_u32, 1..30), 1..5);
        (proptest::collection::vec(one, 1..60), sets).prop_map(|(all, sets)| {
            let sets: Vec<_> = sets.iter().map(|s| s.iter().map(|n| ActionId(n + 1)).collect::<Vec<_>>()).collect();
            let milestones: Vec<_> = sets.iter().map(|s| Milestone::of(s.iter().copied())).collect();
            let action = |(i, (after, set)): (usize, (Vec<prop::sample::Index>, Option<prop::sample::Index>))| {
                let id = |n: usize| ActionId(u32::try_from(n + 1).unwrap());
                let mut waits: Vec<_> =
                    after.iter().filter(|_| i > 0).map(|n| After::one(id(n.index(i)), "order")).collect();
                let milestone = set.map(|set| &milestones[set.index(milestones.len())]);
                let earlier = |m: &&Milestone| m.actions().iter().all(|a| *a < id(i));
                waits.extend(milestone.filter(earlier).map(|m| After::all(m.clone(), "a stage")));
                let because = Reason::new(Code::Copy, "a test");
                Action { id: id(i), pod: Ordinal::MASTER, op: Op::Fence, because, after: waits, run: RunWhen::Normal }
            };
            all.into_iter().enumerate().map(action).collect()
        })
    }

    /// The same actions, each with an edge of its own to all that it waits for.
    fn dense(actions: &[Action]) -> Vec<Action> {
        let one = |a: &Action| Action { after: a.waits().map(|id| After::one(id, "order")).collect(), ..a.clone() };
        actions.iter().map(one).collect()
    }

    proptest! {
        /// A milestone is nothing but a short way to write edges.
        #[test]
        fn milestones_change_no_order(actions in actions()) {
            let dense = dense(&actions);
            prop_assert_eq!(order(&actions), order(&dense));
            prop_assert_eq!(critical_path(&actions), critical_path(&dense));
            let mut before: BTreeMap<ActionId, BTreeSet<ActionId>> = BTreeMap::new();
            for a in &dense {
                let all = a.waits().flat_map(|id| before[&id].clone().into_iter().chain([id])).collect();
                before.insert(a.id, all);
            }
            let direct = Graph::new(&actions).unwrap().direct();
            for (a, seen) in dense.iter().zip(&direct) {
                let waits: BTreeSet<ActionId> = a.waits().collect();
                let through = |id: &ActionId| waits.iter().any(|other| before[other].contains(id));
                let want: Vec<_> = waits.iter().copied().filter(|id| !through(id)).collect();
                prop_assert_eq!(seen.iter().collect::<Vec<_>>(), want, "{}", a.id);
                prop_assert_eq!(seen.len(), seen.iter().count());
            }
        }
    }
}
