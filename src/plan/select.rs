//! Which part of the plan a command line asks for.
//!
//! Knows names and the plan, not what is fresh.

use crate::error::{Error, Result};
use crate::ids::{Kind, StepId};
use crate::plan::graph::{Plan, StepIx};

/// The steps for the named images and steps, or for all images but the excluded ones and all tasks.
pub fn select(plan: &Plan, images: &[String], exclude: &[String]) -> Result<Plan> {
    plan.closure(&roots(plan, images, exclude)?)
}

/// The same with the tests of the images that it was asked for.
pub fn with_tests(plan: &Plan, images: &[String], exclude: &[String]) -> Result<Plan> {
    let mut roots = roots(plan, images, exclude)?;
    let tests = roots.iter().filter_map(|ix| test_of(plan, &plan.step(*ix).id)).collect::<Vec<_>>();
    roots.extend(tests);
    plan.closure(&roots)
}

/// The ids of the tests of some images (none: all but the excluded ones).
pub fn tests(plan: &Plan, images: &[String], exclude: &[String]) -> Result<Vec<String>> {
    for name in images {
        image(plan, name)?;
    }
    let roots = roots(plan, images, exclude)?;
    let tests = roots.iter().filter_map(|ix| test_of(plan, &plan.step(*ix).id));
    Ok(tests.map(|ix| plan.step(ix).id.to_string()).collect())
}

/// The step that tests what an image step makes.
fn test_of(plan: &Plan, id: &StepId) -> Option<StepIx> {
    let test = (id.kind == Kind::Image).then(|| StepId::new(Kind::Test, id.name.as_str()));
    plan.find(&test?)
}

fn roots(plan: &Plan, images: &[String], exclude: &[String]) -> Result<Vec<StepIx>> {
    if images.is_empty() {
        return everything(plan, exclude);
    }
    images.iter().map(|name| named(plan, name)).collect()
}

/// All images but the excluded ones, and all tasks.
fn everything(plan: &Plan, exclude: &[String]) -> Result<Vec<StepIx>> {
    for name in exclude {
        image(plan, name)?;
    }
    let wanted = |ix: &&StepIx| {
        let id = &plan.step(**ix).id;
        match id.kind {
            Kind::Image => !exclude.contains(&id.name),
            Kind::Task => true,
            _ => false,
        }
    };
    Ok(plan.order().iter().filter(wanted).copied().collect())
}

/// An image by its name, or any step by its id.
///
/// # Errors
/// There is none, with the nearest one as a hint.
pub fn named(plan: &Plan, name: &str) -> Result<StepIx> {
    if name.contains(':') { step(plan, &name.parse()?) } else { image(plan, name) }
}

fn image_steps(plan: &Plan) -> impl Iterator<Item = (&str, StepIx)> {
    let steps = plan.order().iter().map(|ix| (plan.step(*ix), *ix));
    steps.filter(|(s, _)| s.id.kind == Kind::Image).map(|(s, ix)| (s.id.name.as_str(), ix))
}

/// The names of all images, parents first.
pub fn images(plan: &Plan) -> impl Iterator<Item = String> {
    image_steps(plan).map(|(name, _)| name.to_owned())
}

/// The step that builds one image.
///
/// # Errors
/// An unknown name, with the nearest known one as a hint.
pub fn image(plan: &Plan, name: &str) -> Result<StepIx> {
    plan.find(&StepId::new(Kind::Image, name)).ok_or_else(|| {
        let names = image_steps(plan).map(|(n, _)| n.to_owned()).collect::<Vec<_>>();
        Error::usage(format!("unknown image `{name}`")).hint(suggestion(name, &names))
    })
}

/// The step with an id.
///
/// # Errors
/// An unknown id, with the nearest known one as a hint.
pub fn step(plan: &Plan, id: &StepId) -> Result<StepIx> {
    plan.find(id).ok_or_else(|| {
        let ids = plan.order().iter().map(|ix| plan.step(*ix).id.to_string()).collect::<Vec<_>>();
        Error::usage(format!("unknown step `{id}`")).hint(suggestion(&id.to_string(), &ids))
    })
}

/// `did you mean …?`, or the list of what there is.
pub fn suggestion(name: &str, known: &[String]) -> String {
    let near = known.iter().map(|k| (strsim::osa_distance(name, k), k)).min();
    match near {
        Some((distance, k)) if distance <= 1 + name.len() / 3 => format!("did you mean `{k}`?"),
        Some(_) if known.len() <= 20 => format!("there are: {}", known.join(", ")),
        Some(_) => "`bb status` lists what there is".to_owned(),
        None => "there are no images yet: a folder in `bb-dock/` is one".to_owned(),
    }
}
