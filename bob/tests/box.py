"""The builder's shell code, in folders of a test's own: for tests of what it does. Needs bash."""

import os
import subprocess
import tempfile
import unittest

BOB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../image")


class Box(unittest.TestCase):
    """Every place in the code is one in `folder`; its programs come first."""

    # What is run of it, after it was read.
    run_lines = ""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.write("config/Buildconfig.sh", "")
        self.write("root/etc/group", "root:x:0:\n")
        self.write("programs/none", "")
        places = {
            "/usr/lib/bob": self.folder,
            "/config": f"{self.folder}/config",
            "BB=/bb OUT=/bb/out": f"BB={self.folder} OUT={self.folder}/out",
            "/emerge-root": f"{self.folder}/root",
            "BOB_PORTAGE=/etc/portage": f"BOB_PORTAGE={self.folder}/portage",
            '"/etc/$file': f'"{self.folder}/etc/$file',
        }
        for name in ("build-root", "buildconfig.sh", "dock-code.sh"):
            with open(os.path.join(BOB, name)) as file:
                text = file.read()
            for place, own in places.items():
                text = text.replace(place, own)
            self.write(name, text)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        os.makedirs(os.path.dirname(f"{self.folder}/{path}"), exist_ok=True)
        with open(f"{self.folder}/{path}", "w") as file:
            file.write(text)
        os.chmod(f"{self.folder}/{path}", mode)

    def program(self, name: str, text: str) -> None:
        self.write(f"programs/{name}", f"#!/bin/bash\n{text}\n", 0o755)

    def read(self, path: str) -> str:
        with open(f"{self.folder}/{path}") as file:
            return file.read()

    def ran(self, text: str, lines: str | None = None) -> tuple[int, list[str], list[str]]:
        """Status, what was printed, and what was said of failures, of a Buildconfig.sh."""
        self.write("config/Buildconfig.sh", text)
        self.write("run", f". {self.folder}/build-root\nNAME=dock\n{self.run_lines if lines is None else lines}\n")
        env = {"PATH": f"{self.folder}/programs:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        # Whoever has started the tests may ignore a signal, as `nohup` does; bash cannot take that back.
        bash = ["env", "--default-signal", "bash"]
        done = subprocess.run([*bash, f"{self.folder}/run"], capture_output=True, text=True, env=env, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()
