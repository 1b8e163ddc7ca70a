//! Pages for people: what they link to is there, and the first one stays short.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;
use support::checkout;

/// Who reads for five minutes reads no more than this, in bytes.
const SHORT: usize = 9_000;

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").unwrap());

/// All that git knows, or will know.
fn pages() -> Vec<PathBuf> {
    let mut git = Command::new("git");
    let git = git.args(["ls-files", "-co", "--exclude-standard", "*.md"]).current_dir(checkout());
    let out = git.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let names = String::from_utf8(out.stdout).unwrap();
    let pages = names.lines().map(|name| checkout().join(name));
    pages.filter(|page| page.exists()).collect()
}

/// The lines that are text and not code.
fn prose(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let mut in_code = false;
    let is_prose = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    };
    text.lines().filter(is_prose).map(str::to_owned).collect()
}

/// What a link calls each heading: its letters and digits in lower case, with a dash for each blank.
fn headings(page: &Path) -> BTreeSet<String> {
    let lines = prose(page);
    let headings = lines.iter().filter(|line| line.starts_with('#'));
    let letters = |line: &String| {
        let text = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        text.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(letters).collect()
}

/// Why a link of a page leads nowhere.
fn fault(page: &Path, link: &str) -> Option<String> {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let file = if file.is_empty() { page.to_owned() } else { page.parent()?.join(file) };
    if !file.exists() {
        return Some("no such file".to_owned());
    }
    let lacks = !heading.is_empty() && !headings(&file).contains(heading);
    lacks.then(|| format!("no heading `{heading}`"))
}

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading() {
    let (mut links, mut faults) = (0, vec![]);
    for page in pages() {
        for line in prose(&page) {
            let found = LINK.captures_iter(&line).map(|found| found[1].to_owned());
            for link in found.filter(|link| !link.contains("://")) {
                links += 1;
                let fault = fault(&page, &link);
                faults.extend(fault.map(|why| format!("{}: {link}: {why}", page.display())));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(links > 50, "only {links} links were found");
}

#[test]
fn the_first_page_is_short_and_its_two_commands_are_the_makefiles() {
    let page = fs::read_to_string(checkout().join("README.md")).unwrap();
    assert!(page.len() <= SHORT, "README.md has {} bytes: doc/ has room", page.len());
    let makefile = fs::read_to_string(checkout().join("Makefile")).unwrap();
    for command in ["demo", "test"] {
        assert!(page.contains(&format!("\nmake {command}  ")), "README.md lacks `make {command}`");
        assert!(makefile.contains(&format!("\n{command}: ")), "Makefile has no `{command}`");
    }
}

/// The sources of program and tests: their paths in the repository, and their text.
fn sources() -> Vec<(String, String)> {
    let folders = ["src", "tests"].map(|folder| walkdir::WalkDir::new(checkout().join(folder)));
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let named = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(checkout()).unwrap().display().to_string(), text)
    };
    files.map(named).collect()
}

/// Whether there is such a file, a test in whatever module, or a module: `open::tests`.
fn is_there(name: &str, sources: &[(String, String)]) -> bool {
    if name.contains('/') {
        return checkout().join(name).exists();
    }
    let (above, last) = name.rsplit_once("::").unwrap_or(("", name));
    let (above, file) = (above.replace("::", "/"), format!("/{last}.rs"));
    let (test, module) = (format!("fn {last}("), format!("mod {last}"));
    sources.iter().any(|(path, text)| {
        let named = path.ends_with(&file) || text.contains(&test) || text.contains(&module);
        path.contains(&above) && named
    })
}

#[test]
fn what_the_page_on_trust_is_shown_by_is_there() {
    let name = Regex::new("`([a-z_:/]+(?:\\.rs)?)`").unwrap();
    let rows = prose(&checkout().join("doc/trust.md"));
    let shown = rows.iter().filter_map(|row| row.strip_suffix(" |")?.rsplit_once(" | "));
    let shown = shown.map(|(_, shown)| shown).collect::<Vec<_>>().join(" ");
    let names = name.captures_iter(&shown).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    assert!(names.len() > 30, "only {names:?} were found");
    let sources = sources();
    let gone = names.iter().filter(|name| !is_there(name, &sources)).collect::<Vec<_>>();
    assert!(gone.is_empty(), "doc/trust.md names what is not there: {gone:?}");
}
