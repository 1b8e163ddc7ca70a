use std::path::Path;

use super::*;
use crate::dock::render::Markers;

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
    let table: [(&str, &[&str]); 17] = [
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

#[test]
fn a_heredoc_without_an_end_is_an_error() {
    let error = scan(&rendered("FROM a\nRUN cat <<EOF\nx\n")).err().unwrap();
    assert_eq!(
        crate::diag::render(&error, false),
        "\
error: no line `EOF` ends this heredoc
 --> bb-dock/a/Dockerfile.template:2:9
  |
2 | RUN cat <<EOF
  |         ^^^^^
"
    );
}
