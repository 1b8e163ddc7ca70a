#![expect(
    clippy::disallowed_methods,
    reason = "reads the docks of the examples and of the templates"
)]

use std::path::Path;

use super::code::{Kind, code, kinds};
use super::*;

/// The line and column of what is wrong, the message and the hint.
fn fault(text: &str) -> Option<(usize, usize, String, String)> {
    let error = check(Path::new("d/Buildconfig.sh"), text).err()?;
    assert_eq!(error.exit().code(), 3);
    let (line, column) = error.place().unwrap().line_and_column();
    let hint = error.hint_text().unwrap_or_default().to_owned();
    Some((line, column, error.message().to_owned(), hint))
}

#[track_caller]
fn told(text: &str, line: usize, column: usize, message: &str, hint: &str) {
    assert_eq!(fault(text), Some((line, column, message.to_owned(), hint.to_owned())), "{text:?}");
}

#[track_caller]
fn fine(text: &str) {
    assert_eq!(fault(text), None, "{text:?}");
}

#[test]
fn the_shipped_docks_and_those_of_bb_new_are_fine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["bb-dock", "examples"] {
        let files = walkdir::WalkDir::new(root.join(folder))
            .into_iter()
            .filter_map(std::result::Result::ok);
        for file in files.filter(|file| file.file_name() == "Buildconfig.sh") {
            fine(&std::fs::read_to_string(file.path()).unwrap());
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_told() {
    let message = "a line ends as on Windows, and bash takes the carriage return for a part of the word before it";
    let hint = r"`sed -i 's/\r$//' d/Buildconfig.sh` takes all of them away";
    told("PACKAGES='a'\r\n", 1, 13, message, hint);
    told("# all of them\r\n\r\nPACKAGES=a\r\n", 1, 14, message, hint);
    told("PACKAGES=a\ntrue\r\n", 2, 5, message, hint);
    // One in a text, or in a comment, harms nothing.
    fine("cat >x <<END\nGET /\r\n\r\nEND\n");
    fine("A='x\r\n'\necho \"$A\r\n\"\n# b\r\n");
    let message =
        "the file begins with a byte order mark, which bash takes for a part of the first word";
    let hint = r"`sed -i '1s/^\xef\xbb\xbf//' d/Buildconfig.sh` takes it away";
    told("\u{feff}PACKAGES=a\n", 1, 1, message, hint);
}

#[test]
fn what_only_looks_like_a_blank_is_told() {
    let hint = "write a plain blank instead";
    told("update_use\u{a0}a/b +c\n", 1, 11, "U+00A0 is no blank to bash", hint);
    told("x() {\n\u{3000}true\n}\n", 2, 1, "U+3000 is no blank to bash", hint);
    fine("echo 'a\u{a0}b' \"\u{200b}\" # \u{a0}\n");
}

#[test]
fn a_hook_that_nobody_calls_is_told() {
    let (configure, finish) = (HOOKS[0], HOOKS[1]);
    let cases = [
        ("finish_rootfs_buid", finish),
        ("configure_rootfs", configure),
        ("finish", finish),
        ("_configure_rootfs_build", configure),
        ("Configure_Rootfs_Build", configure),
        ("configure_builder", configure),
        ("finnish_rootfs_build", finish),
    ];
    for (name, known) in cases {
        let (message, hint) =
            (format!("nothing calls `{name}`"), format!("did you mean `{known}`?"));
        told(&format!("{name}() {{\n\ttrue\n}}\n"), 1, 1, &message, &hint);
        told(&format!("A=1\n  {name} ()\n{{ :; }}\n"), 2, 3, &message, &hint);
        told(&format!("function {name} {{ :; }}\n"), 1, 10, &message, &hint);
        fine(&format!("{name}() {{ :; }}\n{finish}() {{ {name}; }}\n"));
        fine(&format!("cat <<'X'\n{name}() {{\nX\n"));
    }
    fine("configure_rootfs_build() { :; }\nfinish_rootfs_build() { :; }\nhelper() { :; }\n");
}

#[test]
fn a_variable_that_nobody_reads_is_told() {
    let cases = [
        ("_packages", "PACKAGES"),
        ("PACKAGE", "PACKAGES"),
        ("PAKCAGES", "PACKAGES"),
        ("packages", "PACKAGES"),
        ("KEEP_HEADER", "KEEP_HEADERS"),
        ("_keep_headers", "KEEP_HEADERS"),
        ("KEEP_STATICLIBS", "KEEP_STATIC_LIBS"),
        ("BUILD_PACKAGE", "BUILD_PACKAGES"),
        ("KEEP_MAN", "KEEP"),
    ];
    for (name, known) in cases {
        let (message, hint) =
            (format!("nothing reads `{name}`"), format!("did you mean `{known}`?"));
        for value in ["\"a b\"", "a", "'a\nb'", "\"$(echo \"x\")\"", "a # why", "a; true"] {
            told(&format!("true\n{name}={value}\n"), 2, 1, &message, &hint);
        }
        told(&format!("f() {{\n\t{name}+=' x'\n}}\n"), 2, 2, &message, &hint);
        for use_of in ["$", "${"] {
            fine(&format!("{name}=a\necho \"{use_of}{name} }}\"\n"));
        }
        fine(&format!("{name}=a ./configure\n"));
        fine(&format!("cat <<X\n{name}=a\nX\n"));
        fine(&format!("x=\"\n{name}=a\n\"\n"));
        fine(&format!("f() {{\n\tlocal {name}=a\n}}\n"));
    }
    fine(
        "PACKAGES=a\nPACKAGES+=' b'\nKEEP='/usr/share/zsh'\nKEEP_LOCALES=de\nVERSION=1\npkg=2\nTIMEZONE=UTC\n",
    );
}

#[test]
fn an_assignment_that_is_a_command_is_told() {
    let hint = "write `PACKAGES=\"…\"`";
    let message = "a blank beside the `=` of `PACKAGES` makes it a command";
    for text in ["PACKAGES = a\n", "PACKAGES= \"a b\"\n", "\tPACKAGES =a\n", "PACKAGES= a"] {
        let column = if text.starts_with('\t') { 2 } else { 1 };
        told(text, 1, column, message, hint);
    }
    let message = "the value of `PACKAGES` begins with a quotation mark that is none to bash";
    told("PACKAGES=“a/b”\n", 1, 1, message, hint);
    fine("PACKAGES=\nPACKAGES= # none\nPACKAGES= ;\nPACKAGES=\\\na\n");
}

#[test]
fn code_is_told_from_text() {
    let cases = [
        ("a 'b # c' d\n", "a ....... d\n"),
        ("a \"b $(c \"d\") ${e:-'}'} `f`\" g\n", "a .......................... g\n"),
        ("a $'b\\'c' d\n", "a ....... d\n"),
        ("a # b 'c\nd\n", "a       \nd\n"),
        ("a $# ${#b} ${c#d} e\n", "a $# ..... ...... e\n"),
        ("a=$((1 <<4)); b\n", "a=..........; b\n"),
        ("(( a << 2 ))\nb\n", "............\nb\n"),
        ("a <<X b\nc '\nX\nd\n", "a <<X b\n...\n.\nd\n"),
        ("a <<-'X'\n\tb (\n\tX\nc\n", "a <<-'X'\n....\n..\nc\n"),
        ("a <<X <<Y\n1\nX\n2\nY\nb\n", "a <<X <<Y\n.\n.\n.\n.\nb\n"),
        ("a <<<\"b\" c\n", "a <<<... c\n"),
        ("f() { a; }\n", "f() { a; }\n"),
        ("x=(a # )\nb)\nc\n", "x=...   \n..\nc\n"),
        ("\"${A:-it's}\" b\n", "............ b\n"),
        ("case a in b) c ;; esac\n", "case a in b) c ;; esac\n"),
        ("a \\\" b\n", "a \\\" b\n"),
        // Where the end is missing, nothing is sure.
        ("a \"b\nc\n", "    \n \n"),
        ("a <<X\nb\n", "     \n \n"),
    ];
    for (text, expected) in cases {
        let found = code(text).replace('\u{1}', ".");
        assert_eq!(found, expected, "{text:?}");
        assert_eq!(code(text).len(), text.len(), "{text:?}");
    }
}

#[test]
fn what_a_byte_is_part_of() {
    let letter = |kind: &Kind| match kind {
        Kind::Code => 'c',
        Kind::Nested => 'n',
        Kind::Text => 't',
        Kind::Literal => 'l',
        Kind::Comment => '#',
    };
    let cases = [
        ("a \"b$(c \"d\")\" 'e' # f", "ccttnnnntttntclllc###"),
        ("a=(b \"c\") ${d:-e}", "ccnnntttncttttttt"),
        ("(a $e) `b`", "nnnnnncnnn"),
        ("a <<X\nb\nX\n", "cccccctttt"),
        ("a <<'X'\nb\nX\n", "ccccccccllll"),
    ];
    for (text, expected) in cases {
        let found = kinds(text).unwrap();
        assert_eq!(found.len(), text.len());
        assert_eq!(found.iter().map(letter).collect::<String>(), expected, "{text:?}");
    }
    assert_eq!(kinds("a \"b"), None);
}

/// No text, however cut, makes it fail, and every span is one of the text.
#[test]
fn any_text_is_read() {
    let words = [
        "'",
        "\"",
        "`",
        "$(",
        ")",
        "${",
        "}",
        "((",
        "))",
        "<<X",
        "\nX\n",
        "#",
        "\\",
        "\n",
        "é",
        "\u{a0}",
        "$'",
        "PACKAGE=",
        " ",
        "finish() ",
        "\r\n",
        "<<-",
        "\t",
    ];
    fastrand::seed(7);
    for _ in 0..20_000 {
        let text = (0..fastrand::usize(..12)).map(|_| words[fastrand::usize(..words.len())]);
        let text = text.collect::<String>();
        assert_eq!(code(&text).len(), text.len(), "{text:?}");
        if let Err(error) = check(Path::new("f"), &text) {
            let span = error.place().unwrap().span.clone();
            assert!(text.get(span).is_some(), "{text:?}");
        }
    }
}
