//! The same work on many things, on all cores where that pays.
//!
//! Knows nothing of what is done.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Fewer things than this are done before threads have started.
const WORTHWHILE: usize = 256;

/// What `each` makes of the items, in their order.
///
/// # Errors
/// The error of the first item, in their order, that has one.
pub fn map<T: Sync, R: Send, E: Send>(
    items: &[T],
    each: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let threads = if items.len() < WORTHWHILE { 1 } else { cores() };
    if threads == 1 {
        return items.iter().map(each).collect();
    }
    let part = |items: &[T]| items.iter().map(&each).collect::<Result<Vec<_>, E>>();
    let part = &part;
    thread::scope(|scope| {
        let mut chunks = items.chunks(items.len().div_ceil(threads));
        // This thread does the first: each more keeps memory for itself that only others like it use again.
        let first = chunks.next().unwrap_or_default();
        let running = chunks.map(|chunk| scope.spawn(move || part(chunk))).collect::<Vec<_>>();
        let mut made = Vec::with_capacity(items.len());
        made.extend(part(first)?);
        for thread in running {
            made.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(made)
    })
}

/// How many there are; one where that cannot be told. To ask for them reads files.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Whether all items are so. Nobody goes on looking once one is known that is not.
pub fn all<T: Sync>(items: &[T], is_so: impl Fn(&T) -> bool + Sync) -> bool {
    let is_over = AtomicBool::new(false);
    let each = |item: &T| {
        if is_over.load(Ordering::Relaxed) || !is_so(item) {
            is_over.store(true, Ordering::Relaxed);
            return Err(());
        }
        Ok(())
    };
    map(items, each).is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::base::error::Error;

    #[test]
    fn order_is_kept_and_the_first_error_wins() {
        let items = (0..1000).collect::<Vec<_>>();
        assert_eq!(map(&items, |n| Ok::<_, Error>(n * 2)).unwrap()[999], 1998);
        let odd = |n: &i32| if n % 300 == 299 { Err(Error::step(n.to_string())) } else { Ok(()) };
        assert_eq!(map(&items, odd).unwrap_err().message(), "299");
        let looked = AtomicUsize::new(0);
        let below = |most: i32| {
            looked.store(0, Ordering::Relaxed);
            all(&items, |n| {
                looked.fetch_add(1, Ordering::Relaxed);
                *n < most
            })
        };
        assert!(below(1000));
        assert_eq!(looked.load(Ordering::Relaxed), 1000);
        assert!(!below(999) && !below(0));
    }
}
