//! The order of a plan, on petgraph.

use std::collections::BTreeMap;

use petgraph::{
    algo::{
        toposort,
        tred::{dag_to_toposorted_adjacency_list, dag_transitive_reduction_closure},
    },
    graph::{DiGraph, NodeIndex},
    visit::{EdgeRef, IntoEdgeReferences as _, Topo},
};

use super::action::{Action, ActionId};

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

fn graph(actions: &[Action]) -> Result<DiGraph<ActionId, ()>, GraphError> {
    let mut g = DiGraph::with_capacity(actions.len(), actions.len() * 2);
    let mut nodes: BTreeMap<ActionId, NodeIndex> = BTreeMap::new();
    for a in actions {
        if nodes.insert(a.id, g.add_node(a.id)).is_some() {
            return Err(GraphError::Duplicate(a.id));
        }
    }
    for a in actions {
        for after in &a.after {
            let from = nodes.get(&after.action).ok_or(GraphError::Unknown(a.id, after.action))?;
            g.update_edge(*from, nodes[&a.id], ());
        }
    }
    Ok(g)
}

/// Every action after all it waits for; among equals, the smaller id first.
///
/// # Errors
/// See [`GraphError`].
pub fn order(actions: &[Action]) -> Result<Vec<ActionId>, GraphError> {
    let g = graph(actions)?;
    let mut waiting: BTreeMap<ActionId, usize> = BTreeMap::new();
    let mut ready = std::collections::BTreeSet::new();
    for n in g.node_indices() {
        let count = g.edges_directed(n, petgraph::Incoming).count();
        if count == 0 {
            ready.insert((g[n], n));
        } else {
            waiting.insert(g[n], count);
        }
    }
    let mut sorted = Vec::with_capacity(actions.len());
    while let Some((id, n)) = ready.pop_first() {
        sorted.push(id);
        for edge in g.edges(n) {
            let next = g[edge.target()];
            let left = waiting.get_mut(&next).expect("an action with an incoming edge waits");
            *left -= 1;
            if *left == 0 {
                ready.insert((next, edge.target()));
            }
        }
    }
    if sorted.len() == actions.len() { Ok(sorted) } else { Err(GraphError::Circle) }
}

/// For each action, what it waits for and does not wait for already through something else: what a reader needs.
///
/// # Errors
/// See [`GraphError`].
pub fn direct(actions: &[Action]) -> Result<BTreeMap<ActionId, Vec<ActionId>>, GraphError> {
    let g = graph(actions)?;
    let sorted = toposort(&g, None).map_err(|_| GraphError::Circle)?;
    let (list, _) = dag_to_toposorted_adjacency_list::<_, u32>(&g, &sorted);
    let (reduction, _) = dag_transitive_reduction_closure(&list);
    let mut waits: BTreeMap<ActionId, Vec<ActionId>> = BTreeMap::new();
    for edge in reduction.edge_references() {
        let [from, to] = [edge.source(), edge.target()].map(|i| g[sorted[i as usize]]);
        waits.entry(to).or_default().push(from);
    }
    for list in waits.values_mut() {
        list.sort();
    }
    Ok(waits)
}

/// The longest chain of actions: how many steps deep the plan is.
///
/// # Errors
/// See [`GraphError`].
pub fn critical_path(actions: &[Action]) -> Result<Vec<ActionId>, GraphError> {
    let g = graph(actions)?;
    let mut best: BTreeMap<NodeIndex, (usize, Option<NodeIndex>)> = BTreeMap::new();
    let mut walk = Topo::new(&g);
    let mut seen = 0;
    while let Some(n) = walk.next(&g) {
        seen += 1;
        let before = g
            .neighbors_directed(n, petgraph::Incoming)
            .map(|p| (best[&p].0, p))
            .max_by_key(|&(depth, p)| (depth, std::cmp::Reverse(g[p])));
        best.insert(n, before.map_or((1, None), |(depth, p)| (depth + 1, Some(p))));
    }
    if seen < actions.len() {
        return Err(GraphError::Circle);
    }
    let mut path = Vec::new();
    let mut at = best.iter().max_by_key(|(n, (depth, _))| (*depth, std::cmp::Reverse(g[**n]))).map(|(n, _)| *n);
    while let Some(n) = at {
        path.push(g[n]);
        at = best[&n].1;
    }
    path.reverse();
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plans as fixtures;

    #[test]
    fn what_is_waited_for_anyway_is_left_out() {
        let plan = fixtures::full_join();
        let waits = direct(&plan.actions).unwrap();
        let ids = |n: u32| waits.get(&ActionId(n)).map(|w| w.iter().map(|id| id.0).collect::<Vec<_>>());
        // A7 waits for A1 to A3 and A6, and A2 is behind A6 already.
        assert_eq!(ids(7), Some(vec![1, 3, 6]));
        assert_eq!(ids(1), None);
        // Whatever is left out is still an ancestor: the same order comes out.
        let mut thin = plan.actions.clone();
        for a in &mut thin {
            let keep = waits.get(&a.id).cloned().unwrap_or_default();
            a.after.retain(|w| keep.contains(&w.action));
        }
        assert_eq!(order(&thin), order(&plan.actions));
        let mut circle = plan.actions;
        let again = circle[6].after[0].clone();
        circle[0].after.push(crate::plan::After { action: ActionId(7), ..again });
        assert_eq!(direct(&circle), Err(GraphError::Circle));
    }
}
