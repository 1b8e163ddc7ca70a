//! Layers compressed for a registry, always to the same bytes: by one compressor at one level, without a time.
//!
//! What a layer is compressed to is noted in the folder where that is done, so that a registry can be asked for
//! it without doing it again. Asks no registry.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::blobs::digest_text;
use super::push::Piece;
use crate::base::error::{Error, Result};
use crate::image::bundle::Blob;
use crate::state::store::make_dir;

/// As engines compress for a registry. With another level, or another compressor, [`NOTES`] has another name.
const LEVEL: u32 = 6;
/// The folder of notes: what one says is true of this way to compress only.
const NOTES: &str = "gzip-1";
/// What a header says of the system: not known.
const ANY_SYSTEM: u8 = 255;
const CHUNK: usize = 256 * 1024;

/// A compressed layer, which is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Packed {
    pub blob: Blob,
    pub file: NamedTempFile,
}

/// A writer that counts, and takes the digest of what goes through it.
struct Counted<W> {
    inner: W,
    state: Sha256,
    size: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(data)?;
        self.state.update(&data[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Compresses a layer into a folder, and notes there what it is compressed to.
///
/// # Errors
/// It cannot be read or written, or is not what its digest says (exit 5).
pub(super) fn pack(piece: &Piece, folder: &Path) -> Result<Packed> {
    make_dir(folder)?;
    let mut file =
        NamedTempFile::new_in(folder).map_err(|e| Error::file("write in", folder, &e))?;
    let source = open(piece).map_err(|e| Error::file("read", &piece.file, &e))?;
    let packed = compress(source, file.as_file_mut());
    let (found, blob) = packed.map_err(|e| Error::file("write", file.path(), &e))?;
    if found != piece.diff_id {
        let (file, wanted) = (piece.file.display(), &piece.diff_id);
        return Err(Error::trust(format!("`{file}` does not have the layer `{wanted}` any more"))
            .hint("build the image anew"));
    }
    let note = note_path(&piece.diff_id, folder);
    // Without a note the layer is only compressed again.
    let _ = write_note(&note, &blob);
    Ok(Packed { blob, file })
}

/// What a layer was compressed to the last time.
pub(super) fn noted(diff_id: &str, folder: &Path) -> Option<Blob> {
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

fn open(piece: &Piece) -> io::Result<io::Take<File>> {
    let mut file = File::open(&piece.file)?;
    file.seek(SeekFrom::Start(piece.offset))?;
    Ok(file.take(piece.size))
}

/// The digest of what was compressed, and what it was compressed to.
fn compress(mut source: impl Read, out: &mut File) -> io::Result<(String, Blob)> {
    let counted = Counted { inner: BufWriter::new(out), state: Sha256::new(), size: 0 };
    let builder = GzBuilder::new().mtime(0).operating_system(ANY_SYSTEM);
    let mut encoder = builder.write(counted, Compression::new(LEVEL));
    let mut state = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = source.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        state.update(&chunk[..n]);
        encoder.write_all(&chunk[..n])?;
    }
    let mut counted = encoder.finish()?;
    counted.flush()?;
    let digest = digest_text(counted.state).trim_start_matches("sha256:").to_owned();
    Ok((digest_text(state), Blob { digest, size: counted.size }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Exit;
    use crate::net::registry::blobs::digest_of;

    fn piece(dir: &Path, layer: &[u8]) -> Piece {
        let file = dir.join("archive");
        fs::write(&file, [b"before", layer, b"after"].concat()).unwrap();
        Piece { diff_id: digest_of(layer), file, offset: 6, size: layer.len() as u64 }
    }

    /// Another digest here is another one in every registry: then `NOTES` needs another name.
    #[test]
    fn a_layer_is_always_the_same_blob() {
        let dir = tempfile::tempdir().unwrap();
        let layer = (0..400_000_u32).flat_map(|n| (n % 1000).to_le_bytes()).collect::<Vec<u8>>();
        let piece = piece(dir.path(), &layer);
        assert_eq!(noted(&piece.diff_id, dir.path()), None);
        let packed = pack(&piece, dir.path()).unwrap();
        assert_eq!(
            packed.blob.digest,
            "683cbe56c2991e0697a9360f0dca161b98abc02d34ec745a916babe9dd0dbd87"
        );
        let blob = fs::read(packed.file.path()).unwrap();
        assert_eq!(Blob::of(&blob), packed.blob);
        let mut back = vec![];
        flate2::read::GzDecoder::new(&blob[..]).read_to_end(&mut back).unwrap();
        assert!(back == layer);
        assert_eq!(noted(&piece.diff_id, dir.path()), Some(packed.blob));
        assert_eq!(pack(&piece, dir.path()).unwrap().blob, Blob::of(&blob));
    }

    #[test]
    fn a_layer_that_has_changed_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let mut piece = piece(dir.path(), b"layer");
        piece.offset = 5;
        let error = pack(&piece, dir.path()).unwrap_err();
        assert_eq!(error.exit(), Exit::Trust);
        assert!(error.message().ends_with(&format!("the layer `{}` any more", piece.diff_id)));
        assert_eq!(noted(&piece.diff_id, dir.path()), None);
    }
}
