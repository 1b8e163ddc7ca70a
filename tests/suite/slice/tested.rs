//! `bb test`: the shipped images pass, an image with a fault of every kind is told all of them, and make
//! runs the same tests.

use support::Told;

use super::Project;

const TESTS: &str = "test:busybox test:memcached test:nginx test:openssl test:s6";

#[test]
fn the_shipped_images_pass_their_tests_once() {
    let project = Project::get();
    project.restore();
    let room = &project.room;
    // Another test may have tested them before.
    if room.exists(".bb/stamps/test") {
        room.remove(".bb/stamps/test");
    }
    room.told("test").ran(TESTS);
    room.bb("test").is(0, "", "nothing to do: 30 steps up to date\n");
    room.append("bb-dock/busybox/dock.toml", "\n[[test.command]]\nrun = \"true\"\n");
    room.told("test").ran("test:busybox");
    room.bb("build").is(0, "", "nothing to do: 25 steps up to date\n");
    room.bb("makefile").ok();
    let make = |goal: &str| {
        let mut make = room.telling("make", &["-f", "Makefile.generated", goal]);
        Told::from(make.output().unwrap())
    };
    make("bb-test").ran("");
    room.write("bb-dock/s6/test.sh", "test -x /usr/bin/s6-svscan\n");
    make("bb-test").ran("test:s6");
    room.bb("test").is(0, "", "nothing to do: 30 steps up to date\n");
    project.restore();
}

const FAULTY: &str = "FROM ${NAMESPACE}/busybox
RUN touch /etc/open && chmod 0666 /etc/open && ln -s gone /etc/link
HEALTHCHECK CMD echo not today; exit 1
CMD [\"sleep\", \"600\"]
";

const CHECKS: &str = r#"
[test]
timeout = 1

[[test.port]]
port = 80

[[test.process]]
name = "httpd"
user = "root"

[[test.process]]
name = "sleep"
user = "nobody"

[[test.process]]
name = "sleep"
user = "somebody"

[[test.command]]
run = "echo one; exit 3"

[[test.command]]
run = ["echo", "two"]
contains = "three"

[[test.command]]
run = ["sleep", "600"]
"#;

const TOLD: &str = "  audit: dangling-link: /etc/link (to gone)
  audit: world-writable: /etc/open (mode 0666)
  health check: `/bin/sh -c echo not today; exit 1`: not today
  nothing listens on port 80
  no process `httpd` runs
  no process `sleep` runs as `nobody`
  there is no user `somebody` in its /etc/passwd
  `echo one; exit 3` ended with 3, not with 0: one
  `echo two` does not say `three`: two
  `sleep 600` did not end within 1 s
  `test.sh` ended with 1: here it ends
";

const AFTER: &str = "hint: what is meant so goes into its `dock.toml`, as `[[audit.allow]]`
log: .bb/logs/test/faulty.log
again: bb step test:faulty
1 step failed; 0 done
";

const ALLOWED: &str = r#"
[[audit.allow]]
rule = "world-writable"
path = "/etc/open"
reason = "to see that it can be"

[[audit.allow]]
rule = "dangling-link"
path = "/etc/link"
reason = "to see that it can be"

[[test.process]]
name = "sleep"
user = "root"
"#;

#[test]
fn an_image_is_told_all_its_faults_at_once() {
    let project = Project::get();
    let room = &project.room;
    let _dock = project.extra("faulty", FAULTY, "");
    room.write("bb-dock/faulty/dock.toml", CHECKS);
    room.write("bb-dock/faulty/test.sh", "echo here it ends\nexit 1\n");
    room.told("build faulty").ran("dockerfile:faulty image:faulty");
    let fresh = |name: &str| format!("image:{name} is up to date\n");
    room.bb("why s6").is(0, &format!("{}it was assembled by bb\n", fresh("s6")), "");
    let began = "start   test:faulty (never built)\nfailed  test:faulty\n";
    let error = "error: the image `faulty` has 11 faults\n";
    room.bb("test faulty").fails(1, &format!("{began}{error}{TOLD}{AFTER}"));
    let left = "label=bb.step=test:faulty";
    assert_eq!(room.engine().docker(&["ps", "-aq", "--filter", left]), "");
    let healthy = FAULTY.replace("exit 1", "exit 0");
    room.dock("faulty", &healthy, &[("dock.toml", ALLOWED), ("test.sh", "echo well\n")]);
    room.told("test faulty").ran("dockerfile:faulty image:faulty test:faulty");
}

#[test]
fn an_image_that_ends_by_itself_is_told_its_exit_status() {
    let project = Project::get();
    let room = &project.room;
    let ends = "FROM ${NAMESPACE}/busybox\nCMD [\"sh\", \"-c\", \"echo bye; exit 7\"]\n";
    let _dock = project.extra("ends", ends, "");
    room.write("bb-dock/ends/dock.toml", "[[test.port]]\nport = 80\n");
    let run = room.bb("test ends");
    assert_eq!(run.code, Some(1));
    let told = "error: the image `ends` has 1 fault\n  it ended by itself, with exit status 7\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert!(room.read(".bb/logs/test/ends.log").contains("bye\n"));
}
