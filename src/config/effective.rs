//! All settings by name, each with its value as it is shown and with its source.
//!
//! Does not know how it is shown. A password in an address is hidden here, so that nobody can forget it.

use std::path::Path;

use super::{Settings, Source};

/// What a setting is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Unset,
    /// Words, a name, a path.
    Text(String),
    /// Several, in order.
    List(Vec<String>),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

impl Value {
    /// Text, without secrets.
    pub fn text(text: &str) -> Self {
        Self::Text(without_secrets(text))
    }

    /// Texts, without secrets.
    pub fn list<T: AsRef<str>>(all: &[T]) -> Self {
        Self::List(all.iter().map(|text| without_secrets(text.as_ref())).collect())
    }

    fn path(path: &Path) -> Self {
        Self::Text(path.display().to_string())
    }

    /// A line for each piece of it.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Unset => vec![],
            Self::Text(text) => vec![text.clone()],
            Self::List(all) => all.clone(),
            Self::Number(number) => vec![number.to_string()],
            Self::Flag(flag) => vec![flag.to_string()],
        }
    }
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// As `bb.toml` has it, with its table: `trust.keyring`.
    pub name: String,
    /// What it is.
    pub value: Value,
    /// Where it is from.
    pub source: Source,
}

impl Settings {
    /// Every setting, in the order of the manual.
    pub fn effective(&self) -> Vec<Setting> {
        let paths = |all: &[std::path::PathBuf]| {
            Value::list(&all.iter().map(|path| path.display().to_string()).collect::<Vec<_>>())
        };
        let plain = [
            ("namespace", Value::text(&self.namespace)),
            ("tag", Value::text(&self.tag)),
            ("maintainer", Value::text(&self.maintainer)),
            ("docks", Value::path(&self.docks)),
            ("exclude", Value::list(&self.exclude)),
            ("mirrors", Value::list(&self.mirrors)),
            ("arch", Value::text(&self.arch)),
            ("flavour", Value::text(&self.flavour)),
            ("source_date_epoch", Value::Number(self.source_date_epoch)),
            ("caches", Value::text(&self.caches)),
            ("builder.processes", Value::Number(self.processes)),
            ("builder.memory", self.memory.map_or(Value::Unset, Value::Number)),
            ("made_by_make", paths(&self.made_by_make)),
            ("date", self.date.as_deref().map_or(Value::Unset, Value::text)),
            ("trust.keyring", Value::path(&self.keyring)),
            ("trust.fingerprints", Value::list(&self.fingerprints)),
            ("trust.key_urls", Value::list(&self.key_urls)),
            ("own_keys", self.own_keys.as_deref().map_or(Value::Unset, Value::path)),
            ("skip_verify", Value::Flag(self.skip_verify)),
        ];
        let plain = plain.into_iter().map(|(name, value)| (name.to_owned(), value));
        let named =
            |table: &str, name: &str, text: &str| (format!("{table}.{name}"), Value::text(text));
        let build = self.build.iter().map(|(name, text)| named("build", name, text));
        let labels = self.labels.iter().map(|(name, text)| named("labels", name, text));
        let tasks = self.tasks.iter().map(|task| named("task", &task.name.text, &task.run));
        let all = plain.chain(build).chain(labels).chain(tasks);
        all.map(|(name, value)| Setting { source: self.sources.of_setting(&name), name, value })
            .collect()
    }
}

/// The text with `***` for who asks in each address: `https://***@host/`.
///
/// ```
/// use gentoo_bb::config::without_secrets;
/// assert_eq!(without_secrets("curl https://me:secret@host/a@b"), "curl https://***@host/a@b");
/// ```
pub fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let word = rest.find(|c: char| c.is_whitespace() || c.is_control()).unwrap_or(rest.len());
    let (address, rest) = rest.split_at(word);
    // A name for the host has no `:` but before a number: a `/` in what stands there is of a password.
    let host = address.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = host.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    let until = if host.contains('@') || is_host { host.len() } else { address.len() };
    let hidden = match address.split_at(until) {
        (who, path) if who.contains('@') => {
            let host = who.rsplit_once('@').map_or("", |(_, host)| host);
            format!("***@{host}{path}")
        }
        _ => address.to_owned(),
    };
    format!("{scheme}://{}{}", hidden, without_secrets(rest))
}
