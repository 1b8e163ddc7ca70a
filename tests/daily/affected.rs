//! `--affected`: what has changed since a commit, and what stands on it.

use std::process::Command;

use support::fake::engine::World;
use support::fake::room::Room;

use crate::family::bb;

fn git(room: &Room, args: &[&str]) {
    let settings =
        ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "init.defaultBranch=main"];
    let all = [&settings[..], args].concat();
    let out: Command = room.command("git", &all);
    let mut out = out;
    assert!(out.output().unwrap().status.success(), "{args:?}");
}

/// The images that a command says are affected, by its lines about images.
fn images(room: &Room, args: &str) -> Vec<String> {
    let text = bb(room, args).ok().text;
    let mut images = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("image:")));
    let mut all = images.by_ref().map(str::to_owned).collect::<Vec<_>>();
    all.sort();
    all
}

#[test]
fn only_what_a_change_touches_is_built() {
    let room = Room::new(World::default());
    room.dock("base", "FROM scratch\nCOPY f /\n");
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY f /\n");
    room.dock("other", "FROM scratch\nCOPY f /\n");
    room.write("bb-dock/other/gone", "old");
    room.write("bb-dock/other/Dockerfile.template", "FROM scratch\nCOPY f gone* /\n");
    room.settings("", "");
    room.write(".gitignore", ".bb\n");
    git(&room, &["init", "--quiet"]);
    git(&room, &["add", "."]);
    git(&room, &["commit", "--quiet", "-m", "one"]);
    let nothing = "nothing here is touched by what has changed since `HEAD`\n";
    assert_eq!(bb(&room, "status --affected HEAD").ok().text, nothing);
    assert_eq!(bb(&room, "build --affected HEAD").ok().text, nothing);
    room.write("bb-dock/child/f", "another");
    assert_eq!(images(&room, "build --affected HEAD --dry-run"), ["image:base", "image:child"]);
    let made = bb(&room, "build --affected HEAD").ok().text;
    assert!(made.contains("image:child") && !made.contains("image:other"), "{made}");
    git(&room, &["commit", "--quiet", "-am", "two"]);
    // By a file that is gone, or a new one that nobody has added.
    std::fs::remove_file(room.path("bb-dock/other/gone")).unwrap();
    assert_eq!(images(&room, "status --affected HEAD"), ["image:other"]);
    room.write("bb-dock/base/f", "new");
    assert_eq!(
        images(&room, "status --affected HEAD"),
        ["image:base", "image:child", "image:other"]
    );
    git(&room, &["commit", "--quiet", "-am", "three"]);
    // What nobody copies is nobody's.
    room.write("bb-dock/base/README.md", "words");
    assert_eq!(bb(&room, "status --affected HEAD").ok().text, nothing);
    room.write("bb-dock/base/dock.toml", "[labels]\nvendor = \"me\"\n");
    assert_eq!(images(&room, "status --affected HEAD"), ["image:base", "image:child"]);
    for (commit, told) in
        [("none", "git does not tell what has changed: "), ("--all", "`--all` is no commit")]
    {
        let run = bb(&room, &format!("status --affected={commit}"));
        assert!(run.code == Some(2) && run.text.contains(told), "{run:?}");
    }
}
