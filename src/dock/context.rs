//! Which files of a dock its image can see: the sources of COPY and ADD, less `.dockerignore`.
//!
//! Reads no file: names in, names out. `Buildconfig.sh`, the template or a README are in only where
//! a source matches them, as with `COPY .`.

use std::collections::{BTreeMap, BTreeSet};

use super::discover::{FileEntry, FileKind};
use super::glob::{BAD_PATTERN_HINT, Glob, clean, is_pattern};
use super::ignore::Ignore;
use super::render::Rendered;
use super::template::{CopySource, Source};
use crate::error::{Error, Result};

/// The files that the sources match, sorted by bytes. `source` is the Dockerfile that they are from.
///
/// Links that a source names are followed inside the dock, as Docker does; links in a copied folder
/// are not. A source that matches nothing is an error, unless it is a pattern and another source of
/// the same instruction matches something.
pub fn select<'a>(
    source: &Rendered,
    copies: &[CopySource],
    files: &'a [FileEntry],
    ignore: &Ignore,
) -> Result<Vec<&'a FileEntry>> {
    let context = Context::new(files, ignore);
    let (mut seen, mut fruitful, mut barren) = (BTreeSet::new(), BTreeSet::new(), vec![]);
    for copy in copies {
        let found = context.find(copy, source)?;
        if found.is_empty() && needs_files(&copy.source) {
            barren.push(copy);
        } else {
            fruitful.insert(copy.instruction);
        }
        seen.extend(found);
    }
    let optional = |copy: &CopySource| is_glob(copy) && fruitful.contains(&copy.instruction);
    match barren.into_iter().find(|copy| !optional(copy)) {
        Some(copy) => Err(context.no_match(copy, source)),
        None => Ok(seen.into_iter().map(|at| &files[at]).collect()),
    }
}

fn needs_files(source: &Source) -> bool {
    matches!(source, Source::Path(path) if !rooted(path).is_empty())
}

fn is_glob(copy: &CopySource) -> bool {
    matches!(&copy.source, Source::Path(path) if is_pattern(path))
}

/// The path counted from the dock's folder, which is Docker's `/`.
fn rooted(path: &str) -> String {
    clean(&format!("/{path}"))
}

struct Context<'a> {
    files: Vec<File<'a>>,
    /// Numbers of the visible links, by path.
    links: BTreeMap<&'a str, usize>,
}

struct File<'a> {
    path: &'a str,
    /// Where a link leads.
    target: Option<&'a str>,
    /// Does `.dockerignore` let it through?
    visible: bool,
}

/// More links than this in one path are a circle.
const MAX_LINKS: usize = 40;

impl<'a> Context<'a> {
    fn new(entries: &'a [FileEntry], ignore: &Ignore) -> Self {
        let files: Vec<_> = entries.iter().map(|entry| file(entry, ignore)).collect();
        let links = files.iter().enumerate().filter(|(_, f)| f.visible && f.target.is_some());
        Self { links: links.map(|(at, file)| (file.path, at)).collect(), files }
    }

    /// The numbers of the files that one source matches.
    fn find(&self, copy: &CopySource, source: &Rendered) -> Result<Vec<usize>> {
        match &copy.source {
            Source::Rootfs | Source::Url(_) => Ok(vec![]),
            Source::Everything => Ok(self.visible(|_| true)),
            Source::Path(path) if is_pattern(path) => {
                let (folder, pattern) = split_pattern(path);
                let glob = Glob::new(&pattern, copy.parents).ok_or_else(|| {
                    let place = source.place(copy.span.clone());
                    let error = Error::config(format!("`{path}` is not a pattern"));
                    error.at(place).hint(BAD_PATTERN_HINT)
                })?;
                Ok(self.globbed(&folder, &glob))
            }
            Source::Path(path) => Ok(self.under(&rooted(path))),
        }
    }

    fn visible(&self, matches: impl Fn(&str) -> bool) -> Vec<usize> {
        let found = self.files.iter().enumerate().filter(|(_, f)| f.visible && matches(f.path));
        found.map(|(at, _)| at).collect()
    }

    /// A file, or all of a folder, with the links on the way to it.
    fn under(&self, path: &str) -> Vec<usize> {
        let (path, mut found) = self.resolve(path);
        found.extend(self.visible(|file| inside(file, &path).is_some()));
        found
    }

    /// What matches in a folder, and what the matching links lead to.
    fn globbed(&self, folder: &str, glob: &Glob) -> Vec<usize> {
        let (folder, mut found) = self.resolve(folder);
        let matches = |file: &str| inside(file, &folder).is_some_and(|p| glob.matches_or_parent(p));
        let direct = self.visible(matches);
        let links = direct.iter().filter(|at| {
            let file = &self.files[**at];
            let path = inside(file.path, &folder).unwrap_or_default();
            file.target.is_some() && glob.matches(path)
        });
        found.extend(links.flat_map(|at| self.under(self.files[*at].path)));
        found.extend(direct);
        found
    }

    /// The path with all links in it followed, and the numbers of these links.
    fn resolve(&self, path: &str) -> (String, Vec<usize>) {
        let (mut path, mut passed) = (path.to_owned(), vec![]);
        while let Some((link, rest)) = self.first_link(&path) {
            passed.push(link);
            if passed.len() > MAX_LINKS {
                break;
            }
            let file = &self.files[link];
            let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let target = file.target.unwrap_or_default();
            path = match target.strip_prefix('/') {
                Some(target) => rooted(&format!("{target}/{rest}")),
                None => rooted(&format!("{folder}/{target}/{rest}")),
            };
        }
        (path, passed)
    }

    /// The first link that a path passes or ends in, and what of the path follows it.
    fn first_link<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        let folders = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
        folders.chain([(path, "")]).find_map(|(p, rest)| Some((*self.links.get(p)?, rest)))
    }

    fn no_match(&self, copy: &CopySource, source: &Rendered) -> Error {
        let Source::Path(path) = &copy.source else {
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
        let near = |file: &&File<'_>| strsim::jaro_winkler(file.path, &rooted(path));
        let best = self.files.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
        match best.filter(|best| near(best) > 0.85) {
            Some(best) => error.hint(format!("did you mean `{}`?", best.path)),
            None => error.hint("paths are counted from the dock's folder"),
        }
    }
}

fn file<'a>(entry: &'a FileEntry, ignore: &Ignore) -> File<'a> {
    let path = entry.path.to_str().unwrap_or_default();
    let target = match &entry.kind {
        FileKind::Link(target) => target.to_str(),
        FileKind::File | FileKind::EmptyFolder => None,
    };
    File { path, target, visible: !ignore.excludes(path) }
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
fn inside<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests;
