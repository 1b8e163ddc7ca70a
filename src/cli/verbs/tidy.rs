//! What `bb clean` and `bb gc` have in common: telling what goes, and letting it go.
//!
//! Chooses nothing.

use crate::base::error::Result;
use crate::base::words::megabytes;
use crate::cli::{print, say};
use crate::exec::tidy::{Outcome, Thing};
use crate::session::Tidying;

/// Tells what would go, or lets it go; then how much it was. Returns how many things had to stay.
pub(in crate::cli) async fn tidy(found: &Tidying, dry_run: bool) -> Result<usize> {
    let mut count = Count::default();
    if dry_run {
        for thing in found.things() {
            print(&line(thing));
            count.add(thing);
        }
        say(&format!("{}\n", count.told("would remove", "nothing to remove")));
        return Ok(0);
    }
    let mut kept = 0;
    let mut tell = |thing: &Thing, outcome: &Outcome| match outcome {
        Outcome::Removed => {
            print(&line(thing));
            count.add(thing);
        }
        Outcome::Kept(why) => {
            kept += 1;
            say(&format!("kept    {}: {why}\n", name(thing)));
        }
    };
    found.remove(&mut tell).await?;
    say(&format!("{}\n", count.told("removed", "nothing was removed")));
    Ok(kept)
}

#[derive(Default)]
struct Count {
    folders: usize,
    files: usize,
    bytes: u64,
    cached: usize,
    cached_bytes: u64,
    images: usize,
    containers: usize,
    volumes: usize,
    records: usize,
}

impl Count {
    fn add(&mut self, thing: &Thing) {
        match thing {
            Thing::Folder(_, size) => {
                self.folders += 1;
                self.bytes += size;
            }
            Thing::File(_, size) => {
                self.files += 1;
                self.bytes += size;
            }
            Thing::Cached(_, size) => {
                self.cached += 1;
                self.cached_bytes += size;
            }
            Thing::Image(..) => self.images += 1,
            Thing::Container(..) => self.containers += 1,
            Thing::Volume(_) => self.volumes += 1,
            Thing::Record(_) => self.records += 1,
        }
    }

    fn told(&self, verb: &str, nothing: &str) -> String {
        let some = |n: usize, one: &str, many: &str| match n {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {many}")),
        };
        let folders = some(self.folders, "folder", "folders");
        let files = some(self.files, "file", "files");
        let files = folders.into_iter().chain(files).collect::<Vec<_>>();
        let files = Some(files.join(" and ")).filter(|files| !files.is_empty());
        let cached = some(self.cached, "cached file", "cached files");
        let parts = [
            some(self.images, "image", "images"),
            some(self.containers, "container", "containers"),
            some(self.volumes, "volume", "volumes"),
            files.map(|files| format!("{files} ({})", megabytes(self.bytes))),
            some(self.records, "record", "records"),
            cached.map(|files| format!("{files} ({})", megabytes(self.cached_bytes))),
        ];
        let parts = parts.into_iter().flatten().collect::<Vec<_>>();
        match parts.as_slice() {
            [] => nothing.to_owned(),
            [one] => format!("{verb} {one}"),
            [most @ .., last] => format!("{verb} {} and {last}", most.join(", ")),
        }
    }
}

fn line(thing: &Thing) -> String {
    let kind = match thing {
        Thing::File(..) => "file",
        Thing::Folder(..) => "folder",
        Thing::Image(..) => "image",
        Thing::Container(..) => "container",
        Thing::Cached(..) => "cached",
        Thing::Volume(_) => "volume",
        Thing::Record(_) => "record",
    };
    let more = match thing {
        Thing::File(_, size)
        | Thing::Folder(_, size)
        | Thing::Image(_, size)
        | Thing::Cached(_, size) => {
            format!("  {}", megabytes(*size))
        }
        Thing::Container(_, step) => format!("  of {step}"),
        Thing::Volume(_) => "  a cache of an earlier version".to_owned(),
        Thing::Record(_) => String::new(),
    };
    format!("{kind:<9}  {}{more}\n", name(thing))
}

/// An id is long enough in twelve digits, as `docker` shows it.
fn name(thing: &Thing) -> String {
    let short = |id: &str| {
        let hex = id.strip_prefix("sha256:").unwrap_or(id);
        hex.get(..12).unwrap_or(hex).to_owned()
    };
    match thing {
        Thing::File(path, _) | Thing::Folder(path, _) | Thing::Cached(path, _) => {
            path.display().to_string()
        }
        Thing::Image(name, _) if name.starts_with("sha256:") => short(name),
        Thing::Image(name, _) | Thing::Volume(name) => name.clone(),
        Thing::Container(id, _) => short(id),
        Thing::Record(step) => step.to_string(),
    }
}
