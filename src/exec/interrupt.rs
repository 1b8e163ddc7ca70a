//! Ctrl-C, once and once more; a closed terminal and a request to end are the same.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask this process to end, from now on.
#[derive(Debug)]
pub struct Interrupts {
    signals: Vec<Signal>,
}

impl Interrupts {
    /// SIGINT and SIGTERM, and SIGHUP unless whoever has started this process ignores it, as `nohup` does.
    pub fn new() -> Self {
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        if !is_ignored(&status, SignalKind::hangup()) {
            kinds.push(SignalKind::hangup());
        }
        // One that cannot be caught ends the process by itself.
        Self { signals: kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect() }
    }

    /// No signals: they are the business of the program around.
    pub fn none() -> Self {
        Self { signals: vec![] }
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

/// Whether a process ignores a signal: `SigIgn` in its status is a mask in hex (proc_pid_status(5)).
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(0);
    mask.checked_shr(bit).is_some_and(|rest| rest & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ignores_a_signal_goes_on_ignoring_it() {
        let status = "Name:\tbb\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(is_ignored(status, SignalKind::hangup()));
        assert!(!is_ignored(status, SignalKind::interrupt()));
        assert!(is_ignored(status, SignalKind::pipe()));
        assert!(!is_ignored("", SignalKind::hangup()));
    }
}
