//! Archives read within limits: what a reader keeps in memory is counted before it is kept.
//!
//! The tar crate reads the records between two files (long names, attributes, maps of holes) into memory
//! whatever size they claim; [`Gate`] bounds that. Does not know what is in an archive.

use std::cell::Cell;
use std::io;
use std::io::{Read, Seek, SeekFrom};
use std::rc::Rc;

use crate::base::error::{Error, Exit};
use crate::base::limits::{Exceeded, Limit, Limits};

/// An archive consists of such (bytes).
pub(super) const BLOCK: u64 = 512;
/// What tar needs between two entries besides their records.
const BLOCKS: u64 = 8 * BLOCK;

/// How many bytes may still be read before the next file's content begins.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    left: Rc<Cell<u64>>,
    limits: Limits,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { left: Rc::new(Cell::new(u64::MAX)), limits: *limits }
    }

    /// From here on the records of the next entry are read.
    pub(crate) fn records(&self) {
        self.left.set(self.limits.of(Limit::RecordSize).saturating_add(BLOCKS));
    }

    /// From here on a file's content is read.
    pub(crate) fn content(&self) {
        self.left.set(u64::MAX);
    }
}

/// A reader behind a gate.
#[derive(Debug)]
pub(crate) struct Gated<R> {
    inner: R,
    gate: Gate,
}

impl<R> Gated<R> {
    pub(crate) fn new(inner: R, gate: Gate) -> Self {
        Self { inner, gate }
    }
}

impl<R: Read> Read for Gated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.gate.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(self.gate.limits.exceeded(Limit::RecordSize).into());
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.gate.left.set(left.saturating_sub(n as u64));
        Ok(n)
    }
}

impl<R: Seek> Seek for Gated<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// What has been seen of an archive so far.
#[derive(Debug)]
pub(crate) struct Tally {
    limits: Limits,
    entries: u64,
    names: u64,
    last: Vec<u8>,
}

impl Tally {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, entries: 0, names: 0, last: vec![] }
    }

    /// Takes an entry in: its path, and the bytes of its other records. The folders on the way to it count
    /// where the entry before has not passed them, for each of them is kept by its whole path.
    pub(crate) fn entry(&mut self, path: &[u8], others: u64) -> Result<(), Exceeded> {
        self.entries += 1;
        self.limits.check(Limit::Entries, self.entries)?;
        let parts = path.split(|b| *b == b'/').filter(|part| !matches!(*part, b"" | b"."));
        self.limits.check(Limit::Depth, parts.count() as u64)?;
        let shared = path.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        let folders = slashes.filter(|at| *at > shared).map(|at| at as u64).sum::<u64>();
        let bytes = (path.len() as u64).saturating_add(others).saturating_add(folders);
        self.names = self.names.saturating_add(bytes);
        self.limits.check(Limit::NamesSize, self.names)?;
        self.last = path.to_vec();
        Ok(())
    }

    /// Takes more of an entry in that is kept.
    pub(crate) fn kept(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.names = self.names.saturating_add(bytes);
        self.limits.check(Limit::NamesSize, self.names)
    }
}

/// Looks at all entries of an archive in their order, by their names; `broken` is what a failure of the reader,
/// or a limit that was met, is told as.
pub(crate) fn each<R: Read, E>(
    source: R,
    limits: &Limits,
    broken: impl Fn(io::Error) -> E,
    mut look: impl FnMut(&str, &mut tar::Entry<'_, Gated<R>>, &mut Tally) -> Result<(), E>,
) -> Result<(), E> {
    let gate = Gate::new(limits);
    let mut archive = tar::Archive::new(Gated::new(source, gate.clone()));
    let mut entries = archive.entries().map_err(&broken)?;
    let mut tally = Tally::new(limits);
    loop {
        gate.records();
        let Some(entry) = entries.next() else { return Ok(()) };
        let mut entry = entry.map_err(&broken)?;
        gate.content();
        tally.entry(&entry.path_bytes(), 0).map_err(|exceeded| broken(exceeded.into()))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        look(&name, &mut entry, &mut tally)?;
        // What is passed over is no record of the next entry.
        io::copy(&mut entry, &mut io::sink()).map_err(&broken)?;
    }
}

/// A reader that gives no more than a limit allows.
#[derive(Debug)]
pub(super) struct Capped<R> {
    inner: R,
    left: u64,
    exceeded: Exceeded,
}

impl<R> Capped<R> {
    pub(crate) fn new(inner: R, limits: &Limits, limit: Limit) -> Self {
        Self::of(inner, limits.of(limit), limits.exceeded(limit))
    }

    /// Another number of bytes than the limit's own.
    pub(crate) fn of(inner: R, bytes: u64, exceeded: Exceeded) -> Self {
        Self { inner, left: bytes, exceeded }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One more byte than allowed tells a file that ends here from one that does not.
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX).max(1));
        let n = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.checked_sub(n as u64).ok_or(self.exceeded)?;
        Ok(n)
    }
}

/// So many bytes may be unpacked however few they were: small archives are dense.
const ALWAYS: u64 = 64 << 20;

/// What so many compressed bytes unpack to, within both limits of that.
pub(crate) fn unpacked(decoder: impl Read, size: u64, limits: &Limits) -> impl Read {
    let times = size.saturating_mul(limits.of(Limit::Expansion)).max(ALWAYS);
    let dense = Capped::of(decoder, times, limits.exceeded(Limit::Expansion));
    Capped::new(dense, limits, Limit::Unpacked)
}

/// An archive's error: the limit that it met by name, else as the reader says it.
pub(crate) fn error(what: &str, cause: &io::Error, otherwise: impl FnOnce() -> Error) -> Error {
    Exceeded::of(cause).map_or_else(otherwise, |exceeded| exceeded.error(Exit::Step, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(limit: Limit, value: u64) -> Tally {
        Tally::new(&Limits::default().with(limit, value))
    }

    #[test]
    fn entries_depth_and_names_are_counted() {
        let mut few = tally(Limit::Entries, 2);
        assert!(few.entry(b"a", 0).is_ok() && few.entry(b"b", 0).is_ok());
        assert_eq!(few.entry(b"c", 0).unwrap_err().limit, Limit::Entries);
        let mut flat = tally(Limit::Depth, 3);
        assert!(flat.entry(b"./a/b/c/", 0).is_ok());
        assert_eq!(flat.entry(b"a/b/c/d", 0).unwrap_err().limit, Limit::Depth);
        let mut short = tally(Limit::NamesSize, 20);
        assert!(short.entry(b"0123456789", 9).is_ok());
        assert_eq!(short.entry(b"ab", 0).unwrap_err().limit, Limit::NamesSize);
    }

    #[test]
    fn folders_that_are_only_passed_count_once() {
        let mut names = tally(Limit::NamesSize, 1000);
        names.entry(b"a/b/c/d", 0).unwrap();
        assert_eq!(names.names, 7 + 1 + 3 + 5);
        names.entry(b"a/b/c/e", 0).unwrap();
        assert_eq!(names.names, 16 + 7);
    }

    #[test]
    fn a_reader_ends_at_its_limit_and_not_before() {
        let limits = Limits::default().with(Limit::ListSize, 4);
        let read = |data: &[u8]| {
            let mut out = vec![];
            Capped::new(data, &limits, Limit::ListSize).read_to_end(&mut out).map(|_| out)
        };
        assert_eq!(read(b"1234").unwrap(), b"1234");
        let error = read(b"12345").unwrap_err();
        assert_eq!(Exceeded::of(&error).unwrap().limit, Limit::ListSize);
    }
}
