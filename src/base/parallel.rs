//! The same work on many things, on all cores where that pays.
//!
//! Knows nothing of what is done.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
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
    // To ask for the cores reads files.
    let threads = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    if items.len() < WORTHWHILE || threads() == 1 {
        return items.iter().map(each).collect();
    }
    let part = |items: &[T]| items.iter().map(&each).collect::<Result<Vec<_>, E>>();
    let part = &part;
    thread::scope(|scope| {
        let chunks = items.chunks(items.len().div_ceil(threads()));
        let running = chunks.map(|chunk| scope.spawn(move || part(chunk))).collect::<Vec<_>>();
        let mut made = Vec::with_capacity(items.len());
        for thread in running {
            made.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(made)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Error;

    #[test]
    fn order_is_kept_and_the_first_error_wins() {
        let items = (0..1000).collect::<Vec<_>>();
        assert_eq!(map(&items, |n| Ok::<_, Error>(n * 2)).unwrap()[999], 1998);
        let odd = |n: &i32| if n % 300 == 299 { Err(Error::step(n.to_string())) } else { Ok(()) };
        assert_eq!(map(&items, odd).unwrap_err().message(), "299");
    }
}
