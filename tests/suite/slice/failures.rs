//! A package that cannot be had or does not compile: emerge's own words, the log, the command.

use std::collections::BTreeSet;

use regex::Regex;
use support::sealed::{Room, Run};

use super::Project;

const TEMPLATE: &str = "FROM ${NAMESPACE}/busybox\nADD rootfs.tar /\n";

/// Nothing of a failed rootfs step is left but its log, and the builder for somebody to look into.
fn nothing_left(room: &Room, name: &str) {
    assert!(!room.exists(&format!(".bb/stamps/rootfs/{name}")));
    assert!(!room.exists(&format!(".bb/images/{name}/rootfs.tar")));
    assert!(!room.engine().has_image(&room.image(name)));
    assert_eq!(builders(room, name), ["exited"]);
    room.assert_tidy();
}

/// The states of a step's builders.
fn builders(room: &Room, name: &str) -> Vec<String> {
    let step = format!("label=bb.step=rootfs:{name}");
    let ours = room.project_filter();
    let args = ["ps", "-a", "--format", "{{.State}}", "--filter", &step, "--filter", &ours];
    room.engine().docker(&args).lines().map(str::to_owned).collect()
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
        "hint: `bb shell --failed {name}` opens the builder in which it failed\n\
         log: .bb/logs/rootfs/{name}.log\nagain: bb step rootfs:{name}\n\
         1 step failed, 1 not run because of it; 1 done\n"
    );
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    let words = text.strip_prefix(&begin).and_then(|t| t.strip_suffix(&end));
    words.unwrap_or_else(|| panic!("{}", run.stderr)).to_owned()
}

#[test]
fn a_package_that_does_not_exist_is_told_in_emerges_words() {
    let project = Project::get();
    let _dock = project.extra("nowhere", TEMPLATE, "PACKAGES='app-misc/qqqqq-zzzzz'\n");
    let words = fails(&project.room.bb("build nowhere"), "nowhere");
    assert_eq!(
        words,
        "  emerge: there are no ebuilds to satisfy \"app-misc/qqqqq-zzzzz\" for /emerge-root/.\n\
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

/// With a package before it that nobody has compiled yet: its settings are of now.
fn broken_after_another() -> (String, String) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let first = format!("package_env acct-group/nginx CFLAGS='-O2 -D{}'", now.as_nanos());
    let fixed = format!(
        "PACKAGES='acct-group/nginx sys-libs/zlib'\nconfigure_rootfs_build() {{\n\t{first}\n}}\n"
    );
    let broken = BROKEN.replace("PACKAGES='", "PACKAGES='acct-group/nginx ");
    (broken.replacen("() {\n", &format!("() {{\n\t{first}\n"), 1), fixed)
}

#[test]
fn a_package_that_does_not_compile_is_told_looked_into_and_put_right() {
    let project = Project::get();
    let room = &project.room;
    let (broken, fixed) = broken_after_another();
    let _dock = project.extra("broken", TEMPLATE, &broken);
    let words = fails(&room.bb("build broken"), "broken");
    let told = Regex::new(
        "^  adler32.c:1:2: error: #error \"broken on purpose\"\n  \
         sys-libs/zlib-[0-9.]+::gentoo failed \\(compile phase\\): emake failed\n  \\.\\.\\.\n",
    );
    assert!(told.unwrap().is_match(&words), "{words}");
    assert_eq!(words.lines().count(), 8, "{words}");
    nothing_left(room, "broken");

    let log = ".bb/logs/rootfs/broken.log";
    assert!(room.read(log).contains(">>> Emerging (1 of 2) acct-group/nginx-0::gentoo"));
    look_into(room);
    assert_eq!(builders(room, "broken"), ["exited"]);

    // Put right, it is built by the command that was named; what was done is not done again.
    room.write("bb-dock/broken/Buildconfig.sh", &fixed);
    room.told("step rootfs:broken").ran("rootfs:broken");
    let log = room.read(log);
    assert!(log.contains(">>> Emerging binary (1 of 1) acct-group/nginx-0::gentoo"), "{log}");
    // Without the patch it may be there from another dock.
    let mut compiled = log.lines().filter(|line| line.starts_with(">>> Compiling source in "));
    assert!(compiled.all(|line| line.contains("/portage/sys-libs/zlib-")), "{log}");
    assert_eq!(builders(room, "broken"), [""; 0]);
}

/// In the work folder, with the environment of the phase; what is put right there compiles.
fn look_into(room: &Room) {
    let script = "pwd\necho $CFLAGS / $MAKEOPTS / $EMERGE_ROOT\nmake adler32.o 2>&1 | grep error:\n\
                  sed -i 1d adler32.c\nagain 2>&1 | grep '^>>> Source comp'\nexit 3\n";
    let run = super::shell::fed(room, "shell --failed broken", script);
    let text = Regex::new(r"zlib-[0-9.]+[0-9]").unwrap().replace_all(&run.stdout, "zlib-V");
    let text = Regex::new(r"/ -j\d+ /").unwrap().replace(&text, "/ -jN /").into_owned();
    assert_eq!(
        text,
        "/var/tmp/portage/sys-libs/zlib-V/work/zlib-V\n-O2 -pipe / -jN / /emerge-root\n\
         adler32.c:1:2: error: #error \"broken on purpose\"\n>>> Source compiled.\n",
        "{}",
        run.stderr
    );
    assert_eq!(run.code, Some(3));
    let banner = "The builder of rootfs:broken, as it was when it failed. No network.\n  \
                  The work folder of sys-libs/zlib-";
    assert!(run.stderr.starts_with(banner), "{}", run.stderr);
}

#[test]
fn a_hook_that_fails_is_told_with_its_command() {
    let project = Project::get();
    let hook = "finish_rootfs_build() {\n\tcp /nowhere \"$EMERGE_ROOT\"/\n}\n";
    let _dock = project.extra("hook", TEMPLATE, hook);
    let words = fails(&project.room.bb("build hook"), "hook");
    let begins = "  >>> finish_rootfs_build of hook\n";
    let cause = "  cp: cannot stat '/nowhere': No such file or directory\n";
    let end = "  error: finish_rootfs_build of hook failed at Buildconfig.sh:2: cp /nowhere \"$EMERGE_ROOT\"/\n";
    // They are of two streams, which a busy engine hands on in any order.
    let last = words.lines().rev().take(3).collect::<BTreeSet<_>>();
    let told = format!("{begins}{cause}{end}");
    assert_eq!(last, told.lines().collect(), "{words}");
    assert!(words.find(cause) < words.find(end), "{words}");
    nothing_left(&project.room, "hook");
    again(&project.room, "hook", "finish_rootfs_build");
}

/// Put right in the box, the hook runs once more.
fn again(room: &Room, name: &str, hook: &str) {
    let script =
        "sed -i s:/nowhere:/etc/hostname: /config/Buildconfig.sh\nagain && echo put right\n";
    let run = super::shell::fed(room, &format!("shell --failed {name}"), script);
    assert_eq!(run.stdout, format!(">>> {hook} of {name}\nput right\n"), "{}", run.stderr);
    assert!(run.stderr.contains(&format!("again               runs {hook} of /config")));
}

#[test]
fn a_hook_that_fails_before_anything_is_asked_of_portage() {
    let project = Project::get();
    let hook = "configure_rootfs_build() {\n\tcp /nowhere \"$EMERGE_ROOT\"/\n}\n";
    let _dock = project.extra("early", TEMPLATE, hook);
    let words = fails(&project.room.bb("build early"), "early");
    let told = "error: configure_rootfs_build of early failed at Buildconfig.sh:2: cp /nowhere \"$EMERGE_ROOT\"/\n";
    assert!(words.ends_with(told), "{words}");
    nothing_left(&project.room, "early");
    again(&project.room, "early", "configure_rootfs_build");
}

/// Where packages are merged, ROOT is another one than that in which the dock was asked.
#[test]
fn what_is_changed_in_root_before_packages_are_merged_is_in_the_image() {
    let project = Project::get();
    let room = &project.room;
    let hook = "configure_rootfs_build() {\n\techo early >\"$EMERGE_ROOT\"/etc/early\n\tWORD=said\n}\n\
                finish_rootfs_build() {\n\techo $WORD >>\"$EMERGE_ROOT\"/etc/early\n}\n";
    let _dock = project.extra("root", TEMPLATE, hook);
    room.bb("build root").ok();
    room.bb("run root cat /etc/early").is(0, "early\nsaid\n", "");
}

/// What would end a build as if all had been done, or go on as if nothing were missing.
#[test]
fn a_hook_that_exits_or_pipes_from_nowhere_is_told_with_its_line() {
    let project = Project::get();
    let cases = [
        (
            "exits",
            "finish_rootfs_build() {\n\ttrue\n\texit 0\n}\n",
            "error: finish_rootfs_build of exits ends all of the build at Buildconfig.sh:3: exit; `return` ends a hook",
        ),
        (
            "pipes",
            "configure_rootfs_build() {\n\tno-such-thing | cat\n}\n",
            "error: configure_rootfs_build of pipes failed at Buildconfig.sh:2: there is no command no-such-thing",
        ),
        (
            "top",
            "PACKAGES=\nfalse\n",
            "error: Buildconfig.sh of top failed at Buildconfig.sh:2: false",
        ),
    ];
    for (name, hook, told) in cases {
        let _dock = project.extra(name, TEMPLATE, hook);
        let words = fails(&project.room.bb(&format!("build {name}")), name);
        assert!(words.ends_with(&format!("  {told}\n")), "{words}");
        let log = project.room.read(&format!(".bb/logs/rootfs/{name}.log"));
        assert!(name == "exits" || !log.contains(">>> Emerging"), "{log}");
        nothing_left(&project.room, name);
    }
}
