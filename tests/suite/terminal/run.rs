//! `bb run`: what is said before an engine is asked to start anything.

use super::{bare, said};

#[test]
fn an_image_that_is_not_built_is_told() {
    let room = bare();
    said(&room, "run nginx").fails(
        1,
        "error: the engine does not have the image `ns/nginx:latest`\nhint: run `bb build nginx` first\n",
    );
    said(&room, "run ngnix")
        .fails(2, "error: unknown image `ngnix`\nhint: did you mean `nginx`?\n");
    assert!(!room.path(".bb").exists());
}

#[test]
fn a_port_or_a_variable_that_is_none_is_told() {
    let room = bare();
    let usage = "\n\nFor more information, try '--help'.\n";
    said(&room, "run -p 80x:80 nginx").fails(
        2,
        &format!(
            "error: invalid value '80x:80' for '--publish <PORT>': `80x` is not a port{usage}"
        ),
    );
    said(&room, "run -e =1 nginx").fails(
        2,
        &format!("error: invalid value '=1' for '--env <NAME=VALUE>': it is `NAME=VALUE`{usage}"),
    );
}
