"""Where things are in a container of the builder; README.md has the contract."""

IMAGE_ROOT = "/emerge-root"
PARENT = "/bb/parent"
# Caches: volumes that all builders can read and none can write.
PACKAGES = "/packages"
SOURCES = "/distfiles"
# Portage's own folders, filled from them.
PKGDIR = "/var/cache/binpkgs"
DISTDIR = "/var/cache/distfiles"
# What takes part in everything that is compiled, asked for or not.
TOOLCHAIN = (
    "sys-devel/gcc",
    "sys-devel/binutils",
    "sys-libs/glibc",
    "sys-libs/musl",
    "sys-kernel/linux-headers",
    "sys-apps/portage",
)
# What a user may set.
PORTAGE_SETTINGS = "/etc/portage"
