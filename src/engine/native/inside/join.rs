//! Into a box that runs: a command there, and who is there.
//!
//! Nothing of the box is run or loaded before the command itself: a root that belongs to a stranger would bring
//! its own C library. So all that a command must not have is given up here, and it inherits that.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, set_dumpable_behavior,
};
use rustix::thread::{CapabilitySet, ThreadNameSpaceType, move_into_thread_name_spaces};
use seccompiler::sock_filter;
use signal_hook::consts::{FORBIDDEN, SIGPIPE};

use super::super::filter;
use super::super::spec::{Command, Ended, Network, Process};
use super::super::wire::{Exec, Failure, Order, Wire, Word, cannot};
use super::users::{self, Account};
use super::{Result, become_root, become_user, cage, taken, terminal};
use crate::base::error::io_reason;

/// Moves into the namespaces of a box, whose first process this is, as its root. The machine's network is where this
/// process is already, and nobody else's to move into.
pub(super) fn enter(first: &OwnedFd, network: &Network) -> Result<()> {
    let mut all = ThreadNameSpaceType::USER
        | ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::PROCESS_ID
        | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
        | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME;
    if *network != Network::Host {
        all |= ThreadNameSpaceType::NETWORK;
    }
    // Before: what is inside must not look into this process, whose files are of outside.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(cannot("hide from the box"))?;
    move_into_thread_name_spaces(std::os::fd::AsFd::as_fd(first), all)
        .map_err(cannot("enter the box"))?;
    become_root()
}

/// Runs a command in a box with the streams that came with it, and says how it ended.
pub(super) fn exec(wire: &Wire, job: &Exec, mut files: Vec<OwnedFd>) -> Result<u8> {
    hear_all()?;
    enter(&taken(&mut files)?, &job.network)?;
    let calls = job.no_new_privileges.then(filter::program);
    let rules = Rules { calls: calls.as_deref(), without: CapabilitySet::empty() };
    let ended = run(wire, job, files, &rules)?;
    wire.send(&Word::Ended(ended), &[]).map_err(cannot("say how a command ended"))?;
    Ok(0)
}

/// What a command may do.
pub(super) struct Rules<'a> {
    /// The system calls that are answered, if not all are.
    pub(super) calls: Option<&'a [sock_filter]>,
    /// Capabilities that it does not have besides those that no box has.
    pub(super) without: CapabilitySet,
}

/// Runs a command in the root that this process has, and waits for its end.
pub(super) fn run(
    wire: &Wire,
    job: &Exec,
    mut files: Vec<OwnedFd>,
    rules: &Rules<'_>,
) -> Result<Ended> {
    let command = &job.command;
    let account = users::look_up(&command.user)?;
    let cwd = if command.cwd.is_empty() { "/" } else { &command.cwd };
    rustix::process::chdir(cwd).map_err(|cause| no_folder(cwd, &cause.into()))?;
    let mut program = program(command, &account)?;
    let outside = if let Some(size) = job.terminal {
        let (outside, inside) = terminal::new(&account, size)?;
        streams(&mut program, terminal::streams(&inside)?);
        program.process_group(0);
        Some(outside)
    } else {
        streams(&mut program, [taken(&mut files)?, taken(&mut files)?, taken(&mut files)?]);
        None
    };
    drop(files);
    cage::bounds(job.bounds)?;
    cage::capabilities(rules.without)?;
    rules.calls.map_or(Ok(()), cage::system_calls)?;
    become_user(account.uid, account.gid, &account.groups)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(cannot("hide from the box"))?;
    let child = started(program, command)?;
    if let Some(outside) = &outside {
        terminal::foreground(outside, Pid::from_child(&child))?;
    }
    let files = outside.iter().map(AsFd::as_fd).collect::<Vec<_>>();
    wire.send(&Word::Runs, &files).map_err(cannot("say that a command runs"))?;
    drop(outside);
    watch(wire, child)
}

/// Of what whoever started `bb` does not want to hear (a job in a shell's background ignores SIGINT, `nohup` SIGHUP) a
/// command in a box hears. A program that is started ignores what was ignored before; what was caught does to it what
/// it does by itself.
pub(super) fn hear_all() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status");
    let status = status.map_err(cannot("look which signals are ignored"))?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Rust itself ignores SIGPIPE, and sees to it that no other program does.
    let heard = |number: &i32| *number == SIGPIPE || FORBIDDEN.contains(number);
    for number in (1..32).filter(|number| ignored >> (number - 1) & 1 == 1 && !heard(number)) {
        signal_hook::flag::register(number, Arc::default()).map_err(cannot("hear a signal"))?;
    }
    Ok(())
}

fn no_folder(path: &str, cause: &std::io::Error) -> Failure {
    let message = format!("cannot enter `{path}` in the box: {}", io_reason(cause));
    Failure::of_step(message).hint("make the folder first, or name another one")
}

fn program(command: &Command, account: &Account) -> Result<Program> {
    let first = command.words.first().filter(|word| !word.is_empty());
    let first = first.ok_or_else(|| Failure::of_step("there is no command to run"))?;
    let mut program = Program::new(first);
    program.args(&command.words[1..]).env_clear();
    program.env("HOME", &account.home).envs(command.env.iter().map(|(name, value)| (name, value)));
    Ok(program)
}

fn streams(program: &mut Program, streams: [OwnedFd; 3]) {
    let [input, output, errors] = streams.map(Stdio::from);
    program.stdin(input).stdout(output).stderr(errors);
}

/// Starts it. Afterwards nothing of its streams is open here: their ends are the command's alone.
fn started(mut program: Program, command: &Command) -> Result<Child> {
    program.spawn().map_err(|cause| {
        let name = command.words.first().map_or("", String::as_str);
        Failure::of_step(format!("cannot run `{name}` in the box: {}", io_reason(&cause)))
    })
}

/// Until the command ends. When `bb` goes, it goes.
fn watch(wire: &Wire, mut child: Child) -> Result<Ended> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Failure::new("a process without a number"))?;
    let running = pidfd_open(pid, PidfdFlags::empty()).map_err(cannot("hold on to a process"))?;
    loop {
        let mut polled = [PollFd::new(wire, PollFlags::IN), PollFd::new(&running, PollFlags::IN)];
        match poll(&mut polled, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(cause) => return Err(cannot("wait for a command")(cause)),
        }
        let (spoken, over) = (!polled[0].revents().is_empty(), !polled[1].revents().is_empty());
        if over {
            let status = child.wait().map_err(cannot("wait for a command"))?;
            let signal = status.signal().map(Ended::Signal);
            return Ok(signal.unwrap_or_else(|| Ended::Code(status.code().unwrap_or(0))));
        }
        if spoken {
            let signal = match wire.receive::<Order>() {
                Ok(Some((Order::Signal(number), _))) => Signal::from_named_raw(number),
                Ok(Some(_)) => None,
                Ok(None) | Err(_) => Some(Signal::KILL),
            };
            // It may have ended meanwhile, which the next look tells.
            let _ = signal.map(|signal| pidfd_send_signal(&running, signal));
        }
    }
}

/// Who is in the box, by its own `/proc`.
pub(super) fn processes() -> Result<Vec<Process>> {
    let entries = std::fs::read_dir("/proc").map_err(cannot("look into the box's `/proc`"))?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut found = numbers.filter_map(process).collect::<Vec<_>>();
    found.sort_by_key(|process| process.pid);
    Ok(found)
}

/// A process, unless it has ended meanwhile.
fn process(pid: u32) -> Option<Process> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let uid = line("Uid:")?.split_whitespace().next()?.parse().ok()?;
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words =
        words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let mut words = words.collect::<Vec<_>>();
    words.pop();
    let name = line("Name:")?.trim().to_owned();
    if words.is_empty() {
        words.push(format!("[{name}]"));
    }
    Some(Process { pid, uid, name, words })
}
