"""What the list of packages says of each. Portage itself is replaced by a few lines."""

import os
import sys
import tempfile
import types
import unittest
from collections.abc import Collection
from typing import Any
from unittest import mock


def split(cpv: str) -> tuple[str, str, str, str]:
    category, pf = cpv.split("/")
    name, _, version = pf.partition("-")
    version, _, revision = version.partition("-")
    return category, name, version, revision or "r0"


class Database:
    """The ebuild repository `gentoo` with a/b-1 in it."""

    repositories: dict[str, Any]

    def getRepositoryPath(self, name: str) -> str | None:
        return {"gentoo": "/repo"}.get(name)

    def findname(self, cpv: str, mytree: str) -> str | None:
        return "/repo/a/b/b-1.ebuild" if cpv == "a/b-1" else None

    def getFetchMap(self, cpv: str, useflags: Collection[str], mytree: str) -> dict[str, list[str]]:
        return {"b-1.tar.xz": [], **({"patch.xz": []} if "patch" in useflags else {})}


class Repository:
    def load_manifest(self, folder: str, distdir: str | None) -> "Repository":
        return self

    def getTypeDigests(self, kind: str) -> dict[str, dict[str, str | int]]:
        return {
            "b-1.tar.xz": {"size": 7, "BLAKE2B": "b2", "SHA512": "512", "MD5": "old"},
            "patch.xz": {"size": "8", "SHA512": "513"},
            "other": {"size": 9},
        }


Database.repositories = {"gentoo": Repository()}
PORTAGE: dict[str, Any] = {
    "portage": types.SimpleNamespace(root="/", db={"/": {"porttree": types.SimpleNamespace(dbapi=Database())}}),
    "portage.versions": types.SimpleNamespace(catpkgsplit=split),
}
with mock.patch.dict(sys.modules, PORTAGE):
    from gentoo_bob import packages, records, sources
    from gentoo_bob.packages import Origin


class Packages(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def install(self, cpv: str, **texts: str) -> None:
        folder = os.path.join(self.root, records.VDB, cpv)
        os.makedirs(folder)
        for name, text in texts.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(text + "\n")

    def test_a_package_with_its_sources(self) -> None:
        self.install(
            "a/b-1",
            SLOT="3/4",
            USE="amd64 patch",
            IUSE="+patch -x",
            LICENSE="MIT  || ( BSD GPL-2 )",
            repository="gentoo",
            COUNTER="5",
        )
        (found,) = packages.as_json(packages.of_root(self.root, "image", {}, {}))
        self.assertEqual(
            found,
            {
                "category": "a",
                "name": "b",
                "version": "1",
                "slot": "3/4",
                "repository": "gentoo",
                "use": ["patch"],
                "license": "MIT || ( BSD GPL-2 )",
                "purl": "pkg:ebuild/a/b@1?repository=gentoo&slot=3",
                "size": 0,
                "image": "image",
                "sources": [
                    {"name": "b-1.tar.xz", "size": 7, "blake2b": "b2", "sha512": "512"},
                    {"name": "patch.xz", "size": 8, "sha512": "513"},
                ],
            },
        )

    def test_one_that_the_parent_brought_is_as_the_parent_said(self) -> None:
        self.install("a/b-1", COUNTER="5", repository="gentoo")
        said = {"a/b-1": Origin("parent", [{"name": "said"}])}
        (found,) = packages.of_root(self.root, "image", said, {"a/b-1": "5"})
        self.assertEqual((found.image, found.sources), ("parent", [{"name": "said"}]))
        (found,) = packages.of_root(self.root, "image", said, {"a/b-1": "4"})
        self.assertEqual((found.image, found.sources[0]["name"]), ("image", "b-1.tar.xz"))

    def test_only_a_line_feed_ends_a_line_of_the_list_of_files(self) -> None:
        odd = ["line\u2028sep", "next\u0085line", "form\ffeed", "cr\rin"]
        self.install("a/b-1", CONTENTS="".join(f"obj /{name} 0123 17\n" for name in odd)[:-1])
        for name in odd:
            with open(os.path.join(self.root, name), "w") as file:
                file.write("four")
        self.assertEqual(records.size(self.root, "a/b-1"), 16)

    def test_what_no_repository_knows_has_no_sources(self) -> None:
        self.assertEqual(sources.of_installed("a/b-1", set(), ""), [])
        self.assertEqual(sources.of_installed("a/b-1", set(), "overlay"), [])
        self.assertEqual(sources.of_installed("a/c-1", set(), "gentoo"), [])


if __name__ == "__main__":
    unittest.main()
