//! What the judge looks at: the real file system, the engine's inventory, finished steps' products.
//!
//! Decides nothing and changes nothing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use litemap::LiteMap;

use crate::base::error::Result;
use crate::base::ids::StepId;
use crate::fresh::Inventory;
use crate::fresh::judge::Look;
use crate::fresh::record::FileState;
use crate::plan::step::Object;
use crate::state::store;

/// What finished steps made, by the names of the products. The rest of their records is not kept: of ten thousand
/// docks, that is most of the memory.
pub type Products = HashMap<StepId, Arc<LiteMap<String, String>>>;

/// Looks at the world as it is now.
#[derive(Debug)]
pub struct Eyes<'a> {
    /// What the engine has.
    pub inventory: &'a Inventory,
    /// What finished steps made.
    pub products: &'a Products,
}

impl Look for Eyes<'_> {
    fn stat(&mut self, path: &Path) -> FileState {
        store::file_state(path)
    }

    fn hash(&mut self, path: &Path) -> Result<String> {
        store::hash_file(path)
    }

    fn product(&mut self, step: &StepId, product: &str) -> Option<String> {
        self.products.get(step)?.get(product).cloned()
    }

    fn object(&mut self, object: &Object) -> Result<Option<String>> {
        Ok(self.inventory.id(object))
    }
}

/// Files of more bytes than this are not read while others wait.
const LONG: u64 = 1 << 20;

/// Eyes that do not read long files: a verdict that would need one is worth nothing.
#[derive(Debug)]
pub(super) struct Glance<'a> {
    eyes: Eyes<'a>,
    cut_short: bool,
}

impl<'a> Glance<'a> {
    pub(super) fn new(eyes: Eyes<'a>) -> Self {
        Self { eyes, cut_short: false }
    }

    /// Whether a file would have had to be read.
    pub(super) fn is_cut_short(&self) -> bool {
        self.cut_short
    }
}

impl Look for Glance<'_> {
    fn stat(&mut self, path: &Path) -> FileState {
        self.eyes.stat(path)
    }

    fn hash(&mut self, path: &Path) -> Result<String> {
        if self.eyes.stat(path).size > LONG {
            self.cut_short = true;
            return Ok(String::new());
        }
        self.eyes.hash(path)
    }

    fn product(&mut self, step: &StepId, product: &str) -> Option<String> {
        self.eyes.product(step, product)
    }

    fn object(&mut self, object: &Object) -> Result<Option<String>> {
        self.eyes.object(object)
    }
}
