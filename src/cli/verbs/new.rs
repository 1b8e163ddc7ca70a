//! `bb new`: a dock that builds as it is, with comments that say how to go on.

use crate::cli::call::Call;
use std::path::Path;

use serde_json::{Value, json};

use crate::base::error::{Error, Result};
use crate::base::given;
use crate::base::ids::{DockName, Kind, StepId};
use crate::base::open::Ground;
use crate::base::reference::Reference;
use crate::cli::args::complete;
use crate::cli::{entered, say};
use crate::export::render;
use crate::session::Project;
use crate::session::project::SETTINGS_FILE;
use crate::state::store;

const DOCKERFILE: &str = include_str!("../../../templates/new/Dockerfile.template.j2");
const BUILDCONFIG: &str = include_str!("../../../templates/new/Buildconfig.sh.j2");
pub(in crate::cli) const SETTINGS: &str = include_str!("../../../templates/new/bb.toml");

/// Make a dock that builds as it is, and a project around it where there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bb new base                     # from scratch\n  \
    bb new shop --from base         # on top of a dock\n  bb new tools --from debian:12   # on top of any image")]
pub(in crate::cli) struct Args {
    /// The dock's and the image's name
    name: String,
    /// What it is built on: a dock, or an image from elsewhere
    #[arg(long, value_name = "PARENT", default_value = "scratch", add = complete::images())]
    from: String,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let name = args.name.parse::<DockName>().map_err(|e| as_usage(&e))?;
    let fresh = !Path::new(SETTINGS_FILE).exists();
    let project = (!fresh).then(|| entered::project(&call.state)).transpose()?;
    let docks = project.as_ref().map_or(Path::new("bb-dock"), |p| p.settings.docks.as_path());
    let here = || Ground::of(Path::new("."), &[]);
    project.as_ref().map_or_else(here, |p| p.ground.clone()).check(docks)?;
    let dir = docks.join(name.as_str());
    if dir.symlink_metadata().is_ok() {
        let message = format!("`{}` is there already", dir.display());
        return Err(Error::usage(message).hint("choose another name, or remove it first"));
    }
    let parent = parent(&args.from, project.as_ref(), docks)?;
    let files = parent.files(&name)?;
    make(docks, &dir, &files)?;
    if fresh {
        given::put(Path::new(SETTINGS_FILE), SETTINGS.as_bytes())?;
        say(&format!("made  {SETTINGS_FILE}\n"));
    }
    for (file, _) in &files {
        say(&format!("made  {}\n", dir.join(file).display()));
    }
    if let Some(note) = parent.note {
        say(&format!("note: {note}\n"));
    }
    say(&format!("next: bb build {name}\n"));
    Ok(0)
}

/// The same failure as one of the command line.
fn as_usage(error: &Error) -> Error {
    Error::usage(error.message()).hint(error.hint_text().unwrap_or_default())
}

/// What a dock is built on.
struct Parent {
    kind: &'static str,
    /// As the Dockerfile calls it.
    from: String,
    /// Whether Portage fills the image.
    rootfs: bool,
    note: Option<String>,
}

fn parent(from: &str, project: Option<&Project>, docks: &Path) -> Result<Parent> {
    if from == "scratch" {
        return Ok(Parent { kind: "scratch", from: from.to_owned(), rootfs: true, note: None });
    }
    let parsed = from.parse::<Reference>().ok();
    let own = |project: &Project| {
        let settings = &project.settings;
        parsed.as_ref()?.built(&settings.namespace, &settings.tag).map(str::to_owned)
    };
    let short = project.and_then(own).unwrap_or_else(|| from.to_owned());
    if let (Some(project), true) = (project, docks.join(&short).is_dir()) {
        return dock(&short, project);
    }
    let near =
        neighbour(from, docks).map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
    if from.parse::<Reference>().is_err() {
        return Err(Error::usage(format!("`{from}` is neither a dock nor the name of an image"))
            .hint(format!("name a dock, `scratch`, or an image such as `debian:12`{near}")));
    }
    let note = Some(format!("`{from}` is no dock: it is taken as an image from elsewhere{near}"));
    Ok(Parent { kind: "image", from: from.to_owned(), rootfs: false, note })
}

/// A dock gets packages of its own only if what it stands on comes from Portage.
fn dock(name: &str, project: &Project) -> Result<Parent> {
    let name = name.parse::<DockName>().map_err(|e| as_usage(&e))?;
    let (_, plan) = project.shape()?;
    let rootfs = plan.find(&StepId::new(Kind::Rootfs, name.as_str())).is_some();
    Ok(Parent { kind: "dock", from: format!("${{NAMESPACE}}/{name}"), rootfs, note: None })
}

/// A dock whose name is almost this one.
fn neighbour(name: &str, docks: &Path) -> Option<String> {
    let entries = std::fs::read_dir(docks).ok()?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let near = names.map(|known| (strsim::osa_distance(name, &known), known)).min()?;
    (near.0 <= 2 && near.0 < near.1.len()).then_some(near.1)
}

impl Parent {
    fn files(&self, name: &DockName) -> Result<[(&'static str, String); 2]> {
        let Self { kind, from, rootfs, .. } = self;
        let values = json!({ "name": name, "kind": kind, "from": from, "rootfs": rootfs });
        let text = |source: &'static str, values: &Value| render("new", source, values);
        Ok([
            ("Dockerfile.template", text(DOCKERFILE, &values)?),
            ("Buildconfig.sh", text(BUILDCONFIG, &values)?),
        ])
    }
}

/// The folder appears with all that is in it, or not at all.
fn make(docks: &Path, dir: &Path, files: &[(&str, String)]) -> Result<()> {
    store::make_dir(docks)?;
    let failed = |e: std::io::Error| Error::file("create", dir, &e);
    // Folders that begin with a dot are no docks.
    let temp = tempfile::Builder::new().prefix(".new-").permissions(readable()).tempdir_in(docks);
    let temp = temp.map_err(failed)?;
    for (file, text) in files {
        std::fs::write(temp.path().join(file), text).map_err(failed)?;
    }
    store::rename(temp.path(), dir)?;
    // It has another name now.
    drop(temp.keep());
    Ok(())
}

/// As any folder that a user makes: the umask has the last word.
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o777)
}
