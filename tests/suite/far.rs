//! Engines that somebody has chosen: over ssh, over TLS, down, not there. The right one is used, or refused by
//! its name; never another one.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::Told;
use support::sealed::{Room, Run};

const IMAGE: &str = "FROM scratch\nCOPY f /\n";

/// A room whose docker client has settings of its own, and no DOCKER_HOST.
struct Client {
    room: Room,
}

impl Client {
    fn new() -> Self {
        let room = Room::with_engine();
        room.dock("a", IMAGE, &[("f", "x")]);
        Self { room }
    }

    fn folder(&self) -> PathBuf {
        self.room.dir.join("home/.docker")
    }

    fn write(&self, file: &str, text: &[u8]) {
        let path = self.folder().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a context the current one.
    fn choose(&self, name: &str, host: &str) {
        self.write("config.json", json!({ "currentContext": name }).to_string().as_bytes());
        let endpoints = json!({ "docker": { "Host": host, "SkipTLSVerify": false } });
        let meta = json!({ "Name": name, "Metadata": {}, "Endpoints": endpoints }).to_string();
        self.write(&format!("contexts/meta/{}/meta.json", id(name)), meta.as_bytes());
    }

    fn certificates(&self, name: &str, from: &Path, files: &[&str]) {
        for file in files {
            let text = fs::read(from.join(file)).unwrap();
            self.write(&format!("contexts/tls/{}/docker/{file}", id(name)), &text);
        }
    }

    fn bb(&self, variables: &[(&str, &str)], args: &str) -> Run {
        Run::of(self.command(variables, args))
    }

    fn told(&self, variables: &[(&str, &str)], args: &str) -> Told {
        Told::of(self.command(variables, args))
    }

    fn command(&self, variables: &[(&str, &str)], args: &str) -> Command {
        let mut command = self.room.command(args);
        command.env_remove("DOCKER_HOST").envs(variables.iter().copied());
        command
    }

    #[track_caller]
    fn builds(&self, variables: &[(&str, &str)]) {
        self.room.write("bb-dock/a/f", &fastrand::u64(..).to_string());
        self.told(variables, "build").ran("dockerfile:a image:a");
        assert!(self.room.engine().has_image(&self.room.image("a")));
        self.told(variables, "build").ran("");
        self.room.bb("clean").ok();
    }

    /// The message has its first line, and no image is made anywhere.
    #[track_caller]
    fn refuses(&self, variables: &[(&str, &str)], message: &str) {
        for verb in ["build", "up x", "gc", "status", "run a"] {
            self.room.write("chains/x.yaml", "services: {}\n");
            let run = self.bb(variables, verb);
            assert_eq!(run.code, Some(4), "{verb}: {}", run.stderr);
            let first = run.stderr.lines().next().unwrap_or_default();
            assert_eq!(first, format!("error: {message}"), "{verb}: {}", run.stderr);
        }
        assert!(!self.room.engine().has_image(&self.room.image("a")));
    }
}

fn id(name: &str) -> String {
    gentoo_bb::base::hex::hex(&Sha256::digest(name))
}

/// Runs a program that must succeed.
fn made(program: &str, args: &[&str], folder: &Path) {
    let out = Command::new(program).args(args).current_dir(folder).output();
    let out = out.unwrap_or_else(|e| panic!("`{program}` is needed: {e}"));
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// An sshd of the test's own, on a port of its own, with its own keys.
struct Sshd {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Sshd {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for key in ["host", "user"] {
            let file = path(key).display().to_string();
            made("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &file], folder.path());
        }
        fs::copy(path("user.pub"), path("authorized")).unwrap();
        let port = free_port();
        let shown = |name: &str| path(name).display().to_string();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile {}\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
            shown("host"),
            shown("authorized"),
            shown("pid"),
        );
        fs::write(path("config"), settings).unwrap();
        // It wants this folder, and Debian's service makes it.
        fs::create_dir_all("/run/sshd").unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", &shown("config")]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("Debian's `openssh-server` is needed");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listens = lines.any(|line| line.unwrap().starts_with("Server listening on"));
        assert!(listens, "sshd does not start");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, folder, port }
    }

    /// An `ssh` that knows this sshd and nothing of this machine's user, in a folder for PATH.
    fn client(&self) -> String {
        let bin = self.folder.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        let shown = |name: &str| self.folder.path().join(name).display().to_string();
        let public = fs::read_to_string(shown("host.pub")).unwrap();
        fs::write(shown("known"), format!("[127.0.0.1]:{} {public}", self.port)).unwrap();
        let script = format!(
            "#!/bin/sh\nexec /usr/bin/ssh -F none -i {} -o UserKnownHostsFile={} \"$@\"\n",
            shown("user"),
            shown("known"),
        );
        fs::write(bin.join("ssh"), script).unwrap();
        fs::set_permissions(bin.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
        format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_context_of_ssh_is_used() {
    let client = Client::new();
    let sshd = Sshd::start();
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    let socket = client.room.engine().host.strip_prefix("unix://").unwrap().to_owned();
    let host = format!("ssh://{user}@127.0.0.1:{}{socket}", sshd.port);
    let path = sshd.client();
    let path = [("PATH", path.as_str())];
    client.choose("far", &host);
    client.builds(&path);
    // Streams in both directions, and their ends.
    client.builds(&[path[0], ("DOCKER_HOST", &host)]);
    client.bb(&path, "build").ok();
    let config = client.bb(&path, "config engine");
    assert_eq!(config.stdout, format!("{host}\n"));
    client.room.bb("clean").ok();

    // Nobody's key, and nobody there: its own last words, and no other engine.
    fs::remove_file(sshd.folder.path().join("authorized")).unwrap();
    let message = format!("no container engine answers at `{host}`, docker's context `far`");
    client.refuses(&path, &message);
    let run = client.bb(&path, "build");
    assert!(run.stderr.contains("Permission denied (publickey)"), "{}", run.stderr);
    drop(sshd);
    let run = client.bb(&[], "build");
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(run.stderr.contains("docker's context `far`"), "{}", run.stderr);
}

/// Certificates as Docker's documentation makes them, by OpenSSL.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let run = |args: &str| {
            made("openssl", &args.split(' ').collect::<Vec<_>>(), folder.path());
        };
        run(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca-key.pem -out ca.pem",
        );
        for (name, extension) in [
            ("server", "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
            ("client", "extendedKeyUsage=clientAuth\n"),
        ] {
            fs::write(folder.path().join("ext"), extension).unwrap();
            run(&format!(
                "req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}-key.pem -out csr"
            ));
            run(&format!(
                "x509 -req -in csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
                 -extfile ext -out {name}.pem"
            ));
        }
        fs::copy(folder.path().join("client.pem"), folder.path().join("cert.pem")).unwrap();
        fs::copy(folder.path().join("client-key.pem"), folder.path().join("key.pem")).unwrap();
        Self(folder)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }
}

/// TLS in front of the engine's socket, which wants a certificate of its clients.
struct Terminator {
    child: Child,
    port: u16,
}

impl Terminator {
    fn start(authority: &Authority, socket: &str) -> Self {
        let port = free_port();
        let shown = |file: &str| authority.path(file).display().to_string();
        let listen = format!(
            "OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,verify=1,cert={},key={},cafile={}",
            shown("server.pem"),
            shown("server-key.pem"),
            shown("ca.pem"),
        );
        let mut command = Command::new("socat");
        command.args(["-t", "60", "-d", "-d", &listen, &format!("UNIX-CONNECT:{socket}")]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("`socat` is needed");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("listening on")), "socat does not start");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tls_is_used_by_contexts_and_by_variables() {
    let client = Client::new();
    let authority = Authority::new();
    let socket = client.room.engine().host.strip_prefix("unix://").unwrap().to_owned();
    let terminator = Terminator::start(&authority, &socket);
    let host = format!("tcp://localhost:{}", terminator.port);
    client.choose("near", &host);
    client.certificates("near", authority.0.path(), &["ca.pem", "cert.pem", "key.pem"]);
    client.builds(&[]);

    let folder = authority.0.path().display().to_string();
    let variables = [
        ("DOCKER_HOST", host.as_str()),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", folder.as_str()),
    ];
    client.builds(&variables);

    // Without its certificate, with another authority, and where nobody speaks TLS.
    let none = tempfile::tempdir().unwrap();
    fs::copy(authority.path("ca.pem"), none.path().join("ca.pem")).unwrap();
    let without = none.path().display().to_string();
    let message = format!("no container engine answers at `{host}`");
    client.refuses(&[variables[0], variables[1], ("DOCKER_CERT_PATH", &without)], &message);
    let other = Authority::new();
    let folder = other.0.path().display().to_string();
    client.refuses(&[variables[0], variables[1], ("DOCKER_CERT_PATH", &folder)], &message);
    let plain = Plain::start(&socket);
    let host = format!("tcp://localhost:{}", plain.0);
    let message = format!("no container engine answers at `{host}`");
    client.refuses(&[("DOCKER_HOST", &host), variables[1], variables[2]], &message);
    // That it is there, and answers who does not want TLS, is no reason to go on without.
    client.builds(&[("DOCKER_HOST", &host)]);
}

/// The engine's socket in clear text.
struct Plain(u16);

impl Plain {
    fn start(socket: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = Arc::new(socket.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(engine) = UnixStream::connect(&*socket) else { continue };
                let (from, to) = (stream.try_clone().unwrap(), engine.try_clone().unwrap());
                std::thread::spawn(move || pass(from, &to));
                std::thread::spawn(move || answer(engine, &stream));
            }
        });
        Self(port)
    }
}

fn pass(mut from: TcpStream, mut to: &UnixStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

fn answer(mut from: UnixStream, mut to: &TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.flush();
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[test]
fn what_is_down_missing_or_malformed_is_refused_by_name() {
    let client = Client::new();
    let host = format!("tcp://127.0.0.1:{}", free_port());
    client.choose("down", &host);
    client
        .refuses(&[], &format!("no container engine answers at `{host}`, docker's context `down`"));
    client.choose("socket", "unix:///nonexistent/engine.sock");
    client.refuses(
        &[],
        "no container engine answers at `unix:///nonexistent/engine.sock`, docker's context `socket`",
    );
    client.refuses(&[("DOCKER_CONTEXT", "gone")], "docker's context `gone` is not there");
    client.choose("odd", "gopher://there");
    client.refuses(&[], "no container engine answers at `gopher://there`, docker's context `odd`");
    client.write("config.json", br#"{ "currentContext": "lost" }"#);
    client.refuses(&[], "docker's context `lost` is not there");
    let variables = [("DOCKER_HOST", "tcp://127.0.0.1:1"), ("DOCKER_TLS_VERIFY", "1")];
    let ca = client.folder().join("ca.pem");
    let message = format!("DOCKER_TLS_VERIFY is set, but there is no `{}`", ca.display());
    client.refuses(&variables, &message);
    let doctor = client.bb(&[], "doctor --json");
    let said = serde_json::from_str::<Value>(&doctor.stdout).unwrap();
    assert!(said.to_string().contains("docker's context `lost` is not there"), "{said}");
    // Whoever is named by a variable is the one.
    let host = client.room.engine().host.clone();
    client.builds(&[("DOCKER_HOST", &host)]);
}
