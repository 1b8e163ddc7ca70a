//! Which ids of this machine stand for those of a box: reading `/etc/subuid`, choosing a range, writing a map.
//! Texts and values only.
//!
//! Root in a box is never root of this machine, nor the user who runs `bb`: whose files root of the box owns,
//! those a hostile build may change.

use serde::{Deserialize, Serialize};

/// A box has so many: up to 65535, which Linux calls nobody.
pub(super) const COUNT: u32 = 65_536;
/// Where ranges for root begin when nobody has set one aside: far above what people, services and
/// `useradd` take.
const ABOVE: u32 = 1 << 30;

/// Ids that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Range {
    /// The first.
    pub start: u32,
    /// How many.
    pub count: u32,
}

impl Range {
    fn of(start: u32) -> Self {
        Self { start, count: COUNT }
    }

    fn meets(self, other: Self) -> bool {
        let end = |range: Self| u64::from(range.start) + u64::from(range.count);
        u64::from(self.start) < end(other) && u64::from(other.start) < end(self)
    }
}

/// A store's ranges: all files in it are owned by these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ranges {
    /// Of users.
    pub users: Range,
    /// Of groups.
    pub groups: Range,
}

/// A line of `/etc/subuid`: `NAME:START:COUNT`.
fn parsed(line: &str) -> Option<(&str, Range)> {
    let mut parts = line.trim().split(':');
    let (owner, start, count) = (parts.next()?, parts.next()?, parts.next()?);
    let range = Range { start: start.parse().ok()?, count: count.parse().ok()? };
    parts.next().is_none().then_some((owner, range))
}

/// The first range in a table that is large enough for a box and belongs to a user, named or by number.
pub(super) fn of_user(table: &str, name: Option<&str>, id: u32) -> Option<Range> {
    let number = id.to_string();
    let own = |owner: &str| Some(owner) == name || owner == number;
    let lines = table.lines().filter_map(parsed);
    let mut fit = lines.filter(|(owner, range)| own(owner) && range.count >= COUNT);
    fit.next().map(|(_, range)| Range::of(range.start))
}

/// A range that no line of a table has, for root where it has none.
pub(super) fn free(table: &str) -> Option<Range> {
    let taken = table.lines().filter_map(parsed).map(|(_, range)| range).collect::<Vec<_>>();
    let starts = (0..).map_while(|n: u32| ABOVE.checked_add(n.checked_mul(COUNT)?));
    // The last id of all means "none" to Linux.
    let fit = |range: &Range| range.start.checked_add(COUNT).is_some();
    let mut ranges = starts.map(Range::of).take_while(fit);
    ranges.find(|range| !taken.iter().any(|other| other.meets(*range)))
}

/// A user's name in a table of accounts.
pub(super) fn name_of(passwd: &str, id: u32) -> Option<&str> {
    let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let number = id.to_string();
    lines.find(|parts| parts.get(2) == Some(&number.as_str())).map(|parts| parts[0])
}

/// Which ids a process of ours has in its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Map {
    /// Those of a box: the range alone.
    Box,
    /// The user's own as root, to give folders of the store to the range, which begins at 1.
    Owner,
}

impl Map {
    /// Lines `INSIDE OUTSIDE COUNT`.
    pub(super) fn lines(self, own: u32, range: Range) -> Vec<[u32; 3]> {
        match self {
            Self::Box => vec![[0, range.start, range.count]],
            Self::Owner => vec![[0, own, 1], [1, range.start, range.count]],
        }
    }
}

/// The content of a `uid_map`.
pub(super) fn written(lines: &[[u32; 3]]) -> String {
    let line = |[inside, outside, count]: &[u32; 3]| format!("{inside} {outside} {count}");
    lines.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_range_is_the_first_that_is_large_enough() {
        let table =
            "# x\nann:100000:1000\nann:200000:70000\nbob:300000:65536\n1002:400000:65536\nbad:1\n";
        assert_eq!(of_user(table, Some("ann"), 1000), Some(Range::of(200_000)));
        assert_eq!(of_user(table, Some("eve"), 1002), Some(Range::of(400_000)));
        assert_eq!(of_user(table, None, 1002), Some(Range::of(400_000)));
        assert_eq!(of_user(table, Some("bad"), 1003), None);
        assert_eq!(of_user("", Some("ann"), 1000), None);
    }

    #[test]
    fn roots_range_is_one_that_nobody_has() {
        assert_eq!(free(""), Some(Range::of(ABOVE)));
        let table = format!("ann:{}:10\nbob:{}:65536\n", ABOVE + 5, ABOVE + 100_000);
        assert_eq!(free(&table), Some(Range::of(ABOVE + 3 * COUNT)));
        assert_eq!(free("all:0:4294967295\n"), None);
    }

    #[test]
    fn the_users_own_id_is_not_in_a_box() {
        let range = Range::of(100_000);
        assert_eq!(written(&Map::Box.lines(1000, range)), "0 100000 65536\n");
        assert_eq!(written(&Map::Owner.lines(1000, range)), "0 1000 1\n1 100000 65536\n");
    }

    #[test]
    fn names_are_looked_up_by_number() {
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n";
        assert_eq!(name_of(passwd, 1000), Some("ann"));
        assert_eq!(name_of(passwd, 1), None);
    }
}
