//! The plan as JSON: steps, what is before them, inputs, outputs and the command.

use std::borrow::Cow;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::base::error::{Error, Result};
use crate::base::name;
use crate::base::words::plain_json;
use crate::export::{Exported, stamp};
use crate::plan::graph::StepIx;

/// The text, one step a line, prerequisites first.
///
/// # Errors
/// A bug: a plan that is no JSON.
pub fn json(exported: Exported<'_>) -> Result<String> {
    let steps = exported.plan.order().iter().map(|ix| step(exported, *ix)).collect::<Vec<_>>();
    let text = serde_json::to_string_pretty(&json!({ "format": 1, "steps": steps }));
    text.map(|t| plain_json(&t).into_owned() + "\n")
        .map_err(|e| Error::bug(format!("cannot write JSON: {e}")))
}

/// As [`name::text`] writes them.
fn texts(paths: &[PathBuf]) -> Vec<Cow<'_, str>> {
    paths.iter().map(|path| name::of_path(path)).collect()
}

fn step(exported: Exported<'_>, ix: StepIx) -> Value {
    let step = exported.plan.step(ix);
    json!({
        "id": step.id.to_string(),
        "needs": exported.upstream(ix).into_iter().map(ToString::to_string).collect::<Vec<_>>(),
        "inputs": texts(&step.files),
        "settings": step.params,
        "outputs": texts(&step.outputs),
        "objects": step.objects.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "stamp": exported.state.join(stamp(&step.id)),
        "command": ["bb", "step", step.id.to_string()],
    })
}
