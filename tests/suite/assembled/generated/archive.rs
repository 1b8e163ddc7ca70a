//! Archives as somebody else's `tar` might write them: every name is the bytes that it is given as.
//!
//! Headers only; where the `tar` crate would tidy up a name, its fields are written directly.

use std::fmt;

use tar::EntryType;

/// One member of an archive.
#[derive(Clone)]
pub struct Member {
    pub name: Vec<u8>,
    /// The header's type flag.
    pub kind: EntryType,
    /// Where a link leads.
    pub target: Vec<u8>,
    pub mode: u32,
    pub owner: (u64, u64),
    pub text: Vec<u8>,
    /// Are name and target in pax records, even where they would fit into the header?
    pub pax: bool,
    /// A pax record besides.
    pub record: Option<(&'static str, &'static [u8])>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, mode, owner: (uid, gid), .. } = self;
        write!(f, "{kind:?} \"{}\" {mode:04o} {uid}:{gid}", self.name.escape_ascii())?;
        if !self.target.is_empty() {
            write!(f, " -> \"{}\"", self.target.escape_ascii())?;
        }
        let record = self.record.map(|(name, _)| name).unwrap_or_default();
        write!(f, "{} {record}", if self.pax { " pax" } else { "" })
    }
}

/// What a header's field for a name can hold.
const NAME: usize = 100;

/// How many bytes may be missing at the end of an archive: of the zeros that end it, of what fills up the last
/// member's block, of the member, of its header, and of the one before.
pub const CUTS: &[usize] = &[
    1, 512, 600, 1024, 1025, 1100, 1124, 1530, 1535, 1536, 1537, 1800, 2047, 2048, 2049, 2500,
    2560, 3000,
];

/// The archive without so many of its last bytes.
pub fn bytes(members: &[Member], cut: usize) -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    for member in members {
        append(&mut tar, member);
    }
    let mut bytes = tar.into_inner().unwrap();
    bytes.truncate(bytes.len().saturating_sub(cut));
    bytes
}

fn append(tar: &mut tar::Builder<Vec<u8>>, member: &Member) {
    let mut records = member.record.into_iter().collect::<Vec<_>>();
    let long = |text: &[u8]| member.pax || text.len() > NAME;
    for (key, text) in [("path", &member.name), ("linkpath", &member.target)] {
        if !text.is_empty() && long(text) {
            records.push((key, text.as_slice()));
        }
    }
    if !records.is_empty() {
        tar.append_pax_extensions(records).unwrap();
    }
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(member.kind);
    header.set_mode(member.mode);
    header.set_uid(member.owner.0);
    header.set_gid(member.owner.1);
    header.set_mtime(1_234_567_890);
    header.set_size(member.text.len() as u64);
    if matches!(member.kind, EntryType::Char | EntryType::Block) {
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
    }
    let fields = header.as_old_mut();
    put(&mut fields.name, &member.name);
    put(&mut fields.linkname, &member.target);
    header.set_cksum();
    tar.append(&header, member.text.as_slice()).unwrap();
}

/// As much as there is room for.
fn put(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}
