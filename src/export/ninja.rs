//! `build.ninja`: the same steps for ninja, which is to run after `bb sync`.
//!
//! A generator rule does not depend on ninja's own log; `restat` lets a step that turned out fresh
//! stop the rest.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::error::{Error, Result};
use crate::export::{Exported, render, stamp};
use crate::ids::Kind;
use crate::plan::graph::StepIx;

const TEMPLATE: &str = include_str!("../../templates/build.ninja.j2");

#[derive(Serialize)]
struct Edge {
    id: String,
    stamp: String,
    inputs: Vec<String>,
    pool: &'static str,
}

/// The text of build.ninja, to be run in the project's folder; `bb` is the command to call.
///
/// # Errors
/// A path that ninja cannot express.
pub fn ninja(exported: Exported<'_>, bb: &str) -> Result<String> {
    let order = exported.plan.order();
    let edges = order.iter().map(|ix| edge(exported, *ix)).collect::<Result<Vec<_>>>()?;
    let inputs = exported.all_user_files();
    let inputs = inputs.into_iter().map(|f| escape(f)).collect::<Result<Vec<_>>>()?;
    let last = |e: &&Edge| e.id.starts_with("image:") || e.id.starts_with("task:");
    let images = edges.iter().filter(last).map(|e| e.stamp.as_str());
    let images = images.collect::<Vec<_>>();
    let state = escape(exported.state)?;
    let values = json!({
        "bb": bb,
        "state": state,
        "edges": edges,
        "inputs": inputs,
        "images": images,
    });
    render("build.ninja.j2", TEMPLATE, &values)
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
    let text = path.to_str().filter(|t| !t.contains(['\n', '|'])).ok_or_else(cannot)?;
    Ok(text.replace('$', "$$").replace(' ', "$ ").replace(':', "$:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_colons_and_dollars_are_escaped() {
        assert_eq!(escape(Path::new("a b:$c")).unwrap(), "a$ b$:$$c");
    }
}
