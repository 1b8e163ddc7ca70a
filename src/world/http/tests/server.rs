//! A small HTTP server that can misbehave.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Mood {
    /// Serves the file, with ranges.
    Good,
    /// Serves ranges, but closes the connection after so many bytes of each body.
    Cuts(usize),
    /// Cuts the first body there and serves another file, with another `ETag`, afterwards.
    Changes(usize),
    /// The same, and continues the new file as if nothing had happened.
    ChangesSilently(usize),
    /// Serves the file and announces so many bytes.
    Announces(usize),
    /// Sends so many bytes and then nothing, keeping the connection open.
    Stalls(usize),
    /// Sends bytes for ever, without a length.
    Endless,
    /// Sends the whole file whatever range is asked for, cutting the first body there.
    IgnoresRange(usize),
    /// Answers with this status line and these headers.
    Status(&'static str),
}

/// A running server; it ends with the test's runtime.
pub struct Server {
    pub base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn start(content: &[u8], mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (content, log) = (content.to_vec(), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (content, mood, log) = (content.clone(), mood.clone(), Arc::clone(&log));
                tokio::spawn(serve(stream, content, mood, log));
            }
        });
        Self { base, requests }
    }

    /// The `Range` of each request so far, empty for those without one.
    pub fn ranges(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|head| header(head, "range").unwrap_or_default())
            .collect()
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let found = head.lines().filter_map(|line| line.split_once(": "));
    found
        .into_iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.to_owned())
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// One connection, one request: it is closed afterwards.
async fn serve(mut stream: TcpStream, content: Vec<u8>, mood: Mood, log: Arc<Mutex<Vec<String>>>) {
    let head = read_head(&mut stream).await;
    let count = {
        let mut log = log.lock().unwrap();
        log.push(head.clone());
        log.len()
    };
    // The test's other end may hang up at any time.
    let _ = answer(&mut stream, &head, content, &mood, count).await;
}

async fn answer(
    stream: &mut TcpStream,
    head: &str,
    mut content: Vec<u8>,
    mood: &Mood,
    count: usize,
) -> std::io::Result<()> {
    let mut etag = "\"one\"";
    let mut limit = usize::MAX;
    let mut announced = None;
    match mood {
        Mood::Good => {}
        Mood::Cuts(at) | Mood::Stalls(at) => limit = *at,
        Mood::IgnoresRange(at) | Mood::Changes(at) | Mood::ChangesSilently(at) if count == 1 => {
            limit = *at;
        }
        Mood::IgnoresRange(_) => {}
        Mood::Changes(_) | Mood::ChangesSilently(_) => {
            etag = "\"two\"";
            content
                .iter_mut()
                .for_each(|byte| *byte = byte.wrapping_add(1));
        }
        Mood::Announces(length) => announced = Some(*length),
        Mood::Endless => return endless(stream).await,
        Mood::Status(status) => {
            let text =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return stream.write_all(text.as_bytes()).await;
        }
    }
    let whole = matches!(mood, Mood::IgnoresRange(_));
    let same = matches!(mood, Mood::ChangesSilently(_))
        || header(head, "if-range").is_none_or(|value| value == etag || value == DATE);
    let from = header(head, "range")
        .filter(|_| same && !whole)
        .map(|range| {
            range
                .trim_start_matches("bytes=")
                .trim_end_matches('-')
                .parse::<usize>()
                .unwrap()
        });
    let status = match from {
        Some(from) if from >= content.len() => "416 Range Not Satisfiable".to_owned(),
        Some(from) => {
            let (last, all) = (content.len() - 1, content.len());
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{last}/{all}")
        }
        None => "200 OK".to_owned(),
    };
    let body = &content[from.unwrap_or(0).min(content.len())..];
    let length = announced.unwrap_or(body.len());
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: {etag}\r\nLast-Modified: {DATE}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(&body[..limit.min(body.len())]).await?;
    stream.flush().await?;
    if matches!(mood, Mood::Stalls(_)) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    Ok(())
}

/// The `Last-Modified` of every file.
pub const DATE: &str = "Sun, 01 Mar 2026 00:00:00 GMT";

async fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        .await?;
    loop {
        stream.write_all(&[0; 4096]).await?;
    }
}
