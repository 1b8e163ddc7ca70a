//! A real engine, for small projects without Portage.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use gentoo_bb::engine::address::Address;
use gentoo_bb::engine::docker::Engine;
use tokio::runtime::{Builder, Runtime};

/// Where it listens: the caller's DOCKER_HOST, else what the engine's script finds.
static HOST: LazyLock<Option<String>> = LazyLock::new(|| {
    let given = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    given.or_else(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/engine.sh");
        let said = Command::new(script).arg("env").output().ok()?;
        let text = String::from_utf8(said.stdout).ok()?;
        text.lines().find_map(|l| l.strip_prefix("DOCKER_HOST=")).map(str::to_owned)
    })
});

/// The engine, as one copy of a project uses it: in a namespace of its own.
pub struct Real {
    pub namespace: String,
    engine: Engine,
    runtime: Runtime,
    /// Images to be removed in the end.
    ids: RefCell<BTreeSet<String>>,
}

impl Real {
    pub fn new(namespace: String) -> Self {
        let host = [Address::at(Self::host())];
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let engine = runtime.block_on(Engine::connect(&host)).unwrap();
        Self { namespace, engine, runtime, ids: RefCell::default() }
    }

    pub fn host() -> String {
        HOST.clone().expect("no container engine answers: `scripts/engine.sh start` starts one")
    }

    /// Removes what `NAME:` begins, with all its tags.
    pub fn remove(&self, name: &str) {
        for tag in ["latest", "v1"] {
            let reference = format!("{}/{name}{tag}", self.namespace);
            self.runtime.block_on(self.engine.remove_image(&reference)).unwrap();
        }
    }

    /// Notes the images that a copy has made.
    pub fn note(&self, state: &Path) {
        for entry in walkdir::WalkDir::new(state.join("images")) {
            let path = entry.unwrap().into_path();
            let text = std::fs::read(&path).ok().filter(|_| path.ends_with("image.json"));
            let json = text.and_then(|t| serde_json::from_slice::<serde_json::Value>(&t).ok());
            let id = json.and_then(|json| json["id"].as_str().map(str::to_owned));
            self.ids.borrow_mut().extend(id);
        }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let mut ids = self.ids.take();
        // A parent goes after its children only.
        while !ids.is_empty() {
            let before = ids.len();
            let remove = |id: &String| self.runtime.block_on(self.engine.remove_image(id));
            ids.retain(|id| remove(id).is_err());
            if ids.len() == before {
                return;
            }
        }
    }
}
