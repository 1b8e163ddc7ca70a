//! `build.ninja`: the same steps for ninja, which is to run after `bb sync`.
//!
//! A generator rule does not depend on ninja's own log; `restat` lets a step that turned out fresh
//! stop the rest. Ninja does not write its file again, so the file tells what it was made of.

use std::path::Path;

use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::ids::Kind;
use crate::base::words::is_hostile;
use crate::export::{Exported, render, stamp};
use crate::plan::graph::StepIx;

const TEMPLATE: &str = include_str!("../../templates/build.ninja.j2");

#[derive(Serialize)]
struct Edge {
    id: String,
    stamp: String,
    inputs: Vec<String>,
    pool: &'static str,
}

/// Stand for the digest, and for the command to call, in the text that the digest is taken of.
const OWN_DIGEST: &str = "@OWN_DIGEST@";
const OWN_BB: &str = "@OWN_BB@";

/// What a build.ninja says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The digest of all but the command to call.
    pub digest: String,
    /// The images that it was asked for; none: all.
    pub images: Vec<String>,
    /// The command to call.
    pub bb: String,
}

impl Head {
    /// Reads the head of a build.ninja, if it is one of ours.
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines().take(8);
        let digest = lines.next()?.strip_prefix("# Written by `bb export ninja`; do not edit. ")?;
        let images = lines.next()?.strip_prefix("# images:")?;
        let bb = lines.find_map(|line| line.strip_prefix("bb = "))?;
        let images = images.split_whitespace().map(str::to_owned).collect();
        Some(Self { digest: digest.to_owned(), images, bb: bb.to_owned() })
    }
}

/// The text of build.ninja for the `chosen` images (none: all), to be run in the project's folder;
/// `bb` is the command to call.
///
/// # Errors
/// A path that ninja cannot express.
pub fn ninja(exported: Exported<'_>, bb: &str, chosen: &[String]) -> Result<String> {
    let order = exported.plan.order();
    let edges = order.iter().map(|ix| edge(exported, *ix)).collect::<Result<Vec<_>>>()?;
    let inputs = exported.all_user_files();
    let inputs = inputs.into_iter().map(|f| escape(f)).collect::<Result<Vec<_>>>()?;
    let last = |e: &&Edge| e.id.starts_with("image:") || e.id.starts_with("task:");
    let images = edges.iter().filter(last).map(|e| e.stamp.as_str());
    let images = images.collect::<Vec<_>>();
    let tests = edges.iter().filter(|e| e.id.starts_with("test:")).map(|e| e.stamp.as_str());
    let tests = tests.collect::<Vec<_>>();
    let state = in_shell(exported.state)?;
    let values = json!({
        "bb": OWN_BB,
        "digest": OWN_DIGEST,
        "chosen": chosen.join(" "),
        "state": state,
        "edges": edges,
        "inputs": inputs,
        "images": images,
        "tests": tests,
    });
    let text = render("build.ninja.j2", TEMPLATE, &values)?;
    let digest = hex(&Sha256::digest(text.as_bytes())[..8]);
    Ok(text.replacen(OWN_DIGEST, &digest, 1).replacen(OWN_BB, bb, 1))
}

fn edge(exported: Exported<'_>, ix: StepIx) -> Result<Edge> {
    let step = exported.plan.step(ix);
    let of_state = |path: &str| escape(&exported.state.join(path));
    let mut inputs = vec![];
    for need in exported.upstream(ix) {
        inputs.push(of_state(&stamp(need))?);
    }
    for file in exported.user_files(ix) {
        inputs.push(escape(file)?);
    }
    let pool = match step.id.kind {
        Kind::Fetch => "fetch",
        Kind::Rootfs => "compile",
        _ => "",
    };
    Ok(Edge { id: step.id.to_string(), stamp: of_state(&stamp(&step.id))?, inputs, pool })
}

/// A path in ninja's own quoting.
fn escape(path: &Path) -> Result<String> {
    let cannot =
        || Error::config(format!("ninja cannot express the file name `{}`", path.display()));
    let text =
        path.to_str().filter(|t| !t.contains(|c| c == '|' || is_hostile(c))).ok_or_else(cannot)?;
    Ok(text.replace('$', "$$").replace(' ', "$ ").replace(':', "$:"))
}

/// A path as a word of a command: for ninja a text in which only `$` counts, for the shell one in quotes.
fn in_shell(path: &Path) -> Result<String> {
    escape(path)?;
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,=".contains(c);
    let word = if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    };
    Ok(word.replace('$', "$$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_program_has_no_head() {
        assert_eq!(Head::read("# CMAKE generated file: DO NOT EDIT!\n"), None);
        assert_eq!(Head::read(""), None);
    }

    #[test]
    fn blanks_colons_and_dollars_are_escaped() {
        assert_eq!(escape(Path::new("a b:$c")).unwrap(), "a$ b$:$$c");
    }

    #[test]
    fn a_state_folder_is_one_word_of_the_command() {
        let cases = [
            (".bb", ".bb"),
            ("../x/.bb-2", "../x/.bb-2"),
            ("a b:c", "'a b:c'"),
            ("$HOME", "'$$HOME'"),
            ("it's", r"'it'\''s'"),
            ("a;rm -rf x", "'a;rm -rf x'"),
        ];
        for (path, word) in cases {
            assert_eq!(in_shell(Path::new(path)).unwrap(), word);
        }
        assert!(in_shell(Path::new("a\nb")).is_err());
    }
}
