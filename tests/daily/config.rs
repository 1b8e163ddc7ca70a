//! `bb config`: every setting with its value and its source. No engine is asked.

use serde_json::{Value, json};
use support::fake::engine::World;
use support::fake::room::{Room, Run};

/// A project with these settings and these variables, and no engine.
fn room(settings: &str, env: &[(&str, &str)]) -> Room {
    let mut room = Room::new(World::default());
    room.write("bb.toml", settings);
    let set = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    room.env = env.iter().map(set).chain([("DOCKER_HOST".into(), "unix:///none".into())]).collect();
    room
}

/// `bb config ARGS`, with `HOME` for the folder of the user.
fn config(room: &Room, args: &[&str]) -> Run {
    let run = room.run("bb", &[&["config"], args].concat());
    let home = room.path("").parent().unwrap().display().to_string();
    Run { text: run.text.replace(&home, "HOME"), ..run }
}

#[track_caller]
fn says(room: &Room, args: &[&str], code: i32, text: &str) {
    let run = config(room, args);
    assert_eq!((run.text.as_str(), run.code), (text, Some(code)));
}

/// Nobody has said anything about them: in the place of `LIMITS`.
const LIMITS: &str = "\
limits.result_size     default      32 GiB
limits.result_time     default      3600
limits.list_size       default      64 MiB
limits.packages        default      50000
limits.sources         default      20000
limits.source_size     default      8 GiB
limits.manifests_size  default      16 MiB
limits.package_size    default      8 GiB
limits.settings_size   default      16 MiB
limits.variables_size  default      16 MiB
limits.changes         default      200000
limits.changes_size    default      2 GiB
limits.log_size        default      1 GiB
limits.entries         default      1000000
limits.depth           default      256
limits.record_size     default      1 MiB
limits.names_size      default      256 MiB
limits.unpacked        default      64 GiB
limits.expansion       default      250
limits.zstd_window     default      128 MiB
limits.config_size     default      8 MiB
limits.read_size       default      512 MiB
limits.snapshot_size   default      1 GiB
";

/// A table with its limits, in which the column of sources has a width.
fn with_limits(table: &str, width: usize) -> String {
    let source = format!("  {:width$}  ", "default");
    table.replace("LIMITS\n", &LIMITS.replace("  default      ", &source))
}

const DEFAULTS: &str = "\
NAME                   FROM         VALUE
namespace              default      gentoobb
tag                    default      latest
maintainer             default      nobody
docks                  default      bb-dock
exclude                default
mirrors                default      https://distfiles.gentoo.org
distdir                default
arch                   default      amd64
flavour                default      nomultilib-openrc
source_date_epoch      default      1262304000
caches                 default      gentoo-bb
builder.processes      default      16384
builder.memory         default
engine                 DOCKER_HOST  unix:///none
made_by_make           default
net.least_rate         default      1024
net.ca                 default
registry.insecure      default
store.url              default
store.pull             default      yes
store.push             default      no
store.trust            default
store.key              default
launcher               default
project.links          default
date                   default
trust.keyring          default      /usr/share/openpgp-keys/gentoo-release.asc
trust.fingerprints     default      13EBBDBEDE7A12775DFDB1BABB572E0E2D182910
                                    DCD05B71EAB94199527F44ACDB6B8C1F96D8BF6D
trust.key_urls         default      https://qa-reports.gentoo.org/output/service-keys.gpg
                                    https://gentoo.org/.well-known/openpgpkey/hu/wtktzo4gyuhzu8a4z5fdj3fgmr1u6tob?l=releng
                                    https://gentoo.org/.well-known/openpgpkey/hu/gzhmqtt9d5d1y1bw4ufs47npj5wn8pyx?l=infrastructure
own_keys               HOME         HOME/.local/share/gentoo-bb/keys
skip_verify            default      false
LIMITS
build.CFLAGS           default      -O2 -pipe
state                  default      .bb
color                  default      auto
";

#[test]
fn where_nobody_says_anything_all_are_defaults() {
    let empty = room("", &[]);
    says(&empty, &[], 0, &with_limits(DEFAULTS, 11));
    // The shipped settings say in comments what the defaults are: with all of them in force, only the
    // sources differ.
    let shipped = include_str!("../../bb.toml").replace("# ", "#");
    let is_setting = |line: &&str| !line.starts_with('#') || line.contains([']', '=', '"']);
    let shipped = shipped.lines().filter(is_setting).map(|line| line.trim_start_matches('#'));
    let shipped = shipped.filter(|line| !line.contains("example.org") && !line.contains("MIT"));
    let shipped = room(&(shipped.collect::<Vec<_>>().join("\n") + "\n"), &[]);
    let values = |room: &Room| {
        let all = serde_json::from_str::<Vec<Value>>(&config(room, &["--json"]).ok().text).unwrap();
        let value = |one: &Value| (one["name"].to_string(), one["value"].clone());
        all.iter().map(value).filter(|(name, _)| !name.contains("USE")).collect::<Vec<_>>()
    };
    assert_eq!(values(&shipped), values(&empty));
}

const SETTINGS: &str = "\
namespace = \"me\"
tag = \"1\"
mirrors = [
  \"https://me:secret@mirror.example/gentoo\",
  \"./mirror\",
]
arch = \"arm64\"
made_by_make = [\"bb-dock/a/made\"]
[trust]
fingerprints = [\"13EBBDBEDE7A12775DFDB1BABB572E0E2D182910\"]
keyring = \"keys.asc\"
key_urls = [\"https://token@keys.example/\"]
[build]
CFLAGS = \"-O1\"
USE = \"-nls\"
[labels]
revision = \"0\"
vendor = \"one\\ntwo\"
[task.notes]
run = \"make notes\"
";

#[test]
fn a_setting_of_the_project_is_shown_with_its_line() {
    says(
        &room(SETTINGS, &[]),
        &["--color", "never", "--state", "elsewhere"],
        0,
        &with_limits(
            "NAME                   FROM         VALUE\n\
         namespace              bb.toml:1    me\n\
         tag                    bb.toml:2    1\n\
         maintainer             default      nobody\n\
         docks                  default      bb-dock\n\
         exclude                default\n\
         mirrors                bb.toml:3    https://***@mirror.example/gentoo\n\
         \x20                                   ./mirror\n\
         distdir                default\n\
         arch                   bb.toml:7    arm64\n\
         flavour                default      nomultilib-openrc\n\
         source_date_epoch      default      1262304000\n\
         caches                 default      gentoo-bb\n\
         builder.processes      default      16384\n\
         builder.memory         default\n\
         engine                 DOCKER_HOST  unix:///none\n\
         made_by_make           bb.toml:8    bb-dock/a/made\n\
         net.least_rate         default      1024\n\
         net.ca                 default\n\
         registry.insecure      default\n\
         store.url              default\n\
         store.pull             default      yes\n\
         store.push             default      no\n\
         store.trust            default\n\
         store.key              default\n\
         launcher               default\n\
         project.links          default\n\
         date                   default\n\
         trust.keyring          bb.toml:11   keys.asc\n\
         trust.fingerprints     bb.toml:10   13EBBDBEDE7A12775DFDB1BABB572E0E2D182910\n\
         trust.key_urls         bb.toml:12   https://***@keys.example/\n\
         own_keys               HOME         HOME/.local/share/gentoo-bb/keys\n\
         skip_verify            default      false\n\
         LIMITS\n\
         build.CFLAGS           bb.toml:14   -O1\n\
         build.USE              bb.toml:15   -nls\n\
         labels.revision        bb.toml:17   0\n\
         labels.vendor          bb.toml:18   one\\ntwo\n\
         task.notes             bb.toml:19   make notes\n\
         state                  --state      elsewhere\n\
         color                  --color      never\n",
            11,
        ),
    );
}

const ENVIRONMENT: [(&str, &str); 15] = [
    ("NAMESPACE", "jdoe"),
    ("TAG", ""),
    ("AUTHOR", "J. Doe"),
    ("EXCLUDE", "a, b"),
    ("MIRROR", "http://u:p@m.example,/srv/m"),
    ("BB_DISTDIR", "/srv/distfiles"),
    ("REVISION", "abc"),
    ("DATE", "20261122"),
    ("BB_KEYRING", "/keys"),
    ("BB_FINGERPRINTS", "DCD05B71EAB94199527F44ACDB6B8C1F96D8BF6D"),
    ("BB_KEY_URLS", "http://k.example/"),
    ("BB_SKIP_VERIFY", "1"),
    ("BB_STATE", "from-env"),
    ("NO_COLOR", "1"),
    ("XDG_DATA_HOME", "/data"),
];

#[test]
fn a_variable_wins_over_the_project_unless_it_is_empty() {
    says(
        &room(SETTINGS, &ENVIRONMENT),
        &[],
        0,
        &with_limits(
            "NAME                   FROM             VALUE\n\
         namespace              NAMESPACE        jdoe\n\
         tag                    bb.toml:2        1\n\
         maintainer             AUTHOR           J. Doe\n\
         docks                  default          bb-dock\n\
         exclude                EXCLUDE          a\n\
         \x20                                       b\n\
         mirrors                MIRROR           http://***@m.example\n\
         \x20                                       /srv/m\n\
         distdir                BB_DISTDIR       /srv/distfiles\n\
         arch                   bb.toml:7        arm64\n\
         flavour                default          nomultilib-openrc\n\
         source_date_epoch      default          1262304000\n\
         caches                 default          gentoo-bb\n\
         builder.processes      default          16384\n\
         builder.memory         default\n\
         engine                 DOCKER_HOST      unix:///none\n\
         made_by_make           bb.toml:8        bb-dock/a/made\n\
         net.least_rate         default          1024\n\
         net.ca                 default\n\
         registry.insecure      default\n\
         store.url              default\n\
         store.pull             default          yes\n\
         store.push             default          no\n\
         store.trust            default\n\
         store.key              default\n\
         launcher               default\n\
         project.links          default\n\
         date                   DATE             20261122\n\
         trust.keyring          BB_KEYRING       /keys\n\
         trust.fingerprints     BB_FINGERPRINTS  DCD05B71EAB94199527F44ACDB6B8C1F96D8BF6D\n\
         trust.key_urls         BB_KEY_URLS      http://k.example/\n\
         own_keys               XDG_DATA_HOME    /data/gentoo-bb/keys\n\
         skip_verify            BB_SKIP_VERIFY   true\n\
         LIMITS\n\
         build.CFLAGS           bb.toml:14       -O1\n\
         build.USE              bb.toml:15       -nls\n\
         labels.revision        REVISION         abc\n\
         labels.vendor          bb.toml:18       one\\ntwo\n\
         task.notes             bb.toml:19       make notes\n\
         state                  BB_STATE         from-env\n\
         color                  NO_COLOR         never\n",
            15,
        ),
    );
}

#[test]
fn one_setting_is_its_value_alone() {
    let room = room(SETTINGS, &ENVIRONMENT);
    for (name, value) in [
        ("namespace", "jdoe\n"),
        ("exclude", "a\nb\n"),
        ("source_date_epoch", "1262304000\n"),
        ("caches", "gentoo-bb\n"),
        ("builder.processes", "16384\n"),
        ("skip_verify", "true\n"),
        ("labels.vendor", "one\ntwo\n"),
        ("mirrors", "http://***@m.example\n/srv/m\n"),
        ("task.notes", "make notes\n"),
    ] {
        says(&room, &[name], 0, value);
    }
    let keyring = "{\n  \"from\": \"BB_KEYRING\",\n  \"name\": \"trust.keyring\",\n  \
                   \"value\": \"/keys\"\n}\n";
    says(&room, &["trust.keyring", "--json"], 0, keyring);
    let did_you_mean = |wrong: &str, right: &str| {
        format!("error: unknown setting `{wrong}`\nhint: did you mean `{right}`?\n")
    };
    says(&room, &["keyring"], 2, &did_you_mean("keyring", "trust.keyring"));
    says(&room, &["namspace"], 2, &did_you_mean("namspace", "namespace"));
    let nothing = "error: unknown setting `colourfulness`\nhint: `bb config` lists what there is\n";
    says(&room, &["colourfulness"], 2, nothing);
}

#[test]
fn json_has_values_with_their_types() {
    let all = config(&room("exclude = ['a']", &[]), &["--json"]).ok().text;
    let all = serde_json::from_str::<Vec<Value>>(&all).unwrap();
    let of = |name: &str| all.iter().find(|one| one["name"] == name).unwrap().clone();
    let is = |name: &str, value: Value, from: &str| {
        assert_eq!(of(name), json!({ "name": name, "value": value, "from": from }));
    };
    is("exclude", json!(["a"]), "bb.toml:1");
    is("made_by_make", json!([]), "default");
    is("date", json!(null), "default");
    is("skip_verify", json!(false), "default");
    is("source_date_epoch", json!(1_262_304_000), "default");
    is("caches", json!("gentoo-bb"), "default");
    is("builder.processes", json!(16384), "default");
    is("builder.memory", json!(null), "default");
    is("tag", json!("latest"), "default");
}

#[test]
fn settings_that_are_none_are_told_as_everywhere() {
    says(
        &room("tag = \"x\"\nnamspace = 1\n", &[]),
        &[],
        3,
        "error: unknown field `namspace`, expected one of `namespace`, `engine`, `maintainer`, `tag`, `docks`, `launcher`, \
         `exclude`, `mirrors`, `distdir`, `arch`, `flavour`, `source_date_epoch`, `made_by_make`, `project`, \
         `net`, `registry`, `labels`, `trust`, `store`, `caches`, `builder`, `build`, `task`, `secrets`, `limits`\n --> bb.toml:2:1\n  |\n\
         2 | namspace = 1\n  | ^^^^^^^^\n",
    );
    says(
        &room("tag = 1\n", &[]),
        &["tag"],
        3,
        "error: invalid type: integer `1`, expected a string\n --> bb.toml:1:7\n  |\n1 | tag = 1\n  |       ^\n",
    );
    says(
        &room("", &[("NAMESPACE", "Big")]),
        &[],
        3,
        "error: `Big` cannot be used as namespace\n\
         hint: namespace is made of lower-case letters and digits, joined by `.`, `_` or `-`\n",
    );
    let outside = room("", &[]);
    std::fs::remove_file(outside.path("bb.toml")).unwrap();
    says(
        &outside,
        &[],
        3,
        "error: cannot read `bb.toml`: no such file or directory\n\
         hint: a project is a folder with a `bb.toml` and docks in `bb-dock/`\n",
    );
}

/// The context of the docker client leads to the first address.
#[test]
fn the_engine_is_found_as_docker_finds_it() {
    let mut room = room("", &[]);
    room.env = vec![("DOCKER_HOST".into(), String::new()), ("DOCKER_CONTEXT".into(), "far".into())];
    let default = "unix:///var/run/docker.sock\nunix:///run/podman/podman.sock\n";
    // A context that is not there is not another engine's.
    says(&room, &["engine"], 0, "");
    let digest = support::digest("far");
    let meta = r#"{"Endpoints":{"docker":{"Host":"tcp://me:secret@far.example:2375"}}}"#;
    room.write(&format!("../.docker/contexts/meta/{digest}/meta.json"), meta);
    says(&room, &["engine"], 0, "tcp://***@far.example:2375\n");
    let from = config(&room, &["engine", "--json"]).ok().text;
    assert!(from.contains("\"from\": \"docker's context\""), "{from}");
    room.env[1].1 = "default".into();
    // Else it depends on the sockets that this machine has.
    room.env.push(("BB_ENGINE".into(), "docker".into()));
    says(&room, &["engine"], 0, default);
}
