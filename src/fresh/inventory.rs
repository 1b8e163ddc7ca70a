//! What images an engine has at one moment, and what each of them is.
//!
//! Values only; who asks the engine is elsewhere.

use std::collections::HashMap;

use crate::base::reference::{Reference, spelling};
use crate::fresh::record::Record;
use crate::plan::step::Object;

/// What the names of the images begin with that all projects of an engine share.
pub const SHARED: &str = "gentoo-bb/";

/// The engine's images at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    images: HashMap<String, Held>,
    /// Whether it is of an engine that keeps none of what is put there.
    without_copies: bool,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The engine's id for it.
    pub id: String,
    /// What its label says that it is.
    pub content: Option<String>,
}

impl Inventory {
    /// Of an engine that keeps no image that is put there: it lacks none.
    pub fn without_copies() -> Self {
        Self { without_copies: true, ..Self::default() }
    }

    /// Whether images are to be put there.
    pub fn has_copies(&self) -> bool {
        !self.without_copies
    }

    /// What an engine had when steps finished, by their records: nothing else is known where none answers.
    pub fn recorded(records: impl Iterator<Item = Record>) -> Self {
        let mut inventory = Self::default();
        for record in records {
            for (object, id) in record.objects.iter() {
                let Some(Object::Image(name)) = Object::of_record(object) else { continue };
                // What a record has of an image is its content, where that is what counts.
                inventory.add(&name, &Held { id: id.clone(), content: Some(id.clone()) });
            }
        }
        inventory
    }

    /// What an object is: the content that its label names, else the engine's id for it.
    pub fn id(&self, object: &Object) -> Option<String> {
        let Object::Image(reference) = object;
        self.id_of(reference).map(str::to_owned)
    }

    /// [`Self::id`] of the image with a reference, in whatever spelling.
    pub fn id_of(&self, reference: &str) -> Option<&str> {
        let (name, held) = self.held(reference)?;
        // What is built on a builder, or takes its labels otherwise, is not that builder.
        let content = held.content.as_deref().filter(|_| is_shared(name));
        Some(content.unwrap_or(&held.id))
    }

    /// The engine's own id for an object.
    pub fn engine_id(&self, Object::Image(reference): &Object) -> Option<&str> {
        self.held(reference).map(|(_, held)| held.id.as_str())
    }

    /// An image with its name. What a reference is in its normal form need not be found out for one that is known.
    fn held(&self, reference: &str) -> Option<(&str, &Held)> {
        let known = self.images.get_key_value(reference);
        let known = known.or_else(|| self.images.get_key_value(&spelling(reference)));
        known.map(|(name, held)| (name.as_str(), held))
    }

    /// Takes an image in under a name. Podman has those that are from no registry as `localhost/NAME`.
    pub fn add(&mut self, name: &str, held: &Held) {
        let Ok(reference) = name.parse::<Reference>() else { return };
        if let Some(short) = reference.without_localhost() {
            self.images.entry(short.to_string()).or_insert_with(|| held.clone());
        }
        self.images.insert(reference.to_string(), held.clone());
    }
}

/// Whether an image is one that projects share, whose label says what it is.
pub(crate) fn is_shared(name: &str) -> bool {
    name.starts_with(SHARED)
}
