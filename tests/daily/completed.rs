//! Completion, asked of the shells themselves: what they offer after the script of `bb completions`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use support::fake::room::Room;

use crate::family::{bb, unbuilt};

/// What each shell answers, sorted: a script that gets the line as `$1` and prints a candidate a line.
const BASH: &str = r#"
source <(bb completions bash)
line=$1
# As bash breaks it.
spaced=${line//:/ : }
spaced=${spaced//=/ = }
COMP_WORDS=($spaced)
[[ $spaced == *' ' && $line != *: && $line != *= ]] && COMP_WORDS+=("")
COMP_LINE=$line COMP_POINT=${#line} COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9
_bb bb "${COMP_WORDS[COMP_CWORD]}" "" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"#;
const FISH: &str = "bb completions fish | source; complete -C $argv[1]";

fn bash(room: &Room, line: &str) -> Vec<String> {
    said(room.command("bash", &["-c", BASH, "bash", line]))
}

fn fish(room: &Room, line: &str) -> Vec<String> {
    let mut command = room.command("fish", &["--no-config", "-c", FISH, line]);
    command.env("XDG_CONFIG_HOME", room.path("")).env("LANG", "C.UTF-8");
    said(command)
}

/// The first words, without descriptions.
fn said(mut command: Command) -> Vec<String> {
    // Other tests may have the cores just now.
    command.env("BB_COMPLETE_MS", "20000");
    let out = command.output().expect("the shell is needed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let mut names =
        text.lines().map(|l| l.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>();
    names.retain(|name| !name.is_empty());
    names.sort();
    names
}

#[test]
fn bash_completes_commands_docks_and_steps() {
    let room = unbuilt();
    assert_eq!(bash(&room, "bb stat"), ["status"]);
    assert_eq!(
        bash(&room, "bb keys "),
        ["--color", "--help", "--project", "--state", "import", "list", "refresh", "verify"]
    );
    assert_eq!(bash(&room, "bb audit s"), ["side"]);
    assert_eq!(bash(&room, "bb audit base t"), ["top"]);
    assert_eq!(bash(&room, "bb graph --format "), ["dot", "html", "mermaid", "svg"]);
    // After a break at `:` or `=` bash takes the rest only.
    assert_eq!(bash(&room, "bb step rootfs:t"), ["top"]);
    assert_eq!(bash(&room, "bb step rootfs:"), ["base", "mid", "side", "top"]);
    assert_eq!(bash(&room, "bb graph --format=s"), ["svg"]);
    assert_eq!(bash(&room, "bb config nam"), ["namespace"]);
    assert_eq!(bash(&room, "bb clean verif"), ["verify", "verify:portage", "verify:stage3"]);
}

#[test]
fn fish_completes_commands_docks_and_steps() {
    let room = unbuilt();
    assert_eq!(fish(&room, "bb stat"), ["status"]);
    assert_eq!(fish(&room, "bb audit s"), ["side"]);
    assert_eq!(fish(&room, "bb step rootfs:t"), ["rootfs:top"]);
}

/// zsh completes only at a terminal: its script is loaded by the real shell, which then asks as the script does.
#[test]
fn zsh_completes_commands_docks_and_steps() {
    let room = unbuilt();
    let script = "autoload -U compinit && compinit -u -D && source <(bb completions zsh) && \
                  _describe() { print -rl -- ${(P)3} } && \
                  words=(${(z)1}) && [[ $1 != *' ' ]] || words+=('') && CURRENT=$#words && \
                  _clap_dynamic_completer_bb";
    let zsh = |line: &str| {
        let lines = said(room.command("zsh", &["-f", "-c", script, "zsh", line]));
        lines
            .iter()
            .map(|l| l.replace("\\:", "\0"))
            .map(|l| l.split(':').next().unwrap().replace('\0', ":"))
            .collect::<Vec<_>>()
    };
    assert_eq!(zsh("bb stat"), ["status"]);
    assert_eq!(zsh("bb audit s"), ["side"]);
    assert_eq!(zsh("bb step rootfs:t"), ["rootfs:top"]);
}

/// A shell has no place for an error.
#[test]
fn without_a_project_nothing_is_offered_and_nothing_is_said() {
    let room = unbuilt();
    room.write("bb.toml", "not toml");
    assert_eq!(bash(&room, "bb audit s"), [""; 0]);
    fs::remove_file(room.path("bb.toml")).unwrap();
    assert_eq!(bash(&room, "bb audit s"), [""; 0]);
    assert_eq!(bash(&room, "bb stat"), ["status"]);
}

/// What `bb` offers by itself as the second word, as the script for bash asks it.
fn offered(room: &Room, words: &[&str]) -> Vec<String> {
    let script = "ulimit -v 1048576; exec bb -- \"$@\"";
    let mut command = room.command("bash", &[&["-c", script, "bash", "bb"], words].concat());
    let index = words.len().to_string();
    command.env("BB_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
    String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Whoever presses a key in a strange folder gets the prompt back. What is no answer in time is none.
#[test]
fn a_strange_folder_does_not_keep_a_shell() {
    let pipe = |path: PathBuf| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let replaced = |file: &str, by: &dyn Fn(PathBuf)| {
        let room = unbuilt();
        fs::remove_file(room.path(file)).unwrap();
        by(room.path(file));
        room
    };
    let huge = |path: PathBuf| fs::File::create(path).unwrap().set_len(4 << 30).unwrap();
    let zeros = |path: PathBuf| symlink("/dev/zero", path).unwrap();
    let files =
        ["bb.toml", "bb.lock", "bb-dock/base/Buildconfig.sh", "bb-dock/base/Dockerfile.template"];
    for file in files {
        for by in [&pipe as &dyn Fn(PathBuf), &huge, &zeros] {
            let steps = offered(&replaced(file, by), &["step", ""]);
            assert!(steps.iter().all(|step| !step.contains(':')), "{file}: {steps:?}");
        }
    }
}

#[test]
fn of_a_huge_folder_some_names_are_offered() {
    let room = unbuilt();
    for at in 0..20_000 {
        fs::create_dir(room.path(&format!("bb-dock/n{at}"))).unwrap();
    }
    let mut room = room;
    room.env.push(("BB_COMPLETE_MS".into(), "20000".into()));
    let names = offered(&room, &["audit", "n"]);
    assert!((1000..=10_000).contains(&names.len()), "{}", names.len());
    // There, all would have to be read.
    assert!(offered(&room, &["step", "rootfs:"]).is_empty());
}

/// Every command has a page, and the typesetter has nothing to complain about.
#[test]
fn the_manual_has_a_page_for_each_command() {
    let room = unbuilt();
    let verbs = support::help::verbs();
    let told = bb(&room, "man man1").ok().text;
    // `bb`, `bb builder`, `bb engine`, `bb image`, `bb import`, `bb keys` and `bb store` have pages of their own.
    assert_eq!(told, format!("wrote {} pages into man1\n", verbs.len() + 7));
    for verb in &verbs {
        let page = format!("man1/bb-{}.1", verb.replace(' ', "-"));
        let text = fs::read_to_string(room.path(&page)).unwrap_or_else(|e| panic!("{page}: {e}"));
        assert!(text.contains(".SH EXAMPLES"), "{page}");
        let groff = ["-K", "utf8", "-man", "-T", "utf8", "-ww", &page];
        let out = room.command("groff", &groff).output().expect("Debian's `groff` is needed");
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{page}");
        let set = String::from_utf8(out.stdout).unwrap();
        assert!(set.contains(&format!("bb {verb}")), "{set}");
    }
    let room = unbuilt();
    room.write("man1", "a file");
    let refused = bb(&room, "man man1");
    assert_eq!(
        (refused.code, refused.text.as_str()),
        (Some(1), "error: cannot make `man1`: file exists\n")
    );
}
