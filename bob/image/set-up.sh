#!/bin/sh
# What the builder needs besides its files: folders to work in, and the settings that every box gets. Runs once, in
# the box that the builder is made of. Nothing is compiled here, and there is no network.
set -eu
chmod 0755 /usr/bin/build-root
mkdir -p /bb/out /bb/parent /config /distfiles /packages /var/db/repos/gentoo
# Empty settings, so that emerge also works in a box started by hand.
touch /bb/job.conf /bb/make.conf /bb/merge.conf /bb/jobs.conf
printf '\nsource /usr/lib/bob/make.conf\n' >>/etc/portage/make.conf
# Docks of 2014 write into these.
mkdir -p /etc/portage/package.keywords /etc/portage/profile /etc/portage/env
touch /etc/portage/profile/package.provided
# Once, and not in every box: what the stage3 has under a name that the tree has changed.
if [ -d /var/db/repos/gentoo/profiles/updates ]; then emaint --fix moveinst >/dev/null || echo "renaming packages failed"; fi
# What is not in this list was set by a dock.
find /etc/portage -xtype f >/usr/lib/bob/settings
