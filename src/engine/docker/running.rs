//! What a container that runs as its image says is asked: its health check, its processes, its output.
//!
//! Does not know what is expected of it.

use bollard::container::LogOutput;
use bollard::query_parameters as query;
use futures_util::StreamExt;

use super::{Docker, failed, reason, text_of};
use crate::base::error::Result;
use crate::dock::checks::Process;
use crate::engine::Sink;
use crate::image::archive::Body;

impl Docker {
    /// The command of an image's `HEALTHCHECK`, as words.
    ///
    /// Source: <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md>, `Healthcheck`.
    ///
    /// # Errors
    /// The engine has no such image, or does not answer in time.
    pub async fn healthcheck(&self, image: &str) -> Result<Option<Vec<String>>> {
        let found = self.answer("look up an image", self.docker.inspect_image(image)).await?;
        let test = found.config.and_then(|c| c.healthcheck).and_then(|h| h.test);
        let Some((kind, words)) = test.as_deref().and_then(<[String]>::split_first) else {
            return Ok(None);
        };
        Ok(match (kind.as_str(), words) {
            ("CMD", [_, ..]) => Some(words.to_vec()),
            ("CMD-SHELL", [line, ..]) => {
                Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()])
            }
            _ => None,
        })
    }

    /// The words before a command that is not in the JSON form, as an image's `SHELL` says; none if it does
    /// not say. An image that is not there says nothing.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn shell(&self, image: &str) -> Result<Vec<String>> {
        if self.image_id(image).await?.is_none() {
            return Ok(vec![]);
        }
        let found = self.docker.inspect_image(image).await.map_err(failed("look up an image"))?;
        Ok(found.config.and_then(|config| config.shell).unwrap_or_default())
    }

    /// Whether a container has not ended; if it has, its exit status.
    ///
    /// # Errors
    /// The engine has no such container, or does not answer in time.
    pub async fn ended_with(&self, container: &str) -> Result<Option<i64>> {
        let options = None::<query::InspectContainerOptions>;
        let found = self.docker.inspect_container(container, options);
        let state = self.answer("look up a container", found).await?.state.unwrap_or_default();
        let runs = state.running.unwrap_or(false);
        Ok((!runs).then(|| state.exit_code.unwrap_or(0)))
    }

    /// What a container has said so far.
    ///
    /// # Errors
    /// The engine has no such container, or breaks off.
    pub async fn output(&self, container: &str, log: Sink<'_>) -> Result<()> {
        let options = query::LogsOptionsBuilder::default().stdout(true).stderr(true).build();
        let mut pieces = self.docker.logs(container, Some(options));
        while let Some(piece) = pieces.next().await {
            let piece: LogOutput = piece.map_err(failed("read a container's output"))?;
            log(&text_of(piece));
        }
        Ok(())
    }

    /// The processes of a container.
    ///
    /// # Errors
    /// The container does not run, or the engine cannot list them.
    pub async fn processes(&self, container: &str) -> Result<Vec<Process>> {
        // Docker calls the machine's ps and wants the numbers of the processes in it. Podman reads a list of
        // columns itself, and calls the container's ps, which may not be there, for all else.
        let columns = if self.is_podman().await? { "pid,user,comm" } else { "-eo pid,uid,comm" };
        let options = query::TopOptionsBuilder::default().ps_args(columns).build();
        let top = self.docker.top_processes(container, Some(options)).await;
        let rows = top.map_err(failed("list a container's processes"))?.processes;
        let process = |row: Vec<String>| match <[String; 3]>::try_from(row) {
            Ok([_, user, name]) => Some(Process { user, name }),
            Err(_) => None,
        };
        Ok(rows.unwrap_or_default().into_iter().filter_map(process).collect())
    }

    /// An image with all its layers, as `docker save` writes it.
    pub fn save_image(&self, image: &str) -> Body {
        let stream = self.docker.export_image(image);
        Box::pin(stream.map(|piece| piece.map_err(|e| std::io::Error::other(reason(&e)))))
    }
}
