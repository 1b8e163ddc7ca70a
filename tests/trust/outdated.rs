//! `bb outdated`, up to the builder: what is not verified does not come that far, and nothing changes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use support::sealed::normal;

use crate::mirror::{DATE, Place, STAGE3_BYTES, TIME};
use crate::{keys, mirror};

const NEWER: &str = "20260308T170104Z";
const NEWER_DATE: &str = "20260308";

/// A project that has pinned [`TIME`] and [`DATE`].
fn pinned() -> Place {
    let place = Place::new();
    place.bb("update").ok();
    place
}

/// Everything but what the command has for itself, with its content.
fn rest(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let own = place.room.path(".bb/outdated");
    let files = walkdir::WalkDir::new(place.room.path("")).into_iter();
    let files = files.filter_entry(|e| e.path() != own).map(|e| e.unwrap().into_path());
    files.filter(|p| p.is_file()).map(|p| (p.clone(), std::fs::read(p).unwrap())).collect()
}

/// `bb outdated` ends so, and has changed nothing.
#[track_caller]
fn refused(place: &Place, date: &str, code: i32, stderr: &str) {
    let before = rest(place);
    let run = place.bb_with(&[("DATE", date)], "outdated");
    assert_eq!(normal(&run.stderr), stderr);
    assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""));
    assert!(place.nothing_imported());
    assert_eq!(rest(place), before);
}

#[test]
fn where_nothing_is_newer_it_says_so_and_needs_no_engine() {
    let place = pinned();
    let before = rest(&place);
    let outdated = |args: &str| place.room.bb_with(&[("DATE", DATE)], args);
    outdated("outdated").is(0, "nothing newer: stage3 TIMESTAMP, snapshot DATE\n", "");
    outdated("outdated base --exit-code").is(
        0,
        "nothing newer: stage3 TIMESTAMP, snapshot DATE\n",
        "",
    );
    let json = outdated("outdated --json").ok().stdout;
    let moved =
        |time: &str| format!("{{\n    \"pinned\": \"{time}\",\n    \"offered\": \"{time}\"\n  }}");
    let (stage3, snapshot) = (moved(TIME), moved(DATE));
    let whole = format!(
        "{{\n  \"stage3\": {stage3},\n  \"snapshot\": {snapshot},\n  \"images\": [],\n  \"steps\": [],\n  \"bases\": []\n}}\n"
    );
    assert_eq!(json, whole);
    assert_eq!(rest(&place), before);
    assert!(!place.room.exists(".bb/outdated"));
}

#[test]
fn without_a_lock_there_is_nothing_to_compare_with() {
    let place = Place::new();
    let hint = "`bb build` pins the newest stage3 and snapshot the first time, `bb update` later";
    place.bb("outdated").fails(3, &format!("error: there is no `bb.lock` yet\nhint: {hint}\n"));
    assert!(!place.room.exists(".bb"));
}

#[test]
fn what_it_is_asked_for_must_be_there() {
    let place = pinned();
    let unknown = "error: unknown image `bose`\nhint: did you mean `base`?\n";
    place.bb("outdated bose").fails(2, unknown);
    place.room.dock("plain", "FROM scratch\nCOPY f /\n", &[("f", "x")]);
    place.bb("outdated plain").is(
        0,
        "",
        "nothing is compiled, so an update would change nothing\n",
    );
    let nothing = "{\n  \"stage3\": null,\n  \"snapshot\": null,\n  \"images\": [],\n  \"steps\": [],\n  \"bases\": []\n}\n";
    place.bb("outdated --json plain").is(0, nothing, "");
}

#[test]
fn a_mirror_that_is_away_is_told() {
    let place = pinned();
    place.settings("mirrors = [\"file:///nonexistent\"]\n", "");
    let told = format!(
        "error: no mirror has `{}`\n  /nonexistent: not there\n\
         hint: mirrors drop old files after some weeks; a newer one may be there\n",
        mirror::POINTER
    );
    refused(&place, NEWER_DATE, 1, &told);
}

#[test]
fn a_snapshot_with_a_wrong_signature_goes_nowhere() {
    let place = pinned();
    place.mirror.snapshot_of(NEWER_DATE);
    let path = format!("snapshots/gentoo-{NEWER_DATE}.tar.xz");
    place.mirror.write(&format!("{path}.gpgsig"), keys::detached(STAGE3_BYTES));
    let told = "error: bad signature: `snapshots/gentoo-DATE.tar.xz` is not what key `KEY` signed\n\
                hint: the file is altered or incomplete; fetch it again, or try another mirror\n";
    refused(&place, NEWER_DATE, 5, told);
    assert_eq!(std::fs::read_dir(place.room.path(".bb/outdated/downloads")).unwrap().count(), 0);
    // Nor does it where verification is switched off for builds.
    let env = [("DATE", NEWER_DATE), ("BB_SKIP_VERIFY", "1")];
    assert_eq!(place.bb_with(&env, "outdated").code, Some(5));
    assert!(place.nothing_imported());
}

#[test]
fn a_stage3_with_a_wrong_signature_goes_nowhere() {
    let place = pinned();
    place.mirror.stage3_of(NEWER);
    let path = format!("{}/{NEWER}/stage3-amd64-nomultilib-openrc-{NEWER}.tar.xz", mirror::BUILDS);
    place.mirror.write(&format!("{path}.asc"), keys::armor(&keys::detached(b"another")));
    let run = place.bb("outdated");
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    let told = "error: bad signature: `.bb/outdated/downloads/stage3-amd64-nomultilib-openrc.tar.xz` is not \
                what key `KEY` signed\n\
                hint: the file is altered or incomplete; fetch it again, or try another mirror\n";
    assert!(normal(&run.stderr).ends_with(told), "{}", run.stderr);
    assert!(place.nothing_imported());
}

/// A dock that is compiled, with what its builder says.
fn compiled(place: &Place, name: &str, template: &str, buildconfig: &str) {
    place.room.dock(name, template, &[]);
    place.room.write(&format!("bb-dock/{name}/Buildconfig.sh"), buildconfig);
}

#[test]
fn what_portage_says_is_told_image_by_image() {
    let place = Place::new();
    let package = |image: &str| {
        format!(
            "{{\"category\": \"cat\", \"name\": \"of-{image}\", \"version\": \"1-r1\", \
             \"slot\": \"2\", \"use\": [], \"image\": \"{image}\"}}"
        )
    };
    let list = package("base");
    compiled(&place, "base", "FROM scratch\nADD rootfs.tar /\n", &format!("foresee [{list}]\n"));
    let namespace = place.room.namespace.clone();
    let child = format!("FROM {namespace}/base\nADD rootfs.tar /\n");
    // The parent's package is the parent's affair.
    compiled(&place, "child", &child, &format!("foresee [{list}]\n"));
    compiled(&place, "lone", "FROM scratch\nADD rootfs.tar /\n", "");
    place.bb("build").ok();
    compiled(&place, "late", "FROM scratch\nADD rootfs.tar /\n", "");
    place.mirror.snapshot_of(NEWER_DATE);
    let date = [("DATE", NEWER_DATE)];
    let status = place.bb("status").stdout;
    let before = rest(&place);
    let run = place.bb_with(&date, "outdated").ok();
    assert_eq!(rest(&place), before);
    assert_eq!(place.bb("status").stdout, status);
    let time = regex::Regex::new(r"\d+\.\d s").unwrap();
    let told = time.replace_all(&run.stdout, "TIME").into_owned();
    let wanted = "\
stage3: 20260301T170104Z is the newest
snapshot: 20260301 -> 20260308

IMAGE  PACKAGE        CHANGE
base   cat/of-base:2  new, 1-r1
child  -              because of base
late   -              not built yet
unchanged: lone

at least TIME, if each takes as long as last time; some are not known:
  rootfs:base   TIME, from binary packages
  rootfs:child  TIME, from binary packages
  rootfs:late   not known, from binary packages
  rootfs:lone   TIME, from binary packages
  image:base    TIME
  image:child   TIME
  image:late    not known
";
    assert_eq!(told, wanted);
    let resolved = run.stderr.lines().filter(|line| line.starts_with("resolve "));
    assert_eq!(resolved.count(), 4);
    let run = place.bb_with(&date, "outdated lone --exit-code").ok();
    assert_eq!(run.stderr, "resolve rootfs:lone\n");
    let wanted = "\
stage3: 20260301T170104Z is the newest
snapshot: 20260301 -> 20260308

no image changes

about TIME, if each takes as long as last time:
  rootfs:lone  TIME, from binary packages
";
    assert_eq!(time.replace_all(&run.stdout, "TIME"), wanted);
    assert_eq!(place.bb_with(&date, "outdated child --exit-code").code, Some(1));
    assert_eq!(rest(&place), before);
}

#[test]
fn what_cannot_be_installed_any_more_is_told_with_portages_reason() {
    let place = pinned();
    let why = "emerge: there are no ebuilds to satisfy \"cat/gone\"";
    compiled(&place, "base", "FROM scratch\nADD rootfs.tar /\n", &format!("unsolved {why}\n"));
    place.mirror.snapshot_of(NEWER_DATE);
    let before = rest(&place);
    let run = place.bb_with(&[("DATE", NEWER_DATE)], "outdated");
    let told = format!(
        "resolve rootfs:base\n\
         error: Portage cannot tell what `base` would install\n  {why}\n\
         \x20 log: .bb/outdated/logs/rootfs/base.log\n\
         hint: so an update would fail here; the rest of what Portage says is in the log\n"
    );
    assert!(run.stderr.ends_with(&told), "{}", run.stderr);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert_eq!(rest(&place), before);
}

#[test]
fn an_older_stage3_is_refused_as_by_update() {
    let place = Place::new();
    place.mirror.stage3_of(NEWER);
    place.bb("update").ok();
    place.mirror.stage3_of(TIME);
    place.mirror.snapshot_of(NEWER_DATE);
    let told = "error: the stage3 `TIMESTAMP` is older than the pinned `TIMESTAMP`\n\
                hint: a mirror that lags or replays old files is no reason to go back; \
                `bb update --allow-older` does\n";
    refused(&place, NEWER_DATE, 5, told);
}

#[test]
fn what_was_looked_at_is_not_fetched_again_by_update() {
    let place = pinned();
    place.mirror.snapshot_of(NEWER_DATE);
    place.mirror.stage3_of(NEWER);
    let date = [("DATE", NEWER_DATE)];
    place.bb_with(&date, "outdated");
    place.mirror.remove(&format!("snapshots/gentoo-{NEWER_DATE}.tar.xz"));
    place.bb_with(&date, "update").ok();
    let there = |step: &str| {
        let told = format!("start   {step} (never built)\ndone    {step} in TIME, already there\n");
        place.bb_with(&date, &format!("step {step}")).is(0, "", &told);
    };
    there("fetch:portage.tar.xz");
    there("fetch:stage3-amd64-nomultilib-openrc.tar.xz");
    let gone = place.bb_with(&date, "gc --keep-builders").ok().stdout;
    assert_eq!(normal(&gone), "folder     .bb/outdated  SIZE\n");
    assert!(!place.room.exists(".bb/outdated"));
}
