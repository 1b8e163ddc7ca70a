//! The other side: what `bb` is when it has been started again for a box. One thread, no runtime, nothing of a
//! project; from its first step on all that it does is what `wire::Job` says.
//!
//! Does not know the store: `bb` has started it in there, and all paths are relative.

mod cage;
pub(super) mod changes;
pub(super) mod copied;
pub(super) mod files;
mod first;
mod forward;
mod guest;
mod join;
mod made;
mod terminal;
mod users;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use nix::sched::{CloneFlags, unshare};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::spec::Network;
use super::wire::{Failure, Job, Order, Wire, Word, cannot};

/// The first argument of a process that is no command of a user's.
pub(super) const WORD: &str = "__box";
/// The second one of a box's first process.
const FIRST: &str = "first";

type Result<T, E = Failure> = std::result::Result<T, E>;

/// If this process has been started for a box, does what it is for and returns how it ends. To be called before
/// anything else: a namespace can be entered by a single thread only.
pub fn entered(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    arguments.next();
    if arguments.next()? != WORD {
        return None;
    }
    // Modes are what is asked for, whatever the user's shell takes away.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let first = arguments.next().is_some_and(|argument| argument == FIRST);
    let Ok(wire) = Wire::inherited() else { return Some(ExitCode::from(2)) };
    // Whatever `bb` was started with: what is open here would be open in the box.
    close_fds::set_fds_cloexec(3, &[]);
    let done = if first { first::run(&wire) } else { work(&wire) };
    let code = done.unwrap_or_else(|failure| {
        // Nobody listens any more: then nobody wants to know.
        let _ = wire.send(&Word::Failed(failure), &[]);
        1
    });
    Some(ExitCode::from(code))
}

/// Does the one job that this process is for.
fn work(wire: &Wire) -> Result<u8> {
    // Ctrl-C is for `bb`, which then ends the box as it sees fit. Who leads a group is out of its way already.
    let _ = rustix::process::setsid();
    let job = wire.receive::<Job>().map_err(cannot("read what is to be done"))?;
    let Some((job, mut files)) = job else { return Ok(1) };
    let done = match job {
        Job::Box(job) => return made::run(wire, &job, files.first()),
        Job::Exec(job) => return join::exec(wire, &job, files),
        Job::Guest(job, root) => return guest::exec(wire, &job, &root, files),
        Job::GuestFiles(job, root) => {
            guest::settle(&root)?;
            Word::Done(files::run(job, files.pop())?)
        }
        Job::Forward(port) => return forward::run(wire, port, files),
        Job::Processes => {
            join::enter(&taken(&mut files)?, &Network::Host)?;
            Word::Processes(join::processes()?)
        }
        Job::Inside(job) => {
            join::enter(&taken(&mut files)?, &Network::Host)?;
            Word::Done(files::run(job, files.pop())?)
        }
        Job::Store(job) => {
            be_mapped(wire)?;
            become_root()?;
            // A box that runs may change what is walked here: its links end in the store.
            rustix::process::chroot(".").map_err(as_root("stay in the store"))?;
            Word::Done(files::run(job, files.pop())?)
        }
        Job::Give(folders) => {
            be_mapped(wire)?;
            become_root()?;
            Word::Done(files::give(&folders)?)
        }
    };
    wire.send(&done, &[]).map_err(cannot("say that it is done"))?;
    Ok(0)
}

/// The first of the open files that came with a job.
fn taken(files: &mut Vec<OwnedFd>) -> Result<OwnedFd> {
    if files.is_empty() {
        return Err(Failure::new("a file that belongs to a job did not come with it"));
    }
    Ok(files.remove(0))
}

/// Who may make a user namespace at all.
const NAMESPACES: &str =
    "`/proc/sys/user/max_user_namespaces` and, on Ubuntu, AppArmor's profile for `bb` decide that";
/// Docker's default profile of seccomp answers so.
const REFUSED: &str = "a filter of system calls (seccomp), as containers have it, or AppArmor refuses it; with \
    `BB_ENGINE=docker`, a daemon makes the boxes";
/// AppArmor lets everybody make one, and takes away what it is good for.
const NO_RIGHTS: &str = "whoever has a user namespace has no rights in it: on Ubuntu, \
    `sysctl kernel.apparmor_restrict_unprivileged_userns` is 1, and a profile of AppArmor with `userns,` for `bb` \
    gives them; with `BB_ENGINE=docker`, a daemon makes the boxes";

/// A call that root of a user namespace may make.
fn as_root<E: Into<std::io::Error>>(what: impl std::fmt::Display) -> impl FnOnce(E) -> Failure {
    move |cause| {
        let cause = cause.into();
        let is_refused = cause.kind() == std::io::ErrorKind::PermissionDenied;
        let failure = cannot(what)(cause);
        if is_refused { failure.hint(NO_RIGHTS) } else { failure }
    }
}

/// Goes into a user namespace of its own and waits until `bb` has mapped the ids.
fn be_mapped(wire: &Wire) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|cause| {
        let hint = if cause == nix::errno::Errno::EPERM { REFUSED } else { NAMESPACES };
        cannot("make a user namespace")(cause).hint(hint)
    })?;
    wire.send(&Word::MapMe, &[]).map_err(cannot("ask for ids"))?;
    match wire.receive::<Order>() {
        Ok(Some((Order::Mapped, _))) => Ok(()),
        _ => Err(Failure::new("nobody has mapped the ids")),
    }
}

/// Becomes root of the namespace, and nobody else.
fn become_root() -> Result<()> {
    become_user(0, 0, &[])
}

fn become_user(uid: u32, gid: u32, groups: &[u32]) -> Result<()> {
    let groups = groups.iter().map(|group| Gid::from_raw(*group)).collect::<Vec<_>>();
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let as_user = || format!("become user {uid} of the box");
    set_thread_groups(&groups).map_err(as_root(as_user()))?;
    set_thread_res_gid(group, group, group).map_err(as_root(as_user()))?;
    set_thread_res_uid(user, user, user).map_err(as_root(as_user()))
}

/// Whether `bb` is gone.
fn is_alone(wire: &Wire) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut polled = [PollFd::new(wire, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_err() || polled[0].revents().contains(PollFlags::HUP)
}
