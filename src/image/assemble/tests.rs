use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::dockerfile::Markers;
use crate::image::copy::{Entry, Member};
use crate::image::tree::Node;

fn content(name: &str) -> Content {
    Content { file: Arc::from(Path::new(name)), offset: 0, size: 1, linked: false }
}

fn file(name: &str, mode: u32) -> Node {
    Node::of_root(Kind::File(content(name)), mode)
}

fn context() -> Tree {
    let mut tree = Tree::default();
    for path in
        ["f", "g", "dir/a", "dir/sub/b", "a.tar", "nowhere.tar", "later.tar", "gone.tar", "passwd"]
    {
        tree.make_folders(path.rsplit_once('/').map_or("", |(folder, _)| folder));
        tree.put(path, file(path, 0o4755));
    }
    tree
}

fn hidden() -> Tree {
    let mut tree = Tree::default();
    tree.put("hidden", file("hidden", 0o644));
    tree
}

/// The parent has `bin -> usr/bin`, a name in `passwd`, and triggers if it is called so.
fn image(reference: &str) -> Base {
    let mut tree = Tree::default();
    tree.make_folders("usr/bin");
    tree.make_folders("etc");
    tree.put("bin", Node::of_root(Kind::Link("usr/bin".into()), 0o777));
    tree.put("etc/passwd", file("passwd", 0o644));
    tree.put("old", Node { uid: 5, gid: 6, ..file("old", 0o640) });
    let mut config = ImageConfig::scratch("amd64");
    config.config.cmd = Some(vec!["parent".into()]);
    config.rootfs.diff_ids.push("sha256:00".into());
    if reference == "pathless" {
        config.config.env.clear();
    }
    let triggers: &[&str] = match reference {
        "triggers" => &["RUN x"],
        "onbuild" => &["COPY dir /t", "ENV T=1", "CMD [\"own\"]"],
        _ => &[],
    };
    config.config.on_build.extend(triggers.iter().map(|text| (*text).to_owned()));
    Base { config, tree }
}

fn unpack(content: &Content) -> Option<Vec<Entry>> {
    let entry = |name: &str, what| Entry { name: name.into(), what };
    let entries = vec![
        entry("bin/x", Member::Node(file("in-tar", 0o4755))),
        entry("./y", Member::HardLink { to: "bin/x".into(), node: file("in-tar", 0o4755) }),
        entry(".wh.old", Member::Node(file("none", 0o644))),
    ];
    let link = |to: &str| Member::Node(Node::of_root(Kind::Link(to.into()), 0o777));
    let folder = || Member::Node(Node::folder(0, 0));
    match content.file.to_str()? {
        "a.tar" => Some(entries),
        // An engine makes no folder through a link to nothing, one that leads somewhere is followed.
        "nowhere.tar" => Some(vec![entry("l", link("/none")), entry("l/sub/x", folder())]),
        "later.tar" => Some(vec![
            entry("real", folder()),
            entry("l", link("/real")),
            entry("l/sub/x", folder()),
        ]),
        // It is dated after all has been unpacked, and has to be there then.
        "gone.tar" => Some(vec![entry("d", folder()), entry("d", link("none"))]),
        _ => None,
    }
}

fn made(text: &str) -> Result<Assembled, Left> {
    assemble(Inputs {
        dockerfile: &Rendered::from_template(Path::new("Dockerfile"), text, &Markers::default()),
        context: &context(),
        hidden: &hidden(),
        image: &|reference| Ok(image(reference)),
        unpack: &|content| Ok(unpack(content)),
        read: &|_| Ok(b"root:x:0:0\njo:x:7:8\n".to_vec()),
        rootfs: None,
        keep: &|bytes| Ok(content(&format!("kept {}", String::from_utf8_lossy(bytes)))),
        epoch: 0,
        arch: "amd64",
        commands: None,
    })
}

fn paths(layer: &Nodes) -> String {
    layer.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn left(text: &str, why: &str) {
    assert_eq!(made(text).unwrap_err().why(), why);
}

#[test]
fn a_layer_has_what_one_instruction_changes_and_the_folders_on_the_way() {
    let made = made("FROM x\nCOPY f /bin/\nENV A=1\nWORKDIR /w\nCOPY dir .\nWORKDIR /w\n").unwrap();
    let layers = made.layers.iter().map(paths).collect::<Vec<_>>();
    assert_eq!(layers, ["usr usr/bin usr/bin/f", "w", "w w/a w/sub w/sub/b"]);
    let history = made.config.history.iter().map(|h| (h.created_by.as_str(), h.empty_layer));
    let expected = [
        ("COPY f /bin/", false),
        ("ENV A=1", true),
        ("WORKDIR /w", false),
        ("COPY dir .", false),
        ("WORKDIR /w", true),
    ];
    assert_eq!(history.collect::<Vec<_>>(), expected);
    assert_eq!(made.base.as_deref(), Some("x"));
    assert_eq!(made.config.rootfs.diff_ids, ["sha256:00"]);
}

#[test]
fn a_copy_is_roots_and_loses_setuid_but_keeps_its_owner_from_a_stage() {
    let image = made("FROM x AS a\nFROM scratch\nCOPY f /\nCOPY --from=a /old /\n").unwrap();
    let node = |layer: usize, path: &str| {
        let node = &image.layers[layer][path.as_bytes()];
        (node.mode, node.uid, node.gid)
    };
    assert_eq!(node(0, "f"), (0o755, 0, 0));
    assert_eq!(node(1, "old"), (0o640, 5, 6));
    let owner = made("FROM x\nCOPY --chown=jo:9 g /\n").unwrap().layers[0][&b"g"[..]].clone();
    assert_eq!((owner.uid, owner.gid), (7, 9));
}

#[test]
fn an_archive_is_unpacked_where_links_lead() {
    let made = made("FROM x\nADD a.tar /\nCOPY a.tar /t/\n").unwrap();
    assert_eq!(paths(&made.layers[0]), ".wh.old usr usr/bin usr/bin/x y");
    assert_eq!(made.layers[0][&b"y"[..]], made.layers[0][&b"usr/bin/x"[..]]);
    assert_eq!(made.layers[0][&b"y"[..]].mode, 0o4755);
    assert_eq!(paths(&made.layers[1]), "t t/a.tar");
}

#[test]
fn an_archive_that_an_engine_does_not_unpack_is_left_to_it() {
    left("FROM x\nADD nowhere.tar /t/\n", "`/t/l`, on the way to `l/sub/x`, leads nowhere");
    left("FROM x\nADD gone.tar /t/\n", "`/t/d` does not stay a folder");
    let made = made("FROM x\nADD later.tar /t/\n").unwrap();
    assert_eq!(paths(&made.layers[0]), "t t/l t/real t/real/sub t/real/sub/x");
}

#[test]
fn a_trigger_keeps_what_docker_takes_for_no_blank() {
    let triggers = made("FROM scratch\nonbuild \u{b}ENV A=1 \nONBUILD\t \u{c}ENV B=1\n").unwrap();
    assert_eq!(triggers.config.config.on_build, ["\u{b}ENV A=1 ", "ENV B=1"]);
}

#[test]
fn an_entrypoint_takes_the_parents_cmd_away_and_no_other() {
    let config = |text: &str| made(text).unwrap().config.config;
    assert_eq!(config("FROM x\n").cmd, Some(vec!["parent".into()]));
    assert_eq!(config("FROM x\nENTRYPOINT [\"e\"]\n").cmd, None);
    assert_eq!(config("FROM x\nCMD [\"c\"]\nENTRYPOINT [\"e\"]\n").cmd, Some(vec!["c".into()]));
    assert_eq!(config("FROM x AS a\nCMD [\"c\"]\nFROM a\nENTRYPOINT [\"e\"]\n").cmd, None);
}

#[test]
fn triggers_come_right_after_the_from_and_once() {
    let made = made("FROM onbuild AS a\nFROM a\nENV U=$T\nENTRYPOINT [\"e\"]\n").unwrap();
    assert_eq!(paths(&made.layers[0]), "t t/a t/sub t/sub/b");
    let history = made.config.history.iter().map(|h| h.created_by.as_str()).collect::<Vec<_>>();
    let own = ["COPY dir /t", "ENV T=1", "CMD [\"own\"]", "ENV U=$T", "ENTRYPOINT [\"e\"]"];
    assert_eq!(history, own);
    assert!(made.config.config.on_build.is_empty());
    assert_eq!(made.config.config.variable("U"), Some("1"));
}

#[test]
fn what_is_kept_out_is_found_by_its_name_only() {
    let made = made("FROM scratch\nCOPY hidden /\nCOPY . /all\n").unwrap();
    assert_eq!(paths(&made.layers[0]), "hidden");
    assert!(!paths(&made.layers[1]).contains("hidden"));
    left("FROM scratch\nCOPY h* /\n", "its sources and its target do not fit");
}

/// What BuildKit's flags of `COPY` do. Source: <https://docs.docker.com/reference/dockerfile/#copy>.
#[test]
fn flags_of_copy() {
    let layer = |flags: &str| {
        let image = made(&format!("FROM x\nCOPY {flags}\n")).map_err(|e| e.why().to_owned())?;
        Ok::<_, String>(image.layers[0].clone())
    };
    let told = |flags: &str| match layer(flags) {
        Ok(layer) => {
            let told = layer.iter().map(|(path, node)| format!("{path}:{:o}", node.mode));
            told.collect::<Vec<_>>().join(" ")
        }
        Err(why) => why,
    };
    let table = [
        ("--chmod=600 f /n/", "n:755 n/f:600"),
        ("--chmod=u=rwX,go= dir /n", "n:755 n/a:700 n/sub:700 n/sub/b:700"),
        ("--chmod=rw f /", "`--chmod=rw` is no mode"),
        ("f /bin/", "usr:755 usr/bin:755 usr/bin/f:755"),
        ("--link f /bin/", "bin:755 bin/f:755"),
        ("--link=false f /bin/", "usr:755 usr/bin:755 usr/bin/f:755"),
        ("--link=maybe f /bin/", "`--link` is `true` or `false`"),
        ("--parents dir/sub/b g /n/", "n:755 n/dir:755 n/dir/sub:755 n/dir/sub/b:755 n/g:755"),
        ("--parents dir/./sub/b /n/", "n:755 n/sub:755 n/sub/b:755"),
        ("--parents dir /n/", "n:755 n/dir:755 n/dir/a:755 n/dir/sub:755 n/dir/sub/b:755"),
        ("--parents **/b /n/", "n:755 n/dir:755 n/dir/sub:755 n/dir/sub/b:755"),
        ("--parents none /n/", "there is no `none`"),
        ("--exclude=sub dir /n", "n:755 n/a:755"),
        ("--exclude=**/b --exclude=a dir /n", "n:755 n/sub:755"),
        ("--exclude=g* [fg] /n/", "n:755 n/f:755"),
        ("--exclude=[ dir /n", "`--exclude=[` is not a pattern"),
    ];
    for (flags, expected) in table {
        assert_eq!(told(flags), expected, "{flags}");
    }
    let digest = "0".repeat(64);
    left(
        &format!("FROM x\nADD --checksum=sha256:{digest} https://e.org/x /\n"),
        "it downloads `https://e.org/x`",
    );
    left(
        "FROM x\nADD --checksum=sha256:0 https://e.org/x /\n",
        "`--checksum=sha256:0` is not a digest",
    );
    let why = "`--checksum` is of downloads, and `f` is none";
    left(&format!("FROM x\nADD --checksum=sha256:{digest} f /\n"), why);
}

#[test]
fn an_image_without_a_path_gets_dockers() {
    let config = made("FROM pathless\nENV A=$PATH:/x\n").unwrap().config.config;
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(config.env, [format!("PATH={path}"), format!("A={path}:/x")]);
}

#[test]
fn what_is_not_done_here_is_left_with_its_reason() {
    left("FROM x\nRUN y\n", "it has a `RUN`");
    left("FROM x\nCOPI f /\n", "unknown instruction `COPI`");
    left("FROM triggers\n", "it has a `RUN`");
    left("FROM x\nCOPY none /\n", "there is no `none`");
    left("FROM x\nCOPY --chown=me f /\n", "`/etc/passwd` has no `me`");
    left("FROM x\nADD https://example.org/x /\n", "it downloads `https://example.org/x`");
    left("FROM x\nCOPY f /old/x\n", "`/old` is not a folder");
}

#[test]
fn what_is_wrong_for_every_builder_is_refused() {
    let table = [
        ("ENV A=${B:?missing}", "in `${B:?missing}`: `B` is unset: missing"),
        ("LABEL a=\"b", "in `\"b`: this `\"` is never closed"),
        ("ENV $N=1", "an `ENV` sets a variable without a name"),
        (
            "EXPOSE $PATH",
            "`/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` is no port",
        ),
        ("VOLUME $N", "a `VOLUME` comes to nothing"),
        ("WORKDIR $N", "a `WORKDIR` comes to nothing"),
        ("STOPSIGNAL $N", "`` is no signal"),
        ("COPY a", "`COPY` needs a source and a target"),
    ];
    for (line, why) in table {
        let left = made(&format!("FROM x\n{line}\n")).unwrap_err();
        assert_eq!((left.why(), left.is_refused()), (why, true), "{line}");
    }
    // A variable of the parent's that doubles.
    let doubling = format!("FROM x\n{}", "ENV PATH=$PATH$PATH\n".repeat(40));
    assert!(made(&doubling).unwrap_err().is_refused());
    // Many variables, each of which is looked for among all.
    let many = (0..20_000).map(|n| ["ENV A", &n.to_string(), "=\n"].concat()).collect::<Vec<_>>();
    assert!(made(&format!("FROM x\n{}", many.concat())).unwrap_err().is_refused());
}

#[test]
fn a_heredoc_is_a_file() {
    let text = "FROM x\nENV V=v\nCOPY --chown=3:4 <<A <<-'B' f /t/\n$V \"\\$V\"\nA\n\t$V\n\tB\nCOPY <<E /n\nE\n";
    let made = made(text).unwrap();
    let kept = |layer: usize, path: &str| {
        let node = &made.layers[layer][path.as_bytes()];
        let Kind::File(content) = &node.kind else { panic!("{path} is no file") };
        (content.file.display().to_string(), node.mode, node.uid, node.gid)
    };
    assert_eq!(paths(&made.layers[0]), "t t/A t/B t/f");
    assert_eq!(kept(0, "t/A"), ("kept v \"$V\"\n".to_owned(), 0o644, 3, 4));
    assert_eq!(kept(0, "t/B"), ("kept $V\n".to_owned(), 0o644, 3, 4));
    assert_eq!(kept(1, "n"), ("kept ".to_owned(), 0o644, 0, 0));
}

#[test]
fn json_forms_are_read_to_their_end_and_no_further() {
    let config = |text: &str| made(&format!("FROM x\n{text}\n")).unwrap().config.config;
    let words = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(config("CMD [\"/bin/a\",\"b\"]  # why").cmd, words(&["/bin/a", "b"]));
    assert_eq!(config("ENTRYPOINT [\"/e\"] x").entrypoint, words(&["/e"]));
    assert_eq!(config("SHELL [\"/s\", \"-c\"] x\nCMD y").cmd, words(&["/s", "-c", "y"]));
    let check = config("HEALTHCHECK --start-interval=2s CMD [\"c\"]]").healthcheck.unwrap();
    assert_eq!((check.test, check.start_interval), (vec!["CMD".into(), "c".into()], 2_000_000_000));
    assert_eq!(config("VOLUME [\" /v \"] x").volumes.into_iter().collect::<Vec<_>>(), ["/v"]);
    for name in ["COPY", "ADD"] {
        let made = made(&format!("FROM x\n{name} [\"f\", \"/to/\"] # why\n")).unwrap();
        assert_eq!(paths(&made.layers[0]), "to to/f", "{name}");
    }
    assert_eq!(config("CMD\nENTRYPOINT").entrypoint, None);
    assert_eq!(config("CMD []\nENTRYPOINT [\"e\"]").cmd, None);
}

#[test]
fn the_last_stage_may_be_built_on_any_other() {
    let base = |text: &str| made(text).unwrap().base;
    let stages = "FROM x AS one\nCOPY f /1\nFROM y AS two\nCOPY f /2\n";
    assert_eq!(base(&format!("{stages}FROM one\nCOPY f /3\n")).as_deref(), Some("x"));
    assert_eq!(base(&format!("{stages}FROM two\n")).as_deref(), Some("y"));
    assert_eq!(base("FROM x AS one\nFROM scratch AS two\nFROM one\n").as_deref(), Some("x"));
    assert_eq!(base("FROM scratch AS one\nFROM x AS two\nFROM one\n"), None);
    let layers = made(&format!("{stages}FROM one\nCOPY f /3\n")).unwrap().layers;
    assert_eq!(layers.iter().map(paths).collect::<Vec<_>>(), ["1", "3"]);
}
