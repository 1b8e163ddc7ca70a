//! Which addresses a name may lead to. An address that an ebuild names, and a redirect of a public mirror, must
//! not lead to this machine or to those beside it.
//!
//! Names are judged by what they resolve to at the moment of connecting. What a proxy connects to is the proxy's
//! business: its own name is the only one that is not judged.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Url, redirect};

use super::REDIRECTS;
use crate::net::names::Names;

/// Whether an address is one of the internet: neither of this machine, nor of its own network.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    // Shared with a provider (RFC 6598), protocol assignments (6890), tests of devices (2544), reserved (1112).
    let special = matches!((a, b, c), (0 | 240..=255, ..) | (100, 64..=127, _) | (192, 0, 0))
        || matches!((a, b), (198, 18 | 19));
    let inside = v4.is_loopback() || v4.is_private() || v4.is_link_local();
    !(special || inside || v4.is_multicast() || v4.is_documentation())
}

/// An address of the other family may be inside, as itself or as a translated one (RFC 6052, 3056).
fn is_public_v6(v6: Ipv6Addr) -> bool {
    let parts = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        [0x2001, 0xdb8, ..] => false,
        // Global unicast is all that is given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The address that a URL names as a number.
fn number(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// What keeps a request among public addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    names: Names,
    /// Names that were asked for: what else is resolved is a proxy.
    asked: Arc<Mutex<HashSet<String>>>,
}

impl Guard {
    /// One that judges what these say.
    pub(crate) fn of(names: &Names) -> Self {
        Self { names: names.clone(), ..Self::default() }
    }

    /// Lets an address be asked for; what is wrong with it if it is none for that.
    pub(crate) fn admit(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("a `{}:` address, which is not asked", url.scheme()));
        }
        match (number(url), url.host_str()) {
            (Some(address), _) if !is_public(address) => Err(not_public(&address.to_string())),
            (None, Some(name)) => {
                let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.insert(name.to_ascii_lowercase());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_asked(&self, name: &str) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.contains(&name.to_ascii_lowercase())
    }

    /// Follows redirects to public web addresses only.
    pub(crate) fn redirects(&self) -> redirect::Policy {
        let guard = self.clone();
        redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS {
                return attempt.error("redirected too often");
            }
            match guard.admit(attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(why) => attempt.error(format!("leads to {why}")),
            }
        })
    }
}

fn not_public(shown: &str) -> String {
    format!("`{shown}`, which is not public: it is not asked")
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guarded = self.is_asked(name.as_str());
        let names = self.names.clone();
        Box::pin(async move {
            let found = names.addresses(name.as_str()).await?;
            if guarded && let Some(inside) = found.iter().find(|address| !is_public(**address)) {
                let shown = format!("{} ({inside})", name.as_str());
                return Err(not_public(&shown).into());
            }
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}

/// Whether a mirror that was configured is itself no public one: then it may lead to others that are not.
pub(super) async fn is_inside(address: &str, names: &Names) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    match (number(&url), url.host_str()) {
        (Some(address), _) => !is_public(address),
        (None, Some(name)) => {
            let found = names.addresses(name).await;
            found.is_ok_and(|all| all.into_iter().any(|address| !is_public(address)))
        }
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public() {
        for public in
            ["9.9.9.9", "2620:fe::9", "::ffff:9.9.9.9", "64:ff9b::909:909", "2002:909:909::1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for inside in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
    }

    #[test]
    fn however_an_address_is_written() {
        let guard = Guard::default();
        for inside in [
            "http://127.0.0.1/x",
            "http://127.1/x",
            "http://0x7f.1/x",
            "http://2130706433/",
            "http://[::1]:8080/",
            "http://[::ffff:7f00:1]/",
            "http://me@169.254.169.254/",
            "file:///etc/shadow",
            "ftp://9.9.9.9/x",
        ] {
            assert!(guard.admit(&Url::parse(inside).unwrap()).is_err(), "{inside}");
        }
        assert!(guard.admit(&Url::parse("https://9.9.9.9/x").unwrap()).is_ok());
        assert!(guard.admit(&Url::parse("https://Host.example/x").unwrap()).is_ok());
        assert!(guard.is_asked("host.example") && !guard.is_asked("proxy.example"));
    }
}
