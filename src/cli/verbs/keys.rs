//! `bb keys`: the certificates whose signatures count, and a look at any signature.

use crate::cli::call::Call;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;

use crate::base::error::{Error, Result};
use crate::base::secret::without_secrets;
use crate::base::time;
use crate::base::time::date;
use crate::base::words::visible;
use crate::cli::{entered, print, say};
use crate::config::Settings;
use crate::gentoo::keys::{Listed, Taken};
use crate::gentoo::openpgp::Keyring;
use crate::gentoo::{Fingerprint, keys};
use crate::net::http::Client;
use crate::report::table;
use crate::session::project::SETTINGS_FILE;

/// The keys whose signatures count.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Every pinned key: use, algorithm, expiry, where it came from
    #[command(after_help = "Examples:\n  bb keys list")]
    List,
    /// Keep the pinned certificates of a file
    #[command(after_help = "Examples:\n  bb keys import gentoo-release.asc")]
    Import {
        /// Armored or binary, also with other certificates
        file: PathBuf,
    },
    /// Fetch the pinned certificates again
    #[command(after_help = "Examples:\n  bb keys refresh")]
    Refresh {
        /// Use no network
        #[arg(long)]
        offline: bool,
    },
    /// Check a clearsigned file, or a file with its detached signature; exit 0 or 5
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb keys verify latest-stage3-amd64-nomultilib-openrc.txt
  bb keys verify stage3.tar.xz stage3.tar.xz.asc
  bb keys verify stage3.tar.xz stage3.tar.xz.asc --keyring gentoo-release.asc")]
struct Verify {
    /// The file
    file: PathBuf,
    /// Its detached signature; without one the file itself is clearsigned
    signature: Option<PathBuf>,
    /// Every certificate of this file counts, and no other (default: the pinned ones)
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// As if it were that time: 2026-03-01, 2026-03-01T12:00:00Z or seconds since 1970, in UTC
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// `here` is where the command was given: paths are relative to it.
pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let settings = settings(&call.state)?;
    match &args.verb {
        Verb::List => list(&settings),
        Verb::Import { file } => import(&settings, &from(&call.here, file)),
        Verb::Refresh { offline } => refresh(&settings, *offline).await,
        Verb::Verify(args) => verify(&settings, args, &call.here),
    }
}

/// Keys are of use outside of a project, too.
fn settings(state: &Path) -> Result<Settings> {
    let env = entered::environment();
    if Path::new(SETTINGS_FILE).exists() {
        return Ok(entered::project(state)?.settings);
    }
    Settings::resolve(Path::new(SETTINGS_FILE), "", &env)
}

/// A path as it was given, where the project's folder is the current one.
pub(in crate::cli) fn from(here: &Path, path: &Path) -> PathBuf {
    let same = std::env::current_dir().is_ok_and(|now| now == here);
    if same { path.to_owned() } else { here.join(path) }
}

fn list(settings: &Settings) -> Result<u8> {
    let now = SystemTime::now();
    let head = ["FINGERPRINT", "USE", "ALGORITHM", "EXPIRES", "DAYS", "FROM"].map(str::to_owned);
    let rows = keys::list(settings, now)?.into_iter().map(|listed| row(listed, now));
    print(&table::columns(&[head].into_iter().chain(rows).collect::<Vec<_>>()));
    Ok(0)
}

fn row(listed: Listed, now: SystemTime) -> [String; 6] {
    let none = || "-".to_owned();
    let Some(key) = listed.key else {
        return [listed.cert.to_string(), none(), none(), none(), none(), listed.from];
    };
    let indent = if key.is_primary { "" } else { "  " };
    let expires = key.expires.map_or_else(|| "never".to_owned(), date);
    let left = key.expires.map_or_else(none, |end| days_left(end, now).to_string());
    let fingerprint = format!("{indent}{}", key.fingerprint);
    [fingerprint, key.uses, key.algorithm, expires, left, listed.from]
}

/// Whole days, negative after the end.
fn days_left(end: SystemTime, now: SystemTime) -> i64 {
    let days = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        i64::try_from(since / 86_400).unwrap_or(i64::MAX)
    };
    days(end) - days(now)
}

fn import(settings: &Settings, file: &Path) -> Result<u8> {
    let taken =
        keys::import(settings, &read(file)?, &file.display().to_string(), SystemTime::now())?;
    print(&taken.iter().map(line).collect::<String>());
    Ok(0)
}

fn line(Taken { cert, new, expires }: &Taken) -> String {
    let end =
        expires.map_or_else(|| "never expires".to_owned(), |e| format!("expires {}", date(e)));
    let what = if *new { "imported" } else { "as before" };
    format!("{cert}  {what}, {end}\n")
}

async fn refresh(settings: &Settings, offline: bool) -> Result<u8> {
    let done = keys::refresh(
        settings,
        &Client::with_least_rate(offline, settings.least_rate),
        SystemTime::now(),
    )
    .await?;
    for (url, taken) in &done.taken {
        let url = without_secrets(url);
        print(&format!("{}  from {url}\n", line(taken).trim_end()));
    }
    if done.missing.is_empty() {
        for (url, error) in &done.failed {
            let why = without_secrets(error.message());
            let (url, why) = (without_secrets(url), visible(&why));
            say(&format!("passed over: {url}: {why}\n"));
        }
        return Ok(0);
    }
    let missing = done.missing.iter().map(Fingerprint::to_string).collect::<Vec<_>>();
    let error = Error::step(format!("nobody has the certificate of `{}`", missing.join("`, `")));
    let error = done.failed.iter().fold(error, |error, (url, why)| {
        // A transport's error says the address and the reason in its details.
        let reason = why.details().first().and_then(|detail| detail.split_once(": "));
        error.detail(format!("  {url}: {}", reason.map_or(why.message(), |(_, reason)| reason)))
    });
    Err(error.hint(
        "`key_urls` in `[trust]` of bb.toml says where to ask; \
                    `bb keys import FILE` takes them from a file",
    ))
}

fn verify(settings: &Settings, args: &Verify, here: &Path) -> Result<u8> {
    let at = args.at.as_deref().map(time::parse).transpose()?;
    let keyring = match &args.keyring {
        Some(file) => Keyring::of_all(&file.display().to_string(), &read(&from(here, file))?)?,
        None => keys::read(settings)?,
    };
    let (what, file) = (args.file.display().to_string(), from(here, &args.file));
    let (signer, key, signed_at) = match &args.signature {
        Some(signature) => {
            let signature = read(&from(here, signature))?;
            let data = std::fs::File::open(&file).map_err(|e| Error::file("read", &file, &e))?;
            let good = keyring.verify_detached(&what, data, &signature, at)?;
            (good.signer, good.key, good.signed_at)
        }
        None => {
            let good = keyring.verify_cleartext(&what, &read(&file)?, at)?;
            (good.signer().clone(), good.key().clone(), good.signed_at())
        }
    };
    let pinned = keys::pinned(settings)?.contains(&signer);
    print(&format!(
        "good    {what}\nsigner  {signer}{}\nkey     {key}\nsigned  {}\n",
        if pinned { "" } else { " (not pinned)" },
        time::stamp(signed_at)
    ));
    Ok(0)
}

/// Certificates, signatures and clearsigned texts are a few megabytes.
const LARGEST: u64 = 64 << 20;

fn read(file: &Path) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::file("read", file, &e);
    let mut bytes = Vec::new();
    let open = std::fs::File::open(file).map_err(failed)?;
    open.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::trust(format!("`{}` is larger than {LARGEST} bytes", file.display()))
            .hint("a large file has a detached signature: name it as well"));
    }
    Ok(bytes)
}
