//! What has to hold of any input of the library's parsers: they end, they keep to their limits, they do not
//! panic, and nothing dangerous is in what they accept.
//!
//! Also compiled into the tests, which replay the corpora.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use gentoo_bb::base::ids::DockName;
use gentoo_bb::base::limits::{Limit, Limits};
use gentoo_bb::base::patterns::Pattern;
use gentoo_bb::chain::{Chain, Ours};
use gentoo_bb::config::Settings;
use gentoo_bb::config::lock::Pins;
use gentoo_bb::dock::settings;
use gentoo_bb::dockerfile::{Ignore, Known, Markers, Rendered, glob, template};
use gentoo_bb::fresh::record::Record;
use gentoo_bb::gentoo::openpgp::Keyring;
use gentoo_bb::image::archive;
use gentoo_bb::image::archive::{Wanted, bundle, listing, sysroot};
use gentoo_bb::image::sbom::inventory;
use gentoo_bb::image::tree::{Content, Kind, Tree};
use gentoo_bb::state::index::Index;
use gentoo_bb::state::trace::Trace;

/// Small ones, so that they are met.
fn limits() -> Limits {
    let small = [
        (Limit::ResultSize, 1 << 20),
        (Limit::ListSize, 1 << 16),
        (Limit::Packages, 100),
        (Limit::Entries, 200),
        (Limit::Depth, 20),
        (Limit::RecordSize, 1 << 12),
        (Limit::NamesSize, 1 << 16),
        (Limit::Unpacked, 4 << 20),
        (Limit::ZstdWindow, 1 << 20),
        (Limit::ConfigSize, 1 << 16),
        (Limit::ReadSize, 1 << 16),
    ];
    small.into_iter().fold(Limits::default(), |limits, (limit, value)| limits.with(limit, value))
}

/// The text, unless it is none or longer than any file of a project may be.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| text.len() <= 1 << 20)
}

fn markers() -> Markers {
    [("NAMESPACE", "ns"), ("TAG", "latest"), ("MAINTAINER", "me"), ("DATE", "20260101")]
        .into_iter()
        .collect()
}

/// A Dockerfile.template: markers, the scanner, words and the template itself.
pub fn template(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (markers, file) = (markers(), Path::new("Dockerfile.template"));
    let docks = ["a", "b"].map(|name| name.parse::<DockName>().unwrap());
    let docks = BTreeSet::from(docks);
    let rendered = Rendered::from_template(file, text, &markers);
    let triggers = BTreeMap::from([("a".parse().unwrap(), vec!["COPY . /x".to_owned()])]);
    let known = Known {
        markers: &markers,
        docks: &docks,
        triggers: &triggers,
        architecture: Some("amd64"),
    };
    let Ok(parsed) = template::parse(&rendered, known) else { return };
    assert!(parsed.docks().iter().all(|dock| docks.contains(*dock)));
}

/// Two lines: a pattern as Docker has it, and a path.
pub fn glob(data: &[u8]) {
    let Some((pattern, path)) = text(data).and_then(|text| text.split_once('\n')) else { return };
    for deep in [false, true] {
        let Some(glob) = glob::Glob::new(pattern, deep) else { continue };
        assert!(!glob.matches(path) || glob.matches_or_parent(path));
    }
    let clean = glob::clean(path);
    assert_eq!(glob::clean(&clean), clean);
}

/// Two lines: a pattern of inputs, and a path.
pub fn patterns(data: &[u8]) {
    let Some((pattern, path)) = text(data).and_then(|text| text.split_once('\n')) else { return };
    let _ = Pattern::new(pattern).map(|pattern| pattern.matches(Path::new(path)));
}

/// A `.dockerignore`.
pub fn ignore(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(ignore) = Ignore::parse(Path::new(".dockerignore"), text) else { return };
    let _ = ignore.excludes("a/b/c.txt");
}

/// A `dock.toml`.
pub fn dock_settings(data: &[u8]) {
    let _ = text(data).map(|text| settings::parse(Path::new("dock.toml"), text));
}

/// A `bb.toml`.
pub fn settings_file(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(settings) = Settings::resolve(Path::new("bb.toml"), text, &[].into()) else { return };
    assert!(settings.effective().len() > 10 && !settings.namespace.is_empty());
    assert!(Limit::ALL.into_iter().all(|limit| settings.limits.of(limit) > 0));
}

/// A `bb.lock`.
pub fn lock(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(lock) = Pins::parse(Path::new("bb.lock"), text) else { return };
    for pin in lock.gentoo.iter().flat_map(|lock| [&lock.stage3, &lock.portage]) {
        assert!(!pin.path.starts_with('/') && !pin.path.split('/').any(|part| part == ".."));
    }
    for base in lock.bases.iter() {
        assert!(base.id.len() == 71 && lock.bases.of(&base.name) == Some(base));
    }
    let again = Pins::parse(Path::new("bb.lock"), &lock.to_text().unwrap()).unwrap();
    assert_eq!(again, lock);
}

/// A chain.
pub fn chain(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(chain) = Chain::parse(Path::new("chains/a.yaml"), text, &markers()) else { return };
    let values = |name: &str| (name == "A").then(|| "a".to_owned());
    let _ = chain.docks(&Ours {
        namespace: "ns",
        tag: "latest",
        docks: &["a".to_owned()],
        values: &values,
        read: &|file| Chain::parse(file, text, &markers()),
    });
}

/// A step's record, the index of all of them, and a kept answer.
pub fn record(data: &[u8]) {
    if let Ok(record) = serde_json::from_slice::<Record>(data) {
        let text = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&text).unwrap(), record);
    }
    let _ = Trace::read(data);
    let file = File::new(data);
    let _ = Index::read(&file.0).len();
}

/// A `packages.json`.
pub fn packages(data: &[u8]) {
    let Ok(packages) = inventory::parse(data) else { return };
    assert!(inventory::merge([packages.clone()]).len() <= packages.len());
}

/// A tar: listed, and as a builder hands it out.
pub fn tar(data: &[u8]) {
    let (limits, file) = (limits(), File::new(data));
    if let Ok(Some(entries)) =
        listing::entries(&listing::whole(&file.0, data.len() as u64), &limits)
    {
        assert!(entries.len() as u64 <= limits.of(Limit::Entries));
        let nodes = entries.iter().filter_map(|entry| match &entry.what {
            gentoo_bb::image::copy::Member::Node(node) => Some(&node.kind),
            gentoo_bb::image::copy::Member::HardLink { .. } => None,
        });
        let inside = |content: &Content| content.offset + content.size <= data.len() as u64;
        assert!(nodes.into_iter().all(|kind| !matches!(kind, Kind::File(c) if !inside(c))));
    }
    let dest = file.0.with_extension("out");
    let wanted = Wanted::from([("out/a".to_owned(), (dest.clone(), Limit::ListSize))]);
    let taken = archive::take_files(data, wanted, &limits);
    let size = fs::metadata(&dest).map_or(0, |meta| meta.len());
    let _ = fs::remove_file(&dest);
    assert!(size <= limits.of(Limit::ListSize) && (taken.is_err() || size <= data.len() as u64));
}

/// A compressed archive of a ROOT.
pub fn zstd(data: &[u8]) {
    let owners = sysroot::read(data, data.len() as u64, &Tree::default(), &limits());
    assert!(owners.map_or(0, |owners| owners.len() as u64) <= limits().of(Limit::Entries));
}

/// An image's archive, as `docker save` writes it.
pub fn image(data: &[u8]) {
    let file = File::new(data);
    let Ok(Some(bundle)) = bundle::Bundle::open(&file.0, &limits()) else { return };
    assert!(bundle.id().starts_with("sha256:"));
    let chain = [bundle];
    let _ = bundle::tree(&chain);
    let _ = bundle::own_layers(&chain);
}

/// Certificates, a detached signature and a clearsigned text.
pub fn signature(data: &[u8]) {
    let _ = Keyring::of_all("file", data).map(|keyring| keyring.fingerprints());
    let keyring = Keyring::default();
    assert!(keyring.verify_cleartext("file", data, Some(std::time::UNIX_EPOCH)).is_err());
}

/// A file in memory, for what reads files; each thread has one.
struct File(PathBuf);

impl File {
    fn new(data: &[u8]) -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let number = thread.bytes().filter(u8::is_ascii_digit).map(char::from).collect::<String>();
        let path = format!("/dev/shm/gentoo-bb-fuzz-{}-{number}", std::process::id());
        fs::write(&path, data).unwrap();
        Self(path.into())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
