//! Instructions that only say how a container runs: `ENV`, `LABEL`, `CMD` and the like.
//!
//! Knows no file system. How each is written is `dockerfile::grammar`'s business.

use super::Left;
use super::config::{Config, Healthcheck};
use super::variables::{Variables, refused};
use crate::dockerfile::grammar;
use crate::dockerfile::grammar::{healthcheck, values};
use crate::dockerfile::scan::Instruction;

/// What such an instruction may change.
pub(super) struct Target<'a> {
    pub config: &'a mut Config,
    pub author: &'a mut String,
    /// Has this stage a `CMD`? If not, an `ENTRYPOINT` takes the parent's away.
    pub has_cmd: &'a mut bool,
}

/// Applies one instruction; `variables` are those before it.
pub(super) fn apply(
    at: &Instruction,
    target: Target<'_>,
    variables: Variables<'_>,
) -> Result<(), Left> {
    let config = target.config;
    match at.name.as_str() {
        "env" => {
            for (name, value) in variables.pairs(at)? {
                if name.is_empty() {
                    return Err(Left::refused("an `ENV` sets a variable without a name"));
                }
                config.set_variable(&name, &value);
            }
        }
        "label" => config.labels.extend(variables.pairs(at)?),
        "expose" => config.exposed_ports.extend(ports(at, variables)?),
        "volume" => config.volumes.extend(volumes(at, variables)?),
        "user" => config.user = variables.expand(at.rest())?,
        "stopsignal" => config.stop_signal = signal(variables.expand(at.rest())?)?,
        "maintainer" => at.rest().clone_into(target.author),
        "shell" => config.shell = grammar::shell(at).map_err(refused)?,
        "healthcheck" => {
            let new = healthcheck::parse(at).map_err(refused)?;
            config.healthcheck = Some(over(new, config.healthcheck.as_ref()));
        }
        "onbuild" => config.on_build.push(trigger(at)),
        "cmd" => {
            let (words, empty) = command(at, &config.shell)?;
            config.cmd = Some(words);
            *target.has_cmd |= !empty;
        }
        "entrypoint" => {
            let (words, empty) = command(at, &config.shell)?;
            config.entrypoint = Some(words).filter(|_| !empty);
            if !*target.has_cmd {
                config.cmd = None;
            }
        }
        _ => return Err(Left::new(format!("it has a `{}`", at.name.to_uppercase()))),
    }
    Ok(())
}

/// May an instruction have these flags only?
pub(super) fn only_flags(at: &Instruction, known: &[&str]) -> Result<(), Left> {
    match at.flags.iter().find(|flag| !known.contains(&flag.name.as_str())) {
        Some(flag) => {
            let name = at.name.to_uppercase();
            Err(Left::new(format!("it has a `{name}` with `--{}`", flag.name)))
        }
        None => Ok(()),
    }
}

/// The JSON form as it is, the other one for the shell; and whether nothing was given.
fn command(at: &Instruction, shell: &[String]) -> Result<(Vec<String>, bool), Left> {
    if let Some(words) = grammar::json(at).map_err(refused)? {
        let empty = words.is_empty();
        return Ok((words.into_iter().map(|word| word.text).collect(), empty));
    }
    Ok((in_shell(shell, at.rest()), at.rest().is_empty()))
}

/// A command for the shell of an image, which may be Docker's own.
fn in_shell(shell: &[String], text: &str) -> Vec<String> {
    let default = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
    let mut words = if shell.is_empty() { default() } else { shell.to_vec() };
    words.extend(Some(text).filter(|text| !text.is_empty()).map(str::to_owned));
    words
}

/// The ports of an `EXPOSE`, as `80/tcp`; one variable may hold several.
fn ports(at: &Instruction, variables: Variables<'_>) -> Result<Vec<String>, Left> {
    let mut ports = vec![];
    for word in at.words() {
        for port in variables.expand_words(&word.text)? {
            let wrong = || Left::refused(format!("`{port}` is no port"));
            ports.extend(values::ports(&port).ok_or_else(wrong)?);
        }
    }
    Ok(ports)
}

fn volumes(at: &Instruction, variables: Variables<'_>) -> Result<Vec<String>, Left> {
    let mut volumes = vec![];
    for word in grammar::volumes(at).map_err(refused)? {
        let path = variables.expand(&word.text)?;
        if path.is_empty() {
            return Err(Left::refused("a `VOLUME` comes to nothing"));
        }
        volumes.push(path);
    }
    Ok(volumes)
}

fn signal(text: String) -> Result<String, Left> {
    if values::is_signal(&text) {
        Ok(text)
    } else {
        Err(Left::refused(format!("`{text}` is no signal")))
    }
}

/// What one `HEALTHCHECK` does not say stays as the one before it said.
fn over(new: healthcheck::Healthcheck, old: Option<&Healthcheck>) -> Healthcheck {
    let none = Healthcheck::default();
    let old = old.unwrap_or(&none);
    let either = |new: u64, old: u64| if new == 0 { old } else { new };
    Healthcheck {
        interval: either(new.interval, old.interval),
        timeout: either(new.timeout, old.timeout),
        start_period: either(new.start_period, old.start_period),
        start_interval: either(new.start_interval, old.start_interval),
        retries: either(new.retries, old.retries),
        test: new.test,
    }
}

/// A trigger as it is written, with the heredocs after it.
fn trigger(at: &Instruction) -> String {
    let mut text = at.untrimmed().to_owned();
    for heredoc in &at.heredocs {
        text = format!("{text}\n{}{}", heredoc.text, heredoc.name);
    }
    text
}
