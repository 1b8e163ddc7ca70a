"""Commands that one process forks, asked for over real pipes."""

import io
import os
import signal
import subprocess
import sys
import unittest

from gentoo_bob import server

IMAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../image")
# Commands of these tests: each says what it finds.
PROGRAM = """
import os, signal, sys
from gentoo_bob import server

def run(words):
    match words:
        case ["say", *rest]: print(*rest, os.environ.get("A"), os.environ.get("B"), len(sys.stdin.read()), sys.argv[1:])
        case ["set"]: os.environ["B"] = "left"
        case ["exit", code]: sys.exit(int(code))
        case ["message"]: sys.exit("error: told")
        case ["killed"]: os.kill(os.getpid(), signal.SIGKILL)
        case ["interrupted"]: print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        case ["answers"]: os.fstat(ANSWERS)

ANSWERS = int(sys.argv[1])
server.serve(sys.stdin.buffer, ANSWERS, run)
"""


class Served(unittest.TestCase):
    def setUp(self) -> None:
        answers, write = os.pipe()
        self.answers = os.fdopen(answers)
        self.addCleanup(self.answers.close)
        env = {"PYTHONPATH": IMAGE, "PATH": os.environ["PATH"]}
        command = ["env", "--ignore-signal=INT", sys.executable, "-B", "-c", PROGRAM, str(write)]
        pipe = subprocess.PIPE
        self.server = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=[write], env=env)
        os.close(write)

    def ask(self, *words: str, variables: tuple[str, ...] = ()) -> int:
        texts = [str(len(variables) + len(words)), str(len(variables)), *variables, *words]
        assert self.server.stdin is not None
        self.server.stdin.write(b"".join(os.fsencode(text) + b"\0" for text in texts))
        self.server.stdin.flush()
        return int(self.answers.readline() or -1)

    def ended(self) -> tuple[str, str]:
        out, err = self.server.communicate()
        return out.decode(), err.decode()

    def test_each_command_has_its_own_variables_and_no_input(self) -> None:
        self.assertEqual(self.ask("say", "a b", "\n", variables=("A=x=y", "B=")), 0)
        self.assertEqual(self.ask("say"), 0)
        self.assertEqual(self.ended(), ("a b \n x=y  0 ['say', 'a b', '\\n']\nNone None 0 ['say']\n", ""))

    def test_nothing_that_one_leaves_is_known_to_the_next(self) -> None:
        self.assertEqual([self.ask("set"), self.ask("say")], [0, 0])
        self.assertEqual(self.ended(), ("None None 0 ['say']\n", ""))

    def test_the_answer_is_how_it_ended(self) -> None:
        told = [self.ask("exit", "3"), self.ask("message"), self.ask("killed"), self.ask("exit", "0")]
        self.assertEqual(told, [3, 1, 128 + signal.SIGKILL, 0])
        self.assertEqual(self.ended(), ("", "error: told\n"))
        self.assertEqual(self.server.returncode, 0)

    def test_signals_that_the_shell_ignores_are_not_ignored(self) -> None:
        self.assertEqual(self.ask("interrupted"), 0)
        self.assertEqual(self.ended(), ("True\n", ""))

    def test_no_command_can_answer(self) -> None:
        self.assertEqual(self.ask("answers"), 1)
        self.assertIn("Bad file descriptor", self.ended()[1])


class Read(unittest.TestCase):
    def test_a_request_that_ends_in_the_middle_is_none(self) -> None:
        whole = b"2\x001\x00A=1\x00say\x00"
        self.assertEqual(server.read(io.BytesIO(whole)), (["A=1"], ["say"]))
        for length in range(len(whole)):
            self.assertIsNone(server.read(io.BytesIO(whole[:length])))


if __name__ == "__main__":
    unittest.main()
