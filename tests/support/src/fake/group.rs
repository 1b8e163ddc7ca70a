//! A command with all that it starts, to be killed as one.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A command with all that it starts, in a process group of its own.
pub struct Group {
    child: Child,
    ended: Receiver<String>,
}

impl Group {
    pub fn start(mut command: Command) -> Self {
        command.process_group(0).stdin(Stdio::null());
        let (mut reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap();
        drop(command);
        let (tell, ended) = channel();
        std::thread::spawn(move || {
            let mut text = vec![];
            // Ends when all of the group have.
            reader.read_to_end(&mut text).unwrap();
            let _ = tell.send(String::from_utf8_lossy(&text).into_owned());
        });
        Self { child, ended }
    }

    /// What it said, if it ends before this moment.
    pub fn ends_before(&self, moment: Duration) -> Option<String> {
        match self.ended.recv_timeout(moment) {
            Ok(text) => Some(text),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("nobody reads"),
        }
    }

    pub fn kill(&self) {
        let group = format!("-{}", self.child.id());
        // The last of it may have ended meanwhile.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }

    /// Its exit code and what it said.
    pub fn end(mut self, text: Option<String>) -> (Option<i32>, String) {
        let text = text.unwrap_or_else(|| self.ended.recv().unwrap());
        (self.child.wait().unwrap().code(), text)
    }
}
