//! `build.sh` becomes `Buildconfig.sh`: kubler's names as ours, its hook for the builder called by ours, and what a
//! builder here cannot do told.
//!
//! Words are changed where they stand. Does not know what a hook does beyond the names in `known`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use super::bash::{Function, Script, Word, value};
use super::conf::{Conf, unread};
use super::edits::Edits;
use super::known::{COMMANDS, Deed, Known, VARIABLES, find};
use super::{Named, Note, Weight};
use crate::dock::buildconfig;

/// The text, and what else the dock needs for it.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) text: String,
    /// Patterns of files that it reads below `/config`.
    pub(super) inputs: Vec<String>,
    pub(super) downloads: Vec<Download>,
    /// What stays in the image for compilers.
    pub(super) kept: BTreeSet<Kept>,
    pub(super) notes: Vec<Note>,
}

/// Something that `download_file` or `add_patch` has fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Download {
    /// As far as it is known; else as it is written.
    pub(super) url: String,
    /// What the script calls it, if that is not the address's last part.
    pub(super) name: Option<String>,
}

/// What is left out of images unless somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    Headers,
    StaticLibs,
}

/// kubler's hooks for the builder; the second is the older name.
const FOR_BUILDER: [&str; 2] = ["configure_builder", "configure_bob"];
const CONFIGURE: &str = "configure_rootfs_build";
const FINISH: &str = "finish_rootfs_build";
/// Options of emerge that do not change what is installed.
const HARMLESS: [&str; 18] = [
    "-1",
    "--oneshot",
    "-v",
    "--verbose",
    "-q",
    "--quiet",
    "-n",
    "--noreplace",
    "-b",
    "--buildpkg",
    "-k",
    "--usepkg",
    "-u",
    "--update",
    "-N",
    "--newuse",
    "-D",
    "--deep",
];

/// Converts the text; an image without one has nothing from Portage.
pub(super) fn convert(script: Option<Named<'_>>, conf: &Conf, files: &BTreeSet<String>) -> Made {
    let Some(named) = script else {
        let text = "# Nothing of this image comes from Portage.\n".to_owned();
        return Made { text, ..Made::default() };
    };
    let Some(script) = Script::new(named.text) else {
        return Made {
            text: named.text.to_owned(),
            notes: vec![unread(named.name)],
            ..Made::default()
        };
    };
    let functions = script.functions();
    let mut work = Work {
        file: named.name,
        script,
        functions,
        edits: Edits::default(),
        made: Made::default(),
    };
    work.variables(conf);
    work.commands();
    work.inputs(files);
    work.hook();
    work.own(conf);
    let Work { script, edits, mut made, .. } = work;
    made.text = edits.applied(script.text);
    made.notes.extend(fault(&made.text));
    made
}

/// What `bb` would refuse.
fn fault(text: &str) -> Option<Note> {
    let error = buildconfig::check(Path::new("Buildconfig.sh"), text).err()?;
    let line = error.place().map_or(0, |place| place.line_and_column().0);
    let hint = error.hint_text().unwrap_or_default();
    Some(Note::new(Weight::Hand, ("Buildconfig.sh", line), error.message(), hint))
}

struct Work<'a> {
    file: &'a str,
    script: Script<'a>,
    functions: Vec<Function<'a>>,
    edits: Edits,
    made: Made,
}

impl<'a> Work<'a> {
    fn tell(&mut self, weight: Weight, at: usize, what: &str, instead: &str) {
        let line = self.script.line(at);
        self.made.notes.push(Note::new(weight, (self.file, line), what, instead));
    }

    fn tell_known(&mut self, known: &Known, at: usize, what: &str) {
        if let Some(weight) = known.told {
            self.tell(weight, at, what, known.instead);
        }
    }

    /// The function of the script that a place is in.
    fn within(&self, at: usize) -> &'a str {
        let mut inside = self.functions.iter().filter(|function| function.body.contains(&at));
        inside.next_back().map_or("", |function| function.name)
    }

    // --- variables

    fn variables(&mut self, conf: &Conf) {
        let assigned = self.script.assignments();
        for assignment in &assigned {
            let is_kept = !["", "\"\"", "''", "false", "no"].contains(&assignment.value);
            self.made.kept.extend(kept(assignment.name).filter(|_| is_kept));
            let known = find(VARIABLES, assignment.name);
            if let Some(known) = known
                && let Deed::Set(new) = known.deed
            {
                self.edits.replace(assignment.span.clone(), new);
                self.tell_known(known, assignment.span.start, assignment.name);
            }
        }
        let set = |span: &Range<usize>| assigned.iter().any(|a| a.span.start == span.start);
        for word in self.script.words() {
            let is_set = set(&word.span);
            self.variable(&word, is_set, conf);
        }
    }

    fn variable(&mut self, word: &Word<'_>, is_set: bool, conf: &Conf) {
        if !self.script.is_variable(&word.span) {
            return;
        }
        if word.name == "ROOT" && self.script.is_asked(&word.span) {
            return self.edits.replace(word.span.clone(), "EMERGE_ROOT");
        }
        if conf.own.contains_key(word.name) {
            return self.edits.replace(word.span.clone(), own_name(word.name, &self.script));
        }
        if word.name == "_EMERGE_ROOT" {
            self.merged_usr(word);
        }
        let Some(known) = find(VARIABLES, word.name) else { return };
        match known.deed {
            Deed::Renamed(new) => self.edits.replace(word.span.clone(), new),
            Deed::Written(text) => return self.written(word, text),
            Deed::Set(_) if is_set => return,
            _ => {}
        }
        self.tell_known(known, word.span.start, word.name);
    }

    /// A folder `/lib64` that is there before the packages keeps the link out.
    fn merged_usr(&mut self, word: &Word<'_>) {
        let within = self.within(word.span.start);
        let after = self.script.text[word.span.end..].trim_start_matches(['}', '"']);
        if (within == CONFIGURE || FOR_BUILDER.contains(&within)) && after.starts_with("/lib") {
            let instead = "remove it: /lib and /lib64 are links to /usr from the start";
            self.tell(
                Weight::Hand,
                word.span.start,
                "/lib in the image's root, before its packages",
                instead,
            );
        }
    }

    /// `${NAME}` becomes a text, wherever no more is done with it.
    fn written(&mut self, word: &Word<'_>, text: &str) {
        if let Some(span) = self.script.plainly_asked(&word.span) {
            return self.edits.replace(span, text);
        }
        let instead = format!("write `{text}` in its place");
        self.tell(Weight::Hand, word.span.start, word.name, &instead);
    }

    // --- commands

    fn commands(&mut self) {
        let defined = self.functions.iter().map(|function| function.name).collect::<BTreeSet<_>>();
        for command in self.script.commands() {
            if defined.contains(command.name) {
                continue;
            }
            if command.name == "emerge" {
                self.emerge(&command);
                continue;
            }
            let Some(known) = find(COMMANDS, command.name) else { continue };
            if known.deed == Deed::Idle {
                self.edits.insert(command.span.start, ": ");
            }
            self.tell_known(known, command.span.start, command.name);
            match command.name {
                "download_file" | "download_from_oracle" => self.download(&command, 0, 1, ""),
                "add_patch" => self.patch(&command),
                _ => {}
            }
        }
    }

    fn patch(&mut self, command: &Word<'_>) {
        let instead =
            "`[rootfs] fetch` of dock.toml: SHA-512 and size of the patch, as begun there";
        self.tell(Weight::Hand, command.span.start, command.name, instead);
        self.download(command, 1, 2, ".patch");
    }

    /// Where the address is among the arguments, and where the name, to which an ending is added.
    fn download(&mut self, command: &Word<'_>, url: usize, name: usize, ending: &str) {
        let arguments = self.script.arguments(command.span.end);
        let text = |at: usize| arguments.get(at).map(|span| &self.script.text[span.clone()]);
        let assigned = self.script.assignments();
        let mut known = std::collections::BTreeMap::new();
        for assignment in assigned {
            let value = value(assignment.value, &known);
            known.extend(value.map(|value| (assignment.name.to_owned(), value)));
        }
        let said = |at: usize| text(at).map(|t| value(t, &known).unwrap_or_else(|| t.to_owned()));
        let Some(url) = said(url) else { return };
        let last = url.rsplit('/').next().unwrap_or_default();
        let name = said(name).filter(|name| !name.is_empty()).unwrap_or_else(|| last.to_owned());
        let ends = [".patch", ".diff", ending].iter().any(|known| name.ends_with(known));
        let name = if ends { name } else { name + ending };
        // What `bb` calls it by itself.
        let plain = last.split(['?', '#']).next().unwrap_or_default();
        let name = (name != plain).then_some(name);
        self.made.downloads.push(Download { url, name });
    }

    /// What kubler installs in the builder by this becomes a variable; the image's is told.
    fn emerge(&mut self, command: &Word<'_>) {
        let within = self.within(command.span.start);
        let arguments = self.script.arguments(command.span.end);
        let words =
            arguments.iter().map(|span| &self.script.text[span.clone()]).collect::<Vec<_>>();
        let removes =
            words.iter().any(|word| ["-C", "--unmerge", "-c", "--depclean"].contains(word));
        match within {
            FINISH if removes => self.removes(command),
            FINISH => {
                let instead = "`PACKAGES`: nothing is compiled in finish_rootfs_build";
                self.tell(Weight::Hand, command.span.start, "emerge", instead);
            }
            _ if FOR_BUILDER.contains(&within) && self.is_list(command, &words) => {
                self.listed(command, &arguments, "BUILD_PACKAGES");
            }
            CONFIGURE if !self.leaves_root() && self.is_list(command, &words) => {
                self.listed(command, &arguments, "PACKAGES");
            }
            _ => {
                let instead = "`BUILD_PACKAGES` for the builder, `PACKAGES` for the image: a hook has no sources to \
                               compile";
                self.tell(Weight::Hand, command.span.start, "emerge", instead);
            }
        }
    }

    fn removes(&mut self, command: &Word<'_>) {
        if self.leaves_root() {
            let instead = "remove it, if it was to tidy the builder, which is thrown away: here it is about the image";
            self.tell(Weight::Hand, command.span.start, "emerge after `unset ROOT`", instead);
        }
    }

    /// Whether somebody turns to the builder's own root.
    fn leaves_root(&self) -> bool {
        let words = self.script.words();
        let turned = |word: &Word<'_>| {
            let text = self.script.text;
            word.name == "ROOT"
                && (text[word.span.end..].starts_with('=')
                    || text[..word.span.start].trim_end().ends_with("unset"))
        };
        words.iter().any(turned)
    }

    /// Names of packages and harmless options, in a command of the script itself.
    fn is_list(&self, command: &Word<'_>, words: &[&str]) -> bool {
        let plain = |word: &&str| {
            let inner = word.trim_matches(['"', '\'']);
            let option = inner.starts_with('-');
            !inner.is_empty()
                && !inner.contains(['`', '*', '\\'])
                && !inner.contains("$(")
                && !inner.starts_with('@')
                && inner != "world"
                && (!option || HARMLESS.contains(&inner))
        };
        self.script.kind(command.span.start) == Some(buildconfig::code::Kind::Code)
            && self.alone(command)
            && words.iter().all(plain)
            && words.iter().any(|word| !word.starts_with('-'))
    }

    /// Whether it is a line of its own, and not what another command or setting is for.
    fn alone(&self, command: &Word<'_>) -> bool {
        let before = self.script.text[..command.span.start].trim_end_matches([' ', '\t']);
        before.ends_with(['\n', ';', '{']) || before.ends_with("&&")
    }

    /// `emerge -1 a "b"` becomes `BUILD_PACKAGES+=" a b"`.
    fn listed(&mut self, command: &Word<'_>, arguments: &[Range<usize>], variable: &str) {
        self.edits.replace(command.span.clone(), format!("{variable}+=\""));
        let mut end = command.span.end;
        for span in arguments {
            let word = &self.script.text[span.clone()];
            if word.starts_with('-') {
                self.edits.replace(end..span.end, "");
            } else {
                for (at, _) in word.match_indices(['"', '\'']) {
                    self.edits.replace(span.start + at..span.start + at + 1, "");
                }
            }
            end = span.end;
        }
        self.edits.insert(end, "\"");
    }

    // --- files

    /// Files of the dock that are read at `/config`: in kubler all are there.
    fn inputs(&mut self, files: &BTreeSet<String>) {
        let text = self.script.text;
        let mut found = BTreeSet::new();
        for sign in ["/config/", "/config\"/", "${_CONFIG}/", "${_CONFIG}\"/", "$_CONFIG/"] {
            for (at, _) in text.match_indices(sign) {
                let is_comment = self.script.kind(at) == Some(buildconfig::code::Kind::Comment);
                let is_part = sign.starts_with('/')
                    && text[..at].ends_with(|c: char| c.is_alphanumeric() || "}\"/.".contains(c));
                if !is_comment && !is_part {
                    found.extend(pattern(&text[at + sign.len()..], files));
                }
            }
        }
        let all = found.contains("**");
        self.made.inputs = found.into_iter().filter(|pattern| !all || pattern == "**").collect();
    }

    // --- hooks

    /// kubler calls its hook for the builder by itself, first.
    fn hook(&mut self) {
        let functions = self.functions.iter();
        let Some(own) = functions.clone().map(|f| f.name).find(|name| FOR_BUILDER.contains(name))
        else {
            return;
        };
        let Some(configure) = functions.clone().find(|function| function.name == CONFIGURE) else {
            let text = self.script.text;
            let end = if text.ends_with('\n') { "\n" } else { "\n\n" };
            let new =
                format!("{end}# kubler calls {own} by itself.\n{CONFIGURE}() {{\n\t{own}\n}}\n");
            return self.edits.insert(text.len(), new);
        };
        let body = &self.script.text[configure.body.clone()];
        let start = configure.body.start;
        match body.split_once('\n') {
            Some((first, rest)) if first.trim().is_empty() => {
                let line =
                    rest.split('\n').find(|line| !line.trim().is_empty()).unwrap_or_default();
                let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
                let indent = if indent.is_empty() { "\t" } else { indent };
                self.edits.insert(start, format!("\n{indent}{own} # kubler calls it by itself"));
            }
            _ => self.edits.insert(start, format!(" {own};")),
        }
    }

    /// Variables of `build.conf`, which kubler puts into the environment.
    fn own(&mut self, conf: &Conf) {
        let words = self.script.words().into_iter().map(|word| word.name).collect::<BTreeSet<_>>();
        let used = conf.own.iter().filter(|(name, _)| words.contains(name.as_str()));
        let line = |(name, value): (&String, &Option<String>)| {
            let value = value.clone().unwrap_or_default().replace('\'', r"'\''");
            format!("{}='{value}' # of build.conf\n", own_name(name, &self.script))
        };
        let lines = used.map(line).collect::<String>();
        let comments =
            self.script.text.split_inclusive('\n').take_while(|line| line.starts_with('#'));
        let at = comments.map(str::len).sum();
        if !lines.is_empty() {
            self.edits.insert(at, lines);
        }
    }
}

fn kept(name: &str) -> Option<Kept> {
    match name {
        "_keep_headers" | "_headers_from" => Some(Kept::Headers),
        "_keep_static_libs" | "_static_libs_from" => Some(Kept::StaticLibs),
        _ => None,
    }
}

/// A name without `BOB_`, which is the builder's own here; with another beginning where that name is taken.
fn own_name(name: &str, script: &Script<'_>) -> String {
    let short = name.trim_start_matches("BOB_");
    let taken = script.words().iter().any(|word| word.name == short) || short.is_empty();
    if taken { format!("KUBLER_{short}") } else { short.to_owned() }
}

/// What a path below `/config` names, by the files that there are; all of them where that is not sure.
fn pattern(path: &str, files: &BTreeSet<String>) -> Option<String> {
    let end = path.find(|c: char| c.is_whitespace() || ";&|)".contains(c)).unwrap_or(path.len());
    let plain = path[..end].replace(['"', '\''], "");
    if plain.starts_with("fetched/") {
        return None;
    }
    let sure = plain.split('/').take_while(|part| !part.contains(['*', '?', '[', '{', '$', '`']));
    let sure = sure.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let is_folder =
        files.iter().any(|file| file.strip_prefix(&sure).is_some_and(|rest| rest.starts_with('/')));
    match sure.as_str() {
        "" => Some("**".to_owned()),
        _ if files.contains(&sure) => Some(sure),
        _ if is_folder => Some(format!("{sure}/**")),
        _ => None,
    }
}
