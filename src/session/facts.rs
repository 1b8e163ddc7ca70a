//! What the plan has to know of a dock, from its files.
//!
//! Opens none of them: `dock` has read what is read. Looks only where links lead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use litemap::LiteMap;

use crate::base::error::{Error, Result};
use crate::base::ids::DockName;
use crate::base::limits::{Limit, Limits};
use crate::base::open::Ground;
use crate::base::patterns::Pattern;
use crate::base::reference::spelling;
use crate::dock::discover::{FileKind, TEST_SCRIPT};
use crate::dock::{Dock, FileEntry, Visible, context};
use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::{
    CopySource, Known, Markers, Parent, ParentKind, Rendered, Role, Source, Template, template,
};
use crate::plan::DockFacts;
use crate::plan::step::DockContext;

/// What docks leave to those that are built on them. One that cannot be read tells so itself.
pub(super) fn triggers<'a>(
    docks: impl Iterator<Item = &'a Dock>,
    markers: &Markers,
) -> BTreeMap<DockName, Vec<String>> {
    let word = "onbuild";
    let may_have = |text: &str| {
        let mut windows = text.as_bytes().windows(word.len());
        windows.any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
    };
    let of = |dock: &Dock| {
        let rendered = dock.render(markers).ok()?;
        let triggers = template::triggers(&rendered).ok()?;
        (!triggers.is_empty()).then(|| (dock.name.clone(), triggers))
    };
    docks.filter(|d| d.is_jinja || may_have(&d.template)).filter_map(of).collect()
}

/// What the plan has to know of a dock.
pub(super) fn facts(dock: &Dock, known: Known<'_>, ground: &Ground) -> Result<DockFacts> {
    let rendered = dock.render(known.markers)?;
    let template = template::parse(&rendered, known)?;
    let external = |kind: &ParentKind| match kind {
        ParentKind::External(reference) => Some(spelling(reference)),
        _ => None,
    };
    let externals = template.parents.iter().filter_map(|p| external(&p.target));
    Ok(DockFacts {
        name: dock.name.clone(),
        dir: dock.dir.clone(),
        template: dock.template_file.clone(),
        template_files: followed(dock.template_file.clone()),
        jinja: dock.is_jinja,
        parents: template.docks().into_iter().cloned().collect(),
        references: references(&template),
        base_reference: template.base().map(|parent| parent.reference.clone()),
        labels: dock.settings.labels.clone(),
        base: template.base().and_then(|parent| parent.target.dock().cloned()),
        layers: layers(&template),
        externals: externals.collect::<BTreeSet<_>>().into_iter().collect(),
        has_rootfs: template.uses_rootfs,
        has_run: template.has_run,
        run: dock.settings.run,
        fetch: dock.settings.rootfs.fetch.clone(),
        rootfs_files: rootfs_files(dock, ground)?,
        context: context(dock, &template, &rendered)?,
        memory: dock.settings.memory,
        budget: dock.settings.size_budget,
        allowed: dock.settings.audit.allow.clone(),
        checks: dock.settings.test.clone(),
        test_files: test_files(dock, ground)?,
        markers: used_markers(dock, known.markers),
    })
}

/// The docks that a Dockerfile names, by how it does.
fn references(template: &Template) -> LiteMap<String, DockName> {
    let named = template.parents.iter();
    named.filter_map(|p| Some((p.reference.clone(), p.target.dock()?.clone()))).collect()
}

/// How many layers of its own an image has at least: each `COPY` and `ADD` of the last stage is one.
fn layers(template: &Template) -> u64 {
    let stages = template.parents.iter().filter(|p| p.role == Role::From).count();
    let mounted = |copy: &&CopySource| matches!(copy.source, Source::Mounted(_));
    let copies = template.copies.iter().filter(|copy| !mounted(copy));
    let last = copies.filter(|copy| copy.stage + 1 == stages);
    last.map(|copy| copy.instruction).collect::<BTreeSet<_>>().len() as u64
}

/// The error of a dock that stands on more than an engine can stack, at its last FROM.
pub(super) fn too_high(dock: &Dock, known: Known<'_>) -> Result<Error> {
    let rendered = dock.render(known.markers)?;
    let template = template::parse(&rendered, known)?;
    let span = template.base().map_or(0..0, |parent| parent.span.clone());
    let most = Limits::default().of(Limit::Layers);
    let message = format!("`{}` would have more than {most} layers with those below it", dock.name);
    let hint = "engines stack no more: put what several docks add into one of them";
    Ok(rendered.mistake(message, &span).hint(hint))
}

fn rootfs_files(dock: &Dock, ground: &Ground) -> Result<Vec<PathBuf>> {
    let mut files = vec![dock.buildconfig_file.clone()];
    for pattern in &dock.settings.rootfs.inputs {
        let compiled = Pattern::new(pattern).map_err(|why| {
            let file = dock.dir.join("dock.toml");
            let shown = pattern.chars().take(80).collect::<String>();
            Error::config(format!("`{shown}` in `{}` is not a pattern: {why}", file.display()))
        })?;
        let listed = dock.files.iter().filter(|f| f.kind != FileKind::Folder);
        let matching = listed.filter(|f| compiled.matches(&f.path));
        files.extend(matching.map(|f| dock.dir.join(&f.path)));
    }
    let files = files.into_iter().map(|file| followed_on(ground, file));
    let mut files = files.collect::<Result<Vec<_>>>()?.concat();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The script that tests the image, where the dock has one.
fn test_files(dock: &Dock, ground: &Ground) -> Result<Vec<PathBuf>> {
    let has = dock.files.iter().any(|file| file.path == Path::new(TEST_SCRIPT));
    if has { followed_on(ground, dock.dir.join(TEST_SCRIPT)) } else { Ok(vec![]) }
}

/// More links than this in one path are a circle.
const MAX_LINKS: usize = 40;

/// A file, and where it is a link all that the link leads to: who reads it reads what is at the end.
pub(super) fn followed(file: PathBuf) -> Vec<PathBuf> {
    let mut files = vec![file];
    while let Some(target) = files.last().and_then(|f| f.read_link().ok())
        && files.len() <= MAX_LINKS
    {
        let from = files.last().and_then(|f| f.parent()).unwrap_or(Path::new(""));
        files.push(from_project(&from.join(target)));
    }
    files
}

/// The same, of a file that somebody will open: what it leads to is where it may be.
pub(super) fn followed_on(ground: &Ground, file: PathBuf) -> Result<Vec<PathBuf>> {
    ground.check(&file)?;
    Ok(followed(file))
}

/// The same path without links and `..` in its folders, below the project where it is inside.
fn from_project(path: &Path) -> PathBuf {
    let Some((folder, name)) = path.parent().zip(path.file_name()) else { return path.to_owned() };
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let Ok(folder) = folder.canonicalize() else { return path.to_owned() };
    let here = Path::new(".").canonicalize().unwrap_or_default();
    folder.strip_prefix(&here).unwrap_or(&folder).join(name)
}

/// What `bb` puts into the context itself.
const MADE: [&str; 2] = ["Dockerfile", "rootfs.tar"];

fn context(dock: &Dock, template: &Template, rendered: &Rendered) -> Result<DockContext> {
    let file = dock.dir.join(".dockerignore");
    let ignore = Ignore::parse(&file, dock.ignore.as_deref().unwrap_or_default())?;
    let made = if template.uses_rootfs { &MADE[..] } else { &MADE[..1] };
    let visible = Visible { files: &dock.files, made, ignore: &ignore };
    let seen = context::select(rendered, &template.copies, visible)?;
    let paths = |files: &[&FileEntry]| files.iter().map(|f| f.path.clone()).collect::<Vec<_>>();
    let is_elsewhere = |p: &Parent| matches!(p.target, ParentKind::External(_));
    let bases = template.parents.iter().filter(|p| p.role == Role::From && is_elsewhere(p));
    let bases = bases.map(|p| p.reference.clone()).collect::<Vec<_>>();
    let mut rest = vec![];
    if !bases.is_empty() {
        let seen = seen.files.iter().map(|file| &file.path).collect::<BTreeSet<_>>();
        rest = paths(&context::everything(visible));
        rest.retain(|path| !seen.contains(path));
    }
    Ok(DockContext {
        files: paths(&seen.files),
        folders: paths(&seen.folders),
        bases,
        rest,
        made: seen.made.iter().map(|name| (*name).to_owned()).collect(),
        hidden: hidden(template, rendered, visible)?,
    })
}

/// The made files that would be copied if no ignore file kept them out.
fn hidden(template: &Template, rendered: &Rendered, visible: Visible<'_>) -> Result<Vec<String>> {
    if !visible.made.iter().any(|name| visible.ignore.excludes(name)) {
        return Ok(vec![]);
    }
    let all = Visible { ignore: &Ignore::default(), ..visible };
    let seen = context::select(rendered, &template.copies, all)?.made;
    let hidden = seen.into_iter().filter(|name| visible.ignore.excludes(name));
    Ok(hidden.map(str::to_owned).collect())
}

/// Only markers that the template mentions: another one's value does not dirty it.
fn used_markers(dock: &Dock, markers: &Markers) -> LiteMap<String, String> {
    let mentions = |name: &str| dock.is_jinja || dock.template.contains(&format!("${{{name}}}"));
    let used = markers.iter().filter(|(name, _)| mentions(name));
    used.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
