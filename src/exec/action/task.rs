//! `task:NAME`: a user's own command.
//!
//! Knows the command's status and whether its outputs are there; what it does is the user's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::exec::action::{Log, Made};
use crate::state::store;

pub(super) async fn task(
    run: &str,
    env: &BTreeMap<String, String>,
    outputs: &[PathBuf],
    log: &mut Log,
) -> Result<Made> {
    let mut command = Command::new("sh");
    // Both streams go into one pipe, so that their lines stay in order.
    command.arg("-c").arg(format!("exec 2>&1\n{run}")).envs(env).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let failed = |e: std::io::Error| Error::step(format!("cannot run `sh`: {e}"));
    let mut child = command.spawn().map_err(failed)?;
    if let Some(output) = child.stdout.take() {
        copy(output, log).await.map_err(failed)?;
    }
    let status = child.wait().await.map_err(failed)?;
    log.check()?;
    if !status.success() {
        return Err(log.failed(format!("the command ended with {status}")));
    }
    Ok(Made::product("outputs", digest(outputs)?))
}

async fn copy(mut output: impl AsyncRead + Unpin, log: &mut Log) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match output.read(&mut buffer).await? {
            0 => return Ok(()),
            n => log.write(&buffer[..n]),
        }
    }
}

fn digest(outputs: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    for path in outputs {
        if !path.exists() {
            let message = format!("the command did not make `{}`", path.display());
            return Err(Error::step(message).hint("`outputs` lists what the command leaves"));
        }
        hasher.update(store::hash_file(path)?);
    }
    Ok(hex(&hasher.finalize()))
}
