//! SHA-512 and BLAKE2b-512 of a stream, read once.
//!
//! Does not know where the bytes come from or what the digests should be.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use blake2::Blake2b512;
use sha2::{Digest, Sha512};

use crate::hex::hex;

/// Bytes handed to the hashing threads at once.
const CHUNK: usize = 256 * 1024;
/// Chunks that may wait for a hashing thread.
const WAITING: usize = 4;

/// Digests and size of a whole stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// SHA-512 in lower-case hex.
    pub sha512: String,
    /// BLAKE2b-512 in lower-case hex.
    pub blake2b: String,
    /// Size in bytes.
    pub size: u64,
}

/// Reads `data` to its end in constant memory; each digest has a thread of its own, and `also`
/// sees every chunk, in order, on the caller's thread.
///
/// # Errors
/// Those of `data`.
pub fn read_all(mut data: impl Read, mut also: impl FnMut(&[u8])) -> io::Result<Digests> {
    std::thread::scope(|scope| {
        let sha512 = Worker::start::<Sha512>(scope);
        let blake2b = Worker::start::<Blake2b512>(scope);
        let mut size = 0;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            size += data.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)? as u64;
            if chunk.is_empty() {
                break;
            }
            let chunk = Arc::new(chunk);
            sha512.feed(&chunk)?;
            blake2b.feed(&chunk)?;
            also(&chunk);
        }
        Ok(Digests { sha512: sha512.finish()?, blake2b: blake2b.finish()?, size })
    })
}

struct Worker<'scope> {
    chunks: SyncSender<Arc<Vec<u8>>>,
    thread: ScopedJoinHandle<'scope, String>,
}

impl<'scope> Worker<'scope> {
    fn start<D: Digest>(scope: &'scope Scope<'scope, '_>) -> Self {
        let (chunks, waiting) = sync_channel::<Arc<Vec<u8>>>(WAITING);
        let thread = scope.spawn(move || {
            let mut digest = D::new();
            for chunk in waiting {
                digest.update(chunk.as_slice());
            }
            hex(&digest.finalize())
        });
        Self { chunks, thread }
    }

    fn feed(&self, chunk: &Arc<Vec<u8>>) -> io::Result<()> {
        self.chunks.send(Arc::clone(chunk)).map_err(|_| died())
    }

    fn finish(self) -> io::Result<String> {
        drop(self.chunks);
        self.thread.join().map_err(|_| died())
    }
}

fn died() -> io::Error {
    io::Error::other("a hashing thread ended early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        let digests = read_all(&b"abc"[..], |_| ()).unwrap();
        assert_eq!(digests.size, 3);
        assert!(digests.sha512.starts_with("ddaf35a193617abacc417349ae204131"));
        assert!(digests.sha512.ends_with("2a9ac94fa54ca49f"));
        assert!(digests.blake2b.starts_with("ba80a53f981c4d0d6a2797b69f12f6e9"));
    }

    #[test]
    fn many_chunks_arrive_in_order() {
        let data: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
        let mut seen = Vec::new();
        let digests = read_all(&data[..], |chunk| seen.extend_from_slice(chunk)).unwrap();
        assert_eq!(seen, data);
        assert_eq!(digests.sha512, hex(&Sha512::digest(&data)));
        assert_eq!(digests.blake2b, hex(&Blake2b512::digest(&data)));
        assert_eq!(digests.size, 3_000_001);
    }

    #[test]
    fn a_failing_reader_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("no"))
            }
        }
        assert_eq!(read_all(Broken, |_| ()).unwrap_err().to_string(), "no");
    }
}
