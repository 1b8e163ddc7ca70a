//! Keys, each as soon as it is pressed, for as long as somebody listens; then the terminal is as it was.
//!
//! Does not know what they mean. Ctrl-C and Ctrl-Z are signals as ever. Whoever types ahead for the shell types to us.

#![expect(clippy::disallowed_methods, reason = "keys come from standard input")]

use std::io::{IsTerminal, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread};
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

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
    /// The terminal is another's for now.
    Away,
}

/// Somebody listens.
#[derive(Debug)]
pub(super) struct Keys {
    before: Termios,
    /// Looked at with each tick. No descriptor: what is started meanwhile would have it, too.
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// If there is a terminal that is ours: what runs in the background is stopped if it reads. Not where lines have been
    /// typed ahead: they are for whoever comes after.
    pub(super) fn listen(told: impl Fn(Input) + Send + 'static) -> Option<Self> {
        let is_typed_ahead = || ioctl_fionread(stdin()).is_ok_and(|there| there > 0);
        if !stdin().is_terminal() || !is_ours() || is_typed_ahead() {
            return None;
        }
        let before = tcgetattr(stdin()).ok()?;
        let ended = Arc::new(AtomicBool::new(false));
        let is_over = ended.clone();
        let listening = move || while !is_over.load(Ordering::SeqCst) && listen_once(&told) {};
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(listening).ok()?;
        Some(Self { before, ended, thread: Some(thread) })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
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

/// Whether it goes on. No longer than a tick.
fn listen_once(told: &impl Fn(Input)) -> bool {
    if !is_ours() {
        told(Input::Away);
        std::thread::sleep(TICK);
        return true;
    }
    give_each_key();
    let stdin = stdin();
    let mut terminal = [PollFd::new(&stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(TICK).ok();
    if poll(&mut terminal, timeout.as_ref()).is_err() {
        // A signal.
        return true;
    }
    let there = terminal[0].revents();
    if there.is_empty() {
        told(Input::Tick);
        return true;
    }
    // It may have become another's in between.
    there.contains(PollFlags::IN) && (!is_ours() || read(told))
}

/// Keys are not shown, do not wait for the end of their line, and nobody waits for them, where another takes them away.
/// None of them ends the program before it has given the terminal back.
fn give_each_key() {
    let Ok(mut terminal) = tcgetattr(stdin()) else { return };
    let by_line = LocalModes::ICANON | LocalModes::ECHO;
    if terminal.local_modes.intersects(by_line) {
        terminal.local_modes.remove(by_line);
        for (code, value) in [
            (SpecialCodeIndex::VMIN, 0),
            (SpecialCodeIndex::VTIME, 0),
            (SpecialCodeIndex::VQUIT, 0),
        ] {
            terminal.special_codes[code] = value;
        }
        let _ = tcsetattr(stdin(), OptionalActions::Now, &terminal);
    }
}

/// Whether there may be more.
fn read(told: &impl Fn(Input)) -> bool {
    let mut keys = [0; KEYS];
    match rustix::io::read(stdin(), &mut keys) {
        Ok(count) => {
            keys.iter().take(count).for_each(|key| told(Input::Key(*key)));
            true
        }
        Err(error) => error == Errno::INTR,
    }
}
