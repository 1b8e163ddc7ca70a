//! One run of `bb`: its exit code and both streams, as told or compared exactly.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use regex::Regex;

use super::sorted;

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

    /// It succeeded and exactly these steps ran.
    #[track_caller]
    pub fn ran(self, steps: &str) -> Self {
        let run = self.ok();
        assert_eq!(
            run.done().join(" "),
            sorted(steps.split_whitespace()).join(" "),
            "{}",
            run.stderr
        );
        run
    }

    /// The steps that ran and ended well, sorted.
    pub fn done(&self) -> Vec<String> {
        sorted(self.words("done    "))
    }

    /// The steps that began, sorted.
    pub fn started(&self) -> Vec<String> {
        sorted(self.words("start   "))
    }

    fn words<'a>(&'a self, begin: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.stderr.lines().filter_map(move |l| l.strip_prefix(begin));
        lines.filter_map(|l| l.split(' ').next())
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

/// A run that is not over; killed if the test ends before it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    seen: String,
}

impl Running {
    /// With all that it starts in a process group of its own, as a shell does it.
    pub fn start_in_group(mut command: Command) -> Self {
        command.process_group(0);
        Self::start(command)
    }

    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("cannot start the program");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, seen: String::new() }
    }

    /// Reads standard error up to a line that begins so, and returns that line.
    #[track_caller]
    pub fn wait_for(&mut self, begin: &str) -> String {
        loop {
            let before = self.seen.len();
            let read = self.stderr.read_line(&mut self.seen).unwrap();
            assert_ne!(read, 0, "it ended without `{begin}`:\n{}", self.seen);
            let line = &self.seen[before..];
            assert!(!line.starts_with("failed  "), "no `{begin}`:\n{}", self.seen);
            if line.starts_with(begin) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Reads standard error up to a line with this text in it.
    #[track_caller]
    pub fn wait_for_text(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let read = self.stderr.read_line(&mut self.seen).unwrap();
            assert_ne!(read, 0, "it ended without `{text}`:\n{}", self.seen);
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
        let mut stdout = String::new();
        self.stderr.read_to_string(&mut self.seen).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code();
        Run { code, stdout, stderr: std::mem::take(&mut self.seen) }
    }
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
