//! `bb push`: tested images go to a registry.
//!
//! The registry is asked each time: it alone knows what it has. No engine is needed for images whose archives are
//! there, if they are built and tested.

use crate::cli::call::Call;
use std::collections::HashMap;
use std::path::PathBuf;

use futures_util::{StreamExt, stream};

use crate::base::error::{Error, Exit, Result};
use crate::base::limits::Limits;
use crate::base::reference::{self, Reference, registry_of};
use crate::cli::args::complete;
use crate::cli::args::compress::Compress;
use crate::cli::io::message::{Messages, tell};
use crate::cli::verbs::build;
use crate::cli::{Look, entered, print};
use crate::exec::action;
use crate::image::archive::bundle::Bundle;
use crate::image::archive::compressed::{Compression, local_layers};
use crate::net::credentials::{self, Credentials};
use crate::net::registry::{Image, Pushed, Registry};
use crate::plan::step::{ImageWork, Work};
use crate::plan::{Plan, select};
use crate::report::Message;
use crate::session::Project;

/// Send tested images to a registry.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// A registry, such as `localhost:5000` or `ghcr.io/me`, and names of images (default: the registry that
    /// `namespace` names, and all images but the excluded ones)
    #[arg(value_name = "REGISTRY|IMAGE", add = complete::images())]
    words: Vec<String>,
    /// How layers are compressed on their way
    #[arg(long, value_name = "FORMAT", default_value = "gzip")]
    compress: Compress,
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
  bb push localhost:5000 nginx    # one, with the images below it
  bb push --compress zstd localhost:5000 nginx  # for Docker 23 and later";

/// So many images at the same time; several layers of each are sent at once.
const AT_ONCE: usize = 4;

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let docks = project.docks()?;
    let is_dock = |word: &String| docks.iter().any(|dock| dock.name.as_str() == word);
    let (registry, images) = match args.words.split_first() {
        Some((first, rest)) if !is_dock(first) && names_registry(first) => (Some(first), rest),
        _ => (None, args.words.as_slice()),
    };
    let code = built(&project, images, args.offline, call).await?;
    if code != 0 {
        return Ok(code);
    }
    let plan = project.plan()?;
    let plan = select::select(&plan, images, &project.settings.exclude)?;
    let limits = project.settings.limits;
    let client = project.registry();
    let spool = project.store().compressed();
    let (project, registry) = (&project, registry.cloned());
    let compression = args.compress.into();
    let pushing =
        Pushing { project, client, spool, limits, registry, compression, look: call.look };
    pushing.all(&plan).await?;
    Ok(0)
}

/// Builds and tests what is to be sent. Where no engine answers, all of it must be so already.
async fn built(project: &Project, images: &[String], offline: bool, call: &Call) -> Result<u8> {
    let tested = || build::Args::for_images(images.to_vec(), None, offline).tested();
    match build::run(&tested(), call).await {
        Err(e) if e.exit() == Exit::Engine && build::is_done(&tested(), project)? => Ok(0),
        other => other,
    }
}

/// Whether a word of the command line begins with a registry.
fn names_registry(word: &str) -> bool {
    reference::names_registry(word.split('/').next().unwrap_or_default())
}

struct Pushing<'a> {
    project: &'a Project,
    client: Registry,
    /// A folder for compressed layers.
    spool: PathBuf,
    limits: Limits,
    registry: Option<String>,
    compression: Compression,
    look: Look,
}

impl Pushing<'_> {
    /// Those below first: what a registry has of one image it need not get again with another.
    async fn all(&self, plan: &Plan) -> Result<()> {
        for images in levels(plan) {
            let sending = images.into_iter().map(|work| self.names(work)).collect::<Vec<_>>();
            let sent = stream::iter(sending).buffered(AT_ONCE).collect::<Vec<_>>().await;
            for pushed in sent {
                pushed?.iter().for_each(|(name, pushed)| self.tell(name, pushed));
            }
        }
        Ok(())
    }

    fn tell(&self, name: &str, pushed: &Pushed) {
        let Pushed { digest, sent, there, .. } = pushed;
        tell(self.look, &Message::Pushed { image: name, digest, sent: *sent, there: *there });
        if !self.look.json {
            print(&format!("{name}@{digest}\n"));
        }
    }

    /// One image under all its names, one after another: the second time the registry has its layers.
    async fn names(&self, work: &ImageWork) -> Result<Vec<(String, Pushed)>> {
        let mut sent = vec![];
        for reference in &work.references {
            sent.push(self.one(work, reference).await?);
        }
        Ok(sent)
    }

    async fn one(&self, work: &ImageWork, reference: &str) -> Result<(String, Pushed)> {
        let name = match &self.registry {
            Some(registry) => format!("{registry}/{reference}"),
            None => reference.to_owned(),
        };
        let pushed = match action::chain(&work.dir, &self.limits)? {
            Some(chain) => {
                let to = name.parse::<Reference>();
                let to = to.map_err(|e| Error::usage(format!("cannot push `{name}`: {e}")))?;
                self.client.push(&image(&chain, self.compression)?, &to, &self.spool).await?
            }
            None => self.by_engine(reference, &name).await?,
        };
        Ok((name, pushed))
    }

    /// Only the engine has what it has built.
    async fn by_engine(&self, reference: &str, name: &str) -> Result<Pushed> {
        if self.compression != Compression::default() {
            let message = &format!("`{name}` is compressed by the engine that has built it");
            let hint = "engines send layers by gzip";
            tell(self.look, &Message::Warning { message, hint });
        }
        let engine = self.project.daemon().await?;
        let who = who(name).await?;
        if name == reference {
            return engine.push(name, who).await;
        }
        engine.tag(reference, name).await?;
        let pushed = engine.push(name, who).await;
        engine.unname(name).await?;
        pushed
    }
}

/// An image as a registry's client wants it, out of its archive and those of the images below.
pub(in crate::cli) fn image(chain: &[Bundle], compression: Compression) -> Result<Image> {
    let layers = local_layers(chain)?;
    let config = chain.first().map_or_else(Vec::new, |top| top.config_text.to_vec());
    Ok(Image { config, layers, compression })
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
