//! Random projects, and random edits of them.

use fastrand::Rng;
use support::fake::room::{Room, put, remove};

use crate::model::Model;
use crate::project::{Base, Dock, Item, Node, Project, Task, Tree, elsewhere};

/// What one edit comes to, beside what the project's tree says.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// In words.
    pub what: String,
    /// Files that are moved first.
    pub moved: Vec<(String, String)>,
    /// Files whose times are set this many seconds back, after all.
    pub aged: Vec<(String, i64)>,
    /// Files below the state folder that are removed or written.
    pub state: Vec<(String, Option<&'static str>)>,
    /// The end of the names of what is removed from the engine.
    pub unloaded: Option<String>,
    /// An image of another registry, and its new version.
    pub pulled: Option<(u8, u32)>,
    /// A file of an image's own that is written while the image is built.
    pub during: Option<During>,
}

#[derive(Debug, Clone)]
pub struct During {
    pub image: String,
    pub path: String,
    /// What it says before.
    pub text: String,
}

impl Edit {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Does to one copy what is not in the tree: before the tree is written.
    pub fn before(&self, room: &Room) {
        for (from, to) in &self.moved {
            let to = room.path(to);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::rename(room.path(from), to).unwrap();
        }
    }

    /// The tree that is to be written over, once the files are moved.
    pub fn after_moves(&self, tree: &Tree) -> Tree {
        let moved = |path: &String| {
            let to = self.moved.iter().find_map(|(from, to)| {
                let rest = path.strip_prefix(from.as_str())?;
                (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
            });
            to.unwrap_or_else(|| path.clone())
        };
        tree.iter().map(|(path, node)| (moved(path), node.clone())).collect()
    }

    /// … and after it.
    pub fn after(&self, room: &Room) {
        for (path, text) in &self.state {
            match text {
                Some(text) => std::fs::write(room.path(path), text).unwrap(),
                None => std::fs::remove_file(room.path(path)).unwrap(),
            }
        }
        if let Some(name) = &self.unloaded {
            match &room.real {
                Some(real) => real.remove(name),
                None => assert!(room.engine.remove(|n| n.contains(name.as_str())) > 0, "{name}"),
            }
        }
        if let Some((base, version)) = self.pulled {
            room.engine.pull(&elsewhere(base), version);
        }
        for (path, seconds) in &self.aged {
            room.age(path, *seconds);
        }
    }

    /// Brings a room's files from one tree to another.
    pub fn change(&self, room: &mut Room, old: &Tree, project: &Project) {
        self.before(room);
        let old = self.after_moves(old);
        let new = project.tree();
        for path in old.keys().filter(|p| !new.contains_key(*p)) {
            remove(&room.path(path));
        }
        for (path, node) in new.iter().filter(|(p, n)| old.get(*p) != Some(n)) {
            put(&room.path(path), node);
        }
        let namespace = match &room.real {
            Some(real) => format!("{}/{}", real.namespace, project.namespace),
            None => project.namespace.clone(),
        };
        room.env = vec![("NAMESPACE".to_owned(), namespace)];
        self.after(room);
    }
}

/// Makes projects and edits.
pub struct Author {
    pub rng: Rng,
    rootfs: bool,
    /// Only what a real engine can do, and does the same way every time.
    plain: bool,
    made: u32,
    removed: Vec<(String, Dock)>,
}

type Maker = fn(&mut Author, &mut Project, &mut Model) -> Option<Edit>;

const MAKERS: [Maker; 22] = [
    Author::content,
    Author::content,
    Author::content_as_old,
    Author::touch,
    Author::touch_all,
    Author::buildconfig,
    Author::comment,
    Author::add_file,
    Author::remove_file,
    Author::rename_file,
    Author::add_dock,
    Author::remove_dock,
    Author::rename_dock,
    Author::rewire,
    Author::marker,
    Author::unload,
    Author::pull,
    Author::lose_output,
    Author::lose_stamp,
    Author::mode,
    Author::link,
    Author::during,
];

impl Author {
    pub fn new(seed: u64, plain: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rootfs = !plain && rng.u8(..3) == 0;
        Self { rng, rootfs, plain, made: 0, removed: vec![] }
    }

    fn percent(&mut self, of: u8) -> bool {
        self.rng.u8(..100) < of
    }

    fn number(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// 1 to 60 docks, half of the projects with up to 8.
    pub fn project(&mut self) -> Project {
        let docks = match self.rng.u8(..100) {
            _ if self.plain => self.rng.u32(1..=4),
            0..50 => self.rng.u32(1..=8),
            50..92 => self.rng.u32(8..=14),
            92..99 => self.rng.u32(14..=30),
            _ => self.rng.u32(30..=60),
        };
        let mut project = Project {
            namespace: "one".to_owned(),
            maintainer: 0,
            tag: if self.percent(20) { "v1" } else { "latest" },
            cflags: 0,
            elsewhere: [0; 2],
            token: if self.plain { token(self.rng.u32(..)) } else { String::new() },
            items: vec![],
        };
        for _ in 0..docks {
            if self.percent(20) {
                let task = self.task(&project);
                project.items.push((format!("t{}", self.number()), Item::Task(task)));
            }
            let dock = self.dock(&project);
            let name = format!("d{}", self.number());
            self.let_task_make_file(&mut project, &name, dock);
        }
        project
    }

    /// A dock comes after the tasks, so that one of them may make one of its files.
    fn let_task_make_file(&mut self, project: &mut Project, name: &str, mut dock: Dock) {
        let free = |(_, item): &&mut (String, Item)| matches!(item, Item::Task(task) if task.output.starts_with("out/"));
        let give = self.percent(60);
        if let (true, Some((task_name, Item::Task(task)))) =
            (give, project.items.iter_mut().find(free))
        {
            task.output = format!("bb-dock/{name}/files/made");
            dock.made = Some(task_name.clone());
        }
        project.items.push((name.to_owned(), Item::Dock(dock)));
    }

    fn task(&mut self, project: &Project) -> Task {
        let mut needs = std::collections::BTreeSet::new();
        if let (true, Some((name, item))) = (self.percent(60), self.rng.choice(&project.items)) {
            let kind = if matches!(item, Item::Dock(_)) { "image" } else { "task" };
            needs.insert(format!("{kind}:{name}"));
        }
        let word = self.number();
        let files = Tree::from([("a".to_owned(), Node::text("a\n"))]);
        Task { needs, output: format!("out/{word}"), files, word }
    }

    fn some_dock(&mut self, project: &Project) -> Option<String> {
        let docks = project.docks().map(|(n, _)| n.clone()).collect::<Vec<_>>();
        self.rng.choice(docks)
    }

    fn base(&mut self, project: &Project) -> Base {
        match self.rng.u8(..10) {
            0..2 => Base::Scratch,
            2 if !self.plain => Base::Elsewhere(self.rng.u8(..2)),
            _ => self.some_dock(project).map_or(Base::Scratch, Base::Dock),
        }
    }

    fn dock(&mut self, project: &Project) -> Dock {
        let mut files = Tree::new();
        let mut put = |path: &str, text: &str| {
            files.insert(path.to_owned(), Node::text(text));
        };
        put("Buildconfig.sh", "PACKAGES=x\n");
        put("dock.toml", "[rootfs]\ninputs = [\"conf/*\"]\n");
        put(".dockerignore", "files/*.bak\n");
        put("README", "read me\n");
        put("files/a", "a\n");
        for (path, chance) in [("files/b", 40), ("files/sub/c", 30), ("conf/x", 30)] {
            if self.percent(chance) {
                put(path, "text\n");
            }
        }
        if self.percent(30) {
            files.insert("files/link".to_owned(), Node::Link("a".to_owned()));
        }
        let from = if !self.plain && self.percent(25) { self.some_dock(project) } else { None };
        Dock {
            base: self.base(project),
            from: from.into_iter().collect(),
            rootfs: self.rootfs && self.percent(50),
            maintainer: self.plain || self.percent(30),
            comment: 0,
            made: None,
            files,
            template_mode: 0o644,
        }
    }

    /// Some edit that is possible.
    pub fn edit(&mut self, project: &mut Project, model: &mut Model) -> Edit {
        loop {
            let maker = MAKERS[self.rng.usize(..MAKERS.len())];
            if let Some(edit) = maker(self, project, model) {
                return edit;
            }
        }
    }

    /// The files of one dock or task, with the folder that they are in.
    fn files<'p>(&mut self, project: &'p mut Project) -> (String, &'p mut Tree) {
        let at = self.rng.usize(..project.items.len());
        match &mut project.items[at] {
            (name, Item::Dock(dock)) => (format!("bb-dock/{name}"), &mut dock.files),
            (name, Item::Task(task)) => (format!("src/{name}"), &mut task.files),
        }
    }

    /// A file with text of its own.
    fn file<'p>(&mut self, project: &'p mut Project) -> Option<(String, &'p mut Node)> {
        let (folder, files) = self.files(project);
        let fixed = ["dock.toml", ".dockerignore", "Buildconfig.sh"];
        let plain = |(path, node): &(&String, &mut Node)| {
            matches!(node, Node::File(..)) && !fixed.contains(&path.as_str())
        };
        let files = files.iter_mut().filter(plain).collect::<Vec<_>>();
        let (path, node) = self.rng.choice(files)?;
        Some((format!("{folder}/{path}"), node))
    }

    fn content(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let number = self.number();
        let (path, node) = self.file(project)?;
        let Node::File(text, _) = node else { return None };
        // Often of the same length as before.
        *text = format!("text {number:03}\n");
        Some(Edit::new(format!("content of {path}")))
    }

    fn content_as_old(&mut self, project: &mut Project, model: &mut Model) -> Option<Edit> {
        let mut edit = self.content(project, model)?;
        let path = edit.what.trim_start_matches("content of ").to_owned();
        edit.what.push_str(", dated back");
        edit.aged.push((path, self.rng.i64(1..100_000)));
        Some(edit)
    }

    fn touch(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let tree = project.tree();
        let path = self.rng.choice(tree.keys())?;
        let mut edit = Edit::new(format!("touch {path}"));
        // Also into the future.
        edit.aged.push((path.clone(), self.rng.choice([0, 1, 1000, 100_000, -100_000])?));
        Some(edit)
    }

    /// As `git checkout` of another branch and back does.
    fn touch_all(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let seconds = self.rng.choice([0, 1])?;
        let mut edit = Edit::new("touch all");
        edit.aged = project.tree().into_keys().map(|path| (path, seconds)).collect();
        Some(edit)
    }

    fn buildconfig(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let name = self.some_dock(project)?;
        let number = self.number();
        let word = self.rng.choice(["#", "tar", "sys", "both"])?;
        let dock = dock_mut(project, &name);
        let Some(Node::File(text, _)) = dock.files.get_mut("Buildconfig.sh") else { return None };
        text.push_str(&format!("{word} {number}\n"));
        Some(Edit::new(format!("{word} in Buildconfig.sh of {name}")))
    }

    fn comment(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let name = self.some_dock(project)?;
        dock_mut(project, &name).comment = self.number();
        Some(Edit::new(format!("comment in the template of {name}")))
    }

    fn add_file(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let number = self.number();
        let inside = self.rng.choice(["files/", "files/sub/", "conf/", "files/x.bak", ""])?;
        let (folder, files) = self.files(project);
        let path = if folder.starts_with("src/") { "x" } else { inside };
        let path = if path == "files/x.bak" { path.to_owned() } else { format!("{path}n{number}") };
        files.insert(path.clone(), Node::text("new\n"));
        Some(Edit::new(format!("add {folder}/{path}")))
    }

    /// A file that is not the last of its kind.
    fn spare(&mut self, project: &mut Project) -> Option<(String, String, Node)> {
        let (folder, files) = self.files(project);
        let of_kind =
            |p: &&String| !p.starts_with('.') && (p.contains('/') || folder.starts_with("src"));
        let spare =
            files.keys().filter(of_kind).filter(|p| !["files/a", "a"].contains(&p.as_str()));
        let path = self.rng.choice(spare.cloned().collect::<Vec<_>>())?;
        let node = files.remove(&path)?;
        Some((folder, path, node))
    }

    fn remove_file(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let (folder, path, _) = self.spare(project)?;
        Some(Edit::new(format!("remove {folder}/{path}")))
    }

    fn rename_file(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let (folder, path, node) = self.spare(project)?;
        let new = format!("{path}{}", self.number());
        let mut edit = Edit::new(format!("move {folder}/{path} to {new}"));
        edit.moved.push((format!("{folder}/{path}"), format!("{folder}/{new}")));
        let item =
            project.items.iter_mut().find(|(name, _)| folder.ends_with(&format!("/{name}")))?;
        match &mut item.1 {
            Item::Dock(dock) => dock.files.insert(new, node),
            Item::Task(task) => task.files.insert(new, node),
        };
        Some(edit)
    }

    /// A new one, or one that was there before.
    fn add_dock(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let again = self.removed.pop().filter(|(name, dock)| {
            let there = |n: &String| project.dock(n).is_some();
            !there(name) && dock.docks().into_iter().all(there)
        });
        let (name, dock) = match again {
            Some(again) => again,
            None => (format!("d{}", self.number()), self.dock(project)),
        };
        let edit = Some(Edit::new(format!("add dock {name}")));
        project.items.push((name, Item::Dock(dock)));
        edit
    }

    fn remove_dock(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let name = self.some_dock(project)?;
        let dock = project.dock(&name)?.clone();
        if dock.made.is_some() || is_needed(project, &name) || project.docks().count() == 1 {
            return None;
        }
        project.items.retain(|(n, _)| *n != name);
        let edit = Some(Edit::new(format!("remove dock {name}")));
        self.removed.push((name, dock));
        edit
    }

    fn rename_dock(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let name = self.some_dock(project)?;
        let new = format!("r{}", self.number());
        let needed = project.tasks().any(|(_, t)| t.needs.contains(&format!("image:{name}")));
        if needed || project.dock(&name)?.made.is_some() {
            return None;
        }
        let mut edit = Edit::new(format!("rename dock {name} to {new}"));
        edit.moved.push((format!("bb-dock/{name}"), format!("bb-dock/{new}")));
        for (item_name, item) in &mut project.items {
            if *item_name == name {
                item_name.clone_from(&new);
            }
            let Item::Dock(dock) = item else { continue };
            if dock.base == Base::Dock(name.clone()) {
                dock.base = Base::Dock(new.clone());
            }
            if dock.from.remove(&name) {
                dock.from.insert(new.clone());
            }
        }
        Some(edit)
    }

    /// Another parent, or with a rootfs where there was none.
    fn rewire(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let name = self.some_dock(project)?;
        let at = project.items.iter().position(|(n, _)| *n == name)?;
        let before = Project { items: project.items[..at].to_vec(), ..project.clone() };
        let base = self.base(&before);
        let toggle = self.rootfs && self.percent(30);
        let dock = dock_mut(project, &name);
        dock.base = base;
        dock.rootfs ^= toggle;
        let mut edit = Edit::new(format!("{name} from {:?}, rootfs: {}", dock.base, dock.rootfs));
        if self.percent(20) {
            edit.what.push_str(", dated back");
            edit.aged.push((format!("bb-dock/{name}/Dockerfile.template"), 100_000));
        }
        Some(edit)
    }

    fn marker(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let number = self.number();
        // A change of everything is dear in a large project.
        let dear = project.items.len() > 10;
        match self.rng.u8(..4) {
            0 if !dear => self.rng.choice(["one", "two"])?.clone_into(&mut project.namespace),
            1 if !dear => project.tag = self.rng.choice(["latest", "v1"])?,
            2 if !dear => project.cflags = number,
            _ => project.maintainer = number,
        }
        let Project { namespace, maintainer, tag, cflags, .. } = &project;
        Some(Edit::new(format!("markers {namespace} {tag} {maintainer} {cflags}")))
    }

    fn unload(&mut self, project: &mut Project, model: &mut Model) -> Option<Edit> {
        // A real engine may give what it makes again another id.
        if self.plain && project.tasks().next().is_some() {
            return None;
        }
        let mut edit = Edit::new("unload");
        let builder = [
            ("import:stage3", "gentoo-bb/stage3:"),
            ("import:portage", "gentoo-bb/portage:"),
            ("builder:bob", "gentoo-bb/bob:"),
        ];
        let name = if project.has_rootfs() && self.percent(40) {
            let (id, name) = self.rng.choice(builder)?;
            model.lose(id);
            name.to_owned()
        } else {
            let name = self.some_dock(project)?;
            model.lose_image(&name);
            format!("{}/{name}:", project.namespace)
        };
        edit.what = format!("unload {name}");
        edit.unloaded = Some(name);
        Some(edit)
    }

    fn pull(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        if self.plain {
            return None;
        }
        let base = self.rng.u8(..2);
        let version = self.number();
        // Another image of that name changes nothing until it is pinned, which `bb update` does.
        let pins = self.percent(60);
        if pins {
            project.elsewhere[usize::from(base)] = version;
        }
        let mut edit = Edit::new(format!("pull another base:{base}, pinned: {pins}"));
        edit.pulled = Some((base, version));
        Some(edit)
    }

    fn lose_output(&mut self, project: &mut Project, model: &mut Model) -> Option<Edit> {
        let name = self.some_dock(project)?;
        let mut outputs = vec![
            (format!("dockerfile:{name}"), format!(".bb/images/{name}/Dockerfile")),
            (format!("image:{name}"), format!(".bb/images/{name}/image.json")),
            (format!("image:{name}"), format!(".bb/images/{name}/image.tar")),
            (format!("image:{name}"), format!(".bb/images/{name}/sbom.spdx.json")),
            (format!("image:{name}"), format!(".bb/images/{name}/size.json")),
        ];
        if project.dock(&name)?.rootfs {
            for file in ["rootfs.tar", "sysroot.tar.zst", "packages.json"] {
                outputs.push((format!("rootfs:{name}"), format!(".bb/images/{name}/{file}")));
            }
            outputs.push(("fetch:portage.tar.xz".into(), ".bb/downloads/portage.tar.xz".into()));
        }
        outputs.extend(project.tasks().map(|(n, t)| (format!("task:{n}"), t.output.clone())));
        let (id, path) = self.rng.choice(outputs)?;
        // What is downloaded and was changed is for `verify` to refuse.
        let text = if self.rng.bool() && !id.starts_with("fetch:") { Some("other") } else { None };
        if id.starts_with("fetch:") {
            model.lose(&id);
        } else {
            model.break_step(&id);
        }
        let mut edit =
            Edit::new(format!("{} {path}", if text.is_some() { "spoil" } else { "lose" }));
        edit.state.push((path, text));
        Some(edit)
    }

    fn lose_stamp(&mut self, project: &mut Project, model: &mut Model) -> Option<Edit> {
        let current = |id: &&String| {
            let name = id.split_once(':').map_or("", |(_, n)| n);
            match project.items.iter().find(|(n, _)| n == name) {
                Some((_, Item::Dock(dock))) => dock.rootfs || !id.starts_with("rootfs:"),
                Some(_) => true,
                None => project.has_rootfs() && !name.starts_with(['d', 'r', 't']),
            }
        };
        let ids = model.known().filter(current).cloned().collect::<Vec<_>>();
        let id = self.rng.choice(ids)?;
        model.break_step(&id);
        let mut edit = Edit::new(format!("lose the stamp of {id}"));
        edit.state.push((format!(".bb/stamps/{}", id.replace(':', "/")), None));
        Some(edit)
    }

    fn mode(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let other = |mode: &mut u32| *mode = if *mode == 0o644 { 0o755 } else { 0o644 };
        if self.percent(20) {
            let name = self.some_dock(project)?;
            other(&mut dock_mut(project, &name).template_mode);
            return Some(Edit::new(format!("mode of the template of {name}")));
        }
        let (path, node) = self.file(project)?;
        let Node::File(_, mode) = node else { return None };
        other(mode);
        Some(Edit::new(format!("mode of {path}")))
    }

    fn link(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let number = self.number();
        let (folder, files) = self.files(project);
        let target = files.get_mut("files/link")?;
        *target = Node::Link(format!("n{number}"));
        Some(Edit::new(format!("target of {folder}/files/link")))
    }

    /// A file is written before the image's step begins and again while the image is built.
    fn during(&mut self, project: &mut Project, _: &mut Model) -> Option<Edit> {
        let image = self.some_dock(project).filter(|_| !self.plain)?;
        let number = self.number();
        let text = format!("m {number:03}\n");
        dock_mut(project, &image).files.insert("files/a".into(), Node::text(text.as_str()));
        let mut edit = Edit::new(format!("files/a of {image}, and again while it is built"));
        edit.during = Some(During { path: format!("bb-dock/{image}/files/a"), image, text });
        Some(edit)
    }
}

/// Keeps one run's images apart from those of another in the engine's cache.
fn token(number: u32) -> String {
    format!(" {}-{number}", std::process::id())
}

pub fn dock_mut<'p>(project: &'p mut Project, name: &str) -> &'p mut Dock {
    let found = project.items.iter_mut().find(|(n, _)| n == name);
    match found {
        Some((_, Item::Dock(dock))) => dock,
        _ => panic!("no dock {name}"),
    }
}

fn is_needed(project: &Project, name: &String) -> bool {
    let by_task = project.tasks().any(|(_, t)| t.needs.contains(&format!("image:{name}")));
    by_task || project.docks().any(|(_, d)| d.docks().contains(name))
}
