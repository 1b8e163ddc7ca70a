//! The engine on the other side of a TCP socket: passes bytes on, can hold a request back, and keeps
//! what containers were asked for.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::{io, thread};

use support::sealed::Engine;

/// A proxy on a port of 127.0.0.1.
#[derive(Debug)]
pub struct Proxy {
    pub host: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: String,
    held: Mutex<Option<Hold>>,
    requests: Mutex<Vec<u8>>,
}

/// Which request to hold back, and who is told.
#[derive(Debug)]
struct Hold {
    path: &'static str,
    reached: Sender<()>,
    release: Receiver<()>,
}

/// A request that is held back: the end that lets go of it, and the end that tells when it came.
#[derive(Debug)]
pub struct Held {
    reached: Receiver<()>,
    release: Sender<()>,
}

impl Held {
    /// Blocks until the request has come.
    pub fn wait(&self) {
        self.reached.recv().unwrap();
    }

    /// Lets the request pass.
    pub fn release(self) {
        let _ = self.release.send(());
    }
}

impl Proxy {
    pub fn new(engine: &Engine) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            engine: engine.host.clone(),
            held: Mutex::new(None),
            requests: Mutex::new(vec![]),
        });
        let passing = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = passing.clone();
                thread::spawn(move || pass(client, &shared));
            }
        });
        Self { host, shared }
    }

    /// The next request whose first line has `path` in it waits.
    pub fn hold(&self, path: &'static str) -> Held {
        let (reached, seen) = channel();
        let (release, wait) = channel();
        *self.shared.held.lock().unwrap() = Some(Hold { path, reached, release: wait });
        Held { reached: seen, release }
    }

    /// Everything that was sent to the engine in small pieces: heads and JSON bodies.
    pub fn requests(&self) -> String {
        String::from_utf8_lossy(&self.shared.requests.lock().unwrap()).into_owned()
    }
}

impl Shared {
    fn see(&self, piece: &[u8]) {
        // What is larger is a stream of files.
        if piece.len() < 4096 {
            self.requests.lock().unwrap().extend_from_slice(piece);
        }
        let head = &piece[..piece.len().min(256)];
        let line = String::from_utf8_lossy(head.split(|b| *b == b'\r').next().unwrap_or_default());
        let mut held = self.held.lock().unwrap();
        let hold = held.take_if(|h| line.contains(h.path) && line.ends_with("HTTP/1.1"));
        drop(held);
        if let Some(hold) = hold {
            let _ = hold.reached.send(());
            // Also when the test has ended.
            let _ = hold.release.recv();
        }
    }
}

fn pass(client: TcpStream, shared: &Arc<Shared>) {
    if let Some(path) = shared.engine.strip_prefix("unix://") {
        let Ok(engine) = UnixStream::connect(path) else { return };
        let (from, to) = (engine.try_clone().unwrap(), engine.try_clone().unwrap());
        both(client, shared, from, to, move || engine.shutdown(Shutdown::Write));
    } else {
        let address = shared.engine.rsplit("//").next().unwrap_or_default();
        let Ok(engine) = TcpStream::connect(address) else { return };
        let (from, to) = (engine.try_clone().unwrap(), engine.try_clone().unwrap());
        both(client, shared, from, to, move || engine.shutdown(Shutdown::Write));
    }
}

/// Both directions, until both have ended.
fn both(
    client: TcpStream,
    shared: &Arc<Shared>,
    mut from: impl Read + Send + 'static,
    mut to: impl Write,
    close: impl FnOnce() -> io::Result<()>,
) {
    let mut answers = client.try_clone().unwrap();
    let back = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut answers);
        let _ = answers.shutdown(Shutdown::Write);
    });
    let _ = forward(client, &mut to, shared);
    let _ = close();
    let _ = back.join();
}

fn forward(mut client: TcpStream, to: &mut impl Write, shared: &Shared) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match client.read(&mut buffer)? {
            0 => return Ok(()),
            length => {
                shared.see(&buffer[..length]);
                to.write_all(&buffer[..length])?;
            }
        }
    }
}
