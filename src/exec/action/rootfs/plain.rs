//! What of a dock's changes in a builder is plain data, and what is code.
//!
//! Plain data says which package, with which USE flags and compiler flags: all of it is in the keys of the
//! packages that it is about. Everything else may do anything while a package is compiled, so its digest is in
//! the key of every package. Pure: does not read the changes, nor know how they came about.

use std::collections::BTreeMap;

/// The dock's own make.conf: plain where only plain settings were added to that of the builder.
pub(crate) const MAKE_CONF: &str = "etc/portage/make.conf";
const PORTAGE: &str = "etc/portage/";
/// Which package has variables of its own, and files of those.
const PACKAGE_ENV: &str = "package.env";
const ENV: &str = "env";
/// Packages that an image has from elsewhere. They only are not compiled for it.
const PROVIDED: &str = "etc/portage/profile/package.provided";
/// Files or folders that Portage only reads as lines.
const LISTS: [&str; 6] = [
    "package.use",
    "package.mask",
    "package.unmask",
    "package.accept_keywords",
    "package.keywords",
    "package.license",
];

/// Places of a builder that are not taken along: what is ours, what is the engine's, what is of one run only.
const LEFT: [&str; 14] = [
    "bb",
    "config",
    "emerge-root",
    "emerge-root.new",
    "packages",
    "distfiles",
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "var/tmp",
    "var/cache",
    "var/log",
];
/// The engine mounts its own over these.
const MOUNTED: [&str; 4] = [".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf"];

/// What a changed path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// Lines that Portage reads; what is no file there is code.
    Plain,
    /// Settings, which are plain or not by what they say.
    Settings,
    /// Anything else.
    Code,
}

/// What a path in a builder is, without the slash at its beginning; nothing if it stays behind.
pub(crate) fn sort(path: &str) -> Option<Sort> {
    let below = |place: &str| {
        path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let cached = path.split('/').any(|part| part == "__pycache__");
    if path.is_empty() || cached || LEFT.iter().any(|p| below(p)) || MOUNTED.contains(&path) {
        return None;
    }
    Some(match kind(path) {
        "make.conf" | PACKAGE_ENV | ENV => Sort::Settings,
        "profile" if path == PROVIDED => Sort::Plain,
        list if LISTS.contains(&list) => Sort::Plain,
        _ => Sort::Code,
    })
}

/// What is first on the way from Portage's folder to a path; nothing elsewhere.
fn kind(path: &str) -> &str {
    path.strip_prefix(PORTAGE).and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

/// Whether a file of settings is plain. `make_conf` is the builder's own.
pub(crate) fn is_plain_text(path: &str, text: &[u8], make_conf: &[u8]) -> bool {
    match kind(path) {
        "make.conf" => is_plain_make_conf(text, make_conf),
        PACKAGE_ENV => std::str::from_utf8(text)
            .is_ok_and(|text| is_ordinary(text) && text.lines().all(is_plain_line)),
        ENV => std::str::from_utf8(text).is_ok_and(are_plain),
        _ => true,
    }
}

/// A line of package.env whose files are in `env`.
fn is_plain_line(line: &str) -> bool {
    let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+.".contains(c);
    let is_file = |word: &str| word.chars().all(plain) && !word.starts_with('.');
    words.enumerate().all(|(at, word)| if at == 0 { !word.contains('#') } else { is_file(word) })
}

/// Whether all readers agree where its lines, words and comments end: for Portage's, a carriage return ends a line, for a
/// shell, a form feed is a part of a word.
fn is_ordinary(text: &str) -> bool {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n');
    text.chars().all(|c| is_blank(c) || !(c.is_control() || c.is_whitespace()))
}

/// Whether a make.conf is that of the builder with plain settings behind it.
pub(crate) fn is_plain_make_conf(text: &[u8], of_builder: &[u8]) -> bool {
    let Some(added) = text.strip_prefix(of_builder) else { return false };
    std::str::from_utf8(added).is_ok_and(|added| {
        let begins_anew = of_builder.ends_with(b"\n") || added.is_empty();
        begins_anew && are_plain(added)
    })
}

/// Whether there is nothing but plain settings.
fn are_plain(text: &str) -> bool {
    let all = assignments(text).filter(|_| is_ordinary(text));
    all.is_some_and(|all| all.iter().all(|(name, value)| is_plain(name, value)))
}

/// `NAME=VALUE`, `NAME="VALUE"` and comments; nothing if there is anything else.
fn assignments(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = vec![];
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
            continue;
        }
        let (name, value) = rest.split_once('=')?;
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let is_quoted = quote.is_some();
        let (value, after) = match quote {
            Some(quote) => value[1..].split_once(quote)?,
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        let goes_on = !after.is_empty() && !after.starts_with(char::is_whitespace);
        // For Portage the first begins another setting, and the other reads a file, quoted or not.
        if goes_on || !is_quoted && value.contains('=') || value == "source" {
            return None;
        }
        found.push((name, value));
        rest = after.trim_start();
    }
    Some(found)
}

/// USE_EXPAND of Gentoo's profiles, as far as its variables are words that are in USE flags.
const USE_EXPAND: [&str; 26] = [
    "ABI_X86",
    "APACHE2_MODULES",
    "APACHE2_MPMS",
    "COLLECTD_PLUGINS",
    "CPU_FLAGS_ARM",
    "CPU_FLAGS_PPC",
    "CPU_FLAGS_X86",
    "CURL_SSL",
    "GPSD_PROTOCOLS",
    "INPUT_DEVICES",
    "L10N",
    "LINGUAS",
    "LLVM_TARGETS",
    "LUA_SINGLE_TARGET",
    "LUA_TARGETS",
    "NGINX_MODULES_HTTP",
    "NGINX_MODULES_MAIL",
    "NGINX_MODULES_STREAM",
    "PHP_TARGETS",
    "POSTGRES_TARGETS",
    "PYTHON_SINGLE_TARGET",
    "PYTHON_TARGETS",
    "QEMU_SOFTMMU_TARGETS",
    "QEMU_USER_TARGETS",
    "RUBY_TARGETS",
    "VIDEO_CARDS",
];
const FLAGS: [&str; 7] =
    ["COMMON_FLAGS", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "FFLAGS", "FCFLAGS", "LDFLAGS"];

/// Whether a setting is words that Portage compares, or flags that name no file.
pub(crate) fn is_plain(name: &str, value: &str) -> bool {
    let words = || value.split_whitespace();
    if FLAGS.contains(&name) {
        return words().all(|word| is_reference(word, &FLAGS) || is_plain_flag(word));
    }
    let listed = name == "USE" || USE_EXPAND.contains(&name);
    let accepted = ["ACCEPT_KEYWORDS", "ACCEPT_LICENSE", "ACCEPT_PROPERTIES", "ACCEPT_RESTRICT"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.+-~*@".contains(c);
    (listed || accepted.contains(&name))
        && words().all(|word| is_reference(word, &[name]) || word.chars().all(plain))
}

/// `${NAME}`, of one of the names.
fn is_reference(word: &str, names: &[&str]) -> bool {
    let name = word.strip_prefix('$').unwrap_or_default();
    let name = name.strip_prefix('{').and_then(|n| n.strip_suffix('}')).unwrap_or(name);
    names.contains(&name)
}

/// A flag of a compiler or linker that is all there is to it.
fn is_plain_flag(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=+.,_-".contains(c);
    if !word.chars().all(plain) {
        return false;
    }
    let Some(rest) = word.strip_prefix('-') else { return false };
    match rest.split_at_checked(1) {
        Some(("O" | "g" | "D" | "U", _)) => !rest.contains(','),
        Some(("m", name)) => name != "llvm",
        Some(("f", name)) => is_plain_f(name),
        Some(("W", name)) => match name.strip_prefix("l,") {
            Some(linker) => is_plain_linker(linker),
            None => !name.contains(','),
        },
        _ => ["pipe", "pthread", "s"].contains(&rest) || rest.starts_with("std="),
    }
}

/// Only after a `=` can there be the name of a file.
fn is_plain_f(name: &str) -> bool {
    const VALUED: [&str; 15] = [
        "cf-protection",
        "diagnostics-color",
        "excess-precision",
        "fp-contract",
        "hardened",
        "lto",
        "message-length",
        "no-sanitize",
        "sanitize",
        "stack-protector-strong",
        "tls-model",
        "tree-parallelize-loops",
        "trivial-auto-var-init",
        "visibility",
        "zero-call-used-regs",
    ];
    match name.split_once('=') {
        None => true,
        Some(("use-ld", linker)) => ["bfd", "gold", "lld", "mold"].contains(&linker),
        Some((name, _)) => VALUED.contains(&name),
    }
}

/// What stands behind `-Wl,`.
fn is_plain_linker(words: &str) -> bool {
    const WORDS: [&str; 17] = [
        "-O1",
        "-O2",
        "-s",
        "--as-needed",
        "--build-id",
        "--build-id=none",
        "--build-id=sha1",
        "--enable-new-dtags",
        "--gc-sections",
        "--hash-style=both",
        "--hash-style=gnu",
        "--hash-style=sysv",
        "--no-as-needed",
        "--no-undefined",
        "--relax",
        "--sort-common",
        "--strip-all",
    ];
    let mut words = words.split(',');
    while let Some(word) = words.next() {
        let known = match word {
            "-z" => words.next().is_some_and(|w| w.starts_with(|c: char| c.is_ascii_lowercase())),
            word => WORDS.contains(&word),
        };
        if !known {
            return false;
        }
    }
    true
}

/// The settings of a project that are plain, and those that are not.
pub(crate) fn parted(settings: &BTreeMap<String, String>) -> [BTreeMap<String, String>; 2] {
    let all = settings.iter().map(|(k, v)| (k.clone(), v.clone()));
    let (plain, code) = all.partition(|(k, v): &(String, String)| is_plain(k, v));
    [plain, code]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_plain_and_what_may_run_is_code() {
        for (path, expected) in [
            ("etc/portage/package.use/zz-bob", Some(Sort::Plain)),
            ("etc/portage/package.use", Some(Sort::Plain)),
            ("etc/portage/package.license/a/b", Some(Sort::Plain)),
            ("etc/portage/make.conf", Some(Sort::Settings)),
            ("etc/portage/package.env/zz-bob", Some(Sort::Settings)),
            ("etc/portage/package.useful", Some(Sort::Code)),
            ("etc/portage/bashrc", Some(Sort::Code)),
            ("etc/portage/env/bob-x", Some(Sort::Settings)),
            ("etc/portage/env.d/x", Some(Sort::Code)),
            ("etc/portage/make.conf.d/x", Some(Sort::Code)),
            ("etc/portage/profile/package.use", Some(Sort::Code)),
            ("etc/portage/profile/profile.bashrc", Some(Sort::Code)),
            ("package.use/x", Some(Sort::Code)),
            ("etc/portage/patches/sys-libs/zlib/x.patch", Some(Sort::Code)),
            ("etc/portage/profile/package.provided", Some(Sort::Plain)),
            ("usr/bin/gcc", Some(Sort::Code)),
            ("var/db/repos/mine/x/y/y-1.ebuild", Some(Sort::Code)),
            ("tmpfile", Some(Sort::Code)),
            ("tmp/x", None),
            ("tmp", None),
            ("bb/job.env", None),
            ("etc/resolv.conf", None),
            ("usr/lib/python3/__pycache__/x.pyc", None),
        ] {
            assert_eq!(sort(path), expected, "{path}");
        }
    }

    #[test]
    fn settings_without_files_are_plain() {
        for (name, value) in [
            ("USE", "-* ssl ${USE} ~x"),
            ("ACCEPT_LICENSE", "* -@EULA"),
            ("PYTHON_TARGETS", "python3_13"),
            ("CFLAGS", "-O2 -pipe -march=x86-64-v3 -fno-plt -flto=auto -g1 -DX=1 ${COMMON_FLAGS}"),
            ("LDFLAGS", "-Wl,-O1,--as-needed -Wl,-z,relro,-z,now -fuse-ld=lld"),
            ("CXXFLAGS", "$CFLAGS -std=c++20 -Wno-error=format-security"),
        ] {
            assert!(is_plain(name, value), "{name}={value}");
        }
    }

    #[test]
    fn what_leads_to_a_file_or_a_program_is_code() {
        for flag in [
            "-fplugin=x.so",
            "-fplugin-arg-x-y=z",
            "-fpass-plugin=x.so",
            "-fuse-ld=./ld",
            "-fuse-ld=mine",
            "-fprofile-use=x",
            "-specs=x",
            "--specs=x",
            "-B.",
            "-B",
            "@x",
            "-I/config",
            "-Ix",
            "-Lx",
            "-lx",
            "-include",
            "x",
            "-Wl,-T,x",
            "-Wl,-plugin,x.so",
            "-Wl,--dynamic-linker=x",
            "-Wp,-include,x",
            "-Wa,--listing",
            "-wrapper",
            "-mllvm",
            "-Xclang",
            "-D$(id)",
            "-DX=`id`",
            "-g,x",
            "-x",
            "-ox",
            "${MAKEOPTS}",
            "é",
            "-é",
            "-",
        ] {
            assert!(!is_plain("CFLAGS", flag), "{flag}");
        }
        for name in ["CC", "FEATURES", "MAKEFLAGS", "PORTAGE_BASHRC", "RUSTFLAGS", "UNUSED", "PATH"]
        {
            assert!(!is_plain(name, "x"), "{name}");
        }
        assert!(!is_plain("USE", "$(id)") && !is_plain("USE", "a;b") && !is_plain("USE", "a/b"));
    }

    #[test]
    fn a_make_conf_is_plain_by_what_was_added() {
        let builder = b"CFLAGS=\"-O2\"\nsource /usr/lib/bob/make.conf\n";
        let with = |added: &str| [builder, added.as_bytes()].concat();
        for added in ["", "# no\nUSE=\"a\n b\"\n\nL10N='de'\nUSE=x", "ACCEPT_LICENSE=*\n"] {
            assert!(is_plain_make_conf(&with(added), builder), "{added}");
        }
        for added in [
            "source /config/x\n",
            "USE=\"a\" CC=x\n",
            "USE=\"a\"x\n",
            "USE=\"a\n",
            "CFLAGS=\"-O2\" . /x",
            "PORTAGE_BASHRC=x\n",
            "USE",
        ] {
            assert!(!is_plain_make_conf(&with(added), builder), "{added}");
        }
        assert!(!is_plain_make_conf(b"USE=x\n", builder));
        assert!(!is_plain_make_conf(b"CFLAGS=x\nUSE=y", b"CFLAGS=x"));
    }

    #[test]
    fn variables_of_a_package_are_plain_by_what_they_are() {
        let is_plain = |path: &str, text: &str| {
            is_plain_text(&format!("etc/portage/{path}"), text.as_bytes(), b"CFLAGS=x\n")
        };
        for (path, text) in [
            ("env/bob-x", "CFLAGS=\"${CFLAGS} -Os\"\n"),
            ("env/sys-apps/busybox", "CFLAGS=\"-march=x86-64-v3\"\n\tLDFLAGS=-Wl,-O1 # no"),
            ("env/empty", ""),
            ("package.env/zz-bob", "# no\n>=a/b-1 bob-x other+y.conf # place\n\n*/* x\n"),
            ("package.env", "a/b"),
        ] {
            assert!(is_plain(path, text), "{path}: {text}");
        }
        for (path, text) in [
            ("env/bob-x", "CFLAGS=\"${CFLAGS} -Os\"\nCC=x\n"),
            ("env/bob-x", "CFLAGS=x\n. /config/x\n"),
            ("env/bob-x", "pre_src_compile() { :; }\n"),
            ("env/bob-x", "# no\rMAKEFLAGS=x\n"),
            ("env/bob-x", "# no\rsource /config/x\n"),
            ("env/bob-x", "CFLAGS=-O2\r#;id\n"),
            ("env/bob-x", "CFLAGS=-O2\u{c}# ;id\n"),
            ("env/bob-x", "CFLAGS=-O2\u{b}# ;id\n"),
            ("env/bob-x", "CFLAGS=-O2\u{a0}# ;id\n"),
            ("env/bob-x", "CFLAGS=-O2\u{2028}# ;id\n"),
            ("env/bob-x", "CFLAGS=-D===CC=x\n"),
            ("env/bob-x", "USE=source USE=x\n"),
            ("env/bob-x", "USE=\"source\" USE=x\n"),
            ("package.env/zz-bob", "# no\ra/b ../../config/x\n"),
            ("package.env/zz-bob", "a/b x#/../../../config/x\n"),
            ("package.env/zz-bob", "a/b#c x\n"),
            ("package.env/zz-bob", "a/b /config/x\n"),
            ("package.env/zz-bob", "a/b x ../../../config/x\n"),
            ("package.env/zz-bob", "a/b x .\n"),
            ("package.env/zz-bob", "a/b x\n\0\nc/d `x`"),
        ] {
            assert!(!is_plain(path, text), "{path}: {text}");
        }
        assert!(!is_plain_text("etc/portage/package.env", b"a/b \xff", b""));
    }
}
