"""What is read of the environment."""

import unittest

from gentoo_bob.job import Job
from gentoo_bob.slim import Keep


class Jobs(unittest.TestCase):
    def test_without_anything_nothing_is_set(self) -> None:
        self.assertEqual(Job.from_environment({}), Job("", "", "", "", "", "", Keep()))

    def test_all_that_build_root_says(self) -> None:
        said = {"NAME": "nginx", "EPOCH": "7", "STAGE3": "sha256:s", "CODE": "c", "BUILD_PACKAGES": "a/b c/d"}
        said |= {"KEEP": "/a\n**/b ", "KEEP_HEADERS": "yes", "KEEP_STATIC_LIBS": "no", "KEEP_LOCALES": "de fr"}
        said["JOBS"], said["KEEP_IF_NEEDED"] = "4", "libm.so.6\tlibanl.so.*"
        job = Job.from_environment({f"BOB_{name}": text for name, text in said.items()})
        spare = ("libm.so.6", "libanl.so.*")
        keep = Keep(headers=True, locales=("de", "fr"), if_needed=spare, patterns=("/a", "**/b"))
        self.assertEqual(job, Job("nginx", "7", "sha256:s", "c", "a/b c/d", "4", keep))

    def test_yes_in_the_place_of_names_is_all_of_them(self) -> None:
        for yes in ("1", "y", "YES", "true"):
            self.assertEqual(Job.from_environment({"BOB_KEEP_CHARSETS": yes}).keep, Keep(charsets=("*",)))


if __name__ == "__main__":
    unittest.main()
