//! A web server for a mirror's folder, with ranges, that can be made to misbehave.

use std::fs;
use std::io::{BufRead, BufReader, Write};
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
    pub path: String,
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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
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
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let mut from = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        let range = line.strip_prefix("range: bytes=").and_then(|range| range.strip_suffix('-'));
        from = from.or(range.and_then(|range| range.parse().ok()));
    }
    let request = {
        let mut log = log.lock().unwrap();
        let request = Request { path, from, count: log.len() };
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
        (_, Err(_)) => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
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
