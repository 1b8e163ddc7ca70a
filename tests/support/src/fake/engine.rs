//! A container engine of which only the wire protocol is real: images are digests of what they were
//! built of, a builder's results are digests of what it was given. What is built has a layer with all of its context,
//! what is loaded the layers that it came with; images of other registries and of containers have no files.
//!
//! In a `Buildconfig.sh`, a line that begins with `#` changes neither result, one with `tar` only the
//! rootfs, one with `sys` only the sysroot. The builder does what these lines say: `say TEXT` writes a line,
//! `hold` waits until it is released, `fail N` ends with that status, `hand NAME TEXT` puts a text in place of a
//! result.
//!
//! A request, or a command in a container, that it does not know fails the test: when the engine is dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::builder::{build_root, echo, frame, put, say_what_is_needed};
use super::faults::Faults;
use super::gate::Gate;
use super::http::{Answer, Request, Server, Talk};
use crate::digest;

/// What an engine has. One that is cloned goes its own way.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// By reference.
    images: BTreeMap<String, Image>,
    /// Those that another one has taken the name of.
    nameless: Vec<Image>,
    /// References of images by their ids and their layers, where to look first: of ten thousand images, a look at all
    /// takes longer than what is measured.
    hints: HashMap<String, String>,
    /// Ids of images that a container needs.
    used: BTreeSet<String>,
    containers: BTreeMap<String, Container>,
    execs: BTreeMap<String, Exec>,
    volumes: BTreeSet<String>,
    /// References of all images that were built.
    built: Vec<String>,
    made: usize,
}

#[derive(Debug, Clone, Default)]
struct Image {
    id: String,
    labels: BTreeMap<String, String>,
    /// The configuration as it was written; none of one of another registry, or of a container.
    config: Option<Arc<Vec<u8>>>,
    /// Digests in hex with their bytes, lowest first.
    layers: Vec<(String, Arc<Vec<u8>>)>,
}

/// How an engine may differ from Docker's of old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It gives images out with another configuration than the one that their ids are digests of.
    GivesOutOthers,
    /// It calls what is loaded by another digest than that of its configuration.
    CallsOtherwise,
}

#[derive(Debug, Clone, Default)]
struct Container {
    name: String,
    labels: BTreeMap<String, String>,
    files: Files,
    /// What the engine tells of it.
    told: Value,
    log: String,
}

#[derive(Debug, Clone, Default)]
struct Exec {
    container: String,
    command: Vec<String>,
    /// Once it has ended.
    status: Option<i64>,
}

/// Path → what is there, as text: kind, mode, link target; and content.
pub type Files = BTreeMap<String, (String, Vec<u8>)>;

/// What is to happen when an image is being built.
pub struct Hook {
    /// The image's name, without namespace and tag.
    pub image: String,
    pub act: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct Shared {
    world: Mutex<World>,
    hook: Mutex<Option<Hook>>,
    /// At a builder's `hold`.
    held: Gate,
    /// At each request.
    silent: Gate,
    /// Counts the shells that were opened.
    shells: Gate,
    /// What it says of itself, by the path that is asked.
    tells: Mutex<BTreeMap<String, Value>>,
    /// How it fails, once for each kind of request that another process's removals trip up.
    trips: Mutex<BTreeMap<&'static str, (u16, String)>>,
    manner: Mutex<Option<Manner>>,
    /// What builders ask for.
    sources: Mutex<Vec<Value>>,
    faults: Arc<Faults>,
}

/// One engine.
pub struct Engine {
    socket: PathBuf,
    shared: Arc<Shared>,
    server: Server,
}

impl Engine {
    /// Listens on a socket in a folder.
    pub fn start(folder: &Path, world: World) -> Self {
        let socket = folder.join("engine.sock");
        let shared = Arc::new(Shared { world: Mutex::new(world), ..Shared::default() });
        shared.held.set(true);
        let served = shared.clone();
        let faults = shared.faults.clone();
        let server = Server::start(&socket, faults, move |request| served.answer(request));
        Self { socket, shared, server }
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub fn world(&self) -> World {
        self.shared.lock().clone()
    }

    /// Does something once, when the context of an image has arrived.
    pub fn hook(&self, hook: Hook) {
        *self.shared.hook.lock().unwrap() = Some(hook);
    }

    /// Waits until a builder has come to its `hold`.
    pub fn wait_for_hold(&self) {
        self.shared.held.wait_for(1);
    }

    /// Lets all that hold go on, now and from now on; or not any more.
    pub fn release(&self, on: bool) {
        self.shared.held.set(!on);
    }

    /// Takes requests and does not answer them; or answers again, also those.
    pub fn fall_silent(&self, silent: bool) {
        self.shared.silent.set(silent);
    }

    /// What it says of itself from now on: to `version` or `info`.
    pub fn tell(&self, path: &str, answer: Value) {
        self.shared.tells.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Its builders ask for these sources from now on.
    pub fn ask_for(&self, sources: Vec<Value>) {
        *self.shared.sources.lock().unwrap() = sources;
    }

    /// Differs from now on.
    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = Some(manner);
    }

    /// Fails once with this status and these words: to the next list of each kind, and to the next removals.
    pub fn trip(&self, status: u16, message: &str) {
        let kinds = ["list containers", "list images", "remove containers", "remove images"];
        let trips = kinds.map(|kind| (kind, (status, message.to_owned())));
        self.shared.trips.lock().unwrap().extend(trips);
    }

    /// Waits until so many shells have been opened.
    pub fn wait_for_shells(&self, count: usize) {
        self.shared.shells.wait_for(count);
    }

    /// Removes all containers, behind everybody's back.
    pub fn remove_containers(&self) {
        self.shared.lock().containers.clear();
    }

    /// Waits until somebody waits for an answer.
    pub fn wait_for_request(&self) {
        self.shared.silent.wait_for(1);
    }

    /// Removes what matches from the engine, behind everybody's back.
    pub fn remove(&self, mut matches: impl FnMut(&str) -> bool) -> usize {
        let mut world = self.shared.lock();
        let before = world.images.len();
        world.images.retain(|name, _| !matches(name));
        before - world.images.len()
    }

    /// Gets an image of another registry, of some version.
    pub fn pull(&self, reference: &str, version: u32) {
        let image = Image { id: pulled(reference, version), ..Image::default() };
        self.shared.lock().name(reference, image);
    }

    /// The same, with a label.
    pub fn pull_labelled(&self, reference: &str, version: u32, (name, value): (&str, &str)) {
        let id = pulled(reference, version);
        let labels = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        self.shared.lock().name(reference, Image { id, labels, ..Image::default() });
    }

    /// Ids of the images that have no name.
    pub fn nameless(&self) -> Vec<String> {
        self.shared.lock().nameless.iter().map(|image| image.id.clone()).collect()
    }

    /// A volume that somebody has made.
    pub fn leave_volume(&self, name: &str) {
        self.shared.lock().volumes.insert(name.to_owned());
    }

    /// An image without a name that somebody else has made.
    pub fn leave_nameless(&self, label: (&str, &str)) -> String {
        let labels = BTreeMap::from([(label.0.to_owned(), label.1.to_owned())]);
        let id = format!("sha256:{}", digest(label.1));
        let image = Image { id, labels, ..Image::default() };
        self.shared.lock().nameless.push(image.clone());
        image.id
    }

    /// A container runs on an image from now on.
    pub fn occupy(&self, reference: &str) {
        let mut world = self.shared.lock();
        let id = world.images[reference].id.clone();
        world.used.insert(id);
    }

    /// Starts a container with these labels.
    pub fn start_container(&self, labels: &[(&str, &str)]) -> String {
        self.start_named("somebodys", labels)
    }

    /// The same, with a name.
    pub fn start_named(&self, name: &str, labels: &[(&str, &str)]) -> String {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut world = self.shared.lock();
        let id = world.new_id();
        let name = name.to_owned();
        world.containers.insert(id.clone(), Container { name, labels, ..Container::default() });
        id
    }

    /// Starts a container as a compose tool does, of which this is told, and which has said this.
    pub fn start_member(&self, project: &str, service: &str, told: Value, log: &str) {
        let label = |name: &str| format!("com.docker.compose.{name}");
        let id =
            self.start_container(&[(&label("project"), project), (&label("service"), service)]);
        if let Some(container) = self.shared.lock().containers.get_mut(&id) {
            (container.told, container.log) = (told, log.to_owned());
        }
    }

    /// Names of the docks' images that were built since the last question.
    pub fn built(&self) -> Vec<String> {
        let built = std::mem::take(&mut self.shared.lock().built);
        let of_docks = built.iter().filter(|b| !b.starts_with("gentoo-bb/"));
        let mut names = of_docks.map(|b| short(b).to_owned()).collect::<Vec<_>>();
        names.sort();
        names
    }

    /// Ids of all images by reference.
    pub fn images(&self) -> BTreeMap<String, String> {
        let world = self.shared.lock();
        world.images.iter().map(|(name, image)| (name.clone(), image.id.clone())).collect()
    }

    /// Hangs up on everybody until it comes up again, with all that it has.
    pub fn go_down(&self) {
        self.server.go_down();
    }

    pub fn come_up(&self) {
        self.server.come_up();
    }

    /// A label of an image.
    pub fn label(&self, reference: &str, name: &str) -> Option<String> {
        self.shared.lock().images.get(reference)?.labels.get(name).cloned()
    }

    /// The labels of all containers.
    pub fn container_labels(&self) -> Vec<BTreeMap<String, String>> {
        self.shared.lock().containers.values().map(|c| c.labels.clone()).collect()
    }

    pub fn containers(&self) -> usize {
        self.shared.lock().containers.len()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.faults.judge("the fake engine was asked what it does not know");
    }
}

/// The id of an image of another registry.
pub fn pulled(reference: &str, version: u32) -> String {
    format!("sha256:{}", digest(format!("{reference} {version}")))
}

/// The name in `NAMESPACE/NAME:TAG`.
fn short(reference: &str) -> &str {
    let name = reference.rsplit_once('/').map_or(reference, |(_, n)| n);
    name.split_once(':').map_or(name, |(n, _)| n)
}

/// An image's archive.
fn saved(image: &Image) -> Vec<u8> {
    let none =
        || Arc::new(json!({ "rootfs": { "type": "layers", "diff_ids": [] } }).to_string().into());
    let config = image.config.clone().unwrap_or_else(none);
    let file = |(digest, _): &(String, _)| format!("{digest}/layer.tar");
    let files = image.layers.iter().map(file).collect::<Vec<_>>();
    let manifest = json!([{ "Config": "config.json", "Layers": files }]).to_string();
    let texts = [("config.json", config.to_vec()), ("manifest.json", manifest.into_bytes())];
    let mut tar = tar::Builder::new(vec![]);
    let mut append = |name: &str, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        tar.append_data(&mut header, name, data).unwrap();
    };
    for (name, text) in &texts {
        append(name, text);
    }
    let layers = files.iter().zip(&image.layers).collect::<BTreeMap<_, _>>();
    for (name, (_, data)) in layers {
        append(name, data);
    }
    tar.into_inner().unwrap()
}

/// All of a build's context as a layer.
fn layer(context: &[u8]) -> Vec<u8> {
    let mut layer = tar::Builder::new(vec![]);
    for entry in tar::Archive::new(context).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap() != Path::new("Dockerfile") {
            let header = entry.header().clone();
            layer.append(&header, &mut entry).unwrap();
        }
    }
    layer.into_inner().unwrap()
}

fn ok(value: Value) -> Answer {
    Answer::Json(200, value)
}

fn missing(what: &str) -> Answer {
    Answer::Json(404, json!({ "message": format!("no such thing: {what}") }))
}

fn gone() -> Answer {
    missing("container")
}

fn done() -> Answer {
    Answer::Json(204, Value::Null)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn answer(self: &Arc<Self>, request: &Request) -> Answer {
        self.silent.pass();
        if let Some(told) = self.tells.lock().unwrap().get(&request.path) {
            return ok(told.clone());
        }
        match request.path.as_str() {
            "build" => return self.build(request),
            "images/load" => return self.load(request),
            path if self.gives_out_others(path) => {
                return Answer::Bytes(saved(&Image::default()));
            }
            _ => {}
        }
        let path = request.path.clone();
        let parts = path.split('/').collect::<Vec<_>>();
        if let Some((status, message)) = self.tripped(&request.method, &parts) {
            return Answer::Json(status, json!({ "message": message }));
        }
        self.known(request, &parts).unwrap_or_else(|| {
            let asked = format!("{} {path}", request.method);
            self.faults.note(asked.clone());
            missing(&asked)
        })
    }

    fn known(self: &Arc<Self>, request: &Request, path: &[&str]) -> Option<Answer> {
        let mut world = self.lock();
        Some(match (request.method.as_str(), path) {
            ("GET", ["version"]) => ok(json!({ "Version": "0", "ApiVersion": "1.47" })),
            ("GET", ["info"]) => ok(json!({ "MemTotal": 8_u64 << 30 })),
            ("GET", ["volumes"]) => {
                let volume = |name: &String| {
                    json!({ "Name": name, "Driver": "local", "Mountpoint": "/v", "Labels": {},
                            "Scope": "local", "Options": {} })
                };
                let all = world.volumes.iter().map(volume).collect::<Vec<_>>();
                ok(json!({ "Volumes": all, "Warnings": [] }))
            }
            ("DELETE", ["volumes", name]) if world.volumes.remove(*name) => done(),
            ("DELETE", ["volumes", _]) => missing("volume"),
            (_, ["images", name @ ..]) => world.images(request, name)?,
            ("POST", ["commit"]) => world.commit(request),
            (_, ["containers", rest @ ..]) => world.containers(request, rest)?,
            ("GET", ["exec", id, "json"]) => world.execs[*id].told(id),
            ("POST", ["exec", id, "start"]) => Answer::Upgraded(self.start((*id).to_owned())),
            ("POST", ["exec", _, "resize"]) => ok(Value::Null),
            _ => return None,
        })
    }

    fn gives_out_others(&self, path: &str) -> bool {
        let others = *self.manner.lock().unwrap() == Some(Manner::GivesOutOthers);
        others && path.starts_with("images/") && path.ends_with("/get")
    }

    fn tripped(&self, method: &str, path: &[&str]) -> Option<(u16, String)> {
        let kind = match (method, path) {
            ("GET", ["containers", "json"]) => "list containers",
            ("GET", ["images", "json"]) => "list images",
            ("DELETE", ["containers", ..]) => "remove containers",
            ("DELETE", ["images", ..]) => "remove images",
            _ => return None,
        };
        self.trips.lock().unwrap().remove(kind)
    }

    /// What is said while a command runs, with nobody else waiting for it.
    fn start(self: &Arc<Self>, id: String) -> Talk {
        let shared = self.clone();
        Box::new(move |stream| {
            let Exec { container, command, .. } = shared.lock().execs[&id].clone();
            let words = command.iter().map(String::as_str).collect::<Vec<_>>();
            let status = match words.as_slice() {
                ["build-root", phase @ ("settings" | "plan")] => {
                    let mut world = shared.lock();
                    let files = world.files(&container);
                    let sources = json!(*shared.sources.lock().unwrap());
                    files.map_or(137, |files| say_what_is_needed(files, phase, &sources))
                }
                ["build-root", "finish"] => shared.build_root(&container, *stream.get_ref())?,
                ["bash", "/bb/outdated/run"] => shared.foresee(&container, *stream.get_ref())?,
                ["build-root", "shell", ..] => {
                    shared.shells.count();
                    echo(&words, stream)?
                }
                words if is_silent(words) => 0,
                words => {
                    shared.faults.note(words.join(" "));
                    127
                }
            };
            // Somebody may have removed the container meanwhile.
            if let Some(exec) = shared.lock().execs.get_mut(&id) {
                exec.status = Some(status);
            }
            Ok(())
        })
    }

    fn build_root(&self, container: &str, mut out: impl Write) -> io::Result<i64> {
        let script = self.lock().files(container).map(|f| f["config/Buildconfig.sh"].1.clone());
        let script = script.unwrap_or_default();
        for line in String::from_utf8_lossy(&script).lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("say", text) => frame(&mut out, &format!("{text}\n"))?,
                ("hold", _) => self.held.pass(),
                ("fail", status) => return Ok(status.parse().unwrap()),
                _ => {}
            }
        }
        let mut world = self.lock();
        let Some(files) = world.files(container) else { return Ok(137) };
        let status = build_root(files);
        // `hand NAME TEXT`: what a hostile dock puts in place of a result.
        for line in String::from_utf8_lossy(&script).lines() {
            let hand = line.strip_prefix("hand ").and_then(|rest| rest.split_once(' '));
            hand.map(|(name, text)| put(files, name, text));
        }
        Ok(status)
    }

    /// What a newer snapshot would bring: the dock says it itself.
    fn foresee(&self, container: &str, mut out: impl Write) -> io::Result<i64> {
        let mut world = self.lock();
        let Some(files) = world.files(container) else { return Ok(137) };
        let script = String::from_utf8_lossy(&files["config/Buildconfig.sh"].1).into_owned();
        let mut list = "[]";
        for line in script.lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("foresee", packages) => list = packages,
                ("unsolved", why) => {
                    frame(&mut out, &format!("{why}\n"))?;
                    return Ok(1);
                }
                _ => {}
            }
        }
        put(files, "packages.json", list);
        put(files, "compiled.json", "{\"for_image\": [], \"in_all\": 0}");
        Ok(put(files, "sysroot.tar.zst", "records"))
    }

    fn arrived(&self, reference: &str) {
        let hook = self.hook.lock().unwrap().take_if(|hook| hook.image == short(reference));
        if let Some(hook) = hook {
            (hook.act)();
        }
    }

    /// What `docker load` takes: the configuration's digest is the image's id.
    fn load(&self, request: &Request) -> Answer {
        let files = unpack(&request.body);
        let json = |name: &str| serde_json::from_slice::<Value>(&files[name].1).unwrap();
        let manifest = json("manifest.json")[0].clone();
        let config = manifest["Config"].as_str().unwrap();
        let labels = json(config)["config"]["Labels"].clone();
        let labels = serde_json::from_value(labels).unwrap_or_default();
        let tags = serde_json::from_value::<Vec<String>>(manifest["RepoTags"].clone()).unwrap();
        let mut world = self.lock();
        let names = serde_json::from_value::<Vec<String>>(manifest["Layers"].clone()).unwrap();
        let layers = names.iter().map(|name| {
            let hex = name.strip_suffix(".tar")?.to_owned();
            let data = files.get(name).map(|(_, data)| Arc::new(data.clone()));
            let data = data.or_else(|| world.layer(&hex))?;
            Some((hex, data))
        });
        let Some(layers) = layers.collect::<Option<Vec<_>>>() else {
            return Answer::Json(500, json!({ "message": "a layer is neither sent nor there" }));
        };
        let text = Arc::new(files[config].1.clone());
        let id = match *self.manner.lock().unwrap() {
            Some(Manner::CallsOtherwise) => digest(format!("manifest of {}", digest(&*text))),
            _ => digest(&*text),
        };
        let id = format!("sha256:{id}");
        let image = Image { id, labels, config: Some(text), layers };
        let Some(first) = tags.first() else {
            world.nameless.push(image);
            return ok(json!({ "stream": "loaded\n" }));
        };
        drop(world);
        self.arrived(first);
        let mut world = self.lock();
        world.built.push(first.clone());
        for tag in &tags {
            world.name(tag, image.clone());
        }
        ok(json!({ "stream": "loaded\n" }))
    }

    fn build(&self, request: &Request) -> Answer {
        let reference = with_tag(request.query.get("t").map_or("", String::as_str));
        self.arrived(&reference);
        let mut world = self.lock();
        let mut context = unpack(&request.body);
        let dockerfile = context.remove("Dockerfile").unwrap().1;
        match world.instructions(&String::from_utf8(dockerfile).unwrap()) {
            Err(name) => ok(json!({ "errorDetail": { "message": format!("no image {name}") } })),
            Ok(instructions) => {
                let labels = request.query.get("labels").map_or("{}", String::as_str);
                let labels = serde_json::from_str(labels).unwrap();
                let of = digest(format!("{context:?} {instructions:?}"));
                let image = world.built_of(&of, &instructions, labels, layer(&request.body));
                world.name(&reference, image);
                world.built.push(reference);
                ok(json!({ "stream": "built\n" }))
            }
        }
    }
}

/// Commands that say nothing and end well, as there is nothing for them in a container of this engine.
fn is_silent(words: &[&str]) -> bool {
    match words {
        // With grep, the Manifests of sources, and what a builder ran into.
        ["python3", "/usr/lib/bob", "unused" | "prune", ..]
        | ["grep", "-rhF" | "-sH", ..]
        | ["sh", "/usr/lib/bob/set-up.sh"] => true,
        ["sh", "-c", script] => script.contains("tar -xJf /tmp/portage.tar.xz"),
        _ => false,
    }
}

/// As engines do: all spellings are one name, without Docker's own registry and with a tag or a digest.
fn with_tag(reference: &str) -> String {
    let registries = ["docker.io/", "index.docker.io/"];
    let name = registries.iter().find_map(|registry| reference.strip_prefix(registry));
    let name = name.unwrap_or(reference);
    let name = name.strip_prefix("library/").filter(|rest| !rest.contains('/')).unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

/// The files of a tar, without owners and times.
fn unpack(tar: &[u8]) -> Files {
    let mut files = Files::new();
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let link = entry.link_name().unwrap().map(|l| l.display().to_string());
        let header = entry.header();
        let shape = format!("{:?} {:o} {link:?}", header.entry_type(), header.mode().unwrap());
        let path = entry.path().unwrap().display().to_string();
        let mut data = vec![];
        entry.read_to_end(&mut data).unwrap();
        files.insert(path.trim_end_matches('/').to_owned(), (shape, data));
    }
    files
}

impl World {
    /// A Dockerfile's instructions with the ids of the images that they name.
    fn instructions(&self, text: &str) -> Result<Vec<String>, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| self.instruction(line)).collect()
    }

    fn instruction(&self, line: &str) -> Result<String, String> {
        let named = line.strip_prefix("FROM ").or_else(|| line.strip_prefix("COPY --from="));
        let Some(rest) = named else { return Ok(line.to_owned()) };
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let by_id = self.find(&format!("sha256:{name}"));
        match by_id.or_else(|| self.images.get(&with_tag(name)).cloned()) {
            Some(image) => Ok(format!("{} {rest}", image.id)),
            None if name == "scratch" => Ok(format!("{name} {rest}")),
            None => Err(name.to_owned()),
        }
    }

    fn images(&mut self, request: &Request, name: &[&str]) -> Option<Answer> {
        let query = |key: &str| request.query.get(key).map_or("", String::as_str);
        // The tag may stand in the name.
        let tagged = match query("tag") {
            "" => with_tag(query("repo")),
            tag => format!("{}:{tag}", query("repo")),
        };
        Some(match (request.method.as_str(), name) {
            ("GET", ["json"]) => {
                let named = self.images.iter().map(|(name, image)| (name.as_str(), image));
                let nameless = self.nameless.iter().map(|image| ("<none>:<none>", image));
                ok(named.chain(nameless).map(listed).collect())
            }
            ("GET", [name @ .., "json"]) => match self.find(&name.join("/")) {
                Some(Image { id, labels, .. }) => {
                    let config = json!({ "Labels": labels });
                    ok(json!({ "Id": id, "Size": 1, "RootFS": { "Type": "x" }, "Config": config }))
                }
                None => missing("image"),
            },
            ("GET", [name @ .., "get"]) => match self.find(&name.join("/")) {
                Some(image) => Answer::Bytes(saved(&image)),
                None => missing("image"),
            },
            ("POST", ["create"]) => {
                self.made(&tagged, &request.body, changed(request));
                ok(json!({ "status": "imported" }))
            }
            ("POST", [name @ .., "tag"]) => {
                let image = self.find(&name.join("/")).unwrap();
                self.name(&tagged, image);
                Answer::Json(201, Value::Null)
            }
            ("DELETE", name) => self.remove_image(&name.join("/"), query("force") == "true"),
            _ => return None,
        })
    }

    fn find(&self, name: &str) -> Option<Image> {
        if name.starts_with("sha256:") {
            return self.hinted(name).find(|image| image.id == name).cloned();
        }
        self.images.get(&with_tag(name)).cloned()
    }

    /// All images, first the one that had an id or a layer last.
    fn hinted(&self, of: &str) -> impl Iterator<Item = &Image> {
        let first = self.hints.get(of).and_then(|reference| self.images.get(reference));
        first.into_iter().chain(self.images.values()).chain(&self.nameless)
    }

    fn made(&mut self, reference: &str, of: impl AsRef<[u8]>, labels: BTreeMap<String, String>) {
        let id = format!("sha256:{}", digest(of));
        self.name(reference, Image { id, labels, ..Image::default() });
    }

    /// What is built of a context and a Dockerfile: its layer on those of the image that the last stage is built on.
    fn built_of(
        &self,
        of: &str,
        instructions: &[String],
        labels: BTreeMap<String, String>,
        layer: Vec<u8>,
    ) -> Image {
        // Of one stage only: its first instruction has the base's id in the place of its name.
        let base = instructions.first().and_then(|line| line.split(' ').next());
        let base = base.and_then(|id| self.find(id));
        let mut layers = base.map(|base| base.layers).unwrap_or_default();
        layers.push((digest(&layer), Arc::new(layer)));
        let diff_ids = layers.iter().map(|(hex, _)| format!("sha256:{hex}")).collect::<Vec<_>>();
        let history = layers.iter().map(|_| json!({ "created_by": of })).collect::<Vec<_>>();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Labels": labels },
            "history": history,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = config.to_string().into_bytes();
        let id = format!("sha256:{}", digest(&config));
        Image { id, labels, config: Some(Arc::new(config)), layers }
    }

    /// The bytes of a layer that some image here has.
    fn layer(&self, hex: &str) -> Option<Arc<Vec<u8>>> {
        let mut layers = self.hinted(hex).flat_map(|image| &image.layers);
        let found = layers.find(|(own, _)| own == hex);
        found.map(|(_, data)| data.clone())
    }

    /// Gives a name to an image; the one that had it may have no other.
    fn name(&mut self, reference: &str, image: Image) {
        let id = image.id.clone();
        self.nameless.retain(|other| other.id != id);
        let layers = image.layers.iter().map(|(hex, _)| hex.clone());
        let hints = layers.chain([id]).map(|of| (of, reference.to_owned()));
        self.hints.extend(hints);
        let before = self.images.insert(reference.to_owned(), image);
        let nameless = |old: &Image| self.images.values().all(|other| other.id != old.id);
        self.nameless.extend(before.filter(nameless));
    }

    fn remove_image(&mut self, name: &str, force: bool) -> Answer {
        let Some(image) = self.find(name) else { return missing("image") };
        if self.used.contains(&image.id) && !force {
            let message = "conflict: a container is using its referenced image";
            return Answer::Json(409, json!({ "message": message }));
        }
        self.images.remove(&with_tag(name));
        self.nameless.retain(|other| other.id != name);
        ok(json!([]))
    }

    fn commit(&mut self, request: &Request) -> Answer {
        let query = &request.query;
        let files = format!("{:?}", self.containers[&query["container"]].files);
        self.made(&format!("{}:{}", query["repo"], query["tag"]), files, changed(request));
        Answer::Json(201, json!({ "Id": "sha256:committed" }))
    }

    fn containers(&mut self, request: &Request, rest: &[&str]) -> Option<Answer> {
        let container = rest.first().and_then(|id| self.containers.get(*id));
        Some(match (request.method.as_str(), rest) {
            ("GET", ["json"]) => ok(self.labelled(&request.query["filters"])),
            ("GET", [_, "json"]) => container.map_or_else(gone, |c| ok(c.told.clone())),
            ("GET", [id, "logs"]) => {
                // By the name that was told.
                let called = |c: &&Container| c.told["Name"] == format!("/{id}");
                let mut said = vec![];
                let log = self.containers.values().find(called).map_or("", |c| c.log.as_str());
                frame(&mut said, log).unwrap();
                Answer::Bytes(said)
            }
            ("POST", ["create"]) => {
                let asked = serde_json::from_slice::<Value>(&request.body).unwrap();
                let labels = serde_json::from_value(asked["Labels"].clone()).unwrap();
                let id = self.new_id();
                let name = request.query.get("name").cloned().unwrap_or_default();
                let container = Container { name, labels, ..Container::default() };
                self.containers.insert(id.clone(), container);
                Answer::Json(201, json!({ "Id": id, "Warnings": [] }))
            }
            ("POST", [_, "start" | "kill" | "stop"]) => container.map_or_else(gone, |_| done()),
            ("DELETE", [id]) => {
                self.containers.remove(*id);
                done()
            }
            ("PUT", [id, "archive"]) => match self.files(id) {
                Some(files) => {
                    files.extend(unpack(&request.body));
                    ok(Value::Null)
                }
                None => gone(),
            },
            ("GET", [_, "changes"]) => container.map_or_else(gone, |_| ok(json!([]))),
            ("GET", [_, "archive"]) => container
                .map_or_else(gone, |c| Answer::Bytes(pack(&c.files, &request.query["path"]))),
            ("POST", [container, "exec"]) => {
                let asked = serde_json::from_slice::<Value>(&request.body).unwrap();
                let command = serde_json::from_value(asked["Cmd"].clone()).unwrap();
                let id = self.new_id();
                let container = (*container).to_owned();
                self.execs.insert(id.clone(), Exec { container, command, status: None });
                Answer::Json(201, json!({ "Id": id }))
            }
            _ => return None,
        })
    }

    fn labelled(&self, filters: &str) -> Value {
        let wanted = serde_json::from_str::<BTreeMap<String, Vec<String>>>(filters).unwrap();
        let carries = |c: &Container, label: &str| {
            let (key, value) = label.split_once('=').unwrap();
            c.labels.get(key).is_some_and(|v| v == value)
        };
        let found =
            self.containers.iter().filter(|(_, c)| wanted["label"].iter().all(|l| carries(c, l)));
        let told = |(id, c): (&String, &Container)| json!({ "Id": id, "Names": [format!("/{}", c.name)], "Labels": c.labels });
        found.map(told).collect()
    }

    /// Whatever is done in a container that is removed meanwhile is done to nobody.
    fn files(&mut self, container: &str) -> Option<&mut Files> {
        self.containers.get_mut(container).map(|container| &mut container.files)
    }

    fn new_id(&mut self) -> String {
        self.made += 1;
        format!("id{}", self.made)
    }
}

impl Exec {
    fn told(&self, id: &str) -> Answer {
        ok(json!({ "ID": id, "ExitCode": self.status, "Running": self.status.is_none() }))
    }
}

/// The labels that `LABEL NAME=VALUE` asks for.
fn changed(request: &Request) -> BTreeMap<String, String> {
    let changes = request.query.get("changes").map_or("", String::as_str).lines();
    let labels = changes.filter_map(|line| line.strip_prefix("LABEL ")?.split_once('='));
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn listed((name, Image { id, labels, .. }): (&str, &Image)) -> Value {
    json!({ "Id": id, "RepoTags": [name], "ParentId": "", "RepoDigests": [], "Created": 0,
            "Size": 1, "SharedSize": 0, "Labels": labels, "Containers": 0 })
}

/// A file of the container as its engine would send it, or all of `/bb/out`.
fn pack(files: &Files, path: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    for (name, (_, data)) in files {
        let inside = format!("/{name}");
        let wanted = inside == path || inside.starts_with(&format!("{path}/"));
        if let (true, Some(name)) = (wanted, name.strip_prefix("bb/")) {
            let name = if inside == path { name.rsplit('/').next().unwrap() } else { name };
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, data.as_slice()).unwrap();
        }
    }
    tar.into_inner().unwrap()
}
