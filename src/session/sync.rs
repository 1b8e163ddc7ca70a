//! Make's and ninja's file times in line with the judge, unless they would go on with the steps of old.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::base::open;
use crate::exec::alone;
use crate::exec::sync::{self, Synced};
use crate::export::{make, ninja};
use crate::plan::Plan;
use crate::report::Message;
use crate::session::Tell;
use crate::session::docks::Docks;
use crate::session::engine::Asking;
use crate::session::export::Form;
use crate::session::project::Project;
use crate::session::recall::{Known, Recall, Recalled};
use crate::state::store::Store;

/// The Makefile in whose name make asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asker {
    /// The digest that is in it; none: it is ninja, or nobody, who asks.
    pub digest: Option<String>,
    /// Where it is.
    pub file: Option<PathBuf>,
    /// The images that it was written for, with blanks between them.
    pub images: String,
    /// Whether this make goes on with the old one where a Makefile is older than what it is made from: bmake.
    pub goes_on: bool,
    /// Whether it was written for a jobserver that is a pipe.
    pub jobserver: bool,
}

impl Project {
    /// Brings stamps in line with the judge: those of fresh steps are dated as they must be, those of stale steps
    /// and all that is downstream of them are withdrawn. Images of fresh steps that the engine lacks are put there,
    /// for make has no step to run for them. Runs no step.
    ///
    /// # Errors
    /// The Makefile that asks, or `build.ninja`, is not what would be written now (exit code 3), and the errors of
    /// [`judge`](Self::judge).
    pub async fn sync(&self, asker: &Asker, tell: &mut Tell<'_>) -> Result<()> {
        let store = self.store();
        let ninja = if asker.digest.is_none() { written() } else { None };
        let question = format!("sync {:?} {:?} {ninja:?}", asker.digest, asker.images);
        let recall = Recall::new(self, &question);
        let Recalled::Unknown(asking) = recall.answer(Asking::begin(self)).await? else {
            return Ok(());
        };
        let seen = store.now().ok();
        let shape = self.shape()?;
        ninja.iter().try_for_each(|head| self.check_ninja(&shape, head))?;
        let current = self.check_makefile(asker, &shape)?;
        store.create()?;
        let asked = asking.answer().await?;
        let (docks, plan) = &self.as_verified(shape)?;
        let Synced { stale, lacking } = sync::sync(plan, &store, &asked.inventory)?;
        if let (0, true, true, Some(seen)) = (stale, lacking.is_empty(), current, seen) {
            let (sources, inventory) = (self.looked_at(docks), &asked.inventory);
            recall.keep(self, Known { sources, plan, inventory, seen });
        }
        if lacking.is_empty() {
            return Ok(());
        }
        let context = self.context(asked.engine, true, 1)?;
        alone::put_all(plan, &lacking, &context, &mut |event| tell(&Message::Event(&event))).await
    }

    /// GNU make remakes its Makefile by itself, if only it is older than a file that it is made from: a
    /// dock may come in the same second, or a file be dated back. bmake would go on with the old one.
    /// Whether the Makefile is what would be written.
    fn check_makefile(&self, asker: &Asker, shape: &(Docks, Plan)) -> Result<bool> {
        let (Some(digest), Some(file)) = (&asker.digest, &asker.file) else { return Ok(true) };
        let images = asker.images.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (name, jobserver) = (file.to_string_lossy(), asker.jobserver);
        let form = make::Form { file: &name, chosen: &images, jobserver };
        if self.makefile_of(shape, form)?.digest == *digest {
            return Ok(true);
        }
        if !asker.goes_on && Store::date(file, LONG_AGO).is_ok() {
            return Ok(false);
        }
        let flag = if jobserver { "--jobserver " } else { "" };
        let command = format!("bb makefile -o {name} {flag}{}", asker.images);
        Err(Error::config(format!("`{}` is not what the docks say now", file.display()))
            .hint(format!("run `{}` and start again", command.trim_end())))
    }

    /// Ninja would go on with the steps of old.
    fn check_ninja(&self, shape: &(Docks, Plan), old: &ninja::Head) -> Result<()> {
        let now = self.export_of(shape, &old.images, &Form::Ninja { bb: old.bb.clone() })?;
        if ninja::Head::read(&now).as_ref() == Some(old) {
            return Ok(());
        }
        let bb = if old.bb == "bb" { String::new() } else { format!(" --bb '{}'", old.bb) };
        let command = [&[format!("bb export ninja{bb}")], old.images.as_slice()].concat().join(" ");
        let message = format!("`{NINJA_FILE}` is not what the docks say now");
        Err(Error::config(message).hint(format!("run `{command} >{NINJA_FILE}` and start again")))
    }
}

/// A time that is older than every file's.
const LONG_AGO: i64 = 86_400_000_000_000;

/// Where ninja looks, and where it is looked whether ninja would do the right thing.
const NINJA_FILE: &str = "build.ninja";

/// No head is longer, in bytes.
const HEAD_LIMIT: u64 = 1 << 16;

/// The head of the project's build.ninja, if there is one of ours.
fn written() -> Option<ninja::Head> {
    let mut head = vec![];
    // Of ten thousand docks, it is megabytes.
    let file = open::regular(Path::new(NINJA_FILE)).ok()?;
    file.take(HEAD_LIMIT).read_to_end(&mut head).ok()?;
    ninja::Head::read(&String::from_utf8_lossy(&head))
}
