//! What a reference to an image means: a dock, or an image from elsewhere.
//!
//! Does not know stages.

use super::{Known, ParentKind};
use crate::base::error::Result;
use crate::base::ids::DockName;
use crate::base::reference::{Reference, is_id};
use crate::dockerfile::render::Rendered;

/// The kind of a reference that is neither `scratch` nor a stage; `span` is in the Dockerfile.
pub(super) fn kind(
    reference: &str,
    known: Known<'_>,
    source: &Rendered,
    span: &std::ops::Range<usize>,
) -> Result<ParentKind> {
    if is_id(reference) {
        return Ok(ParentKind::External(reference.to_owned()));
    }
    let parsed = reference.parse::<Reference>().map_err(|why| {
        let shown = reference.escape_debug();
        let error = source.mistake(format!("`{shown}` cannot be the name of an image"), span);
        error.hint(why.to_string())
    })?;
    let Some(name) = own_name(&parsed, known) else {
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
fn own_name<'a>(reference: &'a Reference, known: Known<'_>) -> Option<&'a str> {
    let namespace = known.markers.get("NAMESPACE").filter(|text| !text.is_empty())?;
    let tag = known.markers.get("TAG").unwrap_or("latest");
    reference.built(namespace, tag)
}

fn nearest<'a>(name: &str, known: Known<'a>) -> Option<&'a DockName> {
    let score = |dock: &&DockName| strsim::jaro_winkler(dock.as_str(), name);
    let best = known.docks.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(&best) > 0.8).then_some(best)
}
