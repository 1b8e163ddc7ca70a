//! The plan of a project, with the lock as it is, without one, or with one that is pinned first.
//!
//! How a plan is computed is told in `project`; what of it is asked for, in `build`.

use std::collections::BTreeSet;

use crate::base::error::{Error, Result};
use crate::base::ids::Kind;
use crate::base::reference::Reference;
use crate::config::lock::{Base, Pins};
use crate::engine::choice::{Choice, choice};
use crate::engine::native::guest;
use crate::exec::job;
use crate::exec::job::Standing;
use crate::fresh::Inventory;
use crate::plan::Plan;
use crate::plan::graph::StepIx;
use crate::plan::step::Work;
use crate::session::Tell;
use crate::session::docks::Docks;
use crate::session::project::{LOCK_FILE, Project};
use crate::session::{bases, pin};

impl Project {
    /// The plan of all images with the lock as it is. What is built on an image from elsewhere that is not pinned
    /// yet is in it, but not as it will be built.
    ///
    /// # Errors
    /// A dock is wrong, or docks need a lock and there is none: exit code 3.
    pub fn plan(&self) -> Result<Plan> {
        let docks = self.known_docks()?;
        let pins = self.pins()?;
        if pins.gentoo.is_none() && self.needs_lock(&docks) {
            // What is wrong with a dock is told first.
            self.plan_of(&docks, &pins.or_unpinned())?;
            return Err(Error::config(format!("there is no `{LOCK_FILE}` yet")).hint(
                "`bb build` pins the newest stage3 and snapshot the first time, `bb update` later",
            ));
        }
        self.buildable(self.verified_plan(&docks, &pins)?)
    }

    /// What the builder is that this container is, if it is one.
    pub(super) fn given(&self) -> Result<Option<String>> {
        match choice(self.environment()) {
            Ok(Choice::Guest) if self.own_engine().is_none() => {
                guest::here().map(|marker| Some(marker.content))
            }
            _ => Ok(None),
        }
    }

    /// The plan, unless this container is a builder for another lock: it can make no other.
    fn buildable(&self, plan: Plan) -> Result<Plan> {
        let makes = |ix: &StepIx| matches!(plan.step(*ix).work, Work::Builder { .. });
        if self.given()?.is_none() || !plan.order().iter().any(makes) {
            return Ok(plan);
        }
        let message = format!("this container's builder was made for another `{LOCK_FILE}`");
        Err(Error::engine(message).hint(
            "`bb builder image`, where an engine is, makes one for this lock and this version of `bb`",
        ))
    }

    /// The docks, and the shape of the plan: with no lock yet, as if everything were unpinned. The same
    /// whether verification is skipped today or not.
    ///
    /// # Errors
    /// A dock or the lock is wrong.
    pub fn shape(&self) -> Result<(Docks, Plan)> {
        let docks = self.known_docks()?;
        let plan = self.skipping(false).plan_of(&docks, &self.pins()?.or_unpinned())?;
        Ok((docks, plan))
    }

    /// The shape, with verification skipped where it is to be.
    ///
    /// # Errors
    /// The lock is wrong, or a record cannot be read.
    pub(crate) fn as_verified(&self, (docks, plan): (Docks, Plan)) -> Result<(Docks, Plan)> {
        if !self.settings.skip_verify {
            return Ok((docks, plan));
        }
        let plan = self.verified_plan(&docks, &self.pins()?.or_unpinned())?;
        Ok((docks, plan))
    }

    /// The docks and the plan of all images. Where docks need a lock and there is none, what the mirrors
    /// offer now is pinned once; before that, `asked` looks whether the plan has what somebody asks for. The images
    /// from elsewhere that this part is built on are pinned once, too.
    ///
    /// # Errors
    /// A dock or the lock is wrong, `asked` says so, what the mirrors offer cannot be had or verified, or nobody has
    /// an image that is built on.
    pub(crate) async fn pinned_plan(
        &self,
        offline: bool,
        tell: &mut Tell<'_>,
        asked: impl Fn(&Plan) -> Result<Plan>,
    ) -> Result<(Docks, Plan)> {
        let docks = self.known_docks()?;
        let mut pins = self.pins()?;
        if pins.gentoo.is_none() && self.needs_lock(&docks) {
            asked(&self.plan_of(&docks, &pins.or_unpinned())?)?;
            pins = pin::once(self, offline, tell).await?;
        }
        let plan = self.buildable(self.verified_plan(&docks, &pins)?)?;
        // Of many docks it takes a while to find what is asked for, and mostly everything is pinned.
        if unpinned(&plan).is_empty() {
            return Ok((docks, plan));
        }
        let names = unpinned(&asked(&plan)?);
        if names.is_empty() {
            return Ok((docks, plan));
        }
        let named_at = |name: &Reference| self.named_at(name, &docks, &pins);
        let pins = bases::pin(self, &names, named_at, offline, tell).await?;
        let plan = self.verified_plan(&docks, &pins)?;
        Ok((docks, plan))
    }

    /// The plan, in which what is verified already stays verified although verification is skipped.
    fn verified_plan(&self, docks: &Docks, pins: &Pins) -> Result<Plan> {
        if self.settings.skip_verify {
            let strict = self.skipping(false).plan_of(docks, pins)?;
            let verify = |ix: &&StepIx| strict.step(**ix).id.kind == Kind::Verify;
            let verify = strict.order().iter().filter(verify).copied().collect::<Vec<_>>();
            let verify = strict.closure(&verify)?;
            let standings = job::standings(&verify, &self.store(), &Inventory::default())?;
            if standings
                .iter()
                .all(|(_, standing)| matches!(standing, Standing::Fresh | Standing::OnDemand))
            {
                return Ok(strict);
            }
        }
        self.plan_of(docks, pins)
    }
}

/// The images from elsewhere that a plan's images are built on.
pub(super) fn elsewhere(plan: &Plan) -> impl Iterator<Item = (&String, Option<&Base>)> {
    let images = plan.order().iter().filter_map(|ix| match &plan.step(*ix).work {
        Work::Image(work) => Some(work),
        _ => None,
    });
    images.flat_map(|work| &work.elsewhere).map(|(name, base)| (name, base.as_ref()))
}

/// Those of which nobody has looked up yet which they are.
fn unpinned(plan: &Plan) -> BTreeSet<String> {
    let unpinned = elsewhere(plan).filter(|(_, base)| base.is_none());
    unpinned.map(|(name, _)| name.clone()).collect()
}
