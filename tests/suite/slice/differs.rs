//! `bb diff` with real packages: one that comes, with what it needs, and a flag that goes.

use super::Project;

#[test]
fn packages_and_their_files_are_told() {
    let project = Project::get();
    let room = &project.room;
    let template = "FROM ${NAMESPACE}/busybox\nADD rootfs.tar /\n";
    let extra = project.extra("differs", template, "PACKAGES=\"dev-lang/execline\"\n");
    room.bb("build differs").ok();
    room.write("bb-dock/differs/Buildconfig.sh", "PACKAGES=\"sys-libs/zlib\"\n");
    room.bb("build differs").ok();
    let said = room.bb("diff differs").ok().stdout;
    let mut parts = said.split("\n\n");
    assert!(parts.next().unwrap_or_default().starts_with("differs: "), "{said}");
    let lines = parts
        .next()
        .unwrap_or_default()
        .lines()
        .map(|l| l.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["packages", "- dev-lang/execline", "- dev-libs/skalibs", "+ sys-libs/zlib"]
    );
    let files = parts.next().unwrap_or_default();
    let has = |begin: &str| files.lines().any(|line| line.starts_with(begin));
    assert!(has("  - /usr/bin/execlineb ") && has("  + /usr/lib64/libz.so.1 "), "{files}");
    assert!(!files.contains("busybox"), "{files}");
    drop(extra);
}
