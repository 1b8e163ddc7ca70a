//! The integration tests: the real `bb` in sealed rooms, against a real engine and real Portage.
//!
//! | module | what it needs |
//! |---|---|
//! | `errors`, `made` | nothing, or the engine, or the local mirror |
//! | `anywhere` | the local mirror, a static `bb`, nginx, OpenSSL, musl, strace; as root |
//! | `assembled` | the engine |
//! | `audited` | the engine and a C compiler |
//! | `budget` | the engine and the local mirror; compiles |
//! | `chaos`, `cheap`, `daily`, `differs`, `watched` | the engine; images FROM scratch, seconds |
//! | `checkup` | the engine and the local mirror |
//! | `far` | the engine, sshd, socat and OpenSSL |
//! | `flavours` | the engine and the local mirror; compiles |
//! | `genuine` | the engine and the local mirror; compiles |
//! | `graphed` | the engine and Chromium |
//! | `guest` | the engine, the local mirror and a static `bb`; compiles |
//! | `labelled` | the engine, a C compiler and a compose tool |
//! | `kinds` | the engine, umoci, skopeo, Python; as root |
//! | `df` | the engine, busybox-static, uidmap and the account of `native`; as root |
//! | `hostile` | the engine and the local mirror; compiles |
//! | `native` | the engine, the local mirror, a static `bb`, skopeo, uidmap and an account that `scripts/test.sh` makes; as root |
//! | `mounted` | the engine, Podman; as root |
//! | `repository` | the engine, make, a C compiler and Python |
//! | `six` | what `native` and `guest` need, Podman; as root; compiles |
//! | `sized` | the engine |
//! | `terminal` | tmux, Chromium; the engine and the mirror are fakes |
//! | `tried` | as `native`, which calls it |
//! | `slice` | the engine, the local mirror and a compose tool; compiles |
//! | `written` | the engine and the local mirror; compiles |
//!
//! A test that lacks its engine or its mirror fails and says how to get it.

#![allow(missing_docs, clippy::unwrap_used)]
#![allow(unreachable_pub, reason = "nobody is outside of a test program")]
#![allow(clippy::disallowed_methods, reason = "a test has a whole world of its own")]

mod anywhere;
mod assembled;
mod audited;
mod browser;
mod budget;
mod chaos;
mod cheap;
mod checkup;
mod crowd;
mod daily;
mod df;
mod differs;
mod errors;
mod far;
mod flavours;
mod genuine;
mod graphed;
mod guest;
mod hostile;
mod image;
mod kinds;
mod labelled;
mod launched;
mod made;
mod mounted;
mod native;
mod private;
mod proxy;
mod ran;
mod repository;
#[path = "../schemas/mod.rs"]
mod schemas;
mod six;
mod sized;
mod slice;
mod stored;
mod terminal;
mod tried;
mod watched;
mod written;
