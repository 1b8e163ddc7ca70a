//! A port of a box for callers from outside: the socket that listens is of outside, the way on is the box's own
//! network. No rule of a firewall, no other program.
//!
//! Hands bytes on and looks at none of them.

use std::io::copy;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::super::wire::{Wire, Word, cannot};
use super::{Result, become_user, cage, made, taken};

/// Who only hands bytes on needs to be nobody of the box.
const NOBODY: u32 = 65534;
/// So many callers at the same time; who comes then waits.
const CALLERS: usize = 512;

/// Until `bb` goes.
pub(super) fn run(wire: &Wire, port: u16, mut files: Vec<OwnedFd>) -> Result<u8> {
    // Not into its namespace of processes: who is on the way there can start no threads.
    made::join_network(&taken(&mut files)?)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(cannot("hide from the box"))?;
    let listener = TcpListener::from(taken(&mut files)?);
    cage::capabilities(rustix::thread::CapabilitySet::empty())?;
    become_user(NOBODY, NOBODY, &[])?;
    wire.send(&Word::Runs, &[]).map_err(cannot("say that a port is there"))?;
    let callers = Arc::new(());
    loop {
        let is_full = Arc::strong_count(&callers) > CALLERS;
        let listening = if is_full { PollFlags::empty() } else { PollFlags::IN };
        let mut polled = [PollFd::new(wire, PollFlags::IN), PollFd::new(&listener, listening)];
        // With no room for another caller it is looked again whether one has gone.
        let glance = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        match poll(&mut polled, is_full.then_some(&glance)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(cause) => return Err(cannot("wait for callers")(cause)),
        }
        if !polled[0].revents().is_empty() {
            return Ok(0);
        }
        if !polled[1].revents().is_empty() {
            // One who has hung up already is none.
            let Ok((caller, _)) = listener.accept() else { continue };
            let callers = callers.clone();
            let begun = std::thread::Builder::new().spawn(move || {
                hand_on(&caller, port);
                drop(callers);
            });
            // With no thread to be had, one caller is hung up on.
            drop(begun);
        }
    }
}

/// Until both sides have said all. Who finds nobody in the box is hung up on.
fn hand_on(caller: &TcpStream, port: u16) {
    let Ok(inside) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new().spawn_scoped(scope, || one_way(caller, &inside));
        if other.is_ok() {
            one_way(&inside, caller);
        }
    });
}

fn one_way(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = copy(&mut from, &mut to);
    // The other direction goes on.
    let _ = to.shutdown(Shutdown::Write);
}
