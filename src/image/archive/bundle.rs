//! Images as files: the archive that `docker load` takes, and the OCI layout.
//!
//! An image's own archive has its own layers only; those below are in its parent's. Written here, so
//! that the same image is the same bytes: sorted names, numbers for owners, one time for all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bstr::{BString, ByteSlice};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::limited::BLOCK;
use super::listing;
use super::listing::{Section, XATTR};
use crate::base::error::{Error, Exit, Result};
use crate::base::hex::hex;
use crate::base::label;
use crate::base::limits::{Limit, Limits};
use crate::base::reference::is_id;
use crate::image::archive::Body;
use crate::image::bundle::{ArchiveManifest, Blob};
use crate::image::config::ImageConfig;
use crate::image::tree::{Content, Kind, Node, Nodes, Tree, join, parent};
use crate::image::{Left, bundle};

/// One image's archive, opened. To clone it costs nothing.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The configuration, as it is written.
    pub config_text: Arc<Vec<u8>>,
    /// The same, read.
    pub config: Arc<ImageConfig>,
    /// What is where.
    files: Arc<BTreeMap<String, Content>>,
    manifest: Arc<ArchiveManifest>,
    /// What is in layers that were looked into.
    listed: Arc<Mutex<BTreeMap<String, Arc<Nodes>>>>,
    /// How much of it is read.
    limits: Limits,
}

/// The name of the list in an archive.
pub(crate) const MANIFEST: &str = "manifest.json";

impl Bundle {
    /// Opens an archive; nothing if the file is empty: only the engine has that image.
    ///
    /// # Errors
    /// The file cannot be read, is no image's archive, or is larger than the limits say.
    pub fn open(path: &Path, limits: &Limits) -> Result<Option<Self>> {
        let failed = |e: io::Error| Error::file("read", path, &e);
        let meta = std::fs::metadata(path).map_err(failed)?;
        let size = meta.len();
        if meta.is_file() && size == 0 {
            return Ok(None);
        }
        let broken = |why: &str| {
            Error::step(format!("`{}` is not an image's archive: {why}", path.display()))
        };
        if !meta.is_file() {
            return Err(broken("it is no file"));
        }
        let unread = |left: &Left| left.failure().unwrap_or_else(|| broken(left.why()));
        let listed = listing::layer(&listing::whole(path, size), limits);
        let listed = listed.map_err(|e| unread(&e))?;
        let files = files(&listed);
        let text = |name: &str| {
            let content = files.get(name).ok_or_else(|| broken(&format!("no `{name}`")))?;
            listing::read_up_to(content, limits, Limit::ConfigSize).map_err(|e| unread(&e))
        };
        let manifest = without_nulls::<[ArchiveManifest; 1]>(&text(MANIFEST)?);
        let [manifest] = manifest.map_err(|e| broken(&e.to_string()))?;
        let config_text = text(&manifest.config)?;
        let config = without_nulls(&config_text).map_err(|e| broken(&e.to_string()))?;
        let layers = limits.check(Limit::Layers, manifest.layers.len() as u64);
        layers.map_err(|e| e.error(Exit::Step, &format!("`{}`", path.display())))?;
        Ok(Some(Self::new((config_text, config), files, manifest, limits)))
    }

    fn new(
        (config_text, config): (Vec<u8>, ImageConfig),
        files: BTreeMap<String, Content>,
        manifest: ArchiveManifest,
        limits: &Limits,
    ) -> Self {
        Self {
            config_text: Arc::new(config_text),
            config: Arc::new(config),
            files: Arc::new(files),
            manifest: Arc::new(manifest),
            listed: Arc::default(),
            limits: *limits,
        }
    }

    /// The layers that a configuration names: `sha256:…` of each, lowest first.
    ///
    /// # Errors
    /// It is none.
    pub fn diff_ids(config_text: &[u8]) -> Result<Vec<String>> {
        Ok(parsed(config_text)?.rootfs.diff_ids)
    }

    /// An image whose layers are files of their own, lowest first, as its configuration names them.
    ///
    /// # Errors
    /// The configuration is none, or has another number of layers.
    pub fn of_layers(config_text: Vec<u8>, layers: Vec<Content>, limits: &Limits) -> Result<Self> {
        let id = Blob::of(&config_text).digest;
        let broken = |why: &str| {
            Error::step(format!("`sha256:{id}` is not an image's configuration: {why}"))
        };
        let config =
            without_nulls::<ImageConfig>(&config_text).map_err(|e| broken(&e.to_string()))?;
        let names = config.rootfs.diff_ids.iter();
        let names = names.map(|id| bundle::layer_file(id.trim_start_matches("sha256:")));
        let names = names.collect::<Vec<_>>();
        if names.len() != layers.len() {
            return Err(broken("it has another number of layers"));
        }
        let manifest = ArchiveManifest {
            config: format!("{id}.json"),
            repo_tags: vec![],
            layers: names.clone(),
        };
        let files = names.into_iter().zip(layers).collect();
        Ok(Self::new((config_text, config), files, manifest, limits))
    }

    /// The same under other names.
    #[must_use]
    pub fn called(mut self, references: &[String]) -> Self {
        Arc::make_mut(&mut self.manifest).repo_tags = references.to_vec();
        self
    }

    /// The first of its names.
    pub(super) fn reference(&self) -> &str {
        self.manifest.repo_tags.first().map_or("", String::as_str)
    }

    /// The image's ID.
    pub fn id(&self) -> String {
        format!("sha256:{}", Blob::of(&self.config_text).digest)
    }

    /// The same with the lowest layers out of another archive, which may call them as it likes.
    #[must_use]
    pub fn with_layers_of(mut self, below: &Self) -> Self {
        let names = self.manifest.layers.iter().zip(&below.manifest.layers);
        let found =
            names.filter_map(|(own, theirs)| Some((own.clone(), below.layer(theirs)?.clone())));
        let found = found.collect::<Vec<_>>();
        Arc::make_mut(&mut self.files).extend(found);
        // What was looked into has another name now, or none.
        self.listed = Arc::default();
        self
    }

    /// A layer's bytes, if they are in this archive.
    fn layer(&self, name: &str) -> Option<&Content> {
        self.files.get(name)
    }

    /// What is in a layer of this archive, whose bytes these are: looked into once.
    fn nodes(&self, name: &str, content: &Content) -> std::result::Result<Arc<Nodes>, Left> {
        let listed = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nodes) = listed().get(name) {
            return Ok(nodes.clone());
        }
        let nodes = Arc::new(listing::layer(content, &self.limits)?);
        listed().insert(name.to_owned(), nodes.clone());
        Ok(nodes)
    }

    /// How many paths are in all of its own layers that can be read.
    pub fn paths(&self) -> usize {
        let own = self.manifest.layers.iter().filter_map(|name| Some((name, self.layer(name)?)));
        own.filter_map(|(name, content)| Some(self.nodes(name, content).ok()?.len())).sum()
    }
}

/// A configuration, read.
///
/// # Errors
/// It is none.
pub fn parsed(config_text: &[u8]) -> Result<ImageConfig> {
    let malformed = |e| Error::step(format!("an image's configuration is malformed: {e}"));
    without_nulls(config_text).map_err(malformed)
}

/// The list in an archive, read: of one image.
///
/// # Errors
/// It is none, or of more images than one.
pub(crate) fn listed(text: &[u8]) -> Result<ArchiveManifest> {
    let malformed = |e| Error::step(format!("an image's archive has no list of one image: {e}"));
    without_nulls::<[ArchiveManifest; 1]>(text).map(|[one]| one).map_err(malformed)
}

/// An engine writes `null` for what it has none of.
fn without_nulls<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    if text.find(b"null").is_none() {
        return serde_json::from_slice(text);
    }
    let mut value = serde_json::from_slice(text)?;
    drop_nulls(&mut value);
    serde_json::from_value(value)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The files of an archive. An engine that has the same layer twice in an image writes a link.
fn files(listed: &Nodes) -> BTreeMap<String, Content> {
    let content = |node: &Node| match &node.kind {
        Kind::File(content) => Some(content.clone()),
        _ => None,
    };
    let file = |(name, node): (&BString, &Node)| match &node.kind {
        Kind::Link(target) => {
            let folder = parent(name);
            let target = match target.strip_prefix(b"../") {
                Some(beside) => join(parent(folder), beside),
                None => join(folder, target),
            };
            Some((name.to_string(), content(listed.get(&target)?)?))
        }
        _ => Some((name.to_string(), content(node)?)),
    };
    listed.iter().filter_map(file).collect()
}

/// An image with those that it is built on, itself first.
pub type Chain = [Bundle];

/// All layers of an image, lowest first, by the names that they have in its archive.
///
/// # Errors
/// One of them is not there any more.
pub fn layers(chain: &Chain) -> Result<Vec<(&str, &Content)>> {
    let found = found(chain)?.into_iter();
    Ok(found.map(|(name, _, content)| (name, content)).collect())
}

/// The same, each with the archive that it is in.
fn found(chain: &Chain) -> Result<Vec<(&str, &Bundle, &Content)>> {
    let names = chain.first().map_or(&[][..], |top| &top.manifest.layers).iter();
    let found = names.map(|name| {
        let has = |bundle| Some((name.as_str(), bundle, Bundle::layer(bundle, name)?));
        let gone = || Error::step(format!("the layer `{name}` is gone")).hint("run `bb build`");
        chain.iter().find_map(has).ok_or_else(gone)
    });
    found.collect()
}

/// What is in each layer, lowest first.
fn looked_into(chain: &Chain) -> Result<Vec<Arc<Nodes>>> {
    let nodes = |(name, bundle, content): (&str, &Bundle, &Content)| {
        let nodes = bundle.nodes(name, content);
        nodes.map_err(|e| e.error(|why| format!("the layer `{name}`: {why}")))
    };
    found(chain)?.into_iter().map(nodes).collect()
}

/// A layer with where it is from.
#[derive(Debug, Clone)]
pub struct OwnLayer {
    /// The place in the chain of the image whose own it is.
    pub bundle: usize,
    /// What made it.
    pub instruction: String,
    /// What is in it.
    pub nodes: Arc<Nodes>,
}

/// All layers of an image, lowest first, each with the image that it is from and what made it.
///
/// # Errors
/// A layer is gone, cannot be read, or has something that is not known here.
pub fn own_layers(chain: &Chain) -> Result<Vec<OwnLayer>> {
    let history = chain.first().map_or(&[][..], |top| &top.config.history).iter();
    let mut made_by = history.filter(|step| !step.empty_layer).map(|step| &step.created_by);
    let mut found = vec![];
    for (at, nodes) in looked_into(chain)?.into_iter().enumerate() {
        // The same layer may be in more than one image: it is of the lowest that has as many.
        let has = |bundle: &Bundle| bundle.manifest.layers.len() > at;
        let bundle = chain.iter().rposition(has).unwrap_or(0);
        let instruction = made_by.next().cloned().unwrap_or_default();
        found.push(OwnLayer { bundle, instruction, nodes });
    }
    Ok(found)
}

/// The whole file system of an image.
///
/// # Errors
/// A layer is gone, cannot be read, or has something that is not known here.
pub fn tree(chain: &Chain) -> Result<Tree> {
    let mut tree = Tree::default();
    for ((name, _), layer) in layers(chain)?.into_iter().zip(looked_into(chain)?) {
        let laid = tree.apply(&layer);
        laid.map_err(|e| e.error(|why| format!("the layer `{name}`: {why}")))?;
    }
    Ok(tree)
}

/// An image that is to be written.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Complete but for the digests of its own layers.
    pub config: ImageConfig,
    /// Its own layers, lowest first.
    pub layers: &'a [Nodes],
    /// What it is called.
    pub references: &'a [String],
    /// Seconds since 1970.
    pub epoch: u64,
}

/// Writes an image's archive, and returns the image's ID.
///
/// # Errors
/// The file cannot be written, or what a layer has in it cannot be read as it was.
pub fn write(path: &Path, mut plan: Plan<'_>) -> Result<String> {
    let mut written = || {
        let mut file = File::create(path)?;
        for layer in plan.layers {
            let digest = write_layer(&mut file, layer, plan.epoch)?;
            plan.config.rootfs.diff_ids.push(format!("sha256:{digest}"));
        }
        Ok(file)
    };
    let failed = |e: io::Error| Error::file("write", path, &e);
    let mut file = written().map_err(failed)?;
    let fingerprint = Blob::of(&bundle::config_text(&plan.config)?).digest;
    plan.config.config.labels.insert(label::FINGERPRINT.to_owned(), fingerprint);
    let config = bundle::config_text(&plan.config)?;
    let blob = Blob::of(&config);
    let digests = plan.config.rootfs.diff_ids.iter();
    let digests = digests.map(|id| id.trim_start_matches("sha256:").to_owned());
    let manifest = bundle::archive_manifest(&blob, &digests.collect::<Vec<_>>(), plan.references)?;
    let texts = [(format!("{}.json", blob.digest), config), (MANIFEST.to_owned(), manifest)];
    append_texts(&mut file, &texts, plan.epoch).map_err(failed)?;
    Ok(format!("sha256:{}", blob.digest))
}

fn append_texts(out: impl Write, texts: &[(String, Vec<u8>)], mtime: u64) -> io::Result<()> {
    append_texts_to(tar::Builder::new(out), texts, mtime)
}

fn append_texts_to(
    mut builder: tar::Builder<impl Write>,
    texts: &[(String, Vec<u8>)],
    mtime: u64,
) -> io::Result<()> {
    for (name, text) in texts {
        let mut header = super::header(tar::EntryType::Regular, text.len() as u64, 0o644, mtime);
        builder.append_data(&mut header, name, text.as_slice())?;
    }
    builder.into_inner()?.flush()
}

/// Appends a layer to an archive, whose name for it is its digest: the header is written last.
fn write_layer(file: &mut File, layer: &Nodes, epoch: u64) -> io::Result<String> {
    let start = file.stream_position()?;
    file.seek(SeekFrom::Start(start + BLOCK))?;
    let digest = hashed_nodes(&mut *file, layer, epoch)?;
    let end = file.stream_position()?;
    let size = end - start - BLOCK;
    file.seek(SeekFrom::Start(start))?;
    let mut header = super::header(tar::EntryType::Regular, size, 0o644, epoch);
    header.set_path(bundle::layer_file(&digest))?;
    header.set_cksum();
    file.write_all(header.as_bytes())?;
    file.seek(SeekFrom::Start(end))?;
    Ok(digest)
}

/// Writes an archive of paths.
///
/// # Errors
/// The file cannot be written, or what the paths lead to cannot be read as it was.
pub fn write_archive(path: &Path, nodes: &Nodes, epoch: u64) -> Result<()> {
    let written =
        File::create(path).and_then(|file| write_nodes(io::BufWriter::new(file), nodes, epoch));
    written.map_err(|e| Error::file("write", path, &e))
}

/// Writes a layer and returns its SHA-256 in hex.
fn hashed_nodes(out: impl Write, layer: &Nodes, epoch: u64) -> io::Result<String> {
    let mut out = Hashing::new(io::BufWriter::new(out));
    write_nodes(&mut out, layer, epoch)?;
    out.flush()?;
    Ok(hex(&out.hasher.finalize()))
}

/// A writer that takes the SHA-256 of what goes through it.
pub(crate) struct Hashing<W> {
    pub inner: W,
    pub hasher: Sha256,
}

impl<W> Hashing<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new() }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(data)?;
        self.hasher.update(&data[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn write_nodes(out: impl Write, layer: &Nodes, epoch: u64) -> io::Result<()> {
    let mut builder = tar::Builder::new(out);
    let mut names = BTreeMap::<&Content, &[u8]>::new();
    for (path, node) in layer {
        let mut header = header(node, epoch)?;
        let records = node.xattrs.iter().map(|(k, v)| (format!("{XATTR}{k}"), v));
        let records = records.collect::<Vec<_>>();
        builder.append_pax_extensions(records.iter().map(|(k, v)| (k.as_str(), v.as_slice())))?;
        let folder = [path, &b"/"[..]].concat();
        let (name, target) = match &node.kind {
            Kind::Folder => (folder.as_slice(), None),
            Kind::Link(target) => (path.as_slice(), Some(target.as_slice())),
            Kind::Device(..) | Kind::Fifo => (path.as_slice(), None),
            Kind::File(content) => match names.get(content).filter(|_| content.linked) {
                Some(first) => {
                    header.set_entry_type(tar::EntryType::Link);
                    header.set_size(0);
                    (path.as_slice(), Some(*first))
                }
                None => {
                    names.insert(content, path);
                    let data = exactly(content)?;
                    super::append_raw(&mut builder, &mut header, path, None, data)?;
                    continue;
                }
            },
        };
        super::append_raw(&mut builder, &mut header, name, target, io::empty())?;
    }
    builder.into_inner()?.flush()
}

fn header(node: &Node, epoch: u64) -> io::Result<tar::Header> {
    let (kind, size) = match &node.kind {
        Kind::Folder => (tar::EntryType::Directory, 0),
        Kind::File(content) => (tar::EntryType::Regular, content.size),
        Kind::Link(_) => (tar::EntryType::Symlink, 0),
        Kind::Device(true, ..) => (tar::EntryType::Block, 0),
        Kind::Device(false, ..) => (tar::EntryType::Char, 0),
        Kind::Fifo => (tar::EntryType::Fifo, 0),
    };
    let mut header = super::header(kind, size, node.mode, epoch);
    header.set_uid(node.uid);
    header.set_gid(node.gid);
    if let Kind::Device(_, major, minor) = node.kind {
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
    }
    Ok(header)
}

/// A layer's bytes, as far as they are the layer's.
struct Verified<'a> {
    section: Section,
    hasher: Sha256,
    content: &'a Content,
    digest: &'a str,
}

impl<'a> Verified<'a> {
    /// `digest` in hex.
    fn open(content: &'a Content, digest: &'a str) -> io::Result<Self> {
        let section = Section::open(content)?;
        Ok(Self { section, hasher: Sha256::new(), content, digest })
    }
}

impl Read for Verified<'_> {
    /// At its end it is known whether it was the layer: an error if not.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.section.read(out)?;
        self.hasher.update(&out[..n]);
        if n == 0 && !out.is_empty() && hex(&self.hasher.clone().finalize()) != self.digest {
            let (file, digest) = (self.content.file.display(), self.digest);
            let why = format!("`{file}` does not have the layer `sha256:{digest}` any more");
            return Err(io::Error::other(why));
        }
        Ok(n)
    }
}

/// A layer's bytes. An archive of ours calls it by its digest: then they are verified.
pub(super) fn layer_bytes<'a>(
    name: &'a str,
    content: &'a Content,
) -> io::Result<Box<dyn Read + 'a>> {
    match name.strip_suffix(".tar").filter(|digest| is_id(digest)) {
        Some(digest) => Ok(Box::new(Verified::open(content, digest)?)),
        None => Ok(Box::new(exactly(content)?)),
    }
}

/// A content's bytes; an error where the file has become shorter.
fn exactly(content: &Content) -> io::Result<impl Read> {
    let section = Section::open(content)?;
    if section.length()? < content.offset.saturating_add(content.size) {
        let name = content.file.display();
        return Err(io::Error::other(format!("`{name}` changed while it was read")));
    }
    Ok(section)
}

/// An image's archive as it is.
pub fn stream(path: &Path) -> Body {
    let path = path.to_owned();
    super::write_on_thread(move |mut out| {
        io::copy(&mut File::open(&path).map_err(|e| super::named(&path, &e))?, &mut out)?;
        out.flush()
    })
}

/// An archive with all layers, on its way to an engine.
pub fn full_stream(chain: Vec<Bundle>, epoch: u64) -> Body {
    super::write_on_thread(move |out| {
        write_full(&chain, epoch, out).map_err(|e| io::Error::other(e.message().to_owned()))
    })
}

/// Writes an archive with all layers.
///
/// # Errors
/// A layer is gone or changed while it was read, or `out` takes no more.
pub fn write_full(chain: &Chain, epoch: u64, mut out: impl Write) -> Result<()> {
    let Some(top) = chain.first() else { return Ok(()) };
    let layers = layers(chain)?;
    let manifest = serde_json::to_vec(&[&*top.manifest]);
    let manifest = manifest.map_err(|e| Error::bug(format!("cannot write a manifest: {e}")))?;
    let texts =
        [(top.manifest.config.clone(), top.config_text.to_vec()), (MANIFEST.into(), manifest)];
    let written = write_parts(&layers, &texts, epoch, &mut out);
    written.map_err(|e| Error::step(format!("cannot write the image: {e}")))
}

/// Writes an image's own archive: without so many of its layers that are in the archives of those below.
///
/// # Errors
/// The file cannot be written, or a layer changed while it was read.
pub fn write_own(
    path: &Path,
    image: &Bundle,
    below: usize,
    references: &[String],
    epoch: u64,
) -> Result<()> {
    let digests = image.config.rootfs.diff_ids.iter();
    let digests = digests.map(|id| id.trim_start_matches("sha256:").to_owned());
    let digests = digests.collect::<Vec<_>>();
    let config = Blob::of(&image.config_text);
    let manifest = bundle::archive_manifest(&config, &digests, references)?;
    let texts = [
        (format!("{}.json", config.digest), image.config_text.to_vec()),
        (MANIFEST.to_owned(), manifest),
    ];
    let names = digests.iter().map(|digest| bundle::layer_file(digest)).collect::<Vec<_>>();
    let own = layers(std::slice::from_ref(image))?.into_iter().zip(&names).skip(below);
    let own = own.map(|((_, content), name)| (name.as_str(), content)).collect::<Vec<_>>();
    let written = File::create(path)
        .and_then(|file| write_parts(&own, &texts, epoch, io::BufWriter::new(file)));
    written.map_err(|e| Error::file("write", path, &e))
}

fn write_parts(
    layers: &[(&str, &Content)],
    texts: &[(String, Vec<u8>)],
    epoch: u64,
    out: impl Write,
) -> io::Result<()> {
    let mut seen = BTreeSet::new();
    let mut builder = tar::Builder::new(out);
    for (name, content) in layers.iter().filter(|(name, _)| seen.insert(*name)) {
        let mut header = super::header(tar::EntryType::Regular, content.size, 0o644, epoch);
        builder.append_data(&mut header, name, layer_bytes(name, content)?)?;
    }
    append_texts_to(builder, texts, epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of which each may be in a name, but for those that end one.
    fn name(random: &mut fastrand::Rng, longest: usize, also: &[u8]) -> Vec<u8> {
        let byte = |random: &mut fastrand::Rng| match random.u8(..) {
            0 | b'/' => also[random.usize(..also.len())],
            other => other,
        };
        (0..random.usize(1..longest)).map(|_| byte(random)).collect()
    }

    #[test]
    fn a_layer_is_read_as_it_was_written_whatever_its_names_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("layer.tar");
        let mut random = fastrand::Rng::with_seed(3);
        for longest in [3, 30, 99, 100, 101, 102, 250, 600] {
            let mut layer = Nodes::new();
            for at in 0..40 {
                let target = name(&mut random, longest, b"/");
                let (kind, mode) = match at % 3 {
                    0 => (Kind::Link(target.into()), 0o777),
                    1 => (Kind::Fifo, 0o755),
                    _ => (Kind::Folder, 0o755),
                };
                let name = name(&mut random, longest, b"_");
                layer.insert(name.into(), Node::of_root(kind, mode));
            }
            let special = |name: &BString| [".", ".."].iter().any(|dots| name == dots);
            layer.retain(|name, _| !special(name));
            hashed_nodes(File::create(&file).unwrap(), &layer, 7).unwrap();
            let size = std::fs::metadata(&file).unwrap().len();
            let read = listing::layer(&listing::whole(&file, size), &Limits::default()).unwrap();
            assert!(read == layer, "{longest}: {read:?}\n{layer:?}");
        }
    }

    #[test]
    fn an_archive_that_is_cut_anywhere_is_no_archive() {
        let dir = tempfile::tempdir().unwrap();
        let (source, file) = (dir.path().join("f"), dir.path().join("a.tar"));
        std::fs::write(&source, [7; 700]).unwrap();
        let node = Node::of_root(Kind::File(listing::whole(&source, 700)), 0o644);
        let layer = Nodes::from(["a", "b"].map(|name| (name.into(), node.clone())));
        hashed_nodes(File::create(&file).unwrap(), &layer, 7).unwrap();
        // Two headers, two files in two blocks each, two blocks at the end.
        let whole = std::fs::read(&file).unwrap();
        assert_eq!(whole.len(), 8 * 512);
        for length in 512..whole.len() {
            std::fs::write(&file, &whole[..length]).unwrap();
            let content = listing::whole(&file, length as u64);
            let entries = listing::entries(&content, &Limits::default());
            let names = entries.as_ref().ok().map(|found| found.as_ref().map_or(0, Vec::len));
            // Between two files nothing tells that another was to come, and what fills up a block nobody reads; Docker
            // does not know it either.
            let expected = match length {
                1212..=1536 => Some(1),
                2748..=3072 | 3584 => Some(2),
                _ => None,
            };
            assert_eq!(names, expected, "{length}");
            assert!(entries.err().is_none_or(|left| left.is_refused()), "{length}");
        }
    }
}
