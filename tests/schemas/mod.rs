//! The official schemas: says what of a document is not as they have it. Reads no network.

use serde_json::Value;

/// CycloneDX 1.6.
pub(crate) const CYCLONEDX: &str = include_str!("bom-1.6.schema.json");
/// SPDX 2.3.
pub(crate) const SPDX: &str = include_str!("spdx-2.3.schema.json");
/// What CycloneDX's schema refers to, by its address.
const BESIDE: [(&str, &str); 2] = [
    ("http://cyclonedx.org/schema/spdx.schema.json", include_str!("spdx.schema.json")),
    ("http://cyclonedx.org/schema/jsf-0.82.schema.json", include_str!("jsf-0.82.schema.json")),
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Every fault of a document, with its place.
pub(crate) fn faults(schema: &str, document: &str) -> Vec<String> {
    let beside = BESIDE.map(|(address, text)| (address, json(text)));
    let registry =
        beside.into_iter().fold(jsonschema::Registry::new(), |registry, (at, schema)| {
            registry.add(at, schema).unwrap()
        });
    let registry = registry.prepare().unwrap();
    let options = jsonschema::options().with_registry(&registry).should_validate_formats(true);
    let validator = options.build(&json(schema)).unwrap();
    let document = json(document);
    let faults = validator.iter_errors(&document);
    faults.map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}
