//! Which flags each instruction has.
//!
//! Does not know what a flag does.
//! Source: `bflag.go` and the `Add…` calls in BuildKit's `parse.go`.

use super::{Fault, Result, mount, upper};
use crate::dockerfile::scan::{Flag, Instruction};

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text,
    /// The same more than once.
    Texts,
    /// Nothing, `true` or `false`.
    Bool,
}

use Takes::{Bool, Text, Texts};

const FROM: &[(&str, Takes)] = &[("platform", Text)];
const COPY: &[(&str, Takes)] = &[
    ("from", Text),
    ("chown", Text),
    ("chmod", Text),
    ("link", Bool),
    ("parents", Bool),
    ("exclude", Texts),
];
const ADD: &[(&str, Takes)] = &[
    ("chown", Text),
    ("chmod", Text),
    ("link", Bool),
    ("checksum", Text),
    ("keep-git-dir", Bool),
    ("unpack", Bool),
    ("exclude", Texts),
];
const RUN: &[(&str, Takes)] = &[("mount", Texts), ("network", Text), ("security", Text)];
const HEALTHCHECK: &[(&str, Takes)] = &[
    ("interval", Text),
    ("timeout", Text),
    ("start-period", Text),
    ("start-interval", Text),
    ("retries", Text),
];

/// Looks for flags that an instruction does not have, or not so.
pub(super) fn check(at: &Instruction) -> Result<()> {
    let known = match at.name.as_str() {
        "from" => FROM,
        "copy" => COPY,
        "add" => ADD,
        "run" => RUN,
        // Docker looks at the flags of neither.
        "arg" | "stopsignal" => return Ok(()),
        "healthcheck" if at.rest().eq_ignore_ascii_case("none") => return Ok(()),
        "healthcheck" => HEALTHCHECK,
        _ => &[],
    };
    for (number, flag) in at.flags.iter().enumerate() {
        let Some((_, takes)) = known.iter().find(|(name, _)| *name == flag.name) else {
            return Err(unknown(at, flag, known));
        };
        let again = at.flags[..number].iter().any(|before| before.name == flag.name);
        if again && *takes != Texts {
            let message = format!("`--{}` is given a second time", flag.name);
            return Err(Fault::new(at, message, &flag.range));
        }
        value(at, flag, *takes)?;
    }
    if at.name == "run" { run(at) } else { Ok(()) }
}

fn unknown(at: &Instruction, flag: &Flag, known: &[(&str, Takes)]) -> Fault {
    let name = upper(at);
    let fault = Fault::new(at, format!("`{name}` has no flag `--{}`", flag.name), &flag.range);
    match known {
        [] => fault.hint(format!("`{name}` has no flags; what begins with `--` is taken for one")),
        _ => {
            let names = known.iter().map(|(name, _)| format!("`--{name}`")).collect::<Vec<_>>();
            fault.hint(format!("it has {}", names.join(", ")))
        }
    }
}

fn value(at: &Instruction, flag: &Flag, takes: Takes) -> Result<()> {
    let name = &flag.name;
    let text = flag.value.text.to_lowercase();
    match takes {
        Text | Texts if !flag.given => {
            let fault = Fault::new(at, format!("`--{name}` needs a value"), &flag.range);
            Err(fault.hint(format!("`--{name}=VALUE`")))
        }
        Bool if flag.given && text != "true" && text != "false" => {
            let message = format!("`--{name}` is `true` or `false`");
            Err(Fault::new(at, message, &flag.range))
        }
        _ => Ok(()),
    }
}

/// What is in the flags of a `RUN`, and those that exist and that nobody here knows what to do with.
fn run(at: &Instruction) -> Result<()> {
    for flag in &at.flags {
        match (flag.name.as_str(), flag.value.text.as_str()) {
            ("mount", _) => mount::fields(at, flag).map(drop)?,
            ("network", "none" | "default") => {}
            ("network", other) => {
                let message = format!("`--network={other}` is not supported");
                let hint = "`none`, or `default`: what `[run] network` in `dock.toml` says";
                return Err(Fault::new(at, message, &flag.range).hint(hint));
            }
            (name, _) => {
                let message = format!("`RUN --{name}` is not supported");
                let hint = "a command has what containers of Docker may do, and no more";
                return Err(Fault::new(at, message, &flag.range).hint(hint));
            }
        }
    }
    Ok(())
}
