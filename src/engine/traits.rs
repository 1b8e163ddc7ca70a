//! What an engine can do, whichever it is: keep images, run boxes, let somebody talk to what runs.
//!
//! Says what each answer means; how it is got is each engine's own. Registries are not an engine's business.

use std::sync::Arc;

use async_trait::async_trait;

use super::docker::Docker;
use super::{
    Account, Change, ContainerSpec, FoundContainer, FoundImage, HeldImage, ImageCommand, Kept,
    NewImage, Owner, Process, RunSpec, Session, Sink, TerminalSize, Wanted,
};
use crate::base::error::{Error, Result};
use crate::dock::checks;
use crate::fresh::Inventory;
use crate::fresh::inventory::Held;
use crate::image::archive::Body;
use crate::plan::step::Object;

/// What runs programs in a root file system and keeps images.
#[async_trait]
pub trait Engine: Images + Boxes + Talks {
    /// The daemon of Docker or Podman, if that is what it is: other programs are led to it, and it has a builder of
    /// its own.
    fn daemon(&self) -> Option<&Docker> {
        None
    }

    /// Whether its boxes can be shown a file of this machine: as far as it is known before it is tried.
    fn sees_files(&self) -> bool {
        false
    }

    /// What makes it slower here than it could be, once it has been found out.
    fn slowed_by(&self) -> Option<Slowed> {
        None
    }

    /// What it has and how much room that takes, as far as it tells: of a daemon's only what was asked for.
    ///
    /// # Errors
    /// It does not answer, or something cannot be looked at.
    async fn usage(&self, _wanted: &Wanted) -> Result<Vec<Kept>> {
        Ok(vec![])
    }

    /// What runs commands of images and tells what they have changed, if the engine can.
    fn commands(&self) -> Option<&dyn Commands> {
        None
    }

    /// Makes an image of the one that a box would stand on, with an archive unpacked at its root. `is_well` is asked
    /// once the engine has read what it wants of the archive, before anything is made of it.
    ///
    /// # Errors
    /// The engine refuses the archive or cannot read it to its end, or all is not well with it: there is no image.
    async fn extend_image(
        &self,
        base: &ContainerSpec,
        archive: Body,
        is_well: IsWell,
        image: &NewImage<'_>,
    ) -> Result<()> {
        let container = self.start_container(base).await?;
        let done = self.upload(&container, "/", archive).await.and_then(|()| is_well());
        self.keep(&container, done, image).await
    }

    /// Makes an image of a box in which all has gone well, and removes the box in any case.
    ///
    /// # Errors
    /// What had gone wrong, or the engine cannot make the image or remove the box.
    async fn keep(&self, container: &str, done: Result<()>, image: &NewImage<'_>) -> Result<()> {
        let made = match done {
            Ok(()) => self.commit(container, image).await,
            failed => failed,
        };
        self.remove_container(container).await?;
        made
    }
}

/// Says whether all was well with what an engine has read, if need be on a thread of the engine's.
pub type IsWell = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// What is slower than it could be, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slowed {
    /// What it is.
    pub message: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// Boxes of one command each.
#[async_trait]
pub trait Commands: Send + Sync {
    /// A box in which the command of its image can be run, with parts of caches where it is to see them.
    ///
    /// # Errors
    /// The engine has no such image, or cannot make a box.
    async fn box_of(&self, spec: &ContainerSpec, command: &ImageCommand<'_>) -> Result<String>;

    /// Runs the command in a box that was made for it, in its folder, which is made where it is missing. What it
    /// writes goes to `log`, and it reads nothing. Its exit status; whatever it has left running may run on.
    ///
    /// # Errors
    /// It cannot be started, or the engine fails.
    async fn run(&self, container: &str, command: &ImageCommand<'_>, log: Sink<'_>) -> Result<i64>;

    /// What has become of the box's files. What still runs in it is ended first.
    ///
    /// # Errors
    /// The engine cannot tell.
    async fn account(&self, container: &str) -> Result<Account>;
}

/// What an engine does with images. An image is named by a reference or by the engine's id for it.
#[async_trait]
pub trait Images: std::fmt::Debug + Send + Sync {
    /// All images, those without a name as well.
    ///
    /// # Errors
    /// The engine cannot list them, or not in time.
    async fn images(&self) -> Result<Vec<FoundImage>>;

    /// One image, if it is there. What that costs does not grow with what the engine holds.
    ///
    /// # Errors
    /// The engine does not answer in time.
    async fn image(&self, name: &str) -> Result<Option<HeldImage>>;

    /// Makes an image of an archive of a root file system (tar, also compressed).
    /// `content` says what it is.
    ///
    /// # Errors
    /// The engine refuses the archive, or cannot read it to its end.
    async fn import_image(&self, archive: Body, reference: &str, content: &str) -> Result<()>;

    /// Makes an image of a container as it is now.
    ///
    /// # Errors
    /// The engine has no such container, or cannot make the image.
    async fn commit(&self, container: &str, image: &NewImage<'_>) -> Result<()>;

    /// Takes an image in from an archive like `docker save`'s, by the names that the archive has for it, and makes
    /// sure that it is called by these. Layers that the engine has may be missing.
    ///
    /// # Errors
    /// The engine refuses the archive, or cannot read it to its end.
    async fn load_image(&self, archive: Body, names: &[String], log: Sink<'_>) -> Result<()>;

    /// An image with all its layers, as `docker save` writes it.
    fn save_image(&self, image: &str) -> Body;

    /// Removes an image's name; no error if it is not there.
    ///
    /// # Errors
    /// The engine cannot remove it.
    async fn remove_image(&self, reference: &str) -> Result<()>;

    /// Takes a name from an image, and removes the image if that was its last; by its id only if it has no
    /// name. No error if it is not there. Why it stays, if a container or another image needs it.
    ///
    /// # Errors
    /// The engine cannot remove it, and nothing that needs it is why.
    async fn remove_unused_image(&self, name: &str) -> Result<Option<String>>;

    /// The id of an image, if it is there.
    ///
    /// # Errors
    /// The engine does not answer in time.
    async fn image_id(&self, name: &str) -> Result<Option<String>> {
        Ok(self.image(name).await?.map(|image| image.id))
    }

    /// All images by reference, with what they are.
    ///
    /// # Errors
    /// The engine cannot list them, or not in time.
    async fn inventory(&self) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        for image in self.images().await? {
            let held = Held { id: image.id, content: image.content };
            for name in image.references.iter().chain(&image.digests) {
                inventory.add(name, &held);
            }
        }
        Ok(inventory)
    }

    /// The same for a few objects.
    ///
    /// # Errors
    /// The engine does not answer in time.
    async fn inventory_of(&self, objects: &[Object]) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        for Object::Image(reference) in objects {
            if let Some(image) = self.image(reference).await? {
                let content = image.content().map(str::to_owned);
                inventory.add(reference, &Held { id: image.id, content });
            }
        }
        Ok(inventory)
    }

    /// An image that has to be there.
    ///
    /// # Errors
    /// It is not, or the engine does not answer in time.
    async fn existing_image(&self, name: &str) -> Result<HeldImage> {
        let image = self.image(name).await?;
        image.ok_or_else(|| Error::step(format!("the engine has no image `{name}`")))
    }
}

/// What an engine does with boxes, which it calls containers.
#[async_trait]
pub trait Boxes: Send + Sync {
    /// Starts a container that waits for commands, or runs what its image says; without a network of its
    /// own.
    ///
    /// # Errors
    /// The engine has no such image, or cannot make or start a container of it; what was made is removed.
    async fn start_container(&self, spec: &ContainerSpec) -> Result<String>;

    /// Makes a container, of which nothing runs yet. Returns its id.
    ///
    /// # Errors
    /// The engine has no such image, or cannot make the container.
    async fn create(&self, spec: &RunSpec) -> Result<String>;

    /// Starts a container that is there and does not run.
    ///
    /// # Errors
    /// The engine has no such container, or cannot start it.
    async fn start_again(&self, container: &str) -> Result<()>;

    /// Asks a container to end, and kills it after some seconds; no error if it does not run.
    ///
    /// # Errors
    /// The engine cannot stop it.
    async fn stop(&self, container: &str, seconds: i32) -> Result<()>;

    /// Whether a container is there. It does not run any more, but is as it was.
    ///
    /// # Errors
    /// The engine cannot kill it although it is there and runs.
    async fn halt(&self, container: &str) -> Result<bool>;

    /// Kills and removes a container; no error if it is not there.
    ///
    /// # Errors
    /// The engine cannot remove it, and nobody else is doing so.
    async fn remove_container(&self, id: &str) -> Result<()>;

    /// A project's containers, also stopped ones, that carry all the labels.
    ///
    /// # Errors
    /// The engine cannot list them, or not in time.
    async fn containers_of(
        &self,
        owner: &Owner,
        labels: &[(&str, &str)],
    ) -> Result<Vec<FoundContainer>>;

    /// Unpacks a tar stream into a folder of a container.
    ///
    /// # Errors
    /// The engine has no such container or folder, or cannot read the archive to its end.
    async fn upload(&self, container: &str, path: &str, archive: Body) -> Result<()>;

    /// A file or folder of a container as a tar stream.
    fn download(&self, container: &str, path: &str) -> Body;

    /// Runs a command in a container; returns its exit status.
    ///
    /// # Errors
    /// The engine cannot run it, or the container was stopped before it ended.
    async fn exec(&self, container: &str, command: &[&str], log: Sink<'_>) -> Result<i64>;

    /// Whether a container has not ended; if it has, its exit status.
    ///
    /// # Errors
    /// The engine has no such container, or does not answer in time.
    async fn ended_with(&self, container: &str) -> Result<Option<i64>>;

    /// What a container has said so far.
    ///
    /// # Errors
    /// The engine has no such container, or breaks off.
    async fn output(&self, container: &str, log: Sink<'_>) -> Result<()>;

    /// The processes of a container.
    ///
    /// # Errors
    /// The container does not run, or the engine cannot list them.
    async fn processes(&self, container: &str) -> Result<Vec<checks::Process>>;

    /// The paths that a container has changed, without what is on its volumes.
    ///
    /// # Errors
    /// The engine has no such container, or does not answer.
    async fn changes(&self, container: &str) -> Result<Vec<(String, Change)>>;

    /// Whether a path of a container is a folder; no if it is not there.
    ///
    /// # Errors
    /// The engine has no such container, or does not answer.
    async fn is_folder(&self, container: &str, path: &str) -> Result<bool>;

    /// How much memory its machine has, in bytes, if it says so.
    ///
    /// # Errors
    /// The engine does not answer.
    async fn memory(&self) -> Result<Option<u64>>;

    /// Unpacks a tar stream into a folder of what a box would have, without starting one: caches are filled so.
    ///
    /// # Errors
    /// The engine has no such image, or cannot read the archive to its end.
    async fn fill(&self, spec: &ContainerSpec, path: &str, archive: Body) -> Result<()>;

    /// Which of these caches there are.
    ///
    /// # Errors
    /// The engine does not answer.
    async fn caches(&self, names: &[String]) -> Result<Vec<String>>;

    /// The caches of its own that somebody has, by their names.
    ///
    /// # Errors
    /// The engine does not answer.
    async fn caches_of(&self, owner: &Owner) -> Result<Vec<String>>;

    /// Removes a cache; no error if it is not there. Why it stays, if a container has it.
    ///
    /// # Errors
    /// The engine cannot remove it, and no container is why.
    async fn remove_cache(&self, name: &str) -> Result<Option<String>>;
}

/// How somebody talks to what runs in a box.
#[async_trait]
pub trait Talks: Send + Sync {
    /// Runs a command in a container and talks to it, on a terminal of this size if it is to have one.
    ///
    /// # Errors
    /// The container does not run, or the engine cannot run the command.
    async fn talk_in(
        &self,
        container: &str,
        command: &[&str],
        env: &[String],
        tty: Option<TerminalSize>,
    ) -> Result<Session>;

    /// Starts a container that was made, and talks to it from the first byte on.
    ///
    /// # Errors
    /// The engine cannot attach to it, or cannot start it.
    async fn talk_to(&self, container: &str) -> Result<Session>;

    /// Tells a process the size of its terminal.
    ///
    /// # Errors
    /// The process has ended, or the engine cannot do it.
    async fn resize(&self, process: &Process, size: TerminalSize) -> Result<()>;

    /// The exit status of a process whose output has ended.
    ///
    /// # Errors
    /// The container was stopped before the process ended, or the engine does not say.
    async fn exit_status(&self, process: &Process) -> Result<i64>;
}
