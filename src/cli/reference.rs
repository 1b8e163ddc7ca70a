//! The parts of pages that the program knows. In `doc/reference.md`: verbs and options from the command line's own
//! definition, settings, limits, exit codes, markers and kinds of steps from theirs; in `doc/migrating.md`: names of
//! kubler's.
//!
//! They stand between `<!-- generated: NAME -->` and `<!-- end -->`. `BB_SNAPSHOTS=update` writes them anew.
//! Does not know what is said around them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};
use regex::Regex;

use crate::base::ids::Kind;
use crate::base::limits::{Limit, Row};
use crate::cli::{Cli, EXIT_CODES};
use crate::config::{DESCRIBED, Described, Settings};
use crate::dock::allowance::Rule;
use crate::dock::kubler::Weight;
use crate::dock::kubler::known::{COMMANDS, Known, SETTINGS, VARIABLES};

const FILE: &str = "doc/reference.md";
const MIGRATING: &str = "doc/migrating.md";
const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

#[test]
fn the_reference_says_what_the_program_knows() {
    is_up_to_date(FILE, parts());
}

#[test]
fn the_page_on_migrating_says_what_the_reference_to_kubler_knows() {
    let tables =
        [("variables", VARIABLES), ("commands", COMMANDS), ("settings of images", SETTINGS)];
    is_up_to_date(MIGRATING, tables.map(|(name, table)| (name, kublers(table))).into());
}

#[track_caller]
fn is_up_to_date(file: &str, parts: BTreeMap<&str, String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let kept = std::fs::read_to_string(&path).unwrap();
    let wanted = with_parts(&kept, file, parts);
    if std::env::var_os("BB_SNAPSHOTS").is_some_and(|v| v == "update") {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    let other = kept.lines().zip(wanted.lines()).find(|(kept, wanted)| kept != wanted);
    let how = "BB_SNAPSHOTS=update cargo test --lib reference";
    assert!(kept == wanted, "{file} is not what the program says ({how}): {other:?}");
}

/// The text with each part made anew.
fn with_parts(text: &str, file: &str, mut parts: BTreeMap<&str, String>) -> String {
    let mut pieces = text.split(BEGIN);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) =
            piece.split_once(" -->").expect("the name of a part, and its mark's end");
        let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("`{name}` has no end"));
        let part = parts.remove(name).unwrap_or_else(|| panic!("no part is called `{name}`"));
        write!(out, "{BEGIN}{name} -->\n\n{}\n\n{END}{after}", part.trim()).unwrap();
    }
    assert!(parts.is_empty(), "{file} has no place for {:?}", parts.keys());
    out
}

fn parts() -> BTreeMap<&'static str, String> {
    let mut command = Cli::command();
    command.build();
    let options = command.get_arguments().filter(|arg| is_told(arg));
    BTreeMap::from([
        ("options of all", arguments(options.collect())),
        ("verbs", verbs(&command)),
        ("exit codes", exit_codes()),
        ("settings", settings()),
        ("limits", limits()),
        ("markers", markers()),
        ("audit rules", audit_rules()),
        ("kinds", Kind::ALL.map(|kind| format!("`{kind}`")).join(", ")),
    ])
}

/// The rows of a table.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut out = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        let cells = row.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        writeln!(out, "| {} |", cells.join(" | ")).unwrap();
    }
    out.replace("|  |", "| |")
}

/// Names of kubler's: several in a row that become the same are one.
fn kublers(known: &[Known]) -> String {
    let rows = known.chunk_by(|a, b| (a.instead, a.told) == (b.instead, b.told)).map(|same| {
        let names = same.iter().map(|known| format!("`{}`", known.name)).collect::<Vec<_>>();
        let told = same[0].told.map_or("", Weight::word);
        [names.join(", "), same[0].instead.to_owned(), told.to_owned()]
    });
    table(["kubler", "here", ""], rows)
}

// --- verbs ----------------------------------------------------------------------------------------------------

fn verbs(command: &Command) -> String {
    let below = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    below.map(|verb| if verb.has_subcommands() { verbs(verb) } else { one(verb) }).collect()
}

/// A verb: what it does, its options, what else its help says.
fn one(verb: &Command) -> String {
    let name = verb.get_bin_name().unwrap_or(verb.get_name());
    let about = verb.get_long_about().or(verb.get_about()).map(ToString::to_string);
    let about = about.unwrap_or_default();
    let usage = verb.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let mut out = format!("### `{name}`\n\n");
    for paragraph in about.split("\n\n") {
        writeln!(out, "{}.\n", paragraph.trim_end_matches('.')).unwrap();
    }
    writeln!(out, "`{usage}`\n").unwrap();
    // Those of all verbs stand once.
    let own = verb.get_arguments().filter(|arg| is_told(arg) && !arg.is_global_set());
    out += &arguments(own.collect());
    let help = verb.get_after_long_help().or(verb.get_after_help()).map(ToString::to_string);
    out + "\n" + &notes(&help.unwrap_or_default()) + "\n"
}

fn is_told(arg: &Arg) -> bool {
    !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
}

fn arguments(all: Vec<&Arg>) -> String {
    if all.is_empty() {
        return String::new();
    }
    table(["", ""], all.into_iter().map(|arg| [written(arg), meaning(arg)]))
}

fn written(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    format!("{short}`{arg}`")
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let values = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
    let values = values.map(|value| match value.get_help() {
        Some(help) => format!("`{}`: {help}", value.get_name()),
        None => format!("`{}`", value.get_name()),
    });
    let values = values.collect::<Vec<_>>();
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let defaults = defaults.map(|value| format!("`{value}`")).collect::<Vec<_>>();
    let takes = arg.get_action().takes_values();
    let more = [
        (takes && !values.is_empty()).then(|| values.join(", ")),
        (takes && !defaults.is_empty()).then(|| format!("default: {}", defaults.join(", "))),
        arg.get_env().map(|name| format!("variable: `{}`", name.to_string_lossy())),
    ];
    std::iter::once(help).chain(more.into_iter().flatten()).collect::<Vec<_>>().join("; ")
}

/// What follows the options in a help: paragraphs stay, indented lines are code.
fn notes(help: &str) -> String {
    let mut out = String::new();
    let mut in_code = false;
    for line in help.lines().filter(|line| *line != "Examples:") {
        let code = line.strip_prefix("  ");
        if code.is_some() != in_code {
            out += if in_code { "```\n" } else { "\n```sh\n" };
            in_code = !in_code;
        }
        writeln!(out, "{}", code.unwrap_or(line)).unwrap();
    }
    if in_code {
        out += "```\n";
    }
    out.trim_start().to_owned()
}

fn exit_codes() -> String {
    let rows = EXIT_CODES.lines().filter_map(|line| line.trim().split_once("  "));
    let rows = rows.filter(|(code, _)| code.parse::<u8>().is_ok());
    table(["exit code", "means"], rows.map(|(code, means)| [code, means].map(str::to_owned)))
}

// --- settings -------------------------------------------------------------------------------------------------

fn settings() -> String {
    let defaults = Settings::default().effective().into_iter();
    let defaults = defaults.map(|setting| (setting.name, setting.value.lines()));
    let defaults = defaults.collect::<BTreeMap<_, _>>();
    let row = |one: Described| {
        let pieces = defaults.get(one.name).map_or(&[][..], Vec::as_slice);
        let pieces = pieces.iter().map(|piece| format!("`{piece}`")).collect::<Vec<_>>();
        let name = if one.in_file { in_table(one.name) } else { String::new() };
        let variable = one.variable.map(|name| format!("`{name}`")).unwrap_or_default();
        [name, variable, pieces.join("<br>"), one.what.to_owned()]
    };
    table(["`bb.toml`", "environment", "default", ""], DESCRIBED.map(row))
}

/// `trust.keyring` as it is written: `[trust] keyring`.
fn in_table(name: &str) -> String {
    match name.split_once('.') {
        Some(("task", _)) => "`[task.NAME]`".to_owned(),
        Some((table, name)) => format!("`[{table}] {name}`"),
        None => format!("`{name}`"),
    }
}

fn limits() -> String {
    let row = |limit: Limit| {
        let Row { name, what, why, default, settable, .. } = *limit.row();
        let name = if settable { format!("`{name}`") } else { format!("{name} (fixed)") };
        [name, limit.shown(default), what.to_owned(), why.to_owned()]
    };
    table(["limit", "value", "of", "because"], Limit::ALL.map(row))
}

fn markers() -> String {
    let names = Settings::default().markers("").into_keys();
    names.map(|name| format!("`${{{name}}}`")).collect::<Vec<_>>().join(", ")
}

/// A name that is none is answered with all that there are.
fn audit_rules() -> String {
    let refused = serde_json::from_str::<Rule>("\"\"").unwrap_err().to_string();
    let (_, names) = refused.split_once("expected one of ").unwrap();
    names.split(" at line").next().unwrap_or_default().to_owned()
}

// --- variables ------------------------------------------------------------------------------------------------

/// Variables of the system's, which are not ours to explain.
const OF_THE_SYSTEM: [&str; 4] = ["HOME", "PATH", "TERM", "SUDO_UID"];

#[test]
fn every_variable_that_is_read_stands_in_the_reference() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)).unwrap();
    let read = variables();
    // What is found is found by its spelling: a few that are known show that the spelling still fits.
    for known in ["NAMESPACE", "BB_STATE", "BB_SAFE_PROJECTS", "DOCKER_CONTEXT"] {
        assert!(read.contains(known), "{known} is not among {read:?}");
    }
    let missing = read.iter().filter(|name| !OF_THE_SYSTEM.contains(&name.as_str()));
    let missing = missing.filter(|name| !text.contains(&format!("`{name}`"))).collect::<Vec<_>>();
    assert!(missing.is_empty(), "{FILE} does not tell of {missing:?}");
}

/// The names that the sources look up in the environment, where they say so in one of the usual ways.
fn variables() -> BTreeSet<String> {
    let spelled = Regex::new(
        r#"(?:env\.get|\bget|var|var_os)\("([A-Z][A-Z_]+)"\)|\(env, "([A-Z_]+)"\)|env = "([A-Z_]+)"|^const [A-Z_]+: &str = "((?:BB|DOCKER)_[A-Z_]+)";"#,
    );
    let spelled = spelled.unwrap();
    let mut found = BTreeSet::new();
    for file in sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        let hits = text.lines().flat_map(|line| spelled.captures_iter(line).collect::<Vec<_>>());
        let names =
            hits.map(|hit| hit.iter().skip(1).flatten().next().unwrap().as_str().to_owned());
        found.extend(names);
    }
    found
}

/// The program's own files, without tests.
fn sources() -> Vec<PathBuf> {
    let walked = walkdir::WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let files = walked.into_iter().map(|entry| entry.unwrap().into_path());
    let of_tests = ["tests.rs", "reference.rs"];
    let is_source = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.extension().is_some_and(|kind| kind == "rs")
            && !of_tests.contains(&name)
            && !path.components().any(|c| c.as_os_str() == "tests")
    };
    files.filter(is_source).collect()
}
