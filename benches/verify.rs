//! `make bench`: what verifying a stage3 costs, beside `sha512sum` alone on the same file in the same
//! run on the same machine.
//!
//! A file of 1 GB (`BENCH_BYTES`), signed by a key made here. `bb keys verify` reads it once for
//! SHA-512, BLAKE2b and the signature. Prints times and the peak memory; judges nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "measures, and prints what it has measured"
)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use sequoia_openpgp as pgp;

use pgp::cert::CertBuilder;
use pgp::packet::signature::SignatureBuilder;
use pgp::policy::StandardPolicy;
use pgp::serialize::SerializeInto;
use pgp::types::{HashAlgorithm, SignatureType};

use support::timed::median;

const BB: &str = env!("CARGO_BIN_EXE_bb");
const RUNS: usize = 3;

fn main() {
    let bytes = std::env::var("BENCH_BYTES").ok().and_then(|n| n.parse().ok());
    let bytes = bytes.unwrap_or(1_000_000_000_u64);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let dir = folder.path();
    eprintln!("verify: making a file of {bytes} bytes");
    make(dir, bytes);
    let mut sums = Vec::new();
    let mut verified = Vec::new();
    // In turn, so that what else the machine does is shared.
    for _ in 0..=RUNS {
        sums.push(time(Command::new("sha512sum").arg("file"), dir));
        verified.push(time(&mut verify(Command::new(BB)), dir));
    }
    // The first of each has warmed up.
    let (sum, verify) = (median(&mut sums[1..]), median(&mut verified[1..]));
    println!("verifying {bytes} bytes        seconds");
    println!("sha512sum                     {sum:8.3}");
    println!("SHA-512, BLAKE2b, signature   {verify:8.3}   {:.2} times sha512sum", verify / sum);
    println!("peak memory                   {}", memory(dir));
}

fn make(dir: &Path, bytes: u64) {
    let mut random = fastrand::Rng::with_seed(1);
    let mut block = vec![0; 1 << 20];
    let mut file = BufWriter::new(File::create(dir.join("file")).expect("the file"));
    let mut left = usize::try_from(bytes).expect("a size");
    while left > 0 {
        random.fill(&mut block);
        let length = left.min(block.len());
        file.write_all(&block[..length]).expect("the disk has room");
        left -= length;
    }
    file.flush().expect("the disk has room");
    sign(dir);
}

fn sign(dir: &Path) {
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let cert = CertBuilder::new().add_userid("Bench").add_signing_subkey();
    let cert = cert.set_creation_time(yesterday).generate().expect("a key").0;
    let policy = StandardPolicy::new();
    let mut keys = cert.keys().secret().with_policy(&policy, None).for_signing();
    let key = keys.next().expect("a signing key").key().clone();
    let mut pair = key.into_keypair().expect("a secret");
    let mut context = HashAlgorithm::SHA512.context().expect("SHA-512").for_signature(4);
    let mut file = File::open(dir.join("file")).expect("the file");
    std::io::copy(&mut file, &mut context).expect("the file can be read");
    let builder = SignatureBuilder::new(SignatureType::Binary);
    let signature = builder.sign_hash(&mut pair, context).expect("a signature");
    let signature = pgp::Packet::from(signature).to_vec().expect("bytes");
    fs::write(dir.join("sig"), signature).expect("the disk has room");
    fs::write(dir.join("keys"), cert.to_vec().expect("bytes")).expect("the disk has room");
}

fn verify(mut command: Command) -> Command {
    command.args(["keys", "verify", "file", "sig", "--keyring", "keys"]);
    command
}

fn time(command: &mut Command, dir: &Path) -> f64 {
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.status().expect("the command can be run");
    assert!(status.success(), "{command:?} failed");
    begun.elapsed().as_secs_f64()
}

/// Peak memory, as GNU time tells it.
fn memory(dir: &Path) -> String {
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M", BB]);
    let output = verify(command).current_dir(dir).output();
    let text = output.map(|out| String::from_utf8_lossy(&out.stderr).trim().to_owned());
    text.map_or_else(|_| "needs GNU time".to_owned(), |kilobytes| format!("{kilobytes} KB"))
}
