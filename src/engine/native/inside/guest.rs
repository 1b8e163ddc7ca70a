//! A command without a box: in the root that this container has, or in a folder of it. What it has started ends with
//! it, and of the network it reaches nothing.
//!
//! No cage: it is root beside `bb`. Does not know whose root it is.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

use super::super::filter;
use super::super::wire::{Exec, Wire, Word, cannot};
use super::{Result, cage, join};

/// Runs a command with the streams that came with it, and says how it ended once nothing of it runs any more.
pub(super) fn exec(wire: &Wire, job: &Exec, root: &Path, files: Vec<OwnedFd>) -> Result<u8> {
    join::hear_all()?;
    set_child_subreaper(Some(getpid())).map_err(cannot("take orphans in"))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The folder may have none.
    let proc = open("/proc", flags, Mode::empty()).map_err(cannot("open `/proc`"))?;
    settle(root)?;
    let calls = filter::guests_program();
    let rules = join::Rules { calls: Some(&calls), without: cage::NOT_GUESTS };
    let ended = join::run(wire, job, files, &rules);
    end_all(&proc)?;
    let ended = ended?;
    wire.send(&Word::Ended(ended), &[]).map_err(cannot("say how a command ended"))?;
    Ok(0)
}

/// Makes a folder the root of this process.
pub(super) fn settle(root: &Path) -> Result<()> {
    if root == Path::new("/") {
        return Ok(());
    }
    let what = || format!("make `{}` the root", root.display());
    let hint = "the container needs the capability SYS_CHROOT, which it has by default";
    rustix::process::chroot(root).map_err(|cause| cannot(what())(cause).hint(hint))?;
    rustix::process::chdir("/").map_err(cannot(what()))
}

/// Kills all that a command has left. What loses its parent becomes a child of this process, so it ends when there is
/// no child any more.
fn end_all(proc: &OwnedFd) -> Result<()> {
    loop {
        for child in children(proc)? {
            // One that has ended meanwhile is what is wanted.
            let _ = kill_process(child, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(cause) => return Err(cannot("wait for what a command has left")(cause)),
        }
    }
}

/// This process' children. Source: proc_pid_task(5), `children`.
fn children(proc: &OwnedFd) -> Result<Vec<Pid>> {
    let own = getpid().as_raw_nonzero();
    let file = format!("{own}/task/{own}/children");
    let what = "look what a command has left";
    let file = openat(proc, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(cannot(what))?;
    let mut text = String::new();
    std::fs::File::from(file).read_to_string(&mut text).map_err(cannot(what))?;
    let numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
    Ok(numbers.filter_map(Pid::from_raw).collect())
}
