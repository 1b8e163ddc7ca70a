//! What an engine has, and how much room that takes.
//!
//! Values only. Does not know what is needed: that is told, as what is to go.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::state::disk::Used;

/// What something of an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// An image as it is kept: with Docker, with its files.
    Images,
    /// A builder, or what one consists of: all projects share them.
    Builders,
    /// A layer as boxes stand on it.
    Layers,
    /// A container, with what it has changed.
    Boxes,
    /// A cache.
    Caches,
    /// What an engine needs to know what it has.
    Store,
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it is.
    pub sort: Sort,
    /// What people call it.
    pub name: String,
    /// Nothing, if the engine does not tell.
    pub used: Option<Used>,
    /// What of it goes.
    pub going: Used,
}

/// Whose things are asked for, where an engine has those of others, and which of them are to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Images, by name or by the engine's id.
    pub images: BTreeSet<String>,
    /// Caches.
    pub caches: Vec<String>,
    /// What containers have: a label and its value.
    pub label: Option<(String, String)>,
    /// What is to go.
    pub going: Going,
}

/// What is to go, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Going {
    /// Boxes, by id.
    pub boxes: Vec<String>,
    /// Images, by name, or by id where they have none.
    pub images: Vec<String>,
    /// Caches.
    pub caches: Vec<String>,
}
