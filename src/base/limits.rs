//! How much of what others have written is read: one table, with a name, a value and a reason for each.
//!
//! What comes out of a builder or an engine, what a dock's author wrote, what lies in the state folder: each
//! may be larger, deeper or denser than anything real. Pure: counts nothing itself and reads no file. The
//! reader that meets a limit says its name ([`Exceeded`]), and the hint says where it is set.

use std::{fmt, io};

use crate::base::error::{Error, Exit};

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; in `bb.toml` also as text, such as `"4 GiB"`.
    Bytes,
    /// Seconds.
    Seconds,
    /// Things.
    Count,
    /// How many times as large.
    Times,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// As `[limits]` in `bb.toml` calls it.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// The value where nobody says otherwise.
    pub default: u64,
    /// Whether `bb.toml` may say otherwise. It cannot for what is read before it, or what an engine sets.
    pub settable: bool,
    /// What is limited, as a message ends: `… than NAME allows (VALUE)`.
    pub what: &'static str,
    /// Why that much is enough, and no less.
    pub why: &'static str,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The table: each limit once.
macro_rules! table {
    ($($limit:ident = $name:literal, $unit:ident, $default:expr, $settable:literal, $what:literal, $why:literal;)*) => {
        /// One limit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limit {
            $(#[doc = $what] $limit,)*
        }

        impl Limit {
            /// All of them, in the order of the table.
            pub const ALL: [Limit; [$(Limit::$limit),*].len()] = [$(Limit::$limit),*];
        }

        const TABLE: [Row; Limit::ALL.len()] = [$(Row {
            name: $name, unit: Unit::$unit, default: $default, settable: $settable, what: $what, why: $why,
        }),*];
    };
}

table! {
    ResultSize = "result_size", Bytes, 32 * GIB, true,
        "bytes of one file that a builder or an engine hands out",
        "a desktop with its compilers is below 20 GiB";
    ResultTime = "result_time", Seconds, 3600, true,
        "seconds until a builder or an engine has handed out its results",
        "32 GiB at 10 MB/s";
    ListSize = "list_size", Bytes, 64 * MIB, true,
        "bytes of a list that a builder hands out",
        "2,500 packages are 5 MB";
    Packages = "packages", Count, 50_000, true,
        "packages in a list",
        "Gentoo has 20,000";
    Sources = "sources", Count, 20_000, true,
        "source archives of one image's packages",
        "a desktop with its compilers has 3,000";
    SourceSize = "source_size", Bytes, 8 * GIB, true,
        "bytes of one source archive",
        "the largest of Gentoo's tree have 4 GiB";
    Addresses = "addresses", Count, 200, false,
        "addresses of one source archive",
        "each mirror of an author is one";
    ManifestsSize = "manifests_size", Bytes, 16 * MIB, true,
        "bytes of Manifests about the sources of one image",
        "20,000 lines are 8 MiB";
    PackageSize = "package_size", Bytes, 8 * GIB, true,
        "bytes of one binary package",
        "the largest, of browsers and kernels' sources, have 1 GiB";
    SettingSize = "setting_size", Bytes, MIB, false,
        "bytes of one of Portage's settings, or of a list of packages, that a dock makes",
        "what people write by hand has some KiB";
    SettingsSize = "settings_size", Bytes, 16 * MIB, true,
        "bytes of all of Portage's settings that a dock makes",
        "sixteen of the largest";
    Atoms = "atoms", Count, 10_000, false,
        "packages that a dock asks for",
        "half of Gentoo's tree";
    VariablesSize = "variables_size", Bytes, 16 * MIB, true,
        "bytes of variables and functions that Buildconfig.sh leaves to finish_rootfs_build",
        "a program's argument has at most 128 KiB";
    Changes = "changes", Count, 200_000, true,
        "paths that a dock changes in its builder",
        "an overlay as large as Gentoo's tree";
    ChangesSize = "changes_size", Bytes, 2 * GIB, true,
        "bytes that a dock changes in its builder beyond Portage's settings",
        "a compiler has its place in it";
    LogSize = "log_size", Bytes, GIB, true,
        "bytes of a step's log",
        "the longest build logs of Gentoo are below 100 MB";
    Entries = "entries", Count, 1_000_000, true,
        "files and folders in an archive",
        "the whole ebuild repository has 150,000";
    Depth = "depth", Count, 256, true,
        "folders in one another",
        "the deepest path of a stage3 has 20";
    RecordSize = "record_size", Bytes, MIB, true,
        "bytes of one archive entry's name and attributes",
        "Linux has 4 KiB for a path and 64 KiB for an attribute";
    NamesSize = "names_size", Bytes, 256 * MIB, true,
        "bytes of all names and attributes in an archive",
        "250 bytes for each of a million; they are kept in memory";
    Unpacked = "unpacked", Bytes, 64 * GIB, true,
        "bytes that a compressed archive unpacks to",
        "twice the largest result";
    Expansion = "expansion", Times, 250, true,
        "times as large as it was, for a compressed archive of more than 64 MiB unpacked",
        "a ROOT unpacks to four times its size";
    ZstdWindow = "zstd_window", Bytes, 128 * MIB, true,
        "bytes of a Zstandard window, which are kept in memory",
        "what zstd itself allows without --long";
    XzDictionary = "xz_dictionary", Bytes, 512 * MIB, false,
        "bytes of an xz dictionary, which are kept in memory",
        "xz -9 has 64 MiB";
    ConfigSize = "config_size", Bytes, 8 * MIB, true,
        "bytes of an image's configuration or manifest",
        "registries take 4 MiB";
    ReadSize = "read_size", Bytes, 512 * MIB, true,
        "bytes of a program, library or table that is read whole",
        "the largest libraries, of browsers and compilers, have 250 MB";
    FileSize = "file_size", Bytes, MIB, false,
        "bytes of a text file of a project",
        "the largest Dockerfiles have 50 KiB";
    ScriptSize = "script_size", Bytes, 16 * MIB, false,
        "bytes of a script that tests an image",
        "it may carry data with it";
    ImportSize = "import_size", Bytes, GIB, false,
        "bytes of all files of an image that is imported",
        "what a COPY puts into an image is a few MB";
    SnapshotSize = "snapshot_size", Bytes, GIB, true,
        "bytes of the ebuild repository's snapshot",
        "Gentoo's has 50 MB";
    SignedSize = "signed_size", Bytes, MIB, false,
        "bytes of a signature, or of a signed list, on a mirror",
        "Gentoo's have some KiB";
    KeyringSize = "keyring_size", Bytes, 32 * MIB, false,
        "bytes of a keyring",
        "all keys of Gentoo's developers have 5 MiB";
    DockerSize = "docker_size", Bytes, 4 * MIB, false,
        "bytes of a file of docker's own settings",
        "they have some KiB";
    StateSize = "state_size", Bytes, 512 * MIB, false,
        "bytes of one file of records in the state folder",
        "10,000 docks' index is 60 MB";
    Nesting = "nesting", Count, 64, false,
        "values in one another",
        "a Compose file has six";
    Pattern = "pattern", Bytes, 4 * KIB, false,
        "bytes of a pattern",
        "a path has at most as many";
    Rules = "rules", Count, 10_000, false,
        "patterns in a .dockerignore",
        "each is tried for each file; a hundred are many";
    Braces = "braces", Count, 8, false,
        "braces in one another in a pattern",
        "each doubles what is compiled; two are rare";
    Walked = "walked", Count, 1_000_000, false,
        "files that are looked at for a pattern",
        "a checkout of Linux has 90,000";
    Taken = "taken", Count, 1_000, false,
        "other docks or images from elsewhere in one image",
        "each is looked at for every image above it; ten are many";
    Layers = "layers", Count, 127, false,
        "layers of an image",
        "overlayfs in engines takes no more";
}

impl Limit {
    /// Its row of the table.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The value of one that nobody can set.
    pub fn fixed(self) -> u64 {
        self.row().default
    }

    /// The one that `bb.toml` calls so, if it may be set there.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.row().settable && limit.row().name == name)
    }

    /// Those that `bb.toml` may set.
    pub fn settable() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|limit| limit.row().settable)
    }

    /// A value as it is read in `bb.toml`: a number, or a size as `4 GiB`.
    pub fn parse(self, text: &str) -> Option<u64> {
        let size = || text.parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64());
        let number = text.parse::<u64>().ok();
        let value = if self.row().unit == Unit::Bytes { number.or_else(size) } else { number };
        value.filter(|value| *value > 0)
    }

    /// A value with its unit.
    pub fn shown(self, value: u64) -> String {
        match self.row().unit {
            Unit::Bytes => shown_bytes(value),
            Unit::Seconds => format!("{value} s"),
            Unit::Count => value.to_string(),
            Unit::Times => format!("{value} times"),
        }
    }
}

fn shown_bytes(value: u64) -> String {
    let units = [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
    match units.into_iter().find(|(unit, _)| value >= *unit && value.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", value / unit),
        None => format!("{value} bytes"),
    }
}

/// The values in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits([u64; Limit::ALL.len()]);

impl Default for Limits {
    fn default() -> Self {
        Self(Limit::ALL.map(|limit| limit.row().default))
    }
}

impl Limits {
    /// The value of one.
    pub fn of(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// Another value for one.
    pub fn set(&mut self, limit: Limit, value: u64) {
        self.0[limit as usize] = value;
    }

    /// The same with another value for one.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: u64) -> Self {
        self.set(limit, value);
        self
    }

    /// Whether so much is still allowed.
    ///
    /// # Errors
    /// It is more than the limit's value.
    pub fn check(&self, limit: Limit, value: u64) -> Result<(), Exceeded> {
        if value <= self.of(limit) { Ok(()) } else { Err(self.exceeded(limit)) }
    }

    /// What is said where a limit is met.
    pub fn exceeded(&self, limit: Limit) -> Exceeded {
        Exceeded { limit, most: self.of(limit) }
    }
}

/// Something has more than a limit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which limit.
    pub limit: Limit,
    /// Its value.
    pub most: u64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { name, what, .. } = self.limit.row();
        write!(f, "more than {} (`{name}`: {what})", self.limit.shown(self.most))
    }
}

impl std::error::Error for Exceeded {}

impl From<Exceeded> for io::Error {
    fn from(exceeded: Exceeded) -> Self {
        io::Error::other(exceeded)
    }
}

impl Exceeded {
    /// The limit that a reader met, however deep below other words of the archive's reader it is.
    pub fn of(error: &io::Error) -> Option<Self> {
        let mut at: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|e| e as _);
        while let Some(error) = at {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(*found);
            }
            // An `io::Error` hides the error that it was made of from `source`.
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            at = inner.map(|e| e as _).or_else(|| error.source());
        }
        None
    }

    /// As an error about a thing: `what` is a name with its backticks.
    pub fn error(&self, exit: Exit, what: &str) -> Error {
        let error = Error::new(exit, format!("{what} has {self}"));
        let name = self.limit.row().name;
        if self.limit.row().settable {
            error.hint(format!("if that is meant so, raise `{name}` in `[limits]` of `bb.toml`"))
        } else {
            error.hint("make it smaller; this limit is fixed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_name_of_its_own_and_a_reason() {
        for limit in Limit::ALL {
            let row = limit.row();
            let same = Limit::ALL.into_iter().filter(|other| other.row().name == row.name);
            assert_eq!(same.count(), 1, "{}", row.name);
            assert!(row.default > 0 && !row.why.is_empty() && !row.what.is_empty());
            assert_eq!(Limit::named(row.name), row.settable.then_some(limit));
        }
    }

    #[test]
    fn values_are_numbers_or_sizes() {
        assert_eq!(Limit::ResultSize.parse("2 GiB"), Some(2 * GIB));
        assert_eq!(Limit::ResultSize.parse("17"), Some(17));
        assert_eq!(Limit::Entries.parse("17"), Some(17));
        for (limit, text) in [(Limit::Entries, "2 GiB"), (Limit::Depth, "0"), (Limit::Depth, "-1")]
        {
            assert_eq!(limit.parse(text), None, "{text}");
        }
        assert_eq!(Limit::ResultSize.shown(3 * GIB), "3 GiB");
        assert_eq!(Limit::ResultSize.shown(GIB + 1), "1073741825 bytes");
    }

    #[test]
    fn a_limit_is_found_below_other_words() {
        let exceeded = Limits::default().exceeded(Limit::Depth);
        let plain = io::Error::from(exceeded);
        assert_eq!(Exceeded::of(&plain), Some(exceeded));
        let wrapped = io::Error::other(io::Error::other(plain));
        assert_eq!(Exceeded::of(&wrapped), Some(exceeded));
        assert_eq!(Exceeded::of(&io::Error::other("no")), None);
        let error = exceeded.error(Exit::Step, "`rootfs.tar`");
        assert_eq!(
            error.message(),
            "`rootfs.tar` has more than 256 (`depth`: folders in one another)"
        );
        assert!(error.hint_text().unwrap().contains("raise `depth` in `[limits]`"));
    }
}
