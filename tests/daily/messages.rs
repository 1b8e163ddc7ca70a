//! `--message-format json`: what is said, line by line, and that all of it is as the schema has it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use support::fake::engine::World;
use support::fake::room::Room;

use crate::family::{family, unbuilt};

/// Faults of a line by `doc/messages.schema.json`.
fn faults(line: &str) -> Vec<String> {
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let text = include_str!("../../doc/messages.schema.json");
        jsonschema::options().build(&serde_json::from_str(text).unwrap()).unwrap()
    });
    let line = serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    SCHEMA.iter_errors(&line).map(|fault| fault.to_string()).collect()
}

/// The line, which must be as the schema has it, with seconds replaced.
#[track_caller]
fn checked(line: &str) -> String {
    static SECONDS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""seconds":[0-9.e-]+|\d+\.\d s"#).unwrap());
    assert_eq!(faults(line), Vec::<String>::new(), "{line}");
    SECONDS
        .replace_all(
            line,
            |found: &regex::Captures<'_>| {
                if found[0].starts_with('"') { "\"seconds\":S" } else { "S" }
            },
        )
        .into_owned()
}

/// All that `bb ARGS` says, which is on standard output only.
#[track_caller]
fn said(room: &Room, args: &str, code: i32) -> Vec<String> {
    let args = args.split_whitespace().chain(["--message-format", "json"]);
    let out = room.command("bb", &args.collect::<Vec<_>>()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(
        (out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()),
        (Some(code), "")
    );
    text.lines().map(checked).collect()
}

/// Those that are not of one of these types.
fn but(lines: &[String], types: &[&str]) -> Vec<String> {
    let is =
        |line: &&String| types.iter().any(|t| line.starts_with(&format!("{{\"type\":\"{t}\"")));
    lines.iter().filter(|line| !is(line)).cloned().collect()
}

fn of(lines: &[String], kind: &str) -> Vec<String> {
    let begin = format!("{{\"type\":\"{kind}\"");
    lines.iter().filter(|line| line.starts_with(&begin)).cloned().collect()
}

const FRESH: &str = r#"{"type":"summary","executed":[],"fresh":24,"taken":0,"failed":[],"skipped":[],"seconds":S,"exit":0,"message":"nothing to do: 24 steps up to date"}"#;

#[test]
fn a_build_tells_what_it_does() {
    let room = family();
    assert_eq!(said(&room, "build", 0), [FRESH]);
    room.write("bb-dock/plain/f", "changed");
    assert_eq!(
        said(&room, "build --dry-run plain", 0),
        [
            r#"{"type":"planned","step":"dockerfile:plain","state":"fresh","reason":""}"#,
            r#"{"type":"planned","step":"image:plain","state":"stale","reason":"bb-dock/plain/f changed"}"#,
        ]
    );
    assert_eq!(
        but(&said(&room, "build", 0), &["line"]),
        [
            r#"{"type":"started","step":"image:plain","reason":"bb-dock/plain/f changed"}"#,
            r#"{"type":"done","step":"image:plain","seconds":S,"note":"1 bytes, assembled"}"#,
            r#"{"type":"summary","executed":["image:plain"],"fresh":23,"taken":0,"failed":[],"skipped":[],"seconds":S,"exit":0,"message":"done: 1 step in S, 23 up to date"}"#,
        ]
    );
    assert_eq!(said(&room, "step image:plain", 0), Vec::<String>::new());
    assert_eq!(
        said(&room, "missing", 0),
        [r#"{"type":"nothing-missing","images":"all 5 images"}"#]
    );
}

#[test]
fn pinning_and_transfers_are_told() {
    let mut room = unbuilt();
    fs::remove_file(room.path("bb.lock")).unwrap();
    room.env.push(("DATE".to_owned(), "20261122".to_owned()));
    let lines = said(&room, "build base", 0);
    assert_eq!(lines[0], r#"{"type":"pinned","stage3":"20261122T170104Z","snapshot":"20261122"}"#);
    assert_eq!(of(&lines, "started").len(), 13, "{lines:#?}");
    assert_eq!(of(&lines, "done").len(), 13);
    let progress = of(&lines, "progress");
    let whole = r#"{"type":"progress","step":"fetch:stage3-amd64-nomultilib-openrc.tar.xz","bytes":6,"total":6}"#;
    assert!(progress.iter().any(|line| line == whole), "{progress:#?}");
    assert_eq!(lines.last(), of(&lines, "summary").last());
    room.env.push(("BB_SKIP_VERIFY".to_owned(), "1".to_owned()));
    assert_eq!(
        said(&room, "build base", 0)[0],
        r#"{"type":"warning","message":"verification is skipped: nobody vouches for what goes into the images","hint":null}"#
    );
}

#[test]
fn failures_and_errors_are_told() {
    let room = Room::new(World::default());
    let task = "[task.t]\nrun = \"echo 'f.c:1:2: error: no x' >&2; exit 3\"\n[task.u]\nrun = \"true\"\nneeds = [\"task:t\"]\n";
    room.write("bb.toml", task);
    fs::create_dir(room.path("bb-dock")).unwrap();
    assert_eq!(
        said(&room, "build", 1),
        [
            r#"{"type":"started","step":"task:t","reason":"never built"}"#,
            r#"{"type":"line","step":"task:t","text":"f.c:1:2: error: no x"}"#,
            r#"{"type":"failed","step":"task:t","error":{"exit":1,"message":"the command ended with exit status: 3","details":["f.c:1:2: error: no x"],"place":null,"hint":null},"log":".bb/logs/task/t.log","again":"bb step task:t"}"#,
            r#"{"type":"summary","executed":[],"fresh":0,"taken":0,"failed":["task:t"],"skipped":["task:u"],"seconds":S,"exit":1,"message":"1 step failed, 1 not run because of it; 0 done"}"#,
        ]
    );
    assert_eq!(
        said(&room, "step task:u", 1),
        [
            r#"{"type":"error","error":{"exit":1,"message":"`task:u` needs `task:t`, which is not up to date","details":[],"place":null,"hint":"run `bb step task:t` first, or `bb build`"}}"#
        ]
    );
    room.write("bb.toml", &format!("{task}names = 1\n"));
    assert_eq!(
        said(&room, "build", 3),
        [
            r#"{"type":"error","error":{"exit":3,"message":"unknown field `names`, expected one of `run`, `inputs`, `outputs`, `needs`, `env`","details":[],"place":{"file":"bb.toml","line":6,"column":1,"label":""},"hint":null}}"#
        ]
    );
    // What clap refuses is told before anybody knows for whom messages are.
    let wrong = room.command("bb", &["build", "--message-format", "xml"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stdout.is_empty());
}

#[test]
fn a_watch_goes_on_telling() {
    let room = Room::new(World::default());
    room.dock("plain", "FROM scratch\nCOPY f /\n");
    room.settings("", "");
    let mut command = room.command("bb", &["watch", "--message-format", "json"]);
    let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut round = || {
        let mut lines = lines.by_ref().map(|line| checked(&line.unwrap()));
        let waits = |line: &String| line == r#"{"type":"watching"}"#;
        lines.by_ref().take_while(|line| !waits(line)).collect::<Vec<_>>()
    };
    assert_eq!(of(&round(), "done").len(), 2);
    room.write("bb-dock/plain/f", "2");
    let second = but(&round(), &["line"]);
    assert_eq!(second[0], r#"{"type":"changed","files":["bb-dock/plain/f"]}"#);
    assert_eq!(of(&second, "done").len(), 1, "{second:#?}");
    let id = watch.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let rest = lines.map(|line| checked(&line.unwrap())).collect::<Vec<_>>();
    let interrupted = r#"{"type":"error","error":{"exit":130,"message":"interrupted","details":[],"place":null,"hint":null}}"#;
    assert_eq!(rest, [interrupted]);
    assert_eq!(watch.wait().unwrap().code(), Some(130));
}

/// The schema is no sieve: it refuses what is not said.
#[test]
fn the_schema_tells_wrong_from_right() {
    for line in [
        r#"{"type":"watching","more":1}"#,
        r#"{"type":"unknown"}"#,
        r#"{"type":"line","step":"image:a"}"#,
        r#"{"type":"done","step":"a","seconds":1,"note":""}"#,
        r#"{"type":"done","step":"image:a","seconds":-1,"note":""}"#,
    ] {
        assert_ne!(faults(line), Vec::<String>::new(), "{line}");
    }
    assert_eq!(faults(r#"{"type":"watching"}"#), Vec::<String>::new());
}

/// A disk that is full loses data, and the command says so; a reader that has gone has seen enough.
#[test]
fn data_that_is_lost_is_a_failure() {
    let room = family();
    let run = |line: &str| room.run("sh", &["-c", line]);
    let lost = "error: cannot write standard output: no space left on device\n";
    for args in ["list", "export ninja", "completions zsh", "config", "image sbom plain"] {
        let full = run(&format!("exec bb {args} >/dev/full"));
        assert_eq!((full.code, full.text.as_str()), (Some(1), lost), "{args}");
        let gone = run(&format!("bb {args} | true"));
        assert_eq!((gone.code, gone.text.as_str()), (Some(0), ""), "{args}");
    }
}
