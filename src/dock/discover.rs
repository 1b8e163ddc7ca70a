//! The only reader of `bb-dock/`: folders → [`Dock`]s.
//!
//! Does not know what the files mean, except the settings in `dock.toml`. `Buildconfig.sh` is not
//! run. One `readdir` for each folder, and only the small files that are needed are
//! opened, for this runs before every other thing that `bb` does.

#![expect(clippy::disallowed_methods, reason = "the only reader of `bb-dock/`")]

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::fs::{DirEntry, FileType};
use std::path::{Path, PathBuf};

use super::settings::DockSettings;
use super::{buildconfig, settings};
use crate::base::error::{Error, Result};
use crate::base::ids::DockName;
use crate::base::limits::{Limit, Limits};
use crate::base::open::{Ground, not_a_file, unreadable};
use crate::dockerfile::render::{Markers, Rendered};

const TEMPLATE: &str = "Dockerfile.template";
const JINJA: &str = "Dockerfile.j2";
/// What is compiled, in every dock.
pub(crate) const BUILDCONFIG: &str = "Buildconfig.sh";
const SETTINGS: &str = "dock.toml";
const IGNORE: &str = ".dockerignore";
/// The script that tests an image.
pub(crate) const TEST_SCRIPT: &str = "test.sh";
/// What `bb` itself reads of a dock.
const READ_HERE: [&str; 6] = [TEMPLATE, JINJA, BUILDCONFIG, SETTINGS, IGNORE, TEST_SCRIPT];

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
    /// Its text; none: there is none.
    pub settings_text: Option<String>,
    /// Everything in the folder, sorted by bytes.
    pub files: Vec<FileEntry>,
    /// The text of `.dockerignore`.
    pub ignore: Option<String>,
}

impl Dock {
    /// The Dockerfile.
    ///
    /// # Errors
    /// A `Dockerfile.j2` that cannot be rendered.
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

/// The names of the folders in the docks' folder that are docks, sorted by bytes. What is opened is on the project's
/// `ground`.
///
/// # Errors
/// Exit 3: there is no such folder, it cannot be read, or a link in it leads out of the project.
pub fn names(root: &Path, ground: &Ground) -> Result<Vec<OsString>> {
    ground.check(root)?;
    let entries = fs::read_dir(root).map_err(|cause| no_root(root, &cause))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|cause| unreadable(root, &cause))?;
        let skipped = matches!(entry.file_name().as_encoded_bytes().first(), Some(b'.' | b'_'));
        if !skipped && is_folder(&entry)? {
            // Only a link can lead elsewhere.
            if file_type(&entry)?.is_symlink() {
                ground.check(&entry.path())?;
            }
            names.insert(entry.file_name());
        }
    }
    Ok(Vec::from_iter(names))
}

fn no_root(root: &Path, cause: &std::io::Error) -> Error {
    if cause.kind() == std::io::ErrorKind::NotFound {
        let message = format!("there is no folder `{}`", root.display());
        return Error::config(message).hint("`bb new NAME` makes it, with a first dock in it");
    }
    unreadable(root, cause)
}

fn file_type(entry: &DirEntry) -> Result<FileType> {
    entry.file_type().map_err(|cause| unreadable(&entry.path(), &cause))
}

/// A folder, or a link to one.
fn is_folder(entry: &DirEntry) -> Result<bool> {
    let kind = file_type(entry)?;
    Ok(kind.is_dir() || kind.is_symlink() && entry.path().is_dir())
}

/// The dock in one of the folders. What is walked and opened is on the project's `ground`.
///
/// # Errors
/// Exit 3: the dock is not as it should be, or a link in it leads out of the project.
pub fn dock(root: &Path, name: &OsStr, ground: &Ground) -> Result<Dock> {
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
    // Only to say here, and not in the builder's log, that it cannot be meant so.
    buildconfig::check(&buildconfig_file, &read(&buildconfig_file, ground)?)?;
    let settings = optional((&dir, &files), SETTINGS, ground)?;
    let parsed = settings.as_ref().map(|(file, text)| settings::parse(file, text));
    Ok(Dock {
        template: read(&template_file, ground)?,
        settings: parsed.transpose()?.unwrap_or_default(),
        settings_text: settings.map(|(_, text)| text),
        ignore: optional((&dir, &files), IGNORE, ground)?.map(|(_, text)| text),
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
    within(dir, Limit::Depth, inside.components().count())?;
    within(dir, Limit::Entries, found.len())?;
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

/// A folder that goes on and on would take all of the stack, or of the memory.
fn within(dir: &Path, limit: Limit, value: usize) -> Result<()> {
    let found = Limits::default().check(limit, value as u64);
    found.map_err(|e| Error::config(format!("`{}` has {e}", dir.display())))
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
    } else if READ_HERE.iter().any(|name| path == Path::new(name)) {
        // Passed over, as in the rest of a dock, it would be as if somebody had not written it.
        return Err(not_a_file(&entry.path(), kind));
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

fn optional(
    (dir, files): (&Path, &[FileEntry]),
    name: &str,
    ground: &Ground,
) -> Result<Option<(PathBuf, String)>> {
    if !has(files, name) {
        return Ok(None);
    }
    let file = dir.join(name);
    read(&file, ground).map(|text| Some((file, text)))
}

/// The text of a small file.
fn read(file: &Path, ground: &Ground) -> Result<String> {
    let text = ground.text(file, Limit::FileSize);
    let text = text.map_err(|refused| refused.or(|cause| unreadable(file, cause)))?;
    if text.contains('\0') {
        let message = format!("`{}` is not text: it has NUL bytes", file.display());
        return Err(Error::config(message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
