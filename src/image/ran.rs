//! What a command has changed in an image: the layer of a `RUN`.
//!
//! An engine's own account says too much: times, files that were opened and not written, places where it mounts
//! something. What counts is kind, mode, owner, bytes, target, numbers, names of one file, and
//! `security.capability`; so the layer is the same whichever engine has run the command. Pure: whether two files
//! have the same bytes is asked.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BStr, BString, ByteSlice};

use super::change::with_parents;
use super::mount::Mount;
use super::tree::{
    Content, Kind, Node, Nodes, OPAQUE, Tree, WHITEOUT, base, join, parent, removed_by,
};
use super::{Left, mount};

/// Below these, engines mount what is theirs.
const COVERED: [&str; 3] = ["dev", "proc", "sys"];
/// What they leave or mount besides: it is as it was, whatever a command has done to it.
const LEFT_THERE: [&str; 5] =
    [".dockerenv", "run/.containerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf"];

/// What engines put into containers, besides what is left out anyway. A folder of these with something in it comes
/// with that.
const PUT_THERE: [&str; 4] = ["etc", ENGINES_LINK, "run", "run/secrets"];

/// Docker makes it, whatever the image has there.
const ENGINES_LINK: &str = "etc/mtab";

/// Whether two files have the same bytes.
pub type Same<'a> = &'a dyn Fn(&Content, &Content) -> Result<bool, Left>;

/// The layer that makes of a tree what it is with an engine's account of the changes, but for what is only there
/// because of mounts. `empty` is a file without bytes.
///
/// # Errors
/// The account is not one of this tree, or a file cannot be read.
pub(super) fn layer(
    tree: &Tree,
    account: &Nodes,
    mounts: &[Mount],
    same: Same<'_>,
    empty: &Content,
) -> Result<Nodes, Left> {
    let mut account = counted(account)?;
    mount::without(&mut account, tree, mounts);
    let after = after(tree, &account)?;
    let mut layer = Nodes::new();
    for path in changed(tree, &account, same)? {
        with_parents(&mut layer, path, &after);
        layer.extend(after.get(path).map(|node| (path.to_owned(), node.clone())));
    }
    for gone in removed(tree, &after) {
        let mark = join(parent(&gone), [WHITEOUT, base(&gone)].concat());
        let node = Node::of_root(Kind::File(empty.clone()), 0o644);
        with_parents(&mut layer, &mark, &after);
        layer.insert(mark, node);
    }
    Ok(layer)
}

/// The account of an engine that gives out all that is there, `whole`. What it says was `touched`, with U+FFFD for what
/// is no UTF-8, counts for what is new: an engine puts things there itself, and does not call them touched. Of what was
/// there before, it may not tell all that is another. Where it does not say what was touched, what it is known to put
/// there is none of the command's. `empty` is a file without bytes.
///
/// # Errors
/// A command has left a name that layers have for marks, or a file cannot be read.
pub fn account(
    tree: &Tree,
    whole: Nodes,
    touched: Option<&BTreeSet<String>>,
    same: Same<'_>,
    empty: &Content,
) -> Result<Nodes, Left> {
    let others = others(tree, &whole, touched, same)?;
    let gone = tree.nodes().keys().filter(|path| !whole.contains_key(*path));
    // What was in a folder that is gone, or is none any more, is gone with it.
    let marked = gone.filter(|path| is_folder(&whole, parent(path)));
    let mark = |path: &BString| join(parent(path), [WHITEOUT, base(path)].concat());
    let node = || Node::of_root(Kind::File(empty.clone()), 0o644);
    let mut account = marked.map(|path| (mark(path), node())).collect::<Nodes>();
    account.extend(whole.into_iter().filter(|(path, _)| others.contains(path)));
    Ok(account)
}

/// The paths of what is new or another one, with all names of each file.
fn others(
    tree: &Tree,
    whole: &Nodes,
    touched: Option<&BTreeSet<String>>,
    same: Same<'_>,
) -> Result<BTreeSet<BString>, Left> {
    let mut others = BTreeSet::new();
    for (path, node) in whole {
        let is_other = match tree.get(path).filter(|_| path != ENGINES_LINK) {
            Some(was) => !is_alike(was, node, same)?,
            None => match touched {
                Some(touched) => touched.contains(&as_listed(path.as_bstr())),
                None => !PUT_THERE.iter().any(|put| path == put),
            },
        };
        if is_other && base(path).starts_with(WHITEOUT) {
            let name = path.to_str_lossy();
            let message = format!("a `RUN` leaves `/{name}`, a name that marks what is gone");
            return Err(Left::refused(message));
        }
        if is_other {
            others.insert(path.clone());
        }
    }
    for names in one_file_each(whole) {
        let were_there = names.iter().all(|name| tree.get(name).is_some());
        let is_new = were_there && !was_one_file(tree, &names);
        if is_new || names.iter().any(|name| others.contains(*name)) {
            others.extend(names.into_iter().map(BStr::to_owned));
        }
    }
    Ok(others)
}

/// A path as Go writes it in JSON: U+FFFD for each byte that is no UTF-8.
pub fn as_listed(path: &BStr) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

fn is_folder(nodes: &Nodes, folder: &BStr) -> bool {
    folder.is_empty() || nodes.get(folder).is_some_and(|node| node.kind == Kind::Folder)
}

/// The account without what is the engine's own.
fn counted(account: &Nodes) -> Result<Nodes, Left> {
    let mut counted = Nodes::new();
    for (path, node) in account {
        if !is_engines_own(subject(path)?.as_bstr()) {
            counted.insert(path.clone(), node.clone());
        }
    }
    Ok(counted)
}

/// The tree with the changes. A folder that was made again has lost what engines mount in it.
fn after(tree: &Tree, account: &Nodes) -> Result<Tree, Left> {
    let mut after = tree.clone();
    after.apply(account)?;
    for path in LEFT_THERE {
        if let Some(node) = tree.get(path)
            && after.is_folder(parent(path.as_bytes()))
        {
            after.put(path, node.clone());
        }
    }
    Ok(after)
}

/// What an entry says something of: a mark is of what is gone.
fn subject(path: &BString) -> Result<BString, Left> {
    if base(path) == OPAQUE {
        return Ok(parent(path).to_owned());
    }
    Ok(removed_by(path)?.unwrap_or_else(|| path.clone()))
}

fn is_engines_own(path: &BStr) -> bool {
    let first = path.split_str("/").next().unwrap_or_default();
    COVERED.iter().any(|name| name.as_bytes() == first)
        || LEFT_THERE.iter().any(|name| name.as_bytes() == path.as_bytes())
}

/// The paths that are new or other ones, in order.
fn changed<'a>(
    tree: &Tree,
    account: &'a Nodes,
    same: Same<'_>,
) -> Result<BTreeSet<&'a BStr>, Left> {
    let mut changed = BTreeSet::new();
    for (path, node) in account {
        if base(path) == OPAQUE || removed_by(path)?.is_some() {
            continue;
        }
        let is_same = match tree.get(path) {
            Some(old) => is_alike(old, node, same)?,
            None => false,
        };
        if !is_same {
            changed.insert(path.as_bstr());
        }
    }
    for names in one_file_each(account) {
        if names.iter().any(|name| changed.contains(name)) || !was_one_file(tree, &names) {
            changed.extend(names);
        }
    }
    Ok(changed)
}

fn is_alike(old: &Node, new: &Node, same: Same<'_>) -> Result<bool, Left> {
    let kinds = match (&old.kind, &new.kind) {
        (Kind::File(old), Kind::File(new)) => old.size == new.size && same(old, new)?,
        (old, new) => old == new,
    };
    let rest = |node: &Node| (node.mode, node.uid, node.gid, node.xattrs.clone());
    Ok(kinds && rest(old) == rest(new))
}

/// Where the bytes of a file with several names are.
fn place(node: &Node) -> Option<(&std::path::Path, u64)> {
    match &node.kind {
        Kind::File(content) if content.linked => Some((&content.file, content.offset)),
        _ => None,
    }
}

/// The names of each file that has several.
fn one_file_each(account: &Nodes) -> Vec<Vec<&BStr>> {
    let mut files = BTreeMap::<_, Vec<&BStr>>::new();
    for (path, node) in account {
        if let Some(place) = place(node) {
            files.entry(place).or_default().push(path.as_bstr());
        }
    }
    files.into_values().collect()
}

fn was_one_file(tree: &Tree, names: &[&BStr]) -> bool {
    let mut places = names.iter().map(|name| tree.get(name).and_then(place));
    let first = places.next().flatten();
    first.is_some() && places.all(|place| place == first)
}

/// What is gone, without what is in it.
fn removed(tree: &Tree, after: &Tree) -> Vec<BString> {
    let is_gone = |path: &&BString| after.get(path).is_none() && after.is_folder(parent(path));
    tree.nodes().keys().filter(is_gone).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;

    /// A file, known by a number; the same bytes where the number is the same in tens.
    fn file(number: u64) -> Node {
        let content =
            Content { file: Arc::from(Path::new("f")), offset: number, size: 1, linked: false };
        Node::of_root(Kind::File(content), 0o644)
    }

    fn linked(number: u64) -> Node {
        let mut node = file(number);
        if let Kind::File(content) = &mut node.kind {
            content.linked = true;
        }
        node
    }

    fn folder() -> Node {
        Node::folder(0, 0)
    }

    fn of<const N: usize>(nodes: [(&str, Node); N]) -> Nodes {
        nodes.map(|(path, node)| (path.into(), node)).into()
    }

    /// The layer, and that it makes of the tree what the account does.
    fn layer_of<const N: usize, const M: usize>(
        before: [(&str, Node); N],
        account: [(&str, Node); M],
    ) -> String {
        layer_with(&[], before, account)
    }

    /// The same of a command that had mounts at these places.
    fn layer_with<const N: usize, const M: usize>(
        at: &[&str],
        before: [(&str, Node); N],
        account: [(&str, Node); M],
    ) -> String {
        let mut tree = Tree::default();
        tree.apply(&of(before)).unwrap();
        let same = |one: &Content, other: &Content| Ok(one.offset / 10 == other.offset / 10);
        let Kind::File(empty) = file(0).kind else { unreachable!() };
        let mount = |at: &&str| Mount {
            at: (*at).to_owned(),
            writable: true,
            what: mount::What::Empty(None),
        };
        let mounts = at.iter().map(mount).collect::<Vec<_>>();
        let layer = layer(&tree, &of(account), &mounts, &same, &empty).unwrap();
        let names = layer.keys().map(ToString::to_string).collect::<Vec<_>>();
        names.join(" ")
    }

    /// The account of one who gives out all that is there.
    fn account_of<const N: usize, const M: usize>(
        before: [(&str, Node); N],
        whole: [(&str, Node); M],
        touched: &[&str],
    ) -> String {
        let mut tree = Tree::default();
        tree.apply(&of(before)).unwrap();
        let same = |one: &Content, other: &Content| Ok(one.offset / 10 == other.offset / 10);
        let touched = touched.iter().map(|&path| path.to_owned()).collect::<BTreeSet<_>>();
        let touched = Some(&touched).filter(|touched| !touched.contains("nobody says"));
        let Kind::File(empty) = file(0).kind else { unreachable!() };
        match account(&tree, of(whole), touched, &same, &empty) {
            Ok(account) => account.keys().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(left) => left.why().to_owned(),
        }
    }

    #[test]
    fn of_all_that_is_there_what_counts_is_found() {
        let before = || [("a", folder()), ("a/f", file(10)), ("a/g", file(20)), ("b", file(30))];
        let same = || [("a", folder()), ("a/f", file(11)), ("a/g", file(21)), ("b", file(31))];
        assert_eq!(account_of(before(), same(), &["a", "a/f"]), "");
        // Another one, although nobody says so; what is new and nobody has touched is the engine's own.
        let [a, f, g, _] = same();
        let whole = [a, f, g, ("b", file(40)), ("c", file(50)), ("etc", folder())];
        assert_eq!(account_of(before(), whole, &["c"]), "b c");
        let whole = [("a", folder()), ("c", file(50)), ("run", folder()), ("run/x", file(60))];
        assert_eq!(account_of([("a", folder())], whole, &["nobody says"]), "c run/x");
        // What is gone is marked, but not in what is gone itself or no folder any more.
        assert_eq!(account_of(before(), [("b", file(31))], &[]), ".wh.a");
        let whole = [("a", file(60)), ("b", file(31))];
        assert_eq!(account_of(before(), whole, &[]), "a");
        let whole = [("a", folder()), ("a/g", file(22)), ("b", file(31))];
        assert_eq!(account_of(before(), whole, &[]), "a/.wh.f");
        // A new name of a file that was there comes with that.
        let [a, f, g, _] = same();
        let whole = [a, f, g, ("b", linked(30)), ("c", linked(30))];
        assert_eq!(account_of(before(), whole, &["c"]), "b c");
        // Two files with the same bytes have become one.
        let two = [("a", file(10)), ("b", file(11))];
        assert_eq!(account_of(two, [("a", linked(15)), ("b", linked(15))], &[]), "a b");
        let odd = [("etc", folder()), ("etc/mtab", Node::of_root(Kind::Link("x".into()), 0o777))];
        assert_eq!(account_of([("etc", folder()), ("etc/mtab", file(10))], odd, &[]), "");
        let mark = [("b", file(30)), (".wh.b", file(10))];
        let told = "a `RUN` leaves `/.wh.b`, a name that marks what is gone";
        assert_eq!(account_of([("b", file(30))], mark, &[".wh.b"]), told);
    }

    #[test]
    fn names_that_are_no_text_are_touched_as_far_as_they_are() {
        let name = BString::from(b"n\xe4\xbdx".to_vec());
        let whole = Nodes::from([(name.clone(), file(10))]);
        let touched = BTreeSet::from(["n\u{fffd}\u{fffd}x".to_owned()]);
        let same = |_: &Content, _: &Content| Ok(false);
        let Kind::File(empty) = file(0).kind else { unreachable!() };
        let account = account(&Tree::default(), whole, Some(&touched), &same, &empty).unwrap();
        assert!(account.contains_key(&name));
    }

    #[test]
    fn what_was_only_touched_is_no_change() {
        let before = || [("a", folder()), ("a/f", file(10)), ("a/l", linked(20))];
        let touched = [("a", folder()), ("a/f", file(15)), ("a/l", file(25))];
        assert_eq!(layer_of(before(), touched), "");
        let written = [("a", folder()), ("a/f", file(30))];
        assert_eq!(layer_of(before(), written), "a a/f");
        let other_mode = [("a", Node { mode: 0o700, ..folder() })];
        assert_eq!(layer_of(before(), other_mode), "a");
        let new = [("a", folder()), ("a/g", folder()), ("a/g/h", file(1))];
        assert_eq!(layer_of(before(), new), "a a/g a/g/h");
    }

    #[test]
    fn nothing_of_a_mount_is_in_it() {
        // What was made for it goes, with the way to it.
        let made = || [("a", folder()), ("a/.wh..wh..opq", file(0)), ("a/b", folder())];
        assert_eq!(layer_with(&["a/b"], [], made()), "");
        let other = [("a", folder()), ("a/b", folder()), ("a/c", file(1))];
        assert_eq!(layer_with(&["a/b"], [], other), "a a/c");
        assert_eq!(layer_with(&["a/b", "a/b/c"], [], made()), "");
        // One that only begins like it is another.
        let near = [("a", folder()), ("a/b", folder()), ("a/bc", file(1))];
        assert_eq!(layer_with(&["a/b"], [], near), "a a/bc");
        // What was there stays as it was, also a folder with nothing in it.
        let there = || [("a", folder()), ("a/b", folder()), ("a/b/f", file(10))];
        assert_eq!(layer_with(&["a/b"], there(), [("a/b/f", file(20))]), "");
        assert_eq!(layer_with(&["a/b/c/d"], there(), [("a", folder()), ("a/b", folder())]), "");
    }

    #[test]
    fn what_is_gone_is_marked_once() {
        let before = || [("a", folder()), ("a/d", folder()), ("a/d/f", file(1)), ("b", file(1))];
        assert_eq!(layer_of(before(), [(".wh.a", file(0))]), ".wh.a");
        assert_eq!(layer_of(before(), [("a", folder()), ("a/.wh.d", file(0))]), "a a/.wh.d");
        // Something that was never there.
        assert_eq!(layer_of(before(), [(".wh.tmp", file(0))]), "");
        // A file where a folder was needs no mark.
        assert_eq!(layer_of(before(), [("a", file(1))]), "a");
        assert_eq!(layer_of(before(), [("b", folder()), ("b/c", file(1))]), "b b/c");
    }

    #[test]
    fn a_folder_that_was_made_again_loses_what_it_has_no_more() {
        let before = [("a", folder()), ("a/f", file(10)), ("a/g", file(20)), ("a/h", file(30))];
        let again = [
            ("a", folder()),
            ("a/.wh..wh..opq", file(0)),
            ("a/g", file(20)),
            ("a/h", file(40)),
            ("a/i", file(50)),
        ];
        assert_eq!(layer_of(before, again), "a a/.wh.f a/h a/i");
    }

    #[test]
    fn names_of_one_file_come_together() {
        let before = || [("a", file(10)), ("b", linked(20)), ("c", linked(20))];
        // A new name of one that was there.
        assert_eq!(layer_of(before(), [("a", linked(15)), ("d", linked(15))]), "a d");
        // Two that were one file still are.
        assert_eq!(layer_of(before(), [("b", linked(25)), ("c", linked(25))]), "");
        // Two files with the same bytes have become one.
        let two = [("a", file(10)), ("b", file(11))];
        assert_eq!(layer_of(two, [("a", linked(15)), ("b", linked(15))]), "a b");
    }

    #[test]
    fn what_engines_mount_and_leave_is_not_in_it() {
        let account = || {
            [
                ("dev", folder()),
                ("dev/null", file(1)),
                ("etc/resolv.conf", file(1)),
                (".dockerenv", file(1)),
                ("proc", folder()),
                ("sys", folder()),
            ]
        };
        assert_eq!(layer_of([], account()), "");
        assert_eq!(layer_of([], [("run", folder())]), "run");
        let before = [("etc", folder()), ("etc/hosts", file(10)), ("etc/x", file(10))];
        let again = [("etc", folder()), ("etc/.wh..wh..opq", file(0)), ("etc/hosts", file(20))];
        assert_eq!(layer_of(before, again), "etc etc/.wh.x");
    }
}
