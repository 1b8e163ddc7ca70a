//! OpenPGP files of some hundred kilobytes that unpack to gigabytes. Each command has little memory: opening one
//! would end it.

use std::fs;

use crate::keys::{self, GOOD};
use crate::mirror::{Place, SNAPSHOT, TIME, stage3};

/// Bits as deflate has them (RFC 1951): numbers from their lowest bit, codes from their highest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn number(&mut self, value: u32, count: u32) {
        for at in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().unwrap();
            *last |= u8::from(value >> at & 1 == 1) << self.used;
            self.used = (self.used + 1) % 8;
        }
    }

    fn code(&mut self, value: u32, count: u32) {
        (0..count).rev().for_each(|at| self.number(value >> at, 1));
    }

    fn begun() -> Self {
        let mut bits = Self::default();
        // One block, the last, with the fixed codes.
        bits.number(1, 1);
        bits.number(1, 2);
        bits
    }

    fn literal(&mut self, byte: u8) {
        match u32::from(byte) {
            low @ 0..144 => self.code(0x30 + low, 8),
            high => self.code(0x190 + high - 144, 9),
        }
    }

    /// 258 bytes again: those so far back that the distance's code and its extra bits say.
    fn again(&mut self, code: u32, extra: (u32, u32)) {
        self.code(0xc5, 8);
        self.code(code, 5);
        self.number(extra.0, extra.1);
    }
}

/// So many times 258 zeros.
fn zeros(times: usize) -> Vec<u8> {
    let mut bits = Bits::begun();
    bits.literal(0);
    (0..times).for_each(|_| bits.again(0, (0, 0)));
    bits.bytes
}

/// A packet of compressed data of unknown length; 1 is deflate (RFC 4880, 5.6).
fn compressed(deflated: &[u8]) -> Vec<u8> {
    [&[0xa3, 1], deflated].concat()
}

/// About 400 kB that unpack to 54 MB, and these to 8 GiB: a packet in a packet.
fn bomb() -> Vec<u8> {
    let wanted: usize = (8 << 30) / 258 * 13 / 8;
    let inner = compressed(&zeros(400));
    let mut bits = Bits::begun();
    // Thirteen bytes are eight repetitions of 13 bits: from here on the inner one repeats itself.
    let head = 13 * 4;
    inner[..head].iter().for_each(|byte| bits.literal(*byte));
    // A distance of 13 is code 7, 13 to 16.
    (0..wanted / 258).for_each(|_| bits.again(7, (0, 2)));
    compressed(&bits.bytes)
}

/// A program that takes more memory than this ends.
const LIMIT: &str = "--as=2000000000";

#[track_caller]
fn refused(place: &Place, args: &str) {
    let bb = env!("CARGO_BIN_EXE_bb");
    let line = [LIMIT, bb].into_iter().chain(args.split(' '));
    let command = place.room.command(args);
    let mut limited = std::process::Command::new("prlimit");
    limited.args(line).current_dir(place.room.path("")).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.env("DATE", crate::mirror::DATE).env("DOCKER_HOST", place.engine.host());
    let out = limited.output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(5), "{args}: {text}");
}

#[test]
fn nothing_that_is_packed_is_opened_where_a_signature_is_expected() {
    let bomb = bomb();
    assert!(bomb.len() < 1 << 19, "{}", bomb.len());
    let place = Place::new();
    fs::write(place.room.path("bomb"), &bomb).unwrap();
    fs::write(place.room.path("bomb.asc"), keys::armor(&bomb)).unwrap();
    place.room.write("data", "data");
    for signature in ["bomb", "bomb.asc"] {
        refused(&place, &format!("keys verify data {signature}"));
        refused(&place, &format!("keys import {signature}"));
        refused(&place, &format!("keys verify data bomb --keyring {signature}"));
    }
    place.mirror.write(&format!("{SNAPSHOT}.gpgsig"), &bomb);
    refused(&place, "update");
    let text = keys::clearsigned("text");
    let (head, _) = text.split_once("-----BEGIN PGP SIGNATURE").unwrap();
    let packed = [head, &keys::armor(&bomb)].concat();
    let place = Place::new();
    place.mirror.write(crate::mirror::POINTER, packed);
    refused(&place, "update");
    let place = Place::new();
    place.bb("update").ok();
    place.mirror.write(&stage3(".asc"), &bomb);
    assert!(place.room.read("bb.lock").contains(TIME));
    refused(&place, "build verify:stage3");
}

#[test]
fn signatures_have_a_limit() {
    let place = Place::new();
    place.room.write("data", "data");
    let one = keys::FILE.sign(keys::signing(&GOOD), b"data");
    fs::write(place.room.path("good"), &one).unwrap();
    place.bb("keys verify data good").ok();
    fs::write(place.room.path("many"), one.repeat(101)).unwrap();
    let large = vec![0; (1 << 20) + 1];
    fs::write(place.room.path("large"), &large).unwrap();
    for signature in ["many", "large"] {
        let run = place.bb(&format!("keys verify data {signature}"));
        let message = "error: the signature of `data` is larger than signatures are\n";
        assert_eq!(run.code, Some(5));
        assert!(run.stderr.starts_with(message), "{}", run.stderr);
    }
}
