//! The steps of every dock: its Dockerfile and its image.

use litemap::LiteMap;

use super::below::Below;
use super::{DockFacts, PACKAGES, Sources, params, step};
use crate::base::ids::{DockName, Kind, StepId};
use crate::base::label;
use crate::config::Settings;
use crate::plan::results::{ARCHIVE, Format, SIZE, SUMMARY};
use crate::plan::step::{BASE_PARAM, IMAGE_ID, ImageWork, Need, Object, REFERENCES, Step, Work};

pub(super) fn dockerfile(sources: Sources<'_>, dock: &DockFacts) -> Step {
    let dest = sources.layout.image_dir(&dock.name).join("Dockerfile");
    let work = Work::Dockerfile {
        template: dock.template.clone(),
        dest: dest.clone(),
        jinja: dock.jinja,
        markers: dock.markers.clone(),
    };
    Step {
        files: dock.template_files.clone(),
        params: dock.markers.iter().map(|(k, v)| (format!("${{{k}}}"), v.clone())).collect(),
        outputs: vec![dest],
        ..step(Kind::Dockerfile, dock.name.as_str(), work)
    }
}

/// The dock's win over the project's, and both over what `bb` knows by itself.
fn labels(settings: &Settings, dock: &DockFacts) -> LiteMap<String, String> {
    let title = ("title".to_owned(), dock.name.to_string());
    let version = ("version".to_owned(), settings.tag.clone());
    let known = [title].into_iter().chain(Some(version).filter(|(_, tag)| tag != "latest"));
    let given = settings.labels.iter().chain(&dock.labels);
    let all = known.chain(given.map(|(name, value)| (name.clone(), value.clone())));
    all.map(|(name, value)| (label::full_name(&name), value)).collect()
}

/// What an image step leaves in `.bb/images/NAME/`; the archive is empty where only the engine has the image.
const IMAGE_OUTPUTS: [&str; 5] =
    [SUMMARY, ARCHIVE, Format::CycloneDx.file(), Format::Spdx.file(), SIZE];

/// How images are made of the same inputs: another way of it makes all of them anew.
const IMAGE_FORMAT: &str = "4";

pub(super) fn image(
    sources: Sources<'_>,
    below: &Below<'_>,
    dock: &DockFacts,
    unverified: bool,
) -> Step {
    let image_dir = |dock: &DockName| sources.layout.image_dir(dock);
    let dir = image_dir(&dock.name);
    let name = dock.name.as_str();
    let references = references(sources.settings, name);
    let epoch = sources.settings.source_date_epoch.to_string();
    let mut labels = labels(sources.settings, dock);
    let mut params = params([
        (REFERENCES, references.join(" ").as_str()),
        ("image_format", IMAGE_FORMAT),
        ("source_date_epoch", &epoch),
    ]);
    if !dock.context.made.is_empty() {
        params.insert("made in the context".to_owned(), dock.context.made.join(" "));
    }
    // Images from elsewhere may leave commands, too.
    if dock.has_run || dock.run.network {
        let commands = if dock.run.network { "in boxes with the network" } else { "in boxes" };
        params.insert("commands".to_owned(), commands.to_owned());
    }
    let elsewhere = dock.externals.iter().map(|name| (name.clone(), sources.pins.bases.get(name)));
    let elsewhere = elsewhere.collect::<LiteMap<_, _>>();
    let pinned = elsewhere.iter().filter_map(|(name, base)| Some((name, base.as_ref()?)));
    params.extend(pinned.map(|(name, base)| (format!("{BASE_PARAM}{name}"), base.id.clone())));
    params.extend(labels.iter().map(|(name, value)| (format!("label {name}"), value.clone())));
    if unverified {
        params.insert("verification".to_owned(), "skipped".to_owned());
        labels.insert(label::VERIFICATION.to_owned(), "skipped".to_owned());
    }
    let work = ImageWork {
        name: dock.name.clone(),
        references: references.clone(),
        dockerfile: dir.join("Dockerfile"),
        rootfs: dock.has_rootfs.then(|| dir.join("rootfs.tar")),
        dock: dock.dir.clone(),
        context: dock.context.clone(),
        parents: dock.references.iter().map(|(r, d)| (r.clone(), image_dir(d))).collect(),
        base: dock.base_reference.clone(),
        labels,
        packages: below.lists(&dock.name).map(|d| image_dir(d).join(PACKAGES)).collect(),
        externals: below.externals(&dock.name),
        elsewhere,
        version: sources.settings.tag.clone(),
        run_network: dock.run.network,
        dir: dir.clone(),
    };
    Step {
        files: dock.context.files.iter().map(|f| dock.dir.join(f)).collect(),
        triggered_files: dock.context.rest.iter().map(|f| dock.dir.join(f)).collect(),
        params,
        needs: needs(dock),
        outputs: IMAGE_OUTPUTS.iter().map(|f| dir.join(f)).collect(),
        objects: references.into_iter().map(Object::Image).collect(),
        ..step(Kind::Image, name, Work::Image(Box::new(work)))
    }
}

fn needs(dock: &DockFacts) -> Vec<Need> {
    let name = dock.name.as_str();
    let mut needs = vec![Need::product(StepId::new(Kind::Dockerfile, name), "text")];
    if dock.has_rootfs {
        needs.push(Need::product(StepId::new(Kind::Rootfs, name), "tar"));
        // Those below are in their images' labels, and so in their IDs.
        needs.push(Need::product(StepId::new(Kind::Rootfs, name), "packages"));
    }
    let parents = dock.parents.iter();
    needs.extend(parents.map(|p| Need::product(StepId::new(Kind::Image, p.as_str()), IMAGE_ID)));
    needs.dedup();
    needs
}

fn references(settings: &Settings, name: &str) -> Vec<String> {
    let mut references = vec![settings.reference(name)];
    if settings.tag != "latest" {
        references.push(format!("{}/{name}:latest", settings.namespace));
    }
    references
}
