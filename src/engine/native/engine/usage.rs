//! How much room the native engine's store takes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::Own;
use crate::base::error::{Error, Result};
use crate::engine::native::notes::{self, Note};
use crate::engine::native::spec::{BoxId, LayerId};
use crate::engine::{Going, Kept, Sort};
use crate::state::disk::{self, Used};

/// Folders whose entries are told one by one.
const TOLD: [&str; 5] = ["oci", "layers", "boxes", "caches", "notes"];
/// What a digest is told by.
const DIGITS: usize = 12;

/// What boxes leave behind, and who stands on what.
struct Boxes {
    staying: Vec<(BoxId, Note)>,
    going: BTreeSet<String>,
}

impl Boxes {
    fn have_image(&self, image: &str) -> bool {
        self.staying.iter().any(|(_, note)| note.image == image)
    }

    fn stand_on(&self, layer: &LayerId) -> bool {
        self.staying.iter().any(|(_, note)| note.spec.layers.contains(layer))
    }

    fn have_cache(&self, cache: &str) -> bool {
        self.staying.iter().any(|(_, note)| note.has_cache(cache))
    }
}

impl Own {
    /// All that is in the store, and what of it goes with these.
    pub(super) fn usage(&self, going: &Going) -> Result<Vec<Kept>> {
        let mut staying = notes::all(&self.native.store)?;
        staying.retain(|(id, _)| !going.boxes.iter().any(|going| going == id.as_str()));
        let boxes = Boxes { staying, going: going.boxes.iter().cloned().collect() };
        let mut kept = vec![];
        let layers = self.used_images(going, &boxes, &mut kept)?;
        self.used_layers(layers.as_ref(), &boxes, &mut kept)?;
        self.used_boxes(&boxes, &mut kept)?;
        for (name, used) in self.native.used("caches")? {
            let goes = going.caches.contains(&name) && !boxes.have_cache(&name);
            kept.push(one(Sort::Caches, name, used, goes));
        }
        self.used_else(&mut kept)?;
        Ok(kept)
    }

    /// The layers that stay, if an image goes.
    fn used_images(
        &self,
        going: &Going,
        boxes: &Boxes,
        kept: &mut Vec<Kept>,
    ) -> Result<Option<BTreeSet<String>>> {
        let images = self.images.used(&going.images, |image| boxes.have_image(image))?;
        for image in images.images {
            let sort = if image.is_shared { Sort::Builders } else { Sort::Images };
            let used = Some(image.used);
            kept.push(Kept { sort, name: image.name, used, going: image.going });
        }
        let (used, going) = images.nobodys;
        if used != Used::default() {
            let name = "blobs of no image".to_owned();
            kept.push(Kept { sort: Sort::Store, name, used: Some(used), going });
        }
        kept.push(one(Sort::Store, "oci".to_owned(), images.own, false));
        Ok(images.staying)
    }

    /// The unpacked layers, also those that somebody has left half way.
    fn used_layers(
        &self,
        staying: Option<&BTreeSet<String>>,
        boxes: &Boxes,
        kept: &mut Vec<Kept>,
    ) -> Result<()> {
        for (name, used) in self.native.used("layers")? {
            let id = LayerId::new(&name).ok();
            let goes = id.zip(staying).is_some_and(|(id, staying)| {
                !staying.contains(&format!("sha256:{id}")) && !boxes.stand_on(&id)
            });
            let name = format!("sha256:{}", name.get(..DIGITS).unwrap_or(&name));
            kept.push(one(Sort::Layers, name, used, goes));
        }
        Ok(())
    }

    fn used_boxes(&self, boxes: &Boxes, kept: &mut Vec<Kept>) -> Result<()> {
        let mut notes = disk::each(&self.native.store.path("notes")).map_err(|c| cannot(&c))?;
        for (name, mut used) in self.native.used("boxes")? {
            // A file, which nothing else leads to.
            let note = notes.remove(&name);
            if let Some(note) = &note {
                used.add(note);
            }
            let goes = boxes.going.contains(&name);
            kept.push(one(Sort::Boxes, name, used, goes));
        }
        let rest = notes.values().fold(Used::default(), |mut all, note| {
            all.add(note);
            all
        });
        kept.push(one(Sort::Store, "notes".to_owned(), rest, false));
        Ok(())
    }

    /// What is there besides.
    fn used_else(&self, kept: &mut Vec<Kept>) -> Result<()> {
        let folder = self.native.store.path("");
        let mut own = Used::one(&folder).map_err(|cause| cannot(&cause))?;
        for entry in fs::read_dir(&folder).map_err(|cause| cannot(&cause))? {
            let entry = entry.map_err(|cause| cannot(&cause))?;
            let is_told = TOLD.iter().any(|told| entry.file_name() == *told);
            own.add(&used(&entry.path(), is_told).map_err(|cause| cannot(&cause))?);
        }
        kept.push(one(Sort::Store, "locks and folders".to_owned(), own, false));
        Ok(())
    }
}

/// Without what is in it, where that is told by itself. The layout tells of itself.
fn used(path: &Path, is_told: bool) -> io::Result<Used> {
    if is_told { Used::one(path) } else { Used::all(path) }
}

fn one(sort: Sort, name: String, used: Used, goes: bool) -> Kept {
    let going = if goes { used.clone() } else { Used::default() };
    Kept { sort, name, used: Some(used), going }
}

fn cannot(cause: &io::Error) -> Error {
    crate::engine::native::failed("see how much room the store takes", cause)
}
