//! A shipped chain, run by the real compose tool: up, answering, down, and nothing left.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use regex::Regex;
use support::sealed::{Room, Run, Running};

use super::Project;

/// The chain in a project; what a test that fails leaves of it goes, too.
struct Chain<'a>(&'a Room);

impl<'a> Chain<'a> {
    fn new(room: &'a Room) -> Self {
        room.write("chains/nginx-proxy.yaml", include_str!("../../../chains/nginx-proxy.yaml"));
        Self(room)
    }

    fn project(&self) -> String {
        format!("bb-{}_nginx-proxy", self.0.namespace)
    }

    /// The address in the chain's network of the only container of a service.
    fn address(&self, service: &str) -> String {
        let container = format!("{}_{service}_1", self.project());
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        self.0.engine().docker(&["inspect", "--format", format, &container])
    }

    fn label(&self) -> String {
        format!("label=com.docker.compose.project={}", self.project())
    }

    /// Until the tool has begun. Each look takes the engine's time for an answer.
    #[track_caller]
    fn wait_for_network(&self) {
        let list = ["network", "ls", "-q", "--filter", &self.label()];
        let there = || !self.0.engine().docker(&list).is_empty();
        assert!((0..1000).any(|_| there()), "it makes no network");
    }

    #[track_caller]
    fn assert_gone(&self) {
        let label = self.label();
        for list in [&["ps", "-aq"][..], &["network", "ls", "-q"], &["volume", "ls", "-q"]] {
            let left = self.0.engine().docker(&[list, &["--filter", &label]].concat());
            assert_eq!(left, "", "{list:?}");
        }
    }
}

impl Drop for Chain<'_> {
    fn drop(&mut self) {
        self.0.bb("down nginx-proxy");
        self.0.remove("chains");
    }
}

/// The port is one that was free.
fn with_port(run: &Run) -> Run {
    let port = Regex::new(r"\b127\.0\.0\.1:[1-9]\d+->").unwrap();
    let with_port = |text: &str| port.replace_all(text, "127.0.0.1:PORT->").into_owned();
    Run { stdout: with_port(&run.stdout), stderr: with_port(&run.stderr), code: run.code }
}

/// An answer with all its headers.
fn fetch(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_proxy_hands_requests_to_both_servers_and_nothing_is_left_of_it() {
    let project = Project::get();
    let room = &project.room;
    let chain = Chain::new(room);
    let list = room.bb("ps");
    list.is(0, "CHAIN        RUNNING  PORTS\nnginx-proxy  0/0      -\n", "");

    let up = with_port(&room.bb_with(&[("PORT", "127.0.0.1:0")], "up nginx-proxy"));
    let end = "done    nginx-proxy: 3 containers, 127.0.0.1:PORT->80/tcp\n";
    let tool = Regex::new(r"\(docker[- ]compose\)").unwrap();
    let said = tool.replace(&up.stderr, "(TOOL)");
    let said = said.strip_prefix("nothing to do: 22 steps up to date\n").unwrap_or(&said);
    assert_eq!((said, up.code), (format!("start   nginx-proxy (TOOL)\n{end}").as_str(), Some(0)));

    let list = room.bb("ps");
    let port = Regex::new(r":(\d+)->80/tcp\n$").unwrap();
    let port = port.captures(&list.stdout).unwrap()[1].parse().unwrap();
    with_port(&list).is(
        0,
        "CHAIN        RUNNING  PORTS\nnginx-proxy  3/3      127.0.0.1:PORT->80/tcp\n",
        "",
    );
    let width = room.image("nginx").len();
    let row = |service: &str, image: &str, state: &str, ports: &str| {
        format!("{service:7}  {image:width$}  {state:16}  {ports}\n")
    };
    let of = |service, ports| row(service, &room.image("nginx"), "running, healthy", ports);
    let head = row("SERVICE", "IMAGE", "STATE", "PORTS");
    let proxy = of("proxy", "127.0.0.1:PORT->80/tcp");
    let containers = with_port(&room.bb("ps nginx-proxy"));
    assert_eq!(containers.stdout, [head, of("one", "-"), proxy, of("two", "-")].concat());

    let served = Regex::new(r"\r\nX-Served-By: (\S+):80\r\n").unwrap();
    let answers = [(); 4].map(|()| fetch(port));
    for answer in &answers {
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("<h1>It works!</h1>"));
    }
    let by = answers.iter().map(|answer| served.captures(answer).unwrap()[1].to_owned());
    let both = BTreeSet::from([chain.address("one"), chain.address("two")]);
    assert_eq!((by.collect::<BTreeSet<_>>(), both.len()), (both, 2));

    room.bb("down nginx-proxy").is(0, "", "done    nginx-proxy: 3 containers removed\n");
    chain.assert_gone();
    room.bb("down nginx-proxy").is(0, "", "nothing to do: `nginx-proxy` is not up\n");
}

#[test]
fn what_was_interrupted_is_taken_down() {
    let project = Project::get();
    let room = &project.room;
    let chain = Chain::new(room);
    let mut command = room.command("up --no-build nginx-proxy");
    command.env("PORT", "127.0.0.1:0");
    let mut up = Running::start_in_group(command);
    up.wait_for("start   nginx-proxy");
    chain.wait_for_network();
    up.signal_group("INT");
    let run = up.end();
    assert!(
        run.stderr.ends_with(
            "error: interrupted\nhint: `bb down nginx-proxy` removes what was started\n"
        ),
        "{}",
        run.stderr
    );
    assert_eq!(run.code, Some(130));
    room.bb("down nginx-proxy").ok();
    room.bb("down nginx-proxy").is(0, "", "nothing to do: `nginx-proxy` is not up\n");
    chain.assert_gone();
}

#[test]
fn whatever_engine_builds_a_chain_runs_on_a_daemon() {
    let project = Project::get();
    let room = &project.room;
    let chain = Chain::new(room);
    let folder = tempfile::tempdir_in(&room.dir).unwrap();
    let store = folder.path().join("store");
    let native = [
        ("BB_ENGINE", "native"),
        ("BB_NATIVE_DIR", store.to_str().unwrap()),
        ("PORT", "127.0.0.1:0"),
    ];
    let nobody = [&native[..], &[("DOCKER_HOST", "unix:///nonexistent/engine.sock")]].concat();
    let refused = room.bb_with(&nobody, "up nginx-proxy");
    let why = "  chains run on Docker or Podman, whatever engine builds their images\n";
    assert!(refused.code == Some(4) && refused.stderr.contains(why), "{}", refused.stderr);
    room.engine().docker(&["rmi", "--force", &room.image("nginx")]);
    let up = room.bb_with(&native, "up nginx-proxy");
    assert_eq!(up.code, Some(0), "{}", up.stderr);
    let put = format!("put     {} into Docker or Podman\n", room.image("nginx"));
    assert!(up.stderr.contains(&put), "{}", up.stderr);
    let list = with_port(&room.bb_with(&native, "ps"));
    assert!(list.stdout.contains("nginx-proxy  3/3 "), "{}", list.stdout);
    room.bb_with(&native, "down nginx-proxy").is(
        0,
        "",
        "done    nginx-proxy: 3 containers removed\n",
    );
    chain.assert_gone();
    room.told("build").ran("");
}
