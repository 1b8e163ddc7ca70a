//! `Makefile.generated`: for GNU make from 3.81 on and for bmake.
//!
//! Knows what make can express. How the file looks is in `templates/Makefile.j2`.

use std::path::Path;

use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::ids::{Kind, StepId};
use crate::base::words::is_hostile;
use crate::export::{Exported, render, stamp};
use crate::plan::graph::StepIx;

const TEMPLATE: &str = include_str!("../../templates/Makefile.j2");

/// Stands for the digest in the text that the digest is taken of.
const OWN_DIGEST: &str = "@OWN_DIGEST@";

#[derive(Serialize)]
struct Target {
    id: String,
    stamp: String,
    needs: Vec<String>,
    files: Vec<String>,
}

#[derive(Serialize)]
struct Phony {
    name: String,
    stamp: String,
    /// What it does, for `bb-help`.
    does: &'static str,
    /// The step, where its stamp does not say that what it makes is there.
    on_demand: Option<String>,
}

/// What a Makefile is asked to be.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    /// What it is called.
    pub file: &'a str,
    /// Its images; none: all.
    pub chosen: &'a [String],
    /// Whether make hands its jobserver to recipes, where that is a pipe: GNU make before 4.4.
    pub jobserver: bool,
}

/// The text of a Makefile, and the digest of what it says, which is also in it.
///
/// # Errors
/// A file whose name make cannot express.
pub fn makefile(exported: Exported<'_>, form: Form<'_>) -> Result<(String, String)> {
    let Form { file, chosen, jobserver } = form;
    let plan = exported.plan;
    let targets =
        plan.order().iter().map(|ix| target(exported, *ix)).collect::<Result<Vec<_>>>()?;
    let mut inputs = exported.all_user_files();
    inputs.extend(exported.sources);
    inputs.retain(|file| !exported.made_by_make.contains(file));
    let inputs = inputs.into_iter().map(|f| name(f)).collect::<Result<Vec<_>>>()?;
    let sources = exported.sources.iter().map(|f| name(f)).collect::<Result<Vec<_>>>()?;
    let phonies = phonies(exported);
    let values = json!({
        "file": file,
        "targets": targets,
        "inputs": inputs,
        "sources": sources,
        "images": stamps(exported, &[Kind::Image, Kind::Task]),
        "tests": stamps(exported, &[Kind::Test]),
        "help": help(&phonies),
        "phonies": phonies,
        "chosen": chosen.join(" "),
        "jobserver": jobserver,
        "plus": if jobserver { "+" } else { "" },
        "digest": OWN_DIGEST,
    });
    let text = render("Makefile.j2", TEMPLATE, &values)?;
    let digest = hex(&Sha256::digest(text.as_bytes())[..8]);
    Ok((text.replace(OWN_DIGEST, &digest), digest))
}

fn target(exported: Exported<'_>, ix: StepIx) -> Result<Target> {
    let step = exported.plan.step(ix);
    Ok(Target {
        id: step.id.to_string(),
        stamp: stamp(&step.id),
        needs: exported.upstream(ix).into_iter().map(stamp).collect(),
        files: exported.user_files(ix).map(|f| name(f)).collect::<Result<_>>()?,
    })
}

/// Stamps of all steps of some kinds.
fn stamps(exported: Exported<'_>, kinds: &[Kind]) -> Vec<String> {
    let steps = exported.plan.order().iter().map(|ix| &exported.plan.step(*ix).id);
    let mut stamps = steps.filter(|id| kinds.contains(&id.kind)).map(stamp).collect::<Vec<_>>();
    stamps.sort();
    stamps
}

/// Names that would be taken for something else.
const TAKEN: [&str; 5] = ["all", "help", "images", "status", "test"];

/// `bb-NAME` for every image, and `bb-KIND-NAME` for every step.
fn phonies(exported: Exported<'_>) -> Vec<Phony> {
    let steps = exported.plan.order().iter().map(|ix| &exported.plan.step(*ix).id);
    let phony = |name, id: &StepId| {
        let on_demand = id.kind.is_on_demand().then(|| id.to_string());
        Phony { name, stamp: stamp(id), does: does(id.kind), on_demand }
    };
    let short = |id: &&StepId| id.kind == Kind::Image && !TAKEN.contains(&id.name.as_str());
    let images = steps.clone().filter(short).map(|id| phony(format!("bb-{}", id.name), id));
    let mut images = images.collect::<Vec<_>>();
    let mut steps =
        steps.map(|id| phony(format!("bb-{}-{}", id.kind, id.name), id)).collect::<Vec<_>>();
    images.sort_by(|a, b| a.name.cmp(&b.name));
    steps.sort_by(|a, b| a.name.cmp(&b.name));
    // An image may be called as a step of another is.
    images.retain(|image| steps.binary_search_by(|s| s.name.cmp(&image.name)).is_err());
    images.append(&mut steps);
    images
}

fn does(kind: Kind) -> &'static str {
    match kind {
        Kind::Fetch => "downloads it",
        Kind::Verify => "checks signature and digests",
        Kind::Import => "loads it into the engine",
        Kind::Builder => "builds the builder",
        Kind::Rootfs => "compiles its packages",
        Kind::Dockerfile => "renders its template",
        Kind::Image => "builds the image",
        Kind::Test => "tests the image",
        Kind::Task => "runs its command",
    }
}

/// The widest column of names: 80 characters hold it and what each does.
const WIDEST: usize = 46;

/// The lines of `bb-help`.
fn help(phonies: &[Phony]) -> Vec<String> {
    let longest = phonies.iter().map(|p| p.name.len()).max().unwrap_or(0);
    let width = longest.clamp("bb-status".len(), WIDEST);
    let all = [
        ("bb-all", "all images and tasks"),
        ("bb-test", "tests all images"),
        ("bb-status", "says which steps are up to date"),
    ];
    let each = phonies.iter().map(|p| (p.name.as_str(), p.does));
    all.into_iter().chain(each).map(|(name, does)| format!("{name:width$}  {does}")).collect()
}

/// Whether make can have a file of this path as a target.
pub fn can_express(path: &Path) -> bool {
    path.to_str().is_some_and(|text| !text.chars().any(special))
}

/// A path as make reads it: below the project, or as it is if absolute.
fn name(path: &Path) -> Result<String> {
    let cannot = || {
        Error::config(format!("make cannot express the file name `{}`", path.display()))
            .hint("rename the file, or use `bb build`, which takes every name")
    };
    let text = path.to_str().filter(|_| can_express(path)).ok_or_else(cannot)?;
    let text = text.replace('$', "$$");
    Ok(if path.is_absolute() { text } else { format!("$(BB_ROOT)/{text}") })
}

/// Characters that GNU make or bmake gives a meaning that no quoting takes away in both.
fn special(c: char) -> bool {
    c.is_whitespace() || is_hostile(c) || r#"#:%;|=*?[]{}()\!&<>"'`~"#.contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_make_cannot_express_are_refused_by_name() {
        for bad in ["a b", "a#b", "a:b", "a\tb", "a%b", "a(b)"] {
            let error = name(Path::new(bad)).unwrap_err();
            assert_eq!(error.message(), format!("make cannot express the file name `{bad}`"));
        }
    }

    #[test]
    fn a_dollar_is_doubled_and_an_absolute_path_stays() {
        assert_eq!(name(Path::new("a/$b,+@-é")).unwrap(), "$(BB_ROOT)/a/$$b,+@-é");
        assert_eq!(name(Path::new("/etc/key")).unwrap(), "/etc/key");
    }
}
