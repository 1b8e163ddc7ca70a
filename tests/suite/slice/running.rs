//! The nginx image serves pages, logs to the container's output and stops when it is told to.

use support::sealed::{Engine, Room};

use super::Project;

/// A started container; removed when dropped.
struct Container<'a> {
    engine: &'a Engine,
    id: String,
}

impl<'a> Container<'a> {
    fn start(engine: &'a Engine, image: &str) -> Self {
        let id = engine.docker(&["run", "-d", "--label", &Room::label(), image]);
        Self { engine, id }
    }

    /// The output of a command in it that has to succeed before long: nginx is still starting.
    fn eventually(&self, command: &str) -> String {
        // Each try takes the engine's time for a command, some 100 ms.
        for _ in 0..100 {
            let out =
                self.engine.command(&["exec", &self.id, "sh", "-c", command]).output().unwrap();
            if out.status.success() {
                return String::from_utf8(out.stdout).unwrap();
            }
        }
        panic!("`{command}` never succeeded:\n{:?}", self.logs());
    }

    /// Standard output and standard error.
    fn logs(&self) -> (String, String) {
        let out = self.engine.command(&["logs", &self.id]).output().unwrap();
        (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
    }

    fn inspect(&self, format: &str) -> String {
        self.engine.docker(&["inspect", "--format", format, &self.id])
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.engine.try_docker(&["rm", "-fv", &self.id]);
    }
}

#[test]
fn nginx_answers_on_80_and_443_logs_to_stdout_and_stops_on_sigterm() {
    let project = Project::get();
    let engine = project.room.engine();
    let container = Container::start(engine, &project.room.image("nginx"));
    let page = container.eventually("wget -q -O - http://127.0.0.1/");
    assert!(page.contains("<h1>It works!</h1>"), "{page}");
    let request = "printf 'GET /secure HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:443";
    let answer = container.eventually(&format!("{request} 2>/dev/null"));
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let page = container.eventually("wget -q --no-check-certificate -O - https://127.0.0.1/");
    assert!(page.contains("<h1>It works!</h1>"), "{page}");

    let (stdout, stderr) = container.logs();
    assert!(stdout.contains("\"GET / HTTP/1.1\" 200"), "{stdout}");
    assert!(stdout.contains("\"GET /secure HTTP/1.0\" 404"), "{stdout}");
    assert!(stderr.contains("[notice]"), "{stderr}");

    // Supervised: it comes back.
    let pid = container.eventually("cat /run/nginx.pid");
    container.eventually("kill $(cat /run/nginx.pid)");
    let again = format!(
        "[ \"$(cat /run/nginx.pid)\" != {} ] && wget -q -O - http://127.0.0.1/",
        pid.trim()
    );
    container.eventually(&again);

    let begun = std::time::Instant::now();
    engine.docker(&["stop", "-t", "30", &container.id]);
    let took = begun.elapsed();
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0", "{:?}", container.logs());
    assert!(took.as_secs() < 10, "{took:?}");
}

#[test]
fn s6_stops_on_sigterm() {
    let project = Project::get();
    let engine = project.room.engine();
    let container = Container::start(engine, &project.room.image("s6"));
    container.eventually("s6-svscanctl -a /etc/service");
    engine.docker(&["stop", "-t", "30", &container.id]);
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0");
}

#[test]
fn busybox_runs_a_shell() {
    let project = Project::get();
    let engine = project.room.engine();
    let image = project.room.image("busybox");
    let said = engine.docker(&[
        "run",
        "--rm",
        "--label",
        &Room::label(),
        &image,
        "sh",
        "-c",
        "echo $((6*7)); id -u",
    ]);
    assert_eq!(said, "42\n0");
}
