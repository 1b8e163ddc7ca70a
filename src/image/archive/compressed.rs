//! Layers compressed, always to the same bytes: by one compressor at its highest usual level, without a time.
//!
//! What a layer is compressed to is noted in the folder where that is done, so that a registry can be asked for
//! it without doing it again. Asks no registry.

use std::fs::{self, Permissions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use sha2::Digest;
use tempfile::NamedTempFile;

use super::bundle::{self, Chain, Hashing};
use super::listing::Section;
use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::image::bundle::Blob;
use crate::image::tree::Content;

/// What a header says of the system: not known.
const ANY_SYSTEM: u8 = 255;
const CHUNK: usize = 256 * 1024;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// `gzip -9`: what every registry and engine takes.
    #[default]
    Gzip,
    /// `zstd -19`: smaller, and unpacked faster; Docker takes it from 23.0 on, containerd from 1.5.
    Zstd,
}

impl Compression {
    /// All ways that there are.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    const fn level(self) -> u8 {
        match self {
            Self::Gzip => 9,
            Self::Zstd => 19,
        }
    }

    /// The folder of notes: what one says is true of this way to compress only. Another compressor's has another name.
    pub fn notes(self) -> String {
        let name = match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        };
        format!("{name}-{}", self.level())
    }

    /// What is written to it comes out compressed.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn encoder<W: Write>(self, out: W) -> io::Result<Encoder<W>> {
        Ok(match self {
            Self::Gzip => {
                let level = flate2::Compression::new(self.level().into());
                let builder = GzBuilder::new().mtime(0).operating_system(ANY_SYSTEM);
                Encoder::Gzip(builder.write(out, level))
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(out, self.level().into())?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
        })
    }
}

/// Compresses what is written to it.
pub enum Encoder<W: Write> {
    /// By DEFLATE.
    Gzip(GzEncoder<W>),
    /// By Zstandard.
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    /// Writes the end, without which what was written is cut off.
    ///
    /// # Errors
    /// What is below takes no more.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(data),
            Self::Zstd(encoder) => encoder.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// A layer that is not compressed, on this machine.
#[derive(Debug, Clone)]
pub struct LocalLayer {
    /// Its digest: `sha256:…`.
    pub diff_id: String,
    /// Where it is: a blob of an OCI layout, or a part of an archive.
    pub content: Content,
}

/// An image's layers, lowest first.
///
/// # Errors
/// One of them is not there any more, or the archive has others than the configuration.
pub fn local_layers(chain: &Chain) -> Result<Vec<LocalLayer>> {
    let top = chain.first().ok_or_else(|| Error::bug("an image without an archive"))?;
    let (layers, diff_ids) = (bundle::layers(chain)?, &top.config.rootfs.diff_ids);
    if layers.len() != diff_ids.len() {
        return Err(Error::step("an image's archive has other layers than its configuration")
            .hint("build it anew"));
    }
    let local = |((_, content), diff_id): ((&str, &Content), &String)| LocalLayer {
        diff_id: diff_id.clone(),
        content: content.clone(),
    };
    Ok(layers.into_iter().zip(diff_ids).map(local).collect())
}

impl LocalLayer {
    /// Compresses it into a folder.
    ///
    /// # Errors
    /// It cannot be read or written, or is not what its digest says (exit 5).
    pub fn compressed(&self, how: Compression, folder: &Path) -> Result<Compressed> {
        fs::create_dir_all(folder).map_err(|e| Error::file("create", folder, &e))?;
        // Others may read it where it stays.
        let mode = Permissions::from_mode(0o644);
        let file = tempfile::Builder::new().permissions(mode).tempfile_in(folder);
        let mut file = file.map_err(|e| Error::file("write in", folder, &e))?;
        let path = file.path().to_owned();
        let blob = self.compress(how, file.as_file_mut(), &path)?;
        Ok(Compressed { blob, file })
    }

    /// Finds what it is compressed to and throws that away. `notes` is a folder for a note of it.
    ///
    /// # Errors
    /// It cannot be read, or is not what its digest says (exit 5).
    pub fn measured(&self, how: Compression, notes: &Path) -> Result<Blob> {
        let blob = self.compress(how, io::sink(), notes)?;
        // Without a note the layer is only compressed again.
        let _ = write_note(&self.note(how, notes), &blob);
        Ok(blob)
    }

    fn compress(&self, how: Compression, out: impl Write, to: &Path) -> Result<Blob> {
        let Self { diff_id, content } = self;
        let source = Section::open(content).map_err(|e| Error::file("read", &content.file, &e))?;
        let (found, blob) = compress(source, out, how).map_err(|e| Error::file("write", to, &e))?;
        if found != *diff_id {
            let file = content.file.display();
            let message = format!("`{file}` does not have the layer `{diff_id}` any more");
            return Err(Error::trust(message).hint("build the image anew"));
        }
        Ok(blob)
    }

    /// The same, and notes there what it is compressed to.
    ///
    /// # Errors
    /// Likewise.
    pub fn compressed_and_noted(&self, how: Compression, folder: &Path) -> Result<Compressed> {
        let made = self.compressed(how, folder)?;
        // Without a note the layer is only compressed again.
        let _ = write_note(&self.note(how, folder), &made.blob);
        Ok(made)
    }

    /// What it was compressed to the last time.
    pub fn noted(&self, how: Compression, folder: &Path) -> Option<Blob> {
        let text = fs::read_to_string(self.note(how, folder)).ok()?;
        let (digest, size) = text.strip_suffix('\n')?.split_once(' ')?;
        let is_digest = crate::base::reference::is_id(digest);
        is_digest.then_some(Blob { digest: digest.to_owned(), size: size.parse().ok()? })
    }

    fn note(&self, how: Compression, folder: &Path) -> PathBuf {
        folder.join(how.notes()).join(self.diff_id.trim_start_matches("sha256:"))
    }
}

/// A compressed layer, which is gone when this is dropped.
#[derive(Debug)]
pub struct Compressed {
    /// What it is.
    pub blob: Blob,
    /// Where it is.
    pub file: NamedTempFile,
}

fn write_note(path: &Path, blob: &Blob) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut temp = NamedTempFile::new_in(folder)?;
    writeln!(temp, "{} {}", blob.digest, blob.size)?;
    temp.persist(path)?;
    Ok(())
}

/// Counts what goes through it.
struct Counting<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(data)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The digest of what was compressed, and what it was compressed to.
fn compress(source: impl Read, out: impl Write, how: Compression) -> io::Result<(String, Blob)> {
    let out = Counting { inner: BufWriter::new(out), bytes: 0 };
    let mut plain = Hashing::new(how.encoder(Hashing::new(out))?);
    io::copy(&mut BufReader::with_capacity(CHUNK, source), &mut plain)?;
    let mut compressed = plain.inner.finish()?;
    compressed.flush()?;
    let size = compressed.inner.bytes;
    let digest = hex(&compressed.hasher.finalize());
    let diff_id = format!("sha256:{}", hex(&plain.hasher.finalize()));
    Ok((diff_id, Blob { digest, size }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Exit;
    use crate::base::limits::Limits;
    use crate::image::archive::listing::whole;
    use crate::image::archive::packed;

    fn layer(dir: &Path, layer: &[u8]) -> LocalLayer {
        let file = dir.join("archive");
        fs::write(&file, [b"before", layer, b"after"].concat()).unwrap();
        let content = Content { offset: 6, ..whole(&file, layer.len() as u64) };
        LocalLayer { diff_id: format!("sha256:{}", Blob::of(layer).digest), content }
    }

    /// Another digest here is another one in every registry: then the folder of notes needs another name.
    #[test]
    fn a_layer_is_always_the_same_blob() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = (0..400_000_u32).flat_map(|n| (n % 1000).to_le_bytes()).collect::<Vec<u8>>();
        let layer = layer(dir.path(), &bytes);
        let digests = [
            (Compression::Gzip, "4be85fb4c84e6498a1c6a14675143d2a2bd4ed4ac617b7c01006552c53c8846e"),
            (Compression::Zstd, "f72eaa89f8355aefe57428cf061cdf96e40b1df37278af6dc13e735bb7a9317a"),
        ];
        for (how, digest) in digests {
            assert_eq!(layer.noted(how, dir.path()), None);
            let made = layer.compressed_and_noted(how, dir.path()).unwrap();
            assert_eq!(made.blob.digest, digest);
            let blob = fs::read(made.file.path()).unwrap();
            assert_eq!(Blob::of(&blob), made.blob);
            let mut back = vec![];
            let mut read = packed::unpacked(&blob[..], &Limits::default()).unwrap();
            read.read_to_end(&mut back).unwrap();
            assert!(back == bytes);
            assert_eq!(layer.noted(how, dir.path()), Some(made.blob));
            assert_eq!(layer.compressed(how, dir.path()).unwrap().blob, Blob::of(&blob));
            assert_eq!(layer.measured(how, dir.path()).unwrap(), Blob::of(&blob));
        }
    }

    #[test]
    fn a_layer_that_has_changed_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let mut layer = layer(dir.path(), b"layer");
        layer.content.offset = 5;
        for how in [Compression::Gzip, Compression::Zstd] {
            let error = layer.compressed_and_noted(how, dir.path()).unwrap_err();
            assert_eq!(error.exit(), Exit::Trust);
            assert!(error.message().ends_with(&format!("the layer `{}` any more", layer.diff_id)));
            assert_eq!(layer.noted(how, dir.path()), None);
        }
    }
}
