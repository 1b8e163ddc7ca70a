//! Exactly what a change runs, with real rootfs steps.

use super::Project;

/// Appends to a dock's hook that runs after the packages are in.
const FINISH: &str = "\neval \"finish_before() $(declare -f finish_rootfs_build | tail -n +2)\"\n\
    finish_rootfs_build() { finish_before; echo changed >\"$EMERGE_ROOT/etc/changed\"; }\n";

#[test]
fn a_change_runs_exactly_what_depends_on_it() {
    let project = Project::get();
    let room = &project.room;
    let nothing = || room.bb("build").fails(0, "nothing to do: 25 steps up to date\n");
    nothing();

    room.touch_all(1_000_000_000);
    nothing();

    room.chmod("bb-dock/nginx/etc/nginx/nginx.conf", 0o600);
    room.told("build").ran("image:nginx");
    room.chmod("bb-dock/nginx/etc/nginx/nginx.conf", 0o644);
    room.told("build").ran("image:nginx");

    room.append("bb-dock/busybox/Buildconfig.sh", "# a comment\n");
    room.told("build").ran("rootfs:busybox");

    room.append("bb-dock/nginx/Buildconfig.sh", "# a comment\n");
    let before = room.engine().image_id(&room.image("nginx"));
    room.told("build").ran("rootfs:nginx");
    assert_eq!(room.engine().image_id(&room.image("nginx")), before);

    room.append("bb-dock/nginx/etc/nginx/nginx.conf", "# a comment\n");
    room.told("build").ran("image:nginx");

    room.append("bb-dock/busybox/README.md", "More.\n");
    nothing();

    room.append("bb-dock/nginx/Buildconfig.sh", FINISH);
    room.told("build").ran("rootfs:nginx image:nginx");
    nothing();

    // Everything is built on busybox, and gets its new file from there: only its own rootfs has it.
    room.append("bb-dock/busybox/Buildconfig.sh", FINISH);
    room.told("build").ran(
        "rootfs:busybox rootfs:s6 rootfs:memcached rootfs:openssl rootfs:nginx \
         image:busybox image:s6 image:memcached image:openssl image:nginx",
    );
    nothing();
}

/// With flags of its own, no binary package fits: it is compiled, from upstream's archive.
#[test]
fn nginx_is_really_compiled() {
    let project = Project::get();
    let room = &project.room;
    // Of this run alone, or another run's binary package would fit.
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let flag = format!("-DBB_TEST={now}");
    let hook = format!(
        "\neval \"configure_before() $(declare -f configure_rootfs_build | tail -n +2)\"\n\
         configure_rootfs_build() {{\n\
         \tconfigure_before; package_env www-servers/nginx CFLAGS='-O1 {flag}'\n}}\n"
    );
    room.append("bb-dock/nginx/Buildconfig.sh", &hook);
    room.told("build").ran("rootfs:nginx image:nginx");
    let log = room.read(".bb/logs/rootfs/nginx.log");
    let compiled = log.lines().filter(|l| l.contains(&flag) && l.contains("-c ")).count();
    assert!(compiled > 50, "{compiled} files compiled:\n{log}");
    for line in ["nginx-1.", "Configuring source in", "checking for C compiler", "-o objs/nginx"] {
        assert!(log.contains(line), "no `{line}` in the log:\n{log}");
    }
    let said = room.engine().docker(&[
        "run",
        "--rm",
        "--label",
        &support::sealed::Room::label(),
        "--entrypoint",
        "sh",
        &room.image("nginx"),
        "-c",
        "nginx -V 2>&1",
    ]);
    assert!(said.contains(&flag), "{said}");
}

/// Two projects on one engine share what is imported: neither makes the other's stale.
#[test]
fn a_second_project_on_the_engine_disturbs_nothing() {
    let project = Project::get();
    let other = support::sealed::Room::with_engine().with_mirror(&support::sealed::Mirror::get());
    other.write("bb.lock", &project.room.read("bb.lock"));
    other.dock("empty", "FROM scratch\nADD rootfs.tar /\n", &[]);
    let running = other.start("build empty");
    project.room.bb("build").fails(0, "nothing to do: 25 steps up to date\n");
    running.end().ok();
    project.room.bb("build").fails(0, "nothing to do: 25 steps up to date\n");
    other.bb("build").fails(0, "nothing to do: 13 steps up to date\n");
}
