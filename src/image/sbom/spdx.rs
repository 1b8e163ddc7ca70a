//! SPDX 2.3, JSON.
//!
//! Source: <https://spdx.github.io/spdx-spec/v2.3/>. (`spdx-rs`, last released in 2023, has the
//! time of now and random numbers for defaults; these few types are what is needed.)

#![allow(clippy::struct_field_names, reason = "the names are SPDX's")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::inventory::EXTERNAL_TRUST;
use super::inventory::Source;
use super::licence::licence;
use super::{Inventory, Package, TOOL, uuid, written};
use crate::base::error::Result;
use crate::image::config::rfc3339;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(rename = "SPDXID")]
    id: &'static str,
    spdx_version: &'static str,
    data_license: &'static str,
    name: &'a str,
    document_namespace: String,
    creation_info: Creation,
    packages: Vec<Item>,
    relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<Extracted>,
}

#[derive(Serialize)]
struct Creation {
    created: String,
    creators: [String; 1],
}

/// What SPDX calls a package: the image, a package, an archive of sources.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version_info: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    package_file_name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    primary_package_purpose: &'static str,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<External>,
}

/// Where nothing is claimed.
const NOTHING: &str = "NOASSERTION";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct External {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
struct Extracted {
    license_id: String,
    extracted_text: String,
    name: String,
}

const DOCUMENT: &str = "SPDXRef-DOCUMENT";

pub(super) fn document(inventory: &Inventory) -> Result<Vec<u8>> {
    let mut listing = Listing::default();
    let root = listing.image(inventory);
    listing.relate(DOCUMENT, "DESCRIBES", &root);
    for package in &inventory.packages {
        listing.package(package, &root);
    }
    for name in &inventory.externals {
        let item = Item {
            primary_package_purpose: "CONTAINER",
            comment: EXTERNAL_TRUST.to_owned(),
            ..Item::named(name)
        };
        let id = listing.add(&format!("External-{name}"), item);
        listing.relate(&root, "DEPENDS_ON", &id);
    }
    let extracted = listing.extracted.into_iter().map(|(license_id, name)| Extracted {
        license_id,
        extracted_text: format!("What Gentoo calls: {name}"),
        name,
    });
    let mut document = Document {
        id: DOCUMENT,
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        name: &inventory.name,
        document_namespace: String::new(),
        creation_info: Creation {
            created: rfc3339(inventory.epoch),
            creators: [format!("Tool: {TOOL}")],
        },
        has_extracted_licensing_infos: extracted.collect(),
        packages: listing.items,
        relationships: listing.relationships,
    };
    document.document_namespace = format!("urn:uuid:{}", uuid(&written(&document)?));
    written(&document)
}

#[derive(Default)]
struct Listing {
    items: Vec<Item>,
    ids: BTreeSet<String>,
    /// Archives that are already told, by name and digest.
    sources: BTreeMap<Source, String>,
    relationships: Vec<Relationship>,
    extracted: BTreeMap<String, String>,
}

impl Listing {
    fn image(&mut self, inventory: &Inventory) -> String {
        let item = Item {
            version_info: inventory.version.clone(),
            primary_package_purpose: "CONTAINER",
            ..Item::named(&inventory.name)
        };
        self.add(&format!("Image-{}", inventory.name), item)
    }

    fn package(&mut self, package: &Package, root: &str) {
        let licence = licence(&package.license, &package.r#use);
        self.extracted.extend(licence.references);
        let purl = External {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: package.purl.clone(),
        };
        let item = Item {
            version_info: package.version.clone(),
            license_declared: licence.expression.unwrap_or_else(|| NOTHING.to_owned()),
            comment: comment(package),
            external_refs: vec![purl],
            ..Item::named(&format!("{}/{}", package.category, package.name))
        };
        let id = self.add(&format!("Package-{}", package.cpv()), item);
        self.relate(root, "CONTAINS", &id);
        for source in &package.sources {
            let archive = self.source(source);
            self.relate(&id, "GENERATED_FROM", &archive);
        }
    }

    /// One that several packages are made of is told once.
    fn source(&mut self, source: &Source) -> String {
        if let Some(id) = self.sources.get(source) {
            return id.clone();
        }
        let sum = |algorithm, hash: &Option<String>| {
            hash.clone().map(|checksum_value| Checksum { algorithm, checksum_value })
        };
        let sums = [sum("BLAKE2b-512", &source.blake2b), sum("SHA512", &source.sha512)];
        let item = Item {
            package_file_name: source.name.clone(),
            primary_package_purpose: "SOURCE",
            checksums: sums.into_iter().flatten().collect(),
            comment: format!("{} bytes", source.size),
            ..Item::named(&source.name)
        };
        let id = self.add(&format!("Source-{}", source.name), item);
        self.sources.insert(source.clone(), id.clone());
        id
    }

    /// Under an id of its own: letters, digits, `.` and `-` are all that one may have.
    fn add(&mut self, name: &str, item: Item) -> String {
        let strange = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-');
        let plain = format!("SPDXRef-{}", name.replace(strange, "-"));
        let others = (2..).map(|number: u32| format!("{plain}-{number}"));
        let free = |id: &String| !self.ids.contains(id);
        let id = std::iter::once(plain.clone()).chain(others).find(free).unwrap_or(plain.clone());
        self.ids.insert(id.clone());
        self.items.push(Item { id: id.clone(), ..item });
        id
    }

    fn relate(&mut self, from: &str, relationship_type: &'static str, to: &str) {
        self.relationships.push(Relationship {
            spdx_element_id: from.to_owned(),
            relationship_type,
            related_spdx_element: to.to_owned(),
        });
    }
}

impl Item {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            download_location: NOTHING,
            license_concluded: NOTHING,
            license_declared: NOTHING.to_owned(),
            copyright_text: NOTHING,
            ..Self::default()
        }
    }
}

/// What SPDX has no field for.
fn comment(package: &Package) -> String {
    let Package { slot, repository, license, image, size, .. } = package;
    let flags = package.r#use.join(" ");
    format!(
        "slot: {slot}; repository: {repository}; USE: {flags}; LICENSE: {license}; \
         image: {image}; {size} bytes"
    )
}
