//! Clears up after the tests, however they end: a process that waits for this one's end.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::engine::Engine;

static REAPER: OnceLock<Child> = OnceLock::new();

/// Reads until the other end of its standard input is gone, which is when this process has ended.
const SCRIPT: &str = r#"
cat >/dev/null
docker ps -aq --filter "label=bb.test=$1" | xargs -r docker rm -fv
docker ps -aq --filter "name=bb-$1-" | xargs -r docker rm -fv
docker network ls -q --filter "name=bb-$1-" | xargs -r docker network rm
docker images --format '{{.Repository}}:{{.Tag}}' --filter "reference=$1-*/*" | xargs -r docker rmi -f
rm -rf --one-file-system "$2"
"#;

/// From now on, images of the namespaces `MARK-*` and containers with the label `bb.test=MARK` are
/// removed, with those of chains, when this process has ended, and the folder too.
pub(crate) fn start(engine: &Engine, mark: &str, folder: &Path) {
    REAPER.get_or_init(|| {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "reaper", mark]).arg(folder);
        command.env("DOCKER_HOST", &engine.host).stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command.spawn().expect("cannot start a shell")
    });
}
