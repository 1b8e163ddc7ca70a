//! Which engine is meant, by the environment's variables. Asks none.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::error::{Error, Result};

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
    /// The native one, with the folder of its store.
    Native(PathBuf),
}

/// The engine that the variables name. Nobody's word, and `auto`, is Docker or Podman so far.
///
/// # Errors
/// It is none that is known, or the native one without a folder: exit code 3.
pub fn choice(env: &BTreeMap<String, String>) -> Result<Choice> {
    let get = |name: &str| env.get(name).map(String::as_str).filter(|value| !value.is_empty());
    match get(BB_ENGINE) {
        None | Some("auto" | "docker") => return Ok(Choice::Daemon),
        Some("native") => {}
        Some(other) => {
            return Err(Error::config(format!("`{BB_ENGINE}` is `{other}`, which is no engine"))
                .hint("`native`, `docker`, or `auto`"));
        }
    }
    let named = get(BB_NATIVE_DIR).map(PathBuf::from);
    let data = || get("XDG_DATA_HOME").map(PathBuf::from);
    let home = || get("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let folder = named.or_else(|| Some(data().or_else(home)?.join(BELOW_DATA)));
    let nowhere = || {
        Error::config("the native engine has no folder")
            .hint(format!("`{BB_NATIVE_DIR}` or `HOME` says where it is to be"))
    };
    folder.map(Choice::Native).ok_or_else(nowhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(env: &[(&str, &str)]) -> Result<Choice> {
        choice(&env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn an_engine_is_named_or_it_is_dockers() {
        for env in [&[][..], &[(BB_ENGINE, "")], &[(BB_ENGINE, "auto")], &[(BB_ENGINE, "docker")]] {
            assert_eq!(chosen(env).unwrap(), Choice::Daemon, "{env:?}");
        }
        let native = (BB_ENGINE, "native");
        let (home, data, dir) = (("HOME", "/h"), ("XDG_DATA_HOME", "/d"), (BB_NATIVE_DIR, "/n"));
        for (env, folder) in [
            (&[native, home][..], "/h/.local/share/gentoo-bb/native"),
            (&[native, home, data], "/d/gentoo-bb/native"),
            (&[native, home, data, dir], "/n"),
        ] {
            assert_eq!(chosen(env).unwrap(), Choice::Native(folder.into()));
        }
    }

    #[test]
    fn another_word_is_no_engine() {
        let error = chosen(&[(BB_ENGINE, "dcoker")]).unwrap_err();
        assert_eq!(error.message(), "`BB_ENGINE` is `dcoker`, which is no engine");
        assert_eq!(chosen(&[(BB_ENGINE, "native")]).unwrap_err().exit().code(), 3);
    }
}
