//! The harness itself: what its fake engine does not know fails the test, and which steps were executed is as
//! it was told.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};
use support::fake::engine::{Engine, World};
use support::fake::room::Room;
use support::{Outcome, Told};

/// An engine that is asked, and what the test is told when it is dropped.
struct Asked {
    _folder: tempfile::TempDir,
    engine: Engine,
}

impl Asked {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path(), World::default());
        Self { _folder: folder, engine }
    }

    /// The answer to one request.
    fn ask(&self, method: &str, path: &str, body: &Value) -> String {
        let host = self.engine.host();
        let mut stream = UnixStream::connect(host.strip_prefix("unix://").unwrap()).unwrap();
        let body = body.to_string();
        let head = format!("{method} /v1.47/{path} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What a question made has for an id.
    fn made(&self, path: &str, body: &Value) -> String {
        let answer = self.ask("POST", path, body);
        let made = serde_json::from_str::<Value>(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        made["Id"].as_str().unwrap().to_owned()
    }

    /// Runs a command in a container.
    fn exec(&self, command: &[&str]) {
        let container = self.made("containers/create", &json!({ "Labels": {} }));
        let exec = self.made(&format!("containers/{container}/exec"), &json!({ "Cmd": command }));
        self.ask("POST", &format!("exec/{exec}/start"), &json!({}));
    }

    /// The panic of the test that had it.
    fn fails_with(self) -> Option<String> {
        let panic = catch_unwind(AssertUnwindSafe(|| drop(self.engine))).err()?;
        panic.downcast_ref::<String>().cloned()
    }
}

const TOLD: &str = "the fake engine was asked what it does not know: ";

#[test]
fn a_request_that_the_fake_engine_does_not_know_fails_the_test() {
    for (method, path) in [
        ("GET", "swarm"),
        ("POST", "version"),
        ("GET", "containers/x/stats"),
        ("PATCH", "images/x"),
        ("POST", "exec/x/pause"),
    ] {
        let asked = Asked::new();
        assert!(asked.ask("GET", "version", &json!({})).starts_with("HTTP/1.1 200 "));
        assert!(asked.ask(method, path, &json!({})).starts_with("HTTP/1.1 404 "));
        assert_eq!(asked.fails_with(), Some(format!("{TOLD}{method} {path}")));
    }
}

#[test]
fn a_command_that_the_fake_builder_does_not_know_fails_the_test() {
    let asked = Asked::new();
    asked.exec(&["build-root", "plan"]);
    asked.exec(&["build-root", "shrink"]);
    asked.exec(&["bash", "-c", "true"]);
    let told = format!("{TOLD}build-root shrink\nbash -c true");
    assert_eq!(asked.fails_with(), Some(told));
}

#[test]
fn a_request_that_breaks_the_fake_engine_fails_the_test() {
    let asked = Asked::new();
    asked.ask("POST", "containers/create", &json!([]));
    assert_eq!(asked.fails_with(), Some(format!("{TOLD}a request broke it")));
}

/// What is not there is an answer like any other.
#[test]
fn what_the_fake_engine_knows_fails_no_test() {
    let asked = Asked::new();
    for path in ["containers/x/json", "containers/x/changes", "images/x/json", "images/x/get"] {
        assert!(asked.ask("GET", path, &json!({})).starts_with("HTTP/1.1 404 "), "{path}");
    }
    asked.exec(&["build-root", "settings"]);
    assert_eq!(asked.fails_with(), None);
}

/// The same of who builds and of who is started by make.
#[test]
fn steps_are_told_with_their_results() {
    let room = Room::two_docks();
    room.write(
        "bb.toml",
        "namespace = \"ns\"\n[task.t]\nrun = \"exit 3\"\n[task.u]\nrun = \"true\"\n",
    );
    room.run("bb", &["makefile"]).ok();
    let make = ["-k", "-f", "Makefile.generated"];
    for told in [room.told("build -k"), room.told_by("make", &make)] {
        assert_ne!(told.code, Some(0), "{told}");
        assert_eq!(told.executed().get("task:t"), Some(&Outcome::Failed), "{told}");
        assert_eq!(told.failed(), ["task:t"], "{told}");
    }
    room.told("build a b").ran("");
    room.write("bb-dock/b/f", "2");
    let run = room.told_by("make", &["-k", "-f", "Makefile.generated", "bb-b"]).ran("image:b");
    assert_eq!(run.reason("image:b"), "bb-dock/b/f changed");
}

/// A message that was cut off, or a summary that is of other steps, is no message to judge by.
#[test]
fn messages_that_do_not_agree_fail_the_test() {
    let done = r#"{"type":"done","step":"image:a","seconds":1,"note":""}"#;
    let summary = |executed: &str| {
        format!(r#"{{"type":"summary","executed":[{executed}],"failed":[],"message":""}}"#)
    };
    let read = |lines: String| catch_unwind(|| Told::read(Some(0), &lines).done());
    assert_eq!(read(format!("{done}\n{}\n", summary(r#""image:a""#))).unwrap(), ["image:a"]);
    assert!(read(format!("{done}\n{}\n", summary(""))).is_err());
    assert!(read(done[..20].to_owned()).is_err());
}
