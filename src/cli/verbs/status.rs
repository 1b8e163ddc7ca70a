//! `bb status`: how every step stands. Changes nothing.

use std::collections::BTreeMap;

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::args::complete;
use crate::cli::io::message::tell;
use crate::cli::verbs::build::untouched;
use crate::cli::{Look, entered, print, say};
use crate::exec::job::Standing;
use crate::plan::{Plan, Work};
use crate::report::{self, Message, short_id, table};
use crate::session::{Judged, Options};

/// List every step and whether it is up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb status
  bb status nginx
  bb status --affected HEAD
  bb status rootfs:nginx
  bb status --exit-code   # for CI: 1 if there is anything to do")]
pub(in crate::cli) struct Args {
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
    /// Only what has changed since a commit, and what stands on it
    #[arg(long, value_name = "COMMIT", conflicts_with = "images")]
    affected: Option<String>,
    /// Exit 1 if there is anything to do
    #[arg(long)]
    exit_code: bool,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let mut images = args.images.clone();
    if let Some(since) = &args.affected {
        images = project.affected(since)?;
        if images.is_empty() {
            say(&untouched(since));
            return Ok(0);
        }
    }
    let judged = project.judge(&Options { images, ..Options::default() }).await?;
    print(&text(&judged));
    Ok(u8::from(args.exit_code && !judged.is_fresh()))
}

/// A line for each step.
fn text(judged: &Judged) -> String {
    let rows = judged.steps().map(|(id, standing)| {
        let (word, why) = worded(&judged.plan, standing);
        [word.to_owned(), id.to_string(), why]
    });
    table::columns(&rows.chain(bases(&judged.plan)).collect::<Vec<_>>())
}

/// The images from elsewhere that are built on, each once.
fn bases(plan: &Plan) -> impl Iterator<Item = [String; 3]> {
    let works = plan.order().iter().filter_map(|ix| match &plan.step(*ix).work {
        Work::Image(work) => Some(work),
        _ => None,
    });
    let bases = works.flat_map(|work| work.elsewhere.values().flatten());
    let bases = bases.map(|base| (base.name.to_string(), base)).collect::<BTreeMap<_, _>>();
    bases.into_iter().map(|(name, base)| {
        let from = report::origin(base.origin());
        ["pinned".to_owned(), name, format!("{}, from {from}, not signed", short_id(&base.id))]
    })
}

/// What a build would find, as `look` wants it.
pub(in crate::cli) fn planned(judged: &Judged, look: Look) {
    if !look.json {
        return print(&text(judged));
    }
    for (id, standing) in judged.steps() {
        let (state, reason) = worded(&judged.plan, standing);
        tell(look, &Message::Planned { step: id.to_string(), state, reason });
    }
}

/// How a step stands, and why.
fn worded(plan: &Plan, standing: &Standing) -> (&'static str, String) {
    match standing {
        Standing::Fresh => ("fresh", String::new()),
        Standing::Lacking => ("put", "the engine does not have it".to_owned()),
        Standing::OnDemand => ("fresh", "not there: made when a step needs it".to_owned()),
        Standing::Taken => ("taken", "as recorded".to_owned()),
        Standing::Needed(reason) => ("needed", reason.to_string()),
        Standing::Stale(reason) => ("stale", reason.to_string()),
        Standing::Waits(up) => ("waits", format!("for {}", plan.step(*up).id)),
    }
}
