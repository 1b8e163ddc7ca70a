"""plan.json, and what is to be compiled by it."""

import json
import unittest
from typing import NamedTuple

from gentoo_bob.plan import Plan, Planned, unique


def planned(cpv: str, *, cached: bool = False, image: bool = True) -> Planned:
    return Planned(cpv, "key", 7 if cached else None, "digest" if cached else None, image, ["b"])


class Package(NamedTuple):
    cpv: str
    root: str


class Plans(unittest.TestCase):
    def test_it_is_read_as_it_was_written(self) -> None:
        plan = Plan([planned("a/b-1", cached=True), planned("a/c-1", image=False)])
        told = json.dumps(plan.as_json())
        self.assertEqual(
            told,
            '{"format": 1, "packages": ['
            '{"cpv": "a/b-1", "key": "key", "used": 7, "digest": "digest", "image": true, "use": ["b"]}, '
            '{"cpv": "a/c-1", "key": "key", "used": null, "digest": null, "image": false, "use": ["b"]}]}',
        )
        self.assertEqual(Plan.from_json(json.loads(told)), plan)

    def test_what_is_for_the_builder_is_compiled_only_if_something_for_the_image_is(self) -> None:
        tool, there, absent = planned("a/tool-1", image=False), planned("a/x-1", cached=True), planned("a/y-1")
        self.assertEqual(Plan([tool, there]).to_compile(for_builder=False), [])
        self.assertEqual(Plan([tool, there, absent]).to_compile(for_builder=False), [tool, absent])
        self.assertEqual(Plan([tool, there, absent]).compile_for_image(), [absent])

    def test_or_if_the_dock_wants_something_there(self) -> None:
        tool = planned("a/tool-1", image=False)
        self.assertEqual(Plan([tool]).to_compile(for_builder=True), [tool])


class Unique(unittest.TestCase):
    def test_of_a_version_in_both_the_images_is_taken(self) -> None:
        both = [
            Package("a/c-1", "/"),
            Package("a/b-1", "/"),
            Package("a/b-1", "/emerge-root/"),
            Package("a/a-1", "/emerge-root/"),
        ]
        for packages in (both, list(reversed(both))):
            found = unique(packages)
            self.assertEqual(
                found, [Package("a/a-1", "/emerge-root/"), Package("a/b-1", "/emerge-root/"), Package("a/c-1", "/")]
            )


if __name__ == "__main__":
    unittest.main()
