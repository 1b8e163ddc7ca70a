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
        Err(error) => crate::diag::render(&error, false),
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
