//! From one engine to another: what the first one has goes along, so nothing is imported and nothing compiled again.

use serde_json::Value;

use super::Project;
use super::project::IMAGES;

#[test]
fn another_engine_goes_on_where_the_first_one_was() {
    let project = Project::get();
    let room = &project.room;
    let folder = tempfile::tempdir_in(&room.dir).unwrap();
    let store = folder.path().join("store");
    let native = [("BB_ENGINE", "native"), ("BB_NATIVE_DIR", store.to_str().unwrap())];
    let moved = room.bb_with(&native[1..], "engine move docker native");
    assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    let of = |how: &str| moved.stderr.lines().filter(|line| line.starts_with(how)).count();
    assert_eq!(
        (of("copied  gentoo-bb/bob:"), of("copied  gentoo-bb/")),
        (1, 1),
        "{}",
        moved.stderr
    );
    assert!(of("copied  ") >= 1 + 2 + IMAGES.len(), "{}", moved.stderr);
    assert_eq!((of("there "), of("stays ")), (0, 0), "{}", moved.stderr);
    let ids = || {
        IMAGES.map(|name| {
            let text = room.read(&format!(".bb/images/{name}/image.json"));
            serde_json::from_str::<Value>(&text).unwrap()["id"].clone()
        })
    };
    let before = ids();
    room.told_with(&native, "build").ran("");
    // All of it once more, on the builder and of the packages that came along.
    let again = room.told_with(&native, "build -F busybox s6 memcached openssl nginx");
    let steps = IMAGES.map(|name| format!("image:{name} rootfs:{name}"));
    let again = again.ran(&steps.join(" "));
    for name in IMAGES {
        let record = room.read(&format!(".bb/records/rootfs/{name}.json"));
        let record = serde_json::from_str::<Value>(&record).unwrap();
        assert!(record["products"]["cached_ms"].is_string(), "{name} was compiled: {again}");
        assert_ne!(record["products"]["compiling_ms"], record["products"]["cached_ms"], "{name}");
    }
    assert_eq!(ids(), before);
    let once_more = room.bb_with(&native[1..], "engine move docker native");
    assert!(once_more.stderr.contains("there   gentoo-bb/bob:"), "{}", once_more.stderr);
    let back = room.bb_with(&native[1..], "engine move native docker");
    assert_eq!(back.code, Some(0), "{}", back.stderr);
    assert!(back.stderr.contains("there   gentoo-bb/bob:"), "{}", back.stderr);
    room.bb_with(&native, "clean busybox").ok();
    room.told("build").ran("dockerfile:busybox image:busybox rootfs:busybox");
    assert_eq!(ids(), before);
}

#[test]
fn what_cannot_be_moved_is_told() {
    let project = Project::get();
    let room = &project.room;
    room.bb("engine move docker docker").fails(
        2,
        "error: both are the same engine\nhint: `bb engine move docker native`, or the other way round\n",
    );
    let nobody = [("DOCKER_HOST", "unix:///nonexistent/engine.sock")];
    let run = room.bb_with(&nobody, "engine move docker native");
    assert_eq!(run.code, Some(4), "{}", run.stderr);
}
