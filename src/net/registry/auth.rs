//! Who asks: a registry's challenge is answered with a password, or with a token that is had for one.
//!
//! Tokens are kept for a repository and what may be done in it, as long as they last. Does not know what is
//! asked for with them. Source: <https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/auth/token.md>,
//! <https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/auth/oauth.md>.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::Registry;
use super::fault::Fault;
use super::pull::blocking;
use super::settings::{Endpoint, authority};
use crate::base::error::Error;
use crate::net::credentials;
use crate::net::credentials::Credentials;

/// So long a token lasts where nobody says it, by the specification.
const LASTS: u64 = 60;
/// A token that ends so soon is as good as none.
const MARGIN: Duration = Duration::from_secs(10);

/// What has to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    /// Where.
    pub repository: String,
    /// Whether something is sent there.
    pub sends: bool,
    /// A repository that something is taken from.
    pub takes_from: Option<String>,
}

impl Scope {
    /// Reading only.
    pub(super) fn pull(at: &Endpoint) -> Self {
        Self { repository: at.repository.clone(), sends: false, takes_from: None }
    }

    /// Reading and writing.
    pub(super) fn push(at: &Endpoint) -> Self {
        Self { sends: true, ..Self::pull(at) }
    }

    fn texts(&self) -> impl Iterator<Item = String> {
        let actions = if self.sends { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.repository);
        let other = self.takes_from.iter().map(|from| format!("repository:{from}:pull"));
        std::iter::once(own).chain(other)
    }
}

/// What is said to a registry, and how long it is worth anything.
#[derive(Debug)]
struct Known {
    value: HeaderValue,
    until: Option<Instant>,
}

/// What was said to which registry.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<HashMap<(String, Scope), Known>>);

/// How a registry wants to be told who asks.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// What comes for a password.
#[derive(Deserialize)]
struct Granted {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Registry {
    /// What a registry has taken before, for a request's head.
    pub(super) fn known(&self, at: &Endpoint, scope: &Scope) -> Option<HeaderValue> {
        let tokens = self.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tokens.get(&(at.host(), scope.clone()))?;
        let lasts = known.until.is_none_or(|until| until > Instant::now());
        lasts.then(|| known.value.clone())
    }

    /// Answers a challenge, for the next request; says whether a name or a token was kept for the registry.
    pub(super) async fn authorize(
        &self,
        at: &Endpoint,
        scope: &Scope,
        headers: &HeaderMap,
    ) -> Result<bool, Fault> {
        let login = match self.login(at).await {
            // Most images are everybody's: a helper that fails is no reason not to ask as nobody.
            Err(fault) if !scope.sends => {
                return self.authorize_as(at, scope, headers, None).await.map_err(|_| fault);
            }
            login => login?,
        };
        self.authorize_as(at, scope, headers, login).await
    }

    async fn authorize_as(
        &self,
        at: &Endpoint,
        scope: &Scope,
        headers: &HeaderMap,
        login: Option<Credentials>,
    ) -> Result<bool, Fault> {
        let has_login = login.is_some();
        let known = match (challenge(headers), login) {
            (_, Some(Credentials::RegistryToken(token))) => {
                Known { value: header(at, &format!("Bearer {token}"))?, until: None }
            }
            (Some(Challenge::Bearer { realm, service }), login) => {
                self.token(at, &realm, service.as_deref(), scope, login).await?
            }
            (Some(Challenge::Basic), Some(Credentials::Password(name, password))) => {
                Known { value: header(at, &basic(&name, &password))?, until: None }
            }
            (Some(Challenge::Basic), None) => return Err(Fault::Unknown { host: at.host() }),
            (Some(Challenge::Basic), Some(_)) => return Err(Fault::Password { host: at.host() }),
            (None, _) => {
                let why = "it refuses without saying how to be told who asks".to_owned();
                return Err(Fault::Malformed { host: at.host(), why });
            }
        };
        let mut tokens = self.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert((at.host(), scope.clone()), known);
        Ok(has_login)
    }

    /// A helper is a program: it may ask the user, or take its time.
    async fn login(&self, at: &Endpoint) -> Result<Option<Credentials>, Fault> {
        let (folder, registry) = (self.settings.logins.clone(), at.login.clone());
        let asking = move || credentials::of(folder.as_deref(), registry.as_deref());
        blocking(asking).await
    }

    /// Asks for a token where the registry says.
    async fn token(
        &self,
        at: &Endpoint,
        realm: &str,
        service: Option<&str>,
        scope: &Scope,
        login: Option<Credentials>,
    ) -> Result<Known, Fault> {
        let malformed = |why: String| Fault::Malformed { host: at.host(), why };
        let url = Url::parse(realm).map_err(|e| malformed(format!("its `realm`: {e}")))?;
        if !self.settings.admits(&url) {
            let to = format!("{}://{}", url.scheme(), authority(&url));
            let why = "which is not told without TLS who asks";
            return Err(Fault::Leads { host: at.host(), to, why });
        }
        let has_login = login.is_some();
        let request = self.token_request(at, &url, service, scope, login)?;
        let response = self.head(&authority(&url), request, &AtomicU64::new(0)).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST
                if has_login =>
            {
                return Err(Fault::Password { host: at.host() });
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(Fault::Unknown { host: at.host() });
            }
            status => {
                return Err(Fault::Elsewhere { host: at.host(), to: authority(&url), status });
            }
        }
        let begun = Instant::now();
        let text = self.text(at, response, "a token").await?;
        let granted = serde_json::from_slice::<Granted>(&text);
        // The parser's own message could quote a secret.
        let granted = granted.map_err(|_| malformed("its token is not JSON".to_owned()))?;
        let token = granted.token.or(granted.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| malformed("it gives no token".to_owned()))?;
        let lasts = Duration::from_secs(granted.expires_in.unwrap_or(LASTS).min(1 << 31));
        let until = Some(begun + lasts.saturating_sub(MARGIN));
        Ok(Known { value: header(at, &format!("Bearer {token}"))?, until })
    }

    fn token_request(
        &self,
        at: &Endpoint,
        realm: &Url,
        service: Option<&str>,
        scope: &Scope,
        login: Option<Credentials>,
    ) -> Result<RequestBuilder, Fault> {
        let client = self.client(realm)?;
        if let Some(Credentials::Token(token)) = &login {
            let mut form = Url::parse("form:?").map_err(|e| Error::bug(e.to_string()))?;
            form.query_pairs_mut()
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", "gentoo-bb")
                .append_pair("service", service.unwrap_or_default())
                .append_pair("scope", &scope.texts().collect::<Vec<_>>().join(" "))
                .append_pair("refresh_token", token);
            let form = form.query().unwrap_or_default().to_owned();
            let request = client.post(realm.clone()).body(form);
            return Ok(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded"));
        }
        let mut url = realm.clone();
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", service);
        }
        for scope in scope.texts() {
            url.query_pairs_mut().append_pair("scope", &scope);
        }
        let request = client.get(url);
        match login {
            Some(Credentials::Password(name, password)) => {
                Ok(request.header(AUTHORIZATION, header(at, &basic(&name, &password))?))
            }
            _ => Ok(request),
        }
    }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")))
}

/// A value that is not shown where requests are.
fn header(at: &Endpoint, text: &str) -> Result<HeaderValue, Fault> {
    let why = "its token cannot be one".to_owned();
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| Fault::Malformed { host: at.host(), why })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The challenge of an answer: the one for a token, where there are several.
fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let mut found = texts.filter_map(read_challenge).collect::<Vec<_>>();
    found.sort_by_key(|challenge| matches!(challenge, Challenge::Basic));
    found.into_iter().next()
}

fn read_challenge(text: &str) -> Option<Challenge> {
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut values = parameters(rest);
    Some(Challenge::Bearer { realm: values.remove("realm")?, service: values.remove("service") })
}

/// `NAME="VALUE",NAME=VALUE`, where a comma in quotes parts nothing.
fn parameters(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted),
            None => {
                let (value, after) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            }
        };
        found.insert(name.trim().to_ascii_lowercase(), value);
        rest = after.trim_start_matches([',', ' ']);
    }
    found
}

/// What is before the closing quote, and what is after it.
fn quoted_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(WWW_AUTHENTICATE, text.parse().unwrap());
        }
        challenge(&headers)
    }

    #[test]
    fn challenges_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>| {
            let service = service.map(str::to_owned);
            Some(Challenge::Bearer { realm: realm.to_owned(), service })
        };
        let realm = "https://auth.docker.io/token";
        let text = format!(r#"Bearer realm="{realm}",service="registry.docker.io""#);
        assert_eq!(of(&[&text]), bearer(realm, Some("registry.docker.io")));
        let scope = r#"scope="repository:a/b:pull,push", error="insufficient_scope""#;
        let text = format!(r#"bearer  {scope}, Realm="{realm}", service=x y"#);
        assert_eq!(of(&["Basic realm=\"r\"", &text]), bearer(realm, Some("x y")));
        assert_eq!(of(&[r#"Bearer realm="a\"b,c=d"#]), bearer("a\"b,c=d", None));
        assert_eq!(of(&["Negotiate", "Basic realm=\"r\""]), Some(Challenge::Basic));
        assert_eq!(of(&["Basic"]), Some(Challenge::Basic));
        for none in [&["Bearer service=x"][..], &["Bearer"], &["Negotiate abc="], &[]] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_as_little_as_will_do() {
        let scope = |sends, from: Option<&str>| Scope {
            repository: "a/b".to_owned(),
            sends,
            takes_from: from.map(str::to_owned),
        };
        let texts = |scope: Scope| scope.texts().collect::<Vec<_>>().join(" ");
        assert_eq!(texts(scope(false, None)), "repository:a/b:pull");
        let both = "repository:a/b:pull,push repository:c:pull";
        assert_eq!(texts(scope(true, Some("c"))), both);
    }
}
