//! Which package a path is of, by the lists that Portage keeps of what it has installed.
//!
//! Bytes in, names out. Source of the format: `man 5 portage`, `/var/db/pkg`, `CONTENTS`.

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice};

use crate::image::tree::{Tree, join};

/// Packages (`category/name-version`) by the paths that they have installed.
pub type Owners = BTreeMap<BString, String>;

/// Linux has no longer paths.
const LONGEST: usize = 4096;

/// Takes one package's list in. Paths are where they are in the image: Portage writes `/bin/x` where
/// `/bin` is a link.
pub fn add(owners: &mut Owners, package: &str, contents: &[u8], tree: &Tree) {
    for path in contents.lines().filter_map(path).filter(|path| path.len() <= LONGEST) {
        let (folder, name) = path.rsplit_once_str("/").unwrap_or((b"", path));
        if let Ok(folder) = tree.resolve("", folder) {
            owners.insert(join(&folder, name), package.to_owned());
        }
    }
}

/// `obj PATH MD5 TIME`, `sym PATH -> TARGET TIME`; a folder is of several packages.
fn path(line: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = line.strip_prefix(b"obj ") {
        return rest.rsplitn_str(3, " ").nth(2);
    }
    line.strip_prefix(b"sym ")?.split_once_str(" -> ").map(|(path, _)| path)
}

/// The package of a record's path in an archive of a whole ROOT: `./var/db/pkg/CATEGORY/NAME/CONTENTS`.
pub fn package(path: &str) -> Option<&str> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let package = path.strip_prefix("var/db/pkg/")?.strip_suffix("/CONTENTS")?;
    (package.matches('/').count() == 1).then_some(package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tree::{Kind, Node};

    #[test]
    fn paths_lead_to_packages() {
        let mut tree = Tree::default();
        tree.make_folders("usr/bin");
        tree.put("bin", Node::of_root(Kind::Link("usr/bin".into()), 0o777));
        let text = "dir /usr\nobj /bin/a b 0123 17\nsym /usr/bin/c -> a b 17\n";
        let mut owners = Owners::new();
        add(&mut owners, "x/y-1", text.as_bytes(), &tree);
        let paths = owners.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(paths, ["usr/bin/a b", "usr/bin/c"]);
        assert_eq!(package("./var/db/pkg/x/y-1/CONTENTS"), Some("x/y-1"));
        assert_eq!(package("var/db/pkg/x/y-1/SLOT"), None);
    }
}
