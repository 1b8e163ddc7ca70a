//! What kubler's names are called here: variables and commands of `build.sh`, variables of `build.conf`.
//!
//! One table for the conversion and for `doc/migrating.md`, which is written from it. Does not know where in a file
//! they stand.

use super::Weight;
use super::Weight::{Differs, Hand};

/// What becomes of a variable of `build.sh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It stays.
    Stays,
    /// Another name.
    Renamed(&'static str),
    /// `${NAME}` becomes this text.
    Written(&'static str),
    /// `NAME=…` becomes this assignment.
    Set(&'static str),
    /// Of a command: `:` is put before it, so that it does nothing.
    Idle,
}

/// One name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// As kubler has it; one that ends in `*` stands for all that begin so.
    pub(crate) name: &'static str,
    pub(crate) deed: Deed,
    /// Whether it is told; nothing: there is nothing to tell.
    pub(crate) told: Option<Weight>,
    /// What is so instead, or what to do.
    pub(crate) instead: &'static str,
}

const fn known(
    name: &'static str,
    deed: Deed,
    told: Option<Weight>,
    instead: &'static str,
) -> Known {
    Known { name, deed, told, instead }
}

const fn same(name: &'static str, instead: &'static str) -> Known {
    known(name, Deed::Stays, None, instead)
}

const fn hand(name: &'static str, instead: &'static str) -> Known {
    known(name, Deed::Stays, Some(Hand), instead)
}

impl Known {
    fn is(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => self.name == name,
        }
    }
}

/// The first of a table that a name is.
pub(crate) fn find(table: &'static [Known], name: &str) -> Option<&'static Known> {
    table.iter().find(|known| known.is(name))
}

/// Variables of `build.sh`.
pub(crate) const VARIABLES: &[Known] = &[
    known("_packages", Deed::Renamed("PACKAGES"), None, "`PACKAGES`"),
    known("_EMERGE_ROOT", Deed::Renamed("EMERGE_ROOT"), None, "`EMERGE_ROOT`"),
    known("_keep_headers", Deed::Renamed("KEEP_HEADERS"), None, "`KEEP_HEADERS`"),
    known("_keep_static_libs", Deed::Renamed("KEEP_STATIC_LIBS"), None, "`KEEP_STATIC_LIBS`"),
    known(
        "_headers_from",
        Deed::Set("KEEP_HEADERS=yes"),
        Some(Differs),
        "`KEEP_HEADERS=yes`: all headers of the image's root stay, also those of its parents' packages",
    ),
    known(
        "_static_libs_from",
        Deed::Set("KEEP_STATIC_LIBS=yes"),
        Some(Differs),
        "`KEEP_STATIC_LIBS=yes`: all static libraries of the image's root stay, also those of its parents' packages. \
         Only to compile against them nothing is needed",
    ),
    known(
        "_iconv_from",
        Deed::Set("KEEP_CHARSETS=yes"),
        Some(Differs),
        "`KEEP_CHARSETS=yes`: all character sets stay; a list of names keeps those",
    ),
    known("_LIB", Deed::Written("$(libdir)"), None, "`$(libdir)`"),
    known("_CONFIG", Deed::Written("/config"), None, "`/config`"),
    known(
        "_no_cache*",
        Deed::Stays,
        Some(Differs),
        "nothing: a binary package's key has all that it was made of; an old one is never taken for another",
    ),
    hand("_emerge_bin", "nothing: there is no cross-compiling; remove it"),
    hand(
        "_emerge_opt",
        "nothing: Portage's settings are in `[build]` of bb.toml, or in make.conf by the first hook",
    ),
    hand(
        "_ROOTFS_BACKUP",
        "nothing: what parents have left is in `$EMERGE_ROOT`, headers and static libraries too",
    ),
    hand("_PACKAGE_INSTALLED", "nothing: `bb image sbom NAME` has the packages"),
    hand("_PORTAGE_LOGDIR", "nothing: `bb logs rootfs:NAME` has what was said"),
    known("BOB_TIMEZONE", Deed::Renamed("TZ"), Some(Differs), "`TZ`, which is UTC in each builder"),
    known(
        "BOB_CURRENT_TARGET",
        Deed::Renamed("NAME"),
        Some(Differs),
        "`NAME`, the dock's name without a namespace",
    ),
    known(
        "BOB_INSTALL_BASELAYOUT",
        Deed::Stays,
        Some(Differs),
        "nothing: an image FROM scratch always begins with sys-apps/baselayout",
    ),
    known(
        "BOB_SKIP_LIB_CLEANUP",
        Deed::Stays,
        Some(Hand),
        "`KEEP=\"PATTERN…\"` names what is to stay; `bb size NAME --left-out` tells what did not",
    ),
];

/// Commands of `build.sh`: kubler's functions, and programs that do not work in a builder.
pub(crate) const COMMANDS: &[Known] = &[
    same(
        "update_use",
        "the same; without a package before the flags it is for all (`*/*`), as in kubler",
    ),
    same("update_keywords", "the same"),
    same("mask_package", "the same"),
    same("unmask_package", "the same"),
    same("provide_package", "the same; a name without a version is what the ebuild repository has"),
    same("unprovide_package", "the same; what a parent has is installed, and need not be told"),
    same("uninstall_package", "the same"),
    same("add_patch", "the same; the patch is one of `[rootfs] fetch`, as below"),
    known(
        "copy_gcc_libs",
        Deed::Stays,
        Some(Differs),
        "the same, without libgomp: `copy_gcc_libs libgomp.so.1` copies that too",
    ),
    same("copy_gfortran_libs", "the same"),
    same("sed-or-die", "the same"),
    hand(
        "download_file",
        "`[rootfs] fetch` of dock.toml: address, SHA-512 and size, as begun there; the function then finds the file \
         below /config/fetched",
    ),
    hand("download_from_oracle", "`[rootfs] fetch` of dock.toml, and `download_file`"),
    known("init_docs", Deed::Idle, Some(Differs), DOCS),
    known("generate_doc_package_installed", Deed::Idle, Some(Differs), DOCS),
    known("generate_package_installed", Deed::Idle, Some(Differs), DOCS),
    known("log_as_installed", Deed::Idle, Some(Differs), DOCS),
    known("write_checkbox_line", Deed::Idle, Some(Differs), DOCS),
    known("generate_documentation*", Deed::Idle, Some(Differs), DOCS),
    known("eix-update", Deed::Idle, Some(Differs), "nothing: there is no eix in the builder"),
    hand("add_overlay", OVERLAY),
    hand("add_layman_overlay", OVERLAY),
    hand("is_installed_overlay", OVERLAY),
    hand("layman", OVERLAY),
    hand(
        "unmask_use",
        "`mkdir -p /etc/portage/profile` and `echo 'PACKAGE -FLAG' >>/etc/portage/profile/package.use.mask`, in each \
         dock that compiles it",
    ),
    hand("get_package_version", "`portageq best_version \"$EMERGE_ROOT\" PACKAGE`"),
    hand("get_file_mod_stamp", "`stat -c %Y FILE`; file times are the same in every image"),
    hand("copy_from_builder_if_changed", "`cp`, in finish_rootfs_build"),
    hand("fix_portage_profile_symlink", "nothing: the profile is the stage3's; remove it"),
    hand("install_git_postsync_hooks", "nothing: the snapshot is pinned in bb.lock; remove it"),
    hand("install_oci_deps", "nothing: bb puts images together itself; remove it"),
    hand("install_suexec", "`app-admin/su-exec` in `PACKAGES`"),
    hand(
        "install_suid_su",
        "`sys-apps/util-linux` or `sys-apps/shadow` with its `su` in `PACKAGES`, and `chmod u+s` in finish_rootfs_build",
    ),
    hand("install_gosu", "`app-admin/su-exec` in `PACKAGES`"),
    hand("install_docker_gen", "`[rootfs] fetch` of dock.toml, and `tar` in finish_rootfs_build"),
    hand(
        "install_syslog_stdout",
        "`[rootfs] fetch` of dock.toml, and `tar` in finish_rootfs_build",
    ),
    hand("die", "`{ echo MESSAGE >&2; return 1; }`: what fails ends the hook"),
    hand(
        "useradd",
        "`add_user NAME UID GROUP [HOME [SHELL]]` in finish_rootfs_build: the builder's accounts are not the image's",
    ),
    hand(
        "groupadd",
        "`add_group NAME GID` in finish_rootfs_build: the builder's accounts are not the image's",
    ),
    hand("usermod", "`sed -i` on \"$EMERGE_ROOT\"/etc/passwd in finish_rootfs_build"),
    hand("wget", NETWORK),
    hand("curl", NETWORK),
    hand("git", NETWORK),
    hand("rsync", NETWORK),
    hand("npm", NETWORK),
    hand("pip", NETWORK),
    hand("gem", NETWORK),
];

const DOCS: &str = "nothing: `bb image sbom NAME` has the packages";
const OVERLAY: &str = "an ebuild repository in the dock's folder: `[rootfs] inputs = [\"overlay/**\"]` in dock.toml, and a file in \
     /etc/portage/repos.conf that the first hook writes, with `location = /config/overlay`";
const NETWORK: &str = "a builder has no network: `[rootfs] fetch` of dock.toml puts verified files into /config/fetched";

/// Variables of `build.conf`.
pub(crate) const SETTINGS: &[Known] = &[
    same(
        "IMAGE_PARENT",
        "what `FROM ${IMAGE_PARENT}` becomes: `FROM ${NAMESPACE}/NAME`, `scratch`, or an image from elsewhere",
    ),
    same("POST_BUILD_HC", "nothing: `bb test` runs the image's HEALTHCHECK wherever there is one"),
    same("POST_BUILD_HC_MAX_DURATION", "with the start period: `timeout` in `[test]` of dock.toml"),
    same(
        "POST_BUILD_HC_START_PERIOD",
        "with the longest duration: `timeout` in `[test]` of dock.toml",
    ),
    known(
        "POST_BUILD_HC_*",
        Deed::Stays,
        Some(Differs),
        "nothing: `bb test` asks until the check has passed once, five times a second",
    ),
    known("BUILDER_CAPS_SYS_PTRACE", Deed::Stays, None, "nothing: a builder needs no capability"),
    hand("BUILDER_SECCOMP", "nothing: a builder is as any container of the engine; remove it"),
    hand(
        "BUILDER_MOUNTS",
        "`[rootfs] inputs` of dock.toml, for files in its folder; `[rootfs] fetch` for others",
    ),
    hand("PARENT_BUILDER_MOUNTS", "`[rootfs] inputs` of dock.toml, for files in its folder"),
    hand("BUILDER_DOCKER_ARGS*", "nothing: a builder is as any container of the engine; remove it"),
    hand(
        "BUILDER",
        "one builder for all docks: what kubler's was given goes to `BUILD_PACKAGES`, `configure_rootfs_build`, or `[build]` and `flavour` of bb.toml",
    ),
    hand("STAGE3_BASE", "`arch` and `flavour` of bb.toml, for all docks"),
    known("IMAGE_TAG", Deed::Stays, Some(Hand), "`tag` of bb.toml, for all docks"),
    known("BOB_KEEP_BUILD_LOG", Deed::Stays, None, "nothing: `bb logs rootfs:NAME`"),
    same(
        "BOB_PACKAGE_CONFIG_*",
        "nothing: a USE flag or a package that does not exist is an error",
    ),
    same(
        "BOB_INSTALL_BASELAYOUT",
        "nothing: an image FROM scratch always begins with sys-apps/baselayout",
    ),
    hand("BOB_SKIP_LIB_CLEANUP", "`KEEP` in Buildconfig.sh"),
    same("BOB_TIMEZONE", "nothing: a builder's time is UTC"),
    hand("BOB_CHOST", PORTAGE),
    hand("BOB_CFLAGS", PORTAGE),
    hand("BOB_CXXFLAGS", PORTAGE),
    hand("BOB_FEATURES", PORTAGE),
    hand("BOB_EMERGE_*", PORTAGE),
    hand("BOB_BUILDER_*", PORTAGE),
    same("BOB_MAKEOPTS", "`-j` of `bb build`, or `MAKEOPTS` in `[build]` of bb.toml"),
    same("BOB_GENTOO_MIRRORS", "`mirrors` of bb.toml"),
    same("BOB_UPDATE_WORLD", "nothing: the stage3 is as it was published"),
];

const PORTAGE: &str = "`[build]` of bb.toml, for all docks; for one, `package_env PACKAGE NAME=VALUE` in configure_rootfs_build";
