//! Which entries every reader takes for the same. What only some of them read, or read as something else, is not
//! read here: the engine's own builder is to unpack such an archive.
//!
//! Source: Go, `archive/tar/reader.go`, `readHeader`, `next`, `mergePAX`, beside the tar crate's `archive.rs`. Does
//! not know what an entry becomes.

use std::io;
use std::io::{Read, Seek, SeekFrom};

use tar::{EntryType, Header};

use super::limited::BLOCK;
use super::records::Records;

/// What readers differ in, of an entry of that name; nothing for nearly all.
pub(super) fn odd(header: &Header, name: &[u8], records: &Records) -> Option<&'static str> {
    let odds = [
        (is_folder_by_name(header, name), "is a file whose name ends like a folder's"),
        (has_idle_size(header), "has a size, and is no file"),
        (has_empty_record(records), "has a record that says nothing"),
        (has_prefix_in_gnu(header), "is GNU's, and has a prefix"),
    ];
    odds.into_iter().find_map(|(is_odd, what)| is_odd.then_some(what))
}

/// Whether a field of a header has no digit.
pub(super) fn is_blank(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, 0 | b' '))
}

/// From a time when there was no type for folders.
fn is_folder_by_name(header: &Header, name: &[u8]) -> bool {
    header.entry_type() == EntryType::Regular && name.ends_with(b"/")
}

/// Some go on behind so many bytes, some with the next header.
fn has_idle_size(header: &Header) -> bool {
    let is_header_only = matches!(
        header.entry_type(),
        EntryType::Directory
            | EntryType::Link
            | EntryType::Symlink
            | EntryType::Char
            | EntryType::Block
            | EntryType::Fifo
    );
    is_header_only && header.entry_size().is_ok_and(|size| size > 0)
}

fn has_empty_record(records: &Records) -> bool {
    let meant = ["path", "linkpath", "size", "uid", "gid"];
    records.iter().any(|(key, value)| meant.contains(&key) && value.is_empty())
}

/// Where a header of POSIX has the beginning of a name, and one of GNU times.
const PREFIX: std::ops::Range<usize> = 345..500;

fn has_prefix_in_gnu(header: &Header) -> bool {
    header.as_gnu().is_some() && header.as_bytes()[PREFIX].iter().any(|byte| *byte != 0)
}

/// Whether the header that cannot be read, of those from a place on, is one that others read: its size is blank, its
/// sum is that of signed bytes, as old writers had it, or it is a second one of records.
///
/// # Errors
/// The archive cannot be read.
pub(super) fn is_read_elsewhere(archive: &mut (impl Read + Seek), from: u64) -> io::Result<bool> {
    let mut at = from;
    let mut before = None;
    loop {
        let mut header = Header::new_old();
        archive.seek(SeekFrom::Start(at))?;
        match archive.read_exact(header.as_mut_bytes()) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        let Ok(said) = header.cksum() else { return Ok(false) };
        let [unsigned, signed] = sums(&header);
        if i64::from(said) != unsigned {
            return Ok(i64::from(said) == signed);
        }
        let is_second = before == Some(EntryType::XHeader);
        before = Some(header.entry_type());
        if is_second && before == Some(EntryType::XHeader) {
            return Ok(true);
        }
        let Ok(size) = header.entry_size() else {
            return Ok(is_blank(&header.as_old().size));
        };
        let next = at.checked_add(BLOCK).and_then(|at| at.checked_add(size));
        let Some(next) = next.and_then(|next| next.checked_next_multiple_of(BLOCK)) else {
            return Ok(false);
        };
        at = next;
    }
}

/// Where a header has its own checksum, which counts as blanks.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// The sums of a header's bytes, unsigned and signed.
fn sums(header: &Header) -> [i64; 2] {
    let bytes = header.as_bytes().iter().enumerate();
    let counted = bytes.map(|(at, byte)| if CHECKSUM.contains(&at) { b' ' } else { *byte });
    counted.fold([0, 0], |[unsigned, signed], byte| {
        [unsigned + i64::from(byte), signed + i64::from(byte.cast_signed())]
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::base::limits::Limits;
    use crate::image::archive::listing;

    /// An entry `d\xe9/f` with a byte in it, its header changed.
    fn archive(header: Header, change: impl Fn(&mut Header)) -> Vec<u8> {
        let mut header = header;
        header.as_old_mut().name[..5].copy_from_slice(b"d\xe9/f1");
        header.set_mode(0o644);
        header.set_size(1);
        change(&mut header);
        if is_blank(&header.as_old().cksum) {
            header.set_cksum();
        }
        let mut data = header.as_bytes().to_vec();
        data.extend([[b'x'; 1].as_slice(), &[0; 511], &[0; 1024]].concat());
        data
    }

    fn records(records: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(vec![]);
        tar.append_pax_extensions(records.iter().copied()).unwrap();
        let mut data = tar.into_inner().unwrap();
        data.truncate(1024);
        data
    }

    fn read(data: &[u8]) -> String {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(data).unwrap();
        let content = listing::whole(file.path(), data.len() as u64);
        match listing::entries(&content, &Limits::default()) {
            Ok(found) => format!("{}", found.map_or(0, |all| all.len())),
            Err(left) => left.why().to_owned(),
        }
    }

    #[test]
    fn what_readers_differ_in_is_not_read() {
        let plain = |change: &dyn Fn(&mut Header)| archive(Header::new_ustar(), change);
        let of = |kind| move |header: &mut Header| header.set_entry_type(kind);
        let signed = |header: &mut Header| {
            let sum = sums(header)[1];
            header.as_old_mut().cksum.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        };
        let unchanged = plain(&|_| {});
        let table = [
            (unchanged.clone(), "1"),
            (plain(&|header| header.as_old_mut().size = [0; 12]), "only some can read"),
            (plain(&|header| header.as_old_mut().size = [b' '; 12]), "only some can read"),
            (plain(&|header| header.as_old_mut().name[4] = b'/'), "ends like a folder's"),
            (plain(&of(EntryType::Directory)), "has a size, and is no file"),
            (plain(&of(EntryType::Link)), "has a size, and is no file"),
            (plain(&of(EntryType::Fifo)), "has a size, and is no file"),
            ([records(&[("path", b"a")]), unchanged.clone()].concat(), "1"),
            ([records(&[("path", b"")]), unchanged.clone()].concat(), "says nothing"),
            (
                [records(&[("path", b"a")]), records(&[("uid", b"1")]), unchanged.clone()].concat(),
                "only some can read",
            ),
            (archive(Header::new_gnu(), |_| {}), "1"),
            (archive(Header::new_gnu(), |h| h.as_mut_bytes()[345] = b'p'), "and has a prefix"),
            (plain(&signed), "only some can read"),
            ([unchanged[..1024].to_vec(), plain(&signed)].concat(), "only some can read"),
            ([records(&[("uid", b"1")]), plain(&signed)].concat(), "only some can read"),
        ];
        for (at, (data, wanted)) in table.into_iter().enumerate() {
            let said = read(&data);
            assert!(said.ends_with(wanted), "{at}: {said}");
        }
    }
}
