//! Which files of two archives differ. Times do not count: they are not what an image is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::name;

/// The paths of an archive, each with all that counts of it.
type Listed = BTreeMap<String, String>;

/// The paths that only one of two archives has, or that are not the same in both, sorted.
///
/// # Errors
/// One cannot be read.
pub fn differing(one: &Path, other: &Path) -> Result<Vec<String>> {
    let [one, other] = [listed(one)?, listed(other)?];
    let changed = one.iter().filter(|(path, is)| other.get(*path) != Some(*is));
    let added = other.keys().filter(|path| !one.contains_key(*path));
    let mut paths = changed.map(|(path, _)| path).chain(added).cloned().collect::<Vec<_>>();
    paths.sort();
    Ok(paths)
}

fn listed(file: &Path) -> Result<Listed> {
    let failed = |e: io::Error| Error::file("read", file, &e);
    let mut archive = tar::Archive::new(File::open(file).map_err(failed)?);
    let mut all = Listed::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let path = name::text(&entry.path_bytes()).into_owned();
        all.insert(path, told(&mut entry).map_err(failed)?);
    }
    Ok(all)
}

fn told(entry: &mut tar::Entry<'_, File>) -> io::Result<String> {
    let header = entry.header();
    let (kind, mode) = (header.entry_type(), header.mode()?);
    let owner = (header.uid()?, header.gid()?);
    let link = entry.link_name_bytes().map(|link| name::text(&link).into_owned());
    let mut content = Sha256::new();
    io::copy(entry, &mut content)?;
    Ok(format!("{kind:?} {mode:o} {owner:?} {link:?} {}", hex(&content.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_differ_by_all_but_their_times() {
        let dir = tempfile::tempdir().unwrap();
        let archive = |name: &str, files: &[(&str, &str, u32, u64)]| {
            let path = dir.path().join(name);
            let mut tar = tar::Builder::new(File::create(&path).unwrap());
            for (name, text, mode, time) in files {
                let mut header = tar::Header::new_gnu();
                header.set_size(text.len() as u64);
                header.set_mode(*mode);
                header.set_mtime(*time);
                header.set_uid(0);
                header.set_gid(0);
                tar.append_data(&mut header, name, text.as_bytes()).unwrap();
            }
            tar.finish().unwrap();
            path
        };
        let one = archive(
            "1",
            &[
                ("a", "1", 0o644, 1),
                ("b", "2", 0o644, 1),
                ("c", "3", 0o644, 1),
                ("d", "", 0o644, 1),
            ],
        );
        let other = archive(
            "2",
            &[
                ("e", "", 0o644, 1),
                ("c", "3", 0o755, 1),
                ("b", "2", 0o644, 2),
                ("a", "4", 0o644, 1),
            ],
        );
        assert_eq!(differing(&one, &one).unwrap(), [""; 0]);
        assert_eq!(differing(&one, &other).unwrap(), ["a", "c", "d", "e"]);
    }
}
