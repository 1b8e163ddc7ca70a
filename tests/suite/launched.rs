//! Steps that another machine works on, which has an engine of its own and the same folder: what it tells comes
//! through, and so do its failures and its end.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use support::Told;
use support::sealed::{Mirror, Room, Running};

use crate::stored::ENGINE;

/// A project whose rootfs is compiled by a node: a script before `bb step` gives it the node's engine.
struct Cluster {
    room: Room,
    log: PathBuf,
}

impl Cluster {
    /// `also` are the script's lines before it goes on with `bb step`.
    fn new(also: &str) -> Self {
        let room = Room::new().with_mirror(&Mirror::get());
        room.write("bb-dock/app/Dockerfile.template", "FROM scratch\nADD rootfs.tar /\n");
        room.write("bb-dock/app/Buildconfig.sh", "PACKAGES='acct-group/nginx'\n");
        let (script, log) = (room.path("node"), room.path("node.log"));
        let text = format!(
            "#!/bin/sh\nwhile [ \"$1\" != -- ]; do echo \"$1\" >>{}; shift; done\nshift\n{also}\n\
             BB_NATIVE_DIR={} exec \"$@\"\n",
            log.display(),
            ENGINE.dir.join("engine").display()
        );
        fs::write(&script, text).unwrap();
        room.chmod("node", 0o755);
        let words = format!(
            "launcher = [\"{}\", \"-c{{jobs}}\", \"--mem={{memory}}M\", \"{{step}}\", \"--\"]\n",
            script.display()
        );
        let toml = room.read("bb.toml");
        room.write("bb.toml", &(words + &toml));
        Self { room, log }
    }

    fn command(&self, args: &str) -> std::process::Command {
        let mut command = self.room.command(args);
        command.env("BB_ENGINE", "native").env("BB_NATIVE_DIR", self.room.dir.join("here"));
        command
    }

    fn told(&self, args: &str) -> Told {
        Told::of(self.command(args))
    }

    /// Whether nothing was brought to this machine's own engine.
    fn is_idle_here(&self) -> bool {
        let layers = fs::read_dir(self.room.dir.join("here/layers"));
        layers.map_or(0, Iterator::count) == 0
    }
}

#[test]
fn another_machine_compiles_and_this_one_needs_nothing_for_it() {
    let cluster = Cluster::new("");
    let made = cluster.told("build -j3").ok();
    assert!(
        made.done().contains(&"rootfs:app".to_owned())
            && made.done().contains(&"image:app".to_owned()),
        "{made}"
    );
    assert_eq!(fs::read_to_string(&cluster.log).unwrap(), "-c3\nrootfs:app\n");
    assert!(cluster.is_idle_here());
    let again = cluster.command("build").output().unwrap();
    assert!(String::from_utf8(again.stderr).unwrap().starts_with("nothing to do"));
    // By make, whose recipe launches itself; with the memory that the dock asks for.
    cluster.room.write("bb-dock/app/dock.toml", "memory = \"300 MB\"\n");
    cluster.room.append("bb-dock/app/Buildconfig.sh", "# Other.\n");
    assert!(cluster.command("makefile").status().unwrap().success());
    fs::remove_file(&cluster.log).unwrap();
    let mut make = cluster.room.telling("make", &["-f", "Makefile.generated", "bb-app"]);
    make.env("BB_ENGINE", "native").env("BB_NATIVE_DIR", cluster.room.dir.join("here"));
    let made = Told::from(make.output().unwrap()).ok();
    assert!(made.done().contains(&"rootfs:app".to_owned()), "{made}");
    let said = fs::read_to_string(&cluster.log).unwrap();
    assert!(said.ends_with("--mem=300M\nrootfs:app\n"), "{said}");
    assert!(cluster.is_idle_here());
    assert!(cluster.room.read(".bb/logs/rootfs/app.log").contains("acct-group/nginx"));
}

#[test]
fn a_failure_there_is_told_as_it_was_and_a_launcher_that_dies_by_its_name() {
    let cluster = Cluster::new("");
    cluster.room.write("bb-dock/app/Buildconfig.sh", "PACKAGES='acct-group/none'\n");
    let made = cluster.told("build");
    assert_eq!((made.code, made.failed()), (Some(1), vec!["rootfs:app".to_owned()]), "{made}");
    assert!(made.words().contains("acct-group/none"), "{made}");
    for (line, told) in [
        ("echo no node left >&2; exit 7", "ended with exit code 7 before the step did"),
        ("kill -9 $$", "was killed by signal 9 before the step did"),
        ("exit 0", "ended before the step did"),
        ("sleep 100 & exit 3", "ended with exit code 3 before the step did"),
    ] {
        let cluster = Cluster::new(line);
        let made = cluster.told("build");
        assert!(made.code == Some(1) && made.words().contains(told), "{told}: {made}");
        assert_eq!(made.words().contains("no node left"), line.contains("no node"), "{made}");
    }
    // Who says that it is done, or says nothing, beside what was built of other files.
    let cluster = Cluster::new("[ ! -e old ] || { cat old; exit 0; }");
    cluster.told("build").ok();
    cluster.room.append("bb-dock/app/Buildconfig.sh", "# Other.\n");
    let done = r#"{"type":"done","step":"rootfs:app","seconds":1.0,"note":""}"#;
    for (said, told) in
        [("", "ended before the step did"), (done, "is done, but by what is here it is not")]
    {
        cluster.room.write("old", &format!("{said}\n"));
        let made = cluster.told("build");
        assert!(made.code == Some(1) && made.words().contains(told), "{told}: {made}");
    }
    for (words, told) in
        [("{memory}", "which is no program"), ("sh -c \"true\"", "has quotation marks")]
    {
        let mut command = cluster.command("build");
        command.env("BB_LAUNCHER", words);
        let made = Told::of(command);
        assert!(made.code == Some(3) && made.words().contains(told), "{told}: {made}");
    }
    let cluster = Cluster::new("");
    fs::remove_file(cluster.room.path("node")).unwrap();
    assert!(cluster.told("build").words().contains("cannot start the launcher"));
}

#[test]
fn who_presses_ctrl_c_ends_what_was_started_there() {
    let cluster = Cluster::new(
        "trap 'echo ended >>ended; exit 143' TERM\necho begun >begun\nsleep 300 & wait",
    );
    let running = Running::start(cluster.command("build"));
    let until = Instant::now() + Duration::from_secs(60);
    while !cluster.room.exists("begun") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal("INT");
    assert_eq!(running.end().code, Some(130));
    assert_eq!(cluster.room.read("ended"), "ended\n");
}
