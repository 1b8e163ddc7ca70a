//! Bringing back only the images that the engine does not have, out of the state folder or built; whatever else has changed stays as it is.

use crate::base::error::Result;
use crate::base::ids::Kind;
use crate::exec::{job, put};
use crate::fresh::Inventory;
use crate::plan::select::{Scope, Wish};
use crate::plan::{Plan, Step, select};
use crate::session::Tell;
use crate::session::build::{Built, Judged, Options};
use crate::session::engine::{Asked, Asking};
use crate::session::project::Project;
use crate::state::store::Store;

/// What the engine lacks of the images that were asked for.
pub struct Missing {
    /// How many images were asked for, with those they stand on.
    pub images: usize,
    /// The names of those that are missing.
    pub lacking: Vec<String>,
    /// What makes it.
    scope: Scope,
    asked: Asked,
}

impl Project {
    /// What the engine lacks. As [`build`](Self::build), it pins what the mirrors offer where docks need a lock and
    /// there is none.
    ///
    /// # Errors
    /// As of [`build`](Self::build).
    pub async fn missing(&self, options: &Options, tell: &mut Tell<'_>) -> Result<Missing> {
        let asking = Asking::begin(self);
        let images = |plan: &Plan| self.images(options, plan);
        let (_, plan) = self.pinned_plan(options.offline, tell, images).await?;
        lacking(&images(&plan)?, asking, &self.store()).await
    }

    /// The same with the lock as it is; changes nothing.
    ///
    /// # Errors
    /// As of [`judge`](Self::judge).
    pub async fn missing_as_locked(&self, options: &Options) -> Result<Missing> {
        let asking = Asking::begin(self);
        let plan = self.plan()?;
        lacking(&self.images(options, &plan)?, asking, &self.store()).await
    }

    /// How the steps stand that make what is missing.
    ///
    /// # Errors
    /// A file cannot be read, or an image below was never built.
    pub fn judge_missing(&self, missing: &Missing) -> Result<Judged> {
        let Missing { scope, asked, .. } = missing;
        let standings = job::standings_of(scope, &self.store(), &asked.inventory)?;
        Ok(Judged { plan: scope.plan.clone(), standings })
    }

    /// Builds what is missing, on what is there as it is.
    ///
    /// # Errors
    /// As of [`build`](Self::build).
    pub async fn build_missing(
        &self,
        missing: &Missing,
        options: &Options,
        tell: &mut Tell<'_>,
    ) -> Result<Built> {
        self.run(options, &missing.asked, &missing.scope, tell).await
    }

    fn images(&self, options: &Options, plan: &Plan) -> Result<Plan> {
        select::select(plan, &options.images, &self.settings.exclude)
    }
}

async fn lacking(plan: &Plan, asking: Asking, store: &Store) -> Result<Missing> {
    let asked = asking.answer().await?;
    let (images, lacking) = count(plan, &asked.inventory, store);
    let is_there = |dock: &str| !lacking.iter().any(|name| name == dock);
    let wish = Wish { names: &lacking, exclude: &[], again: None };
    // No name would mean everything.
    let part = if lacking.is_empty() { &plan.closure(&[])? } else { plan };
    let scope = Scope::new(part, wish, is_there)?;
    Ok(Missing { images, lacking, scope, asked })
}

/// How many images there are, and which of them the engine does not have: a name may mean another one there.
fn count(plan: &Plan, inventory: &Inventory, store: &Store) -> (usize, Vec<String>) {
    let steps = plan.order().iter().map(|ix| plan.step(*ix));
    let images = steps.filter(|step| step.id.kind == Kind::Image).collect::<Vec<_>>();
    let has = |object| inventory.id(object).is_some();
    let is_another = |step: &Step| {
        store.record(&step.id).is_some_and(|record| put::lacks(step, &record, inventory, store))
    };
    let lacking = images.iter().filter(|step| !step.objects.iter().all(has) || is_another(step));
    (images.len(), lacking.map(|step| step.id.name.clone()).collect())
}
