//! Boxes that are made for a person: what they will run, and the ports of this machine at which somebody may call.
//!
//! Does not know how a person talks to them.

use std::net::TcpListener;

use super::boxes::{not_yet, words};
use super::{Own, locked};
use crate::base::error::{Error, Result, io_reason};
use crate::engine::native::helper::Helper;
use crate::engine::{ContainerSpec, Port, RunSpec, TerminalSize};

/// A box that was made for a person, and does not run yet.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) words: Vec<String>,
    pub(super) terminal: Option<TerminalSize>,
    pub(super) ports: Vec<Listening>,
    /// What takes callers to its ports, once it runs.
    pub(super) forwards: Vec<Helper>,
}

/// A port of this machine at which somebody may call.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) socket: TcpListener,
    /// The port in the box.
    pub(super) inside: u16,
}

impl Listening {
    fn at(port: &Port) -> Result<Self> {
        let Port { address, outside, inside } = port;
        let Some(number) = inside.strip_suffix("/tcp").and_then(|port| port.parse().ok()) else {
            return Err(not_yet(&format!("publishes no `{inside}`: only ports of TCP")));
        };
        if outside.is_empty() {
            return Err(Error::usage(format!("nobody would know where port {number} is reached"))
                .hint(format!("`-p 8080:{number}` names the port of this machine")));
        }
        let any = if address.is_empty() { "0.0.0.0" } else { address };
        let at = if any.contains(':') {
            format!("[{any}]:{outside}")
        } else {
            format!("{any}:{outside}")
        };
        let socket = TcpListener::bind(&at).map_err(|cause| {
            Error::engine(format!("cannot listen at `{at}`: {}", io_reason(&cause)))
                .hint("another port of this machine may be free: `-p OUTSIDE:INSIDE`")
        })?;
        Ok(Self { socket, inside: number })
    }
}

impl Own {
    /// A box of an image as it is meant to run, of which nothing runs yet.
    pub(super) fn create(&self, asked: &RunSpec) -> Result<String> {
        let ports = asked.ports.iter().map(Listening::at).collect::<Result<Vec<_>>>()?;
        let RunSpec { image, owner, labels, .. } = asked.clone();
        let spec = ContainerSpec { image, owner, labels, ..ContainerSpec::default() };
        let env = asked.env.iter().filter_map(|variable| variable.split_once('='));
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (id, image) = self.box_of(&spec, &env.collect::<Vec<_>>())?;
        let made = words(&image, &asked.command).map(|words| {
            let made = Made { words, terminal: asked.tty, ports, forwards: vec![] };
            locked(&self.made).insert(id.clone(), made);
        });
        self.kept_if(made, &id)
    }
}
