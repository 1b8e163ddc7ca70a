//! What means harm in a dock, natively: one program that tries all of it, in a hook of the builder, in a phase of an
//! ebuild and in a `RUN`. Which error comes says what has refused it.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::native::{Native, STATE};

const TRIED: &str = include_str!("tried.pl");

/// Runs it where the builder is, and as root in a phase. Both write into the root that is made.
const BUILDCONFIG: &str = r#"PACKAGES='sys-libs/zlib' REQUIRES_EXCLUDE='libc.so.6'
configure_rootfs_build() {
	cat >/etc/portage/tried.pl <<-'TRIED'
PROGRAM
	TRIED
	cat >/etc/portage/bashrc <<-'BASHRC'
		post_src_install() {
			mkdir -p "${D}/usr/share"
			perl /etc/portage/tried.pl ARGUMENTS >"${D}/usr/share/tried-${PN}" || die
		}
	BASHRC
}
finish_rootfs_build() {
	perl /etc/portage/tried.pl ARGUMENTS >"$EMERGE_ROOT/tried"
}
"#;

/// What is told everywhere. Source of the numbers: asm-generic/errno-base.h, asm-generic/errno.h.
const REFUSED: &str = "root nobody\nfile 2\ntcp 111\nfar 101\nabstract 111\nsignal 3\ndevice 1\nmount 1\n\
    /proc/sys/kernel/hostname 30\n/sys/kernel/uevent_seqnum 30\n";
/// Builders have the filter: nothing types, and no namespace of users is made in the box.
const HELD: &str = "typing 1\nprocesses 0\nnamespace 1\n";
/// A `RUN` has it not. What it makes leads nowhere else: `tests/boxes/tried.rs`.
const OPEN: &str = "typing 25\nprocesses 0\nnamespace done\n";

/// The machine's Perl, with its libraries beside it, in a dock's folder. Gives the words that start it: the image has
/// another C library.
fn perl(native: &Native, dock: &str) -> String {
    let said = Command::new("ldd").arg("/usr/bin/perl").output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    let files = said.split_whitespace().filter(|word| word.starts_with('/'));
    let folder = native.room.path(format!("bb-dock/{dock}/perl"));
    std::fs::create_dir_all(&folder).unwrap();
    let mut loader = String::new();
    for file in files.chain(["/usr/bin/perl"]) {
        let name = file.rsplit('/').next().unwrap();
        std::fs::copy(file, folder.join(name)).expect("Debian's `perl-base` is needed");
        if name.starts_with("ld-linux") {
            name.clone_into(&mut loader);
        }
    }
    format!("/perl/{loader} --library-path /perl /perl/perl")
}

fn content(native: &Native, dock: &str, path: &str) -> String {
    let archive = native.room.path(format!("{STATE}/images/{dock}/rootfs.tar"));
    let out = Command::new("tar").arg("-xOf").arg(archive).arg(path).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// All of it, with somebody there to be reached.
pub fn from_everywhere(native: &Native) {
    let room = &native.room;
    let mark = format!("bb-test-{}", room.dir.display());
    let name = format!("{mark}-beside");
    let secret = room.path("secret");
    std::fs::write(&secret, "of this machine\n").unwrap();
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = SocketAddr::from_abstract_name(&mark).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    let mut beside = Command::new("sleep").arg0(&name).arg("600").spawn().unwrap();
    let (port, pid) = (inside.local_addr().unwrap().port().to_string(), beside.id().to_string());
    // Turned round: whoever looks for it has it in its own words.
    let turned = name.chars().rev().collect::<String>();
    let arguments = [secret.to_str().unwrap(), &port, &mark, &pid, &turned];

    let buildconfig = BUILDCONFIG.replace("ARGUMENTS", &arguments.join(" "));
    room.dock(
        "tries",
        "FROM scratch\nADD rootfs.tar /\n",
        &[("Buildconfig.sh", &buildconfig.replace("PROGRAM", TRIED.trim_end()))],
    );
    let run = format!(
        "FROM ${{NAMESPACE}}/busybox\nCOPY perl /perl\nCOPY tried.pl /\nRUN {} /tried.pl {} > /tried\n",
        perl(native, "runs"),
        arguments.join(" ")
    );
    room.dock("runs", &run, &[("tried.pl", TRIED)]);
    native.bb("build tries runs").ok();
    // Not every kernel has it.
    let shown = |text: String| text.replace("sysrq 30\n", "");
    for path in ["tried", "usr/share/tried-zlib"] {
        assert_eq!(shown(content(native, "tries", path)), format!("{REFUSED}{HELD}"), "{path}");
    }
    let image = crate::ran::loaded(native, "runs");
    assert_eq!(shown(image.text("/tried")), format!("{REFUSED}{OPEN}"));
    beside.kill().unwrap();
    beside.wait().unwrap();
    for dock in ["tries", "runs"] {
        room.remove(&format!("bb-dock/{dock}"));
    }
}
