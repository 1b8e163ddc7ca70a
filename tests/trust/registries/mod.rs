//! The client of registries: with Debian's `docker-registry` and skopeo, with a server that misbehaves, and
//! behind a proxy.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gentoo_bb::base::reference::Reference;
use gentoo_bb::image::archive::compressed::{Compression, LocalLayer};
use gentoo_bb::image::archive::listing::whole;
use gentoo_bb::image::tree::Content;
use gentoo_bb::net::registry::{self, Blobs, Image, Layer, Pulled, Settings};
use serde_json::json;
use sha2::{Digest, Sha256};

mod login;
mod odd;
mod pinned;
mod real;
mod secure;

/// Waits for what is asked of a registry.
fn wait<T>(asked: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(asked)
}

/// A client with little patience.
fn client(settings: Settings) -> registry::Registry {
    let pauses = vec![Duration::from_millis(10); 2];
    registry::Registry::new(Settings { pauses, architecture: "amd64".to_owned(), ..settings })
}

fn name(text: &str) -> Reference {
    text.parse().unwrap()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", gentoo_bb::base::hex::hex(&Sha256::digest(bytes)))
}

/// A tar with one file of so many bytes, which hardly compress.
fn tar(name: &str, size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(size as u64);
    let content = (0..size).map(|_| random.u8(..)).collect::<Vec<_>>();
    let mut builder = tar::Builder::new(vec![]);
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    builder.append_data(&mut header, name, &content[..]).unwrap();
    builder.into_inner().unwrap()
}

fn config(layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids = layers.iter().map(|layer| digest(layer)).collect::<Vec<_>>();
    let rootfs = json!({ "type": "layers", "diff_ids": diff_ids });
    let history = layers.iter().map(|_| json!({ "created_by": "x" })).collect::<Vec<_>>();
    let config = json!({ "architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs,
        "history": history });
    config.to_string().into_bytes()
}

/// An image on disk: the layers in one archive, with something between them.
fn image(dir: &Path, layers: &[Vec<u8>]) -> Image {
    let file = dir.join("archive");
    let mut archive = fs::File::create(&file).unwrap();
    let mut local = vec![];
    let mut offset = 0;
    for layer in layers {
        archive.write_all(&[b"head", &layer[..]].concat()).unwrap();
        offset += 4;
        let size = layer.len() as u64;
        let content = Content { offset, ..whole(&file, size) };
        local.push(LocalLayer { diff_id: digest(layer), content });
        offset += size;
    }
    Image { config: config(layers), layers: local, compression: Compression::Gzip }
}

/// What a pull has brought: the configuration, and the layers unpacked.
fn unpacked(blobs: &Blobs, pulled: &Pulled) -> (Vec<u8>, Vec<Vec<u8>>) {
    let read = |digest: &str| fs::read(blobs.path(digest).unwrap()).unwrap();
    let layer = |layer: &Layer| {
        registry::unpack(blobs, layer, &gentoo_bb::base::limits::Limits::default()).unwrap();
        read(&layer.diff_id)
    };
    (read(&pulled.config), pulled.layers.iter().map(layer).collect())
}

/// Docker's settings with one login; the folder that they are in.
fn kept(dir: &Path, registry: &str, login: &serde_json::Value) -> Option<PathBuf> {
    let config = json!({ "auths": { registry: login } });
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
    Some(dir.to_owned())
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    flate2::read::GzEncoder::new(data, flate2::Compression::fast()).read_to_end(&mut out).unwrap();
    out
}
