//! See `parsers::ignore`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gentoo_bb_fuzz::parsers::ignore(data));
