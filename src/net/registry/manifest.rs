//! What registries say about an image: its manifest, or an index of such, in Docker's words and in OCI's.
//!
//! Text only: asks nobody. Source: <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>,
//! <https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/manifest-v2-2.md>.

use oci_spec::image as oci;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::fault::Fault;
use crate::base::limits::{Limit, Limits};

/// A manifest of an image, and an index of such, as Docker calls them.
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The same as OCI calls them.
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's oldest form, signed or not, begins so.
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+";
/// An image's configuration.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// Layers begin so, compressed in whatever way. Others are to be had elsewhere, by licence.
const LAYERS: [&str; 2] =
    ["application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"];

/// The forms that are taken, for a request's `Accept`.
pub(super) fn accepted() -> String {
    [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST].join(", ")
}

/// What a text is: one image, or several to choose from.
#[derive(Debug)]
pub(super) enum Document {
    Image(Box<Manifest>),
    Index(Vec<oci::Descriptor>),
}

/// One image's parts.
#[derive(Debug)]
pub(super) struct Manifest {
    pub config: oci::Descriptor,
    pub layers: Vec<oci::Descriptor>,
}

/// Every form at once: a text that is two of them must not be taken for either.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u64,
    media_type: Option<String>,
    config: Option<oci::Descriptor>,
    layers: Option<Vec<oci::Descriptor>>,
    manifests: Option<Vec<oci::Descriptor>>,
    fs_layers: Option<IgnoredAny>,
}

/// Whether a media type is one of an index.
pub(super) fn is_index(media_type: &str) -> bool {
    [OCI_INDEX, DOCKER_INDEX].contains(&media_type)
}

/// What can be said by the media type alone.
pub(super) fn check_form(media_type: &str) -> Result<(), Fault> {
    let known = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST];
    match media_type {
        old if old.starts_with(SCHEMA_1) => Err(Fault::Schema1),
        form if known.contains(&form) => Ok(()),
        other => Err(Fault::Form(other.to_owned())),
    }
}

/// Reads a text that a host has sent as a media type.
pub(super) fn read(
    host: &str,
    media_type: &str,
    text: &[u8],
    limits: &Limits,
) -> Result<Document, Fault> {
    let malformed = |why: String| Fault::Malformed { host: host.to_owned(), why };
    let raw = serde_json::from_slice::<Raw>(text).map_err(|e| malformed(e.to_string()))?;
    if raw.schema_version == 1 || raw.fs_layers.is_some() {
        return Err(Fault::Schema1);
    }
    let form = raw.media_type.as_deref().unwrap_or(media_type);
    check_form(form)?;
    match (is_index(form), raw.manifests, raw.config, raw.layers) {
        (true, Some(entries), None, None) => Ok(Document::Index(entries)),
        (false, None, Some(config), Some(layers)) => {
            let manifest = Manifest { config, layers };
            manifest.check(limits)?;
            Ok(Document::Image(Box::new(manifest)))
        }
        _ => Err(malformed(format!("a `{form}` without its parts, or with those of another"))),
    }
}

impl Manifest {
    fn check(&self, limits: &Limits) -> Result<(), Fault> {
        let beyond = |what: &str| {
            let what = what.to_owned();
            move |exceeded| Fault::Exceeded { what, exceeded }
        };
        let kind = self.config.media_type().to_string();
        if !CONFIGS.contains(&kind.as_str()) {
            return Err(Fault::Form(kind));
        }
        limits.check(Limit::ConfigSize, self.config.size()).map_err(beyond("its configuration"))?;
        limits.check(Limit::Layers, self.layers.len() as u64).map_err(beyond("it"))?;
        for layer in &self.layers {
            let kind = layer.media_type().to_string();
            if !LAYERS.iter().any(|known| kind.starts_with(known)) {
                return Err(Fault::Form(kind));
            }
            let size = limits.check(Limit::ResultSize, layer.size());
            size.map_err(beyond(&format!("the layer `{}`", layer.digest())))?;
        }
        Ok(())
    }
}

/// An index's image for a machine that runs Linux. Of several variants, the one that needs least: the first
/// without any, else the first.
pub(super) fn choose<'a>(
    entries: &'a [oci::Descriptor],
    architecture: &str,
) -> Result<&'a oci::Descriptor, Fault> {
    let platform = |entry: &'a oci::Descriptor| entry.platform().as_ref();
    let fits = |entry: &&oci::Descriptor| {
        entry.platform().as_ref().is_some_and(|platform| {
            *platform.os() == oci::Os::Linux && platform.architecture().to_string() == architecture
        })
    };
    let plain = |entry: &&oci::Descriptor| {
        entry.platform().as_ref().is_some_and(|platform| platform.variant().is_none())
    };
    let mut fitting = entries.iter().filter(fits);
    if let Some(found) = fitting.clone().find(plain).or_else(|| fitting.next()) {
        check_form(found.media_type().as_ref())?;
        return Ok(found);
    }
    let there = entries.iter().filter_map(platform);
    let there = there.map(|at| format!("{}/{}", at.os(), at.architecture()));
    // Statements about an image are in the index, too.
    let mut there = there.filter(|at| at != "unknown/unknown").collect::<Vec<_>>();
    there.dedup();
    if there.is_empty() {
        there.push("no machine at all".to_owned());
    }
    Err(Fault::Platform { wanted: format!("linux/{architecture}"), there })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn entry(os: &str, architecture: &str, variant: Option<&str>, size: u64) -> serde_json::Value {
        let mut platform = json!({ "os": os, "architecture": architecture });
        if let Some(variant) = variant {
            platform["variant"] = variant.into();
        }
        json!({ "mediaType": OCI_MANIFEST, "digest": DIGEST, "size": size, "platform": platform })
    }

    fn index(entries: &[serde_json::Value]) -> Vec<oci::Descriptor> {
        let text = json!({ "schemaVersion": 2, "mediaType": DOCKER_INDEX, "manifests": entries });
        let read = read("h", OCI_INDEX, text.to_string().as_bytes(), &Limits::default());
        match read.unwrap() {
            Document::Index(entries) => entries,
            Document::Image(_) => panic!("an index"),
        }
    }

    #[test]
    fn the_image_of_this_machine_is_chosen() {
        let entries = index(&[
            entry("unknown", "unknown", None, 1),
            entry("windows", "amd64", None, 2),
            entry("linux", "amd64", Some("v3"), 3),
            entry("linux", "amd64", None, 4),
            entry("linux", "arm64", Some("v8"), 5),
        ]);
        let size = |architecture| choose(&entries, architecture).map(oci::Descriptor::size);
        assert_eq!((size("amd64").unwrap(), size("arm64").unwrap()), (4, 5));
        let why = size("riscv64").unwrap_err().why();
        let there = "windows/amd64, linux/amd64, linux/arm64";
        assert_eq!(why, format!("it is not there for linux/riscv64, but for {there}"));
        let why = choose(&[], "amd64").unwrap_err().why();
        assert_eq!(why, "it is not there for linux/amd64, but for no machine at all");
    }

    #[test]
    fn what_is_no_image_is_told_by_its_form() {
        let part =
            |kind: &str, size: u64| json!({ "mediaType": kind, "digest": DIGEST, "size": size });
        let image = |config: &str, layer: &str, size: u64| {
            json!({ "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": part(config, 2),
                "layers": [part(layer, size)] })
        };
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let gzip = format!("{}.gzip", LAYERS[1]);
        let mut both = image(CONFIGS[1], &gzip, 1);
        both["manifests"] = json!([]);
        let cases = [
            (image(CONFIGS[1], &gzip, 1), None),
            (
                image("application/vnd.cncf.helm.config.v1+json", &gzip, 1),
                Some("`application/vnd.cncf.helm.config.v1+json` is no form of an image"),
            ),
            (
                image(CONFIGS[1], foreign, 1),
                Some(
                    "`application/vnd.docker.image.rootfs.foreign.diff.tar.gzip` is no form of an image",
                ),
            ),
            (
                json!({ "schemaVersion": 1, "fsLayers": [] }),
                Some("it is in Docker's schema 1, which is not read"),
            ),
            (
                both,
                Some(
                    "what `h` sent is not what a registry sends: a `application/vnd.docker.distribution.manifest.v2+json` without its parts, or with those of another",
                ),
            ),
            (
                image(CONFIGS[1], &gzip, 33 << 30),
                Some(
                    "the layer `sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855` has more than 32 GiB (`result_size`: bytes of one file that a builder or an engine hands out)",
                ),
            ),
        ];
        for (text, expected) in cases {
            let read = read("h", OCI_MANIFEST, text.to_string().as_bytes(), &Limits::default());
            let why = read.err().map(|fault| fault.why());
            assert_eq!(why.as_deref(), expected, "{text}");
        }
    }
}
