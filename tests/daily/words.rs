//! Names, logs and settings of an enemy's: nothing in them steers a terminal, and no line of theirs is a line.

use std::fs;

use gentoo_bb::base::diag;
use gentoo_bb::base::error::{Error, Place};
use gentoo_bb::base::words::is_hostile;
use gentoo_bb::config::lock::Base;
use gentoo_bb::report::{Message, json};
use support::fake::engine::World;
use support::fake::room::Room;

use crate::family::bb;

const PIECES: [&str; 16] = [
    "\n::error::x",
    "\r",
    "\u{1b}]52;c;aGk=\u{7}",
    "\u{1b}[2J",
    "\u{9b}1A",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{2028}",
    "\u{e0041}",
    "\u{7f}",
    "\t",
    "é",
    "`x`",
    "a b",
];

fn word(random: &mut fastrand::Rng) -> String {
    (0..random.usize(1..6)).map(|_| random.choice(PIECES).unwrap()).collect()
}

/// Without what the renderer adds for itself: line ends, and colours where it was asked for them.
#[track_caller]
fn harmless(text: &str, color: bool) {
    let mut text = text.to_owned();
    if color {
        let colour = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
        text = colour.replace_all(&text, "").into_owned();
    }
    let bad = text.chars().find(|c| is_hostile(*c) && *c != '\n');
    assert_eq!(bad, None, "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("::error::")), "{text:?}");
}

#[test]
fn every_error_is_rendered_harmless() {
    let mut random = fastrand::Rng::with_seed(16);
    for _ in 0..2_000 {
        let [message, file, detail, hint, label, line] = std::array::from_fn(|_| word(&mut random));
        // A file has lines of its own.
        let text = format!("first\n{}\nlast\n", line.replace(['\n', '\r', '\t'], ""));
        let end = random.usize(0..=text.len());
        let start = (0..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let place = Place::new(&file, &text, start..end).label(&label);
        let error = Error::config(&message).detail(&detail).hint(&hint);
        for error in [error.clone(), error.at(place)] {
            for color in [false, true] {
                let shown = diag::render(&error, color);
                harmless(&shown, color);
            }
            let line = json(&Message::Error(&error));
            harmless(&line, false);
            assert_eq!(line.lines().count(), 1);
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
        for shown in [diag::warning(&message, &hint, false), diag::alarm(&message, false)] {
            harmless(&shown, false);
        }
    }
}

#[test]
fn every_message_is_rendered_harmless() {
    use gentoo_bb::exec::event::Event;
    let mut random = fastrand::Rng::with_seed(17);
    let step = "image:a".parse::<gentoo_bb::base::ids::StepId>().unwrap();
    for _ in 0..500 {
        let [a, b] = std::array::from_fn(|_| word(&mut random));
        let error = Error::step(&a).hint(&b);
        let took = std::time::Duration::from_secs(1);
        let events = [
            Event::Started { step: step.clone(), reason: a.clone() },
            Event::Waiting { step: step.clone(), owner: a.clone() },
            Event::Line { step: step.clone(), text: a.clone() },
            Event::Done { step: step.clone(), took, note: a.clone() },
            Event::Failed { step: step.clone(), error: error.clone(), log: Some(a.clone().into()) },
        ];
        let base = Base { name: "a:1".parse().unwrap(), digest: None, id: a.clone() };
        let files = [std::path::PathBuf::from(&a)].into();
        let others = [
            Message::Planned { step: a.clone(), state: "stale", reason: b.clone() },
            Message::Pinned { stage3: &a, snapshot: &b },
            Message::PinnedBase { name: &a, base: &base },
            Message::PassedOver { what: &a },
            Message::Alarm { message: &a },
            Message::Warning { message: &a, hint: &b },
            Message::NothingMissing { images: "1 image" },
            Message::Pushed { image: &a, digest: &b, sent: 1, there: 2 },
            Message::Changed { files: &files },
            Message::Error(&error),
        ];
        for message in events.iter().map(Message::Event).chain(others) {
            harmless(&message.text(false), false);
            harmless(&json(&message), false);
        }
    }
}

/// The same with real files and the real program.
#[test]
fn hostile_names_in_a_project_are_shown_and_do_nothing() {
    let room = Room::new(World::default());
    let name = "x\n::error::y\u{1b}]52;c;eA==\u{7}\u{202e}";
    room.write(
        "bb.toml",
        &format!(
            "namespace = \"ns\"\n[task.t]\nrun = {}\ninputs = [\"in/*\"]\n",
            serde_json::to_string(&format!("printf '\\n::error::z\\033[2J\\n'; exit 1 # {name}"))
                .unwrap()
        ),
    );
    room.dock("a", "FROM scratch\nCOPY . /\n");
    fs::write(room.path(&format!("bb-dock/a/{name}")), "1").unwrap();
    room.write(&format!("in/{name}"), "1");
    let verbs = [
        "build -k",
        "status",
        "status --exit-code",
        "build -k --message-format json",
        "why image:a",
        "why image:a --json",
        "why task:t",
        "export json",
        "export ninja",
        "makefile",
        "graph --steps",
        "graph --steps --format mermaid",
        "graph --steps --format svg",
        "graph --steps --format html",
        "size a",
        "diff a",
        "config",
        "list",
        "tree",
    ];
    for content in ["2", "3"] {
        for verb in verbs {
            let run = bb(&room, verb);
            harmless(&run.text, false);
        }
        fs::write(room.path(&format!("bb-dock/a/{name}")), content).unwrap();
        fs::write(room.path(&format!("in/{name}")), content).unwrap();
        for verb in ["status", "why image:a", "why task:t", "build -k --dry-run"] {
            harmless(&bb(&room, verb).text, false);
        }
    }
    for args in [[name, "x"], ["status", name], ["build", name], ["step", name], ["logs", name]] {
        harmless(&room.run("bb", &args).text, false);
    }
    // In a pipe a log is what it is.
    let log = bb(&room, "logs task:t").ok().text;
    assert!(log.contains("\n::error::z\u{1b}[2J"), "{log}");
}
