//! Commands in containers of Docker and Podman: a container that is made for one command of its image, and what that
//! has changed.
//!
//! Does not know what of the changes counts: the daemon lists what was touched, and gives out all that is there.

use async_trait::async_trait;
use bollard::query_parameters as query;
use futures_util::StreamExt;

use super::boxes::{command_body, named};
use super::{Docker, failed, reason, text_of};
use crate::base::error::{Error, Result};
use crate::engine::{Account, Boxes, Commands, ContainerSpec, ImageCommand, Process, Sink, Talks};

/// How a container has ended whose command could not be started: it may not be run, is not there, or has no user.
const NOT_STARTED: [i64; 3] = [126, 127, 128];

#[async_trait]
impl Commands for Docker {
    async fn box_of(&self, spec: &ContainerSpec, command: &ImageCommand<'_>) -> Result<String> {
        let body = command_body(spec, command.env, self.mounts(&spec.caches).await?);
        let created = self.client.create_container(Some(named(&spec.owner)), body);
        Ok(created.await.map_err(failed("create a container"))?.id)
    }

    async fn run(
        &self,
        container: &str,
        _command: &ImageCommand<'_>,
        log: Sink<'_>,
    ) -> Result<i64> {
        let options = query::AttachContainerOptionsBuilder::default();
        let options = options.stream(true).stdout(true).stderr(true).build();
        let attached = self.client.attach_container(container, Some(options)).await;
        let mut output = attached.map_err(failed("read a command's output"))?.output;
        let options = None::<query::StartContainerOptions>;
        if let Err(cause) = self.client.start_container(container, options).await {
            let status = self.ended_with(container).await?;
            return match status.filter(|status| NOT_STARTED.contains(status)) {
                Some(_) => Err(Error::step(format!("cannot run it: {}", reason(&cause)))),
                None => Err(failed("start a container")(cause)),
            };
        }
        while let Some(piece) = output.next().await {
            log(&text_of(piece.map_err(failed("read a command's output"))?));
        }
        self.exit_status(&Process::Container(container.to_owned())).await
    }

    async fn account(&self, container: &str) -> Result<Account> {
        let is_podman = self.is_podman().await?;
        let changes = match self.changes(container).await {
            Ok(changes) => Some(changes),
            // 4.3 cannot, where a folder with something in it is in the place of a file.
            Err(_) if is_podman => None,
            Err(error) => return Err(error),
        };
        let added = if is_podman { self.added(container).await? } else { vec![] };
        let export = self.client.export_container(container);
        let container = container.to_owned();
        let pieces = export.map(move |piece| {
            piece.map_err(|e| std::io::Error::other(format!("{container}: {}", reason(&e))))
        });
        let touched = changes.map(|all| all.into_iter().map(|(path, _)| path).collect());
        Ok(Account::Whole { tree: Box::pin(pieces), touched, added })
    }
}

impl Docker {
    /// Podman adds a user that has numbers only to the accounts of a container. As `libpod` has it
    /// (`generateUserPasswdEntry`, `generateUserGroupEntry`).
    async fn added(&self, container: &str) -> Result<Vec<(&'static str, String)>> {
        let options = None::<query::InspectContainerOptions>;
        let found = self.client.inspect_container(container, options);
        let config = self.answer("look up a container", found).await?.config.unwrap_or_default();
        let user = config.user.unwrap_or_default();
        if user.is_empty() {
            return Ok(vec![]);
        }
        let (user, group) = user.split_once(':').unwrap_or((&user, "0"));
        let is_number = |text: &str| text.parse::<u32>().is_ok();
        let account = || ("etc/passwd", format!("{user}:*:{user}:"));
        let its_group = || ("etc/group", format!("{group}:x:{group}:"));
        let accounts = is_number(user).then(account).into_iter();
        Ok(accounts.chain(is_number(group).then(its_group)).collect())
    }
}
