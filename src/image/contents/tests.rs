use super::*;

fn item(what: What) -> Item {
    Item { what, mode: 0o644, uid: 0, gid: 0, xattrs: None }
}

fn file(size: u64, digest: &str) -> Item {
    item(What::File(size, digest.to_owned()))
}

fn package(name: &str, version: &str, slot: &str, flags: &str) -> Package {
    Package {
        category: "c".into(),
        name: name.into(),
        version: version.into(),
        slot: slot.into(),
        flags: flags.split_whitespace().map(str::to_owned).collect(),
        size: 1,
    }
}

fn contents(files: Vec<(&str, Item)>, packages: Vec<Package>) -> Contents {
    let files = files.into_iter().map(|(path, item)| (path.to_owned(), item)).collect();
    Contents { id: "sha256:1".into(), size: 10, built_by_engine: None, files, packages }
}

#[test]
fn every_kind_of_change_is_told() {
    let before = contents(
        vec![
            ("etc", Item { mode: 0o755, ..item(What::Folder) }),
            ("gone", file(5, "a")),
            ("grown", file(5, "a")),
            ("kind", item(What::Link("x".into()))),
            ("same", file(5, "a")),
            ("same-size", file(5, "a")),
            ("su", file(5, "a")),
        ],
        vec![],
    );
    let now = contents(
        vec![
            ("etc", Item { mode: 0o1755, ..item(What::Folder) }),
            ("grown", file(20_000, "b")),
            ("kind", file(1, "a")),
            ("new", item(What::Link("same".into()))),
            ("same", file(5, "a")),
            ("same-size", file(5, "b")),
            ("su", Item { mode: 0o4644, gid: 7, xattrs: Some("z".into()), ..file(5, "a") }),
        ],
        vec![],
    );
    let said = difference(&before, &now).files;
    let said = said.iter().map(|(path, change)| match change {
        FileChange::Added { what } => format!("+ {path} {what}"),
        FileChange::Removed { what } => format!("- {path} {what}"),
        FileChange::Changed { how } => format!("~ {path} {}", how.join(", ")),
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            "~ /etc mode 0755 -> 1755",
            "- /gone 5 bytes",
            "~ /grown 5 bytes -> 0.02 MB",
            "~ /kind link to x -> 1 bytes",
            "+ /new link to same",
            "~ /same-size 5 bytes, other content",
            "~ /su mode 0644 -> 4644, owner 0:0 -> 0:7, other extended attributes",
        ]
    );
    assert_eq!(difference(&now, &now).files, BTreeMap::new());
}

#[test]
fn packages_are_told_apart_by_name_and_slot() {
    let before = [
        package("same", "1", "0/1", "a"),
        package("gone", "1", "0", ""),
        package("flags", "1", "0", "a b"),
        package("slots", "1", "1", ""),
        package("slots", "2", "2", ""),
    ];
    let now = [
        package("same", "1", "0/2", "a"),
        package("flags", "1", "0", "b c"),
        package("slots", "1.1", "1", ""),
        package("slots", "2", "2", ""),
        package("new", "3-r1", "0", ""),
    ];
    let said = packages(&before, &now);
    let one = |version: &str| version.to_owned();
    let changed = |versions: [&str; 2], flags: &[&str]| PackageChange::Changed {
        versions: versions.map(str::to_owned),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
    };
    let expected = BTreeMap::from([
        ("c/flags".to_owned(), changed(["1", "1"], &["+c", "-a"])),
        ("c/gone".to_owned(), PackageChange::Removed { version: one("1") }),
        ("c/new".to_owned(), PackageChange::Added { version: one("3-r1") }),
        ("c/slots:1".to_owned(), changed(["1", "1.1"], &[])),
    ]);
    assert_eq!(said, expected);
}

#[test]
fn files_that_only_the_engine_has_are_not_compared() {
    let known = contents(vec![("a", file(1, "a"))], vec![]);
    let engine =
        Contents { built_by_engine: Some("it has RUN".into()), ..contents(vec![], vec![]) };
    let said = difference(&known, &engine);
    assert_eq!((said.files.len(), said.unknown.as_deref()), (0, Some("it has RUN")));
}
