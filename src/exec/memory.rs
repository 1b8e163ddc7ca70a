//! Memory that steps have reserved, over all processes that build in a project: two that link something large do not run
//! at the same time where there is room for one.
//!
//! A reservation is so many locked files, one for each part of the memory there is: they go away with their holder,
//! however it ends. What a step really uses is not looked at.

use std::fs::File;
use std::time::Duration;

use crate::base::error::Result;
use crate::exec::action::blocking;
use crate::state::store::Store;

/// What is reserved at a time, in bytes.
const PART: u64 = 256 << 20;
/// More parts are as good as none: a quarter of a terabyte.
const MOST_PARTS: u64 = 1024;
/// How often it is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Given back when dropped.
#[derive(Debug)]
pub(super) struct Reserved(#[expect(dead_code, reason = "their locks are what counts")] Vec<File>);

/// Waits until so many bytes are free, or nobody else has any; `waits` is called once before that.
///
/// # Errors
/// The locks' files cannot be opened.
pub(super) async fn reserve(bytes: u64, store: &Store, waits: impl FnOnce()) -> Result<Reserved> {
    let there = parts(available());
    let wanted = parts(bytes).min(there);
    if let Some(reserved) = attempt(wanted, there, store).await? {
        return Ok(reserved);
    }
    waits();
    loop {
        tokio::time::sleep(AGAIN).await;
        if let Some(reserved) = attempt(wanted, there, store).await? {
            return Ok(reserved);
        }
    }
}

async fn attempt(wanted: u64, there: u64, store: &Store) -> Result<Option<Reserved>> {
    let store = store.clone();
    blocking(move || take(wanted, there, &store)).await
}

/// All that are wanted or none: two that hold a half each would wait for ever.
fn take(wanted: u64, there: u64, store: &Store) -> Result<Option<Reserved>> {
    let mut taken = vec![];
    for part in 0..there {
        if taken.len() as u64 == wanted {
            break;
        }
        taken.extend(store.try_lock_memory(part)?);
    }
    Ok((taken.len() as u64 == wanted).then_some(Reserved(taken)))
}

fn parts(bytes: u64) -> u64 {
    bytes.div_ceil(PART).clamp(1, MOST_PARTS)
}

/// What the machine has, or, where it has less, the container that this runs in. Not known: as much as anybody wants.
///
/// Sources: proc_meminfo(5), and the kernel's `cgroup-v2.rst` for `memory.max`.
fn available() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = total(&read("/proc/meminfo"));
    let group = read("/sys/fs/cgroup/memory.max").trim().parse::<u64>().ok();
    machine.into_iter().chain(group).min().unwrap_or(u64::MAX)
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_by_the_kernel() {
        assert_eq!(total("MemTotal:       24606560 kB\nMemFree: 1 kB\n"), Some(25_197_117_440));
        assert_eq!((total(""), total("MemTotal: x kB\n")), (None, None));
        assert!(available() > PART);
    }

    #[test]
    fn so_much_is_reserved_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().join(".bb"));
        let take = |wanted| take(wanted, 8, &store).unwrap();
        let (first, second) = (take(5), take(3));
        assert!(first.is_some() && second.is_some() && take(1).is_none());
        drop(second);
        assert!(take(4).is_none(), "nor is a part of it kept");
        assert!(take(3).is_some());
        drop(first);
        assert!(take(8).is_some());
        assert_eq!([1, PART, PART + 1, u64::MAX].map(parts), [1, 1, 2, MOST_PARTS]);
    }

    #[tokio::test]
    async fn who_wants_more_than_there_is_waits_for_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().join(".bb"));
        let small = reserve(1, &store, || panic!("nobody else is there")).await.unwrap();
        let mut waited = false;
        let all = reserve(u64::MAX, &store, || waited = true);
        assert!(tokio::time::timeout(2 * AGAIN, all).await.is_err());
        assert!(waited);
        drop(small);
        assert!(reserve(u64::MAX, &store, || panic!("all is free")).await.is_ok());
    }
}
