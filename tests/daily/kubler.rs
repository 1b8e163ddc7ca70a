//! `bb import kubler`: ten images in kubler's style become docks of which a plan can be made; what is there stays, and
//! what strangers have put into a namespace does no harm.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::checkout;
use support::fake::engine::World;
use support::fake::room::{Room, says};

use crate::family::bb;

const IMAGES: [&str; 10] = [
    "busybox",
    "devel",
    "execline",
    "memcached",
    "nginx",
    "openssl",
    "s6",
    "static",
    "web",
    "zlib",
];

/// A project without docks, and the namespace in a folder of it.
fn room() -> Room {
    let room = Room::new(World::default());
    room.settings("", "");
    room.pin();
    fs::create_dir(room.path("old")).unwrap();
    let from = checkout().join("tests/daily/kubler/acme");
    let status = Command::new("cp").arg("-a").args([from, room.path("old/")]).status().unwrap();
    assert!(status.success());
    room
}

/// All files below a folder: mode, and text or target.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let node = |entry: walkdir::DirEntry| {
        let (path, meta) = (entry.path(), entry.path().symlink_metadata().unwrap());
        let text = match meta.file_type() {
            kind if kind.is_symlink() => {
                fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
            }
            kind if kind.is_file() => fs::read(path).unwrap(),
            _ => vec![],
        };
        (path.strip_prefix(folder).unwrap().to_owned(), (meta.permissions().mode(), text))
    };
    entries.map(node).collect()
}

fn text(room: &Room, path: &str) -> String {
    fs::read_to_string(room.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Lines of a text that another one has not.
fn other(text: &str, than: &str) -> Vec<String> {
    let known = than.lines().collect::<Vec<_>>();
    text.lines().filter(|line| !known.contains(line)).map(str::to_owned).collect()
}

/// Lines with one blank where there are more.
fn sorted(text: &str) -> Vec<String> {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = text.lines().map(line).collect::<Vec<_>>();
    lines.sort();
    lines
}

const TOLD: &str = "\
differs  busybox    build.sh:5          BOB_INSTALL_BASELAYOUT -> nothing: an image FROM scratch always begins with sys-apps/baselayout
differs  busybox    build.sh:33         log_as_installed -> nothing: `bb image sbom NAME` has the packages
differs  devel      build.sh:8          _no_cache_20200731 -> nothing: a binary package's key has all that it was made of; an old one is never taken for another
differs  devel      build.sh:19         copy_gcc_libs -> the same, without libgomp: `copy_gcc_libs libgomp.so.1` copies that too
differs  memcached  build-test.sh       runs in the started image -> test.sh: the image's /bin/sh runs it beside what the image starts, without a network, for at most `timeout` of `[test]` in dock.toml (30 s)
differs  memcached  build.conf:1        the parent `kubler/s6` is another namespace's -> the dock `s6`: docks of all namespaces are in one project
differs  nginx      build.sh:6          _headers_from -> `KEEP_HEADERS=yes`: all headers of the image's root stay, also those of its parents' packages
differs  static     build.sh:5          _static_libs_from -> `KEEP_STATIC_LIBS=yes`: all static libraries of the image's root stay, also those of its parents' packages. Only to compile against them nothing is needed
differs  static     build.sh:11         init_docs -> nothing: `bb image sbom NAME` has the packages
";

#[test]
fn ten_images_become_docks_that_can_be_planned() {
    let room = room();
    let before = tree(&room.path("old"));
    let run = bb(&room, "import kubler old/acme");
    let made = IMAGES.map(|name| format!("made  bb-dock/{name}\n")).concat();
    let rest = "for bb.toml: namespace = \"acme\", maintainer = \"Acme Images <images@acme.example>\"\n\
                done: 10 docks made\nnext: bb build --dry-run\n";
    // Data and messages are two streams, and columns are as wide as they have to be.
    assert_eq!(sorted(&run.text), sorted(&[TOLD, &made, rest].concat()));
    assert_eq!(run.code, Some(0));
    assert_eq!(tree(&room.path("old")), before);

    let planned = bb(&room, "build --dry-run").ok().text;
    for name in IMAGES {
        assert!(planned.contains(&format!("image:{name}")), "{name}: {planned}");
        let compiled = planned.contains(&format!("rootfs:{name}"));
        assert_eq!(compiled, name != "web", "{name}: {planned}");
    }
    let tree = bb(&room, "tree").ok().text;
    for name in IMAGES {
        assert!(tree.contains(name), "{tree}");
    }
}

/// The lines of each `build.sh` that are others in `Buildconfig.sh`.
const CHANGED: [(&str, &[&str]); 9] = [
    (
        "busybox",
        &[
            "PACKAGES=\"sys-libs/glibc sys-apps/busybox\"",
            "    mkdir -p \"${EMERGE_ROOT}\"/var/log \"${EMERGE_ROOT}\"/var/spool/cron/crontabs",
            "    chmod 0600 \"${EMERGE_ROOT}\"/var/spool/cron/crontabs",
            "    rm -rf \"${EMERGE_ROOT}\"/etc/init.d/",
            "    for applet in $(chroot \"${EMERGE_ROOT}\" /bin/busybox --list); do",
            "        [[ -e \"${EMERGE_ROOT}/usr/bin/${applet}\" || -e \"${EMERGE_ROOT}/usr/sbin/${applet}\" ]] \\",
            "            || ln -s busybox \"${EMERGE_ROOT}/usr/bin/${applet}\"",
            "    : log_as_installed \"manual install\" \"crontabs-1.0\" \"https://acme.example/\"",
        ],
    ),
    (
        "devel",
        &[
            "PACKAGES=\"sys-libs/zlib dev-libs/libevent\"",
            "KEEP_HEADERS=true",
            "KEEP_STATIC_LIBS=true",
        ],
    ),
    ("execline", &["PACKAGES=\"dev-lang/execline dev-libs/skalibs\""]),
    (
        "memcached",
        &[
            "PACKAGES=\"net-misc/memcached acct-user/memcached\"",
            "    BUILD_PACKAGES+=\" dev-libs/libevent \\",
            "        sys-libs/zlib\"",
            "    configure_builder # kubler calls it by itself",
            "    mkdir -p \"${EMERGE_ROOT}\"/etc/service/memcached",
            "    cat > \"${EMERGE_ROOT}\"/etc/service/memcached/run <<END",
            "    chmod +x \"${EMERGE_ROOT}\"/etc/service/memcached/run",
        ],
    ),
    (
        "nginx",
        &[
            "NGINX_PORT='8080' # of build.conf",
            "PACKAGES=\"www-servers/nginx\"",
            "KEEP_HEADERS=yes",
            "    local conf=\"${EMERGE_ROOT}/etc/nginx/nginx.conf\"",
            "    mkdir -p \"${EMERGE_ROOT}\"/etc/nginx/conf.d \"${EMERGE_ROOT}\"/var/www/localhost/htdocs",
            "    cp \"/config\"/nginx.conf \"${conf}\"",
            "    sed-or-die '@PORT@' \"${NGINX_PORT}\" \"${conf}\"",
            "    echo \"It works, without _packages!\" > \"${EMERGE_ROOT}\"/var/www/localhost/htdocs/index.html",
        ],
    ),
    (
        "openssl",
        &[
            "PACKAGES=\"dev-libs/openssl\"",
            "    rm -rf \"${EMERGE_ROOT}\"/etc/ssl/misc \"${EMERGE_ROOT}\"/usr/bin/c_rehash \
             \"${EMERGE_ROOT}\"/usr/\"$(libdir)\"/engines-*",
        ],
    ),
    (
        "s6",
        &[
            "PACKAGES=\"sys-apps/s6\"",
            "    cp -r /config/etc/* \"${EMERGE_ROOT}\"/etc/",
            "    chmod +x \"${EMERGE_ROOT}\"/etc/service/.s6-svscan/finish",
            "    mkdir -p \"${EMERGE_ROOT}\"/service",
        ],
    ),
    (
        "static",
        &[
            "PACKAGES=\"dev-libs/libpcre2\"",
            "KEEP_STATIC_LIBS=yes # its image has none",
            "    : init_docs 'acme/static'",
        ],
    ),
    ("zlib", &["PACKAGES=\"sys-libs/zlib\""]),
];

#[test]
fn only_words_are_changed_and_comments_stay() {
    let room = room();
    bb(&room, "import kubler old/acme").ok();
    for (name, changed) in CHANGED {
        let before = text(&room, &format!("old/acme/images/{name}/build.sh"));
        let after = text(&room, &format!("bb-dock/{name}/Buildconfig.sh"));
        assert_eq!(other(&after, &before), changed, "{name}");
        let comments = before.lines().filter(|line| line.trim_start().starts_with('#'));
        let kept = after.lines().filter(|line| line.trim_start().starts_with('#'));
        assert_eq!(comments.collect::<Vec<_>>(), kept.collect::<Vec<_>>(), "{name}");
        let file = format!("bb-dock/{name}/Buildconfig.sh");
        assert_eq!(room.run("bash", &["-n", &file]).code, Some(0), "{name}");
    }
    assert_eq!(
        text(&room, "bb-dock/web/Buildconfig.sh"),
        "# Nothing of this image comes from Portage.\n"
    );
}

#[test]
fn the_other_files_of_a_dock() {
    let room = room();
    bb(&room, "import kubler old/acme").ok();
    let settings = |name: &str| text(&room, &format!("bb-dock/{name}/dock.toml"));
    assert_eq!(
        settings("s6"),
        "[rootfs]\n# What Buildconfig.sh reads below /config.\ninputs = [\"etc/**\"]\n"
    );
    assert!(settings("nginx").contains("inputs = [\"nginx.conf\"]"), "{}", settings("nginx"));
    assert!(settings("nginx").contains("rule = \"header\""), "{}", settings("nginx"));
    assert!(settings("memcached").ends_with("[test]\ntimeout = 43\n"), "{}", settings("memcached"));
    assert!(settings("static").contains("rule = \"static-library\""), "{}", settings("static"));
    for name in ["busybox", "web", "zlib"] {
        assert!(!room.path(&format!("bb-dock/{name}/dock.toml")).exists(), "{name}");
    }
    for (from, to) in [
        ("memcached/build-test.sh", "memcached/test.sh"),
        ("memcached/docker-healthcheck.sh", "memcached/docker-healthcheck.sh"),
        ("nginx/etc/service/nginx/run", "nginx/etc/service/nginx/run"),
        ("busybox/README.md", "busybox/README.md"),
    ] {
        let before = text(&room, &format!("old/acme/images/{from}"));
        assert_eq!(text(&room, &format!("bb-dock/{to}")), before, "{to}");
    }
    let mode = |path: &str| room.path(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("bb-dock/nginx/etc/service/nginx/run"), 0o755);
    assert_eq!(
        fs::read_link(room.path("bb-dock/web/htdocs/start.html")).unwrap(),
        Path::new("index.html")
    );
    for gone in ["web/PACKAGES.md", "web/build.conf", "openssl/image.conf", "zlib/build.sh"] {
        assert!(!room.path(&format!("bb-dock/{gone}")).exists(), "{gone}");
    }
    let web = text(&room, "bb-dock/web/Dockerfile.template");
    assert!(
        web.starts_with("FROM ${NAMESPACE}/openssl AS tools\nFROM ${NAMESPACE}/nginx\n"),
        "{web}"
    );
    assert!(web.contains("\nCOPY --from=${NAMESPACE}/execline /usr"), "{web}");
    let nginx = text(&room, "bb-dock/nginx/Dockerfile.template");
    assert!(nginx.ends_with("ENV NGINX_PORT=8080\nEXPOSE 8080\n"), "{nginx}");
}

#[test]
fn a_second_run_changes_nothing_and_nothing_is_written_over() {
    let room = room();
    fs::create_dir_all(room.path("bb-dock/nginx")).unwrap();
    room.write("bb-dock/zlib/mine", "own");
    let run = bb(&room, "import kubler old/acme");
    assert!(run.text.contains("done: 8 docks made, 2 docks are there already\n"), "{}", run.text);
    assert_eq!(run.code, Some(0));
    assert_eq!(fs::read_dir(room.path("bb-dock/nginx")).unwrap().count(), 0);
    assert_eq!(tree(&room.path("bb-dock/zlib")).len(), 2);
    let before = tree(&room.path(""));
    let again = bb(&room, "import kubler old/acme");
    says(&again, 0, "nothing to do: 10 docks are there already\n");
    assert_eq!(tree(&room.path("")), before);
}

#[test]
fn without_a_project_one_is_made() {
    let room = room();
    fs::remove_file(room.path("bb.toml")).unwrap();
    let run = bb(&room, "import kubler old/acme").ok();
    assert!(run.text.contains("made  bb.toml\n"), "{}", run.text);
    let begin = "# As kubler.conf had it.\nnamespace = \"acme\"\nmaintainer = \"Acme Images <images@acme.example>\"\n\n";
    assert!(text(&room, "bb.toml").starts_with(begin));
    bb(&room, "config").ok();
    says(&bb(&room, "import kubler old/acme"), 0, "nothing to do: 10 docks are there already\n");
}

#[test]
fn docks_go_where_somebody_says() {
    let room = room();
    fs::create_dir(room.path("sub")).unwrap();
    let line = "cd sub && bb import kubler ../old/acme/ --into more";
    assert_eq!(room.run("sh", &["-c", line]).code, Some(0));
    assert!(room.path("sub/more/web/Dockerfile.template").exists());
    assert!(!room.path("bb-dock").exists());
    symlink("/tmp", room.path("out")).unwrap();
    let out = bb(&room, "import kubler old/acme --into out/docks");
    assert!(out.text.starts_with("error: the link `out` leads out of the project"), "{}", out.text);
    assert_eq!(out.code, Some(3));
}

#[test]
fn what_is_no_namespace_is_told() {
    let room = room();
    says(
        &bb(&room, "import kubler old"),
        2,
        "error: `old` is no namespace of kubler's: it has no folder `images`\n\
         hint: name one namespace, such as `old/acme`\n",
    );
    says(
        &bb(&room, "import kubler none"),
        2,
        "error: `none` is no namespace of kubler's: it has no folder `images`\n\
         hint: name the folder that has `kubler.conf` and `images` in it\n",
    );
    symlink("acme/images", room.path("old/images")).unwrap();
    assert_eq!(bb(&room, "import kubler old").code, Some(2));
}

/// What a stranger does to the image `web`, and what is said of it.
type Trick = (&'static str, fn(&Path), &'static str);

fn fifo(path: PathBuf) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

const TRICKS: [Trick; 13] = [
    (
        "a large script",
        |web| fs::write(web.join("build.sh"), "#".repeat(2 << 20)).unwrap(),
        "more than 1 MiB (`file_size`",
    ),
    (
        "a huge file",
        |web| fs::File::create(web.join("big")).unwrap().set_len(4 << 30).unwrap(),
        "more than 1 GiB (`import_size`",
    ),
    (
        "a binary script",
        |web| fs::write(web.join("build.sh"), b"\x7fELF\0\xff").unwrap(),
        "build.sh` is not text",
    ),
    ("a NUL", |web| fs::write(web.join("build.conf"), "A=\0").unwrap(), "build.conf` is not text"),
    ("a pipe as a script", |web| fifo(web.join("build.sh")), "build.sh` is a pipe, not a file"),
    ("a pipe", |web| fifo(web.join("data")), "data` is a pipe, not a file"),
    (
        "a link as a script",
        |web| symlink("/etc/shadow", web.join("build.sh")).unwrap(),
        "build.sh` is a link, and none is followed",
    ),
    (
        "a link in a circle",
        |web| {
            fs::remove_file(web.join("Dockerfile.template")).unwrap();
            symlink("Dockerfile.template", web.join("Dockerfile.template")).unwrap();
        },
        "Dockerfile.template` is a link, and none is followed",
    ),
    (
        "a link as the image",
        |web| {
            fs::rename(web, web.with_file_name(".web")).unwrap();
            symlink("/", web).unwrap();
        },
        "images/web` is a link, and none is followed",
    ),
    (
        "a folder as a script",
        |web| fs::create_dir(web.join("build.sh")).unwrap(),
        "cannot read `old/acme/images/web/build.sh`",
    ),
    (
        "no Dockerfile",
        |web| fs::remove_file(web.join("Dockerfile.template")).unwrap(),
        "Dockerfile.template` is missing",
    ),
    (
        "a name of ours",
        |web| fs::write(web.join("dock.toml"), "").unwrap(),
        "dock.toml` would mean something else in a dock",
    ),
    (
        "deep folders",
        |web| fs::create_dir_all(web.join("d/".repeat(300))).unwrap(),
        "more than 256 (`depth`",
    ),
];

#[test]
fn a_strangers_image_is_refused_and_the_others_are_made() {
    for (what, trick, message) in TRICKS {
        let room = room();
        trick(&room.path("old/acme/images/web"));
        let run = bb(&room, "import kubler old/acme");
        let told =
            run.text.lines().find(|line| line.starts_with("refused  web ")).unwrap_or_default();
        assert!(told.contains(message), "{what}: {}", run.text);
        assert!(run.text.contains("done: 9 docks made\n"), "{what}: {}", run.text);
        assert_eq!(run.code, Some(1), "{what}");
        let made = fs::read_dir(room.path("bb-dock")).unwrap().map(|e| e.unwrap().file_name());
        let mut made = made.collect::<Vec<_>>();
        made.sort();
        assert_eq!(
            made,
            IMAGES.into_iter().filter(|name| *name != "web").collect::<Vec<_>>(),
            "{what}"
        );
    }
}

#[test]
fn links_are_taken_and_not_followed() {
    let room = room();
    room.write("old/secret", "hush");
    let web = room.path("old/acme/images/web");
    symlink("../../../secret", web.join("out")).unwrap();
    symlink(".", web.join("circle")).unwrap();
    symlink("/dev/stdout", web.join("log.txt")).unwrap();
    let run = bb(&room, "import kubler old/acme");
    let hand = "hand     web        out            a link out of the image's folder, to `../../../secret` -> put a copy in \
                its place: the link was taken as it is";
    assert!(run.text.contains(hand), "{}", run.text);
    assert_eq!(run.text.lines().filter(|line| line.starts_with("hand")).count(), 1, "{}", run.text);
    assert_eq!(run.code, Some(1));
    for (name, target) in [("out", "../../../secret"), ("circle", "."), ("log.txt", "/dev/stdout")]
    {
        assert_eq!(
            fs::read_link(room.path(&format!("bb-dock/web/{name}"))).unwrap(),
            Path::new(target)
        );
    }
}

#[test]
fn odd_names_and_namespaces_settings_are_told() {
    let room = room();
    let images = room.path("old/acme/images");
    fs::rename(images.join("web"), images.join("Web")).unwrap();
    fs::create_dir_all(room.path("old/acme/builder/bob-musl")).unwrap();
    room.write("old/acme/images/notes.txt", "no image");
    room.write("old/acme/kubler.conf", "AUTHOR='a\n");
    let run = bb(&room, "import kubler old/acme");
    for told in [
        "refused  Web ",
        "`Web` cannot be the name of an image -> give the folder another name: use lower-case letters",
        "builder/bob-musl",
        "a quote, bracket or here-document does not end",
    ] {
        assert!(run.text.contains(told), "{told}: {}", run.text);
    }
    assert!(run.text.contains("done: 9 docks made\n"), "{}", run.text);
    assert_eq!(run.code, Some(1));
}
