//! Moving the lock: what the mirrors offer is looked up, verified and pinned.

use crate::base::error::Result;
use crate::config::lock::Lock;
use crate::gentoo::release::Times;
use crate::session::Tell;
use crate::session::pin;
use crate::session::pin::Bound;
use crate::session::project::Project;

/// A lock that was moved.
#[derive(Debug, Clone)]
pub struct Updated {
    /// What was pinned before, if anything.
    pub old: Option<Lock>,
    /// What is pinned now; it may be the same.
    pub new: Lock,
}

/// What is pinned, and what the mirrors have.
#[derive(Debug, Clone)]
pub struct Offered {
    /// What is pinned, if anything.
    pub pinned: Option<Lock>,
    /// The times of what the mirrors have.
    pub times: Times,
}

impl Project {
    /// Pins the newest stage3 and snapshot in `bb.lock`; with `allow_older`, also what is older than the pinned
    /// one, or old where none is pinned. Waits while another process pins.
    ///
    /// # Errors
    /// No mirror answers (exit code 1), what they offer does not verify or is too old (5), or the lock that is
    /// there is malformed (3).
    pub async fn update(
        &self,
        allow_older: bool,
        offline: bool,
        tell: &mut Tell<'_>,
    ) -> Result<Updated> {
        let _held = pin::hold(self).await?;
        let old = self.pinned()?;
        let bound = match &old {
            _ if allow_older => Bound::Any,
            Some(old) => Bound::Floor(old),
            None => Bound::First,
        };
        let new = pin::newest(self, offline, bound, tell).await?;
        Ok(Updated { old, new })
    }

    /// What an update would find. Writes nothing.
    ///
    /// # Errors
    /// As of [`update`](Self::update).
    pub async fn offered(&self, offline: bool, tell: &mut Tell<'_>) -> Result<Offered> {
        let pinned = self.pinned()?;
        let times = pin::offered(self, offline, pinned.as_ref(), tell).await?;
        Ok(Offered { pinned, times })
    }

    /// The lock, whatever date the environment asks for: that is what it is to be moved to.
    fn pinned(&self) -> Result<Option<Lock>> {
        let mut undated = self.clone();
        undated.settings.date = None;
        undated.lock()
    }
}
