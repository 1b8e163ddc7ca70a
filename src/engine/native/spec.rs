//! What a box is, and what is asked of one: values, no effects. Does not know how any of it is done.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};

/// Names below are folders of the store: at most so many bytes.
const LONGEST_NAME: usize = 128;

/// A name that is a folder of the store, and nothing that leads elsewhere.
fn plain(kind: &str, name: &str) -> Result<String> {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = !name.is_empty() && name.len() <= LONGEST_NAME && !name.starts_with('.');
    if fits && name.chars().all(letter) {
        return Ok(name.to_owned());
    }
    let hint = "letters, digits, `-`, `_` and `.`, at most 128, the first one no dot";
    Err(Error::bug(format!("`{name}` is no name of a {kind}")).hint(hint))
}

macro_rules! names {
    ($(#[doc = $doc:literal] $name:ident = $kind:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(String);

        impl $name {
            /// Of a text.
            ///
            /// # Errors
            /// It would be no plain name of a folder.
            pub fn new(name: &str) -> Result<Self> {
                plain($kind, name).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// Which box.
    BoxId = "box";
    /// Which unpacked layer: its content's digest, without `sha256:`.
    LayerId = "layer";
    /// Which cache.
    CacheName = "cache";
}

/// A box to be started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxSpec {
    /// What it stands on, the lowest one first.
    pub layers: Vec<LayerId>,
    /// What else is to be seen in it.
    pub mounts: Vec<Mount>,
    /// What it reaches.
    pub network: Network,
    /// What it calls itself.
    pub hostname: String,
    /// What it is for.
    pub labels: BTreeMap<String, String>,
    /// No program in it gets more rights than it was started with, and only known system calls are answered.
    pub no_new_privileges: bool,
    /// What its processes may use.
    pub bounds: Bounds,
}

/// Something of outside to be seen in a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mount {
    /// A cache of the store.
    Cache {
        /// Which one.
        name: CacheName,
        /// Which file or folder of it; all of it, if none.
        #[serde(default)]
        part: Option<CacheName>,
        /// Where in the box.
        at: String,
        /// Whether the box may write it.
        writable: bool,
    },
    /// A file or folder of this machine.
    Host {
        /// Which one.
        path: PathBuf,
        /// Where in the box.
        at: String,
        /// Whether the box may write it, as far as its owners are mapped.
        writable: bool,
    },
}

impl Mount {
    /// Where in the box it is.
    pub fn at(&self) -> &str {
        match self {
            Self::Cache { at, .. } | Self::Host { at, .. } => at,
        }
    }

    /// Whether the box may write it.
    pub fn is_writable(&self) -> bool {
        match self {
            Self::Cache { writable, .. } | Self::Host { writable, .. } => *writable,
        }
    }
}

/// What a box reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Itself.
    #[default]
    None,
    /// What this machine reaches, as this machine.
    Host,
    /// What another box reaches, which has to run: they share one network.
    Of(BoxId),
}

/// What each of a box's processes may use; nothing said is as it is outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Processes of one user of the box, all together.
    pub processes: Option<u64>,
    /// Bytes of address space of one process.
    pub memory: Option<u64>,
    /// Files that one process has open.
    pub files: Option<u64>,
}

/// A command for a box.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Program and arguments.
    pub words: Vec<String>,
    /// All its variables.
    pub env: Vec<(String, String)>,
    /// Where it begins; the root if empty.
    pub cwd: String,
    /// `NAME`, `ID`, and `:GROUP` behind it, as the box's own tables have it; root if empty.
    pub user: String,
}

impl Command {
    /// A command of root's with nothing but the usual PATH.
    pub fn of(words: &[&str]) -> Self {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Self { words, env: vec![("PATH".into(), path.into())], ..Self::default() }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Ended {
    /// The code as shells tell it.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// A process of a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number in the box.
    pub pid: u32,
    /// Its user in the box.
    pub uid: u32,
    /// What the kernel calls it: fifteen characters of the program's name.
    pub name: String,
    /// Program and arguments, or the kernel's name of it.
    pub words: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for good in ["a", "0f3c", "bb-1.x_2"] {
            assert_eq!(BoxId::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(129);
        for bad in ["", ".", "..", "a/b", ".hidden", "a:b", "a,b", "a\nb", "ä", &long] {
            assert!(LayerId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_end_is_told_as_shells_do() {
        assert_eq!(Ended::Code(3).code(), 3);
        assert_eq!(Ended::Signal(9).code(), 137);
    }
}
