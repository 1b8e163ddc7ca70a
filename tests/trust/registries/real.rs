//! With Debian's `docker-registry`: what is pushed is what others read, and what others have pushed comes.

use std::fs;
use std::process::Command;

use gentoo_bb::base::error::Exit;
use gentoo_bb::net::registry::{Blobs, Settings};
use serde_json::json;

use super::{client, digest, image, kept, name, tar, unpacked, wait};
use support::registry::Registry;

/// What skopeo says; it asks without TLS, as the registry has none.
fn skopeo(args: &[&str]) -> String {
    let output = Command::new("skopeo").args(args).output().expect("Debian's `skopeo` is needed");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_pushed_is_read_by_others_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start(false);
    let layers = [tar("a", 3_000_000), tar("b", 10)];
    let image = image(dir.path(), &layers);
    let to = name(&format!("{}/a/b:1", registry.address));
    let spool = dir.path().join("spool");
    let one = client(Settings::default());
    let first = wait(one.push(&image, &to, &spool)).unwrap();
    assert_eq!((first.sent, first.there, first.config_sent), (2, 0, true));

    let remote = format!("docker://{to}");
    let said = skopeo(&["inspect", "--tls-verify=false", &remote]);
    assert!(said.contains(&format!("\"Digest\": \"{}\"", first.digest)), "{said}");
    let layout = format!("oci:{}", dir.path().join("layout").display());
    skopeo(&["copy", "-q", "--src-tls-verify=false", &remote, &layout]);
    let copied = dir.path().join("layout/blobs/sha256").join(&digest(&image.config)[7..]);
    assert_eq!(fs::read(copied).unwrap(), image.config);

    let resolved = wait(one.resolve(&to)).unwrap();
    assert_eq!((&resolved.digest, resolved.index), (&first.digest, None));
    let blobs = Blobs::at(&dir.path().join("blobs"));
    let pulled = wait(one.pull(&to, &blobs)).unwrap();
    assert_eq!((&pulled.manifest, pulled.fetched), (&first.digest, 4));
    assert_eq!(pulled.config, digest(&image.config));
    assert_eq!(unpacked(&blobs, &pulled), (image.config.clone(), layers.to_vec()));
    let by_digest = name(&format!("{}/a/b@{}", registry.address, first.digest));
    assert_eq!(wait(one.pull(&by_digest, &blobs)).unwrap().fetched, 0);

    // Another process, with what the first one has noted and without: the registry gets nothing.
    let before = registry.blobs();
    for spool in [spool, dir.path().join("empty")] {
        let again = wait(client(Settings::default()).push(&image, &to, &spool)).unwrap();
        assert_eq!((again.sent, again.there, again.config_sent), (0, 2, false));
        assert_eq!(again.digest, first.digest);
        let left = fs::read_dir(&spool).unwrap().map(|e| e.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["gzip-9"]);
    }
    assert_eq!(registry.blobs(), before);
}

#[test]
fn a_layer_is_taken_from_another_repository() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start(false);
    let below = [tar("a", 100_000)];
    let above = [tar("a", 100_000), tar("b", 10)];
    let client = client(Settings::default());
    let push = |layers: &[Vec<u8>], to: &str| {
        let image = image(dir.path(), layers);
        wait(client.push(&image, &name(&format!("{}/{to}", registry.address)), dir.path())).unwrap()
    };
    assert_eq!(push(&below, "below").sent, 1);
    let pushed = push(&above, "above");
    assert_eq!((pushed.sent, pushed.there), (1, 1));
    let blobs = Blobs::at(&dir.path().join("blobs"));
    let pulled = wait(client.pull(&name(&format!("{}/above", registry.address)), &blobs)).unwrap();
    assert_eq!(unpacked(&blobs, &pulled).1, above);
}

#[test]
fn an_image_in_dockers_form_comes_too() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start(false);
    let layers = [tar("a", 300_000), tar("b", 10)];
    let image = image(dir.path(), &layers);
    let [from, to] = ["a:1", "other:1"].map(|name| format!("{}/{name}", registry.address));
    let client = client(Settings::default());
    wait(client.push(&image, &name(&from), dir.path())).unwrap();
    let (source, target) = (format!("docker://{from}"), format!("docker://{to}"));
    let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    let form = ["--format", "v2s2", &source, &target];
    skopeo(&[&["copy", "-q"], &plain[..], &form].concat());
    let resolved = wait(client.resolve(&name(&to))).unwrap();
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    assert_eq!(resolved.media_type, docker);
    let blobs = Blobs::at(&dir.path().join("blobs"));
    let pulled = wait(client.pull(&name(&to), &blobs)).unwrap();
    assert_eq!(unpacked(&blobs, &pulled).1, layers);
}

#[test]
fn a_closed_registry_takes_the_right_password_only() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start(true);
    let at = &registry.address;
    let image = image(dir.path(), &[tar("a", 10)]);
    let to = name(&format!("{at}/a:1"));
    let push = |logins| {
        let client = client(Settings { logins, ..Settings::default() });
        wait(client.push(&image, &to, dir.path()))
    };
    let hint = format!("`docker login {at}` says who you are");
    let error = push(None).unwrap_err();
    let message = format!("cannot push `{to}`: `{at}` wants to know who asks");
    assert_eq!((error.message(), error.hint_text()), (message.as_str(), Some(hint.as_str())));
    let wrong = kept(dir.path(), at, &json!({ "username": "me", "password": "other" }));
    let error = push(wrong).unwrap_err();
    let message = format!(
        "cannot push `{to}`: `{at}` does not take the name and password that are kept for it"
    );
    assert_eq!((error.message(), error.hint_text()), (message.as_str(), Some(hint.as_str())));
    assert_eq!(error.exit(), Exit::Step);
    let right = kept(dir.path(), at, &json!({ "username": "me", "password": "secret" }));
    let pushed = push(right.clone()).unwrap();
    assert_eq!(pushed.sent, 1);
    let client = client(Settings { logins: right, ..Settings::default() });
    let error = wait(client.resolve(&name(&format!("{at}/a:2")))).unwrap_err();
    assert_eq!(error.message(), format!("cannot find `{at}/a:2`: `{at}` does not have it"));
    assert_eq!(error.hint_text(), Some("look whether the name and the tag are right"));
}
