//! A real engine, for small projects without Portage.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use crate::sealed::Engine;

/// The engine, as one copy of a project uses it: in a namespace of its own.
pub struct Real {
    pub namespace: String,
    engine: Engine,
    /// Images to be removed in the end.
    ids: RefCell<BTreeSet<String>>,
}

impl Real {
    pub fn new(namespace: String) -> Self {
        Self { namespace, engine: Engine::get(), ids: RefCell::default() }
    }

    pub fn host(&self) -> String {
        self.engine.host.clone()
    }

    /// Removes what `NAME:` begins, with all its tags.
    pub fn remove(&self, name: &str) {
        for tag in ["latest", "v1"] {
            let reference = format!("{}/{name}{tag}", self.namespace);
            if self.engine.has_image(&reference) {
                self.engine.docker(&["rmi", "-f", &reference]);
            }
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
        let mut left = Vec::from_iter(self.ids.take());
        // A parent goes after its children only.
        while !left.is_empty() {
            let ids = left.iter().map(String::as_str).collect::<Vec<_>>();
            self.engine.try_docker(&[&["rmi", "-f"], &ids[..]].concat());
            let there = self.engine.those_there(&ids);
            if there.len() == left.len() {
                return;
            }
            left = there;
        }
    }
}
