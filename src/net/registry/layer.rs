//! Layers as registries have them, compressed or not, and as an image's configuration names them: unpacked.
//!
//! Whatever comes out is verified. Asks no registry.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};

use super::blobs::{self, Blobs, digest_text};
use crate::base::error::{Error, Result, io_reason};
use crate::base::limits::Limits;
use crate::image::archive::bundle::Hashing;
use crate::image::archive::limited;
use crate::image::archive::packed::unpacked;

const CHUNK: usize = 256 * 1024;

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The digest of its blob.
    pub digest: String,
    /// The digest of what it unpacks to.
    pub diff_id: String,
    /// The blob's bytes.
    pub size: u64,
}

/// Unpacks a layer's blob to the blob that its `diff_id` names, unless that is there.
///
/// # Errors
/// It is damaged, has more than the limits allow, or is not what the image's configuration says (exit 5).
pub fn unpack(blobs: &Blobs, layer: &Layer, limits: &Limits) -> Result<()> {
    if blobs.has(&layer.diff_id)? {
        return Ok(());
    }
    let path = blobs.path(&layer.digest)?;
    let file = File::open(&path).map_err(|e| Error::file("read", &path, &e))?;
    let temp = blobs.temporary()?;
    let name = format!("the layer `{}`", layer.digest);
    let copied = unpacked(BufReader::with_capacity(CHUNK, file), limits)
        .and_then(|data| copy(limited::unpacked(data, layer.size, limits), temp.as_file()));
    let found = copied.map_err(|e| {
        let broken = || Error::step(format!("{name} cannot be unpacked: {}", io_reason(&e)));
        limited::error(&name, &e, broken)
    })?;
    if found != layer.diff_id {
        let wanted = &layer.diff_id;
        return Err(Error::trust(format!("{name} unpacks to something else than `{wanted}`"))
            .hint("the image's configuration and its layers do not belong together"));
    }
    blobs::keep(temp, &blobs.path(&layer.diff_id)?)
}

impl Blobs {
    /// Takes in a blob that is on this machine, unless it is there.
    ///
    /// # Errors
    /// It cannot be read or written, or is not what its digest says (exit 5).
    pub fn take(&self, digest: &str, data: impl Read) -> Result<()> {
        if self.has(digest)? {
            return Ok(());
        }
        let whole = self.path(digest)?;
        let temp = self.temporary()?;
        let found = copy(data, temp.as_file());
        if found.map_err(|e| Error::file("write", &whole, &e))? != digest {
            return Err(Error::trust(format!("what is taken for `{digest}` is something else")));
        }
        blobs::keep(temp, &whole)
    }
}

impl Blobs {
    /// Takes in a blob of which nobody has said what it is. Returns its digest and how many bytes it has.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn add(&self, data: impl Read) -> Result<(String, u64)> {
        let temp = self.temporary()?;
        let failed = |e: io::Error| {
            limited::error("what is kept", &e, || Error::file("write", temp.path(), &e))
        };
        let found = copy(data, temp.as_file()).map_err(failed)?;
        let size = temp.as_file().metadata().map_err(failed)?.len();
        if !self.has(&found)? {
            blobs::keep(temp, &self.path(&found)?)?;
        }
        Ok((found, size))
    }
}

/// Copies to a file; the digest of what was copied.
fn copy(mut data: impl Read, out: &File) -> io::Result<String> {
    let mut out = Hashing::new(BufWriter::with_capacity(CHUNK, out));
    io::copy(&mut data, &mut out)?;
    out.flush()?;
    Ok(digest_text(out.hasher))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;
    use crate::base::error::Exit;
    use crate::base::limits::Limit;
    use crate::net::registry::blobs::digest_of;

    /// Puts a blob in a folder and unpacks it to something.
    fn unpacked_in(dir: &Path, blob: &[u8], plain: &[u8], limits: &Limits) -> Result<Vec<u8>> {
        let blobs = Blobs::at(dir);
        let (digest, diff_id) = (digest_of(blob), digest_of(plain));
        blobs.put(&digest, blob)?;
        let layer = Layer { digest, diff_id: diff_id.clone(), size: blob.len() as u64 };
        unpack(&blobs, &layer, limits)?;
        Ok(std::fs::read(blobs.path(&diff_id)?).unwrap())
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        out.write_all(data).unwrap();
        out.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        compress_to_vec(data, CompressionLevel::Fastest)
    }

    #[test]
    fn a_layer_is_unpacked_however_it_is_compressed() {
        let dir = tempfile::tempdir().unwrap();
        let halves = [vec![1; 700_000], (0..=255).cycle().take(300_000).collect::<Vec<u8>>()];
        let plain = halves.concat();
        // A frame that says nothing, as Podman writes them for a table of contents.
        let note = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc".to_vec();
        let blobs = [
            plain.clone(),
            gzip(&plain),
            halves.each_ref().map(|half| gzip(half)).concat(),
            zstd(&plain),
            [note.clone(), zstd(&halves[0]), note.clone(), zstd(&halves[1]), note].concat(),
        ];
        for (at, blob) in blobs.iter().enumerate() {
            let folder = dir.path().join(at.to_string());
            let found = unpacked_in(&folder, blob, &plain, &Limits::default());
            assert!(found.unwrap() == plain, "{at}");
        }
    }

    #[test]
    fn a_layer_that_is_damaged_or_another_one_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let plain = vec![7; 300_000];
        let (zipped, frames) = (gzip(&plain), zstd(&plain));
        let rest = [zipped.clone(), b"x".to_vec()].concat();
        let cut = |data: &[u8]| data[..data.len() - 9].to_vec();
        for (at, blob) in [cut(&zipped), cut(&frames), rest].iter().enumerate() {
            let folder = dir.path().join(at.to_string());
            let error = unpacked_in(&folder, blob, &plain, &Limits::default()).unwrap_err();
            assert!(error.message().contains("cannot be unpacked"), "{at}: {}", error.message());
        }
        let error = unpacked_in(dir.path(), &zipped, b"other", &Limits::default()).unwrap_err();
        assert_eq!(error.exit(), Exit::Trust);
        assert!(error.message().contains("` unpacks to something else than `sha256:"));
        let names = std::fs::read_dir(dir.path().join("sha256")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(names, [&digest_of(&zipped)[7..]]);
    }

    #[test]
    fn more_than_a_limit_allows_is_not_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let plain = vec![0; 200_000];
        let limits = Limits::default().with(Limit::Unpacked, 100_000);
        for blob in [gzip(&plain), zstd(&plain)] {
            let error = unpacked_in(dir.path(), &blob, &plain, &limits).unwrap_err();
            assert!(error.message().ends_with(
                "more than 100000 bytes (`unpacked`: bytes that a compressed archive unpacks to)"
            ));
        }
        let dense = gzip(&vec![0; 70 << 20]);
        let limits = Limits::default().with(Limit::Expansion, 10);
        let error = unpacked_in(dir.path(), &dense, &plain, &limits).unwrap_err();
        assert!(error.message().contains("`expansion`"), "{}", error.message());
    }
}
