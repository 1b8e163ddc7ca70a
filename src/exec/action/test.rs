//! `test:NAME`: the image is looked through, and does what its dock says where it runs.
//!
//! What is a fault and what was to be seen is known by `audit` and `checks`; here is how an image is
//! opened, run and asked. The container has no network.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::base::error::{Error, Result};
use crate::base::limits::Limit;
use crate::base::words::counted;
use crate::dock::checks::{CommandCheck, PortCheck, ProcessCheck};
use crate::engine::{ContainerSpec, Network};
use crate::exec::action::{Log, Made, assemble, blocking, ledgers};
use crate::exec::audited::{Audited, audited};
use crate::exec::put;
use crate::exec::work::Context;
use crate::image::archive;
use crate::image::archive::Entry;
use crate::image::archive::bundle::Bundle;
use crate::image::size::over_budget;
use crate::plan::expand::RESULT;
use crate::plan::step::TestWork;

/// Faults that a failure repeats; the log has all.
const REPEATED: usize = 15;
/// How long between two looks at what is not ready yet.
const PAUSE: Duration = Duration::from_millis(200);
/// Where the dock's script is in the container.
const SCRIPT: &str = "bb-test.sh";
/// A longer answer or output is not looked at.
const LONGEST: usize = 1 << 20;

pub(super) async fn test(
    work: &TestWork,
    spec: &(dyn Fn(&str) -> ContainerSpec + Sync),
    context: &Context,
    log: &mut Log,
) -> Result<Made> {
    let id = assemble::summary(&work.dir)?.id;
    let seen = look(work, &id, context).await?;
    let mut faults = seen.lines().map(|line| format!("audit: {line}")).collect::<Vec<_>>();
    faults.extend(too_large(work)?);
    let called = put::ensure(&work.dir, context, &mut |data| log.write(data)).await?;
    let health = context.engine.existing_image(&called).await?.health_command();
    let mut done = vec!["audit".to_owned()];
    done.extend(health.is_some().then(|| "health check".to_owned()));
    done.extend(work.script.is_some().then(|| "test.sh".to_owned()));
    let checks = work.checks.command.len() + work.checks.port.len() + work.checks.process.len();
    done.extend((checks > 0).then(|| format!("{checks} of its own")));
    if done.len() > 1 {
        let trial = Trial { work, context, health, passwd: seen.passwd };
        faults.extend(trial.run(&called, spec, log).await?);
    }
    if faults.is_empty() {
        let result = json!({ "format": 1, "image": id, "passed": done });
        let path = work.dir.join(RESULT);
        context.store.replace(&path, format!("{result:#}\n").as_bytes())?;
        return Ok(Made::default().note(done.join(", ")));
    }
    failure(work, &faults, log)
}

fn failure(work: &TestWork, faults: &[String], log: &mut Log) -> Result<Made> {
    for fault in faults {
        log.write(format!("bb: {fault}\n").as_bytes());
    }
    log.check()?;
    let count = counted(faults.len(), "fault");
    let error = Error::step(format!("the image `{}` has {count}", work.name));
    let shown = faults.iter().take(REPEATED);
    let shown = shown.flat_map(|fault| fault.lines());
    let mut error = shown.fold(error, |e, line| e.detail(format!("  {line}")));
    if faults.len() > REPEATED {
        error = error.detail(format!("  and {} more", faults.len() - REPEATED));
    }
    if faults.iter().any(|fault| fault.starts_with("audit: ")) {
        error = error.hint("what is meant so goes into its `dock.toml`, as `[[audit.allow]]`");
    }
    Err(error)
}

/// What is wrong with the image's size, with what it has the most of.
fn too_large(work: &TestWork) -> Result<Option<String>> {
    let Some(budget) = work.budget else { return Ok(None) };
    let over = over_budget(&ledgers(&work.dir)?.0, budget);
    Ok(over.map(|error| {
        let most = error.details().iter().map(|line| format!("\n  {line}"));
        format!("size: {}{}", error.message(), most.collect::<String>())
    }))
}

/// Looks the image through: as `bb` put it together, else as the engine has it.
async fn look(work: &TestWork, id: &str, context: &Context) -> Result<Audited> {
    let temp = context.store.temp_dir()?;
    let limits = context.settings.limits;
    let chain = match assemble::chain(&work.dir, &limits)? {
        Some(chain) => chain,
        None => {
            let file = temp.path().join("image.tar");
            archive::save(context.engine.save_image(id), &file, &limits).await?;
            Bundle::open(&file, &limits)?.into_iter().collect()
        }
    };
    let work = work.clone();
    // The archive has to stay until all of it is read.
    blocking(move || audited(&chain, &work, &limits).map(|seen| (seen, temp)))
        .await
        .map(|(seen, _)| seen)
}

/// One image on trial.
struct Trial<'a> {
    work: &'a TestWork,
    context: &'a Context,
    health: Option<Vec<String>>,
    passwd: String,
}

/// Something that may need time to be so.
enum Probe<'a> {
    Health(&'a [String]),
    Port(&'a PortCheck, &'a str),
    Process(&'a ProcessCheck),
}

impl Trial<'_> {
    /// Runs the image, and returns its faults.
    async fn run(
        &self,
        image: &str,
        spec: &(dyn Fn(&str) -> ContainerSpec + Sync),
        log: &mut Log,
    ) -> Result<Vec<String>> {
        let engine = &self.context.engine;
        let container = engine
            .start_container(&ContainerSpec { as_its_image_says: true, ..spec(image) })
            .await?;
        let asker = match &self.work.bob {
            Some(bob) => {
                let beside = Network::Of(container.clone());
                Some(engine.start_container(&ContainerSpec { network: beside, ..spec(bob) }).await)
            }
            None => None,
        };
        let faults = match &asker {
            // What has ended has no network to share.
            Some(Err(error)) => match self.ended(&container).await? {
                Some(ended) => Ok(vec![ended]),
                None => Err(Error::step(error.message())),
            },
            Some(Ok(asker)) => self.faults(&container, asker, log).await,
            None => self.faults(&container, "", log).await,
        };
        let told = engine.output(&container, &mut |data| log.write(data)).await;
        for container in asker.and_then(std::result::Result::ok).iter().chain([&container]) {
            engine.remove_container(container).await?;
        }
        told.and(faults)
    }

    async fn faults(&self, container: &str, asker: &str, log: &mut Log) -> Result<Vec<String>> {
        let checks = &self.work.checks;
        let health = self.health.as_deref().map(Probe::Health);
        let ports = checks.port.iter().map(|port| Probe::Port(port, asker));
        let processes = checks.process.iter().map(Probe::Process);
        let mut faults = vec![];
        for probe in health.into_iter().chain(ports).chain(processes) {
            faults.extend(self.in_time(&probe, container).await?);
        }
        if let Some(ended) = self.ended(container).await? {
            faults.push(ended);
            faults.dedup();
            return Ok(faults);
        }
        for check in &checks.command {
            faults.extend(self.command(check, container).await?);
        }
        faults.extend(self.script(container, log).await?);
        Ok(faults)
    }

    async fn ended(&self, container: &str) -> Result<Option<String>> {
        let status = self.context.engine.ended_with(container).await?;
        Ok(status.map(|status| format!("it ended by itself, with exit status {status}")))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.work.checks.timeout)
    }

    /// Asks again until it is so, the container has ended, or patience has.
    async fn in_time(&self, probe: &Probe<'_>, container: &str) -> Result<Option<String>> {
        let until = Instant::now() + self.patience();
        loop {
            if let Some(ended) = self.ended(container).await? {
                return Ok(Some(ended));
            }
            let fault = self.probe(probe, container).await?;
            if fault.is_none() || Instant::now() >= until {
                return Ok(fault);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn probe(&self, probe: &Probe<'_>, container: &str) -> Result<Option<String>> {
        match probe {
            Probe::Health(words) => {
                let words = words.iter().map(String::as_str).collect::<Vec<_>>();
                let ran = self.exec(container, &words).await?;
                let said = |(_, said): &(i64, String)| said.lines().last().unwrap_or("").to_owned();
                let bad = ran.filter(|(status, _)| *status != 0);
                Ok(bad.map(|ran| format!("health check: `{}`: {}", words.join(" "), said(&ran))))
            }
            Probe::Port(check, asker) => {
                let port = check.port.to_string();
                let ran = self.exec(asker, &["bash", "-c", ASK, "ask", &port, &check.send]).await?;
                let answer = ran.filter(|(status, _)| *status != 1).map(|(_, answer)| answer);
                Ok(check.fault(answer.as_deref()))
            }
            Probe::Process(check) => {
                let seen = self.context.engine.processes(container).await?;
                Ok(check.fault(&seen, &self.passwd))
            }
        }
    }

    async fn command(&self, check: &CommandCheck, container: &str) -> Result<Option<String>> {
        let Some((status, output)) = self.exec(container, &check.run.words()).await? else {
            return Ok(Some(self.endless(&check.run.to_string())));
        };
        Ok(check.fault(status, &output))
    }

    fn endless(&self, what: &str) -> String {
        format!("`{what}` did not end within {} s", self.work.checks.timeout)
    }

    /// Exit status and output; nothing where it takes too long.
    async fn exec(&self, container: &str, words: &[&str]) -> Result<Option<(i64, String)>> {
        let mut output = vec![];
        let mut sink = |data: &[u8]| {
            let room = LONGEST.saturating_sub(output.len());
            output.extend_from_slice(&data[..data.len().min(room)]);
        };
        let ran = self.context.engine.exec(container, words, &mut sink);
        match tokio::time::timeout(self.patience(), ran).await {
            Ok(status) => Ok(Some((status?, String::from_utf8_lossy(&output).into_owned()))),
            Err(_) => Ok(None),
        }
    }

    /// The dock's own script, inside of the image.
    async fn script(&self, container: &str, log: &mut Log) -> Result<Option<String>> {
        let Some(script) = &self.work.script else { return Ok(None) };
        let text = self.context.settings.ground().read(script, Limit::ScriptSize);
        let text = text.map_err(|refused| refused.or(|e| Error::file("read", script, e)))?;
        let epoch = self.context.settings.source_date_epoch;
        let body = archive::stream(vec![Entry::Text(SCRIPT.into(), text)], epoch);
        self.context.engine.upload(container, "/", body).await?;
        let Some((status, output)) =
            self.exec(container, &["/bin/sh", &format!("/{SCRIPT}")]).await?
        else {
            return Ok(Some(self.endless("test.sh")));
        };
        log.write(output.as_bytes());
        let last = output.lines().rev().find(|line| !line.trim().is_empty());
        let last = last.map_or(String::new(), |line| format!(": {line}"));
        Ok((status != 0).then(|| format!("`test.sh` ended with {status}{last}")))
    }
}

/// Connects to a port, sends something, and prints what comes back within five seconds. Status 1: nobody
/// listens. What has come is passed on at once: a server may keep the connection open.
const ASK: &str = r#"
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf %s "$2" >&3
[[ -z $2 ]] || timeout 5 cat <&3 | head -c 1048576
exit 0
"#;
