//! Why a signature does not count, in words: one error for each reason.
//!
//! Decides nothing.

use std::time::SystemTime;

use crate::base::error::{Error, io_reason};
use crate::base::time::date;

const REFRESH: &str =
    "`bb keys refresh` fetches the keys again: Gentoo extends them about once a year";
const OTHER_MIRROR: &str = "try another mirror";

/// More than any signature is.
pub(super) fn too_large(what: &str) -> Error {
    Error::trust(format!("the signature of `{what}` is larger than signatures are"))
        .hint(OTHER_MIRROR)
}

/// The names that a refusal because of a key tells.
pub(super) struct Names<'a> {
    /// The signed file.
    pub what: &'a str,
    /// Primary fingerprint of the certificate.
    pub cert: String,
    /// Fingerprint of the key that is said to have signed.
    pub key: String,
}

impl Names<'_> {
    pub(crate) fn weak_key(&self, algorithm: &str) -> Error {
        let Self { what, key, .. } = self;
        Error::trust(format!("`{what}` is signed by key `{key}`, which is too weak ({algorithm})"))
            .hint("anybody may be able to forge its signatures; pin a newer key of the publisher")
    }

    pub(crate) fn invalid(&self, at: SystemTime, why: &str) -> Error {
        let Self { what, cert, key } = self;
        let day = date(at);
        Error::trust(format!("`{what}` is signed by key `{key}`, which is not valid on {day}"))
            .detail(format!("  certificate {cert}: {why}"))
            .hint(REFRESH)
    }

    pub(crate) fn revoked_cert(&self) -> Error {
        let Self { what, cert, .. } = self;
        Error::trust(format!("`{what}` is signed by key `{cert}`, which is revoked"))
            .hint("its owner no longer stands for it; pin the publisher's new key")
    }

    pub(crate) fn revoked_key(&self) -> Error {
        let Self { what, cert, key } = self;
        Error::trust(format!("`{what}` is signed by subkey `{key}` of `{cert}`, which is revoked"))
            .hint("its owner no longer stands for it; fetch a newer file and the keyring again")
    }

    pub(crate) fn expired_cert(&self, end: SystemTime) -> Error {
        let Self { what, cert, .. } = self;
        let day = date(end);
        Error::trust(format!("`{what}` is signed by key `{cert}`, which expired on {day}"))
            .hint(REFRESH)
    }

    pub(crate) fn expired_key(&self, end: SystemTime) -> Error {
        let Self { what, cert, key } = self;
        let day = date(end);
        let subkey = format!("subkey `{key}` of `{cert}`");
        Error::trust(format!("`{what}` is signed by {subkey}, which expired on {day}"))
            .hint(REFRESH)
    }

    pub(crate) fn not_signing(&self) -> Error {
        let Self { what, cert, key } = self;
        let message = format!("`{what}` is signed by key `{key}` of `{cert}`, which may not sign");
        Error::trust(message).hint("its owner made it for something else; do not use the file")
    }
}

pub(super) fn no_pinned_key(what: &str, others: &[String]) -> Error {
    let error = Error::trust(format!("`{what}` holds none of the pinned keys"));
    match others {
        [] => error.hint("it holds no OpenPGP certificate at all; is it the right file?"),
        others => error.hint(format!("it holds `{}`", others.join("`, `"))),
    }
}

pub(super) fn no_key(what: &str) -> Error {
    Error::trust(format!("`{what}` holds no OpenPGP certificate")).hint("is it the right file?")
}

pub(super) fn no_signature(what: &str) -> Error {
    Error::trust(format!("there is no signature in what should be the signature of `{what}`"))
        .hint(OTHER_MIRROR)
}

pub(super) fn damaged(what: &str) -> Error {
    Error::trust(format!("the signature of `{what}` is damaged")).hint("fetch it again")
}

pub(super) fn form(what: &str, form: &str) -> Error {
    Error::trust(format!("the signature of `{what}` has a form that does not count ({form})"))
        .hint(OTHER_MIRROR)
}

pub(super) fn anonymous(what: &str) -> Error {
    Error::trust(format!("the signature of `{what}` does not say which key made it"))
        .hint(OTHER_MIRROR)
}

pub(super) fn unpinned(what: &str, key: &str) -> Error {
    Error::trust(format!("`{what}` is signed by key `{key}`, which is not pinned"))
        .hint("if the publisher has a new key, check its fingerprint with them before you pin it")
}

pub(super) fn weak_hash(what: &str, algorithm: &str) -> Error {
    Error::trust(format!("the signature of `{what}` uses the weak hash {algorithm}"))
        .hint("other data with the same hash can be made; ask the publisher for a new signature")
}

pub(super) fn policy(what: &str, why: &str) -> Error {
    Error::trust(format!("the signature of `{what}` does not count: {why}")).hint(OTHER_MIRROR)
}

pub(super) fn future(what: &str, made: SystemTime) -> Error {
    let day = date(made);
    Error::trust(format!("the signature of `{what}` was made in the future, on {day}"))
        .hint("check this machine's clock")
}

pub(super) fn expired_signature(what: &str, end: SystemTime) -> Error {
    Error::trust(format!("the signature of `{what}` expired on {}", date(end)))
        .hint("fetch a newer file")
}

pub(super) fn bad(what: &str, key: &str) -> Error {
    Error::trust(format!("bad signature: `{what}` is not what key `{key}` signed"))
        .hint("the file is altered or incomplete; fetch it again, or try another mirror")
}

pub(super) fn unreadable(what: &str, cause: &std::io::Error) -> Error {
    Error::step(format!("cannot read `{what}`: {}", io_reason(cause)))
}
