//! Host names: to which addresses they lead, by `/etc/hosts` and by the name servers of `/etc/resolv.conf`.
//!
//! The C library is not asked: in a program that is linked statically, it would load parts of whatever C library
//! is there, which may be of another version or none at all. Does not know what is asked at an address, nor
//! which addresses are allowed.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use hickory_resolver::config::{LookupIpStrategy, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};
use hyper_util::client::legacy::connect::dns;
use reqwest::dns::{Addrs, Resolve, Resolving};

use crate::base::error::io_reason;

/// Why a name leads to no address.
type Cause = Box<dyn Error + Send + Sync>;
/// What a name leads to. Whoever connects knows the port.
type Found = std::vec::IntoIter<SocketAddr>;

/// Looks names up. Its files are read when it is first asked, for that has to be inside of a runtime.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Arc<OnceLock<Known>>);

#[derive(Debug)]
struct Known {
    resolver: TokioResolver,
    /// Why there is no name server; names of `/etc/hosts` lead somewhere all the same.
    serverless: Option<String>,
}

impl Names {
    /// The addresses of a name, those of both families.
    ///
    /// # Errors
    /// The name leads to none, or nobody says so.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Cause> {
        let known = self.known()?;
        match known.resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(cause) => Err(known.serverless.clone().map_or_else(|| cause.into(), Cause::from)),
        }
    }

    fn known(&self) -> Result<&Known, NetError> {
        if let Some(known) = self.0.get() {
            return Ok(known);
        }
        let known = Known::read()?;
        Ok(self.0.get_or_init(|| known))
    }

    async fn found(self, name: String) -> Result<Found, Cause> {
        let addresses = self.addresses(&name).await?.into_iter();
        let found = addresses.map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>();
        Ok(found.into_iter())
    }
}

impl Known {
    fn read() -> Result<Self, NetError> {
        let (config, options, serverless) = match read_system_conf() {
            Ok((config, options)) => (config, options, None),
            // Nobody else's name servers are asked instead.
            Err(cause) => {
                (ResolverConfig::default(), ResolverOpts::default(), Some(serverless(&cause)))
            }
        };
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        Ok(Self { resolver: builder.build()?, serverless })
    }
}

/// Why `/etc/resolv.conf` leads to no name server.
fn serverless(cause: &NetError) -> String {
    let NetError::Io(cause) = cause else {
        return format!("cannot use `/etc/resolv.conf`: {cause}");
    };
    match cause.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no `/etc/resolv.conf`, which names the name servers".to_owned()
        }
        std::io::ErrorKind::Other => "`/etc/resolv.conf` names no name server".to_owned(),
        _ => format!("cannot read `/etc/resolv.conf`: {}", io_reason(cause)),
    }
}

/// For clients that fetch files and images.
impl Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> Resolving {
        let found = self.clone().found(name.as_str().to_owned());
        Box::pin(async move { Ok(Box::new(found.await?) as Addrs) })
    }
}

/// For connections to an engine.
impl tower_service::Service<dns::Name> for Names {
    type Response = Found;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Found, Cause>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        Box::pin(self.clone().found(name.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn why_nobody_can_be_asked() {
        let said = |cause: Error| serverless(&NetError::from(cause));
        assert_eq!(
            said(ErrorKind::NotFound.into()),
            "there is no `/etc/resolv.conf`, which names the name servers"
        );
        let none = Error::other("no nameservers found in config");
        assert_eq!(said(none), "`/etc/resolv.conf` names no name server");
        assert_eq!(
            said(ErrorKind::PermissionDenied.into()),
            "cannot read `/etc/resolv.conf`: permission denied"
        );
    }
}
