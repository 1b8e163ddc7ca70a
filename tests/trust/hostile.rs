//! Broken and hostile inputs, each with the exit code and the exact message that it gets.
//!
//! After each of them the engine has nothing, there is no lock that was not there before, and no file
//! outside of the state folder is new, gone or different.

mod build;
mod digests;
mod pointer;
mod settings;
mod snapshot;
mod web;

use support::sealed::Run;

use crate::mirror::{BUILDS, DATE, Place};

/// One input.
pub struct Case {
    pub name: &'static str,
    /// Makes it.
    pub spoil: fn(&Place),
    pub args: &'static str,
    pub code: i32,
    /// Standard error; times, fingerprints and paths of this machine in words.
    pub says: String,
}

/// One that `bb update` refuses with exit code 5.
pub fn refused(name: &'static str, spoil: fn(&Place), says: &str) -> Case {
    Case { name, spoil, args: "update", code: 5, says: says.to_owned() }
}

/// One that only looks odd.
pub fn accepted(name: &'static str, spoil: fn(&Place)) -> Case {
    let says = "pinned  stage3 TIMESTAMP and snapshot DATE in bb.lock\n".to_owned();
    Case { name, spoil, args: "update", code: 0, says }
}

const ALTERED: &str = "hint: the file is altered or malformed; try another mirror\n";
const AGAIN: &str =
    "hint: the file is altered or incomplete; fetch it again, or try another mirror\n";

impl Case {
    fn check(&self) -> Result<(), String> {
        let place = Place::new();
        (self.spoil)(&place);
        let before = place.outside();
        let run = place.bb_with(&[("DATE", DATE)], self.args);
        let told = told(&run);
        let expected = (Some(self.code), self.says.as_str());
        if (run.code, told.as_str()) != expected {
            return Err(format!(
                "{}: exit {:?}\n{told}\ninstead of\n{}",
                self.name, run.code, self.says
            ));
        }
        let mut after = place.outside();
        if self.code == 0 {
            after.remove(&place.room.path("bb.lock"));
        }
        if before != after {
            let differs = |path: &&std::path::PathBuf| before.get(*path) != after.get(*path);
            let paths = before.keys().chain(after.keys()).filter(differs).collect::<Vec<_>>();
            return Err(format!("{}: changed outside: {paths:?}", self.name));
        }
        if !place.nothing_imported() {
            return Err(format!("{}: something was imported", self.name));
        }
        Ok(())
    }
}

/// What it said, with the pointer's folder left out.
fn told(run: &Run) -> String {
    support::sealed::normal(&run.stderr).replace(&format!("{BUILDS}/"), "")
}

/// All cases of a part, on some threads; every failure is told.
#[track_caller]
fn check_all(cases: &[Case], at_least: usize) {
    assert!(cases.len() >= at_least, "only {} cases", cases.len());
    let failures = std::sync::Mutex::new(Vec::new());
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) =
                    cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    failures.lock().unwrap().extend(case.check().err());
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
