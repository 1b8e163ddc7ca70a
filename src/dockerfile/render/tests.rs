use std::path::Path;

use super::*;

fn markers() -> Markers {
    Markers::from_iter([("NAMESPACE", "jdoe"), ("TAG", "20260701"), ("EMPTY", "")])
}

#[test]
fn replaces_only_known_markers_in_braces() {
    let table = [
        ("FROM ${NAMESPACE}/a:${TAG}\n", "FROM jdoe/a:20260701\n"),
        ("$NAMESPACE ${NAMESPACE:-x} ${namespace}", "$NAMESPACE ${NAMESPACE:-x} ${namespace}"),
        ("${PATH}:$HOME $$ ${", "${PATH}:$HOME $$ ${"),
        ("${${TAG}}", "${20260701}"),
        ("${X ${TAG}", "${X 20260701"),
        ("a\r\n${EMPTY}\tü${TAG}ü", "a\r\n\tü20260701ü"),
        ("", ""),
    ];
    for (template, wanted) in table {
        assert_eq!(render(template, &markers()), wanted);
    }
}

#[test]
fn a_value_is_not_looked_at_again() {
    let markers = Markers::from_iter([("A", "${B}"), ("B", "x")]);
    assert_eq!(render("${A}${B}", &markers), "${B}x");
}

#[test]
fn spans_lead_back_into_the_template() {
    let text = "a${TAG}b${EMPTY}c";
    let rendered = Rendered::from_template(Path::new("t"), text, &markers());
    assert_eq!(rendered.text(), "a20260701bc");
    let table =
        [(0..1, "a"), (1..9, "${TAG}"), (3..5, "${TAG}"), (0..10, "a${TAG}b"), (10..11, "c")];
    for (span, wanted) in table {
        assert_eq!(&text[rendered.origin(&span)], wanted, "{span:?}");
    }
    assert_eq!(rendered.origin(&(11..11)), text.len()..text.len());
}

fn j2(text: &str) -> String {
    match render_j2(text, &markers(), Path::new("bb-dock/a/Dockerfile.j2")) {
        Ok(text) => text,
        Err(error) => crate::base::diag::render(&error, false),
    }
}

#[test]
fn jinja_sees_the_markers() {
    let text = "FROM {{ NAMESPACE }}/a\n{% if TAG %}RUN ${X}\n{% endif %}";
    assert_eq!(j2(text), "FROM jdoe/a\nRUN ${X}\n");
    assert_eq!(j2("<{{ '&' }}>\n"), "<&>\n");
}

#[test]
fn jinja_errors_have_a_place() {
    assert_eq!(
        j2("FROM scratch\nUSER {{ WHO }}\n"),
        "\
error: `WHO` is undefined
 --> bb-dock/a/Dockerfile.j2:2:9
  |
2 | USER {{ WHO }}
  |         ^^^
"
    );
    assert_eq!(
        j2("FROM scratch\n{% if %}\n"),
        "\
error: unexpected end of block
 --> bb-dock/a/Dockerfile.j2:2:7
  |
2 | {% if %}
  |       ^^
"
    );
    assert_eq!(
        j2("FROM {{ TAG | nope }}\n"),
        "\
error: unknown filter `nope`
 --> bb-dock/a/Dockerfile.j2:1:15
  |
1 | FROM {{ TAG | nope }}
  |               ^^^^
"
    );
    assert_eq!(
        j2("FROM {{ TAG.x.y }}\n"),
        "\
error: `TAG.x` is undefined
 --> bb-dock/a/Dockerfile.j2:1:12
  |
1 | FROM {{ TAG.x.y }}
  |            ^^^^
"
    );
}

/// Whatever is put into a line stays in it.
#[test]
fn values_cannot_leave_their_line() {
    let refused = [
        "a\nRUN x",
        "a\r",
        "a\u{85}b",
        "a\u{2028}b",
        "a\0",
        "\u{1b}[2J",
        "a\\",
        "a\\  ",
        "a`",
        "<<EOF",
        "a <<-E",
    ];
    for value in refused {
        for name in ["MAINTAINER", "DATE", "TAG", "NAMESPACE"] {
            let error = Markers::from_iter([(name, value)]).check().unwrap_err();
            assert_eq!(error.exit(), crate::Exit::Config);
            assert!(error.message().starts_with(&format!("the value of `{name}` ")), "{value:?}");
        }
    }
    for value in ["", "Jane Doe <j@d.org>", "a\\b", "20261128", "a \"b\" 'c' # d", "ü"] {
        assert!(Markers::from_iter([("MAINTAINER", value)]).check().is_ok(), "{value}");
    }
}

#[test]
fn a_template_with_letters_beyond_ascii_is_told_of() {
    let file = Path::new("Dockerfile.j2");
    for text in [
        "{{ é }}",
        "{{ ü",
        "{% é %}",
        "x é\n{{ a.é }}",
        "{{ 'é",
        "{{ NAMESPACE|é }}",
        "{% if é %}",
        "é{{ é + }}",
    ] {
        let error = render_j2(text, &markers(), file).unwrap_err();
        assert_eq!(error.exit(), crate::Exit::Config);
        assert!(!crate::base::diag::render(&error, false).is_empty(), "{text}");
    }
}

#[test]
fn a_template_ends() {
    let file = Path::new("Dockerfile.j2");
    let loops = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}";
    let error = render_j2(loops, &markers(), file).unwrap_err();
    assert_eq!(error.message(), "this template runs for too long");
    let long = "{% for a in range(100000) %}0123456789abcdef{% endfor %}";
    let error = render_j2(long, &markers(), file).unwrap_err();
    assert_eq!(error.message(), "it comes to more than 1048576 bytes");
    let usual = "{% for a in range(1000) %}{{ a }}{% endfor %}";
    assert!(render_j2(usual, &markers(), file).is_ok());
}

/// What one expression makes counts, too: fuel is used up by bytes as well.
#[test]
fn what_grows_within_a_template_is_refused() {
    let double = "{% set n = namespace(a=\"xxxxxxxx\") %}{% for i in range(40) %}{% set n.a = n.a ~ n.a %}{% endfor %}\
                  {{ n.a|length }}";
    for text in [
        double,
        r#"{{ "x" * 100000000000 }}"#,
        r#"{{ ("x" * 2000000000)|length }}"#,
        r#"{{ "x"|indent(10000000000) }}"#,
        r#"{{ (["x"] * 1900000)|join("y")|replace("x", "y" * 9000)|length }}"#,
        r#"{{ "xxxxxxxxxxxxxxxxxxxx"|replace("x", "y" * 100000000)|length }}"#,
        r#"{{ "%1000000000s"|format("x")|length }}"#,
        "{{ (range(1000000000)|list)|length }}",
        "{{ ([1, 2] * 1000000000)|length }}",
    ] {
        let said = render_j2(text, &markers(), Path::new("Dockerfile.j2")).unwrap_err();
        let told = ["runs for too long", "too many", "too large"];
        assert!(
            told.iter().any(|told| said.message().contains(told)),
            "{text}: {}",
            said.message()
        );
    }
}

/// The parser calls itself for each of these: as many as the largest template has room for end well.
#[test]
fn what_goes_on_within_itself_is_an_answer_and_no_overflow() {
    let room = limits::TEMPLATE - 40;
    for (begin, part, end) in [
        ("{% if 0 %}", "{% elif 0 %}", "{% endif %}"),
        ("{{ ", "not ", "1 }}"),
        ("{{ TAG", ".a", " }}"),
        ("{{ TAG", "[0]", " }}"),
        ("{{ ", "1+", "1 }}"),
        ("{{ ", "-", "1 }}"),
        ("{{ 1", "|e", " }}"),
        ("{{ ", "(", "1 }}"),
        ("{{ ", "[", "1 }}"),
        ("{{ 1", "~1", " }}"),
        ("{{ 1", " if 1", " }}"),
    ] {
        let text = format!("{begin}{}{end}", part.repeat(room / part.len()));
        let _ = render_j2(&text, &markers(), Path::new("Dockerfile.j2"));
    }
    let large = "x".repeat(limits::TEMPLATE + 1);
    let said = render_j2(&large, &markers(), Path::new("Dockerfile.j2")).unwrap_err();
    assert_eq!(said.message(), "this template has more than 65536 bytes");
}

/// Lists in lists are no fuel: their time is limited.
#[test]
fn what_has_no_end_is_not_waited_for() {
    let text = "{% set n = namespace(a=[1]) %}{% for i in range(60) %}{% set n.a = n.a + n.a %}{% endfor %}";
    let said = render_j2(text, &markers(), Path::new("Dockerfile.j2")).unwrap_err();
    assert_eq!(said.message(), "this template runs for too long");
}
