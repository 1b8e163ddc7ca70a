//! What Dockerfiles have made is there in the images built on theirs, though the rootfs step knows nothing of it; by
//! `bb` and by the engine's builder.

use support::LEFT_TO_BUILDER;

use super::Project;
use crate::image::Image;

const PARENT: &str = "FROM ${NAMESPACE}/busybox\nADD rootfs.tar /\nCOPY passwd /etc/passwd\n\
                      COPY motd /etc/motd\nADD modes.tar /\n";
/// What ROOT has, a Dockerfile changes, and the child's ROOT changes, too.
const HOOK: &str = "finish_rootfs_build() {\n\tmkdir -p \"$EMERGE_ROOT\"/srv\n\
                    \techo parent >\"$EMERGE_ROOT\"/etc/motd\n}\n";
const CHILD: &str = "PACKAGES='acct-user/nginx'\nfinish_rootfs_build() {\n\
                     \techo page >\"$EMERGE_ROOT\"/srv/page.h\n\techo child >\"$EMERGE_ROOT\"/etc/motd\n}\n";

#[test]
fn a_childs_rootfs_undoes_nothing_that_a_dockerfile_has_made() {
    let project = Project::get();
    let room = &project.room;
    let _parent = project.extra("below", PARENT, HOOK);
    let passwd = "root:x:0:0:root:/root:/bin/sh\njo:x:500:500::/srv:/bin/sh\n";
    room.write("bb-dock/below/passwd", passwd);
    room.write("bb-dock/below/motd", "a Dockerfile's\n");
    std::fs::write(room.path("bb-dock/below/modes.tar"), modes()).unwrap();
    let template = "FROM ${NAMESPACE}/below\nADD rootfs.tar /\n";
    let _child = project.extra("above", template, CHILD);
    let _engines = project.extra("engines", &format!("{LEFT_TO_BUILDER}{template}"), CHILD);
    room.write("bb-dock/engines/f", "");
    room.bb("build above engines").ok();
    for name in ["above", "engines"] {
        let image = Image::read(room.engine(), &room.image(name));
        let lines = image.text("/etc/passwd");
        let users = lines.lines().map(|line| line.split(':').next().unwrap()).collect::<Vec<_>>();
        assert!(["root", "jo", "nginx"].iter().all(|user| users.contains(user)), "{name}: {lines}");
        let srv = &image.entries["/srv"];
        assert_eq!((srv.mode, srv.uid, srv.gid), (0o770, 500, 500), "{name}");
        // No header, though it is called like one.
        assert_eq!(image.text("/srv/page.h"), "page\n");
        assert_eq!(image.text("/etc/motd"), "child\n");
        let why = room.bb(&format!("why {name}"));
        let told = "  `/etc/motd`, which a Dockerfile had made: replaced by the rootfs\n";
        assert!(why.stdout.contains(told), "{name}: {}", why.stdout);
    }
    let audit = room.bb("audit above");
    assert_eq!(audit.code, Some(1), "{}", audit.stderr);
    assert!(
        audit.stdout.contains("above: undone: /etc/motd (replaced by the rootfs)\n"),
        "{}",
        audit.stdout
    );
}

#[test]
fn what_was_left_out_is_told_by_rule() {
    let project = Project::get();
    let left = project.room.bb("size openssl --left-out");
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    let own = left.stdout.split("\nopenssl: ").nth(1).unwrap_or_else(|| panic!("{}", left.stdout));
    for told in ["\nheaders, ", "\ndevelopment, ", "\nrecords, ", "  /usr/include/openssl/ssl.h\n"]
    {
        assert!(own.contains(told), "no {told} in {own}");
    }
    let json = project.room.bb("size openssl --left-out --json");
    let all = serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap();
    let images = all.as_array().unwrap().iter().map(|one| one["image"].as_str().unwrap());
    assert_eq!(images.collect::<Vec<_>>(), ["busybox", "openssl", "s6"]);
}

/// `/srv`, private, and somebody else's.
fn modes() -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o770);
    header.set_uid(500);
    header.set_gid(500);
    header.set_size(0);
    tar.append_data(&mut header, "srv", std::io::empty()).unwrap();
    tar.into_inner().unwrap()
}
