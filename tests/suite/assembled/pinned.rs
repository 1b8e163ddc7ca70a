//! Images on one from elsewhere that only the engine has, as `bb.lock` pins it.

use std::fs;

use serde_json::Value;
use support::sealed::Room;

use super::{compare, files, summary};
use crate::image::Image;

/// Two images that know nothing of the project, by what is in `/f`: their names.
fn foreign(room: &Room) -> [String; 2] {
    ["one", "two"].map(|text| {
        let folder = room.dir.join(text);
        fs::create_dir_all(&folder).unwrap();
        let label = format!("FROM scratch\nLABEL room={}\nCOPY f /\n", room.namespace);
        fs::write(folder.join("Dockerfile"), label).unwrap();
        fs::write(folder.join("f"), text).unwrap();
        let name = format!("elsewhere-{}", room.image(text));
        let args = ["build", "-q", "-t", &name, folder.to_str().unwrap()];
        let out = room.engine().command(&args).env("DOCKER_BUILDKIT", "0").output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        name
    })
}

/// One image is put together by `bb`, one is built by the engine; then the name is another image's, and then the
/// engine has lost the pinned one altogether.
#[test]
fn an_image_of_the_engines_is_built_on_as_it_was_pinned() {
    let room = Room::with_engine();
    let [one, two] = foreign(&room);
    let base = format!("elsewhere-{}", room.image("base"));
    room.engine().docker(&["tag", &one, &base]);
    for (name, rest) in [("assembled", "COPY f /g\n"), ("built", "ADD arch.tar.gz /\n")] {
        room.write(&format!("bb-dock/{name}/Dockerfile.template"), &format!("FROM {base}\n{rest}"));
        room.write(&format!("bb-dock/{name}/Buildconfig.sh"), "");
        files::write(&room.path(format!("bb-dock/{name}")));
    }
    fs::write(room.path("bb-dock/built/arch.tar.gz"), files::COMPRESSED).unwrap();
    room.bb("build").ok();
    assert_eq!(summary(&room, "assembled")["built_by_engine"], Value::Null);
    assert!(
        summary(&room, "built")["built_by_engine"].as_str().unwrap().ends_with("is compressed")
    );
    let text = |name: &str| Image::read(room.engine(), &room.image(name)).text("/f");
    assert_eq!(["assembled", "built"].map(text), ["one", "one"]);

    room.engine().docker(&["tag", &two, &base]);
    room.bb("build").fails(0, "nothing to do: 4 steps up to date\n");
    room.told("build -f").ran("image:assembled image:built");
    assert_eq!(["assembled", "built"].map(text), ["one", "one"]);

    // What was brought is enough.
    room.engine().docker(&["rmi", "-f", &room.image("assembled"), &room.image("built"), &one]);
    assert_eq!(room.told("build").ran("").of_type("put").count(), 2);
    assert_eq!(["assembled", "built"].map(text), ["one", "one"]);
    room.told("build -f").ran("image:assembled image:built");
    assert_eq!(["assembled", "built"].map(text), ["one", "one"]);

    let said = room.bb("update").ok();
    assert!(said.stdout.contains(&format!("base {base}: sha256:")), "{}", said.stdout);
    assert!(said.stdout.contains(" -> sha256:"), "{}", said.stdout);
    room.told("build").ran("image:assembled image:built");
    assert_eq!(["assembled", "built"].map(text), ["two", "two"]);
    room.engine().docker(&["rmi", "-f", &base, &two]);
}

/// Images with hardly any settings: what an instruction reads of them is what Docker's builder takes for it.
#[test]
fn an_image_that_says_little_is_built_on_as_the_engine_does() {
    let room = Room::with_engine();
    let archive = room.dir.join("f.tar");
    fs::write(room.dir.join("f"), &room.namespace).unwrap();
    let tar = |dir: &std::path::Path| {
        std::process::Command::new("tar")
            .arg("-cf")
            .arg(&archive)
            .arg("-C")
            .arg(dir)
            .arg("f")
            .status()
    };
    assert!(tar(&room.dir).unwrap().success());
    let says = ["", "ENV A=1", "ENV PATH=", "WORKDIR /w", "USER 7", "CMD x", "ENTRYPOINT [\"x\"]"];
    for (at, says) in says.iter().enumerate() {
        let name = format!("elsewhere-{}", room.image(&format!("little{at}")));
        room.engine().docker(&["import", "--change", says, archive.to_str().unwrap(), &name]);
        let text = format!(
            "FROM {name}\nENV B=$PATH:/x C=${{A:-none}}\nLABEL p=$PATH\nCMD y\nCOPY f sub/\n"
        );
        super::dock(&room, &format!("on{at}"), &text);
    }
    room.bb("build").ok();
    for (at, says) in says.iter().enumerate() {
        assert_eq!(compare(&room, &format!("on{at}")), None, "{says}");
        room.engine().docker(&[
            "rmi",
            "-f",
            &format!("elsewhere-{}", room.image(&format!("little{at}"))),
        ]);
    }
}
