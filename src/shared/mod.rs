//! The store: where finished steps' results can be had from elsewhere, and given to.
//!
//! An entry is what one step left, under the key of all that it depends on ([`crate::fresh::key()`]): a signed statement
//! and the files that it names. Knows keys, statements and places; not which step is worked on, nor when.

mod entry;
mod place;
mod signature;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

pub use entry::{Entry, File, Form};
pub use place::{Given, Place};
pub use signature::{Distrust, PrivateKey, PublicKey, make_pair};

use crate::base::error::{Error, Result};
use crate::net::registry::Blobs;

/// Bytes of a statement: a step's products and a dozen names.
const STATEMENT: u64 = 256 << 10;

/// A store as one run uses it.
#[derive(Debug)]
pub struct SharedStore {
    place: Place,
    trusted: Vec<PublicKey>,
    signs: Option<PrivateKey>,
    pulls: bool,
    is_away: AtomicBool,
    takes_nothing: AtomicBool,
}

/// What a store has under a key.
#[derive(Debug)]
pub enum Found {
    /// What a trusted key has signed.
    Entry(Entry),
    /// Nothing.
    Nothing,
    /// Something that does not count, and why: a sentence's second half.
    Refused(String),
}

impl SharedStore {
    /// A store, with the keys that count and the one that signs; without one, nothing is given.
    #[must_use]
    pub fn new(
        place: Place,
        trusted: Vec<PublicKey>,
        signs: Option<PrivateKey>,
        pulls: bool,
    ) -> Self {
        Self {
            place,
            trusted,
            signs,
            pulls,
            is_away: AtomicBool::new(false),
            takes_nothing: AtomicBool::new(false),
        }
    }

    /// Whether results are taken from it, as far as is known.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.pulls && !self.is_away.load(Ordering::Relaxed)
    }

    /// Whether results are given to it, as far as is known.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.signs.is_some() && !self.takes_nothing.load(Ordering::Relaxed)
    }

    /// Nobody asks it again in this run. Whether somebody did until now.
    pub fn leave(&self) -> bool {
        !self.is_away.swap(true, Ordering::Relaxed)
    }

    /// Nobody gives it anything more in this run. Whether somebody did until now.
    pub fn leave_giving(&self) -> bool {
        !self.takes_nothing.swap(true, Ordering::Relaxed)
    }

    /// What it has under a key. `form` is what an entry must have.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn find(&self, key: &str, form: &Form) -> Result<Found> {
        let Some(envelope) = self.place.statement(key, STATEMENT).await? else {
            return Ok(Found::Nothing);
        };
        Ok(match self.read(&envelope, key, form) {
            Ok(entry) => Found::Entry(entry),
            Err(why) => Found::Refused(why),
        })
    }

    fn read(&self, envelope: &[u8], key: &str, form: &Form) -> std::result::Result<Entry, String> {
        let statement = signature::verified(envelope, &self.trusted).map_err(|why| match why {
            Distrust::Malformed => "it is no signed statement".to_owned(),
            Distrust::Unsigned => "nobody has signed it".to_owned(),
            Distrust::Stranger => "no key that is trusted has signed it".to_owned(),
        })?;
        Entry::read(&statement, key, form)
    }

    /// Brings an entry's file among the blobs, verified.
    ///
    /// # Errors
    /// It does not come, or is something else (exit 5).
    pub async fn bring(&self, file: &File, blobs: &Blobs) -> Result<()> {
        self.place.bring(file, blobs).await
    }

    /// Gives an entry, whose files are in a folder. One that is there under its key stays.
    ///
    /// # Errors
    /// It does not take it, or nobody may sign.
    pub async fn give(&self, entry: &Entry, form: &Form, folder: &Path) -> Result<Given> {
        let signs = self.signs.as_ref().ok_or_else(|| Error::bug("nobody signs"))?;
        let is_new = match self.find(&entry.key, form).await? {
            Found::Entry(there) if there.products != entry.products => {
                return Ok(Given::Other(Box::new(there)));
            }
            Found::Entry(there) if self.place.is_whole(&there).await? => return Ok(Given::Was),
            Found::Nothing => true,
            // What does not count, or has lost a file, is in nobody's way.
            Found::Entry(_) | Found::Refused(_) => false,
        };
        self.place.give(entry, &signs.sign(&entry.statement()), folder, is_new).await?;
        Ok(Given::New)
    }
}
