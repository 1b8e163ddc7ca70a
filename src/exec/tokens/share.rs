//! Who gets the next token: of steps that wait for one, and of boxes that have used up what they were given.
//!
//! Pure: numbers in, one move out. Knows neither fifos nor clocks.

#![deny(clippy::disallowed_methods, reason = "who gets a token is decided without the world")]

/// Whoever may have tokens: a step that waits for its one, or a box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Holder {
    /// How many were given to it and not taken back.
    pub given: usize,
    /// How many of these it has not taken up.
    pub lying: usize,
    /// Whether one more would be taken up, as far as is known.
    pub wants: bool,
}

/// Where a token comes from; holders by their place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Nobody has it.
    Free,
    /// It lies in this box's fifo.
    Box(usize),
    /// There is none: whoever has more than its share is to be watched for one.
    Nowhere,
}

/// Who is to get a token next, and from where: whoever has the fewest; of those, whoever came first. Nothing, if nobody
/// wants any.
pub(super) fn next(free: usize, holders: &[Holder]) -> Option<(usize, From)> {
    let wanting = holders.iter().enumerate().filter(|(_, holder)| holder.wants);
    let (to, _) = wanting.min_by_key(|(at, holder)| (holder.given, *at))?;
    if free > 0 {
        return Some((to, From::Free));
    }
    let lying = holders.iter().enumerate().filter(|(_, holder)| holder.lying > 0);
    let from = lying.max_by_key(|(_, holder)| (holder.lying, holder.given));
    Some((to, from.map_or(From::Nowhere, |(at, _)| From::Box(at))))
}

/// Boxes that are to give up one as soon as they are done with it: those that have so many more than who is to get the
/// next one that both are nearer to each other then, or any, for who has none.
pub(super) fn above(to: usize, holders: &[Holder]) -> impl Iterator<Item = usize> + '_ {
    let least = holders.get(to).map_or(0, |holder| holder.given);
    let most = if least == 0 { 0 } else { least + 1 };
    let rich = holders.iter().enumerate().filter(move |(_, holder)| holder.given > most);
    rich.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Holder = Holder { given: 0, lying: 0, wants: true };

    fn held(given: usize, lying: usize) -> Holder {
        Holder { given, lying, wants: lying == 0 }
    }

    #[test]
    fn whoever_has_the_fewest_comes_first() {
        for (free, holders, expected) in [
            (1, vec![], None),
            (1, vec![held(1, 1)], None),
            (1, vec![STEP], Some((0, From::Free))),
            (1, vec![held(0, 0), STEP], Some((0, From::Free))),
            (1, vec![held(2, 0), held(1, 0)], Some((1, From::Free))),
            (0, vec![held(2, 0), STEP], Some((1, From::Nowhere))),
            (0, vec![held(2, 1), STEP], Some((1, From::Box(0)))),
            (0, vec![held(1, 1), held(3, 2), held(0, 0)], Some((2, From::Box(1)))),
        ] {
            assert_eq!(next(free, &holders), expected, "{free} {holders:?}");
        }
    }

    #[test]
    fn only_who_has_more_than_one_more_is_watched() {
        let holders = [held(3, 0), held(2, 0), held(1, 0), STEP];
        assert_eq!(above(3, &holders).collect::<Vec<_>>(), [0, 1, 2], "for who has none");
        assert_eq!(above(2, &holders).collect::<Vec<_>>(), [0]);
        assert_eq!(above(1, &holders).count(), 0);
    }
}
