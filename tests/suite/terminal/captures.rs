//! A build at 80 x 24: running, failed, interrupted, finished. `BB_SNAPSHOTS=update` keeps what is seen.

use super::tmux::{Terminal, is_as_kept};
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

#[test]
fn running_then_finished() {
    let room = room();
    let line = "say x86_64-pc-linux-gnu-gcc -O2 -pipe -c -o applets.o applets/applets.c -Iinclude -DNDEBUG\nhold\n";
    dock(&room, "busybox", "scratch", line);
    let terminal = Terminal::run(&room, "bb build -j1");
    room.engine.wait_for_hold();
    is_as_kept("running", &terminal.shows("-o applets.o"));
    room.engine.release(true);
    is_as_kept("finished", &terminal.shows("exit code 0"));
}

#[test]
fn failed_with_the_compilers_words_in_sight() {
    let room = room();
    dock(&room, "busybox", "scratch", FAILING);
    let screen = Terminal::run(&room, "bb build -j1").shows("exit code 1");
    assert!(screen.contains("\n  adler32.c:80:5: error: unknown type name"), "{screen}");
    assert!(screen.starts_with("$ bb build -j1\n"), "nothing has scrolled away:\n{screen}");
    is_as_kept("failed", &screen);
}

#[test]
fn interrupted() {
    let room = room();
    dock(&room, "busybox", "scratch", "say checking for gcc... gcc\nhold\n");
    let terminal = Terminal::run(&room, "bb build -j1");
    room.engine.wait_for_hold();
    terminal.shows("checking for gcc");
    terminal.keys(&["C-c"]);
    is_as_kept("interrupted", &terminal.shows("exit code 130"));
    assert_eq!(room.engine.containers(), 0);
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
