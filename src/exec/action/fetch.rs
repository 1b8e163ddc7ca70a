//! `fetch:FILE`: one file of a mirror into `.bb/downloads`.
//!
//! Does not trust it: that is `verify`'s business.

use std::path::Path;

use crate::error::Result;
use crate::exec::action::{Log, Made, megabytes};
use crate::exec::work::Context;
use crate::plan::step::Pinned;
use crate::world::http::Expect;
use crate::world::{release, store};

/// Signatures and lists of digests are a few kilobytes.
const SMALL: u64 = 4 << 20;

pub(super) async fn fetch(
    path: &str,
    dest: &Path,
    pinned: Option<&Pinned>,
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let mirrors = release::mirrors(&context.settings)?;
    store::make_dir(dest.parent().unwrap_or(Path::new(".")))?;
    let progress = |done, total| log.bytes(done, total);
    let got = context.client.download(&mirrors, path, dest, &expect(pinned), &progress).await?;
    Ok(Made::default().note(megabytes(got.size)))
}

fn expect(pinned: Option<&Pinned>) -> Expect {
    match pinned {
        Some(pin) => Expect {
            size: Some(pin.size),
            max: pin.size,
            sha512: Some(pin.sha512.clone()),
            blake2b: Some(pin.blake2b.clone()),
        },
        None => Expect { size: None, max: SMALL, sha512: None, blake2b: None },
    }
}
