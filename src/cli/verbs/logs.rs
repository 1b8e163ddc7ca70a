//! `bb logs`: what steps have written, as it is, also while they do.
//!
//! Reads the state folder only; needs no engine.

use crate::cli::call::Call;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::base::error::{Error, Result};
use crate::base::ids::{Kind, StepId};
use crate::base::words::visible_but;
use crate::cli::args::complete;
use crate::cli::entered;
use crate::fresh::record::Stamp;
use crate::plan::select;
use crate::session::Project;
use crate::state::logs::KEPT_LOGS;
use crate::state::store::Store;

/// How often a log that is being followed is looked at.
const PACE: Duration = Duration::from_millis(100);
/// Of a log of which only the end is wanted, in bytes: more than a terminal shows.
const END: u64 = 64 * 1024;

/// The end of a log, if there is one.
pub(super) fn end(log: &Path) -> Option<String> {
    // A named pipe would make us wait for whoever writes in it.
    log.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END))).ok()?;
    let mut end = vec![];
    file.take(END).read_to_end(&mut end).ok()?;
    Some(String::from_utf8_lossy(&end).into_owned())
}

/// Show what steps have written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb logs                          # of the step that has failed last
  bb logs busybox                  # of all steps of an image
  bb logs rootfs:busybox           # of one step
  bb logs rootfs:busybox --previous 1
  bb logs rootfs:busybox --follow")]
pub(in crate::cli) struct Args {
    /// Name of an image, or id of a step (default: the step that has failed last; with --follow, one that
    /// runs)
    #[arg(add = complete::images_and_steps())]
    target: Option<String>,
    /// Go on until the step has ended
    #[arg(short, long)]
    follow: bool,
    /// Of an earlier run: 1 is the one before the last
    #[arg(short, long, value_name = "N", conflicts_with = "follow",
          value_parser = clap::value_parser!(u8).range(1..KEPT_LOGS as i64))]
    previous: Option<u8>,
    /// As it is, also on a terminal: what a step says may steer it
    #[arg(long)]
    raw: bool,
}

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let store = project.store();
    let steps = match &args.target {
        Some(target) => named(target, &project, &store)?,
        None => vec![last(&store, args.follow)?],
    };
    let age = usize::from(args.previous.unwrap_or(0));
    let shown = |id: &&StepId| {
        store.old_log_path(id, age).is_file() || args.follow && store.at_work(id).is_some()
    };
    let there = steps.iter().filter(shown).collect::<Vec<_>>();
    if there.is_empty() {
        return Err(none(args.target.as_deref().unwrap_or_default(), &steps, age, &store));
    }
    let stdout = std::io::stdout();
    let safe = !args.raw && stdout.is_terminal();
    let mut out = Shown::new(stdout.lock(), safe);
    for (number, id) in there.iter().enumerate() {
        let blank = if number > 0 { "\n" } else { "" };
        let head = format!("{blank}==> {id} <==\n");
        let headed = if there.len() > 1 { out.write_all(head.as_bytes()) } else { Ok(()) };
        let path = store.old_log_path(id, age);
        let written = match headed {
            Ok(()) if args.follow => follow(id, &path, &store, &mut out).await,
            Ok(()) => copy(&path, &mut out),
            Err(error) => Err(error),
        };
        match written {
            // Nobody reads any more.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(0),
            written => written.map_err(|e| Error::file("read", &path, &e))?,
        }
    }
    Ok(0)
}

/// An image's steps, or the one step. One whose dock is gone may still have its log.
fn named(target: &str, project: &Project, store: &Store) -> Result<Vec<StepId>> {
    if target.contains(':') {
        let id = target.parse::<StepId>()?;
        if store.log_path(&id).is_file() {
            return Ok(vec![id]);
        }
    }
    let (_, plan) = project.shape()?;
    let id = plan.step(select::named(&plan, target)?).id.clone();
    if target.contains(':') {
        return Ok(vec![id]);
    }
    let kinds = [Kind::Rootfs, Kind::Dockerfile, Kind::Image];
    let steps = kinds.map(|kind| StepId::new(kind, target)).into_iter();
    Ok(steps.filter(|id| plan.find(id).is_some()).collect())
}

/// The step that has failed last; where it is to be followed, one that runs, else the last that did.
fn last(store: &Store, follow: bool) -> Result<StepId> {
    let working = store.working();
    let failed = |id: &StepId| store.stamp(id) == Stamp::Missing && !working.contains(id);
    let mut logged = store.logged().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    if follow {
        logged.sort_by_key(|id| !working.contains(id));
        // One that runs may have written nothing yet.
        let silent =
            working.iter().find(|_| !logged.first().is_some_and(|id| working.contains(id)));
        logged.splice(0..0, silent.cloned());
    }
    let found = logged.into_iter().find(|id| follow || failed(id));
    found.ok_or_else(|| {
        let none = if follow { "there are no logs yet" } else { "no step has failed" };
        Error::step(none).hint("name an image or a step: `bb status` lists them")
    })
}

/// Why there is nothing to be shown.
fn none(target: &str, steps: &[StepId], age: usize, store: &Store) -> Error {
    if age > 0 {
        return Error::step(format!("`{target}` has no log of so early a run"));
    }
    let earlier = |id: &StepId| store.old_log_path(id, 1).is_file();
    match steps.iter().find(|id| earlier(id)) {
        Some(id) => Error::step(format!("the last run of `{id}` has written nothing"))
            .hint(format!("`bb logs {id} --previous 1` shows the run before")),
        None => Error::step(format!("`{target}` has no log"))
            .hint("a log is there once a step has run and has written something"),
    }
}

/// Standard output, on a terminal with what could steer it made visible.
struct Shown<W: Write> {
    out: W,
    safe: bool,
    /// A line that has not ended.
    begun: Vec<u8>,
}

/// A longer line is shown in pieces.
const LONGEST_LINE: usize = 1 << 16;

impl<W: Write> Shown<W> {
    fn new(out: W, safe: bool) -> Self {
        Self { out, safe, begun: vec![] }
    }

    /// The first bytes that are waiting.
    fn show(&mut self, length: usize) -> std::io::Result<()> {
        let line = self.begun.drain(..length).collect::<Vec<_>>();
        let line = String::from_utf8_lossy(&line).replace("\r\n", "\n");
        self.out.write_all(visible_but(&line, "\n\t").as_bytes())
    }
}

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if !self.safe {
            return self.out.write(bytes);
        }
        self.begun.extend_from_slice(bytes);
        let lines = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let ready = if self.begun.len() > LONGEST_LINE { self.begun.len() } else { lines };
        self.show(ready)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.show(self.begun.len())?;
        self.out.flush()
    }
}

fn copy(path: &Path, out: &mut impl Write) -> std::io::Result<()> {
    if !path.is_file() {
        return Err(std::io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    std::io::copy(&mut File::open(path)?, out)?;
    out.flush()
}

/// Shows a log as it grows, until nobody works on its step any more. A step that begins to run again puts
/// its log aside.
async fn follow(
    id: &StepId,
    path: &Path,
    store: &Store,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let mut open = None::<File>;
    loop {
        // What is written before it ends is read after it was seen to work.
        let working = store.at_work(id).is_some();
        if let Some(file) = &mut open {
            forward(file, out)?;
        }
        let other = match (&open, std::fs::metadata(path)) {
            (Some(file), Ok(there)) => file.metadata()?.ino() != there.ino(),
            (None, Ok(_)) => true,
            (_, Err(_)) => false,
        };
        if other {
            let mut file = File::open(path)?;
            forward(&mut file, out)?;
            open = Some(file);
        }
        if !working {
            return Ok(());
        }
        tokio::time::sleep(PACE).await;
    }
}

fn forward(file: &mut File, out: &mut impl Write) -> std::io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return out.flush(),
            n => out.write_all(piece.get(..n).unwrap_or_default())?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(safe: bool, pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Shown::new(vec![], safe);
        for piece in pieces {
            out.write_all(piece).unwrap();
        }
        out.flush().unwrap();
        out.out
    }

    #[test]
    fn a_terminal_is_not_steered_and_a_pipe_gets_every_byte() {
        let pieces: [&[u8]; 4] = [b"a\x1b]52;c;", b"eA==\x07\r\n\tb\xc3", b"\xa9\xff\n", b"end\r"];
        let safe = "a\\u{1b}]52;c;eA==\\u{7}\n\tbé\u{fffd}\nend\\r";
        assert_eq!(String::from_utf8(shown(true, &pieces)).unwrap(), safe);
        assert_eq!(shown(false, &pieces), pieces.concat());
        let long = vec![0x1b; 3 * LONGEST_LINE];
        assert_eq!(shown(true, &[&long]).len(), long.len() * "\\u{1b}".len());
    }
}
