//! The store and the launcher, as a project's settings and environment want it.
//!
//! Asks nobody.

use std::path::Path;
use std::time::Duration;

use crate::base::error::{Error, Result};
use crate::config::At;
use crate::engine::choice::{Choice, choice};
use crate::exec::launch::{LAUNCHED, Launcher};
use crate::exec::stored::{self, Stand};
use crate::net::http::{Client, Least, Patience};
use crate::net::registry::{Registry, Settings};
use crate::session::project::Project;
use crate::shared::{Place, PrivateKey, PublicKey, SharedStore};

/// A store that does not answer holds nobody up for longer: a connection, and each answer.
const PATIENCE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(20)];

impl Project {
    /// Who starts steps elsewhere; nobody for one that was started so.
    pub(crate) fn launcher(&self) -> Result<Option<Launcher>> {
        let words = &self.settings.launcher;
        if words.is_empty() || self.environment().contains_key(LAUNCHED) {
            return Ok(None);
        }
        let said = self.environment().get("BB_LAUNCHER").filter(|said| said.contains(['"', '\'']));
        if said.is_some() {
            return Err(Error::config("`BB_LAUNCHER` has quotation marks, which mean nothing there")
                .hint("it is split at blanks; words with blanks in them go into `launcher` in bb.toml, which is a list"));
        }
        if words[0].is_empty() || words[0].contains("{memory}") {
            return Err(Error::config(format!(
                "`launcher` begins with `{}`, which is no program",
                words[0]
            )));
        }
        let program = self.program().map(Path::to_owned).ok_or_else(|| {
            Error::config("a launcher starts the program `bb`, and this is another one")
        })?;
        // Another machine has another /proc.
        let program = program.canonicalize().map_err(|e| Error::file("read", &program, &e))?;
        Ok(Launcher::new(words, program))
    }

    /// The store that is taken from or given to; none where the settings want none, or where no network is to be used
    /// and it is there.
    ///
    /// # Errors
    /// A key is missing, or is none (exit 3).
    pub(crate) fn shared_store(&self, offline: bool) -> Result<Option<SharedStore>> {
        let wanted = &self.settings.store;
        let (pulls, pushes) = (wanted.pulls(), wanted.pushes());
        let Some(at) = wanted.at.as_ref().filter(|_| pulls || pushes) else { return Ok(None) };
        if offline && !matches!(at, At::Folder(_)) {
            return Ok(None);
        }
        let signs = if pushes { Some(self.store_key()?) } else { None };
        Ok(Some(SharedStore::new(self.place(at), self.trusted()?, signs, pulls)))
    }

    /// How the steps whose results are shared stand to the store. Takes and gives nothing.
    ///
    /// # Errors
    /// There is no store, or it does not answer; a dock or the lock is wrong (exit 3).
    pub async fn store_stands(&self) -> Result<Vec<Stand>> {
        let plan = self.plan()?;
        let Some(at) = &self.settings.store.at else {
            return Err(Error::config("there is no store")
                .hint("`[store] url = \"oci://HOST/REPOSITORY\"` in bb.toml, or the variable `BB_STORE`, names one"));
        };
        let shared = SharedStore::new(self.place(at), self.trusted()?, None, true);
        stored::stands(&plan, &shared, &self.store()).await
    }

    /// The keys that count: what one signs oneself, one trusts.
    fn trusted(&self) -> Result<Vec<PublicKey>> {
        let wanted = &self.settings.store;
        let files = wanted.trust.iter().map(|file| PublicKey::read(file));
        let own = wanted.key.iter().map(|file| Ok(PrivateKey::read(file)?.public()));
        let trusted = files.chain(own).collect::<Result<Vec<_>>>()?;
        if trusted.is_empty() {
            return Err(Error::config("nothing of the store counts: no key is trusted")
                .hint("`[store] trust = [\"team.pub\"]` in bb.toml names those that are; `bb store key team` makes a pair"));
        }
        Ok(trusted)
    }

    fn store_key(&self) -> Result<PrivateKey> {
        if choice(self.environment())? == Choice::Guest {
            return Err(Error::config(
                "nothing is given to the store from a container that is a builder",
            )
            .hint("what docks run there could read the key: `push = \"no\"`, or another engine"));
        }
        let Some(file) = &self.settings.store.key else {
            return Err(Error::config("`store.push` needs a key to sign with, and there is none")
                .hint(
                    "`bb store key FILE` makes one; the variable `BB_STORE_KEY` names its file",
                ));
        };
        PrivateKey::read(file)
    }

    fn place(&self, at: &At) -> Place {
        let [connect, stall] = PATIENCE;
        let patience = Patience { connect, stall, least: Least::default() };
        let client = || Client::with_patience(false, patience);
        match at {
            At::Registry(repository) => {
                let settings = Settings { connect, stall, pauses: vec![], ..self.registries() };
                Place::Registry {
                    registry: Box::new(Registry::new(settings)),
                    repository: repository.clone(),
                }
            }
            At::Folder(folder) => Place::Folder { client: client(), folder: folder.clone() },
            At::Web(url) => Place::Web { client: client(), url: url.clone() },
        }
    }
}
