//! How somebody talks to what runs in a box of the native engine: not yet.

use async_trait::async_trait;

use super::NativeEngine;
use super::boxes::not_yet;
use crate::base::error::Result;
use crate::engine::{Process, Session, Talks};

#[async_trait]
impl Talks for NativeEngine {
    async fn talk_in(&self, _: &str, _: &[&str], _: &[String], _: bool) -> Result<Session> {
        Err(not_yet("lets nobody talk to a command"))
    }

    async fn talk_to(&self, _: &str) -> Result<Session> {
        Err(not_yet("lets nobody talk to what runs"))
    }

    async fn resize(&self, _: &Process, _: u16, _: u16) -> Result<()> {
        Err(not_yet("has no terminals"))
    }

    async fn exit_status(&self, _: &Process) -> Result<i64> {
        Err(not_yet("lets nobody talk to what runs"))
    }
}
