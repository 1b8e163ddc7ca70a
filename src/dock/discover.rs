//! The only reader of `bb-dock/`: folders → [`Dock`]s.
//!
//! Does not know what the files mean, except the settings in `dock.toml`. `Buildconfig.sh` is neither
//! run nor interpreted. One `readdir` for each folder, and only the small files that are needed are
//! opened, for this runs before every other thing that `bb` does.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, FileType};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::render::{Markers, Rendered};
use super::settings::{self, DockSettings};
use crate::error::{Error, Result, io_reason};
use crate::ids::DockName;
use crate::parallel;

/// No file that is read here may be larger.
const LIMIT: u64 = 1 << 20;

const TEMPLATE: &str = "Dockerfile.template";
const JINJA: &str = "Dockerfile.j2";
const BUILDCONFIG: &str = "Buildconfig.sh";
const SETTINGS: &str = "dock.toml";
const IGNORE: &str = ".dockerignore";

/// One folder of `bb-dock/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dock {
    /// The folder's and the image's name.
    pub name: DockName,
    /// The folder, as the user would type it.
    pub dir: PathBuf,
    /// `Dockerfile.template` or `Dockerfile.j2`.
    pub template_file: PathBuf,
    /// Its text.
    pub template: String,
    /// Is it `Dockerfile.j2`?
    pub is_jinja: bool,
    /// `Buildconfig.sh`.
    pub buildconfig_file: PathBuf,
    /// What `dock.toml` says.
    pub settings: DockSettings,
    /// Everything in the folder, sorted by bytes.
    pub files: Vec<FileEntry>,
    /// The text of `.dockerignore`.
    pub ignore: Option<String>,
}

impl Dock {
    /// The Dockerfile.
    pub fn render(&self, markers: &Markers) -> Result<Rendered> {
        if self.is_jinja {
            Rendered::from_jinja(&self.template_file, &self.template, markers)
        } else {
            Ok(Rendered::from_template(&self.template_file, &self.template, markers))
        }
    }
}

/// A file, symbolic link or folder of a dock, whatever bytes its name is. Sockets, pipes and devices are
/// left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Relative to the dock.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A symbolic link, with its target; it is not followed.
    Link(PathBuf),
    /// A folder with nothing in it.
    EmptyFolder,
    /// Any other folder.
    Folder,
}

/// All docks of a folder, by name.
pub fn discover(root: &Path) -> Result<Vec<Dock>> {
    let entries = fs::read_dir(root).map_err(|cause| no_root(root, &cause))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|cause| unreadable(root, &cause))?;
        let skipped = matches!(entry.file_name().as_encoded_bytes().first(), Some(b'.' | b'_'));
        if !skipped && is_folder(&entry)? {
            names.insert(entry.file_name());
        }
    }
    let names = Vec::from_iter(names);
    parallel::map(&names, |name| dock(root, name))
}

fn no_root(root: &Path, cause: &std::io::Error) -> Error {
    if cause.kind() == std::io::ErrorKind::NotFound {
        let message = format!("there is no folder `{}`", root.display());
        return Error::config(message).hint("`bb new NAME` makes it, with a first dock in it");
    }
    unreadable(root, cause)
}

fn unreadable(path: &Path, cause: &std::io::Error) -> Error {
    Error::config(format!("cannot read `{}`: {}", path.display(), io_reason(cause)))
}

fn file_type(entry: &DirEntry) -> Result<FileType> {
    entry.file_type().map_err(|cause| unreadable(&entry.path(), &cause))
}

/// A folder, or a link to one.
fn is_folder(entry: &DirEntry) -> Result<bool> {
    let kind = file_type(entry)?;
    Ok(kind.is_dir() || kind.is_symlink() && entry.path().is_dir())
}

fn dock(root: &Path, name: &OsStr) -> Result<Dock> {
    let dir = root.join(name);
    let name: DockName = utf8(&dir, name)?.parse().map_err(|error: Error| {
        let hint = error.hint_text().unwrap_or_default().to_owned();
        Error::config(format!("the folder `{}` cannot be a dock", dir.display()))
            .hint(format!("{hint}, or begin it with `_` to have it skipped"))
    })?;
    let mut files = vec![];
    walk(&dir, Path::new(""), &mut files)?;
    files.sort_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    let (template_file, is_jinja) = template_file(&dir, &files)?;
    let buildconfig_file = buildconfig_file(&dir, &files)?;
    // Only to say here, and not in the builder's log, that it is nothing to be sourced.
    read(&buildconfig_file)?;
    Ok(Dock {
        template: read(&template_file)?,
        settings: settings(&dir, &files)?,
        ignore: optional(&dir, &files, IGNORE)?.map(|(_, text)| text),
        name,
        dir,
        template_file,
        is_jinja,
        buildconfig_file,
        files,
    })
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn utf8<'a>(path: &Path, name: &'a OsStr) -> Result<&'a str> {
    name.to_str().ok_or_else(|| {
        Error::config(format!("the name of `{}` is not UTF-8", path.display())).hint("rename it")
    })
}

/// Lists what is under `dir`, which is `inside` of the dock.
fn walk(dir: &Path, inside: &Path, found: &mut Vec<FileEntry>) -> Result<()> {
    let mut kind = FileKind::EmptyFolder;
    for entry in fs::read_dir(dir).map_err(|cause| unreadable(dir, &cause))? {
        let entry = entry.map_err(|cause| unreadable(dir, &cause))?;
        let name = entry.file_name();
        list(&entry, inside.join(name), found)?;
        kind = FileKind::Folder;
    }
    if inside != Path::new("") {
        found.push(FileEntry { path: inside.to_owned(), kind });
    }
    Ok(())
}

fn list(entry: &DirEntry, path: PathBuf, found: &mut Vec<FileEntry>) -> Result<()> {
    let kind = file_type(entry)?;
    if kind.is_dir() {
        return walk(&entry.path(), &path, found);
    }
    if kind.is_file() {
        found.push(FileEntry { path, kind: FileKind::File });
    } else if kind.is_symlink() {
        let target = fs::read_link(entry.path());
        let target = target.map_err(|cause| unreadable(&entry.path(), &cause))?;
        found.push(FileEntry { path, kind: FileKind::Link(target) });
    }
    Ok(())
}

fn has(files: &[FileEntry], name: &str) -> bool {
    files.binary_search_by(|entry| bytes(&entry.path).cmp(name.as_bytes())).is_ok()
}

/// `Dockerfile.template` or `Dockerfile.j2`, and whether it is the latter.
fn template_file(dir: &Path, files: &[FileEntry]) -> Result<(PathBuf, bool)> {
    match (has(files, TEMPLATE), has(files, JINJA)) {
        (true, true) => {
            let both = format!("`{}` has both {TEMPLATE} and {JINJA}", dir.display());
            Err(Error::config(both).hint("remove one of them"))
        }
        (true, false) => Ok((dir.join(TEMPLATE), false)),
        (false, true) => Ok((dir.join(JINJA), true)),
        (false, false) => Err(missing(dir, TEMPLATE)),
    }
}

fn buildconfig_file(dir: &Path, files: &[FileEntry]) -> Result<PathBuf> {
    if has(files, BUILDCONFIG) { Ok(dir.join(BUILDCONFIG)) } else { Err(missing(dir, BUILDCONFIG)) }
}

fn missing(dir: &Path, name: &str) -> Error {
    let dir = dir.display();
    Error::config(format!("`{dir}/{name}` is missing"))
        .hint(format!("`{dir}` needs both {TEMPLATE} and {BUILDCONFIG}"))
}

fn settings(dir: &Path, files: &[FileEntry]) -> Result<DockSettings> {
    match optional(dir, files, SETTINGS)? {
        Some((file, text)) => settings::parse(&file, &text),
        None => Ok(DockSettings::default()),
    }
}

fn optional(dir: &Path, files: &[FileEntry], name: &str) -> Result<Option<(PathBuf, String)>> {
    if !has(files, name) {
        return Ok(None);
    }
    let file = dir.join(name);
    read(&file).map(|text| Some((file, text)))
}

/// The text of a small file.
fn read(file: &Path) -> Result<String> {
    let wrong = |what: &str| Error::config(format!("`{}` {what}", file.display()));
    let mut bytes = vec![];
    let opened = File::open(file).and_then(|opened| {
        let size = opened.metadata()?.len();
        bytes.reserve(usize::try_from(size.min(LIMIT)).unwrap_or(0) + 1);
        opened.take(LIMIT + 1).read_to_end(&mut bytes)
    });
    opened.map_err(|cause| unreadable(file, &cause))?;
    if bytes.len() as u64 > LIMIT {
        return Err(wrong("is larger than 1 MiB"));
    }
    if bytes.contains(&0) {
        return Err(wrong("is not text: it has NUL bytes"));
    }
    String::from_utf8(bytes).map_err(|cause| {
        let before = &cause.as_bytes()[..cause.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        wrong(&format!("is not UTF-8 (line {line})"))
    })
}

#[cfg(test)]
mod tests;
