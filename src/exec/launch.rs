//! Steps that other machines work on: by a launcher, which is any command that starts the one after it somewhere else.
//!
//! What is started there is `bb step ID` in the same folder, so state and docks have to be there by the same path. What
//! it tells comes through as if it were done here. Does not know where that is.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::UnboundedSender;

use crate::base::error::{Error, Exit, Result};
use crate::base::words::visible;
use crate::exec::event::Event;
use crate::exec::job::{Job, OwnedJob, is_stale};
use crate::exec::work::{self, Context, Ended};
use crate::fresh::Inventory;
use crate::fresh::record::{Record, Stamp};
use crate::plan::step::{Step, Work};

/// Says that a step was launched: it is done where it is.
pub const LAUNCHED: &str = "BB_LAUNCHED";

/// A launcher has so long to end what it has started, before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is in the pipes of one that has ended comes within this.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes of what a launcher says besides, from its end.
const WORDS: usize = 4096;
/// Bytes of one line that is told.
const LONGEST: u64 = 1 << 20;

/// What stands before `bb step ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    words: Vec<String>,
    program: PathBuf,
}

/// What `bb step` tells, as far as it comes through.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Told {
    Started {
        step: String,
        reason: String,
    },
    Line {
        step: String,
        text: String,
    },
    Done {
        step: String,
        note: String,
    },
    Warning {
        message: String,
    },
    Failed {
        error: Failure,
    },
    Error {
        error: Failure,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Failure {
    exit: u8,
    message: String,
    #[serde(default)]
    details: Vec<String>,
    hint: Option<String>,
}

impl Launcher {
    /// One that starts this program; none where there are no words.
    #[must_use]
    pub fn new(words: &[String], program: PathBuf) -> Option<Self> {
        (!words.is_empty()).then(|| Self { words: words.to_vec(), program })
    }

    /// Whether a step is one that it starts: those that take their time.
    pub(super) fn starts(step: &Step) -> bool {
        match &step.work {
            Work::Rootfs(_) | Work::Test(_) => true,
            Work::Image(_) => step.params.contains_key("commands"),
            _ => false,
        }
    }

    /// The words for one step. `{jobs}` and `{step}` stand for what they say, `{memory}` for megabytes; a word with
    /// that is left out where the dock says nothing of it.
    fn words(&self, step: &Step, jobs: usize) -> Vec<String> {
        let memory = match &step.work {
            Work::Rootfs(work) => work.memory.map(|bytes| bytes.div_ceil(1_000_000).to_string()),
            _ => None,
        };
        let filled = |word: &String| {
            let word =
                word.replace("{jobs}", &jobs.to_string()).replace("{step}", &step.id.to_string());
            if word.contains("{memory}") {
                Some(word.replace("{memory}", memory.as_ref()?))
            } else {
                Some(word)
            }
        };
        // The program itself is never left out.
        let program = self.words.iter().take(1).cloned();
        program.chain(self.words.iter().skip(1).filter_map(filled)).collect()
    }

    fn command(&self, step: &Step, context: &Context) -> Command {
        let words = self.words(step, context.jobs.max(1));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(&self.program).arg("--state").arg(context.store.root());
        command.args(["step", &step.id.to_string(), "--message-format", "json"]);
        command
            .env(LAUNCHED, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Ctrl-C is for `bb`, which tells the launcher.
        command.process_group(0);
        command
    }
}

/// Has a step done elsewhere, and takes its record for what it says.
pub(super) async fn launch(
    owned: &Arc<OwnedJob>,
    context: &Arc<Context>,
    events: &UnboundedSender<Event>,
) -> Result<Ended> {
    let step = owned.job().step;
    let launcher = context.launcher_of(step).ok_or_else(|| Error::bug("nobody starts it"))?;
    let begun = Instant::now();
    let mut command = launcher.command(step, context);
    let name = launcher.words[0].clone();
    let child = command.spawn().map_err(|e| {
        Error::step(format!("cannot start the launcher `{name}`: {e}"))
            .hint("`launcher` in bb.toml or `BB_LAUNCHER` says what it is")
    })?;
    let mut running = Running::of(child);
    let heard = hear(&mut running, step, events).await;
    let status =
        running.end().await.map_err(|e| Error::step(format!("the launcher `{name}`: {e}")))?;
    let Heard { note, failure, words } = heard;
    match failure {
        Some(failure) => return Err(failure.error()),
        None if !status.success() => return Err(died(&name, status, &words)),
        None => {}
    }
    let Some((record, stamp)) = recorded(owned, context).await? else {
        return Err(missing(step, &name, note.is_some(), &words));
    };
    Ok(match note {
        None => Ended::Fresh { products: record, stamp, put: false },
        Some(note) => {
            let _ = events.send(Event::Done { step: step.id.clone(), took: begun.elapsed(), note });
            Ended::Executed { products: record, stamp }
        }
    })
}

/// What is here of a step that is up to date. That counts, and not what was said: another machine may see older files.
async fn recorded(
    owned: &Arc<OwnedJob>,
    context: &Arc<Context>,
) -> Result<Option<(Arc<Record>, i64)>> {
    let look = |job: Job<'_>, context: &Context| {
        if is_stale(job, &context.store, &Inventory::default())? {
            return Ok(None);
        }
        Ok(match context.store.load(&job.step.id) {
            (Some(record), Stamp::Present(stamp)) => Some((record, stamp)),
            _ => None,
        })
    };
    work::beside(owned, context, look).await
}

/// What came through.
#[derive(Default)]
struct Heard {
    /// What its end was told with; none where there was nothing to do.
    note: Option<String>,
    failure: Option<Failure>,
    words: String,
}

/// Hears it to its end. Who has inherited its pipes may go on for ever: when it is gone, nobody waits for long.
async fn hear(running: &mut Running, step: &Step, events: &UnboundedSender<Event>) -> Heard {
    let (mut heard, mut words) = (Heard::default(), vec![]);
    let Some((out, err)) = running.pipes() else { return heard };
    {
        let listening = listen(out, step, events, &mut heard);
        let both = async { tokio::join!(listening, last_words(err, &mut words)) };
        tokio::select! {
            _ = both => {}
            () = running.is_gone() => {}
        }
    }
    heard.words = String::from_utf8_lossy(&words).into_owned();
    heard
}

async fn listen(
    from: impl AsyncRead + Unpin,
    step: &Step,
    events: &UnboundedSender<Event>,
    heard: &mut Heard,
) {
    let mut lines = BufReader::new(from);
    loop {
        let mut line = vec![];
        // One that is longer comes in pieces, which are no messages.
        let read = (&mut lines).take(LONGEST).read_until(b'\n', &mut line).await;
        if !read.is_ok_and(|read| read > 0) {
            return;
        }
        heard.take(serde_json::from_slice(&line).unwrap_or(Told::Other), step, events);
    }
}

/// The end of what somebody says.
async fn last_words(mut from: impl AsyncRead + Unpin, words: &mut Vec<u8>) {
    let mut piece = vec![0; WORDS];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        words.extend_from_slice(&piece[..read]);
        let before = words.len().saturating_sub(WORDS);
        words.drain(..before);
    }
}

impl Heard {
    /// What is said of other steps, those that this one needs, is not told; but for a failure.
    fn take(&mut self, told: Told, step: &Step, events: &UnboundedSender<Event>) {
        let is_own = |of: &String| *of == step.id.to_string();
        let step = step.id.clone();
        let event = match told {
            Told::Started { step: of, reason } if is_own(&of) => Event::Started { step, reason },
            Told::Line { step: of, text } if is_own(&of) => {
                Event::Line { step, text: visible(&text).into_owned() }
            }
            Told::Warning { message } => Event::Warned { message: visible(&message).into_owned() },
            Told::Done { step: of, note } if is_own(&of) => {
                self.note = Some(note);
                return;
            }
            Told::Failed { error } | Told::Error { error } => {
                self.failure.get_or_insert(error);
                return;
            }
            _ => return,
        };
        // The receiver lives as long as the run.
        let _ = events.send(event);
    }
}

impl Failure {
    fn error(self) -> Error {
        let exit = [Exit::Usage, Exit::Config, Exit::Engine, Exit::Trust];
        let exit = exit.into_iter().find(|exit| exit.code() == self.exit).unwrap_or(Exit::Step);
        let error = Error::new(exit, visible(&self.message));
        let error = self
            .details
            .iter()
            .fold(error, |error, line| error.detail(format!("  {}", visible(line))));
        match self.hint {
            Some(hint) => error.hint(visible(&hint)),
            None => error,
        }
    }
}

/// Nothing went wrong that anybody has told, but there is no record.
fn missing(step: &Step, name: &str, is_done: bool, words: &str) -> Error {
    if is_done {
        return Error::step(format!(
            "`{name}` says that `{}` is done, but by what is here it is not",
            step.id
        ))
        .hint("where it is started, this folder has to be the same one: shared, by the same path");
    }
    let error = Error::step(format!("the launcher `{name}` ended before the step did"));
    with_words(error, words).hint(
        "the machine that it was on may be gone, or see another folder; the same command goes on",
    )
}

fn died(name: &str, status: ExitStatus, words: &str) -> Error {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    let error = Error::step(format!("the launcher `{name}` {how} before the step did"));
    with_words(error, words)
}

/// With the last lines of what somebody has said.
fn with_words(error: Error, words: &str) -> Error {
    let lines = words.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
    let last = lines.iter().skip(lines.len().saturating_sub(10));
    last.fold(error, |error, line| error.detail(format!("  {}", visible(line))))
}

/// A launcher at work. Where nobody waits for it any more, it is told to end, and killed if it does not.
struct Running {
    child: Option<Child>,
    group: Option<Pid>,
}

impl Running {
    fn of(child: Child) -> Self {
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Self { child: Some(child), group }
    }

    fn pipes(&mut self) -> Option<(tokio::process::ChildStdout, tokio::process::ChildStderr)> {
        let child = self.child.as_mut()?;
        Some((child.stdout.take()?, child.stderr.take()?))
    }

    /// It has ended, and what it has said has had time to come.
    async fn is_gone(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.wait().await;
        }
        tokio::time::sleep(LINGER).await;
    }

    async fn end(mut self) -> std::io::Result<ExitStatus> {
        let Some(child) = &mut self.child else { return Ok(ExitStatus::default()) };
        let status = child.wait().await;
        self.child = None;
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (Some(mut child), Some(group)) = (self.child.take(), self.group) else { return };
        let _ = kill_process_group(group, Signal::TERM);
        let until = Instant::now() + PATIENCE;
        // Whoever drops this waits for nothing else: what was started elsewhere has to end first.
        while Instant::now() < until {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = child.try_wait();
    }
}
