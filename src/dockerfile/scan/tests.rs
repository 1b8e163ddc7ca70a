use std::path::Path;

use super::*;
use crate::dockerfile::render::Markers;

fn rendered(text: &str) -> Rendered {
    Rendered::from_template(Path::new("bb-dock/a/Dockerfile.template"), text, &Markers::default())
}

/// `name flags|rest` of every instruction.
fn listed(text: &str) -> Vec<String> {
    let show = |i: &Instruction| {
        let flags = i.flags.iter().map(|f| format!(" {}={}", f.name, f.value.text));
        format!("{}{}|{}", i.name, flags.collect::<String>(), i.rest())
    };
    scan(&rendered(text)).unwrap().instructions.iter().map(show).collect()
}

#[test]
fn finds_the_instructions_as_docker_does() {
    let table: [(&str, &[&str]); 28] = [
        ("", &[]),
        ("FROM a", &["from|a"]),
        ("from a as b\n\n \t\n# c\n  COPY x y\n", &["from|a as b", "copy|x y"]),
        ("\u{feff}FROM a\r\nRUN b \\\r\n c\r\n", &["from|a", "run|b  c"]),
        ("RUN a \\\n# c\n  # d\n\n  b\nUSER x", &["run|a   b", "user|x"]),
        ("RUN a \\  \n b", &["run|a  b"]),
        ("RUN a \\\\\nUSER x", &["run|a \\\\", "user|x"]),
        ("RUN a \\", &["run|a"]),
        ("\\\nRUN a", &["run|a"]),
        ("# syntax=x\n# escape=`\nRUN a `\n b\\\nUSER x", &["run|a  b\\", "user|x"]),
        ("# c\n# escape=`\nRUN a `\nUSER x", &["run|a `", "user|x"]),
        ("COPY --chown=1:1 --from=\"b\" a c", &["copy chown=1:1 from=b|a c"]),
        ("COPY --link a c", &["copy link=|a c"]),
        ("RUN <<EOF\nFROM b\n# x\nEOF\nUSER x", &["run|<<EOF", "user|x"]),
        ("COPY <<-'A' <<B /x/\nFROM b\n\tA\nA\nB\nUSER x", &["copy|<<-'A' <<B /x/", "user|x"]),
        ("ONBUILD RUN <<E\nx\nE\nRUN echo '<<E'", &["onbuild|RUN <<E", "run|echo '<<E'"]),
        ("HEALTHCHECK --interval=5s CMD true", &["healthcheck interval=5s|CMD true"]),
        // What only looks like a heredoc.
        ("RUN i=$((1 <<4))\nUSER x", &["run|i=$((1 <<4))", "user|x"]),
        ("RUN a <<EOF\nUSER x", &["run|a <<EOF", "user|x"]),
        ("RUN echo it's <<EOF\nUSER x\nEOF", &["run|echo it's <<EOF", "user|x", "eof|"]),
        ("COPY [\"<<E\", \"/\"]\nE", &["copy|[\"<<E\", \"/\"]", "e|"]),
        ("RUN cat <<<E\nE", &["run|cat <<<E", "e|"]),
        // Docker splits at ASCII's blanks, trims all, and knows no case in names.
        ("WORKDIR\u{b}/x\u{a0}y\u{3000}", &["workdir|/x\u{a0}y"]),
        ("RUN\u{a0}x", &["run\u{a0}x|"]),
        ("COPY --from='a b' --x=\"y\\\"\" -- --f /", &["copy from=a b x=y\"|--f /"]),
        ("COPY --chown=à x /", &["copy chown=Ã|x /"]),
        ("RUN a\r\r\nUSER x\r\n", &["run|a", "user|x"]),
        ("FROM a\n\\\n", &["from|a", "|"]),
    ];
    for (text, wanted) in table {
        assert_eq!(listed(text), wanted, "{text:?}");
    }
}

#[test]
fn words_know_where_they_are_written() {
    let text = "FROM x\nCOPY --from=b a \\\n # c\n  b/c \\\n d\n";
    let scanned = scan(&rendered(text)).unwrap();
    let copy = &scanned.instructions[1];
    let written: Vec<_> = copy.words().iter().map(|w| &text[copy.span(&w.range)]).collect();
    assert_eq!(written, ["a", "b/c", "d"]);
    assert_eq!(&text[copy.span(&copy.flags[0].value.range)], "b");
    assert_eq!(&text[copy.whole()], text[7..].trim_end());
}

#[test]
fn reads_the_json_form() {
    let text = r#"COPY ["a b", "c\"d", "/e/"]"#;
    let scanned = scan(&rendered(text)).unwrap();
    let words = scanned.instructions[0].json().unwrap();
    let words: Vec<_> = words.iter().map(|w| (w.text.as_str(), &text[w.range.clone()])).collect();
    assert_eq!(words, [("a b", "a b"), ("c\"d", "c\\\"d"), ("/e/", "/e/")]);
    for other in ["COPY [a] b", "COPY a b", "COPY [1] b", "COPY [\"a\""] {
        assert!(scan(&rendered(other)).unwrap().instructions[0].json().is_none(), "{other}");
    }
}

fn error(text: &str) -> String {
    crate::base::diag::render(&scan(&rendered(text)).err().unwrap(), false)
}

#[test]
fn directives_are_read_as_docker_reads_them() {
    let escape = |text: &str| scan(&rendered(text)).unwrap().escape;
    for text in [
        "# escape=`",
        "#escape = `  \n",
        "\u{feff}  # ESCAPE=`",
        "# syntax=x\n# check=y\n# Escape=`",
    ] {
        assert_eq!(escape(text), '`', "{text}");
    }
    for text in
        ["", "# escape\n", "# escape=", "\n# escape=`", "# x=y\n# escape=`", "# a b=c\n# escape=`"]
    {
        assert_eq!(escape(text), '\\', "{text}");
    }
    let syntax = "# syntax=docker/dockerfile:1\nFROM a\n";
    let span = scan(&rendered(syntax)).unwrap().syntax.unwrap();
    assert_eq!(&syntax[span], "# syntax=docker/dockerfile:1");
    assert_eq!(
        error("# escape=`\n# Escape=`\n"),
        "\
error: a second directive `escape`
 --> bb-dock/a/Dockerfile.template:2:1
  |
2 | # Escape=`
  | ^^^^^^^^^^
hint: Docker takes each only once
"
    );
    assert_eq!(
        error("# escape=x\n"),
        "\
error: `x` cannot be the escape character
 --> bb-dock/a/Dockerfile.template:1:1
  |
1 | # escape=x
  | ^^^^^^^^^^
hint: it is `\\` or a backtick
"
    );
    assert!(error("# syntax=a\n# syntax=b\n").contains("a second directive `syntax`"));
}

#[test]
fn a_line_may_be_as_long_as_in_docker() {
    let line = |length: usize| format!("FROM a\nENV A={}\n", "x".repeat(length - 6));
    assert!(scan(&rendered(&line(65_535))).is_ok());
    assert!(error(&line(65_536)).starts_with("error: a line is longer than 65535 bytes\n"));
}

#[test]
fn heredocs_carry_their_text() {
    let text = "RUN <<A cat <<-'B'\r\na\r\nA\r\n\tb\n\t B\n\tB\nUSER x\n";
    let scanned = scan(&rendered(text)).unwrap();
    let run = &scanned.instructions[0];
    let shown = run.heredocs.iter().map(|h| (h.name.as_str(), h.quoted, h.chomp, h.body()));
    let wanted = [("A", false, false, "a\r\n".to_owned()), ("B", true, true, "b\n B\n".to_owned())];
    assert_eq!(shown.collect::<Vec<_>>(), wanted);
    assert_eq!(&text[run.all()], text.strip_suffix("\nUSER x\n").unwrap());
    assert_eq!(&text[run.heredocs[0].at..][..1], "a");
}

#[test]
fn heredocs_without_an_end_do_not_add_up() {
    let many = "RUN a <<x\n  x\n".repeat(100_000);
    assert!(error(&many).starts_with("error: more than 30 heredocs have no end\n"));
}
