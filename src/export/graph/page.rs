//! The graph as an SVG picture, and as a page with details of each node: one file that needs nothing else.

use serde_json::{Value, json};

use crate::base::error::{Error, Result};
use crate::base::words::megabytes;
use crate::export::graph::layout::{Place, places};
use crate::export::graph::{Node, Part, State, cut, printable};
use crate::export::render;
use crate::report::duration;

const SVG: &str = include_str!("../../../templates/graph/graph.svg.j2");
const PAGE: &str = include_str!("../../../templates/graph/page.html.j2");
const COLOURS: &str = include_str!("../../../templates/graph/colours.css");
const STYLE: &str = include_str!("../../../templates/graph/page.css");
const SCRIPT: &str = include_str!("../../../templates/graph/page.js");

/// A node's box, and from one to the next.
const WIDTH: usize = 208;
const HEIGHT: usize = 46;
const ACROSS: usize = WIDTH + 64;
const DOWN: usize = HEIGHT + 16;
const MARGIN: usize = 24;
/// Letters that fit into a box.
const LETTERS: usize = 24;

/// The picture.
///
/// # Errors
/// A bug: the template of the picture.
pub fn svg(nodes: &[Node]) -> Result<String> {
    picture(nodes, true)
}

fn picture(nodes: &[Node], alone: bool) -> Result<String> {
    let places = places(nodes);
    let most = |of: fn(&Place) -> usize| places.iter().map(of).max().map_or(0, |most| most + 1);
    let boxes = nodes.iter().zip(&places).enumerate();
    let boxes = boxes.map(|(at, (node, place))| drawn(at, node, *place)).collect::<Vec<_>>();
    let values = json!({
        "alone": alone,
        "colours": COLOURS,
        "width": MARGIN * 2 + (most(|p| p.column) * ACROSS).saturating_sub(ACROSS - WIDTH),
        "height": MARGIN * 2 + (most(|p| p.row) * DOWN).saturating_sub(DOWN - HEIGHT),
        "box": { "width": WIDTH, "height": HEIGHT },
        "nodes": boxes,
        "edges": edges(nodes, &places),
    });
    // The name makes the renderer escape.
    render("graph.svg.xml", SVG, &values)
}

fn corner(place: Place) -> (usize, usize) {
    (MARGIN + place.column * ACROSS, MARGIN + place.row * DOWN)
}

fn drawn(at: usize, node: &Node, place: Place) -> Value {
    let (x, y) = corner(place);
    let (name, summary, state) = (printable(&node.name), node.summary(), node.state());
    let rest = summary.strip_prefix(state.word()).unwrap_or_default();
    json!({
        "at": at, "x": x, "y": y, "name": name, "short": cut(&name, LETTERS), "summary": summary,
        "class": state.class(), "mark": state.mark(), "word": state.word(), "rest": rest,
    })
}

/// Edges of the tree last: they are drawn over the others.
fn edges(nodes: &[Node], places: &[Place]) -> Vec<Value> {
    let mut edges = vec![];
    for (at, (node, to)) in nodes.iter().zip(places).enumerate() {
        for up in &node.up {
            let Some(from) = places.get(*up) else { continue };
            let tree = to.parent == Some(*up);
            let path = if tree { elbow(*from, *to) } else { curve(*from, *to) };
            edges.push((tree, json!({ "from": up, "to": at, "tree": tree, "path": path })));
        }
    }
    edges.sort_by_key(|(tree, _)| *tree);
    edges.into_iter().map(|(_, edge)| edge).collect()
}

/// From the middle of the right side to the middle of the left side.
fn ends(from: Place, to: Place) -> [usize; 4] {
    let ((x1, y1), (x2, y2)) = (corner(from), corner(to));
    [x1 + WIDTH, y1 + HEIGHT / 2, x2, y2 + HEIGHT / 2]
}

/// A child is never above what it hangs on.
fn elbow(from: Place, to: Place) -> String {
    let [x1, y1, x2, y2] = ends(from, to);
    let trunk = x1 + 20;
    if y1 == y2 {
        return format!("M{x1} {y1}H{x2}");
    }
    let (above, after) = (y2 - 8, trunk + 8);
    format!("M{x1} {y1}H{trunk}V{above}Q{trunk} {y2} {after} {y2}H{x2}")
}

fn curve(from: Place, to: Place) -> String {
    let [x1, y1, x2, y2] = ends(from, to);
    let (out, back) = (x1 + 40, x2.saturating_sub(40));
    format!("M{x1} {y1}C{out} {y1} {back} {y2} {x2} {y2}")
}

/// The page. `title` is the project's name; `what` says what the nodes are.
///
/// # Errors
/// A bug: a template of the page, or the data in it.
pub fn page(nodes: &[Node], title: &str, what: &str) -> Result<String> {
    let counts = State::ALL.map(|state| {
        let count = nodes.iter().filter(|node| node.state() == state).count();
        json!({ "class": state.class(), "word": state.word(), "count": count })
    });
    let values = json!({
        "title": printable(title), "what": what, "total": nodes.len(), "counts": counts,
        "colours": COLOURS, "style": STYLE, "script": SCRIPT,
        "picture": picture(nodes, false)?,
        "data": data(nodes)?,
    });
    render("graph.html", PAGE, &values)
}

/// JSON that can stand in a script element: nothing in it can end the element.
fn data(nodes: &[Node]) -> Result<String> {
    let nodes = nodes.iter().map(details).collect::<Vec<_>>();
    let text = serde_json::to_string(&nodes);
    let text = text.map_err(|e| Error::bug(format!("cannot write JSON: {e}")))?;
    Ok(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

fn details(node: &Node) -> Value {
    let printable = |texts: &[String]| texts.iter().map(|t| printable(t)).collect::<Vec<_>>();
    json!({
        "name": super::printable(&node.name),
        "class": node.state().class(), "word": node.state().word(),
        "size": node.size.map(megabytes), "took": node.took().map(duration),
        "packages": node.packages,
        "references": printable(&node.references), "bases": printable(&node.bases),
        "up": node.up,
        "steps": node.parts.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(part: &Part) -> Value {
    json!({
        "id": printable(&part.id),
        "class": part.state.class(), "word": part.state.word(),
        "reason": printable(&part.reason),
        "size": part.size.map(megabytes), "took": part.took.map(duration),
    })
}
