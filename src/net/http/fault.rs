//! Why a mirror did not give a file, and what to tell when none did.
//!
//! Knows no network.

use super::Mirror;
use crate::base::error::{Error, Exit};
use crate::base::secret::without_secrets;

/// Everybody who was asked, and why each did not give the file.
pub(super) type Faults<'a> = Vec<(&'a Mirror, Fault)>;

/// What everybody said who was asked for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InVain {
    /// The file, and why it was not to be had: one line for each place, whose address may be shown as it is.
    pub lines: Vec<String>,
    /// [`Exit::Trust`] if somebody has another file under that name.
    pub exit: Exit,
    /// Whether the network was not to be used.
    pub offline: bool,
}

impl InVain {
    /// What others said, too.
    pub fn extend(&mut self, other: Self) {
        self.lines.extend(other.lines);
        self.exit = if other.exit == Exit::Trust { Exit::Trust } else { self.exit };
        self.offline |= other.offline;
    }

    pub(super) fn of(path: &str, faults: &[(&Mirror, Fault)]) -> Self {
        let any = |test: fn(&Fault) -> bool| faults.iter().any(|(_, fault)| test(fault));
        let line = |(mirror, fault): &(&Mirror, Fault)| {
            // An answer may lead to an address that is nobody else's business.
            format!("{}: {}", mirror.place(path), without_secrets(&fault.reason()))
        };
        Self {
            lines: faults.iter().map(line).collect(),
            exit: if any(Fault::is_mismatch) { Exit::Trust } else { Exit::Step },
            offline: any(|fault| matches!(fault, Fault::Offline)),
        }
    }
}

/// Why one attempt at one mirror failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The mirror does not have the file.
    Missing,
    /// The mirror is on the network, and `--offline` was given.
    Offline,
    /// What came is not what was expected.
    Mismatch(String),
    /// More than the limit, which is in bytes.
    TooLarge(u64),
    /// Fewer bytes a second than this; what came so far is kept.
    Slow(u64),
    /// The transfer broke; what came so far is kept.
    Cut(String),
    /// The server will not continue the half that is there.
    Restart,
    /// Anything else.
    Other(String),
    /// A failure of this machine, which no other mirror can help.
    Here(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

impl Fault {
    fn is_mismatch(&self) -> bool {
        matches!(self, Self::Mismatch(_))
    }

    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Missing => "not there".to_owned(),
            Self::Offline => "not asked, because of --offline".to_owned(),
            Self::TooLarge(max) => format!("larger than the limit of {max} bytes"),
            Self::Slow(rate) => format!("slower than {rate} bytes a second"),
            Self::Restart => "cannot be resumed".to_owned(),
            Self::Mismatch(why) | Self::Cut(why) | Self::Other(why) => why.clone(),
            Self::Here(error) => error.message().to_owned(),
        }
    }
}

/// The error when no mirror gave `path`: one line for each.
pub(super) fn failure(path: &str, faults: &[(&Mirror, Fault)]) -> Error {
    let any = |test: fn(&Fault) -> bool| faults.iter().any(|(_, fault)| test(fault));
    let error = if faults.is_empty() {
        Error::config(format!("no mirror to fetch `{path}` from"))
    } else if any(Fault::is_mismatch) {
        Error::trust(format!("`{path}` is not what was expected"))
            .hint("the mirrors may be out of date or altered; try another one")
    } else if any(|fault| matches!(fault, Fault::Offline)) {
        Error::step(format!("cannot fetch `{path}` offline"))
            .hint("run it without --offline, or name a mirror in a local folder")
    } else if faults.iter().all(|(_, fault)| matches!(fault, Fault::Missing)) {
        Error::step(format!("no mirror has `{path}`"))
            .hint("mirrors drop old files after some weeks; a newer one may be there")
    } else if any(|fault| matches!(fault, Fault::Slow(_))) {
        Error::step(format!("cannot fetch `{path}`")).hint(
            "run the same command again to go on where it stopped, or try another mirror; \
             `least_rate` in `[net]` of bb.toml says how slow a mirror may be",
        )
    } else {
        Error::step(format!("cannot fetch `{path}`"))
            .hint("run the same command again to go on where it stopped, or try another mirror")
    };
    faults.iter().fold(error, |error, (mirror, fault)| {
        error.detail(format!("  {mirror}: {}", fault.reason()))
    })
}
