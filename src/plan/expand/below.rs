//! What an image consists of besides its own files: for every dock once, from the bottom up.
//!
//! Pure. A walk from each dock to the bottom would take the square of their number.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::{ByName, DockFacts};
use crate::base::error::{Exit, Result};
use crate::base::ids::DockName;
use crate::base::limits::{Limit, Limits};

/// For each dock, what is in it. Where a dock adds nothing, it shares what its base has.
pub(super) struct Below<'a> {
    of: HashMap<&'a DockName, Part<'a>>,
}

#[derive(Debug, Clone, Default)]
struct Part<'a> {
    /// The nearest dock, itself or below, with a list of packages: it has those of all below.
    list: Option<&'a DockName>,
    /// Docks with lists that are copied from, here or below.
    copied: Rc<Vec<&'a DockName>>,
    /// Images from elsewhere, here or below.
    externals: Rc<BTreeSet<&'a str>>,
}

impl<'a> Below<'a> {
    /// Of all docks. Those that are built on themselves end somewhere: the graph tells of them.
    ///
    /// # Errors
    /// An image takes from more than it may.
    pub(crate) fn of(docks: &'a [DockFacts], by_name: &ByName<'a>) -> Result<Self> {
        let mut below = Self { of: HashMap::with_capacity(docks.len()) };
        for dock in bottom_up(docks, by_name) {
            let part = below.part(dock)?;
            below.of.insert(&dock.name, part);
        }
        Ok(below)
    }

    /// What a dock consists of, where that is known of those below it.
    fn part(&self, dock: &'a DockFacts) -> Result<Part<'a>> {
        let base = dock.base.as_ref().and_then(|base| self.of.get(base)).cloned();
        let base = base.unwrap_or_default();
        let copied = dock.parents.iter().filter(|p| dock.base.as_ref() != Some(p));
        let copied = copied.filter_map(|parent| self.of.get(parent)).collect::<Vec<_>>();
        let part = Part {
            list: Some(&dock.name).filter(|_| dock.has_rootfs).or(base.list),
            copied: with_lists(&base, &copied),
            externals: with_externals(&base, &copied, dock),
        };
        let limits = Limits::default();
        let taken = part.copied.len().max(part.externals.len()) as u64;
        let few = limits.check(Limit::Taken, taken);
        few.map_err(|e| e.error(Exit::Config, &format!("`{}`", dock.name)))?;
        Ok(part)
    }

    /// The docks whose lists of packages cover all that is in an image, its own list first. A list has all
    /// packages of the images below; what is copied from other docks has lists of its own.
    pub(crate) fn lists(&self, dock: &DockName) -> impl Iterator<Item = &'a DockName> {
        let Part { list, copied, .. } = self.of.get(dock).cloned().unwrap_or_default();
        let others = copied.iter().filter(|name| Some(**name) != list).copied();
        list.into_iter().chain(others.collect::<Vec<_>>())
    }

    /// Whether anything in an image or below it is from elsewhere.
    pub(crate) fn has_externals(&self, dock: &DockName) -> bool {
        self.of.get(dock).is_some_and(|part| !part.externals.is_empty())
    }

    /// The images from elsewhere that are in an image or below it.
    pub(crate) fn externals(&self, dock: &DockName) -> Vec<String> {
        let externals = self.of.get(dock).map(|part| part.externals.iter());
        externals.into_iter().flatten().map(|name| (*name).to_owned()).collect()
    }
}

/// What the base is copied together from, and more.
fn with_lists<'a>(base: &Part<'a>, copied: &[&Part<'a>]) -> Rc<Vec<&'a DockName>> {
    let mut seen = base.copied.iter().copied().collect::<HashSet<_>>();
    let all =
        copied.iter().flat_map(|part| part.list.into_iter().chain(part.copied.iter().copied()));
    let more = all.filter(|name| seen.insert(name)).collect::<Vec<_>>();
    if more.is_empty() {
        return base.copied.clone();
    }
    Rc::new(base.copied.iter().copied().chain(more).collect())
}

fn with_externals<'a>(
    base: &Part<'a>,
    copied: &[&Part<'a>],
    dock: &'a DockFacts,
) -> Rc<BTreeSet<&'a str>> {
    let of_copied = copied.iter().flat_map(|part| part.externals.iter().copied());
    let all = of_copied.chain(dock.externals.iter().map(String::as_str));
    let more = all.filter(|name| !base.externals.contains(name)).collect::<Vec<_>>();
    if more.is_empty() {
        return base.externals.clone();
    }
    Rc::new(base.externals.iter().copied().chain(more).collect())
}

/// The docks, each after those that it names, as far as they are not in a circle. No recursion: a chain may
/// be as long as there are docks.
fn bottom_up<'a>(docks: &'a [DockFacts], by_name: &ByName<'a>) -> Vec<&'a DockFacts> {
    let mut begun = HashSet::with_capacity(docks.len());
    let mut order = Vec::with_capacity(docks.len());
    for dock in docks {
        let mut stack = vec![(dock, 0)];
        while let Some((dock, next)) = stack.pop() {
            if next == 0 && !begun.insert(&dock.name) {
                continue;
            }
            match dock.parents.get(next) {
                None => order.push(dock),
                Some(parent) => {
                    stack.push((dock, next + 1));
                    stack.extend(by_name.get(parent).map(|parent| (*parent, 0)));
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::super::tests::docks;
    use super::*;

    fn lists(below: &Below<'_>, name: &DockName) -> String {
        below.lists(name).map(DockName::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_cover_what_is_in_an_image() {
        let cases = [
            ("A", "a", ""),
            ("A B<a C<b", "c", ""),
            // Without packages of its own: the nearest below has them all.
            ("A B<a c<b", "b", ""),
            ("a b<a", "", ""),
            // What is copied from another has lists of its own, wherever in the chain that is.
            ("A B<a X Y<x C<b+y", "c y", ""),
            ("A X B<a+x C<b", "c x", ""),
            // One that is below is not covered for what is copied from it.
            ("A B<a C<b+a", "c a", ""),
            ("a<@one B<a C<b", "c", "one"),
            ("x<@one a<@two c<a+x", "", "one two"),
        ];
        for (text, expected, elsewhere) in cases {
            let mut docks = docks(text);
            let last = docks.last().unwrap().name.clone();
            for _ in 0..2 {
                let by_name = docks.iter().map(|d| (&d.name, d)).collect::<HashMap<_, _>>();
                let below = Below::of(&docks, &by_name).unwrap();
                assert_eq!(lists(&below, &last), expected, "{text}");
                assert_eq!(below.externals(&last).join(" "), elsewhere, "{text}");
                // In whatever order they come.
                docks.reverse();
            }
        }
    }

    #[test]
    fn docks_that_are_built_on_themselves_end() {
        let docks = docks("A<b B<a+b");
        let by_name = docks.iter().map(|d| (&d.name, d)).collect::<HashMap<_, _>>();
        assert!(Below::of(&docks, &by_name).is_ok());
    }

    #[test]
    fn an_image_that_takes_from_everything_is_refused() {
        let others = (0..1002).map(|at| format!("N{at}")).collect::<Vec<_>>();
        let text = format!("{} all<+{}", others.join(" "), others.join("+").to_lowercase());
        let docks = docks(&text);
        let by_name = docks.iter().map(|d| (&d.name, d)).collect::<HashMap<_, _>>();
        let error = Below::of(&docks, &by_name).err().unwrap();
        assert!(error.message().contains("`taken`"), "{error}");
        assert_eq!(error.exit(), Exit::Config);
    }
}
