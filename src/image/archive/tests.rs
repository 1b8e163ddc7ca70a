//! Archives that ask for more than there is: each is small, and ends at its limit by name.

use std::io;
use std::io::{Read, Seek, SeekFrom, Write};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;
use crate::base::limits::{Exceeded, Limit, Limits};
use crate::image::Left;
use crate::image::tree::Tree;

/// A tar of empty files with these paths, without its end.
fn tar(paths: &[&str]) -> Vec<u8> {
    let mut out = vec![];
    let entries = paths.iter().map(|path| Entry::Text(path.into(), vec![])).collect();
    write(entries, 0, &mut out).unwrap();
    out.truncate(out.len() - 1024);
    out
}

/// The header of an entry that says how long it is.
fn claims(kind: tar::EntryType, size: u64) -> Vec<u8> {
    let mut header = header(kind, size, 0o644, 0);
    header.set_path("out/a").unwrap();
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn limits(limit: Limit, value: u64) -> Limits {
    Limits::default().with(limit, value)
}

/// The limit that taking a file out of an archive meets.
fn taken(source: impl Read, limits: &Limits) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let wanted = [("out/a".to_owned(), (dir.path().join("a"), Limit::ListSize))];
    take_files(source, wanted.into(), limits).err().map(|error| {
        assert!(error.hint_text().is_none_or(|hint| hint.contains("in `[limits]` of `bb.toml`")));
        error.message().to_owned()
    })
}

/// The limit that listing an archive meets; it is in a file, with as many zeros after it as are asked for.
fn listed(start: &[u8], zeros: u64, limits: &Limits) -> Option<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(start).unwrap();
    let size = start.len() as u64 + zeros;
    file.as_file().set_len(size).unwrap();
    let error = listing::entries(&listing::whole(file.path(), size), limits).err()?;
    Some(error.named("it").map_or_else(|| error.why().to_owned(), |e| e.message().to_owned()))
}

#[test]
fn a_name_that_claims_gigabytes_is_not_read() {
    for kind in [tar::EntryType::GNULongName, tar::EntryType::GNULongLink, tar::EntryType::XHeader]
    {
        let bomb = claims(kind, 12 << 30);
        let expected = "more than 1 MiB (`record_size`";
        let message = taken(bomb.as_slice().chain(io::repeat(b'a')), &Limits::default()).unwrap();
        assert!(message.contains(expected), "{kind:?}: {message}");
        let message = listed(&bomb, 12 << 30, &Limits::default()).unwrap();
        assert!(message.contains(expected), "{kind:?}: {message}");
    }
}

#[test]
fn entries_depth_and_names_have_limits() {
    let deep = "d/".repeat(40) + "f";
    let many = tar(&["a", "b", "c"]);
    let cases = [
        (&many, Limit::Entries, 2, "more than 2 (`entries`"),
        (&tar(&[&deep]), Limit::Depth, 40, "more than 40 (`depth`"),
        (&many, Limit::NamesSize, 2, "more than 2 bytes (`names_size`"),
    ];
    for (tar, limit, value, expected) in cases {
        let limits = limits(limit, value);
        for message in [taken(tar.as_slice(), &limits), listed(tar, 1024, &limits)] {
            assert!(message.as_ref().unwrap().contains(expected), "{message:?}");
        }
        assert_eq!(listed(tar, 1024, &Limits::default()), None);
    }
}

#[test]
fn a_file_is_taken_up_to_its_limit() {
    let mut text = vec![];
    write(vec![Entry::Text("out/a".into(), vec![b'x'; 100])], 0, &mut text).unwrap();
    assert_eq!(taken(text.as_slice(), &limits(Limit::ListSize, 100)), None);
    let message = taken(text.as_slice(), &limits(Limit::ListSize, 99)).unwrap();
    assert!(message.starts_with("the builder's `out/a` has more than 99 bytes (`list_size`"));
    // Whatever else there is counts too.
    let other = claims(tar::EntryType::Regular, 1 << 40);
    let endless = other.as_slice().chain(io::repeat(0));
    let message =
        taken(endless, &limits(Limit::ResultSize, 1 << 16).with(Limit::ListSize, 1 << 50));
    assert!(message.unwrap().contains("`result_size`"));
}

#[test]
fn what_is_cut_off_is_not_taken_for_whole() {
    let cut = claims(tar::EntryType::Regular, 100);
    assert!(taken([&cut[..], b"half"].concat().as_slice(), &Limits::default()).is_some());
    assert!(
        listed(&[&cut[..], b"half"].concat(), 0, &Limits::default())
            .unwrap()
            .contains("ends within")
    );
    // Only what would fill the block up is missing.
    assert_eq!(listed(&[&cut[..], &[b'x'; 100]].concat(), 0, &Limits::default()), None);
    let beyond = claims(tar::EntryType::Regular, u64::MAX >> 2);
    assert!(listed(&beyond, 0, &Limits::default()).is_some());
}

#[test]
fn nobody_waits_for_a_builder_that_hands_out_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let silent = || Box::pin(futures_util::stream::pending()) as Body;
    let limits = limits(Limit::ResultTime, 0);
    let dir = tempfile::tempdir().unwrap();
    let taken = runtime.block_on(take(silent(), Wanted::new(), &limits)).unwrap_err();
    let saved = runtime.block_on(save(silent(), &dir.path().join("image"), &limits)).unwrap_err();
    for error in [taken, saved] {
        assert!(error.message().contains("more than 0 s (`result_time`"), "{error}");
    }
}

/// The limit that reading a compressed ROOT meets.
fn unpacked(data: &[u8], limits: &Limits) -> Option<Limit> {
    let read = sysroot::read(data, data.len() as u64, &Tree::default(), limits);
    Some(Exceeded::of(&read.err()?).unwrap().limit)
}

#[test]
fn a_dense_archive_is_not_unpacked() {
    let zeros = |bytes: usize| {
        let mut tar = claims(tar::EntryType::Regular, bytes as u64);
        tar.resize(512 + bytes + 1024, 0);
        compress_to_vec(tar.as_slice(), CompressionLevel::Fastest)
    };
    let small = zeros(1 << 20);
    assert_eq!(unpacked(&small, &Limits::default()), None);
    assert_eq!(unpacked(&small, &limits(Limit::Unpacked, 1 << 19)), Some(Limit::Unpacked));
    let dense = zeros(65 << 20);
    assert!(dense.len() < 1 << 16);
    assert_eq!(unpacked(&dense, &limits(Limit::Expansion, 100)), Some(Limit::Expansion));
    assert_eq!(unpacked(&dense, &limits(Limit::Expansion, 1 << 20)), None);
    // A frame that wants a window of 1 GiB. Source: RFC 8878, 3.1.1.1.2.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00];
    assert_eq!(unpacked(&window, &Limits::default()), Some(Limit::ZstdWindow));
}

#[test]
fn lists_of_files_in_a_dense_archive_have_a_limit() {
    let path = "./var/db/pkg/x/y-1/CONTENTS";
    let mut tar = vec![];
    write(vec![Entry::Text(path.into(), vec![b'\n'; 1 << 20])], 0, &mut tar).unwrap();
    let data = compress_to_vec(tar.as_slice(), CompressionLevel::Fastest);
    assert_eq!(unpacked(&data, &limits(Limit::ListSize, 1 << 19)), Some(Limit::ListSize));
    assert_eq!(unpacked(&data, &limits(Limit::NamesSize, 1 << 19)), Some(Limit::NamesSize));
}

#[test]
fn a_limit_is_a_failure_and_no_reason_for_the_engine_to_build() {
    let exceeded = Limits::default().exceeded(Limit::Depth);
    let left = Left::beyond("`a.tar`", exceeded);
    assert!(left.failure().unwrap().message().starts_with("`a.tar` has more than 256 (`depth`"));
    assert_eq!(Left::new("x").failure(), None);
}

#[test]
fn a_section_does_not_seek_outside() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut section = listing::Section::open(&listing::whole(file.path(), 10)).unwrap();
    assert!(section.seek(SeekFrom::Start(u64::MAX)).is_err());
    assert!(section.seek(SeekFrom::Current(-1)).is_err());
    assert_eq!(section.seek(SeekFrom::End(-1)).unwrap(), 9);
}

#[test]
fn values_of_records_are_bytes() {
    let capability = b"\x01\0\0\x02\n\0\0\0\0\0\0\0\n\0\0\0\0\0\0\0";
    let name = format!("{}\n=\u{e9}", "x".repeat(120));
    let mut archive = tar::Builder::new(vec![]);
    let records = [
        ("path", name.as_bytes()),
        ("SCHILY.xattr.security.capability", capability.as_slice()),
        ("uid", b"7"),
    ];
    archive.append_pax_extensions(records).unwrap();
    let mut file = super::header(tar::EntryType::Regular, 1, 0o755, 0);
    archive.append_data(&mut file, "x", b"y".as_slice()).unwrap();
    archive.append_pax_extensions([("linkpath", b"a\nb".as_slice())]).unwrap();
    let mut link = super::header(tar::EntryType::Symlink, 0, 0o777, 0);
    archive.append_link(&mut link, "y", "a").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let bytes = archive.into_inner().unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let content = listing::whole(&path, bytes.len() as u64);
    let entries = listing::entries(&content, &Limits::default()).unwrap().unwrap();
    let nodes = listing::nodes(entries).unwrap();
    let node = |name: &str| &nodes[&bstr::BString::from(name)];
    assert_eq!(
        (node(&name).uid, node(&name).xattrs["security.capability"].as_slice()),
        (7, &capability[..])
    );
    assert_eq!(node("y").kind, crate::image::tree::Kind::Link("a\nb".into()));
}

#[test]
fn a_number_that_is_blank_is_zero() {
    for blank in [0, b' '] {
        let mut header = header(tar::EntryType::Char, 0, 0o644, 0);
        header.set_path("a").unwrap();
        // Mode, user and group; major and minor number.
        for field in [100..124, 329..345] {
            header.as_mut_bytes()[field].fill(blank);
        }
        header.set_cksum();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [header.as_bytes(), &[0; 1024][..]].concat()).unwrap();
        let content = listing::whole(file.path(), 512 + 1024);
        let entries = listing::entries(&content, &Limits::default()).unwrap().unwrap();
        let nodes = listing::nodes(entries).unwrap();
        let node = &nodes[&bstr::BString::from("a")];
        assert_eq!((node.mode, node.uid, node.gid), (0, 0, 0));
        assert_eq!(node.kind, crate::image::tree::Kind::Device(false, 0, 0));
    }
}

/// The tree of an image of one layer on another.
fn laid(
    lower: &[(&str, Option<&str>)],
    upper: &[(&str, Option<&str>)],
) -> Result<Vec<String>, Left> {
    let mut tree = Tree::default();
    for paths in [lower, upper] {
        let mut archive = tar::Builder::new(vec![]);
        for (path, target) in paths {
            let kind = target.map_or(tar::EntryType::Regular, |_| tar::EntryType::Symlink);
            let mut header = super::header(kind, 0, 0o644, 0);
            let target = target.map(str::as_bytes);
            append_raw(&mut archive, &mut header, path.as_bytes(), target, io::empty()).unwrap();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = archive.into_inner().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let content = listing::whole(file.path(), bytes.len() as u64);
        tree.apply(&listing::layer(&content, &Limits::default())?)?;
    }
    Ok(tree.nodes().keys().map(ToString::to_string).collect())
}

#[test]
fn a_layer_is_laid_as_engines_unpack_it() {
    let plain = laid(&[("./src/./b", None), ("/src/d", None)], &[("src/../etc/passwd", None)]);
    assert_eq!(plain.unwrap(), ["etc", "etc/passwd", "src", "src/b", "src/d"]);
    for out in ["../a", "a/../../b", ".."] {
        assert!(laid(&[], &[(out, None)]).unwrap_err().why().contains("leads out of its layer"));
    }
    assert_eq!(laid(&[], &[("..a", None)]).unwrap(), ["..a"]);
    let through = laid(&[("ln", Some("/tmp"))], &[("ln/EVIL", None)]).unwrap_err();
    assert_eq!(through.why(), "`/ln/EVIL` goes through `/ln`, no folder");
}
