//! As much of HTTP/1.1 as a client of a container engine uses, on a unix socket.
//!
//! Knows no engine: hands requests to a function and writes what it answers.

use std::collections::BTreeMap;
use std::io;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::faults::Faults;

/// One request.
#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    /// Decoded, without the version in front.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What is said on a connection that has become a stream.
pub type Talk = Box<dyn FnOnce(&mut BufReader<&UnixStream>) -> io::Result<()> + Send>;

/// One answer.
pub enum Answer {
    Json(u16, Value),
    Bytes(Vec<u8>),
    /// The connection becomes a stream.
    Upgraded(Talk),
}

/// A server that ends when dropped.
#[derive(Debug)]
pub struct Server {
    socket: PathBuf,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    ended: AtomicBool,
    /// Hangs up on everybody.
    down: AtomicBool,
    open: Mutex<BTreeMap<usize, UnixStream>>,
}

impl Server {
    /// A thread that breaks is noted.
    pub fn start<F>(socket: &Path, faults: Arc<Faults>, answer: F) -> Self
    where
        F: Fn(&Request) -> Answer + Send + Sync + 'static,
    {
        let listener = UnixListener::bind(socket).unwrap();
        let (state, answer) = (Arc::new(State::default()), Arc::new(answer));
        let shared = state.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, stream, shared) = (answer.clone(), stream.unwrap(), shared.clone());
                let faults = faults.clone();
                std::thread::spawn(move || {
                    shared.open.lock().unwrap().insert(number, stream.try_clone().unwrap());
                    if !shared.down.load(Ordering::SeqCst) {
                        // A client that was killed has nobody to tell.
                        let served =
                            catch_unwind(AssertUnwindSafe(|| drop(serve(&stream, &*answer))));
                        if served.is_err() {
                            faults.note("a request broke it".to_owned());
                        }
                    }
                    shared.open.lock().unwrap().remove(&number);
                });
            }
        });
        Self { socket: socket.to_owned(), state }
    }

    /// Ends all connections, and each new one at once.
    pub fn go_down(&self) {
        self.state.down.store(true, Ordering::SeqCst);
        for stream in self.state.open.lock().unwrap().values() {
            // One that has ended by itself is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn come_up(&self) {
        self.state.down.store(false, Ordering::SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a client.
        drop(UnixStream::connect(&self.socket));
    }
}

fn serve(stream: &UnixStream, answer: &dyn Fn(&Request) -> Answer) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        match answer(&request) {
            Answer::Json(status, value) => {
                write(stream, status, "application/json", value.to_string().as_bytes())?;
            }
            Answer::Bytes(bytes) => write(stream, 200, "application/x-tar", &bytes)?,
            Answer::Upgraded(talk) => {
                upgrade(stream)?;
                return talk(&mut reader);
            }
        }
    }
    Ok(())
}

fn write(mut stream: &UnixStream, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
    let body = if status == 204 { &[][..] } else { body };
    let length =
        if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\n{length}\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())
}

fn upgrade(mut stream: &UnixStream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\
          Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    )
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // `/v1.47/images` and `/images` are the same.
    let path = path.strip_prefix("/v1.").and_then(|p| Some(p.split_once('/')?.1)).unwrap_or(path);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut request = Request {
        method: method.to_owned(),
        path: decode(path).trim_start_matches('/').to_owned(),
        query: pairs.map(|(k, v)| (decode(k), decode(v))).collect(),
        body: vec![],
    };
    let (mut length, mut chunked) = (0, false);
    loop {
        let header = line(reader)?.to_ascii_lowercase();
        match header.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap(),
            Some(("transfer-encoding", _)) => chunked = true,
            Some(_) => {}
            None => break,
        }
    }
    request.body = if chunked { chunks(reader)? } else { exactly(reader, length)? };
    Ok(Some(request))
}

fn exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = vec![];
    loop {
        let size = line(reader)?;
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        body.extend(exactly(reader, size)?);
        line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Undoes `%41` and `+`.
fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = vec![];
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}
