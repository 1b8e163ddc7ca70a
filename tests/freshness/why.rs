//! `bb why` names the one input that changed, old and new, and the way from there: for each kind of
//! change, as text and as JSON, exactly.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};
use support::digest;
use support::fake::engine::{World, pulled};
use support::fake::mirror::MIRROR;
use support::fake::room::Room;

const ELSEWHERE: &str = "elsewhere.example/base:1";
const SETTINGS: &str = "namespace = \"ns\"\n[build]\nCFLAGS = \"-O1\"\n\
    [task.t]\nrun = \"cat word >out\"\ninputs = [\"word\", \"maybe\"]\noutputs = [\"out\"]\n\
    env = { A = \"1\" }\n[task.u]\nrun = \"true\"\n";

/// `child` is built on `base`; `deep` is compiled; `out` is built on an image from elsewhere.
fn prototype() -> Room {
    let room = Room::new(World::default());
    room.dock("base", "FROM scratch\nLABEL m=\"${MAINTAINER}\"\nCOPY f l d /\n");
    room.write("bb-dock/base/d/x", "x");
    room.write("bb-dock/base/d/y", "y");
    symlink("a", room.path("bb-dock/base/l")).unwrap();
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY f /\n");
    room.dock("deep", "FROM scratch\nADD rootfs.tar /\nCOPY f /\n");
    room.write("bb-dock/deep/dock.toml", "[rootfs]\ninputs = [\"conf/*\"]\n");
    room.write("bb-dock/deep/conf/c", "c");
    room.write("bb-dock/deep/more/m", "m");
    room.dock("out", &format!("FROM {ELSEWHERE}\nCOPY f /\n"));
    let (mirrors, trust) = &MIRROR.settings;
    room.write("bb.toml", &format!("{mirrors}{SETTINGS}{trust}"));
    room.write("bb.lock", &MIRROR.lock);
    room.write("word", "word");
    room.engine.pull(ELSEWHERE, 1);
    room.run("bb", &["build"]).ok();
    room
}

/// One kind of change, and what `why` says of it.
struct Case {
    kind: &'static str,
    change: fn(&mut Room),
    target: &'static str,
    causes: Vec<Cause>,
}

struct Cause {
    /// In words.
    reason: &'static str,
    what: &'static str,
    old: Option<String>,
    new: Option<String>,
    steps: &'static str,
}

fn case(
    kind: &'static str,
    target: &'static str,
    change: fn(&mut Room),
    causes: Vec<Cause>,
) -> Case {
    Case { kind, change, target, causes }
}

/// Two contents.
fn content(reason: &'static str, old: &str, new: &str, steps: &'static str) -> Vec<Cause> {
    let what = reason.strip_suffix(" changed").unwrap();
    let (old, new) = (Some(digest(old)), Some(digest(new)));
    vec![Cause { reason, what, old, new, steps }]
}

/// Two values.
fn values(
    reason: &'static str,
    what: &'static str,
    old: &str,
    new: &str,
    steps: &'static str,
) -> Vec<Cause> {
    vec![Cause { reason, what, old: Some(old.to_owned()), new: Some(new.to_owned()), steps }]
}

/// There is nothing to compare.
fn without(reason: &'static str, what: &'static str, steps: &'static str) -> Vec<Cause> {
    vec![Cause { reason, what, old: None, new: None, steps }]
}

fn replace(room: &Room, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(room.path(file)).unwrap();
    assert!(text.contains(from), "{file}: {text}");
    room.write(file, &text.replace(from, to));
}

fn set(room: &mut Room, name: &str, value: &str) {
    room.env.push((name.to_owned(), value.to_owned()));
}

const BASE: &str = "image:base";
const TEMPLATE: &str = "bb-dock/base/Dockerfile.template";
const TEMPLATE_TEXT: &str = "FROM scratch\nLABEL m=\"${MAINTAINER}\"\nCOPY f l d /\n";
const RECORD: &str = ".bb/records/image/base.json";

fn files() -> Vec<Case> {
    let f = "bb-dock/base/f";
    vec![
        case(
            "content",
            "child",
            |room| room.write("bb-dock/base/f", "2"),
            content("bb-dock/base/f changed", "base", "2", "image:base -> image:child"),
        ),
        case(
            "mode",
            "base",
            |room| {
                fs::set_permissions(room.path("bb-dock/base/f"), fs::Permissions::from_mode(0o755))
                    .unwrap();
            },
            values("mode of bb-dock/base/f changed: 0644 -> 0755", f, "0644", "0755", BASE),
        ),
        case(
            "link target",
            "base",
            |room| {
                fs::remove_file(room.path("bb-dock/base/l")).unwrap();
                symlink("b", room.path("bb-dock/base/l")).unwrap();
            },
            values("bb-dock/base/l points elsewhere: a -> b", "bb-dock/base/l", "a", "b", BASE),
        ),
        case(
            "type",
            "base",
            |room| {
                fs::remove_file(room.path("bb-dock/base/f")).unwrap();
                symlink("d/x", room.path("bb-dock/base/f")).unwrap();
            },
            values("bb-dock/base/f is another kind of file: File -> Link", f, "File", "Link", BASE),
        ),
        case(
            "file added",
            "base",
            |room| room.write("bb-dock/base/d/new", ""),
            values("bb-dock/base/d/new was added", "bb-dock/base/d/new", "gone", "there", BASE),
        ),
        case(
            "file removed",
            "base",
            |room| fs::remove_file(room.path("bb-dock/base/d/x")).unwrap(),
            values("bb-dock/base/d/x was removed", "bb-dock/base/d/x", "there", "gone", BASE),
        ),
        case(
            "file removed that is named",
            "task:t",
            |room| fs::remove_file(room.path("word")).unwrap(),
            values("word was removed", "word", "there", "gone", "task:t"),
        ),
        case(
            "file appeared",
            "task:t",
            |room| room.write("maybe", ""),
            values("maybe was added", "maybe", "gone", "there", "task:t"),
        ),
        case(
            "template",
            "base",
            |room| room.write(TEMPLATE, "FROM scratch\nLABEL m=${MAINTAINER}\nCOPY f l d /\n"),
            content(
                "bb-dock/base/Dockerfile.template changed",
                TEMPLATE_TEXT,
                "FROM scratch\nLABEL m=${MAINTAINER}\nCOPY f l d /\n",
                "dockerfile:base -> image:base",
            ),
        ),
        case(
            "input of a task",
            "task:t",
            |room| room.write("word", "2"),
            content("word changed", "word", "2", "task:t"),
        ),
    ]
}

fn lists() -> Vec<Case> {
    let deep = "rootfs:deep -> image:deep";
    vec![
        case(
            "longer list in dock.toml",
            "deep",
            |room| replace(room, "bb-dock/deep/dock.toml", "\"conf/*\"", "\"conf/*\", \"more/*\""),
            values("bb-dock/deep/more/m was added", "bb-dock/deep/more/m", "gone", "there", deep),
        ),
        case(
            "shorter list in dock.toml",
            "deep",
            |room| replace(room, "bb-dock/deep/dock.toml", "\"conf/*\"", ""),
            values(
                "bb-dock/deep/conf/c is no longer used",
                "bb-dock/deep/conf/c",
                "there",
                "gone",
                deep,
            ),
        ),
        case(
            ".dockerignore",
            "base",
            |room| room.write("bb-dock/base/.dockerignore", "d/x\n"),
            values("bb-dock/base/d/x is no longer used", "bb-dock/base/d/x", "there", "gone", BASE),
        ),
    ]
}

fn epoch(steps: &'static str) -> Vec<Cause> {
    let reason = "source_date_epoch changed: `1262304000` -> `1`";
    values(reason, "source_date_epoch", "1262304000", "1", steps)
}

fn settings() -> Vec<Case> {
    let deep = "rootfs:deep -> image:deep";
    vec![
        case(
            "marker",
            "child",
            |room| set(room, "AUTHOR", "me"),
            values(
                "${MAINTAINER} changed: `nobody` -> `me`",
                "${MAINTAINER}",
                "nobody",
                "me",
                "dockerfile:base -> image:base -> image:child",
            ),
        ),
        case(
            "setting of [build]",
            "deep",
            |room| replace(room, "bb.toml", "-O1", "-O2"),
            values("build.CFLAGS changed: `-O1` -> `-O2`", "build.CFLAGS", "-O1", "-O2", deep),
        ),
        case(
            "another setting of [build]",
            "deep",
            |room| replace(room, "bb.toml", "[build]\n", "[build]\nUSE = \"x\"\n"),
            vec![Cause {
                reason: "build.USE changed: (unset) -> `x`",
                what: "build.USE",
                old: None,
                new: Some("x".to_owned()),
                steps: deep,
            }],
        ),
        case(
            "epoch",
            "deep",
            |room| replace(room, "bb.toml", "namespace", "source_date_epoch = 1\nnamespace"),
            [deep, "image:deep"].into_iter().flat_map(epoch).collect(),
        ),
        case(
            "tag",
            "base",
            |room| set(room, "TAG", "v1"),
            vec![Cause {
                reason: "label org.opencontainers.image.version changed: (unset) -> `v1`",
                what: "label org.opencontainers.image.version",
                old: None,
                new: Some("v1".to_owned()),
                steps: BASE,
            }],
        ),
        case(
            "namespace",
            "base",
            |room| set(room, "NAMESPACE", "mine"),
            values(
                "references changed: `ns/base:latest` -> `mine/base:latest`",
                "references",
                "ns/base:latest",
                "mine/base:latest",
                BASE,
            ),
        ),
        case(
            "command of a task",
            "task:t",
            |room| replace(room, "bb.toml", "cat word >out", "cat word >>out"),
            values(
                "run changed: `cat word >out` -> `cat word >>out`",
                "run",
                "cat word >out",
                "cat word >>out",
                "task:t",
            ),
        ),
        case(
            "variable of a task",
            "task:t",
            |room| replace(room, "bb.toml", "A = \"1\"", "A = \"2\""),
            values(
                "env.A changed: `sha256:f1d316d330440dea` -> `sha256:fb86eaa732eae3d2`",
                "env.A",
                "sha256:f1d316d330440dea",
                "sha256:fb86eaa732eae3d2",
                "task:t",
            ),
        ),
    ]
}

fn steps_before() -> Vec<Case> {
    vec![
        case(
            "need of a task",
            "task:u",
            |room| {
                replace(room, "bb.toml", "run = \"true\"", "run = \"true\"\nneeds = [\"task:t\"]");
            },
            vec![Cause {
                reason: "task:t/outputs changed",
                what: "task:t/outputs",
                old: None,
                new: Some(digest(digest("word"))),
                steps: "task:u",
            }],
        ),
        case(
            "parent replaced by one from elsewhere",
            "child",
            |room| {
                replace(room, "bb-dock/child/Dockerfile.template", "${NAMESPACE}/base", ELSEWHERE);
            },
            {
                let old = "FROM ${NAMESPACE}/base\nCOPY f /\n";
                let new = "FROM elsewhere.example/base:1\nCOPY f /\n";
                let steps = "dockerfile:child -> image:child";
                let file = "bb-dock/child/Dockerfile.template changed";
                let mut causes = content(file, old, new, steps);
                causes.push(Cause {
                    reason: "image:base/id changed",
                    what: "image:base/id",
                    old: Some("ID OF base".to_owned()),
                    new: None,
                    steps: "image:child",
                });
                causes
            },
        ),
        case(
            "no longer built on one from elsewhere",
            "image:out",
            |room| replace(room, "bb-dock/out/Dockerfile.template", ELSEWHERE, "scratch"),
            {
                let old = "FROM elsewhere.example/base:1\nCOPY f /\n";
                let file = "bb-dock/out/Dockerfile.template changed";
                let steps = "dockerfile:out -> image:out";
                let mut causes = content(file, old, "FROM scratch\nCOPY f /\n", steps);
                causes.extend(values(
                    "it is no longer built on image `elsewhere.example/base:1`",
                    "image `elsewhere.example/base:1`",
                    "there",
                    "gone",
                    "image:out",
                ));
                causes
            },
        ),
        case(
            "never built",
            "new",
            |room| room.dock("new", "FROM ${NAMESPACE}/base\n"),
            [
                without("never built", "record", "dockerfile:new -> image:new"),
                without("never built", "record", "image:new"),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        case(
            "fingerprints",
            "verify:portage",
            |room| {
                let one = "0".repeat(40);
                replace(
                    room,
                    "bb.toml",
                    "fingerprints = [",
                    &format!("fingerprints = [\"{one}\", "),
                );
            },
            values(
                "fingerprints changed: `KEY` -> `0000000000000000000000000000000000000000 KEY`",
                "fingerprints",
                "KEY",
                "0000000000000000000000000000000000000000 KEY",
                "verify:portage",
            ),
        ),
    ]
}

fn engine() -> Vec<Case> {
    vec![case(
        "image from elsewhere pinned anew",
        "out",
        |room| {
            room.engine.pull(ELSEWHERE, 2);
            replace(room, "bb.lock", &pulled(ELSEWHERE, 1), &pulled(ELSEWHERE, 2));
        },
        values(
            "image `elsewhere.example/base:1` is another one",
            "image `elsewhere.example/base:1`",
            &pulled(ELSEWHERE, 1),
            &pulled(ELSEWHERE, 2),
            "image:out",
        ),
    )]
}

fn state() -> Vec<Case> {
    let format = "recorded by another version (format 9)";
    vec![
        case(
            "output removed",
            "dockerfile:base",
            |room| fs::remove_file(room.path(".bb/images/base/Dockerfile")).unwrap(),
            values(
                ".bb/images/base/Dockerfile is gone",
                ".bb/images/base/Dockerfile",
                "there",
                "gone",
                "dockerfile:base",
            ),
        ),
        case(
            "output changed",
            "task:t",
            |room| room.write("out", "2"),
            values("out is not what it left", "out", &digest("word"), &digest("2"), "task:t"),
        ),
        case(
            "stamp removed",
            "base",
            |room| fs::remove_file(room.path(".bb/stamps/image/base")).unwrap(),
            values("it did not finish, or its stamp was removed", "stamp", "there", "gone", BASE),
        ),
        case(
            "record of another format",
            "base",
            |room| replace(room, RECORD, "\"format\":2", "\"format\":9"),
            values(format, "format", "9", "2", BASE),
        ),
        case(
            "record damaged",
            "base",
            |room| room.write(RECORD, "{"),
            values("its record is gone or damaged", "record", "there", "gone", BASE),
        ),
    ]
}

impl Cause {
    /// Whether the text says old and new on a line of their own: the sentence does not.
    fn shown(&self) -> bool {
        let untold = [" changed", " is another one", " is not what it left"];
        self.old.is_some()
            && self.new.is_some()
            && untold.iter().any(|end| self.reason.ends_with(end))
    }
}

impl Case {
    fn id(&self) -> String {
        if self.target.contains(':') {
            self.target.to_owned()
        } else {
            format!("image:{}", self.target)
        }
    }

    fn text(&self) -> String {
        let causes = self.causes.iter().map(|cause| {
            let short = |value: &Option<String>| {
                gentoo_bb::fresh::reason::short(value.as_deref().unwrap()).to_owned()
            };
            let shown = if cause.shown() {
                format!("    {} -> {}\n", short(&cause.old), short(&cause.new))
            } else {
                String::new()
            };
            format!("  {}\n{shown}    {}\n", cause.reason, cause.steps)
        });
        format!("{} is not up to date\n{}", self.id(), causes.collect::<String>())
    }

    fn json(&self) -> Value {
        let cause = |c: &Cause| {
            let change = json!({ "what": c.what, "old": c.old, "new": c.new });
            json!({ "reason": c.reason, "change": change, "steps": c.steps.split(" -> ").collect::<Vec<_>>() })
        };
        let causes = self.causes.iter().map(cause).collect::<Vec<_>>();
        json!({ "format": 1, "target": self.id(), "fresh": false, "causes": causes })
    }
}

fn bob(room: &Room) -> String {
    let mut images = room.engine.images().into_keys();
    images.find(|name| name.starts_with("gentoo-bb/bob:")).unwrap()
}

/// An image that the engine does not have, or has another one in the place of, is put there: nothing is stale.
#[test]
fn a_copy_that_the_engine_lacks_makes_nothing_stale() {
    let room = prototype();
    let lose: [fn(&Room); 2] = [
        |room| assert_eq!(room.engine.remove(|name| name == "ns/base:latest"), 1),
        |room| room.engine.pull("ns/base:latest", 7),
    ];
    for lose in lose {
        let room = room.copy();
        lose(&room);
        for target in ["base", "child"] {
            let said = less_made(&room.run("bb", &["why", target]).ok().text);
            assert_eq!(said, format!("image:{target} is up to date\n"));
        }
        room.run("bb", &["status", "--exit-code"]).ok();
    }
}

/// The builder and what it is made of are there for steps that run, and none does.
#[test]
fn what_is_made_on_demand_makes_nothing_stale() {
    let room = prototype();
    let lose: [fn(&Room); 4] = [
        |room| room.engine.pull(&bob(room), 7),
        |room| assert_eq!(room.engine.remove(|name| name.starts_with("gentoo-bb/bob:")), 1),
        |room| assert_eq!(room.engine.remove(|name| name.starts_with("gentoo-bb/")), 3),
        |room| fs::remove_dir_all(room.path(".bb/downloads")).unwrap(),
    ];
    for lose in lose {
        let room = room.copy();
        lose(&room);
        for target in ["deep", "builder:bob", "verify:portage"] {
            let said = less_made(&room.run("bb", &["why", target]).ok().text);
            let id = if target == "deep" { "image:deep" } else { target };
            assert_eq!(said, format!("{id} is up to date\n"));
        }
        room.run("bb", &["status", "--exit-code"]).ok();
        room.told("build").ran("");
    }
}

/// What was downloaded and is another file now is no less suspicious for that.
#[test]
fn a_download_that_was_changed_is_looked_through_at_once() {
    let room = prototype();
    room.write(".bb/downloads/portage.tar.xz.gpgsig", "other");
    let said = room.run("bb", &["why", "verify:portage"]).ok().text;
    assert!(said.contains("\n  .bb/downloads/portage.tar.xz.gpgsig changed\n"), "{said}");
    let run = room.told("build");
    assert_eq!((run.code, run.failed()), (Some(5), vec!["verify:portage".to_owned()]), "{run}");
}

/// What is not known before the project is built.
fn words(room: &Room) -> [(&'static str, String); 2] {
    let image = fs::read(room.path(".bb/images/base/image.json")).unwrap();
    let image = serde_json::from_slice::<Value>(&image).unwrap();
    let trust = &MIRROR.settings.1;
    let key = trust.split_once("fingerprints = [\"").unwrap().1.split('"').next().unwrap();
    [("ID OF base", image["id"].as_str().unwrap().to_owned()), ("KEY", key.to_owned())]
}

/// What is said of a step, less which way its image was made.
fn less_made(said: &str) -> String {
    let lines = said.lines().filter(|line| !line.starts_with("it was "));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn why_names_the_input_for_each_kind_of_change() {
    let prototype = prototype();
    let cases = [files(), lists(), settings(), steps_before(), engine(), state()];
    let cases = cases.into_iter().flatten().collect::<Vec<_>>();
    let words = words(&prototype);
    let put = |text: String, told: fn(&str) -> &str| {
        words.iter().fold(text, |t, (word, value)| t.replace(word, told(value)))
    };
    assert!(cases.len() >= 25, "{}", cases.len());
    for case in cases {
        let mut room = prototype.copy();
        if case.kind != "never built" {
            let said = less_made(&room.run("bb", &["why", case.target]).ok().text);
            assert_eq!(said, format!("{} is up to date\n", case.id()));
        }
        (case.change)(&mut room);
        let said = less_made(&room.run("bb", &["why", case.target]).ok().text);
        assert_eq!(said, put(case.text(), gentoo_bb::fresh::reason::short), "{}", case.kind);
        let said = room.run("bb", &["why", "--json", case.target]).ok().text;
        let mut said = serde_json::from_str::<Value>(&said).unwrap();
        let told = said.as_object_mut().unwrap();
        told.remove("made").unwrap();
        assert_eq!(told.remove("undone"), Some(Value::Array(vec![])), "{}", case.kind);
        let expected = put(case.json().to_string(), |whole| whole);
        assert_eq!(said, serde_json::from_str::<Value>(&expected).unwrap(), "{}", case.kind);
    }
}
