//! This program, started again for one job: the side of it that stays outside.

use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::inside;
use super::wire::{Job, Order, Wire, Word};
use super::{failed, ids};
use crate::base::error::{Error, Result, io_reason};

/// A process that does one job.
#[derive(Debug)]
pub(super) struct Helper {
    /// Taken before the process is waited for: its end is what the process waits for.
    wire: Option<Wire>,
    child: Child,
}

impl Helper {
    /// Starts one in a folder, which it reaches even where its ids may not pass.
    pub(super) fn start(
        program: &Path,
        folder: &Path,
        job: &Job,
        files: &[BorrowedFd<'_>],
    ) -> Result<Self> {
        let (ours, theirs) = Wire::pair().map_err(|cause| failed("make a socket", &cause))?;
        let mut command = Command::new(program);
        command.arg(inside::WORD).env_clear().current_dir(folder);
        // Ctrl-C is not for it. Who is to have a terminal leads a session a moment later, which the leader of a
        // group may not.
        if !job.has_terminal() {
            command.process_group(0);
        }
        // Nothing of ours: what a box inherits shows where we are.
        command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|cause| {
            let (program, why) = (program.display(), io_reason(&cause));
            Error::engine(format!("cannot start `{program}` again for a box: {why}"))
                .hint("`/proc` has to be mounted, and `/dev/null` to be there")
        })?;
        // Drops our copy of their end.
        drop(command);
        let helper = Self { wire: Some(ours), child };
        helper.tell(job, files)?;
        Ok(helper)
    }

    /// Its number, for the map of its ids.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says something more.
    pub(super) fn say(&self, order: &Order) -> Result<()> {
        self.tell(order, &[])
    }

    /// The wire for somebody who will hang up.
    pub(super) fn another_end(&self) -> Result<std::os::fd::OwnedFd> {
        let wire = self.wire.as_ref().ok_or_else(|| Error::bug("a helper that has ended"))?;
        wire.another().map_err(|cause| failed("copy a socket", &cause))
    }

    fn tell(&self, what: &impl serde::Serialize, files: &[BorrowedFd<'_>]) -> Result<()> {
        let wire = self.wire.as_ref().ok_or_else(|| Error::bug("a helper that has ended"))?;
        wire.send(what, files).map_err(|cause| failed("tell a box what to do", &cause))
    }

    /// The next that it says.
    pub(super) fn hear(&self) -> Result<(Word, Vec<std::os::fd::OwnedFd>)> {
        let wire = self.wire.as_ref().ok_or_else(|| Error::bug("a helper that has ended"))?;
        match wire.receive().map_err(|cause| failed("hear of a box", &cause))? {
            Some((Word::Failed(failure), _)) => Err(failure.error()),
            Some(heard) => Ok(heard),
            None => Err(Error::engine("a box's process ended without a word")
                .hint("was it killed? `bb doctor` says whether boxes work here")),
        }
    }

    /// Waits until it has done its job.
    pub(super) fn done(self) -> Result<Vec<String>> {
        match self.hear()?.0 {
            Word::Done(left) => Ok(left),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits for its end, which it was asked for.
    pub(super) fn end(mut self) {
        // An end that cannot be waited for has been.
        let _ = rustix::process::waitid(
            rustix::process::WaitId::Pid(pid(&self.child)),
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
        );
        self.wire = None;
    }
}

fn pid(child: &Child) -> rustix::process::Pid {
    rustix::process::Pid::from_child(child)
}

impl Drop for Helper {
    /// The end of the wire is the end of the process and of all that it has started.
    fn drop(&mut self) {
        self.wire = None;
        let _ = self.child.wait();
    }
}

/// A word at the wrong time.
pub(super) fn unexpected(word: &Word) -> Error {
    Error::bug(format!("a box's process said something else than was asked: {word:?}"))
}

/// Maps the ids of a process that waits for it, as root or by the programs that may do it for a user.
pub(super) fn map(pid: u32, own: (u32, u32), map: ids::Map, ranges: ids::Ranges) -> Result<()> {
    let users = ("newuidmap", "uid_map", map.lines(own.0, ranges.users));
    let groups = ("newgidmap", "gid_map", map.lines(own.1, ranges.groups));
    for (program, file, lines) in [users, groups] {
        if own.0 == 0 {
            let path = format!("/proc/{pid}/{file}");
            let written = std::fs::write(&path, ids::written(&lines));
            written.map_err(|cause| {
                failed("map the ids of a box", &cause)
                    .hint("a container without CAP_SETUID cannot; use another engine there")
            })?;
            continue;
        }
        let numbers = lines.iter().flatten().map(u32::to_string);
        let done = Command::new(program).arg(pid.to_string()).args(numbers).output();
        let done = done.map_err(|cause| {
            Error::engine(format!("cannot run `{program}`: {}", io_reason(&cause))).hint(
                "install the package `uidmap` (`shadow` on Gentoo and Fedora's `shadow-utils`)",
            )
        })?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            let error =
                Error::engine(format!("`{program}` did not map the ids of a box")).detail(said);
            return Err(error.hint("`/etc/subuid` and `/etc/subgid` say what it allows"));
        }
    }
    Ok(())
}
