//! `bb makefile`: write `Makefile.generated`, or check that it is what would be written.

use crate::cli::call::Call;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::base::given;
use crate::cli::args::complete;
use crate::cli::{entered, print};
use crate::export::make::Form;
use crate::state::store;
use crate::state::store::Store;

/// What it is called where nobody says otherwise.
const NAME: &str = "Makefile.generated";

/// Write Makefile.generated.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb makefile           # then: make -f Makefile.generated -j4
  bb makefile -o - busybox
  bb makefile --check   # for CI: 1 if it is not what the docks say now")]
pub(in crate::cli) struct Args {
    /// The file, in the project's folder; `-` for standard output
    #[arg(short, long, value_name = "FILE", default_value = NAME)]
    output: PathBuf,
    /// Write nothing; exit 1 if the file is not what would be written
    #[arg(long)]
    check: bool,
    /// For GNU make before 4.4: its recipes get its jobserver
    #[arg(long)]
    jobserver: bool,
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let name = if args.output == Path::new("-") { Path::new(NAME) } else { &args.output };
    let form =
        Form { file: &name.to_string_lossy(), chosen: &args.images, jobserver: args.jobserver };
    let now = project.makefile(form)?;
    let path = &args.output;
    if path == Path::new("-") {
        print(&now.text);
        return Ok(0);
    }
    // Whoever is at the other end of a FIFO is not to be read from.
    let is_file = given::is_file(path);
    let same = is_file && std::fs::read_to_string(path).is_ok_and(|old| old == now.text);
    if args.check {
        return if same { Ok(0) } else { Err(differs(path)) };
    }
    if !same {
        given::put(path, now.text.as_bytes())?;
    }
    if !given::is_file(path) {
        return Ok(0);
    }
    // Make compares times: the file is not older than what it was made from.
    let newest = now.sources.iter().map(|f| store::file_state(f).mtime).max();
    let own = store::file_state(path).mtime;
    Store::date(path, newest.map_or(own, |n| n.max(own)))?;
    Ok(0)
}

fn differs(path: &Path) -> Error {
    let message = format!("`{}` is not what the docks say now", path.display());
    Error::step(message).hint("run `bb makefile` and commit what it writes")
}
