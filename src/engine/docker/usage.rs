//! How much room a project's things take with Docker or Podman, as far as these say it.
//!
//! An image's size is with what it shares with others; which layers it has is said as well. So of an image that is
//! built on another one here, what it adds is the difference. What a volume takes, only a list of all that the daemon
//! has would tell, for which it walks through all of it: that is not asked for.

use bollard::models::{ContainerSummary, ImageInspect};
use bollard::query_parameters as query;

use super::{Docker, while_others_remove};
use crate::base::error::Result;
use crate::engine::{Boxes, FoundImage, Images, Kept, Sort, Wanted};
use crate::fresh::inventory::is_shared;
use crate::state::disk::Used;

/// An image with what it consists of.
struct Layered {
    image: FoundImage,
    layers: Vec<String>,
}

impl Docker {
    pub(super) async fn used(&self, wanted: &Wanted) -> Result<Vec<Kept>> {
        let mut kept = self.used_images(wanted).await?;
        for name in self.caches(&wanted.caches).await? {
            kept.push(Kept { sort: Sort::Caches, name, used: None, going: Used::default() });
        }
        kept.extend(self.used_boxes(wanted).await?);
        Ok(kept)
    }

    async fn used_images(&self, wanted: &Wanted) -> Result<Vec<Kept>> {
        let mut all = vec![];
        let is_ours = |name: &String| wanted.images.contains(name) || is_shared(name);
        for image in self.images().await? {
            if !wanted.images.contains(&image.id) && !image.references.iter().any(is_ours) {
                continue;
            }
            // One that has gone meanwhile takes nothing.
            if let Some(inspected) = self.inspect(&image.id).await? {
                all.push(Layered { image, layers: layers(inspected) });
            }
        }
        let goes = |image: &FoundImage| {
            let going = &wanted.going.images;
            going.contains(&image.id)
                || !image.references.is_empty()
                    && image.references.iter().all(|name| going.contains(name))
        };
        let mut staying = Used::default();
        all.iter().filter(|one| !goes(&one.image)).for_each(|one| staying.add(&chain(one, &all)));
        let kept = |one: &Layered| {
            let used = chain(one, &all);
            let going = if goes(&one.image) { used.clone() } else { Used::default() };
            let FoundImage { references, id, .. } = &one.image;
            let name = if references.is_empty() { id.clone() } else { references.join(" ") };
            let is_shared = references.iter().any(|name| is_shared(name));
            let sort = if is_shared { Sort::Builders } else { Sort::Images };
            Kept { sort, name, used: Some(used), going: going.without(&staying) }
        };
        Ok(all.iter().map(kept).collect())
    }

    async fn used_boxes(&self, wanted: &Wanted) -> Result<Vec<Kept>> {
        let Some((label, value)) = &wanted.label else { return Ok(vec![]) };
        let filters = std::collections::HashMap::from([(
            "label".to_owned(),
            vec![format!("{label}={value}")],
        )]);
        let options = query::ListContainersOptionsBuilder::default();
        let options = options.all(true).size(true).filters(&filters).build();
        let list = || self.client.list_containers(Some(options.clone()));
        let listed = self.answer("list its containers", while_others_remove(list)).await?;
        let kept = |container: ContainerSummary| {
            let name = container.id?;
            let used = container.size_rw.and_then(|size| u64::try_from(size).ok());
            let used = used.map(Used::alone);
            let goes = wanted.going.boxes.contains(&name);
            let going = used.clone().filter(|_| goes).unwrap_or_default();
            Some(Kept { sort: Sort::Boxes, name, used, going })
        };
        Ok(listed.into_iter().filter_map(kept).collect())
    }
}

fn layers(inspected: ImageInspect) -> Vec<String> {
    inspected.root_fs.and_then(|root| root.layers).unwrap_or_default()
}

/// What an image takes, in pieces: what it adds to the image below it, and so on.
fn chain(image: &Layered, all: &[Layered]) -> Used {
    let mut used = Used::default();
    let mut at = image;
    loop {
        let below = below(at, all);
        let size = below.map_or(0, |below| below.image.size);
        used.add(&Used::keyed(at.layers.join(" "), at.image.size.saturating_sub(size)));
        match below {
            Some(below) => at = below,
            None => return used,
        }
    }
}

/// The largest image of whose layers this one has all, and some more.
fn below<'a>(image: &Layered, all: &'a [Layered]) -> Option<&'a Layered> {
    let others = all.iter().filter(|other| {
        other.layers.len() < image.layers.len() && image.layers.starts_with(&other.layers)
    });
    others.max_by_key(|other| other.layers.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, size: u64, layers: &[&str]) -> Layered {
        let (references, digests, content) = (vec![], vec![], None);
        let image = FoundImage { id: id.to_owned(), references, digests, size, content };
        Layered { image, layers: layers.iter().map(|&layer| layer.to_owned()).collect() }
    }

    #[test]
    fn what_is_below_counts_once() {
        let all = [
            image("base", 100, &["a", "b"]),
            image("child", 130, &["a", "b", "c"]),
            image("again", 130, &["a", "b", "c"]),
            image("other", 107, &["a", "b", "d"]),
            image("empty", 0, &[]),
        ];
        let of = |ids: &[usize]| {
            let mut used = Used::default();
            for &at in ids {
                used.add(&chain(&all[at], &all));
            }
            used.bytes()
        };
        assert_eq!([of(&[0]), of(&[1]), of(&[3])], [100, 130, 107]);
        assert_eq!([of(&[1, 2]), of(&[0, 1, 2, 3, 4])], [130, 137]);
    }
}
