//! `bb import`: docks out of another program's folders, and what could not be carried over.

use std::path::{Path, PathBuf};

use crate::base::error::Result;
use crate::base::given;
use crate::base::open::Ground;
use crate::base::words::counted;
use crate::cli::call::Call;
use crate::cli::verbs::new;
use crate::cli::{entered, print, say};
use crate::dock::kubler::Note;
use crate::report::table;
use crate::session::import::{Imported, kubler};
use crate::session::project::SETTINGS_FILE;

/// Make docks of another program's images.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Verb {
    /// Make docks of the images of a kubler namespace
    ///
    /// Nothing that is there is written over, and kubler's folder stays as it is. Where there is no bb.toml, one is made.
    Kubler(Args),
}

/// Make docks of the images of a kubler namespace.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The namespace: a folder with `kubler.conf` and `images`
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Where the docks go (default: the docks' folder of the settings, bb-dock)
    #[arg(long, value_name = "DOCKS")]
    into: Option<PathBuf>,
}

const EXAMPLES: &str = "\
What is another here is told at the end, a line each: `differs` is done, `hand` has to be done by hand, and of what is
`refused` no dock was made. Exit code 1 if there is anything of the last two. doc/migrating.md has all names.

Examples:
  bb import kubler namespaces/mine              # a dock for each image
  bb import kubler namespaces/mine --into new   # into another folder";

pub(in crate::cli) async fn run(verb: &Verb, call: &Call) -> Result<u8> {
    let Verb::Kubler(args) = verb;
    let fresh = !Path::new(SETTINGS_FILE).exists();
    let project = (!fresh).then(|| entered::project(&call.state)).transpose()?;
    let docks = match (&args.into, &project) {
        (Some(into), _) => from_here(into, call),
        (None, Some(project)) => project.settings.docks.clone(),
        (None, None) => PathBuf::from("bb-dock"),
    };
    let ground = project.map_or_else(|| Ground::of(Path::new("."), &[]), |p| p.ground);
    ground.with_named(&docks).check(&docks)?;
    let imported = kubler(&from_here(&args.dir, call), &docks)?;
    if fresh && args.into.is_none() && !imported.made.is_empty() {
        made_settings(&imported)?;
    }
    for (name, _) in &imported.made {
        say(&format!("made  {}\n", docks.join(name.as_str()).display()));
    }
    print(&table::columns(&rows(&imported)));
    say(&summary(&imported, fresh));
    Ok(u8::from(imported.needs_a_hand()))
}

/// A path of the command line as seen from the project, which is the current folder.
fn from_here(path: &Path, call: &Call) -> PathBuf {
    let here = std::env::current_dir().is_ok_and(|current| current == call.here);
    if here { path.to_owned() } else { call.here.join(path) }
}

fn made_settings(imported: &Imported) -> Result<()> {
    let own = imported.settings.join("\n");
    let text = format!("# As kubler.conf had it.\n{own}\n\n{}", new::SETTINGS);
    given::put(Path::new(SETTINGS_FILE), text.as_bytes())?;
    say(&format!("made  {SETTINGS_FILE}\n"));
    Ok(())
}

/// A line for each thing that has to be told.
fn rows(imported: &Imported) -> Vec<[String; 4]> {
    let refused = imported.refused.iter().map(|(name, error)| {
        let (message, hint) = (error.message(), error.hint_text().unwrap_or_default());
        ["refused".to_owned(), name.clone(), "-".to_owned(), format!("{message} -> {hint}")]
    });
    let all = imported.notes.iter().map(|note| ("-".to_owned(), note));
    let made = imported.made.iter();
    let made =
        made.flat_map(|(name, notes)| notes.iter().map(move |note| (name.to_string(), note)));
    refused.chain(all.chain(made).map(|(name, note)| row(name, note))).collect()
}

fn row(name: String, note: &Note) -> [String; 4] {
    [
        note.weight.word().to_owned(),
        name,
        note.place(),
        format!("{} -> {}", note.what, note.instead),
    ]
}

fn summary(imported: &Imported, fresh: bool) -> String {
    let Imported { made, there, refused, settings, .. } = imported;
    let are = |count: usize| if count == 1 { "is" } else { "are" };
    let kept = format!("{} {} there already", counted(there.len(), "dock"), are(there.len()));
    if made.is_empty() && refused.is_empty() {
        return format!("nothing to do: {kept}\n");
    }
    let kept = if there.is_empty() { String::new() } else { format!(", {kept}") };
    let told = !fresh && !made.is_empty();
    let settings =
        if told { format!("for bb.toml: {}\n", settings.join(", ")) } else { String::new() };
    let next = if made.is_empty() { "" } else { "next: bb build --dry-run\n" };
    format!("{settings}done: {} made{kept}\n{next}", counted(made.len(), "dock"))
}
