//! A registry that lies, breaks off, leads elsewhere or is away: files in a folder, and a server that misbehaves.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gentoo_bb::base::error::{Error, Exit};
use gentoo_bb::net::registry::{Blobs, Pulled, Settings};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};

use super::{client, config, digest, gzip, kept, name, tar, unpacked, wait};
use crate::server::{Reply, Request, Server};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Where nobody listens. A port that was free just now would be another test's a moment later.
const NOBODY: &str = "127.0.0.1:1";

/// An image's files, as a registry's addresses name them.
struct Files {
    dir: tempfile::TempDir,
    layers: Vec<Vec<u8>>,
    /// The digest of the manifest, and that of the layer's blob.
    manifest: String,
    layer: String,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layers = vec![tar("a", 200_000)];
        let mut files = Self { dir, layers, manifest: String::new(), layer: String::new() };
        let config = config(&files.layers);
        let layer = gzip(&files.layers[0]);
        files.layer = files.put("blobs", &digest(&layer), &layer);
        files.put("blobs", &digest(&config), &config);
        let part = |kind: &str, bytes: &[u8]| {
            let kind = format!("application/vnd.docker.{kind}");
            json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() })
        };
        let text = json!({ "schemaVersion": 2, "mediaType": MANIFEST,
            "config": part("container.image.v1+json", &config),
            "layers": [part("image.rootfs.diff.tar.gzip", &layer)] });
        files.manifest = files.tag("1", &text);
        files
    }

    fn put(&self, kind: &str, name: &str, bytes: &[u8]) -> String {
        let folder = self.dir.path().join("v2/a").join(kind);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
        name.to_owned()
    }

    /// Puts a manifest or an index there, under a tag and its digest.
    fn tag(&self, tag: &str, text: &Value) -> String {
        let text = text.to_string().into_bytes();
        self.put("manifests", tag, &text);
        self.put("manifests", &digest(&text), &text)
    }

    fn serve(
        &self,
        misbehave: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> (String, Server) {
        let server = Server::start(self.dir.path().to_owned(), misbehave);
        (server.url.strip_prefix("http://").unwrap().to_owned(), server)
    }

    fn size(&self) -> usize {
        gzip(&self.layers[0]).len()
    }
}

fn pull_with(settings: Settings, image: &str, dir: &Path) -> Result<Pulled, Error> {
    wait(client(settings).pull(&name(image), &Blobs::at(dir)))
}

fn pull(image: &str, dir: &Path) -> Result<Pulled, Error> {
    pull_with(Settings::default(), image, dir)
}

fn raw(status: &str, head: &str) -> Option<Reply> {
    let head = format!("HTTP/1.1 {status}\r\n{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
    Some(Reply::Raw(head.into_bytes()))
}

/// The names in a folder of blobs.
fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir.join("sha256")).unwrap();
    let mut names =
        names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    names.sort();
    names
}

#[test]
fn half_a_blob_is_gone_on_with() {
    let files = Files::new();
    let layer = format!("v2/a/blobs/{}", files.layer);
    let (at, server) = files.serve(move |request| {
        let first = request.path == layer && request.from.is_none();
        first.then_some(Reply::Cut(100_000))
    });
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::at(dir.path());
    let pulled = pull(&format!("{at}/a:1"), dir.path()).unwrap();
    assert_eq!(unpacked(&blobs, &pulled).1, files.layers);
    let asked = server.requests().into_iter().filter(|r| r.path.ends_with(&files.layer));
    assert_eq!(asked.map(|r| r.from).collect::<Vec<_>>(), [None, Some(100_000)]);
}

#[test]
fn half_a_blob_stays_for_the_next_time() {
    let files = Files::new();
    let layer = format!("v2/a/blobs/{}", files.layer);
    let (at, _server) =
        files.serve(move |request| (request.path == layer).then_some(Reply::Cut(1000)));
    let dir = tempfile::tempdir().unwrap();
    let error = pull(&format!("{at}/a:1"), dir.path()).unwrap_err();
    // Three attempts, with a thousand bytes each.
    let (size, layer) = (files.size(), &files.layer);
    let message = format!("cannot pull `{at}/a:1`: `{at}` sent 3000 of {size} bytes of `{layer}`");
    assert_eq!(error.message(), message);
    assert_eq!(error.hint_text(), Some("run the same command again to go on where it stopped"));
    assert!(names(dir.path()).contains(&format!("{}.part", &layer[7..])));
    let (at, server) = files.serve(|_| None);
    pull(&format!("{at}/a:1"), dir.path()).unwrap();
    let asked = server.requests().into_iter().find(|r| r.path.ends_with(layer)).unwrap();
    assert_eq!(asked.from, Some(3000));
    assert!(names(dir.path()).iter().all(|name| name.len() == 64));
}

#[test]
fn what_is_not_as_its_digest_says_is_not_kept() {
    let files = Files::new();
    let mut wrong = gzip(&files.layers[0]);
    wrong[5000] ^= 1;
    files.put("blobs", &files.layer, &wrong);
    let (at, _server) = files.serve(|_| None);
    let dir = tempfile::tempdir().unwrap();
    let error = pull(&format!("{at}/a:1"), dir.path()).unwrap_err();
    let message = |digest: &str, image: &str| {
        format!("cannot pull `{image}`: `{at}` sent something else than `{digest}`")
    };
    assert_eq!(error.message(), message(&files.layer, &format!("{at}/a:1")));
    assert_eq!(error.exit(), Exit::Trust);
    assert_eq!(names(dir.path()).len(), 2);
    // Longer than it says: no byte more is read than that.
    files.put("blobs", &files.layer, &[wrong, vec![0; 1 << 20]].concat());
    let error = pull(&format!("{at}/a:1"), dir.path()).unwrap_err();
    assert_eq!(error.message(), message(&files.layer, &format!("{at}/a:1")));
    // A manifest that is asked for by its digest.
    files.put("manifests", &files.manifest, b"{}");
    let image = format!("{at}/a@{}", files.manifest);
    let error = pull(&image, &dir.path().join("other")).unwrap_err();
    assert_eq!(error.message(), message(&files.manifest, &image));
}

#[test]
fn where_a_registry_leads_nobody_is_told_who_asks() {
    let files = Files::new();
    let (other, store) = files.serve(|_| None);
    let target = other.clone();
    let (at, registry) = files.serve(move |request| {
        if request.authorization.is_none() {
            return raw("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n");
        }
        let led = request.path.starts_with("v2/a/blobs/");
        let location = format!("Location: http://{target}/{}\r\n", request.path);
        if led { raw("307 Temporary Redirect", &location) } else { None }
    });
    let dir = tempfile::tempdir().unwrap();
    let logins = kept(dir.path(), &at, &json!({ "username": "me", "password": "secret" }));
    let settings = Settings { logins, ..Settings::default() };
    let pulled = pull_with(settings, &format!("{at}/a:1"), dir.path()).unwrap();
    assert_eq!(unpacked(&Blobs::at(dir.path()), &pulled).1, files.layers);
    let mut told = registry.requests().into_iter().filter_map(|r| r.authorization);
    assert_eq!(told.next_back().as_deref(), Some("Basic bWU6c2VjcmV0"));
    let asked = store.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|request| request.authorization.is_none()), "{asked:?}");
}

#[test]
fn where_nobody_follows_is_told() {
    let files = Files::new();
    let (gone, _store) = files.serve(|_| raw("403 Forbidden", ""));
    let elsewhere = format!("leads to `{gone}`, which answered 403 Forbidden");
    for (location, told) in [
        (
            "http://store.example/x",
            "leads to `http://store.example`, which is not asked without TLS",
        ),
        ("ftp://store.example/x", "leads to `ftp://store.example`, which is not asked without TLS"),
        (&format!("http://{gone}/x"), &elsewhere),
        ("/v2/a/blobs/again", "and did so too often"),
    ] {
        let head = format!("Location: {location}\r\n");
        let (at, _server) = files.serve(move |request| {
            request.path.starts_with("v2/a/blobs/").then(|| raw("302 Found", &head)).flatten()
        });
        let dir = tempfile::tempdir().unwrap();
        let error = pull(&format!("{at}/a:1"), dir.path()).unwrap_err();
        let start = format!("cannot pull `{at}/a:1`: `{at}` leads to ");
        assert!(error.message().starts_with(&start), "{}", error.message());
        assert!(error.message().ends_with(told), "{}", error.message());
    }
}

#[test]
fn an_index_leads_to_the_image_of_this_machine() {
    let files = Files::new();
    let entry = |digest: &str, platform: Value| json!({ "mediaType": MANIFEST, "digest": digest, "size": 7, "platform": platform });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [
        entry(&digest(b"arm"), json!({ "os": "linux", "architecture": "arm64", "variant": "v8" })),
        entry(&files.manifest, json!({ "os": "linux", "architecture": "amd64" })),
        entry(&digest(b"said"), json!({ "os": "unknown", "architecture": "unknown" })) ] });
    let of = files.tag("2", &index);
    let (at, _server) = files.serve(|_| None);
    let dir = tempfile::tempdir().unwrap();
    let image = name(&format!("{at}/a:2"));
    let resolved = wait(client(Settings::default()).resolve(&image)).unwrap();
    assert_eq!((&resolved.digest, resolved.index), (&files.manifest, Some(of.clone())));
    for version in [":2".to_owned(), format!("@{of}")] {
        let pulled = pull(&format!("{at}/a{version}"), &dir.path().join(&version[1..])).unwrap();
        assert_eq!(pulled.manifest, files.manifest);
    }
    let other = gentoo_bb::net::registry::Registry::new(Settings {
        architecture: "riscv64".to_owned(),
        ..Settings::default()
    });
    let error = wait(other.resolve(&image)).unwrap_err();
    let message = "it is not there for linux/riscv64, but for linux/arm64, linux/amd64";
    assert_eq!(error.message(), format!("cannot find `{image}`: {message}"));
}

#[test]
fn a_layer_compressed_by_zstandard_comes_too() {
    let files = Files::new();
    let layer = compress_to_vec(&files.layers[0][..], CompressionLevel::Fastest);
    let config = config(&files.layers);
    files.put("blobs", &digest(&layer), &layer);
    let part = |kind: &str, bytes: &[u8]| {
        let kind = format!("application/vnd.oci.image.{kind}");
        json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() })
    };
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let text = json!({ "schemaVersion": 2, "mediaType": manifest,
        "config": part("config.v1+json", &config), "layers": [part("layer.v1.tar+zstd", &layer)] });
    files.tag("zstd", &text);
    let (at, _server) = files.serve(|_| None);
    let dir = tempfile::tempdir().unwrap();
    let pulled = pull(&format!("{at}/a:zstd"), dir.path()).unwrap();
    assert_eq!(pulled.layers[0].digest, digest(&layer));
    assert_eq!(unpacked(&Blobs::at(dir.path()), &pulled).1, files.layers);
}

#[test]
fn an_image_in_the_oldest_form_is_refused_by_its_name() {
    let files = Files::new();
    files.tag("1", &json!({ "schemaVersion": 1, "name": "a", "tag": "1", "fsLayers": [] }));
    for typed in [false, true] {
        let (at, _server) = files.serve(move |request| {
            let kind =
                "Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws\r\n";
            let said = "Docker-Content-Digest: sha256:00\r\n";
            let asked = typed && request.path == "v2/a/manifests/1";
            asked.then(|| raw("200 OK", &format!("{kind}{said}"))).flatten()
        });
        let error = wait(client(Settings::default()).resolve(&name(&format!("{at}/a:1"))));
        let error = error.unwrap_err();
        let message = "it is in Docker's schema 1, which is not read";
        assert_eq!(error.message(), format!("cannot find `{at}/a:1`: {message}"));
    }
}

#[test]
fn a_registry_with_too_much_to_do_is_asked_again_and_not_for_ever() {
    let files = Files::new();
    for (status, times) in [("429 Too Many Requests", 2), ("503 Service Unavailable", 2)] {
        let before = AtomicUsize::new(0);
        let (at, server) = files.serve(move |request| {
            let asked = request.path == "v2/a/manifests/1";
            let busy = asked && before.fetch_add(1, Ordering::SeqCst) < times;
            busy.then(|| raw(status, "Retry-After: 0\r\n")).flatten()
        });
        let dir = tempfile::tempdir().unwrap();
        pull(&format!("{at}/a:1"), dir.path()).unwrap();
        let asked = server.requests().into_iter().filter(|r| r.path == "v2/a/manifests/1");
        assert_eq!(asked.count(), 3);
        let (at, _server) = files.serve(move |request| {
            request.path.starts_with("v2/a").then(|| raw(status, "Retry-After: 0\r\n")).flatten()
        });
        let error = pull(&format!("{at}/a:1"), dir.path()).unwrap_err();
        let message = format!("cannot pull `{at}/a:1`: `{at}` answered {status}, 3 times");
        assert_eq!(error.message(), message);
        assert!(error.hint_text().unwrap().starts_with("try again later"));
    }
}

#[test]
fn only_what_a_registry_has_answered_is_counted_as_its_answer() {
    let files = Files::new();
    let (status, before) = ("503 Service Unavailable", AtomicUsize::new(0));
    let (at, _server) = files.serve(move |request| {
        let asked = request.path == "v2/a/manifests/1";
        let hangs_up = asked && before.fetch_add(1, Ordering::SeqCst) == 0;
        let busy = asked.then(|| raw(status, "Retry-After: 0\r\n")).flatten();
        if hangs_up { Some(Reply::Raw(vec![])) } else { busy }
    });
    let dir = tempfile::tempdir().unwrap();
    let error = pull(&format!("{at}/a:1"), dir.path()).unwrap_err();
    assert!(error.message().ends_with("answered 503 Service Unavailable, 2 times"), "{error:?}");
}

#[test]
fn a_registry_that_is_away_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let free = NOBODY;
    let error = pull(&format!("{free}/a:1"), dir.path()).unwrap_err();
    let message = format!("cannot pull `{free}/a:1`: nobody listens at `{free}`");
    assert_eq!(error.message(), message);
    assert_eq!(error.hint_text(), Some("look whether the registry runs there"));
    let error = pull("registry.invalid/a:1", dir.path()).unwrap_err();
    let start = "cannot pull `registry.invalid/a:1`: `registry.invalid` is not known: ";
    assert!(error.message().starts_with(start), "{}", error.message());
}

#[test]
fn a_registry_that_says_nothing_more_is_not_waited_for() {
    let files = Files::new();
    let layer = format!("v2/a/blobs/{}", files.layer);
    let (at, _server) =
        files.serve(move |request| (request.path == layer).then_some(Reply::Stall(1000)));
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { stall: Duration::from_millis(300), ..Settings::default() };
    let error = pull_with(settings, &format!("{at}/a:1"), dir.path()).unwrap_err();
    let message = format!("cannot pull `{at}/a:1`: nothing came from `{at}` for 300ms");
    assert_eq!(error.message(), message);
}

#[test]
fn more_than_a_manifest_may_have_is_not_read() {
    let files = Files::new();
    let (at, _server) = files.serve(|request| {
        let endless = request.path.starts_with("v2/a/manifests");
        endless.then_some(Reply::Endless("HTTP/1.1 200 OK\r\n\r\n"))
    });
    let dir = tempfile::tempdir().unwrap();
    let error = pull(&format!("{at}/a:1"), dir.path()).unwrap_err();
    let message = "its manifest has more than 8 MiB (`config_size`: bytes of an image's configuration or manifest)";
    assert_eq!(error.message(), message);
}

#[test]
fn mirrors_are_asked_first_and_the_registry_for_the_rest() {
    let files = Files::new();
    let (good, server) = files.serve(|_| None);
    let wrong = Files::new();
    wrong.put("blobs", &wrong.layer, &vec![0; wrong.size()]);
    let (bad, liar) = wrong.serve(|_| None);
    let free = NOBODY;
    let mirrors = vec![format!("http://{free}"), format!("http://{bad}")];
    let dir = tempfile::tempdir().unwrap();
    let settings = |registry: &str| Settings {
        mirrors: [(registry.to_owned(), mirrors.clone())].into(),
        ..Settings::default()
    };
    let pulled = pull_with(settings(&good), &format!("{good}/a:1"), dir.path()).unwrap();
    assert_eq!(unpacked(&Blobs::at(dir.path()), &pulled).1, files.layers);
    assert!(!liar.requests().is_empty());
    // What the mirror has sent rightly is not asked for again.
    let asked = server.requests().into_iter().filter(|r| r.path.starts_with("v2/a/blobs"));
    assert_eq!(asked.map(|r| r.path).collect::<Vec<_>>(), [format!("v2/a/blobs/{}", files.layer)]);

    let other = tempfile::tempdir().unwrap();
    let away = "127.0.0.1:2";
    let error = pull_with(settings(away), &format!("{away}/a:1"), other.path()).unwrap_err();
    let message = format!("cannot pull `{away}/a:1`: nobody listens at `{away}`");
    assert_eq!(error.message(), message);
    let details = [
        format!("  the mirror `{free}`: nobody listens at `{free}`"),
        format!("  the mirror `{bad}`: `{bad}` sent something else than `{}`", wrong.layer),
    ];
    assert_eq!(error.details(), details);
}
