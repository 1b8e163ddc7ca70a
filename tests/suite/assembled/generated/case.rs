//! A dock as a value: the lines of its Dockerfile and its files, how they are written to a folder, told
//! to a person, and made smaller.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use super::archive::{self, Member};

/// Stands in a Dockerfile for the namespace of the room, as in a template.
pub const NAMESPACE: &str = "${NAMESPACE}";

/// One dock.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub name: String,
    /// Directives, comments and instructions, each with all its lines.
    pub lines: Vec<String>,
    /// Do lines end with a carriage return, too?
    pub returns: bool,
    pub files: Vec<File>,
    /// `.dockerignore`, by lines.
    pub ignore: Vec<String>,
    /// The other cases that it is built on or copies from.
    pub parents: Vec<String>,
    /// What was made wrong on purpose.
    pub fault: Option<&'static str>,
}

/// Something in a dock's folder.
#[derive(Debug, Clone)]
pub struct File {
    pub path: Vec<u8>,
    pub what: What,
    pub mode: u32,
    pub owner: u32,
    /// With a `user.…` attribute?
    pub attribute: bool,
}

#[derive(Debug, Clone)]
pub enum What {
    File(Vec<u8>),
    Folder,
    Link(Vec<u8>),
    Archive { members: Vec<Member>, cut: usize },
}

/// One step towards a smaller case.
#[derive(Debug, Clone, Copy)]
pub enum Less {
    Line(usize),
    File(usize),
    Rule(usize),
    /// A member of an archive.
    Member(usize, usize),
    /// A word of a line.
    Word(usize, usize),
    /// An ordinary mode, owner and so on.
    Plain(usize),
    Returns,
}

impl Case {
    /// The Dockerfile with this as the namespace.
    pub fn dockerfile(&self, namespace: &str) -> String {
        let text = self.lines.iter().fold(String::new(), |text, line| text + line + "\n");
        let end = if self.returns { "\r\n" } else { "\n" };
        text.replace(NAMESPACE, namespace).replace('\n', end)
    }

    /// Writes the dock, whatever the umask is.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        set_mode(folder, 0o755);
        plain(folder, "Dockerfile.template", &self.dockerfile(NAMESPACE));
        plain(folder, "Buildconfig.sh", "");
        if !self.ignore.is_empty() {
            plain(folder, ".dockerignore", &(self.ignore.join("\n") + "\n"));
        }
        for file in &self.files {
            file.write(folder);
        }
        // Folders last, or what is to be put into them would change their times and modes.
        for folder_or_file in self.files.iter().rev() {
            folder_or_file.finish(folder);
        }
    }

    /// Writes the dock and its Dockerfile, for `docker build`.
    pub fn write_context(&self, folder: &Path, namespace: &str) {
        self.write(folder);
        plain(folder, "Dockerfile", &self.dockerfile(namespace));
    }

    /// All that could be left out, the last things first.
    pub fn less(&self) -> Vec<Less> {
        let lines = (0..self.lines.len()).map(Less::Line);
        let files = (0..self.files.len()).map(Less::File);
        let rules = (0..self.ignore.len()).map(Less::Rule);
        let members = self.files.iter().enumerate().flat_map(|(file, of)| {
            let count =
                if let What::Archive { members, .. } = &of.what { members.len() } else { 0 };
            (0..count).map(move |member| Less::Member(file, member))
        });
        let words = self.lines.iter().enumerate().flat_map(|(line, text)| {
            (1..text.split(' ').count()).map(move |word| Less::Word(line, word))
        });
        let plain = (0..self.files.len()).map(Less::Plain);
        let returns = self.returns.then_some(Less::Returns);
        let finer = plain.chain(members).chain(words).collect::<Vec<_>>();
        let coarser = rules.chain(files).chain(lines).chain(returns).collect::<Vec<_>>();
        coarser.into_iter().rev().chain(finer.into_iter().rev()).collect()
    }

    /// Without one thing; nothing if that changes nothing.
    pub fn without(&self, less: Less) -> Option<Case> {
        let mut case = self.clone();
        match less {
            Less::Line(at) => drop((at < case.lines.len()).then(|| case.lines.remove(at))?),
            Less::File(at) => drop((at < case.files.len()).then(|| case.files.remove(at))?),
            Less::Rule(at) => drop((at < case.ignore.len()).then(|| case.ignore.remove(at))?),
            Less::Member(at, member) => match &mut case.files.get_mut(at)?.what {
                What::Archive { members, .. } if member < members.len() => {
                    members.remove(member);
                }
                _ => return None,
            },
            Less::Word(at, word) => {
                let line = case.lines.get_mut(at)?;
                let mut words = line.split(' ').collect::<Vec<_>>();
                (word < words.len()).then(|| words.remove(word))?;
                *line = words.join(" ");
            }
            Less::Plain(at) => case.files.get_mut(at)?.plain().then_some(())?,
            Less::Returns => std::mem::take(&mut case.returns).then_some(())?,
        }
        Some(case)
    }

    /// For a person: everything that it consists of.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for line in self.dockerfile(NAMESPACE).split_inclusive('\n') {
            let _ = writeln!(text, "    | {}", line.trim_end_matches('\n').escape_debug());
        }
        for rule in &self.ignore {
            let _ = writeln!(text, "    .dockerignore {rule:?}");
        }
        for file in &self.files {
            let _ = writeln!(text, "    {}", file.shown());
        }
        text
    }
}

impl File {
    fn write(&self, folder: &Path) {
        let path = inside(folder, &self.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match &self.what {
            What::File(text) => fs::write(&path, text).unwrap(),
            What::Folder => fs::create_dir_all(&path).unwrap(),
            What::Link(target) => symlink(OsStr::from_bytes(target), &path).unwrap(),
            What::Archive { members, cut } => {
                fs::write(&path, archive::bytes(members, *cut)).unwrap();
            }
        }
    }

    /// Owner first: the kernel takes setuid from what is given away.
    fn finish(&self, folder: &Path) {
        let path = inside(folder, &self.path);
        lchown(&path, Some(self.owner), Some(self.owner)).unwrap();
        if matches!(self.what, What::Link(_)) {
            return;
        }
        if self.attribute {
            let flags = rustix::fs::XattrFlags::empty();
            // Not every file system keeps them; those that do show that an image does not.
            let _ = rustix::fs::setxattr(&path, "user.of", b"test", flags);
        }
        set_mode(&path, self.mode);
    }

    /// Makes it ordinary; was it something else?
    fn plain(&mut self) -> bool {
        let mode = if matches!(self.what, What::Folder) { 0o755 } else { 0o644 };
        let before = (self.mode, self.owner, self.attribute);
        (self.mode, self.owner, self.attribute) = (mode, 0, false);
        before != (mode, 0, false)
    }

    fn shown(&self) -> String {
        let name = self.path.escape_ascii();
        let mut text = format!("{:04o} \"{name}\"", self.mode);
        match &self.what {
            What::File(_) => {}
            What::Folder => text += "/",
            What::Link(target) => text += &format!(" -> \"{}\"", target.escape_ascii()),
            What::Archive { members, cut } => {
                text += " archive:";
                if *cut > 0 {
                    text += &format!(" {cut} bytes cut off");
                }
                for member in members {
                    text += &format!("\n        {member:?}");
                }
            }
        }
        text
    }
}

fn inside(folder: &Path, path: &[u8]) -> PathBuf {
    folder.join(OsStr::from_bytes(path))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn plain(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
    set_mode(&folder.join(name), 0o644);
}
