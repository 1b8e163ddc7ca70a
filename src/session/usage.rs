//! How much room a project takes, with its engine, and what of that `bb gc` would remove.
//!
//! Starts no engine and makes no store: what is not there takes nothing.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::ids::Kind;
use crate::engine::choice::{Choice, choice};
use crate::engine::native::is_store;
use crate::engine::{Engine, Wanted};
use crate::exec::action::caches;
use crate::exec::put;
use crate::exec::usage::{Item, going, of_engine, of_state};
use crate::exec::work::PROJECT_LABEL;
use crate::plan::step::Object;
use crate::session::engine::owner;
use crate::session::project::Project;
use crate::session::tidy::{Tidying, Unneeded};
use crate::session::{Tell, Thing};

/// What takes how much room.
#[derive(Debug)]
pub struct DiskUsage {
    /// All things of the engine's and the state folder.
    pub items: Vec<Item>,
    /// Why it is not known what an engine has.
    pub no_engine: Option<Error>,
    /// Why it is not known what would go.
    pub no_plan: Option<Error>,
}

impl Project {
    /// Finds what takes how much room: in the state folder, and in the engine that is in use.
    ///
    /// # Errors
    /// A file cannot be looked at.
    pub async fn disk_usage(&self, tell: &mut Tell<'_>) -> Result<DiskUsage> {
        let (engine, no_engine) = match self.engine_if_there().await {
            Ok(engine) => (engine, None),
            Err(error) => (None, Some(error)),
        };
        let unneeded = self.unneeded_of(engine.clone(), &Unneeded::default(), tell).await;
        let (found, no_plan) = match unneeded {
            Ok(found) => (Some(found), None),
            Err(error) => (None, Some(error)),
        };
        let things = found.iter().flat_map(Tidying::things).cloned().collect::<Vec<_>>();
        let mut items = vec![];
        if let Some(engine) = engine {
            items.extend(of_engine(engine.usage(&self.wanted(&*engine, &things)).await?));
        }
        let store = self.store();
        items.extend(
            tokio::task::spawn_blocking(move || of_state(&store, things.iter()))
                .await
                .map_err(|e| Error::bug(format!("counting ended: {e}")))??,
        );
        Ok(DiskUsage { items, no_engine, no_plan })
    }

    /// The engine in use; nothing, if it has no store yet.
    async fn engine_if_there(&self) -> Result<Option<Arc<dyn Engine>>> {
        if self.own_engine().is_none()
            && let Choice::Native { folder, .. } = choice(self.environment())?
            && !is_store(&folder)
        {
            return Ok(None);
        }
        self.engine().await.map(Some)
    }

    fn wanted(&self, engine: &dyn Engine, things: &[Thing]) -> Wanted {
        let mut wanted = Wanted { going: going(things.iter()), ..Wanted::default() };
        if engine.daemon().is_none() {
            return wanted;
        }
        let store = self.store();
        wanted.images.extend(store.noted());
        wanted.images.extend(wanted.going.images.clone());
        for step in store.known_steps().iter().filter(|step| step.kind == Kind::Image) {
            let left = store.record(step).map(|record| put::left_by(&record)).unwrap_or_default();
            wanted.images.extend(left.into_iter().map(|Object::Image(name)| name));
        }
        let caches = caches(&self.settings, false).into_iter().map(|cache| cache.name);
        wanted.caches = caches.chain(wanted.going.caches.clone()).collect();
        let owner = store.id().map(|id| owner(&id, &store));
        wanted.label = owner.map(|owner| (PROJECT_LABEL.to_owned(), owner.0));
        wanted
    }
}
