//! TLS with an authority of one's own, and the way through a proxy.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use gentoo_bb::net::registry::{Blobs, Settings};

use super::{client, image, name, tar, unpacked, wait};
use support::registry::Registry;

/// Set where this program runs itself behind a proxy: the registry's port.
const CHILD: &str = "BB_TEST_BEHIND_PROXY";
/// A name that no machine has.
const NOWHERE: &str = "registry.invalid";

/// A certificate for this machine and for a name that only the proxy knows, by an authority of its own.
struct Certified {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Certified {
    fn new(dir: &Path) -> Self {
        let path = |name: &str| dir.join(name);
        let [authority, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(path);
        let openssl = |line: &str| {
            let mut command = Command::new("openssl");
            let output = command.current_dir(dir).args(line.split(' ')).output();
            let output = output.expect("Debian's `openssl` is needed");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(&format!("req -x509 {curve} -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca"));
        let names = format!("subjectAltName=DNS:localhost,DNS:{NOWHERE}");
        openssl(&format!(
            "req -x509 {curve} -keyout key.pem -out cert.pem -days 2 -subj /CN=test \
             -CA ca.pem -CAkey ca.key -addext {names} -addext basicConstraints=CA:FALSE"
        ));
        Self { authority, certificate, key }
    }
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let certified = Certified::new(dir.path());
    let registry = Registry::with_tls(&certified.certificate, &certified.key);
    let image = image(dir.path(), &[tar("a", 10)]);
    let to = name(&format!("{}/a:1", registry.address));
    let push = |authorities| {
        let client = client(Settings { authorities, ..Settings::default() });
        wait(client.push(&image, &to, dir.path()))
    };
    assert_eq!(push(Some(certified.authority.clone())).unwrap().sent, 1);
    let error = push(None).unwrap_err();
    let start = format!("cannot push `{to}`: no TLS with `{}`: ", registry.address);
    assert!(error.message().starts_with(&start), "{}", error.message());
    assert!(error.hint_text().unwrap().contains("SSL_CERT_FILE"));
    let error = push(Some(certified.key.clone())).unwrap_err();
    let message = format!("`{}` has no certificates", certified.key.display());
    assert_eq!(error.message(), message);
}

/// As much of a proxy as a client with TLS needs: what is asked for is led to this machine, and noted.
fn proxy(port: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(vec![]));
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (log, port) = (log.clone(), port.clone());
            // The other end may hang up at any time.
            std::thread::spawn(move || drop(tunnel(stream, &port, &log)));
        }
    });
    (address, asked)
}

fn tunnel(mut near: TcpStream, port: &str, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(near.try_clone()?).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    log.lock().unwrap().push(first);
    lines.map_while(Result::ok).find(String::is_empty);
    let mut far = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from, mut to) = (near.try_clone()?, far.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut far, &mut near).map(drop)
}

/// The environment belongs to a whole process: this test runs itself in another one, where the proxy and the
/// authority are named as on a person's machine.
#[test]
fn the_environment_names_a_proxy_and_an_authority() {
    let dir = tempfile::tempdir().unwrap();
    if let Ok(port) = std::env::var(CHILD) {
        behind_proxy(dir.path(), &port);
        return;
    }
    let certified = Certified::new(dir.path());
    let registry = Registry::with_tls(&certified.certificate, &certified.key);
    let port = registry.address.rsplit(':').next().unwrap().to_owned();
    let (address, asked) = proxy(port.clone());
    let this = "registries::secure::the_environment_names_a_proxy_and_an_authority";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([this, "--exact"]).env(CHILD, &port).env("HTTPS_PROXY", &address);
    for other in ["https_proxy", "no_proxy", "ALL_PROXY", "all_proxy", "SSL_CERT_DIR"] {
        command.env_remove(other);
    }
    command.env("NO_PROXY", "none.invalid").env("SSL_CERT_FILE", &certified.authority);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    let asked = asked.lock().unwrap().clone();
    let expected = format!("CONNECT {NOWHERE}:{port} HTTP/1.1");
    assert!(!asked.is_empty() && asked.iter().all(|line| *line == expected), "{asked:?}");
}

/// A name that only the proxy knows is reached by it; what is on this machine, and what is not to be asked for
/// by a proxy, is asked directly.
fn behind_proxy(dir: &Path, port: &str) {
    let layers = [tar("a", 100_000)];
    let image = image(dir, &layers);
    let client = client(Settings::default());
    let to = name(&format!("{NOWHERE}:{port}/a:1"));
    assert_eq!(wait(client.push(&image, &to, dir)).unwrap().sent, 1);
    let blobs = Blobs::at(&dir.join("blobs"));
    let pulled = wait(client.pull(&to, &blobs)).unwrap();
    assert_eq!(unpacked(&blobs, &pulled).1, layers);
    let near = name(&format!("localhost:{port}/a:1"));
    assert_eq!(wait(client.resolve(&near)).unwrap().digest, pulled.manifest);
    let error = wait(client.resolve(&name("none.invalid/a:1"))).unwrap_err();
    let start = "cannot find `none.invalid/a:1`: `none.invalid` is not known: ";
    assert!(error.message().starts_with(start), "{}", error.message());
    assert_eq!(error.hint_text(), Some("look whether the registry's name is right"));
}
