//! `bb image`: built images as files or in a daemon, and their IDs. Only `load` needs an engine.
//!
//! Builds nothing: what it hands on is what the last build has made, and it says so where there is none.

use crate::cli::call::Call;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::limits::{Limit, Limits};
use crate::base::words::plain_json;
use crate::base::{diag, given, read};
use crate::cli::args::complete;
use crate::cli::args::compress::Compress;
use crate::cli::io::output::print_exactly;
use crate::cli::{Look, entered, print, say};
use crate::engine::docker::Docker;
use crate::exec::action::{chain, summary};
use crate::exec::put;
use crate::fresh::record::Stamp;
use crate::image::archive::bundle::{self, Bundle};
use crate::image::archive::compressed::Compression;
use crate::image::archive::layout;
use crate::plan::results::Format;
use crate::plan::step::{ImageWork, Step, Work};
use crate::plan::{Plan, select};
use crate::session::Project;

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Verb {
    /// Write an image to a file for `docker load`, or to a folder as an OCI layout
    #[command(
        after_help = "Examples:\n  bb image save nginx -o nginx.tar   # then: docker load -i nginx.tar\n  \
        bb image save nginx -o nginx.tar.gz --compress gzip   # likewise\n  bb image save nginx -o oci/        # an OCI layout\n  bb image save nginx -o - >nginx.tar"
    )]
    Save {
        /// The image
        #[arg(add = complete::images())]
        image: String,
        /// A file, `-` for standard output, or a folder: one that is there, or a name with a `/` at
        /// its end
        #[arg(short, long, value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
        output: String,
        /// Compress the file as a whole, or each layer of an OCI layout
        #[arg(long, value_name = "FORMAT")]
        compress: Option<Compress>,
    },
    /// Put images into the Docker or Podman of this machine, whatever engine has built them
    #[command(
        after_help = "Examples:\n  bb image load             # all that are built\n  bb image load nginx       # then: \
        docker run NAMESPACE/nginx"
    )]
    Load {
        /// The images (default: all that are built)
        #[arg(add = complete::images())]
        images: Vec<String>,
    },
    /// Tell an image's ID
    #[command(after_help = "Examples:\n  bb image digest nginx")]
    Digest {
        /// The image
        #[arg(add = complete::images())]
        image: String,
    },
    /// Print what an image consists of: its packages, with versions, licences and sources
    #[command(after_help = "Examples:\n  bb image sbom nginx\n  \
        bb image sbom nginx --format spdx >nginx.spdx.json")]
    Sbom {
        /// The image
        #[arg(add = complete::images())]
        image: String,
        /// CycloneDX 1.6 or SPDX 2.3, both as JSON
        #[arg(long, value_enum, default_value_t = SbomFormat::Cyclonedx)]
        format: SbomFormat,
    },
}

/// The names of the formats.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(in crate::cli) enum SbomFormat {
    Cyclonedx,
    Spdx,
}

impl From<SbomFormat> for Format {
    fn from(format: SbomFormat) -> Self {
        match format {
            SbomFormat::Cyclonedx => Self::CycloneDx,
            SbomFormat::Spdx => Self::Spdx,
        }
    }
}

/// `here` is where the command was given: a path to write to is counted from there.
pub(in crate::cli) async fn run(verb: &Verb, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let plan = project.plan()?;
    match verb {
        Verb::Digest { image } => {
            print(&(summary(&built(&project, &plan, image)?.dir)?.id + "\n"));
        }
        Verb::Sbom { image, format } => {
            let path = built(&project, &plan, image)?.dir.join(Format::from(*format).file());
            let text = read::state(&path, Limit::StateSize)
                .map_err(|e| e.hint(format!("run `bb build {image}`")))?;
            print_exactly(&plain_json(&String::from_utf8_lossy(&text)));
        }
        Verb::Save { image, output, compress } => {
            let work = built(&project, &plan, image)?;
            let chain = archives(image, &work, &project.settings.limits)?;
            let saving = Saving {
                chain: &chain,
                compression: compress.map(Into::into),
                epoch: project.settings.source_date_epoch,
            };
            saving.to(output, &call.here)?;
        }
        Verb::Load { images } => load(images, &project, &plan).await?,
    }
    Ok(0)
}

/// A finished image step's work.
pub(in crate::cli) fn built(project: &Project, plan: &Plan, image: &str) -> Result<ImageWork> {
    let step = plan.step(select::image(plan, image)?);
    finished(project, step).cloned().ok_or_else(|| {
        Error::step(format!("the image `{image}` is not built"))
            .hint(format!("run `bb build {image}` first"))
    })
}

/// What of some images is built.
pub(in crate::cli) struct Found {
    /// Those that are, with what made them.
    pub built: Vec<(String, ImageWork)>,
    /// Those that are not.
    pub missing: Vec<String>,
}

impl Found {
    pub(in crate::cli) fn of(project: &Project, plan: &Plan, names: &[String]) -> Result<Self> {
        let (mut built, mut missing) = (vec![], vec![]);
        for name in names {
            match finished(project, plan.step(select::image(plan, name)?)) {
                Some(work) => built.push((name.clone(), work.clone())),
                None => missing.push(name.clone()),
            }
        }
        Ok(Self { built, missing })
    }

    /// What is wrong with it that images are not built, if they were named. Of all images, those are told that there are.
    pub(in crate::cli) fn lacking(&self, named: bool, look: Look) -> Result<Vec<Error>> {
        if named || self.missing.is_empty() {
            return Ok(self.errors());
        }
        if self.built.is_empty() {
            return Err(Error::step("no image is built").hint("run `bb build` first"));
        }
        let names = self.missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let are = if names.len() == 1 { "is" } else { "are" };
        let message = format!("{} {are} not built", names.join(", "));
        say(&diag::warning(&message, "run `bb build` first", look.color));
        Ok(vec![])
    }

    /// A line for each that is not built, below the last how it will be.
    pub(in crate::cli) fn errors(&self) -> Vec<Error> {
        let error = |name: &String| Error::step(format!("the image `{name}` is not built"));
        let mut errors = self.missing.iter().map(error).collect::<Vec<_>>();
        let hint = format!("run `bb build {}` first", self.missing.join(" "));
        let last = errors.pop().map(|last| last.hint(hint));
        errors.into_iter().chain(last).collect()
    }
}

/// What an image step has worked on, if it has finished.
fn finished<'a>(project: &Project, step: &'a Step) -> Option<&'a ImageWork> {
    match &step.work {
        Work::Image(work) if project.store().stamp(&step.id) != Stamp::Missing => Some(work),
        _ => None,
    }
}

/// Puts images into a daemon; those that it has stay as they are.
async fn load(images: &[String], project: &Project, plan: &Plan) -> Result<()> {
    let works = if images.is_empty() {
        let all = select::select(plan, &[], &project.settings.exclude)?;
        let steps = all.order().iter().map(|ix| all.step(*ix));
        steps.filter_map(|step| finished(project, step).cloned()).collect()
    } else {
        images.iter().map(|name| built(project, plan, name)).collect::<Result<Vec<_>>>()?
    };
    if works.is_empty() {
        return Err(Error::step("no image is built").hint("run `bb build` first"));
    }
    let context = project.context(Arc::new(project.socket_engine().await?), true, 1)?;
    for work in works {
        let name = work.references.first().map_or("", String::as_str);
        let done = match put::load(&work.dir, &context).await? {
            put::Loaded::Put => "loaded",
            put::Loaded::Was => "was there",
        };
        print(&format!("{done}: {name}\n"));
    }
    Ok(())
}

/// Puts those of these images that are built into a daemon that lacks them, for it to run them.
pub(in crate::cli) async fn hand_over(
    images: &[String],
    project: &Project,
    engine: Docker,
) -> Result<()> {
    let plan = project.plan()?;
    let context = project.context(Arc::new(engine), true, 1)?;
    for image in images {
        let step = plan.step(select::image(&plan, image)?);
        // The compose tool says what it thinks of an image that nobody has.
        let Some(work) = finished(project, step) else { continue };
        if put::load(&work.dir, &context).await? == put::Loaded::Put {
            let name = work.references.first().map_or("", String::as_str);
            say(&format!("put     {name} into Docker or Podman\n"));
        }
    }
    Ok(())
}

/// Its archive and those of the images below, itself first.
pub(in crate::cli) fn archives(
    image: &str,
    work: &ImageWork,
    limits: &Limits,
) -> Result<Vec<Bundle>> {
    chain(&work.dir, limits)?.ok_or_else(|| engines(image, work))
}

fn engines(image: &str, work: &ImageWork) -> Error {
    let why = summary(&work.dir).ok().and_then(|summary| summary.built_by_engine);
    let error = Error::step(format!("the engine has built `{image}`, and only it has the image"));
    let error = why.into_iter().fold(error, |e, why| e.detail(format!("  {why}")));
    error.hint(format!("`docker save {}` writes it", work.references.join(" ")))
}

/// An image on its way to a file or a folder.
pub(in crate::cli) struct Saving<'a> {
    pub chain: &'a [Bundle],
    /// How it is compressed, if it is.
    pub compression: Option<Compression>,
    pub epoch: u64,
}

impl Saving<'_> {
    pub(in crate::cli) fn to(&self, output: &str, here: &Path) -> Result<()> {
        let path = here.join(output);
        if output == "-" {
            return self.archive(std::io::stdout().lock());
        }
        if output.ends_with('/') || path.is_dir() {
            return self.layout(&path);
        }
        given::write(&path, |out| self.archive(out))
    }

    /// An archive, compressed as a whole: engines unpack it before they look into it.
    fn archive(&self, out: impl Write) -> Result<()> {
        let Some(how) = self.compression else {
            return bundle::write_full(self.chain, self.epoch, out);
        };
        let failed = |e| Error::step(format!("cannot write the image: {e}"));
        // Where it is dropped it may write an end, and then what was cut off would look whole.
        let mut encoder = ManuallyDrop::new(how.encoder(out).map_err(failed)?);
        bundle::write_full(self.chain, self.epoch, &mut *encoder)?;
        ManuallyDrop::into_inner(encoder).finish().and_then(|mut out| out.flush()).map_err(failed)
    }

    /// A folder that holds something else is left alone.
    fn layout(&self, dir: &Path) -> Result<()> {
        let empty = std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
        if !empty && !dir.join("oci-layout").is_file() {
            return Err(Error::usage(format!(
                "`{}` is neither empty nor an OCI layout",
                dir.display()
            ))
            .hint("name a folder that is not there yet"));
        }
        layout::write(self.chain, dir, self.compression).map(drop)
    }
}
