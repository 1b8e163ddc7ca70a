//! A terminal of a box for one command: of the box's own devpts, so that the command finds it under its name.
//!
//! Who makes it leads its session, and the command has the foreground: Ctrl-C reaches it and all that it starts, and
//! not this process.

use std::os::fd::OwnedFd;

use rustix::fs::{Gid, Mode, OFlags, Uid, fchown, open};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{tcsetpgrp, tcsetwinsize};

use super::super::wire::cannot;
use super::Result;
use super::users::Account;
use crate::engine::TerminalSize;

/// What the box's devpts makes terminals by. Nothing else can be put there.
const MULTIPLEXER: &str = "/dev/pts/ptmx";
/// `tty`, everywhere.
const GROUP: u32 = 5;

/// Both sides of a new terminal, which becomes this session's: that of outside, and the command's.
pub(super) fn new(account: &Account, size: TerminalSize) -> Result<(OwnedFd, OwnedFd)> {
    let what = "make a terminal in the box";
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let outside = open(MULTIPLEXER, flags, Mode::empty()).map_err(cannot(what))?;
    unlockpt(&outside).map_err(cannot(what))?;
    // Before anybody can ask for it.
    tcsetwinsize(&outside, size.into()).map_err(cannot(what))?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let inside = ioctl_tiocgptpeer(&outside, flags).map_err(cannot(what))?;
    let (owner, group) = (Uid::from_raw(account.uid), Gid::from_raw(GROUP));
    fchown(&inside, Some(owner), Some(group)).map_err(cannot(what))?;
    ioctl_tiocsctty(&inside).map_err(cannot(what))?;
    Ok((outside, inside))
}

/// Gives the foreground to a command, which leads a group of its own.
pub(super) fn foreground(outside: &OwnedFd, command: Pid) -> Result<()> {
    let what = "give the terminal to a command";
    match tcsetpgrp(outside, command) {
        // One that has just ended needs none.
        Ok(()) | Err(Errno::SRCH) => {}
        Err(cause) => return Err(cannot(what)(cause)),
    }
    // It may have asked its terminal before, and been stopped for that.
    match kill_process(command, Signal::CONT) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(cause) => Err(cannot(what)(cause)),
    }
}

/// The command's side three times.
pub(super) fn streams(inside: &OwnedFd) -> Result<[OwnedFd; 3]> {
    let one = || inside.try_clone().map_err(cannot("make a terminal in the box"));
    Ok([one()?, one()?, one()?])
}
