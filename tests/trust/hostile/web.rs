//! Servers that cheat: too much, too little, elsewhere.

use support::sealed::normal;

use crate::mirror::{Place, STAGE3_BYTES, stage3};
use crate::server::{Reply, Request, Server};

/// What `bb step fetch:…` says of a stage3 that a server answers so for.
fn told(
    answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
) -> (Option<i32>, String) {
    let place = Place::new();
    place.bb("update").ok();
    let server = Server::start(place.mirror.root.clone(), answer);
    let before = place.outside();
    let run = place.bb_with(
        &[("DATE", crate::mirror::DATE), ("MIRROR", &server.url)],
        "step fetch:stage3-amd64-nomultilib-openrc.tar.xz",
    );
    assert_eq!(before, place.outside(), "something outside of the state folder changed");
    assert!(place.nothing_imported());
    assert!(!place.room.exists(".bb/downloads/stage3-amd64-nomultilib-openrc.tar.xz"));
    let secret = place.room.dir.display().to_string();
    let text = normal(&run.stderr.replace(&server.url, "SERVER")).replace(&secret, "ROOM");
    let detail = text.lines().find_map(|line| line.strip_prefix("  SERVER: "));
    (run.code, detail.unwrap_or(&text).to_owned())
}

fn raw(text: &'static str) -> impl Fn(&Request) -> Option<Reply> + Send + Sync {
    move |_| Some(Reply::Raw(text.into()))
}

#[test]
fn answers() {
    let endless = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\nConnection: close\r\n\r\n";
    assert_eq!(
        told(|_| Some(Reply::Endless(huge))),
        (Some(5), "has SIZE instead of 21".to_owned())
    );
    assert_eq!(told(|_| Some(Reply::Endless(endless))), (Some(5), "has more than SIZE".to_owned()));
    for (answer, code, why) in [
        (
            "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
            1,
            "leads to `file:///etc/passwd`, which is not followed",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: ftp://host/x\r\nContent-Length: 0\r\n\r\n",
            1,
            "leads to a `ftp:` address, which is not followed",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            1,
            "redirected too often",
        ),
        (
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            1,
            "answered 500 Internal Server Error",
        ),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 1, "not there"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 21\r\nConnection: close\r\n\r\n<html>no such file!!<",
            5,
            "has another SHA512",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n",
            5,
            "has SIZE instead of 21",
        ),
        (
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-20/21\r\nContent-Length: 21\r\n\r\n",
            1,
            "answered 206 Partial Content",
        ),
    ] {
        assert_eq!(told(raw(answer)), (Some(code), why.to_owned()), "{answer}");
    }
    let (code, _) = told(raw("nonsense\r\n\r\n"));
    assert_eq!(code, Some(1));
}

/// A body in a content encoding is not unpacked: it is compared as it comes.
#[test]
fn encodings_are_not_unpacked() {
    let (code, why) = told(raw(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 21\r\nConnection: close\r\n\r\n\
         \x1f 0123456789012345678",
    ));
    assert_eq!((code, &*why), (Some(5), "has another SHA512"));
}

#[test]
fn a_redirect_in_answer_to_the_pointer_leads_nowhere() {
    let place = Place::new();
    let secret = place.room.dir.join("secret");
    std::fs::write(&secret, place.mirror.read(crate::mirror::POINTER)).unwrap();
    let location = format!(
        "HTTP/1.1 302 Found\r\nLocation: file://{}\r\nContent-Length: 0\r\n\r\n",
        secret.display()
    );
    let server = Server::start(place.mirror.root.clone(), move |_| {
        Some(Reply::Raw(location.clone().into()))
    });
    let run = place.bb_with(&[("MIRROR", &server.url)], "update");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("/secret`, which is not followed\n"), "{}", run.stderr);
    assert!(!place.room.exists("bb.lock"));
}

#[test]
fn offline_is_refused_before_anybody_is_asked() {
    let place = Place::new();
    place.bb("update").ok();
    let server = Server::start(place.mirror.root.clone(), |_| None);
    for args in ["update --offline", "step --offline fetch:stage3-amd64-nomultilib-openrc.tar.xz"] {
        let run = place.bb_with(&[("MIRROR", &server.url)], args);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(": not asked, because of --offline\n"), "{}", run.stderr);
    }
    assert!(server.requests().is_empty());
    let both = format!("{},{}", server.url, place.mirror.url());
    place
        .bb_with(&[("MIRROR", &both)], "step --offline fetch:stage3-amd64-nomultilib-openrc.tar.xz")
        .ok();
    assert!(server.requests().is_empty());
}

#[test]
fn a_proxy_is_asked_where_the_environment_names_one() {
    let place = Place::new();
    place.bb("update").ok();
    let path = stage3("");
    let proxy = Server::start(place.mirror.root.clone(), move |request| {
        let asked = format!("http:/mirror.example/{path}");
        let fits = request.path.replace("//", "/") == asked;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", STAGE3_BYTES.len());
        fits.then(|| Reply::Raw([head.as_bytes(), STAGE3_BYTES].concat()))
    });
    let env = [("MIRROR", "http://mirror.example"), ("http_proxy", &*proxy.url)];
    place.bb_with(&env, "step fetch:stage3-amd64-nomultilib-openrc.tar.xz").ok();
    assert_eq!(proxy.requests().len(), 1);
}
