//! `bb update`: what moves the lock, and what does not.

use crate::keys;
use crate::keys::{FILE, How};
use crate::mirror::{DATE, Place, TIME};

const NEWER: &str = "20260308T170104Z";
const NEWER_DATE: &str = "20260308";

/// A project that has pinned [`TIME`] and [`DATE`].
fn pinned() -> Place {
    let place = Place::new();
    place.bb("update").is(
        0,
        "stage3: TIMESTAMP, signed by KEY\nsnapshot: 20260301, signed by KEY\n",
        "pinned  stage3 TIMESTAMP and snapshot DATE in bb.lock\n",
    );
    let lock = place.room.read("bb.lock");
    assert!(lock.contains(TIME) && lock.contains(DATE), "{lock}");
    place
}

#[test]
fn what_changed_is_printed() {
    let place = pinned();
    place.mirror.stage3_of(NEWER);
    let run = place.bb("update").ok();
    assert_eq!(run.stdout, format!("stage3: {TIME} -> {NEWER}\nsnapshot: {DATE} as before\n"));
    place.mirror.snapshot_of(NEWER_DATE);
    let run = place.bb_with(&[("DATE", NEWER_DATE)], "update").ok();
    let moved = format!("stage3: {NEWER} as before\nsnapshot: {DATE} -> {NEWER_DATE}\n");
    assert_eq!(run.stdout, moved);
}

#[test]
fn check_moves_nothing() {
    let place = pinned();
    let (lock, before) = (place.room.read("bb.lock"), place.outside());
    let same = format!("stage3: {TIME} is the newest\nsnapshot: {DATE} is the newest\n");
    assert_eq!(place.bb("update --check").ok().stdout, same);
    place.mirror.stage3_of(NEWER);
    let run = place.bb("update --check");
    let newer = format!("stage3: {TIME} -> {NEWER}\nsnapshot: {DATE} is the newest\n");
    assert_eq!((run.code, run.stdout, run.stderr), (Some(1), newer, String::new()));
    place.mirror.stage3_of(TIME);
    place.mirror.snapshot_of(NEWER_DATE);
    let run = place.bb_with(&[("DATE", NEWER_DATE)], "update --check");
    let newer = format!("stage3: {TIME} is the newest\nsnapshot: {DATE} -> {NEWER_DATE}\n");
    assert_eq!((run.code, run.stdout, run.stderr), (Some(1), newer, String::new()));
    assert_eq!(place.room.read("bb.lock"), lock);
    assert_eq!(before.keys().filter(|p| !p.starts_with(&place.mirror.root)).count(), {
        let now = place.outside();
        now.keys().filter(|p| !p.starts_with(&place.mirror.root)).count()
    });
}

#[test]
fn check_without_a_lock_says_so() {
    let place = Place::new();
    place.bb("update --check").is(
        1,
        "stage3: TIMESTAMP, none is pinned\nsnapshot: 20260301, none is pinned\n",
        "",
    );
    assert!(!place.room.exists("bb.lock"));
}

#[test]
fn a_replayed_older_pointer_is_refused() {
    let place = Place::new();
    let old = place.mirror.read(crate::mirror::POINTER);
    place.mirror.stage3_of(NEWER);
    place.bb("update").ok();
    let lock = place.room.read("bb.lock");
    place.mirror.write(crate::mirror::POINTER, &old);
    let refused = format!(
        "error: the stage3 `{TIME}` is older than the pinned `{NEWER}`\n\
         hint: a mirror that lags or replays old files is no reason to go back; \
         `bb update --allow-older` does\n"
    );
    let run = place.bb("update");
    assert_eq!((run.code, run.stderr), (Some(5), refused));
    assert_eq!(place.room.read("bb.lock"), lock);
    let run = place.bb("update --check").ok();
    let only =
        format!("stage3: {NEWER}, the mirrors have only {TIME}\nsnapshot: {DATE} is the newest\n");
    assert_eq!(run.stdout, only);
    let run = place.bb("update --allow-older").ok();
    assert_eq!(run.stdout, format!("stage3: {NEWER} -> {TIME}\nsnapshot: {DATE} as before\n"));
}

#[test]
fn an_older_snapshot_is_refused() {
    let place = Place::new();
    place.mirror.snapshot_of(NEWER_DATE);
    place.bb_with(&[("DATE", NEWER_DATE)], "update").ok();
    let lock = place.room.read("bb.lock");
    let run = place.bb("update");
    let refused = format!(
        "error: the snapshot `{DATE}` is older than the pinned `{NEWER_DATE}`\n\
         hint: a mirror that lags or replays old files is no reason to go back; \
         `bb update --allow-older` does\n"
    );
    assert_eq!((run.code, run.stderr), (Some(5), refused));
    assert_eq!(place.room.read("bb.lock"), lock);
    let run = place.bb("update --allow-older").ok();
    let moved = format!("stage3: {TIME} as before\nsnapshot: {NEWER_DATE} -> {DATE}\n");
    assert_eq!(run.stdout, moved);
}

#[test]
fn a_mirror_that_lags_is_passed_over() {
    let place = Place::new();
    let lagging = crate::mirror::Mirror::make(place.room.dir.join("lagging"));
    place.mirror.stage3_of(NEWER);
    place.bb("update").ok();
    let both = format!("{},{}", lagging.url(), place.mirror.url());
    let run = place.bb_with(&[("DATE", DATE), ("MIRROR", &both)], "update").ok();
    assert_eq!(run.stdout, format!("stage3: {NEWER} as before\nsnapshot: {DATE} as before\n"));
    let told = format!(
        "passed over: {}: the stage3 `{TIME}` is older than the pinned `{NEWER}`\n",
        lagging.root.display()
    );
    assert!(run.stderr.starts_with(&told), "{}", run.stderr);
}

#[test]
fn a_flavour_that_is_gone_gets_the_list_of_what_is_there() {
    let place = Place::new();
    for flavour in ["musl-openrc", "systemd"] {
        place
            .mirror
            .write(&format!("releases/amd64/autobuilds/latest-stage3-amd64-{flavour}.txt"), "");
    }
    let mirrors = format!("mirrors = [\"{}\"]\n", place.mirror.url());
    place.settings(&format!("{mirrors}flavour = \"nomultilib-opnrc\"\n"), "");
    place.bb("update").fails(
        3,
        "error: the mirrors have no stage3 of `amd64-nomultilib-opnrc`\n\
         \x20 they have: musl-openrc, nomultilib-openrc, systemd\n\
         hint: did you mean `nomultilib-openrc`? `flavour` in bb.toml says which one is used\n",
    );
    place.settings(&format!("{mirrors}flavour = \"x32\"\n"), "");
    place.bb("update --check").fails(
        3,
        "error: the mirrors have no stage3 of `amd64-x32`\n\
         \x20 they have: musl-openrc, nomultilib-openrc, systemd\n\
         hint: `flavour` in bb.toml says which one is used\n",
    );
    assert!(!place.room.exists("bb.lock"));
}

#[test]
fn a_verified_snapshot_is_not_fetched_twice() {
    let place = pinned();
    place.mirror.remove(crate::mirror::SNAPSHOT);
    place.bb("step fetch:portage.tar.xz").is(
        0,
        "",
        "start   fetch:portage.tar.xz (never built)\n\
         done    fetch:portage.tar.xz in TIME, already there\n",
    );
    let before = place.room.read("bb.lock");
    place.bb("update").ok();
    assert_eq!(place.room.read("bb.lock"), before);
}

#[test]
fn a_snapshot_made_anew_under_its_old_name_comes_with_its_own_signature() {
    let place = pinned();
    let verify = "fetch:portage.tar.xz fetch:portage.tar.xz.gpgsig verify:portage";
    place.told("build verify:portage").ran(verify);
    place.mirror.snapshot_made_anew(DATE, b"another snapshot of the same date");
    let run = place.bb("update").ok();
    assert!(run.stdout.ends_with("with other content\n"), "{}", run.stdout);
    place.told("build verify:portage").ran(verify);
}

/// What the mirror has signed on day 60 of the year, 2026-03-02, under a name of another day.
#[test]
fn an_old_snapshot_under_a_new_name_is_refused() {
    let place = pinned();
    let lock = place.room.read("bb.lock");
    assert!(lock.contains("signed_at = \"2026-03-02T00:00:00Z\""), "{lock}");
    place.mirror.snapshot_made_anew("20260401", b"an older tree");
    let run = place.bb_with(&[("DATE", "20260401")], "update");
    let refused = "error: the snapshot of `20260401` was signed on 2026-03-02\n\
                   hint: it may be an old tree under another name; try another mirror, \
                   or take it by `bb update --allow-older`\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(5), refused));
    // Also where nothing is pinned yet, and where the name is older than the signature.
    for date in ["20260401", "20260115"] {
        let fresh = Place::new();
        fresh.mirror.snapshot_of(date);
        let run = fresh.bb_with(&[("DATE", date)], "update");
        assert_eq!(run.code, Some(5), "{}", run.stderr);
        assert!(run.stderr.contains("was signed on 2026-03-02"), "{}", run.stderr);
        assert!(!fresh.room.exists("bb.lock"));
    }
    assert_eq!(place.room.read("bb.lock"), lock);
    place.bb_with(&[("DATE", "20260401")], "update --allow-older").ok();
}

/// A tree that was signed before the pinned one, under the pinned one's name.
#[test]
fn no_signature_goes_back() {
    let place = pinned();
    let lock = place.room.read("bb.lock");
    let earlier = How { made: 58, ..FILE };
    let older = b"what was there three days before";
    place.mirror.write(crate::mirror::SNAPSHOT, older);
    let signature = earlier.sign(keys::signing(&keys::GOOD), older);
    place.mirror.write(&format!("{}.gpgsig", crate::mirror::SNAPSHOT), signature);
    let run = place.bb("update");
    let refused = "error: the snapshot was signed at 2026-02-28T00:00:00Z, before the pinned one, \
                   which was at 2026-03-02T00:00:00Z\n";
    assert_eq!(run.code, Some(5));
    assert!(run.stderr.starts_with(refused), "{}", run.stderr);
    assert_eq!(place.room.read("bb.lock"), lock);
    // A lock of before has no time: the name's date is what counts, as it did.
    let without = lock.lines().filter(|line| !line.starts_with("signed_at")).collect::<Vec<_>>();
    place.room.write("bb.lock", &without.join("\n"));
    let run = place.bb("update").ok();
    assert!(run.stdout.ends_with("with other content\n"), "{}", run.stdout);
}

/// Without a date that was asked for, what is pinned first is new: all of this mirror is of March.
#[test]
fn what_is_pinned_first_is_not_old() {
    let place = Place::new();
    let run = place.bb_with(&[], "update");
    let old = "error: the newest stage3 was signed on 2026-03-02, ";
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    assert!(run.stderr.starts_with(old), "{}", run.stderr);
    assert!(run.stderr.contains("`bb update --allow-older`"), "{}", run.stderr);
    let run = place.bb_with(&[], "build");
    assert!(run.code == Some(5) && run.stderr.starts_with(old), "{}", run.stderr);
    assert!(!place.room.exists("bb.lock"));
    place.bb("update --allow-older").ok();
}
