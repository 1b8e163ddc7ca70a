use std::sync::Arc;

use super::*;
use crate::dockerfile::{Markers, Rendered};
use crate::image::assemble::{Assembled, Base, Inputs, assemble, look_below};
use crate::image::config::ImageConfig;

/// A file whose bytes are its name.
fn content(text: &str) -> Content {
    let size = text.len() as u64;
    Content { file: Arc::from(Path::new(text)), offset: 0, size, linked: false }
}

fn file(text: &str, mode: u32, owner: (u64, u64)) -> Node {
    let (uid, gid) = owner;
    Node { uid, gid, ..Node::of_root(Kind::File(content(text)), mode) }
}

fn folder(mode: u32, owner: (u64, u64)) -> Node {
    Node { mode, ..Node::folder(owner.0, owner.1) }
}

const PASSWD: &str = "root:x:0:0::/:/bin/sh\n";
const OTHERS: &str = "root:x:0:0::/:/bin/sh\njo:x:500:500:::\n";
const CHILDS: &str = "root:x:0:0::/:/bin/sh\nnginx:x:101:101:::\n";

/// The image below: its ROOT's, but for what its Dockerfile has made: a user, `/srv`, `/etc/motd`, `/opt/own`,
/// and `/data`, to which `/var/data` leads now.
fn below() -> Tree {
    let mut tree = Tree::default();
    for path in ["etc", "var", "opt", "usr", "usr/lib", "data"] {
        tree.put(path, folder(0o755, (0, 0)));
    }
    tree.put("srv", folder(0o770, (500, 500)));
    tree.put("etc/passwd", file(OTHERS, 0o640, (0, 4)));
    tree.put("etc/motd", file("theirs", 0o644, (0, 0)));
    tree.put("opt/own", file("own", 0o644, (0, 0)));
    tree.put("usr/lib/a", file("one", 0o644, (0, 0)));
    tree.put("var/data", Node::of_root(Kind::Link("/data".into()), 0o777));
    tree
}

fn digest(text: &str) -> String {
    Blob::of(text.as_bytes()).digest
}

fn lists(base: &[(&str, &str, &str)]) -> Lists {
    let base = base.iter().flat_map(|(path, what, data)| [*path, *what, *data]);
    let join = |names: &mut dyn Iterator<Item = &str>| {
        names.flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect::<Vec<_>>()
    };
    let ways = join(&mut ["etc", "srv", "var", "var/data", "usr", "usr/lib"].into_iter());
    Lists::parse(&ways, &join(&mut base.into_iter())).unwrap()
}

fn entries() -> Vec<Entry> {
    let of_root = |path: &str| (path.to_owned(), folder(0o755, (0, 0)));
    let new = |path: &str| (path.to_owned(), file("new", 0o644, (0, 0)));
    let nodes = [
        of_root("etc/"),
        ("etc/passwd".into(), file(CHILDS, 0o644, (0, 0))),
        of_root("srv/"),
        new("srv/file"),
        of_root("var/"),
        of_root("var/data/"),
        new("var/data/file"),
    ];
    nodes.map(|(name, node)| Entry { name: BString::from(name), what: Member::Node(node) }).into()
}

/// What an assembly of `dockerfile` on the image below gives, and what it tells as undone.
fn made(
    dockerfile: &str,
    entries: &[Entry],
    lists: &Lists,
) -> (Result<Assembled, Left>, Vec<String>) {
    let (read, keep) =
        (|of: &Content| Ok(bytes(of)), |text: &[u8]| Ok(content(&super::text(text))));
    let rootfs = Below::new(Path::new("rootfs.tar"), lists, &read, &keep);
    let made = assemble(inputs(dockerfile, entries, &rootfs, &mut Tree::default()));
    let undone = rootfs.undone.take().into_iter();
    (made, undone.map(|Undone { path, how }| format!("{path}: {how}")).collect())
}

fn bytes(of: &Content) -> Vec<u8> {
    of.file.to_str().unwrap().as_bytes().to_vec()
}

/// Left for as long as a test runs.
fn inputs<'a>(
    dockerfile: &str,
    entries: &'a [Entry],
    rootfs: &'a Below<'a>,
    context: &'a mut Tree,
) -> Inputs<'a> {
    for name in ["rootfs.tar", "f"] {
        context.put(
            name,
            Node::of_root(
                Kind::File(Content { file: Arc::from(Path::new(name)), ..content("") }),
                0o644,
            ),
        );
    }
    let image = |_: &str| Ok(Base { config: ImageConfig::scratch("amd64"), tree: below() });
    let unpack = |of: &Content| Ok(of.file.ends_with("rootfs.tar").then(|| entries.to_vec()));
    let of = Rendered::from_template(Path::new("Dockerfile"), dockerfile, &Markers::default());
    Inputs {
        dockerfile: Box::leak(Box::new(of)),
        context,
        hidden: Box::leak(Box::default()),
        image: Box::leak(Box::new(image)),
        unpack: Box::leak(Box::new(unpack)),
        read: &|of| Ok(bytes(of)),
        keep: rootfs.keep,
        rootfs: Some(rootfs),
        epoch: 0,
        arch: "amd64",
        commands: None,
    }
}

const ADD: &str = "FROM x\nADD rootfs.tar /\n";
const TABLE: (&str, &str, &str) = ("etc/passwd", "t 644 0 0", PASSWD);

#[test]
fn ways_are_what_is_below_and_tables_have_the_lines_of_both() {
    let (made, undone) = made(ADD, &entries(), &lists(&[TABLE]));
    let layer = &made.unwrap().layers[0];
    let paths = layer.keys().collect::<Vec<_>>();
    assert_eq!(paths, ["data", "data/file", "etc", "etc/passwd", "srv", "srv/file", "var"]);
    assert_eq!(layer[&b"srv"[..]], folder(0o770, (500, 500)));
    let merged = "root:x:0:0::/:/bin/sh\njo:x:500:500:::\nnginx:x:101:101:::\n";
    assert_eq!(layer[&b"etc/passwd"[..]], file(merged, 0o640, (0, 4)));
    assert_eq!(undone, [""; 0]);
}

#[test]
fn what_the_child_itself_has_changed_counts() {
    let mut entries = entries();
    entries[1].what = Member::Node(file(CHILDS, 0o600, (7, 7)));
    let mut lists = lists(&[TABLE]);
    lists.ways.remove(&b"srv"[..]);
    let (made, undone) = made(ADD, &entries, &lists);
    let layer = &made.unwrap().layers[0];
    assert_eq!(layer[&b"srv"[..]], folder(0o755, (0, 0)));
    assert_eq!((layer[&b"etc/passwd"[..]].mode, layer[&b"etc/passwd"[..]].uid), (0o600, 7));
    assert_eq!(undone, ["srv: replaced by the rootfs"]);
}

#[test]
fn a_table_that_nobody_below_has_changed_is_the_childs() {
    let same = [("etc/passwd", "t 640 0 4", OTHERS)];
    let (made, undone) = made(ADD, &entries(), &lists(&same));
    assert_eq!(made.unwrap().layers[0][&b"etc/passwd"[..]], file(CHILDS, 0o644, (0, 0)));
    assert_eq!(undone, [""; 0]);
}

#[test]
fn what_an_instruction_before_it_in_the_same_dockerfile_made_counts_as_well() {
    let text = "FROM x\nCOPY f /srv/\nADD rootfs.tar /\n";
    let (made, _) = made(text, &entries(), &lists(&[TABLE]));
    assert_eq!(made.unwrap().layers[1][&b"srv"[..]], folder(0o770, (500, 500)));
}

#[test]
fn what_is_undone_is_told_and_nothing_else() {
    let entry = |name: &str, node: Node| Entry { name: name.into(), what: Member::Node(node) };
    let entries = [
        entry("etc/motd", file("childs", 0o644, (0, 0))),
        entry("usr/lib/a", file("two", 0o644, (0, 0))),
        entry(".wh.opt", file("", 0o644, (0, 0))),
    ];
    let one = digest("one");
    let base = [
        ("etc/motd", "f 644 0 0", digest("ours")),
        ("usr/lib/a", "f 644 0 0", one),
        ("opt", "d 755 0 0", String::new()),
    ];
    let base = base.each_ref().map(|(path, what, data)| (*path, *what, data.as_str()));
    let (_, undone) = made(ADD, &entries, &lists(&base));
    assert_eq!(undone, ["etc/motd: replaced by the rootfs", "opt/own: removed by the rootfs"]);
    // The child's is the same.
    let entries = [entry("etc/motd", file("theirs", 0o644, (0, 0)))];
    assert_eq!(made(ADD, &entries, &lists(&base)).1, [""; 0]);
    // A folder in the place of which there is a link now takes all with it.
    let entries = [entry("opt", Node::of_root(Kind::Link("/usr".into()), 0o777))];
    assert_eq!(made(ADD, &entries, &lists(&base)).1, ["opt/own: removed by the rootfs"]);
}

#[test]
fn a_table_that_the_child_takes_away_is_no_other_file() {
    let entries =
        [Entry { name: "etc/.wh.passwd".into(), what: Member::Node(file("", 0o644, (0, 0))) }];
    let same = [("etc/passwd", "t 640 0 4", OTHERS)];
    assert_eq!(made(ADD, &entries, &lists(&same)).1, [""; 0]);
    assert_eq!(made(ADD, &entries, &lists(&[TABLE])).1, ["etc/passwd: removed by the rootfs"]);
}

/// What the engine builds gets the archive as it is unpacked after all that could be gone through.
#[test]
fn an_image_of_the_engines_gets_the_adjusted_archive() {
    let (lists, entries) = (lists(&[TABLE]), entries());
    let (read, keep) =
        (|of: &Content| Ok(bytes(of)), |text: &[u8]| Ok(content(&super::text(text))));
    let text =
        "FROM x\nRUN adduser\nCOPY --from=x nowhere /\nWORKDIR /w\nADD rootfs.tar /\nRUN y\n";
    assert!(made(text, &entries, &lists).0.is_err());
    let rootfs = Below::new(Path::new("rootfs.tar"), &lists, &read, &keep);
    look_below(inputs(text, &entries, &rootfs, &mut Tree::default())).unwrap();
    let adjusted = rootfs.adjusted.take().unwrap();
    let names = adjusted.iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>();
    // To `/var/data` a link leads: as a folder it would take the link's place.
    assert_eq!(names, ["etc/", "etc/passwd", "srv/", "srv/file", "var/", "var/data/file"]);
    assert_eq!(adjusted[2].what, Member::Node(folder(0o770, (500, 500))));
}

#[test]
fn a_malformed_list_is_no_list() {
    for base in [&b"a\0"[..], b"a\0f 644 0\0\0", b"a\0f 9 0 0\0\0", b"a\0 644 0 0\0\0"] {
        assert!(Lists::parse(b"", base).is_err(), "{base:?}");
    }
    assert_eq!(Lists::parse(b"", b"").unwrap(), Lists::default());
}

/// `os.makedev` of Python 3.13 on Linux.
#[test]
fn devices_are_numbered_as_the_builder_numbers_them() {
    assert_eq!(device(1, 3), b"259");
    assert_eq!(device(259, 65_536), b"268501760");
}
