//! Commands in boxes, and the end of both.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use gentoo_bb::engine::native::spec::{Bounds, BoxSpec, Command, Ended};

use crate::room::{Archive, Room, listed};

#[test]
fn codes_and_signals_come_back() {
    let room = Room::new();
    let id = room.start();
    assert_eq!(room.run(&id, &["true"]), (Ended::Code(0), String::new(), String::new()));
    for code in [1, 3, 255] {
        let script = format!("exit {code}");
        assert_eq!(room.run(&id, &["sh", "-c", &script]).0, Ended::Code(code));
    }
    assert_eq!(room.run(&id, &["sh", "-c", "kill -KILL $$"]).0, Ended::Signal(9));
    let talk = room.talk(&id, &["sleep", "600"]);
    talk.signal(15).unwrap();
    assert_eq!(talk.wait().unwrap(), Ended::Signal(15));
}

#[test]
fn streams_variables_and_folders_are_the_commands_own() {
    let room = Room::new();
    let id = room.start();
    let mut talk = room.talk(&id, &["sh", "-c", "cat; echo oops >&2"]);
    let mut input = talk.input.take().unwrap();
    input.write_all(b"hello\n").unwrap();
    let mut first = [0; 6];
    talk.output.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"hello\n", "while it still runs");
    drop(input);
    let (ended, out, err) = talk.all().unwrap();
    assert_eq!((ended, out.as_slice(), err.as_slice()), (Ended::Code(0), &b""[..], &b"oops\n"[..]));

    let mut command = Command::of(&["env"]);
    command.env.push(("A".into(), "b c".into()));
    let (_, out, _) = room.native.exec(&id, &command).unwrap().all().unwrap();
    let mut lines = out.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect::<Vec<_>>();
    lines.sort_unstable();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(lines, [&b"A=b c"[..], b"HOME=/root", path.as_bytes()]);

    let there = Command { cwd: "/srv".into(), ..Command::of(&["pwd"]) };
    assert_eq!(room.native.exec(&id, &there).unwrap().all().unwrap().1, b"/srv\n");
    // More than a pipe holds, on both.
    let much = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
    let (_, out, err) = room.talk(&id, &["sh", "-c", much]).all().unwrap();
    assert_eq!((out.len(), err.len()), (300_000, 300_000));
}

#[test]
fn users_are_those_of_the_box() {
    let room = Room::new();
    let id = room.start();
    let is = |user: &str| {
        let command = Command {
            user: user.into(),
            ..Command::of(&["sh", "-c", "id -u; id -g; id -G; echo $HOME"])
        };
        let (_, out, _) = room.native.exec(&id, &command).unwrap().all().unwrap();
        String::from_utf8(out).unwrap().replace('\n', " ")
    };
    assert_eq!(is(""), "0 0 0 /root ");
    assert_eq!(is("web"), "101 102 102 5 /srv ");
    assert_eq!(is("101:5"), "101 5 5 /srv ");
    assert_eq!(is("65534"), "65534 0 0 / ");
    let of_web = Command { user: "web".into(), ..Command::of(&["sh", "-c", "touch /root/x"]) };
    let (ended, _, err) = room.native.exec(&id, &of_web).unwrap().all().unwrap();
    assert_eq!(
        (ended, err.as_slice()),
        (Ended::Code(1), &b"touch: /root/x: Permission denied\n"[..])
    );
}

#[test]
fn what_is_not_there_is_told() {
    let room = Room::new();
    let id = room.start();
    let why = |command: &Command| {
        let error = room.native.exec(&id, command).unwrap_err();
        (error.exit().code(), error.message().to_owned())
    };
    let missing = "cannot run `/bin/nothing` in the box: no such file or directory";
    assert_eq!(why(&Command::of(&["/bin/nothing"])), (1, missing.into()));
    let eve = Command { user: "eve".into(), ..Command::of(&["true"]) };
    assert_eq!(why(&eve), (1, "the box has no user `eve`".into()));
    let nowhere = Command { cwd: "/nowhere".into(), ..Command::of(&["true"]) };
    let missing = "cannot enter `/nowhere` in the box: no such file or directory";
    assert_eq!(why(&nowhere), (1, missing.into()));
    assert_eq!(why(&Command::default()), (1, "there is no command to run".into()));
}

#[test]
fn archives_go_in_and_come_out() {
    let room = Room::new();
    let id = room.start();
    let archive = Archive::new()
        .put("a", tar::EntryType::Regular, 0o4711, (101, 102), b"text")
        .put("b", tar::EntryType::Link, 0o4711, (0, 0), b"a")
        .link("c", "/etc/passwd")
        .put("p", tar::EntryType::Fifo, 0o600, (0, 0), b"");
    room.native.upload(&id, "/opt/new", archive.bytes().as_slice()).unwrap();
    assert_eq!(
        room.sh(&id, "cat /opt/new/b; stat -c ' %u:%g %a %h' /opt/new/a"),
        "text 101:102 4711 2\n"
    );
    let out = room.listed(|native, out| native.download(&id, "/opt", out).unwrap());
    let expected = [
        "5 755 0:0 opt/",
        "5 755 0:0 opt/new/",
        "0 4711 101:102 opt/new/a",
        "1 4711 101:102 opt/new/b -> opt/new/a",
        "2 777 0:0 opt/new/c -> /etc/passwd",
        "6 600 0:0 opt/new/p",
    ];
    assert_eq!(out, expected);
    let mut one = vec![];
    room.native.download(&id, "/etc/group", &mut one).unwrap();
    assert_eq!(listed(&one), ["0 644 0:0 group"]);
    let error = room.native.download(&id, "/nothing", &mut vec![]).unwrap_err();
    assert!(error.message().starts_with("cannot pack: no such file"), "{error}");
}

#[test]
fn processes_are_listed_and_asked_before_they_are_killed() {
    let room = Room::new();
    let id = room.start();
    let polite = "trap 'echo bye >/srv/bye; exit' TERM; echo; while :; do sleep 0.01; done";
    let mut talk = room.talk(&id, &["sh", "-c", polite]);
    talk.output.read_exact(&mut [0]).unwrap();
    let stubborn = room.talk(&id, &["sh", "-c", "trap '' TERM; echo; sleep 600; sleep 600"]);
    (&stubborn.output).read_exact(&mut [0]).unwrap();
    let all = room.native.processes(&id).unwrap();
    assert_eq!((all[0].pid, all[0].uid), (1, 0));
    assert!(all.iter().any(|process| process.words == ["sh", "-c", polite]), "{all:?}");
    let begun = Instant::now();
    room.native.halt(&id, Duration::from_millis(300)).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300), "the stubborn one had its time");
    assert_eq!(stubborn.wait().unwrap(), Ended::Signal(9));
    assert_eq!(room.native.exec(&id, &Command::of(&["true"])).unwrap_err().exit().code(), 4);
    room.native.resume(&id).unwrap();
    assert_eq!(room.sh(&id, "cat /srv/bye"), "bye\n");
    let begun = Instant::now();
    room.native.halt(&id, Duration::from_secs(60)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody was there to wait for");
    room.native.remove(&id).unwrap();
    assert!(!room.folder.path().join("store/boxes").join(id.as_str()).exists());
    assert_eq!(room.native.resume(&id).unwrap_err().message(), format!("there is no box `{id}`"));
}

#[test]
fn bounds_hold() {
    let room = Room::new();
    let bounds = Bounds { processes: Some(20), memory: Some(1 << 30), files: Some(16) };
    let id = room.native.start(&BoxSpec { bounds, ..room.spec() }).unwrap();
    let (ended, out, _) = room.run(&id, &["sh", "-c", "ulimit -n; ulimit -v; ulimit -u"]);
    assert_eq!((ended, out.as_str()), (Ended::Code(0), "16\n1048576\n20\n"));
    let many =
        "i=0; while [ $i -lt 40 ]; do sleep 600 >/dev/null 2>&1 & i=$((i+1)); done; echo all";
    assert_ne!(room.run(&id, &["sh", "-c", many]).1, "all\n");
}
