//! `Dockerfile.template`: kubler's markers as ours, and what a command may not do here.
//!
//! The file is read as `dockerfile` reads any; what it refuses the plan tells, with its place.

use std::ops::Range;
use std::path::Path;

use super::conf::Conf;
use super::edits::Edits;
use super::{Named, Namespace, Note, Weight};
use crate::dockerfile::render::{Markers, Rendered};
use crate::dockerfile::scan::{Instruction, scan};

/// The text with its notes.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) text: String,
    pub(super) notes: Vec<Note>,
}

/// Programs that fetch something.
const FETCHING: [&str; 12] = [
    "curl", "wget", "git", "rsync", "npm", "yarn", "pip", "gem", "composer", "apk", "apt-get", "go",
];

/// Converts the text.
pub(super) fn convert(template: Named<'_>, conf: &Conf, namespace: &Namespace) -> Made {
    let mut made = Work { template, edits: Edits::default(), notes: vec![] };
    made.markers(conf);
    let source =
        Rendered::from_template(Path::new(template.name), template.text, &Markers::default());
    // What is no Dockerfile is told by the plan.
    for instruction in scan(&source).map_or(vec![], |scan| scan.instructions) {
        made.instruction(&instruction, namespace);
    }
    Made { text: made.edits.applied(template.text), notes: made.notes }
}

struct Work<'a> {
    template: Named<'a>,
    edits: Edits,
    notes: Vec<Note>,
}

impl Work<'_> {
    fn tell(&mut self, weight: Weight, at: usize, what: &str, instead: &str) {
        let line = 1 + self.template.text[..at].matches('\n').count();
        self.notes.push(Note::new(weight, (self.template.name, line), what, instead));
    }

    /// `${NAME}`, as kubler replaces it: everywhere.
    fn markers(&mut self, conf: &Conf) {
        for (at, _) in self.template.text.match_indices("${") {
            let Some((name, _)) = self.template.text[at + 2..].split_once('}') else { break };
            let span = at..at + name.len() + 3;
            match name {
                "IMAGE_PARENT" => self.edits.replace(span, conf.parent.as_str()),
                "IMAGE_TAG" => self.edits.replace(span, "${TAG}"),
                "DATE" => {
                    self.edits.replace(span, "${DATE:-}");
                    let instead = "`${DATE:-}`: the same to Docker; `${DATE}` is a marker of bb's";
                    self.tell(Weight::Differs, at, "${DATE}", instead);
                }
                "DEFAULT_BUILDER" => {
                    let instead = "nothing: a builder is no image to build on; name an image";
                    self.tell(Weight::Hand, at, "${DEFAULT_BUILDER}", instead);
                }
                _ => self.own(name, span, conf),
            }
        }
    }

    /// A variable of `build.conf`: its value.
    fn own(&mut self, name: &str, span: Range<usize>, conf: &Conf) {
        match conf.own.get(name) {
            Some(Some(value)) => self.edits.replace(span, value.as_str()),
            _ if name.starts_with("BOB_") => {
                let instead = "write its value here: bb replaces its own markers only";
                self.tell(Weight::Hand, span.start, &format!("${{{name}}}"), instead);
            }
            _ => {}
        }
    }

    fn instruction(&mut self, instruction: &Instruction, namespace: &Namespace) {
        match instruction.name.as_str() {
            "from" => {
                let image = instruction.words().into_iter().next();
                let named = image.map(|word| (instruction.span(&word.range), word.text));
                self.own_image(named, namespace);
            }
            "copy" => {
                let from = instruction.flags.iter().find(|flag| flag.name == "from" && flag.given);
                let named = from.map(|f| (instruction.span(&f.value.range), f.value.text.clone()));
                self.own_image(named, namespace);
            }
            "run" => self.run(instruction),
            _ => {}
        }
    }

    /// `kubler/x` in the namespace `kubler` is a dock, whatever namespace docks will have.
    fn own_image(&mut self, named: Option<(Range<usize>, String)>, namespace: &Namespace) {
        let Some((span, text)) = named else { return };
        if let Some(name) = text.strip_prefix(&format!("{}/", namespace.name)) {
            self.edits.replace(span, format!("${{NAMESPACE}}/{name}"));
        }
    }

    fn run(&mut self, instruction: &Instruction) {
        let words =
            instruction.rest().split(|c: char| c.is_whitespace() || ";&|()\"'`,[]".contains(c));
        let Some(word) = words.into_iter().find(|word| FETCHING.contains(word)) else { return };
        let instead = "a RUN has no network, unless dock.toml says `[run] network = true`; better fetch it in the \
                       builder (`[rootfs] fetch`)";
        self.tell(Weight::Hand, instruction.whole().start, &format!("RUN … {word}"), instead);
    }
}
