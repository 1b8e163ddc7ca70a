//! Somebody's image that says what ours say: its containers live, whatever `bb` does.

use std::fs;
use std::process::Command;

use support::sealed::{Engine, Room};

/// An image of a program that waits, with labels, and a container of it that runs.
struct Stranger {
    engine: Engine,
    image: String,
    container: String,
}

impl Stranger {
    fn start(room: &Room, name: &str, labels: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        fs::write(file("wait.c"), "#include <unistd.h>\nint main(void) { return pause(); }\n")
            .unwrap();
        let compiled = Command::new("cc")
            .args(["-static", "-o", &file("wait"), &file("wait.c")])
            .status()
            .expect("a C compiler is needed");
        assert!(compiled.success());
        let lines = labels.iter().map(|(name, value)| format!("LABEL {name}=\"{value}\"\n"));
        let text = format!(
            "FROM scratch\nCOPY wait /\nVOLUME /data\n{}CMD [\"/wait\"]\n",
            lines.collect::<String>()
        );
        fs::write(file("Dockerfile"), text).unwrap();
        let engine = room.engine().clone();
        let image = format!("{}-stranger/{name}", room.namespace);
        engine.docker(&[
            "build",
            "--no-cache",
            "-q",
            "-t",
            &image,
            &folder.path().display().to_string(),
        ]);
        let mark = Room::label();
        let args = ["run", "-d", "--network", "none", "--label", &mark, &image];
        let container = engine.docker(&args);
        Self { engine, image, container }
    }

    fn state(&self) -> String {
        let format = "{{.State.Status}} {{len .Mounts}}";
        self.engine.docker(&["inspect", "--format", format, &self.container])
    }

    #[track_caller]
    fn lives(&self, after: &str) {
        assert_eq!(self.state(), "running 1", "after {after}");
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.engine.try_docker(&["rm", "-fv", &self.container]);
        self.engine.try_docker(&["rmi", "-f", &self.image]);
    }
}

#[test]
fn a_container_is_ours_by_nothing_that_its_image_says() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY f /\n", &[("f", "x")]);
    room.bb("build").ok();
    // All that an image can know, and more.
    let owner = room.owner();
    let state = room.path(".bb").canonicalize().unwrap();
    let path = gentoo_bb::exec::action::templates_digest();
    let labels = [
        ("bb.project", owner.as_str()),
        ("bb.step", "image:a"),
        ("bb.run", "1-1"),
        ("bb.content", path.as_str()),
        ("bb.state", state.to_str().unwrap()),
    ];
    let steps = ["image:a", "rootfs:gone", "builder:bob"];
    let strangers = steps.map(|step| {
        let mut labels = labels;
        labels[1].1 = step;
        Stranger::start(&room, &step.replace(':', "-"), &labels)
    });
    let seat = [labels[0], ("bb.seat", "shell:a"), labels[2]];
    let seated = Stranger::start(&room, "seat", &seat);
    for verb in ["build", "build -f", "gc", "clean", "build", "clean image", "gc --keep-builders"] {
        room.bb(verb).ok();
        for stranger in strangers.iter().chain([&seated]) {
            stranger.lives(verb);
        }
    }
}

/// The compose tool takes every container with a chain's label for its own: it is not let loose on one.
#[test]
fn a_chain_is_not_started_over_somebodys_container() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY f /\n", &[("f", "x")]);
    room.write("chains/web.yaml", "services: { web: { image: \"${NAMESPACE}/a\" } }\n");
    let project = format!("bb-{}_web", room.namespace);
    let labels = [
        ("com.docker.compose.project", project.as_str()),
        ("com.docker.compose.service", "web"),
        ("com.docker.compose.oneoff", "False"),
    ];
    let stranger = Stranger::start(&room, "compose", &labels);
    for verb in ["up web", "down web"] {
        let run = room.bb(verb);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        let says = format!("its image `{}` says so", stranger.image);
        assert!(run.stderr.contains(&says), "{}", run.stderr);
        stranger.lives(verb);
    }
}
