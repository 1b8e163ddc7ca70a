//! How many bytes of an image travel: each layer, compressed in each way.
//!
//! What is known from the last time is not compressed again; what is compressed for this is thrown away.

use std::collections::HashSet;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::base::error::{Error, Result};
use crate::base::parallel::cores;
use crate::image::archive::compressed::{Compression, LocalLayer};
use crate::image::size::Sent;
use crate::session::project::Project;

impl Project {
    /// Tells of layers what they are compressed to; one that is there twice travels once. `compressing` is told the
    /// place of each for which that takes time.
    ///
    /// # Errors
    /// A layer cannot be read, or is not what its digest says (exit code 5); the state folder cannot be written in.
    pub async fn sent(
        &self,
        layers: &[LocalLayer],
        mut compressing: impl FnMut(usize),
    ) -> Result<Vec<Sent>> {
        let folder = self.store().compressed();
        let unknown = |layer: &LocalLayer| {
            Compression::ALL.iter().any(|how| layer.noted(*how, &folder).is_none())
        };
        let mut seen = HashSet::new();
        let first = layers.iter().map(|layer| seen.insert(&layer.diff_id)).collect::<Vec<_>>();
        let once = layers.iter().enumerate().filter(|(at, _)| first[*at]);
        for (at, _) in once.clone().filter(|(_, layer)| unknown(layer)) {
            compressing(at);
        }
        let ways = once.flat_map(|(_, layer)| Compression::ALL.map(|how| (layer.clone(), how)));
        let sizes = ways.map(|(layer, how)| {
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || size(&layer, how, &folder))
        });
        let ended = |e| Error::bug(format!("a thread ended: {e}"));
        let sizes = stream::iter(sizes).buffered(cores()).map(|size| size.map_err(ended)?);
        let sizes = sizes.try_collect::<Vec<_>>().await?;
        let (pairs, _) = sizes.as_chunks();
        let mut pairs = pairs.iter().map(|&[gzip, zstd]| Sent { gzip, zstd });
        let sent = |is_first| if is_first { pairs.next() } else { None };
        Ok(first.into_iter().map(sent).map(Option::unwrap_or_default).collect())
    }
}

fn size(layer: &LocalLayer, how: Compression, folder: &Path) -> Result<u64> {
    if let Some(blob) = layer.noted(how, folder) {
        return Ok(blob.size);
    }
    layer.measured(how, folder).map(|blob| blob.size)
}
