//! `bb missing`: build only the images that the engine does not have.

use std::path::Path;
use std::time::Instant;

use crate::base::error::Result;
use crate::base::ids::Kind;
use crate::cli::args::complete;
use crate::cli::io::message::tell;
use crate::cli::session::Asking;
use crate::cli::verbs::build::How;
use crate::cli::verbs::{build, notes, status};
use crate::cli::{Look, session};
use crate::exec::job;
use crate::fresh::Inventory;
use crate::plan::select::{Scope, Wish};
use crate::plan::{Plan, select};
use crate::report::Message;

/// Build only the images that the engine does not have; whatever else has changed stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb missing            # after the engine has lost images
  bb missing --dry-run  # what would be built")]
pub(in crate::cli) struct Args {
    /// Names of images: those and what they stand on (default: all but the excluded ones)
    #[arg(add = complete::images())]
    images: Vec<String>,
    #[command(flatten)]
    how: How,
}

impl Args {
    /// Whether messages are for a program.
    pub(in crate::cli) fn json(&self) -> bool {
        self.how.json()
    }
}

pub(in crate::cli) async fn missing(args: Args, state: &Path, look: Look) -> Result<u8> {
    let begun = Instant::now();
    let env = session::environment();
    let project = args.how.project(&env, state)?;
    let store = project.store();
    let asking = Asking::begin(&env, &store);
    let images = |plan: &Plan| select::select(plan, &args.images, &project.settings.exclude);
    let plan = if args.how.dry_run {
        session::locked_plan(&project)?
    } else {
        session::plan(&project, args.how.offline, look, images).await?.1
    };
    let plan = images(&plan)?;
    let asked = asking.answer().await?;
    let (images, lacking) = lacking(&plan, &asked.inventory);
    if lacking.is_empty() {
        tell(look, &Message::NothingMissing { images: &images });
        return Ok(0);
    }
    let wish = Wish { names: &lacking, exclude: &[], again: None };
    let scope = Scope::new(&plan, wish, |dock| !lacking.iter().any(|name| name == dock))?;
    if args.how.dry_run {
        let standings = job::standings_of(&scope, &store, &asked.inventory)?;
        status::planned(&scope.plan, &standings, look);
        return Ok(0);
    }
    notes::begin(&project.settings, look);
    let ran = build::run(&args.how, look, &project, &asked, &scope).await?;
    Ok(build::end(&ran, begun, &store, look))
}

/// How many images there are, in words, and which of them the engine does not have.
fn lacking(plan: &Plan, inventory: &Inventory) -> (String, Vec<String>) {
    let steps = plan.order().iter().map(|ix| plan.step(*ix));
    let images = steps.filter(|step| step.id.kind == Kind::Image).collect::<Vec<_>>();
    let count = match images.len() {
        1 => "the only image".to_owned(),
        many => format!("all {many} images"),
    };
    let has = |object| inventory.id(object).is_some();
    let lacking = images.iter().filter(|step| !step.objects.iter().all(has));
    (count, lacking.map(|step| step.id.name.clone()).collect())
}
