//! `bb diff`: what an image's last change has changed.

use support::sealed::Room;

#[test]
fn files_that_came_went_and_changed_are_told() {
    let room = Room::with_engine();
    room.dock(
        "base",
        "FROM scratch\nCOPY etc /etc\n",
        &[("etc/a.conf", "a\n"), ("etc/b.conf", "b\n"), ("etc/c.conf", "c\n")],
    );
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY run /run\n", &[("run", "1\n")]);
    room.bb("diff child")
        .fails(1, "error: the image `child` is not built\nhint: run `bb build child` first\n");
    room.bb("build").ok();
    room.bb("diff child").is(
        0,
        "child: nothing to compare with, no build has changed it yet\n",
        "",
    );
    room.remove("bb-dock/base/etc/a.conf");
    room.write("bb-dock/base/etc/b.conf", "more\n");
    room.chmod("bb-dock/base/etc/c.conf", 0o600);
    room.write("bb-dock/base/etc/d\u{1b}[31m.conf", "d\n");
    room.told("build").ran("image:base image:child");
    let files = "files\n  \
        - /etc/a.conf            SIZE\n  \
        ~ /etc/b.conf            SIZE -> SIZE\n  \
        ~ /etc/c.conf            mode 0644 -> 0600\n  \
        + /etc/d\\u{1b}[31m.conf  SIZE\n";
    let text = |name: &str| format!("{name}: ID -> ID, SIZE -> SIZE\n\n{files}");
    let ids = regex::Regex::new(r"[0-9a-f]{16}").unwrap();
    for name in ["base", "child"] {
        let run = room.bb(&format!("diff {name}")).ok();
        let said = ids.replace_all(&run.stdout, "ID").into_owned();
        assert_eq!(support::sealed::normal(&said), text(name));
    }
    // A build with nothing to do, and one that comes out the same, change no answer.
    let before = room.bb("diff child --json").ok().stdout;
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    room.remove(".bb/stamps/image/child");
    room.told("build").ran("image:child");
    assert_eq!(room.bb("diff child --json").ok().stdout, before);
    let json: serde_json::Value = serde_json::from_str(&before).unwrap();
    assert_eq!(json["files"]["/etc/c.conf"]["how"][0], "mode 0644 -> 0600");
    assert_eq!(json["sizes"], serde_json::json!([8, 11]));
    // The other way round.
    room.chmod("bb-dock/base/etc/c.conf", 0o644);
    room.bb("build").ok();
    let said = room.bb("diff child").ok().stdout;
    assert!(said.ends_with("\nfiles\n  ~ /etc/c.conf  mode 0600 -> 0644\n"), "{said}");
}

#[test]
fn files_of_an_image_that_the_engine_has_built_are_told() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    room.bb("build").ok();
    std::fs::write(room.path("bb-dock/a/x.tar.gz"), crate::assembled::files::COMPRESSED).unwrap();
    room.write("bb-dock/a/Dockerfile.template", "FROM scratch\nADD x.tar.gz /\nCOPY file /\n");
    room.bb("build").ok();
    let said = room.bb("diff a").ok().stdout;
    assert!(said.contains("\nfiles\n  + /x.tar.gz "), "{said}");
    room.write(".bb/images/a/contents.json", "{");
    room.bb("diff a").fails(
        1,
        "error: `.bb/images/a/contents.json` is malformed: EOF while parsing an object at line 1 column 1\n\
         hint: remove it; the next build that changes the image writes it anew\n",
    );
}
