//! The builder as an image for jobs of a CI: its root, that root once more as an archive, and a `bb` that runs in it.
//!
//! What a container of it does with these is known by `engine::native::guest`.

use std::path::Path;

use goblin::elf::Elf;

use crate::base::error::{Error, Result, io_reason};
use crate::base::limits::Limits;
use crate::engine::native::guest::{FILE, FOLDER, FORMAT, Marker};
use crate::image::archive::bundle::{Bundle, Plan as Image};
use crate::image::archive::{self, bundle, listing};
use crate::image::config::{History, rfc3339};
use crate::image::tree::{Kind, Node, Nodes};
use crate::plan::step::Work;
use crate::session::Project;

/// Where `bb` is in the image.
const PROGRAM: &str = "usr/bin/bb";
/// What a shell of a job finds first.
const COMMAND: &str = "/bin/bash";
/// Whatever an engine mounts or makes there.
const OF_ENGINE: [&[u8]; 3] = [b"dev/", b"proc/", b"sys/"];

/// What is written while the image is put together.
struct Parts<'a> {
    folder: &'a Path,
    program: &'a Path,
    builder: Bundle,
    marker: Marker,
    reference: &'a str,
}

impl Project {
    /// The image of the builder, which has to be there, with this static program as `bb`. What it consists of is in
    /// files of `folder`.
    ///
    /// # Errors
    /// The engine does not have the builder, or no dock compiles anything.
    pub async fn guest_image(
        &self,
        program: &Path,
        folder: &Path,
        reference: &str,
    ) -> Result<Bundle> {
        let plan = self.plan()?;
        let builder = plan.order().iter().find_map(|ix| match &plan.step(*ix).work {
            Work::Builder { image, content, .. } => Some((image.clone(), content.clone())),
            _ => None,
        });
        let Some((image, content)) = builder else {
            return Err(Error::config("no dock compiles anything, so there is no builder")
                .hint("`Buildconfig.sh` of a dock says what is compiled"));
        };
        let file = folder.join("builder.tar");
        let limits = self.settings.limits;
        archive::save(self.engine().await?.save_image(&image), &file, &limits).await?;
        let builder = Bundle::open(&file, &limits)?;
        let builder = builder.ok_or_else(|| Error::engine("the engine gave an empty builder"))?;
        let env = builder.config.config.environment();
        let env = env.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let marker = Marker { format: FORMAT, image, content, env };
        let parts = Parts { folder, program, builder, marker, reference };
        parts.image(self.settings.source_date_epoch, &limits)
    }
}

impl Parts<'_> {
    fn image(self, epoch: u64, limits: &Limits) -> Result<Bundle> {
        let root = self.folder.join("root.tar");
        let chain = [self.builder.clone()];
        let mut nodes = bundle::tree(&chain)?.nodes().clone();
        nodes.retain(|path, _| !OF_ENGINE.iter().any(|folder| path.starts_with(folder)));
        bundle::write_archive(&root, &nodes, epoch)?;
        let marker = self.folder.join(FILE);
        let text = serde_json::to_vec(&self.marker).map_err(|e| Error::bug(e.to_string()))?;
        std::fs::write(&marker, text).map_err(|e| Error::file("write", &marker, &e))?;
        let mut config = self.builder.config.as_ref().clone();
        config.config.cmd = Some(vec![COMMAND.to_owned()]);
        let made_by = "bb builder image".to_owned();
        let created = rfc3339(epoch);
        config.history.push(History { created, created_by: made_by, empty_layer: false });
        let own = self.folder.join("image.tar");
        let layer = layer(self.program, &root, &marker)?;
        let references = [self.reference.to_owned()];
        let plan = Image { config, layers: &[layer], references: &references, epoch };
        bundle::write(&own, plan)?;
        let own =
            Bundle::open(&own, limits)?.ok_or_else(|| Error::bug("an image without files"))?;
        Ok(own.with_layers_of(&self.builder))
    }
}

/// What comes on top of the builder.
fn layer(program: &Path, root: &Path, marker: &Path) -> Result<Nodes> {
    let file = |path: &Path, mode: u32| {
        let size = std::fs::metadata(path).map_err(|e| Error::file("read", path, &e))?.len();
        Ok::<_, Error>(Node::of_root(Kind::File(listing::whole(path, size)), mode))
    };
    let at = FOLDER.trim_start_matches('/');
    let files = [
        (PROGRAM.to_owned(), file(program, 0o755)?),
        (at.to_owned(), Node::folder(0, 0)),
        (format!("{at}/{FILE}"), file(marker, 0o644)?),
        (format!("{at}/root.tar"), file(root, 0o600)?),
    ];
    Ok(files.into_iter().map(|(path, node)| (path.into(), node)).collect())
}

/// The image has the C library of its stage3, which need not be the one that a program was linked with.
///
/// # Errors
/// It is no program, or it is linked with another one's libraries.
pub fn is_static(program: &Path) -> Result<()> {
    let shown = program.display();
    let odd = |why: String| Error::usage(format!("`{shown}` is no program: {why}"));
    let text = std::fs::read(program).map_err(|e| odd(io_reason(&e)))?;
    let elf = Elf::parse(&text).map_err(|e| odd(e.to_string()))?;
    match elf.interpreter {
        None => Ok(()),
        Some(_) => Err(Error::usage(format!("`{shown}` is not linked statically"))
            .hint("`make static` makes one that is; `--program FILE` names it")),
    }
}
