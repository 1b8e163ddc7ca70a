//! Which part of the plan a command line asks for, and what of it is done again or taken as it is.
//!
//! Knows names and the plan, not what is fresh.

use std::collections::HashSet;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::base::words::suggestion;
use crate::plan::graph::{Plan, StepIx};
use crate::plan::step::Step;

/// The steps for the named images and steps, or for all images but the excluded ones and all tasks.
///
/// # Errors
/// An image or step that is not known, with the nearest known one as a hint.
pub fn select(plan: &Plan, images: &[String], exclude: &[String]) -> Result<Plan> {
    plan.closure(&roots(plan, images, exclude)?)
}

/// The same with the tests of the images that it was asked for.
///
/// # Errors
/// An image or step that is not known, with the nearest known one as a hint.
pub fn with_tests(plan: &Plan, images: &[String], exclude: &[String]) -> Result<Plan> {
    let mut roots = roots(plan, images, exclude)?;
    let tests = roots.iter().filter_map(|ix| test_of(plan, &plan.step(*ix).id)).collect::<Vec<_>>();
    roots.extend(tests);
    plan.closure(&roots)
}

fn roots(plan: &Plan, images: &[String], exclude: &[String]) -> Result<Vec<StepIx>> {
    if images.is_empty() {
        return everything(plan, exclude);
    }
    images.iter().map(|name| named(plan, name)).collect()
}

/// What is done again although it is up to date; each also what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Again {
    /// Images.
    Images,
    /// What is in them.
    Rootfs,
    /// What that is compiled in.
    Builder,
    /// What the builder is made of.
    Imports,
}

impl Again {
    fn covers(self, kind: Kind) -> bool {
        let from = match kind {
            Kind::Image => Some(Self::Images),
            Kind::Rootfs => Some(Self::Rootfs),
            Kind::Builder => Some(Self::Builder),
            Kind::Import => Some(Self::Imports),
            Kind::Fetch | Kind::Verify | Kind::Dockerfile | Kind::Test | Kind::Task => None,
        };
        from.is_some_and(|from| from <= self)
    }
}

/// A part of the plan, and what is to be done about it besides what is stale.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The part.
    pub plan: Plan,
    /// Steps that are done again although they are fresh.
    pub asked: HashSet<StepIx>,
    /// Steps that are taken as recorded, with nothing before them.
    pub as_recorded: HashSet<StepIx>,
    /// Steps that are named and would be done on demand only.
    pub wanted: HashSet<StepIx>,
}

/// What a command line asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Images and steps; none: everything.
    pub names: &'a [String],
    /// What is left out of everything.
    pub exclude: &'a [String],
    /// What is done again; with it, whatever is named.
    pub again: Option<Again>,
}

impl Scope {
    /// What a wish needs, up to the steps of docks that are `given`.
    ///
    /// # Errors
    /// An image or step that is not known, with the nearest known one as a hint.
    pub fn new(plan: &Plan, wish: Wish<'_>, given: impl Fn(&str) -> bool) -> Result<Self> {
        let Wish { names, exclude, again } = wish;
        let is_given = |step: &Step| dock(&step.id).is_some_and(&given);
        let roots = roots(plan, names, exclude)?;
        let id = |ix: &StepIx| plan.step(*ix).id.clone();
        let named = roots.iter().filter(|_| !names.is_empty()).map(id).collect::<HashSet<_>>();
        let plan = plan.closure_to(&roots, is_given)?;
        let those = |wanted: &dyn Fn(&Step) -> bool| {
            let all = plan.order().iter().filter(|ix| wanted(plan.step(**ix)));
            all.copied().collect::<HashSet<_>>()
        };
        let as_recorded = those(&is_given);
        let asked = those(&|step| {
            let meant = |again: Again| again.covers(step.id.kind) || named.contains(&step.id);
            again.is_some_and(meant) && !is_given(step)
        });
        let wanted = those(&|step| named.contains(&step.id) && step.id.kind.is_on_demand());
        Ok(Self { plan, asked, as_recorded, wanted })
    }
}

/// The dock that a step belongs to; most others are for all docks.
pub fn dock(id: &StepId) -> Option<&str> {
    let own = matches!(id.kind, Kind::Rootfs | Kind::Dockerfile | Kind::Image | Kind::Test);
    own.then_some(id.name.as_str())
}

/// The ids of the tests of some images (none: all but the excluded ones).
///
/// # Errors
/// An image that is not known, with the nearest known one as a hint.
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
