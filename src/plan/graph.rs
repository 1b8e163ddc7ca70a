//! The graph of steps: look-up by id, order, ancestors.
//!
//! Does not know how steps come about, only that they may not depend on themselves.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::plan::step::Step;

/// Position of a step in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepIx(Node);

impl StepIx {
    /// As a place in a list with an entry for each step.
    pub fn index(self) -> usize {
        self.0.index()
    }
}

/// The same in the graph, which counts in the same order.
type Node = NodeIndex<u32>;

/// The DAG of steps. Edges point from a step to those that need it.
#[derive(Debug, Clone)]
pub struct Plan {
    graph: DiGraph<(), ()>,
    /// By their positions; a part of a plan has the very steps of the whole.
    steps: Vec<Arc<Step>>,
    by_id: HashMap<StepId, StepIx>,
    order: Vec<StepIx>,
}

impl Plan {
    /// Links the steps by their needs.
    ///
    /// # Errors
    /// A need that no step satisfies is a bug; a cycle is an error that prints its path.
    pub fn new(steps: Vec<Step>) -> Result<Self> {
        Self::linked(steps.into_iter().map(Arc::new).collect())
    }

    fn linked(steps: Vec<Arc<Step>>) -> Result<Self> {
        let mut graph = DiGraph::with_capacity(steps.len(), steps.len() * 3);
        let mut by_id = HashMap::with_capacity(steps.len());
        for step in &steps {
            by_id.insert(step.id.clone(), StepIx(graph.add_node(())));
        }
        for (node, step) in graph.node_indices().zip(&steps) {
            for need in &step.needs {
                let up = by_id.get(&need.step);
                let up = up.ok_or_else(|| Error::bug(format!("no step `{}`", need.step)))?;
                graph.update_edge(up.0, node, ());
            }
        }
        let order = petgraph::algo::toposort(&graph, None)
            .map_err(|cycle| cycle_error(&graph, &steps, cycle.node_id()))?;
        let order = order.into_iter().map(StepIx).collect();
        Ok(Self { graph, steps, by_id, order })
    }

    /// The step at a position.
    pub fn step(&self, ix: StepIx) -> &Step {
        &self.steps[ix.index()]
    }

    /// Where a step is.
    pub fn find(&self, id: &StepId) -> Option<StepIx> {
        self.by_id.get(id).copied()
    }

    /// All steps, prerequisites first.
    pub fn order(&self) -> &[StepIx] {
        &self.order
    }

    /// How many steps.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// Steps that this one needs.
    pub fn upstream(&self, ix: StepIx) -> impl Iterator<Item = StepIx> + '_ {
        self.graph.edges_directed(ix.0, Direction::Incoming).map(|e| StepIx(e.source()))
    }

    /// Steps that need this one.
    pub fn downstream(&self, ix: StepIx) -> impl Iterator<Item = StepIx> + '_ {
        self.graph.edges_directed(ix.0, Direction::Outgoing).map(|e| StepIx(e.target()))
    }

    /// The sub-plan of `roots` and all that they need.
    ///
    /// # Errors
    /// A bug: a step needs one that is not in the plan.
    pub fn closure(&self, roots: &[StepIx]) -> Result<Plan> {
        self.closure_to(roots, |_| false)
    }

    /// The same up to the steps that are `given`: what these need is left out.
    ///
    /// # Errors
    /// A bug: a step needs one that is not in the plan.
    pub fn closure_to(&self, roots: &[StepIx], given: impl Fn(&Step) -> bool) -> Result<Plan> {
        let mut wanted = vec![false; self.len()];
        let mut stack = roots.to_vec();
        while let Some(ix) = stack.pop() {
            let seen = std::mem::replace(&mut wanted[ix.index()], true);
            if !seen && !given(self.step(ix)) {
                stack.extend(self.upstream(ix));
            }
        }
        let step = |ix: &StepIx| {
            let step = &self.steps[ix.index()];
            if given(step) {
                Arc::new(Step { needs: vec![], ..Step::clone(step) })
            } else {
                step.clone()
            }
        };
        Plan::linked(self.order.iter().filter(|ix| wanted[ix.index()]).map(step).collect())
    }
}

/// Walks upstream from a node of a cycle until it meets itself.
fn cycle_error(graph: &DiGraph<(), ()>, steps: &[Arc<Step>], start: Node) -> Error {
    let mut path = vec![start];
    // Kosaraju's, for Tarjan's recurs as deep as the cycle is long.
    let in_cycle = petgraph::algo::kosaraju_scc(graph).into_iter().find(|c| c.contains(&start));
    let in_cycle = in_cycle.unwrap_or_default().into_iter().collect::<HashSet<_>>();
    let mut places = HashMap::from([(start, 0)]);
    while let Some(&last) = path.last() {
        let next =
            graph.neighbors_directed(last, Direction::Incoming).find(|n| in_cycle.contains(n));
        let Some(next) = next else { break };
        path.push(next);
        if let Some(from) = places.insert(next, path.len() - 1) {
            path.drain(..from);
            break;
        }
    }
    let path = path.iter().map(|node| &steps[node.index()].id).collect::<Vec<_>>();
    let with_task = path.iter().any(|id| id.kind == Kind::Task);
    let name = |id: &&StepId| if with_task { id.to_string() } else { id.name.clone() };
    cycle_of(&path.iter().map(name).collect::<Vec<_>>())
}

/// A longer cycle is not told whole.
const MOST_NAMED: usize = 20;

/// The error for a cycle, given as a path that ends where it begins.
fn cycle_of(names: &[String]) -> Error {
    let path = match names.len() {
        0..=MOST_NAMED => names.join(" -> "),
        _ => {
            let (begin, end) = (&names[..MOST_NAMED - 1], &names[names.len() - 1]);
            format!("{} -> … -> {end}", begin.join(" -> "))
        }
    };
    Error::config(format!("images depend on themselves: {path}"))
        .hint("each arrow is a FROM or a COPY --from; remove one of them")
}
