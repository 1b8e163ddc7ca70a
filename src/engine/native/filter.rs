//! Which system calls are answered: from the table `calls.txt` to a program for the kernel. Values only.
//!
//! Not of the crate that installs it, because that kills every 32-bit program, and Gentoo's multilib compilers
//! make and run such. What is not in the table is refused as Docker refuses it (EPERM); a number that is newer
//! than the table does not exist (ENOSYS), so that a C library takes the older call instead of giving up.

use seccompiler::sock_filter;

const TABLE: &str = include_str!("calls.txt");

// Source: linux/bpf_common.h, linux/seccomp.h, linux/audit.h, asm-generic/errno.h.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const IF_EQUAL: u16 = 0x15;
const IF_GREATER: u16 = 0x25;
const IF_AT_LEAST: u16 = 0x35;
const GO: u16 = 0x05;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = ERRNO + 1;
const ENOSYS: u32 = ERRNO + 38;
/// Offsets in what the kernel shows: the call's number, the processor's kind, the lower half of an argument.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST: u32 = 16;
const SECOND: u32 = 24;

/// `CLONE_NEW*`, all of them but the one of time, whose bit is another flag here.
const NAMESPACES: u32 = 0x7e02_0000;
/// `AF_UNIX` and `AF_NETLINK`: what is on this machine.
const UNIX: u32 = 1;
const NETLINK: u32 = 16;
/// `AF_VSOCK`: what is outside of a virtual machine.
const VSOCK: u32 = 40;
/// `TIOCSTI` and `TIOCLINUX`: they put into a terminal what its user seems to have typed. Of an ioctl's number the kernel
/// takes the lower half only. Source: asm-generic/ioctls.h.
const TYPE_FOR_USER: [u32; 2] = [0x5412, 0x541c];
/// Linux, 32-bit Linux, without randomness, both, and the question which.
const PERSONALITIES: [u32; 5] = [0, 8, 0x2_0000, 0x2_0008, u32::MAX];
/// x86_64 with 32-bit pointers: numbers with this bit. Nobody uses it.
const X32: u32 = 0x4000_0000;

/// A kind of processor, as the kernel numbers it, and its column of the table.
#[derive(Debug, Clone, Copy)]
struct Arch {
    id: u32,
    column: usize,
}

const X86_64: Arch = Arch { id: 0xc000_003e, column: 1 };
const I386: Arch = Arch { id: 0x4000_0003, column: 2 };
const AARCH64: Arch = Arch { id: 0xc000_00b7, column: 3 };

/// A call, and the rule for when it may be made.
type Call<'a> = (u32, Option<&'a str>);

/// The calls of one kind of processor, in the order of their numbers.
fn calls(arch: Arch, whose: Whose) -> Vec<Call<'static>> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let call = |line: &'static str| {
        let parts = line.split(' ').collect::<Vec<_>>();
        let guests = GUESTS.iter().find(|(name, _)| parts.first() == Some(name));
        let guests = guests.filter(|_| whose == Whose::Guest).map(|(_, rule)| *rule);
        let rule = guests.or_else(|| parts.get(4).copied());
        Some((parts.get(arch.column)?.parse().ok()?, rule))
    };
    let mut calls = lines.filter_map(call).collect::<Vec<_>>();
    calls.sort_unstable();
    calls.dedup();
    calls
}

fn step(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Passes over so many of the steps that follow, where it holds or where it does not.
fn branch(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Whose calls they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// A box's, which has namespaces of its own.
    Box,
    /// A command's that has none: it must not reach the network, nor into other processes.
    Guest,
}

/// What is another rule where nothing else keeps a command from the network and from other processes.
/// `socketcall` has its arguments in memory, where no filter can look.
const GUESTS: [(&str, &str); 5] = [
    ("socket", "no-network"),
    ("socketcall", "never"),
    ("ptrace", "never"),
    ("process_vm_readv", "never"),
    ("process_vm_writev", "never"),
];

/// What a rule does once its call is known: it always ends in an answer.
fn ruled(rule: &str) -> Vec<sock_filter> {
    let (no, yes) = (step(RETURN, EPERM), step(RETURN, ALLOW));
    match rule {
        "no-namespaces" => {
            let none = branch(IF_EQUAL, 0, 1, 0);
            vec![step(LOAD, FIRST), step(AND, NAMESPACES), none, no, yes]
        }
        "no-network" => {
            let none = branch(IF_EQUAL, NETLINK, 0, 1);
            vec![step(LOAD, FIRST), branch(IF_EQUAL, UNIX, 1, 0), none, yes, no]
        }
        "no-typing" => {
            let [type_one, paste] = TYPE_FOR_USER;
            let either = [branch(IF_EQUAL, type_one, 1, 0), branch(IF_EQUAL, paste, 0, 1)];
            [step(LOAD, SECOND)].into_iter().chain(either).chain([no, yes]).collect()
        }
        "no-vsock" => vec![step(LOAD, FIRST), branch(IF_EQUAL, VSOCK, 0, 1), no, yes],
        "known-personalities" => {
            let known = PERSONALITIES
                .iter()
                .flat_map(|known| [branch(IF_EQUAL, *known, 0, 1), step(RETURN, ALLOW)]);
            std::iter::once(step(LOAD, FIRST)).chain(known).chain([no]).collect()
        }
        // Its flags are in memory, where no filter can look.
        "no-such-call" => vec![step(RETURN, ENOSYS)],
        _ => vec![no],
    }
}

/// Numbers that follow each other, first and last.
fn runs(numbers: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = vec![];
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// What is answered for one kind of processor.
fn program_of(arch: Arch, whose: Whose) -> Vec<sock_filter> {
    let calls = calls(arch, whose);
    let newest = calls.last().map_or(0, |(number, _)| *number);
    let mut steps = vec![step(LOAD, NUMBER)];
    if arch.id == X86_64.id {
        steps.extend([branch(IF_AT_LEAST, X32, 0, 1), step(RETURN, EPERM)]);
    }
    steps.extend([branch(IF_GREATER, newest, 0, 1), step(RETURN, ENOSYS)]);
    for (number, rule) in calls.iter().filter_map(|(number, rule)| Some((*number, (*rule)?))) {
        let ruled = ruled(rule);
        let length = u8::try_from(ruled.len()).unwrap_or(u8::MAX);
        steps.push(branch(IF_EQUAL, number, 0, length));
        steps.extend(ruled);
    }
    // In their order: a number below a run's first is in none.
    for (first, last) in runs(calls.iter().filter(|(_, rule)| rule.is_none()).map(|call| call.0)) {
        steps.extend([
            branch(IF_AT_LEAST, first, 1, 0),
            step(RETURN, EPERM),
            branch(IF_GREATER, last, 1, 0),
            step(RETURN, ALLOW),
        ]);
    }
    steps.push(step(RETURN, EPERM));
    steps
}

/// The whole program for a box of this machine.
pub(super) fn program() -> Vec<sock_filter> {
    program_for(Whose::Box)
}

/// The same for a command without a box: of the network it reaches nothing.
pub(super) fn guests_program() -> Vec<sock_filter> {
    program_for(Whose::Guest)
}

fn program_for(whose: Whose) -> Vec<sock_filter> {
    let kinds: &[Arch] = if cfg!(target_arch = "aarch64") { &[AARCH64] } else { &[X86_64, I386] };
    let mut steps = vec![step(LOAD, ARCH)];
    for arch in kinds {
        let own = program_of(*arch, whose);
        // Longer than a branch reaches.
        steps.push(branch(IF_EQUAL, arch.id, 1, 0));
        steps.push(step(GO, u32::try_from(own.len()).unwrap_or(u32::MAX)));
        steps.extend(own);
    }
    steps.push(step(RETURN, EPERM));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would make of a call.
    fn answer(program: &[sock_filter], arch: Arch, number: u32, first: u32) -> u32 {
        answer_to(program, arch, number, (first, 0))
    }

    fn answer_to(program: &[sock_filter], arch: Arch, number: u32, given: (u32, u32)) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let step = &program[at];
            let holds = match step.code {
                RETURN => return step.k,
                LOAD => {
                    value = match step.k {
                        NUMBER => number,
                        ARCH => arch.id,
                        FIRST => given.0,
                        SECOND => given.1,
                        other => panic!("{other}"),
                    };
                    true
                }
                AND => {
                    value &= step.k;
                    true
                }
                GO => {
                    at += step.k as usize;
                    true
                }
                IF_EQUAL => value == step.k,
                IF_GREATER => value > step.k,
                IF_AT_LEAST => value >= step.k,
                other => panic!("{other}"),
            };
            at += 1 + usize::from(if holds { step.jt } else { step.jf });
        }
    }

    fn on_x86(whose: Whose) -> Vec<sock_filter> {
        let (own, old) = (program_of(X86_64, whose), program_of(I386, whose));
        let go = |steps: &[sock_filter]| step(GO, u32::try_from(steps.len()).unwrap());
        let mut all = vec![step(LOAD, ARCH), branch(IF_EQUAL, X86_64.id, 1, 0), go(&own)];
        all.extend(own);
        all.extend([branch(IF_EQUAL, I386.id, 1, 0), go(&old)]);
        all.extend(old);
        all.push(step(RETURN, EPERM));
        all
    }

    #[test]
    fn every_call_of_the_table_is_allowed_and_no_other() {
        let program = on_x86(Whose::Box);
        for arch in [X86_64, I386] {
            let calls = calls(arch, Whose::Box);
            let newest = calls.last().unwrap().0;
            for number in 0..=newest {
                let (call, told) =
                    (calls.iter().find(|c| c.0 == number), answer(&program, arch, number, 0));
                match call {
                    Some((_, None)) => assert_eq!(told, ALLOW, "{number}"),
                    Some((_, Some("no-such-call"))) => assert_eq!(told, ENOSYS),
                    Some(_) => assert_eq!(told, ALLOW, "{number} with 0"),
                    None => assert_eq!(told, EPERM, "{number}"),
                }
            }
            assert_eq!(answer(&program, arch, newest + 1, 0), ENOSYS);
        }
        assert_eq!(answer(&program, AARCH64, 64, 0), EPERM, "another machine's");
        assert!(calls(AARCH64, Whose::Box).len() > 250 && program.len() < 4096);
    }

    #[test]
    fn what_leads_out_is_refused() {
        let program = on_x86(Whose::Box);
        // keyctl, add_key, bpf, mount, umount2, pivot_root, unshare, setns, open_by_handle_at, io_uring_setup.
        for number in [250, 248, 321, 165, 166, 155, 272, 308, 304, 425] {
            assert_eq!(answer(&program, X86_64, number, 0), EPERM, "{number}");
        }
        assert_eq!(answer(&program, X86_64, 1 | X32, 0), EPERM, "x32's write");
    }

    #[test]
    fn rules_look_at_the_first_argument() {
        let program = on_x86(Whose::Box);
        let (clone, socket, personality) = (56, 41, 135);
        let told = |number, first| answer(&program, X86_64, number, first);
        assert_eq!(told(clone, 0x0100_0011), ALLOW);
        for bit in [0x1000_0000, 0x2000_0000, 0x4000_0000, 0x0002_0000, 0x0200_0000] {
            assert_eq!(told(clone, bit + 17), EPERM, "{bit:x}");
        }
        assert_eq!((told(socket, 2), told(socket, VSOCK)), (ALLOW, EPERM));
        assert_eq!((told(personality, 8), told(personality, 9)), (ALLOW, EPERM));
        assert_eq!(told(personality, u32::MAX), ALLOW);
    }

    #[test]
    fn nobody_types_for_a_user() {
        for (whose, arch, ioctl) in
            [Whose::Box, Whose::Guest].into_iter().flat_map(|w| [(w, X86_64, 16), (w, I386, 54)])
        {
            let told = |what| answer_to(&on_x86(whose), arch, ioctl, (0, what));
            assert_eq!((told(0x5412), told(0x541c)), (EPERM, EPERM), "{whose:?}");
            // Its neighbours, and what asks whether something is a terminal.
            let others = [0x5411, 0x5413, 0x541b, 0x541d, 0x5401].map(told);
            assert_eq!(others, [ALLOW; 5], "{whose:?}");
        }
    }

    #[test]
    fn who_has_no_box_reaches_no_network_and_no_other_process() {
        let program = on_x86(Whose::Guest);
        let told = |arch, number, first| answer(&program, arch, number, first);
        let socket =
            [(1, ALLOW), (16, ALLOW), (2, EPERM), (10, EPERM), (17, EPERM), (VSOCK, EPERM)];
        for (family, answer) in socket {
            assert_eq!(told(X86_64, 41, family), answer, "{family}");
            assert_eq!(told(I386, 359, family), answer, "{family}");
        }
        // socketcall, ptrace, process_vm_readv; the same that a box may.
        for (arch, number) in [(I386, 102), (I386, 26), (X86_64, 101), (X86_64, 310), (X86_64, 425)]
        {
            assert_eq!(told(arch, number, 0), EPERM, "{number}");
        }
        assert_eq!(told(X86_64, 1, 0), ALLOW);
    }
}
