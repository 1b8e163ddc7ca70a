//! `bb export`: the plan for ninja, or as JSON.

use crate::cli::call::Call;

use crate::base::error::Result;
use crate::cli::args::complete;
use crate::cli::entered;
use crate::cli::io::output::print_exactly;
use crate::session;

/// Write the plan for another executor.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb export ninja >build.ninja   # then: bb sync && ninja
  bb export json nginx")]
pub(in crate::cli) struct Args {
    /// The form
    #[arg(value_enum)]
    form: Form,
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
    /// The command that build.ninja calls
    #[arg(long, default_value = "bb", value_name = "COMMAND")]
    bb: String,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// build.ninja, to be run as: bb sync && ninja
    Ninja,
    /// Steps, edges, inputs, outputs, commands
    Json,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let form = match args.form {
        Form::Ninja => session::Form::Ninja { bb: args.bb.clone() },
        Form::Json => session::Form::Json,
    };
    print_exactly(&entered::project(&call.state)?.export(&args.images, &form)?);
    Ok(0)
}
