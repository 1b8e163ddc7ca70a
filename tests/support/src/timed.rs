//! What benches measure with.
//!
//! Judges nothing.

use std::process::{Command, Stdio};
use std::time::Instant;

/// How long a command takes that has to succeed, in seconds.
pub fn seconds(command: &mut Command) -> f64 {
    let begun = Instant::now();
    let out = command.stdin(Stdio::null()).output().expect("it can be started");
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    begun.elapsed().as_secs_f64()
}

/// The one in the middle.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
