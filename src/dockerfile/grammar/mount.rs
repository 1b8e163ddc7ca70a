//! `RUN --mount`: the keys of a mount, and what their values may be.
//!
//! Knows no variables: who does expands the values between the two halves, [`fields`] and [`read`]. What BuildKit
//! passes over (a key given twice, one that is of no use to its type) is told as a mistake.
//! Source: `commands_runmount.go` in BuildKit's `instructions`.

use std::ops::Range;

use super::{Fault, Result};
use crate::dockerfile::scan::{Flag, Instruction, Word};

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Bind,
    Cache,
    Tmpfs,
    Secret,
}

/// Who may use a cache at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    /// Everybody.
    #[default]
    Shared,
    /// Whoever comes second gets another one.
    Private,
    /// Whoever comes second waits.
    Locked,
}

/// What a key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Type,
    From,
    Source,
    Target,
    ReadOnly,
    ReadWrite,
    Required,
    Size,
    Id,
    Sharing,
    Mode,
    Uid,
    Gid,
    Env,
}

const KEYS: [(&str, Key); 19] = [
    ("type", Key::Type),
    ("from", Key::From),
    ("source", Key::Source),
    ("src", Key::Source),
    ("target", Key::Target),
    ("dst", Key::Target),
    ("destination", Key::Target),
    ("readonly", Key::ReadOnly),
    ("ro", Key::ReadOnly),
    ("readwrite", Key::ReadWrite),
    ("rw", Key::ReadWrite),
    ("required", Key::Required),
    ("size", Key::Size),
    ("id", Key::Id),
    ("sharing", Key::Sharing),
    ("mode", Key::Mode),
    ("uid", Key::Uid),
    ("gid", Key::Gid),
    ("env", Key::Env),
];

const TYPES: [(&str, Type); 4] = [
    ("bind", Type::Bind),
    ("cache", Type::Cache),
    ("tmpfs", Type::Tmpfs),
    ("secret", Type::Secret),
];

const SHARINGS: [(&str, Sharing); 3] =
    [("shared", Sharing::Shared), ("private", Sharing::Private), ("locked", Sharing::Locked)];

impl Type {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        TYPES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Has it this key?
    fn has(self, key: Key) -> bool {
        match key {
            Key::Type | Key::Target | Key::ReadOnly | Key::ReadWrite => true,
            Key::From => matches!(self, Self::Bind | Self::Cache),
            Key::Source => self != Self::Tmpfs,
            Key::Id | Key::Mode | Key::Uid | Key::Gid => {
                matches!(self, Self::Cache | Self::Secret)
            }
            Key::Sharing => self == Self::Cache,
            Key::Size => self == Self::Tmpfs,
            Key::Required | Key::Env => self == Self::Secret,
        }
    }
}

/// One `key=value`.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub key: Key,
    /// The key as it is written.
    pub name: String,
    /// As it is written; none where there is no `=`.
    pub value: Option<Word>,
    /// All of it.
    range: Range<usize>,
}

impl Field {
    /// Does BuildKit replace variables in its value?
    pub(crate) fn expands(&self) -> bool {
        self.key != Key::From
    }
}

/// A value as it is written and with its variables replaced, as far as they are known.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub word: Word,
    pub text: Option<String>,
}

/// A mount.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    pub kind: Type,
    pub from: Option<Value>,
    pub source: Option<Value>,
    pub target: Option<Value>,
    pub id: Option<Value>,
    pub env: Option<Value>,
    pub writable: bool,
    pub required: bool,
    pub sharing: Sharing,
    pub size: Option<u64>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

/// Where every box has what is its own.
const OWN: [&str; 6] = ["dev", "etc/hostname", "etc/hosts", "etc/resolv.conf", "proc", "sys"];

/// May something be mounted there? `path` is counted from the root, without links, `.` and `..`.
pub(crate) fn is_free(path: &[u8]) -> bool {
    let is_own = |own: &&str| {
        let rest = path.strip_prefix(own.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    !path.is_empty() && !OWN.iter().any(is_own)
}

/// The fields of a flag: comma-separated, one with a comma in it between quotes.
pub(crate) fn fields(at: &Instruction, flag: &Flag) -> Result<Vec<Field>> {
    let mut fields = Vec::<Field>::new();
    for (text, range) in separated(at, &flag.value)? {
        let field = field(at, &text, place(&flag.value, &range))?;
        if fields.iter().any(|before| before.key == field.key) {
            let message = format!("`{}` is given a second time", field.name);
            return Err(Fault::new(at, message, &field.range));
        }
        fields.push(field);
    }
    Ok(fields)
}

/// The place of a part of a value. Of a letter that is no ASCII, Docker makes two, and nobody knows where they are.
fn place(value: &Word, part: &Range<usize>) -> Range<usize> {
    if value.text.is_ascii() { value.part(part) } else { value.range.clone() }
}

/// What is between the commas, as Go's `encoding/csv` reads it.
fn separated(at: &Instruction, value: &Word) -> Result<Vec<(String, Range<usize>)>> {
    let (text, mut start) = (value.text.as_str(), 0);
    let mut found = vec![];
    loop {
        let rest = &text[start..];
        let (field, end) = match rest.strip_prefix('"') {
            Some(_) => quoted(rest),
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                Some((rest[..end].to_owned(), end)).filter(|(field, _)| !field.contains('"'))
            }
        }
        .ok_or_else(|| {
            let range = place(value, &(start..text.len()));
            Fault::new(at, "a `\"` has no other", &range)
                .hint("a field with a comma in it is all in quotes: `\\\"source=a,b\\\"`")
        })?;
        found.push((field, start..start + end));
        start += end + 1;
        if start > text.len() {
            return Ok(found);
        }
    }
}

/// A field in quotes, in which `""` stands for one, and where it ends.
fn quoted(text: &str) -> Option<(String, usize)> {
    let (mut field, mut at) = (String::new(), 1);
    loop {
        let end = at + text.get(at..)?.find('"')?;
        field.push_str(&text[at..end]);
        at = end + 1;
        match text[at..].chars().next() {
            None | Some(',') => return Some((field, at)),
            Some('"') => field.push('"'),
            Some(_) => return None,
        }
        at += 1;
    }
}

fn field(at: &Instruction, text: &str, range: Range<usize>) -> Result<Field> {
    let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
    let lower = name.to_lowercase();
    let Some((_, key)) = KEYS.iter().find(|(known, _)| *known == lower) else {
        let is_exact = range.len() == text.len();
        let end = if is_exact { range.start + name.len() } else { range.end };
        let name_range = range.start..end;
        let message = format!("a mount has no key `{}`", name.escape_debug());
        let hint = nearest(&lower, &KEYS.map(|(name, _)| name), "it has ");
        return Err(Fault::new(at, message, &name_range).hint(hint));
    };
    let alone = [Key::ReadOnly, Key::ReadWrite, Key::Required].contains(key);
    if value.is_none() && !alone {
        let fault = Fault::new(at, format!("`{lower}` needs a value"), &range);
        return Err(fault.hint(format!("`{lower}=VALUE`")));
    }
    let word = |value: &str| {
        let is_exact = range.len() == text.len();
        let start = if is_exact { range.end - value.len() } else { range.start };
        Word { text: value.to_owned(), range: start..range.end }
    };
    Ok(Field { key: *key, name: lower, value: value.map(word), range })
}

/// The name that may have been meant, or all of them.
fn nearest(name: &str, known: &[&str], all: &str) -> String {
    let near = |known: &&str| strsim::jaro_winkler(known, name);
    let best = known.iter().copied().max_by(|a, b| near(a).total_cmp(&near(b)));
    match best.filter(|best| near(best) > 0.8) {
        Some(best) => format!("did you mean `{best}`?"),
        None => {
            let names = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
            format!("{all}{}", names.join(", "))
        }
    }
}

/// The mount that fields come to. With each goes its value with variables replaced; nothing where one is not known.
pub(crate) fn read(
    at: &Instruction,
    flag: &Flag,
    fields: Vec<(Field, Option<String>)>,
) -> Result<Mount> {
    let kind = kind(at, &fields)?;
    let mut mount = Mount::new(kind);
    for (field, text) in fields {
        if !kind.has(field.key) {
            let message = format!("a mount of type `{}` has no `{}`", kind.name(), field.name);
            return Err(Fault::new(at, message, &field.range));
        }
        mount.set(at, field, text)?;
    }
    mount.complete(at, flag)?;
    Ok(mount)
}

fn kind(at: &Instruction, fields: &[(Field, Option<String>)]) -> Result<Type> {
    let Some((field, text)) = fields.iter().find(|(field, _)| field.key == Key::Type) else {
        return Ok(Type::Bind);
    };
    let fault = |message: String| Fault::new(at, message, &field.range);
    let Some(text) = text else {
        let fault = fault("the type of this mount is known to the image below only".to_owned());
        return Err(fault.hint("write it, or give its variable a value in this Dockerfile"));
    };
    let lower = text.to_lowercase();
    if lower == "ssh" {
        let fault = fault("mounts of type `ssh` are not supported".to_owned());
        return Err(fault.hint("a key can be had as a `secret`, where there is a network at all"));
    }
    TYPES.iter().find(|(name, _)| *name == lower).map(|(_, kind)| *kind).ok_or_else(|| {
        let hint = nearest(&lower, &TYPES.map(|(name, _)| name), "there are ");
        fault(format!("`{text}` is no type of a mount")).hint(hint)
    })
}

impl Mount {
    /// One of which nothing else is said.
    pub(crate) fn new(kind: Type) -> Self {
        Self {
            kind,
            from: None,
            source: None,
            target: None,
            id: None,
            env: None,
            writable: matches!(kind, Type::Cache | Type::Tmpfs),
            required: false,
            sharing: Sharing::Shared,
            size: None,
            mode: None,
            uid: None,
            gid: None,
        }
    }

    fn set(&mut self, at: &Instruction, field: Field, text: Option<String>) -> Result<()> {
        let number = |radix| number(at, &field, text.as_deref(), radix);
        match field.key {
            Key::Type => {}
            Key::ReadOnly => self.writable = !switch(at, &field, text.as_deref())?,
            Key::ReadWrite => self.writable = switch(at, &field, text.as_deref())?,
            Key::Required => self.required = switch(at, &field, text.as_deref())?,
            Key::Size => self.size = size(at, &field, text.as_deref())?,
            Key::Sharing => self.sharing = sharing(at, &field, text.as_deref())?,
            Key::Mode => self.mode = number(8)?,
            Key::Uid => self.uid = number(10)?,
            Key::Gid => self.gid = number(10)?,
            Key::From | Key::Source | Key::Target | Key::Id | Key::Env => {
                let key = field.key;
                let value = field.value.map(|word| Value { word, text });
                // What is empty is not there.
                let value = value.filter(|value| value.text.as_deref() != Some(""));
                match key {
                    Key::From => self.from = value,
                    Key::Source => self.source = value,
                    Key::Target => self.target = value,
                    Key::Id => self.id = value,
                    _ => self.env = value,
                }
            }
        }
        Ok(())
    }

    /// Which secret it shows: as it says, else by the last part of its target; nothing where that is not known yet.
    pub(crate) fn secret(&self) -> Option<String> {
        let named = self.id.as_ref().or(self.source.as_ref()).or(self.target.as_ref());
        let text = named?.text.as_deref()?;
        let of_target = self.id.is_none() && self.source.is_none();
        Some(if of_target { last(text) } else { text }.to_owned())
    }

    /// Whether all is there that its type needs.
    fn complete(&self, at: &Instruction, flag: &Flag) -> Result<()> {
        let fault = |message: &str| Fault::new(at, message, &flag.range);
        let name = self.kind.name();
        match self.kind {
            Type::Secret if self.source.is_some() && self.id.is_some() => {
                Err(fault("`source` of a secret is another word for `id`").hint("give one of them"))
            }
            Type::Secret if self.source.is_none() && self.id.is_none() && self.target.is_none() => {
                Err(fault("which secret is not said").hint("`id=NAME`"))
            }
            Type::Cache if self.from.is_some() || self.source.is_some() => {
                let fault = fault("a cache that does not begin empty is not supported");
                Err(fault.hint("mount the files beside it, and copy what is missing"))
            }
            Type::Secret => Ok(()),
            _ if self.target.is_none() => {
                Err(fault(&format!("a mount of type `{name}` needs a target"))
                    .hint("`target=PATH`"))
            }
            _ => Ok(()),
        }
    }
}

/// The last part of a path.
pub(crate) fn last(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// As Go's `strconv.ParseBool`; alone, it is true. What is not known is looked at later.
fn switch(at: &Instruction, field: &Field, text: Option<&str>) -> Result<bool> {
    match text {
        None | Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
        Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
        Some(_) => {
            let message = format!("`{}` is `true` or `false`", field.name);
            Err(Fault::new(at, message, &field.range))
        }
    }
}

fn number(at: &Instruction, field: &Field, text: Option<&str>, radix: u32) -> Result<Option<u32>> {
    let Some(text) = text else { return Ok(None) };
    let plain = !text.starts_with('+');
    let number = u32::from_str_radix(text, radix).ok().filter(|_| plain);
    let fits = |number: &u32| field.key != Key::Mode || *number <= 0o7777;
    number.filter(fits).map(Some).ok_or_else(|| {
        let fault = Fault::new(at, format!("`{text}` cannot be a `{}`", field.name), &field.range);
        fault.hint(if radix == 8 { "an octal number: `0755`" } else { "a number" })
    })
}

fn sharing(at: &Instruction, field: &Field, text: Option<&str>) -> Result<Sharing> {
    let Some(text) = text else { return Ok(Sharing::Shared) };
    let lower = text.to_lowercase();
    SHARINGS.iter().find(|(name, _)| *name == lower).map(|(_, sharing)| *sharing).ok_or_else(|| {
        let hint = nearest(&lower, &SHARINGS.map(|(name, _)| name), "there are ");
        Fault::new(at, format!("`{text}` is no way to share a cache"), &field.range).hint(hint)
    })
}

/// Bytes, as `units.RAMInBytes` of <https://github.com/docker/go-units> reads them: `64m`, `1.5GiB`.
fn size(at: &Instruction, field: &Field, text: Option<&str>) -> Result<Option<u64>> {
    let Some(text) = text else { return Ok(None) };
    bytes(text).map(Some).ok_or_else(|| {
        let fault = Fault::new(at, format!("`{text}` is no size"), &field.range);
        fault.hint("bytes, or a number with `k`, `m`, `g`")
    })
}

fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..end].parse::<f64>().ok()?;
    let unit = text[end..].strip_prefix(' ').unwrap_or(&text[end..]).to_lowercase();
    let unit = unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit);
    let power = ["", "k", "m", "g", "t", "p"].iter().position(|known| *known == unit)?;
    let factor = 1024_f64.powi(i32::try_from(power).ok()?);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut, as Go does")]
    let bytes = (number * factor) as u64;
    Some(bytes)
}

#[cfg(test)]
mod tests;
