//! What a build is to do besides what is stale, and what it leaves alone: `-f -F -c -C -n --exclude`.
//!
//! Turns switches into a part of the plan; runs nothing.

use std::collections::HashSet;

use crate::base::error::{Error, Result};
use crate::config::Settings;
use crate::plan::select::{Again, Scope, Wish};
use crate::plan::{Plan, select};

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
    fn again(self) -> Option<Again> {
        let levels = [
            (self.force_imports, Again::Imports),
            (self.force_builder, Again::Builder),
            (self.force_rootfs, Again::Rootfs),
            (self.force, Again::Images),
        ];
        levels.into_iter().find_map(|(given, level)| given.then_some(level))
    }

    /// Whether only what is stale is built: then an answer to the same question may be known.
    pub(in crate::cli) fn none(self) -> bool {
        self.again().is_none() && !self.no_deps
    }

    /// What a build of these images is about.
    pub(in crate::cli) fn scope(
        self,
        plan: &Plan,
        names: &[String],
        settings: &Settings,
    ) -> Result<Scope> {
        if self.no_deps && names.is_empty() {
            return Err(Error::usage(
                "-n builds no dependencies, so it needs the name of an image",
            )
            .hint("name what to build: `bb build -n IMAGE`"));
        }
        let own = names.iter().map(|name| select::named(plan, name)).collect::<Result<Vec<_>>>()?;
        let own = own.into_iter().filter_map(|ix| select::dock(&plan.step(ix).id));
        let own = own.collect::<HashSet<_>>();
        let wish = Wish { names, exclude: &settings.exclude, again: self.again() };
        Scope::new(plan, wish, |dock| self.no_deps && !own.contains(dock))
    }
}
