//! All settings by name, each with its value as it is shown and with its source.
//!
//! Does not know how it is shown. A password in an address is hidden here, so that nobody can forget it.

use std::path::Path;

use super::{Settings, Source};
use crate::base::limits::{Limit, Unit};
use crate::base::secret::without_secrets;

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
            ("distdir", self.distdir.as_deref().map_or(Value::Unset, Value::path)),
            ("arch", Value::text(&self.arch)),
            ("flavour", Value::text(&self.flavour)),
            ("source_date_epoch", Value::Number(self.source_date_epoch)),
            ("caches", Value::text(&self.caches)),
            ("builder.processes", Value::Number(self.processes)),
            ("builder.memory", self.memory.map_or(Value::Unset, Value::Number)),
            ("engine", Value::text(self.engine.as_str())),
            ("made_by_make", paths(&self.made_by_make)),
            ("net.least_rate", Value::Number(self.least_rate)),
            ("net.ca", self.authorities.as_deref().map_or(Value::Unset, Value::path)),
            ("registry.insecure", Value::list(&self.insecure_registries)),
            (
                "store.url",
                self.store.at.as_ref().map_or(Value::Unset, |at| Value::text(&at.to_string())),
            ),
            ("store.pull", Value::text(self.store.pull.as_str())),
            ("store.push", Value::text(self.store.push.as_str())),
            ("store.trust", paths(&self.store.trust)),
            ("store.key", self.store.key.as_deref().map_or(Value::Unset, Value::path)),
            ("launcher", Value::list(&self.launcher)),
            ("project.links", paths(&self.links)),
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
        let mirrors = self.registry_mirrors.iter();
        let mirrors =
            mirrors.map(|(name, all)| (format!("registry.mirrors.{name}"), Value::list(all)));
        let labels = self.labels.iter().map(|(name, text)| named("labels", name, text));
        let tasks = self.tasks.iter().map(|task| named("task", &task.name.text, &task.run));
        let secrets = self.secrets.iter();
        let secrets = secrets.map(|(name, from)| named("secrets", name, &from.to_string()));
        let limits = Limit::settable().map(|limit| self.limit(limit));
        let all = plain
            .chain(mirrors)
            .chain(limits)
            .chain(build)
            .chain(labels)
            .chain(secrets)
            .chain(tasks);
        all.map(|(name, value)| Setting { source: self.sources.of_setting(&name), name, value })
            .collect()
    }

    fn limit(&self, limit: Limit) -> (String, Value) {
        let (name, value) = (format!("limits.{}", limit.row().name), self.limits.of(limit));
        let as_text = limit.row().unit == Unit::Bytes;
        (name, if as_text { Value::Text(limit.shown(value)) } else { Value::Number(value) })
    }
}
