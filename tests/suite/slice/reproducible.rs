//! The same docks in other surroundings: the same images, by their IDs.

use std::path::Path;
use std::process::Command;

use support::sealed::{Mirror, Room, Run};

use super::{IMAGES, Project};

/// What a build must not take anything from.
struct Surroundings {
    folder: &'static str,
    umask: &'static str,
    locale: &'static str,
    zone: &'static str,
    user: &'static str,
    jobs: &'static str,
}

const HERE: Surroundings = Surroundings {
    folder: "a folder",
    umask: "0022",
    locale: "C",
    zone: "UTC",
    user: "root",
    jobs: "4",
};

const ELSEWHERE: Surroundings = Surroundings {
    folder: "elsewhere/other-name",
    umask: "0077",
    locale: "tr_TR.UTF-8",
    zone: "Pacific/Auckland",
    user: "jdoe",
    jobs: "1",
};

impl Surroundings {
    /// `bb build` in a copy of the room's project.
    fn build(&self, room: &Room, namespace: &str) -> Run {
        let folder = room.dir.join(self.folder);
        std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        copy(&room.path(""), &folder);
        let mut command = Command::new("sh");
        command.args(["-c", "umask \"$1\"; shift; exec \"$@\"", "sh", self.umask]);
        command.args([env!("CARGO_BIN_EXE_bb"), "build", "-j", self.jobs]);
        command.current_dir(&folder);
        room.seal(&mut command);
        command.env("LANG", self.locale).env("LC_ALL", self.locale).env("TZ", self.zone);
        command.env("USER", self.user).env("LOGNAME", self.user).env("NAMESPACE", namespace);
        Run::of(command)
    }
}

/// With modes and links.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

fn id(room: &Room, folder: &str, name: &str) -> String {
    let path = room.dir.join(folder).join(format!(".bb/images/{name}/image.json"));
    let json = serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).unwrap()).unwrap();
    assert!(json["built_by_engine"].is_null(), "{json}");
    json["id"].as_str().unwrap().to_owned()
}

/// All images, from nothing but the binary packages, and nginx compiled anew: a setting of its own that
/// nothing looks at makes that no package fits.
#[test]
fn the_same_docks_elsewhere_give_the_same_images() {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    let (namespace, ids) = {
        let project = Project::get();
        project.restore();
        copy(&project.room.path("bb-dock"), &room.path(""));
        let ids = IMAGES.map(|name| id(&project.room, "project", name));
        (project.room.namespace.clone(), ids)
    };
    let compiled_anew = format!(
        "\neval \"configure_as_before() $(declare -f configure_rootfs_build | tail -n +2)\"\n\
         configure_rootfs_build() {{\n\
         \tconfigure_as_before; package_env www-servers/nginx UNUSED={}\n}}\n",
        std::process::id()
    );
    room.append("bb-dock/nginx/Buildconfig.sh", &compiled_anew);
    ELSEWHERE.build(&room, &namespace).ok();
    let log =
        std::fs::read_to_string(room.dir.join(ELSEWHERE.folder).join(".bb/logs/rootfs/nginx.log"));
    assert!(log.unwrap().contains("checking for C compiler"), "nginx was not compiled");
    for (name, before) in IMAGES.iter().zip(ids) {
        assert_eq!(id(&room, ELSEWHERE.folder, name), before, "{name}");
    }
    // The digests of what is said of the packages are in the images' labels; this list is not.
    for name in IMAGES {
        let list = format!(".bb/images/{name}/packages.json");
        let elsewhere = std::fs::read_to_string(room.dir.join(ELSEWHERE.folder).join(&list));
        assert_eq!(elsewhere.unwrap(), Project::get().room.read(&list), "{name}");
    }
}

/// Everything from source, twice: no binary package fits, for each build has a setting of its own that
/// no package looks at.
#[test]
#[ignore = "compiles everything twice, 15 minutes: cargo test --test suite -- --ignored compiled_twice"]
fn compiled_twice_all_images_are_the_same() {
    let room = Room::with_engine().with_mirror(&Mirror::get());
    copy(&support::checkout().join("bb-dock"), &room.path(""));
    let settings = room.read("bb.toml");
    let namespace = room.namespace.clone();
    for (number, surroundings) in [HERE, ELSEWHERE].iter().enumerate() {
        let own = format!("UNUSED = \"{}.{number}\"\n", std::process::id());
        room.write("bb.toml", &format!("{settings}[build]\n{own}"));
        surroundings.build(&room, &namespace).ok();
    }
    for name in IMAGES {
        assert_eq!(id(&room, HERE.folder, name), id(&room, ELSEWHERE.folder, name), "{name}");
    }
}
