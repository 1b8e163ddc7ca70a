use std::path::Path;

use crate::base::error::Error;
use crate::dockerfile::{Markers, Rendered, template};

/// Dockerfile, message, and what is marked in it.
fn rows() -> Vec<(String, &'static str, &'static str)> {
    let lines = include_str!("refused.txt").lines().skip(2);
    let row = |line: &'static str| {
        let [text, message, marked] =
            <[_; 3]>::try_from(line.split(" => ").collect::<Vec<_>>()).unwrap();
        let text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\");
        (format!("{text}\n"), message, marked)
    };
    lines.map(row).collect()
}

fn parsed(text: &str) -> Result<template::Template, Error> {
    let source = Rendered::from_template(Path::new("Dockerfile"), text, &Markers::default());
    template::parse_rendered(&source)
}

#[test]
fn what_docker_refuses_is_refused_with_its_place() {
    let mut wrong = vec![];
    for (text, message, marked) in rows() {
        let found = match parsed(&text) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => {
                assert_eq!(error.exit(), crate::Exit::Config);
                let span = error.place().unwrap().span.clone();
                format!("{} => {}", error.message(), &text[span])
            }
        };
        if found != format!("{message} => {marked}") {
            wrong.push(format!("{text:?}\n  said   {found}\n  wanted {message} => {marked}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The counterpart: odd, but Docker takes it.
#[test]
fn what_docker_accepts_is_accepted() {
    let table = [
        "FROM scratch aſ x",
        "FROM scratch AS A.b-c_1",
        "FROM --platform= scratch",
        "ARG --foo A\nFROM scratch",
        "FROM scratch\nARG A==1 \"\"=2 $X=3",
        "FROM scratch\nENV A=1\u{a0}B=2",
        "FROM scratch\nENV A b \"c\"",
        "FROM scratch\nLABEL \"\"=1",
        "FROM scratch\nUSER $X",
        "FROM scratch\nCMD\nENTRYPOINT\nRUN",
        "FROM scratch\nCMD [\"a\"] # why",
        "FROM scratch\nCMD [\"a\", 1",
        "FROM scratch\nRUN i=$((1 <<4))\nRUN echo \"it's <<EOF\"\nRUN cat <<EOF",
        "FROM scratch\nSHELL [\"a\"] x",
        "FROM scratch\nEXPOSE \"\" 8080:80 1.2.3.4:1:2/UDP 80/ 0",
        "FROM scratch\nVOLUME [\"\\ud800\"]",
        "FROM scratch\nHEALTHCHECK --foo=1 NONE",
        "FROM scratch\nHEALTHCHECK --interval=1.5s --timeout=.5m --retries=+3 --start-period= cmd x",
        "FROM scratch\nSTOPSIGNAL --foo -3",
        "FROM scratch\nONBUILD FOO x\nONBUILD COPY a\nONBUILD COPY ../a /",
        "FROM scratch\nCOPY a/../f ../../x\nADD --chown= f /",
        "FROM scratch AS a\nFROM scratch\nCOPY --from=+0 f /\nCOPY --from= f /",
        "FROM scratch\nCOPY --link --parents=False --exclude=a --exclude=b --chmod=1 f /",
        "FROM scratch\nADD --unpack --keep-git-dir=true --checksum=sha256:0 f /",
        "FROM scratch\n\\\nENV A=1 \\",
    ];
    for text in table {
        let parsed = parsed(&format!("{text}\n"));
        assert!(parsed.is_ok(), "{text}: {}", parsed.unwrap_err().message());
    }
}

/// 20,000 lines with a number each.
fn numbered(begin: &str, end: &str) -> String {
    let lines = (0..20_000).map(|number| [begin, &number.to_string(), end].concat());
    lines.collect::<Vec<_>>().concat()
}

/// Nothing that a Dockerfile asks for grows without an end, or takes more than a moment.
#[test]
fn what_grows_is_refused_with_its_place() {
    let table = [
        (
            format!("FROM scratch\nENV A=xx\n{}", "ENV A=$A$A\n".repeat(40)),
            "with its variables, this is longer",
        ),
        (
            format!(
                "FROM scratch\nARG A={}\n{}",
                "x".repeat(60_000),
                "LABEL a=$A$A\n".repeat(1_000)
            ),
            "the variables of this Dockerfile come to more than 16777216 bytes",
        ),
        (
            format!(
                "FROM scratch AS a\nENV A={}\n{}",
                "x".repeat(60_000),
                "FROM a\n".repeat(1_000)
            ),
            "the variables of this Dockerfile come to more than 16777216 bytes",
        ),
        (
            format!("FROM scratch\nENV A={}", "${a:-".repeat(10_000)),
            "more than 100 `${…}` stand in each other",
        ),
        (format!("FROM scratch\n{}", "ONBUILD ".repeat(8_000)), "`ONBUILD` cannot be a trigger"),
        (format!("FROM scratch\nCMD {}", "[".repeat(60_000)), "accepted"),
        (format!("FROM scratch\nCMD {}", "[{\"a\":".repeat(10_000)), "accepted"),
        (format!("{}FROM scratch\n", "ARG A=1\n".repeat(30_000)), "accepted"),
        (
            format!("FROM scratch\n{}", "FROM scratch AS x\nFROM x\n".repeat(2)),
            "a second stage `x`",
        ),
        (numbered("FROM scratch AS s", "\n"), "accepted"),
        (format!("FROM scratch\nRUN {}", "<<A ".repeat(16_000)), "accepted"),
        (format!("FROM scratch\nENV A={}", "\"".repeat(60_001)), "this `\"` is never closed"),
    ];
    for (text, wanted) in table {
        let said = match parsed(&text) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => {
                assert!(error.place().is_some(), "{wanted}");
                error.message().to_owned()
            }
        };
        assert!(said.starts_with(wanted), "{}…: {said}", &text[..60]);
    }
}
