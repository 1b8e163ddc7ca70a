//! Archives as streams: writing a tar on the way to the engine, taking named files out of one that
//! comes back. With its parts, the only file that names the tar crate.
//!
//! Knows nothing of what the files are for.

#![expect(
    clippy::disallowed_methods,
    reason = "reads and writes what the rest of this room only describes"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use limited::Capped;
use sha2::{Digest, Sha512};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::base::error::{Error, Exit, Result};
use crate::base::hex::hex;
use crate::base::limits::{Limit, Limits};

pub mod bundle;
pub mod compared;
pub mod compressed;
pub mod difference;
pub(crate) mod folder;
pub mod layout;
pub(crate) mod limited;
pub mod listing;
pub(crate) mod packed;
mod records;
pub mod snapshot;
pub mod sysroot;
mod usual;

/// Bytes on their way to or from the engine.
pub type Body = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// Pieces of this size travel between the thread that reads files and the connection.
const PIECE: usize = 128 * 1024;

/// One thing to put into an archive.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A folder, with its permission bits.
    Folder(PathBuf, u32),
    /// Text made here.
    Text(PathBuf, Vec<u8>),
    /// A file or symbolic link from this machine: path in the archive, path here.
    File(PathBuf, PathBuf),
    /// Something made here that is somebody's.
    Owned(PathBuf, Owned),
}

/// What is somebody's, in an archive.
#[derive(Clone)]
pub struct Owned {
    /// A file's; none of a folder.
    pub text: Option<Vec<u8>>,
    /// Permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// Without the text, which may be a secret.
impl std::fmt::Debug for Owned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:o} {}:{}", self.mode, self.uid, self.gid)
    }
}

/// A tar stream of the entries, owned by root, every time set to `mtime` (seconds since 1970).
pub fn stream(entries: Vec<Entry>, mtime: u64) -> Body {
    write_on_thread(move |out| write(entries, mtime, out))
}

/// SHA-256 in hex of what [`stream`] sends.
///
/// # Errors
/// A file among the entries cannot be read.
pub fn digest(entries: Vec<Entry>, mtime: u64) -> Result<String> {
    let mut out = bundle::Hashing { inner: io::sink(), hasher: sha2::Sha256::new() };
    let written = write(entries, mtime, &mut out);
    written.map_err(|e| Error::step(e.to_string()))?;
    Ok(hex(&out.hasher.finalize()))
}

fn write(entries: Vec<Entry>, mtime: u64, out: impl Write) -> io::Result<()> {
    let mut builder = tar::Builder::new(out);
    for entry in entries {
        append(&mut builder, entry, mtime)?;
    }
    builder.into_inner()?.flush()
}

fn append<W: Write>(builder: &mut tar::Builder<W>, entry: Entry, mtime: u64) -> io::Result<()> {
    match entry {
        Entry::Folder(path, mode) => {
            let mut header = header(tar::EntryType::Directory, 0, mode, mtime);
            append_raw(builder, &mut header, bytes(&path), None, io::empty())
        }
        Entry::Text(path, text) => {
            let mut header = header(tar::EntryType::Regular, text.len() as u64, 0o644, mtime);
            append_raw(builder, &mut header, bytes(&path), None, text.as_slice())
        }
        Entry::File(path, from) => append_file(builder, &path, &from, mtime),
        Entry::Owned(path, Owned { text, mode, uid, gid }) => {
            let kind = text.as_ref().map_or(tar::EntryType::Directory, |_| tar::EntryType::Regular);
            let text = text.unwrap_or_default();
            let mut header = header(kind, text.len() as u64, mode, mtime);
            header.set_uid(u64::from(uid));
            header.set_gid(u64::from(gid));
            append_raw(builder, &mut header, bytes(&path), None, text.as_slice())
        }
    }
}

fn append_file<W: Write>(
    builder: &mut tar::Builder<W>,
    path: &Path,
    from: &Path,
    mtime: u64,
) -> io::Result<()> {
    let meta = std::fs::symlink_metadata(from).map_err(|e| named(from, &e))?;
    if meta.is_symlink() {
        let mut header = header(tar::EntryType::Symlink, 0, 0o777, mtime);
        let target = std::fs::read_link(from)?;
        return append_raw(builder, &mut header, bytes(path), Some(bytes(&target)), io::empty());
    }
    if meta.is_dir() {
        let mut header = header(tar::EntryType::Directory, 0, mode_of(&meta), mtime);
        return append_raw(builder, &mut header, bytes(path), None, io::empty());
    }
    if !meta.is_file() {
        return Err(io::Error::other(format!("`{}` is neither a file nor a link", from.display())));
    }
    let file = crate::base::open::unlinked(from).map_err(|e| named(from, &e))?;
    let mut header = header(tar::EntryType::Regular, meta.len(), mode_of(&meta), mtime);
    // A file that grows meanwhile must not push its rest into the next header.
    append_raw(builder, &mut header, bytes(path), None, file.take(meta.len()))
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Appends an entry whose name, and target if it is a link, stay the bytes that they are. The crate's own
/// functions write `a//b`, `a/./b` and `a/` as other names.
fn append_raw<W: Write>(
    builder: &mut tar::Builder<W>,
    header: &mut tar::Header,
    name: &[u8],
    target: Option<&[u8]>,
    data: impl Read,
) -> io::Result<()> {
    let field = header.as_old().name.len();
    if name.len() > field {
        append_long(builder, tar::EntryType::GNULongName, name)?;
    }
    // Of a long name readers take the other entry; the beginning is shown by those that know none.
    let start = &name[..name.len().min(field)];
    let whole = name.len() <= field;
    let valid = std::str::from_utf8(start).map_or_else(|e| e.valid_up_to(), str::len);
    let shown = if whole { start } else { &start[..valid] };
    header.as_old_mut().name[..shown.len()].copy_from_slice(shown);
    if let Some(target) = target
        && header.set_link_name_literal(target).is_err()
    {
        append_long(builder, tar::EntryType::GNULongLink, target)?;
    }
    header.set_cksum();
    builder.append(header, data)
}

/// A name that a header has no room for, in an entry of its own before it.
/// Source: <https://www.gnu.org/software/tar/manual/html_node/Standard.html>, `LF_LONGNAME` and `LF_LONGLINK`.
fn append_long<W: Write>(
    builder: &mut tar::Builder<W>,
    kind: tar::EntryType,
    name: &[u8],
) -> io::Result<()> {
    const LONG: &[u8] = b"././@LongLink";
    let mut header = header(kind, name.len() as u64 + 1, 0o644, 0);
    header.as_old_mut().name[..LONG.len()].copy_from_slice(LONG);
    header.set_cksum();
    builder.append(&header, name.chain(&b"\0"[..]))
}

fn named(path: &Path, cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("cannot read `{}`: {cause}", path.display()))
}

fn mode_of(meta: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o7777
}

fn header(kind: tar::EntryType, size: u64, mode: u32, mtime: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(mtime);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// How far a file has come on its way somewhere, and what was wrong with it: the receiving end says that in other words.
#[derive(Debug, Clone, Default)]
pub struct Transit(Arc<On>);

#[derive(Debug, Default)]
struct On {
    bytes: AtomicU64,
    failure: OnceLock<io::Error>,
    verified: AtomicBool,
}

impl Transit {
    /// Bytes of the file.
    pub fn read(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Why it could not be read to its end.
    pub fn failure(&self) -> Option<&io::Error> {
        self.0.failure.get()
    }

    /// Whether all of it was read, and was what it should be. Who has taken a stream in without an error asks this
    /// before anything is made of it: a stream may end early, and look whole.
    pub fn is_verified(&self) -> bool {
        self.0.verified.load(Ordering::Acquire)
    }

    fn reader(&self, file: File) -> HashingReader<'_> {
        HashingReader { inner: file, hasher: Sha512::new(), transit: self }
    }

    fn noted(&self, written: io::Result<()>) -> io::Result<()> {
        let Err(cause) = written else { return Ok(()) };
        // Where the other end hangs up, it has its own error.
        if cause.kind() == io::ErrorKind::BrokenPipe {
            return Err(cause);
        }
        let told = io::Error::other(cause.to_string());
        let _ = self.0.failure.set(cause);
        Err(told)
    }
}

/// A file as a stream that ends in an error unless its SHA-512 is the expected one: what was
/// verified before is what arrives.
pub fn verified_file(path: PathBuf, sha512: String, transit: Transit) -> Body {
    write_on_thread(move |mut out| {
        let mut file = transit.reader(File::open(&path).map_err(|e| named(&path, &e))?);
        io::copy(&mut file, &mut out)?;
        file.finish(&sha512, &path)?;
        out.flush()
    })
}

/// What the receiving end says of a stream that ended so, comes back in other words; so callers ask
/// [`is_still`] again.
fn tampered(path: &Path) -> io::Error {
    io::Error::other(format!("`{}` changed after it was verified", path.display()))
}

/// Whether a file's SHA-512 is (still) the expected one.
///
/// # Errors
/// The file cannot be read.
pub fn is_still(path: &Path, sha512: &str) -> Result<bool> {
    let failed = |e: io::Error| Error::file("read", path, &e);
    let mut hasher = Sha512::new();
    io::copy(&mut File::open(path).map_err(failed)?, &mut hasher).map_err(failed)?;
    Ok(hex(&hasher.finalize()) == sha512)
}

/// A file that is hashed and counted while it is read.
struct HashingReader<'a> {
    inner: File,
    hasher: Sha512,
    transit: &'a Transit,
}

impl Read for HashingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.transit.0.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl HashingReader<'_> {
    /// Reads what is left of it, and compares.
    fn finish(mut self, sha512: &str, path: &Path) -> io::Result<()> {
        io::copy(&mut self, &mut io::sink())?;
        if hex(&self.hasher.finalize()) != sha512 {
            return Err(tampered(path));
        }
        self.transit.0.verified.store(true, Ordering::Release);
        Ok(())
    }
}

pub(crate) fn write_on_thread<F>(write: F) -> Body
where
    F: FnOnce(ChannelWriter) -> io::Result<()> + Send + 'static,
{
    let (sender, receiver) = channel(4);
    let errors = sender.clone();
    tokio::task::spawn_blocking(move || {
        let writer = ChannelWriter { sender, buffer: Vec::with_capacity(PIECE) };
        if let Err(cause) = write(writer) {
            // The other end is gone when the engine hung up: it has its own error then.
            let _ = errors.blocking_send(Err(cause));
        }
    });
    Box::pin(futures_util::stream::unfold(receiver, |mut receiver: Receiver<_>| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    }))
}

pub(crate) struct ChannelWriter {
    sender: Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for ChannelWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE)));
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

pub(crate) struct ChannelReader {
    receiver: Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.rest.len());
        buffer[..n].copy_from_slice(&self.rest.split_to(n));
        Ok(n)
    }
}

/// A stream from the engine as a file.
///
/// # Errors
/// Reading or writing fails, or it is larger or takes longer than the limits allow.
pub async fn save(source: Body, dest: &Path, limits: &Limits) -> Result<()> {
    in_time("the engine's image", limits, save_all(source, dest, limits)).await
}

async fn save_all(mut source: Body, dest: &Path, limits: &Limits) -> Result<()> {
    use tokio::io::AsyncWriteExt;
    let failed = |e: io::Error| Error::file("write", dest, &e);
    let mut file = tokio::fs::File::create(dest).await.map_err(failed)?;
    let mut size = 0_u64;
    while let Some(piece) = source.next().await {
        let piece = piece.map_err(failed)?;
        size = size.saturating_add(piece.len() as u64);
        let small = limits.check(Limit::ResultSize, size);
        small.map_err(|e| e.error(Exit::Step, "the engine's image"))?;
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

/// Fails where something of the builder's or the engine's has not come in time.
async fn in_time(
    what: &str,
    limits: &Limits,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    let patience = Duration::from_secs(limits.of(Limit::ResultTime));
    let late = |_| limits.exceeded(Limit::ResultTime).error(Exit::Step, what);
    tokio::time::timeout(patience, work).await.map_err(late)?
}

/// Files to be taken out of an archive: by name there, the path here and the limit of its size.
pub type Wanted = BTreeMap<String, (PathBuf, Limit)>;

/// Takes the wanted regular files out of a tar stream. Everything else in it is passed over, so that no path
/// from outside is ever written to.
///
/// # Errors
/// A wanted file is missing, or reading or writing fails, or there is more than the limits allow.
pub async fn take(source: Body, wanted: Wanted, limits: &Limits) -> Result<()> {
    let of_thread = *limits;
    let work = read_on_thread(source, move |reader| take_files(reader, wanted, &of_thread));
    in_time("what the builder hands out", limits, work).await
}

/// Reads a stream where it may wait for the next piece.
pub(crate) async fn read_on_thread<T: Send + 'static>(
    source: Body,
    read: impl FnOnce(ChannelReader) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = channel(4);
    let reading =
        tokio::task::spawn_blocking(move || read(ChannelReader { receiver, rest: Bytes::new() }));
    forward(source, sender).await;
    reading.await.map_err(|e| Error::bug(format!("the unpacking thread ended: {e}")))?
}

async fn forward(
    mut source: impl Stream<Item = io::Result<Bytes>> + Unpin,
    sender: Sender<io::Result<Bytes>>,
) {
    while let Some(piece) = source.next().await {
        if sender.send(piece).await.is_err() {
            return;
        }
    }
}

/// All that a builder hands out, in files of the largest size: what is not wanted counts, too.
const RESULTS: u64 = 3;
/// And what tar needs for it (bytes).
const HEADERS: u64 = 64 << 20;

/// [`take`] of an archive that is read here and now.
///
/// # Errors
/// As of [`take`].
pub fn take_files(source: impl Read, mut wanted: Wanted, limits: &Limits) -> Result<()> {
    let all = limits.of(Limit::ResultSize).saturating_mul(RESULTS).saturating_add(HEADERS);
    let source = Capped::of(source, all, limits.exceeded(Limit::ResultSize));
    limited::each(
        source,
        limits,
        |cause| broken(&cause),
        |name, entry, _| {
            let is_file = entry.header().entry_type().is_file();
            let Some((dest, limit)) = is_file.then(|| wanted.remove(name)).flatten() else {
                return Ok(());
            };
            let small = limits.check(limit, entry.size());
            small.map_err(|e| e.error(Exit::Step, &format!("the builder's `{name}`")))?;
            write_entry(entry, &dest)
        },
    )?;
    match wanted.into_keys().next() {
        Some(name) => Err(Error::step(format!("the builder left no `{name}`"))),
        None => Ok(()),
    }
}

fn broken(cause: &io::Error) -> Error {
    limited::error("what the builder hands out", cause, || {
        Error::step(format!("cannot read the builder's results: {cause}"))
    })
}

fn write_entry(entry: &mut tar::Entry<'_, impl Read>, dest: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::file("write", dest, &e);
    let size = entry.size();
    let written = io::copy(entry, &mut File::create(dest).map_err(failed)?).map_err(failed)?;
    if written == size { Ok(()) } else { Err(broken(&io::ErrorKind::UnexpectedEof.into())) }
}

#[cfg(test)]
mod tests;
