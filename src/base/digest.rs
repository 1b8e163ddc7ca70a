//! Digests of a stream: read once, every digest on a thread of its own, in constant memory.
//!
//! Does not know where the bytes come from or what the digests should be.

use std::io;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use blake2::Blake2b512;
use sha2::{Digest, Sha512};

use crate::base::hex::hex;

/// Bytes handed to the hashing threads at once.
const CHUNK: usize = 256 * 1024;
/// Chunks that may wait for a hashing thread.
const WAITING: usize = 8;

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

/// A digest that is being computed.
pub trait State: Send {
    /// Takes the next bytes.
    fn update(&mut self, bytes: &[u8]);
}

impl State for Sha512 {
    fn update(&mut self, bytes: &[u8]) {
        Digest::update(self, bytes);
    }
}

impl State for Blake2b512 {
    fn update(&mut self, bytes: &[u8]) {
        Digest::update(self, bytes);
    }
}

/// SHA-512 and BLAKE2b-512 of `data`, read to its end.
///
/// # Errors
/// Those of `data`.
pub fn read_all(data: impl Read) -> io::Result<Digests> {
    let (mut sha512, mut blake2b) = (Sha512::new(), Blake2b512::new());
    let size = feed(data, vec![&mut sha512, &mut blake2b])?;
    Ok(Digests { sha512: hex(&sha512.finalize()), blake2b: hex(&blake2b.finalize()), size })
}

/// Reads `data` to its end and gives every byte to all the states; returns how many there were.
///
/// # Errors
/// Those of `data`.
pub fn feed(mut data: impl Read, states: Vec<&mut dyn State>) -> io::Result<u64> {
    std::thread::scope(|scope| {
        let start = |state| Worker::start(scope, state);
        let workers = states.into_iter().map(start).collect::<Vec<_>>();
        let chunk = |_| Arc::new(Vec::with_capacity(CHUNK));
        let mut ring = (0..WAITING + 2).map(chunk).collect::<Vec<_>>();
        let mut size = 0;
        for slot in (0..ring.len()).cycle() {
            // Who is slow still has this chunk: then another one takes its place.
            let chunk = Arc::make_mut(&mut ring[slot]);
            chunk.clear();
            let read = data.by_ref().take(CHUNK as u64).read_to_end(chunk)?;
            if read == 0 {
                break;
            }
            size += read as u64;
            workers.iter().try_for_each(|worker| worker.feed(&ring[slot]))?;
        }
        workers.into_iter().try_for_each(Worker::finish)?;
        Ok(size)
    })
}

struct Worker<'scope> {
    chunks: SyncSender<Arc<Vec<u8>>>,
    thread: ScopedJoinHandle<'scope, ()>,
}

impl<'scope> Worker<'scope> {
    fn start<'env>(scope: &'scope Scope<'scope, 'env>, state: &'env mut dyn State) -> Self {
        let (chunks, waiting): (_, Receiver<Arc<Vec<u8>>>) = sync_channel(WAITING);
        let thread = scope.spawn(move || waiting.iter().for_each(|chunk| state.update(&chunk)));
        Self { chunks, thread }
    }

    fn feed(&self, chunk: &Arc<Vec<u8>>) -> io::Result<()> {
        self.chunks.send(Arc::clone(chunk)).map_err(|_| died())
    }

    fn finish(self) -> io::Result<()> {
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

    impl State for Vec<u8> {
        fn update(&mut self, bytes: &[u8]) {
            self.extend_from_slice(bytes);
        }
    }

    #[test]
    fn known_digests() {
        let digests = read_all(&b"abc"[..]).unwrap();
        assert_eq!(digests.size, 3);
        assert!(digests.sha512.starts_with("ddaf35a193617abacc417349ae204131"));
        assert!(digests.sha512.ends_with("2a9ac94fa54ca49f"));
        assert!(digests.blake2b.starts_with("ba80a53f981c4d0d6a2797b69f12f6e9"));
    }

    #[test]
    fn many_chunks_arrive_in_order() {
        let data: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
        let mut seen = Vec::new();
        assert_eq!(feed(&data[..], vec![&mut seen]).unwrap(), 3_000_001);
        assert_eq!(seen, data);
        let digests = read_all(&data[..]).unwrap();
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
        assert_eq!(read_all(Broken).unwrap_err().to_string(), "no");
    }
}
