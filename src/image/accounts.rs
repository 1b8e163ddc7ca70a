//! Tables of accounts (`passwd`, `group`, `shadow`, `gshadow`) merged three ways.
//!
//! Knows lines, their names and fields, and what a list of members is; not what a user is. Source:
//! `man 5 passwd group shadow gshadow`.

use std::collections::BTreeMap;

/// The tables, by path, with the fields that are lists of names.
const TABLES: [(&str, &[usize]); 4] =
    [("etc/group", &[3]), ("etc/gshadow", &[2, 3]), ("etc/passwd", &[]), ("etc/shadow", &[])];

/// The fields that are lists, if this is the path of a table.
pub(super) fn lists_of(path: &[u8]) -> Option<&'static [usize]> {
    TABLES.iter().find(|(table, _)| table.as_bytes() == path).map(|(_, lists)| *lists)
}

/// A table, and the names of the lines of which one side had to give way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Merged {
    pub text: Vec<u8>,
    pub given_way: Vec<String>,
}

/// What a line is known by: its name, and which of that name it is.
type Key<'a> = (&'a [u8], usize);
type Line<'a> = &'a [u8];

/// The changes of `ours` and of `theirs` since `base`. Where both have changed the same, theirs counts.
pub(super) fn merge(base: &[u8], ours: &[u8], theirs: &[u8], lists: &[usize]) -> Merged {
    let (base, theirs) = (table(base), table(theirs));
    let (old, new) = (by_key(&base), by_key(&theirs));
    let ours = table(ours);
    let own = by_key(&ours);
    let added = theirs.iter().filter(|(key, _)| !own.contains_key(key));
    let mut merged = Merged { text: vec![], given_way: vec![] };
    for (key, _) in ours.iter().chain(added) {
        let of = |table: &BTreeMap<Key<'_>, Line<'_>>| table.get(key).map(|line| line.to_vec());
        let mut gives_way = false;
        let line = three(of(&old).as_ref(), of(&own), of(&new), |ours, theirs| {
            let base = of(&old).unwrap_or_default();
            let (line, lost) = fields(&base, &ours, theirs, lists);
            gives_way = lost;
            line
        });
        if gives_way {
            merged.given_way.push(String::from_utf8_lossy(key.0).into_owned());
        }
        if let Some(line) = line {
            merged.text.extend_from_slice(&line);
            merged.text.push(b'\n');
        }
    }
    merged
}

/// Each line with its key, in order.
fn table(text: &[u8]) -> Vec<(Key<'_>, Line<'_>)> {
    let mut seen = BTreeMap::<&[u8], usize>::new();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let lines = text.split(|byte| *byte == b'\n').filter(|_| !text.is_empty());
    let keyed = lines.map(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let count = seen.entry(name).or_default();
        *count += 1;
        ((name, *count), line)
    });
    keyed.collect()
}

fn by_key<'a>(table: &[(Key<'a>, Line<'a>)]) -> BTreeMap<Key<'a>, Line<'a>> {
    table.iter().copied().collect()
}

/// What has changed on one side counts; what has on both is for `both`. Something that one side has changed
/// and the other has taken away stays.
fn three<T: PartialEq>(
    base: Option<&T>,
    ours: Option<T>,
    theirs: Option<T>,
    both: impl FnOnce(T, T) -> T,
) -> Option<T> {
    if ours == theirs || base == theirs.as_ref() {
        return ours;
    }
    if base == ours.as_ref() {
        return theirs;
    }
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => Some(both(ours, theirs)),
        (ours, theirs) => theirs.or(ours),
    }
}

/// A line that both have changed, and whether ours has lost something.
fn fields(base: &[u8], ours: &[u8], theirs: Vec<u8>, lists: &[usize]) -> (Vec<u8>, bool) {
    let split = |line: &[u8]| line.split(|b| *b == b':').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (base, own, new) = (split(base), split(ours), split(&theirs));
    if own.len() != new.len() {
        return (theirs, true);
    }
    let mut lost = false;
    let merged = own.into_iter().zip(new).enumerate().map(|(at, (own, new))| {
        let was = base.get(at);
        let field = three(was, Some(own), Some(new), |own, new| {
            if lists.contains(&at) {
                return members(was.map(Vec::as_slice).unwrap_or_default(), &own, &new);
            }
            lost = true;
            new
        });
        field.unwrap_or_default()
    });
    let merged = merged.collect::<Vec<_>>().join(&b':');
    (merged, lost)
}

/// Those of both, less those that either has taken away.
fn members(base: &[u8], ours: &[u8], theirs: &[u8]) -> Vec<u8> {
    let split = |list: &[u8]| {
        let names = list.split(|b| *b == b',').filter(|name| !name.is_empty());
        names.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let (base, ours, theirs) = (split(base), split(ours), split(theirs));
    let stays = |name: &&Vec<u8>| {
        let both = ours.contains(name) && theirs.contains(name);
        both || !base.contains(name)
    };
    let added = theirs.iter().filter(|name| !ours.contains(name));
    let names = ours.iter().chain(added).filter(stays).cloned();
    names.collect::<Vec<_>>().join(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str, lists: &[usize]) -> (String, Vec<String>) {
        let Merged { text, given_way } =
            merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), lists);
        (String::from_utf8(text).unwrap(), given_way)
    }

    #[test]
    fn users_of_both_sides_are_there() {
        let base = "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:::\n";
        let ours = "root:x:0:0:root:/root:/sbin/nologin\nbin:x:1:1:::\njo:x:500:500:::\n";
        let theirs = "root:x:0:0:Root:/root:/bin/sh\nnginx:x:101:101:::\n";
        let expected = "root:x:0:0:Root:/root:/sbin/nologin\njo:x:500:500:::\nnginx:x:101:101:::\n";
        assert_eq!(merged(base, ours, theirs, &[]), (expected.to_owned(), vec![]));
    }

    #[test]
    fn members_of_both_sides_are_there_and_those_that_one_removed_are_not() {
        let text = |members: &str| format!("wheel:x:10:{members}\n");
        let cases = [
            ("", "jo", "nginx", "jo,nginx"),
            ("root,a,b", "root,b,jo", "root,a,nginx", "root,jo,nginx"),
            ("a", "", "a,b", "b"),
            ("a", "a,c", "a,b", "a,c,b"),
        ];
        for (base, ours, theirs, expected) in cases {
            let found = merged(&text(base), &text(ours), &text(theirs), &[3]);
            assert_eq!(found, (text(expected), vec![]), "{base} {ours} {theirs}");
        }
    }

    #[test]
    fn where_both_have_changed_the_same_the_later_counts_and_it_is_told() {
        let told = vec!["jo".to_owned()];
        let found = merged("jo:x:1:1:::\n", "jo:x:2:1:::\n", "jo:x:3:1:::\n", &[]);
        assert_eq!(found, ("jo:x:3:1:::\n".to_owned(), told.clone()));
        assert_eq!(merged("", "jo:x:2:1\n", "jo:x:3\n", &[]), ("jo:x:3\n".to_owned(), told));
    }

    #[test]
    fn what_one_side_changed_and_the_other_removed_stays() {
        let stays = ("a:2\n".to_owned(), vec![]);
        assert_eq!(merged("a:1\n", "a:2\n", "", &[]), stays);
        assert_eq!(merged("a:1\n", "", "a:2\n", &[]), stays);
        assert_eq!(merged("a:1\n", "", "a:1\n", &[]), (String::new(), vec![]));
        assert_eq!(merged("a:1\n", "a:1\n", "", &[]), (String::new(), vec![]));
    }

    #[test]
    fn odd_lines_are_lines() {
        let base = "# a comment\n\nroot:x:0\nroot:x:0\n+::\n";
        assert_eq!(merged(base, base, base, &[]).0, base);
        let ours = format!("{base}jo:x:1");
        assert_eq!(merged(base, &ours, base, &[]).0, format!("{base}jo:x:1\n"));
        assert_eq!(merged("", "a:1\n", "b:2", &[]).0, "a:1\nb:2\n");
    }

    /// Three versions by chance: what only one side has changed is in the result.
    #[test]
    fn no_change_of_one_side_is_lost() {
        fastrand::seed(3);
        for _ in 0..2_000 {
            let table = |of: &BTreeMap<u8, u8>| {
                let lines = of.iter().map(|(name, value)| format!("u{name}:x:{value}\n"));
                lines.collect::<Vec<_>>().concat()
            };
            let base = (0..5).map(|name| (name, fastrand::u8(..3))).collect::<BTreeMap<_, _>>();
            let mut sides = [base.clone(), base.clone()];
            for side in &mut sides {
                for _ in 0..fastrand::usize(..4) {
                    let name = fastrand::u8(..8);
                    if fastrand::bool() {
                        side.insert(name, fastrand::u8(3..6));
                    } else {
                        side.remove(&name);
                    }
                }
            }
            let (found, _) = merged(&table(&base), &table(&sides[0]), &table(&sides[1]), &[]);
            for name in 0..8 {
                let values = sides.each_ref().map(|side| side.get(&name));
                let was = base.get(&name);
                let expected = match values {
                    [ours, theirs] if ours == theirs || theirs == was => ours,
                    [ours, theirs] if ours == was => theirs,
                    [ours, theirs] => theirs.or(ours),
                };
                let line = found.lines().find(|line| line.starts_with(&format!("u{name}:")));
                let line = line.map(str::to_owned);
                assert_eq!(line, expected.map(|value| format!("u{name}:x:{value}")), "{found}");
            }
        }
    }
}
