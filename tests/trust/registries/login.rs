//! Tokens: where they are had, for what, and who is told a password for them.

use std::path::Path;

use gentoo_bb::base::error::Error;
use gentoo_bb::net::registry::{Resolved, Settings};
use serde_json::{Value, json};

use super::{client, digest, kept, name, wait};
use crate::server::{Reply, Request, Server};

const TEXT: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,
"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[]}"#;

fn answer(status: &str, head: &str, body: &str) -> Option<Reply> {
    let size = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\n{head}Content-Length: {size}\r\nConnection: close\r\n\r\n");
    Some(Reply::Raw((head + body).into_bytes()))
}

/// A registry that wants a token, which the same server gives: `knows` says who gets one.
fn registry(knows: impl Fn(&Request) -> bool + Send + Sync + 'static) -> (String, Server) {
    let server = Server::start("/nonexistent".into(), move |request| {
        if request.path.starts_with("token") {
            let granted = r#"{"token":"granted","expires_in":300}"#;
            let refused = || answer("401 Unauthorized", "", "");
            return if knows(request) { answer("200 OK", "", granted) } else { refused() };
        }
        if request.authorization.as_deref() == Some("Bearer granted") {
            return answer("200 OK", "", TEXT);
        }
        // The server does not know its own address before it runs.
        let realm = "http://localhost:PORT/token".replace("PORT", &port(request));
        let challenge = format!(r#"Bearer realm="{realm}",service="s",scope="repository:a:pull""#);
        answer("401 Unauthorized", &format!("WWW-Authenticate: {challenge}\r\n"), "")
    });
    let at = server.url.replace("http://127.0.0.1", "localhost");
    (at, server)
}

fn port(request: &Request) -> String {
    request.host.rsplit(':').next().unwrap_or_default().to_owned()
}

fn resolve(at: &str, dir: &Path, login: Option<&Value>) -> Result<Resolved, Error> {
    let logins = login.and_then(|login| kept(dir, at, login));
    let client = client(Settings { logins, ..Settings::default() });
    let first = wait(client.resolve(&name(&format!("{at}/a:1"))))?;
    // The token is good for the second time, too.
    assert_eq!(wait(client.resolve(&name(&format!("{at}/a:1")))).unwrap(), first);
    Ok(first)
}

fn tokens(server: &Server) -> Vec<Request> {
    server.requests().into_iter().filter(|request| request.path.starts_with("token")).collect()
}

#[test]
fn a_token_is_had_for_a_password_once() {
    let dir = tempfile::tempdir().unwrap();
    let (at, server) = registry(|r| r.authorization.as_deref() == Some("Basic bWU6c2VjcmV0"));
    let login = json!({ "auth": "bWU6c2VjcmV0" });
    assert_eq!(resolve(&at, dir.path(), Some(&login)).unwrap().digest, digest(TEXT.as_bytes()));
    let asked = tokens(&server);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "token?service=s&scope=repository%3Aa%3Apull");
    // The password goes where the token is had, and nowhere else.
    let told = server.requests().into_iter().filter(|r| !r.path.starts_with("token"));
    let told = told.filter_map(|r| r.authorization).collect::<Vec<_>>();
    assert!(!told.is_empty() && told.iter().all(|told| told == "Bearer granted"), "{told:?}");

    let error = resolve(&at, dir.path(), Some(&json!({ "auth": "bWU6b3RoZXI=" }))).unwrap_err();
    let message = "does not take the name and password that are kept for it";
    assert_eq!(error.message(), format!("cannot find `{at}/a:1`: `{at}` {message}"));
    let error = resolve(&at, dir.path(), None).unwrap_err();
    assert_eq!(error.message(), format!("cannot find `{at}/a:1`: `{at}` wants to know who asks"));
}

#[test]
fn a_token_is_had_for_nothing_or_for_another_token() {
    let dir = tempfile::tempdir().unwrap();
    let (at, server) = registry(|request| request.authorization.is_none());
    resolve(&at, dir.path(), None).unwrap();
    assert_eq!(tokens(&server).len(), 1);

    let (at, server) = registry(|request| request.method == "POST");
    resolve(&at, dir.path(), Some(&json!({ "identitytoken": "id&1" }))).unwrap();
    let form = "grant_type=refresh_token&client_id=gentoo-bb&service=s\
                &scope=repository%3Aa%3Apull&refresh_token=id%261";
    assert_eq!(tokens(&server)[0].body, form);

    let (at, server) = registry(|_| false);
    resolve(&at, dir.path(), Some(&json!({ "registrytoken": "granted" }))).unwrap();
    assert!(tokens(&server).is_empty());
}
