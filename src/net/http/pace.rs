//! How fast a transfer is: one that never stops and never gets on, either, is as good as none.
//!
//! Knows no network and no clock.

use std::time::Duration;

use tokio::time::Instant;

/// What a mirror has to give.
#[derive(Debug, Clone, Copy)]
pub struct Least {
    /// Bytes a second, on the average of a window; 0: anything will do.
    pub rate: u64,
    /// How long each look at it takes.
    pub window: Duration,
}

impl Default for Least {
    fn default() -> Self {
        Self { rate: 1024, window: Duration::from_secs(30) }
    }
}

/// One transfer.
#[derive(Debug)]
pub(super) struct Pace {
    least: Least,
    begun: Instant,
    bytes: u64,
}

impl Pace {
    pub(crate) fn new(least: Least, now: Instant) -> Self {
        Self { least, begun: now, bytes: 0 }
    }

    /// When the next look is due, at the latest.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.least.rate > 0).then(|| self.begun + self.least.window)
    }

    /// So many bytes have come by now. Whether that is fast enough is known at the end of each window.
    pub(crate) fn is_fast(&mut self, bytes: usize, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.due().is_none_or(|due| now < due) {
            return true;
        }
        let took = now.duration_since(self.begun).as_secs_f64();
        // Precise enough: nobody counts single bytes of a rate.
        #[allow(clippy::cast_precision_loss, reason = "an average")]
        let fast = self.bytes as f64 >= self.least.rate as f64 * took;
        *self = Self::new(self.least, now);
        fast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_now_and_then_is_too_slow() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut pace = Pace::new(Least::default(), begun);
        assert!(pace.is_fast(1, after(20)));
        assert!(!pace.is_fast(1, after(40)));
        let mut steady = Pace::new(Least::default(), begun);
        assert!((1..1000).all(|second| steady.is_fast(2048, after(second))));
        // A good beginning does not help for ever.
        let mut tired = Pace::new(Least::default(), begun);
        assert!(tired.is_fast(1 << 30, after(30)) && tired.is_fast(1, after(59)));
        assert!(!tired.is_fast(1, after(60)));
        let mut patient = Pace::new(Least { rate: 0, ..Least::default() }, begun);
        assert!(patient.due().is_none() && patient.is_fast(0, after(1_000_000)));
    }
}
