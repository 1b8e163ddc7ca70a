//! `dockerfile:NAME`: the template with the markers' values in their places.
//!
//! What a marker is, is `dockerfile::render`'s business.

use std::path::Path;

use litemap::LiteMap;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::base::limits::Limit;
use crate::dockerfile::{Markers, render};
use crate::exec::action::Made;
use crate::exec::work::Context;

pub(super) fn dockerfile(
    template: &Path,
    dest: &Path,
    jinja: bool,
    markers: &LiteMap<String, String>,
    context: &Context,
) -> Result<Made> {
    let text = context.settings.ground().text(template, Limit::FileSize);
    let text = text.map_err(|refused| refused.or(|e| Error::file("read", template, e)))?;
    let markers = markers.iter().map(|(name, value)| (name.clone(), value.clone()));
    let markers = markers.collect::<Markers>();
    let rendered = if jinja {
        render::render_j2(&text, &markers, template)?
    } else {
        render::render(&text, &markers)
    };
    context.store.replace(dest, rendered.as_bytes())?;
    Ok(Made::product("text", hex(&Sha256::digest(rendered.as_bytes()))))
}
