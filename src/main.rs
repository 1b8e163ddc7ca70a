//! The binary `bb`: everything is in the library.

fn main() -> std::process::ExitCode {
    gentoo_bb::cli::main()
}
