//! How layers are compressed, as the command line says it.

use crate::image::archive::compressed::Compression;

/// The names of the ways.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(in crate::cli) enum Compress {
    /// As `gzip -9`: every registry and engine takes it
    Gzip,
    /// As `zstd -19`: smaller, for Docker 23 or containerd 1.5 and later
    Zstd,
}

impl From<Compress> for Compression {
    fn from(named: Compress) -> Self {
        match named {
            Compress::Gzip => Self::Gzip,
            Compress::Zstd => Self::Zstd,
        }
    }
}
