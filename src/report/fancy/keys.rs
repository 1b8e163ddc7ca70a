//! Keys, each as soon as it is pressed, for as long as somebody listens; then the terminal is as it was.
//!
//! Does not know what they mean. Ctrl-C and Ctrl-Z are signals as ever. Whoever types ahead for the shell types to us.

use std::io::{IsTerminal, stdin};
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// How often somebody is told that time passes, and the terminal is looked at: a shell that goes on with us makes it
/// wait for whole lines again.
const TICK: Duration = Duration::from_millis(200);
/// More keys than are pressed at once.
const KEYS: usize = 64;

/// What comes from a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Key(u8),
    /// Some time has passed.
    Tick,
}

/// Somebody listens.
#[derive(Debug)]
pub(super) struct Keys {
    before: Termios,
    /// Closed, it ends the thread.
    alive: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// If there is a terminal that is ours: what runs in the background is stopped if it reads.
    pub(super) fn listen(told: impl Fn(Input) + Send + 'static) -> Option<Self> {
        if !stdin().is_terminal() || !is_ours() {
            return None;
        }
        let before = tcgetattr(stdin()).ok()?;
        let (end, alive) = rustix::pipe::pipe().ok()?;
        let listening = move || while listen_once(&end, &told) {};
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(listening).ok()?;
        Some(Self { before, alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
        if is_ours() {
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
        }
    }
}

fn is_ours() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

/// Whether it goes on.
fn listen_once(end: &OwnedFd, told: &impl Fn(Input)) -> bool {
    let ours = is_ours();
    if ours {
        give_each_key();
    }
    let stdin = stdin();
    let mut both = vec![PollFd::new(end, PollFlags::empty())];
    if ours {
        both.push(PollFd::new(&stdin, PollFlags::IN));
    }
    let timeout = Timespec::try_from(TICK).ok();
    if poll(&mut both, timeout.as_ref()).is_err() {
        // A signal.
        return true;
    }
    let is_there = |at: usize| both.get(at).is_some_and(|fd| !fd.revents().is_empty());
    if is_there(0) {
        return false;
    }
    if !is_there(1) {
        told(Input::Tick);
        return true;
    }
    // It may have become another's in between.
    is_ours() && read(told)
}

/// Keys are not shown, and do not wait for the end of their line.
fn give_each_key() {
    let Ok(mut terminal) = tcgetattr(stdin()) else { return };
    let by_line = LocalModes::ICANON | LocalModes::ECHO;
    if terminal.local_modes.intersects(by_line) {
        terminal.local_modes.remove(by_line);
        let _ = tcsetattr(stdin(), OptionalActions::Now, &terminal);
    }
}

/// Whether there may be more.
fn read(told: &impl Fn(Input)) -> bool {
    let mut keys = [0; KEYS];
    match rustix::io::read(stdin(), &mut keys) {
        Ok(0) => false,
        Ok(count) => {
            keys.iter().take(count).for_each(|key| told(Input::Key(*key)));
            true
        }
        Err(error) => error == rustix::io::Errno::INTR,
    }
}
