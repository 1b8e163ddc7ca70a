//! What is in the images: small, no tool of the builder's, every library that is needed.

use goblin::elf::Elf;
use support::sealed::sorted;

use super::{IMAGES, Project};
use crate::image::{Image, Kind};

/// Bytes, as `docker image inspect` counts; half a million of them are OpenSSL's certificates.
const LARGEST_NGINX: u64 = 17_500_000;

#[test]
fn the_first_build_runs_every_step_once() {
    let project = Project::get();
    let kinds = |kind: &str| IMAGES.map(|name| format!("{kind}:{name}")).join(" ");
    let expected = format!(
        "builder:bob fetch:portage.tar.xz fetch:portage.tar.xz.gpgsig \
         fetch:stage3-amd64-nomultilib-openrc.tar.xz fetch:stage3-amd64-nomultilib-openrc.tar.xz.DIGESTS \
         fetch:stage3-amd64-nomultilib-openrc.tar.xz.asc import:portage import:stage3 \
         verify:portage verify:stage3 {} {} {}",
        kinds("rootfs"),
        kinds("dockerfile"),
        kinds("image")
    );
    assert_eq!(project.first.done(), sorted(expected.split_whitespace()), "{}", project.first);
    project.room.assert_tidy();
    project.room.bb("build").fails(0, "nothing to do: 25 steps up to date\n");
}

#[test]
fn the_nginx_image_is_small() {
    let project = Project::get();
    let size = project.room.engine().image_size(&project.room.image("nginx"));
    assert!(size <= LARGEST_NGINX, "{size} bytes");
}

#[test]
fn no_image_holds_what_only_the_builder_needs() {
    let project = Project::get();
    for name in IMAGES {
        let image = Image::read(project.room.engine(), &project.room.image(name));
        let found = image.entries.keys().filter(|path| is_forbidden(path)).collect::<Vec<_>>();
        assert!(found.is_empty(), "{name}: {found:?}");
        assert!(image.entries.contains_key("/usr/bin/busybox"), "{name} has no busybox");
    }
}

fn is_forbidden(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let tools = ["gcc", "cc", "ld", "as", "make", "emerge", "ebuild", "portage"];
    let developing = [".h", ".a", ".la", ".pc"].iter().any(|end| name.ends_with(end));
    let records = path == "/var/db/pkg" || path.starts_with("/var/db/pkg/");
    // Of another ABI, which the default flavour has not.
    let other = name == "ld-linux.so.2";
    tools.contains(&name) || name.starts_with("python") || developing || records || other
}

#[test]
fn every_library_that_is_needed_is_in_the_image() {
    let project = Project::get();
    for name in IMAGES {
        let image = Image::read(project.room.engine(), &project.room.image(name));
        let mut programs = 0;
        for (path, entry) in &image.entries {
            if let Kind::File(data) = &entry.kind {
                programs += usize::from(check_program(&image, path, data));
            }
        }
        assert!(programs > 3, "{name} has only {programs} programs and libraries");
    }
}

/// Whether it is a program or library; if so, all that it needs is there.
fn check_program(image: &Image, path: &str, data: &[u8]) -> bool {
    if !data.starts_with(b"\x7fELF") {
        return false;
    }
    let elf = Elf::parse(data).unwrap_or_else(|e| panic!("{path}: {e}"));
    if let Some(interpreter) = elf.interpreter {
        assert!(is_file(image, interpreter), "{path} needs {interpreter}");
    }
    let folders = search_folders(&elf, path);
    for library in &elf.libraries {
        let found = folders.iter().any(|folder| is_file(image, &format!("{folder}/{library}")));
        assert!(found, "{path} needs {library}");
    }
    true
}

fn is_file(image: &Image, path: &str) -> bool {
    let real = image.resolve(path);
    real.is_some_and(|p| matches!(image.entries.get(&p).map(|e| &e.kind), Some(Kind::File(_))))
}

/// Where the loader looks: the program's own list, then its built-in folders.
fn search_folders(elf: &Elf<'_>, path: &str) -> Vec<String> {
    let origin = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let own = elf.rpaths.iter().chain(&elf.runpaths).flat_map(|list| list.split(':'));
    let own = own.map(|folder| folder.replace("$ORIGIN", origin).replace("${ORIGIN}", origin));
    let built_in = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];
    own.chain(built_in.map(str::to_owned)).collect()
}

/// The images' list of packages is what was compiled for them, each with the image it is from.
#[test]
fn the_list_of_packages_names_what_is_in_the_image() {
    let project = Project::get();
    let text = project.room.read(".bb/images/nginx/packages.json");
    let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let packages = listed.as_array().unwrap();
    let from = |name: &str| {
        let found = packages.iter().find(|p| p["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {text}"))["image"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(from("nginx").as_deref(), Some("nginx"));
    assert_eq!(from("openssl").as_deref(), Some("openssl"));
    assert_eq!(from("s6").as_deref(), Some("s6"));
    assert_eq!(from("busybox").as_deref(), Some("busybox"));
    let provided = project.room.read(".bb/images/nginx/package.provided");
    assert_eq!(provided.lines().count(), packages.len());
}

/// A parent with one set of libraries, a child that wants another set of the same package.
#[test]
fn what_a_child_takes_away_is_gone_from_its_image() {
    let project = Project::get();
    let room = &project.room;
    let template = |parent: &str| format!("FROM ${{NAMESPACE}}/{parent}\nADD rootfs.tar /\n");
    let _parent = project.extra(
        "pcre",
        &template("busybox"),
        "PACKAGES='dev-libs/libpcre2'\n\
         configure_rootfs_build() { update_use dev-libs/libpcre2 +pcre16 -pcre32; }\n",
    );
    let _child = project.extra(
        "pcre-other",
        &template("pcre"),
        "PACKAGES='dev-libs/libpcre2'\n\
         configure_rootfs_build() { update_use dev-libs/libpcre2 -pcre16 +pcre32; }\n\
         finish_rootfs_build() {\n\
         \techo kept >\"$EMERGE_ROOT/root/kept\"; echo kept >\"$EMERGE_ROOT/tmp/kept\"\n}\n",
    );
    room.bb("build pcre-other").ok();
    let parent = Image::read(room.engine(), &room.image("pcre"));
    let child = Image::read(room.engine(), &room.image("pcre-other"));
    let has = |image: &Image, library: &str| is_file(image, &format!("/usr/lib64/{library}.so.0"));
    assert!(has(&parent, "libpcre2-16") && !has(&parent, "libpcre2-32"));
    assert!(has(&child, "libpcre2-32"));
    let left = child.entries.keys().filter(|p| p.contains("libpcre2-16")).collect::<Vec<_>>();
    assert!(left.is_empty(), "{left:?}");
    let marks = child.entries.keys().filter(|p| p.contains("/.wh.")).collect::<Vec<_>>();
    assert!(marks.is_empty(), "{marks:?}");
    for image in [&parent, &child] {
        assert_eq!(image.entries["/tmp"].mode, 0o1777);
        assert_eq!(image.entries["/root"].mode, 0o700);
        assert_eq!(image.entries["/var/tmp"].mode, 0o1777);
    }
    assert_eq!(
        (child.text("/root/kept"), child.text("/tmp/kept")),
        ("kept\n".into(), "kept\n".into())
    );
    room.bb("build").fails(0, "nothing to do: 31 steps up to date\n");
}

/// The audit of the shipped images finds nothing; of one with a fault, it names the package.
#[test]
fn the_audit_finds_nothing_in_the_shipped_images_and_names_packages() {
    let project = Project::get();
    let room = &project.room;
    room.bb("audit").fails(0, "nothing found in 5 images\n");
    let template = "FROM ${NAMESPACE}/busybox\nADD rootfs.tar /\n";
    let buildconfig = "PACKAGES='sys-libs/zlib'\nKEEP_HEADERS=yes\n";
    let _extra = project.extra("developing", template, buildconfig);
    room.bb("build developing").ok();
    let run = room.bb("audit developing");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let begins = "developing: header: /usr/include/zlib.h, from sys-libs/zlib-";
    assert!(run.stdout.lines().any(|l| l.starts_with(begins)), "{}", run.stdout);
}
