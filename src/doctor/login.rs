//! Who the user is at registries, as far as a look at docker's settings tells. No helper is asked.

use super::Finding;
use crate::net::credentials::Kept;

/// The settings' file, and what became of reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The file.
    pub file: String,
    /// What it says; nothing, if it is not there; or why it cannot be read.
    pub kept: Result<Option<Kept>, String>,
    /// The registry that the project's namespace names.
    pub wanted: Option<String>,
}

/// All that there is to say of it.
pub fn finding(Facts { file, kept, wanted }: &Facts) -> Finding {
    let kept = match kept {
        Ok(kept) => kept.clone().unwrap_or_default(),
        Err(why) => {
            let text = format!("{file} cannot be read: {why}");
            return Finding::warn(
                "login",
                &text,
                "`bb push` reads it: correct it, or `docker login`",
            );
        }
    };
    let missing = kept.helpers.iter().find(|(_, there)| !there);
    if let Some((helper, _)) = missing {
        let text =
            format!("{file} names the helper `docker-credential-{helper}`, which is not in PATH");
        return Finding::warn("login", &text, "install it, or remove it from that file");
    }
    let with = kept.helpers.iter().map(|(name, _)| format!("docker-credential-{name}"));
    let with = with.collect::<Vec<_>>().join(", ");
    let with = if with.is_empty() { with } else { format!(", with {with}") };
    match wanted {
        // A helper may know of more registries than the settings name.
        Some(registry) if kept.helpers.is_empty() && !kept.registries.contains(registry) => {
            Finding::warn(
                "login",
                &format!("nobody is logged in at {registry}, which `namespace` names"),
                &format!("`docker login {registry}`, before `bb push`"),
            )
        }
        _ if kept.registries.is_empty() => Finding::ok("login", &format!("at no registry{with}")),
        _ => Finding::ok("login", &format!("{}{with}", kept.registries.join(", "))),
    }
}
