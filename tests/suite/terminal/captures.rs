//! A build at 80 x 24 and at 200 x 50: running, its log at a key, failed, interrupted, finished. `BB_SNAPSHOTS=update`
//! keeps what is seen.

use super::tmux::{Size, Terminal, USUAL, is_as_kept};
use super::{dock, room};

/// What a compiler and Portage say when a file does not compile.
const FAILING: &str = r"say >>> Emerging (1 of 1) sys-libs/zlib-1.3.1::gentoo for /emerge-root/
say >>> Compiling source in /var/tmp/portage/sys-libs/zlib-1.3.1/work/zlib-1.3.1 ...
say make -j2 shared
say x86_64-pc-linux-gnu-gcc -O2 -pipe -fPIC -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN -c -o crc32.o crc32.c
say x86_64-pc-linux-gnu-gcc -O2 -pipe -fPIC -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN -c -o adler32.o adler32.c
say adler32.c:80:5: error: unknown type name 'ulng'; did you mean 'long'?
say    80 |     ulng sum2;
say       |     ^~~~
say make: *** [Makefile:164: adler32.o] Error 1
say make: *** Waiting for unfinished jobs....
say x86_64-pc-linux-gnu-gcc -O2 -pipe -fPIC -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN -c -o deflate.o deflate.c
say x86_64-pc-linux-gnu-gcc -O2 -pipe -fPIC -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN -c -o inflate.o inflate.c
say x86_64-pc-linux-gnu-gcc -O2 -pipe -fPIC -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN -c -o trees.o trees.c
say x86_64-pc-linux-gnu-gcc -O2 -pipe -fPIC -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN -c -o zutil.o zutil.c
say  * ERROR: sys-libs/zlib-1.3.1::gentoo failed (compile phase):
say  *   emake failed
say  * If you need support, post the output of `emerge --info '=sys-libs/zlib-1.3.1::gentoo'`,
say  * S: '/var/tmp/portage/sys-libs/zlib-1.3.1/work/zlib-1.3.1'
fail 1
";

/// With what their names of what is kept end in.
const SIZES: [(Size, &str); 2] = [(USUAL, ""), ((200, 50), "-wide")];

#[test]
fn running_then_finished() {
    for (size, end) in SIZES {
        let room = room();
        let line = "say x86_64-pc-linux-gnu-gcc -O2 -pipe -c -o applets.o applets/applets.c -Iinclude -DNDEBUG\nhold\n";
        dock(&room, "busybox", "scratch", line);
        let terminal = Terminal::sized(size, &room, "bb build -j1");
        room.engine.wait_for_hold();
        is_as_kept(&format!("running{end}"), &terminal.shows("1 job;"));
        room.engine.release(true);
        is_as_kept(&format!("finished{end}"), &terminal.shows("exit code 0"));
    }
}

#[test]
fn failed_with_the_compilers_words_in_sight() {
    for (size, end) in SIZES {
        let room = room();
        dock(&room, "busybox", "scratch", FAILING);
        let screen = Terminal::sized(size, &room, "bb build -j1").shows("exit code 1");
        assert!(screen.contains("\n  adler32.c:80:5: error: unknown type name"), "{screen}");
        assert!(screen.starts_with("$ bb build -j1\n"), "nothing has scrolled away:\n{screen}");
        is_as_kept(&format!("failed{end}"), &screen);
    }
}

#[test]
fn interrupted() {
    for (size, end) in SIZES {
        let room = room();
        dock(&room, "busybox", "scratch", "say checking for gcc... gcc\nhold\n");
        let terminal = Terminal::sized(size, &room, "bb build -j1");
        room.engine.wait_for_hold();
        terminal.shows("checking for gcc");
        terminal.keys(&["C-c"]);
        is_as_kept(&format!("interrupted{end}"), &terminal.shows("exit code 130"));
        assert_eq!(room.engine.containers(), 0);
    }
}

/// Whether keys are shown, and wait for the end of their line.
const MODES: &str = "stty -a | tr ' ' '\\n' | grep -x -e '-*icanon;*' -e '-*echo;*' | tr -d ';'";

#[test]
fn the_log_of_a_step_is_a_key_away() {
    for (size, end) in SIZES {
        let room = room();
        dock(&room, "busybox", "scratch", &FAILING.replace("fail 1", "hold\nfail 1"));
        dock(&room, "other", "scratch", "say configure: all is well\nhold\n");
        let line = format!("bb build -k -j2 rootfs:busybox rootfs:other; {MODES}");
        let terminal = Terminal::sized(size, &room, &line);
        terminal.shows("l: log");
        terminal.keys(&["l"]);
        // That which began first; nobody knows which.
        if terminal.shows("(1 of 2)").starts_with("rootfs:other") {
            terminal.keys(&["n"]);
        }
        let screen = terminal.shows("/work/zlib-1.3.1'").replace("(2 of 2)", "(1 of 2)");
        is_as_kept(&format!("log{end}"), &screen);
        terminal.keys(&["n"]);
        terminal.shows("configure: all is well");
        terminal.keys(&["n", "p", "p"]);
        terminal.shows("rootfs:busybox (");
        // With the run, the log is closed, and what was to be printed meanwhile is.
        room.engine.release(true);
        let screen = terminal.shows("exit code 0");
        assert!(screen.contains("\ndone    rootfs:other"), "{screen}");
        assert!(screen.contains("\nfailed  rootfs:busybox\nerror: "), "{screen}");
        assert!(screen.ends_with("icanon\necho\nexit code 0\n"), "{screen}");
    }
}

#[test]
fn ctrl_c_closes_a_log_and_leaves_the_terminal_as_it_was() {
    let room = room();
    dock(&room, "busybox", "scratch", "say checking for gcc... gcc\nhold\n");
    let terminal = Terminal::run(&room, &format!("bb build -j1; {MODES}"));
    terminal.shows("l: log");
    terminal.keys(&["x", "l"]);
    terminal.shows("q: back");
    terminal.keys(&["q"]);
    terminal.shows("l: log");
    terminal.keys(&["l"]);
    terminal.shows("q: back");
    terminal.keys(&["C-c"]);
    let screen = terminal.shows("exit code 0");
    assert!(screen.contains("\nstop    all that runs"), "{screen}");
    assert!(screen.ends_with("icanon\necho\nexit code 0\n"), "{screen}");
}

#[test]
fn a_failure_that_others_have_pushed_up_is_told_again() {
    let room = room();
    dock(&room, "busybox", "scratch", "say a.c:1:2: error: no\nfail 1\n");
    dock(&room, "other", "scratch", "hold\n");
    let terminal = Terminal::run(&room, "bb build -k -j2 rootfs:busybox rootfs:other");
    room.engine.wait_for_hold();
    terminal.shows("again: bb step rootfs:busybox");
    room.engine.release(true);
    let screen = terminal.shows("exit code 1");
    let end = "done    rootfs:other in TIME, SIZE\nfailed  rootfs:busybox: a.c:1:2: error: no\n\
               1 step failed; 1 done\nexit code 1\n";
    assert!(screen.ends_with(end), "{screen}");
}
