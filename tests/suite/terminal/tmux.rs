//! A terminal that can be looked at, by tmux: of 80 x 24, unless another size is asked for.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use regex::Regex;
use support::fake::room::Room;

/// Looks at the screen before it is given up. Each takes the time of a process.
const LOOKS: usize = 5000;

/// Columns and lines.
pub type Size = (u16, u16);

/// What terminals have been since there were any.
pub const USUAL: Size = (80, 24);

/// A terminal in which a shell runs one command line.
pub struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Runs a command line in the project's folder, and then says how it ended.
    pub fn run(room: &Room, line: &str) -> Self {
        Self::sized(USUAL, room, line)
    }

    /// The same in one of this size.
    pub fn sized(size: Size, room: &Room, line: &str) -> Self {
        let mut tmux = room.command("tmux", &[]);
        tmux.env_remove("RUST_BACKTRACE");
        Self::start_sized(size, tmux, room.path("../tmux.sock"), line)
    }

    /// The same for a command `tmux` that has its folder and its environment.
    pub fn start(tmux: Command, socket: PathBuf, line: &str) -> Self {
        Self::start_sized(USUAL, tmux, socket, line)
    }

    fn start_sized(size: Size, mut tmux: Command, socket: PathBuf, line: &str) -> Self {
        let terminal = Self { socket };
        let script = "trap : INT; printf '$ %s\\n' \"$0\"; eval \"$0\"; echo \"exit code $?\"; exec sleep infinity";
        tmux.arg("-u").arg("-S").arg(&terminal.socket).args(["-f", "/dev/null"]);
        let [columns, lines] = [size.0, size.1].map(|n| n.to_string());
        tmux.args(["new-session", "-d", "-x", &columns, "-y", &lines, "sh", "-c", script, line]);
        tmux.env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        assert!(tmux.status().expect("`tmux` is not on PATH: install tmux").success());
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.arg("-u").arg("-S").arg(&self.socket).args(args).stderr(Stdio::null());
        String::from_utf8(tmux.output().unwrap().stdout).unwrap()
    }

    /// Types: names of keys, or text.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Makes it wider or narrower.
    pub fn resize(&self, columns: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string()]);
    }

    /// The screen, as soon as it has this text.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        let mut screen = String::new();
        for _ in 0..LOOKS {
            screen = self.tmux(&["capture-pane", "-p"]);
            if screen.contains(text) {
                return normal(&screen);
            }
        }
        panic!("the screen never has `{text}`:\n{screen}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// What differs from run to run is replaced: a spinner by `*`, times by `TIME`, sizes by `SIZE`, the
/// engine's version of a digest by `DIGEST`. No line has blanks at its end, nor the screen empty lines.
fn normal(screen: &str) -> String {
    static RULES: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
        let rule = |pattern: &str| Regex::new(pattern).unwrap();
        [
            (rule(r"(?m)^[\x{2800}-\x{28FF} ] ((builder|rootfs|dockerfile|image):)"), "* $1"),
            (rule(r"(?m)^(\* \S+) \d+[sm]"), "$1 TIME"),
            (rule(r"[0-9a-f]{16}"), "DIGEST"),
            (rule(r"(?m) +$"), ""),
        ]
    });
    let replace =
        |text: String, (rule, with): &(Regex, &str)| rule.replace_all(&text, *with).into();
    RULES.iter().fold(support::sealed::normal(screen), replace).trim_end().to_owned() + "\n"
}

/// Compares a screen with the one that is kept; `BB_SNAPSHOTS=update` keeps this one.
#[track_caller]
pub fn is_as_kept(name: &str, screen: &str) {
    let folder = support::checkout().join("tests/suite/terminal/snapshots");
    let file = folder.join(format!("{name}.txt"));
    if std::env::var_os("BB_SNAPSHOTS").is_some_and(|v| v == "update") {
        std::fs::write(&file, screen).unwrap();
    }
    let kept = std::fs::read_to_string(&file)
        .unwrap_or_else(|e| panic!("{}: {e}; BB_SNAPSHOTS=update makes it", file.display()));
    assert!(screen == kept, "not as {}:\n{screen}\nbut:\n{kept}", file.display());
}
