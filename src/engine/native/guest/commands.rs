//! Commands of images: in a folder with the image's files as their root.
//!
//! The folder has nothing of the container's: no `/proc`, and of `/dev` what every engine gives. What is there afterwards
//! is the account. Does not know what of it counts.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;

use super::boxes::Standing;
use super::{BOXES, FOLDER, Guest, Own, failed, not_here};
use crate::base::error::{Error, Result};
use crate::base::time;
use crate::engine::native::new_id;
use crate::engine::native::spec::Command;
use crate::engine::{Account, Boxes, Commands, ContainerSpec, ImageCommand, Images, Network, Sink};
use crate::image::archive::bundle::Bundle;
use crate::image::archive::{self, bundle};
use crate::image::ran::as_listed;
use crate::image::tree::{Kind, Node, Nodes, Tree};

/// Devices that every box has: name, numbers. Source: Linux, Documentation/admin-guide/devices.txt.
const DEVICES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];
/// Anybody may read and write them.
const OPEN: u32 = 0o666;

#[async_trait]
impl Commands for Guest {
    async fn box_of(&self, spec: &ContainerSpec, _: &ImageCommand<'_>) -> Result<String> {
        if !spec.caches.is_empty() {
            return Err(not_here("a `RUN` with a mount"));
        }
        if spec.network == Network::Outside {
            return Err(not_here("a `RUN` with the network"));
        }
        let id = new_id()?;
        let folder = Path::new(FOLDER).join(BOXES).join(id.as_str());
        let made = self.made(spec, &folder).await;
        if made.is_err() {
            // The reason is what matters.
            let _ = archive::folder::remove(&folder);
        }
        made
    }

    async fn run(&self, container: &str, command: &ImageCommand<'_>, log: Sink<'_>) -> Result<i64> {
        if !command.folder.is_empty() && !self.is_folder(container, command.folder).await? {
            self.upload(container, command.folder, archive::stream(vec![], 0)).await?;
        }
        let env = command.env.iter().filter_map(|variable| variable.split_once('='));
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (words, cwd, user) = (command.words.to_vec(), String::new(), String::new());
        self.exec_command(container, Command { words, env, cwd, user }, log).await
    }

    async fn account(&self, container: &str) -> Result<Account> {
        let (own, id) = (self.own.clone(), container.to_owned());
        let tree = archive::write_on_thread(move |mut out| {
            let packed = own.working(&id, |own, root| own.pack_root(root, "/", &mut out));
            packed.map_err(|error| std::io::Error::other(error.message().to_owned()))?;
            out.flush()
        });
        let (own, id) = (self.own.clone(), container.to_owned());
        let touched = self.run(move |_| own.working(&id, |_, root| all_names(root))).await?;
        Ok(Account::Whole { tree, touched: Some(touched), added: vec![] })
    }
}

/// All that is there: nothing of it is the engine's own.
fn all_names(root: &Path) -> Result<Vec<String>> {
    let names = walkdir::WalkDir::new(root).min_depth(1).into_iter().map(|entry| {
        let entry = entry.map_err(|e| Error::engine(format!("cannot look at a box: {e}")))?;
        let inside = entry.path().strip_prefix(root).unwrap_or(entry.path());
        Ok(format!("/{}", as_listed(inside.as_os_str().as_bytes().into())))
    });
    names.collect()
}

impl Guest {
    /// A box in a folder, with the files of an image.
    async fn made(&self, spec: &ContainerSpec, folder: &Path) -> Result<String> {
        let failed = |e: std::io::Error| failed("make a box", &e);
        let root = folder.join("root");
        std::fs::create_dir_all(&root).map_err(failed)?;
        let image = folder.join("image.tar");
        archive::save(self.images.save_image(&spec.image), &image, &self.own.limits).await?;
        let (root, spec) = (root, spec.clone());
        self.run(move |own| own.unpacked(&spec, &image, &root)).await
    }
}

impl Own {
    fn unpacked(&self, spec: &ContainerSpec, image: &Path, root: &Path) -> Result<String> {
        let failed = |e: std::io::Error| failed("make a box", &e);
        let bundle = Bundle::open(image, &self.limits)?;
        let bundle =
            bundle.ok_or_else(|| Error::step("an empty file is not an image's archive"))?;
        let config = bundle.config.config.clone();
        let time = time_of(&bundle.config.created);
        let tree = bundle::tree(&[bundle])?;
        let archive = image.with_extension("root");
        bundle::write_archive(&archive, &with_devices(&tree), time)?;
        let file = std::fs::File::open(&archive).map_err(failed)?;
        self.unpack(root, "/", file)?;
        for done in [image, &archive] {
            std::fs::remove_file(done).map_err(failed)?;
        }
        let command = Command {
            words: vec![],
            env: config.environment(),
            cwd: config.working_dir.clone(),
            user: config.user.clone(),
        };
        self.add(Standing::new(spec, root.to_owned(), command))
    }
}

/// The time of an image's files, seconds since 1970: in those that `bb` makes, it is that of the image. Those from
/// elsewhere have a time for each file, which is not kept here.
fn time_of(created: &str) -> u64 {
    let time = time::parse_rfc3339(created).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    time.map_or(0, |since| since.as_secs())
}

/// All that the image has, and the devices that every box has.
fn with_devices(tree: &Tree) -> Nodes {
    let mut nodes = tree.nodes().clone();
    nodes.retain(|path, _| !path.starts_with(b"dev/"));
    nodes.insert("dev".into(), Node::folder(0, 0));
    for (name, major, minor) in DEVICES {
        let kind = Kind::Device(false, major, minor);
        nodes.insert(format!("dev/{name}").into(), Node::of_root(kind, OPEN));
    }
    nodes
}
