use super::inventory::{Source, merge, parse};
use super::licence::{Licence, licence};
use super::*;

#[path = "../../../tests/schemas/mod.rs"]
mod schemas;

fn package(name: &str, license: &str) -> Package {
    let hash = |digit: &str| Some(digit.repeat(128));
    let source =
        Source { name: format!("{name} 1.tar.xz"), size: 7, blake2b: hash("a"), sha512: hash("b") };
    let escaped = name.replace('+', "%2B");
    Package {
        category: "dev-libs".to_owned(),
        name: name.to_owned(),
        version: "1.0_p1-r2".to_owned(),
        slot: "0/3".to_owned(),
        repository: "gentoo".to_owned(),
        r#use: vec!["ssl".to_owned()],
        license: license.to_owned(),
        purl: format!("pkg:ebuild/dev-libs/{escaped}@1.0_p1-r2?repository=gentoo&slot=0"),
        size: 17,
        image: "base".to_owned(),
        sources: vec![source],
    }
}

fn inventory(packages: Vec<Package>) -> Inventory {
    let externals = vec!["docker.io/library/x:1".to_owned()];
    let (name, version) = ("web".to_owned(), "latest".to_owned());
    Inventory { name, version, epoch: 1_262_304_000, packages: merge([packages]), externals }
}

/// Both documents, which the official schemas accept.
fn documents(inventory: &Inventory) -> [serde_json::Value; 2] {
    let schemas = [(Format::CycloneDx, schemas::CYCLONEDX), (Format::Spdx, schemas::SPDX)];
    schemas.map(|(format, schema)| {
        let text = String::from_utf8(document(inventory, format).unwrap()).unwrap();
        assert_eq!(schemas::faults(schema, &text), Vec::<String>::new(), "{text}");
        serde_json::from_str(&text).unwrap()
    })
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let text = document(&inventory(vec![package("a", "MIT")]), Format::CycloneDx).unwrap();
    let text = String::from_utf8(text).unwrap();
    let wrong =
        [("\"CycloneDX\"", "\"Cyclone\""), ("\"library\"", "\"lib\""), ("urn:uuid:", "urn:")];
    for (right, other) in wrong {
        let faults = schemas::faults(schemas::CYCLONEDX, &text.replace(right, other));
        assert!(!faults.is_empty(), "{other}");
    }
    let text = document(&inventory(vec![package("a", "MIT")]), Format::Spdx).unwrap();
    let text = String::from_utf8(text).unwrap();
    for (right, other) in [("\"SHA512\"", "\"SHA-512\""), ("\"name\"", "\"named\"")] {
        let faults = schemas::faults(schemas::SPDX, &text.replace(right, other));
        assert!(!faults.is_empty(), "{other}");
    }
}

#[test]
fn what_a_package_is_told_as() {
    let [cyclonedx, spdx] = documents(&inventory(vec![package("gtk+", "|| ( GPL-2+ MIT )")]));
    let told = &cyclonedx["components"][0];
    assert_eq!(told["purl"], "pkg:ebuild/dev-libs/gtk%2B@1.0_p1-r2?repository=gentoo&slot=0");
    assert_eq!(told["licenses"][0]["expression"], "GPL-2.0-or-later OR MIT");
    let source = &told["externalReferences"][0];
    assert_eq!(
        (&source["url"], &source["comment"]),
        (&"gtk%2B%201.tar.xz".into(), &"7 bytes".into())
    );
    assert_eq!(source["hashes"][1]["alg"], "SHA-512");
    let properties = told["properties"].as_array().unwrap().iter();
    let properties = properties.map(|p| format!("{}={}", p["name"], p["value"]).replace('"', ""));
    assert_eq!(
        properties.collect::<Vec<_>>().join(" "),
        "gentoo:slot=0/3 gentoo:repository=gentoo gentoo:use=ssl \
         gentoo:license=|| ( GPL-2+ MIT ) bb:image=base bb:size=17"
    );
    assert_eq!(cyclonedx["metadata"]["timestamp"], "2010-01-01T00:00:00Z");
    assert_eq!(cyclonedx["compositions"][0]["assemblies"][0], "external:docker.io/library/x:1");
    let ids = |of: &str| {
        let items = spdx[of].as_array().unwrap().iter();
        items.map(|item| item["SPDXID"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        ids("packages"),
        [
            "SPDXRef-Image-web",
            "SPDXRef-Package-dev-libs-gtk--1.0-p1-r2",
            "SPDXRef-Source-gtk--1.tar.xz",
            "SPDXRef-External-docker.io-library-x-1"
        ]
    );
    assert_eq!(spdx["packages"][3]["comment"], "pinned, not signed");
    let told = &cyclonedx["components"][1]["properties"][0];
    assert_eq!((&told["name"], &told["value"]), (&"bb:trust".into(), &"pinned, not signed".into()));
    let edges = spdx["relationships"].as_array().unwrap().iter();
    let edges = edges.map(|edge| edge["relationshipType"].as_str().unwrap());
    assert_eq!(
        edges.collect::<Vec<_>>(),
        ["DESCRIBES", "CONTAINS", "GENERATED_FROM", "DEPENDS_ON"]
    );
}

#[test]
fn the_same_packages_give_the_same_bytes_and_others_another_number() {
    let text = |license: &str| {
        let inventory = inventory(vec![package("a", license)]);
        Format::ALL.map(|format| String::from_utf8(document(&inventory, format).unwrap()).unwrap())
    };
    assert_eq!(text("MIT"), text("MIT"));
    let number = |text: &str| {
        text.lines().find(|line| line.contains("urn:uuid:")).map(str::to_owned).unwrap()
    };
    for (one, other) in text("MIT").iter().zip(text("ISC")) {
        assert_ne!(number(one), number(&other));
    }
}

#[test]
fn strange_packages_still_make_valid_documents() {
    let strange = ["", "(", "|| ( ) )", "\u{0}", "\u{202e}\n\"</x>", "GPL-2 WITH x", "a/b"];
    let deep = format!("{}MIT{}", "( ".repeat(100_000), " )".repeat(100_000));
    let mut packages = vec![package("deep", &deep)];
    for (number, text) in strange.iter().enumerate() {
        let mut package = package(&format!("p{number}"), text);
        package.image = (*text).to_owned();
        package.slot = (*text).to_owned();
        package.r#use = vec![(*text).to_owned()];
        package.sources[0].name = (*text).to_owned();
        package.sources[0].blake2b = None;
        packages.push(package);
    }
    // Two names that are one to SPDX.
    packages.extend([package("a+b", "x+y"), package("a_b", "x_y")]);
    let [_, spdx] = documents(&inventory(packages));
    let ids = spdx["packages"].as_array().unwrap().iter().map(|p| p["SPDXID"].as_str().unwrap());
    let ids = ids.collect::<Vec<_>>();
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
    let infos = spdx["hasExtractedLicensingInfos"].as_array().unwrap();
    let names = infos.iter().map(|info| info["name"].as_str().unwrap());
    assert!(names.clone().any(|name| name == "x+y") && names.clone().any(|name| name == "x_y"));
    let _ = documents(&inventory(vec![]));
}

#[test]
fn licences_are_expressions_or_references_of_gentoo() {
    let flags = ["ssl".to_owned()];
    let cases = [
        ("MIT", "MIT"),
        ("GPL-2 MIT GPL-2", "GPL-2.0-only AND MIT"),
        ("|| ( GPL-2 LGPL-3 )", "GPL-2.0-only OR LGPL-3.0-only"),
        ("Apache-2.0 || ( BSD ( MIT ISC ) )", "Apache-2.0 AND (BSD-3-Clause OR (MIT AND ISC))"),
        ("|| ( MIT || ( ISC BSD-2 ) )", "MIT OR ISC OR BSD-2-Clause"),
        ("( ( MIT ) )", "MIT"),
        ("ssl? ( openssl ) !ssl? ( MIT ) x? ( ISC )", "OpenSSL"),
        ("public-domain", "LicenseRef-gentoo-public-domain"),
        ("GPL-2-with-font-exception", "GPL-2.0-only WITH Font-exception-2.0"),
        ("mit", "LicenseRef-gentoo-mit"),
    ];
    for (gentoo, spdx) in cases {
        assert_eq!(licence(gentoo, &flags).expression.as_deref(), Some(spdx), "{gentoo}");
    }
    assert_eq!(licence("  ", &flags).expression, None);
    assert_eq!(licence("|| ( )", &flags).expression, None);
    for broken in ["( MIT", "MIT )", "|| MIT", "ssl? MIT", "|| ( MIT", "||"] {
        let Licence { expression, references } = licence(broken, &flags);
        let name = expression.unwrap();
        assert!(name.starts_with("LicenseRef-gentoo-"), "{name}");
        assert_eq!(references[&name], broken);
    }
}

#[test]
fn every_name_of_the_table_is_one_of_spdx() {
    for (gentoo, spdx) in super::licence::TABLE {
        assert!(::spdx::Expression::parse(spdx).is_ok(), "{gentoo}: {spdx}");
        assert_ne!(gentoo, spdx);
    }
    assert!(super::licence::TABLE.is_sorted());
}

#[test]
fn lists_are_refused_with_the_reason() {
    let json = |change: &dyn Fn(&mut Package)| {
        let mut package = package("a", "MIT");
        change(&mut package);
        serde_json::to_vec(&[package]).unwrap()
    };
    assert_eq!(parse(&json(&|_| ())).unwrap().len(), 1);
    let refused = |text: &[u8]| parse(text).unwrap_err();
    assert!(refused(b"{}").starts_with("invalid type: map"));
    assert!(refused(b"[{}]").starts_with("missing field `category`"));
    assert!(refused(&"[".repeat(1000).into_bytes()).contains("column"));
    assert_eq!(
        refused(&json(&|p| "b".clone_into(&mut p.name))),
        "the package URL of `dev-libs/b-1.0_p1-r2` is of another package"
    );
    assert!(
        refused(&json(&|p| "x".clone_into(&mut p.purl)))
            .starts_with("the package URL of `dev-libs/a-1.0_p1-r2`: ")
    );
    assert_eq!(
        refused(&json(&|p| p.sources[0].sha512 = Some("ABC".to_owned()))),
        "`ABC`, of a source of `dev-libs/a-1.0_p1-r2`, is no digest"
    );
}

#[test]
fn a_package_of_two_lists_is_told_once_as_by_the_first() {
    let mut other = package("a", "MIT");
    "other".clone_into(&mut other.image);
    let merged = merge([vec![package("a", "MIT"), package("b", "MIT")], vec![other]]);
    let told = merged.iter().map(|p| format!("{} {}", p.name, p.image)).collect::<Vec<_>>();
    assert_eq!(told, ["a base", "b base"]);
}
