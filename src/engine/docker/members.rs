//! The containers that a compose tool has made, by the labels that it gives them.
//!
//! Does not know which projects are ours, and makes no containers.

use std::collections::HashMap;

use bollard::models::{ContainerInspectResponse, PortBinding};
use bollard::query_parameters as query;
use futures_util::StreamExt;
use futures_util::future::try_join_all;

use super::{Docker, failed, status, text_of};
use crate::base::error::Result;

/// Compose's own labels.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// One container of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The service that it is one of.
    pub service: String,
    /// What the engine calls it.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// `running`, `exited` …
    pub state: String,
    /// `healthy`, `starting` or `unhealthy`, if it has a health check.
    pub health: Option<String>,
    /// What it ended with.
    pub exit_code: i64,
    /// Published ports, as `8080->80/tcp` or `127.0.0.1:8080->80/tcp`.
    pub ports: Vec<String>,
}

impl Docker {
    /// The containers of a project's services, by service and name.
    ///
    /// # Errors
    /// The engine cannot list them or look one up, or not in time.
    pub async fn members(&self, project: &str) -> Result<Vec<Member>> {
        let mut found = self.containers(&[(PROJECT, project)]).await?;
        // Of a command that somebody runs in passing.
        found.retain(|c| c.labels.get(ONE_OFF).is_none_or(|one_off| one_off != "True"));
        let asked = found.iter().map(|c| {
            let service = c.labels.get(SERVICE).cloned().unwrap_or_default();
            self.member(&c.id, service)
        });
        let mut members = try_join_all(asked).await?.into_iter().flatten().collect::<Vec<_>>();
        members.sort();
        Ok(members)
    }

    /// Containers that the compose tool takes for a project's although it has not made them: their images say
    /// so. It would remove them. Each by what the engine calls it, and by its image.
    ///
    /// # Errors
    /// The engine does not answer in time.
    pub async fn impostors(&self, project: &str) -> Result<Vec<(String, String)>> {
        let mut found = vec![];
        for container in self.containers(&[(PROJECT, project)]).await? {
            let options = None::<query::InspectContainerOptions>;
            let asked = self.client.inspect_container(&container.id, options);
            // One that is gone meanwhile is nobody's.
            let Ok(told) = self.answer("look up a container", asked).await else { continue };
            let Some(image) = self.inspect(told.image.as_deref().unwrap_or_default()).await? else {
                continue;
            };
            let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
            if labels.get(PROJECT).is_some_and(|label| label == project) {
                let member = member(told, String::new());
                found.push((member.name, member.image));
            }
        }
        Ok(found)
    }

    /// Nothing if it is gone meanwhile.
    async fn member(&self, id: &str, service: String) -> Result<Option<Member>> {
        let options = None::<query::InspectContainerOptions>;
        let asked = async {
            match self.client.inspect_container(id, options).await {
                Err(cause) if status(&cause) == Some(404) => Ok(None),
                told => told.map(Some),
            }
        };
        let told = self.answer("look up a container", asked).await?;
        Ok(told.map(|told| member(told, service)))
    }

    /// The last lines that a container has said.
    ///
    /// # Errors
    /// The engine has no such container, or breaks off.
    pub async fn last_output(&self, container: &str, lines: usize) -> Result<String> {
        let options = query::LogsOptionsBuilder::default().stdout(true).stderr(true);
        let options = options.tail(&lines.to_string()).build();
        let mut pieces = self.client.logs(container, Some(options));
        let mut text = String::new();
        while let Some(piece) = pieces.next().await {
            let piece = text_of(piece.map_err(failed("read a container's output"))?);
            text.push_str(&String::from_utf8_lossy(&piece));
        }
        Ok(text)
    }
}

fn member(told: ContainerInspectResponse, service: String) -> Member {
    let state = told.state.unwrap_or_default();
    let health = state.health.and_then(|health| health.status).map(|status| status.to_string());
    let ports = told.network_settings.and_then(|network| network.ports).unwrap_or_default();
    Member {
        service,
        name: told.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        image: told.config.and_then(|config| config.image).unwrap_or_default(),
        state: state.status.map(|status| status.to_string()).unwrap_or_default(),
        health: health.filter(|health| !matches!(health.as_str(), "" | "none")),
        exit_code: state.exit_code.unwrap_or(0),
        ports: published(ports),
    }
}

/// One that is published on all addresses is told once, whatever these are.
fn published(ports: HashMap<String, Option<Vec<PortBinding>>>) -> Vec<String> {
    let each = |(inside, bindings): (String, Option<Vec<PortBinding>>)| {
        let shown = move |binding: PortBinding| {
            let outside = binding.host_port.unwrap_or_default();
            match binding.host_ip.unwrap_or_default().as_str() {
                "" | "0.0.0.0" | "::" => format!("{outside}->{inside}"),
                v6 if v6.contains(':') => format!("[{v6}]:{outside}->{inside}"),
                address => format!("{address}:{outside}->{inside}"),
            }
        };
        bindings.unwrap_or_default().into_iter().map(shown).collect::<Vec<_>>()
    };
    let mut ports = ports.into_iter().flat_map(each).collect::<Vec<_>>();
    ports.sort();
    ports.dedup();
    ports
}
