//! The catalogue: what images there are, for people who choose one. As Markdown, and as a page that needs nothing else.
//!
//! Text only: what is known of images is given.

use std::time::Duration;

use serde_json::{Value, json};

use crate::base::error::Result;
use crate::base::words::{counted, megabytes, visible};
use crate::dock::readme::Readme;
use crate::export::render;
use crate::image::size::Sent;
use crate::report::duration;

const PAGE: &str = include_str!("../../templates/catalogue/page.html.j2");
const STYLE: &str = include_str!("../../templates/catalogue/page.css");

/// An image that is built.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The dock's name.
    pub name: String,
    /// What the engine calls it.
    pub reference: String,
    /// What its dock's text says.
    pub readme: Readme,
    /// The dock's text, or its folder if it has none, from where the catalogue is looked at.
    pub link: String,
    /// The list of its packages with licences and sources, likewise.
    pub sbom: Option<String>,
    /// The dock or image that it stands on.
    pub parent: String,
    /// Bytes, not compressed.
    pub size: u64,
    /// Bytes of its layers on their way; none where only an engine has it.
    pub sent: Option<Sent>,
    /// How many layers it has.
    pub layers: usize,
    /// Packages with their versions.
    pub packages: Vec<String>,
    /// What it listens at, as `EXPOSE` says it.
    pub ports: Vec<String>,
    /// How long its own steps took the last time.
    pub took: Option<Duration>,
    /// What its tests came to.
    pub tests: Tests,
}

/// What an image's tests are, and what they came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tests {
    /// Kinds with their counts; the audit belongs to all.
    pub kinds: Vec<(usize, &'static str)>,
    /// Whether the image that is there has passed them.
    pub passed: bool,
}

impl Tests {
    fn text(&self) -> String {
        let kinds = self.kinds.iter().filter(|(count, _)| *count > 0);
        let kinds = kinds.map(|(count, kind)| counted(*count, kind));
        let all = std::iter::once("audit".to_owned()).chain(kinds).collect::<Vec<_>>().join(", ");
        let state = if self.passed { "passed" } else { "not run" };
        format!("{state}: {all}")
    }
}

/// What all images were made of.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The project's name.
    pub namespace: String,
    /// The stage3's time and the snapshot's date, if any are pinned.
    pub pinned: Option<(String, String)>,
}

impl Source {
    fn text(&self, count: usize) -> String {
        let images = counted(count, "image");
        match &self.pinned {
            Some((stage3, snapshot)) => {
                format!(
                    "{images}, from stage3 {} and snapshot {}",
                    visible(stage3),
                    visible(snapshot)
                )
            }
            None => images,
        }
    }
}

/// A table for a repository.
pub fn markdown(entries: &[Entry], source: &Source) -> String {
    let mut text = format!(
        "# Catalogue\n\n{}. Sizes are those of all layers: as they are, and as they are sent, by `gzip -9` and by \
         `zstd -19`. Written by `bb catalogue`.\n\n\
         | image | what it is | size | gzip | zstd | layers | packages | built in | tests |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---|\n",
        source.text(entries.len())
    );
    for entry in entries {
        text += &row(entry);
    }
    text
}

fn row(entry: &Entry) -> String {
    let [gzip, zstd] = sent(entry);
    let took = entry.took.map_or_else(unknown, duration);
    let cells = [
        format!("[{}]({})", entry.name, entry.link),
        cell(&entry.readme.elsewhere()),
        megabytes(entry.size),
        gzip,
        zstd,
        entry.layers.to_string(),
        entry.packages.len().to_string(),
        took,
        entry.tests.text(),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// Nothing in it ends the cell.
fn cell(text: &str) -> String {
    visible(text).replace('|', "\\|")
}

fn sent(entry: &Entry) -> [String; 2] {
    match entry.sent {
        Some(sent) => [megabytes(sent.gzip), megabytes(sent.zstd)],
        None => [unknown(), unknown()],
    }
}

fn unknown() -> String {
    "-".to_owned()
}

/// A page with a card for each image.
///
/// # Errors
/// A bug: the page's template.
pub fn page(entries: &[Entry], source: &Source) -> Result<String> {
    let card = |entry| card(entry, &source.namespace);
    let values = json!({
        "title": visible(&source.namespace),
        "source": source.text(entries.len()),
        "style": STYLE,
        "images": entries.iter().map(card).collect::<Vec<_>>(),
    });
    // The name makes the renderer escape.
    render("catalogue.html", PAGE, &values)
}

fn card(entry: &Entry, namespace: &str) -> Value {
    let [gzip, zstd] = sent(entry);
    let shown =
        |texts: &[String]| texts.iter().map(|t| visible(t).into_owned()).collect::<Vec<_>>();
    let run = entry.readme.run.as_ref().map(|run| run.replace("NAMESPACE", namespace));
    json!({
        "name": visible(&entry.name), "reference": visible(&entry.reference),
        "what": visible(&entry.readme.plain()), "run": run,
        "link": entry.link, "sbom": entry.sbom, "parent": visible(&entry.parent),
        "size": megabytes(entry.size), "gzip": gzip, "zstd": zstd, "layers": counted(entry.layers, "layer"),
        "packages": shown(&entry.packages), "ports": shown(&entry.ports),
        "took": entry.took.map(duration),
        "passed": entry.tests.passed, "tests": entry.tests.text(),
    })
}
