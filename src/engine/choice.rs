//! Which engine is meant, by the environment's variables, and by what is there where they say nothing. Asks none.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::error::{Error, Result};
use crate::config::{EngineName, Source};
use crate::engine::address::{Address, addresses, has_socket};
use crate::engine::native::guest;

/// The variable that names an engine.
pub const BB_ENGINE: &str = "BB_ENGINE";
/// The variable with the folder of the native engine.
const BB_NATIVE_DIR: &str = "BB_NATIVE_DIR";
/// Where it is else, below a user's data.
const BELOW_DATA: &str = "gentoo-bb/native";

/// Which engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Docker or Podman, wherever one listens.
    Daemon,
    /// The native one.
    Native {
        /// The folder of its store.
        folder: PathBuf,
        /// Whether it is meant by name. Else it is taken because there is no daemon.
        named: bool,
    },
    /// This container, which is a builder.
    Guest,
}

/// Names the engine that a project means in the environment, unless another one is named there, or this container is a
/// builder: the project's file is for all machines, and this one can be no other.
pub fn name_engine(meant: EngineName, env: &mut BTreeMap<String, String>) {
    let named = env.entry(BB_ENGINE.to_owned()).or_default();
    if named.is_empty() && !guest::is_here() {
        meant.as_str().clone_into(named);
    }
}

/// The engine that the variables name. Where they name none, or `auto`: in a container that is a builder, that; Docker or Podman, if anything leads there or
/// there is a socket of theirs; else the native one.
///
/// # Errors
/// It is none that is known, or the native one without a folder: exit code 3.
pub fn choice(env: &BTreeMap<String, String>) -> Result<Choice> {
    choice_by(env, has_socket, guest::is_here())
}

fn choice_by(
    env: &BTreeMap<String, String>,
    has_socket: impl Fn(&[Address]) -> bool,
    is_guest: bool,
) -> Result<Choice> {
    let get = |name: &str| env.get(name).map(String::as_str).filter(|value| !value.is_empty());
    match get(BB_ENGINE) {
        Some("docker") => Ok(Choice::Daemon),
        Some("guest") => Ok(Choice::Guest),
        Some("native") => {
            let nowhere = || {
                Error::config("the native engine has no folder")
                    .hint(format!("`{BB_NATIVE_DIR}` or `HOME` says where it is to be"))
            };
            let folder = folder(env).ok_or_else(nowhere)?;
            Ok(Choice::Native { folder, named: true })
        }
        None | Some("auto") if is_guest => Ok(Choice::Guest),
        None | Some("auto") => {
            // What is wrong with docker's context is told when it is asked for an address.
            let Ok((addresses, Source::Default)) = addresses(env) else {
                return Ok(Choice::Daemon);
            };
            let folder = folder(env).filter(|_| !has_socket(&addresses));
            Ok(folder.map_or(Choice::Daemon, |folder| Choice::Native { folder, named: false }))
        }
        Some(other) => {
            Err(Error::config(format!("`{BB_ENGINE}` is `{other}`, which is no engine"))
                .hint("`native`, `docker`, `guest`, or `auto`"))
        }
    }
}

/// The folder of the native engine's store.
fn folder(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let get = |name: &str| env.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let named = get(BB_NATIVE_DIR).map(PathBuf::from);
    let data = || get("XDG_DATA_HOME").map(PathBuf::from);
    let home = || get("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    named.or_else(|| Some(data().or_else(home)?.join(BELOW_DATA)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(env: &[(&str, &str)], socket: bool) -> Result<Choice> {
        let env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        choice_by(&env, |_| socket, false)
    }

    fn native(folder: &str, named: bool) -> Choice {
        Choice::Native { folder: folder.into(), named }
    }

    #[test]
    fn who_names_none_takes_the_one_that_is_there() {
        let home = ("HOME", "/h");
        for auto in [&[home][..], &[home, (BB_ENGINE, "")], &[home, (BB_ENGINE, "auto")]] {
            assert_eq!(chosen(auto, true).unwrap(), Choice::Daemon, "{auto:?}");
            let folder = "/h/.local/share/gentoo-bb/native";
            assert_eq!(chosen(auto, false).unwrap(), native(folder, false), "{auto:?}");
            for leads in [("DOCKER_HOST", "unix:///x"), ("DOCKER_CONTEXT", "far")] {
                let env = [auto, &[leads]].concat();
                assert_eq!(chosen(&env, false).unwrap(), Choice::Daemon, "{env:?}");
            }
        }
        assert_eq!(chosen(&[home, (BB_ENGINE, "docker")], false).unwrap(), Choice::Daemon);
        // It could be nowhere.
        assert_eq!(chosen(&[], false).unwrap(), Choice::Daemon);
    }

    #[test]
    fn the_native_engine_has_a_folder() {
        let named = (BB_ENGINE, "native");
        let (home, data, dir) = (("HOME", "/h"), ("XDG_DATA_HOME", "/d"), (BB_NATIVE_DIR, "/n"));
        for (env, folder) in [
            (&[named, home][..], "/h/.local/share/gentoo-bb/native"),
            (&[named, home, data], "/d/gentoo-bb/native"),
            (&[named, home, data, dir], "/n"),
        ] {
            assert_eq!(chosen(env, true).unwrap(), native(folder, true));
        }
        assert_eq!(chosen(&[named], false).unwrap_err().exit().code(), 3);
    }

    #[test]
    fn a_container_that_is_a_builder_is_the_engine() {
        let guest = |pairs: &[(&str, &str)]| {
            let env = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            choice_by(&env, |_| true, true).unwrap()
        };
        assert_eq!(guest(&[("DOCKER_HOST", "tcp://x:1")]), Choice::Guest);
        assert_eq!(guest(&[(BB_ENGINE, "auto")]), Choice::Guest);
        assert_eq!(guest(&[(BB_ENGINE, "docker")]), Choice::Daemon);
        assert_eq!(chosen(&[(BB_ENGINE, "guest")], false).unwrap(), Choice::Guest);
    }

    #[test]
    fn another_word_is_no_engine() {
        let error = chosen(&[(BB_ENGINE, "dcoker")], true).unwrap_err();
        assert_eq!(error.message(), "`BB_ENGINE` is `dcoker`, which is no engine");
    }
}
