//! What a fake could not do, kept until its test ends: an answer alone might be what a test expects.

use std::sync::{Mutex, PoisonError};

/// What was asked that a fake does not know, and where one of its threads broke.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<String>>);

impl Faults {
    pub fn note(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Fails the test if there were any; one that fails already is only told.
    pub fn judge(&self, who: &str) {
        let faults = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let told = format!("{who}: {}", faults.join("\n"));
        match (faults.as_slice(), std::thread::panicking()) {
            ([], _) => {}
            (_, true) => eprintln!("{told}"),
            (_, false) => panic!("{told}"),
        }
    }
}
