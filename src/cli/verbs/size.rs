//! `bb size`: how large built images are, by layer, package and folder. Needs no engine.

use crate::cli::call::Call;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::base::diag;
use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::base::words::{megabytes, visible};
use crate::cli::args::complete;
use crate::cli::io::output::json_text;
use crate::cli::io::terminal;
use crate::cli::verbs::image::Found;
use crate::cli::{entered, print, say};
use crate::dock::Dock;
use crate::dock::budget::Budget;
use crate::exec::action::{self, ledgers};
use crate::image::archive::compressed::local_layers;
use crate::image::size::difference::{Difference, difference};
use crate::image::size::left_out::LeftOut;
use crate::image::size::{Ledger, Sent, left_out, over_budget};
use crate::plan::expand::LEFT_OUT;
use crate::plan::step::{ImageWork, RootfsWork, Work};
use crate::plan::{Plan, select};
use crate::report::ledger;
use crate::session::Project;

/// Tell how large images are, and what of them is so large.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bb size  # all images, a line each\n  \
    bb size nginx\n  bb size nginx --diff\n  bb size --compressed  # and as they travel\n  bb size --json")]
pub(in crate::cli) struct Args {
    /// Names of images, to be told with all their parts (default: all but the excluded ones, in short)
    #[arg(add = complete::images())]
    images: Vec<String>,
    /// Compare with the last build that gave another image
    #[arg(long)]
    diff: bool,
    /// Tell what of the images' ROOTs is not in them, and by which rule
    #[arg(long, requires = "images", conflicts_with = "diff")]
    left_out: bool,
    /// Tell how many bytes travel to and from a registry, too: layers compressed by `gzip -9` and by `zstd -19`
    #[arg(long, conflicts_with_all = ["diff", "left_out"])]
    compressed: bool,
    /// As JSON, with all parts
    #[arg(long)]
    json: bool,
}

/// One image.
struct Sized {
    ledger: Ledger,
    budget: Option<Budget>,
    before: Option<Difference>,
    /// What each of its layers is on its way, where that was asked for and is known.
    sent: Option<Vec<Sent>>,
}

impl Sized {
    fn over(&self) -> Option<Error> {
        self.budget.and_then(|budget| over_budget(&self.ledger, budget))
    }

    fn as_json(&self, diff: bool) -> serde_json::Value {
        let mut value = json!(self.ledger);
        value["budget"] = json!(self.budget.map(|budget| budget.0));
        if diff {
            value["difference"] = json!(self.before);
        }
        if let Some(layers) = &self.sent {
            value["sent"] = json!(layers.iter().sum::<Sent>());
            value["sent"]["layers"] = json!(layers);
        }
        value
    }
}

/// Exits 1 if an image is larger than its dock allows, or one that was named is not built: the others are told all
/// the same.
pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let docks = project.docks()?;
    let plan = project.plan()?;
    let names = names(&plan, args, &project.settings.exclude)?;
    let found = Found::of(&project, &plan, &names)?;
    let mut errors = found.lacking(!args.images.is_empty(), call.look)?;
    if args.left_out {
        print(&left_out(&plan, &found, args.json)?);
    } else {
        let sized = found.built.iter().map(|(_, work)| sized(&docks, work));
        let mut sized = sized.collect::<Result<Vec<_>>>()?;
        if args.compressed {
            for (one, (_, work)) in sized.iter_mut().zip(&found.built) {
                one.sent = sent(&project, work, &one.ledger).await?;
            }
        }
        print(&text(&sized, args)?);
        errors.extend(sized.iter().filter_map(Sized::over));
    }
    for error in &errors {
        say(&diag::render(error, call.look.color));
    }
    Ok(u8::from(!errors.is_empty()))
}

/// What was left out of images and of those below them, each by itself: a child does not leave out again what its
/// parent has.
fn left_out(plan: &Plan, images: &Found, json: bool) -> Result<String> {
    let mut found = BTreeMap::new();
    for (name, _) in &images.built {
        let mut next = Some(StepId::new(Kind::Rootfs, name));
        while let Some(work) = next.and_then(|id| rootfs_of(plan, &id)) {
            found.insert(work.name.to_string(), list(&work.dir)?);
            next =
                work.parent.as_ref().map(|(parent, _)| StepId::new(Kind::Rootfs, parent.as_str()));
        }
    }
    if json {
        let one = |(image, list)| json!({ "image": image, "left_out": list });
        return json_text(&found.iter().map(one).collect::<Vec<_>>());
    }
    let texts = found.iter().map(|(image, list)| ledger::left_out(image, list));
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

fn rootfs_of<'a>(plan: &'a Plan, id: &StepId) -> Option<&'a RootfsWork> {
    match &plan.step(plan.find(id)?).work {
        Work::Rootfs(work) => Some(work),
        _ => None,
    }
}

/// What the builder has left out. `dir` is the folder of an image's results.
fn list(dir: &Path) -> Result<Vec<LeftOut>> {
    let path = dir.join(LEFT_OUT);
    let bytes =
        std::fs::read(&path).map_err(|e| Error::file("read", &path, &e).hint("run `bb build`"))?;
    let malformed =
        || Error::step(format!("`{}` is malformed", path.display())).hint("run `bb build`");
    left_out::parse(&bytes).ok_or_else(malformed)
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

fn sized(docks: &[Dock], work: &ImageWork) -> Result<Sized> {
    let (ledger, previous) = ledgers(&work.dir)?;
    let before = previous.map(|previous| difference(&previous, &ledger));
    let dock = docks.iter().find(|dock| dock.name == work.name);
    let budget = dock.and_then(|dock| dock.settings.size_budget);
    Ok(Sized { ledger, budget, before, sent: None })
}

/// Nothing of an image that only its engine has.
pub(in crate::cli) async fn sent(
    project: &Project,
    work: &ImageWork,
    ledger: &Ledger,
) -> Result<Option<Vec<Sent>>> {
    let Some(chain) = action::chain(&work.dir, &project.settings.limits)? else { return Ok(None) };
    let layers = local_layers(&chain)?;
    let compressing = |at: usize| {
        let name = ledger.layers.get(at).map_or("", |layer| layer.name.as_str());
        let size = layers.get(at).map_or(0, |layer| layer.content.size);
        say(&format!("compress {}, {}\n", visible(name), megabytes(size)));
    };
    project.sent(&layers, compressing).await.map(Some)
}

fn text(sized: &[Sized], args: &Args) -> Result<String> {
    if args.json {
        let all = sized.iter().map(|one| one.as_json(args.diff)).collect::<Vec<_>>();
        return json_text(&all);
    }
    if args.compressed {
        let all = sized.iter().map(|one| (&one.ledger, one.sent.as_deref()));
        let all = all.collect::<Vec<_>>();
        return Ok(ledger::compressed(&all, !args.images.is_empty()));
    }
    if args.images.is_empty() {
        let row = |one: &Sized| {
            ledger::row(&one.ledger, one.budget, args.diff.then_some(one.before.as_ref()))
        };
        return Ok(ledger::overview(&sized.iter().map(row).collect::<Vec<_>>()));
    }
    let width = terminal::width();
    let one = |one: &Sized| {
        if args.diff {
            ledger::changed(&one.ledger, one.before.as_ref(), width)
        } else {
            ledger::whole(&one.ledger, one.budget, width)
        }
    };
    Ok(sized.iter().map(one).collect::<Vec<_>>().join("\n"))
}
