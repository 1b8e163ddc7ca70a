//! Logs as the tools write them.

use super::Causes;

macro_rules! log {
    ($name:literal) => {
        include_str!(concat!("logs/", $name, ".log"))
    };
}

#[track_caller]
fn says(log: &str, expected: &[&str]) {
    let mut causes = Causes::default();
    log.lines().for_each(|line| causes.line(line));
    assert_eq!(causes.lines(), expected);
}

#[test]
fn gcc_without_the_warnings_and_what_configure_tried() {
    says(
        log!("gcc"),
        &[
            "adler32.c:1:2: error: #error \"broken on purpose\"",
            "adler32.c:80:5: error: unknown type name ‘ulng’; did you mean ‘long’?",
            "sys-libs/zlib-1.3.1::gentoo failed (compile phase): emake failed",
        ],
    );
}

#[test]
fn clang() {
    says(
        log!("clang"),
        &[
            "src/main.c:301:3: error: call to undeclared function 'jv_mem_allc'; ISO C99 and later do not support implicit function declarations [-Wimplicit-function-declaration]",
            "app-misc/jq-1.7.1::gentoo failed (compile phase): emake failed",
        ],
    );
}

#[test]
fn the_linker() {
    says(
        log!("ld"),
        &[
            "memcached.c:(.text.startup+0x1d3): undefined reference to `hash_init'",
            "/usr/lib/gcc/x86_64-pc-linux-gnu/14/../../../../x86_64-pc-linux-gnu/bin/ld: cannot find -levent: No such file or directory",
            "net-misc/memcached-1.6.38::gentoo failed (compile phase): emake failed",
        ],
    );
}

#[test]
fn cmake_with_the_words_in_the_next_lines() {
    says(
        log!("cmake"),
        &[
            "CMake Error at /usr/share/cmake/Modules/FindPackageHandleStandardArgs.cmake:233 (message): Could NOT find PCRE2 (missing: PCRE2_LIBRARY PCRE2_INCLUDE_DIR) (Required is at least version \"10.30\")",
            "dev-libs/libgit2-1.8.1::gentoo failed (configure phase): cmake failed",
        ],
    );
}

#[test]
fn meson() {
    says(
        log!("meson"),
        &[
            "../glib-2.80.5/meson.build:2086:8: ERROR: Dependency \"libpcre2-8\" not found, tried pkgconfig",
            "dev-libs/glib-2.80.5::gentoo failed (configure phase)",
        ],
    );
}

#[test]
fn a_configure_script() {
    says(
        log!("autoconf"),
        &[
            "configure: error: select TLS backend(s) or disable TLS with --without-ssl.",
            "net-misc/curl-8.10.1::gentoo failed (configure phase): econf failed",
        ],
    );
}

#[test]
fn a_python_traceback_with_its_last_line() {
    says(
        log!("python"),
        &[
            "ModuleNotFoundError: No module named '_common'",
            "dev-python/psutil-6.0.0::gentoo failed (compile phase): Wheel build failed",
        ],
    );
}

#[test]
fn a_patch_that_does_not_fit() {
    says(
        log!("patch"),
        &[
            "Hunk #1 FAILED at 168.",
            "www-servers/nginx-1.26.3::gentoo failed (prepare phase): patch -p1  failed with /etc/portage/patches/www-servers/nginx/nginx-1.24-fix.patch",
        ],
    );
}

#[test]
fn rustc_with_the_place_in_the_next_line() {
    says(
        log!("rust"),
        &[
            "error[E0425]: cannot find value `matchr` in this scope --> crates/matcher/src/lib.rs:120:9",
            "sys-apps/ripgrep-14.1.1::gentoo failed (compile phase): cargo build failed",
        ],
    );
}

#[test]
fn a_hook_and_not_what_an_earlier_package_said() {
    says(
        log!("hook"),
        &[
            "cp: cannot stat '/nowhere': No such file or directory",
            "error: finish_rootfs_build of hook failed at Buildconfig.sh:2: cp /nowhere \"$EMERGE_ROOT\"/",
        ],
    );
}

#[test]
fn make_where_nobody_else_says_anything() {
    says(
        log!("make"),
        &[
            "make[1]: *** [Makefile:2: generated.h] Error 3",
            "make: *** [Makefile:9: all] Error 2",
            "app-misc/x-1::gentoo failed (compile phase): emake failed",
        ],
    );
}

#[test]
fn emerge_itself() {
    says(
        log!("emerge"),
        &[
            "!!! All ebuilds that could satisfy \"app-misc/jq\" have been masked.",
            "!!! One of the following masked packages is required to complete your request:",
        ],
    );
}

#[test]
fn a_flood_of_errors_is_cut_to_the_first() {
    let flood = (0..10_000).fold(String::new(), |log, n| log + &format!("a.c:{n}:1: error: no\n"));
    says(
        &flood,
        &["a.c:0:1: error: no", "a.c:1:1: error: no", "a.c:2:1: error: no", "a.c:3:1: error: no"],
    );
}

#[test]
fn nothing_is_found_in_nothing_and_strange_text_does_no_harm() {
    says("", &[]);
    let strange =
        "\u{fe0f}:error: \n::: error: x\n(: error:\né(1: error: x\n * ERROR: \n\0\n: *** \n";
    says(strange, &["é(1: error: x"]);
}
