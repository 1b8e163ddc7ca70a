//! What the images say of their packages: by the official schemas, with the digests of real sources.

use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};
use support::LEFT_TO_BUILDER;
use support::sealed::{Mirror, Room, normal};

use super::{IMAGES, Project};
use crate::schemas;

const FILES: [(&str, &str, &str, &str); 2] = [
    ("cyclonedx", "sbom.cdx.json", "bb.sbom.cyclonedx", schemas::CYCLONEDX),
    ("spdx", "sbom.spdx.json", "bb.sbom.spdx", schemas::SPDX),
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// An image's documents are valid, printed as they are, and the image has their digests.
fn check(room: &Room, name: &str) {
    for (format, file, label, schema) in FILES {
        let text = room.read(&format!(".bb/images/{name}/{file}"));
        assert_eq!(schemas::faults(schema, &text), Vec::<String>::new(), "{name}");
        room.bb(&format!("image sbom {name} --format {format}")).is(0, &normal(&text), "");
        let asked = format!("{{{{index .Config.Labels \"{label}\"}}}}");
        let said = room.engine().docker(&["inspect", "-f", &asked, &room.image(name)]);
        let digest = gentoo_bb::base::hex::hex(&Sha256::digest(&text));
        assert_eq!(said.trim(), format!("sha256:{digest}"), "{name} {file}");
    }
}

fn names(room: &Room, image: &str) -> Vec<String> {
    let bom = json(&room.read(&format!(".bb/images/{image}/sbom.cdx.json")));
    let components = bom["components"].as_array().unwrap().iter();
    components.map(|c| c["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_image_has_valid_lists_of_all_its_packages() {
    let project = Project::get();
    let room = &project.room;
    for name in IMAGES {
        check(room, name);
    }
    let all = names(room, "nginx");
    let has = |name: &&str| all.iter().any(|n| n == name);
    assert!(["nginx", "openssl", "s6", "busybox", "glibc"].iter().all(has), "{all:?}");
    assert!(!names(room, "busybox").contains(&"nginx".to_owned()));
    // Of each package that was compiled, what it was compiled from.
    let packages = json(&room.read(".bb/images/nginx/packages.json"));
    let packages = packages.as_array().unwrap();
    let nginx = packages.iter().find(|p| p["category"] == "www-servers").unwrap();
    let source = &nginx["sources"][0];
    let file = Mirror::get().find("distfiles", source["name"].as_str().unwrap(), "");
    let bytes = std::fs::read(file).unwrap();
    assert_eq!(source["sha512"], gentoo_bb::base::hex::hex(&Sha512::digest(&bytes)));
    let blake2b = <blake2::Blake2b512 as blake2::Digest>::digest(&bytes);
    assert_eq!(source["blake2b"], gentoo_bb::base::hex::hex(&blake2b));
    assert_eq!(source["size"], bytes.len());
    let version = nginx["version"].as_str().unwrap();
    let purl = format!("pkg:ebuild/www-servers/nginx@{version}?repository=gentoo&slot=");
    assert!(nginx["purl"].as_str().unwrap().starts_with(&purl), "{nginx}");
    let of_openssl = packages.iter().find(|p| p["name"] == "openssl").unwrap();
    let in_parent = json(&room.read(".bb/images/openssl/packages.json"));
    assert!(in_parent.as_array().unwrap().contains(of_openssl), "{of_openssl}");
}

/// Portage's records are no file of the image: a licence that changes there changes its labels only.
#[test]
fn another_licence_makes_the_image_anew_and_those_on_it() {
    let project = Project::get();
    let room = &project.room;
    let _bare = project.extra("bare", "FROM ${NAMESPACE}/licensed\nLABEL a=b\n", "");
    let engines = format!("{LEFT_TO_BUILDER}FROM ${{NAMESPACE}}/licensed\n");
    let _engines = project.extra("engines", &engines, "");
    room.write("bb-dock/engines/f", "");
    let buildconfig = |licence: &str| {
        format!(
            "PACKAGES='sys-libs/zlib'\nfinish_rootfs_build() {{\n\
             \techo '{licence}' >\"$(echo \"$EMERGE_ROOT\"/var/db/pkg/sys-libs/zlib-*)/LICENSE\"\n}}\n"
        )
    };
    let template = "FROM ${NAMESPACE}/busybox\nADD rootfs.tar /\n";
    let _extra = project.extra("licensed", template, &buildconfig("|| ( ZLIB GPL-2+ )"));
    room.bb("build").ok();
    for name in ["licensed", "bare", "engines"] {
        check(room, name);
        assert!(names(room, name).contains(&"zlib".to_owned()), "{name}");
    }
    let tar = std::fs::read(room.path(".bb/images/licensed/rootfs.tar")).unwrap();
    room.write("bb-dock/licensed/Buildconfig.sh", &buildconfig("strange-one"));
    room.told("build").ran("rootfs:licensed image:licensed image:bare image:engines");
    assert_eq!(std::fs::read(room.path(".bb/images/licensed/rootfs.tar")).unwrap(), tar);
    for name in ["licensed", "bare", "engines"] {
        check(room, name);
        let text = room.read(&format!(".bb/images/{name}/sbom.spdx.json"));
        assert!(text.contains("\"LicenseRef-gentoo-strange-one\""), "{text}");
    }
    room.append("bb-dock/licensed/Buildconfig.sh", "# a comment\n");
    room.told("build").ran("rootfs:licensed");
    room.remove(".bb/images/bare/sbom.cdx.json");
    room.bb("image sbom bare").fails(
        1,
        "error: cannot read `.bb/images/bare/sbom.cdx.json`: no such file or directory\n\
         hint: run `bb build bare`\n",
    );
    room.told("build").ran("image:bare");
}
