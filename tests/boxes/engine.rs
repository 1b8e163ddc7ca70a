//! The native engine as steps use it: images in and out, boxes on them, what is left for the next process.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt;
use gentoo_bb::base::limits::Limits;
use gentoo_bb::engine::native::NativeEngine;
use gentoo_bb::engine::{
    Boxes, CacheMount, Change, ContainerSpec, Engine, Images, Network, NewImage, Owner, Piece,
    Port, RunSpec, Session, Talks, TerminalSize,
};
use gentoo_bb::image::archive::Body;
use tokio::io::AsyncWriteExt;

use crate::room::{Archive, listed, program, root};

/// A store of its own with one imported image.
struct Hall {
    engine: NativeEngine,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

const ROOT: &str = "root:1";

fn body(bytes: &[u8]) -> Body {
    // In small pieces, as a network brings it.
    let pieces = bytes.chunks(10_000).map(|piece| Ok(piece.to_vec().into())).collect::<Vec<_>>();
    Box::pin(futures_util::stream::iter(pieces))
}

fn open(folder: &Path) -> NativeEngine {
    NativeEngine::open(program(), &folder.join("store"), Limits::default()).unwrap()
}

impl Hall {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("bb-hall-").tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let hall = Self { engine: open(folder.path()), folder, runtime };
        hall.wait(hall.engine.import_image(body(&root()), ROOT, "content")).unwrap();
        hall
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    #[allow(clippy::unused_self, reason = "it is of this hall's image")]
    fn spec(&self) -> ContainerSpec {
        let labels = BTreeMap::from([("step".to_owned(), "a".to_owned())]);
        ContainerSpec {
            image: ROOT.into(),
            owner: Owner("me".into()),
            labels,
            ..ContainerSpec::default()
        }
    }

    fn start(&self, spec: &ContainerSpec) -> String {
        self.wait(self.engine.start_container(spec)).unwrap()
    }

    /// Status and words of a shell's command.
    fn sh(&self, container: &str, script: &str) -> (i64, String) {
        let mut said = vec![];
        let mut sink = |piece: &[u8]| said.extend_from_slice(piece);
        let ended = self.wait(self.engine.exec(container, &["sh", "-c", script], &mut sink));
        (ended.unwrap(), String::from_utf8(said).unwrap())
    }

    fn bytes(&self, begin: impl FnOnce(&NativeEngine) -> Body) -> std::io::Result<Vec<u8>> {
        // Threads are started by the runtime that is entered.
        let pieces = self.wait(async { begin(&self.engine).try_collect::<Vec<_>>().await })?;
        Ok(pieces.concat())
    }

    /// The folders of unpacked layers, and the blobs.
    fn counts(&self) -> (usize, usize) {
        let count = |path: &str| {
            std::fs::read_dir(self.folder.path().join("store").join(path)).unwrap().count()
        };
        (count("layers"), count("oci/blobs/sha256"))
    }
}

impl Drop for Hall {
    /// What ids of boxes own, nobody else can remove: images take their layers with them.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for found in self.wait(self.engine.containers_of(&Owner("me".into()), &[])).unwrap() {
            self.wait(self.engine.remove_container(&found.id)).unwrap();
        }
        let caches = ["cache".to_owned()];
        for name in self.wait(self.engine.caches(&caches)).unwrap() {
            assert_eq!(self.wait(self.engine.remove_cache(&name)).unwrap(), None);
        }
        for image in self.wait(self.engine.images()).unwrap() {
            self.wait(self.engine.remove_image(&image.id)).unwrap();
        }
        assert_eq!(self.counts(), (0, 0), "the last image has left something");
    }
}

#[test]
fn an_image_goes_in_and_comes_out_as_it_was() {
    let hall = Hall::new();
    let there = hall.wait(hall.engine.image(ROOT)).unwrap().unwrap();
    assert_eq!((there.content(), there.layers), (Some("content"), 1));
    let saved = hall.bytes(|engine| engine.save_image(ROOT)).unwrap();
    let names = listed(&saved).into_iter().map(|line| line.split(' ').nth(3).unwrap().to_owned());
    assert!(names.clone().any(|name| name == "manifest.json"), "{:?}", names.collect::<Vec<_>>());
    // Another store takes it, and has the same image.
    let other = Hall::new();
    other.wait(other.engine.remove_image(ROOT)).unwrap();
    assert_eq!(other.counts(), (0, 0));
    let named = ["other:2".to_owned()];
    other.wait(other.engine.load_image(body(&saved), &named, &mut |_: &[u8]| {})).unwrap();
    for name in [ROOT, "other:2", "docker.io/library/other:2", &there.id] {
        let image = other.wait(other.engine.image(name)).unwrap().unwrap();
        assert_eq!((&image.id, image.size), (&there.id, there.size), "{name}");
    }
    assert_eq!(other.bytes(|engine| engine.save_image("other:2")).unwrap().len(), saved.len());
    let all = other.wait(other.engine.images()).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].references, ["other:2", ROOT]);
    // By its ID it does not go as long as it has a name; the last name takes it along.
    let kept = other.wait(other.engine.remove_unused_image(&there.id)).unwrap();
    assert_eq!(kept.as_deref(), Some("it has a name"));
    assert_eq!(other.wait(other.engine.remove_unused_image("other:2")).unwrap(), None);
    assert!(other.wait(other.engine.image(&there.id)).unwrap().is_some());
    assert_eq!(other.wait(other.engine.remove_unused_image(ROOT)).unwrap(), None);
    assert_eq!(other.wait(other.engine.images()).unwrap(), []);
    assert!(other.bytes(|engine| engine.save_image(ROOT)).is_err());
}

#[test]
fn what_is_no_image_is_refused_and_leaves_none() {
    let hall = Hall::new();
    let load = |bytes: Vec<u8>| {
        hall.wait(hall.engine.load_image(body(&bytes), &["x:1".into()], &mut |_: &[u8]| {}))
    };
    assert!(load(b"no archive".repeat(100)).is_err());
    assert!(load(Archive::new().file("a", "b").bytes()).is_err());
    let config = r#"{"rootfs":{"type":"layers","diff_ids":["sha256:0000000000000000000000000000000000000000000000000000000000000000"]}}"#;
    let manifest = r#"[{"Config":"c.json","RepoTags":["y:1"],"Layers":["l.tar"]}]"#;
    let error = load(Archive::new().file("c.json", config).file("manifest.json", manifest).bytes());
    let error = error.unwrap_err();
    assert!(
        error.message().starts_with("the engine does not have the layer `sha256:00"),
        "{error}"
    );
    let cut = root()[..5000].to_vec();
    assert!(hall.wait(hall.engine.import_image(body(&cut), "x:1", "c")).is_err());
    // As a verified file ends that was changed meanwhile: only at its end it is known.
    let bad = root().into_iter().collect::<Vec<_>>();
    let pieces = [Ok(bad.into()), Err(std::io::Error::other("changed"))];
    let changed = Box::pin(futures_util::stream::iter(pieces));
    assert!(hall.wait(hall.engine.import_image(changed, "x:1", "c")).is_err());
    let bzip2 = hall.wait(hall.engine.import_image(body(b"BZh91AY"), "x:1", "c"));
    assert!(bzip2.unwrap_err().message().contains("bzip2 is not read"));
    let names = hall.wait(hall.engine.images()).unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn an_archive_on_an_image_becomes_another_one_or_nothing() {
    let hall = Hall::new();
    let archive = Archive::new().folder("opt").file("opt/new", "text").bytes();
    let new = NewImage { reference: "new:1", content: "c", without: &["step"], env: &["A=b"] };
    let extended = |archive: Body, is_well: fn() -> gentoo_bb::Result<()>, base: &str| {
        let base = ContainerSpec { image: base.to_owned(), ..hall.spec() };
        hall.wait(hall.engine.extend_image(&base, archive, Arc::new(is_well), &new))
    };
    let before = hall.counts();
    let refused = || Err(gentoo_bb::Error::step("not so"));
    let whole: Bytes = archive.clone().into();
    let stream = |pieces: Vec<std::io::Result<Bytes>>| -> Body {
        Box::pin(futures_util::stream::iter(pieces))
    };
    let cut = stream(vec![Ok(whole.slice(..1024)), Err(std::io::Error::other("no more"))]);
    let changed = stream(vec![Ok(whole), Err(std::io::Error::other("changed"))]);
    for (archive, is_well, base) in [
        (body(&archive), refused as fn() -> _, ROOT),
        (cut, || Ok(()), ROOT),
        (changed, || Ok(()), ROOT),
        (body(b"no archive"), || Ok(()), ROOT),
        (body(&archive), || Ok(()), "nobody:1"),
    ] {
        assert!(extended(archive, is_well, base).is_err());
        assert!(hall.wait(hall.engine.image("new:1")).unwrap().is_none());
        assert_eq!(hall.counts(), before, "nothing is left");
    }
    extended(body(&archive), || Ok(()), ROOT).unwrap();
    let image = hall.wait(hall.engine.image("new:1")).unwrap().unwrap();
    assert_eq!((image.content(), image.layers), (Some("c"), 2));
    assert_eq!(image.labels["step"], "");
    let box_ = hall.start(&ContainerSpec { image: "new:1".into(), ..hall.spec() });
    let (status, said) = hall.sh(&box_, "cat /opt/new; echo $A; ls /etc");
    assert_eq!((status, said.as_str()), (0, "textb\ngroup\npasswd\n"));
}

#[test]
fn a_box_is_worked_in_and_becomes_an_image() {
    let hall = Hall::new();
    let box_ = hall.start(&hall.spec());
    let archive = Archive::new().folder("opt").file("opt/new", "text").bytes();
    hall.wait(hall.engine.upload(&box_, "/", body(&archive))).unwrap();
    let script = "cat /opt/new; echo oops >&2; rm /etc/group; echo x >>/etc/passwd; exit 3";
    let (status, said) = hall.sh(&box_, script);
    assert_eq!(status, 3);
    assert!(said == "textoops\n" || said == "oops\ntext", "{said}");
    let changes = hall.wait(hall.engine.changes(&box_)).unwrap();
    let expected = [
        ("/etc", Change::Modified),
        ("/etc/group", Change::Removed),
        ("/etc/passwd", Change::Modified),
        ("/opt", Change::Added),
        ("/opt/new", Change::Added),
    ];
    assert_eq!(changes, expected.map(|(path, change)| (path.to_owned(), change)));
    let is_folder = |path: &str| hall.wait(hall.engine.is_folder(&box_, path)).unwrap();
    assert!(is_folder("/opt") && !is_folder("/opt/new") && !is_folder("/nothing"));
    let out = hall.bytes(|engine| engine.download(&box_, "/opt")).unwrap();
    assert_eq!(listed(&out), ["5 755 0:0 opt/", "0 644 0:0 opt/new"]);
    assert!(hall.bytes(|engine| engine.download(&box_, "/nothing")).is_err());
    let new = NewImage { reference: "new:1", content: "c", without: &["step"], env: &["A=b"] };
    hall.wait(hall.engine.commit(&box_, &new)).unwrap();
    hall.wait(hall.engine.remove_container(&box_)).unwrap();
    let image = hall.wait(hall.engine.image("new:1")).unwrap().unwrap();
    assert_eq!((image.content(), image.layers), (Some("c"), 2));
    assert_eq!(image.labels["step"], "");
    let next = hall.start(&ContainerSpec { image: "new:1".into(), ..hall.spec() });
    let (status, said) = hall.sh(&next, "cat /opt/new; echo $A; ls /etc");
    assert_eq!((status, said.as_str()), (0, "textb\npasswd\n"));
    // What was compiled on it is not compiled on what is below it.
    assert_eq!(hall.wait(hall.engine.changes(&next)).unwrap(), []);
    // A folder that is made again has nothing of what was in it, and stands for that.
    assert_eq!(hall.sh(&next, "rm -r /opt; mkdir /opt; echo x >/opt/other").0, 0);
    let changes = hall.wait(hall.engine.changes(&next)).unwrap();
    let expected = [("/opt", Change::Removed), ("/opt/other", Change::Added)];
    assert_eq!(changes, expected.map(|(path, change)| (path.to_owned(), change)));
    let used = hall.wait(hall.engine.remove_unused_image("new:1")).unwrap();
    assert_eq!(used.as_deref(), Some("a box stands on it"));
}

/// What is in layers and boxes may have its owner's rights, and the owner has all layers and caches.
#[test]
fn nobody_else_reads_boxes_and_no_other_folder_becomes_a_store() {
    use std::os::unix::fs::MetadataExt;
    let hall = Hall::new();
    hall.start(&hall.spec());
    for folder in ["layers", "boxes", "caches", "oci", "notes", "locks"] {
        let there = std::fs::metadata(hall.folder.path().join("store").join(folder)).unwrap();
        assert_eq!(there.mode() & 0o007, 0, "{folder}");
    }
    let other = hall.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("mine"), "").unwrap();
    let before = std::fs::metadata(&other).unwrap().mode();
    let refused = NativeEngine::open(program(), &other, Limits::default()).unwrap_err();
    assert_eq!(refused.exit().code(), 3, "{}", refused.message());
    assert_eq!(std::fs::metadata(&other).unwrap().mode(), before);
    // Of one that was killed at it.
    std::fs::remove_file(other.join("mine")).unwrap();
    std::fs::create_dir(other.join("locks")).unwrap();
    NativeEngine::open(program(), &other, Limits::default()).unwrap();
}

/// The process that had it lives on: one that repairs what failed in it must not wait for that.
#[test]
fn a_box_that_was_halted_is_anybodys() {
    let hall = Hall::new();
    let kept = hall.start(&hall.spec());
    assert_eq!(hall.sh(&kept, "echo kept >/srv/f").0, 0);
    let other = open(hall.folder.path());
    assert!(hall.wait(other.remove_container(&kept)).is_err(), "it runs");
    assert!(hall.wait(hall.engine.halt(&kept)).unwrap());
    hall.wait(other.start_again(&kept)).unwrap();
    let mut said = vec![];
    let mut sink = |piece: &[u8]| said.extend_from_slice(piece);
    let ended = hall.wait(other.exec(&kept, &["cat", "/srv/f"], &mut sink));
    assert_eq!((ended.unwrap(), said.as_slice()), (0, b"kept\n".as_slice()));
    hall.wait(other.remove_container(&kept)).unwrap();
    assert!(!hall.wait(hall.engine.halt(&kept)).unwrap());
}

/// Nobody holds back what waits for another one to unpack.
#[test]
fn many_begin_at_once_on_layers_that_are_not_unpacked_yet() {
    let hall = Hall::new();
    let folder = hall.folder.path();
    let ended = std::thread::scope(|scope| {
        let begin = || {
            let engine = open(folder);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let begun = runtime.block_on(engine.start_container(&hall.spec()));
            // The box lives on while others still wait.
            std::thread::sleep(std::time::Duration::from_millis(1500));
            begun.map(|id| runtime.block_on(engine.remove_container(&id)))
        };
        let threads = [(); 8].map(|()| scope.spawn(begin));
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(ended.iter().all(|ended| matches!(ended, Ok(Ok(())))), "{ended:?}");
}

#[test]
fn a_cache_is_read_by_all_and_written_by_whom_it_is_said() {
    let hall = Hall::new();
    let cache = |writable| CacheMount {
        name: "cache".into(),
        part: String::new(),
        at: "/cache".into(),
        writable,
    };
    let spec = |writable| ContainerSpec { caches: vec![cache(writable)], ..hall.spec() };
    let names = ["cache".to_owned(), "other".to_owned()];
    assert_eq!(hall.wait(hall.engine.caches(&names)).unwrap(), [""; 0]);
    let archive = Archive::new().folder("a").file("a/b", "kept").bytes();
    hall.wait(hall.engine.fill(&spec(true), "/cache", body(&archive))).unwrap();
    assert_eq!(hall.wait(hall.engine.caches(&names)).unwrap(), ["cache"]);
    let reader = hall.start(&spec(false));
    assert_eq!(hall.sh(&reader, "cat /cache/a/b"), (0, "kept".into()));
    assert_ne!(hall.sh(&reader, "touch /cache/a/c").0, 0);
    let writer = hall.start(&spec(true));
    assert_eq!(hall.sh(&writer, "echo new >/cache/a/c"), (0, String::new()));
    assert_eq!(hall.sh(&reader, "cat /cache/a/c"), (0, "new\n".into()));
    assert_eq!(hall.wait(hall.engine.changes(&writer)).unwrap(), []);
    let used = hall.wait(hall.engine.remove_cache("cache")).unwrap();
    assert_eq!(used.as_deref(), Some("a box has it"));
}

#[test]
fn a_box_shares_the_network_of_another() {
    let hall = Hall::new();
    let server = hall.start(&hall.spec());
    let serve = "echo hello | nc -l -p 8080 >/dev/null 2>&1 & sleep 0.3";
    assert_eq!(hall.sh(&server, serve).0, 0);
    let beside = ContainerSpec { network: Network::Of(server.clone()), ..hall.spec() };
    let asker = hall.start(&beside);
    let reached = hall.sh(&asker, "nc -w 5 127.0.0.1 8080 </dev/null");
    assert_eq!(reached, (0, "hello\n".into()));
    let alone = hall.start(&hall.spec());
    assert_ne!(hall.sh(&alone, "nc -w 2 127.0.0.1 8080 </dev/null").0, 0);
    // Nothing else is shared.
    assert_eq!(hall.sh(&server, "echo x >/srv/x").0, 0);
    assert_ne!(hall.sh(&asker, "cat /srv/x").0, 0);
    let (_, seen) = hall.sh(&asker, "echo /proc/[0-9]*");
    assert_eq!(seen.split_whitespace().count(), 2, "{seen}");
}

#[test]
fn what_a_process_leaves_the_next_one_finds() {
    let hall = Hall::new();
    let kept = hall.start(&hall.spec());
    assert_eq!(hall.sh(&kept, "echo work >/srv/work").0, 0);
    assert!(hall.wait(hall.engine.halt(&kept)).unwrap());
    let found = |engine: &NativeEngine, labels: &[(&str, &str)]| {
        let found = hall.wait(engine.containers_of(&Owner("me".into()), labels)).unwrap();
        found.into_iter().map(|found| found.id).collect::<Vec<_>>()
    };
    assert_eq!(found(&hall.engine, &[("step", "a")]), std::slice::from_ref(&kept));
    assert_eq!(found(&hall.engine, &[("step", "b")]), [""; 0]);
    assert_eq!(hall.wait(hall.engine.containers_of(&Owner("you".into()), &[])).unwrap(), []);
    assert_eq!(hall.wait(hall.engine.ended_with(&kept)).unwrap(), Some(137));
    // Another process: with a box that runs it does nothing.
    let other = open(hall.folder.path());
    assert_eq!(found(&other, &[]), std::slice::from_ref(&kept));
    let runs = hall.start(&hall.spec());
    assert_eq!(hall.wait(other.start_again(&runs)).unwrap_err().exit().code(), 4);
    assert_eq!(hall.wait(other.remove_container(&runs)).unwrap_err().exit().code(), 4);
    hall.wait(hall.engine.remove_container(&runs)).unwrap();
    drop(other);
    let mut hall = hall;
    hall.engine = open(hall.folder.path());
    hall.wait(hall.engine.start_again(&kept)).unwrap();
    assert_eq!(hall.sh(&kept, "cat /srv/work"), (0, "work\n".into()));
    hall.wait(hall.engine.remove_container(&kept)).unwrap();
    hall.wait(hall.engine.remove_container(&kept)).unwrap();
    assert!(!hall.wait(hall.engine.halt(&kept)).unwrap());
}

/// All that a process says to both of its streams, and how it ends.
fn talked(hall: &Hall, session: Session, told: &str) -> (i64, String, String) {
    answered(hall, session, "", told)
}

/// The same, where it is told something once it has said something.
fn answered(hall: &Hall, session: Session, first: &str, told: &str) -> (i64, String, String) {
    let Session { process, mut output, mut input } = session;
    hall.wait(async {
        let (mut out, mut err) = (vec![], vec![]);
        while out.len() < first.len() {
            match output.try_next().await.unwrap() {
                Some(Piece::Out(bytes)) => out.extend(bytes),
                other => panic!("{other:?} instead of `{first}`"),
            }
        }
        input.write_all(told.as_bytes()).await.unwrap();
        input.flush().await.unwrap();
        drop(input);
        while let Some(piece) = output.try_next().await.unwrap() {
            match piece {
                Piece::Out(bytes) => out.extend(bytes),
                Piece::Err(bytes) => err.extend(bytes),
            }
        }
        let status = hall.engine.exit_status(&process).await.unwrap();
        (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    })
}

fn run_spec(script: &str) -> RunSpec {
    RunSpec {
        image: ROOT.into(),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        owner: Owner("me".into()),
        ..RunSpec::default()
    }
}

#[test]
fn somebody_talks_to_what_an_image_runs() {
    let hall = Hall::new();
    let script = "sleep 600 & echo $A $B >&2; cat; exit 7";
    let env = vec!["A=1".to_owned(), "B=x=y".to_owned()];
    let made = hall.wait(hall.engine.create(&RunSpec { env, ..run_spec(script) })).unwrap();
    let session = hall.wait(hall.engine.talk_to(&made)).unwrap();
    assert_eq!(talked(&hall, session, "piped\n"), (7, "piped\n".into(), "1 x=y\n".into()));
    // With it, all that it has started has ended.
    assert!(hall.wait(hall.engine.processes(&made)).is_err());
    hall.wait(hall.engine.remove_container(&made)).unwrap();
    let none = RunSpec { command: vec!["none".into()], ..run_spec("") };
    let made = hall.wait(hall.engine.create(&none)).unwrap();
    let error = hall.wait(hall.engine.talk_to(&made)).err().unwrap();
    assert_eq!(error.message(), "cannot run `none` in the box: no such file or directory");
    hall.wait(hall.engine.remove_container(&made)).unwrap();
    let says_none = RunSpec { command: vec![], ..run_spec("") };
    let error = hall.wait(hall.engine.create(&says_none)).unwrap_err();
    assert!(error.message().ends_with("says no command"), "{}", error.message());
    let waits = hall.start(&hall.spec());
    let command = ["sh", "-c", "cat; exit 3"];
    let session = hall.wait(hall.engine.talk_in(&waits, &command, &[], None)).unwrap();
    assert_eq!(talked(&hall, session, "more\n"), (3, "more\n".into(), String::new()));
    // Asked to end while somebody talks, it ends.
    let made = hall.wait(hall.engine.create(&run_spec("sleep 600"))).unwrap();
    let session = hall.wait(hall.engine.talk_to(&made)).unwrap();
    hall.wait(hall.engine.stop(&made, 10)).unwrap();
    assert_eq!(talked(&hall, session, "").0, 143);
    assert!(hall.wait(hall.engine.memory()).unwrap().unwrap() > 1 << 20);
}

#[test]
fn what_has_a_terminal_has_one_of_its_box() {
    let hall = Hall::new();
    let script = "read x; tty; stty size; echo got $x; exit 4";
    let spec = RunSpec { tty: Some(TerminalSize { width: 90, height: 30 }), ..run_spec(script) };
    let made = hall.wait(hall.engine.create(&spec)).unwrap();
    let session = hall.wait(hall.engine.talk_to(&made)).unwrap();
    let wider = TerminalSize { width: 100, height: 30 };
    hall.wait(hall.engine.resize(&session.process, wider)).unwrap();
    let (status, said, _) = talked(&hall, session, "hi\n");
    assert_eq!((status, said.as_str()), (4, "hi\r\n/dev/pts/0\r\n30 100\r\ngot hi\r\n"));
    // Whoever asks at once is told, too.
    let asks = RunSpec { command: run_spec("stty size").command, ..spec };
    let made = hall.wait(hall.engine.create(&asks));
    let session = hall.wait(hall.engine.talk_to(&made.unwrap())).unwrap();
    assert_eq!(talked(&hall, session, "").1, "30 90\r\n");
    // A key reaches what is in the foreground, and nobody else; before somebody is there, nobody.
    let waits = hall.start(&hall.spec());
    let command = ["sh", "-c", "echo on; exec sleep 600"];
    let session = hall
        .wait(hall.engine.talk_in(&waits, &command, &[], Some(TerminalSize::default())))
        .unwrap();
    assert_eq!(answered(&hall, session, "on\r\n", "\x03").0, 130);
    assert_eq!(hall.sh(&waits, "echo alive"), (0, "alive\n".into()));
}

fn port(outside: &str, inside: &str) -> Port {
    let address = "127.0.0.1".to_owned();
    Port { address, outside: outside.into(), inside: inside.into() }
}

#[test]
fn a_port_of_a_box_is_called_at_from_outside() {
    let hall = Hall::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = free.local_addr().unwrap().port().to_string();
    let spec = |port: Port| RunSpec {
        ports: vec![port],
        ..run_spec("while true; do echo hello | nc -l -p 8080; done")
    };
    let refused = |port: Port| {
        let error = hall.wait(hall.engine.create(&spec(port))).unwrap_err();
        (error.exit().code(), error.message().to_owned())
    };
    let taken = format!("cannot listen at `127.0.0.1:{number}`: address already in use");
    assert_eq!(refused(port(&number, "8080/tcp")), (4, taken));
    assert_eq!(refused(port("", "8080/tcp")).0, 2);
    assert_eq!(refused(port(&number, "53/udp")).0, 4);
    drop(free);
    let made = hall.wait(hall.engine.create(&spec(port(&number, "8080/tcp")))).unwrap();
    let session = hall.wait(hall.engine.talk_to(&made)).unwrap();
    let address = format!("127.0.0.1:{number}");
    let call = || {
        let mut stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut said = [0; 6];
        stream.read_exact(&mut said).map(|()| String::from_utf8_lossy(&said).into_owned())
    };
    // Who calls before anybody listens inside is hung up on.
    for _ in 0..3 {
        let until = Instant::now() + Duration::from_secs(30);
        while call().map_or(true, |said| said != "hello\n") {
            assert!(Instant::now() < until, "nobody answers");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    drop(session);
    hall.wait(hall.engine.remove_container(&made)).unwrap();
    assert!(call().is_err());
}
