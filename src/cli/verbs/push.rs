//! `bb push`: tested images go to a registry.
//!
//! The registry is asked each time: it alone knows what it has.

use std::collections::HashMap;
use std::path::Path;

use futures_util::{StreamExt, stream};

use crate::base::error::{Error, Result};
use crate::base::reference;
use crate::base::reference::registry_of;
use crate::cli::args::complete;
use crate::cli::io::message::{Messages, tell};
use crate::cli::verbs::build;
use crate::cli::{Look, entered, print};
use crate::engine::docker::Engine;
use crate::engine::docker::push::Pushed;
use crate::net::credentials;
use crate::net::credentials::Credentials;
use crate::plan::step::{ImageWork, Work};
use crate::plan::{Plan, select};
use crate::report::Message;

/// Send tested images to a registry.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// A registry, such as `localhost:5000` or `ghcr.io/me`, and names of images (default: the registry that
    /// `namespace` names, and all images but the excluded ones)
    #[arg(value_name = "REGISTRY|IMAGE", add = complete::images())]
    words: Vec<String>,
    /// Use no network but for the registry
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    pub(in crate::cli) messages: Messages,
}

const EXAMPLES: &str = "\
Images are built and tested first. Without a registry they go where their names lead: with the namespace `me` \
to Docker's own, as `me/nginx`. Who you are there is read as `docker login` keeps it.

Examples:
  bb push localhost:5000          # all images
  bb push localhost:5000 nginx    # one, with the images below it";

/// So many images at the same time; the engine sends several layers of each.
const AT_ONCE: usize = 4;

pub(in crate::cli) async fn push(args: &Args, state: &Path, look: Look) -> Result<u8> {
    let project = entered::project(state)?;
    let docks = project.docks()?;
    let is_dock = |word: &String| docks.iter().any(|dock| dock.name.as_str() == word);
    let (registry, images) = match args.words.split_first() {
        Some((first, rest)) if !is_dock(first) && names_registry(first) => (Some(first), rest),
        _ => (None, args.words.as_slice()),
    };
    let images = images.to_vec();
    let tested = build::Args::for_images(images.clone(), None, args.offline).tested();
    let code = build::build(tested, state, look).await?;
    if code != 0 {
        return Ok(code);
    }
    let engine = project.engine().await?;
    let plan = project.plan()?;
    let plan = select::select(&plan, &images, &project.settings.exclude)?;
    Pushing { engine, registry: registry.cloned(), look }.all(&plan).await?;
    Ok(0)
}

/// Whether a word of the command line begins with a registry.
fn names_registry(word: &str) -> bool {
    reference::names_registry(word.split('/').next().unwrap_or_default())
}

struct Pushing {
    engine: Engine,
    registry: Option<String>,
    look: Look,
}

impl Pushing {
    /// Those below first: what a registry has of one image it need not get again with another.
    async fn all(&self, plan: &Plan) -> Result<()> {
        for images in levels(plan) {
            let references = images.iter().flat_map(|work| &work.references);
            let sending = references.map(|reference| self.one(reference)).collect::<Vec<_>>();
            let sent = stream::iter(sending).buffered(AT_ONCE).collect::<Vec<_>>().await;
            for pushed in sent {
                let (name, pushed) = pushed?;
                let Pushed { digest, sent, there } = pushed;
                let (image, digest) = (name.as_str(), digest.as_str());
                tell(self.look, &Message::Pushed { image, digest, sent, there });
                if !self.look.json {
                    print(&format!("{name}@{digest}\n"));
                }
            }
        }
        Ok(())
    }

    async fn one(&self, reference: &str) -> Result<(String, Pushed)> {
        let Some(registry) = &self.registry else {
            let who = who(reference).await?;
            return Ok((reference.to_owned(), self.engine.push(reference, who).await?));
        };
        let name = format!("{registry}/{reference}");
        let who = who(&name).await?;
        self.engine.tag(reference, &name).await?;
        let pushed = self.engine.push(&name, who).await;
        self.engine.unname(&name).await?;
        Ok((name, pushed?))
    }
}

/// A helper is a program: it may ask the user, or take its time.
async fn who(reference: &str) -> Result<Option<Credentials>> {
    let registry = registry_of(reference);
    let asked = tokio::task::spawn_blocking(move || {
        let folder = credentials::folder(&entered::environment());
        credentials::of(folder.as_deref(), registry.as_deref())
    })
    .await;
    asked.map_err(|e| Error::bug(format!("asking for credentials ended: {e}")))?
}

/// The images of a plan: first those that stand on no other, then those on these, and so on.
fn levels(plan: &Plan) -> Vec<Vec<&ImageWork>> {
    let mut level_of = HashMap::new();
    let mut levels = vec![];
    for ix in plan.order() {
        let below = plan.upstream(*ix).filter_map(|up| level_of.get(&up).copied()).max();
        let Work::Image(work) = &plan.step(*ix).work else {
            level_of.extend(below.map(|below| (*ix, below)));
            continue;
        };
        let level = below.map_or(0, |below: usize| below + 1);
        level_of.insert(*ix, level);
        levels.resize_with(levels.len().max(level + 1), Vec::new);
        levels[level].push(&**work);
    }
    levels
}
