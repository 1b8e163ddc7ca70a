//! `bb size`: exactly what it prints. Small images of plain files, no Portage.

use std::fs;

use support::sealed::Room;

/// Exit code and both streams, sizes as they are.
fn size(room: &Room, args: &str) -> (Option<i32>, String, String) {
    let out = room.command(&format!("size{args}")).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

/// `web` is on `base` and replaces one of its files.
fn room() -> Room {
    let room = Room::with_engine();
    room.dock("base", "FROM scratch\nCOPY root /\nCOPY motd /etc/\n", &[("motd", "hi\n")]);
    let root = room.path("bb-dock/base/root/usr/bin");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("busybox"), vec![0; 4_560_000]).unwrap();
    room.write("bb-dock/base/root/usr/lib/libc.so", &"x".repeat(12_000));
    room.dock("web", "FROM ${NAMESPACE}/base\nCOPY motd /etc/\n", &[("motd", "longer\n")]);
    room
}

const WEB: &str = "\
web: 4.57 MB, its budget is 5.00 MB

layers
     4.57 MB  base: COPY root /
     3 bytes  base: COPY motd /etc/
     7 bytes  web: COPY motd /etc/

packages
     4.57 MB  (other files of base)
     7 bytes  (other files of web)
     3 bytes  (replaced or removed by a layer above)

folders
     4.57 MB  /usr
     4.56 MB  /usr/bin
     0.01 MB  /usr/lib
     7 bytes  /etc
";

const COMPRESSED: &str = "      SIZE        GZIP        ZSTD  IMAGE
   4.57 MB  SOME bytes  SOME bytes  web
   4.57 MB  SOME bytes  SOME bytes    base: COPY root /
   3 bytes  SOME bytes  SOME bytes    base: COPY motd /etc/
   7 bytes  SOME bytes  SOME bytes    web: COPY motd /etc/
";

const GROWN: &str = "\
web: 4.61 MB, 0.04 MB more than before

layers
    +0.04 MB  web: COPY motd /etc/

packages
    +0.04 MB  (other files of web)

folders
    +0.04 MB  /etc
";

const OVER: &str = "\
error: the image `web` is 4.61 MB large, 0.01 MB over its budget of 4.60 MB
     4.57 MB  (other files of base)
     0.04 MB  (other files of web)
     3 bytes  (replaced or removed by a layer above)
hint: slim it, or raise `size_budget` in its `dock.toml`; see `bb size web`
";

#[test]
fn an_image_is_told_by_layer_package_and_folder_and_compared() {
    let room = room();
    room.bb("size web")
        .fails(1, "error: the image `web` is not built\nhint: run `bb build web` first\n");
    room.write("bb-dock/web/dock.toml", "size_budget = \"5 MB\"\n");
    room.bb("build").ok();
    let told = |text: &str| (Some(0), text.to_owned(), String::new());
    assert_eq!(size(&room, " web"), told(WEB));
    let compressed = size(&room, " web --compressed");
    let some = regex::Regex::new(r"[ \d]{4} bytes  ").unwrap();
    assert_eq!(compressed.0, Some(0));
    let lines = compressed.1.lines().map(|line| {
        let (own, sent) = line.split_at(line.len().min(12));
        format!("{own}{}\n", some.replace_all(sent, "SOME bytes  "))
    });
    assert_eq!(lines.collect::<String>(), COMPRESSED);
    let said = "compress base: COPY root /, 4.58 MB\ncompress base: COPY motd /etc/, 2560 bytes\n\
                compress web: COPY motd /etc/, 2560 bytes\n";
    assert_eq!(compressed.2, said);
    let total = room.engine().image_size(&room.image("web"));
    assert_eq!(total, 4_572_010);
    assert_eq!(size(&room, " web --diff"), told("web: 4.57 MB, nothing to compare with\n"));
    let short = "   4.57 MB  base\n   4.57 MB  web   within its budget of 5.00 MB\n";
    assert_eq!(size(&room, ""), told(short));

    // A budget is no input of the image; another build that gives the same is nothing to compare with.
    room.write("bb-dock/web/dock.toml", "size_budget = \"4.6 MB\"\n");
    room.told("build").ran("");
    room.remove(".bb/images/web/image.json");
    room.told("build").ran("image:web");
    assert_eq!(size(&room, " web --diff"), told("web: 4.57 MB, nothing to compare with\n"));
    room.write("bb-dock/web/motd", &"x".repeat(40_000));
    room.told("build").ran("image:web");
    assert_eq!(size(&room, " web --diff"), (Some(1), GROWN.to_owned(), OVER.to_owned()));
    let short = "   4.57 MB  base  nothing to compare with\n   \
        4.61 MB  web   0.04 MB more than before, over its budget of 4.60 MB\n";
    assert_eq!(size(&room, " --diff"), (Some(1), short.to_owned(), OVER.to_owned()));
    let (code, json, _) = size(&room, " web --json --diff");
    let json = serde_json::from_str::<serde_json::Value>(&json).unwrap();
    assert_eq!((code, &json[0]["total"]), (Some(1), &4_612_003.into()));
    let change = &json[0]["difference"]["folders"][0];
    assert_eq!(
        (&change["name"], &change["before"], &change["now"]),
        (&"/etc".into(), &7.into(), &40_000.into())
    );
}

#[test]
fn strange_ledgers_budgets_and_names() {
    let room = Room::with_engine();
    room.dock("odd", "FROM scratch\nCOPY d /\n", &[]);
    let long = "n".repeat(90);
    room.write(&format!("bb-dock/odd/d/a\u{1b}[31m/{long}/x"), "12345\n");
    room.bb("build").ok();
    let name = "/a\\u{1b}[31m";
    let folders = format!("\nfolders\n     6 bytes  {name}\n     6 bytes  {name}/{long}\n");
    assert!(size(&room, " odd").1.ends_with(&folders), "{}", size(&room, " odd").1);

    for (text, why) in [("{}", "missing field `image`"), ("[", "EOF while parsing")] {
        room.write(".bb/images/odd/size.json", text);
        let run = room.bb("size odd");
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        let begins = format!("error: `.bb/images/odd/size.json` is malformed: {why}");
        assert!(run.stderr.starts_with(&begins), "{}", run.stderr);
        assert!(run.stderr.ends_with("hint: remove it and run `bb build`\n"), "{}", run.stderr);
    }
    room.remove(".bb/images/odd/size.json");
    room.bb("size")
        .fails(1, "error: there is no `.bb/images/odd/size.json`\nhint: run `bb build`\n");
    room.told("build").ran("image:odd");
    room.bb("size no-such").fails(2, "error: unknown image `no-such`\nhint: there are: odd\n");
    room.write("bb-dock/odd/dock.toml", "size_budget = \"4 pounds\"\n");
    room.bb("size").fails(
        3,
        "error: `4 pounds` is not a size, as `SIZE` is\n --> bb-dock/odd/dock.toml:1:15\n  |\n\
         1 | size_budget = \"4 pounds\"\n  |               ^^^^^^^^^^\n",
    );
}

/// It is taken apart like any other, and has a budget.
#[test]
fn an_image_that_the_engine_has_built_is_counted() {
    let room = Room::with_engine();
    room.dock("base", "FROM scratch\nCOPY f /\n", &[("f", "123\n")]);
    let engines = "FROM ${NAMESPACE}/base\nCOPY g /\nADD x.tar.gz /\n";
    room.dock("engines", engines, &[("g", "45\n")]);
    let file = room.path("bb-dock/engines/x.tar.gz");
    std::fs::write(file, crate::assembled::files::COMPRESSED).unwrap();
    room.write("bb-dock/engines/dock.toml", "size_budget = \"6 B\"\n");
    room.bb("build").ok();
    let first = "engines: 36 bytes, its budget is 6 bytes\n";
    let over = "error: the image `engines` is 36 bytes large, 30 bytes over its budget of 6 bytes\n    \
        32 bytes  (other files of engines)\n     4 bytes  (other files of base)\n\
        hint: slim it, or raise `size_budget` in its `dock.toml`; see `bb size engines`\n";
    let (code, text, said) = size(&room, " engines");
    assert_eq!((code, said.as_str()), (Some(1), over));
    assert!(text.starts_with(first) && text.contains("engines: /bin/sh -c #(nop) COPY"), "{text}");
    room.write("bb-dock/engines/g", "4567\n");
    room.bb("build").ok();
    let text = size(&room, " engines --diff").1;
    assert!(text.starts_with("engines: 38 bytes, 2 bytes more than before\n"), "{text}");
}
