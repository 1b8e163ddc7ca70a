//! Finds, in the output of a build that failed, the lines that say why: what the compiler, the linker,
//! a configure script or Portage itself has complained about.
//!
//! A pure function of the lines, in one pass and in little memory: logs are long. Knows how tools word
//! their errors, and nothing of how a step runs.

#[cfg(test)]
mod tests;

/// Lines of one kind that are kept: with `make -j` the first error is the cause, the rest follow from it.
const KEPT: usize = 4;
/// Words on what is wrong come within so many lines after the line that says that something is.
const CONTINUED: usize = 4;

/// How much a line says about the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// That something below has failed: `make: *** [Makefile:3: all] Error 2`.
    Echo,
    /// Somebody's `error: …`, of which it is not known how much it matters.
    Told,
    /// What is wrong, and where.
    Exact,
}

/// Reads a log line by line. What Portage's next phase begins with forgets what came before: a test of
/// a configure script may fail and say so, without anything being wrong.
#[derive(Debug, Clone, Default)]
pub struct Causes {
    found: Vec<(Weight, String)>,
    /// How many more lines belong to the last one found, if they look like it.
    open: usize,
    /// Within a Python traceback.
    traceback: bool,
    /// `ERROR: category/package-1::repo failed (compile phase)`; nothing after it is a cause.
    died: Option<String>,
}

impl Causes {
    /// The next line, without colours.
    pub fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if is_new_package(line) {
            *self = Self::default();
        } else if let Some(told) = &mut self.died {
            // Portage's summary, of which the first line has the ebuild's own words.
            let words = line.trim_start().strip_prefix("*   ").filter(|w| !w.starts_with('('));
            if let (Some(words), 1..) = (words, std::mem::take(&mut self.open)) {
                told.push_str(": ");
                told.push_str(words);
            }
        } else if let Some(died) = died(line) {
            (self.died, self.open) = (Some(died.to_owned()), 1);
        } else if line.starts_with(">>> ") {
            *self = Self::default();
        } else {
            self.look_at(line);
        }
    }

    fn look_at(&mut self, line: &str) {
        if self.continues(line) {
            return;
        }
        if self.traceback {
            if line.starts_with([' ', '\t']) {
                return;
            }
            self.traceback = false;
            if !line.is_empty() {
                self.keep(Weight::Exact, line);
                return;
            }
        }
        self.traceback = line.trim_start().starts_with("Traceback (most recent call last):");
        if let Some(weight) = weight(line) {
            self.keep(weight, line);
            self.open = takes_more(line);
        }
    }

    /// Whether a line belongs to the one before: CMake and rustc say what is wrong in the next lines.
    fn continues(&mut self, line: &str) -> bool {
        if self.open == 0 || line.trim().is_empty() {
            return false;
        }
        self.open -= 1;
        let indented = line.starts_with("  ");
        if indented && let Some((_, last)) = self.found.last_mut() {
            last.push(' ');
            last.push_str(line.trim());
        }
        self.open = if indented { self.open } else { 0 };
        indented
    }

    fn keep(&mut self, weight: Weight, line: &str) {
        let line = line.trim();
        let same = self.found.iter().filter(|(w, _)| *w == weight);
        let known = self.found.iter().any(|(_, l)| l == line);
        if !known && same.count() < KEPT {
            self.found.push((weight, line.to_owned()));
        }
    }

    /// Whether Portage has given a package up: what comes now only repeats that.
    pub fn is_over(&self) -> bool {
        self.died.is_some()
    }

    /// The lines that say most, in their order, and which package they are of.
    pub fn lines(&self) -> Vec<String> {
        let most = self.found.iter().map(|(weight, _)| *weight).max();
        let best = self.found.iter().filter(|(weight, _)| Some(*weight) == most);
        best.map(|(_, line)| line.clone()).chain(self.died.clone()).collect()
    }
}

/// Portage begins with another package, or build-root with another emerge.
fn is_new_package(line: &str) -> bool {
    line.starts_with(">>> Emerging ") || line.starts_with(">>> ROOT=")
}

/// ` * ERROR: category/package-1::repo failed (compile phase):`, without what surrounds it.
fn died(line: &str) -> Option<&str> {
    let told = line.trim_start().strip_prefix("* ERROR: ")?.trim_end_matches(':');
    let phase = told.strip_suffix(" phase)")?;
    phase.contains(" failed (").then_some(told)
}

/// How many lines after this one may belong to it.
fn takes_more(line: &str) -> usize {
    match line {
        _ if line.starts_with("CMake Error") => CONTINUED,
        _ if is_rust(line) => 1,
        _ => 0,
    }
}

/// What a line says about the cause, if anything.
fn weight(line: &str) -> Option<Weight> {
    let text = line.trim_start();
    if is_harmless(text) {
        return None;
    }
    if is_exact(text) {
        return Some(Weight::Exact);
    }
    if is_echo(text) {
        return Some(Weight::Echo);
    }
    is_told(text).then_some(Weight::Told)
}

/// Compilers name warnings after errors that they are not, scripts run what may fail.
fn is_harmless(text: &str) -> bool {
    let ignored =
        text.contains("(ignored)") || text.contains("[-Werror") && !text.contains("rror:");
    ignored || text.starts_with("checking ") || text.contains("warning: ")
}

fn is_exact(text: &str) -> bool {
    const BEGIN: [&str; 8] = [
        "configure: error: ",
        "CMake Error",
        "patch: **** ",
        "patch failed: ",
        "error: patch failed: ",
        "SyntaxError: ",
        "Undefined symbols for ",
        "fatal: ",
    ];
    const INSIDE: [&str; 9] = [
        ": undefined reference to ",
        ": multiple definition of ",
        "ld: cannot find ",
        "ld: error: ",
        "No rule to make target ",
        "No space left on device",
        "command not found",
        "configure: error: ",
        "Killed signal terminated program",
    ];
    is_placed(text)
        || is_rust(text)
        || is_hunk(text)
        || BEGIN.iter().any(|begin| text.starts_with(begin))
        || INSIDE.iter().any(|inside| text.contains(inside))
}

/// `FILE:12:3: error: …`, `FILE:12: fatal error: …`, `FILE(12): error …`, `meson.build:1:0: ERROR: …`.
fn is_placed(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some(at) = ["error: ", "error c", "*** "].iter().filter_map(|w| lower.find(w)).min() else {
        return false;
    };
    let before = lower[..at].trim_end().trim_end_matches("fatal").trim_end();
    let Some(place) = before.strip_suffix(':') else { return false };
    let (file, number) = place.trim_end_matches(')').rsplit_once([':', '(']).unwrap_or((place, ""));
    let made = is_number(number) && !file.is_empty() && !file.contains("***");
    // Not `make: *** …`, but `Makefile:3: *** missing separator.  Stop.`
    made && !file.contains(' ')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `error[E0425]: cannot find value …`.
fn is_rust(text: &str) -> bool {
    text.starts_with("error[E")
}

/// `Hunk #1 FAILED at 12.`
fn is_hunk(text: &str) -> bool {
    text.starts_with("Hunk #") && text.contains(" FAILED at ")
}

fn is_echo(text: &str) -> bool {
    let make = ["make: *** ", "gmake: *** "].iter().any(|m| text.starts_with(m));
    let below = text.starts_with("make[") || text.starts_with("gmake[");
    make || below && text.contains("]: *** ")
        || text.starts_with("ninja: build stopped")
        || text.starts_with("FAILED: ")
        || text.starts_with("collect2: error: ")
        || text.contains("linker command failed with exit code")
        || text.ends_with(" failed to compile.")
}

fn is_told(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let word = lower.starts_with("error: ") || lower.contains(": error: ");
    word || lower.starts_with("fatal error")
        || text.starts_with("!!! ")
        || text.starts_with("emerge: there are no ")
        || text.starts_with("Error: ")
        || text.contains(": No such file or directory")
        || text.contains(": Permission denied")
        || text == "Killed"
}
