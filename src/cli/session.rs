//! What every verb starts with: the project, the engine, the lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::ids::Kind;
use crate::cli::{Look, pin};
use crate::config::lock::Lock;
use crate::dock::Dock;
use crate::engine::address::addresses;
use crate::engine::docker::{Engine, FoundContainer, Owner};
use crate::exec::job::Standing;
use crate::exec::work::{Context, PROJECT_LABEL};
use crate::exec::{job, kept};
use crate::fresh::Inventory;
use crate::net::credentials;
use crate::net::http::Client;
use crate::plan::Plan;
use crate::plan::graph::StepIx;
use crate::session::project::{LOCK_FILE, Project};
use crate::state::store::Store;

/// The environment's variables; those that are not UTF-8 are none of ours.
pub(in crate::cli) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect()
}

/// The engine that the environment leads to.
pub(in crate::cli) async fn engine(env: &BTreeMap<String, String>) -> Result<Engine> {
    Engine::connect(&addresses(env)?.0).await
}

/// What an engine has of a project.
pub(in crate::cli) struct Asked {
    pub(in crate::cli) engine: Engine,
    pub(in crate::cli) inventory: Inventory,
    /// Containers of the project's, of this or other runs, but those that are kept to be looked into.
    pub(in crate::cli) containers: Vec<FoundContainer>,
}

/// An engine that is asked once, while other things are done.
pub(in crate::cli) enum Asking {
    Pending(JoinHandle<Result<Asked>>),
    Answered(Box<Asked>),
}

impl Asking {
    pub(in crate::cli) fn begin(env: &BTreeMap<String, String>, store: &Store) -> Self {
        let (addresses, store) = (addresses(env), store.clone());
        Self::Pending(tokio::spawn(async move {
            let engine = Engine::connect(&addresses?.0).await?;
            let (inventory, containers) =
                tokio::join!(engine.inventory(), containers(&engine, &store));
            let (inventory, mut containers) = (inventory?, containers?);
            let kept = kept::all(&store);
            containers.retain(|c| kept.iter().all(|kept| kept.container != c.id));
            Ok(Asked { engine, inventory, containers })
        }))
    }

    /// What it says.
    pub(in crate::cli) async fn answer(self) -> Result<Asked> {
        let ended = |e| Error::bug(format!("asking the engine ended: {e}"));
        match self {
            Self::Pending(task) => task.await.map_err(ended)?,
            Self::Answered(asked) => Ok(*asked),
        }
    }
}

/// A project's containers; none where it has never made any.
pub(in crate::cli) async fn containers(
    engine: &Engine,
    store: &Store,
) -> Result<Vec<FoundContainer>> {
    let Some(id) = store.id() else { return Ok(vec![]) };
    let owner = owner(&id, store);
    engine.containers_of(&owner, &[(PROJECT_LABEL, owner.0.as_str())]).await
}

/// Tells a project from others on the same engine: by a secret of its state folder, and by that folder's path,
/// for it may be a copy of another one's.
fn owner(id: &str, store: &Store) -> Owner {
    let state = store.root().canonicalize().unwrap_or_default();
    let mut hasher = Sha256::new_with_prefix(id);
    hasher.update(state.as_os_str().as_encoded_bytes());
    Owner(hex(&hasher.finalize())[..32].to_owned())
}

/// What actions share.
pub(in crate::cli) fn context(
    project: &Project,
    engine: Engine,
    offline: bool,
    jobs: usize,
) -> Result<Arc<Context>> {
    let store = project.store();
    store.create()?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let run = format!("{}-{since}", std::process::id());
    Ok(Arc::new(Context {
        owner: owner(&store.make_id()?, &store),
        store,
        engine,
        client: Client::with_least_rate(offline, project.settings.least_rate),
        settings: project.settings.clone(),
        docker_config: credentials::folder(&environment()),
        run,
        jobs,
    }))
}

/// The docks and the plan of all images. Where docks need a lock and there is none, what the mirrors
/// offer now is pinned once; before that, `asked` looks whether the plan has what somebody asks for.
pub(in crate::cli) async fn plan<T>(
    project: &Project,
    offline: bool,
    look: Look,
    asked: impl Fn(&Plan) -> Result<T>,
) -> Result<(Vec<Dock>, Plan)> {
    let docks = project.docks()?;
    let lock = match project.lock()? {
        None if project.needs_lock(&docks) => {
            asked(&project.plan(&docks, Some(&Lock::unpinned()))?)?;
            Some(pin::once(project, offline, look).await?)
        }
        lock => lock,
    };
    let plan = planned(project, &docks, lock.as_ref())?;
    Ok((docks, plan))
}

/// The plan, in which what is verified already stays verified although verification is skipped.
fn planned(project: &Project, docks: &[Dock], lock: Option<&Lock>) -> Result<Plan> {
    if project.settings.skip_verify {
        let strict = project.skipping(false).plan(docks, lock)?;
        let verify = |ix: &&StepIx| strict.step(**ix).id.kind == Kind::Verify;
        let verify = strict.order().iter().filter(verify).copied().collect::<Vec<_>>();
        let verify = strict.closure(&verify)?;
        let standings = job::standings(&verify, &project.store(), &Inventory::default())?;
        if standings.iter().all(|(_, standing)| *standing == Standing::Fresh) {
            return Ok(strict);
        }
    }
    project.plan(docks, lock)
}

/// The docks, and the shape of the plan: with no lock yet, as if everything were unpinned. The same
/// whether verification is skipped today or not.
pub(in crate::cli) fn shape(project: &Project) -> Result<(Vec<Dock>, Plan)> {
    let docks = project.docks()?;
    let lock = project.lock()?.unwrap_or_else(Lock::unpinned);
    let plan = project.skipping(false).plan(&docks, Some(&lock))?;
    Ok((docks, plan))
}

/// The shape, with verification skipped where it is to be.
pub(in crate::cli) fn asked(
    project: &Project,
    (docks, plan): (Vec<Dock>, Plan),
) -> Result<(Vec<Dock>, Plan)> {
    if !project.settings.skip_verify {
        return Ok((docks, plan));
    }
    let lock = project.lock()?.unwrap_or_else(Lock::unpinned);
    let plan = planned(project, &docks, Some(&lock))?;
    Ok((docks, plan))
}

/// The plan of all images with the lock as it is.
///
/// # Errors
/// Docks need a lock and there is none.
pub(in crate::cli) fn locked_plan(project: &Project) -> Result<Plan> {
    let docks = project.docks()?;
    let lock = project.lock()?;
    if lock.is_none() && project.needs_lock(&docks) {
        // What is wrong with a dock is told first.
        project.plan(&docks, Some(&Lock::unpinned()))?;
        return Err(Error::config(format!("there is no `{LOCK_FILE}` yet")).hint(
            "`bb build` pins the newest stage3 and snapshot the first time, `bb update` later",
        ));
    }
    planned(project, &docks, lock.as_ref())
}
