//! The first process of a box: shuts the door, then waits, reaps what others leave, and ends with `bb`.
//!
//! Its end is the end of all processes of the box and of its mounts: the kernel sees to that. It starts no
//! program itself.

use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, unmount};
use rustix::process::{DumpableBehavior, pivot_root, set_dumpable_behavior};

use super::super::mounts::{MASKED, MASKED_DEVICES, READ_ONLY};
use super::super::wire::{Order, Wire, Word, cannot};
use super::made::{put, read_only, shown, within};
use super::{Result, cage, is_alone};

/// How often it is looked whether all are gone.
const GLANCE: Duration = Duration::from_millis(5);

/// All of its life. It begins in the folder that becomes the root.
pub(super) fn run(wire: &Wire) -> Result<u8> {
    let killed = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(killed).map_err(cannot("end with `bb`"))?;
    if is_alone(wire) {
        return Ok(1);
    }
    hide()?;
    enter()?;
    cage::capabilities(rustix::thread::CapabilitySet::empty())?;
    // Nobody in the box looks into this process: it has come from outside.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(cannot("hide from the box"))?;
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.thread_block().map_err(cannot("wait for processes"))?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let ended = SignalFd::with_flags(&children, flags).map_err(cannot("wait for processes"))?;
    wire.send(&Word::Runs, &[]).map_err(cannot("say that the box runs"))?;
    wait(wire, &ended)
}

/// `/proc`, with what Docker hides of it and of `/sys` hidden.
fn hide() -> Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = open(".", flags, Mode::empty()).map_err(cannot("open the box's root"))?;
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    put(&top, "proc", "proc", quiet, None)?;
    let null = within(&top, "dev/null").map_err(cannot("open the box's `/dev/null`"))?;
    for path in MASKED.iter().chain(&MASKED_DEVICES) {
        let what = || format!("hide `/{path}`");
        // Other kernels have others of them.
        let Ok(place) = within(&top, path) else { continue };
        let stat = fstat(&place).map_err(cannot(what()))?;
        if FileType::from_raw_mode(stat.st_mode).is_dir() {
            put(&top, "tmpfs", path, quiet | MountFlags::RDONLY, Some("size=0k"))?;
        } else {
            mount_bind(shown(&null), shown(&place)).map_err(cannot(what()))?;
        }
    }
    for path in READ_ONLY {
        let what = || format!("make `/{path}` read-only");
        let Ok(place) = within(&top, path) else { continue };
        mount_bind(shown(&place), shown(&place)).map_err(cannot(what()))?;
        let place = within(&top, path).map_err(cannot(what()))?;
        read_only(&place).map_err(cannot(what()))?;
    }
    Ok(())
}

/// Makes this folder the root, and lets go of all that was.
fn enter() -> Result<()> {
    pivot_root(".", ".").map_err(cannot("enter the box's root"))?;
    unmount(".", UnmountFlags::DETACH).map_err(cannot("leave this machine's root"))?;
    rustix::process::chdir("/").map_err(cannot("enter the box's root"))
}

/// Until `bb` is gone, or says so.
fn wait(wire: &Wire, ended: &SignalFd) -> Result<u8> {
    loop {
        let mut polled = [PollFd::new(wire, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
        match poll(&mut polled, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(cause) => return Err(cannot("wait for processes")(cause)),
        }
        let spoken = !polled[0].revents().is_empty();
        while let Ok(Some(_)) = ended.read_signal() {}
        reap();
        if spoken {
            match wire.receive::<Order>() {
                Ok(Some((Order::Halt(patience), _))) => {
                    end_all(Duration::from_millis(patience));
                    return Ok(0);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Ok(0),
            }
        }
    }
}

/// Takes in whoever has ended and has no other parent.
fn reap() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return;
        }
    }
}

/// Asks all to end, and gives them time. Who is left goes with this process.
fn end_all(patience: Duration) {
    let all = nix::unistd::Pid::from_raw(-1);
    let begun = Instant::now();
    // Who is stopped hears nothing until it goes on.
    let _ = kill(all, Signal::SIGTERM);
    let _ = kill(all, Signal::SIGCONT);
    while begun.elapsed() < patience && kill(all, None) != Err(Errno::ESRCH) {
        reap();
        std::thread::sleep(GLANCE);
    }
}

/// Brings `lo` up: one message to the kernel, for which no crate is needed.
/// Source: rtnetlink(7), `RTM_NEWLINK`.
pub(super) fn loopback() -> nix::Result<()> {
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
        socket,
    };
    const NEWLINK: u16 = 16;
    const REQUEST_AND_ANSWER: u16 = 5;
    const LO: i32 = 1;
    const UP: u32 = 1;
    let kind = (AddressFamily::Netlink, SockType::Raw, SockProtocol::NetlinkRoute);
    let socket = socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, kind.2)?;
    let mut message = vec![];
    // struct nlmsghdr
    message.extend(32_u32.to_ne_bytes());
    message.extend(NEWLINK.to_ne_bytes());
    message.extend(REQUEST_AND_ANSWER.to_ne_bytes());
    message.extend([1_u32.to_ne_bytes(), 0_u32.to_ne_bytes()].concat());
    // struct ifinfomsg: family and type are of no matter
    message.extend([0; 4]);
    message.extend(LO.to_ne_bytes());
    message.extend([UP.to_ne_bytes(), UP.to_ne_bytes()].concat());
    let number = socket.as_fd().as_raw_fd();
    sendto(number, &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0; 1024];
    let size = recv(number, &mut answer, MsgFlags::empty())?;
    let code = answer.get(..size).and_then(|answer| answer.get(16..20)?.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(Errno::from_raw(-code)),
        None => Err(Errno::EPROTO),
    }
}
