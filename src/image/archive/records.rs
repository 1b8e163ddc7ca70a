//! The extended header records of an archive's entries, each by the length that it gives itself.
//!
//! The tar crate takes a line feed for the end of a record, but values are bytes: a name or a capability may
//! have one in it. Source: POSIX, pax, "pax Extended Header". Does not know what a record means.

use std::io;
use std::io::{Read, Seek, SeekFrom};

use super::limited::BLOCK;

/// The records of one entry, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records(Vec<(String, Vec<u8>)>);

impl Records {
    /// Reads what lies before an entry's own header: from the end of the entry before to the header.
    pub(crate) fn between(
        archive: &mut (impl Read + Seek),
        from: u64,
        header: u64,
    ) -> io::Result<Self> {
        let mut records = Self::default();
        let mut at = from;
        while at + BLOCK < header {
            let mut block = tar::Header::new_old();
            archive.seek(SeekFrom::Start(at))?;
            archive.read_exact(block.as_mut_bytes())?;
            let size = block.entry_size()?;
            let end = (at + BLOCK).checked_add(size).filter(|end| *end <= header);
            let end = end.ok_or_else(|| io::Error::other("records that end behind their entry"))?;
            if block.entry_type() == tar::EntryType::XHeader {
                let mut data = vec![];
                archive.take(size).read_to_end(&mut data)?;
                records.add(&data)?;
            }
            at = end.next_multiple_of(BLOCK);
        }
        Ok(records)
    }

    /// Adds what one header of them says.
    pub(crate) fn add(&mut self, data: &[u8]) -> io::Result<()> {
        self.0.extend(parsed(data)?);
        Ok(())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// The value that counts: the last one.
    pub(crate) fn value(&self, key: &str) -> Option<&[u8]> {
        self.iter().filter(|(name, _)| *name == key).map(|(_, value)| value).last()
    }

    /// How many bytes they have.
    pub(crate) fn bytes(&self) -> u64 {
        self.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}

/// `LENGTH KEY=VALUE\n…`, where a length counts all of its record.
fn parsed(mut data: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut records = vec![];
    while !data.is_empty() {
        let (key, value, rest) =
            record(data).ok_or_else(|| io::Error::other("a malformed record of an entry"))?;
        records.push((String::from_utf8_lossy(key).into_owned(), value.to_vec()));
        data = rest;
    }
    Ok(records)
}

/// Key and value of the first record, and what follows it.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = data.iter().take(20).position(|b| *b == b' ')?;
    let length = std::str::from_utf8(&data[..blank]).ok()?.parse::<usize>().ok()?;
    let (whole, rest) = data.split_at_checked(length)?;
    let text = whole.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|b| *b == b'=')?;
    Some((&text[..equals], &text[equals + 1..], rest))
}

/// Whether the tar crate reads all records of an entry as they are. A reader of a stream, which cannot look
/// back, refuses what it would take for something else.
pub(super) fn check(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<()> {
    let records = entry.pax_extensions()?;
    records.into_iter().flatten().try_for_each(|record| record.map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(records: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        records.iter().map(|(key, value)| ((*key).to_owned(), value.to_vec())).collect()
    }

    #[test]
    fn a_record_ends_where_its_length_says() {
        let data = b"13 path=a\nb=\n11 uid=123\n";
        assert_eq!(parsed(data).unwrap(), owned(&[("path", b"a\nb="), ("uid", b"123")]));
        assert_eq!(parsed(b"").unwrap(), vec![]);
    }

    #[test]
    fn other_records_are_refused() {
        for bad in [
            "8 path=a\n",
            "99 path=a\n",
            "10 path=a",
            "x path=a\n",
            "0 a=b\n",
            "1 a=b\n",
            " a=b\n",
            "8 path\n\n\n",
            "18446744073709551615 a=b\n",
            "8 a=b\n\n",
            "-6 a=b\n",
        ] {
            assert!(parsed(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
