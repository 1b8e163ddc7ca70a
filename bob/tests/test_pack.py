"""rootfs.tar and the lists beside it, of a ROOT in a folder."""

import os
import socket
import tarfile
import tempfile
import unittest
from collections.abc import Callable

from gentoo_bob.pack import Before, pack
from gentoo_bob.slim import Keep


class Whole(unittest.TestCase):
    """pack on a folder."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root, self.out = f"{folder.name}/root", f"{folder.name}/out"
        os.makedirs(f"{self.root}/srv")
        os.makedirs(f"{self.root}/var/lib")
        os.mkdir(self.out)

    def pack(self, change: Callable[[], object]) -> list[str]:
        Before.of(self.root).write(f"{self.out}/before.json")
        change()
        pack(self.root, Before.read(f"{self.out}/before.json"), Keep(), "0", self.out)
        with tarfile.open(f"{self.out}/rootfs.tar", errors="surrogateescape") as tar:
            return [name for name in tar.getnames() if not name.startswith("var")]

    def write(self, name: str) -> None:
        with open(f"{self.root}/srv/{name}", "w") as file:
            file.write(name.encode(errors="surrogateescape").hex())

    def list_of(self, name: str) -> list[str]:
        with open(f"{self.out}/{name}", "rb") as file:
            return [os.fsdecode(text) for text in file.read().split(b"\0")[:-1]]

    def test_no_name_makes_a_child_lose_it(self) -> None:
        odd = ["a\nb", "a", "b", "line\u2028sep", "line", "next\u0085line", "form\ffeed", "latin\udce9", "cr\rin"]
        self.pack(lambda: list(map(self.write, odd)))
        self.assertEqual(self.pack(lambda: self.write("new")), ["srv", "srv/new"])
        self.assertEqual(self.list_of("rootfs.ways"), ["srv"])
        self.assertEqual(
            self.pack(lambda: os.unlink(f"{self.root}/srv/line\u2028sep")), ["srv", "srv/.wh.line\u2028sep"]
        )

    def test_a_long_name_is_taken_away(self) -> None:
        folder = "/".join(["d" * 200, "e" * 200])

        def make() -> None:
            os.makedirs(f"{self.root}/srv/{folder}")
            self.write(f"{folder}/{'f' * 240}")

        self.pack(make)
        gone = self.pack(lambda: os.unlink(f"{self.root}/srv/{folder}/{'f' * 240}"))
        self.assertEqual(gone[-1], f"srv/{folder}/.wh.{'f' * 240}")

    def test_a_socket_is_in_no_list(self) -> None:
        def listen() -> None:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(f"{self.root}/srv/s")
            self.write("f")

        self.assertEqual(self.pack(listen), ["srv", "srv/f"])
        self.assertEqual(self.pack(lambda: os.unlink(f"{self.root}/srv/s")), ["srv"])
        self.assertEqual(self.list_of("rootfs.ways"), ["srv"])

    def test_a_socket_in_the_place_of_a_parents_file_takes_it_away(self) -> None:
        self.pack(lambda: self.write("f"))

        def listen() -> None:
            os.unlink(f"{self.root}/srv/f")
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(f"{self.root}/srv/f")

        self.assertEqual(self.pack(listen), ["srv", "srv/.wh.f"])

    def test_a_name_that_no_layer_can_hold_is_refused(self) -> None:
        with self.assertRaises(SystemExit) as refused:
            self.pack(lambda: self.write(".wh.x\n"))
        self.assertIn("no image can hold `/srv/.wh.x\n`", str(refused.exception))

    def test_what_is_left_out_is_listed_once(self) -> None:
        def merge() -> None:
            os.makedirs(f"{self.root}/usr/include")
            with open(f"{self.root}/usr/include/a.h", "w") as file:
                file.write("four")

        self.pack(merge)
        self.assertEqual(self.list_of("rootfs.left-out"), ["headers", "4", "usr/include/a.h"])
        self.pack(lambda: self.write("f"))
        self.assertEqual([name for name in self.list_of("rootfs.left-out") if "include" in name], [])


if __name__ == "__main__":
    unittest.main()
