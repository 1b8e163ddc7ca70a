//! What an engine has for a project, taken along to another one: the builder or what there is of it, caches, images.
//!
//! The first one keeps what it has. Does not know which two they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;

use crate::base::error::{Error, Exit, Result};
use crate::config::EngineName;
use crate::engine::{CacheMount, ContainerSpec};
use crate::exec::action::{KEPT, caches};
use crate::exec::put::{self, Loaded};
use crate::exec::shell;
use crate::exec::work::Context;
use crate::fresh::record::Stamp;
use crate::image::archive::Body;
use crate::plan::Plan;
use crate::plan::step::Work;
use crate::session::project::Project;

/// Where a cache is in the box that it is read from, and in the one that it is written to.
const AT: &str = "/bb-cache";

/// One thing that was taken along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub how: How,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It was copied: so many bytes, in that time.
    Copied(u64, Duration),
    /// It was there.
    There,
    /// It stays where it is, and why.
    Stays(String),
    /// It is being copied, which may take a while.
    Begun,
}

/// Two engines of a project.
struct Moving<'a> {
    project: &'a Project,
    plan: Plan,
    from: Arc<Context>,
    to: Arc<Context>,
}

impl Project {
    /// Takes what one engine has for this project along to another.
    ///
    /// # Errors
    /// A dock or the lock is wrong (exit code 3), one of them does not answer, or does not take it (4), a signal (130).
    pub async fn move_engine(
        &self,
        from: EngineName,
        to: EngineName,
        tell: &mut (dyn FnMut(&Taken) + Send),
    ) -> Result<()> {
        // In a container that is a builder, the plan would be that of this builder.
        let plan = self.on(from).plan()?;
        let (from, to) = (self.on(from).engine().await?, self.on(to).engine().await?);
        let from = self.context(from, true, 1)?;
        // One run: what it leaves is found by that, wherever it is.
        let to = self.context_of_run(to, true, 1, from.run.clone())?;
        let moving = Moving { project: self, plan, from, to };
        let mut interrupts = moving.from.interrupts();
        let done = tokio::select! {
            done = moving.all(tell) => done,
            () = interrupts.next() => Err(Error::interrupted()
                .hint("what was copied is there; the same command goes on")),
        };
        let tidied = [shell::remove_own(&moving.from).await, shell::remove_own(&moving.to).await];
        tidied.into_iter().fold(done, Result::and)
    }
}

impl Moving<'_> {
    async fn all(&self, tell: &mut (dyn FnMut(&Taken) + Send)) -> Result<()> {
        let Some(builder) = self.builder(tell).await? else {
            for name in self.caches().await? {
                tell(&Taken {
                    name,
                    how: How::Stays("there is no builder to read it by".to_owned()),
                });
            }
            return self.images(tell).await;
        };
        for name in self.caches().await? {
            tell(&Taken { name: name.clone(), how: How::Begun });
            let how = self.cache(&name, &builder).await?;
            tell(&Taken { name, how });
        }
        self.images(tell).await
    }

    /// The builder, or what there is of it. What that stands on is in it.
    async fn builder(&self, tell: &mut (dyn FnMut(&Taken) + Send)) -> Result<Option<String>> {
        let (has, had) = (self.from.engine.inventory().await?, self.to.engine.inventory().await?);
        let made = self.plan.order().iter().rev();
        let mut made = made.filter_map(|ix| self.plan.step(*ix).made_for_others());
        let Some((name, content)) = made.find(|(name, content)| has.id_of(name) == Some(content))
        else {
            return Ok(None);
        };
        let how = if had.id_of(name) == Some(content) {
            How::There
        } else {
            tell(&Taken { name: name.to_owned(), how: How::Begun });
            let names = [name.to_owned()];
            let (body, counted) = counted(self.from.engine.save_image(name));
            let begun = Instant::now();
            self.to.engine.load_image(body, &names, &mut |_| {}).await?;
            How::Copied(counted.load(Ordering::Relaxed), begun.elapsed())
        };
        tell(&Taken { name: name.to_owned(), how });
        Ok(Some(name.to_owned()))
    }

    /// The names of those that the first engine has: of all projects, and of this one's commands.
    async fn caches(&self) -> Result<Vec<String>> {
        let shared = caches(&self.project.settings, false).into_iter().map(|cache| cache.name);
        let mut names = self.from.engine.caches(&shared.collect::<Vec<_>>()).await?;
        let own = self.from.engine.caches_of(&self.from.owner).await?;
        let kept = self.from.owner.cache(KEPT);
        names.extend(own.into_iter().filter(|name| name.starts_with(&kept)));
        names.sort();
        Ok(names)
    }

    async fn cache(&self, name: &str, builder: &str) -> Result<How> {
        let begun = Instant::now();
        let (labels, seat) = shell::seat("engine move", &self.from)?;
        let spec = |writable| ContainerSpec {
            image: builder.to_owned(),
            owner: self.from.owner.clone(),
            labels: labels.clone(),
            caches: vec![CacheMount {
                name: name.to_owned(),
                part: String::new(),
                at: AT.to_owned(),
                writable,
            }],
            ..ContainerSpec::default()
        };
        let container = self.from.engine.start_container(&spec(false)).await?;
        let (body, counted) = counted(self.from.engine.download(&container, AT));
        let filled = self.to.engine.fill(&spec(true), "/", body).await;
        self.from.engine.remove_container(&container).await?;
        drop(seat);
        filled.map(|()| How::Copied(counted.load(Ordering::Relaxed), begun.elapsed()))
    }

    /// What the state folder has of images is put into the other engine, as `bb build` there would do.
    async fn images(&self, tell: &mut (dyn FnMut(&Taken) + Send)) -> Result<()> {
        let store = self.project.store();
        for step in self.plan.order().iter().map(|ix| self.plan.step(*ix)) {
            let Work::Image(work) = &step.work else { continue };
            if store.stamp(&step.id) == Stamp::Missing {
                continue;
            }
            let name = work.references.first().cloned().unwrap_or_default();
            let begun = Instant::now();
            let is_kept = store.record(&step.id).is_some_and(|record| record.objects.is_empty());
            let how = if is_kept {
                match put::load(&work.dir, &self.to).await {
                    Ok(Loaded::Was) => How::There,
                    Ok(Loaded::Put) => {
                        How::Copied(size(work.dir.join("image.tar")), begun.elapsed())
                    }
                    // Of one whose results are broken the others know nothing.
                    Err(error) if error.exit() == Exit::Step => {
                        How::Stays(error.message().to_owned())
                    }
                    Err(error) => return Err(error),
                }
            } else {
                How::Stays("only the engine that built it has it".to_owned())
            };
            tell(&Taken { name, how });
        }
        Ok(())
    }
}

fn size(file: std::path::PathBuf) -> u64 {
    std::fs::metadata(file).map_or(0, |meta| meta.len())
}

/// A stream whose bytes are counted.
fn counted(body: Body) -> (Body, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    let counting = body.inspect(move |piece| {
        let bytes = piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
        counter.fetch_add(bytes, Ordering::Relaxed);
    });
    (Box::pin(counting), count)
}
