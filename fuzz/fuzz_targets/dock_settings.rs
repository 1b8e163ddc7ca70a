//! See `parsers::dock_settings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gentoo_bb_fuzz::parsers::dock_settings(data));
