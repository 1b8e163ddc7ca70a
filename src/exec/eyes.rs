//! What the judge looks at: the real file system, the engine's inventory, finished steps' products.
//!
//! Decides nothing and changes nothing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::base::error::Result;
use crate::base::ids::StepId;
use crate::fresh::Inventory;
use crate::fresh::judge::Look;
use crate::fresh::record::{FileState, Record};
use crate::plan::step::Object;
use crate::state::store;

/// Records of finished steps, for what these made.
pub type Products = HashMap<StepId, Arc<Record>>;

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
        self.products.get(step)?.products.get(product).cloned()
    }

    fn object(&mut self, object: &Object) -> Result<Option<String>> {
        Ok(self.inventory.id(object))
    }
}
