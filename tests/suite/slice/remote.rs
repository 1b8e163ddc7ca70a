//! The engine on the other side of a TCP socket, which sees nothing of this machine's files.

use serde_json::Value;

use super::Project;
use crate::image::Image;
use crate::proxy::Proxy;

#[test]
fn a_dock_is_built_over_tcp_without_a_bind_mount() {
    let project = Project::get();
    let room = &project.room;
    let template = "FROM ${NAMESPACE}/busybox\nADD rootfs.tar /\nCOPY file /\n";
    let _far = project.extra("far", template, "PACKAGES='sys-libs/zlib'\n");
    room.write("bb-dock/far/file", "1");
    let proxy = Proxy::new(room.engine());
    let env = [("DOCKER_HOST", proxy.host.as_str())];
    room.told_with(&env, "build far").ran("dockerfile:far rootfs:far image:far");
    room.told_with(&env, "build far").ran("");
    let image = Image::read(room.engine(), &room.image("far"));
    assert_eq!(image.text("/file"), "1");
    assert!(image.resolve("/usr/lib64/libz.so.1").is_some());

    let created = created_containers(&proxy.requests());
    assert!(!created.is_empty(), "no container was asked for");
    for container in created {
        let host = &container["HostConfig"];
        assert!(host["Binds"].as_array().is_none_or(Vec::is_empty), "{container}");
        for mount in host["Mounts"].as_array().into_iter().flatten() {
            assert_eq!(mount["Type"], "volume", "{container}");
        }
    }
}

/// The JSON bodies of all requests that create a container.
fn created_containers(requests: &str) -> Vec<Value> {
    let parts = requests
        .split("POST ")
        .filter(|p| p.lines().next().is_some_and(|line| line.contains("/containers/create")));
    let body = |part: &str| {
        let json = &part[part.find("\r\n\r\n").unwrap()..];
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
        values.next().unwrap().unwrap()
    };
    parts.map(body).collect()
}
