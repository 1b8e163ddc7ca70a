//! What a running image has to do: the table `[test]` of a dock's `dock.toml`, and whether what was
//! seen is that.
//!
//! Values only. Does not know how a command is run in a container or a port is asked.

use serde::{Deserialize, Serialize};

/// Seconds that an image gets to be ready, where nothing else is said.
const PATIENCE: u64 = 30;

/// The table `[test]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// Seconds that it gets to be ready, and each command to end.
    pub timeout: u64,
    /// Commands inside of it.
    pub command: Vec<CommandCheck>,
    /// TCP ports, asked from its own network.
    pub port: Vec<PortCheck>,
    /// Processes that have to be there.
    pub process: Vec<ProcessCheck>,
}

impl Default for Checks {
    fn default() -> Self {
        Self { timeout: PATIENCE, command: vec![], port: vec![], process: vec![] }
    }
}

impl Checks {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.command.is_empty() && self.port.is_empty() && self.process.is_empty()
    }
}

/// Words, or a line for a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Run {
    /// For `/bin/sh -c`.
    Line(String),
    /// A program with its arguments; needs no shell in the image.
    Words(Vec<String>),
}

impl Run {
    /// What to run.
    pub fn words(&self) -> Vec<&str> {
        match self {
            Self::Line(line) => vec!["/bin/sh", "-c", line],
            Self::Words(words) => words.iter().map(String::as_str).collect(),
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => f.write_str(line),
            Self::Words(words) => f.write_str(&words.join(" ")),
        }
    }
}

/// A command that has to say something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandCheck {
    /// What to run.
    pub run: Run,
    /// Its exit status.
    #[serde(default)]
    pub exit: i64,
    /// What its output has in it.
    #[serde(default)]
    pub contains: String,
}

impl CommandCheck {
    /// What is wrong, if anything.
    pub fn fault(&self, exit: i64, output: &str) -> Option<String> {
        if exit != self.exit {
            let said = said(output);
            return Some(format!("`{}` ended with {exit}, not with {}{said}", self.run, self.exit));
        }
        let wanted = &self.contains;
        let lacks = !output.contains(wanted.as_str());
        lacks.then(|| format!("`{}` does not say `{}`{}", self.run, shown(wanted), said(output)))
    }
}

/// A port that has to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortCheck {
    /// Its number.
    pub port: u16,
    /// What to send first.
    #[serde(default)]
    pub send: String,
    /// What the answer has in it; nothing: it is enough that somebody listens.
    #[serde(default)]
    pub contains: String,
}

impl PortCheck {
    /// What is wrong, if anything. No answer: nobody listens.
    pub fn fault(&self, answer: Option<&str>) -> Option<String> {
        match answer {
            None => Some(format!("nothing listens on port {}", self.port)),
            Some(text) if text.contains(&self.contains) => None,
            Some(text) => {
                let wanted = shown(&self.contains);
                Some(format!("port {} does not answer `{wanted}`{}", self.port, said(text)))
            }
        }
    }
}

/// A process that has to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessCheck {
    /// The program's name.
    pub name: String,
    /// Whose it is: a name of the image's `/etc/passwd`, or a number.
    pub user: String,
}

/// A process that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its user: a number, or a name of the image's `/etc/passwd`.
    pub user: String,
    /// The program's name; Linux keeps fifteen characters of it.
    pub name: String,
}

/// So many characters of a program's name does Linux keep (`TASK_COMM_LEN` less one, proc(5)).
const NAME_LENGTH: usize = 15;

impl ProcessCheck {
    /// What is wrong, if anything. `passwd` is the text of the image's `/etc/passwd`.
    pub fn fault(&self, seen: &[Process], passwd: &str) -> Option<String> {
        let Some(uid) = uid_of(passwd, &self.user) else {
            return Some(format!("there is no user `{}` in its /etc/passwd", self.user));
        };
        let name = self.name.get(..NAME_LENGTH).unwrap_or(&self.name);
        let mut of_name = seen.iter().filter(|process| process.name == name).peekable();
        if of_name.peek().is_none() {
            return Some(format!("no process `{}` runs", self.name));
        }
        let missed = !of_name.any(|process| uid_of(passwd, &process.user).as_ref() == Some(&uid));
        missed.then(|| format!("no process `{}` runs as `{}`", self.name, self.user))
    }
}

/// The number of a user who is given by name or by number.
fn uid_of(passwd: &str, user: &str) -> Option<String> {
    let known = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut of_user = known.filter(|fields| fields.first() == Some(&user));
    let uid = of_user.find_map(|fields| fields.get(2).map(|uid| (*uid).to_owned()));
    uid.or_else(|| user.parse::<u32>().is_ok().then(|| user.to_owned()))
}

/// Longer texts are cut in messages.
const SHOWN: usize = 200;

fn said(output: &str) -> String {
    let last = output.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or(String::new(), |line| format!(": {}", shown(line.trim())))
}

/// On one line, without control characters, not too long.
fn shown(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(SHOWN).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_judged_by_status_and_output() {
        let check = CommandCheck { run: Run::Line("x -v".into()), exit: 0, contains: "1.2".into() };
        assert_eq!(check.fault(0, "x 1.2.3\n"), None);
        assert_eq!(
            check.fault(0, "x 1.3\n\n").as_deref(),
            Some("`x -v` does not say `1.2`: x 1.3")
        );
        assert_eq!(
            check.fault(127, "sh: x: not found\n").as_deref(),
            Some("`x -v` ended with 127, not with 0: sh: x: not found")
        );
    }

    #[test]
    fn a_port_is_judged_by_its_answer() {
        let check = PortCheck { port: 80, send: String::new(), contains: "200 OK\r\n".into() };
        assert_eq!(check.fault(Some("HTTP/1.1 200 OK\r\n")), None);
        assert_eq!(
            check.fault(Some("HTTP/1.1 500\r\n")).as_deref(),
            Some("port 80 does not answer `200 OK`: HTTP/1.1 500")
        );
        assert_eq!(check.fault(None).as_deref(), Some("nothing listens on port 80"));
    }

    #[test]
    fn a_process_is_judged_by_its_user() {
        let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:82:82::/:/sbin/nologin\n";
        let seen = |user: &str, name: &str| Process { user: user.into(), name: name.into() };
        let check = |user: &str| ProcessCheck { name: "nginx".into(), user: user.into() };
        let both = [seen("0", "nginx"), seen("82", "nginx")];
        assert_eq!(check("web").fault(&both, passwd), None);
        assert_eq!(check("82").fault(&both, passwd), None);
        let named = [seen("root", "nginx"), seen("web", "nginx")];
        assert_eq!(
            (check("web").fault(&named, passwd), check("0").fault(&named, passwd)),
            (None, None)
        );
        assert!(check("82").fault(&named[..1], passwd).is_some());
        assert_eq!(
            check("web").fault(&both[..1], passwd).as_deref(),
            Some("no process `nginx` runs as `web`")
        );
        assert_eq!(check("web").fault(&[], passwd).as_deref(), Some("no process `nginx` runs"));
        assert_eq!(
            check("www").fault(&both, passwd).as_deref(),
            Some("there is no user `www` in its /etc/passwd")
        );
        let long = ProcessCheck { name: "a-name-of-many-letters".into(), user: "0".into() };
        assert_eq!(long.fault(&[seen("0", "a-name-of-many-")], passwd), None);
    }
}
