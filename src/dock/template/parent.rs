//! What a reference to an image means: a dock, or an image from elsewhere.
//!
//! Does not know stages.

use super::{Known, ParentKind};
use crate::dock::render::Rendered;
use crate::error::Result;
use crate::ids::DockName;

/// The kind of a reference that is neither `scratch` nor a stage; `span` is in the Dockerfile.
pub(super) fn kind(
    reference: &str,
    known: Known<'_>,
    source: &Rendered,
    span: &std::ops::Range<usize>,
) -> Result<ParentKind> {
    let Some(name) = own_name(reference, known) else {
        return Ok(ParentKind::External(reference.to_owned()));
    };
    if let Some(dock) = name.parse::<DockName>().ok().filter(|name| known.docks.contains(name)) {
        return Ok(ParentKind::Dock(dock));
    }
    let hint = nearest(name, known).map_or_else(
        || format!("make it with `bb new {name}`, or name an image of another namespace"),
        |dock| format!("did you mean `{dock}`?"),
    );
    Err(source.mistake(format!("parent `{name}` is not in `bb-dock`"), span).hint(hint))
}

/// The name after `NAMESPACE/`, of a reference without a tag or with one that `bb build` moves.
fn own_name<'a>(reference: &'a str, known: Known<'_>) -> Option<&'a str> {
    let namespace = known.markers.get("NAMESPACE").filter(|text| !text.is_empty())?;
    let tag = known.markers.get("TAG").unwrap_or("latest");
    let path = short(reference).strip_prefix(short(namespace))?.strip_prefix('/')?;
    let (name, written) = path.split_once(':').unwrap_or((path, ""));
    let ours = ["", "latest", tag].contains(&written);
    (ours && !name.contains(['/', '@'])).then_some(name)
}

/// Docker's own registry may be left out.
fn short(reference: &str) -> &str {
    let registries = ["docker.io/", "index.docker.io/"];
    registries.iter().find_map(|r| reference.strip_prefix(r)).unwrap_or(reference)
}

fn nearest<'a>(name: &str, known: Known<'a>) -> Option<&'a DockName> {
    let score = |dock: &&DockName| strsim::jaro_winkler(dock.as_str(), name);
    let best = known.docks.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(&best) > 0.8).then_some(best)
}
