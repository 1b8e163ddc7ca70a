//! Machines as image formats call them: this one, and those that a `FROM --platform` names. Knows nothing of what an
//! index or a stage3 is there for.

/// This machine's architecture as OCI has it, which is as Go has it: `amd64`.
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

/// The operating system and an architecture: `linux/amd64`.
pub fn platform(architecture: &str) -> String {
    format!("linux/{architecture}")
}

/// Whether a platform is that of an architecture, which may be written alone, or as kernels call it.
pub fn is_platform(platform: &str, architecture: &str) -> bool {
    let wanted = platform.trim_end_matches('/').to_ascii_lowercase();
    let wanted = wanted.strip_prefix("linux/").unwrap_or(&wanted);
    let others: &[&str] = match architecture {
        "amd64" => &["x86_64", "x86-64"],
        // The version is the one that is meant where none is named.
        "arm64" => &["aarch64", "arm64/v8"],
        "386" => &["i386"],
        _ => &[],
    };
    wanted == architecture || others.contains(&wanted)
}
