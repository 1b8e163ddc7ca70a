//! Mirrors that lack the file, break, cheat or lead away.

use super::*;

#[tokio::test]
async fn mirrors_in_order() {
    let room = Room::new();
    let missing = Server::start(b"", Mood::Status("404 Not Found")).await;
    let broken = Server::start(b"", Mood::Status("500 Internal Server Error")).await;
    let good = Server::start(&content(), Mood::Good).await;
    let unasked = Server::start(&content(), Mood::Good).await;
    let mirrors = [&*missing.base, &broken.base, &good.base, &unasked.base];
    assert_eq!(room.get(&mirrors, &exact()).await.unwrap().mirror, good.base);
    room.complete();
    assert!(unasked.requests().is_empty());

    let (exit, message, detail) = told(room.get(&mirrors[..2], &any()).await);
    assert_eq!((exit, &*message), (Exit::Step, "cannot fetch `releases/a file.xz`"));
    let lines = [
        format!("  {}: not there", missing.base),
        format!("  {}: answered 500 Internal Server Error", broken.base),
    ];
    assert_eq!(detail, lines.join("\n"));

    let folder = room.dir.path().to_str().unwrap();
    let (exit, message, _) = told(room.get(&[&missing.base, folder], &any()).await);
    assert_eq!((exit, &*message), (Exit::Step, "no mirror has `releases/a file.xz`"));
    assert_eq!(room.get(&[], &any()).await.unwrap_err().exit(), Exit::Config);
}

/// Of sources each address is told whole, and what an answer leads to without its secrets.
#[tokio::test]
async fn whole_addresses_of_all_who_were_asked() {
    let room = Room::new();
    let missing = Server::start(b"", Mood::Status("404 Not Found")).await;
    let leading = Mood::Status("302 Found\r\nLocation: ftp://h/x?token=abc");
    let leading = Server::start(b"", leading).await;
    let wrong = Server::start(&content()[1..], Mood::Good).await;
    let author = "http://127.0.0.1:9/get.php?file=a%2Fb&v=1".to_owned();
    let mut mirrors = [&missing.base, &leading.base].map(|base| Mirror::parse(base).unwrap());
    let mut all = mirrors.to_vec();
    all.extend([Mirror::Author(author.clone()), Mirror::Folder("/none".into())]);
    let ask = async |mirrors: &[Mirror]| {
        let (client, dest) = (&room.client, room.dest());
        client.try_download(mirrors, PATH, &dest, &exact(), &|_, _| ()).await.unwrap().unwrap_err()
    };
    let in_vain = ask(&all).await;
    let lines = [
        format!("{}/releases/a%20file.xz: not there", missing.base),
        format!(
            "{}/releases/a%20file.xz: leads to a `ftp:` address, which is not followed",
            leading.base
        ),
        format!("{author}: is `127.0.0.1`, which is not public: it is not asked"),
        "/none/releases/a file.xz: not there".to_owned(),
    ];
    assert_eq!(in_vain.lines, lines);
    assert_eq!((in_vain.exit, in_vain.offline), (Exit::Step, false));
    mirrors[0] = Mirror::parse(&wrong.base).unwrap();
    assert_eq!(ask(&mirrors).await.exit, Exit::Trust);
}

#[tokio::test]
async fn wrong_content() {
    let mut other = content();
    other[5] ^= 1;
    let room = Room::new();
    let wrong = Server::start(&other, Mood::Good).await;
    let good = Server::start(&content(), Mood::Good).await;
    let done = room.get(&[&wrong.base, &good.base], &exact()).await.unwrap();
    assert_eq!(done.mirror, good.base);
    assert_eq!(done.passed_over, [format!("{}: has another SHA512", wrong.base)]);
    room.complete();
    for (expect, why) in [
        (exact(), "has another SHA512"),
        (Expect { sha512: None, ..exact() }, "has another BLAKE2B"),
        (Expect { size: Some(9), ..exact() }, "has 800000 bytes instead of 9"),
    ] {
        fs::remove_file(room.dest()).unwrap_or_default();
        let (exit, message, detail) = told(room.get(&[&wrong.base], &expect).await);
        let expected = (Exit::Trust, "`releases/a file.xz` is not what was expected");
        assert_eq!((exit, &*message), expected);
        assert_eq!(detail, format!("  {}: {why}", wrong.base));
        assert!(!room.dest().exists() && !room.part().exists());
    }
}

#[tokio::test]
async fn limits_of_size() {
    let room = Room::new();
    let endless = Server::start(b"", Mood::Endless).await;
    let (exit, _, detail) = told(room.get(&[&endless.base], &any()).await);
    let large = "larger than the limit of 10000000 bytes";
    assert_eq!((exit, detail), (Exit::Step, format!("  {}: {large}", endless.base)));
    let expect = Expect { size: Some(5000), ..any() };
    let (exit, _, detail) = told(room.get(&[&endless.base], &expect).await);
    let more = format!("  {}: has more than 5000 bytes", endless.base);
    assert_eq!((exit, detail), (Exit::Trust, more));
    let server = Server::start(&content(), Mood::Good).await;
    let (exit, ..) = told(room.get(&[&server.base], &Expect { max: 799_999, ..any() }).await);
    assert_eq!(exit, Exit::Step);
    assert!(!room.part().exists());
}

#[tokio::test]
async fn wrong_length() {
    let room = Room::new();
    let server = Server::start(&content(), Mood::Announces(900_000)).await;
    let (exit, ..) = told(room.get(&[&server.base], &any()).await);
    assert_eq!(exit, Exit::Step);
    assert!(!room.dest().exists());
}

#[tokio::test]
async fn a_stall_ends() {
    let (room, server) = (Room::new(), Server::start(&content(), Mood::Stalls(0)).await);
    let (exit, _, detail) = told(room.get(&[&server.base], &any()).await);
    let stall = format!("  {}: nothing came for 300ms", server.base);
    assert_eq!((exit, detail), (Exit::Step, stall));
}

#[tokio::test]
async fn redirects() {
    let room = Room::new();
    let secret = room.dir.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let location = format!("302 Found\r\nLocation: file://{}", secret.display());
    let evil = Server::start(b"", Mood::Status(location.leak())).await;
    let (exit, _, detail) = told(room.get(&[&evil.base], &any()).await);
    let refused = format!("leads to `file://{}`, which is not followed", secret.display());
    assert_eq!((exit, detail), (Exit::Step, format!("  {}: {refused}", evil.base)));

    let good = Server::start(&content(), Mood::Good).await;
    let location = format!("302 Found\r\nLocation: {}/elsewhere", good.base);
    let there = Server::start(b"", Mood::Status(location.leak())).await;
    room.get(&[&there.base], &exact()).await.unwrap();
    room.complete();
    let circle = Server::start(b"", Mood::Status("302 Found\r\nLocation: /x")).await;
    let (_, _, detail) = told(room.get(&[&circle.base], &any()).await);
    assert_eq!(detail, format!("  {}: redirected too often", circle.base));
}

#[tokio::test]
async fn folders_and_offline() {
    let room = Room::new();
    let folder = room.dir.path().join("mirror");
    fs::create_dir_all(folder.join("releases")).unwrap();
    fs::write(folder.join(PATH), content()).unwrap();
    let url = format!("file://{}", folder.display());
    let offline = Client::new(true);
    let dest = room.dest();
    let web = Mirror::parse("http://127.0.0.1:9").unwrap();
    let mirrors = [web.clone(), Mirror::parse(&url).unwrap()];
    offline.download(&mirrors, PATH, &dest, &exact(), &|_, _| ()).await.unwrap();
    room.complete();
    let result = offline.download(&mirrors[..1], PATH, &dest, &any(), &|_, _| ()).await;
    let (exit, message, detail) = told(result);
    assert_eq!((exit, &*message), (Exit::Step, "cannot fetch `releases/a file.xz` offline"));
    assert_eq!(detail, "  http://127.0.0.1:9: not asked, because of --offline");
    let bytes = offline.fetch_small(&mirrors, PATH, 1_000_000).await.unwrap();
    assert_eq!(bytes, content());
    assert!(offline.fetch_small(&mirrors[..1], PATH, 10).await.is_err());
}

#[tokio::test]
async fn small_files() {
    let client = Client::new(false);
    let server = Server::start(b"small", Mood::Good).await;
    let missing = Server::start(b"", Mood::Status("410 Gone")).await;
    let mirrors = [&missing.base, &server.base].map(|base| Mirror::parse(base).unwrap());
    assert_eq!(client.fetch_small(&mirrors, "x", 5).await.unwrap(), b"small");
    let error = client.fetch_small(&mirrors[1..], "x", 4).await.unwrap_err();
    assert_eq!(error.details(), [format!("  {}: larger than the limit of 4 bytes", server.base)]);
    let error = client.fetch_small(&mirrors[..1], "x", 4).await.unwrap_err();
    assert_eq!(error.message(), "no mirror has `x`");
    for path in ["../x", "/x", "a/../x"] {
        let error = client.fetch_small(&mirrors, path, 5).await.unwrap_err();
        assert_eq!(error.message(), format!("`{path}` is not a path inside a mirror"));
    }
}
