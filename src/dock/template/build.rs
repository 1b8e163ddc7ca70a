//! One pass over the instructions, with the stages and variables seen so far.
//!
//! Does not know how lines are joined nor how variables are written.

use std::ops::Range;

use super::scope::Scope;
use super::{CopySource, Known, Parent, ParentKind, Role, Source, Template, parent};
use crate::dock::render::Rendered;
use crate::dock::scan::{Instruction, Word, is_heredoc};
use crate::dock::words::{Missing, Value, expand};
use crate::error::{Error, Result};

/// `ARG`s that the engine sets by itself.
const PLATFORM: [&str; 8] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
];

pub(super) struct Builder<'a> {
    source: &'a Rendered,
    known: Known<'a>,
    escape: char,
    global: Scope,
    stages: Vec<Stage>,
    /// Is this a trigger of the image below?
    triggered: bool,
    out: Template,
}

struct Stage {
    alias: Option<String>,
    scope: Scope,
    /// What it leaves to a stage that is built on it.
    triggers: Vec<String>,
}

impl<'a> Builder<'a> {
    pub fn new(source: &'a Rendered, known: Known<'a>, escape: char) -> Self {
        let (global, stages, triggered, out) = Default::default();
        Self { source, known, escape, global, stages, triggered, out }
    }

    pub fn instruction(&mut self, number: usize, instruction: &Instruction) -> Result<()> {
        match instruction.name.as_str() {
            "from" => return self.stage(number, instruction),
            "arg" => self.arg(instruction),
            "env" => {
                if let Some(stage) = self.stages.last_mut() {
                    stage.scope.add_env(instruction, self.escape);
                }
            }
            "copy" | "add" => {
                let copies = self.copy(number, instruction, true)?;
                self.out.copies.extend(copies);
            }
            "run" => self.run(number, instruction)?,
            "onbuild" => self.onbuild(number, instruction)?,
            _ => {}
        }
        Ok(())
    }

    /// The whole, or an error where there is no `FROM`.
    pub fn finish(self) -> Result<Template> {
        if self.stages.is_empty() {
            let error = self.source.mistake("there is no `FROM`", &(0..0));
            return Err(error.hint("begin with `FROM scratch` or with the image to build on"));
        }
        Ok(self.out)
    }

    fn arg(&mut self, instruction: &Instruction) {
        match self.stages.last_mut() {
            Some(stage) => stage.scope.add_args(instruction, self.escape, Some(&self.global)),
            None => self.global.add_args(instruction, self.escape, None),
        }
    }

    fn stage(&mut self, number: usize, instruction: &Instruction) -> Result<()> {
        let words = instruction.words();
        let Some(image) = words.first() else {
            return Err(self.source.mistake("`FROM` needs an image", &instruction.whole()));
        };
        let (reference, span) = self.base_reference(instruction, image)?;
        let named = words.get(1).is_some_and(|word| word.text.eq_ignore_ascii_case("as"));
        let alias = words.get(2).filter(|_| named).map(|word| word.text.to_ascii_lowercase());
        let on = self.stage_named(&reference);
        let target = match on {
            Some(_) => ParentKind::Stage,
            None => self.image(&reference, &span)?,
        };
        let scope = on.map(|stage| self.stages[stage].scope.child()).unwrap_or_default();
        let triggers = match (on, target.dock()) {
            (Some(stage), _) => self.stages[stage].triggers.clone(),
            (None, Some(dock)) => self.known.triggers.get(dock).cloned().unwrap_or_default(),
            (None, None) => vec![],
        };
        self.stages.push(Stage { alias, scope, triggers: vec![] });
        self.parent(reference, target, &span, Role::From);
        self.triggers(number, &triggers, span.start)
    }

    /// What the image below has left by `ONBUILD`: instructions right after the `FROM`.
    fn triggers(&mut self, number: usize, triggers: &[String], place: usize) -> Result<()> {
        self.triggered = true;
        for at in triggers.iter().filter_map(|text| Instruction::of_trigger(text, place)) {
            if !matches!(at.name.as_str(), "from" | "onbuild") {
                self.instruction(number, &at)?;
            }
        }
        self.triggered = false;
        Ok(())
    }

    /// The reference of a `FROM` with its variables replaced, and its place.
    fn base_reference(&self, at: &Instruction, word: &Word) -> Result<(String, Range<usize>)> {
        let lookup = |name: &str| match self.global.in_from(name) {
            Value::Unset if self.is_special(name) => Value::Unknown,
            value => value,
        };
        let expanded = expand(&word.text, self.escape, &lookup);
        if let Some(missing) = expanded.missing.first() {
            let span = at.span(&word.part(&missing.range));
            return Err(self.undefined(missing, &span));
        }
        let span = at.span(&word.range);
        if expanded.text.is_empty() {
            return Err(self.source.mistake("`FROM` needs an image", &span));
        }
        Ok((expanded.text, span))
    }

    /// Variables whose default must not count in a `FROM`: a marker is meant, or the engine sets it.
    fn is_special(&self, name: &str) -> bool {
        let marker = self.known.markers.get(name).is_some() && !self.global.declares(name);
        marker || PLATFORM.contains(&name)
    }

    fn undefined(&self, missing: &Missing, span: &Range<usize>) -> Error {
        let name = &missing.name;
        let mistake = |message: String| self.source.mistake(message, span);
        if missing.operator {
            return mistake(format!("`bb` cannot evaluate this form of `{name}` in FROM"))
                .hint(format!("use `${{{name}}}` or `${{{name}:-default}}`"));
        }
        if self.global.declares(name) {
            return mistake(format!("`ARG {name}` has no value for FROM"))
                .hint(format!("give it one before the first FROM: `ARG {name}=…`"));
        }
        if self.known.markers.get(name).is_some() {
            return mistake(format!("undefined variable `{name}` in FROM")).hint(format!(
                "a marker is written `${{{name}}}`, with nothing else in the braces"
            ));
        }
        if PLATFORM.contains(&name.as_str()) {
            return mistake(format!("the image to build on cannot depend on `{name}`"))
                .hint("`bb` must know it before the engine does; name one image");
        }
        let names: Vec<_> = self.known.markers.names().map(|n| format!("`${{{n}}}`")).collect();
        mistake(format!("undefined variable `{name}` in FROM")).hint(format!(
            "add `ARG {name}=…` before the first FROM, or use a marker: {}",
            names.join(", ")
        ))
    }

    /// The sources of a `COPY` or `ADD`. `edges` is false for `ONBUILD`, which names no parents yet.
    fn copy(&mut self, number: usize, at: &Instruction, edges: bool) -> Result<Vec<CopySource>> {
        if let Some(from) = at.flags.iter().find(|flag| flag.name == "from") {
            if edges {
                self.copy_from(&from.value, at)?;
            }
            return Ok(vec![]);
        }
        let words = at.json().unwrap_or_else(|| at.words());
        let Some((_, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty())
        else {
            let message = format!("`{}` needs a source and a target", at.name.to_uppercase());
            return Err(self.source.mistake(message, &at.whole()));
        };
        let parents = at.flags.iter().any(|f| f.name == "parents" && f.value.text != "false");
        let files = sources.iter().filter(|word| !is_heredoc(word));
        let copies = files.map(|word| CopySource {
            source: self.path(&word.text, at.name == "add"),
            span: self.source.origin(&at.span(&word.range)),
            stage: self.stages.len().saturating_sub(1),
            instruction: number,
            parents,
            triggered: self.triggered,
        });
        let copies: Vec<_> = copies.collect();
        self.out.uses_rootfs |= copies.iter().any(|copy| copy.source == Source::Rootfs);
        Ok(copies)
    }

    /// What a source means, with the variables of the current stage.
    fn path(&self, text: &str, add: bool) -> Source {
        let scope = self.stages.last().map(|stage| &stage.scope);
        let lookup = |name: &str| scope.map_or(Value::Unknown, |scope| scope.in_stage(name));
        let expanded = expand(text, self.escape, &lookup);
        if !expanded.missing.is_empty() {
            return Source::Everything;
        }
        let path = expanded.text;
        if add && super::is_remote(&path) {
            return Source::Url(path);
        }
        let plain = path.split('/').filter(|part| !matches!(*part, "" | "."));
        if plain.eq(["rootfs.tar"]) { Source::Rootfs } else { Source::Path(path) }
    }

    /// `--from=`: a number, a stage or an image.
    fn copy_from(&mut self, word: &Word, at: &Instruction) -> Result<()> {
        let span = at.span(&word.range);
        if word.text.contains('$') {
            let error = self.source.mistake("Docker replaces no variables in `--from`", &span);
            return Err(error.hint("name a stage, `FROM IMAGE AS NAME`, and use its name here"));
        }
        let number = word.text.parse().is_ok_and(|number: usize| number < self.stages.len());
        let target = if number || self.stage_named(&word.text).is_some() {
            ParentKind::Stage
        } else {
            self.image(&word.text, &span)?
        };
        self.parent(word.text.clone(), target, &span, Role::CopyFrom);
        Ok(())
    }

    fn run(&mut self, number: usize, at: &Instruction) -> Result<()> {
        self.out.has_run = true;
        for flag in at.flags.iter().filter(|flag| flag.name == "mount") {
            self.mount(number, at, &flag.value)?;
        }
        Ok(())
    }

    /// `--mount=type=bind,source=…` reads the context, with `from=` another image.
    fn mount(&mut self, number: usize, at: &Instruction, value: &Word) -> Result<()> {
        let field = |names: &[&str]| mount_field(&value.text, names);
        let kind = field(&["type"]).map_or("bind", |start| upto_comma(&value.text, start));
        if let Some(start) = field(&["from"]) {
            let end = start + upto_comma(&value.text, start).len();
            let range = value.part(&(start..end));
            let from = Word { text: value.text[start..end].to_owned(), range };
            return self.copy_from(&from, at);
        }
        if kind != "bind" {
            return Ok(());
        }
        let path = field(&["source", "src"]).map_or(".", |start| upto_comma(&value.text, start));
        let source = self.path(path, false);
        self.out.uses_rootfs |= source == Source::Rootfs;
        let span = self.source.origin(&at.span(&value.range));
        let stage = self.stages.len().saturating_sub(1);
        self.out.copies.push(CopySource {
            source,
            span,
            stage,
            instruction: number,
            parents: false,
            triggered: self.triggered,
        });
        Ok(())
    }

    fn onbuild(&mut self, number: usize, instruction: &Instruction) -> Result<()> {
        let Some(inner) = instruction.inner() else {
            return Ok(());
        };
        if let Some(stage) = self.stages.last_mut() {
            stage.triggers.push(instruction.rest().to_owned());
        }
        if matches!(inner.name.as_str(), "copy" | "add") {
            let uses_rootfs = self.out.uses_rootfs;
            let copies = self.copy(number, &inner, false)?;
            self.out.onbuild_copies.extend(copies);
            self.out.uses_rootfs = uses_rootfs;
        }
        Ok(())
    }

    fn stage_named(&self, name: &str) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        self.stages.iter().rposition(|stage| stage.alias.as_ref() == Some(&name))
    }

    fn image(&self, reference: &str, span: &Range<usize>) -> Result<ParentKind> {
        match reference {
            "scratch" => Ok(ParentKind::Scratch),
            _ => parent::kind(reference, self.known, self.source, span),
        }
    }

    fn parent(&mut self, reference: String, target: ParentKind, at: &Range<usize>, role: Role) {
        let span = self.source.origin(at);
        self.out.parents.push(Parent { reference, target, span, role });
    }
}

/// Where the value of one of these fields begins in `name=value,…`.
fn mount_field(text: &str, names: &[&str]) -> Option<usize> {
    let mut at = 0;
    for field in text.split(',') {
        let (name, _) = field.split_once('=').unwrap_or((field, ""));
        if names.contains(&name) && field.len() > name.len() {
            return Some(at + name.len() + 1);
        }
        at += field.len() + 1;
    }
    None
}

fn upto_comma(text: &str, start: usize) -> &str {
    text[start..].split(',').next().unwrap_or_default()
}
