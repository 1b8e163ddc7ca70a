//! Which files of a dock its image can see: the sources of COPY, ADD and mounts, less `.dockerignore`.
//!
//! Reads no file: names in, names out. `Buildconfig.sh`, the template or a README are in only where
//! a source matches them, as with `COPY .`.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;

use bstr::{BStr, BString, ByteSlice};

use super::discover::{FileEntry, FileKind};
use crate::base::error::{Error, Result};
use crate::base::name;
use crate::dockerfile::glob::{BAD_PATTERN_HINT, Glob, clean, clean_name, is_pattern};
use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::render::Rendered;
use crate::dockerfile::template::{CopySource, Source};

/// What a Dockerfile's sources may find.
#[derive(Debug, Clone, Copy)]
pub struct Visible<'a> {
    /// All of the dock.
    pub files: &'a [FileEntry],
    /// What `bb` puts beside them, in place of files of the same names.
    pub made: &'a [&'a str],
    /// What of both is kept out.
    pub ignore: &'a Ignore,
}

/// What an image sees of its dock, sorted by bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection<'a> {
    /// Files, links, and folders whose modes are in the image.
    pub files: Vec<&'a FileEntry>,
    /// Folders that only have to be there: what is in them is copied, they are not.
    pub folders: Vec<&'a FileEntry>,
    /// Which of the made files are in what is copied, besides a source that is `rootfs.tar` itself.
    pub made: Vec<&'a str>,
}

/// What the sources match. `source` is the Dockerfile that they are from.
///
/// Links that a source names are followed inside the dock, as Docker does; links in a copied folder
/// are not. A source that matches nothing is an error, unless it is a pattern and another source of
/// the same instruction matches something.
///
/// # Errors
/// A source matches nothing, or is a pattern that cannot be read: with its place in the Dockerfile.
pub fn select<'a>(
    source: &Rendered,
    copies: &[CopySource],
    visible: Visible<'a>,
) -> Result<Selection<'a>> {
    let context = Context::new(visible);
    let (mut seen, mut fruitful, mut barren) = (BTreeMap::new(), BTreeSet::new(), vec![]);
    for copy in copies {
        let found = context.find(copy, source)?;
        if found.is_empty() && needs_files(&copy.source) {
            barren.push(copy);
        } else {
            fruitful.insert(copy.instruction);
        }
        for Seen { at, counts } in found {
            *seen.entry(at).or_default() |= counts;
        }
    }
    let optional = |copy: &CopySource| is_glob(copy) && fruitful.contains(&copy.instruction);
    if let Some(copy) = barren.into_iter().find(|copy| !optional(copy)) {
        return Err(context.no_match(copy, source));
    }
    let mut selection = Selection::default();
    for (at, counts) in seen {
        let list = if counts { &mut selection.files } else { &mut selection.folders };
        list.extend(visible.files.get(at));
        selection.made.extend(at.checked_sub(visible.files.len()).map(|made| visible.made[made]));
    }
    Ok(selection)
}

/// All that is not kept out.
pub fn everything(visible: Visible<'_>) -> Vec<&FileEntry> {
    let context = Context::new(visible);
    let seen = context.files.iter().zip(visible.files).filter(|(file, _)| file.visible);
    seen.map(|(_, entry)| entry).collect()
}

fn needs_files(source: &Source) -> bool {
    matches!(source, Source::Path(path) | Source::Mounted(path) if !rooted(path).is_empty())
}

fn is_glob(copy: &CopySource) -> bool {
    matches!(&copy.source, Source::Path(path) if is_pattern(path))
}

/// The path counted from the dock's folder, which is Docker's `/`.
fn rooted(path: &str) -> String {
    clean(&format!("/{path}"))
}

struct Context<'a> {
    /// Those of the dock, then those that are made.
    files: Vec<File<'a>>,
    /// Numbers of the visible links, by path.
    links: BTreeMap<&'a BStr, usize>,
}

#[derive(Clone, Copy)]
struct File<'a> {
    path: &'a BStr,
    /// Where a link leads.
    target: Option<&'a BStr>,
    is_folder: bool,
    /// Does `.dockerignore` let it through?
    visible: bool,
}

/// A file that a source matches, by number.
struct Seen {
    at: usize,
    /// Is it copied itself, and not only what is in it?
    counts: bool,
}

/// More links than this in one path are a circle.
const MAX_LINKS: usize = 40;

impl<'a> Context<'a> {
    fn new(visible: Visible<'a>) -> Self {
        let own = visible.files.iter().map(|entry| file(entry, visible));
        let made = visible.made.iter().map(|name| File {
            path: name.as_bytes().as_bstr(),
            target: None,
            is_folder: false,
            visible: !visible.ignore.excludes(name),
        });
        let files = own.chain(made).collect::<Vec<_>>();
        let links = files.iter().enumerate().filter(|(_, f)| f.visible && f.target.is_some());
        Self { links: links.map(|(at, file)| (file.path, at)).collect(), files }
    }

    /// The files that one source matches.
    fn find(&self, copy: &CopySource, source: &Rendered) -> Result<Vec<Seen>> {
        match &copy.source {
            Source::Rootfs | Source::Url(_) => Ok(vec![]),
            Source::Everything => Ok(self.visible(|_| Some(true))),
            Source::Path(path) if is_pattern(path) => {
                let (folder, pattern) = split_pattern(path);
                let glob = Glob::new(&pattern, copy.parents).ok_or_else(|| {
                    let place = source.place(copy.span.clone());
                    let error = Error::config(format!("`{path}` is not a pattern"));
                    error.at(place).hint(BAD_PATTERN_HINT)
                })?;
                Ok(self.globbed(&folder, &glob, copy.parents))
            }
            Source::Path(path) | Source::Mounted(path) => {
                Ok(self.under(rooted(path).as_bytes(), copy.parents))
            }
        }
    }

    /// The visible files that match, with whether they are copied themselves.
    fn visible(&self, matches: impl Fn(&File<'a>) -> Option<bool>) -> Vec<Seen> {
        let visible = self.files.iter().enumerate().filter(|(_, file)| file.visible);
        visible.filter_map(|(at, file)| Some(Seen { at, counts: matches(file)? })).collect()
    }

    /// A file, or all of a folder, with the links on the way to it. `with_parents`: also with the folders.
    fn under(&self, path: &[u8], with_parents: bool) -> Vec<Seen> {
        let (path, mut found) = self.resolve(path);
        found.extend(self.visible(|file| {
            let rest = inside(file.path, &path);
            let itself = file.is_folder && rest.is_some_and(|rest| rest.is_empty());
            let on_the_way = with_parents && file.is_folder && is_above(file.path, &path);
            (rest.is_some() || on_the_way).then_some(with_parents || !itself)
        }));
        found
    }

    /// What matches in a folder, and what the matching links lead to.
    fn globbed(&self, folder: &str, glob: &Glob, with_parents: bool) -> Vec<Seen> {
        let (folder, mut found) = self.resolve(folder.as_bytes());
        let direct = self.visible(|file| {
            let path = inside(file.path, &folder).filter(|path| !path.is_empty())?;
            let itself = file.is_folder && !path.find_iter("/").any(|at| glob.matches(&path[..at]));
            glob.matches_or_parent(path).then_some(with_parents || !itself)
        });
        let links = direct.iter().map(|seen| &self.files[seen.at]).filter(|file| {
            let path = inside(file.path, &folder).unwrap_or_default();
            file.target.is_some() && glob.matches(path)
        });
        found.extend(links.flat_map(|link| self.under(link.path, false)));
        if with_parents {
            let matching = direct.iter().map(|seen| self.files[seen.at].path);
            let matching = matching.collect::<Vec<_>>();
            let above = |file: &File<'_>| matching.iter().any(|path| is_above(file.path, path));
            found.extend(self.visible(|file| (file.is_folder && above(file)).then_some(true)));
        }
        found.extend(direct);
        found
    }

    /// The path with all links in it followed, and these links.
    fn resolve(&self, path: &[u8]) -> (BString, Vec<Seen>) {
        let (mut path, mut passed) = (BString::from(path), vec![]);
        while let Some((link, rest)) = self.first_link(&path) {
            passed.push(Seen { at: link, counts: true });
            if passed.len() > MAX_LINKS {
                break;
            }
            let file = &self.files[link];
            let folder = file.path.rsplit_once_str("/").map_or(&b""[..], |(folder, _)| folder);
            let target = file.target.unwrap_or_default();
            path = match target.strip_prefix(b"/") {
                Some(target) => clean_name([b"/", target, b"/", rest].concat()),
                None => clean_name([b"/", folder, b"/", target, b"/", rest].concat()),
            };
        }
        (path, passed)
    }

    /// The first link that a path passes or ends in, and what of the path follows it.
    fn first_link<'p>(&self, path: &'p [u8]) -> Option<(usize, &'p [u8])> {
        let mut ends = path.find_iter("/").map(|at| (at, at + 1)).chain([(path.len(), path.len())]);
        ends.find_map(|(end, rest)| Some((*self.links.get(path[..end].as_bstr())?, &path[rest..])))
    }

    fn no_match(&self, copy: &CopySource, source: &Rendered) -> Error {
        let (Source::Path(path) | Source::Mounted(path)) = &copy.source else {
            return Error::bug("a source without a path");
        };
        let place = source.place(copy.span.clone());
        let error = Error::config(format!("`{path}` matches no file of the dock")).at(place);
        let all = Context {
            files: self.files.iter().map(|f| File { visible: true, ..*f }).collect(),
            links: self.links.clone(),
        };
        if all.find(copy, source).is_ok_and(|found| !found.is_empty()) {
            return error.hint("`.dockerignore` keeps it out");
        }
        if copy.triggered {
            return error.hint("an `ONBUILD` of the image that it is built on copies it");
        }
        let wanted = rooted(path);
        let near = |file: &&File<'_>| strsim::jaro_winkler(&name::text(file.path), &wanted);
        let best = self.files.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
        match best.filter(|best| near(best) > 0.85) {
            Some(best) => error.hint(format!("did you mean `{}`?", name::text(best.path))),
            None => error.hint("paths are counted from the dock's folder"),
        }
    }
}

fn file<'a>(entry: &'a FileEntry, visible: Visible<'_>) -> File<'a> {
    let path = entry.path.as_os_str().as_bytes().as_bstr();
    let target = match &entry.kind {
        FileKind::Link(target) => Some(target.as_os_str().as_bytes().as_bstr()),
        FileKind::File | FileKind::EmptyFolder | FileKind::Folder => None,
    };
    let is_folder = matches!(entry.kind, FileKind::EmptyFolder | FileKind::Folder);
    let replaced = visible.made.iter().any(|made| path == made);
    File { path, target, is_folder, visible: !replaced && !visible.ignore.excludes(path) }
}

/// The folder before the first part that is a pattern, and the rest.
fn split_pattern(path: &str) -> (String, String) {
    let path = rooted(path);
    let first = path.find(['*', '?', '[']).unwrap_or(0);
    match path[..first].rfind('/') {
        Some(slash) => (path[..slash].to_owned(), path[slash + 1..].to_owned()),
        None => (String::new(), path),
    }
}

/// The rest of a path that is, or is in, a folder.
fn inside<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p BStr> {
    if folder.is_empty() {
        return Some(path.into());
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some(rest.into()) } else { Some(rest.strip_prefix(b"/")?.into()) }
}

/// Is this the path of a folder that another path is in?
fn is_above(folder: &[u8], path: &[u8]) -> bool {
    inside(path, folder).is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests;
