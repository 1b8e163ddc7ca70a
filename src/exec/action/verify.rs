//! `verify:stage3` and `verify:portage`: signature, list of digests and lock agree on the file.
//!
//! Knows what has to agree; how a signature is checked is `gentoo::openpgp`'s business.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::base::error::{Error, Result};
use crate::base::limits::Limit;
use crate::base::read as file;
use crate::exec::action::{Made, blocking};
use crate::exec::work::Context;
use crate::gentoo::openpgp::{Keyring, Verified};
use crate::gentoo::{digests, keys};
use crate::plan::step::Pinned;

/// The files of one verification.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    pub file: &'a Path,
    pub signature: &'a Path,
    pub digests: Option<&'a Path>,
    pub name: &'a str,
}

pub(super) async fn verify(files: Files<'_>, pinned: &Pinned, context: &Context) -> Result<Made> {
    let keyring = keys::read(&context.settings)?;
    let signature = read(files.signature)?;
    let (path, ring) = (files.file.to_owned(), keyring.clone());
    let verified = blocking(move || detached(&ring, &path, &signature)).await?;
    agree(files.file, "the lock", &verified, &pinned.sha512, &pinned.blake2b)?;
    if let Some(list) = files.digests {
        let text = keyring.verify_cleartext(&shown(list), &read(list)?, None)?;
        let listed = digests::parse(text.text()?, files.name, &shown(list))?;
        let sha512 = listed.sha512.unwrap_or_else(|| verified.sha512.clone());
        let blake2b = listed.blake2b.unwrap_or_else(|| verified.blake2b.clone());
        agree(files.file, &shown(list), &verified, &sha512, &blake2b)?;
    }
    let signer = verified.signer.to_string();
    let note = format!("signed by {}", &signer[signer.len().saturating_sub(16)..]);
    let mut made = Made::product("sha512", verified.sha512).note(note);
    made.products.insert("signer".to_owned(), signer);
    let expires = verified.expires.and_then(|end| end.duration_since(UNIX_EPOCH).ok());
    made.products.extend(expires.map(|end| (EXPIRES.to_owned(), end.as_secs().to_string())));
    Ok(made)
}

/// The product that says when the key that signed expires, in seconds since 1970.
pub const EXPIRES: &str = "expires";
/// The product of a verification that was skipped.
pub const SKIPPED: &str = "skipped";

/// Nothing but what the lock pins stands for the file, and nobody for the lock.
pub(super) fn skip(pinned: &Pinned) -> Made {
    let mut made = Made::product("sha512", pinned.sha512.clone()).note("NOT VERIFIED");
    made.products.insert(SKIPPED.to_owned(), "yes".to_owned());
    made
}

fn detached(keyring: &Keyring, path: &PathBuf, signature: &[u8]) -> Result<Verified> {
    if !path.is_file() {
        return Err(Error::step(format!("`{}` is no file", path.display())));
    }
    let file = std::fs::File::open(path).map_err(|e| Error::file("read", path, &e))?;
    keyring.verify_detached(&shown(path), file, signature, None)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    file::state(path, Limit::FileSize)
}

fn agree(file: &Path, list: &str, seen: &Verified, sha512: &str, blake2b: &str) -> Result<()> {
    let pairs = [("SHA-512", &seen.sha512, sha512), ("BLAKE2b", &seen.blake2b, blake2b)];
    match pairs.into_iter().find(|(_, seen, listed)| *seen != listed) {
        None => Ok(()),
        Some((name, seen, listed)) => {
            let file = file.display();
            Err(Error::trust(format!("the {name} of `{file}` is not what {list} says"))
                .detail(format!("  listed: {listed}"))
                .detail(format!("  file:   {seen}"))
                .hint(format!("remove `{file}` to fetch it again")))
        }
    }
}
