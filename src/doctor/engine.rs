//! The engine: whether one answers, what it is, how it keeps images, how it shuts containers in.

use std::path::PathBuf;

use super::Finding;
use crate::engine::docker::{About, Host};

/// The API of Docker 20.10 and Podman 4, the oldest that bb is tested with.
const OLDEST_API: (u32, u32) = (1, 41);

/// What is known of engines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Why what somebody has chosen cannot be used, and what to do.
    pub refused: Option<(String, Option<String>)>,
    /// The folder of the native engine, if that is meant. Unless it is refused, a box has been started.
    pub native: Option<PathBuf>,
    /// Whether this container is a builder, and the engine.
    pub guest: bool,
    /// Whether it is meant by name. Else it is taken because there is no daemon.
    pub named: bool,
    /// Addresses that do not answer, with the reason.
    pub silent: Vec<(String, String)>,
    /// The address that answers and is used, and what it says.
    pub answers: Option<(String, About)>,
    /// Where it runs, or why it does not say so.
    pub host: Option<Result<Host, String>>,
    /// What the project's images are for, as engines call it.
    pub wanted: Option<String>,
    /// The limits of this kernel, if the engine is on it.
    pub kernel: Option<Kernel>,
}

/// What this kernel allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Whether it knows overlayfs now.
    pub overlay: bool,
    /// So many user namespaces.
    pub namespaces: Option<u64>,
    /// 0: not for users without rights.
    pub unprivileged: Option<u64>,
}

/// All that there is to say of it.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    if let Some((why, todo)) = &facts.refused {
        return vec![Finding::wrong("engine", why, todo.as_deref().unwrap_or(CHOOSE))];
    }
    if facts.guest {
        let text = "guest: this container is a builder itself; it makes images, and runs none";
        return vec![Finding::ok("engine", text)];
    }
    if let Some(folder) = &facts.native {
        let folder = folder.display();
        let why = if facts.named { "" } else { ", for there is no socket of Docker or Podman" };
        let text = format!("native, in {folder}{why}: boxes start here, no daemon is needed");
        return vec![Finding::ok("engine", &text)];
    }
    let Some((address, about)) = &facts.answers else {
        return vec![unreachable(&facts.silent)];
    };
    let mut all = vec![engine(address, about, facts)];
    match &facts.host {
        None => {}
        Some(Err(why)) => all.push(Finding::warn(
            "storage",
            &format!("the engine does not say how it keeps images: {why}"),
            "look into the engine's own log",
        )),
        Some(Ok(host)) => {
            all.push(storage(host, facts.kernel));
            all.push(seccomp(host));
            all.extend(facts.kernel.filter(|_| host.rootless()).map(namespaces));
        }
    }
    all
}

/// What to do where there is no engine.
const CHOOSE: &str = "start Docker or Podman, or set DOCKER_HOST to where it listens";

fn unreachable(silent: &[(String, String)]) -> Finding {
    let text = match silent {
        [(address, why)] => format!("no container engine answers at `{address}`: {why}"),
        all => {
            let all = all.iter().map(|(address, why)| format!("`{address}`: {why}"));
            format!("no container engine answers; {}", all.collect::<Vec<_>>().join("; "))
        }
    };
    let denied = silent.iter().any(|(_, why)| why.contains("permission denied"));
    let todo = if denied {
        "this user may not use the socket: add it to the socket's group, or start an engine of its own"
    } else {
        CHOOSE
    };
    Finding::wrong("engine", &text, todo)
}

fn engine(address: &str, about: &About, facts: &Facts) -> Finding {
    let rootless =
        facts.host.as_ref().and_then(|host| host.as_ref().ok()).is_some_and(Host::rootless);
    let rootless = if rootless { ", rootless" } else { "" };
    let About { version, api, os, architecture } = about;
    let text = format!("{version} at {address}: API {api}, {os}/{architecture}{rootless}");
    let (major, minor) = OLDEST_API;
    let wanted = facts.wanted.as_ref().filter(|wanted| *wanted != architecture);
    match (api_version(api), wanted) {
        _ if os != "linux" => {
            let todo = "images are for Linux: let the engine run Linux containers";
            Finding::wrong("engine", &text, todo)
        }
        (Some(version), _) if version < OLDEST_API => Finding::warn(
            "engine",
            &text,
            &format!(
                "older than what bb is tested with: API {major}.{minor}, as in Docker 20.10 and Podman 4"
            ),
        ),
        (None, _) => {
            let todo = "its API has no version: is it a container engine?";
            Finding::wrong("engine", &text, todo)
        }
        (_, Some(wanted)) => Finding::warn(
            "engine",
            &text,
            &format!(
                "the project is for {wanted}: set `arch` in bb.toml, or let the kernel run programs of \
                 {wanted} (binfmt_misc with qemu)"
            ),
        ),
        _ => Finding::ok("engine", &text),
    }
}

fn api_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn storage(host: &Host, kernel: Option<Kernel>) -> Finding {
    let status = |name: &str| {
        let found = host.driver_status.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let on = status("Backing Filesystem").map(|on| format!(" on {on}")).unwrap_or_default();
    let text = format!("{}{on} in {}", host.driver, host.root);
    let warn = |todo: &str| Finding::warn("storage", &text, todo);
    match host.driver.as_str() {
        "" => Finding::warn(
            "storage",
            "the engine names no storage driver",
            "look into the engine's own log",
        ),
        "vfs" if kernel.is_some_and(|kernel| !kernel.overlay) => warn(
            "every layer is a whole copy: `modprobe overlay`, then `overlay2` in the engine's settings",
        ),
        "vfs" => warn(
            "every layer is a whole copy: use `overlay2` or `fuse-overlayfs`, in the engine's settings",
        ),
        "aufs" | "devicemapper" | "overlay" if status("Supports d_type").is_none() => {
            warn("newer engines have dropped it: `overlay2`, in the engine's settings")
        }
        _ if status("Supports d_type") == Some("false") => Finding::wrong(
            "storage",
            &text,
            "files come back that a layer has removed: the file system has to be made with d_type \
             (`mkfs.xfs -n ftype=1`)",
        ),
        _ => Finding::ok("storage", &text),
    }
}

fn seccomp(host: &Host) -> Finding {
    match host.security("seccomp") {
        Some(option) if option.contains("profile=unconfined") => Finding::warn(
            "seccomp",
            "the engine's profile forbids nothing",
            "start the engine without `--seccomp-profile=unconfined`",
        ),
        Some(_) => Finding::ok("seccomp", "containers may not use dangerous system calls"),
        None => Finding::warn(
            "seccomp",
            "containers may use every system call",
            "the kernel or the engine is built without seccomp",
        ),
    }
}

fn namespaces(kernel: Kernel) -> Finding {
    let sysctl = |name: &str| format!("the engine is rootless: `sysctl -w {name}`, as root");
    let no = |todo: &str| Finding::wrong("namespaces", "this kernel gives users none", todo);
    match kernel {
        Kernel { namespaces: Some(0), .. } => no(&sysctl("user.max_user_namespaces=15000")),
        Kernel { unprivileged: Some(0), .. } => no(&sysctl("kernel.unprivileged_userns_clone=1")),
        Kernel { namespaces: Some(many), .. } => {
            Finding::ok("namespaces", &format!("this kernel gives users up to {many}"))
        }
        _ => Finding::warn(
            "namespaces",
            "this kernel does not say whether users get any",
            "rootless engines need a kernel with user namespaces",
        ),
    }
}
