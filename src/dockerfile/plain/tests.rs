use std::path::Path;

use super::*;
use crate::dockerfile::{Markers, Rendered, template};

fn plain(text: &str) -> Result<Plain, Fault> {
    let rendered = Rendered::from_template(Path::new("Dockerfile"), text, &Markers::default());
    let parsed = template::parse_rendered(&rendered).unwrap();
    let shells = BTreeMap::from([("python".to_owned(), vec!["/bin/python".to_owned()])]);
    write(text, parsed.escape, &parsed.heredocs, &shells)
}

#[test]
fn a_run_gets_its_stages_shell() {
    let table = [
        (
            "FROM a\nRUN <<E\nx \"y\"\nE\nUSER u\n",
            "FROM a\nRUN [\"/bin/sh\",\"-c\",\"x \\\"y\\\"\\n\"]\n\n\nUSER u\n",
        ),
        ("FROM python\nRUN <<E\nx\nE\n", "FROM python\nRUN [\"/bin/python\",\"x\\n\"]\n\n\n"),
        (
            "FROM python\nSHELL [\"/bin/bash\",\"-c\"]\nRUN <<-'E'\n\tx\n\tE\n",
            "FROM python\nSHELL [\"/bin/bash\",\"-c\"]\nRUN [\"/bin/bash\",\"-c\",\"x\\n\"]\n\n\n",
        ),
        (
            "FROM python AS p\nSHELL [\"/p\"]\nFROM p\nRUN cat <<A <<-B >/x\n1\nA\n\t2\nB\n",
            "FROM python AS p\nSHELL [\"/p\"]\nFROM p\n\
             RUN [\"/p\",\"cat <<A <<-B >/x\\n1\\nA\\n\\t2\\nB\"]\n\n\n\n\n",
        ),
        ("FROM a\nRUN \\\n <<E\nx\nE", "FROM a\nRUN [\"/bin/sh\",\"-c\",\"x\\n\"]\n\n\n"),
    ];
    for (text, wanted) in table {
        assert_eq!(plain(text).unwrap().text, wanted, "{text}");
    }
}

#[test]
fn a_script_with_its_own_interpreter_is_a_file() {
    let text = plain("FROM a\nRUN <<E\n#!/bin/awk -f\nx\nE\n").unwrap().text;
    let end = "\"sh\",\"#!/bin/awk -f\\nx\\n\",\"E\",\"/bin/awk\",\"-f\"]\n\n\n\n";
    assert!(text.ends_with(end), "{text}");
    // One argument at most, as Linux has it; a file without a program is run as it is.
    let of = |line: &str| super::interpreter(&format!("{line}\nx\n")).join("|");
    assert_eq!(of("#! /usr/bin/env  -S a  b \t"), "/usr/bin/env|-S a  b");
    assert_eq!((of("#!/bin/sh").as_str(), of("#! ").as_str()), ("/bin/sh", ""));
}

#[test]
fn a_copy_gets_files() {
    let made = plain("FROM a\nENV V=v\nCOPY --chown=1 x <<A <<'B' /t/\n$V \"q\" \\$V\nA\n$V\nB\n")
        .unwrap();
    let line = "COPY --chown=1 [\"x\",\".bb-heredocs/0/A\",\".bb-heredocs/0/B\",\"/t/\"]";
    assert_eq!(made.text, format!("FROM a\nENV V=v\n{line}\n\n\n\n\n"));
    let file = |name: &str, text: &str| (format!(".bb-heredocs/0/{name}"), text.to_owned());
    assert_eq!(made.files, [file("A", "v \"q\" $V\n"), file("B", "$V\n")]);
}

#[test]
fn what_the_engine_cannot_do_is_refused() {
    let refused = |text: &str| plain(text).unwrap_err().0;
    assert_eq!(
        refused("FROM a\nCOPY <<E /x\n$PATH\nE\n"),
        "the value of `PATH` in this heredoc is known to the engine only"
    );
    assert_eq!(
        refused("FROM a\nCOPY <<a/b /x\n1\na/b\n"),
        "the engine's builder can make no file `a/b` out of a heredoc"
    );
    assert_eq!(
        refused("FROM a\nONBUILD RUN <<E\n1\nE\n"),
        "the engine's builder knows no heredoc in a trigger"
    );
}

#[test]
fn long_scripts_are_folded_into_lines_that_docker_reads() {
    let script = format!("{}\n", "# a \\\\\\\\ ` ` \\` # ä".repeat(12_000));
    for escape in ["", "# escape=`\n"] {
        let text = format!("{escape}FROM a\nRUN <<E\n{script}E\n");
        // Lines of a heredoc are limited, too.
        let text = text.replace("ä#", "ä\n#");
        let made = plain(&text).unwrap().text;
        assert!(made.lines().all(|line| line.len() <= limits::LINE));
        let rendered = Rendered::from_template(Path::new("Dockerfile"), &made, &Markers::default());
        let scanned = crate::dockerfile::scan::scan(&rendered).unwrap();
        let words = scanned.instructions[1].json().unwrap();
        assert_eq!(words[2].text, script.replace("ä#", "ä\n#"));
    }
}
