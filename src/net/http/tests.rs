//! A real server, asked over the loopback: whole files and resumed ones.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use server::{Mood, Server};

use super::*;
use crate::base::error::Exit;

mod refused;
mod server;

const PATH: &str = "releases/a file.xz";

/// Content longer than one packet, and different everywhere.
fn content() -> Vec<u8> {
    (0..200_000_u32).flat_map(u32::to_le_bytes).collect()
}

struct Room {
    dir: tempfile::TempDir,
    client: Client,
}

impl Room {
    fn new() -> Self {
        let patience = Patience {
            connect: Duration::from_secs(5),
            stall: Duration::from_millis(300),
            ..Patience::default()
        };
        let dir = tempfile::tempdir().unwrap();
        Self { dir, client: Client::with_patience(false, patience) }
    }

    fn dest(&self) -> PathBuf {
        self.dir.path().join("downloads/file.xz")
    }

    fn part(&self) -> PathBuf {
        self.dir.path().join("downloads/file.xz.part")
    }

    async fn get(&self, mirrors: &[&str], expect: &Expect) -> Result<Downloaded> {
        let mirrors: Vec<_> = mirrors.iter().map(|text| Mirror::parse(text).unwrap()).collect();
        self.client.download(&mirrors, PATH, &self.dest(), expect, &|_, _| ()).await
    }

    /// The file is there, as it should be, and nothing else.
    fn complete(&self) {
        assert_eq!(fs::read(self.dest()).unwrap(), content());
        assert_eq!(fs::read_dir(self.dir.path().join("downloads")).unwrap().count(), 1);
    }
}

fn any() -> Expect {
    Expect { max: 10_000_000, ..Expect::default() }
}

fn exact() -> Expect {
    let digests = digest_of(&content());
    Expect {
        size: Some(digests.size),
        max: 10_000_000,
        sha512: Some(digests.sha512.to_uppercase()),
        blake2b: Some(digests.blake2b),
    }
}

fn digest_of(bytes: &[u8]) -> crate::base::digest::Digests {
    crate::base::digest::read_all(bytes).unwrap()
}

fn told(result: Result<Downloaded>) -> (Exit, String, String) {
    let error = result.unwrap_err();
    assert!(error.hint_text().is_some());
    (error.exit(), error.message().to_owned(), error.details().join("\n"))
}

#[tokio::test]
async fn whole_file_and_progress() {
    let (room, server) = (Room::new(), Server::start(&content(), Mood::Good).await);
    let seen = Mutex::new(Vec::new());
    let progress = |done, total| seen.lock().unwrap().push((done, total));
    let mirrors = [Mirror::parse(&server.base).unwrap()];
    let dest = room.dest();
    let done = room.client.download(&mirrors, PATH, &dest, &exact(), &progress).await.unwrap();
    let mirror = server.base.clone();
    assert_eq!(done, Downloaded { size: 800_000, mirror, resumed_at: 0, passed_over: vec![] });
    room.complete();
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.first(), Some(&(0, Some(800_000))));
    assert_eq!(seen.last(), Some(&(800_000, Some(800_000))));
    assert!(server.requests()[0].starts_with("GET /releases/a%20file.xz HTTP/1.1\r\n"));
}

/// Longer in all than a silence may last, and never as long at once.
#[tokio::test]
async fn a_slow_mirror_is_waited_for() {
    let slow = Mood::Slow(20, Duration::from_millis(30));
    let (room, server) = (Room::new(), Server::start(&content(), slow).await);
    room.get(&[&server.base], &exact()).await.unwrap();
    room.complete();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn cut_connections_are_resumed() {
    let (room, server) = (Room::new(), Server::start(&content(), Mood::Cuts(300_000)).await);
    let done = room.get(&[&server.base], &any()).await.unwrap();
    room.complete();
    assert_eq!(done.resumed_at, 600_000);
    assert_eq!(server.ranges(), ["", "bytes=300000-", "bytes=600000-"]);
}

#[tokio::test]
async fn a_later_run_resumes_too() {
    let room = Room::new();
    // 6 tries of 100,000 bytes are not enough for 800,000
    let server = Server::start(&content(), Mood::Cuts(100_000)).await;
    let (exit, message, detail) = told(room.get(&[&server.base], &any()).await);
    assert_eq!((exit, &*message), (Exit::Step, "cannot fetch `releases/a file.xz`"));
    assert!(detail.starts_with(&format!("  {}: ", server.base)), "{detail}");
    assert_eq!(fs::metadata(room.part()).unwrap().len(), 600_000);
    assert!(!room.dest().exists());
    room.get(&[&server.base], &any()).await.unwrap();
    room.complete();
    assert_eq!(server.ranges()[6..], ["bytes=600000-", "bytes=700000-"]);
}

#[tokio::test]
async fn another_mirror_goes_on_by_date_if_digests_are_known() {
    for (expect, range) in [(exact(), "bytes=500000-"), (any(), "")] {
        let room = Room::new();
        let second = Server::start(&content(), Mood::Good).await;
        fs::create_dir_all(room.part().parent().unwrap()).unwrap();
        fs::write(room.part(), &content()[..500_000]).unwrap();
        let note = format!(
            r#"{{"address":"http://first/a","etag":"\"one\"","last_modified":"{}"}}"#,
            server::DATE
        );
        fs::write(room.part().with_extension("part.meta"), note).unwrap();
        room.get(&[&second.base], &expect).await.unwrap();
        room.complete();
        assert_eq!(second.ranges(), [range]);
    }
}

#[tokio::test]
async fn a_changed_file_is_started_over() {
    let new: Vec<u8> = content().iter().map(|byte| byte.wrapping_add(1)).collect();
    for mood in [Mood::Changes(300_000), Mood::ChangesSilently(300_000)] {
        let (room, server) = (Room::new(), Server::start(&content(), mood).await);
        room.get(&[&server.base], &any()).await.unwrap();
        assert_eq!(fs::read(room.dest()).unwrap(), new);
        assert_eq!(server.ranges()[1], "bytes=300000-");
    }
}

#[tokio::test]
async fn a_server_without_ranges() {
    let mood = Mood::IgnoresRange(300_000);
    let (room, server) = (Room::new(), Server::start(&content(), mood).await);
    room.get(&[&server.base], &exact()).await.unwrap();
    room.complete();
}

#[tokio::test]
async fn leftovers_that_cannot_be_right() {
    for leftover in [b"rubbish".to_vec(), vec![7; 800_000], vec![7; 900_000]] {
        let (room, server) = (Room::new(), Server::start(&content(), Mood::Good).await);
        fs::create_dir_all(room.part().parent().unwrap()).unwrap();
        let meta = room.part().with_extension("part.meta");
        for note in [
            format!(
                r#"{{"address":"{}/releases/a%20file.xz","etag":"\"one\"","last_modified":null}}"#,
                server.base
            ),
            "not json".to_owned(),
        ] {
            fs::write(room.part(), &leftover).unwrap();
            fs::write(&meta, note).unwrap();
            room.get(&[&server.base], &exact()).await.unwrap();
            room.complete();
        }
    }
}

/// A mirror that never stops and never gets on is left for the next one.
#[tokio::test]
async fn a_mirror_that_drips_is_passed_over() {
    let dripping = Server::start(&content(), Mood::Slow(100_000, Duration::from_millis(1))).await;
    let room = Room::new();
    let good = room.dir.path().join("good");
    fs::create_dir_all(good.join("releases")).unwrap();
    fs::write(good.join(PATH), content()).unwrap();
    let least = Least { rate: 1 << 30, window: Duration::from_millis(50) };
    let client = Client::with_patience(false, Patience { least, ..Patience::default() });
    let mirrors = [dripping.base.clone(), good.display().to_string()];
    let mirrors = mirrors.map(|text| Mirror::parse(&text).unwrap());
    let done = client.download(&mirrors, PATH, &room.dest(), &exact(), &|_, _| ()).await.unwrap();
    let told = format!("{}: slower than 1073741824 bytes a second", dripping.base);
    assert_eq!((done.mirror, done.passed_over), (good.display().to_string(), vec![told]));
    room.complete();
    let small = client.fetch_small(&mirrors, PATH, 10_000_000).await.unwrap();
    assert_eq!(small, content());
    assert_eq!(dripping.requests().len(), 2);
    let alone = client.fetch_small(&mirrors[..1], PATH, 10_000_000).await.unwrap_err();
    assert!(alone.hint_text().unwrap().contains("least_rate"), "{alone:?}");
}
