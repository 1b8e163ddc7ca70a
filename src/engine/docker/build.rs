//! What the builder of Docker and Podman makes of a Dockerfile.
//!
//! For what nobody else does. Does not know what the image is for.

use std::collections::BTreeMap;

use bollard::query_parameters as query;
use futures_util::StreamExt;

use super::{Docker, failed, push};
use crate::base::error::{Error, Result};
use crate::engine::{Images, Sink};
use crate::image::archive::Body;

/// An image to be built.
#[derive(Clone, Copy)]
pub struct Build<'a> {
    /// What it is called.
    pub references: &'a [String],
    /// By name.
    pub labels: &'a BTreeMap<String, String>,
    /// Without the engine's cache.
    pub anew: bool,
    /// Whether a `RUN` has the network.
    pub run_network: bool,
}

impl Docker {
    /// Builds an image of a context with its `Dockerfile`, and tags it. Returns its id.
    ///
    /// # Errors
    /// The engine says what of the Dockerfile went wrong or refuses the context; with a hint where a registry
    /// wants a login.
    pub async fn build_image(
        &self,
        context: Body,
        build: Build<'_>,
        log: Sink<'_>,
    ) -> Result<String> {
        let Build { references, labels, anew, run_network } = build;
        let first = references.first().map_or("", String::as_str);
        let options = query::BuildImageOptionsBuilder::default()
            .dockerfile("Dockerfile")
            .t(first)
            .labels(&labels.clone().into_iter().collect())
            .nocache(anew)
            .rm(true)
            .forcerm(true)
            // What an `ADD` downloads, the engine does itself.
            .networkmode(if run_network { "default" } else { "none" })
            .build();
        let body = Some(bollard::body_try_stream(context));
        let mut answer = self.client.build_image(options, None, body);
        while let Some(info) = answer.next().await {
            let info = info.map_err(|e| push::refused(failed("build the image")(e)))?;
            log(info.stream.unwrap_or_default().as_bytes());
            if let Some(detail) = info.error_detail {
                let message = detail.message.unwrap_or_default();
                return Err(push::refused(Error::step(format!(
                    "the engine could not build the image: {message}"
                ))));
            }
        }
        for reference in references.iter().skip(1) {
            self.tag(first, reference).await?;
        }
        let id = self.image_id(first).await?;
        id.ok_or_else(|| Error::step(format!("the engine built `{first}` but does not have it")))
    }
}
