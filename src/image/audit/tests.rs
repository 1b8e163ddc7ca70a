use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::image::tree::{Kind, Node};

/// A file whose text is its content's name.
fn file(text: &str, mode: u32) -> Node {
    let (file, size) = (Arc::from(Path::new(text)), text.len() as u64);
    Node::of_root(Kind::File(Content { file, offset: 0, size, linked: false }), mode)
}

fn link(target: &str) -> Node {
    Node::of_root(Kind::Link(target.into()), 0o777)
}

fn read(content: &Content) -> Vec<u8> {
    let text = content.file.to_str().unwrap().as_bytes();
    text[..usize::try_from(content.size).unwrap()].to_vec()
}

fn found(nodes: &[(&str, Node)]) -> Vec<Finding> {
    let mut tree = Tree::default();
    for (path, node) in nodes {
        tree.make_folders(path.rsplit_once('/').map_or("", |(folder, _)| folder));
        tree.put(path, node.clone());
    }
    audit(Subject { tree: &tree, read: &|content| Ok(read(content)) }).unwrap()
}

fn told(nodes: &[(&str, Node)]) -> String {
    let lines = found(nodes).into_iter().map(|f| format!("{} {} {}", f.rule, f.path, f.detail));
    lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_give_tools_away() {
    let program = || file("x", 0o755);
    let rules = [
        ("usr/bin/gcc-14", "compiler"),
        ("usr/bin/x86_64-pc-linux-gnu-g++", "compiler"),
        ("usr/libexec/as", "compiler"),
        ("bin/make", "build-tool"),
        ("usr/sbin/emerge", "package-manager"),
        ("usr/bin/pip3.13", "package-manager"),
        ("usr/bin/python3.13", "interpreter"),
        ("usr/local/bin/perl5.40.1", "interpreter"),
        ("usr/lib/x.la", "static-library"),
        ("opt/y.hpp", "header"),
        ("usr/lib64/pkgconfig/z.pc", "development"),
    ];
    for (path, rule) in rules {
        assert_eq!(told(&[(path, program())]), format!("{rule} {path}"));
    }
    let other = ["srv/www/page.h", "usr/share/pocl/x.h", "var/x.a", "usr/lib64/magick/png.la"];
    let names = ["usr/bin/makewhatis", "usr/share/make/make", "usr/bin/as-tool", "usr/bin/cc1.txt"];
    for path in names.into_iter().chain(other) {
        assert_eq!(told(&[(path, program())]), "", "{path}");
    }
    assert_eq!(told(&[("bin/busybox", program()), ("bin/dpkg", link("busybox"))]), "");
    assert_eq!(told(&[("var/db/pkg/a/b", file("x", 0o644))]), "package-records var/db/pkg");
    assert_eq!(
        told(&[("usr/lib/python3.13/os.py", file("x", 0o644))]),
        "interpreter usr/lib/python3.13"
    );
}

#[test]
fn modes_links_and_scripts() {
    assert_eq!(told(&[("a", link("b")), ("c", link("/proc/self/fd/1"))]), "dangling-link a to b");
    assert_eq!(told(&[("a", link("a"))]), "dangling-link a to a");
    assert_eq!(told(&[("su", file("x", 0o4755))]), "setuid su mode 4755");
    assert_eq!(told(&[("f", file("x", 0o666))]), "world-writable f mode 0666");
    let folder = |mode| Node { mode, ..Node::folder(0, 0) };
    assert_eq!(
        told(&[("tmp", folder(0o1777)), ("t", folder(0o777))]),
        "world-writable t mode 0777"
    );
    assert_eq!(told(&[("run", file("#! /bin/sh -e\n", 0o755))]), "loader run it needs /bin/sh");
    assert_eq!(told(&[("run", file("#!/s\n", 0o755)), ("s", file("x", 0o755))]), "");
}

#[test]
fn accounts() {
    let passwd = "root::0:0::/:/bin/sh\njo:x:7:8::/:\n";
    let owned = |uid, gid| Node { uid, gid, ..file("x", 0o644) };
    assert_eq!(
        told(&[
            ("etc/passwd", file(passwd, 0o644)),
            ("etc/group", file("root:x:0:\n", 0o644)),
            ("a", owned(7, 0)),
            ("b", owned(6, 8)),
        ]),
        "unknown-owner b group 8\nunknown-owner b user 6\nempty-password etc/passwd of `root`"
    );
}

#[test]
fn what_is_allowed_is_not_told_but_has_to_be_there() {
    let findings = found(&[("bin/su", file("x", 0o4755)), ("a.h", file("x", 0o644))]);
    let allow =
        |rule, path: &str| Allowance { rule, path: path.to_owned(), reason: "x".to_owned() };
    let own = [allow(Rule::Setuid, "/bin/*"), allow(Rule::Setuid, "/a.h")];
    let left = less_allowed(findings, &own, &[allow(Rule::Header, "/**")]);
    let left = left.iter().map(|f| (f.rule, f.path.as_str())).collect::<Vec<_>>();
    assert_eq!(left, [(Rule::Allowance, "a.h")]);
}
