//! A mirror whose stage3 and snapshot are a few bytes, signed by a key made on the spot.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use sequoia_openpgp as pgp;

use pgp::cert::{Cert, CertBuilder};
use pgp::serialize::SerializeInto;

use crate::signed::{blake2b, clearsigned, detached, sha512};

const DATE: &str = "20261122";
/// The evening of that day, seconds since 1970: a snapshot that is signed long after its date is suspicious.
const SIGNED: u64 = 1_795_370_400;
const STAGE3: &str = "20261122T170104Z/stage3-amd64-nomultilib-openrc-20261122T170104Z.tar.xz";

/// A mirror, the settings that lead to it, and the lock that pins what it has.
#[derive(Debug)]
pub struct Mirror {
    /// Lines of `bb.toml`.
    pub settings: (String, String),
    /// The text of `bb.lock`.
    pub lock: String,
    _folder: tempfile::TempDir,
}

/// One is enough for all.
pub static MIRROR: LazyLock<Mirror> = LazyLock::new(Mirror::make);

impl Mirror {
    fn make() -> Self {
        let folder = tempfile::tempdir_in(crate::scratch()).unwrap();
        let cert = cert();
        let root = folder.path();
        let keyring = root.join("keys");
        fs::write(&keyring, cert.to_vec().unwrap()).unwrap();
        let builds = root.join("releases/amd64/autobuilds");
        let pointer = format!("{STAGE3} 6\n");
        write(
            &builds.join("latest-stage3-amd64-nomultilib-openrc.txt"),
            &clearsigned(&cert, &pointer, yesterday()),
        );
        let stage3 = builds.join(STAGE3);
        write(&stage3, b"stage3");
        write(&beside(&stage3, ".asc"), &detached(&cert, b"stage3", yesterday()));
        let name = STAGE3.split_once('/').unwrap().1;
        let listed = format!("{}  {name}\n", sha512("stage3"));
        let listed =
            format!("# SHA512 HASH\n{listed}# BLAKE2B HASH\n{}  {name}\n", blake2b("stage3"));
        write(&beside(&stage3, ".DIGESTS"), &clearsigned(&cert, &listed, yesterday()));
        let snapshot = root.join(format!("snapshots/gentoo-{DATE}.tar.xz"));
        let tree = repository();
        write(&snapshot, &tree);
        write(&beside(&snapshot, ".gpgsig"), &detached(&cert, &tree, signed()));
        let mirrors = format!("mirrors = [{:?}]\n", root.display().to_string());
        let fingerprint = cert.fingerprint().to_hex();
        let keyring = keyring.display();
        let trust =
            format!("[trust]\nkeyring = \"{keyring}\"\nfingerprints = [\"{fingerprint}\"]\n");
        let lock = lock(&format!("{mirrors}{trust}"));
        Self { settings: (mirrors, trust), lock, _folder: folder }
    }
}

/// A repository with nothing in it, in an archive that is not compressed: `bb` goes by what is in it. Flat and with a
/// short name, since tests set limits.
pub fn repository() -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_size(0);
    header.set_mode(0o755);
    header.set_mtime(0);
    tar.append_data(&mut header, "gentoo", std::io::empty()).unwrap();
    // Without the zeros at its end, which readers can do without.
    tar.get_ref().clone()
}

/// What `bb update` pins.
fn lock(settings: &str) -> String {
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join("bb.toml"), settings).unwrap();
    let mut bb = std::process::Command::new(crate::bb());
    let out = bb
        .args(["update", "--allow-older"])
        .env("DATE", DATE)
        .current_dir(project.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    fs::read_to_string(project.path().join("bb.lock")).unwrap()
}

fn write(path: &Path, data: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, data).unwrap();
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// Long enough ago for a signature of it not to be of the future.
fn yesterday() -> SystemTime {
    SystemTime::now() - Duration::from_secs(86_400)
}

fn signed() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED)
}

fn cert() -> Cert {
    let builder = CertBuilder::new().add_userid("Test <test@example.org>").add_signing_subkey();
    builder.set_creation_time(signed() - Duration::from_secs(60)).generate().unwrap().0
}
