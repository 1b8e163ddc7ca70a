//! Ways to an engine: a socket of this machine, TCP, TLS, and ssh.
//!
//! Knows connections only; what is said over them is the client crate's business.

#![expect(clippy::disallowed_methods, reason = "the way over ssh is a program")]

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use super::reason;
use crate::base::error::io_reason;
use crate::engine::address::Tls;
use crate::net::names::Names;

/// Connections that nobody uses end after so long.
const IDLE: Duration = Duration::from_secs(30);
/// How long ssh may take to reach the other machine (seconds).
const SSH_TIMEOUT: &str = "ConnectTimeout=10";
/// So much of what ssh says is kept (bytes).
const SAID: u64 = 1 << 16;

/// A client over connections of this sort; `address` names the engine in requests.
fn client<C>(connector: C, address: &str, timeout: u64) -> Result<Docker, String>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
    let transport = move |request: BollardRequest| {
        let answer = client.request(request);
        async move { answer.await.map_err(|err| bollard::errors::Error::HyperLegacyError { err }) }
    };
    let docker = Docker::connect_with_custom_transport(
        transport,
        Some(address),
        timeout,
        API_DEFAULT_VERSION,
    );
    docker.map_err(|e| reason(&e))
}

/// Over a socket of this machine. The client crate's own way opens a connection for each request.
///
/// # Errors
/// There is none, in words.
pub(super) fn unix(socket: &Path, timeout: u64) -> Result<Docker, String> {
    if !socket.exists() {
        return Err(format!("socket not found: {}", socket.display()));
    }
    client(Socket(Arc::from(socket)), "http://docker.invalid", timeout)
}

/// Connects to a socket.
#[derive(Clone)]
struct Socket(Arc<Path>);

impl tower_service::Service<hyper::Uri> for Socket {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: hyper::Uri) -> Self::Future {
        let socket = self.0.clone();
        Box::pin(async move { UnixStream::connect(&*socket).await.map(TokioIo::new) })
    }
}

/// Over TCP to `HOST:PORT`, in clear text.
///
/// # Errors
/// That is no such address, in words.
pub(super) fn tcp(host: &str, timeout: u64) -> Result<Docker, String> {
    client(by_name(), &format!("http://{host}"), timeout)
}

/// Connects to a host by its name.
fn by_name() -> HttpConnector<Names> {
    HttpConnector::new_with_resolver(Names::default())
}

/// Over TLS to `HOST:PORT`.
///
/// # Errors
/// A certificate or key cannot be read, in words.
pub(super) fn tls(host: &str, tls: &Tls, timeout: u64) -> Result<Docker, String> {
    let mut http = by_name();
    http.enforce_http(false);
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls_config(tls)?).https_only();
    let connector = connector.enable_http1().wrap_connector(http);
    client(connector, &format!("https://{host}"), timeout)
}

fn tls_config(tls: &Tls) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| e.to_string())?.with_root_certificates(roots(tls)?);
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, &e))?;
            let config = builder.with_client_auth_cert(certificates(certificate)?, private);
            config
                .map_err(|e| format!("`{}` and `{}`: {e}", certificate.display(), key.display()))?
        }
    };
    // Some servers that want a certificate refuse to go on with what a connection before had agreed on.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn roots(tls: &Tls) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = &tls.ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|e| format!("`{}`: {e}", ca.display()))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match all {
        Ok(all) if all.is_empty() => Err(format!("`{}` has no certificate", file.display())),
        Ok(all) => Ok(all),
        Err(e) => Err(unreadable(file, &e)),
    }
}

fn unreadable(file: &Path, error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    let why = match error {
        Error::Io(error) => io_reason(error),
        Error::NoItemsFound => "nothing of the kind is in it".to_owned(),
        _ => "it is not PEM".to_owned(),
    };
    format!("cannot use `{}`: {why}", file.display())
}

/// Over ssh to `[USER@]HOST[:PORT][/SOCKET]`, where the docker client hands on to its engine.
///
/// # Errors
/// That is no such address, in words.
pub(super) fn ssh(address: &str, timeout: u64) -> Result<(Docker, Said), String> {
    let words = Arc::new(ssh_words(address)?);
    let (says, said) = watch::channel(None);
    let ssh = Ssh { words, says: Arc::new(says) };
    Ok((client(ssh, "http://docker.invalid", timeout)?, Said(said)))
}

/// What the last ssh that ended has said.
pub(super) struct Said(watch::Receiver<Option<String>>);

impl Said {
    /// Its last line, as soon as it has ended.
    pub(crate) async fn last_line(mut self) -> Option<String> {
        let ended = tokio::time::timeout(Duration::from_secs(1), self.0.wait_for(Option::is_some));
        let said = ended.await.ok()?.ok()?.clone()?;
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        last.map(|line| line.trim().to_owned())
    }
}

/// The command line of an ssh that leads to an engine's socket.
fn ssh_words(address: &str) -> Result<Vec<String>, String> {
    let malformed = || "an address is `ssh://USER@HOST:PORT`, and maybe a socket's path".to_owned();
    let url = reqwest::Url::parse(address).map_err(|_| malformed())?;
    if url.password().is_some() {
        return Err("a password in an address is nobody's secret: ssh takes a key".to_owned());
    }
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let plain = |text: &str, odd: &str| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || odd.as_bytes().contains(&b))
    };
    // The other machine's shell reads the path.
    let good = !host.is_empty()
        && !host.starts_with('-')
        && !url.username().starts_with('-')
        && plain(url.path(), "/._-")
        && url.query().or(url.fragment()).is_none();
    if !good {
        return Err(malformed());
    }
    // Asked for a password over each of several connections, nobody could answer.
    let mut words = ["-o", SSH_TIMEOUT, "-o", "BatchMode=yes", "-T"].map(str::to_owned).to_vec();
    if !url.username().is_empty() {
        words.extend(["-l".to_owned(), url.username().to_owned()]);
    }
    words.extend(url.port().into_iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
    words.extend(["--", host, "docker"].map(str::to_owned));
    if url.path().len() > 1 {
        words.extend(["--host".to_owned(), format!("unix://{}", url.path())]);
    }
    words.extend(["system", "dial-stdio"].map(str::to_owned));
    Ok(words)
}

/// Starts an ssh for each connection, as docker's own client does.
#[derive(Clone)]
struct Ssh {
    words: Arc<Vec<String>>,
    says: Arc<watch::Sender<Option<String>>>,
}

impl tower_service::Service<hyper::Uri> for Ssh {
    type Response = TokioIo<Pipes>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: hyper::Uri) -> Self::Future {
        std::future::ready(self.start().map(TokioIo::new))
    }
}

impl Ssh {
    fn start(&self) -> io::Result<Pipes> {
        let mut command = Command::new("ssh");
        command.args(&*self.words).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for this program, which then still has containers to remove.
        command.process_group(0);
        let started = command.spawn();
        let mut child = started
            .map_err(|e| io::Error::other(format!("cannot start `ssh`: {}", io_reason(&e))))?;
        let none = || io::Error::other("a pipe is missing");
        let stdin = Some(child.stdin.take().ok_or_else(none)?);
        let stdout = child.stdout.take().ok_or_else(none)?;
        tokio::spawn(listen(child.stderr.take().ok_or_else(none)?, self.says.clone()));
        Ok(Pipes { stdin, stdout, _child: child })
    }
}

async fn listen(stderr: ChildStderr, says: Arc<watch::Sender<Option<String>>>) {
    let mut said = vec![];
    // Whatever cannot be read is not told.
    let _ = stderr.take(SAID).read_to_end(&mut said).await;
    says.send_replace(Some(String::from_utf8_lossy(&said).into_owned()));
}

/// A program's standard streams as a connection. The program ends with it.
struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    _child: Child,
}

impl Pipes {
    fn stdin(&mut self) -> io::Result<Pin<&mut ChildStdin>> {
        self.stdin.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl Connection for Pipes {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Pipes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stdin()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin()?.poll_flush(context)
    }

    /// The other end sees the end of its input; its output goes on.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::ssh_words;

    fn words(address: &str) -> Option<String> {
        let words = ssh_words(address).ok()?.join(" ");
        words.strip_prefix("-o ConnectTimeout=10 -o BatchMode=yes -T ").map(str::to_owned)
    }

    #[test]
    fn an_address_becomes_a_command() {
        let cases = [
            ("ssh://there", "-- there docker system dial-stdio"),
            ("ssh://there/", "-- there docker system dial-stdio"),
            ("ssh://me@there", "-l me -- there docker system dial-stdio"),
            ("ssh://me@10.0.0.1:2222", "-l me -p 2222 -- 10.0.0.1 docker system dial-stdio"),
            ("ssh://[fd00::1]:22", "-p 22 -- fd00::1 docker system dial-stdio"),
            (
                "ssh://there/run/x.sock",
                "-- there docker --host unix:///run/x.sock system dial-stdio",
            ),
        ];
        for (address, expected) in cases {
            assert_eq!(words(address).as_deref(), Some(expected), "{address}");
        }
    }

    #[test]
    fn what_would_be_an_option_or_a_command_is_refused() {
        let bad = [
            "ssh://",
            "ssh:there",
            "ssh://-oProxyCommand=x",
            "ssh://-l@there",
            "ssh://there/a;b",
            "ssh://there/$(x)",
            "ssh://there?x",
            "ssh://there#x",
            "ssh://me:secret@there",
            "ssh://a b",
        ];
        for address in bad {
            assert_eq!(words(address), None, "{address}");
        }
        assert!(!ssh_words("ssh://me:secret@there").unwrap_err().contains("me:"));
    }
}
