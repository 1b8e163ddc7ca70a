//! One file on its way to its place: resumed, limited, compared, renamed.
//!
//! Does not know how a mirror is asked.

use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::fault::Fault;
use super::pace::Pace;
use super::part::{Origin, Part};
use super::{Client, Mirror, Progress, Source};
use crate::base::digest;
use crate::base::error::{Error, Result};

/// How often one mirror may break off and still be asked to go on, if each time something came.
const RESUMES: u32 = 5;

/// What a download must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// The size in bytes, if known.
    pub size: Option<u64>,
    /// The largest size in bytes that is taken at all.
    pub max: u64,
    /// SHA-512 in hex, if known.
    pub sha512: Option<String>,
    /// BLAKE2b-512 in hex, if known.
    pub blake2b: Option<String>,
}

/// A finished download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// The size in bytes.
    pub size: u64,
    /// The mirror that gave the end of it, for people.
    pub mirror: String,
    /// How many bytes were there already when that mirror was asked for the rest.
    pub resumed_at: u64,
    /// The mirrors that were asked before it in vain, each with the reason.
    pub passed_over: Vec<String>,
}

/// One file to download.
pub(super) struct Job<'a> {
    client: &'a Client,
    path: &'a str,
    expect: &'a Expect,
    progress: Progress<'a>,
    part: Part,
}

impl<'a> Job<'a> {
    pub(crate) fn new(
        client: &'a Client,
        path: &'a str,
        dest: &Path,
        expect: &'a Expect,
        progress: Progress<'a>,
    ) -> Self {
        Self { client, path, expect, progress, part: Part::of(dest) }
    }

    /// Asks one mirror until it is done, brings nothing more, or is wrong from the start.
    pub(crate) async fn fetch_from(&self, mirror: &Mirror) -> Result<Downloaded, Fault> {
        let mut resumes = 0;
        let mut half = self.part.resumable().await;
        loop {
            let before = half.as_ref().map_or(0, |(len, _)| *len);
            match self.attempt(mirror, half).await {
                // What was there before may be what is wrong: once more from the start.
                Err(Fault::Restart | Fault::Mismatch(_) | Fault::TooLarge(_)) if before > 0 => {
                    self.part.discard().await?;
                    half = None;
                }
                Err(fault @ (Fault::Mismatch(_) | Fault::TooLarge(_))) => {
                    self.part.discard().await?;
                    return Err(fault);
                }
                Err(Fault::Cut(_)) if resumes < RESUMES && self.part.len().await > before => {
                    resumes += 1;
                    half = self.part.resumable().await;
                }
                done => return done,
            }
        }
    }

    async fn attempt(
        &self,
        mirror: &Mirror,
        half: Option<(u64, Origin)>,
    ) -> Result<Downloaded, Fault> {
        let checked = self.expect.sha512.is_some() || self.expect.blake2b.is_some();
        let mut source = self.client.open(mirror, self.path, half, checked).await?;
        self.check_total(source.total)?;
        let mut file = match source.start {
            0 => self.part.restart(source.origin.as_ref()).await?,
            _ => self.part.append().await?,
        };
        let received = self.receive(&mut source, &mut file).await;
        // What came before a break is kept, so it must be in the file too.
        let synced = file.sync_all().await;
        synced.map_err(|cause| Error::file("write", self.part.path(), &cause))?;
        let size = received?;
        self.check_size(size)?;
        if checked {
            self.check_digests().await?;
        }
        self.part.commit().await?;
        let (mirror, resumed_at) = (mirror.to_string(), source.start);
        Ok(Downloaded { size, mirror, resumed_at, passed_over: vec![] })
    }

    /// Copies everything that comes; returns the file's whole size.
    async fn receive(&self, source: &mut Source, file: &mut File) -> Result<u64, Fault> {
        let total = source.total.or(self.expect.size);
        let mut done = source.start;
        (self.progress)(done, total);
        let patience = self.client.patience;
        let mut pace = Pace::new(patience.least, Instant::now());
        while let Some(chunk) = source.next(patience, &mut pace).await? {
            done += chunk.len() as u64;
            self.check_growth(done)?;
            let written = file.write_all(&chunk).await;
            written.map_err(|cause| Error::file("write", self.part.path(), &cause))?;
            (self.progress)(done, total);
        }
        Ok(done)
    }

    /// Refuses a size announced that cannot be right.
    fn check_total(&self, total: Option<u64>) -> Result<(), Fault> {
        let Some(total) = total else { return Ok(()) };
        // A size that is not the pinned one is no matter of limits.
        self.check_size(total)?;
        if total > self.expect.max { Err(Fault::TooLarge(self.expect.max)) } else { Ok(()) }
    }

    /// Refuses a size reached that cannot become right.
    fn check_growth(&self, done: u64) -> Result<(), Fault> {
        match self.expect.size {
            Some(wanted) if done > wanted => {
                Err(Fault::Mismatch(format!("has more than {wanted} bytes")))
            }
            _ if done > self.expect.max => Err(Fault::TooLarge(self.expect.max)),
            _ => Ok(()),
        }
    }

    fn check_size(&self, size: u64) -> Result<(), Fault> {
        match self.expect.size {
            Some(wanted) if wanted != size => {
                Err(Fault::Mismatch(format!("has {size} bytes instead of {wanted}")))
            }
            _ => Ok(()),
        }
    }

    async fn check_digests(&self) -> Result<(), Fault> {
        let path = self.part.path().to_owned();
        let read = move || digest::read_all(std::fs::File::open(&path)?);
        let digests = tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| Error::bug("the hashing of a download ended early"))?
            .map_err(|cause| Error::file("read", self.part.path(), &cause))?;
        let pairs = [
            ("SHA512", &self.expect.sha512, digests.sha512),
            ("BLAKE2B", &self.expect.blake2b, digests.blake2b),
        ];
        for (name, wanted, found) in pairs {
            if wanted.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&found)) {
                return Err(Fault::Mismatch(format!("has another {name}")));
            }
        }
        Ok(())
    }
}
