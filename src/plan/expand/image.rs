//! The steps of every dock: its Dockerfile and its image.

use std::collections::{BTreeMap, BTreeSet};

use super::{ByName, DockFacts, PACKAGES, Sources, params, step};
use crate::config::Settings;
use crate::ids::{DockName, Kind, StepId};
use crate::oci::label;
use crate::plan::step::{ImageWork, Need, Object, Step, Work};
use crate::sbom::Format;
use crate::size;

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
fn labels(settings: &Settings, dock: &DockFacts) -> BTreeMap<String, String> {
    let title = ("title".to_owned(), dock.name.to_string());
    let version = ("version".to_owned(), settings.tag.clone());
    let known = [title].into_iter().chain(Some(version).filter(|(_, tag)| tag != "latest"));
    let given = settings.labels.iter().chain(&dock.labels);
    let all = known.chain(given.map(|(name, value)| (name.clone(), value.clone())));
    all.map(|(name, value)| (label::full_name(&name), value)).collect()
}

/// What an image step leaves in `.bb/images/NAME/`; the archive is empty where the engine has built it.
const IMAGE_OUTPUTS: [&str; 5] =
    ["image.json", "image.tar", Format::CycloneDx.file(), Format::Spdx.file(), size::FILE];

/// How images are made of the same inputs: another way of it makes all of them anew.
const IMAGE_FORMAT: &str = "4";

pub(super) fn image(
    sources: Sources<'_>,
    by_name: &ByName<'_>,
    dock: &DockFacts,
    unverified: bool,
) -> Step {
    let image_dir = |dock: &DockName| sources.layout.image_dir(dock);
    let dir = image_dir(&dock.name);
    let name = dock.name.as_str();
    let mut needs = vec![Need::product(StepId::new(Kind::Dockerfile, name), "text")];
    if dock.has_rootfs {
        needs.push(Need::product(StepId::new(Kind::Rootfs, name), "tar"));
        // Those below are in their images' labels, and so in their IDs.
        needs.push(Need::product(StepId::new(Kind::Rootfs, name), "packages"));
    }
    let parents = dock.parents.iter();
    needs.extend(parents.map(|p| Need::product(StepId::new(Kind::Image, p.as_str()), "id")));
    needs.dedup();
    let references = references(sources.settings, name);
    let epoch = sources.settings.source_date_epoch.to_string();
    let mut labels = labels(sources.settings, dock);
    let mut params = params([
        ("references", references.join(" ").as_str()),
        ("image_format", IMAGE_FORMAT),
        ("source_date_epoch", &epoch),
    ]);
    if !dock.context.made.is_empty() {
        params.insert("made in the context".to_owned(), dock.context.made.join(" "));
    }
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
        packages: lists(by_name, dock).into_iter().map(|d| image_dir(d).join(PACKAGES)).collect(),
        externals: externals(by_name, dock),
        version: sources.settings.tag.clone(),
        dir: dir.clone(),
    };
    Step {
        files: dock.context.files.iter().map(|f| dock.dir.join(f)).collect(),
        triggered_files: dock.context.rest.iter().map(|f| dock.dir.join(f)).collect(),
        params,
        needs,
        outputs: IMAGE_OUTPUTS.iter().map(|f| dir.join(f)).collect(),
        objects: references.into_iter().map(Object::Image).collect(),
        bases: dock.externals.iter().map(|e| Object::Image(tagged(e))).collect(),
        ..step(Kind::Image, name, Work::Image(Box::new(work)))
    }
}

/// A reference as the engine lists it.
fn tagged(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    if last.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

fn references(settings: &Settings, name: &str) -> Vec<String> {
    let mut references = vec![settings.reference(name)];
    if settings.tag != "latest" {
        references.push(format!("{}/{name}:latest", settings.namespace));
    }
    references
}

/// The docks whose lists of packages cover all that is in an image, its own list first. A list has all
/// packages of the images below; what is copied from other docks has lists of its own.
fn lists<'a>(by_name: &ByName<'a>, dock: &'a DockFacts) -> Vec<&'a DockName> {
    let mut lists = vec![];
    each(by_name, dock, &mut |dock, covered| {
        if dock.has_rootfs && !covered && !lists.contains(&&dock.name) {
            lists.push(&dock.name);
        }
    });
    lists
}

/// The images from elsewhere that are in an image or below it.
fn externals(by_name: &ByName<'_>, dock: &DockFacts) -> Vec<String> {
    let mut found = BTreeSet::new();
    each(by_name, dock, &mut |dock, _| found.extend(dock.externals.iter().cloned()));
    found.into_iter().collect()
}

/// Shows a dock and all that it consists of, each for every chain that it is in once: is its list covered
/// by that of a dock above it?
fn each<'a>(by_name: &ByName<'a>, dock: &'a DockFacts, show: &mut impl FnMut(&'a DockFacts, bool)) {
    let mut tops = vec![dock];
    let mut seen = BTreeSet::new();
    while let Some(top) = tops.pop() {
        let (mut at, mut covered) = (Some(top), false);
        while let Some(dock) = at.filter(|dock| seen.insert((&dock.name, covered))) {
            show(dock, covered);
            covered |= dock.has_rootfs;
            let copied = dock.parents.iter().filter(|p| dock.base.as_ref() != Some(p));
            tops.extend(copied.filter_map(|p| by_name.get(p).copied()));
            at = dock.base.as_ref().and_then(|base| by_name.get(base).copied());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use crate::checks::Checks;
    use crate::plan::step::DockContext;

    use super::*;

    /// `name<base` with what is copied from after a `+`; a capital letter has a rootfs.
    fn docks(text: &str) -> Vec<DockFacts> {
        text.split_whitespace().map(dock).collect()
    }

    fn dock(word: &str) -> DockFacts {
        let name = |text: &str| text.to_lowercase().parse::<DockName>().unwrap();
        let (own, rest) = word.split_once('<').unwrap_or((word, ""));
        let mut from = rest.split('+');
        let base = from.next().filter(|b| !b.is_empty() && !b.starts_with('@')).map(name);
        DockFacts {
            name: name(own),
            dir: PathBuf::new(),
            template: PathBuf::new(),
            template_files: vec![],
            jinja: false,
            parents: base.iter().cloned().chain(from.map(name)).collect(),
            references: BTreeMap::new(),
            base_reference: None,
            labels: BTreeMap::new(),
            base,
            externals: rest.strip_prefix('@').into_iter().map(str::to_owned).collect(),
            has_rootfs: own.starts_with(char::is_uppercase),
            rootfs_files: vec![],
            context: DockContext::default(),
            allowed: vec![],
            budget: None,
            checks: Checks::default(),
            test_files: vec![],
            markers: BTreeMap::new(),
        }
    }

    #[test]
    fn lists_cover_what_is_in_an_image() {
        let cases = [
            ("A", "a", ""),
            ("A B<a C<b", "c", ""),
            // Without packages of its own: the nearest below has them all.
            ("A B<a c<b", "b", ""),
            ("a b<a", "", ""),
            // What is copied from another has lists of its own, wherever in the chain that is.
            ("A B<a X Y<x C<b+y", "c y", ""),
            ("A X B<a+x C<b", "c x", ""),
            // One that is below is not covered for what is copied from it.
            ("A B<a C<b+a", "c a", ""),
            ("a<@one B<a C<b", "c", "one"),
            ("x<@one a<@two c<a+x", "", "one two"),
        ];
        for (text, expected, elsewhere) in cases {
            let docks = docks(text);
            let by_name = docks.iter().map(|d| (&d.name, d)).collect::<HashMap<_, _>>();
            let last = docks.last().unwrap();
            let lists = lists(&by_name, last).iter().map(|name| name.as_str()).collect::<Vec<_>>();
            assert_eq!(lists.join(" "), expected, "{text}");
            assert_eq!(externals(&by_name, last).join(" "), elsewhere, "{text}");
        }
    }

    #[test]
    fn docks_that_are_built_on_themselves_end() {
        let docks = docks("A<b B<a+b");
        let by_name = docks.iter().map(|d| (&d.name, d)).collect::<HashMap<_, _>>();
        assert_eq!(lists(&by_name, &docks[0]).len(), 2);
    }
}
