# execline and skalibs come with it.
PACKAGES="sys-apps/s6"
