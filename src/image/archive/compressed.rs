//! Layers compressed for a registry, always to the same bytes: by one compressor at one level, without a time.
//!
//! What a layer is compressed to is noted in the folder where that is done, so that a registry can be asked for
//! it without doing it again. Asks no registry.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use sha2::Digest;
use tempfile::NamedTempFile;

use super::bundle::Hashing;
use super::listing::Section;
use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::image::bundle::Blob;
use crate::image::tree::Content;

/// As engines compress for a registry. With another level, or another compressor, [`NOTES`] has another name.
const LEVEL: u32 = 6;
/// The folder of notes: what one says is true of this way to compress only.
const NOTES: &str = "gzip-1";
/// What a header says of the system: not known.
const ANY_SYSTEM: u8 = 255;
const CHUNK: usize = 256 * 1024;

/// A layer that is not compressed, on this machine.
#[derive(Debug, Clone)]
pub struct LocalLayer {
    /// Its digest: `sha256:…`.
    pub diff_id: String,
    /// Where it is: a blob of an OCI layout, or a part of an archive.
    pub content: Content,
}

/// A compressed layer, which is gone when this is dropped.
#[derive(Debug)]
pub struct Compressed {
    /// What it is.
    pub blob: Blob,
    /// Where it is.
    pub file: NamedTempFile,
}

/// Compresses a layer into a folder, and notes there what it is compressed to.
///
/// # Errors
/// It cannot be read or written, or is not what its digest says (exit 5).
pub fn compressed(
    LocalLayer { diff_id, content }: &LocalLayer,
    folder: &Path,
) -> Result<Compressed> {
    fs::create_dir_all(folder).map_err(|e| Error::file("create", folder, &e))?;
    let mut file =
        NamedTempFile::new_in(folder).map_err(|e| Error::file("write in", folder, &e))?;
    let source = Section::open(content).map_err(|e| Error::file("read", &content.file, &e))?;
    let made = compress(source, file.as_file_mut());
    let (found, blob) = made.map_err(|e| Error::file("write", file.path(), &e))?;
    if found != *diff_id {
        let file = content.file.display();
        return Err(Error::trust(format!("`{file}` does not have the layer `{diff_id}` any more"))
            .hint("build the image anew"));
    }
    let note = note_path(diff_id, folder);
    // Without a note the layer is only compressed again.
    let _ = write_note(&note, &blob);
    Ok(Compressed { blob, file })
}

/// What a layer was compressed to the last time.
pub fn noted(diff_id: &str, folder: &Path) -> Option<Blob> {
    let text = fs::read_to_string(note_path(diff_id, folder)).ok()?;
    let (digest, size) = text.strip_suffix('\n')?.split_once(' ')?;
    let is_digest = crate::base::reference::is_id(digest);
    is_digest.then_some(Blob { digest: digest.to_owned(), size: size.parse().ok()? })
}

fn note_path(diff_id: &str, folder: &Path) -> PathBuf {
    folder.join(NOTES).join(diff_id.trim_start_matches("sha256:"))
}

fn write_note(path: &Path, blob: &Blob) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut temp = NamedTempFile::new_in(folder)?;
    writeln!(temp, "{} {}", blob.digest, blob.size)?;
    temp.persist(path)?;
    Ok(())
}

/// The digest of what was compressed, and what it was compressed to.
fn compress(source: impl Read, out: &mut File) -> io::Result<(String, Blob)> {
    let compressed = Hashing::new(BufWriter::new(out));
    let builder = GzBuilder::new().mtime(0).operating_system(ANY_SYSTEM);
    let mut plain = Hashing::new(builder.write(compressed, Compression::new(LEVEL)));
    io::copy(&mut BufReader::with_capacity(CHUNK, source), &mut plain)?;
    let compressed = plain.inner.finish()?;
    let size = compressed.inner.into_inner()?.metadata()?.len();
    let digest = hex(&compressed.hasher.finalize());
    let diff_id = format!("sha256:{}", hex(&plain.hasher.finalize()));
    Ok((diff_id, Blob { digest, size }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Exit;
    use crate::image::archive::listing::whole;

    fn layer(dir: &Path, layer: &[u8]) -> LocalLayer {
        let file = dir.join("archive");
        fs::write(&file, [b"before", layer, b"after"].concat()).unwrap();
        let content = Content { offset: 6, ..whole(&file, layer.len() as u64) };
        LocalLayer { diff_id: format!("sha256:{}", Blob::of(layer).digest), content }
    }

    /// Another digest here is another one in every registry: then `NOTES` needs another name.
    #[test]
    fn a_layer_is_always_the_same_blob() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = (0..400_000_u32).flat_map(|n| (n % 1000).to_le_bytes()).collect::<Vec<u8>>();
        let layer = layer(dir.path(), &bytes);
        assert_eq!(noted(&layer.diff_id, dir.path()), None);
        let made = compressed(&layer, dir.path()).unwrap();
        assert_eq!(
            made.blob.digest,
            "683cbe56c2991e0697a9360f0dca161b98abc02d34ec745a916babe9dd0dbd87"
        );
        let blob = fs::read(made.file.path()).unwrap();
        assert_eq!(Blob::of(&blob), made.blob);
        let mut back = vec![];
        flate2::read::GzDecoder::new(&blob[..]).read_to_end(&mut back).unwrap();
        assert!(back == bytes);
        assert_eq!(noted(&layer.diff_id, dir.path()), Some(made.blob));
        assert_eq!(compressed(&layer, dir.path()).unwrap().blob, Blob::of(&blob));
    }

    #[test]
    fn a_layer_that_has_changed_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let mut layer = layer(dir.path(), b"layer");
        layer.content.offset = 5;
        let error = compressed(&layer, dir.path()).unwrap_err();
        assert_eq!(error.exit(), Exit::Trust);
        assert!(error.message().ends_with(&format!("the layer `{}` any more", layer.diff_id)));
        assert_eq!(noted(&layer.diff_id, dir.path()), None);
    }
}
