//! What of a container is seen from outside: which paths it has changed, how often it ran into its limits. And the
//! volumes that several of them share.
//!
//! Does not know what for.

use bollard::models::ChangeType;
use bollard::query_parameters as query;

use super::{Docker, container_body, failed, status};
use crate::base::error::Result;
use crate::engine::{Change, ContainerSpec};

impl Docker {
    /// How much memory its machine has, in bytes, if it says so.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn memory(&self) -> Result<Option<u64>> {
        let info = self.docker.info().await.map_err(failed("tell about itself"))?;
        Ok(info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0))
    }

    /// Makes a container that never runs: for what it mounts.
    ///
    /// # Errors
    /// The engine has no such image or volume, or cannot make the container.
    pub async fn create_idle(&self, spec: &ContainerSpec) -> Result<String> {
        let options = None::<query::CreateContainerOptions>;
        let created = self.docker.create_container(options, container_body(spec)).await;
        Ok(created.map_err(failed("create a container"))?.id)
    }

    /// The paths that a container has changed, without what is on its volumes.
    ///
    /// # Errors
    /// The engine has no such container, or does not answer.
    pub async fn changes(&self, container: &str) -> Result<Vec<(String, Change)>> {
        let listed = self.docker.container_changes(container).await;
        let listed = listed.map_err(failed("tell what changed in a container"))?;
        let change = |kind: ChangeType| match kind {
            ChangeType::_0 => Change::Modified,
            ChangeType::_1 => Change::Added,
            ChangeType::_2 => Change::Removed,
        };
        Ok(listed.unwrap_or_default().into_iter().map(|c| (c.path, change(c.kind))).collect())
    }

    /// Whether a path of a container is a folder; no if it is not there.
    ///
    /// # Errors
    /// The engine has no such container, or does not answer.
    pub async fn is_folder(&self, container: &str, path: &str) -> Result<bool> {
        let options = query::ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        match self.docker.get_container_archive_info(container, Some(options)).await {
            // Go's way of writing a mode: the highest bit is a folder's.
            Ok(stat) => Ok(stat.file_mode & (1 << 31) != 0),
            Err(cause) if status(&cause) == Some(404) => Ok(false),
            Err(cause) => Err(failed("look up a file of a container")(cause)),
        }
    }

    /// Which of these volumes there are.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn volumes(&self, names: &[String]) -> Result<Vec<String>> {
        let listed = self.docker.list_volumes(None::<query::ListVolumesOptions>).await;
        let listed = listed.map_err(failed("list its volumes"))?.volumes.unwrap_or_default();
        let found = listed.into_iter().map(|volume| volume.name);
        Ok(found.filter(|name| names.contains(name)).collect())
    }

    /// Removes a volume; no error if it is not there. Why it stays, if a container has it.
    ///
    /// # Errors
    /// The engine cannot remove it, and no container is why.
    pub async fn remove_volume(&self, name: &str) -> Result<Option<String>> {
        match self.docker.remove_volume(name, None::<query::RemoveVolumeOptions>).await {
            Ok(()) => Ok(None),
            Err(cause) if status(&cause) == Some(404) => Ok(None),
            Err(cause) if status(&cause) == Some(409) => Ok(Some(super::reason(&cause))),
            Err(cause) => Err(failed("remove a volume")(cause)),
        }
    }
}
