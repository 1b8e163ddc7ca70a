//! One pass over the instructions, with the stages and variables seen so far.
//!
//! Does not know how lines are joined nor how variables are written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::scope::Scope;
use super::{CopySource, Known, Parent, ParentKind, Role, Source, Template, parent};
use crate::base::error::{Error, Result};
use crate::base::label::is_reserved;
use crate::base::machine;
use crate::dockerfile::grammar::mount::{self, Mount, Type, Value as MountValue};
use crate::dockerfile::grammar::{Fault, Pair, values};
use crate::dockerfile::plain::{Replaced, Shell, What};
use crate::dockerfile::render::Rendered;
use crate::dockerfile::scan::{Flag, Heredoc, Instruction, Scan, Word};
use crate::dockerfile::words::{Expanded, Missing, Mistake, Value, expand, expand_text};
use crate::dockerfile::{glob, grammar, limits, plain};

/// `ARG`s that the engine sets by itself, and which is which.
const PLATFORM: [(&str, Platform); 8] = [
    ("BUILDPLATFORM", Platform::Whole),
    ("BUILDOS", Platform::System),
    ("BUILDARCH", Platform::Machine),
    ("BUILDVARIANT", Platform::Variant),
    ("TARGETPLATFORM", Platform::Whole),
    ("TARGETOS", Platform::System),
    ("TARGETARCH", Platform::Machine),
    ("TARGETVARIANT", Platform::Variant),
];

#[derive(Clone, Copy)]
enum Platform {
    Whole,
    System,
    Machine,
    Variant,
}

impl Platform {
    fn of(name: &str) -> Option<Self> {
        PLATFORM.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
    }

    /// What it is where images are built.
    fn value(self, architecture: &str) -> String {
        match self {
            Self::Whole => machine::platform(architecture),
            Self::System => "linux".to_owned(),
            Self::Machine => architecture.to_owned(),
            Self::Variant => String::new(),
        }
    }
}

pub(super) struct Builder<'a> {
    source: &'a Rendered,
    known: Known<'a>,
    escape: char,
    /// What looks like a heredoc without an end, for whom a later line is no instruction.
    unended: Option<(String, Range<usize>)>,
    global: Scope,
    stages: Vec<Stage>,
    /// The numbers of the finished stages, by name.
    names: BTreeMap<String, usize>,
    /// What all words have come to, in bytes.
    spent: usize,
    /// Is this a trigger of the image below?
    triggered: bool,
    out: Template,
}

struct Stage {
    alias: Option<String>,
    scope: Scope,
    /// The number of the parent that it goes back to; none if from scratch.
    base: Option<usize>,
    /// Labels of this stage and of those that it is built on.
    labels: BTreeSet<String>,
    shell: Shell,
    /// What it leaves to a stage that is built on it.
    triggers: Vec<String>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(source: &'a Rendered, known: Known<'a>, scan: &Scan) -> Self {
        let (global, stages, names, mut out): (_, _, _, Template) = Default::default();
        out.escape = scan.escape;
        out.syntax = scan.syntax.as_ref().map(|span| source.origin(span));
        Self {
            source,
            known,
            escape: scan.escape,
            unended: scan.unended.clone(),
            global,
            stages,
            names,
            spent: 0,
            triggered: false,
            out,
        }
    }

    pub(crate) fn instruction(&mut self, number: usize, at: &Instruction) -> Result<()> {
        grammar::check(at, self.escape).map_err(|fault| self.refused(at, fault))?;
        if self.stages.is_empty() && !matches!(at.name.as_str(), "from" | "arg") {
            let name = at.name.to_uppercase();
            let error =
                self.source.mistake(format!("`{name}` before the first `FROM`"), &at.name_span());
            return Err(error.hint("only `ARG` may stand there"));
        }
        if !at.heredocs.is_empty() {
            let replaced = self.replaced(at)?;
            self.out.heredocs.push(replaced);
        }
        match at.name.as_str() {
            "from" => self.stage(number, at),
            "arg" => self.arg(at),
            "shell" => self.shell(at),
            "env" | "label" => self.pairs(at),
            "copy" | "add" => {
                self.owner(at)?;
                let copies = self.copy(number, at, true)?;
                self.out.copies.extend(copies);
                Ok(())
            }
            "run" => {
                self.out.has_run = true;
                self.out.has_run_flags |= !at.flags.is_empty();
                let copies = self.mounts(number, at, true)?;
                self.out.copies.extend(copies);
                Ok(())
            }
            "onbuild" => self.onbuild(number, at),
            "workdir" | "user" | "stopsignal" => self.setting(at),
            "expose" => self.expose(at),
            "volume" => self.volume(at),
            _ => Ok(()),
        }
    }

    fn fault(&self, fault: Fault) -> Error {
        let error = self.source.mistake(fault.message, &fault.span);
        match fault.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// The same, of an instruction that may be the text of a heredoc whose end is missing.
    fn refused(&self, at: &Instruction, fault: Fault) -> Error {
        match &self.unended {
            Some((name, span))
                if span.start < at.whole().start && fault.message.starts_with("unknown") =>
            {
                let error =
                    self.source.mistake(format!("no line `{name}` ends this heredoc"), span);
                error.hint(format!("the last line is `{name}` and nothing else"))
            }
            _ => self.fault(fault),
        }
    }

    /// The whole, or an error where there is no `FROM`.
    pub(crate) fn finish(mut self) -> Result<Template> {
        let Some(last) = self.stages.pop() else {
            let error = self.source.mistake("there is no `FROM`", &(0..0));
            return Err(error.hint("begin with `FROM scratch` or with the image to build on"));
        };
        self.out.base = last.base;
        self.out.labels = last.labels;
        Ok(self.out)
    }

    /// A word with the variables of the current stage, or of those before the first `FROM`.
    fn expand(&mut self, at: &Instruction, word: &Word) -> Result<Expanded> {
        let expanded = match self.stages.last() {
            Some(stage) => expand(&word.text, self.escape, &|name| stage.scope.in_stage(name)),
            None => expand(&word.text, self.escape, &|name| self.global.in_from(name)),
        };
        self.spend(at, word, expanded)
    }

    fn spend(
        &mut self,
        at: &Instruction,
        word: &Word,
        expanded: std::result::Result<Expanded, Mistake>,
    ) -> Result<Expanded> {
        let expanded = expanded.map_err(|mistake| {
            let error = self.source.mistake(mistake.message, &at.span(&word.part(&mistake.range)));
            mistake.hint.map_or(error.clone(), |hint| error.hint(hint))
        })?;
        self.charge(expanded.cost, &at.span(&word.range))?;
        Ok(expanded)
    }

    fn charge(&mut self, bytes: usize, span: &Range<usize>) -> Result<()> {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent <= limits::EXPANDED {
            return Ok(());
        }
        let message = format!(
            "the variables of this Dockerfile come to more than {} bytes",
            limits::EXPANDED
        );
        Err(self
            .source
            .mistake(message, span)
            .hint("a value that holds itself grows with each line"))
    }

    /// The text of a word, if all its variables are known.
    fn text(&mut self, at: &Instruction, word: &Word) -> Result<Option<String>> {
        let Expanded { text, missing, .. } = self.expand(at, word)?;
        Ok(missing.is_empty().then_some(text))
    }

    fn arg(&mut self, at: &Instruction) -> Result<()> {
        let args = grammar::args(at, self.escape).map_err(|fault| self.fault(fault))?;
        let mut new = vec![];
        for (name, value) in args {
            let Some(name) = self.text(at, &name)? else { continue };
            let value = match value {
                Some(value) => self.text(at, &value)?,
                None if self.stages.is_empty() => None,
                None => self.global.arg(&name),
            };
            new.push((name, value));
        }
        let scope = self.stages.last_mut().map_or(&mut self.global, |stage| &mut stage.scope);
        for (name, value) in new {
            scope.set_arg(name, value);
        }
        Ok(())
    }

    /// An `ENV` or a `LABEL`.
    fn pairs(&mut self, at: &Instruction) -> Result<()> {
        let pairs = grammar::pairs(at, self.escape).map_err(|fault| self.fault(fault))?;
        let env = at.name == "env";
        let mut new = vec![];
        for Pair { name, value } in pairs {
            let (written, value) = (name, self.text(at, &value)?);
            let Some(name) = self.text(at, &written)? else { continue };
            if !env {
                self.given(at, &written, &name)?;
            } else if name.is_empty() {
                let span = at.span(&written.range);
                return Err(self.source.mistake("this variable's name comes to nothing", &span));
            }
            new.push((name, value));
        }
        let Some(stage) = self.stages.last_mut() else { return Ok(()) };
        for (name, value) in new {
            if env {
                stage.scope.set_env(name, value);
            } else {
                stage.labels.insert(name);
            }
        }
        Ok(())
    }

    /// Labels that `bb` reads are its own to give.
    fn given(&self, at: &Instruction, written: &Word, name: &str) -> Result<()> {
        if !is_reserved(name) {
            return Ok(());
        }
        let message = format!("the label `{}` is bb's own", name.escape_debug());
        let error = self.source.mistake(message, &at.span(&written.range));
        Err(error.hint("names that begin with `bb.` are: choose another"))
    }

    /// An instruction with one word that goes to the end of its line.
    fn setting(&mut self, at: &Instruction) -> Result<()> {
        let range = at.rest_range();
        let word = Word { text: at.rest().to_owned(), range };
        let Some(text) = self.text(at, &word)? else { return Ok(()) };
        let mistake = |message: String| Err(self.source.mistake(message, &at.span(&word.range)));
        match at.name.as_str() {
            "workdir" if text.is_empty() => mistake("this `WORKDIR` comes to nothing".to_owned()),
            "stopsignal" if !values::is_signal(&text) => mistake(format!("`{text}` is no signal"))
                .map_err(|error| error.hint("a name such as `SIGTERM`, or a number")),
            _ => Ok(()),
        }
    }

    fn expose(&mut self, at: &Instruction) -> Result<()> {
        for word in at.words() {
            let Expanded { words, missing, .. } = self.expand(at, &word)?;
            let wrong = words.into_iter().find(|text| values::ports(text).is_none());
            if let Some(text) = wrong.filter(|_| missing.is_empty()) {
                let error =
                    self.source.mistake(format!("`{text}` is no port"), &at.span(&word.range));
                return Err(error
                    .hint("`PORT` or `FIRST-LAST`, with `/udp` or `/sctp` where it is not TCP"));
            }
        }
        Ok(())
    }

    fn volume(&mut self, at: &Instruction) -> Result<()> {
        let words = grammar::volumes(at).map_err(|fault| self.fault(fault))?;
        for word in words {
            if self.text(at, &word)?.is_some_and(|text| text.is_empty()) {
                return Err(self
                    .source
                    .mistake("this volume comes to nothing", &at.span(&word.range)));
            }
        }
        Ok(())
    }

    fn owner(&mut self, at: &Instruction) -> Result<()> {
        for flag in at.flags.iter().filter(|flag| flag.name == "chown") {
            self.expand(at, &flag.value)?;
        }
        Ok(())
    }

    fn stage(&mut self, number: usize, at: &Instruction) -> Result<()> {
        let grammar::From { image, alias } =
            grammar::from(at).map_err(|fault| self.fault(fault))?;
        self.platform(at)?;
        let (reference, span) = self.base_reference(at, &image)?;
        let finished = self.stages.len().checked_sub(1);
        let name = self.stages.last().and_then(|stage| stage.alias.clone());
        self.names.extend(name.zip(finished));
        if let Some(name) = alias.as_ref().filter(|name| self.stage_named(name).is_some()) {
            let error = self.source.mistake(format!("a second stage `{name}`"), &at.whole());
            return Err(error.hint("give it another name"));
        }
        let on = self.stage_named(&reference);
        let target = match on {
            Some(_) => ParentKind::Stage,
            None => self.image(&reference, &span)?,
        };
        if let Some(below) = on.map(|stage| &self.stages[stage]) {
            let labels = below.labels.iter().map(|name| name.len() + 16).sum::<usize>();
            self.charge(below.scope.cost() + labels, &span)?;
        }
        let below = on.map(|stage| &self.stages[stage]);
        let base = match below {
            Some(below) => below.base,
            None => (target != ParentKind::Scratch).then_some(self.out.parents.len()),
        };
        let scope = below.map(|below| below.scope.child()).unwrap_or_default();
        let labels = below.map(|below| below.labels.clone()).unwrap_or_default();
        let shell = match (below, &target) {
            (Some(below), _) => below.shell.clone(),
            (None, ParentKind::Scratch) => Shell::default(),
            (None, _) => Shell::Of(reference.clone()),
        };
        let triggers = match (below, target.dock()) {
            (Some(below), _) => below.triggers.clone(),
            (None, Some(dock)) => self.known.triggers.get(dock).cloned().unwrap_or_default(),
            (None, None) => vec![],
        };
        self.stages.push(Stage { alias, scope, base, labels, shell, triggers: vec![] });
        self.parent(reference, target, &span, Role::From);
        self.triggers(number, &triggers, span.start)
    }

    /// An image is pinned as it is for one machine: one that is wanted for another would silently be this one's.
    fn platform(&mut self, at: &Instruction) -> Result<()> {
        let flag = at.flags.iter().find(|flag| flag.name == "platform");
        let (Some(flag), Some(architecture)) = (flag, self.known.architecture) else {
            return Ok(());
        };
        let lookup = |name: &str| match (self.global.in_from(name), Platform::of(name)) {
            (Value::Unset, Some(part)) => Value::Known(part.value(architecture)),
            (value, _) => value,
        };
        let expanded = expand(&flag.value.text, self.escape, &lookup);
        let expanded = self.spend(at, &flag.value, expanded)?;
        let span = at.span(&flag.value.range);
        if let Some(missing) = expanded.missing.first() {
            return Err(self.undefined(missing, &span));
        }
        let wanted = expanded.text;
        if wanted.is_empty() || machine::is_platform(&wanted, architecture) {
            return Ok(());
        }
        let ours = machine::platform(architecture);
        let message = format!("images are built for `{ours}` here, not for `{wanted}`");
        let error = self.source.mistake(message, &span);
        Err(error.hint("leave `--platform` away, and build on a machine of that kind"))
    }

    /// What the image below has left by `ONBUILD`: instructions right after the `FROM`.
    fn triggers(&mut self, number: usize, triggers: &[String], place: usize) -> Result<()> {
        self.triggered = true;
        for at in triggers.iter().filter_map(|text| Instruction::of_trigger(text, place)) {
            if !matches!(at.name.as_str(), "from" | "onbuild" | "maintainer") {
                self.instruction(number, &at)?;
            }
        }
        self.triggered = false;
        Ok(())
    }

    /// The reference of a `FROM` with its variables replaced, and its place.
    fn base_reference(&mut self, at: &Instruction, word: &Word) -> Result<(String, Range<usize>)> {
        let lookup = |name: &str| match self.global.in_from(name) {
            Value::Unset if self.is_special(name) => Value::Unknown,
            value => value,
        };
        let expanded = expand(&word.text, self.escape, &lookup);
        let expanded = self.spend(at, word, expanded)?;
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
        marker || Platform::of(name).is_some()
    }

    fn undefined(&self, missing: &Missing, span: &Range<usize>) -> Error {
        let name = &missing.name;
        let mistake = |message: String| self.source.mistake(message, span);
        if self.global.declares(name) {
            return mistake(format!("`ARG {name}` has no value for FROM"))
                .hint(format!("give it one before the first FROM: `ARG {name}=…`"));
        }
        if self.known.markers.get(name).is_some() {
            return mistake(format!("undefined variable `{name}` in FROM")).hint(format!(
                "a marker is written `${{{name}}}`, with nothing else in the braces"
            ));
        }
        if Platform::of(name).is_some() {
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
        let from = at.flags.iter().find(|flag| flag.name == "from");
        let from = from.filter(|flag| !flag.value.text.is_empty());
        if let Some(from) = from.filter(|_| edges) {
            self.copy_from(&from.value, at, "--from")?;
        }
        let (sources, target) = grammar::transfer(at).map_err(|fault| self.fault(fault))?;
        self.expand(at, &target)?;
        let parents = at.flags.iter().any(|f| f.name == "parents" && f.value.text != "false");
        let mut copies = vec![];
        for word in sources.iter().filter(|word| at.heredoc(word).is_none()) {
            let source = self.path(at, word)?;
            let copy = self.copy_source(number, at, source, &word.range);
            copies.push(CopySource { parents, ..copy });
        }
        if from.is_some() {
            return Ok(vec![]);
        }
        self.out.uses_rootfs |= copies.iter().any(|copy| copy.source == Source::Rootfs);
        Ok(copies)
    }

    /// What a source means, with the variables of the current stage.
    fn path(&mut self, at: &Instruction, word: &Word) -> Result<Source> {
        let Some(path) = self.text(at, word)? else { return Ok(Source::Everything) };
        if at.name == "add" && super::is_remote(&path) {
            return Ok(Source::Url(path));
        }
        self.stays_inside(at, word, &path)?;
        Ok(if is_rootfs(&path) { Source::Rootfs } else { Source::Path(path) })
    }

    /// Docker refuses a source that leads out of where it is counted from.
    fn stays_inside(&self, at: &Instruction, word: &Word, path: &str) -> Result<()> {
        let relative = path.strip_prefix('/').unwrap_or(path);
        if glob::clean(relative).split('/').next() != Some("..") {
            return Ok(());
        }
        let error =
            self.source.mistake(format!("`{path}` leads out of the dock"), &at.span(&word.range));
        Err(error.hint("paths are counted from the dock's folder; copy the file there"))
    }

    /// What the mounts of a `RUN` take from the context.
    fn mounts(&mut self, number: usize, at: &Instruction, edges: bool) -> Result<Vec<CopySource>> {
        let mut copies = vec![];
        for flag in at.flags.iter().filter(|flag| flag.name == "mount") {
            let mount = self.mount(at, flag)?;
            match (mount.kind, &mount.from) {
                (Type::Bind, Some(from)) if edges => {
                    self.copy_from(&from.word, at, "from")?;
                    self.mounted(at, mount.source.as_ref())?;
                }
                (Type::Bind, None) => {
                    let source = self.mounted(at, mount.source.as_ref())?;
                    let word =
                        mount.source.as_ref().map_or(&flag.range, |source| &source.word.range);
                    copies.push(self.copy_source(number, at, source, word));
                }
                (Type::Secret, _) if edges && mount.required => {
                    let span = self.source.origin(&at.span(&flag.range));
                    self.out.required.extend(mount.secret().zip(Some(span)));
                }
                _ => {}
            }
        }
        self.out.uses_rootfs |= copies.iter().any(|copy| copy.source == Source::Rootfs);
        Ok(copies)
    }

    fn mount(&mut self, at: &Instruction, flag: &Flag) -> Result<Mount> {
        let mut fields = vec![];
        for field in mount::fields(at, flag).map_err(|fault| self.fault(fault))? {
            let text = match &field.value {
                Some(word) if field.expands() => self.text(at, word)?,
                other => other.as_ref().map(|word| word.text.clone()),
            };
            fields.push((field, text));
        }
        let mount = mount::read(at, flag, fields).map_err(|fault| self.fault(fault))?;
        if let Some(MountValue { word, text: Some(text) }) = &mount.target
            && text.starts_with('/')
            && !mount::is_free(glob::clean(text).as_bytes())
        {
            let message = format!("nothing can be mounted at `{text}`");
            let error = self.source.mistake(message, &at.span(&word.range));
            return Err(error.hint("the root, `/dev`, `/proc`, `/sys` are the box's own"));
        }
        Ok(mount)
    }

    /// What a mount shows of where it is from. Its source is no pattern.
    fn mounted(&mut self, at: &Instruction, source: Option<&MountValue>) -> Result<Source> {
        let Some(MountValue { word, text }) = source else {
            return Ok(Source::Mounted(String::new()));
        };
        let Some(path) = text else { return Ok(Source::Everything) };
        self.stays_inside(at, word, path)?;
        Ok(if is_rootfs(path) { Source::Rootfs } else { Source::Mounted(path.clone()) })
    }

    fn copy_source(
        &self,
        instruction: usize,
        at: &Instruction,
        source: Source,
        range: &Range<usize>,
    ) -> CopySource {
        CopySource {
            source,
            span: self.source.origin(&at.span(range)),
            stage: self.stages.len().saturating_sub(1),
            instruction,
            parents: false,
            triggered: self.triggered,
        }
    }

    /// `--from=`: a number, a stage or an image.
    fn copy_from(&mut self, word: &Word, at: &Instruction, flag: &str) -> Result<()> {
        let span = at.span(&word.range);
        if word.text.contains('$') {
            let message = format!("Docker replaces no variables in `{flag}`");
            let error = self.source.mistake(message, &span);
            return Err(error.hint("name a stage, `FROM IMAGE AS NAME`, and use its name here"));
        }
        let stage = self.stage_named(&word.text).is_some() || self.stage_number(word, &span)?;
        let target = if stage { ParentKind::Stage } else { self.image(&word.text, &span)? };
        self.parent(word.text.clone(), target, &span, Role::CopyFrom);
        Ok(())
    }

    /// Is this the number of an earlier stage? A number that is none of one is an error.
    fn stage_number(&self, word: &Word, span: &Range<usize>) -> Result<bool> {
        let Ok(number) = word.text.parse::<i64>() else { return Ok(false) };
        let earlier = self.stages.len().saturating_sub(1);
        let message = match usize::try_from(number) {
            Ok(number) if number < earlier => return Ok(true),
            Ok(number) if number == earlier => "is this stage itself",
            _ => "is no stage",
        };
        let error = self.source.mistake(format!("`{}` {message}", word.text), span);
        Err(error.hint("stages are counted from 0, in the order of their `FROM`"))
    }

    fn shell(&mut self, at: &Instruction) -> Result<()> {
        let words = grammar::shell(at).map_err(|fault| self.fault(fault))?;
        if let Some(stage) = self.stages.last_mut() {
            stage.shell = Shell::Words(words);
        }
        Ok(())
    }

    /// What an instruction does with its heredocs.
    fn replaced(&mut self, at: &Instruction) -> Result<Replaced> {
        let what = match at.name.as_str() {
            "run" => self.script(at),
            "onbuild" => What::Trigger,
            _ => self.texts(at)?,
        };
        Ok(Replaced { span: at.all(), what })
    }

    fn script(&self, at: &Instruction) -> What {
        let shell = self.stages.last().map(|stage| stage.shell.clone()).unwrap_or_default();
        let (script, file) = plain::script(at);
        What::Run { shell, script, file }
    }

    fn texts(&mut self, at: &Instruction) -> Result<What> {
        let (words, target) = grammar::transfer(at).map_err(|fault| self.fault(fault))?;
        let (mut sources, mut texts) = (vec![], vec![]);
        for word in words {
            match at.heredoc(&word) {
                Some(heredoc) => texts.push((heredoc.name.clone(), self.heredoc(heredoc)?)),
                None => sources.push(word.text),
            }
        }
        Ok(What::Copy { head: at.head().to_owned(), sources, texts, target: target.text })
    }

    /// The text of a heredoc with the variables of the current stage, or one whose value is not known.
    fn heredoc(&mut self, heredoc: &Heredoc) -> Result<std::result::Result<String, String>> {
        let body = heredoc.body();
        if heredoc.quoted {
            return Ok(Ok(body));
        }
        let scope = self.stages.last().map(|stage| &stage.scope);
        let lookup = |name: &str| scope.map_or(Value::Unknown, |scope| scope.in_stage(name));
        let expanded = expand_text(&body, &lookup).map_err(|mistake| {
            let part = mistake.range.start + heredoc.at..mistake.range.end + heredoc.at;
            // Where tabs are taken away, only the beginning of the text is sure.
            let span = if heredoc.chomp { heredoc.at..heredoc.at + 1 } else { part };
            self.source.mistake(mistake.message, &span)
        })?;
        self.charge(expanded.cost, &(heredoc.at..heredoc.at + 1))?;
        Ok(match expanded.missing.into_iter().next() {
            Some(missing) => Err(missing.name),
            None => Ok(expanded.text),
        })
    }

    /// What is wrong with a trigger is found where it is run.
    fn onbuild(&mut self, number: usize, instruction: &Instruction) -> Result<()> {
        let Some(inner) = instruction.inner() else { return Ok(()) };
        if let Some(stage) = self.stages.last_mut() {
            stage.triggers.push(instruction.rest().to_owned());
        }
        match inner.name.as_str() {
            "label" => self.later_labels(&inner),
            "copy" | "add" | "run" => {
                self.later_copies(number, &inner);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn later_labels(&mut self, inner: &Instruction) -> Result<()> {
        for Pair { name, .. } in grammar::pairs(inner, self.escape).unwrap_or_default() {
            if let Some(text) = self.text(inner, &name)? {
                self.given(inner, &name, &text)?;
            }
        }
        Ok(())
    }

    fn later_copies(&mut self, number: usize, inner: &Instruction) {
        let uses_rootfs = self.out.uses_rootfs;
        let copies = match inner.name.as_str() {
            "run" => self.mounts(number, inner, false),
            _ => self.copy(number, inner, false),
        };
        if let Ok(copies) = copies {
            self.out.onbuild_copies.extend(copies);
        }
        self.out.uses_rootfs = uses_rootfs;
    }

    /// The number of a finished stage.
    fn stage_named(&self, name: &str) -> Option<usize> {
        self.names.get(&name.to_lowercase()).copied()
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

fn is_rootfs(path: &str) -> bool {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).eq(["rootfs.tar"])
}
