//! What a build is to do besides what is stale, and what it leaves alone: `-f -F -c -C -n`.
//!
//! Switches only: what they mean for a plan is the session's business.

use crate::plan::select::Again;

/// What is done again, and how far it goes.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(in crate::cli) struct Switches {
    /// Build images again, with those they stand on
    #[arg(short = 'f', long)]
    force: bool,
    /// As -f, and compile their contents again
    #[arg(short = 'F', long)]
    force_rootfs: bool,
    /// As -F, and make the builder again
    #[arg(short = 'c', long)]
    force_builder: bool,
    /// As -c, and import stage3 and snapshot again
    #[arg(short = 'C', long)]
    force_imports: bool,
    /// Take other docks as their last build left them, whatever has changed since
    #[arg(short = 'n', long)]
    no_deps: bool,
}

impl Switches {
    /// The furthest of the levels.
    pub(in crate::cli) fn again(self) -> Option<Again> {
        let levels = [
            (self.force_imports, Again::Imports),
            (self.force_builder, Again::Builder),
            (self.force_rootfs, Again::Rootfs),
            (self.force, Again::Images),
        ];
        levels.into_iter().find_map(|(given, level)| given.then_some(level))
    }

    /// Whether other docks than those that are named stay as they are.
    pub(in crate::cli) fn no_deps(self) -> bool {
        self.no_deps
    }
}
