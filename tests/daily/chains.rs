//! `bb up`, `bb down`, `bb ps`: what the compose tool is told, and what is said. The tool is a script that keeps
//! what it was called with; it starts nothing, the containers are there already.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use support::fake::room::{Room, says};
use support::programs;

use crate::family::{bb, family, unbuilt};

const CHAIN: &str = "services:
  web:
    image: ${NAMESPACE}/plain:${TAG}
    ports: [\"${PORT:-8080}:80\"]
    command: echo $$HOME $HOME ${HOME} ${MAINTAINER}
  db: { image: elsewhere.example/db }
";

/// The only tool is the script, and it does this.
fn tool(room: &mut Room, does: &str) {
    let bin = room.path("bin");
    let called = room.path("called").display().to_string();
    let host = "[ \"$DOCKER_HOST\" ] || exit 9";
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != version ] || exit 0\n{host}\necho \"$*\" >>{called}\n{does}\n"
    );
    room.write("bin/docker-compose", &script);
    room.write("bin/docker", "#!/bin/sh\nexit 1\n");
    for name in ["docker", "docker-compose"] {
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}:/usr/bin:/bin", programs().display(), bin.display());
    room.env = vec![("PATH".to_owned(), path)];
}

/// What the tool was called with since the last question.
fn called(room: &Room) -> String {
    let text = fs::read_to_string(room.path("called")).unwrap_or_default();
    let _ = fs::remove_file(room.path("called"));
    text
}

/// The project, built, with the chain and the tool.
fn chained() -> Room {
    let mut room = family();
    room.write("chains/shop.yaml", CHAIN);
    tool(&mut room, "");
    room
}

fn told(name: &str, image: &str, state: &Value, ports: &Value) -> Value {
    json!({ "Name": format!("/bb-ns_shop_{name}_1"), "Config": { "Image": image }, "State": state,
            "NetworkSettings": { "Ports": ports } })
}

fn start_both(room: &Room, web: &Value) {
    let ports = json!({ "443/tcp": null, "80/tcp": [
        { "HostIp": "0.0.0.0", "HostPort": "8080" }, { "HostIp": "::", "HostPort": "8080" },
        { "HostIp": "127.0.0.1", "HostPort": "81" } ] });
    let web = told("web", "ns/plain:latest", web, &ports);
    let log = "one\n\u{1b}[31mtwo\u{1b}[0m\n";
    room.engine.start_member("bb-ns_shop", "web", web, log);
    let db = told("db", "elsewhere.example/db", &json!({ "Status": "running" }), &json!({}));
    room.engine.start_member("bb-ns_shop", "db", db, "");
    room.engine.start_member("bb-ns-other", "db", json!({}), "");
}

fn healthy() -> Value {
    json!({ "Status": "running", "Health": { "Status": "healthy" } })
}

const FILES: &str = "-p bb-ns_shop -f .bb/chains/shop.yaml --project-directory chains";

#[test]
fn a_chain_goes_up_with_its_images_and_down_as_it_was_started() {
    let room = chained();
    start_both(&room, &healthy());
    room.write("bb-dock/plain/f", "changed");
    room.write("bb-dock/top/f", "changed");
    room.engine.built();
    let run = bb(&room, "up --timeout 30 shop");
    assert_eq!(room.engine.built(), ["plain"], "{}", run.text);
    let end = "start   shop (docker-compose)\n\
         done    shop: 2 containers, 127.0.0.1:81->80/tcp, 8080->80/tcp\n";
    assert!(run.code == Some(0) && run.text.ends_with(end), "{}", run.text);
    let check = format!("{} config -q\n", FILES.replace("shop.yaml", "shop.new.yaml"));
    assert_eq!(called(&room), format!("{check}{FILES} up -d --remove-orphans\n"));
    let text = CHAIN.replace("${NAMESPACE}", "ns").replace("${TAG}", "latest");
    let text = text.replace("${MAINTAINER}", "nobody");
    assert_eq!(fs::read_to_string(room.path(".bb/chains/shop.yaml")).unwrap(), text);

    let list = "CHAIN  RUNNING  PORTS\n\
         shop   2/2      127.0.0.1:81->80/tcp, 8080->80/tcp\n";
    says(&bb(&room, "ps"), 0, list);
    says(
        &bb(&room, "ps shop"),
        0,
        "SERVICE  IMAGE                 STATE             PORTS\n\
         db       elsewhere.example/db  running           -\n\
         web      ns/plain:latest       running, healthy  127.0.0.1:81->80/tcp, 8080->80/tcp\n",
    );

    // Its file has gone: it is listed, and goes down, all the same.
    fs::remove_file(room.path("chains/shop.yaml")).unwrap();
    says(&bb(&room, "ps"), 0, list);
    says(&bb(&room, "down --volumes shop"), 0, "done    shop: 2 containers removed\n");
    assert_eq!(called(&room), format!("{FILES} down --remove-orphans --volumes\n"));
    says(&bb(&room, "ps"), 0, "CHAIN  RUNNING  PORTS\n");
}

#[test]
fn what_is_not_up_is_listed_and_may_be_taken_down() {
    let room = chained();
    says(&bb(&room, "ps"), 0, "CHAIN  RUNNING  PORTS\nshop   0/0      -\n");
    says(&bb(&room, "ps shop"), 0, "SERVICE  IMAGE  STATE  PORTS\n");
    says(&bb(&room, "down shop"), 0, "nothing to do: `shop` is not up\n");
    assert_eq!(called(&room), format!("{FILES} down --remove-orphans\n"));
    assert!(!room.path(".bb/chains/shop.yaml").exists());
    // What an `up` that failed early has left.
    room.write(".bb/chains/shop.yaml", CHAIN);
    let left = "done    shop: no container was left, its networks are removed\n";
    says(&bb(&room, "down shop"), 0, left);
}

#[test]
fn images_are_left_as_they_are_if_asked() {
    let room = chained();
    start_both(&room, &healthy());
    room.write("bb-dock/plain/f", "changed");
    says(
        &bb(&room, "up --no-build shop"),
        0,
        "start   shop (docker-compose)\n\
         done    shop: 2 containers, 127.0.0.1:81->80/tcp, 8080->80/tcp\n",
    );
}

/// Each as soon as it is known, with the log that says why.
#[test]
fn a_container_that_does_not_run_is_told_with_its_log() {
    let hint = "hint: `bb ps shop` shows all containers, `bb down shop` removes them\n";
    let cases = [
        (json!({ "Status": "exited", "ExitCode": 3 }), "", "exited with 3"),
        (json!({ "Status": "dead" }), "", "dead"),
        (
            json!({ "Status": "running", "Health": { "Status": "unhealthy" } }),
            "",
            "running, unhealthy",
        ),
        (
            json!({ "Status": "running", "Health": { "Status": "starting" } }),
            " after 1 second",
            "running, starting",
        ),
        (json!({ "Status": "restarting" }), " after 1 second", "restarting"),
    ];
    let mut room = family();
    room.write("chains/shop.yaml", CHAIN);
    tool(&mut room, "");
    for (state, after, words) in cases {
        room.engine.remove_containers();
        start_both(&room, &state);
        says(
            &bb(&room, "up --no-build --timeout 1 shop"),
            1,
            &format!(
                "start   shop (docker-compose)\n\
                 error: `bb-ns_shop_web_1` is not ready{after}: {words}\n  one\n  [31mtwo[0m\n{hint}"
            ),
        );
    }
    room.engine.remove_containers();
    says(
        &bb(&room, "up --no-build shop"),
        1,
        "start   shop (docker-compose)\nerror: `docker-compose` has started no container\n\
         hint: does each service have a profile?\n",
    );
}

#[test]
fn the_tool_says_itself_why_it_fails() {
    let mut room = chained();
    let does = "echo Pulling db >&2\nprintf 'no\\r\\033such image\\n\\n' >&2\nexit 7";
    tool(&mut room, &format!("case $* in *config*) exit 0 ;; esac\n{does}"));
    let lines = "exit code 7\n  Pulling db\n  no\n  such image\n";
    let up = format!("start   shop (docker-compose)\nerror: `docker-compose up` failed: {lines}");
    let up = format!("{up}hint: `bb down shop` removes what was started\n");
    says(&bb(&room, "up --no-build shop"), 1, &up);
    says(&bb(&room, "down shop"), 1, &format!("error: `docker-compose down` failed: {lines}"));
    // It may be up, for all that is known.
    assert!(room.path(".bb/chains/shop.yaml").exists());
}

/// What is up can be taken down although its file is no Compose file any more.
#[test]
fn a_file_that_the_tool_refuses_replaces_none_that_is_up() {
    let mut room = chained();
    start_both(&room, &healthy());
    bb(&room, "up --no-build shop").ok();
    let before = fs::read_to_string(room.path(".bb/chains/shop.yaml")).unwrap();
    room.write("chains/shop.yaml", "services: { web: { imag: x } }\n");
    tool(&mut room, "case $* in *config*) echo \"./$4 is invalid\"; exit 1 ;; esac");
    let refused =
        "error: `docker-compose` does not take `chains/shop.yaml`\n  chains/shop.yaml is invalid\n";
    says(&bb(&room, "up --no-build shop"), 3, refused);
    let chains = fs::read_dir(room.path(".bb/chains")).unwrap();
    let chains = chains.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(chains, ["shop.yaml"]);
    assert_eq!(fs::read_to_string(room.path(".bb/chains/shop.yaml")).unwrap(), before);
    says(&bb(&room, "down shop"), 0, "done    shop: 2 containers removed\n");
}

/// Every way in which Compose lets a dock's image be named; what is a variable's, is that of the tool's own
/// environment, then of the file `.env` beside the chain.
#[test]
fn however_it_is_named_a_docks_image_is_built() {
    let of = |image: &str| format!("services: {{ web: {{ image: \"{image}\" }} }}\n");
    let base = "services: { app: { image: \"${NAMESPACE}/plain\" }, more: { extends: app } }\n";
    let extends = |more: &str| format!("services: {{ web: {{ extends: {{ {more} }} }} }}\n");
    let ours = [
        of("${NAMESPACE}/plain:${VERSION:-latest}"),
        of("${NAMESPACE}/plain:${VERSION-latest}"),
        of("${NAMESPACE}/${IMG:-plain}"),
        of("${NAMESPACE}/${FROM_ENV:?}"),
        of("${NAMESPACE}/$FROM_FILE"),
        of("${NONE:-${NAMESPACE}}/${FROM_FILE}:${TAG:-x}"),
        of("docker.io/${NAMESPACE}/plain"),
        of("index.docker.io/ns/plain:latest"),
        of("localhost/ns/plain"),
        extends("file: base.yaml, service: app"),
        extends("file: base.yaml, service: more"),
        extends("file: \"${NONE:-base}.yaml\", service: app"),
        "services: { web: { extends: { file: deep/mid.yaml, service: mid } } }\n".to_owned(),
    ];
    let mut room = chained();
    start_both(&room, &healthy());
    room.env.push(("FROM_ENV".to_owned(), "plain".to_owned()));
    room.write("chains/base.yaml", base);
    room.write("chains/.env", "# a comment\nFROM_FILE='plain'\nFROM_ENV=no\n");
    room.write(
        "chains/deep/mid.yaml",
        &extends("file: ../base.yaml, service: more").replace("web", "mid"),
    );
    for (n, text) in ours.iter().enumerate() {
        room.write("chains/shop.yaml", text);
        room.write("bb-dock/plain/f", &format!("{n}"));
        room.engine.built();
        let run = bb(&room, "up shop");
        assert_eq!(room.engine.built(), ["plain"], "{text}: {}", run.text);
    }
    for text in [of("ns/plain:7"), of("quay.io/ns/plain"), of("$$NAMESPACE/plain"), of("nsx/plain")]
    {
        room.write("chains/shop.yaml", &text);
        room.write("bb-dock/plain/f", &text);
        let run = bb(&room, "up shop");
        assert_eq!(room.engine.built(), [""; 0], "{text}: {}", run.text);
    }
}

/// What the tool would refuse is shown where it is written.
#[test]
fn variables_and_files_that_the_tool_cannot_have_are_shown() {
    let room = chained();
    let wrong = |text: &str, error: &str| {
        room.write("chains/shop.yaml", text);
        let run = bb(&room, "up shop");
        assert_eq!(run.code, Some(3), "{}", run.text);
        assert!(run.text.starts_with(error), "{}", run.text);
    };
    wrong(
        "services:\n  a:\n    image: ns/${A:?say it}\n",
        "error: variables in `ns/${A:?say it}` cannot be replaced\n --> chains/shop.yaml:3:12\n",
    );
    wrong(
        "services:\n  a:\n    image: ns/${A\n",
        "error: variables in `ns/${A` cannot be replaced\n --> chains/shop.yaml:3:12\n",
    );
    wrong(
        "services:\n  a:\n    extends:\n      file: none.yaml\n      service: x\n",
        "error: cannot read `chains/none.yaml`: no such file or directory\n --> chains/shop.yaml:4:13\n",
    );
    wrong(
        "services:\n  a:\n    extends:\n      file: shop.yaml\n      service: a\n",
        "error: services extend each other in a circle\n --> chains/shop.yaml:4:13\n",
    );
}

#[test]
fn without_a_tool_nothing_is_built() {
    let mut room = unbuilt();
    room.write("chains/shop.yaml", CHAIN);
    room.env = vec![("PATH".to_owned(), programs().display().to_string())];
    let error = "error: no compose tool is installed: neither `docker compose` nor `docker-compose` answers\n\
         hint: install Docker's compose plugin, or `docker-compose` (Debian: `apt-get install docker-compose`)\n";
    says(&bb(&room, "up shop"), 1, error);
    says(&bb(&room, "down shop"), 1, error);
    assert_eq!(room.engine.built(), Vec::<String>::new());
}

#[test]
fn a_name_that_is_no_chain_is_refused() {
    let room = unbuilt();
    let none = "error: there is no folder `chains`\n\
         hint: a chain is a Compose file `chains/NAME.yaml`; there is none yet\n";
    says(&bb(&room, "up shop"), 2, none);
    says(&bb(&room, "ps"), 0, "CHAIN  RUNNING  PORTS\n");
    room.write("chains/shop.yaml", CHAIN);
    for verb in ["up", "down", "ps"] {
        let unknown = "error: unknown chain `shopp`\nhint: did you mean `shop`?\n";
        says(&bb(&room, &format!("{verb} shopp")), 2, unknown);
        for name in ["../shop", "shop/", "Shop", "a_b", ".", "-a-"] {
            let refused = format!(
                "error: `{name}` cannot be the name of a chain\n\
                 hint: use lower-case letters and digits, with dashes between them\n"
            );
            says(&bb(&room, &format!("{verb} -- {name}")), 2, &refused);
        }
    }
    room.engine.go_down();
    let run = bb(&room, "up shop");
    assert_eq!(run.code, Some(4), "{}", run.text);
}

#[test]
fn a_file_that_is_no_chain_is_shown_where_it_is_wrong() {
    let room = unbuilt();
    let wrong = |text: &str, error: &str| {
        room.write("chains/bad.yaml", text);
        says(&bb(&room, "up bad"), 3, error);
    };
    wrong(
        "services:\n  a:\n    image: ${NAMESPACE}/plian\n",
        "error: no dock makes the image `ns/plian`\n --> chains/bad.yaml:3:12\n  |\n\
         3 |     image: ${NAMESPACE}/plian\n  |            ^^^^^^^^^^^^^^^^^^\n\
         hint: did you mean `plain`?\n",
    );
    wrong(
        "# ${MAINTAINER}\nservices:\n  a: {}\n  a: {}\n",
        "error: duplicate mapping key `a` is not allowed here\n --> chains/bad.yaml:4:3\n  |\n\
         4 |   a: {}\n  |   ^\n",
    );
    let none = "error: `chains/bad.yaml` has no `services`\nhint: a chain is a Compose file: `services:`, \
         and below it a name and an `image:` each\n";
    wrong("", none);
    wrong("version: '3'\n", none);
    fs::remove_file(room.path("chains/bad.yaml")).unwrap();
    fs::create_dir(room.path("chains/bad.yaml")).unwrap();
    says(&bb(&room, "up bad"), 3, "error: cannot read `chains/bad.yaml`: is a directory\n");
    room.write("chains/large.yaml", &"#".repeat((1 << 20) + 1));
    let large = "error: `chains/large.yaml` has more than 1 MiB (`file_size`: bytes of a text file of a project)\n\
        hint: make it smaller; this limit is fixed\n";
    says(&bb(&room, "up large"), 3, large);
    fs::write(room.path("chains/bytes.yaml"), b"a: \xff\n").unwrap();
    let run = bb(&room, "up bytes");
    assert_eq!(run.code, Some(3), "{}", run.text);
}

/// Nine levels of nine aliases each are 387 million names.
#[test]
fn aliases_of_aliases_end_soon() {
    let room = unbuilt();
    let mut text = String::from("x0: &x0 lol\n");
    for level in 1..10 {
        let before = format!("*x{}, ", level - 1).repeat(9);
        text.push_str(&format!("x{level}: &x{level} [{before}]\n"));
    }
    room.write("chains/bad.yaml", &format!("{text}services: {{ a: {{ image: *x9 }} }}\n"));
    let run = bb(&room, "up bad");
    assert_eq!(run.code, Some(3), "{}", run.text);
}

/// A tag that no build gives is of an image from elsewhere, and with such images alone nothing is built.
#[test]
fn only_images_that_a_build_tags_are_built() {
    let mut room = unbuilt();
    tool(&mut room, "");
    room.settings("tag = \"2\"\n", "");
    room.write("chains/shop.yaml", "services: { a: { image: ns/gone:1 }, b: { image: a/ns/b } }\n");
    start_both(&room, &healthy());
    bb(&room, "up shop").ok();
    assert_eq!(room.engine.built(), Vec::<String>::new());
    room.write(
        "chains/shop.yaml",
        "services: { a: { image: ns/plain }, b: { image: 'ns/plain:2' } }\n",
    );
    bb(&room, "up shop").ok();
    assert_eq!(room.engine.built(), ["plain"]);
}
