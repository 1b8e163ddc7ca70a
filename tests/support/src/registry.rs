//! Debian's `docker-registry` on this machine, for a test of its own: open, closed by a password, or with TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use regex::Regex;

/// The name and password that a closed registry wants, as `htpasswd -B` writes them: `me` and `secret`.
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// A registry of the test's own, on a port that nobody else has.
pub struct Registry {
    child: Child,
    folder: tempfile::TempDir,
    pub address: String,
}

impl Registry {
    /// One without TLS; a `closed` one wants to know who asks.
    pub fn start(closed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("htpasswd");
        fs::write(&file, HTPASSWD).unwrap();
        let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display());
        Self::serve(folder, if closed { &auth } else { "" }, "")
    }

    /// One with TLS: a certificate and its key, as PEM files.
    pub fn with_tls(certificate: &Path, key: &Path) -> Self {
        let (certificate, key) = (certificate.display(), key.display());
        let tls = format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
        Self::serve(tempfile::tempdir().unwrap(), "", &tls)
    }

    fn serve(folder: tempfile::TempDir, auth: &str, tls: &str) -> Self {
        let path = |name: &str| folder.path().join(name).display().to_string();
        let storage = format!("storage:\n  filesystem:\n    rootdirectory: {}\n", path("data"));
        let settings = format!("version: 0.1\n{storage}{auth}http:\n  addr: 127.0.0.1:0\n{tls}");
        fs::write(path("config.yml"), settings).unwrap();
        let mut command = Command::new("docker-registry");
        command.args(["serve", &path("config.yml")]).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("Debian's `docker-registry` is needed");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listens = Regex::new(r"listening on 127\.0\.0\.1:(\d+)").unwrap();
        let port = lines.find_map(|line| Some(listens.captures(&line.ok()?)?[1].to_owned()));
        let address = format!("localhost:{}", port.expect("the registry says where it listens"));
        // It must never wait for somebody to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, folder, address }
    }

    /// All blobs that it has.
    pub fn blobs(&self) -> Vec<PathBuf> {
        let files = walkdir::WalkDir::new(self.folder.path().join("data/docker/registry/v2/blobs"));
        let files = files.into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file());
        let mut blobs = files.map(walkdir::DirEntry::into_path).collect::<Vec<_>>();
        blobs.sort();
        blobs
    }

    /// Loses a manifest, whatever name leads to it.
    pub fn forget(&self, digest: &str) {
        let link = digest.replace(':', "/");
        let all =
            walkdir::WalkDir::new(self.folder.path().join("data/docker/registry/v2/repositories"));
        let found = all.into_iter().filter_map(Result::ok);
        let revision = format!("_manifests/revisions/{link}");
        let found = found.filter(|entry| entry.path().ends_with(&revision)).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{digest}");
        fs::remove_dir_all(found[0].path()).unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
