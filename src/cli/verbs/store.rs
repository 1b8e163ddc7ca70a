//! `bb store`: the store that results are taken from and given to, and the key that signs them.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::base::error::{Exit, Result};
use crate::cli::call::Call;
use crate::cli::io::output::print_json;
use crate::cli::verbs::keys;
use crate::cli::{entered, print, say};
use crate::exec::stored::{Stand, There};
use crate::report::table;
use crate::shared::{PublicKey, make_pair};

/// So many files that differ are named; all of them with `--json`.
const NAMED: usize = 20;

/// What other machines have built: `[store]` in bb.toml.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key that signs results, and FILE.pub, by which others trust them
    ///
    /// The variable `BB_STORE_KEY` names the file where results are given: no project's settings say what your key
    /// signs. `trust = ["FILE.pub"]` in `[store]` of bb.toml names whose results are taken.
    #[command(after_help = "Examples:\n  bb store key team")]
    Key {
        /// Its file; only you may read it
        file: PathBuf,
    },
    /// What the store has of each image's rootfs
    #[command(after_help = "Examples:\n  bb store status\n  bb store status --json")]
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare with what was built here from the same inputs; exit 5 where the store has something else
    #[command(after_help = "Examples:\n  bb store verify\n  bb store verify --json")]
    Verify {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    match &args.verb {
        Verb::Key { file } => key(&keys::from(&call.here, file)),
        Verb::Status { json } => {
            let stands = entered::project(&call.state)?.store_stands().await?;
            show(&stands, *json)?;
            Ok(0)
        }
        Verb::Verify { json } => {
            let stands = entered::project(&call.state)?.store_stands().await?;
            let is_wrong =
                |stand: &Stand| matches!(stand.there, There::Other(_) | There::Refused(_));
            let wrong = stands.into_iter().filter(is_wrong).collect::<Vec<_>>();
            if wrong.is_empty() && !json {
                print("the store has nothing that differs from what was built here\n");
                return Ok(0);
            }
            show(&wrong, *json)?;
            Ok(if wrong.is_empty() { 0 } else { Exit::Trust.code() })
        }
    }
}

fn key(file: &Path) -> Result<u8> {
    let public: PublicKey = make_pair(file)?;
    let shown = file.display();
    say(&format!("made `{shown}`, which signs, and `{shown}.pub`, by which others trust it\n"));
    print(&format!("{}\n", public.id()));
    Ok(0)
}

fn show(stands: &[Stand], json: bool) -> Result<()> {
    if json {
        return print_json(&stands.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows = stands.iter().map(|stand| {
        let key = stand.key.as_deref().map_or("-", |key| &key[..16]);
        [stand.step.to_string(), key.to_owned(), told(&stand.there)]
    });
    let head = ["STEP", "KEY", "STORE"].map(str::to_owned);
    print(&table::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>()));
    for (stand, files) in stands.iter().filter_map(|stand| Some((stand, others(stand)?))) {
        print(&format!("\n{}:\n", stand.step));
        files.iter().take(NAMED).for_each(|file| print(&format!("  {file}\n")));
        if files.len() > NAMED {
            print(&format!("  and {} more\n", files.len() - NAMED));
        }
    }
    Ok(())
}

fn others(stand: &Stand) -> Option<&[String]> {
    match &stand.there {
        There::Other(files) => Some(files),
        _ => None,
    }
}

fn told(there: &There) -> String {
    match there {
        There::Nothing => "nothing".to_owned(),
        There::Same => "there".to_owned(),
        There::Refused(why) => format!("does not count: {why}"),
        There::Other(files) => format!("another result: {} files differ", files.len()),
    }
}

fn as_json(stand: &Stand) -> serde_json::Value {
    let (kind, why) = match &stand.there {
        There::Nothing => ("nothing", None),
        There::Same => ("there", None),
        There::Refused(why) => ("refused", Some(why)),
        There::Other(_) => ("other", None),
    };
    serde_json::json!({
        "step": stand.step, "key": stand.key, "store": kind, "why": why, "differs": others(stand).unwrap_or_default(),
    })
}
