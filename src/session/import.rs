//! Docks out of another program's folders: a namespace of kubler's.
//!
//! Reads the namespace, has its images converted, and writes a dock for each, which appears with all that is in it or
//! not at all. Follows no link, and writes over nothing. What the texts become is `dock::kubler`'s business.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::base::error::{Error, Exit, Result};
use crate::base::ids::DockName;
use crate::base::limits::{Exceeded, Limit, Limits};
use crate::base::open::{not_a_file, unlinked, unreadable};
use crate::base::read;
use crate::dock::kubler::{
    Converted, Image, Named, Namespace, Note, Weight, convert, project_settings, read_namespace,
};
use crate::state::store;

/// What came of an import.
#[derive(Debug, Default)]
pub struct Imported {
    /// Docks that were made, with what has to be told of each.
    pub made: Vec<(DockName, Vec<Note>)>,
    /// Docks that were there already.
    pub there: Vec<DockName>,
    /// Images of which no dock was made, and why.
    pub refused: Vec<(String, Error)>,
    /// What has to be told of the namespace.
    pub notes: Vec<Note>,
    /// The namespace's settings as lines of `bb.toml`.
    pub settings: Vec<String>,
}

impl Imported {
    /// Whether somebody has to do something.
    pub fn needs_a_hand(&self) -> bool {
        let notes = self.made.iter().flat_map(|(_, notes)| notes).chain(&self.notes);
        !self.refused.is_empty() || notes.into_iter().any(|note| note.weight == Weight::Hand)
    }
}

const CONF: &str = "kubler.conf";
const SCRIPT: &str = "build.sh";
/// The second is the older name.
const SETTINGS: [&str; 2] = ["build.conf", "image.conf"];
const TEMPLATE: &str = "Dockerfile.template";
const TEST: &str = "build-test.sh";
/// What kubler makes.
const GENERATED: [&str; 6] = [
    "Dockerfile",
    "rootfs.tar",
    "PACKAGES.md",
    "log",
    ".kubler-build-test.error",
    ".kubler-healthcheck.error",
];
/// What would mean something else in a dock.
const OURS: [&str; 4] = ["Buildconfig.sh", "dock.toml", "Dockerfile.j2", "test.sh"];

/// Makes docks in the folder `docks` of the images of kubler's namespace in `dir`.
///
/// # Errors
/// `dir` is no such namespace (exit code 2), cannot be read (3), or a dock cannot be written (1). What is wrong with one
/// image is no error of the others.
pub fn kubler(dir: &Path, docks: &Path) -> Result<Imported> {
    let names = image_names(dir)?;
    let mut imported = Imported::default();
    let namespace = namespace(dir, docks, &names, &mut imported)?;
    for name in names {
        let shown = name.to_string_lossy().into_owned();
        match image(dir, docks, &name, &namespace) {
            Ok(Done::Made(name, notes)) => imported.made.push((name, notes)),
            Ok(Done::There(name)) => imported.there.push(name),
            Ok(Done::NoImage) => {}
            Err(error) if error.exit() == Exit::Config => imported.refused.push((shown, error)),
            Err(error) => return Err(error),
        }
    }
    if imported.made.is_empty() {
        imported.notes.clear();
    }
    Ok(imported)
}

enum Done {
    Made(DockName, Vec<Note>),
    There(DockName),
    /// A file beside the images.
    NoImage,
}

// --- the namespace

fn image_names(dir: &Path) -> Result<Vec<std::ffi::OsString>> {
    let images = dir.join("images");
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    if !is_folder(&images) {
        let inner = entries(dir).unwrap_or_default();
        let inner = inner.into_iter().find(|name| is_folder(&dir.join(name).join("images")));
        let message =
            format!("`{}` is no namespace of kubler's: it has no folder `images`", dir.display());
        let hint = inner.map_or_else(
            || "name the folder that has `kubler.conf` and `images` in it".to_owned(),
            |name| format!("name one namespace, such as `{}`", dir.join(name).display()),
        );
        return Err(Error::usage(message).hint(hint));
    }
    entries(&images)
}

/// The names in a folder, sorted.
fn entries(dir: &Path) -> Result<Vec<std::ffi::OsString>> {
    let entries = fs::read_dir(dir).map_err(|cause| unreadable(dir, &cause))?;
    let mut names = vec![];
    for entry in entries {
        names.push(entry.map_err(|cause| unreadable(dir, &cause))?.file_name());
        within(dir, Limit::Entries, names.len() as u64)?;
    }
    names.sort();
    Ok(names)
}

fn within(path: &Path, limit: Limit, value: u64) -> Result<()> {
    let found = Limits::default().check(limit, value);
    found.map_err(|exceeded| too_much(path, exceeded))
}

fn too_much(path: &Path, exceeded: Exceeded) -> Error {
    Error::config(format!("`{}` has {exceeded}", path.display())).hint("this limit is fixed")
}

fn namespace(
    dir: &Path,
    docks: &Path,
    images: &[std::ffi::OsString],
    imported: &mut Imported,
) -> Result<Namespace> {
    let whole = dir.canonicalize().map_err(|cause| unreadable(dir, &cause))?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let known = fs::read_dir(docks).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let named = |name: std::ffi::OsString| name.to_str()?.parse::<DockName>().ok();
    let docks = known.chain(images.iter().cloned()).filter_map(named).collect();
    let mut namespace = Namespace { name, docks, ..Namespace::default() };
    if let Some(text) = text(dir, CONF, Limit::FileSize)? {
        (namespace.values, imported.notes) = read_namespace(Named { name: CONF, text: &text });
    }
    imported.notes.extend(builders(dir));
    imported.settings = project_settings(&namespace);
    Ok(namespace)
}

/// Builders of a namespace's own.
fn builders(dir: &Path) -> Vec<Note> {
    let names = entries(&dir.join("builder")).unwrap_or_default();
    let note = |name: &std::ffi::OsString| {
        Note {
        weight: Weight::Hand,
        file: format!("builder/{}", name.to_string_lossy()),
        line: 0,
        what: "a builder of its own".to_owned(),
        instead: "what it installs goes to `BUILD_PACKAGES` of the docks that need it, what it sets to `[build]` of bb.toml \
                  or their configure_rootfs_build; another stage3 is `arch` and `flavour` of bb.toml"
            .to_owned(),
    }
    };
    names.iter().map(note).collect()
}

/// A text of a namespace, if there is one.
fn text(dir: &Path, name: &str, limit: Limit) -> Result<Option<String>> {
    let path = dir.join(name);
    let meta = match path.symlink_metadata() {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        found => found.map_err(|cause| unreadable(&path, &cause))?,
    };
    if meta.is_symlink() {
        let message = format!("`{}` is a link, and none is followed", path.display());
        return Err(Error::config(message).hint("put a copy in its place"));
    }
    if !meta.is_file() && !meta.is_dir() {
        return Err(not_a_file(&path, meta.file_type()));
    }
    let bytes = unlinked(&path).and_then(|file| read::all(file, &Limits::default(), limit));
    let bytes = bytes.map_err(|cause| match Exceeded::of(&cause) {
        Some(exceeded) => too_much(&path, exceeded),
        None => unreadable(&path, &cause),
    })?;
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(Some(text)),
        _ => {
            Err(Error::config(format!("`{}` is not text", path.display()))
                .hint("it has to be UTF-8"))
        }
    }
}

// --- one image

fn image(dir: &Path, docks: &Path, name: &OsStr, namespace: &Namespace) -> Result<Done> {
    let dir = dir.join("images").join(name);
    let meta = dir.symlink_metadata().map_err(|cause| unreadable(&dir, &cause))?;
    if meta.is_symlink() {
        let message = format!("`{}` is a link, and none is followed", dir.display());
        return Err(Error::config(message).hint("put a copy in its place"));
    }
    if !meta.is_dir() {
        return Ok(Done::NoImage);
    }
    let name = dock_name(name)?;
    let target = docks.join(name.as_str());
    if target.symlink_metadata().is_ok() {
        return Ok(Done::There(name));
    }
    let files = files(&dir)?;
    let texts = Texts::read(&dir)?;
    let converted = texts.converted(&files, namespace);
    write(&target, &dir, &files, &converted, texts.test.as_deref())?;
    let links = files.iter().filter_map(|file| leads_out(&file.path, file.link()?));
    let notes = links.chain(converted.notes).collect();
    Ok(Done::Made(name, notes))
}

fn dock_name(name: &OsStr) -> Result<DockName> {
    let shown = name.to_string_lossy();
    shown.parse::<DockName>().map_err(|error| {
        let hint = error.hint_text().unwrap_or_default();
        Error::config(error.message()).hint(format!("give the folder another name: {hint}"))
    })
}

/// What is converted.
struct Texts {
    script: Option<String>,
    conf: Option<(&'static str, String)>,
    template: String,
    test: Option<String>,
}

impl Texts {
    fn read(dir: &Path) -> Result<Self> {
        let template = text(dir, TEMPLATE, Limit::FileSize)?;
        let missing = || {
            let message = format!("`{}` is missing", dir.join(TEMPLATE).display());
            Error::config(message).hint("an image of kubler's has a Dockerfile.template")
        };
        let mut conf = None;
        for name in SETTINGS {
            if conf.is_none() {
                conf = text(dir, name, Limit::FileSize)?.map(|text| (name, text));
            }
        }
        Ok(Self {
            script: text(dir, SCRIPT, Limit::FileSize)?,
            conf,
            template: template.ok_or_else(missing)?,
            test: text(dir, TEST, Limit::ScriptSize)?,
        })
    }

    fn converted(&self, files: &[File], namespace: &Namespace) -> Converted {
        let conf = self.conf.as_ref().map(|(name, text)| Named { name, text });
        let paths = files.iter().filter(|file| !matches!(file.kind, Kind::Folder));
        let paths = paths.filter_map(|file| file.path.to_str().map(str::to_owned));
        let image = Image {
            script: self.script.as_deref().map(|text| Named { name: SCRIPT, text }),
            conf,
            template: Named { name: TEMPLATE, text: &self.template },
            test: self.test.as_deref().map(|text| Named { name: TEST, text }),
            files: &paths.collect::<BTreeSet<_>>(),
        };
        convert(&image, namespace)
    }
}

// --- its other files

/// A file that is taken as it is.
struct File {
    /// Relative to the image's folder.
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    File,
    Folder,
    /// With what it says.
    Link(PathBuf),
}

impl File {
    fn link(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Link(target) => Some(target),
            _ => None,
        }
    }
}

/// What of an image is neither converted nor made by kubler, folders before what is in them.
fn files(dir: &Path) -> Result<Vec<File>> {
    let mut found = vec![];
    for name in entries(dir)? {
        let known = |list: &[&str]| list.iter().any(|known| name == *known);
        if known(&OURS) {
            let message =
                format!("`{}` would mean something else in a dock", dir.join(name).display());
            return Err(Error::config(message).hint("give it another name first"));
        }
        if !known(&[SCRIPT, TEMPLATE, TEST]) && !known(&SETTINGS) && !known(&GENERATED) {
            walk(dir, PathBuf::from(name), 1, &mut found)?;
        }
    }
    let size = |file: &File| dir.join(&file.path).symlink_metadata().map_or(0, |meta| meta.len());
    let plain = found.iter().filter(|file| matches!(file.kind, Kind::File));
    within(dir, Limit::ImportSize, plain.map(size).fold(0, u64::saturating_add))?;
    Ok(found)
}

fn walk(dir: &Path, path: PathBuf, depth: u64, found: &mut Vec<File>) -> Result<()> {
    let whole = dir.join(&path);
    within(&whole, Limit::Depth, depth)?;
    within(dir, Limit::Entries, found.len() as u64)?;
    let failed = |cause: std::io::Error| unreadable(&whole, &cause);
    let kind = whole.symlink_metadata().map_err(failed)?.file_type();
    if kind.is_dir() {
        found.push(File { path: path.clone(), kind: Kind::Folder });
        for name in entries(&whole)? {
            walk(dir, path.join(name), depth + 1, found)?;
        }
        return Ok(());
    }
    let kind = match kind {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_symlink() => Kind::Link(fs::read_link(&whole).map_err(failed)?),
        kind => return Err(not_a_file(&whole, kind)),
    };
    found.push(File { path, kind });
    Ok(())
}

/// A link is copied and not followed: one out of the image's folder leads elsewhere from the dock's.
fn leads_out(path: &Path, target: &Path) -> Option<Note> {
    let steps = path.parent().into_iter().flat_map(Path::components).chain(target.components());
    let mut depth = 0_usize;
    for step in steps {
        match step {
            Component::RootDir => return None,
            Component::ParentDir if depth == 0 => {
                return Some(Note {
                    weight: Weight::Hand,
                    file: path.display().to_string(),
                    line: 0,
                    what: format!("a link out of the image's folder, to `{}`", target.display()),
                    instead: "put a copy in its place: the link was taken as it is".to_owned(),
                });
            }
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    None
}

// --- the dock

fn write(
    target: &Path,
    from: &Path,
    files: &[File],
    converted: &Converted,
    test: Option<&str>,
) -> Result<()> {
    let docks = target.parent().unwrap_or(Path::new("."));
    store::make_dir(docks)?;
    let failed = |cause: &std::io::Error| Error::file("create", target, cause);
    // Folders that begin with a dot are no docks.
    let mut builder = tempfile::Builder::new();
    let temp = builder.prefix(".import-").permissions(fs::Permissions::from_mode(0o777));
    let temp = temp.tempdir_in(docks).map_err(|cause| failed(&cause))?;
    for file in files {
        copy(from, temp.path(), file)?;
    }
    let texts = [
        ("Buildconfig.sh", Some(converted.buildconfig.as_str())),
        (TEMPLATE, Some(converted.template.as_str())),
        ("dock.toml", converted.settings.as_deref()),
        ("test.sh", test),
    ];
    for (name, text) in texts {
        let written = text.map_or(Ok(()), |text| fs::write(temp.path().join(name), text));
        written.map_err(|cause| failed(&cause))?;
    }
    rename(temp.path(), target)?;
    // It has another name now.
    drop(temp.keep());
    Ok(())
}

/// Never in the place of another, even of an empty folder.
fn rename(from: &Path, to: &Path) -> Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems that do not know it.
        Err(rustix::io::Errno::INVAL) if to.symlink_metadata().is_err() => store::rename(from, to),
        done => done.map_err(|cause| Error::file("create", to, &cause.into())),
    }
}

fn copy(from: &Path, to: &Path, file: &File) -> Result<()> {
    let (source, target) = (from.join(&file.path), to.join(&file.path));
    let failed = |cause: &std::io::Error| Error::file("create", &target, cause);
    match &file.kind {
        Kind::Folder => {
            fs::create_dir(&target).map_err(|cause| failed(&cause))?;
        }
        Kind::Link(to) => return symlink(to, &target).map_err(|cause| failed(&cause)),
        Kind::File => {
            let open = unlinked(&source).map_err(|cause| unreadable(&source, &cause))?;
            // It may grow meanwhile.
            let mut open = open.take(Limits::default().of(Limit::ImportSize));
            let mut new = fs::File::create_new(&target).map_err(|cause| failed(&cause))?;
            std::io::copy(&mut open, &mut new).map_err(|cause| failed(&cause))?;
        }
    }
    let meta = source.symlink_metadata().map_err(|cause| unreadable(&source, &cause))?;
    // Without set-user-ID and its like; a folder has to be written in.
    let more = if matches!(file.kind, Kind::Folder) { 0o700 } else { 0 };
    let mode = fs::Permissions::from_mode(meta.permissions().mode() & 0o777 | more);
    fs::set_permissions(&target, mode).map_err(|cause| failed(&cause))
}
