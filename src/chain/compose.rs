//! The installed compose tool: `docker compose`, or `docker-compose`.
//!
//! Does not know what is in a Compose file. The tool talks to the engine by itself, and is told where
//! that is.

#![expect(clippy::disallowed_methods, reason = "starts the installed tool")]

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::base::error::{Error, Result, io_reason};

/// What it is called, in the order in which it is looked for.
const TOOLS: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
/// So many of its lines are shown when it fails.
const SHOWN: usize = 10;

/// A compose tool and the engine that it is to use.
#[derive(Debug, Clone)]
pub struct Compose {
    words: &'static [&'static str],
    env: Vec<(String, String)>,
}

impl Compose {
    /// The first one that answers. `env` is what it gets besides this process's own variables: the way to the
    /// engine among them.
    ///
    /// # Errors
    /// None is installed.
    pub async fn find(env: &[(String, String)]) -> Result<Self> {
        for words in TOOLS {
            let compose = Self { words, env: env.to_vec() };
            let version = compose.command().arg("version").output().await;
            if version.is_ok_and(|out| out.status.success()) {
                return Ok(compose);
            }
        }
        Err(Error::step("no compose tool is installed: neither `docker compose` nor `docker-compose` answers")
            .hint("install Docker's compose plugin, or `docker-compose` (Debian: `apt-get install docker-compose`)"))
    }

    /// As one types it.
    pub fn name(&self) -> String {
        self.words.join(" ")
    }

    /// Runs it on a file, with paths in the file relative to a folder. Ends with the future.
    ///
    /// # Errors
    /// It fails: with its own last lines.
    pub async fn run(&self, project: &str, file: &Path, folder: &str, args: &[&str]) -> Result<()> {
        let mut command = self.command();
        command.args(["-p", project, "-f"]).arg(file).args(["--project-directory", folder]);
        let out = command.args(args).output().await.map_err(|e| {
            Error::step(format!("cannot start `{}`: {}", self.name(), io_reason(&e)))
        })?;
        if out.status.success() { Ok(()) } else { Err(self.failed(args, &out)) }
    }

    fn command(&self) -> Command {
        let (program, words) = self.words.split_first().unwrap_or((&"docker-compose", &[]));
        let mut command = Command::new(program);
        command.args(words);
        for name in ["DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"] {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn failed(&self, args: &[&str], out: &Output) -> Error {
        let verb = args.first().copied().unwrap_or_default();
        let how = match out.status.code() {
            Some(code) => format!("exit code {code}"),
            None => out.status.to_string(),
        };
        let error = Error::step(format!("`{} {verb}` failed: {how}", self.name()));
        let said = [out.stdout.as_slice(), &out.stderr].concat();
        last_lines(&String::from_utf8_lossy(&said), SHOWN).into_iter().fold(error, Error::detail)
    }
}

/// The last lines that say something, indented, without what would move a terminal's cursor.
pub fn last_lines(text: &str, count: usize) -> Vec<String> {
    let plain = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
    let lines = text.split(['\n', '\r']).map(plain).filter(|line| !line.trim().is_empty());
    let lines = lines.map(|line| format!("  {}", line.trim_end())).collect::<Vec<_>>();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn only_lines_that_say_something_are_shown() {
        let text = "a\nCreating b ... \r\nCreating b ... done\r\n\n\u{1b}c\n";
        assert_eq!(last_lines(text, 3), ["  Creating b ...", "  Creating b ... done", "  c"]);
        assert_eq!(last_lines("", 3), Vec::<String>::new());
    }
}
