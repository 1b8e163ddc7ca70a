"""The server, asked by the builder's shell: what a dock's hook may do meanwhile, and how it ends. Needs bash."""

from box import BOB, Box

# In the place of the builder's program, with commands of these tests.
PROGRAM = f"""
import os, signal, sys, time
sys.path.insert(0, {BOB!r})
from gentoo_bob import server

def run(words):
    match words:
        case ["serve", answers]: server.serve(sys.stdin.buffer, int(answers), run)
        case ["say", *rest]: print(*rest, os.environ["ROOT"], os.getppid() == 1 or "by the server", flush=True)
        case ["fail"]: sys.exit(3)
        case ["kill-server"]: os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)
        case ["interrupt-both"]:
            os.kill(int(os.environ["BASH_RUNS"]), signal.SIGINT)
            time.sleep(0.3)
            print("ended", flush=True)
            sys.exit(130)

run(sys.argv[1:])
"""
SAY = "for_portage /r; run_bob say"


class Asked(Box):
    def setUp(self) -> None:
        super().setUp()
        self.write("__main__.py", PROGRAM)

    def asks(self, lines: str, hook: str = "") -> tuple[int, list[str], list[str]]:
        hooks = f"finish_rootfs_build() {{\n{hook}\n}}\n" if hook else ""
        return self.ran(hooks, f"read_buildconfig\nserve\n{lines}")

    def test_commands_are_done_by_the_server_one_after_the_other(self) -> None:
        status, out, said = self.asks(f"{SAY} a b\n{SAY} ''")
        self.assertEqual((status, out, said), (0, ["a b /r by the server", " /r by the server"], []))

    def test_how_one_ends_is_how_it_ends(self) -> None:
        status, out, said = self.asks(f"for_portage /; run_bob fail || echo $?\n{SAY} on\nfor_portage /; run_bob fail")
        self.assertEqual((status, out, said), (3, ["3", "on /r by the server"], []))

    def test_a_hook_may_do_what_it_likes_with_its_jobs_and_names(self) -> None:
        hooks = [
            "sleep 0.1 &\nwait",
            "sleep 9 & kill %1",
            'sleep 9 & kill $(jobs -p)\nwhile [ -n "$(jobs -r)" ]; do sleep 0.1; done',
            "export ENVIRONMENT=production BOB=1 status=2 TMOUT=1\nreadonly ENVIRONMENT",
            "trap 'echo mine' INT",
        ]
        for hook in hooks:
            with self.subTest(hook):
                status, out, said = self.asks(f"hook finish_rootfs_build\n{SAY} on\ntrap -p INT", hook)
                self.assertEqual((status, out[1]), (0, "on /r by the server"), said)
                self.assertEqual(out[2:], ["trap -- 'echo mine' SIGINT"] if "INT" in hook else [])

    def test_where_the_server_is_killed_that_is_told_and_its_command_ends(self) -> None:
        status, out, said = self.asks("for_portage /; run_bob kill-server")
        self.assertEqual((status, out, said), (137, [], ["error: the process that runs Portage was killed"]))

    def test_an_interrupted_command_is_waited_for(self) -> None:
        status, out, said = self.asks("for_portage / BASH_RUNS=$$; run_bob interrupt-both; echo never")
        self.assertEqual((status, out, said), (130, ["ended"], []))
