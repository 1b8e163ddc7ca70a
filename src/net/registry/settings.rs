//! What a person says about registries, and where a request may go by that.
//!
//! Values only: reads no environment, no file and no network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::fault::Fault;
use crate::base::error::Error;
use crate::base::limits::Limits;
use crate::base::machine;
use crate::base::reference::{DOCKER_IO, Reference};

/// Where Docker's own registry answers.
const DOCKER_HOST: &str = "registry-1.docker.io";

/// What is said about registries.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Registries, `HOST[:PORT]`, that are asked without TLS. Those of this machine may be anyway.
    pub insecure: BTreeSet<String>,
    /// For pulls: a registry's mirrors, as web addresses, in the order in which they are asked.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// A PEM file with certificates of authorities that are trusted besides the machine's.
    pub authorities: Option<PathBuf>,
    /// The folder with docker's `config.json`: who the user is.
    pub logins: Option<PathBuf>,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long nothing may come or go.
    pub stall: Duration,
    /// How long is waited before each further attempt, where a registry is busy or hangs up.
    pub pauses: Vec<Duration>,
    /// Which of an index's images is meant, as OCI calls it: `amd64`.
    pub architecture: String,
    /// How much is read.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            insecure: BTreeSet::new(),
            mirrors: BTreeMap::new(),
            authorities: None,
            logins: None,
            connect: Duration::from_secs(30),
            // A registry looks through the whole blob before it answers.
            stall: Duration::from_secs(120),
            pauses: [1, 3, 9].map(Duration::from_secs).into(),
            architecture: machine::architecture().to_owned(),
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// Whether an address may be asked: with TLS always, without it where that is said, or on this machine.
    pub(super) fn admits(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self.may_be_plain(url),
            _ => false,
        }
    }

    /// Whether TLS may be missing at an address.
    pub(super) fn may_be_plain(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let said = |name: &str| self.insecure.contains(name);
        is_loopback(url) || said(host) || said(&authority(url))
    }

    /// The registry that a reference names.
    pub(super) fn origin(reference: &Reference) -> Result<Endpoint, Fault> {
        let name = reference.registry();
        let (host, login) =
            if name == DOCKER_IO { (DOCKER_HOST, None) } else { (name, Some(name.to_owned())) };
        let address = format!("https://{host}");
        Endpoint::at(&address, login, reference, false)
    }

    /// Where an image is asked for: the mirrors of its registry, and at last the registry itself.
    pub(super) fn places(&self, reference: &Reference) -> Result<Vec<Endpoint>, Fault> {
        let mirrors = self.mirrors.get(reference.registry()).map_or(&[][..], Vec::as_slice);
        let mut places = vec![];
        for address in mirrors {
            let mut place = Endpoint::at(address, None, reference, true)?;
            place.login = Some(place.host());
            if !self.admits(&place.base) {
                let message = format!("the mirror `{address}` is not asked without TLS");
                let hint = "write `https://`, or list its host as an insecure registry";
                return Err(Error::config(message).hint(hint).into());
            }
            places.push(place);
        }
        places.push(Self::origin(reference)?);
        Ok(places)
    }
}

/// Whether an address leads to this machine by its name alone.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address's host with its port, unless that is the usual one.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A repository at a place that answers as a registry does.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// The address up to the API's version, with a slash at its end.
    pub base: Url,
    /// What docker's settings call it; nothing for Docker's own registry.
    pub login: Option<String>,
    /// The repository's name there.
    pub repository: String,
    /// It answers for another registry.
    pub is_mirror: bool,
}

impl Endpoint {
    fn at(
        address: &str,
        login: Option<String>,
        reference: &Reference,
        is_mirror: bool,
    ) -> Result<Self, Fault> {
        let wrong = |why: String| {
            Error::config(format!("`{address}` is no registry's address: {why}"))
                .hint("it is `https://HOST[:PORT]`, with or without a path")
        };
        let base = Url::parse(&format!("{}/v2/", address.trim_end_matches('/')));
        let base = base.map_err(|e| wrong(e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("it is not one of the web".to_owned()).into());
        }
        Ok(Self { base, login, repository: reference.path().to_owned(), is_mirror })
    }

    /// Its host, as it is told.
    pub(super) fn host(&self) -> String {
        authority(&self.base)
    }

    /// The address of something in its repository: `blobs/sha256:…`.
    pub(super) fn address(&self, what: &str) -> Result<Url, Fault> {
        let address = self.base.join(&format!("{}/{what}", self.repository));
        address.map_err(|e| Error::bug(format!("`{what}` is no part of an address: {e}")).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(settings: &Settings, reference: &str) -> Vec<String> {
        let places = settings.places(&reference.parse().unwrap()).unwrap();
        places.iter().map(|place| place.address("manifests/1").unwrap().to_string()).collect()
    }

    #[test]
    fn an_image_is_asked_for_at_mirrors_first() {
        let mut settings = Settings::default();
        assert_eq!(
            places(&settings, "debian"),
            ["https://registry-1.docker.io/v2/library/debian/manifests/1"]
        );
        let mirrors = vec!["https://m.example/proxy/".to_owned(), "http://[::1]:5000".to_owned()];
        settings.mirrors.insert("docker.io".to_owned(), mirrors);
        assert_eq!(
            places(&settings, "me/a:1")[..2],
            [
                "https://m.example/proxy/v2/me/a/manifests/1",
                "http://[::1]:5000/v2/me/a/manifests/1"
            ]
        );
        assert_eq!(places(&settings, "r.example:1/a"), ["https://r.example:1/v2/a/manifests/1"]);
    }

    #[test]
    fn tls_is_missing_where_that_is_said_and_on_this_machine() {
        let settings =
            Settings { insecure: ["r.example:5000".to_owned()].into(), ..Settings::default() };
        let plain = |url: &str| settings.admits(&Url::parse(url).unwrap());
        for url in [
            "http://localhost:5000/",
            "http://127.9.0.1/",
            "http://[::1]:1/",
            "http://r.example:5000/",
            "https://other.example/",
        ] {
            assert!(plain(url), "{url}");
        }
        for url in [
            "http://r.example/",
            "http://localhost.example/",
            "http://10.0.0.1:5000/",
            "ftp://localhost/",
        ] {
            assert!(!plain(url), "{url}");
        }
    }

    #[test]
    fn a_mirror_without_tls_is_refused() {
        let mut settings = Settings::default();
        for (address, message) in [
            ("http://m.example", "the mirror `http://m.example` is not asked without TLS"),
            ("m.example", "`m.example` is no registry's address: relative URL without a base"),
            (
                "ftp://m.example",
                "`ftp://m.example` is no registry's address: it is not one of the web",
            ),
        ] {
            settings.mirrors.insert("r.example".to_owned(), vec![address.to_owned()]);
            let fault = settings.places(&"r.example/a".parse().unwrap()).unwrap_err();
            assert_eq!(fault.error("cannot pull").message(), message);
        }
    }
}
