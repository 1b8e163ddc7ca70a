//! `bb config`: the effective settings, and where each is from.

use crate::cli::call::Call;
use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{ArgMatches, ColorChoice, CommandFactory};
use serde_json::json;

use crate::base::error::{Error, Result};
use crate::base::words::suggestion;
use crate::cli::args::complete;
use crate::cli::io::output::print_json;
use crate::cli::{Cli, entered, print};
use crate::config::{Setting, Source, Value};
use crate::engine::address::{Address, addresses};
use crate::engine::choice::{BB_ENGINE, Choice, choice};
use crate::report::table;

/// Show the effective settings, and where each is from.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Of this setting the value alone, a line for each piece of a list
    #[arg(value_name = "NAME", add = complete::settings())]
    name: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
A setting is from an option, a variable, a line of bb.toml, or it is the default; the first of these that is \
there wins. Passwords in addresses are not shown.

Examples:
  bb config
  bb config namespace    # the value alone, for scripts
  bb config --json";

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let env = project.environment();
    let mut settings = project.settings.effective();
    if let Some(setting) = settings.iter_mut().find(|setting| setting.name == "engine") {
        let (value, source) = engine(env);
        setting.value = value;
        if setting.source == Source::Default {
            setting.source = source;
        }
    }
    settings.extend([
        setting("state", Value::text(&call.state.display().to_string()), state_source()),
        of_colour(call.color, env.get("NO_COLOR").is_some_and(|v| !v.is_empty())),
    ]);
    let Some(name) = &args.name else {
        if args.json {
            print_json(&settings.iter().map(as_json).collect::<Vec<_>>())?;
        } else {
            print(&text(&settings));
        }
        return Ok(0);
    };
    let found = settings.iter().find(|setting| setting.name == *name).ok_or_else(|| {
        let names = settings.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        Error::usage(format!("unknown setting `{}`", name.escape_debug())).hint(near(name, &names))
    })?;
    if args.json {
        print_json(&as_json(found))?;
    } else {
        print(&found.value.lines().into_iter().map(|line| line + "\n").collect::<String>());
    }
    Ok(0)
}

/// Where an engine is looked for; nothing where docker's context cannot be used.
fn engine(env: &BTreeMap<String, String>) -> (Value, Source) {
    if let Ok(Choice::Native { folder, named }) = choice(env) {
        let value = format!("native, in {}", folder.display());
        let source = if named { Source::Variable(BB_ENGINE) } else { Source::Default };
        return (Value::text(&value), source);
    }
    if let Ok(Choice::Guest) = choice(env) {
        let named = env.get(BB_ENGINE).is_some_and(|name| name == "guest");
        let source = if named { Source::Variable(BB_ENGINE) } else { Source::Default };
        return (Value::text("guest, this container"), source);
    }
    match addresses(env) {
        Ok((addresses, source)) => {
            (Value::List(addresses.iter().map(Address::shown).collect()), source)
        }
        Err(_) => (Value::Unset, Source::Context),
    }
}

fn setting(name: &str, value: Value, source: Source) -> Setting {
    Setting { name: name.to_owned(), value, source }
}

/// The option wins over the variable: who of them has spoken only the command line's parser knows.
fn state_source() -> Source {
    let of = |matches: &ArgMatches| matches.value_source("state");
    match Cli::command().try_get_matches().ok().as_ref().and_then(of) {
        Some(ValueSource::CommandLine) => Source::Option("--state"),
        Some(ValueSource::EnvVariable) => Source::Variable("BB_STATE"),
        _ => Source::Default,
    }
}

fn of_colour(color: ColorChoice, no_color: bool) -> Setting {
    let (text, source) = match (color, no_color) {
        (ColorChoice::Always, _) => ("always", Source::Option("--color")),
        (ColorChoice::Never, _) => ("never", Source::Option("--color")),
        (ColorChoice::Auto, true) => ("never", Source::Variable("NO_COLOR")),
        (ColorChoice::Auto, false) => ("auto", Source::Default),
    };
    setting("color", Value::text(text), source)
}

/// A name without its table, or with another one, is near too.
fn near(name: &str, names: &[String]) -> String {
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let same = names.iter().find(|known| last(known).eq_ignore_ascii_case(&last(name)));
    match same {
        Some(known) => format!("did you mean `{known}`?"),
        None => match suggestion(name, names) {
            near if near.starts_with("did you mean") => near,
            _ => "`bb config` lists what there is".to_owned(),
        },
    }
}

/// The value comes last, because it may be long; each piece of a list has a line.
fn text(settings: &[Setting]) -> String {
    let mut rows = vec![["NAME", "FROM", "VALUE"].map(str::to_owned)];
    for Setting { name, value, source } in settings {
        let mut lines = value.lines().into_iter().map(|line| one_line(&line));
        let first = lines.next().unwrap_or_default();
        rows.push([name.clone(), source.to_string(), first]);
        rows.extend(lines.map(|line| [String::new(), String::new(), line]));
    }
    table::columns(&rows)
}

/// Nothing of it moves the terminal's cursor.
fn one_line(text: &str) -> String {
    let escaped = |c: char| {
        if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }
    };
    text.chars().map(escaped).collect()
}

fn as_json(Setting { name, value, source }: &Setting) -> serde_json::Value {
    let value = match value {
        Value::Unset => json!(null),
        Value::Text(text) => json!(text),
        Value::List(all) => json!(all),
        Value::Number(number) => json!(number),
        Value::Flag(flag) => json!(flag),
    };
    json!({ "name": name, "value": value, "from": source.to_string() })
}
