//! Portage's lists of installed files, out of a whole ROOT's archive.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;

use crate::audit::contents::{self, Owners};
use crate::error::{Error, Result};
use crate::oci::tree::Tree;

/// The packages of an image's files. `sysroot` is a `sysroot.tar.zst`, `tree` the image.
///
/// # Errors
/// The archive cannot be read.
pub fn owners(sysroot: &Path, tree: &Tree) -> Result<Owners> {
    let broken = |why: String| Error::step(format!("cannot read `{}`: {why}", sysroot.display()));
    let file = File::open(sysroot).map_err(|e| Error::file("read", sysroot, &e))?;
    let decoder = StreamingDecoder::new(BufReader::new(file)).map_err(|e| broken(e.to_string()))?;
    let mut archive = tar::Archive::new(decoder);
    let mut owners = Owners::new();
    for entry in archive.entries().map_err(|e| broken(e.to_string()))? {
        let mut entry = entry.map_err(|e| broken(e.to_string()))?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if let Some(package) = contents::package(&path) {
            let mut text = vec![];
            entry.read_to_end(&mut text).map_err(|e| broken(e.to_string()))?;
            contents::add(&mut owners, package, &text, tree);
        }
    }
    Ok(owners)
}
