//! `-f -F -c -C -n` and their combinations, `--exclude`, `EXCLUDE`: exactly which steps are executed.

use support::fake::room::says;

use crate::family::{STEPS, bb, family, not_fresh, nothing_to_do, unbuilt};

/// What is given, and what is executed in a project that is up to date: imports, builder, rootfs and image
/// of these docks.
#[rustfmt::skip]
const TABLE: [(&str, &str, &str, &str, &str); 24] = [
    // given            imports           builder  rootfs               image
    ("top",             "",               "",      "",                  ""),
    ("-f top",          "",               "",      "",                  "base mid top"),
    ("-F top",          "",               "",      "base mid top",      "base mid top"),
    ("-c top",          "",               "bob",   "base mid top",      "base mid top"),
    ("-C top",          "stage3 portage", "bob",   "base mid top",      "base mid top"),
    ("-fFcC top",       "stage3 portage", "bob",   "base mid top",      "base mid top"),
    ("-F -f top",       "",               "",      "base mid top",      "base mid top"),
    ("-fc top",         "",               "bob",   "base mid top",      "base mid top"),
    ("-n top",          "",               "",      "",                  ""),
    ("-nf top",         "",               "",      "",                  "top"),
    ("-nF top",         "",               "",      "top",               "top"),
    ("-nc top",         "",               "bob",   "top",               "top"),
    ("-nC top",         "stage3 portage", "bob",   "top",               "top"),
    ("-f base",         "",               "",      "",                  "base"),
    ("-nF mid side",    "",               "",      "mid side",          "mid side"),
    ("-F mid side",     "",               "",      "base mid side",     "base mid side"),
    ("-C plain",        "",               "",      "",                  "plain"),
    ("-f",              "",               "",      "",                  "base mid top side plain"),
    ("-F",              "",               "",      "base mid top side", "base mid top side plain"),
    ("-c",              "",               "bob",   "base mid top side", "base mid top side plain"),
    ("-C",              "stage3 portage", "bob",   "base mid top side", "base mid top side plain"),
    ("-f --exclude top,side", "",         "",      "",                  "base mid plain"),
    ("-f rootfs:mid",   "",               "",      "mid",               ""),
    ("-nF rootfs:mid",  "",               "",      "mid",               ""),
];

#[test]
fn each_flag_executes_what_it_says_and_leaves_the_project_up_to_date() {
    let room = family();
    for (given, imports, builder, rootfs, images) in TABLE {
        let of = |kind: &str, names: &str| {
            let ids = names.split_whitespace().map(|name| format!("{kind}:{name} "));
            ids.collect::<Vec<_>>().concat()
        };
        let wanted = of("import", imports) + &of("builder", builder);
        let wanted = wanted + &of("rootfs", rootfs) + &of("image", images);
        println!("bb build {given}");
        let dry = bb(&room, &format!("build --dry-run {given}")).ok().text;
        let asked = dry.lines().filter(|line| line.starts_with("stale  "));
        assert!(asked.clone().all(|line| line.ends_with("  asked for")), "{dry}");
        assert_eq!(asked.count(), wanted.split_whitespace().count(), "{dry}");
        room.told(&format!("build {given}")).ran(&wanted);
        nothing_to_do(&room);
    }
}

#[test]
fn asking_again_says_why_and_how_much_was_taken_as_it_was() {
    let room = family();
    let run = bb(&room, "build -n mid");
    says(&run, 0, "nothing to do: 13 steps up to date, 2 taken as recorded\n");
    let lines = |args: &str| {
        let text = bb(&room, args).ok().text;
        text.lines().map(|line| line.split(" in 0.").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(lines("build -nf mid")[..2], ["start   image:mid (asked for)", "done    image:mid"]);
    let dry = lines("build -nF --dry-run mid");
    assert_eq!(
        not_fresh(&dry.join("\n")),
        [
            "taken image:base as recorded",
            "taken rootfs:base as recorded",
            "stale rootfs:mid asked for",
            "stale image:mid asked for",
        ]
    );
}

/// What is stale runs as well, for the reason that it is stale for.
#[test]
fn what_is_stale_is_built_besides_what_is_asked_for() {
    let room = family();
    room.write("bb-dock/mid/f", "changed");
    let run = room.told("build -f top").ran("image:base image:mid image:top");
    assert_eq!(run.reason("image:mid"), "bb-dock/mid/f changed");
    assert_eq!(run.reason("image:base"), "asked for");
    nothing_to_do(&room);
}

/// Whatever has become of the docks below, and the next build catches up with all of it.
#[test]
fn without_dependencies_no_other_dock_is_judged() {
    let room = family();
    room.write("bb-dock/base/f", "changed");
    room.write("bb-dock/base/Buildconfig.sh", "PACKAGES=x\n");
    room.write("bb-dock/top/f", "changed");
    room.engine.remove(|name| name == "ns/mid:latest");
    room.told("build -n top").ran("image:top");
    room.told("build").ran(
        "rootfs:base image:base rootfs:mid image:mid rootfs:top image:top rootfs:side image:side",
    );
    nothing_to_do(&room);
}

#[test]
fn without_dependencies_and_without_a_name_is_refused() {
    let room = family();
    for args in ["build -n", "build -nf", "build -nC --dry-run"] {
        says(
            &bb(&room, args),
            2,
            "error: -n builds no dependencies, so it needs the name of an image\n\
             hint: name what to build: `bb build -n IMAGE`\n",
        );
    }
}

#[test]
fn a_dock_that_was_never_built_cannot_be_taken_as_it_is() {
    let room = unbuilt();
    let error = "error: `image:base` was never finished, and is to be taken as it is\n\
                 hint: run `bb build base` first\n";
    for args in ["build -n mid", "build -nf mid", "build -nF --dry-run mid"] {
        says(&bb(&room, args), 1, error);
    }
    bb(&room, "build base").ok();
    room.told("build -n mid").ran("dockerfile:mid image:mid rootfs:mid");
    // A build that is broken off has finished nothing.
    std::fs::remove_file(room.path(".bb/stamps/rootfs/base")).unwrap();
    says(
        &bb(&room, "build -nF mid"),
        1,
        "error: `rootfs:base` was never finished, and is to be taken as it is\n\
         hint: run `bb build rootfs:base` first\n",
    );
}

#[test]
fn excluded_images_are_those_of_the_command_line_else_of_the_environment_else_of_the_settings() {
    let mut room = unbuilt();
    room.settings("exclude = [\"base\", \"mid\", \"top\", \"side\"]\n", "");
    room.told("build").ran("dockerfile:plain image:plain");
    room.env = vec![("EXCLUDE".to_owned(), "top side,plain".to_owned())];
    let shared = "fetch:portage.tar.xz fetch:portage.tar.xz.gpgsig fetch:stage3-amd64-nomultilib-openrc.tar.xz \
                  fetch:stage3-amd64-nomultilib-openrc.tar.xz.DIGESTS fetch:stage3-amd64-nomultilib-openrc.tar.xz.asc \
                  verify:stage3 verify:portage import:stage3 import:portage builder:bob ";
    let docks = "dockerfile:base rootfs:base image:base dockerfile:mid rootfs:mid image:mid";
    room.told("build").ran(&format!("{shared}{docks}"));
    room.told("build --exclude top").ran("dockerfile:side rootfs:side image:side");
    // Who is excluded is built where it is named, or stands below.
    room.told("build --exclude top top").ran("dockerfile:top rootfs:top image:top");
    room.told("build -f --exclude base,mid,side,plain").ran("image:base image:mid image:top");
    let all = format!("nothing to do: {STEPS} steps up to date\n");
    says(&bb(&room, "build --exclude="), 0, &all);
    says(
        &bb(&room, "build --exclude plan"),
        2,
        "error: unknown image `plan`\nhint: did you mean `plain`?\n",
    );
}

/// The question is another one: an answer to it is neither looked up nor kept.
#[test]
fn no_answer_is_recalled_for_what_is_asked_for() {
    let room = family();
    nothing_to_do(&room);
    nothing_to_do(&room);
    let traces = || std::fs::read_dir(room.path(".bb/traces")).map_or(0, Iterator::count);
    let before = traces();
    room.told("build -f").ran("image:base image:mid image:plain image:side image:top");
    says(
        &bb(&room, "build -n top"),
        0,
        "nothing to do: 13 steps up to date, 2 taken as recorded\n",
    );
    assert_eq!(traces(), before);
}
