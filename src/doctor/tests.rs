//! Tables of facts, and what is found.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::engine::Kernel;
use super::machine::{Disk, FileSystem, Purpose, Room, Tools, Watches};
use super::project::Mirror;
use super::trust::{Cert, Key, Witness};
use super::*;
use crate::engine::docker::{About, Host};
use crate::net::credentials::Kept;
use crate::net::http::Answer;

/// `VERDICT SUBJECT: TEXT` and what to do.
fn told(finding: &Finding) -> String {
    let Finding { verdict, subject, text, todo } = finding;
    let todo = todo.as_ref().map_or(String::new(), |todo| format!(" -> {todo}"));
    format!("{} {subject}: {text}{todo}", verdict.word())
}

fn engine(change: impl FnOnce(&mut About, &mut Host, &mut engine::Facts)) -> Vec<String> {
    let text = |text: &str| text.to_owned();
    let mut about = About {
        version: text("20.10.24"),
        api: text("1.41"),
        os: text("linux"),
        architecture: text("amd64"),
    };
    let mut host = Host {
        driver: text("overlay2"),
        driver_status: vec![(text("Supports d_type"), text("true"))],
        root: text("/var/lib/docker"),
        security: vec![text("name=seccomp,profile=default")],
        time: String::new(),
    };
    let mut facts = engine::Facts { wanted: Some(text("amd64")), ..engine::Facts::default() };
    change(&mut about, &mut host, &mut facts);
    facts.answers = Some((text("unix:///s"), about));
    facts.host = facts.host.or(Some(Ok(host)));
    engine::findings(&facts).iter().map(told).collect()
}

const ENGINE: &str = "ok engine: 20.10.24 at unix:///s: API 1.41, linux/amd64";
const STORAGE: &str = "ok storage: overlay2 in /var/lib/docker";
const SECCOMP: &str = "ok seccomp: containers may not use dangerous system calls";

#[test]
fn an_engine_as_it_should_be() {
    assert_eq!(engine(|_, _, _| {}), [ENGINE, STORAGE, SECCOMP]);
}

#[test]
fn the_native_engine_is_told_by_its_folder() {
    let mut facts = engine::Facts { native: Some("/n".into()), ..engine::Facts::default() };
    let told_of =
        |facts: &engine::Facts| engine::findings(facts).iter().map(told).collect::<Vec<_>>();
    let fit = "ok engine: native, in /n: boxes start here, no daemon is needed";
    let why = ", for there is no socket of Docker or Podman";
    assert_eq!(told_of(&facts), [fit.replace("/n:", &format!("/n{why}:"))]);
    facts.named = true;
    assert_eq!(told_of(&facts), [fit]);
    facts.refused = Some(("no ids".into(), Some("get some".into())));
    assert_eq!(told_of(&facts), ["wrong engine: no ids -> get some"]);
}

#[test]
fn what_an_engine_is() {
    type Change = fn(&mut About, &mut engine::Facts);
    let cases: [(Change, &str); 5] = [
        (
            |about, _| about.api = "1.40".to_owned(),
            "warn engine: 20.10.24 at unix:///s: API 1.40, linux/amd64 -> older than what bb is tested \
             with: API 1.41, as in Docker 20.10 and Podman 4",
        ),
        (
            |about, _| about.api = "banana".to_owned(),
            "wrong engine: 20.10.24 at unix:///s: API banana, linux/amd64 -> its API has no version: is \
             it a container engine?",
        ),
        (
            |about, _| about.os = "windows".to_owned(),
            "wrong engine: 20.10.24 at unix:///s: API 1.41, windows/amd64 -> images are for Linux: let \
             the engine run Linux containers",
        ),
        (
            |about, _| about.architecture = "arm64".to_owned(),
            "warn engine: 20.10.24 at unix:///s: API 1.41, linux/arm64 -> the project is for amd64: set \
             `arch` in bb.toml, or let the kernel run programs of amd64 (binfmt_misc with qemu)",
        ),
        (
            |about, _| about.version = "\x1b[31m\u{202e}1\n".to_owned(),
            "ok engine: \\u{1b}[31m\\u{202e}1\\u{a} at unix:///s: API 1.41, linux/amd64",
        ),
    ];
    for (change, finding) in cases {
        assert_eq!(engine(|about, _, facts| change(about, facts))[0], finding);
    }
}

#[test]
fn how_an_engine_keeps_images() {
    let overlay = Some(Kernel { overlay: true, ..Kernel::default() });
    let cases = [
        ("fuse-overlayfs", "", None, "ok storage: fuse-overlayfs in /var/lib/docker"),
        (
            "vfs",
            "",
            overlay,
            "warn storage: vfs in /var/lib/docker -> every layer is a whole copy: use `overlay2` or \
             `fuse-overlayfs`, in the engine's settings",
        ),
        (
            "vfs",
            "",
            Some(Kernel::default()),
            "warn storage: vfs in /var/lib/docker -> every layer is a whole copy: `modprobe overlay`, \
             then `overlay2` in the engine's settings",
        ),
        (
            "devicemapper",
            "",
            None,
            "warn storage: devicemapper in /var/lib/docker -> newer engines have dropped it: \
             `overlay2`, in the engine's settings",
        ),
        (
            "overlay2",
            "false",
            None,
            "wrong storage: overlay2 in /var/lib/docker -> files come back that a layer has removed: \
             the file system has to be made with d_type (`mkfs.xfs -n ftype=1`)",
        ),
        (
            "",
            "",
            None,
            "warn storage: the engine names no storage driver -> look into the engine's own log",
        ),
    ];
    for (driver, d_type, kernel, finding) in cases {
        let found = engine(|_, host, facts| {
            driver.clone_into(&mut host.driver);
            host.driver_status.clear();
            if !d_type.is_empty() {
                host.driver_status.push(("Supports d_type".to_owned(), d_type.to_owned()));
            }
            facts.kernel = kernel;
        });
        assert_eq!(found[1], finding);
    }
}

#[test]
fn how_an_engine_shuts_containers_in() {
    let seccomp = |security: &[&str]| {
        let security = security.iter().map(|text| (*text).to_owned()).collect();
        engine(|_, host, _| host.security = security).pop().unwrap()
    };
    assert_eq!(
        seccomp(&[]),
        "warn seccomp: containers may use every system call -> the kernel or the engine is built \
         without seccomp"
    );
    assert_eq!(
        seccomp(&["name=seccomp,profile=unconfined"]),
        "warn seccomp: the engine's profile forbids nothing -> start the engine without \
         `--seccomp-profile=unconfined`"
    );
    let rootless = |kernel: Kernel| {
        engine(|_, host, facts| {
            host.security.push("name=rootless".to_owned());
            facts.kernel = Some(kernel);
        })
    };
    let kernel = Kernel { overlay: true, namespaces: Some(15_000), unprivileged: None };
    let namespaces = "ok namespaces: this kernel gives users up to 15000";
    assert_eq!(rootless(kernel), [&format!("{ENGINE}, rootless"), STORAGE, SECCOMP, namespaces]);
    assert_eq!(
        rootless(Kernel { namespaces: Some(0), ..kernel })[3],
        "wrong namespaces: this kernel gives users none -> the engine is rootless: `sysctl -w \
         user.max_user_namespaces=15000`, as root"
    );
    assert_eq!(
        rootless(Kernel { unprivileged: Some(0), ..kernel })[3],
        "wrong namespaces: this kernel gives users none -> the engine is rootless: `sysctl -w \
         kernel.unprivileged_userns_clone=1`, as root"
    );
}

#[test]
fn an_engine_that_does_not_answer() {
    let silent = |all: &[(&str, &str)]| {
        let all = all.iter().map(|(at, why)| ((*at).to_owned(), (*why).to_owned())).collect();
        let found = engine::findings(&engine::Facts { silent: all, ..engine::Facts::default() });
        found.iter().map(told).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        silent(&[("unix:///a", "connection refused")]),
        "wrong engine: no container engine answers at `unix:///a`: connection refused -> start Docker \
         or Podman, or set DOCKER_HOST to where it listens"
    );
    assert_eq!(
        silent(&[("unix:///a", "permission denied"), ("unix:///b", "no such file or directory")]),
        "wrong engine: no container engine answers; `unix:///a`: permission denied; `unix:///b`: no \
         such file or directory -> this user may not use the socket: add it to the socket's group, or \
         start an engine of its own"
    );
    let host = engine(|_, _, facts| facts.host = Some(Err("it is silent".to_owned())));
    assert_eq!(
        host,
        [
            ENGINE,
            "warn storage: the engine does not say how it keeps images: it is silent -> look into the \
             engine's own log"
        ]
    );
}

#[test]
fn how_much_room_there_is() {
    let found = |purpose, bytes, files| {
        let folder = "/f".to_owned();
        told(&machine::disk(&Disk { purpose, folder, room: Ok(Room { bytes, files }) }))
    };
    let state = "a first build wants 2.0 GB; `bb gc` removes what is not needed; or `--state DIR`, on \
                 another disk";
    let cases = [
        (2_000_000_000, None, "ok disk: 2.0 GB free for the state folder (/f)".to_owned()),
        (1_999_999_999, None, format!("warn disk: 1.9 GB free for the state folder (/f) -> {state}")),
        (200_000_000, None, format!("warn disk: 200 MB free for the state folder (/f) -> {state}")),
        (0, Some(0), format!("wrong disk: 0 MB free for the state folder (/f) -> {state}")),
        (
            99_000_000_000,
            Some(19_999),
            "warn disk: 99.0 GB free for the state folder (/f), but for 19999 files only -> `bb gc` \
             removes what is not needed; or `--state DIR`, on another disk"
                .to_owned(),
        ),
        (99_000_000_000, Some(20_000), "ok disk: 99.0 GB free for the state folder (/f)".to_owned()),
        (u64::MAX, None, "ok disk: 18446744073.7 GB free for the state folder (/f)".to_owned()),
    ];
    for (bytes, files, finding) in cases {
        assert_eq!(found(Purpose::State, bytes, files), finding);
    }
    assert!(
        found(Purpose::Engine, 10_000_000_000, None).starts_with("ok disk: 10.0 GB free for the")
    );
    assert!(found(Purpose::Engine, 9_999_999_999, None).starts_with("warn "));
    assert!(found(Purpose::Engine, 999_999_999, None).starts_with("wrong "));
    assert!(found(Purpose::Temporary, 99_000_000, None).ends_with("there, or set TMPDIR"));
    let unknown = Disk {
        purpose: Purpose::Engine,
        folder: "/f".to_owned(),
        room: Err("no answer within 5 s".to_owned()),
    };
    assert_eq!(
        told(&machine::disk(&unknown)),
        "warn disk: how much is free in /f is not known: no answer within 5 s -> the engine is there"
    );
}

#[test]
fn what_a_file_system_does() {
    let good = FileSystem {
        folder: "/f".to_owned(),
        refused: None,
        whole_seconds: false,
        one_case: false,
    };
    let word = |tried: FileSystem| machine::file_system(&tried).verdict;
    assert_eq!(word(good.clone()), Verdict::Ok);
    assert_eq!(word(FileSystem { whole_seconds: true, ..good.clone() }), Verdict::Warn);
    assert_eq!(word(FileSystem { one_case: true, ..good.clone() }), Verdict::Warn);
    assert_eq!(word(FileSystem { refused: Some("no".to_owned()), ..good }), Verdict::Wrong);
}

#[test]
fn what_the_machine_allows_and_has() {
    let watches =
        |most, watchers, folders| told(&machine::watches(Watches { most, watchers, folders }));
    assert_eq!(
        watches(Some(8_192), Some(128), 7),
        "ok inotify: 8192 folders may be watched; `bb watch` needs 7 here"
    );
    assert_eq!(
        watches(Some(8_192), Some(128), 8_000),
        "warn inotify: 8192 folders may be watched; `bb watch` needs 8000 here -> `sysctl -w \
         fs.inotify.max_user_watches=65536`, as root"
    );
    assert_eq!(
        watches(Some(8_192), Some(1), 7),
        "warn inotify: few programs of a user may watch folders: no more than 1 -> `sysctl -w \
         fs.inotify.max_user_instances=128`, as root"
    );
    assert!(watches(None, None, 7).starts_with("skip inotify: "));
    for (said, verdict) in [
        (None, Verdict::Warn),
        (Some(("LANG", "C")), Verdict::Warn),
        (Some(("LC_ALL", "de_DE.ISO-8859-1")), Verdict::Warn),
        (Some(("LANG", "C.UTF-8")), Verdict::Ok),
        (Some(("LC_CTYPE", "de_DE.utf8@euro")), Verdict::Ok),
    ] {
        assert_eq!(machine::locale(said).verdict, verdict, "{said:?}");
    }
    let tools = Tools { there: vec!["make"], missing: vec!["bmake", "ninja"], ..Tools::default() };
    assert_eq!(told(&machine::tools(&tools)), "ok tools: make; not there: bmake, ninja");
    let with = Tools { compose: Some("docker compose".to_owned()), chains: true, ..tools.clone() };
    assert_eq!(
        told(&machine::tools(&with)),
        "ok tools: make, docker compose; not there: bmake, ninja"
    );
    assert_eq!(
        told(&machine::tools(&Tools { chains: true, ..tools })),
        "warn tools: make; not there: bmake, ninja; no compose tool -> the project has chains: install \
         `docker compose` or `docker-compose`"
    );
    assert_eq!(told(&machine::tools(&Tools::default())), "ok tools: none");
}

/// Noon of some day of March 2026.
fn march(day: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_772_280_000 + day * 86_400)
}

#[test]
fn how_long_keys_last() {
    let key = |primary, uses: &str, expires| Key { primary, uses: uses.to_owned(), expires };
    let found = |keys: Vec<Key>| {
        let certs = vec![Cert { fingerprint: "AB".to_owned(), keys }];
        let facts = trust::Facts { certs, refused: None, skipped: false, now: march(1) };
        trust::keys(&facts).iter().map(told).collect::<Vec<_>>().join("\n")
    };
    let refresh = "-> `bb keys refresh` fetches the pinned certificates again";
    let (main, sign) = (|end| key(true, "certify", end), |end| key(false, "sign", end));
    let cases = [
        (vec![], format!("wrong keys: AB is missing {refresh}")),
        (vec![main(None)], format!("wrong keys: AB has no key that may sign {refresh}")),
        (vec![main(None), sign(None)], "ok keys: AB never expires".to_owned()),
        (vec![key(true, "certify+sign", None)], "ok keys: AB never expires".to_owned()),
        (
            vec![main(None), key(false, "revoked", None)],
            format!("wrong keys: AB has no key that may sign {refresh}"),
        ),
        (
            vec![key(true, "revoked", None), sign(None)],
            format!("wrong keys: AB is revoked by its owner {refresh}"),
        ),
        (
            vec![main(Some(march(1) - Duration::from_secs(1))), sign(None)],
            format!("wrong keys: AB expired on 2026-03-01 {refresh}"),
        ),
        (
            vec![main(None), sign(Some(march(0)))],
            format!("wrong keys: AB expired on 2026-02-28 {refresh}"),
        ),
        (
            vec![main(Some(march(31))), sign(Some(march(90)))],
            format!("warn keys: AB expires on 2026-03-31, in 30 days {refresh}"),
        ),
        (
            vec![main(None), sign(Some(march(2)))],
            format!("warn keys: AB expires on 2026-03-02, in 1 day {refresh}"),
        ),
        // The signing key that lasts longest counts.
        (
            vec![main(Some(march(99))), sign(Some(march(0))), sign(Some(march(32)))],
            "ok keys: AB expires on 2026-04-01, in 31 days".to_owned(),
        ),
        (
            vec![main(Some(march(32))), sign(Some(march(0))), sign(None)],
            "ok keys: AB expires on 2026-04-01, in 31 days".to_owned(),
        ),
    ];
    for (keys, finding) in cases {
        assert_eq!(found(keys), finding);
    }
    let cert = |fingerprint: &str, keys| Cert { fingerprint: fingerprint.to_owned(), keys };
    let facts = trust::Facts {
        certs: vec![cert("AB", vec![]), cert("CD", vec![key(true, "sign", None)])],
        refused: Some(("no".to_owned(), None)),
        skipped: true,
        now: march(1),
    };
    assert_eq!(
        trust::keys(&facts).iter().map(told).collect::<Vec<_>>(),
        [
            "warn keys: verification is skipped -> nobody vouches for what goes into the images: unset \
             BB_SKIP_VERIFY",
            &format!("wrong keys: no {refresh}"),
            "ok keys: CD never expires",
        ]
    );
}

#[test]
fn whose_clock_is_right() {
    let found = |offsets: &[(&str, i64)]| {
        let witness = |(who, offset): &(&str, i64)| {
            let by = Duration::from_secs(offset.unsigned_abs());
            let says = if *offset < 0 { march(1) - by } else { march(1) + by };
            Witness { who: (*who).to_owned(), says, here: march(1) }
        };
        told(&trust::clock(&offsets.iter().map(witness).collect::<Vec<_>>()))
    };
    let set = "-> set it (`timedatectl set-ntp true`): signatures and stamps go wrong";
    assert_eq!(found(&[]), "skip clock: there is nobody to compare it with");
    assert_eq!(found(&[("A", 300), ("B", -300)]), "ok clock: agrees with A and B");
    assert_eq!(found(&[("A", 301)]), format!("wrong clock: 5 min behind A {set}"));
    assert_eq!(
        found(&[("A", -3_660), ("B", -400)]),
        format!("wrong clock: 1 h 01 min ahead of A {set}")
    );
    assert_eq!(found(&[("A", 86_400 * 40)]), format!("wrong clock: 40 days behind A {set}"));
    assert_eq!(
        found(&[("A", 3_600), ("B", 0)]),
        "warn clock: 1 h 00 min behind A, but agrees with B -> the clock of A may be wrong"
    );
}

#[test]
fn one_mirror_that_can_be_used_is_enough() {
    let found = |answers: &[Answer]| {
        let mirror = |answer: &Answer| Mirror { name: "m".to_owned(), answer: answer.clone() };
        let mirrors = answers.iter().map(mirror).collect::<Vec<_>>();
        project::mirrors(&mirrors).iter().map(|found| found.verdict).collect::<Vec<_>>()
    };
    let (failed, lacks) = (Answer::Failed("x".to_owned()), Answer::Lacks("x".to_owned()));
    assert_eq!(found(&[failed.clone(), Answer::Has]), [Verdict::Warn, Verdict::Ok]);
    assert_eq!(found(&[failed, lacks.clone()]), [Verdict::Wrong, Verdict::Wrong]);
    assert_eq!(found(&[Answer::Offline, lacks]), [Verdict::Skip, Verdict::Warn]);
    assert_eq!(found(&[]), [Verdict::Ok; 0]);
}

#[test]
fn what_is_said_of_projects() {
    use project::Facts;
    let lock = Some(("20260301T000000Z".to_owned(), "20260301".to_owned()));
    for (facts, finding) in [
        (Facts::Outside, "skip project: no `bb.toml`, here or above: defaults are judged below"),
        (
            Facts::Broken("bb.toml:2: no".to_owned(), None),
            "wrong project: bb.toml:2: no -> correct it; `bb status` shows the place",
        ),
        (
            Facts::Read { docks: 0, lock: None, needs_lock: false },
            "warn project: there are no docks -> `bb new NAME` makes one",
        ),
        (Facts::Read { docks: 1, lock: None, needs_lock: false }, "ok project: 1 dock"),
        (
            Facts::Read { docks: 2, lock: None, needs_lock: true },
            "warn project: 2 docks; nothing is pinned yet -> `bb build` pins the newest stage3 and \
             snapshot",
        ),
        (
            Facts::Read { docks: 2, lock, needs_lock: true },
            "ok project: 2 docks; stage3 20260301T000000Z, snapshot 20260301",
        ),
    ] {
        assert_eq!(told(&project::project(&facts)), finding);
    }
}

#[test]
fn who_is_logged_in() {
    let found = |registries: &[&str], helpers: &[(&str, bool)], wanted: Option<&str>| {
        let registries = registries.iter().map(|name| (*name).to_owned()).collect();
        let helpers = helpers.iter().map(|(name, there)| ((*name).to_owned(), *there)).collect();
        let kept = Ok(Some(Kept { registries, helpers }));
        let wanted = wanted.map(str::to_owned);
        told(&login::finding(&login::Facts { file: "f".to_owned(), kept, wanted }))
    };
    assert_eq!(found(&[], &[], None), "ok login: at no registry");
    assert_eq!(found(&["a", "b"], &[], Some("b")), "ok login: a, b");
    assert_eq!(
        found(&["a"], &[], Some("b")),
        "warn login: nobody is logged in at b, which `namespace` names -> `docker login b`, before `bb \
         push`"
    );
    assert_eq!(
        found(&["a"], &[("pass", true)], Some("b")),
        "ok login: a, with docker-credential-pass"
    );
    assert_eq!(
        found(&["a"], &[("pass", false)], None),
        "warn login: f names the helper `docker-credential-pass`, which is not in PATH -> install it, \
         or remove it from that file"
    );
    let kept = Err("permission denied".to_owned());
    let bad = login::Facts { file: "f".to_owned(), kept, wanted: None };
    assert_eq!(
        told(&login::finding(&bad)),
        "warn login: f cannot be read: permission denied -> `bb push` reads it: correct it, or `docker \
         login`"
    );
}

#[test]
fn a_long_answer_is_cut_and_only_what_is_wrong_counts() {
    let long = Finding::ok("x", &"é".repeat(1_000));
    assert_eq!(long.text.chars().count(), LONGEST / 2 + 1);
    let warn = Finding::warn("x", "", "");
    assert!(is_healthy(&[long.clone(), warn.clone(), Finding::skip("x", "")]));
    assert!(!is_healthy(&[long, warn, Finding::wrong("x", "", "")]));
}
