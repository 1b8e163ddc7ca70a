//! Sending images to a registry: the engine does it, layer by layer.
//!
//! Does not know which images, nor who the user is.

use bollard::auth::DockerCredentials;
use bollard::query_parameters as query;
use futures_util::StreamExt;

use super::{Docker, failed, reason, split};
use crate::base::error::{Error, Result};
use crate::net::credentials::Credentials;
use crate::net::registry::Pushed;

/// Takes in one line of the engine's: of a layer, or at the end of the manifest.
fn add(pushed: &mut Pushed, status: &str) {
    match status {
        "Pushed" => pushed.sent += 1,
        "Layer already exists" => pushed.there += 1,
        _ if status.starts_with("Mounted from ") => pushed.there += 1,
        _ => {
            let digest = status.split_once("digest: ").map(|(_, rest)| rest);
            let digest = digest.and_then(|rest| rest.split(' ').next());
            pushed.digest = digest.map_or(std::mem::take(&mut pushed.digest), str::to_owned);
        }
    }
}

impl Docker {
    /// Sends an image to the registry that its reference names.
    ///
    /// # Errors
    /// The registry refuses it, with a hint where it wants a login; or the engine has no such image.
    pub async fn push(&self, reference: &str, who: Option<Credentials>) -> Result<Pushed> {
        let (repo, tag) = split(reference);
        let options = query::PushImageOptionsBuilder::default().tag(&tag).build();
        let mut answer = self.client.push_image(&repo, Some(options), Some(credentials(who)));
        let cannot = |why: &str| Error::step(format!("cannot push `{reference}`: {why}"));
        let mut pushed = Pushed::default();
        while let Some(info) = answer.next().await {
            let info = info.map_err(|cause| refused(cannot(&reason(&cause))))?;
            if let Some(detail) = info.error_detail {
                return Err(refused(cannot(detail.message.unwrap_or_default().trim())));
            }
            add(&mut pushed, &info.status.unwrap_or_default());
        }
        Ok(pushed)
    }

    /// Takes a name from an image that has others.
    ///
    /// # Errors
    /// The engine has no such image, or does not let go of the name.
    pub async fn unname(&self, reference: &str) -> Result<()> {
        let options = query::RemoveImageOptionsBuilder::default().noprune(true).build();
        let removed = self.client.remove_image(reference, Some(options), None).await;
        removed.map(drop).map_err(failed("take a name from an image"))
    }
}

/// With what helps where the registry does not know the user.
pub(super) fn refused(error: Error) -> Error {
    let words = ["denied", "unauthorized", "no basic auth", "authentication required"];
    if words.iter().any(|word| error.message().contains(word)) {
        return error.hint("`docker login REGISTRY` says who you are");
    }
    error
}

pub(super) fn credentials(who: Option<Credentials>) -> DockerCredentials {
    match who {
        None => DockerCredentials::default(),
        Some(Credentials::Token(token)) => {
            DockerCredentials { identitytoken: Some(token), ..DockerCredentials::default() }
        }
        Some(Credentials::RegistryToken(token)) => {
            DockerCredentials { registrytoken: Some(token), ..DockerCredentials::default() }
        }
        Some(Credentials::Password(username, password)) => DockerCredentials {
            username: Some(username),
            password: Some(password),
            ..DockerCredentials::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted_by_what_became_of_them() {
        let mut pushed = Pushed::default();
        let lines = [
            "The push refers to repository [localhost:5000/a/b]",
            "Preparing",
            "Pushing",
            "Pushed",
            "Layer already exists",
            "Mounted from a/c",
            "latest: digest: sha256:0123 size: 529",
        ];
        for line in lines {
            add(&mut pushed, line);
        }
        assert_eq!(
            pushed,
            Pushed { digest: "sha256:0123".to_owned(), sent: 1, there: 2, ..Pushed::default() }
        );
    }
}
