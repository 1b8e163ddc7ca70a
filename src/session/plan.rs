//! The plan of a project, with the lock as it is, without one, or with one that is pinned first.
//!
//! How a plan is computed is told in `project`; what of it is asked for, in `build`.

use crate::base::error::{Error, Result};
use crate::base::ids::Kind;
use crate::config::lock::Lock;
use crate::dock::Dock;
use crate::exec::job;
use crate::exec::job::Standing;
use crate::fresh::Inventory;
use crate::plan::Plan;
use crate::plan::graph::StepIx;
use crate::session::Tell;
use crate::session::pin;
use crate::session::project::{LOCK_FILE, Project};

impl Project {
    /// The plan of all images with the lock as it is.
    ///
    /// # Errors
    /// A dock is wrong, or docks need a lock and there is none: exit code 3.
    pub fn plan(&self) -> Result<Plan> {
        let docks = self.docks()?;
        let lock = self.lock()?;
        if lock.is_none() && self.needs_lock(&docks) {
            // What is wrong with a dock is told first.
            self.plan_of(&docks, Some(&Lock::unpinned()))?;
            return Err(Error::config(format!("there is no `{LOCK_FILE}` yet")).hint(
                "`bb build` pins the newest stage3 and snapshot the first time, `bb update` later",
            ));
        }
        self.verified_plan(&docks, lock.as_ref())
    }

    /// The docks, and the shape of the plan: with no lock yet, as if everything were unpinned. The same
    /// whether verification is skipped today or not.
    ///
    /// # Errors
    /// A dock or the lock is wrong.
    pub fn shape(&self) -> Result<(Vec<Dock>, Plan)> {
        let docks = self.docks()?;
        let lock = self.lock()?.unwrap_or_else(Lock::unpinned);
        let plan = self.skipping(false).plan_of(&docks, Some(&lock))?;
        Ok((docks, plan))
    }

    /// The shape, with verification skipped where it is to be.
    ///
    /// # Errors
    /// The lock is wrong, or a record cannot be read.
    pub(crate) fn as_verified(
        &self,
        (docks, plan): (Vec<Dock>, Plan),
    ) -> Result<(Vec<Dock>, Plan)> {
        if !self.settings.skip_verify {
            return Ok((docks, plan));
        }
        let lock = self.lock()?.unwrap_or_else(Lock::unpinned);
        let plan = self.verified_plan(&docks, Some(&lock))?;
        Ok((docks, plan))
    }

    /// The docks and the plan of all images. Where docks need a lock and there is none, what the mirrors
    /// offer now is pinned once; before that, `asked` looks whether the plan has what somebody asks for.
    ///
    /// # Errors
    /// A dock or the lock is wrong, `asked` says so, or what the mirrors offer cannot be had or verified.
    pub(crate) async fn pinned_plan<T>(
        &self,
        offline: bool,
        tell: &mut Tell<'_>,
        asked: impl Fn(&Plan) -> Result<T>,
    ) -> Result<(Vec<Dock>, Plan)> {
        let docks = self.docks()?;
        let lock = match self.lock()? {
            None if self.needs_lock(&docks) => {
                asked(&self.plan_of(&docks, Some(&Lock::unpinned()))?)?;
                Some(pin::once(self, offline, tell).await?)
            }
            lock => lock,
        };
        let plan = self.verified_plan(&docks, lock.as_ref())?;
        Ok((docks, plan))
    }

    /// The plan, in which what is verified already stays verified although verification is skipped.
    fn verified_plan(&self, docks: &[Dock], lock: Option<&Lock>) -> Result<Plan> {
        if self.settings.skip_verify {
            let strict = self.skipping(false).plan_of(docks, lock)?;
            let verify = |ix: &&StepIx| strict.step(**ix).id.kind == Kind::Verify;
            let verify = strict.order().iter().filter(verify).copied().collect::<Vec<_>>();
            let verify = strict.closure(&verify)?;
            let standings = job::standings(&verify, &self.store(), &Inventory::default())?;
            if standings.iter().all(|(_, standing)| *standing == Standing::Fresh) {
                return Ok(strict);
            }
        }
        self.plan_of(docks, lock)
    }
}
