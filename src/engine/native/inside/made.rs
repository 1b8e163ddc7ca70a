//! From a job to a box: namespaces, the root with all that is mounted in it, and the first process.
//!
//! The order is what matters here, and each step's reason stands beside it.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change, mount_remount,
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use super::super::mounts::{self, DEVICES, LINKS};
use super::super::spec::{Mount, Network};
use super::super::wire::{BoxJob, Failure, Wire, Word, cannot, cannot_write};
use super::{FIRST, Result, WORD, as_root, be_mapped, become_root, copied, is_alone};

/// The first mount of a box is the first that is refused.
const NO_MOUNTS: &str = "a profile of seccomp or AppArmor, as containers have them, lets nobody mount; with \
    `BB_ENGINE=docker`, a daemon makes the boxes";

/// Makes the box and stays until it ends.
pub(super) fn run(wire: &Wire, job: &BoxJob, other: Option<&OwnedFd>) -> Result<u8> {
    match other {
        Some(other) => join_network(other)?,
        None => be_mapped(wire)?,
    }
    let mut apart = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if job.network == Network::None {
        apart |= CloneFlags::CLONE_NEWNET;
    }
    unshare(apart).map_err(as_root("make a box's namespaces"))?;
    // In the new namespace, or they could not be mounted here; and still as the user who may reach them.
    let sources = job.mounts.iter().map(source).collect::<Result<Vec<_>>>()?;
    become_root()?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .map_err(|cause| cannot("keep the box's mounts apart")(cause).hint(NO_MOUNTS))?;
    root(wire, job)?;
    let top = folder(CWD, "root")?;
    own_mounts(&top)?;
    for (mount, source) in job.mounts.iter().zip(sources) {
        outer_mount(&top, mount, &source)?;
    }
    if !job.hostname.is_empty() {
        nix::unistd::sethostname(&job.hostname).map_err(cannot("name the box"))?;
    }
    if job.network == Network::None {
        super::first::loopback().map_err(cannot("bring the box's own network up"))?;
    }
    rustix::process::fchdir(&top).map_err(cannot("enter the box's root"))?;
    first(wire)
}

/// Goes where the network of another box is. That belongs to the box's user namespace, and one who made a namespace
/// of users beside it may not enter: so both boxes are in one. Its ids are the same.
pub(super) fn join_network(other: &OwnedFd) -> Result<()> {
    let both = ThreadNameSpaceType::USER | ThreadNameSpaceType::NETWORK;
    move_into_thread_name_spaces(std::os::fd::AsFd::as_fd(other), both)
        .map_err(cannot("enter the network of a box"))
}

/// Starts the first process, tells `bb` who that is, and waits for it.
fn first(wire: &Wire) -> Result<u8> {
    if is_alone(wire) {
        return Ok(1);
    }
    let end = wire.another().map_err(cannot("start a box"))?;
    let mut command = Command::new("/proc/self/exe");
    command.args([WORD, FIRST]).env_clear();
    let streams = command.stdin(end).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = streams.spawn().map_err(cannot("start a box"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Failure::new("a process without a number"))?;
    // Before anybody waits for it, so that the number is still its own.
    let first = pidfd_open(pid, PidfdFlags::empty()).map_err(cannot("hold on to a process"))?;
    wire.send(&Word::First, &[std::os::fd::AsFd::as_fd(&first)]).map_err(cannot("start a box"))?;
    let ended = child.wait().map_err(cannot("wait for a box"))?;
    let code = ended.code().unwrap_or_else(|| 128 + ended.signal().unwrap_or(0));
    Ok(u8::try_from(code).unwrap_or(1))
}

/// What is to be mounted, opened.
fn source(mount: &Mount) -> Result<OwnedFd> {
    let path = match mount {
        Mount::Cache { name, part, .. } => {
            let whole = Path::new("caches").join(name.as_str());
            part.as_ref().map_or(whole.clone(), |part| whole.join(part.as_str()))
        }
        Mount::Host { path, .. } => path.clone(),
    };
    let is_cache = matches!(mount, Mount::Cache { .. });
    let no_link = if is_cache { OFlags::NOFOLLOW } else { OFlags::empty() };
    let flags = OFlags::PATH | OFlags::CLOEXEC | no_link;
    let shown = path.display();
    openat(CWD, &path, flags, Mode::empty()).map_err(cannot(format!("mount `{shown}`")))
}

/// The box's folder, and its root in there.
fn root(wire: &Wire, job: &BoxJob) -> Result<()> {
    let make = |path: &str, mode: u32| match mkdirat(CWD, path, Mode::from_raw_mode(mode)) {
        // A box that goes on.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(cause) => Err(cannot_write(format!("make `{path}`"))(cause)),
    };
    let own = format!("boxes/{}", job.id);
    make(&own, 0o755)?;
    rustix::process::chdir(&own).map_err(cannot("enter the box's folder"))?;
    for name in ["upper", "work", "root"] {
        make(name, 0o755)?;
    }
    // Without a layer there is still a root: an empty one.
    make("empty", 0o755)?;
    // The same layer once more further down shows nothing that this one does not, and overlayfs refuses it.
    let mut seen = BTreeSet::new();
    let layers = job.layers.iter().rev().filter(|layer| seen.insert(layer.as_str()));
    let layers = layers.map(|layer| format!("../../layers/{layer}"));
    let layers = if job.layers.is_empty() { vec!["empty".to_owned()] } else { layers.collect() };
    for (number, layer) in layers.iter().enumerate() {
        match symlinkat(layer, CWD, mounts::link(number)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(cause) => return Err(cannot_write("link a layer")(cause)),
        }
    }
    let options = text(&mounts::overlay(layers.len()))?;
    let done = mount("overlay", "root", "overlay", MountFlags::empty(), Some(options.as_c_str()));
    match done {
        Err(Errno::PERM | Errno::NODEV | Errno::NOSYS) => on_a_copy(wire, layers.len()),
        done => done.map_err(cannot("mount the box's root")),
    }
}

/// Where nobody but the machine's root may mount overlayfs: the layers laid on each other in a folder.
fn on_a_copy(wire: &Wire, layers: usize) -> Result<()> {
    wire.send(&Word::Copies, &[]).map_err(cannot("say that layers are copied"))?;
    let layers = (0..layers).rev().map(mounts::link).collect::<Vec<_>>();
    copied::lay(Path::new("."), &layers).map_err(cannot_write("copy the box's layers"))?;
    mount_bind_recursive(copied::COPY, "root").map_err(cannot("mount the box's root"))
}

fn text(text: &str) -> Result<std::ffi::CString> {
    std::ffi::CString::new(text).map_err(|_| Failure::new("a zero in a mount's options"))
}

/// `/dev` and `/sys`. The first process adds `/proc`.
fn own_mounts(top: &OwnedFd) -> Result<()> {
    let (quiet, no_devices) = (MountFlags::NOSUID | MountFlags::NOEXEC, MountFlags::NODEV);
    put(top, "tmpfs", "dev", MountFlags::NOSUID, Some(mounts::DEV))?;
    let dev = folder_in(top, "dev")?;
    for device in DEVICES {
        bind_device(&dev, device)?;
    }
    for name in ["pts", "shm", "mqueue"] {
        mkdirat(&dev, name, Mode::from_raw_mode(0o755)).map_err(cannot("make `/dev`"))?;
    }
    for (name, target) in LINKS {
        symlinkat(target, &dev, name).map_err(cannot("make `/dev`"))?;
    }
    put(top, "devpts", "dev/pts", quiet, Some(mounts::PTS))?;
    put(top, "tmpfs", "dev/shm", quiet | no_devices, Some(mounts::SHM))?;
    put(top, "mqueue", "dev/mqueue", quiet | no_devices, None)?;
    let read_only = quiet | no_devices | MountFlags::RDONLY;
    // Where the network is the machine's, or where somebody has hidden parts of it, Linux does not show it.
    put(top, "sysfs", "sys", read_only, None)
        .or_else(|_| put(top, "tmpfs", "sys", read_only, Some("size=0k")))
}

fn bind_device(dev: &OwnedFd, name: &str) -> Result<()> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let place = openat(dev, name, flags, Mode::from_raw_mode(0o666));
    let place = place.map_err(cannot("make `/dev`"))?;
    let source = format!("/dev/{name}");
    mount_bind_recursive(&source, shown(&place)).map_err(cannot(format!("mount `{source}`")))
}

/// Mounts something new at a folder of the box's root.
pub(super) fn put(
    top: &OwnedFd,
    kind: &str,
    at: &str,
    flags: MountFlags,
    options: Option<&str>,
) -> Result<()> {
    let place = folder_in(top, at)?;
    let options = options.map(text).transpose()?;
    mount(kind, shown(&place), kind, flags, options.as_deref())
        .map_err(cannot(format!("mount `/{at}` of the box")))
}

/// Mounts something of outside.
fn outer_mount(top: &OwnedFd, mount: &Mount, source: &OwnedFd) -> Result<()> {
    let at = mount.at();
    let what = || format!("mount something at `{at}`");
    let stat = rustix::fs::fstat(source).map_err(cannot(what()))?;
    let is_folder = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir();
    let place = if is_folder { folder_in(top, at)? } else { file_in(top, at)? };
    mount_bind_recursive(shown(source), shown(&place)).map_err(cannot(what()))?;
    if !mount.is_writable() {
        read_only(&within(top, at).map_err(cannot(what()))?).map_err(cannot(what()))?;
    }
    Ok(())
}

/// Nobody writes there any more. What was forbidden there before stays so: Linux insists on it.
pub(super) fn read_only(place: &OwnedFd) -> rustix::io::Result<()> {
    use rustix::fs::StatVfsMountFlags as Kept;
    let kept = rustix::fs::fstatvfs(place)?.f_flag;
    let flags = [
        (Kept::NOSUID, MountFlags::NOSUID),
        (Kept::NODEV, MountFlags::NODEV),
        (Kept::NOEXEC, MountFlags::NOEXEC),
    ];
    let flags = flags.into_iter().filter(|(had, _)| kept.contains(*had)).map(|(_, flag)| flag);
    let flags = flags.fold(MountFlags::BIND | MountFlags::RDONLY, |all, flag| all | flag);
    mount_remount(shown(place), flags, c"")
}

/// An open file as a path, for calls that take paths only.
pub(super) fn shown(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// What a path of the box's root leads to, links followed as the box would: no image leads us out.
pub(super) fn within(top: &OwnedFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    openat2(top, path.trim_start_matches('/'), flags, Mode::empty(), ResolveFlags::IN_ROOT)
}

fn folder(at: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(at, path, flags, Mode::empty()).map_err(cannot(format!("open `{path}`")))
}

/// A folder of the box's root, made where it is missing.
fn folder_in(top: &OwnedFd, path: &str) -> Result<OwnedFd> {
    let what = || format!("make `/{path}` in the box");
    let mut at = top.try_clone().map_err(cannot(what()))?;
    let mut way = String::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        way.push_str(part);
        at = match within(top, &way) {
            Err(Errno::NOENT) => {
                mkdirat(&at, part, Mode::from_raw_mode(0o755)).map_err(cannot(what()))?;
                within(top, &way)
            }
            found => found,
        }
        .map_err(cannot(what()))?;
        way.push('/');
    }
    Ok(at)
}

/// A file of the box's root, made where it is missing.
fn file_in(top: &OwnedFd, path: &str) -> Result<OwnedFd> {
    let what = || format!("make `{path}` in the box");
    match within(top, path) {
        Err(Errno::NOENT) => {}
        found => return found.map_err(cannot(what())),
    }
    let path = path.trim_matches('/');
    let (way, name) = path.rsplit_once('/').unwrap_or(("", path));
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(folder_in(top, way)?, name, flags, Mode::from_raw_mode(0o644));
    let file = file.map_err(cannot(what()))?;
    let readable = std::fs::File::from(file.try_clone().map_err(cannot(what()))?);
    readable.set_permissions(Permissions::from_mode(0o644)).map_err(cannot(what()))?;
    Ok(file)
}
