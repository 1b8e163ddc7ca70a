//! What is mounted in a box, with which options, and what of it is hidden: tables and texts only.

/// What nobody in a box may read, as Docker has it.
/// Source: <https://github.com/moby/moby>, `daemon/pkg/oci/defaults.go`.
pub(super) const MASKED: [&str; 11] = [
    "proc/acpi",
    "proc/asound",
    "proc/interrupts",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/scsi",
    "proc/timer_list",
    "proc/timer_stats",
    "sys/firmware",
];
/// The same, below `/sys`.
pub(super) const MASKED_DEVICES: [&str; 1] = ["sys/devices/virtual/powercap"];
/// What nobody in a box may write. Source: as above.
pub(super) const READ_ONLY: [&str; 5] =
    ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"];

/// The devices of this machine that a box has.
pub(super) const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// What programs expect in `/dev`, and where it points.
pub(super) const LINKS: [(&str, &str); 5] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Options of the mounts in `/dev`.
pub(super) const DEV: &str = "mode=755,size=64k";
/// Group 5 is `tty` everywhere.
pub(super) const PTS: &str = "newinstance,ptmxmode=0666,mode=0620,gid=5";
/// As much as Docker gives.
pub(super) const SHM: &str = "mode=1777,size=64m";

/// The name of a box's link to its layer, counted from the top. Short, for the kernel takes one page of options
/// and an image may have 127 layers.
pub(super) fn link(number: usize) -> String {
    format!("l{number}")
}

/// The options of a box's root, as seen from its folder: so many layers, its own changes above them.
///
/// `userxattr`: what is not for the machine's root to mark is marked in `user.overlay.*`.
pub(super) fn overlay(layers: usize) -> String {
    let below = (0..layers).map(link).collect::<Vec<_>>().join(":");
    format!("lowerdir={below},upperdir=upper,workdir=work,userxattr")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_layers_as_an_image_may_have_fit_into_a_page() {
        assert_eq!(overlay(2), "lowerdir=l0:l1,upperdir=upper,workdir=work,userxattr");
        assert!(overlay(127).len() < 4096);
    }

    #[test]
    fn paths_are_relative_to_the_box() {
        let all = MASKED.iter().chain(&MASKED_DEVICES).chain(&READ_ONLY);
        assert!(all.clone().all(|path| !path.starts_with('/') && !path.contains("..")));
    }
}
