//! What is left out of images is missed by nothing in them: programs and libraries load, and so do the
//! character sets and locales that a dock says it needs.

use super::{IMAGES, Project};

/// For each program and library of the image: what the image's own loader cannot load.
const LOAD_ALL: &str = "for file in $(find /usr -type f); do
head -c 4 \"$file\" | grep -q ELF || continue
/lib64/ld-linux-x86-64.so.2 --list \"$file\" >/dev/null 2>&1 ||
/lib64/ld-linux-x86-64.so.2 --verify \"$file\" || echo \"$file\"
done; echo all";

#[test]
fn every_program_and_library_loads() {
    let project = Project::get();
    for name in IMAGES {
        let image = project.room.image(name);
        let engine = project.room.engine();
        let label = support::sealed::Room::label();
        let run =
            ["run", "--rm", "--label", &label, "--entrypoint", "/bin/sh", &image, "-c", LOAD_ALL];
        assert_eq!(engine.docker(&run), "all", "{name}");
    }
}

const CONVERT: &str = r#"#include <iconv.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char in[] = "\xe4", out[8] = "", *from = in, *to = out;
	size_t left = 1, room = sizeof out - 1;
	wchar_t wide[2];
	iconv_t latin = iconv_open("UTF-8", "ISO-8859-1");
	if (latin == (iconv_t)-1 || iconv(latin, &from, &left, &to, &room) == (size_t)-1)
		return puts("no such character set"), 1;
	if (!setlocale(LC_ALL, "C.UTF-8") || mbstowcs(wide, out, 2) != 1 || wide[0] != 0xe4)
		return puts("no such locale"), 2;
	return puts("both"), 0;
}
"#;

const BUILDCONFIG: &str = r#"
finish_rootfs_build() {
	gcc -o "$EMERGE_ROOT"/usr/bin/convert convert.c
	mkdir -p "$EMERGE_ROOT"/usr/lib/locale
	cp -r /usr/lib/locale/C.utf8 "$EMERGE_ROOT"/usr/lib/locale/
}
"#;

const SETTINGS: &str = "[rootfs]\ninputs = [\"convert.c\"]\n
[[test.command]]\nrun = [\"/usr/bin/convert\"]\ncontains = \"both\"\n";

#[test]
fn a_character_set_that_a_dock_keeps_and_a_locale_that_it_made_load() {
    let project = Project::get();
    let room = &project.room;
    let template = "FROM ${NAMESPACE}/busybox\nADD rootfs.tar /\nCMD [\"sleep\", \"600\"]\n";
    let _dock = project.extra("latin", template, BUILDCONFIG);
    room.write("bb-dock/latin/convert.c", CONVERT);
    room.write("bb-dock/latin/dock.toml", SETTINGS);
    let run = room.bb("test latin");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let told = "  `/usr/bin/convert` ended with 1, not with 0: no such character set\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let keeps = format!("KEEP_CHARSETS=ISO8859-1\n{BUILDCONFIG}");
    room.write("bb-dock/latin/Buildconfig.sh", &keeps);
    room.told("test latin").ran("rootfs:latin image:latin test:latin");
    let image = room.image("latin");
    let list = ["run", "--rm", "--entrypoint", "/bin/sh", &image, "-c", "ls /usr/lib*/gconv/*.so"];
    let kept = room.engine().docker(&list);
    assert!(kept.contains("/gconv/ISO8859-1.so") && !kept.contains("KOI8"), "{kept}");
}
