//! Where an engine may listen: DOCKER_HOST, docker's current context, the default sockets.
//!
//! Only finds addresses; whether one answers is `world::docker`'s business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::Source;
use crate::hex::hex;

/// Addresses to try in order, from the environment's variables.
pub fn engine_addresses(env: &BTreeMap<String, String>) -> Vec<String> {
    found_addresses(env).0
}

/// The same, and who says so: `DOCKER_HOST`, the first of them docker's context, or nobody.
pub fn found_addresses(env: &BTreeMap<String, String>) -> (Vec<String>, Source) {
    let get = |name: &str| env.get(name).filter(|v| !v.is_empty());
    if let Some(host) = get("DOCKER_HOST") {
        return (vec![host.clone()], Source::Variable("DOCKER_HOST"));
    }
    let context = context_address(env);
    let source = if context.is_some() { Source::Context } else { Source::Default };
    let runtime = get("XDG_RUNTIME_DIR").map(PathBuf::from);
    let sockets = [
        Some(PathBuf::from("/var/run/docker.sock")),
        runtime.as_ref().map(|r| r.join("docker.sock")),
        runtime.as_ref().map(|r| r.join("podman/podman.sock")),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ];
    let sockets = sockets.into_iter().flatten().map(|s| format!("unix://{}", s.display()));
    let mut addresses = context.into_iter().chain(sockets).collect::<Vec<_>>();
    addresses.dedup();
    (addresses, source)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: Option<String>,
}

/// The endpoint of docker's current context. Source: the docker client keeps a context in
/// `contexts/meta/SHA256(NAME)/meta.json`.
fn context_address(env: &BTreeMap<String, String>) -> Option<String> {
    let config = env.get("DOCKER_CONFIG").map(PathBuf::from);
    let config = config.or_else(|| Some(Path::new(env.get("HOME")?).join(".docker")))?;
    let named = env.get("DOCKER_CONTEXT").filter(|v| !v.is_empty()).cloned();
    let name = named.or_else(|| {
        let text = std::fs::read(config.join("config.json")).ok()?;
        serde_json::from_slice::<ClientConfig>(&text).ok()?.current_context
    })?;
    if name == "default" {
        return None;
    }
    let folder = hex(&Sha256::digest(name.as_bytes()));
    let text = std::fs::read(config.join("contexts/meta").join(folder).join("meta.json")).ok()?;
    let meta = serde_json::from_slice::<Meta>(&text).ok()?;
    meta.endpoints.get("docker")?.host.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_is_the_only_one_when_set() {
        let env = BTreeMap::from([("DOCKER_HOST".to_owned(), "tcp://127.0.0.1:1".to_owned())]);
        let found = (vec!["tcp://127.0.0.1:1".to_owned()], Source::Variable("DOCKER_HOST"));
        assert_eq!(found_addresses(&env), found);
    }

    #[test]
    fn the_current_context_comes_first() {
        let home = tempfile::tempdir().unwrap();
        let meta = home.path().join("contexts/meta").join(hex(&Sha256::digest("far")));
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"far","Endpoints":{"docker":{"Host":"tcp://10.0.0.9:2375"}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        std::fs::write(home.path().join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        let config = home.path().display().to_string();
        let env = BTreeMap::from([("DOCKER_CONFIG".to_owned(), config)]);
        let (addresses, source) = found_addresses(&env);
        assert_eq!((addresses[0].as_str(), source), ("tcp://10.0.0.9:2375", Source::Context));
    }
}
