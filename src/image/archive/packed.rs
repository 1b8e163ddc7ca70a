//! Archives that are compressed, unpacked: gzip, xz and Zstandard.
//!
//! How one is compressed is told by its first bytes, as engines do it: names and media types lie. What it unpacks to
//! is bounded by whoever reads it (see [`limited::unpacked`](super::limited::unpacked)).

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::base::limits::{Limit, Limits};

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const XZ: &[u8] = b"\xfd7zXZ\0";
const BZIP2: &[u8] = b"BZh";
/// A frame of Zstandard that says nothing: the first byte may be any of sixteen.
const SKIPPED: &[u8] = b"\x2a\x4d\x18";

/// Whether what begins so is compressed, in a way that is read here or not.
pub(super) fn is_packed(start: &[u8]) -> bool {
    [GZIP, XZ, BZIP2].iter().any(|magic| start.starts_with(magic)) || is_zstd(start)
}

fn is_zstd(start: &[u8]) -> bool {
    let is_skipped = start.get(1..4) == Some(SKIPPED) && start[0] & 0xf0 == 0x50;
    start.starts_with(ZSTD) || is_skipped
}

/// The bytes of an archive, unpacked.
///
/// # Errors
/// It cannot be read, or is compressed in a way that is not known here.
pub(crate) fn unpacked<'a>(
    mut data: impl BufRead + 'a,
    limits: &Limits,
) -> io::Result<Box<dyn Read + 'a>> {
    let start = data.fill_buf()?;
    if start.starts_with(GZIP) {
        Ok(Box::new(MultiGzDecoder::new(data)))
    } else if is_zstd(start) {
        Ok(Box::new(Frames::new(data, limits)))
    } else if start.starts_with(XZ) {
        let most = u32::try_from(limits.of(Limit::XzDictionary) / 1024).unwrap_or(u32::MAX);
        Ok(Box::new(XzReader::new_mem_limit(data, true, most)))
    } else if start.starts_with(BZIP2) {
        Err(io::Error::other("bzip2 is not read; gzip, xz and zstd are"))
    } else {
        Ok(Box::new(data))
    }
}

/// Zstandard's frames one after another, as the command line's tools and Podman write them.
struct Frames<R> {
    data: R,
    decoder: FrameDecoder,
    limits: Limits,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.data, one).map_err(io::Error::other)?;
            } else if self.data.fill_buf()?.is_empty() {
                return Ok(0);
            } else {
                self.begin()?;
            }
        }
        self.decoder.read(out)
    }
}

impl<R: BufRead> Frames<R> {
    fn new(data: R, limits: &Limits) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(limits.of(Limit::ZstdWindow));
        Self { data, decoder, limits: *limits }
    }

    /// Begins the next frame, or passes one over that says nothing.
    fn begin(&mut self) -> io::Result<()> {
        match self.decoder.init(&mut self.data) {
            Ok(()) => Ok(()),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = u64::from(length);
                let passed = io::copy(&mut self.data.by_ref().take(length), &mut io::sink())?;
                if passed < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
            }
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                Err(self.limits.exceeded(Limit::ZstdWindow).into())
            }
            Err(other) => Err(io::Error::other(other)),
        }
    }
}
