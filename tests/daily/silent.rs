//! An engine that takes requests and answers none: it is given up in seconds, with exit code 4.

use std::time::Duration;

use gentoo_bb::base::error::{Exit, Result};
use gentoo_bb::engine::address::Address;
use gentoo_bb::engine::docker::Docker;
use gentoo_bb::engine::{Boxes, Images, Owner};
use gentoo_bb::plan::step::Object;
use support::fake::engine;
use support::fake::engine::World;

#[test]
fn no_question_waits_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let fake = engine::Engine::start(folder.path(), World::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Docker::connect(&[Address::at(fake.host())]).await.unwrap();
        let engine = engine.patient(Duration::from_millis(20));
        fake.fall_silent(true);
        let one = [Object::Image("a/b:latest".to_owned())];
        told("list its images", engine.inventory().await.map(drop));
        told("list its images", engine.images().await.map(drop));
        told("look up an image", engine.inventory_of(&one).await.map(drop));
        told("look up an image", engine.image_id("a/b").await.map(drop));
        told("look up an image", engine.existing_image("a/b").await.map(drop));
        told("look up an image", engine.image("a/b").await.map(drop));
        told("list its containers", engine.containers(&[("a", "b")]).await.map(drop));
        told("list its containers", engine.members("a").await.map(drop));
        let owner = Owner("x".to_owned());
        told("list its containers", engine.containers_of(&owner, &[("a", "b")]).await.map(drop));
        told("look up a container", engine.ended_with("a").await.map(drop));
        told("tell its version", engine.about().await.map(drop));
        told("tell about itself", engine.host().await.map(drop));
        fake.fall_silent(false);
    });
}

#[track_caller]
fn told(what: &str, answer: Result<()>) {
    let error = answer.unwrap_err();
    let message = format!("the engine did not {what} within 20ms");
    assert_eq!((error.exit(), error.message()), (Exit::Engine, message.as_str()));
}
