//! A package that cannot be had or does not compile: emerge's own words, the log, the command.

use regex::Regex;

use super::Project;
use crate::support::{Room, Run};

const TEMPLATE: &str = "FROM ${NAMESPACE}/busybox\nADD rootfs.tar /\n";

/// Nothing of a failed rootfs step is left but its log.
fn nothing_left(room: &Room, name: &str) {
    assert!(!room.exists(&format!(".bb/stamps/rootfs/{name}")));
    assert!(!room.exists(&format!(".bb/images/{name}/rootfs.tar")));
    assert!(!room.engine().has_image(&room.image(name)));
    let step = format!("label=bb.step=rootfs:{name}");
    assert_eq!(room.engine().docker(&["ps", "-aq", "--filter", &step]), "");
    room.assert_tidy();
}

/// The run failed in `rootfs:NAME`, with the builder's last words between these lines.
#[track_caller]
fn fails(run: &Run, name: &str) -> String {
    let stderr = run.stderr.replace(&format!("start   dockerfile:{name} (never built)\n"), "");
    let lines = stderr.lines().filter(|l| !l.starts_with("done    dockerfile:"));
    let text = lines.fold(String::new(), |text, line| text + line + "\n");
    let begin = format!(
        "start   rootfs:{name} (never built)\nfailed  rootfs:{name}\n\
         error: the builder failed with exit status 1\n"
    );
    let end = format!(
        "log: .bb/logs/rootfs/{name}.log\nagain: bb step rootfs:{name}\n\
         1 step failed, 1 not run because of it; 1 done\n"
    );
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    let words = text.strip_prefix(&begin).and_then(|t| t.strip_suffix(&end));
    words.unwrap_or_else(|| panic!("{}", run.stderr)).to_owned()
}

#[test]
fn a_package_that_does_not_exist_is_told_in_emerges_words() {
    let project = Project::get();
    let _dock = project.extra("nowhere", TEMPLATE, "PACKAGES='app-misc/no-such-thing'\n");
    let words = fails(&project.room.bb("build nowhere"), "nowhere");
    assert_eq!(
        words,
        "  emerge: there are no ebuilds to satisfy \"app-misc/no-such-thing\" for /emerge-root/.\n\
         \x20 emerge: searching for similar names... nothing similar found.\n"
    );
    nothing_left(&project.room, "nowhere");
}

/// A file that does not compile, by way of Portage's own folder for patches.
const BROKEN: &str = r#"PACKAGES='sys-libs/zlib'
configure_rootfs_build() {
	mkdir -p /etc/portage/patches/sys-libs/zlib
	cat >/etc/portage/patches/sys-libs/zlib/broken.patch <<-'END'
		--- a/adler32.c
		+++ b/adler32.c
		@@ -1,1 +1,2 @@
		+#error "broken on purpose"
		 /* adler32.c -- compute the Adler-32 checksum of a data stream
	END
}
"#;

#[test]
fn a_package_that_does_not_compile_is_told_in_emerges_words() {
    let project = Project::get();
    let _dock = project.extra("broken", TEMPLATE, BROKEN);
    let words = fails(&project.room.bb("build broken"), "broken");
    let told =
        Regex::new(r"(?m)^   \* ERROR: sys-libs/zlib-[0-9.]+::gentoo failed \(compile phase\):$");
    assert!(told.unwrap().is_match(&words), "{words}");
    assert_eq!(words.lines().count(), 15, "{words}");
    let log = project.room.read(".bb/logs/rootfs/broken.log");
    assert!(log.contains("adler32.c:1:2: error: #error \"broken on purpose\""), "{log}");
    nothing_left(&project.room, "broken");
    // Put right, it is built by the command that was named.
    project.room.write("bb-dock/broken/Buildconfig.sh", "PACKAGES='sys-libs/zlib'\n");
    project.room.bb("step rootfs:broken").ran("rootfs:broken");
}

#[test]
fn a_hook_that_fails_is_told_with_its_command() {
    let project = Project::get();
    let hook = "finish_rootfs_build() {\n\tcp /nowhere \"$EMERGE_ROOT\"/\n}\n";
    let _dock = project.extra("hook", TEMPLATE, hook);
    let words = fails(&project.room.bb("build hook"), "hook");
    let told = "  >>> finish_rootfs_build of hook\n\
                \x20 cp: cannot stat '/nowhere': No such file or directory\n\
                \x20 error: finish_rootfs_build of hook failed: cp /nowhere \"$EMERGE_ROOT\"/\n";
    assert!(words.ends_with(told), "{words}");
    nothing_left(&project.room, "hook");
}
