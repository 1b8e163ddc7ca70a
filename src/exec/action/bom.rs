//! The lists of an image's packages: read before it is made, for its labels have their digests, and
//! written when it is there.
//!
//! What is in them is `sbom`'s business.

use std::path::Path;

use crate::base::error::{Error, Result};
use crate::base::label::Labels;
use crate::base::limits::Limit;
use crate::base::read;
use crate::image::bundle::Blob;
use crate::image::sbom;
use crate::image::sbom::{Inventory, Package, inventory};
use crate::plan::results::Format;
use crate::plan::step::ImageWork;
use crate::state::store::Store;

/// Both documents of one image.
#[derive(Debug, Clone)]
pub(super) struct Documents(Vec<(Format, Vec<u8>)>);

impl Documents {
    /// Of an image that is about to be made. `epoch` in seconds since 1970.
    pub(crate) fn of(work: &ImageWork, epoch: u64) -> Result<Self> {
        let lists = work.packages.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
        let inventory = Inventory {
            name: work.name.to_string(),
            version: work.version.clone(),
            epoch,
            packages: inventory::merge(lists),
            externals: work.externals.clone(),
        };
        let document = |format| Ok((format, sbom::document(&inventory, format)?));
        Format::ALL.into_iter().map(document).collect::<Result<_>>().map(Self)
    }

    /// What the image says of them.
    pub(crate) fn labels(&self) -> Labels {
        let digest = |text: &[u8]| format!("sha256:{}", Blob::of(text).digest);
        self.0.iter().map(|(format, text)| (format.label().to_owned(), digest(text))).collect()
    }

    pub(crate) fn write(&self, store: &Store, dir: &Path) -> Result<()> {
        self.0.iter().try_for_each(|(format, text)| store.replace(&dir.join(format.file()), text))
    }
}

fn read(path: &Path) -> Result<Vec<Package>> {
    let text = read::state(path, Limit::StateSize)?;
    inventory::parse(&text).map_err(|why| {
        let file = path.display();
        let rootfs = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        Error::step(format!("`{file}` is not a list of packages: {why}"))
            .hint(format!("remove it, and `bb build` runs `rootfs:{rootfs}` again"))
    })
}
