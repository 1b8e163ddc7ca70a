//! Containers that somebody sits in: the builder as a rootfs step would begin with it, or as it was
//! when the step failed.
//!
//! A seat, locked by its process, tells other runs to leave the container alone. Does not know how one
//! talks to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::engine::{ContainerSpec, FoundContainer};
use crate::exec::action::{Boxes, Log, dock};
use crate::exec::kept;
use crate::exec::kept::Kept;
use crate::exec::tokens::Offer;
use crate::exec::work::{Context, PROJECT_LABEL, RUN_LABEL};
use crate::plan::step::RootfsWork;
use crate::state::held::Seat;
use crate::state::store::Store;

/// The label of a container that somebody sits in, and no step works in: what for.
pub const SEAT_LABEL: &str = "bb.seat";

/// The labels of such a container of this run, and the lock that protects it.
///
/// # Errors
/// The state folder cannot be written in.
pub fn seat(what: &str, context: &Context) -> Result<(BTreeMap<String, String>, Seat)> {
    let seat = Seat::take(&seat_of(&context.run, &context.store))?;
    let seat = seat.ok_or_else(|| Error::bug("another process is this one"))?;
    let labels = [
        (PROJECT_LABEL, context.owner.0.clone()),
        (SEAT_LABEL, what.to_owned()),
        (RUN_LABEL, context.run.clone()),
    ];
    Ok((labels.map(|(key, value)| (key.to_owned(), value)).into(), seat))
}

/// The seat of a container, or of all that a run has for somebody to sit in.
fn seat_of(name: &str, store: &Store) -> PathBuf {
    store.root().join("locks").join("seats").join(name)
}

/// Whether somebody sits in a container.
pub(super) fn is_taken(container: &FoundContainer, context: &Context) -> bool {
    let taken = |name: &str| Seat::is_taken(&seat_of(name, &context.store));
    taken(&container.id) || container.labels.get(RUN_LABEL).is_some_and(|run| taken(run))
}

/// Removes the seat that a killed process left behind: who takes it takes it away.
pub(super) fn clear_seat(container: &FoundContainer, context: &Context) -> Result<()> {
    let run = container.labels.get(RUN_LABEL);
    run.map_or(Ok(()), |run| Seat::take(&seat_of(run, &context.store)).map(drop))
}

/// Whether somebody sits in the container of a failed step.
pub(super) fn is_looked_into(kept: &Kept, store: &Store) -> bool {
    Seat::is_taken(&seat_of(&kept.container, store))
}

/// The builder with all that the dock has asked for, where packages would be compiled.
///
/// # Errors
/// The engine cannot start or fill the boxes, or the dock's own code fails.
pub async fn builder(
    work: &RootfsWork,
    files: &[PathBuf],
    labels: BTreeMap<String, String>,
    context: &Context,
) -> Result<String> {
    let (image, owner) = (work.bob.clone(), context.owner.clone());
    let spec = ContainerSpec { image, owner, labels, ..ContainerSpec::default() };
    let step = StepId::new(Kind::Rootfs, work.name.as_str());
    let mut log = Log::of_nobody(&step, &context.store, context.settings.limits);
    let mut boxes = Boxes::new(spec);
    let (container, asked) = boxes.ready(work, files, context, &mut log).await?;
    context.engine.upload(&container, "/", dock(work, files, &asked)).await?;
    Ok(container)
}

/// Starts the container of a failed step again, as it was.
///
/// # Errors
/// The engine does not have it any more, or another process has it.
pub async fn failed(kept: &Kept, context: &Context) -> Result<Seat> {
    let seat = Seat::take(&seat_of(&kept.container, &context.store))?;
    let seat = seat.ok_or_else(|| {
        Error::step(format!("another `bb shell` is in the builder of `{}`", kept.step))
            .hint("leave that one first")
    })?;
    if !context.engine.halt(&kept.container).await? {
        kept::forget(&context.store, &kept.step)?;
        let message = format!("the engine does not have the builder of `{}` any more", kept.step);
        return Err(Error::step(message)
            .hint(format!("`bb step {}` runs it again, and keeps it if it fails", kept.step)));
    }
    // What was mounted is to be there, if only as something to mount. One of a step that runs is none of ours.
    let place = context.store.jobserver(&kept.step);
    let offer = if place.exists() { None } else { Offer::at(&place).ok() };
    context.engine.start_again(&kept.container).await?;
    drop(offer);
    Ok(seat)
}

/// Puts the container of a failed step back, for the next time; unless its step has run meanwhile.
///
/// # Errors
/// The engine cannot stop or remove it.
pub async fn leave(kept: &Kept, context: &Context) -> Result<()> {
    if kept::all(&context.store).contains(kept) {
        return context.engine.halt(&kept.container).await.map(drop);
    }
    context.engine.remove_container(&kept.container).await
}

/// Removes the containers of this run, but those that are kept for somebody to look into.
///
/// # Errors
/// The engine does not answer, or cannot remove one.
pub async fn remove_own(context: &Context) -> Result<()> {
    let kept = kept::all(&context.store);
    let labels = [(RUN_LABEL, context.run.as_str())];
    for container in context.engine.containers_of(&context.owner, &labels).await? {
        if kept.iter().all(|kept| kept.container != container.id) {
            context.engine.remove_container(&container.id).await?;
        }
    }
    Ok(())
}
