//! See `parsers::settings_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gentoo_bb_fuzz::parsers::settings_file(data));
