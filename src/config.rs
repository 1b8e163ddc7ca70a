//! `bb.toml` as text → settings, with the environment's overrides laid over them.
//!
//! Knows no files and no environment: both arrive as values. The order of precedence is
//! command line > environment > `bb.toml` > defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::base::error::{Error, Place, Result, lower_first};
use crate::base::label::GivenName;
use crate::base::limits::Limits;
use crate::base::open::Ground;
use crate::base::reference::Reference;
use crate::base::secret::{hidden, hidden_settings};

mod described;
mod effective;
mod limits;
pub mod lock;
mod secrets;
mod source;
mod store;
mod trust;

pub use crate::base::secret::GENTOO_KEY_URLS;
pub use described::{DESCRIBED, Described};
pub use effective::{Setting, Value};
pub use secrets::{Hidden, Secret};
pub use source::{Source, Sources};
use store::StoreTable;
pub use store::{At, StoreSettings, When};
use trust::TrustTable;
pub use trust::{GENTOO_FINGERPRINTS, INSTALLED_KEYRING};

/// The builders are called so, which all projects of an engine share.
const OWN_NAMESPACE: &str = "gentoo-bb";

/// Variables of `make.conf` that the builder itself has to set.
const RESERVED: [&str; 9] = [
    "ROOT",
    "SYSROOT",
    "PKGDIR",
    "DISTDIR",
    "PORTDIR",
    "PORTAGE_TMPDIR",
    "GENTOO_MIRRORS",
    "EPREFIX",
    "MAKEOPTS",
];

/// What `bb.toml` may say. Every key is optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    namespace: Option<Spanned<String>>,
    engine: Option<Spanned<EngineName>>,
    maintainer: Option<Spanned<String>>,
    tag: Option<Spanned<String>>,
    docks: Option<Spanned<PathBuf>>,
    launcher: Option<Spanned<Vec<String>>>,
    exclude: Option<Spanned<Vec<String>>>,
    mirrors: Option<Spanned<Vec<String>>>,
    distdir: Option<Spanned<PathBuf>>,
    arch: Option<Spanned<String>>,
    flavour: Option<Spanned<String>>,
    source_date_epoch: Option<Spanned<u64>>,
    made_by_make: Option<Spanned<Vec<PathBuf>>>,
    #[serde(default)]
    project: ProjectTable,
    #[serde(default)]
    net: NetTable,
    #[serde(default)]
    registry: RegistryTable,
    #[serde(default)]
    labels: BTreeMap<GivenName, Spanned<String>>,
    #[serde(default)]
    trust: TrustTable,
    #[serde(default)]
    store: StoreTable,
    caches: Option<Spanned<String>>,
    #[serde(default)]
    builder: BuilderTable,
    #[serde(default)]
    build: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    task: BTreeMap<Spanned<String>, TaskTable>,
    #[serde(default)]
    secrets: BTreeMap<String, Spanned<secrets::Row>>,
    #[serde(default)]
    limits: limits::Table,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectTable {
    links: Option<Spanned<Vec<PathBuf>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetTable {
    least_rate: Option<Spanned<u64>>,
    ca: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryTable {
    #[serde(default)]
    mirrors: BTreeMap<Spanned<String>, Spanned<Vec<String>>>,
    insecure: Option<Spanned<Vec<String>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuilderTable {
    processes: Option<Spanned<u64>>,
    memory: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskTable {
    run: String,
    #[serde(default)]
    inputs: Vec<Spanned<String>>,
    #[serde(default)]
    outputs: Vec<Spanned<String>>,
    #[serde(default)]
    needs: Vec<Spanned<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// A piece of `bb.toml` with its place there, as byte offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What it says.
    pub text: String,
    /// Where it says so.
    pub span: std::ops::Range<usize>,
}

impl From<&Spanned<String>> for Written {
    fn from(spanned: &Spanned<String>) -> Self {
        Self { text: spanned.get_ref().clone(), span: spanned.span() }
    }
}

/// A user's own step: `[task.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The table's name.
    pub name: Written,
    /// A command line for `sh`, run in the project's folder.
    pub run: String,
    /// Patterns of files that dirty it.
    pub inputs: Vec<Written>,
    /// Files that it makes.
    pub outputs: Vec<Written>,
    /// Ids of steps before it; what they make dirties it.
    pub needs: Vec<Written>,
    /// Variables for the command.
    pub env: BTreeMap<String, String>,
}

/// Which engine a project means. In a container that is a builder no other can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// The one that is there.
    #[default]
    Auto,
    /// That of this program.
    Native,
    /// Docker or Podman.
    Docker,
}

impl EngineName {
    /// As `bb.toml` and `BB_ENGINE` have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Docker => "docker",
        }
    }
}

/// Effective settings of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// First part of every image's name.
    pub namespace: String,
    /// Which engine `bb.toml` means; who opens the project may mean another one.
    pub engine: EngineName,
    /// `Name <address>`, for the marker `${MAINTAINER}`.
    pub maintainer: String,
    /// Tag of every image, besides `latest`.
    pub tag: String,
    /// Folder of the docks, relative to the project.
    pub docks: PathBuf,
    /// Images that are left out of a build of everything.
    pub exclude: Vec<String>,
    /// Mirrors in order: `https://`, `http://`, `file://` or a local folder.
    pub mirrors: Vec<String>,
    /// A folder of the user's with source archives, relative to the project.
    pub distdir: Option<PathBuf>,
    /// Gentoo's name of the architecture.
    pub arch: String,
    /// Flavour of the stage3, such as `nomultilib-openrc`.
    pub flavour: String,
    /// Seconds since 1970 that every file of a rootfs is dated to.
    pub source_date_epoch: u64,
    /// OpenPGP certificates, relative to the project.
    pub keyring: PathBuf,
    /// The folder of the certificates that were imported or fetched, one file for each.
    pub own_keys: Option<PathBuf>,
    /// Where certificates are fetched from, in order.
    pub key_urls: Vec<String>,
    /// Signatures and lists of digests are not checked.
    pub skip_verify: bool,
    /// Pinned primary fingerprints.
    pub fingerprints: Vec<String>,
    /// What the engine's caches of sources and binary packages are called.
    pub caches: String,
    /// How many processes and threads a builder may have at one time.
    pub processes: u64,
    /// How many bytes of memory a builder may use; unset, most of what the engine's machine has.
    pub memory: Option<u64>,
    /// Variables for Portage's `make.conf`.
    pub build: BTreeMap<String, String>,
    /// A snapshot date (`YYYYMMDD`) that the environment insists on.
    pub date: Option<String>,
    /// Files that rules of an including Makefile make: they count as there, and the exported
    /// Makefile leaves their rules to it.
    pub made_by_make: Vec<PathBuf>,
    /// Places outside of the project that links in it may lead to, relative to the project.
    pub links: Vec<PathBuf>,
    /// Bytes a second that a mirror has to give; 0: none.
    pub least_rate: u64,
    /// A PEM file with certificates of authorities that registries are trusted by, besides the machine's.
    pub authorities: Option<PathBuf>,
    /// The mirrors of a registry, which are asked for images before it is, as web addresses.
    pub registry_mirrors: BTreeMap<String, Vec<String>>,
    /// Registries, `HOST[:PORT]`, that may be asked without TLS.
    pub insecure_registries: Vec<String>,
    /// Where finished steps' results can be had from, and where they go.
    pub store: StoreSettings,
    /// What stands before `bb step ID` for steps that take their time: other machines work on them.
    pub launcher: Vec<String>,
    /// Labels of all images, by short or whole name.
    pub labels: BTreeMap<String, String>,
    /// Users' own steps, by name.
    pub tasks: Vec<Task>,
    /// What `RUN --mount=type=secret` shows, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// How much is read of what others have written.
    pub limits: Limits,
    /// The text of `bb.toml`, for messages that show a place in it.
    pub text: String,
    /// Where each of them is from.
    pub sources: Sources,
}

impl Default for Settings {
    fn default() -> Self {
        let text = |s: &str| s.to_owned();
        Self {
            namespace: text("gentoobb"),
            engine: EngineName::default(),
            maintainer: text("nobody"),
            tag: text("latest"),
            docks: "bb-dock".into(),
            exclude: vec![],
            mirrors: vec![text("https://distfiles.gentoo.org")],
            distdir: None,
            arch: text("amd64"),
            flavour: text("nomultilib-openrc"),
            source_date_epoch: 1_262_304_000,
            keyring: INSTALLED_KEYRING.into(),
            own_keys: None,
            key_urls: GENTOO_KEY_URLS.map(text).into(),
            skip_verify: false,
            fingerprints: GENTOO_FINGERPRINTS.map(text).into(),
            caches: text("gentoo-bb"),
            processes: 16_384,
            memory: None,
            build: BTreeMap::from([(text("CFLAGS"), text("-O2 -pipe"))]),
            date: None,
            made_by_make: vec![],
            links: vec![],
            least_rate: 1024,
            authorities: None,
            registry_mirrors: BTreeMap::new(),
            insecure_registries: vec![],
            store: StoreSettings::default(),
            launcher: vec![],
            labels: BTreeMap::new(),
            tasks: vec![],
            secrets: BTreeMap::new(),
            limits: Limits::default(),
            text: String::new(),
            sources: Sources::default(),
        }
    }
}

impl Settings {
    /// The project in the current folder, with what its settings allow and name.
    pub fn ground(&self) -> Ground {
        Ground::of(Path::new("."), &self.links).with_named(&self.docks)
    }

    /// Settings from the text of `bb.toml` and the variables of the environment.
    ///
    /// # Errors
    /// `bb.toml` is malformed, or a setting there or in the environment cannot be: with its place.
    pub fn resolve(file: &Path, text: &str, env: &BTreeMap<String, String>) -> Result<Self> {
        let parsed: File = toml::from_str(text).map_err(|e| toml_error(file, text, &e))?;
        let sources = Sources::of(text);
        let mut settings = Self { text: text.to_owned(), sources, ..Self::default() };
        settings.apply_build(file, text, &parsed)?;
        settings.apply_builder(file, text, &parsed)?;
        settings.apply_tasks(&parsed)?;
        settings.apply_limits(file, text, &parsed.limits)?;
        settings.apply_store(file, text, &parsed.store)?;
        settings.secrets = secrets::read(&parsed.secrets, env, (file, text))?;
        for (name, row) in &parsed.secrets {
            settings.sources.at(format!("secrets.{name}"), row.span());
        }
        settings.apply_file(parsed);
        settings.apply_env(env)?;
        settings.check()?;
        Ok(settings)
    }

    fn apply_file(&mut self, file: File) {
        let from = &mut self.sources;
        from.file("namespace", &mut self.namespace, file.namespace);
        from.file("engine", &mut self.engine, file.engine);
        from.file("maintainer", &mut self.maintainer, file.maintainer);
        from.file("tag", &mut self.tag, file.tag);
        from.file("docks", &mut self.docks, file.docks);
        from.file("exclude", &mut self.exclude, file.exclude);
        from.file("launcher", &mut self.launcher, file.launcher);
        from.file("mirrors", &mut self.mirrors, file.mirrors);
        let distdir = file.distdir.map(|dir| Spanned::new(dir.span(), Some(dir.into_inner())));
        from.file("distdir", &mut self.distdir, distdir);
        from.file("arch", &mut self.arch, file.arch);
        from.file("flavour", &mut self.flavour, file.flavour);
        from.file("source_date_epoch", &mut self.source_date_epoch, file.source_date_epoch);
        from.file("caches", &mut self.caches, file.caches);
        from.file("builder.processes", &mut self.processes, file.builder.processes);
        from.file("made_by_make", &mut self.made_by_make, file.made_by_make);
        from.file("net.least_rate", &mut self.least_rate, file.net.least_rate);
        from.file("registry.insecure", &mut self.insecure_registries, file.registry.insecure);
        if let Some(ca) = file.net.ca {
            from.at("net.ca".to_owned(), ca.span());
            self.authorities = Some(ca.into_inner());
        }
        for (registry, mirrors) in file.registry.mirrors {
            from.at(format!("registry.mirrors.{}", registry.get_ref()), mirrors.span());
            self.registry_mirrors.insert(registry.into_inner(), mirrors.into_inner());
        }
        from.file("project.links", &mut self.links, file.project.links);
        for (GivenName(name), label) in file.labels {
            from.at(format!("labels.{name}"), label.span());
            self.labels.insert(name, label.into_inner());
        }
        self.apply_trust(file.trust);
    }

    fn apply_build(&mut self, file: &Path, text: &str, parsed: &File) -> Result<()> {
        for (key, value) in &parsed.build {
            if let Some(why) = bad_variable(key.get_ref()) {
                let place = Place::new(file, hidden_settings(text), key.span());
                return Err(Error::config(format!("`{}` {why}", key.get_ref())).at(place));
            }
            self.sources.at(format!("build.{}", key.get_ref()), key.span());
            self.build.insert(key.get_ref().clone(), value.get_ref().clone());
        }
        Ok(())
    }

    /// The memory of a builder, such as `8 GiB`.
    fn apply_builder(&mut self, file: &Path, text: &str, parsed: &File) -> Result<()> {
        let Some(memory) = &parsed.builder.memory else { return Ok(()) };
        let bytes = memory.get_ref().parse::<bytesize::ByteSize>().map(|size| size.as_u64());
        // No engine starts a container with less.
        let bytes = bytes.ok().filter(|bytes| *bytes >= 64 << 20).ok_or_else(|| {
            let message = format!("`builder.memory` is `{}`, which is no size", memory.get_ref());
            Error::config(message)
                .at(Place::new(file, text, memory.span()))
                .hint("write a number with a unit, such as \"8 GiB\"; at least 64 MiB")
        })?;
        self.sources.at("builder.memory".to_owned(), memory.span());
        self.memory = Some(bytes);
        Ok(())
    }

    fn apply_tasks(&mut self, parsed: &File) -> Result<()> {
        let all = |list: &[Spanned<String>]| list.iter().map(Written::from).collect();
        for (name, table) in &parsed.task {
            let name = Written::from(name);
            if name.text.parse::<crate::base::ids::DockName>().is_err() {
                let message = format!("`{}` cannot be the name of a task", name.text);
                return Err(self.error_at(message, &name));
            }
            self.sources.at(format!("task.{}", name.text), name.span.clone());
            self.tasks.push(Task {
                name,
                run: table.run.clone(),
                inputs: all(&table.inputs),
                outputs: all(&table.outputs),
                needs: all(&table.needs),
                env: table.env.clone(),
            });
        }
        Ok(())
    }

    /// An error about a piece of `bb.toml`, with line and caret.
    pub fn error_at(&self, message: impl Into<String>, written: &Written) -> Error {
        let place = Place::new("bb.toml", hidden_settings(&self.text), written.span.clone());
        Error::config(message).at(place)
    }

    fn apply_env(&mut self, env: &BTreeMap<String, String>) -> Result<()> {
        let from = &mut self.sources;
        from.env((env, "NAMESPACE"), "namespace", &mut self.namespace, str::to_owned);
        // Which one it means, and whether there is such a one, is found out where the engine is.
        from.env((env, "BB_ENGINE"), "engine", &mut (), |_| ());
        from.env((env, "AUTHOR"), "maintainer", &mut self.maintainer, str::to_owned);
        from.env((env, "TAG"), "tag", &mut self.tag, str::to_owned);
        from.env((env, "EXCLUDE"), "exclude", &mut self.exclude, list);
        from.env((env, "MIRROR"), "mirrors", &mut self.mirrors, list);
        from.env((env, "BB_DISTDIR"), "distdir", &mut self.distdir, |dir| Some(dir.into()));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        from.env((env, "BB_LAUNCHER"), "launcher", &mut self.launcher, words);
        from.env((env, "DATE"), "date", &mut self.date, |date| Some(date.to_owned()));
        from.env((env, "BB_LINKS"), "project.links", &mut self.links, places);
        let mut revision = None;
        from.env((env, "REVISION"), "labels.revision", &mut revision, |r| Some(r.to_owned()));
        self.labels.extend(revision.map(|text| ("revision".to_owned(), text)));
        self.apply_trust_env(env)?;
        self.apply_store_env(env)
    }

    fn check(&self) -> Result<()> {
        check_name("namespace", &self.namespace, |c| matches!(c, '.' | '_' | '-' | '/'), false)?;
        check_namespace(&self.namespace)?;
        check_name("tag", &self.tag, |c| matches!(c, '.' | '_' | '-'), true)?;
        check_name("arch", &self.arch, |c| c == '_', false)?;
        check_name("caches", &self.caches, |c| matches!(c, '.' | '_' | '-'), true)?;
        check_name("flavour", &self.flavour, |c| matches!(c, '_' | '-'), false)?;
        if self.mirrors.is_empty() {
            return Err(Error::config("`mirrors` is empty")
                .hint("name at least one mirror, such as \"https://distfiles.gentoo.org\""));
        }
        if let Some(line) = self.maintainer.lines().nth(1) {
            return Err(Error::config(format!("`maintainer` has a second line: `{line}`")));
        }
        Ok(())
    }

    /// The markers that a `Dockerfile.template` may use, with their values.
    pub fn markers(&self, date: &str) -> BTreeMap<String, String> {
        [
            ("NAMESPACE", self.namespace.as_str()),
            ("TAG", &self.tag),
            ("MAINTAINER", &self.maintainer),
            ("DATE", date),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into()
    }

    /// `NAMESPACE/NAME:TAG`.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}:{}", self.namespace, self.tag)
    }
}

/// Paths as the variable `PATH` has them.
pub(crate) fn places(text: &str) -> Vec<PathBuf> {
    text.split(':').filter(|place| !place.is_empty()).map(PathBuf::from).collect()
}

fn list(text: &str) -> Vec<String> {
    let words = text.split([',', ' ', '\n']).map(str::trim);
    words.filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn check_name(key: &str, value: &str, inner: fn(char) -> bool, upper: bool) -> Result<()> {
    let edge =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || (upper && c.is_ascii_uppercase());
    let good = value.starts_with(edge)
        && value.ends_with(edge)
        && value.len() <= 128
        && value.chars().all(|c| edge(c) || inner(c));
    if good {
        return Ok(());
    }
    let letters = if upper { "letters" } else { "lower-case letters" };
    Err(Error::config(format!("`{value}` cannot be used as {key}"))
        .hint(format!("{key} is made of {letters} and digits, joined by `.`, `_` or `-`")))
}

/// What is made of letters and joints may still be no name of Docker's, or the builders'.
fn check_namespace(namespace: &str) -> Result<()> {
    let refused = || Error::config(format!("`{namespace}` cannot be used as namespace"));
    let image = format!("{namespace}/x").parse::<Reference>();
    let image = image.map_err(|why| refused().hint(why.to_string()))?;
    match image.below(OWN_NAMESPACE) {
        Some(_) => {
            Err(refused().hint("builders are called so, which projects share: choose another"))
        }
        None => Ok(()),
    }
}

fn bad_variable(key: &str) -> Option<&'static str> {
    let shape = key.starts_with(|c: char| c.is_ascii_uppercase())
        && key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    match (shape, RESERVED.contains(&key)) {
        (false, _) => Some("is not the name of a make.conf variable"),
        (_, true) => Some("is set by the builder itself"),
        _ => None,
    }
}

/// The message without what it quotes of a value: `invalid type: string "…", expected a map`.
fn without_quotes(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}***{}", &message[..first], &message[last + 1..])
        }
        _ => message.to_owned(),
    }
}

/// A TOML error with its line and caret.
pub fn toml_error(file: &Path, text: &str, error: &toml::de::Error) -> Error {
    let message = error.message().lines().next().unwrap_or("not valid TOML").trim();
    let shown = hidden_settings(text);
    let plain = hidden(text);
    let hides = |span: &std::ops::Range<usize>| shown.get(span.clone()) != plain.get(span.clone());
    // The parser's words may repeat what stands there. Addresses are taken care of where it is rendered.
    let message = match error.span().filter(hides) {
        Some(_) => without_quotes(message),
        None => message.to_owned(),
    };
    let base = Error::config(lower_first(&message));
    match error.span() {
        Some(span) => base.at(Place::new(file, shown, span)),
        None => base.detail(format!("  in `{}`", file.display())),
    }
}

#[cfg(test)]
mod tests;
