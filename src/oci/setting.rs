//! Instructions that only say how a container runs: `ENV`, `LABEL`, `CMD` and the like.
//!
//! Knows no file system. What Docker would refuse is left to Docker to refuse.

use super::Left;
use super::config::{Config, Healthcheck};
use super::variables::Variables;
use crate::dock::scan::Instruction;

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
    let one = || non_empty(variables.expand(at.rest())?, at);
    match at.name.as_str() {
        "env" => {
            for (name, value) in variables.pairs(at)? {
                config.set_variable(&name, &value);
            }
        }
        "label" => config.labels.extend(variables.pairs(at)?),
        "expose" => config.exposed_ports.extend(ports(at, variables)?),
        "volume" => config.volumes.extend(volumes(at, variables)?),
        "user" => config.user = one()?,
        "stopsignal" => config.stop_signal = signal(one()?)?,
        "maintainer" => *target.author = non_empty(at.rest().to_owned(), at)?,
        "shell" => config.shell = strings(at).filter(|s| !s.is_empty()).ok_or_else(|| bad(at))?,
        "healthcheck" => {
            config.healthcheck = Some(over(healthcheck(at)?, config.healthcheck.as_ref()));
        }
        "onbuild" => config.on_build.push(trigger(at)?),
        "cmd" => {
            config.cmd = Some(command(at, &config.shell));
            *target.has_cmd = true;
        }
        "entrypoint" => {
            config.entrypoint = Some(command(at, &config.shell)).filter(|words| !words.is_empty());
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

fn bad(at: &Instruction) -> Left {
    Left::new(format!("`{} {}` is not understood", at.name.to_uppercase(), at.rest()))
}

fn non_empty(text: String, at: &Instruction) -> Result<String, Left> {
    if text.is_empty() { Err(bad(at)) } else { Ok(text) }
}

fn strings(at: &Instruction) -> Option<Vec<String>> {
    Some(at.json()?.into_iter().map(|word| word.text).collect())
}

/// The JSON form as it is; the other one for the shell.
fn command(at: &Instruction, shell: &[String]) -> Vec<String> {
    let default = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
    strings(at).unwrap_or_else(|| {
        let mut words = if shell.is_empty() { default() } else { shell.to_vec() };
        words.extend(Some(at.rest()).filter(|text| !text.is_empty()).map(str::to_owned));
        words
    })
}

/// `PORT`, `FIRST-LAST`, both with `/tcp`, `/udp` or `/sctp`; one variable may hold several.
fn ports(at: &Instruction, variables: Variables<'_>) -> Result<Vec<String>, Left> {
    let mut ports = vec![];
    for word in at.words() {
        for port in variables.expand(&word.text)?.split_whitespace() {
            let (range, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse::<u16>().map_err(|_| bad(at));
            let known = ["tcp", "udp", "sctp"].contains(&protocol);
            let (first, last) = (number(first)?, number(last)?);
            if !known || first > last {
                return Err(bad(at));
            }
            ports.extend((first..=last).map(|n| format!("{n}/{protocol}")));
        }
    }
    if ports.is_empty() { Err(bad(at)) } else { Ok(ports) }
}

fn volumes(at: &Instruction, variables: Variables<'_>) -> Result<Vec<String>, Left> {
    let words = at.json().unwrap_or_else(|| at.words());
    let mut volumes = vec![];
    for word in words {
        let path = variables.expand(&word.text)?.trim().to_owned();
        volumes.push(non_empty(path, at)?);
    }
    if volumes.is_empty() { Err(bad(at)) } else { Ok(volumes) }
}

/// Names that every Linux has.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

fn signal(text: String) -> Result<String, Left> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = text.parse().is_ok_and(|number: u8| (1..=64).contains(&number));
    if number || SIGNALS.contains(&name) || name.starts_with("RTM") {
        return Ok(text);
    }
    Err(Left::new(format!("`{text}` is not a signal that is known here")))
}

fn healthcheck(at: &Instruction) -> Result<Healthcheck, Left> {
    only_flags(at, &["interval", "timeout", "start-period", "retries"])?;
    let (kind, rest) = at.rest().split_once(char::is_whitespace).unwrap_or((at.rest(), ""));
    let mut check = Healthcheck::default();
    match kind.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() && at.flags.is_empty() => check.test = vec!["NONE".to_owned()],
        "CMD" if !rest.trim().is_empty() => {
            let rest = rest.trim();
            let json = serde_json::from_str::<Vec<String>>(rest).ok();
            check.test = match json.filter(|_| rest.starts_with('[')) {
                Some(words) if words.is_empty() => return Err(bad(at)),
                Some(words) => [vec!["CMD".to_owned()], words].concat(),
                None => vec!["CMD-SHELL".to_owned(), rest.to_owned()],
            };
        }
        _ => return Err(bad(at)),
    }
    for flag in &at.flags {
        let value = flag.value.text.as_str();
        let time = || duration(value).filter(|t| *t == 0 || *t >= 1_000_000).ok_or_else(|| bad(at));
        match flag.name.as_str() {
            "interval" => check.interval = time()?,
            "timeout" => check.timeout = time()?,
            "start-period" => check.start_period = time()?,
            _ => check.retries = value.parse().map_err(|_| bad(at))?,
        }
    }
    Ok(check)
}

/// What one `HEALTHCHECK` does not say stays as the one before it said.
fn over(new: Healthcheck, old: Option<&Healthcheck>) -> Healthcheck {
    let Some(old) = old else { return new };
    let either = |new: u64, old: u64| if new == 0 { old } else { new };
    Healthcheck {
        interval: either(new.interval, old.interval),
        timeout: either(new.timeout, old.timeout),
        start_period: either(new.start_period, old.start_period),
        retries: either(new.retries, old.retries),
        test: new.test,
    }
}

/// Nanoseconds of a duration as Go writes it: `1m30s`, `500ms`, `0`. No fractions.
fn duration(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let unit = match &after[..unit_end] {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = &after[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

fn trigger(at: &Instruction) -> Result<String, Left> {
    let inner = at.inner().ok_or_else(|| bad(at))?;
    match inner.name.as_str() {
        "onbuild" | "from" | "maintainer" => Err(bad(at)),
        _ => Ok(at.rest().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_gos() {
        assert_eq!(duration("1m30s"), Some(90_000_000_000));
        assert_eq!(duration("500ms"), Some(500_000_000));
        assert_eq!(duration("0"), Some(0));
        for bad in ["", "5", "1.5s", "s", "1d", "-1s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
