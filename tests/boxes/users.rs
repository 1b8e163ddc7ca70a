//! The same as an ordinary user, whose files and programs lie where nobody else may look.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::room::{PROGRAM, program};

/// An account with a range of ids: `scripts/test.sh` makes it.
const USER: &str = "bb-boxes";

/// User and group of an account.
fn account(name: &str) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:")))?;
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
    Some((numbers.next()?, numbers.next()?))
}

/// A folder for a user, with the programs in it that may be out of reach else.
fn home(user: u32, group: u32) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let home = tempfile::Builder::new().prefix("bb-home-").tempdir_in("/tmp").unwrap();
    let (bb, tests) = (home.path().join("bb"), home.path().join("tests"));
    fs::copy(program(), &bb).unwrap();
    fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
    for file in [&bb, &tests] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Ids of boxes may not pass here.
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    chown(home.path(), Some(user), Some(group)).unwrap();
    (home, bb, tests)
}

fn as_user(user: (u32, u32), home: &Path, program: &Path) -> Command {
    assert_eq!(
        rustix::process::geteuid().as_raw(),
        0,
        "only root becomes somebody else: run this as root"
    );
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.0.to_string(), "--regid", &user.1.to_string()]);
    command.args(["--clear-groups", "--inh-caps=-all", "--"]).arg(program);
    command.env("TMPDIR", home).env("HOME", home).env("USER", USER).current_dir(home);
    command
}

#[test]
fn everything_holds_for_an_ordinary_user() {
    let user = account(USER);
    let user = user
        .unwrap_or_else(|| panic!("`useradd {USER}` as root makes the account that this needs"));
    let (home, bb, tests) = home(user.0, user.1);
    let mut command = as_user(user, home.path(), &tests);
    let out = command.args(["--skip", "users::"]).env(PROGRAM, &bb).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let said = format!("{text}\n{}", String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}");
    let passed = text.lines().find_map(|line| line.strip_prefix("test result: ok. "));
    let passed = passed.and_then(|line| line.split(' ').next()?.parse::<usize>().ok());
    assert!(passed.is_some_and(|passed| passed > 20), "{said}");
}

/// Not a test: what somebody without ids meets.
#[test]
#[ignore = "another test starts it"]
fn open() {
    let folder = Path::new(&std::env::var("TMPDIR").unwrap()).join("store");
    let error = gentoo_bb::engine::native::Native::open(program(), &folder).unwrap_err();
    println!("\ntold {} {} | {}", error.exit().code(), error.message(), error.hint_text().unwrap());
}

#[test]
fn who_has_no_ids_is_told_how_to_get_some() {
    let nobody = account("nobody").unwrap();
    let (home, bb, tests) = home(nobody.0, nobody.1);
    let mut command = as_user(nobody, home.path(), &tests);
    command.args(["--exact", "users::open", "--ignored", "--nocapture"]).env(PROGRAM, &bb);
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let told =
        out.lines().find_map(|line| line.strip_prefix("told ")).expect("it was told nothing");
    let expected = "4 the user `nobody` has no range of 65536 ids in `/etc/subuid` and `/etc/subgid` | \
        `usermod --add-subuids 200000-265535 --add-subgids 200000-265535 nobody` as root gives one, if those are free";
    assert_eq!(told, expected);
}
