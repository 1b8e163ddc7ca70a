//! `bb shell`: a shell in the builder of an image, at the point at which its step would begin, or where
//! it failed. Changes nothing: no record, no stamp, and the container goes.

use crate::cli::call::Call;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::cli::args::complete;
use crate::cli::entered;
use crate::cli::io::terminal;
use crate::exec::interrupt::Interrupts;
use crate::exec::job::OwnedJob;
use crate::exec::kept::Kept;
use crate::exec::work::Context;
use crate::exec::{kept, shell};
use crate::plan::graph::StepIx;
use crate::plan::step::{RootfsWork, Work};
use crate::plan::{Plan, select};

const EXAMPLES: &str = "\
Examples:
  bb shell nginx             # in the builder, before anything is compiled
  bb shell --failed          # where the last step that failed has stopped
  bb shell --failed nginx    # where `rootfs:nginx` has stopped";

/// Open a shell in an image's builder.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The image
    #[arg(required_unless_present = "failed", add = complete::images())]
    name: Option<String>,
    /// Open the builder in which the step failed, in the work folder of the package that failed
    #[arg(long)]
    failed: bool,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let plan = project.plan()?;
    let step = args.name.as_deref().map(|name| rootfs(&plan, name)).transpose()?;
    let find = || kept::find(&project.store(), step.map(|ix| &plan.step(ix).id));
    let kept = args.failed.then(find).transpose()?;
    let engine = project.engine().await?;
    let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let context = project.context(engine, true, cores)?;
    let mut interrupts = Interrupts::new();
    match (kept, step) {
        (Some(kept), _) => in_failed(&kept, &context, &mut interrupts).await,
        (None, Some(step)) => in_new(&plan, step, &context, &mut interrupts).await,
        (None, None) => Err(Error::usage("no image is named")),
    }
}

/// The step that compiles for an image.
fn rootfs(plan: &Plan, name: &str) -> Result<StepIx> {
    select::image(plan, name)?;
    plan.find(&StepId::new(Kind::Rootfs, name)).ok_or_else(|| {
        Error::usage(format!("`{name}` has no builder: nothing is compiled for it"))
            .hint(format!("`bb run {name}` starts the image"))
    })
}

async fn in_new(
    plan: &Plan,
    step: StepIx,
    context: &Context,
    interrupts: &mut Interrupts,
) -> Result<u8> {
    let (work, files) = ready(plan, step, context).await?;
    let (labels, _seat) = shell::seat(&format!("shell:{}", work.name), context)?;
    let run = async {
        let container = shell::builder(work, files, labels, context).await?;
        talk(&container, &["build-root", "shell"], context).await
    };
    let done = tokio::select! {
        done = run => done,
        () = interrupts.next() => Err(Error::interrupted()),
    };
    shell::remove_own(context).await?;
    done
}

/// What the builder gets, if all that it stands on is there.
async fn ready<'p>(
    plan: &'p Plan,
    ix: StepIx,
    context: &Context,
) -> Result<(&'p RootfsWork, &'p [PathBuf])> {
    let step = plan.step(ix);
    let Work::Rootfs(work) = &step.work else {
        return Err(Error::bug(format!("`{}` has no builder", step.id)));
    };
    let inventory = context.engine.inventory().await?;
    OwnedJob::recorded(plan, ix, &context.store, &inventory)?;
    if inventory.id_of(&work.bob).is_none() {
        return Err(Error::step(format!("the engine does not have the builder `{}`", work.bob))
            .hint("run `bb build builder:bob` first"));
    }
    Ok((work, &step.files))
}

async fn in_failed(kept: &Kept, context: &Context, interrupts: &mut Interrupts) -> Result<u8> {
    let _seat = shell::failed(kept, context).await?;
    let command = ["build-root", "shell", "--failed", kept.phase.as_str()];
    let done = tokio::select! {
        done = talk(&kept.container, &command, context) => done,
        () = interrupts.next() => Err(Error::interrupted()),
    };
    shell::leave(kept, context).await?;
    done
}

async fn talk(container: &str, command: &[&str], context: &Context) -> Result<u8> {
    let tty = terminal::size();
    let env = terminal::environment(tty.is_some());
    let session = context.engine.talk_in(container, command, &env, tty).await?;
    terminal::talk(&*context.engine, session, tty.is_some()).await.map(terminal::exit_code)
}
