//! One run of `bb`: its exit code and both streams, as told or compared exactly.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::Told;

/// A finished run.
#[derive(Debug, Clone)]
pub struct Run {
    /// None: killed by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(mut command: Command) -> Self {
        let out = command.output().expect("cannot start the program");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is not UTF-8");
        Self { code: out.status.code(), stdout: text(out.stdout), stderr: text(out.stderr) }
    }

    /// With this on standard input, from a pipe.
    pub fn fed(mut command: Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: out.status.code(), stdout: text(out.stdout), stderr: text(out.stderr) }
    }

    /// Exit code and both streams are these; times and sizes are `TIME` and `SIZE`.
    #[track_caller]
    pub fn is(&self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!(normal(&self.stderr), stderr, "standard error");
        assert_eq!(normal(&self.stdout), stdout, "standard output");
        assert_eq!(self.code, Some(code), "exit code");
    }

    /// It failed with this on standard error, and printed nothing else.
    #[track_caller]
    pub fn fails(&self, code: i32, stderr: &str) {
        self.is(code, "", stderr);
    }

    /// It succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "exit code, with on standard error:\n{}", self.stderr);
        self
    }
}

/// The text with what differs from run to run replaced.
pub fn normal(text: &str) -> String {
    static RULES: LazyLock<[(Regex, &str); 7]> = LazyLock::new(|| {
        let rule = |pattern: &str| Regex::new(pattern).unwrap();
        [
            (rule(r"\bin (\d+ h \d\d min|\d+ min \d\d s|\d+\.\d s)"), "in TIME"),
            (rule(r"\b\d+(\.\d+)? ([kM]?B|bytes)\b"), "SIZE"),
            (rule(r"\bbbtest-\d+-\d+\b"), "NAMESPACE"),
            (rule(r"[^\s`]*/bbtest-\d+/\d+"), "ROOM"),
            (rule(r"\b[0-9A-F]{40}\b"), "KEY"),
            (rule(r"\b\d{8}T\d{6}Z\b"), "TIMESTAMP"),
            (rule(r"\b(gentoo-|snapshot )20\d{6}\b"), "${1}DATE"),
        ]
    });
    let replace =
        |text: String, (rule, with): &(Regex, &str)| rule.replace_all(&text, *with).into();
    RULES.iter().fold(text.to_owned(), replace)
}

/// A run that is not over; killed if the test ends before it. One of its streams is listened to.
pub struct Running {
    child: Child,
    heard: BufReader<Box<dyn Read + Send>>,
    seen: String,
}

impl Running {
    /// With all that it starts in a process group of its own, as a shell does it.
    pub fn start_in_group(mut command: Command) -> Self {
        command.process_group(0);
        Self::start(command)
    }

    /// Listens to what it says to people.
    pub fn start(mut command: Command) -> Self {
        let mut child = spawn(&mut command);
        let heard = child.stderr.take().unwrap();
        Self { child, heard: BufReader::new(Box::new(heard)), seen: String::new() }
    }

    /// `bb VERB …`, or a make whose steps tell: listens to the messages.
    pub fn telling(mut command: Command) -> Self {
        let is_bb = command.get_program() == crate::bb();
        command.args(["--message-format", "json"].into_iter().filter(|_| is_bb));
        let mut child = spawn(&mut command);
        let heard = child.stdout.take().unwrap();
        Self { child, heard: BufReader::new(Box::new(heard)), seen: String::new() }
    }

    /// The same, with a process group of its own.
    pub fn telling_in_group(mut command: Command) -> Self {
        command.process_group(0);
        Self::telling(command)
    }

    /// The next line.
    #[track_caller]
    fn line(&mut self, wanted: &str) -> &str {
        let before = self.seen.len();
        let read = self.heard.read_line(&mut self.seen).unwrap();
        assert_ne!(read, 0, "it ended without `{wanted}`:\n{}", self.seen);
        &self.seen[before..]
    }

    /// Reads up to a line that begins so, and returns that line.
    #[track_caller]
    pub fn wait_for(&mut self, begin: &str) -> String {
        loop {
            let line = self.line(begin).trim_end().to_owned();
            let failed = ["failed  ", r#"{"type":"failed","#].iter().any(|f| line.starts_with(f));
            assert!(!failed, "no `{begin}`:\n{}", self.seen);
            if line.starts_with(begin) {
                return line;
            }
        }
    }

    /// Reads up to a message of this type about a step whose name begins so.
    #[track_caller]
    pub fn wait_for_message(&mut self, of_type: &str, step: &str) -> Value {
        let line = self.wait_for(&format!(r#"{{"type":"{of_type}","step":"{step}"#));
        serde_json::from_str(&line).unwrap()
    }

    /// Reads up to a line with this text in it.
    #[track_caller]
    pub fn wait_for_text(&mut self, text: &str) {
        while !self.seen.contains(text) {
            self.line(text);
        }
    }

    /// Its standard input, where it is a pipe: at its end when dropped.
    pub fn take_stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().expect("standard input is no pipe")
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        send(name, &self.id().to_string());
    }

    /// Sends a signal to its whole group.
    pub fn signal_group(&self, name: &str) {
        send(name, &format!("-{}", self.id()));
    }

    /// Waits for its end.
    pub fn end(mut self) -> Run {
        self.heard.read_to_string(&mut self.seen).unwrap();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        match (&mut self.child.stdout, &mut self.child.stderr) {
            (Some(other), None) => {
                other.read_to_string(&mut stdout).unwrap();
                stderr = std::mem::take(&mut self.seen);
            }
            (None, Some(other)) => {
                other.read_to_string(&mut stderr).unwrap();
                stdout = std::mem::take(&mut self.seen);
            }
            _ => unreachable!("one is listened to"),
        }
        let code = self.child.wait().unwrap().code();
        Run { code, stdout, stderr }
    }

    /// Waits for its end: what it told.
    pub fn told(self) -> Told {
        let Run { code, stdout, stderr } = self.end();
        Told::read(code, &(stdout + &stderr))
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("cannot start the program")
}

/// To a process, or to a group if it begins with `-`.
fn send(signal: &str, to: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), "--", to]).status();
    assert!(sent.unwrap().success());
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
