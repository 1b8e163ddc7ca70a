#!/usr/bin/env python3
"""What the list of packages says of each. Portage itself is replaced by a few lines:

    python3 bob/tests/test_packages.py
"""

import os
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../image"))


def split(cpv):
    category, pf = cpv.split("/")
    name, _, version = pf.partition("-")
    version, _, revision = version.partition("-")
    return category, name, version, revision or "r0"


class Database:
    """The ebuild repository `gentoo` with a/b-1 in it."""

    repositories = None

    def getRepositoryPath(self, name):
        return {"gentoo": "/repo"}.get(name)

    def findname(self, cpv, mytree):
        return "/repo/a/b/b-1.ebuild" if cpv == "a/b-1" else None

    def getFetchMap(self, cpv, useflags, mytree):
        return {"b-1.tar.xz": [], **({"patch.xz": []} if "patch" in useflags else {})}


class Repository:
    def load_manifest(self, folder, distdir):
        return self

    def getTypeDigests(self, kind):
        return {"b-1.tar.xz": {"size": 7, "BLAKE2B": "b2", "SHA512": "512", "MD5": "old"},
                "patch.xz": {"size": "8", "SHA512": "513"}, "other": {"size": 9}}


Database.repositories = {"gentoo": Repository()}
tree = types.SimpleNamespace(dbapi=Database())
sys.modules["portage"] = types.SimpleNamespace(root="/", db={"/": {"porttree": tree}})
sys.modules["portage.versions"] = types.SimpleNamespace(catpkgsplit=split)

import packages
import sources


class Packages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def install(self, cpv, **records):
        folder = os.path.join(self.root, packages.VDB, cpv)
        os.makedirs(folder)
        for name, text in records.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(text + "\n")

    def test_a_package_with_its_sources(self):
        self.install("a/b-1", SLOT="3/4", USE="amd64 patch", IUSE="+patch -x", LICENSE="MIT  || ( BSD GPL-2 )",
                     repository="gentoo", COUNTER="5")
        (found,) = packages.listed(self.root, "image", {}, {})
        self.assertEqual(found, {
            "category": "a", "name": "b", "version": "1", "slot": "3/4", "repository": "gentoo", "use": ["patch"],
            "license": "MIT || ( BSD GPL-2 )", "purl": "pkg:ebuild/a/b@1?repository=gentoo&slot=3", "size": 0,
            "image": "image", "sources": [{"name": "b-1.tar.xz", "size": 7, "blake2b": "b2", "sha512": "512"},
                                          {"name": "patch.xz", "size": 8, "sha512": "513"}]})

    def test_one_that_the_parent_brought_is_as_the_parent_said(self):
        self.install("a/b-1", COUNTER="5", repository="gentoo")
        said = {"a/b-1": {"image": "parent", "sources": ["said"]}}
        (found,) = packages.listed(self.root, "image", said, {"a/b-1": "5"})
        self.assertEqual((found["image"], found["sources"]), ("parent", ["said"]))
        (found,) = packages.listed(self.root, "image", said, {"a/b-1": "4"})
        self.assertEqual((found["image"], found["sources"][0]["name"]), ("image", "b-1.tar.xz"))

    def test_only_a_line_feed_ends_a_line_of_the_list_of_files(self):
        odd = ["line\u2028sep", "next\u0085line", "form\ffeed", "cr\rin"]
        self.install("a/b-1", CONTENTS="".join(f"obj /{name} 0123 17\n" for name in odd)[:-1])
        for name in odd:
            with open(os.path.join(self.root, name), "w") as file:
                file.write("four")
        self.assertEqual(packages.size(self.root, "a/b-1"), 16)
        path = os.path.join(packages.VDB, "a/b-1/CONTENTS")
        before = packages.stable_contents(self.root, path)
        with open(os.path.join(self.root, path), "w") as file:
            file.write("".join(f"obj /{name} 0123 18\n" for name in reversed(odd)))
        self.assertEqual(packages.stable_contents(self.root, path), before)

    def test_what_no_repository_knows_has_no_sources(self):
        self.assertEqual(sources.of_installed("a/b-1", set(), ""), [])
        self.assertEqual(sources.of_installed("a/b-1", set(), "overlay"), [])
        self.assertEqual(sources.of_installed("a/c-1", set(), "gentoo"), [])

    def test_package_urls_are_escaped(self):
        self.assertEqual(sources.purl("dev-libs", "gtk+", "3.0_p1-r2", "", ""), "pkg:ebuild/dev-libs/gtk%2B@3.0_p1-r2")


if __name__ == "__main__":
    unittest.main()
