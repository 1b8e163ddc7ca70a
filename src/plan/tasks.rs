//! Users' own steps join the graph: from the settings' needs, and where a step reads what a task makes.
//!
//! Pure; errors point into `bb.toml`.

use std::collections::HashMap;
use std::path::PathBuf;

use litemap::LiteMap;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::ids::{Kind, StepId};
use crate::base::secret::without_secrets;
use crate::base::words::suggestion;
use crate::config::{Task, Written};
use crate::plan::expand::{Sources, TaskFacts};
use crate::plan::graph::Plan;
use crate::plan::step::{Need, Step, Work};

/// The plan of all steps with the tasks among them.
///
/// # Errors
/// A need that no step satisfies, an output that two tasks make, a cycle.
pub(super) fn join(sources: Sources<'_>, mut steps: Vec<Step>) -> Result<Plan> {
    if sources.tasks.is_empty() {
        return Plan::new(steps);
    }
    let made_by = outputs(sources)?;
    let mut known = steps.iter().map(|s| s.id.to_string()).collect::<Vec<_>>();
    known.extend(sources.tasks.iter().map(|t| format!("task:{}", t.task.name.text)));
    known.sort_unstable();
    for facts in sources.tasks {
        steps.push(task(sources, facts, &known)?);
    }
    for step in &mut steps {
        wait_for_makers(step, &made_by);
    }
    Plan::new(steps).map_err(|error| through_task(sources, error))
}

/// Which task makes a file.
fn outputs(sources: Sources<'_>) -> Result<HashMap<PathBuf, StepId>> {
    let mut made_by = HashMap::new();
    for Task { name, outputs, .. } in sources.tasks.iter().map(|t| &t.task) {
        for output in outputs {
            let id = StepId::new(Kind::Task, name.text.as_str());
            if let Some(other) = made_by.insert(PathBuf::from(&output.text), id) {
                let message = format!("`{}` is also an output of `{other}`", output.text);
                let error = sources.settings.error_at(message, output);
                return Err(error.hint("a file is made by one step only"));
            }
        }
    }
    Ok(made_by)
}

fn task(sources: Sources<'_>, facts: &TaskFacts, known: &[String]) -> Result<Step> {
    let Task { name, run, outputs, needs, env, .. } = &facts.task;
    let outputs = outputs.iter().map(|o| PathBuf::from(&o.text)).collect::<Vec<_>>();
    let mut params = LiteMap::from_iter([("run".to_owned(), without_secret(run))]);
    params.extend(env.iter().map(|(k, v)| (format!("env.{k}"), fingerprint(k, v))));
    Ok(Step {
        id: StepId::new(Kind::Task, name.text.as_str()),
        triggered_files: vec![],
        files: facts.inputs.clone(),
        params,
        needs: needs.iter().map(|n| need(sources, n, known)).collect::<Result<_>>()?,
        outputs: outputs.clone(),
        objects: vec![],

        work: Work::Task { run: run.clone(), env: env.clone(), outputs },
    })
}

/// What records, messages and exports have in the place of a variable's value, which may be a secret.
fn fingerprint(name: &str, value: &str) -> String {
    format!("sha256:{}", &hex(&Sha256::digest(format!("{name}={value}")))[..16])
}

/// A command without what is secret in its addresses, and with what tells it from others.
fn without_secret(run: &str) -> String {
    let shown = without_secrets(run);
    if shown == *run { shown } else { format!("{shown} ({})", fingerprint("run", run)) }
}

fn need(sources: Sources<'_>, written: &Written, known: &[String]) -> Result<Need> {
    let id = written.text.parse::<StepId>();
    let Some(step) = id.ok().filter(|_| known.binary_search(&written.text).is_ok()) else {
        let message = format!("no step is called `{}`", written.text);
        let error = sources.settings.error_at(message, written);
        return Err(error.hint(suggestion(&written.text, known)));
    };
    let product = step.kind.main_product();
    Ok(Need { step, product })
}

/// A step that reads what a task makes comes after it; the file itself tells whether it is dirty.
fn wait_for_makers(step: &mut Step, made_by: &HashMap<PathBuf, StepId>) {
    let makers = step.files.iter().filter_map(|f| made_by.get(f)).cloned().collect::<Vec<_>>();
    for maker in makers {
        if !step.needs.iter().any(|n| n.step == maker) {
            step.needs.push(Need::order(maker));
        }
    }
}

/// A cycle that a task is part of is shown where the task says what it needs.
fn through_task(sources: Sources<'_>, error: Error) -> Error {
    let Some(path) = error.message().split_once(": ").map(|(_, path)| path.to_owned()) else {
        return error;
    };
    let names = path.split(" -> ").collect::<Vec<_>>();
    let on_path = |t: &&TaskFacts| names.contains(&format!("task:{}", t.task.name.text).as_str());
    let Some(facts) = sources.tasks.iter().find(on_path) else { return error };
    let guilty = facts.task.needs.iter().find(|n| names.contains(&n.text.as_str()));
    let written = guilty.unwrap_or(&facts.task.name);
    let error = sources.settings.error_at(format!("steps depend on themselves: {path}"), written);
    error.hint("each arrow is a need, or a file that the step before makes; remove one of them")
}
