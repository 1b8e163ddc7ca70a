use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// A folder with `path: content` files; a path that ends in `/` is a folder.
fn docks(files: &[(&str, &str)]) -> TempDir {
    let room = TempDir::new().unwrap();
    for (path, text) in files {
        let path = room.path().join(path);
        if path.as_os_str().as_bytes().ends_with(b"/") {
            fs::create_dir_all(&path).unwrap();
            continue;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    room
}

fn discover(root: &Path, ground: &Ground) -> Result<Vec<Dock>> {
    names(root, ground)?.iter().map(|name| dock(root, name, ground)).collect()
}

/// The error's text, with the room's path taken away.
fn error(room: &TempDir) -> String {
    let error = discover(&room.path().join("bb-dock"), &Ground::of(room.path(), &[])).unwrap_err();
    assert_eq!(error.exit(), crate::Exit::Config);
    crate::base::diag::render(&error, false).replace(&format!("{}/", room.path().display()), "")
}

const A: [(&str, &str); 2] =
    [("bb-dock/a/Dockerfile.template", "FROM scratch\n"), ("bb-dock/a/Buildconfig.sh", "exit 1\n")];

#[test]
fn every_folder_is_a_dock() {
    let mut files = A.to_vec();
    files.extend([
        ("bb-dock/b/Dockerfile.j2", "FROM {{ X }}"),
        ("bb-dock/b/Buildconfig.sh", ""),
        ("bb-dock/b/dock.toml", "rootfs.inputs = ['users/*']\n"),
        ("bb-dock/b/.dockerignore", "*.md\n"),
        ("bb-dock/b/etc/x", ""),
        ("bb-dock/b/etc.x", ""),
        ("bb-dock/b/empty/deep/", ""),
        ("bb-dock/.git/x", ""),
        ("bb-dock/_old/x", ""),
        ("bb-dock/README.md", ""),
    ]);
    let room = docks(&files);
    symlink("etc", room.path().join("bb-dock/b/link")).unwrap();
    symlink("b", room.path().join("bb-dock/c")).unwrap();
    let found = discover(&room.path().join("bb-dock"), &Ground::of(room.path(), &[])).unwrap();
    let names: Vec<_> = found.iter().map(|dock| dock.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!((found[0].template.as_str(), found[0].is_jinja), ("FROM scratch\n", false));
    assert_eq!(found[0].buildconfig_file, room.path().join("bb-dock/a/Buildconfig.sh"));
    assert_eq!(found[1].settings.rootfs.inputs, ["users/*"]);
    assert_eq!((found[1].ignore.as_deref(), found[1].is_jinja), (Some("*.md\n"), true));
    let paths: Vec<_> = found[1].files.iter().map(|file| file.path.to_str().unwrap()).collect();
    let all = [
        ".dockerignore",
        "Buildconfig.sh",
        "Dockerfile.j2",
        "dock.toml",
        "empty",
        "empty/deep",
        "etc",
        "etc.x",
        "etc/x",
        "link",
    ];
    assert_eq!(paths, all);
    assert_eq!(found[1].files[4].kind, FileKind::Folder);
    assert_eq!(found[1].files[5].kind, FileKind::EmptyFolder);
    assert_eq!(found[1].files[9].kind, FileKind::Link("etc".into()));
}

#[test]
fn both_files_are_required() {
    assert_eq!(
        error(&docks(&A[..1])),
        "\
error: `bb-dock/a/Buildconfig.sh` is missing
hint: `bb-dock/a` needs both Dockerfile.template and Buildconfig.sh
"
    );
    assert_eq!(
        error(&docks(&A[1..])),
        "\
error: `bb-dock/a/Dockerfile.template` is missing
hint: `bb-dock/a` needs both Dockerfile.template and Buildconfig.sh
"
    );
    assert_eq!(
        error(&docks(&[A[0], A[1], ("bb-dock/a/Dockerfile.j2", "")])),
        "\
error: `bb-dock/a` has both Dockerfile.template and Dockerfile.j2
hint: remove one of them
"
    );
    assert_eq!(
        error(&docks(&[("x", "")])),
        "\
error: there is no folder `bb-dock`
hint: `bb new NAME` makes it, with a first dock in it
"
    );
    assert_eq!(
        error(&docks(&[("bb-dock", "")])),
        "\
error: cannot read `bb-dock`: not a directory
"
    );
}

#[test]
fn a_docks_name_is_an_image_name_and_its_files_names_are_bytes() {
    assert_eq!(
        error(&docks(&[("bb-dock/My Dock/x", "")])),
        "\
error: the folder `bb-dock/My Dock` cannot be a dock
hint: use lower-case letters and digits, with single `.`, `_` or dashes between them, or begin it with `_` to have it skipped
"
    );
    let room = docks(&A);
    let name = Path::new(OsStr::from_bytes(b"x\xff"));
    fs::write(room.path().join("bb-dock/a").join(name), "").unwrap();
    let found = discover(&room.path().join("bb-dock"), &Ground::of(room.path(), &[])).unwrap();
    assert_eq!(found[0].files.last().unwrap().path, name);
    fs::create_dir(room.path().join("bb-dock").join(name)).unwrap();
    assert_eq!(
        error(&room),
        "\
error: the name of `bb-dock/x�` is not UTF-8
hint: rename it
"
    );
}

#[test]
fn files_must_be_small_text() {
    let large = "#".repeat(1 << 20) + "\n";
    assert_eq!(
        error(&docks(&[A[0], ("bb-dock/a/Buildconfig.sh", &large)])),
        "\
error: `bb-dock/a/Buildconfig.sh` has more than 1 MiB (`file_size`: bytes of a text file of a project)
hint: make it smaller; this limit is fixed
"
    );
    assert_eq!(
        error(&docks(&[A[0], ("bb-dock/a/Buildconfig.sh", "a\0")])),
        "\
error: `bb-dock/a/Buildconfig.sh` is not text: it has NUL bytes
"
    );
    let room = docks(&A);
    fs::write(room.path().join("bb-dock/a/Buildconfig.sh"), b"a\nb\xff\n").unwrap();
    assert_eq!(
        error(&room),
        "\
error: `bb-dock/a/Buildconfig.sh` is not UTF-8 (line 2)
"
    );
    let room = docks(&A[..1]);
    symlink("nowhere", room.path().join("bb-dock/a/Buildconfig.sh")).unwrap();
    assert_eq!(
        error(&room),
        "\
error: cannot read `bb-dock/a/Buildconfig.sh`: no such file or directory
"
    );
}

#[test]
fn settings_are_checked() {
    let with = |text| error(&docks(&[A[0], A[1], ("bb-dock/a/dock.toml", text)]));
    assert_eq!(
        with("[rootfs]\ninput = []\n"),
        "\
error: unknown field `input`, expected `inputs` or `fetch`
 --> bb-dock/a/dock.toml:2:1
  |
2 | input = []
  | ^^^^^
"
    );
    assert_eq!(
        with("[rootfs]\ninputs = 1\n"),
        "\
error: invalid type: integer `1`, expected a sequence
 --> bb-dock/a/dock.toml:2:10
  |
2 | inputs = 1
  |          ^
"
    );
}

/// Passed over, a test would not run and a secret would not be left out.
#[test]
fn a_pipe_in_place_of_a_file_is_told_and_does_not_block() {
    for name in [".dockerignore", "dock.toml", "test.sh", "Buildconfig.sh"] {
        let room = docks(&A);
        let path = room.path().join("bb-dock/a").join(name);
        let _ = std::fs::remove_file(&path);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, 0o600.into(), 0).unwrap();
        let said =
            discover(&room.path().join("bb-dock"), &Ground::of(room.path(), &[])).unwrap_err();
        assert!(
            said.message().ends_with(&format!("bb-dock/a/{name}` is a pipe, not a file")),
            "{said:?}"
        );
    }
}
