//! CycloneDX 1.6, JSON.
//!
//! Source: <https://cyclonedx.org/docs/1.6/json/>. (`cyclonedx-bom` ends with 1.5, and has a serial number
//! and a time of its own; these few types are what is needed.)

#![allow(clippy::struct_field_names, reason = "the names are CycloneDX's")]

use serde::Serialize;

use super::inventory::EXTERNAL_TRUST;
use super::licence::licence;
use super::{Inventory, Package, TOOL, uuid, written};
use crate::base::error::Result;
use crate::image::config::rfc3339;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    bom_format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    serial_number: String,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
    dependencies: Vec<Dependency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    compositions: Vec<Composition>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: String,
    tools: Tools<'a>,
    component: Component<'a>,
}

#[derive(Serialize)]
struct Tools<'a> {
    components: [Component<'a>; 1],
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    r#type: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "String::is_empty")]
    bom_ref: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<Licence>,
    #[serde(skip_serializing_if = "str::is_empty")]
    purl: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
struct Licence {
    expression: String,
}

/// An archive of sources.
#[derive(Serialize)]
struct Reference {
    url: String,
    comment: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Property<'a> {
    name: &'a str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    r#ref: String,
    depends_on: Vec<String>,
}

#[derive(Serialize)]
struct Composition {
    aggregate: &'static str,
    assemblies: Vec<String>,
}

pub(super) fn document(inventory: &Inventory) -> Result<Vec<u8>> {
    let image = Component {
        r#type: "container",
        bom_ref: format!("image:{}", inventory.name),
        name: &inventory.name,
        version: &inventory.version,
        ..Component::default()
    };
    let root = image.bom_ref.clone();
    let externals = inventory.externals.iter().map(external);
    let components = inventory.packages.iter().map(component).chain(externals).collect::<Vec<_>>();
    let depends_on = components.iter().map(|component| component.bom_ref.clone()).collect();
    let unknown = inventory.externals.iter().map(|image| external(image).bom_ref);
    let unknown = unknown.collect::<Vec<_>>();
    let composition = Composition { aggregate: "unknown", assemblies: unknown.clone() };
    let tool = Component { r#type: "application", name: TOOL, ..Component::default() };
    let mut bom = Bom {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: String::new(),
        version: 1,
        metadata: Metadata {
            timestamp: rfc3339(inventory.epoch),
            tools: Tools { components: [tool] },
            component: image,
        },
        components,
        dependencies: vec![Dependency { r#ref: root, depends_on }],
        compositions: (!unknown.is_empty()).then_some(composition).into_iter().collect(),
    };
    bom.serial_number = format!("urn:uuid:{}", uuid(&written(&bom)?));
    written(&bom)
}

fn external(name: &String) -> Component<'_> {
    Component {
        r#type: "container",
        bom_ref: format!("external:{name}"),
        name,
        properties: vec![Property { name: "bb:trust", value: EXTERNAL_TRUST.to_owned() }],
        ..Component::default()
    }
}

fn component(package: &Package) -> Component<'_> {
    let licence = licence(&package.license, &package.r#use).expression;
    let property = |name, value: &str| Property { name, value: value.to_owned() };
    Component {
        r#type: "library",
        bom_ref: package.purl.clone(),
        group: &package.category,
        name: &package.name,
        version: &package.version,
        licenses: licence.into_iter().map(|expression| Licence { expression }).collect(),
        purl: &package.purl,
        external_references: package.sources.iter().map(reference).collect(),
        properties: vec![
            property("gentoo:slot", &package.slot),
            property("gentoo:repository", &package.repository),
            property("gentoo:use", &package.r#use.join(" ")),
            property("gentoo:license", &package.license),
            property("bb:image", &package.image),
            property("bb:size", &package.size.to_string()),
        ],
    }
}

fn reference(source: &super::inventory::Source) -> Reference {
    let hash = |alg, content: &Option<String>| content.clone().map(|content| Hash { alg, content });
    let hashes = [hash("BLAKE2b-512", &source.blake2b), hash("SHA-512", &source.sha512)];
    Reference {
        url: source.file_url(),
        comment: format!("{} bytes", source.size),
        r#type: "source-distribution",
        hashes: hashes.into_iter().flatten().collect(),
    }
}
