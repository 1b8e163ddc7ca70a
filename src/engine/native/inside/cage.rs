//! What a process may do in a box: capabilities, system calls, limits. Each step is for good.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities as held, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
};
use seccompiler::sock_filter;

use super::super::spec::Bounds;
use super::super::wire::{Failure, cannot};
use super::Result;

/// Docker's. Source: <https://github.com/moby/moby>, `daemon/pkg/oci/caps/defaults.go`.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

/// What a command without a box must not have either. The network is refused to it anyway; and the kernel lets nobody look
/// into a process that may more: the job's others have its variables, which may be secrets.
/// Source: ptrace(2), "Ptrace access mode checking".
pub(super) const NOT_GUESTS: CapabilitySet = CapabilitySet::NET_RAW;

/// Gives all capabilities up that Docker's default does not have, and these, also for programs that are started later.
pub(super) fn capabilities(without: CapabilitySet) -> Result<()> {
    let wanted = KEPT - without;
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        if wanted.contains(one) {
            continue;
        }
        match capability_is_in_bounding_set(one) {
            Ok(false) => {}
            Ok(true) => {
                remove_capability_from_bounding_set(one).map_err(cannot("give capabilities up"))?;
            }
            // The kernel knows no more.
            Err(Errno::INVAL) => break,
            Err(cause) => return Err(cannot("look which capabilities there are")(cause)),
        }
    }
    clear_ambient_capability_set().map_err(cannot("give capabilities up"))?;
    // Who has fewer gets no more.
    let kept = wanted & held(None).map_err(cannot("look which capabilities there are"))?.permitted;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(cannot("give capabilities up"))
}

/// Answers only known system calls from here on. That needs, and brings, that no program gets more rights.
pub(super) fn system_calls(program: &[sock_filter]) -> Result<()> {
    seccompiler::apply_filter(program)
        .map_err(|cause| Failure::new(format!("cannot filter system calls: {cause}")))
}

/// Limits of this process and its children.
pub(super) fn bounds(bounds: Bounds) -> Result<()> {
    let all = [
        (Resource::Nproc, bounds.processes),
        (Resource::As, bounds.memory),
        (Resource::Nofile, bounds.files),
        // A core of a box's process would be written where this machine wants it.
        (Resource::Core, Some(0)),
    ];
    for (resource, most) in all {
        let Some(most) = most else { continue };
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(cannot("limit what the box may use"))?;
    }
    Ok(())
}
