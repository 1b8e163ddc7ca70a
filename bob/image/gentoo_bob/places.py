"""Where things are in a container of the builder; README.md has the contract."""

IMAGE_ROOT = "/emerge-root"
PARENT = "/bb/parent"
# Caches: volumes that all builders can read and none can write.
PACKAGES = "/packages"
SOURCES = "/distfiles"
# Portage's own folders, filled from them.
PKGDIR = "/var/cache/binpkgs"
DISTDIR = "/var/cache/distfiles"
# What a user may set.
PORTAGE_SETTINGS = "/etc/portage"
