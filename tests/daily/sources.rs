//! Source archives: what is said of those that nobody gives, those that users bring, and those that only they may.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};
use support::fake::room::Room;
use support::signed::{blake2b, sha512};

use crate::family::{bb, unbuilt};

const TEXT: &str = "an archive";

/// What a builder says of it, with these fields besides.
fn source(fields: &Value) -> Value {
    let mut source = json!({
        "name": "x-1.tar", "size": TEXT.len(), "blake2b": blake2b(TEXT.as_bytes()),
        "sha512": sha512(TEXT.as_bytes()), "uris": [], "there": false,
    });
    let fields = fields.as_object().unwrap().clone();
    source.as_object_mut().unwrap().extend(fields);
    source
}

/// A project whose next build of `base` asks for this source.
fn asking(fields: &Value) -> Room {
    let room = unbuilt();
    bb(&room, "build base").ok();
    room.write("bb-dock/base/Buildconfig.sh", "# another one\n");
    room.engine.ask_for(vec![source(fields)]);
    room
}

fn by_hand() -> Value {
    let words = "Get it from https://author.test/form?id=7&x=%2F\n\u{1b}[31mand put it there";
    json!({ "restricted": true, "nofetch": words })
}

/// The report of a failure: the lines from `error:` on.
fn report(text: &str) -> String {
    text[text.find("error: ").unwrap_or_else(|| panic!("{text}"))..].to_owned()
}

/// A server that has nothing.
fn empty_mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    address
}

#[test]
fn where_nobody_gives_one_all_places_are_named() {
    let uris = ["http://127.0.0.1:9/get.php?file=x%2F1&v=a", "http://10.0.0.1/x-1.tar"];
    let mut room = asking(&json!({ "uris": uris }));
    let mirror = empty_mirror();
    room.env.push(("MIRROR".into(), format!("{mirror} ./none")));
    let run = bb(&room, "build base");
    // The first byte of the name's BLAKE2b.
    let path = format!("distfiles/{}/x-1.tar", &blake2b(b"x-1.tar")[..2]);
    let expected = format!(
        "error: cannot fetch the source `x-1.tar`\n\
         \x20 {mirror}/{path}: not there\n\
         \x20 ./none/{path}: not there\n\
         \x20 http://127.0.0.1:9/get.php?file=x%2F1&v=a: is `127.0.0.1`, which is not public: it is not asked\n\
         \x20 http://10.0.0.1/x-1.tar: is `10.0.0.1`, which is not public: it is not asked\n\
         hint: run the same command again later, or put the file into `.bb/distfiles`, or into a folder that \
         `--distdir` names: it is looked for there first\n"
    );
    assert_eq!(run.code, Some(1), "{}", run.text);
    assert!(report(&run.text).starts_with(&expected), "{}", run.text);
    let said = bb(&room, "build base --message-format json").text;
    assert!(said.contains("get.php?file=x%2F1&v=a: is"), "{said}");
}

#[test]
fn what_users_bring_is_taken_before_anybody_is_asked() {
    let mut room = asking(&json!({ "uris": ["http://127.0.0.1:9/x-1.tar"] }));
    room.env.push(("MIRROR".into(), "./none".into()));
    room.write(".bb/distfiles/x-1.tar", TEXT);
    bb(&room, "build base --offline").ok();
    let log = bb(&room, "logs rootfs:base").ok().text;
    assert!(log.contains("bb: x-1.tar is from .bb/distfiles\n"), "{log}");
    // What is there under that name and is another file is told, and others are asked.
    room.write("bb-dock/base/Buildconfig.sh", "# once more\n");
    room.write(".bb/distfiles/x-1.tar", &TEXT.to_uppercase());
    let run = bb(&room, "build base");
    assert_eq!(run.code, Some(5), "{}", run.text);
    let told = report(&run.text);
    let begin = "error: nobody has the source `x-1.tar` with the digests that it must have\n\
                 \x20 .bb/distfiles/x-1.tar: has another SHA512\n  ./none/distfiles/";
    assert!(told.starts_with(begin), "{told}");
    assert_eq!(
        fs::read_to_string(room.path(".bb/distfiles/x-1.tar")).unwrap(),
        TEXT.to_uppercase()
    );
}

#[test]
fn what_only_users_may_fetch_is_asked_of_them_in_the_ebuilds_words() {
    let mut room = asking(&by_hand());
    // It would be there.
    let path = format!("mirror/distfiles/{}/x-1.tar", &blake2b(b"x-1.tar")[..2]);
    room.write(&path, TEXT);
    room.env.push(("MIRROR".into(), "./mirror".into()));
    let run = bb(&room, "build base");
    let expected = "error: the source `x-1.tar` has to be fetched by hand: its ebuild says RESTRICT=\"fetch\"\n\
                    \x20 Get it from https://author.test/form?id=7&x=%2F\n  and put it there\n\
                    hint: put it into `.bb/distfiles`, or into a folder that `--distdir` names\n";
    assert_eq!(run.code, Some(1), "{}", run.text);
    assert!(report(&run.text).starts_with(expected), "{}", run.text);
    room.write(".bb/distfiles/x-1.tar", "short");
    let run = bb(&room, "build base");
    assert_eq!(run.code, Some(5), "{}", run.text);
    assert!(
        run.text.contains("\n  .bb/distfiles/x-1.tar: has 5 bytes instead of 10\n"),
        "{}",
        run.text
    );
    // Nobody waits for a pipe.
    let file = room.path(".bb/distfiles/x-1.tar");
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let run = bb(&room, "build base");
    assert!(run.text.contains("\n  .bb/distfiles/x-1.tar: not a file\n"), "{}", run.text);
    fs::remove_file(&file).unwrap();
    room.write(".bb/distfiles/x-1.tar", TEXT);
    bb(&room, "step rootfs:base").ok();
}

#[test]
fn a_folder_of_ones_own_is_an_option_a_setting_or_a_variable() {
    let mut room = asking(&by_hand());
    room.write("mine/x-1.tar", TEXT);
    let again =
        |room: &Room, n: &str| room.write("bb-dock/base/Buildconfig.sh", &format!("# {n}\n"));
    let none = bb(&room, "build base --distdir none");
    assert_eq!(none.code, Some(2), "{}", none.text);
    assert!(none.text.starts_with("error: `--distdir` is no folder: "), "{}", none.text);
    bb(&room, "build base --distdir mine").ok();
    again(&room, "step");
    bb(&room, "step rootfs:base --distdir mine").ok();
    again(&room, "setting");
    let text = fs::read_to_string(room.path("bb.toml")).unwrap();
    room.write("bb.toml", &format!("distdir = \"mine\"\n{text}"));
    bb(&room, "step rootfs:base").ok();
    again(&room, "variable");
    room.env.push(("BB_DISTDIR".into(), "other".into()));
    let run = bb(&room, "build base");
    assert!(run.text.contains("\n  other/x-1.tar: not there\n"), "{}", run.text);
    assert!(run.text.contains("hint: put it into `.bb/distfiles` or `other`\n"), "{}", run.text);
}

#[test]
fn what_mirrors_may_not_have_is_asked_of_its_author_only() {
    let mut room = asking(&json!({ "restricted": true, "uris": ["http://127.0.0.1:9/x-1.tar"] }));
    room.write(&format!("mirror/distfiles/{}/x-1.tar", &blake2b(b"x-1.tar")[..2]), TEXT);
    room.env.push(("MIRROR".into(), "./mirror".into()));
    let told = report(&bb(&room, "build base").text);
    let begin =
        "error: cannot fetch the source `x-1.tar`\n  http://127.0.0.1:9/x-1.tar: is `127.0.0.1`";
    assert!(told.starts_with(begin), "{told}");
    room.engine.ask_for(vec![source(&json!({ "restricted": true }))]);
    let told = report(&bb(&room, "build base").text);
    assert!(
        told.contains("\n  its ebuild names no web address, and keeps mirrors from having it\n"),
        "{told}"
    );
}
