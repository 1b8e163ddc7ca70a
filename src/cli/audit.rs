//! `bb audit`: what is wrong with built images, and which package brought it. Needs no engine.

use std::path::{Path, PathBuf};

use crate::audit::contents::Owners;
use crate::audit::{Allowance, Finding, Subject, audit, less_allowed};
use crate::cli::{image, print, say, session};
use crate::dock::Dock;
use crate::error::{Error, Result};
use crate::exec::action::summary;
use crate::plan::step::ImageWork;
use crate::plan::{Plan, select};
use crate::project::Project;
use crate::world::archive::{bundle, listing, sysroot};

/// Look for what does not belong into an image.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names of images (default: all but the excluded ones)
    images: Vec<String>,
}

pub(super) fn run(args: &Args, state: &Path) -> Result<u8> {
    let project = Project::load(&session::environment(), state)?;
    let docks = project.docks()?;
    let plan = session::locked_plan(&project)?;
    let names = names(&plan, args, &project.settings.exclude)?;
    let mut count = 0;
    for name in &names {
        let work = image::built(&project, &plan, name)?;
        let (findings, owners) = findings(name, &work, &docks)?;
        count += findings.len();
        for finding in &findings {
            print(&line(name, finding, &owners));
        }
    }
    let of = match names.len() {
        1 => "1 image".to_owned(),
        many => format!("{many} images"),
    };
    match count {
        0 => say(&format!("nothing found in {of}\n")),
        _ => say(&format!("{count} found in {of}; what is meant so goes into its `dock.toml`\n")),
    }
    Ok(u8::from(count > 0))
}

fn names(plan: &Plan, args: &Args, exclude: &[String]) -> Result<Vec<String>> {
    for name in args.images.iter().chain(exclude) {
        select::image(plan, name)?;
    }
    if !args.images.is_empty() {
        return Ok(args.images.clone());
    }
    Ok(select::images(plan).filter(|name| !exclude.contains(name)).collect())
}

/// What is left after what is allowed, and whose the files are.
fn findings(name: &str, work: &ImageWork, docks: &[Dock]) -> Result<(Vec<Finding>, Owners)> {
    let chain = image::archives(name, work)?;
    let tree = bundle::tree(&chain)?;
    let subject = Subject { tree: &tree, read: &listing::read };
    let found = audit(subject).map_err(|left| Error::step(left.why()))?;
    let mut folders = folders(&work.dir)?;
    let of = |folder: &PathBuf| {
        let dock = docks.iter().find(|dock| folder.ends_with(dock.name.as_str()));
        dock.map_or(&[][..], |dock| &dock.settings.audit.allow)
    };
    let inherited = folders[1..].iter().flat_map(of).cloned().collect::<Vec<Allowance>>();
    let found = less_allowed(found, of(&folders[0]), &inherited);
    folders.retain(|folder| folder.join(SYSROOT).is_file());
    // A child's has all of its parents'.
    let owners = folders.first().map(|folder| sysroot::owners(&folder.join(SYSROOT), &tree));
    Ok((found, owners.transpose()?.unwrap_or_default()))
}

const SYSROOT: &str = "sysroot.tar.zst";

/// The folders of an image's results and of those below it, itself first.
fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![dir.to_owned()];
    while let Some(base) = summary(&folders[folders.len() - 1])?.base {
        folders.push(dir.with_file_name(base));
    }
    Ok(folders)
}

fn line(image: &str, finding: &Finding, owners: &Owners) -> String {
    let Finding { path, rule, detail } = finding;
    let detail =
        Some(detail).filter(|d| !d.is_empty()).map_or(String::new(), |d| format!(" ({d})"));
    let from = owners.get(path).map_or(String::new(), |package| format!(", from {package}"));
    format!("{image}: {rule}: /{path}{detail}{from}\n")
}
