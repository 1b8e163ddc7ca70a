//! `bb missing`: what the engine does not have is built, and nothing else.

use support::Outcome;

use support::fake::room::says;

use crate::family::{bb, family, not_fresh, nothing_to_do, unbuilt};

#[test]
fn only_what_the_engine_lacks_is_built() {
    let room = family();
    says(&bb(&room, "missing"), 0, "nothing is missing: the engine has all 5 images\n");
    says(&bb(&room, "missing plain"), 0, "nothing is missing: the engine has the only image\n");
    room.write("bb-dock/base/f", "changed");
    room.write("bb-dock/plain/f", "changed");
    room.engine.remove(|name| name == "ns/mid:latest");
    says(&bb(&room, "missing side plain"), 0, "nothing is missing: the engine has all 3 images\n");
    let dry = bb(&room, "missing --dry-run").ok().text;
    assert_eq!(
        not_fresh(&dry),
        [
            "taken image:base as recorded",
            "taken rootfs:base as recorded",
            "put image:mid the engine does not have it",
        ]
    );
    let run = room.told("missing").ran("");
    let put = run.of_type("put").map(|message| message["step"].clone()).collect::<Vec<_>>();
    assert_eq!(put, ["image:mid"], "{run}");
    assert!(run.summary().starts_with("done: 1 image put into the engine, "), "{run}");
    assert!(room.engine.images().contains_key("ns/mid:latest"));
    room.told("build").ran("image:base image:mid image:side image:top image:plain");
    nothing_to_do(&room);
}

#[test]
fn where_nothing_is_built_everything_is_missing() {
    let room = unbuilt();
    let run = room.told("missing side");
    let docks = ["base", "side"].map(|d| format!("dockerfile:{d} rootfs:{d} image:{d}")).join(" ");
    assert_eq!(run.done().len(), 10 + 6, "{run}");
    let executed = run.executed();
    assert!(docks.split(' ').all(|step| executed.get(step) == Some(&Outcome::Done)), "{run}");
    room.told("missing --exclude top")
        .ran("dockerfile:mid rootfs:mid image:mid dockerfile:plain image:plain");
}

/// An image that somebody else has put into the engine cannot be built upon: its parts are not here.
#[test]
fn an_image_from_elsewhere_is_told_where_it_is_needed() {
    let room = unbuilt();
    room.engine.pull("ns/base:latest", 1);
    says(
        &bb(&room, "missing side"),
        1,
        "error: `image:base` was never finished, and is to be taken as it is\n\
         hint: run `bb build base` first\n",
    );
    says(
        &bb(&room, "missing sidee"),
        2,
        "error: unknown image `sidee`\nhint: did you mean `side`?\n",
    );
}

/// Nothing is fetched, or pinned, for what is not there.
#[test]
fn a_name_that_is_none_is_told_before_anything_is_pinned() {
    let room = unbuilt();
    std::fs::remove_file(room.path("bb.lock")).unwrap();
    let told = "error: unknown image `sidee`\nhint: did you mean `side`?\n";
    for args in ["build sidee", "missing sidee"] {
        says(&bb(&room, args), 2, told);
    }
    let step = "error: unknown step `image:sidee`\n";
    assert!(bb(&room, "step image:sidee").text.starts_with(step));
    assert!(!room.path("bb.lock").exists());
}
