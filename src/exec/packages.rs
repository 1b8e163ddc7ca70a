//! Which package a step is at, and in which of Portage's phases, by the lines that Portage writes.
//!
//! Only for people who wait: a package may write such lines too, and nothing is decided by them. Pure.

#![deny(clippy::disallowed_methods, reason = "lines in, places out")]

use std::fmt;

/// What Portage does with a package, in the order in which it does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackagePhase {
    /// It begins, and unpacks what it is made of.
    Unpack,
    /// Patches.
    Prepare,
    /// What there is on the machine is looked up.
    Configure,
    /// Compilers run.
    Compile,
    /// The ebuild's own tests.
    Test,
    /// Into a folder of its own.
    Install,
    /// Its binary package is written, and it comes into the builder.
    Package,
    /// Its binary package is unpacked into ROOT.
    Merge,
}

impl PackagePhase {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unpack => "unpack",
            Self::Prepare => "prepare",
            Self::Configure => "configure",
            Self::Compile => "compile",
            Self::Test => "test",
            Self::Install => "install",
            Self::Package => "package",
            Self::Merge => "merge",
        }
    }
}

impl fmt::Display for PackagePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// `category/name-version`.
    pub package: String,
    /// In which phase.
    pub phase: PackagePhase,
    /// Its number among those that are compiled, or merged, from 1.
    pub number: usize,
    /// How many these are.
    pub total: usize,
}

impl At {
    /// Whether it is the same package, and both compile it or both merge it.
    pub fn is_with(&self, other: &Self) -> bool {
        let merges = |at: &Self| at.phase == PackagePhase::Merge;
        self.package == other.package && merges(self) == merges(other)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, phase, number, total } = self;
        write!(f, "{package} ({number} of {total}), {phase}")
    }
}

/// Reads a step's lines.
#[derive(Debug, Default)]
pub(super) struct Packages {
    /// How many are compiled in all, in however many runs of emerge.
    to_compile: usize,
    compiled: usize,
    at: Option<At>,
}

/// What is longer is no package.
const LONGEST: usize = 200;

impl Packages {
    /// Where the step is, if it is elsewhere by this line.
    pub(super) fn line(&mut self, line: &str) -> Option<&At> {
        let told = line.strip_prefix(">>> ")?;
        if let Some(count) = to_compile(told) {
            self.to_compile = count;
            return None;
        }
        let next = if let Some((number, total, package)) = numbered(told, "Emerging binary (") {
            At { package, phase: PackagePhase::Merge, number, total }
        } else if let Some((_, _, package)) = numbered(told, "Emerging (") {
            self.compiled += 1;
            let total = self.to_compile.max(self.compiled);
            At { package, phase: PackagePhase::Unpack, number: self.compiled, total }
        } else {
            let at = self.at.as_ref().filter(|at| at.phase != PackagePhase::Merge)?;
            At { phase: phase(told)?, ..at.clone() }
        };
        if self.at.as_ref() == Some(&next) {
            return None;
        }
        Some(self.at.insert(next))
    }
}

/// `12 packages, 3 to compile, 0 files to fetch`.
fn to_compile(told: &str) -> Option<usize> {
    let (packages, rest) = told.split_once(" packages, ")?;
    packages.parse::<usize>().ok()?;
    rest.split_once(" to compile, ")?.0.parse().ok()
}

/// `Emerging (1 of 3) dev-libs/libevent-2.1.13::gentoo for /`.
fn numbered(told: &str, begin: &str) -> Option<(usize, usize, String)> {
    let (numbers, rest) = told.strip_prefix(begin)?.split_once(") ")?;
    let (number, total) = numbers.split_once(" of ")?;
    let package = rest.split("::").next().filter(|name| name.len() <= LONGEST)?;
    Some((number.parse().ok()?, total.parse().ok()?, package.to_owned()))
}

fn phase(told: &str) -> Option<PackagePhase> {
    const BEGINS: [(&str, PackagePhase); 6] = [
        ("Preparing source in ", PackagePhase::Prepare),
        ("Configuring source in ", PackagePhase::Configure),
        ("Compiling source in ", PackagePhase::Compile),
        ("Test phase: ", PackagePhase::Test),
        ("Install ", PackagePhase::Install),
        ("Creating binpkg", PackagePhase::Package),
    ];
    BEGINS.iter().find(|(begin, _)| told.starts_with(begin)).map(|(_, phase)| *phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_where_its_log_says() {
        let log = "\
>>> configure_rootfs_build of memcached
>>> 4 packages, 3 to compile, 0 files to fetch
>>> ROOT=/ emerge -b --oneshot --onlydeps =net-misc/memcached-1.6.38
>>> Emerging (1 of 2) acct-user/memcached-0::gentoo
>>> Install acct-user/memcached-0 into /var/tmp/portage/acct-user/memcached-0/image
>>> Creating binpkg
>>> Completed (1 of 2) acct-user/memcached-0::gentoo
>>> Emerging (2 of 2) dev-libs/libevent-2.1.13::gentoo for /
>>> Unpacking source...
>>> Compiling source in /var/tmp/portage/dev-libs/libevent-2.1.13/work/libevent ...
>>> Compiling source in /var/tmp/portage/dev-libs/libevent-2.1.13/work/libevent ...
>>> Test phase [not enabled]: dev-libs/libevent-2.1.13
>>> Emerging (1 of 1) net-misc/memcached-1.6.38::gentoo
>>> Emerging binary (1 of 2) dev-libs/libevent-2.1.13::gentoo for /emerge-root/
>>> Installing (1 of 2) dev-libs/libevent-2.1.13::gentoo to /emerge-root/
Compiling source in
";
        let mut packages = Packages::default();
        let places = log.lines().filter_map(|line| packages.line(line).map(ToString::to_string));
        assert_eq!(
            places.collect::<Vec<_>>(),
            [
                "acct-user/memcached-0 (1 of 3), unpack",
                "acct-user/memcached-0 (1 of 3), install",
                "acct-user/memcached-0 (1 of 3), package",
                "dev-libs/libevent-2.1.13 (2 of 3), unpack",
                "dev-libs/libevent-2.1.13 (2 of 3), compile",
                "net-misc/memcached-1.6.38 (3 of 3), unpack",
                "dev-libs/libevent-2.1.13 (1 of 2), merge",
            ]
        );
    }

    #[test]
    fn strange_lines_are_nowhere() {
        let long = format!(">>> Emerging (1 of 1) {}::x", "a".repeat(300));
        for line in [
            "",
            ">>> ",
            ">>> Emerging (1 of x) a/b",
            ">>> Emerging (",
            ">>> x packages, 2 to compile, 0",
            &long,
        ] {
            assert_eq!(Packages::default().line(line), None, "{line}");
        }
    }
}
