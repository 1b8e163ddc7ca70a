//! `bb catalogue`: what is built, for people who choose an image. Needs no engine and builds nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::base::limits::Limit;
use crate::base::{diag, given, read};
use crate::cli::args::complete;
use crate::cli::call::Call;
use crate::cli::io::output::print_exactly;
use crate::cli::verbs::image::Found;
use crate::cli::verbs::size;
use crate::cli::{entered, say};
use crate::dock::Dock;
use crate::dock::readme::Readme;
use crate::exec::action::{chain, ledgers, summary};
use crate::exec::job::Standing;
use crate::export::catalogue::{Entry, Source, Tests, markdown, page};
use crate::image::config::Config;
use crate::image::sbom::inventory;
use crate::plan::expand::PACKAGES;
use crate::plan::results::Format;
use crate::plan::select;
use crate::plan::step::ImageWork;
use crate::session::{Judged, Options, Project};

/// Write what images there are, for people who choose one: what each is, its sizes, packages and tests.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bb catalogue -o catalogue.html   # a page that needs nothing else\n  \
    bb catalogue -o catalogue.md\n  bb catalogue nginx"
)]
pub(in crate::cli) struct Args {
    /// Names of images (default: all but the excluded ones)
    #[arg(add = complete::images())]
    images: Vec<String>,
    /// Write to this file instead of standard output: a page if its name ends in `.html`, else Markdown
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let docks = project.docks()?;
    let options = Options { images: args.images.clone(), tests: true, ..Options::default() };
    let judged = project.judge_recorded(&options)?;
    let names = names(&judged, args);
    let found = Found::of(&project, &judged.plan, &names)?;
    let errors = found.lacking(!args.images.is_empty(), call.look)?;
    for error in &errors {
        say(&diag::render(error, call.look.color));
    }
    if !errors.is_empty() {
        return Ok(1);
    }
    let file = args.output.as_deref().filter(|file| *file != Path::new("-"));
    let file = file.map(|file| call.here.join(file));
    let mut entries = vec![];
    for (name, work) in &found.built {
        let dock = docks.iter().find(|dock| dock.name.as_str() == name);
        let dock = dock.ok_or_else(|| Error::bug(format!("an image `{name}` without a dock")))?;
        let seen = Seen { project: &project, judged: &judged, dock, work };
        entries.push(seen.entry(file.as_deref()).await?);
    }
    let source = source(&project)?;
    let is_page = file.as_ref().and_then(|file| file.extension()).is_some_and(|e| e == "html");
    let text = if is_page { page(&entries, &source)? } else { markdown(&entries, &source) };
    match file {
        Some(file) => given::put(&file, text.as_bytes())?,
        None => print_exactly(&text),
    }
    Ok(0)
}

/// Names that were given are known: they were judged.
fn names(judged: &Judged, args: &Args) -> Vec<String> {
    if args.images.is_empty() {
        return select::images(&judged.plan).collect();
    }
    args.images.clone()
}

fn source(project: &Project) -> Result<Source> {
    let pinned = project.pins()?.gentoo;
    let pinned = pinned.map(|lock| (lock.stage3.timestamp.clone(), lock.portage.timestamp.clone()));
    Ok(Source { namespace: project.settings.namespace.clone(), pinned })
}

/// An image, with all that says something of it.
struct Seen<'a> {
    project: &'a Project,
    judged: &'a Judged,
    dock: &'a Dock,
    work: &'a ImageWork,
}

impl Seen<'_> {
    async fn entry(&self, file: Option<&Path>) -> Result<Entry> {
        let summary = summary(&self.work.dir)?;
        let ledger = ledgers(&self.work.dir)?.0;
        let sent = size::sent(self.project, self.work, &ledger).await?;
        let config = self.config()?;
        let elsewhere = || summary.elsewhere.as_ref().map(|base| base.name.clone());
        let parent = summary.base.clone().or_else(elsewhere);
        Ok(Entry {
            name: self.dock.name.to_string(),
            reference: self.work.references.first().cloned().unwrap_or_default(),
            readme: self.readme()?,
            link: self.link(file),
            sbom: self.sbom(file),
            parent: parent.unwrap_or_else(|| "nothing".to_owned()),
            size: ledger.total,
            sent: sent.map(|layers| layers.iter().sum()),
            layers: ledger.layers.len(),
            packages: self.packages()?,
            ports: config.exposed_ports.iter().cloned().collect(),
            took: self.took(),
            tests: self.tests(&config),
        })
    }

    /// Empty of an image that only its engine has.
    fn config(&self) -> Result<Config> {
        let chain = chain(&self.work.dir, &self.project.settings.limits)?;
        let top = chain.and_then(|chain| chain.into_iter().next());
        Ok(top.map(|top| top.config.config.clone()).unwrap_or_default())
    }

    fn readme(&self) -> Result<Readme> {
        let path = self.dock.dir.join("README.md");
        match read::text(&path) {
            Ok(text) => Ok(Readme::of(&text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Readme::default()),
            Err(e) => Err(read::failed(&path, &e)),
        }
    }

    fn link(&self, file: Option<&Path>) -> String {
        let text = self.dock.dir.join("README.md");
        seen_from(file, if text.is_file() { &text } else { &self.dock.dir })
    }

    /// A page that is nowhere leads nowhere.
    fn sbom(&self, file: Option<&Path>) -> Option<String> {
        let list = self.work.dir.join(Format::CycloneDx.file());
        (file.is_some() && list.is_file()).then(|| seen_from(file, &list))
    }

    fn packages(&self) -> Result<Vec<String>> {
        let path = self.work.dir.join(PACKAGES);
        if !path.is_file() {
            return Ok(vec![]);
        }
        let packages = inventory::parse(&read::state(&path, Limit::ListSize)?);
        let malformed = |why| Error::step(format!("`{}`: {why}", path.display()));
        Ok(packages.map_err(malformed)?.iter().map(inventory::Package::cpv).collect())
    }

    fn took(&self) -> Option<Duration> {
        let store = self.project.store();
        let of = |kind| store.record(&StepId::new(kind, self.dock.name.as_str()));
        let image = of(Kind::Image)?.duration_ms;
        let rootfs = of(Kind::Rootfs).map_or(0, |record| record.duration_ms);
        Some(Duration::from_millis(image.saturating_add(rootfs)))
    }

    fn tests(&self, config: &Config) -> Tests {
        let checks = &self.dock.settings.test;
        let script = self.dock.files.iter().any(|file| file.path == Path::new("test.sh"));
        let kinds = vec![
            (usize::from(config.healthcheck.is_some()), "health check"),
            (checks.process.len(), "process"),
            (checks.port.len(), "port"),
            (checks.command.len(), "command"),
            (usize::from(script), "script"),
        ];
        let id = StepId::new(Kind::Test, self.dock.name.as_str());
        let is_it = |ix| self.judged.plan.step(ix).id == id;
        let standing = self.judged.standings.iter().find(|(ix, _)| is_it(*ix));
        Tests { kinds, passed: standing.is_some_and(|(_, s)| matches!(s, Standing::Fresh)) }
    }
}

/// The way from a file to another; where the first is nowhere, the path as the user would type it.
fn seen_from(file: Option<&Path>, path: &Path) -> String {
    let folder = file.and_then(Path::parent).and_then(|folder| folder.canonicalize().ok());
    let there = path.canonicalize().ok();
    let way = folder.zip(there).map(|(from, to)| leading(&from, &to));
    way.unwrap_or_else(|| path.to_owned()).display().to_string()
}

/// The way from one folder to a path.
fn leading(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| "..");
    up.map(PathBuf::from).chain([to.components().skip(common).collect()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_up_to_what_is_common_and_down_again() {
        let way = |from, to| leading(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(way("/a/doc", "/a/bb-dock/x"), "../bb-dock/x");
        assert_eq!(way("/a", "/a/b"), "b");
        assert_eq!(way("/a/b/c", "/d"), "../../../d");
    }
}
