//! Portage's lists of installed files, out of a whole ROOT's archive.

use std::convert::identity;
use std::fs::File;
use std::io;
use std::io::{BufReader, Read};
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::FrameDecoderError;

use super::limited;
use super::limited::Capped;
use crate::base::error::{Error, Result};
use crate::base::limits::{Limit, Limits};
use crate::image::audit::contents;
use crate::image::audit::contents::Owners;
use crate::image::tree::Tree;

/// The packages of an image's files. `sysroot` is a `sysroot.tar.zst`, `tree` the image.
///
/// # Errors
/// The archive cannot be read, or has more than a limit allows.
pub fn owners(sysroot: &Path, tree: &Tree, limits: &Limits) -> Result<Owners> {
    let file = File::open(sysroot).map_err(|e| Error::file("read", sysroot, &e))?;
    let size = file.metadata().map_err(|e| Error::file("read", sysroot, &e))?.len();
    read(BufReader::new(file), size, tree, limits).map_err(|cause| {
        let name = format!("`{}`", sysroot.display());
        limited::error(&name, &cause, || Error::step(format!("cannot read {name}: {cause}")))
    })
}

/// [`owners`] of an archive that is read from somewhere; `size` is what it has compressed, in bytes.
///
/// # Errors
/// As of [`owners`], the limit inside of the error.
pub fn read(data: impl Read, size: u64, tree: &Tree, limits: &Limits) -> io::Result<Owners> {
    let mut owners = Owners::new();
    limited::each(unpacked(data, size, limits)?, limits, identity, |path, entry, tally| {
        let Some(package) = contents::package(path) else { return Ok(()) };
        let mut text = vec![];
        Capped::new(entry, limits, Limit::ListSize).read_to_end(&mut text)?;
        tally.kept(text.len() as u64)?;
        contents::add(&mut owners, package, &text, tree);
        limits.check(Limit::Entries, owners.len() as u64)?;
        Ok(())
    })?;
    Ok(owners)
}

/// An archive of so many bytes, unpacked within limits.
fn unpacked(data: impl Read, size: u64, limits: &Limits) -> io::Result<impl Read> {
    let window = limits.of(Limit::ZstdWindow);
    let decoder = StreamingDecoder::new_with_max_window_size(data, window);
    let decoder = decoder.map_err(|cause| match cause {
        FrameDecoderError::WindowSizeTooBig { .. } => limits.exceeded(Limit::ZstdWindow).into(),
        other => io::Error::other(other),
    })?;
    Ok(limited::unpacked(decoder, size, limits))
}
