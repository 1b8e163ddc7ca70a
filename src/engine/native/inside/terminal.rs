//! A terminal of a box for one command: of the box's own devpts, so that the command finds it under its name.
//!
//! Who makes it leads its session, and the command is in the foreground there: Ctrl-C reaches it and all that it
//! starts. This process hears none of that.

use std::os::fd::OwnedFd;

use nix::sys::signal::{SigSet, Signal};
use rustix::fs::{Gid, Mode, OFlags, Uid, fchown, open};
use rustix::process::ioctl_tiocsctty;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};

use super::super::wire::cannot;
use super::Result;
use super::users::Account;

/// What the box's devpts makes terminals by. Nothing else can be put there.
const MULTIPLEXER: &str = "/dev/pts/ptmx";
/// `tty`, everywhere.
const GROUP: u32 = 5;
/// What comes from the keyboard, and from a terminal that is gone.
const KEYS: [Signal; 6] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGHUP,
];

/// Both sides of a new terminal, which becomes this session's: that of outside, and the command's.
pub(super) fn new(account: &Account) -> Result<(OwnedFd, OwnedFd)> {
    let what = "make a terminal in the box";
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let outside = open(MULTIPLEXER, flags, Mode::empty()).map_err(cannot(what))?;
    unlockpt(&outside).map_err(cannot(what))?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let inside = ioctl_tiocgptpeer(&outside, flags).map_err(cannot(what))?;
    let (owner, group) = (Uid::from_raw(account.uid), Gid::from_raw(GROUP));
    fchown(&inside, Some(owner), Some(group)).map_err(cannot(what))?;
    // Blocked, and not ignored: what is ignored would be so in the command, too.
    let keys = KEYS.into_iter().collect::<SigSet>();
    keys.thread_block().map_err(cannot(what))?;
    ioctl_tiocsctty(&inside).map_err(cannot(what))?;
    Ok((outside, inside))
}

/// The command's side three times.
pub(super) fn streams(inside: &OwnedFd) -> Result<[OwnedFd; 3]> {
    let one = || inside.try_clone().map_err(cannot("make a terminal in the box"));
    Ok([one()?, one()?, one()?])
}
