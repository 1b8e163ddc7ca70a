//! Gathers what `bb doctor` judges: from the project, the engine, the mirrors and this machine.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;

use crate::base::error::Error;
use crate::base::reference::registry_of;
use crate::base::secret::without_secrets;
use crate::base::time;
use crate::cli::entered;
use crate::config::Settings;
use crate::config::lock::Lock;
use crate::doctor::machine::{Disk, Purpose, Tools, Watches};
use crate::doctor::project::Mirror;
use crate::doctor::trust::{Cert, Key, Witness};
use crate::doctor::{Finding, engine, here, login, machine, project, trust};
use crate::engine::address::{Address, addresses};
use crate::engine::choice::{Choice, choice, name_engine};
use crate::engine::docker::{About, Docker};
use crate::engine::native::{self, guest};
use crate::gentoo::keys;
use crate::image::config::architecture;
use crate::net::http::{Answer, Client, Patience};
use crate::net::{credentials, http};
use crate::session::Project;
use crate::session::project::SETTINGS_FILE;

/// Who asks, and how long it waits for each answer.
pub(in crate::cli) struct Gathering {
    pub(in crate::cli) env: BTreeMap<String, String>,
    pub(in crate::cli) limit: Duration,
    pub(in crate::cli) offline: bool,
}

/// How many folders of docks there may be before nobody counts on.
const MANY_FOLDERS: usize = 1_000_000;

impl Gathering {
    /// Everything that there is to say, in an order that goes from what a build needs first.
    pub(in crate::cli) async fn findings(mut self, state: &Path) -> Vec<Finding> {
        let (settings, trouble) = self.settings(state).await;
        let settings = settings.as_ref();
        if let Some(settings) = settings {
            name_engine(settings.engine, &mut self.env);
        }
        let (project, asked, mirrors, keys, machine) = tokio::join!(
            self.project(state, trouble),
            self.engine(settings),
            self.mirrors(settings),
            self.keys(settings.cloned()),
            self.machine(settings, state),
        );
        let (engine, witness) = asked;
        let (mirrors, witnesses) = mirrors;
        let witnesses = witness.into_iter().chain(witnesses).collect::<Vec<_>>();
        let mut all = vec![project];
        all.extend(engine::findings(&engine));
        all.extend(self.disks(state, data_folder(&engine)).await);
        all.extend(keys);
        all.push(trust::clock(&witnesses));
        all.extend(project::mirrors(&mirrors));
        all.extend(machine);
        all
    }

    /// The settings, or why there are none. Outside of a project, defaults and the environment are judged.
    async fn settings(&self, state: &Path) -> (Option<Settings>, Option<Finding>) {
        let (env, state) = (self.env.clone(), state.to_owned());
        let read = self.blocking(move || {
            let file = Path::new(SETTINGS_FILE);
            if file.symlink_metadata().is_ok() {
                return Ok((entered::project(&state)?.settings, None));
            }
            let outside = project::project(&project::Facts::Outside);
            Ok((Settings::resolve(file, "", &env)?, Some(outside)))
        });
        match read.await {
            Some(Ok((settings, outside))) => (Some(settings), outside),
            Some(Err(error)) => (None, Some(project::project(&broken(&error)))),
            None => (None, Some(Finding::silent("project", "its file system"))),
        }
    }

    async fn project(&self, state: &Path, trouble: Option<Finding>) -> Finding {
        if let Some(trouble) = trouble {
            return trouble;
        }
        let state = state.to_owned();
        let read = self.blocking(move || {
            let read = entered::project(&state).and_then(|project| docks_and_lock(&project));
            read.unwrap_or_else(|error| broken(&error))
        });
        let facts = read.await;
        facts.map_or_else(|| Finding::silent("project", "the docks"), |f| project::project(&f))
    }

    /// Does what may wait for a disk, in a thread that nobody waits for longer than the limit.
    async fn blocking<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.timed(tokio::task::spawn_blocking(f)).await.and_then(Result::ok)
    }

    async fn timed<F: Future>(&self, f: F) -> Option<F::Output> {
        tokio::time::timeout(self.limit, f).await.ok()
    }

    fn no_answer(&self) -> String {
        format!("no answer{}", self.in_time())
    }

    fn in_time(&self) -> String {
        format!(" within {} s", self.limit.as_secs())
    }

    /// The engine that the environment leads to.
    async fn engine(&self, settings: Option<&Settings>) -> (engine::Facts, Option<Witness>) {
        let refused = match choice(&self.env) {
            Ok(Choice::Daemon) => return self.daemon(settings).await,
            Ok(Choice::Guest) => match guest::here() {
                Ok(_) => return (engine::Facts { guest: true, ..engine::Facts::default() }, None),
                Err(error) => told(&error),
            },
            Ok(Choice::Native { folder, named }) => {
                return (self.native(folder, named).await, None);
            }
            Err(error) => told(&error),
        };
        (engine::Facts { refused: Some(refused), ..engine::Facts::default() }, None)
    }

    async fn native(&self, folder: PathBuf, named: bool) -> engine::Facts {
        let store = folder.clone();
        let tried = self.blocking(move || {
            native::tried(entered::PROGRAM.into(), &store, &here::existing(&store))
        });
        let refused = match tried.await {
            Some(tried) => tried.err().map(|error| told(&error)),
            None => Some((format!("no box has started{}", self.in_time()), None)),
        };
        engine::Facts { refused, native: Some(folder), named, ..engine::Facts::default() }
    }

    /// All addresses are asked at once; the first of them that answers is the one that builds use.
    async fn daemon(&self, settings: Option<&Settings>) -> (engine::Facts, Option<Witness>) {
        let wanted = settings.map(|settings| architecture(&settings.arch).to_owned());
        let mut facts = engine::Facts { wanted, ..engine::Facts::default() };
        let addresses = match addresses(&self.env) {
            Ok((addresses, _)) => addresses,
            Err(error) => {
                facts.refused = Some(told(&error));
                return (facts, None);
            }
        };
        let answers = addresses.iter().map(|address| self.ask_engine(address));
        let answers = join_all(answers).await;
        for (address, answer) in addresses.iter().zip(answers) {
            let shown = address.shown();
            match answer {
                Err(why) => facts.silent.push((shown, why)),
                Ok((engine, about)) => {
                    facts.kernel = address.host.starts_with("unix://").then(here::kernel);
                    facts.answers = Some((shown, about));
                    let witness = self.host(&engine, &mut facts).await;
                    return (facts, witness);
                }
            }
        }
        (facts, None)
    }

    async fn ask_engine(&self, address: &Address) -> Result<(Docker, About), String> {
        let asked = self.timed(async {
            let engine = Docker::try_connect(address).await?;
            let about = engine.about().await.map_err(|error| error.message().to_owned())?;
            Ok((engine, about))
        });
        asked.await.unwrap_or_else(|| Err(self.no_answer()))
    }

    async fn host(&self, engine: &Docker, facts: &mut engine::Facts) -> Option<Witness> {
        let host = self.timed(engine.host()).await;
        let now = SystemTime::now();
        let host = match host {
            None => Err(self.no_answer()),
            Some(host) => host.map_err(|error| error.message().to_owned()),
        };
        let time = host.as_ref().ok().and_then(|host| time::parse_rfc3339(&host.time));
        facts.host = Some(host);
        time.map(|says| Witness { who: "the engine".to_owned(), says, here: now })
    }

    async fn mirrors(&self, settings: Option<&Settings>) -> (Vec<Mirror>, Vec<Witness>) {
        let Some(settings) = settings else { return (vec![], vec![]) };
        let patience = Patience { connect: self.limit, stall: self.limit, ..Patience::default() };
        let client = Client::with_patience(self.offline, patience);
        let Settings { arch, flavour, .. } = settings;
        let path = format!("releases/{arch}/autobuilds/latest-stage3-{arch}-{flavour}.txt");
        let asked = settings.mirrors.iter().map(|text| self.mirror(&client, text, &path));
        let (mirrors, witnesses): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().unzip();
        (mirrors, witnesses.into_iter().flatten().collect())
    }

    async fn mirror(&self, client: &Client, text: &str, path: &str) -> (Mirror, Option<Witness>) {
        let mirror = match http::Mirror::parse(text) {
            Ok(mirror) => mirror,
            Err(error) => {
                let why = error.hint_text().unwrap_or("not a mirror").to_owned();
                return (Mirror { name: without_secrets(text), answer: Answer::Failed(why) }, None);
            }
        };
        let name = mirror.to_string();
        let (answer, time) = match self.timed(client.glance(&mirror, path)).await {
            Some(answered) => answered,
            None => (Answer::Failed(self.no_answer()), None),
        };
        let witness = time.map(|says| Witness { who: name.clone(), says, here: SystemTime::now() });
        (Mirror { name, answer }, witness)
    }

    async fn keys(&self, settings: Option<Settings>) -> Vec<Finding> {
        let Some(settings) = settings else { return vec![] };
        let now = SystemTime::now();
        match self.blocking(move || pinned(&settings, now)).await {
            Some(facts) => trust::keys(&facts),
            None => vec![Finding::silent("keys", "the file system of the keys")],
        }
    }

    async fn disks(&self, state: &Path, engine: Option<PathBuf>) -> Vec<Finding> {
        let engine = engine.map(|folder| (Purpose::Engine, folder));
        let all = [
            Some((Purpose::State, state.to_owned())),
            engine,
            Some((Purpose::Temporary, std::env::temp_dir())),
        ];
        let all = all.into_iter().flatten().map(async |(purpose, folder)| {
            let name = folder.display().to_string();
            let room = self.blocking(move || here::room(&folder)).await;
            let room = room.unwrap_or_else(|| Err(self.no_answer()));
            machine::disk(&Disk { purpose, folder: name, room })
        });
        join_all(all).await
    }

    async fn machine(&self, settings: Option<&Settings>, state: &Path) -> Vec<Finding> {
        let (state, env) = (state.to_owned(), self.env.clone());
        let tried = self.blocking(move || here::try_file_system(&state));
        let docks = settings.map(|settings| settings.docks.clone());
        let folders = self.blocking(move || docks.map_or(0, |docks| folders(&docks)));
        let wanted = settings.and_then(|settings| registry_of(&settings.reference("image")));
        let login = self.blocking(move || logins(&env, wanted));
        let env = self.env.clone();
        let tools = self.blocking(move || tools(&env));
        let (tried, folders, login, tools) = tokio::join!(tried, folders, login, tools);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
        let locale = locale.filter_map(|name| Some((name, self.env.get(name)?.as_str())));
        let watches = folders.map(|folders| Watches {
            most: here::limit("fs/inotify/max_user_watches"),
            watchers: here::limit("fs/inotify/max_user_instances"),
            folders,
        });
        let silent = |subject, what| Finding::silent(subject, what);
        vec![
            tried.map_or_else(|| silent("files", "the state folder"), |t| machine::file_system(&t)),
            watches.map_or_else(|| silent("inotify", "the folder of docks"), machine::watches),
            machine::locale(locale.into_iter().find(|(_, value)| !value.is_empty())),
            login.map_or_else(|| silent("login", "docker's settings"), |l| login::finding(&l)),
            tools.map_or_else(|| silent("tools", "a folder of PATH"), |t| machine::tools(&t)),
        ]
    }
}

fn broken(error: &Error) -> project::Facts {
    let (why, todo) = told(error);
    project::Facts::Broken(why, todo)
}

/// What an error says, and what to do.
fn told(error: &Error) -> (String, Option<String>) {
    (in_words(error), error.hint_text().map(str::to_owned))
}

fn docks_and_lock(project: &Project) -> Result<project::Facts, Error> {
    let (docks, _) = project.shape()?;
    let words = |lock: Lock| (lock.stage3.timestamp.clone(), lock.date().to_owned());
    let lock = project.lock()?.map(words);
    let needs_lock = project.needs_lock(&docks);
    Ok(project::Facts::Read { docks: docks.len(), lock, needs_lock })
}

/// The message with its place, and the details.
fn in_words(error: &Error) -> String {
    let place = error
        .place()
        .map(|place| format!("{}:{}: ", place.file.display(), place.line_and_column().0));
    let details = error.details().iter().map(|detail| format!("; {}", detail.trim()));
    let details = details.collect::<String>();
    without_secrets(&format!("{}{}{details}", place.unwrap_or_default(), error.message()))
}

/// Where an engine keeps its data, if that is on this machine.
fn data_folder(facts: &engine::Facts) -> Option<PathBuf> {
    if facts.native.is_some() {
        return facts.native.clone();
    }
    let host = facts.host.as_ref()?.as_ref().ok().filter(|_| facts.kernel.is_some())?;
    let folder = PathBuf::from(&host.root);
    // An engine in a virtual machine has its socket here, and its folders there.
    (folder.is_absolute() && here::existing(&folder) == folder).then_some(folder)
}

fn pinned(settings: &Settings, now: SystemTime) -> trust::Facts {
    let skipped = settings.skip_verify;
    let listed = match keys::list(settings, now) {
        Ok(listed) => listed,
        Err(error) => {
            return trust::Facts { certs: vec![], refused: Some(told(&error)), skipped, now };
        }
    };
    let mut certs = Vec::<Cert>::new();
    for keys::Listed { key, cert, .. } in listed {
        let fingerprint = cert.to_string();
        if certs.last().is_none_or(|last| last.fingerprint != fingerprint) {
            certs.push(Cert { fingerprint, keys: vec![] });
        }
        let key = key.map(|k| Key { primary: k.is_primary, uses: k.uses, expires: k.expires });
        certs
            .last_mut()
            .map(|last| &mut last.keys)
            .into_iter()
            .for_each(|keys| keys.extend(key.clone()));
    }
    trust::Facts {
        certs,
        refused: keys::read(settings).err().map(|error| told(&error)),
        skipped,
        now,
    }
}

/// What a watch of docks looks at: their folder, all below it, and the project's.
fn folders(docks: &Path) -> u64 {
    let walk = walkdir::WalkDir::new(docks).follow_links(true).into_iter().flatten();
    let folders = walk.filter(|entry| entry.file_type().is_dir()).take(MANY_FOLDERS).count();
    1 + folders as u64
}

fn logins(env: &BTreeMap<String, String>, wanted: Option<String>) -> login::Facts {
    let Some(folder) = credentials::folder(env) else {
        return login::Facts { file: "docker's settings".to_owned(), kept: Ok(None), wanted };
    };
    let file = folder.join("config.json");
    let path = env.get("PATH").map_or("", String::as_str);
    let kept = credentials::kept(&file, path);
    login::Facts { file: file.display().to_string(), kept, wanted }
}

/// Programs that run exported plans.
const TOOLS: [&str; 3] = ["make", "bmake", "ninja"];

fn tools(env: &BTreeMap<String, String>) -> Tools {
    let path = env.get("PATH").map_or("", String::as_str);
    let (there, missing) = TOOLS.into_iter().partition(|tool| credentials::has_program(path, tool));
    let compose = here::compose(path, credentials::folder(env).as_deref());
    Tools { there, missing, compose, chains: Path::new("chains").is_dir() }
}
