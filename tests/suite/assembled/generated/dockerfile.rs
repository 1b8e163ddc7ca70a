//! Random Dockerfiles: stages, and instructions in all their forms, about files that are there.

use super::case::{Case, File, NAMESPACE, What};
use super::faults;
use super::features::{Feature, on};
use super::grammar::Source;
use super::trees::base_members;

/// What is known of a stage while its instructions are written.
#[derive(Default)]
struct Stage {
    name: Option<String>,
    /// Has it the files of a base?
    based: bool,
    /// Paths that are likely to be there.
    paths: Vec<String>,
    /// Has it triggers for those built on it?
    triggers: bool,
}

struct Writer<'a> {
    source: &'a mut Source,
    case: Case,
    stages: Vec<Stage>,
    bases: &'a [String],
    /// Does it only set what containers get? Such instructions are never refused.
    settings: bool,
}

/// An image that others are built on.
pub fn base(name: &str, source: &mut Source) -> Case {
    let mut files = source.files();
    let what = What::Archive { members: base_members(), cut: 0 };
    let path = b"base.tar".to_vec();
    files.push(File { path, what, mode: 0o644, owner: 0, attribute: false });
    let case = Case { name: name.to_owned(), files, ..Case::default() };
    let mut writer =
        Writer { source, case, stages: vec![Stage::default()], bases: &[], settings: true };
    for line in ["FROM scratch", "ADD base.tar /", "ENV INHERITED=1 LIST=a:b"] {
        writer.case.lines.push(line.to_owned());
    }
    writer.stages[0].based = true;
    writer.instructions(3);
    writer.case
}

/// Any case; some are wrong.
pub fn case(name: &str, source: &mut Source, bases: &[String]) -> Case {
    source.escape = if source.chance(8) { '`' } else { '\\' };
    let case = Case {
        name: name.to_owned(),
        files: source.files(),
        ignore: source.ignore(),
        returns: source.chance(8),
        ..Case::default()
    };
    let mut writer = Writer { source, case, stages: vec![], bases, settings: false };
    writer.write();
    writer.case
}

impl Writer<'_> {
    fn write(&mut self) {
        if self.source.escape == '`' {
            let directive = self.source.of(&["# escape=`", "#escape=`", "# Escape = `"]);
            self.case.lines.push(directive.to_owned());
        }
        for _ in 0..self.source.weighted(&[(70, 0), (20, 1), (10, 2)]) {
            self.arg();
        }
        for _ in 0..self.source.weighted(&[(65, 1), (25, 2), (10, 3)]) {
            self.from();
            let count = self.source.rng.usize(1..5);
            self.instructions(count);
        }
        if self.source.chance(20) {
            faults::add(&mut self.case, self.source);
        }
    }

    fn instructions(&mut self, count: usize) {
        for _ in 0..count {
            if self.source.chance(6) {
                let between =
                    self.source.of(&["# a comment", "", "  # indented", "\t", "#", "# ends in \\"]);
                self.case.lines.push(between.to_owned());
            }
            self.instruction();
        }
    }

    /// Writes a line, perhaps on several.
    fn put(&mut self, name: &str, rest: &str) {
        let name = self.source.name(name);
        let gap = self.source.gap();
        let mut line = format!("{name}{gap}{rest}");
        // At a line's end, this would continue it.
        if line.trim_end().ends_with(self.source.escape) {
            line.push('x');
        }
        if self.source.chance(25) {
            line = self.source.wrapped(&line);
        }
        let begin = self.source.weighted(&[(94, ""), (3, "  "), (3, "\t")]);
        let end = self.source.weighted(&[(94, ""), (4, " "), (2, "\t ")]);
        self.case.lines.push(format!("{begin}{line}{end}"));
    }

    fn stage(&mut self) -> &mut Stage {
        self.stages.last_mut().expect("no stage before the first `FROM`")
    }

    fn from(&mut self) {
        let mut stage = Stage::default();
        let usable =
            |stage: &&Stage| stage.name.is_some() && (on(Feature::Triggers) || !stage.triggers);
        let earlier = self.stages.iter().filter(usable).collect::<Vec<_>>();
        let mut image = String::from("scratch");
        if let Some(on) = self.source.of_some(&earlier).filter(|_| self.source.chance(30)) {
            image = on.name.clone().unwrap_or_default();
            (stage.based, stage.paths) = (on.based, on.paths.clone());
        } else if let Some(base) =
            self.source.of_some(self.bases).filter(|_| self.source.chance(60))
        {
            image = format!("{NAMESPACE}/{base}");
            self.case.parents.push(base);
            stage.based = true;
            stage.paths = ["/old", "/etc", "/usr", "/bin", "/opt/abs/passwd", "/h1"]
                .map(str::to_owned)
                .into();
        }
        if self.stages.is_empty() && self.source.chance(12) {
            self.case.lines.push(format!("ARG FROM_IT={image}"));
            let names = ["$FROM_IT", "${FROM_IT}", "${FROM_IT:-none}"];
            self.source.of(&names).clone_into(&mut image);
        }
        let name = format!(
            "{}{}",
            self.source.of(&["one", "Two", "s-3", "x_y", "st.4"]),
            self.stages.len()
        );
        if self.source.chance(45) {
            let named = self.source.of(&["AS", "as", "As"]);
            image = self.source.spaced(&[image, named.to_owned(), name.clone()]);
            stage.name = Some(name);
        }
        self.put("from", &image);
        self.stages.push(stage);
    }

    fn instruction(&mut self) {
        type Write = for<'a, 'b> fn(&'a mut Writer<'b>);
        let all: &[(u32, Write)] = &[
            (30, |w| w.copy("copy")),
            (14, |w| w.copy("add")),
            (12, |w| w.pairs("env")),
            (6, |w| w.pairs("label")),
            (7, |w| w.arg()),
            (9, |w| w.workdir()),
            (4, |w| {
                w.one_word("user", &["root", "jo", "jo:staff", "7", "7:8", "${U:-9}", "\"a b\""]);
            }),
            (4, |w| w.expose()),
            (4, |w| w.volume()),
            (4, |w| w.command("cmd")),
            (4, |w| w.command("entrypoint")),
            (2, |w| w.shell()),
            (5, |w| w.healthcheck()),
            (3, |w| {
                w.one_word(
                    "stopsignal",
                    &["SIGTERM", "9", "KILL", "sigusr1", "64", "SIGRTMIN+3", "RTMAX", "SIGWINCH"],
                );
            }),
            (1, |w| w.one_word("maintainer", &["Jane Doe <jd@example.org>", "me", "\"q\" $A"])),
            (4, |w| w.onbuild()),
        ];
        // The first ones are about files.
        let all = if self.settings { &all[2..] } else { all };
        self.source.weighted(all)(self);
    }

    fn one_word(&mut self, name: &str, values: &[&str]) {
        let value = self.source.of(values).to_owned();
        self.put(name, &value);
    }

    fn arg(&mut self) {
        let name = self.source.of(&super::grammar::NAMES[..5]);
        let rest = match self.source.weighted(&[(40, 0), (50, 1), (10, 2)]) {
            0 => name.to_owned(),
            1 => format!("{name}={}", self.source.word()),
            _ => format!("{name}={} n=2", self.source.word()),
        };
        self.put("arg", &rest);
    }

    /// `ENV` and `LABEL`.
    fn pairs(&mut self, name: &str) {
        let names = ["A", "B", "C", "n", "LIST", "PATH", "x.y", "a-b", "é"];
        if self.source.chance(20) {
            let key = self.source.of(&names);
            let words =
                (0..self.source.rng.usize(1..4)).map(|_| self.source.word()).collect::<Vec<_>>();
            let rest = [vec![key.to_owned()], words].concat();
            let rest = self.source.spaced(&rest);
            return self.put(name, &rest);
        }
        let count = self.source.rng.usize(1..4);
        let pairs = (0..count).map(|_| {
            let key = match name {
                "label" if self.source.chance(15) => {
                    self.source.of(&["\"two words\"", "'q'", "$A.b", "org.example.$n", "l\"x\"y"])
                }
                _ => self.source.of(&names),
            };
            let value = if self.source.chance(10) { String::new() } else { self.source.word() };
            format!("{key}={value}")
        });
        let pairs = pairs.collect::<Vec<_>>();
        let rest = self.source.spaced(&pairs);
        self.put(name, &rest);
    }

    fn workdir(&mut self) {
        let folders = [
            "/w",
            "/w/x",
            "y",
            "..",
            "/a/../b/",
            "/",
            ".",
            "/bin/w",
            "\"/q q\"",
            "/x y",
            "/opt/abs",
            "/$n/z",
            "${NONE:-/d}",
            "dir",
            // Not `/etc`, which each container of the engine has, so that its classic builder makes none.
            "/etcetera",
            "/é",
            "./p//q/",
        ];
        let folder = self.source.of(&folders).to_owned();
        self.put("workdir", &folder);
    }

    fn expose(&mut self) {
        let ports = [
            "80",
            "443/tcp",
            "53/udp",
            "8000-8003",
            "9/sctp",
            "\"81\"",
            "${P:-82}",
            "7000-7001/udp",
            "0080",
            "80/TCP",
        ];
        let ports = (0..self.source.rng.usize(1..4))
            .map(|_| self.source.of(&ports).to_owned())
            .collect::<Vec<_>>();
        let rest = self.source.spaced(&ports);
        self.put("expose", &rest);
    }

    fn volume(&mut self) {
        let paths = ["/v", "/etc", "/w/x/", "rel", "\"/q\"", "/$n/v", "/a/../b", "/v1"];
        let paths = (0..self.source.rng.usize(1..3))
            .map(|_| self.source.of(&paths).to_owned())
            .collect::<Vec<_>>();
        let rest = if self.source.chance(40) {
            self.source.json(&paths)
        } else {
            self.source.spaced(&paths)
        };
        self.put("volume", &rest);
    }

    fn strings(&mut self, least: usize) -> Vec<String> {
        let strings = [
            "/bin/a", "-c", "b c", "\"q\"", "$HOME", "${A}", "", "a\\b", "é", "\t", "<&>", "/",
            "\u{2028}",
        ];
        (0..self.source.rng.usize(least..4)).map(|_| self.source.of(&strings).to_owned()).collect()
    }

    /// `CMD` and `ENTRYPOINT`.
    fn command(&mut self, name: &str) {
        let rest = self.command_text();
        self.put(name, &rest);
    }

    fn command_text(&mut self) -> String {
        if self.source.chance(50) {
            let strings = self.strings(1);
            return self.source.json(&strings);
        }
        if self.source.chance(10) {
            return self
                .source
                .of(&[
                    "[\"a\", 'b']",
                    "[ x ]",
                    "[\"a\"",
                    "[\"a\",]",
                    "[]x",
                    "{\"a\":1}",
                    "\"a\"",
                    "[[\"a\"]]",
                    "[\"a\\q\"]",
                ])
                .to_owned();
        }
        self.source.shell()
    }

    fn shell(&mut self) {
        let strings = self.strings(1);
        let rest = self.source.json(&strings);
        self.put("shell", &rest);
    }

    fn healthcheck(&mut self) {
        if self.source.chance(15) {
            let none = self.source.of(&["NONE", "none"]);
            return self.put("healthcheck", none);
        }
        let mut words = vec![];
        let times = ["1s", "1m30s", "500ms", "0s", "2h", "1.5s", "1ms", "0", "1h0m0.5s"];
        for flag in ["--interval", "--timeout", "--start-period"] {
            if self.source.chance(25) {
                words.push(format!("{flag}={}", self.source.of(&times)));
            }
        }
        if self.source.chance(25) {
            words.push(format!("--retries={}", self.source.of(&["1", "5", "30", "+3"])));
        }
        self.source.rng.shuffle(&mut words);
        words.push(self.source.of(&["CMD", "cmd"]).to_owned());
        words.push(self.command_text());
        let rest = self.source.spaced(&words);
        self.put("healthcheck", &rest);
    }

    fn onbuild(&mut self) {
        let triggers = [
            "ENV A=1",
            "RUN  echo \"$x\"  && true",
            "COPY f /",
            "ADD x /y",
            "LABEL a=b",
            "copy  . /app",
            "CMD [\"a\"]",
            "USER jo",
            "WORKDIR sub",
            "EXPOSE 1",
        ];
        let trigger = self.source.of(&triggers).to_owned();
        self.stage().triggers = true;
        self.put("onbuild", &trigger);
    }

    /// `COPY` and `ADD`.
    fn copy(&mut self, name: &str) {
        let mut flags = vec![];
        let from = (name == "copy").then(|| self.copy_from()).flatten();
        flags.extend(from.as_ref().map(|(from, _)| format!("--from={from}")));
        if self.source.chance(22) {
            let owners: &[&str] = if self.stage().based {
                &["5:6", "7", "jo:staff", "jo", "6:staff", "root:root", "0", "$NONE${n:-8}:9"]
            } else {
                &["5:6", "7", "0:0", "${NONE:-12}"]
            };
            flags.push(format!("--chown={}", self.source.of(owners)));
        }
        self.source.rng.shuffle(&mut flags);
        let sources = match from {
            Some((_, paths)) => paths,
            None => self.sources(),
        };
        let target =
            self.target(sources.len() > 1 || sources.iter().any(|s| s.contains(['*', '?'])));
        self.note(&sources, &target);
        let words = [sources, vec![target]].concat();
        let blank = |word: &String| word.contains(char::is_whitespace) || word.is_empty();
        let rest = if words.iter().any(blank) || self.source.chance(20) {
            self.source.json(&words)
        } else {
            self.source.spaced(&words)
        };
        let rest = self.source.spaced(&[flags, vec![rest]].concat());
        self.put(name, &rest);
    }

    /// Remembers what a later `COPY --from` may ask for.
    fn note(&mut self, sources: &[String], target: &str) {
        if target.starts_with('/') && !target.contains(['$', '\\', '"']) {
            let stage = self.stage();
            stage.paths.push(target.to_owned());
            if let ([source], true) = (sources, target.ends_with('/')) {
                let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                stage.paths.push(format!("{target}{name}"));
            }
        }
    }

    /// What `--from` names, and paths that are there.
    fn copy_from(&mut self) -> Option<(String, Vec<String>)> {
        if !self.source.chance(25) {
            return None;
        }
        if self.stages.len() > 1 {
            let number = self.source.rng.usize(0..self.stages.len() - 1);
            let stage = &self.stages[number];
            let paths = self.source.of_some(&stage.paths)?;
            let by_name = stage.name.clone().filter(|_| self.source.chance(70));
            let name = by_name.unwrap_or_else(|| number.to_string());
            let name = if self.source.chance(15) { name.to_uppercase() } else { name };
            return Some((name, vec![paths]));
        }
        let base = self.source.of_some(self.bases)?;
        let paths = [
            "/old",
            "/etc",
            "/usr/bin/*",
            "/bin",
            "/opt/abs/passwd",
            "/h1",
            "/",
            "/opt/up",
            "/etc/",
        ];
        let paths = (0..self.source.rng.usize(1..3)).map(|_| self.source.of(&paths).to_owned());
        let paths = paths.collect();
        if !self.case.parents.contains(&base) {
            self.case.parents.push(base.clone());
        }
        Some((format!("{NAMESPACE}/{base}"), paths))
    }

    /// Sources that the context has, mostly.
    fn sources(&mut self) -> Vec<String> {
        (0..self.source.weighted(&[(70, 1), (20, 2), (10, 3)])).map(|_| self.one_source()).collect()
    }

    fn one_source(&mut self) -> String {
        match self.source.weighted(&[(76, 0), (8, 1), (16, 2)]) {
            0 => self.path(),
            1 => self.source.of(&[".", "./", "/", "dir/..", "./."]).to_owned(),
            _ => self.pattern(),
        }
    }

    /// A pattern, which mostly matches something.
    fn pattern(&mut self) -> String {
        if self.source.chance(30) {
            let patterns =
                ["*.txt", "?", "d*", "[fgx]", "dir/*", "*/*", "[^a]*", "a[^b]*", "*.t?t", "[a-c]*"];
            return self.source.of(&patterns).to_owned();
        }
        let path = self.path();
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path.as_str()));
        let rest = name.chars().skip(1).collect::<String>();
        let first = name.chars().next().filter(char::is_ascii_alphanumeric).unwrap_or('?');
        let patterns = [
            "*".to_owned(),
            format!("?{rest}"),
            format!("{first}*"),
            format!("[{first}]*"),
            format!("*{rest}"),
        ];
        format!("{folder}/{}", self.source.of_some(&patterns).unwrap_or_default())
    }

    /// The path of one of the files, as a word.
    fn path(&mut self) -> String {
        // A link leads anywhere, and `.dockerignore` may leave out what it leads to.
        let links = self.source.chance(15);
        let usable = |f: &&File| links || !matches!(f.what, What::Link(_));
        let paths = self.case.files.iter().filter(usable).map(|f| f.path.clone());
        let paths = paths.filter(|path| std::str::from_utf8(path).is_ok()).collect::<Vec<_>>();
        let path = self.source.of_some(&paths).unwrap_or_else(|| b"f".to_vec());
        let path = String::from_utf8(path).expect("those that are not have been left out");
        let mut word = String::new();
        let pattern = self.source.chance(80);
        for c in path.chars() {
            if pattern && matches!(c, '*' | '?' | '[' | '\\') {
                word.push('?');
                continue;
            }
            if matches!(c, '*' | '?' | '[' | '\\') {
                // Once for the pattern, and once for the word.
                word.push_str(if self.source.escape == '\\' { "\\\\" } else { "\\" });
            }
            if matches!(c, '$' | '"' | '\'') || c == self.source.escape {
                word.push(self.source.escape);
            }
            word.push(c);
        }
        match self.source.weighted(&[(82, 0), (5, 1), (5, 2), (2, 3), (6, 4)]) {
            1 => format!("./{word}"),
            2 => format!("/{word}"),
            3 => format!("{word}/"),
            4 if !word.contains(['"', '\'', '\\', '`']) => format!("\"{word}\""),
            _ => word,
        }
    }

    /// Where things go; `many`: it has to be a folder.
    fn target(&mut self, many: bool) -> String {
        let folders = [
            "/",
            "/d/",
            "/e/f/",
            "./",
            "sub/",
            "/bin/",
            "/opt/abs/",
            "/w/x/",
            "$n/",
            "/tmp/",
            "/etc/../g/",
            "/é/",
            "\"/q\"/",
        ];
        let names = [
            "/new",
            "/d",
            "/f",
            "/etc",
            ".",
            "n",
            "/bin/f",
            "/opt/file",
            "/opt/abs",
            "/a/b/c",
            "/e//f",
            "/w",
            "../up",
            "/usr/./x",
            "/old",
            "/st-$n",
            "/sp ace",
        ];
        let one = self.source.chance(55);
        if many || !one {
            self.source.of(&folders).to_owned()
        } else {
            self.source.of(&names).to_owned()
        }
    }
}
