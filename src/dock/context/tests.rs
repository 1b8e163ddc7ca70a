use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::*;
use crate::dockerfile::render::Markers;
use crate::dockerfile::template::{Known, parse};

const FILES: [&str; 9] = [
    ".dockerignore",
    "Buildconfig.sh",
    "Dockerfile.template",
    "README.md",
    "a.conf",
    "a.conf~",
    "b.conf",
    "etc/nginx.conf",
    "etc/sub/x.conf",
];

fn entry(path: &str) -> FileEntry {
    let (path, kind) = match path.split_once(" -> ") {
        Some((path, target)) => (path, FileKind::Link(PathBuf::from(target))),
        None if path.ends_with('/') => (path.trim_end_matches('/'), FileKind::EmptyFolder),
        None => (path, FileKind::File),
    };
    FileEntry { path: PathBuf::from(path), kind }
}

fn selected(dockerfile: &str, files: &[&str], ignore: &str) -> Result<Vec<String>> {
    let (markers, docks) = (Markers::default(), BTreeSet::new());
    let text = format!("FROM scratch\n{dockerfile}\n");
    let source =
        Rendered::from_template(Path::new("bb-dock/a/Dockerfile.template"), &text, &markers);
    let template = parse(
        &source,
        Known {
            markers: &markers,
            docks: &docks,
            triggers: &BTreeMap::new(),
            architecture: Some("amd64"),
        },
    )?;
    let files: Vec<_> = files.iter().map(|path| entry(path)).collect();
    let ignore = Ignore::parse(Path::new("bb-dock/a/.dockerignore"), ignore)?;
    let visible = Visible { files: &files, made: &[], ignore: &ignore };
    let found = select(&source, &template.copies, visible)?;
    let found = found.files.into_iter().chain(found.folders).map(|file| &file.path);
    let found = found.map(|path| path.display().to_string()).collect::<BTreeSet<_>>();
    Ok(found.into_iter().collect())
}

/// What a Dockerfile takes of itself, of its folders and of what is kept out.
#[test]
fn a_folder_counts_where_it_is_copied_itself() {
    let files = ["d/", "d/e/", "d/f", "d/g//h"].map(|path| match path.strip_suffix("//h") {
        Some(folder) => FileEntry { path: folder.into(), kind: FileKind::Folder },
        None => entry(path),
    });
    let (markers, docks, triggers) = (Markers::default(), BTreeSet::new(), BTreeMap::new());
    let known = Known {
        markers: &markers,
        docks: &docks,
        triggers: &triggers,
        architecture: Some("amd64"),
    };
    let table: [(&str, &str, &str); 7] = [
        ("COPY d /", "d/e d/f d/g", "d"),
        ("COPY . /", "d d/e d/f d/g", ""),
        ("COPY d* /x/", "d/e d/f d/g", "d"),
        ("COPY d/* /x/", "d/f", "d/e d/g"),
        ("COPY d/e /x", "", "d/e"),
        ("COPY --parents d/e /x/", "d d/e", ""),
        ("COPY --parents d/? /x/", "d d/e d/f d/g", ""),
    ];
    let file = Path::new("Dockerfile");
    for (dockerfile, counted, there) in table {
        let text = format!("FROM scratch\n{dockerfile}\n");
        let source = Rendered::from_template(file, &text, &markers);
        let template = parse(&source, known).unwrap();
        let visible = Visible { files: &files, made: &["Dockerfile"], ignore: &Ignore::default() };
        let found = select(&source, &template.copies, visible).unwrap();
        let shown = |files: Vec<&FileEntry>| {
            files.iter().map(|f| f.path.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(found.files), counted, "{dockerfile}");
        assert_eq!(shown(found.folders), there, "{dockerfile}");
    }
}

/// What is made is there beside the dock's files, in place of those of the same names.
#[test]
fn made_files_are_seen_and_kept_out_as_others() {
    let files = [entry("Dockerfile"), entry("f")];
    let (markers, docks, triggers) = (Markers::default(), BTreeSet::new(), BTreeMap::new());
    let known = Known {
        markers: &markers,
        docks: &docks,
        triggers: &triggers,
        architecture: Some("amd64"),
    };
    let seen = |dockerfile: &str, ignore: &str| {
        let text = format!("FROM scratch\n{dockerfile}\n");
        let source = Rendered::from_template(Path::new("Dockerfile"), &text, &markers);
        let template = parse(&source, known)?;
        let ignore = Ignore::parse(Path::new(".dockerignore"), ignore)?;
        let made = ["Dockerfile", "rootfs.tar"];
        let visible = Visible { files: &files, made: &made, ignore: &ignore };
        let found = select(&source, &template.copies, visible)?;
        assert!(found.files.iter().all(|file| file.path == Path::new("f")));
        Ok::<_, Error>(found.made.join(" "))
    };
    let table = [
        ("COPY . /", "", "Dockerfile rootfs.tar"),
        ("COPY . /", "rootfs.tar", "Dockerfile"),
        ("ADD rootfs.tar /\nCOPY . /", "Dockerfile\nrootfs.tar", ""),
        ("ADD rootfs.tar /", "", ""),
        ("COPY r* D* /", "*\n!f", ""),
        ("COPY Dockerfile /", "", "Dockerfile"),
    ];
    for (dockerfile, ignore, made) in table {
        match seen(dockerfile, ignore) {
            Ok(found) => assert_eq!(found, made, "{dockerfile} {ignore}"),
            Err(error) => assert!(dockerfile.contains("r*"), "{}", error.message()),
        }
    }
    assert!(seen("COPY Dockerfile /", "*").is_err());
}

#[test]
fn only_what_a_source_matches() {
    let table: [(&str, &[&str]); 16] = [
        ("", &[]),
        ("ADD rootfs.tar /", &[]),
        ("COPY a.conf /", &["a.conf"]),
        ("COPY ./a.conf /b.conf /", &["a.conf", "b.conf"]),
        ("COPY etc/../a.conf /", &["a.conf"]),
        ("COPY *.conf /", &["a.conf", "b.conf"]),
        ("COPY etc/ /etc/", &["etc/nginx.conf", "etc/sub/x.conf"]),
        ("COPY etc /etc", &["etc/nginx.conf", "etc/sub/x.conf"]),
        ("COPY etc/* /etc/", &["etc/nginx.conf", "etc/sub/x.conf"]),
        ("COPY etc/*.conf /etc/", &["etc/nginx.conf"]),
        ("COPY */sub /etc/", &["etc/sub/x.conf"]),
        ("COPY **/*.conf /etc/", &["etc/nginx.conf"]),
        ("COPY --parents **/*.conf /", &["a.conf", "b.conf", "etc/nginx.conf", "etc/sub/x.conf"]),
        ("COPY [ab].conf nothing* /", &["a.conf", "b.conf"]),
        ("COPY . /", &FILES),
        ("COPY $WHAT /", &FILES),
    ];
    for (dockerfile, wanted) in table {
        assert_eq!(selected(dockerfile, &FILES, "").unwrap(), wanted, "{dockerfile}");
    }
}

#[test]
fn the_ignore_file_keeps_things_out() {
    let ignore = "**/*.conf\n*~\n!etc/nginx.conf\n.dockerignore\nDockerfile*\nBuildconfig.sh\n";
    assert_eq!(selected("COPY . /", &FILES, ignore).unwrap(), ["README.md", "etc/nginx.conf"]);
    assert_eq!(selected("COPY etc /", &FILES, ignore).unwrap(), ["etc/nginx.conf"]);
    assert_eq!(selected("COPY . /", &FILES, "*").unwrap(), [""; 0]);
}

#[test]
fn links_are_followed_where_docker_follows_them() {
    let files =
        ["conf -> etc/main", "d/one -> ../etc/main/x", "empty/", "etc/main/x", "out -> ../../y"];
    let table: [(&str, &[&str]); 7] = [
        ("COPY conf /", &["conf -> ", "etc/main/x"]),
        ("COPY conf/x /", &["conf -> ", "etc/main/x"]),
        ("COPY con* /", &["conf -> ", "etc/main/x"]),
        ("COPY conf/* /", &["conf -> ", "etc/main/x"]),
        ("COPY d /", &["d/one"]),
        ("COPY d/one /", &["d/one", "etc/main/x"]),
        ("COPY empty/ /", &["empty"]),
    ];
    for (dockerfile, wanted) in table {
        let wanted: Vec<_> = wanted.iter().map(|path| path.trim_end_matches(" -> ")).collect();
        assert_eq!(selected(dockerfile, &files, "").unwrap(), wanted, "{dockerfile}");
    }
    let circle = ["a -> b", "b -> a"];
    assert_eq!(selected("COPY a /", &circle, "").unwrap(), ["a", "b"]);
}

fn error(dockerfile: &str, ignore: &str) -> String {
    crate::base::diag::render(&selected(dockerfile, &FILES, ignore).unwrap_err(), false)
}

#[test]
fn a_source_without_a_file_is_an_error() {
    assert_eq!(
        error("COPY a.conf etc/ngin.conf /", ""),
        "\
error: `etc/ngin.conf` matches no file of the dock
 --> bb-dock/a/Dockerfile.template:2:13
  |
2 | COPY a.conf etc/ngin.conf /
  |             ^^^^^^^^^^^^^
hint: did you mean `etc/nginx.conf`?
"
    );
    assert_eq!(
        error("COPY html/*.html /", ""),
        "\
error: `html/*.html` matches no file of the dock
 --> bb-dock/a/Dockerfile.template:2:6
  |
2 | COPY html/*.html /
  |      ^^^^^^^^^^^
hint: paths are counted from the dock's folder
"
    );
    assert_eq!(
        error("COPY a.conf /", "*.conf"),
        "\
error: `a.conf` matches no file of the dock
 --> bb-dock/a/Dockerfile.template:2:6
  |
2 | COPY a.conf /
  |      ^^^^^^
hint: `.dockerignore` keeps it out
"
    );
    assert_eq!(
        error("COPY a.co[nf /", ""),
        "\
error: `a.co[nf` is not a pattern
 --> bb-dock/a/Dockerfile.template:2:6
  |
2 | COPY a.co[nf /
  |      ^^^^^^^
hint: every `[` needs its `]`, a last `\\` a character after it, and it has an end within 1,024 characters
"
    );
}
