//! A web server for a mirror's folder, with ranges, that can be made to misbehave.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What is sent instead of the file.
pub enum Reply {
    /// These bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// A head, then zero bytes until the other end has had enough.
    Endless(&'static str),
    /// The file, but the connection is closed after so many bytes of the body.
    Cut(usize),
    /// The same, but the connection stays open and nothing comes.
    Stall(usize),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// What the request says of who asks.
    pub authorization: Option<String>,
    pub body: String,
    /// Whom the request takes this for.
    pub host: String,
    /// First byte asked for.
    pub from: Option<usize>,
    /// How many were before it.
    pub count: usize,
}

type Misbehave = dyn Fn(&Request) -> Option<Reply> + Send + Sync;

/// A server; its threads end with the process.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves a folder; where `misbehave` says so, in another way.
    pub fn start(
        root: PathBuf,
        misbehave: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1", root, misbehave)
    }

    /// The same on another address of this machine.
    pub fn start_at(
        address: &str,
        root: PathBuf,
        misbehave: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(vec![]));
        let (log, misbehave): (_, Arc<Misbehave>) = (requests.clone(), Arc::new(misbehave));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, log, misbehave) = (root.clone(), log.clone(), misbehave.clone());
                // The other end may hang up at any time.
                std::thread::spawn(move || drop(serve(stream, &root, &log, &*misbehave)));
            }
        });
        Self { url, requests }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    root: &Path,
    log: &Mutex<Vec<Request>>,
    misbehave: &Misbehave,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().trim_start_matches('/').to_owned();
    let (mut from, mut authorization, mut length) = (None, None, 0);
    let mut host = String::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let range = value.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
                from = range.and_then(|range| range.parse().ok());
            }
            "authorization" => authorization = Some(value.to_owned()),
            "host" => value.clone_into(&mut host),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![];
    reader.take(length).read_to_end(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let request = {
        let mut log = log.lock().unwrap();
        let count = log.len();
        let request = Request { method, path, authorization, body, host, from, count };
        log.push(request.clone());
        request
    };
    let file = fs::read(root.join(&request.path));
    match (misbehave(&request), file) {
        (Some(Reply::Raw(bytes)), _) => stream.write_all(&bytes),
        (Some(Reply::Endless(head)), _) => {
            stream.write_all(head.as_bytes())?;
            loop {
                stream.write_all(&[0; 4096])?;
            }
        }
        // Who is not told that the connection ends may ask on it again, and is cut off.
        (_, Err(_)) => stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        (None, Ok(file)) => send(&mut stream, &file, request.from, usize::MAX),
        (Some(Reply::Cut(at)), Ok(file)) => send(&mut stream, &file, request.from, at),
        (Some(Reply::Stall(at)), Ok(file)) => {
            send(&mut stream, &file, request.from, at)?;
            // Ends when the other end hangs up.
            std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
        }
    }
}

fn send(
    stream: &mut TcpStream,
    file: &[u8],
    from: Option<usize>,
    limit: usize,
) -> std::io::Result<()> {
    let all = file.len();
    let status = match from {
        None => "200 OK".to_owned(),
        Some(from) => {
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{all}", all - 1)
        }
    };
    let body = &file[from.unwrap_or(0).min(all)..];
    let tag = crate::mirror::sha512(file);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"{}\"\r\n\
         Last-Modified: Sun, 01 Mar 2026 00:00:00 GMT\r\nConnection: close\r\n\r\n",
        body.len(),
        &tag[..16]
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body[..limit.min(body.len())])?;
    stream.flush()
}
