//! The graph for Mermaid, as Markdown renderers show it.

use crate::export::graph::dot::colour;
use crate::export::graph::{Node, State, printable};

/// The text.
pub fn mermaid(nodes: &[Node]) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (at, node) in nodes.iter().enumerate() {
        let (name, summary) = (escaped(&node.name), escaped(&node.summary()));
        let class = node.state().class();
        text.push_str(&format!("  n{at}[\"{name}<br/>{summary}\"]:::{class}\n"));
    }
    for (at, node) in nodes.iter().enumerate() {
        text.extend(node.up.iter().map(|up| format!("  n{up} --> n{at}\n")));
    }
    for state in State::ALL {
        let (class, colour) = (state.class(), colour(state));
        text.push_str(&format!("  classDef {class} fill:{colour},stroke:#666,color:#111\n"));
    }
    text
}

/// Mermaid's own way to write a character by its number, for all that could mean something to it.
fn escaped(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " .,:/_-·@+=".contains(c);
    let escape = |c: char| if plain(c) { c.to_string() } else { format!("#{};", u32::from(c)) };
    printable(text).chars().map(escape).collect()
}
