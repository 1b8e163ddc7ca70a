//! Which flavours a mirror has: Gentoo renames and drops them, so no list is kept here.
//!
//! What is read here is shown to people and trusted with nothing.

use std::collections::BTreeSet;

use super::{Release, mirrors};
use crate::base::error::Error;
use crate::base::limits::Limit;
use crate::base::words::suggestion;
use crate::gentoo::pointer;

impl Release<'_> {
    /// The error for a flavour that no mirror has although it has others, else `error` itself.
    pub(super) async fn flavours_or(&self, error: Error) -> Error {
        let (arch, flavour) = (&self.settings.arch, &self.settings.flavour);
        let known = self.flavours().await;
        if known.is_empty() || known.contains(flavour) {
            return error;
        }
        let known = known.into_iter().collect::<Vec<_>>();
        let near = suggestion(flavour, &known);
        let near = if near.starts_with("did") { format!("{near} ") } else { String::new() };
        Error::config(format!("the mirrors have no stage3 of `{arch}-{flavour}`"))
            .detail(format!("  they have: {}", known.join(", ")))
            .hint(format!("{near}`flavour` in bb.toml says which one is used"))
    }

    async fn flavours(&self) -> BTreeSet<String> {
        let folder = format!("releases/{}/autobuilds", self.settings.arch);
        let mut known = BTreeSet::new();
        for mirror in mirrors(self.settings).unwrap_or_default() {
            // A mirror may show no list of files; Gentoo has one file that points to all.
            let listing = self.client.listing(&mirror, &folder, Limit::SignedSize.fixed()).await;
            let all = format!("{folder}/latest-stage3.txt");
            let all = self.small(&mirror, &all).await;
            for text in [
                listing.unwrap_or_default(),
                String::from_utf8_lossy(&all.unwrap_or_default()).into_owned(),
            ] {
                known.extend(pointer::flavours(&text, &self.settings.arch));
            }
        }
        known
    }
}
