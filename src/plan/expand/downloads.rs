//! The steps that bring stage3 and snapshot from a mirror into the engine.
//!
//! Does not know what is built from them.

use std::path::PathBuf;

use super::{Builder, params, step};
use crate::base::ids::{Kind, StepId};
use crate::config::lock::Pin;
use crate::plan::step::{Need, Object, Pinned, Step, Work};

impl Builder<'_> {
    /// A file that the lock pins.
    pub(super) fn fetch(&self, file: &str, pin: &Pin) -> Step {
        let dest = self.sources.layout.download(file);
        let pinned = Some(pinned(pin));
        let work = Work::Fetch { path: pin.path.clone(), dest: dest.clone(), pinned };
        Step {
            params: params([("path", &pin.path), ("sha512", &pin.sha512)]),
            outputs: vec![dest],
            ..step(Kind::Fetch, file, work)
        }
    }

    /// What vouches for a pinned file. A mirror may make a file anew under its old name: then what vouched
    /// for the other one is of no use.
    pub(super) fn fetch_beside(&self, file: &str, suffix: &str, pin: &Pin) -> Step {
        let file = format!("{file}{suffix}");
        let dest = self.sources.layout.download(&file);
        let path = format!("{}{suffix}", pin.path);
        let work = Work::Fetch { path: path.clone(), dest: dest.clone(), pinned: None };
        Step {
            params: params([("path", &path), ("of sha512", &pin.sha512)]),
            outputs: vec![dest],
            ..step(Kind::Fetch, &file, work)
        }
    }

    /// Where verification is skipped, neither signatures nor keys need be there.
    pub(super) fn verify(
        &self,
        name: &str,
        file: &str,
        signature: &str,
        digests: Option<&str>,
        pin: &Pin,
    ) -> Step {
        let settings = self.sources.settings;
        let download = |suffix: &str| self.sources.layout.download(&format!("{file}{suffix}"));
        let mut suffixes = vec![""];
        let mut keyrings: &[PathBuf] = &[];
        let mut params =
            params([("sha512", &pin.sha512), ("fingerprints", &settings.fingerprints.join(" "))]);
        if settings.skip_verify {
            params.insert("verification".to_owned(), "skipped".to_owned());
        } else {
            suffixes.extend([signature].into_iter().chain(digests));
            keyrings = self.sources.keyrings;
        }
        let work = Work::Verify {
            file: download(""),
            signature: download(signature),
            digests: digests.map(download),
            name: pin.file_name().to_owned(),
            pinned: pinned(pin),
            skipped: settings.skip_verify,
        };
        let files = suffixes.iter().map(|s| download(s)).chain(keyrings.iter().cloned());
        let fetch = |suffix: &&str| StepId::new(Kind::Fetch, format!("{file}{suffix}"));
        Step {
            files: files.collect(),
            params,
            needs: suffixes.iter().map(fetch).map(Need::order).collect(),
            ..step(Kind::Verify, name, work)
        }
    }

    pub(super) fn import_stage3(&self, file: &str) -> Step {
        let work = Work::ImportStage3 {
            file: self.sources.layout.download(file),
            image: self.names.stage3.clone(),
            sha512: self.lock.stage3.sha512.clone(),
        };
        Step {
            needs: vec![Need::product(StepId::new(Kind::Verify, "stage3"), "sha512")],
            objects: vec![Object::Image(self.names.stage3.clone())],
            ..step(Kind::Import, "stage3", work)
        }
    }

    pub(super) fn import_portage(&self) -> Step {
        let work = Work::ImportPortage {
            file: self.sources.layout.download(PORTAGE),
            image: self.names.portage.clone(),
            stage3_image: self.names.stage3.clone(),
            sha512: self.lock.portage.sha512.clone(),
            content: self.names.portage_content.clone(),
        };
        Step {
            needs: vec![
                Need::product(StepId::new(Kind::Verify, "portage"), "sha512"),
                Need::product(StepId::new(Kind::Import, "stage3"), "content"),
            ],
            objects: vec![Object::Image(self.names.portage.clone())],
            ..step(Kind::Import, "portage", work)
        }
    }
}

/// The downloaded snapshot.
pub(super) const PORTAGE: &str = "portage.tar.xz";

fn pinned(pin: &Pin) -> Pinned {
    Pinned { size: pin.size, sha512: pin.sha512.clone(), blake2b: pin.blake2b.clone() }
}
