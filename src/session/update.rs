//! Moving the lock: what the mirrors offer is looked up, verified and pinned.

use crate::base::error::Result;
use crate::config::lock::{Lock, Pins};
use crate::gentoo::release::Times;
use crate::session::Tell;
use crate::session::bases::Moved;
use crate::session::pin::Bound;
use crate::session::project::Project;
use crate::session::{bases, pin};

/// A lock that was moved.
#[derive(Debug, Clone)]
pub struct Updated {
    /// What was pinned before, if anything.
    pub old: Option<Lock>,
    /// What is pinned now; it may be the same. Nothing where nothing is compiled.
    pub new: Option<Lock>,
    /// Images from elsewhere, by name.
    pub bases: Vec<Moved>,
}

/// What is pinned, and what the mirrors have.
#[derive(Debug, Clone)]
pub struct Offered {
    /// What is pinned, if anything.
    pub pinned: Option<Lock>,
    /// The times of what the mirrors have; none where nothing is compiled.
    pub times: Option<Times>,
    /// Images from elsewhere, by name.
    pub bases: Vec<Moved>,
}

impl Project {
    /// Pins the newest stage3 and snapshot in `bb.lock`; with `allow_older`, also what is older than the pinned
    /// one, or old where none is pinned. Pins what the names of images from elsewhere mean now. Waits while another
    /// process pins.
    ///
    /// # Errors
    /// No mirror answers (exit code 1), what they offer does not verify or is too old (5), or the lock that is
    /// there is malformed (3). That an image cannot be looked up is no error of this.
    pub async fn update(
        &self,
        allow_older: bool,
        offline: bool,
        tell: &mut Tell<'_>,
    ) -> Result<Updated> {
        let _held = pin::hold(self).await?;
        let old = self.undated().pins()?;
        let bound = match &old.gentoo {
            _ if allow_older => Bound::Any,
            Some(old) => Bound::Floor(old),
            None => Bound::First,
        };
        let bases = bases::compare(self, &old, offline).await;
        let new = if self.has_only_bases(&old, &bases) {
            None
        } else {
            Some(pin::newest(self, offline, bound, tell).await?)
        };
        let mut pins = Pins { gentoo: new.clone(), bases: old.bases };
        bases::apply(&mut pins.bases, &bases);
        // Where nobody could be asked there is nothing to pin.
        if new.is_some() || bases.iter().any(|base| !base.is_unknown()) {
            pin::write(&pins)?;
        }
        Ok(Updated { old: old.gentoo, new, bases })
    }

    /// What an update would find. Writes nothing.
    ///
    /// # Errors
    /// As of [`update`](Self::update).
    pub async fn offered(&self, offline: bool, tell: &mut Tell<'_>) -> Result<Offered> {
        let pins = self.undated().pins()?;
        let bases = bases::compare(self, &pins, offline).await;
        let pinned = pins.gentoo.clone();
        let times = if self.has_only_bases(&pins, &bases) {
            None
        } else {
            Some(pin::offered(self, offline, pinned.as_ref(), tell).await?)
        };
        Ok(Offered { pinned, times, bases })
    }

    /// What the names of images from elsewhere mean now, beside what is pinned. Writes nothing.
    ///
    /// # Errors
    /// The lock is malformed.
    pub async fn offered_bases(&self, offline: bool) -> Result<Vec<Moved>> {
        Ok(bases::compare(self, &self.undated().pins()?, offline).await)
    }

    /// Whether nothing is compiled, but something is built on images from elsewhere: a stage3 would be of no use.
    fn has_only_bases(&self, pins: &Pins, bases: &[Moved]) -> bool {
        // What is wrong with a dock, a build says.
        let compiles = || self.known_docks().map_or(true, |docks| self.needs_lock(&docks));
        pins.gentoo.is_none() && !bases.is_empty() && !compiles()
    }

    /// The same, whatever date the environment asks for: that is what the lock is to be moved to.
    pub(super) fn undated(&self) -> Self {
        let mut undated = self.clone();
        undated.settings.date = None;
        undated
    }
}
