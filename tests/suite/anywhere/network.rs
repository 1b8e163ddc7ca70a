//! A network of a test's own: a name server, and the local mirror behind nginx, with TLS and without. Whoever is in
//! it reaches nobody else.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::sched::{CloneFlags, unshare};
use support::sealed::Mirror;

/// What the mirror is called.
pub const MIRROR: &str = "mirror.test";
/// The same at an address that is one of the internet elsewhere.
pub const PUBLIC: &str = "public.test";

const KNOWN: [(&str, Ipv4Addr); 2] =
    [(MIRROR, Ipv4Addr::LOCALHOST), (PUBLIC, Ipv4Addr::new(9, 9, 9, 9))];

pub struct Network {
    folder: tempfile::TempDir,
    nginx: Child,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Network {
    /// Runs a test in one: all that it starts is there.
    pub fn of_its_own(test: impl FnOnce(&Self) + Send) {
        let inside = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may make a network");
            run("ip", &["link", "set", "lo", "up"], Path::new("/"));
            run("ip", &["address", "add", "9.9.9.9/32", "dev", "lo"], Path::new("/"));
            test(&Self::start());
        };
        let ended = std::thread::scope(|scope| scope.spawn(inside).join());
        ended.unwrap_or_else(|panic| resume_unwind(panic));
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let asked = Arc::new(Mutex::new(BTreeSet::new()));
        serve_names(asked.clone());
        let nginx = serve_mirror(folder.path());
        let mut network = Self { folder, nginx, asked };
        while TcpStream::connect((Ipv4Addr::LOCALHOST, 443)).is_err() {
            assert!(network.nginx.try_wait().unwrap().is_none(), "nginx does not start");
            std::thread::yield_now();
        }
        network
    }

    /// The certificate of who vouches for the mirror.
    pub fn authority(&self) -> String {
        fs::read_to_string(self.folder.path().join("ca.pem")).unwrap()
    }

    /// The names that the name server was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().cloned().collect()
    }

    pub fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

fn run(program: &str, args: &[&str], folder: &Path) {
    let out = Command::new(program).args(args).current_dir(folder).output();
    let out = out.unwrap_or_else(|e| panic!("`{program}` is needed: {e}"));
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// An authority, and a certificate by it for all names of the mirror.
fn certify(folder: &Path) {
    let openssl = |line: &str| run("openssl", &line.split(' ').collect::<Vec<_>>(), folder);
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {curve} -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca"));
    openssl(&format!(
        "req -x509 {curve} -keyout key.pem -out cert.pem -days 2 -subj /CN=test \
         -CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:{MIRROR},DNS:hosts.test \
         -addext basicConstraints=CA:FALSE"
    ));
}

fn serve_mirror(folder: &Path) -> Child {
    let (at, root) = (folder.display(), Mirror::get().folder);
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temp = temp.map(|name| format!("{name}_temp_path {at}/{name};")).join(" ");
    let config = format!(
        "daemon off; master_process off; user root; pid {at}/pid; error_log {at}/error;\n\
         events {{}}\n\
         http {{ access_log off; {temp}\n\
         server {{ listen 80; listen 443 ssl; root {};\n\
         ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem; }} }}\n",
        root.display()
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).unwrap();
    let mut nginx = Command::new("/usr/sbin/nginx");
    nginx.arg("-c").arg(file).stdin(Stdio::null()).stderr(Stdio::null());
    nginx.spawn().expect("Debian's `nginx` is needed")
}

/// Answers over UDP; the thread ends with the process.
fn serve_names(asked: Arc<Mutex<BTreeSet<String>>>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut packet) {
            let query = &packet[..length];
            // What is no question has no answer.
            let Some((name, end)) = question(query) else { continue };
            let answer = answer(query, &name, end);
            asked.lock().unwrap().insert(name);
            // Who asked may have gone.
            let _ = socket.send_to(&answer, client);
        }
    });
}

/// The name that a query asks for, and where its type and class begin (RFC 1035, 4.1).
fn question(query: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (vec![], 12);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            query.get(at..at + 4)?;
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
}

/// One address of the fourth version, none of the sixth; or that there is no such name.
fn answer(query: &[u8], name: &str, end: usize) -> Vec<u8> {
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    let address = known.filter(|_| query[end..end + 2] == [0, 1]);
    let mut answer = query[..end + 4].to_vec();
    // An answer, authoritative; recursion is available; no error, or no such name.
    answer[2..4].copy_from_slice(&[0x84 | query[2] & 1, if known.is_some() { 0x80 } else { 0x83 }]);
    answer[4..12].copy_from_slice(&[0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    if let Some((_, address)) = address {
        // The name of the question, A, IN, for a minute, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}
