//! `bb builder`: the builder as an image, for jobs of a CI that build in a container of it.
//!
//! Knows what is asked for; what the image has is `session::guest`'s.

use std::path::PathBuf;

use crate::base::error::{Error, Result};
use crate::base::reference::Reference;
use crate::cli::call::Call;
use crate::cli::verbs::{build, image, push};
use crate::cli::{entered, print};
use crate::image::archive::bundle::Bundle;
use crate::image::archive::compressed::Compression;
use crate::session::{self, Project};
use crate::state::held::Room;

/// What the image is called in a file.
const NAME: &str = "gentoo-bb/guest:latest";

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Verb {
    /// Write the builder's image to a file for `docker load`, or to a folder as an OCI layout
    #[command(
        after_help = "Examples:\n  bb builder image --program target/static/bb -o guest.tar   # then: docker load -i guest.tar\n  \
        bb builder image --program target/static/bb -o oci/        # an OCI layout"
    )]
    Image {
        /// A file, `-` for standard output, or a folder: one that is there, or a name with a `/` at
        /// its end
        #[arg(short, long, value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
        output: String,
        #[command(flatten)]
        with: With,
    },
    /// Send the builder's image to a registry
    #[command(
        after_help = "Examples:\n  bb builder push --program target/static/bb localhost:5000/me/builder:1"
    )]
    Push {
        /// What it is to be called
        reference: String,
        #[command(flatten)]
        with: With,
    },
}

/// What it consists of.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct With {
    /// The `bb` that runs in it, statically linked (default: this one)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    program: Option<PathBuf>,
    /// Use no network
    #[arg(long)]
    offline: bool,
}

impl With {
    /// The image, as files of a folder. Nothing, with the exit code, where the builder cannot be had.
    async fn image(
        &self,
        project: &Project,
        folder: &Room,
        name: &str,
        call: &Call,
    ) -> Result<std::result::Result<Bundle, u8>> {
        let program = match &self.program {
            Some(file) => call.here.join(file),
            None => PathBuf::from(entered::PROGRAM),
        };
        // Before what may take long, and by the name that was given.
        session::guest::is_static(&program)?;
        // What it leads to: an image has the program and no link.
        let program = program.canonicalize().map_err(|e| Error::file("read", &program, &e))?;
        let args = build::Args::for_images(vec!["builder:bob".to_owned()], None, self.offline);
        let code = build::run(&args, call).await?;
        if code != 0 {
            return Ok(Err(code));
        }
        project.guest_image(&program, folder.path(), name).await.map(Ok)
    }
}

pub(in crate::cli) async fn run(verb: &Verb, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let store = project.store();
    store.create()?;
    let folder = store.temp_dir()?;
    let (Verb::Image { with, .. } | Verb::Push { with, .. }) = verb;
    let reference = match verb {
        Verb::Image { .. } => NAME,
        Verb::Push { reference, .. } => reference,
    };
    let to = reference.parse::<Reference>();
    let to = to.map_err(|e| Error::usage(format!("cannot push `{reference}`: {e}")))?;
    let chain = match with.image(&project, &folder, reference, call).await? {
        Ok(image) => [image],
        Err(code) => return Ok(code),
    };
    match verb {
        Verb::Image { output, .. } => {
            let (epoch, chain) = (project.settings.source_date_epoch, &chain);
            image::Saving { chain, compression: None, epoch }.to(output, &call.here)?;
        }
        Verb::Push { .. } => {
            let spool = folder.path().join("push");
            let image = push::image(&chain, Compression::Gzip)?;
            let pushed = project.registry().push(&image, &to, &spool).await?;
            print(&format!("{reference}@{}\n", pushed.digest));
        }
    }
    Ok(0)
}
