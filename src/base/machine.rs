//! This machine as image formats call it. Knows nothing of machines that an index or a stage3 names.

/// The operating system and the architecture: `linux/amd64`, as in `FROM --platform`.
pub fn platform() -> String {
    format!("linux/{}", architecture())
}

/// Whether a platform is this machine's: the architecture may be alone, or as the kernel calls it.
pub fn is_ours(platform: &str) -> bool {
    let wanted = platform.trim_end_matches('/').to_ascii_lowercase();
    let wanted = wanted.strip_prefix("linux/").unwrap_or(&wanted);
    // The one that is meant where none is named.
    let usual = if architecture() == "arm64" { "arm64/v8" } else { architecture() };
    [architecture(), std::env::consts::ARCH, usual].contains(&wanted)
}

/// The architecture as OCI has it, which is as Go has it: `amd64`.
///
/// The names are `GOARCH` of <https://go.dev/doc/install/source#environment>.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}
