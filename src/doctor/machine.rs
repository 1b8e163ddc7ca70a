//! This machine: room on its disks, its file systems, limits, language and tools.

use super::Finding;

/// What a disk is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Downloads, images, records.
    State,
    /// The builder, binary packages, images.
    Engine,
    /// Files of other programs.
    Temporary,
}

const MB: u64 = 1_000_000;
const GB: u64 = 1_000 * MB;

impl Purpose {
    fn words(self) -> &'static str {
        match self {
            Self::State => "the state folder",
            Self::Engine => "the engine",
            Self::Temporary => "temporary files",
        }
    }

    /// What the first build of a few images takes, and what nothing can be done with less than. A stage3
    /// is 0.3 GB, unpacked 1.3 GB; the builder has the snapshot as well, and a compilation needs its room.
    fn needs(self) -> (u64, u64) {
        match self {
            Self::State => (2 * GB, 200 * MB),
            Self::Engine => (10 * GB, GB),
            Self::Temporary => (100 * MB, MB),
        }
    }

    fn relief(self) -> &'static str {
        match self {
            Self::State => "`bb gc` removes what is not needed; or `--state DIR`, on another disk",
            Self::Engine => {
                "`bb gc` removes what is not needed; `docker system df` shows what others keep"
            }
            Self::Temporary => "remove what is old there, or set TMPDIR",
        }
    }
}

/// Room in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// What it is needed for.
    pub purpose: Purpose,
    /// The folder.
    pub folder: String,
    /// How much there is; or why that is not known.
    pub room: Result<Room, String>,
}

/// What is free for this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// In bytes.
    pub bytes: u64,
    /// In files, where the file system counts them.
    pub files: Option<u64>,
}

/// So few files are left only on a disk that is about to be full of them.
const FEW_FILES: u64 = 20_000;

/// Of one disk.
pub fn disk(Disk { purpose, folder, room }: &Disk) -> Finding {
    let (wants, least) = purpose.needs();
    let room = match room {
        Ok(room) => room,
        Err(why) => {
            let text = format!("how much is free in {folder} is not known: {why}");
            return Finding::warn("disk", &text, &format!("{} is there", purpose.words()));
        }
    };
    let text = format!("{} free for {} ({folder})", size(room.bytes), purpose.words());
    let todo = || format!("a first build wants {}; {}", size(wants), purpose.relief());
    match room {
        Room { bytes, .. } if *bytes < least => Finding::wrong("disk", &text, &todo()),
        Room { bytes, .. } if *bytes < wants => Finding::warn("disk", &text, &todo()),
        Room { files: Some(files), .. } if *files < FEW_FILES => {
            let text = format!("{text}, but for {files} files only");
            Finding::warn("disk", &text, purpose.relief())
        }
        _ => Finding::ok("disk", &text),
    }
}

/// `1.5 GB`, `20 MB`, rounded down.
fn size(bytes: u64) -> String {
    match bytes {
        0..GB => format!("{} MB", bytes / MB),
        _ => format!("{}.{} GB", bytes / GB, bytes % GB / (100 * MB)),
    }
}

/// What a file system does with files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// The folder that was tried.
    pub folder: String,
    /// Why no file could be made there.
    pub refused: Option<String>,
    /// Times of files have no parts of seconds.
    pub whole_seconds: bool,
    /// `a` and `A` are one file.
    pub one_case: bool,
}

/// Of the file system of the state folder.
pub fn file_system(tried: &FileSystem) -> Finding {
    let folder = &tried.folder;
    match tried {
        FileSystem { refused: Some(why), .. } => Finding::wrong(
            "files",
            &format!("no file can be made in {folder}: {why}"),
            "`--state DIR` or BB_STATE names another folder",
        ),
        FileSystem { whole_seconds: true, .. } => Finding::warn(
            "files",
            &format!("the file system of {folder} keeps times in whole seconds"),
            "more is read again than needed; `--state DIR` names a folder on another one",
        ),
        FileSystem { one_case: true, .. } => Finding::warn(
            "files",
            &format!("for the file system of {folder}, `a` and `A` are one file"),
            "docks and steps must not differ only by that; `--state DIR` names another folder",
        ),
        _ => Finding::ok(
            "files",
            &format!("{folder} keeps parts of seconds, and `a` is not `A` there"),
        ),
    }
}

/// How many folders `bb watch` may watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watches {
    /// For each user; nothing: this kernel has no such limit.
    pub most: Option<u64>,
    /// Watchers for each user.
    pub watchers: Option<u64>,
    /// Folders that it would watch here.
    pub folders: u64,
}

/// Other programs of the user, an editor say, watch folders as well.
const SPARE: u64 = 1_000;

/// Of what the kernel allows to watch.
pub fn watches(watches: Watches) -> Finding {
    let Watches { most: Some(most), watchers, folders } = watches else {
        return Finding::skip(
            "inotify",
            "this kernel does not say how many folders may be watched",
        );
    };
    let text = format!("{most} folders may be watched; `bb watch` needs {folders} here");
    let sysctl = |name: &str, value: u64| format!("`sysctl -w fs.inotify.{name}={value}`, as root");
    if most < folders + SPARE {
        return Finding::warn("inotify", &text, &sysctl("max_user_watches", 65_536));
    }
    match watchers {
        Some(few) if few < 16 => Finding::warn(
            "inotify",
            &format!("few programs of a user may watch folders: no more than {few}"),
            &sysctl("max_user_instances", 128),
        ),
        _ => Finding::ok("inotify", &text),
    }
}

/// Of the language: the variable that says it, and its value.
pub fn locale(said: Option<(&str, &str)>) -> Finding {
    let todo = "names of files with other letters than a to z may be shown wrong: set LANG=C.UTF-8";
    match said {
        None => Finding::warn("locale", "no variable names one, so text is not UTF-8", todo),
        Some((variable, value)) => {
            let letters = value.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
            if letters.to_ascii_lowercase().contains("utf8") {
                return Finding::ok("locale", &format!("{value}, as {variable} says"));
            }
            Finding::warn("locale", &format!("{value}, as {variable} says, is not UTF-8"), todo)
        }
    }
}

/// Programs that some verbs need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// Those that are there.
    pub there: Vec<&'static str>,
    /// Those that are not.
    pub missing: Vec<&'static str>,
    /// What runs chains: `docker compose`, `docker-compose` …
    pub compose: Option<String>,
    /// The project has chains.
    pub chains: bool,
}

/// Of the tools: `bb` itself calls none of the first, they call it.
pub fn tools(tools: &Tools) -> Finding {
    let there = tools.there.iter().copied().chain(tools.compose.as_deref());
    let there = there.collect::<Vec<_>>().join(", ");
    let there = if there.is_empty() { "none".to_owned() } else { there };
    let text = match tools.missing.as_slice() {
        [] => there,
        missing => format!("{there}; not there: {}", missing.join(", ")),
    };
    match &tools.compose {
        None if tools.chains => Finding::warn(
            "tools",
            &format!("{text}; no compose tool"),
            "the project has chains: install `docker compose` or `docker-compose`",
        ),
        _ => Finding::ok("tools", &text),
    }
}
