//! Where the user has source archives.
//!
//! Does not know what they are needed for.

use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::session::Project;

/// Where source archives are looked for first.
#[derive(Debug, Default, Clone, clap::Args)]
pub(in crate::cli) struct Sources {
    /// A folder with source archives that you have, instead of `distdir` in the settings
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    distdir: Option<PathBuf>,
}

impl Sources {
    /// Lays it over the settings; `here` is the folder that the command was called in.
    pub(in crate::cli) fn apply(&self, project: &mut Project, here: &Path) -> Result<()> {
        let Some(folder) = self.distdir.as_ref().map(|folder| here.join(folder)) else {
            return Ok(());
        };
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(Error::usage(format!("`--distdir` is no folder: `{folder}`")));
        }
        project.settings.distdir = Some(folder);
        Ok(())
    }
}
