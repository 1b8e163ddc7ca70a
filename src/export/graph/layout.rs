//! Where each node is drawn: in layers from left to right, a family below one another.
//!
//! A layer is the longest way from a source. Almost every node hangs on one other (an image has one
//! `FROM`), so the rows are those of a tree: each stands beside the first of its children, and a subtree
//! has its rows for itself. Edges of the tree never cross; the others are drawn behind. Takes as long as
//! there are edges, and the same graph always comes out the same.

use crate::export::graph::Node;

/// Where a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Layer, from the left.
    pub column: usize,
    /// From the top.
    pub row: usize,
    /// Which of those before it it hangs on.
    pub parent: Option<usize>,
}

/// A place for each node. Those before a node come before it in the list.
pub fn places(nodes: &[Node]) -> Vec<Place> {
    let mut places = Vec::<Place>::with_capacity(nodes.len());
    for node in nodes {
        let own = |up: usize| kin(&nodes[up].name) == kin(&node.name);
        // Of several, one of the same dock, and of these the first.
        let rank = |up: &usize| (places[*up].column, own(*up), usize::MAX - *up);
        let parent = node.up.iter().copied().max_by_key(rank);
        let column = parent.map_or(0, |up| places[up].column + 1);
        places.push(Place { column, row: 0, parent });
    }
    let tree = Tree::new(nodes, &places);
    for (of, helpers) in tree.helpers.iter().enumerate() {
        for helper in helpers {
            places[*helper].column = places[of].column.saturating_sub(1);
        }
    }
    rows(&tree, &mut places);
    places
}

/// What comes after the kind in a step's id: steps of a dock stay together.
fn kin(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, kin)| kin)
}

/// Who hangs on whom.
struct Tree {
    roots: Vec<usize>,
    children: Vec<Vec<usize>>,
    /// Sources that only one node needs, and not as its parent: they stand right before it.
    helpers: Vec<Vec<usize>>,
}

impl Tree {
    fn new(nodes: &[Node], places: &[Place]) -> Self {
        let none = || vec![vec![]; nodes.len()];
        let (mut users, mut children) = (none(), none());
        for (at, (node, place)) in nodes.iter().zip(places).enumerate() {
            for up in &node.up {
                users[*up].push(at);
            }
            if let Some(up) = place.parent {
                children[up].push(at);
            }
        }
        let (mut roots, mut helpers) = (vec![], none());
        let sources = (0..nodes.len()).filter(|at| places[*at].parent.is_none());
        for at in sources {
            match users[at].as_slice() {
                [user] if places[*user].parent != Some(at) => helpers[*user].push(at),
                _ => roots.push(at),
            }
        }
        Self { roots, children, helpers }
    }
}

enum Visit {
    Enter(usize),
    /// What comes next has at least this row.
    Leave(usize),
}

/// Depth first, with a stack of its own: a chain may be longer than the thread's.
fn rows(tree: &Tree, places: &mut [Place]) {
    let mut next = 0;
    let mut stack = tree.roots.iter().rev().map(|root| Visit::Enter(*root)).collect::<Vec<_>>();
    while let Some(visit) = stack.pop() {
        let at = match visit {
            Visit::Enter(at) => at,
            Visit::Leave(at_least) => {
                next = next.max(at_least);
                continue;
            }
        };
        places[at].row = next;
        for (helper, row) in tree.helpers[at].iter().zip(next + 1..) {
            places[*helper].row = row;
        }
        stack.push(Visit::Leave(next + 1 + tree.helpers[at].len()));
        stack.extend(tree.children[at].iter().rev().map(|child| Visit::Enter(*child)));
    }
}
