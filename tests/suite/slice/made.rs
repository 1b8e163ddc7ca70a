//! What `bb new` makes is built by real Portage, as it is.

use super::Project;
use crate::image::Image;

/// Removes the dock also if the test fails.
struct Made<'a>(&'a Project, &'static str);

impl Drop for Made<'_> {
    fn drop(&mut self) {
        self.0.room.remove(&format!("bb-dock/{}", self.1));
    }
}

#[test]
fn a_new_dock_builds_as_it_is() {
    let project = Project::get();
    let room = &project.room;
    room.bb("build busybox").ok();
    room.bb("new hello --from busybox").fails(
        0,
        "made  bb-dock/hello/Dockerfile.template\n\
         made  bb-dock/hello/Buildconfig.sh\n\
         next: bb build hello\n",
    );
    let _made = Made(&project, "hello");
    room.told("build hello").ran("rootfs:hello dockerfile:hello image:hello");
    let image = Image::read(room.engine(), &room.image("hello"));
    assert!(
        image.entries.contains_key("/usr/bin/busybox")
            || image.entries.contains_key("/bin/busybox")
    );

    room.bb("new fresh").ok();
    let _fresh = Made(&project, "fresh");
    room.told("build fresh").ran("rootfs:fresh dockerfile:fresh image:fresh");
    let said =
        room.engine().docker(&["run", "--rm", &room.image("fresh"), "sh", "-c", "echo it runs"]);
    assert_eq!(said.trim(), "it runs");
}
