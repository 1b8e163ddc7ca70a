//! Patterns of inputs (`dock.toml`, tasks): what globset matches, within limits.
//!
//! A pattern becomes a regular expression; nested braces can make a small one huge, and where the
//! expression is refused globset's own matcher panics. Pure: knows no files.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::base::limits::{Limit, Limits};

/// A compiled pattern, matched against whole paths; `*` and `?` match no `/`.
#[derive(Debug, Clone)]
pub struct Pattern(GlobSet);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(text: &str) -> Result<Self, String> {
        let limits = Limits::default();
        let within = |limit, value| limits.check(limit, value).map_err(|e| format!("it has {e}"));
        within(Limit::Pattern, text.len() as u64)?;
        within(Limit::Braces, braces(text))?;
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|e| e.kind().to_string())?;
        let set = GlobSetBuilder::new().add(glob).build();
        set.map(Self).map_err(|e| e.kind().to_string())
    }

    /// Does the whole path match?
    pub fn matches(&self, path: &Path) -> bool {
        self.0.is_match(path)
    }
}

/// How many braces are in one another.
fn braces(text: &str) -> u64 {
    let (mut depth, mut most) = (0_u64, 0);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_before() {
        let cases = [
            ("patches/*", "patches/a", true),
            ("patches/*", "patches/a/b", false),
            ("**/*.{c,h}", "x/y.h", true),
            ("{a,{b,c}}", "c", true),
            ("[ab]", "b", true),
        ];
        for (pattern, path, wanted) in cases {
            assert_eq!(
                Pattern::new(pattern).unwrap().matches(Path::new(path)),
                wanted,
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_grows_when_it_is_compiled_is_refused() {
        let nested = |depth: usize| "{a,".repeat(depth) + "b" + &"}".repeat(depth);
        assert!(Pattern::new(&nested(8)).is_ok());
        assert!(Pattern::new(&nested(9)).unwrap_err().contains("`braces`"));
        assert!(Pattern::new(&"a".repeat(4097)).unwrap_err().contains("`pattern`"));
        for text in ["{".repeat(4096), "{a,b}".repeat(800), "?".repeat(4096), "[a-z]".repeat(800)] {
            // Whatever it says, it says it.
            let _ = Pattern::new(&text).map(|pattern| pattern.matches(Path::new("aaaa")));
        }
        assert!(Pattern::new("[z-a]").is_err() && Pattern::new("a\\").is_err());
    }
}
