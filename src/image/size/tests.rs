use std::path::Path;
use std::sync::Arc;

use super::difference::difference;
use super::*;
use crate::image::tree::Node;

fn file(archive: &str, offset: u64, size: u64, linked: bool) -> Node {
    let content = Content { file: Arc::from(Path::new(archive)), offset, size, linked };
    Node::of_root(Kind::File(content), 0o644)
}

/// Two images: `top` is on `base`, replaces one of its files and has one of two names.
fn ledger() -> Ledger {
    let base = Nodes::from([
        ("usr/bin/a".into(), file("base", 0, 100, false)),
        ("usr/lib/x/old".into(), file("base", 100, 1000, false)),
        ("f".into(), file("base", 1100, 3, false)),
    ]);
    let top = Nodes::from([
        ("usr/lib/x/.wh.old".into(), file("top", 0, 0, false)),
        ("usr/bin/b".into(), file("top", 0, 20_000, true)),
        ("usr/bin/c".into(), file("top", 0, 20_000, true)),
        ("etc/d".into(), file("top", 9, 7, false)),
    ]);
    let layer = |image: &str, nodes| Layer {
        image: image.to_owned(),
        instruction: "COPY x /".to_owned(),
        nodes: Arc::new(nodes),
    };
    let layers = [layer("base", base), layer("top", top)];
    let mut tree = Tree::default();
    for layer in &layers {
        tree.apply(&layer.nodes).unwrap();
    }
    let owners = Owners::from([
        ("usr/bin/a".into(), "x/a-1".to_owned()),
        ("usr/bin/b".into(), "x/b-1.2_p3-r4".to_owned()),
    ]);
    Ledger::of("top", "sha256:1", &layers, &tree, &owners)
}

fn told(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| format!("{} {}", entry.size, entry.name)).collect()
}

#[test]
fn bytes_are_told_once_by_layer_by_package_and_by_folder() {
    let ledger = ledger();
    assert_eq!(ledger.total, 21_110);
    assert_eq!(told(&ledger.layers), ["1103 base: COPY x /", "20007 top: COPY x /"]);
    assert_eq!(
        told(&ledger.packages),
        [
            "20000 x/b-1.2_p3-r4",
            "1000 (replaced or removed by a layer above)",
            "100 x/a-1",
            "7 (other files of top)",
            "3 (other files of base)",
        ]
    );
    assert_eq!(told(&ledger.folders), ["3 /", "7 /etc", "20100 /usr", "20100 /usr/bin"]);
    let packages = ledger.packages.iter().map(|entry| entry.size).sum::<u64>();
    assert_eq!(packages, ledger.total);
}

#[test]
fn a_package_is_compared_whatever_its_version() {
    let before = ledger();
    let mut now = before.clone();
    "sha256:2".clone_into(&mut now.id);
    now.packages[0] = Entry { name: "x/b-1.3".to_owned(), size: 20_500 };
    now.packages.push(Entry { name: "x/c-d-1".to_owned(), size: 11 });
    now.packages.retain(|entry| entry.name != "x/a-1");
    now.total += 411;
    let found = difference(&before, &now);
    assert_eq!((found.id.as_str(), found.total.by()), ("sha256:1", (true, 411)));
    let changes = found.packages.iter().map(|c| format!("{} {} {}", c.name, c.before, c.now));
    assert_eq!(changes.collect::<Vec<_>>(), ["x/b 20000 20500", "x/a 100 0", "x/c-d 0 11"]);
    assert!(found.layers.is_empty() && found.folders.is_empty());
}

#[test]
fn budgets_are_written_with_units() {
    let budget = |text: &str| Budget::try_from(text.to_owned());
    assert_eq!(budget("17 MB"), Ok(Budget(17_000_000)));
    assert_eq!(budget("1.5MiB"), Ok(Budget(1_572_864)));
    assert_eq!(budget("900 kB"), Ok(Budget(900_000)));
    for wrong in ["", "MB", "17 parsecs", "-1 MB", "1e400 MB x"] {
        assert_eq!(budget(wrong), Err(format!("`{wrong}` is not a size, as `17 MB` is")));
    }
}

#[test]
fn over_its_budget_the_three_largest_are_named() {
    let ledger = ledger();
    assert_eq!(over_budget(&ledger, Budget(21_110)), None);
    let error = over_budget(&ledger, Budget(21_000)).unwrap();
    let said = crate::base::diag::render(&error, false);
    let lines = [
        "error: the image `top` is 0.02 MB large, 110 bytes over its budget of 0.02 MB",
        "     0.02 MB  x/b-1.2_p3-r4",
        "  1000 bytes  (replaced or removed by a layer above)",
        "   100 bytes  x/a-1",
        "hint: slim it, or raise `size_budget` in its `dock.toml`; see `bb size top`",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), lines);
    assert_eq!(error.exit(), crate::base::error::Exit::Step);
}

#[test]
fn only_the_total_is_known_of_what_the_engine_has_built() {
    let ledger = Ledger::of_engine("x", "sha256:1", 5_000_000, "it runs a command");
    let error = over_budget(&ledger, Budget(1_000_000)).unwrap();
    assert_eq!(
        error.message(),
        "the image `x` is 5.00 MB large, 4.00 MB over its budget of 1.00 MB"
    );
    assert!(error.details().is_empty());
}
