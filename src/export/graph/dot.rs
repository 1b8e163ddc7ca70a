//! The graph for Graphviz.

use crate::export::graph::{Node, State, printable};

/// The text.
pub fn dot(nodes: &[Node]) -> String {
    let mut text = "digraph bb {\n  rankdir=LR;\n  node [shape=box, style=\"filled,rounded\", \
                    fontname=\"sans-serif\"];\n"
        .to_owned();
    for (at, node) in nodes.iter().enumerate() {
        let (name, summary) = (escaped(&node.name), escaped(&node.summary()));
        let colour = colour(node.state());
        text.push_str(&format!(
            "  n{at} [label=\"{name}\\n{summary}\", fillcolor=\"{colour}\"];\n"
        ));
    }
    for (at, node) in nodes.iter().enumerate() {
        text.extend(node.up.iter().map(|up| format!("  n{up} -> n{at};\n")));
    }
    text + "}\n"
}

pub(super) fn colour(state: State) -> &'static str {
    match state {
        State::Fresh => "#d5ecd9",
        State::Waits => "#d9e5f5",
        State::Stale => "#fbe3bd",
        State::Never => "#e4e4e8",
    }
}

/// Inside of quotation marks.
fn escaped(text: &str) -> String {
    printable(text).replace('\\', "\\\\").replace('"', "\\\"")
}
