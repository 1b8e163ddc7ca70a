//! A small HTTP server that can misbehave.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Mood {
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
    /// Sends the file in so many pieces, each after a pause.
    Slow(usize, Duration),
    /// Sends bytes for ever, without a length.
    Endless,
    /// Sends the whole file whatever range is asked for, cutting the first body there.
    IgnoresRange(usize),
    /// Answers with this status line and these headers.
    Status(&'static str),
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    pub base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(content: &[u8], mood: Mood) -> Self {
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
    pub(crate) fn ranges(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|head| header(head, "range").unwrap_or_default()).collect()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let found = head.lines().filter_map(|line| line.split_once(": "));
    found.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
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

/// What a mood makes of one request.
struct Plan {
    content: Vec<u8>,
    etag: &'static str,
    /// Bytes of the body after which the connection is closed.
    limit: usize,
    announced: Option<usize>,
    ranges: bool,
    ask_if_range: bool,
}

impl Plan {
    fn new(mut content: Vec<u8>, mood: &Mood, count: usize) -> Self {
        let changes = matches!(mood, Mood::Changes(_) | Mood::ChangesSilently(_)) && count > 1;
        if changes {
            content = content.iter().map(|byte| byte.wrapping_add(1)).collect();
        }
        let limit = match mood {
            Mood::Cuts(at) | Mood::Stalls(at) => Some(*at),
            Mood::Changes(at) | Mood::ChangesSilently(at) | Mood::IgnoresRange(at) => {
                Some(*at).filter(|_| count == 1)
            }
            _ => None,
        };
        Self {
            content,
            etag: if changes { "\"two\"" } else { "\"one\"" },
            limit: limit.unwrap_or(usize::MAX),
            announced: if let Mood::Announces(length) = mood { Some(*length) } else { None },
            ranges: !matches!(mood, Mood::IgnoresRange(_)),
            ask_if_range: !matches!(mood, Mood::ChangesSilently(_)),
        }
    }

    /// Where to begin, if a range is asked for and granted.
    fn from(&self, head: &str) -> Option<usize> {
        let fits = header(head, "if-range").is_none_or(|value| value == self.etag || value == DATE);
        let range =
            header(head, "range").filter(|_| self.ranges && (fits || !self.ask_if_range))?;
        let from = range.trim_start_matches("bytes=").trim_end_matches('-');
        Some(from.parse().unwrap())
    }
}

async fn answer(
    stream: &mut TcpStream,
    head: &str,
    content: Vec<u8>,
    mood: &Mood,
    count: usize,
) -> std::io::Result<()> {
    match mood {
        Mood::Endless => endless(stream).await,
        Mood::Status(status) => {
            let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(format!("HTTP/1.1 {status}\r\n{end}").as_bytes()).await
        }
        Mood::Slow(pieces, pause) => slowly(stream, &content, *pieces, *pause).await,
        _ => send(stream, head, &Plan::new(content, mood, count)).await,
    }?;
    if matches!(mood, Mood::Stalls(_)) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    Ok(())
}

async fn send(stream: &mut TcpStream, head: &str, plan: &Plan) -> std::io::Result<()> {
    let all = plan.content.len();
    let from = plan.from(head);
    let status = match from {
        Some(from) if from >= all => "416 Range Not Satisfiable".to_owned(),
        Some(from) => {
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{all}", all - 1)
        }
        None => "200 OK".to_owned(),
    };
    let body = &plan.content[from.unwrap_or(0).min(all)..];
    let length = plan.announced.unwrap_or(body.len());
    let etag = plan.etag;
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: {etag}\r\nLast-Modified: {DATE}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(&body[..plan.limit.min(body.len())]).await?;
    stream.flush().await
}

/// The `Last-Modified` of every file.
pub(crate) const DATE: &str = "Sun, 01 Mar 2026 00:00:00 GMT";

async fn slowly(
    stream: &mut TcpStream,
    content: &[u8],
    pieces: usize,
    pause: Duration,
) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
    stream.write_all(head.as_bytes()).await?;
    for piece in content.chunks(content.len().div_ceil(pieces)) {
        tokio::time::sleep(pause).await;
        stream.write_all(piece).await?;
        stream.flush().await?;
    }
    Ok(())
}

async fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
    loop {
        stream.write_all(&[0; 4096]).await?;
    }
}
