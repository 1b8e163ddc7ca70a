//! What a builder does in a fake engine: its results are digests of what it was given.

use std::io;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::engine::Files;
use crate::digest;

pub fn put(files: &mut Files, name: &str, text: impl Into<Vec<u8>>) -> i64 {
    files.insert(format!("bb/out/{name}"), (String::new(), text.into()));
    0
}

/// In the first box what the dock wants, in the second what that takes: nothing is compiled, and `sources` are asked for.
pub fn say_what_is_needed(files: &mut Files, phase: &str, sources: &Value) -> i64 {
    if phase == "plan" {
        let plan = json!({ "format": 1, "packages": [], "sources": sources, "compile": 0 });
        return put(files, "plan.json", plan.to_string());
    }
    put(files, "state", "");
    put(files, "settings", "PACKAGES\0\0BUILD_PACKAGES\0\0")
}

pub fn build_root(files: &mut Files) -> i64 {
    let inputs = |but: &str| {
        let given = files.iter().filter(|(path, _)| !path.starts_with("bb/out"));
        digest(given.map(|(path, file)| relevant(path, file, but)).collect::<String>())
    };
    let (tar, sysroot) = (inputs("sys"), inputs("tar"));
    put(files, "rootfs.tar", format!("rootfs {tar}"));
    for list in ["rootfs.ways", "rootfs.base", "rootfs.left-out"] {
        put(files, list, String::new());
    }
    put(files, "sysroot.tar.zst", archive(&sysroot));
    put(files, "sysroot.digest", sysroot);
    put(files, "packages.json", "[]".to_owned());
    put(files, "package.provided", String::new())
}

/// A file as text, less the lines that the result does not depend on.
fn relevant(path: &str, (shape, data): &(String, Vec<u8>), but: &str) -> String {
    let lines = String::from_utf8_lossy(data).into_owned();
    let counts = |line: &&str| {
        let of_job = path == "bb/job.env" && line.starts_with("JOBS=");
        let of_config =
            path == "config/Buildconfig.sh" && (line.starts_with('#') || line.starts_with(but));
        !of_job && !of_config
    };
    let lines = lines.lines().filter(counts).collect::<Vec<_>>();
    format!("{path} {shape} {lines:?}\n")
}

/// A piece of standard output, as engines send it where there is no terminal.
pub fn frame(mut out: impl Write, text: &str) -> io::Result<()> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    out.write_all(&[&[1, 0, 0, 0], &length[..], text.as_bytes()].concat())
}

/// A shell that only says what it was called with and what it read. `exit N` ends it.
pub fn echo(words: &[&str], stream: &mut io::BufReader<&UnixStream>) -> io::Result<i64> {
    let mut input = String::new();
    stream.read_to_string(&mut input)?;
    frame(*stream.get_ref(), &format!("{}: {input}", words.join(" ")))?;
    let status = input.lines().find_map(|line| line.strip_prefix("exit "));
    Ok(status.map_or(0, |status| status.parse().unwrap()))
}

/// A real archive, as the sysroot is one that `bb` looks into.
fn archive(text: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    tar.append_data(&mut header, "sysroot", text.as_bytes()).unwrap();
    let tar = tar.into_inner().unwrap();
    ruzstd::encoding::compress_to_vec(tar.as_slice(), ruzstd::encoding::CompressionLevel::Fastest)
}
