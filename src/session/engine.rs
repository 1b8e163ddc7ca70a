//! The engine of a project: asked once what it has, and what every action shares.
//!
//! Reads no environment: the project has been given one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::engine::Engine;
use crate::engine::address::addresses;
use crate::engine::choice::{Choice, choice};
use crate::engine::docker::Docker;
use crate::engine::native::NativeEngine;
use crate::engine::native::guest::Guest;
use crate::engine::{FoundContainer, Owner};
use crate::exec::archives::Archives;
use crate::exec::kept;
use crate::exec::stored::Gifts;
use crate::exec::tokens::Tokens;
use crate::exec::work::{Context, PROJECT_LABEL};
use crate::fresh::Inventory;
use crate::net::http::Client;
use crate::session::project::Project;
use crate::state::store::Store;

/// What an engine has of a project.
pub(super) struct Asked {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) inventory: Inventory,
    /// Containers of the project's, of this or other runs, but those that are kept to be looked into.
    pub(super) containers: Vec<FoundContainer>,
}

/// An engine that is asked once, while other things are done.
pub(super) enum Asking {
    Pending(JoinHandle<Result<Asked>>),
    Answered(Box<Asked>),
}

impl Asking {
    pub(super) fn begin(project: &Project) -> Self {
        let (project, store) = (project.clone(), project.store());
        Self::Pending(tokio::spawn(async move { ask(project.engine().await?, &store).await }))
    }

    /// What it says.
    pub(super) async fn answer(self) -> Result<Asked> {
        let ended = |e| Error::bug(format!("asking the engine ended: {e}"));
        match self {
            Self::Pending(task) => task.await.map_err(ended)?,
            Self::Answered(asked) => Ok(*asked),
        }
    }
}

/// What an engine has of a project.
pub(super) async fn ask(engine: Arc<dyn Engine>, store: &Store) -> Result<Asked> {
    let (inventory, containers) = tokio::join!(engine.inventory(), containers(&*engine, store));
    let (inventory, mut containers) = (inventory?, containers?);
    let kept = kept::all(store);
    containers.retain(|c| kept.iter().all(|kept| kept.container != c.id));
    Ok(Asked { engine, inventory, containers })
}

/// A project's containers; none where it has never made any.
pub(super) async fn containers(engine: &dyn Engine, store: &Store) -> Result<Vec<FoundContainer>> {
    let Some(id) = store.id() else { return Ok(vec![]) };
    let owner = owner(&id, store);
    engine.containers_of(&owner, &[(PROJECT_LABEL, owner.0.as_str())]).await
}

/// Tells a project from others on the same engine: by a secret of its state folder, and by that folder's path,
/// for it may be a copy of another one's.
pub(super) fn owner(id: &str, store: &Store) -> Owner {
    let state = store.root().canonicalize().unwrap_or_default();
    let mut hasher = Sha256::new_with_prefix(id);
    hasher.update(state.as_os_str().as_encoded_bytes());
    Owner(hex(&hasher.finalize())[..32].to_owned())
}

async fn blocking<T: Send + 'static>(
    open: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let ended = |e| Error::bug(format!("opening the engine ended: {e}"));
    tokio::task::spawn_blocking(open).await.map_err(ended)?
}

/// Nobody has asked for the native engine by name: there is no other.
fn neither(error: Error) -> Error {
    error.detail("the native engine is taken, for there is no socket of Docker or Podman here")
}

impl Project {
    /// The engine that it was opened with, or that the environment leads to.
    ///
    /// # Errors
    /// None answers, or Docker's context or the native engine cannot be used: exit code 4. The environment names none
    /// that is known: exit code 3.
    pub async fn engine(&self) -> Result<Arc<dyn Engine>> {
        if let Some(engine) = self.own_engine() {
            return Ok(engine);
        }
        match choice(self.environment())? {
            Choice::Daemon => Ok(Arc::new(self.daemon().await?)),
            Choice::Guest => Ok(Arc::new(self.guest().await?)),
            Choice::Native { folder, named } => {
                let engine = self.native(folder).await;
                let engine = engine.map_err(|error| if named { error } else { neither(error) });
                Ok(Arc::new(engine?))
            }
        }
    }

    async fn native(&self, folder: PathBuf) -> Result<NativeEngine> {
        let (program, limits) = (self.starter()?, self.settings.limits);
        blocking(move || NativeEngine::open(program, &folder, limits)).await
    }

    async fn guest(&self) -> Result<Guest> {
        let (program, limits) = (self.starter()?, self.settings.limits);
        // Where `bb` writes while a box works: what is new elsewhere is the box's, and goes.
        self.store().create()?;
        let own = [PathBuf::from("."), self.layout.state.clone()];
        let whole =
            |folder: &PathBuf| folder.canonicalize().map_err(|e| Error::file("read", folder, &e));
        let own = own.iter().map(whole).collect::<Result<_>>()?;
        blocking(move || Guest::open(program, own, limits)).await
    }

    /// The program that is started again for boxes.
    fn starter(&self) -> Result<PathBuf> {
        self.program().map(Path::to_owned).ok_or_else(|| {
            Error::engine("this program cannot start boxes of its own")
                .hint("it names itself in `Surroundings::program`")
        })
    }

    /// The daemon of Docker or Podman that the environment leads to, for what no other engine does.
    ///
    /// # Errors
    /// None answers, Docker's context cannot be used, or the native engine is meant: exit code 4.
    pub async fn daemon(&self) -> Result<Docker> {
        // It would not have what the native engine has built, or something else under that name.
        if choice(self.environment())? != Choice::Daemon {
            return Err(Error::engine("this needs a daemon, and the engine in use has none")
                .hint("`BB_ENGINE=docker` leads to Docker or Podman"));
        }
        self.socket_engine().await
    }

    /// The daemon of Docker or Podman that the environment leads to, whatever engine builds: what it is given, it has.
    ///
    /// # Errors
    /// None answers, or Docker's context cannot be used: exit code 4.
    pub async fn socket_engine(&self) -> Result<Docker> {
        Docker::connect(&addresses(self.environment())?.0).await
    }

    /// Whether images are built by another engine than that daemon: then it has none of them by itself.
    ///
    /// # Errors
    /// The environment names no engine that is known: exit code 3.
    pub fn builds_elsewhere(&self) -> Result<bool> {
        Ok(self.own_engine().is_some() || choice(self.environment())? != Choice::Daemon)
    }

    /// What actions share.
    ///
    /// # Errors
    /// The state folder cannot be made.
    pub(crate) fn context(
        &self,
        engine: Arc<dyn Engine>,
        offline: bool,
        jobs: usize,
    ) -> Result<Arc<Context>> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let run = format!("{}-{since}", std::process::id());
        self.context_of_run(engine, offline, jobs, run)
    }

    /// The same of a run that goes on, on another engine.
    pub(super) fn context_of_run(
        &self,
        engine: Arc<dyn Engine>,
        offline: bool,
        jobs: usize,
        run: String,
    ) -> Result<Arc<Context>> {
        let store = self.store();
        store.create()?;
        Ok(Arc::new(Context {
            owner: owner(&store.make_id()?, &store),
            store,
            engine,
            archives: Archives::default(),
            client: Client::with_least_rate(offline, self.settings.least_rate),
            registry: (!offline).then(|| self.registry()),
            settings: self.settings.clone(),
            run,
            jobs,
            tokens: Tokens::new(jobs, self.jobserver(), self.load()),
            launcher: self.launcher()?,
            shared: self.shared_store(offline)?,
            gifts: Gifts::default(),
            signals: self.listens(),
        }))
    }
}
