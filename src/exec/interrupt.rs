//! Ctrl-C, once and once more.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask this process to end, from now on.
#[derive(Debug)]
pub struct Interrupts {
    signals: Vec<Signal>,
}

impl Interrupts {
    /// SIGINT and SIGTERM. SIGHUP is left as it is: `nohup` has it ignored.
    pub fn new() -> Self {
        Self::of(&[SignalKind::interrupt(), SignalKind::terminate()])
    }

    /// Also SIGHUP: for what is of no use without its terminal.
    pub fn of_terminal() -> Self {
        Self::of(&[SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()])
    }

    fn of(kinds: &[SignalKind]) -> Self {
        // One that cannot be caught ends the process by itself.
        Self { signals: kinds.iter().filter_map(|kind| signal(*kind).ok()).collect() }
    }

    /// Waits for the next one; none is lost between two calls.
    pub async fn next(&mut self) {
        let came = std::future::poll_fn(|cx| {
            let mut polls = self.signals.iter_mut().map(|s| s.poll_recv(cx));
            if polls.any(|poll| poll.is_ready()) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        });
        came.await;
    }
}

impl Default for Interrupts {
    fn default() -> Self {
        Self::new()
    }
}
