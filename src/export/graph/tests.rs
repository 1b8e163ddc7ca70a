use super::layout::{Place, places};
use super::*;

fn part(id: &str, state: State, reason: &str) -> Part {
    Part { id: id.into(), state, reason: reason.into(), size: None, took: None }
}

fn node(name: &str, up: &[usize]) -> Node {
    Node {
        name: name.into(),
        up: up.into(),
        parts: vec![part(&format!("image:{name}"), State::Fresh, "")],
        size: Some(4_530_000),
        packages: None,
        references: vec![],
        bases: vec![],
    }
}

fn laid(nodes: &[Node]) -> Vec<(usize, usize)> {
    places(nodes).iter().map(|p| (p.column, p.row)).collect()
}

#[test]
fn a_family_stands_below_one_another_and_a_chain_on_one_line() {
    let nodes = [
        node("busybox", &[]),
        node("s6", &[0]),
        node("nginx", &[1]),
        node("php", &[1]),
        node("memcached", &[0]),
        node("other", &[]),
    ];
    assert_eq!(laid(&nodes), [(0, 0), (1, 0), (2, 0), (2, 1), (1, 2), (0, 3)]);
}

#[test]
fn what_copies_from_another_hangs_on_the_deepest() {
    let nodes = [node("a", &[]), node("b", &[0]), node("c", &[1]), node("d", &[0, 2])];
    assert_eq!(laid(&nodes), [(0, 0), (1, 0), (2, 0), (3, 0)]);
    let parents = places(&nodes).iter().map(|p| p.parent).collect::<Vec<_>>();
    assert_eq!(parents, [None, Some(0), Some(1), Some(2)]);
}

#[test]
fn a_source_of_one_step_stands_before_it() {
    let nodes = [
        node("builder:bob", &[]),
        node("rootfs:a", &[0]),
        node("dockerfile:a", &[]),
        node("image:a", &[1, 2]),
        node("rootfs:b", &[1]),
    ];
    assert_eq!(laid(&nodes), [(0, 0), (1, 0), (1, 1), (2, 0), (2, 2)]);
}

/// No two boxes in one place, and every edge leads to the right, whatever the graph.
#[test]
fn boxes_never_lie_on_each_other() {
    let mut random = fastrand::Rng::with_seed(7);
    for size in [1, 10, 100, 1000] {
        let mut nodes = vec![];
        for at in 0..size {
            let ups = if at == 0 { 0 } else { random.usize(0..4) };
            let mut up = (0..ups).map(|_| random.usize(0..at)).collect::<Vec<_>>();
            up.sort_unstable();
            up.dedup();
            nodes.push(node(&format!("n{at}"), &up));
        }
        let places = places(&nodes);
        let taken =
            places.iter().map(|p| (p.column, p.row)).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(taken.len(), size);
        let right = |from: &Place, to: &Place| from.column < to.column;
        for (node, place) in nodes.iter().zip(&places) {
            assert!(node.up.iter().all(|up| right(&places[*up], place)));
        }
    }
}

#[test]
fn a_chain_of_any_length_is_laid_out() {
    let nodes = (0..100_000).map(|at: usize| node("n", &Vec::from_iter(at.checked_sub(1))));
    let places = places(&nodes.collect::<Vec<_>>());
    assert_eq!(places.last().map(|p| (p.column, p.row)), Some((99_999, 0)));
}

#[test]
fn a_dock_is_never_built_only_if_its_image_is_not_there() {
    let mut dock = node("a", &[]);
    dock.parts = vec![part("rootfs:a", State::Fresh, ""), part("image:a", State::Never, "")];
    assert_eq!(dock.state(), State::Never);
    dock.parts = vec![part("rootfs:a", State::Never, ""), part("image:a", State::Waits, "")];
    assert_eq!(dock.state(), State::Stale);
}

const HOSTILE: &str = "</script><script>alert(1)</script>\"<!--\u{1}'&\\";

fn hostile() -> [Node; 1] {
    let mut hostile = node(HOSTILE, &[]);
    hostile.parts = vec![part(HOSTILE, State::Stale, HOSTILE)];
    hostile.references = vec![HOSTILE.into()];
    [hostile]
}

#[test]
fn nothing_breaks_out_of_the_page() {
    let clean = page::page(&[node("a", &[])], "p", "docks").unwrap();
    let page = page::page(&hostile(), HOSTILE, "docks").unwrap();
    for mark in ["<script", "</script", "<!--", "<style", "alert(1)</"] {
        assert_eq!(page.matches(mark).count(), clean.matches(mark).count(), "{mark}");
    }
    assert!(!page.contains('\u{1}'));
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data[0]["name"].as_str(), Some(HOSTILE.replace('\u{1}', "\u{fffd}").as_str()));
}

#[test]
fn nothing_breaks_out_of_the_picture_dot_and_mermaid() {
    let svg = page::svg(&hostile()).unwrap();
    assert!(!svg.contains("<script") && !svg.contains("<!--") && !svg.contains('\u{1}'), "{svg}");
    let dot = dot::dot(&hostile());
    assert!(dot.contains("</script>\\\"<!--\u{fffd}'&\\\\\\nstale"), "{dot}");
    let mermaid = mermaid::mermaid(&hostile());
    assert!(mermaid.contains("[\"#60;/script#62;#60;script#62;alert#40;1#41;"), "{mermaid}");
}
