use super::*;

fn error(text: &str) -> String {
    let error = parsed(text).unwrap_err();
    assert_eq!(error.exit(), crate::Exit::Config);
    crate::base::diag::render(&error, false)
}

#[test]
fn a_parent_of_our_own_must_exist() {
    assert_eq!(
        error("# x\nFROM ${NAMESPACE}/glibcc:${TAG}\n"),
        "\
error: parent `glibcc` is not in `bb-dock`
 --> bb-dock/nginx/Dockerfile.template:2:6
  |
2 | FROM ${NAMESPACE}/glibcc:${TAG}
  |      ^^^^^^^^^^^^^^^^^^^^^^^^^^
hint: did you mean `glibc`?
"
    );
    assert_eq!(
        error("FROM scratch\nCOPY --from=jdoe/mariadb /x /x\n"),
        "\
error: parent `mariadb` is not in `bb-dock`
 --> bb-dock/nginx/Dockerfile.template:2:13
  |
2 | COPY --from=jdoe/mariadb /x /x
  |             ^^^^^^^^^^^^
hint: make it with `bb new mariadb`, or name an image of another namespace
"
    );
}

#[test]
fn variables_in_from_must_have_a_value() {
    assert_eq!(
        error("FROM alpine:${VERSION}\n"),
        "\
error: undefined variable `VERSION` in FROM
 --> bb-dock/nginx/Dockerfile.template:1:13
  |
1 | FROM alpine:${VERSION}
  |             ^^^^^^^^^^
hint: add `ARG VERSION=…` before the first FROM, or use a marker: `${MAINTAINER}`, `${NAMESPACE}`, `${TAG}`
"
    );
    assert_eq!(
        error("FROM scratch AS x\nARG X=1\nFROM a:$X\n"),
        "\
error: undefined variable `X` in FROM
 --> bb-dock/nginx/Dockerfile.template:3:8
  |
3 | FROM a:$X
  |        ^^
hint: add `ARG X=…` before the first FROM, or use a marker: `${MAINTAINER}`, `${NAMESPACE}`, `${TAG}`
"
    );
    assert_eq!(
        error("ARG V\nFROM alpine:$V\n"),
        "\
error: `ARG V` has no value for FROM
 --> bb-dock/nginx/Dockerfile.template:2:13
  |
2 | FROM alpine:$V
  |             ^^
hint: give it one before the first FROM: `ARG V=…`
"
    );
    assert_eq!(
        error("FROM $NAMESPACE/glibc\n"),
        "\
error: undefined variable `NAMESPACE` in FROM
 --> bb-dock/nginx/Dockerfile.template:1:6
  |
1 | FROM $NAMESPACE/glibc
  |      ^^^^^^^^^^
hint: a marker is written `${NAMESPACE}`, with nothing else in the braces
"
    );
    assert_eq!(
        error("FROM ${NAMESPACE:-jdoe}/glibc\n"),
        "\
error: undefined variable `NAMESPACE` in FROM
 --> bb-dock/nginx/Dockerfile.template:1:6
  |
1 | FROM ${NAMESPACE:-jdoe}/glibc
  |      ^^^^^^^^^^^^^^^^^^
hint: a marker is written `${NAMESPACE}`, with nothing else in the braces
"
    );
    assert_eq!(
        error("ARG V=1.2\nFROM a:${V^}\n"),
        "\
error: `^` is no operator of `${…}`
 --> bb-dock/nginx/Dockerfile.template:2:8
  |
2 | FROM a:${V^}
  |        ^^^^
"
    );
    assert_eq!(
        error("FROM base-${TARGETARCH}\n"),
        "\
error: the image to build on cannot depend on `TARGETARCH`
 --> bb-dock/nginx/Dockerfile.template:1:11
  |
1 | FROM base-${TARGETARCH}
  |           ^^^^^^^^^^^^^
hint: `bb` must know it before the engine does; name one image
"
    );
    assert_eq!(
        error("ARG X=\nFROM $X\n"),
        "\
error: `FROM` needs an image
 --> bb-dock/nginx/Dockerfile.template:2:6
  |
2 | FROM $X
  |      ^^
"
    );
    assert_eq!(
        error("ARG X=alpine\nFROM scratch\nCOPY --from=$X a b\n"),
        "\
error: Docker replaces no variables in `--from`
 --> bb-dock/nginx/Dockerfile.template:3:13
  |
3 | COPY --from=$X a b
  |             ^^
hint: name a stage, `FROM IMAGE AS NAME`, and use its name here
"
    );
}

#[test]
fn a_template_needs_a_from() {
    assert_eq!(
        error(""),
        "\
error: there is no `FROM`
 --> bb-dock/nginx/Dockerfile.template:1:1
  |
1 |
  | ^
hint: begin with `FROM scratch` or with the image to build on
"
    );
    assert_eq!(
        error("# only this\nLABEL a=b\n"),
        "\
error: `LABEL` before the first `FROM`
 --> bb-dock/nginx/Dockerfile.template:2:1
  |
2 | LABEL a=b
  | ^^^^^
hint: only `ARG` may stand there
"
    );
    assert_eq!(
        error("FROM\n"),
        "\
error: `FROM` needs an image
 --> bb-dock/nginx/Dockerfile.template:1:1
  |
1 | FROM
  | ^^^^
"
    );
    assert_eq!(
        error("FROM scratch\nCOPY a\n"),
        "\
error: `COPY` needs a source and a target
 --> bb-dock/nginx/Dockerfile.template:2:1
  |
2 | COPY a
  | ^^^^^^
hint: `COPY SOURCE… TARGET`
"
    );
}

#[test]
fn an_image_for_another_machine_is_none_of_ours() {
    for (written, meant) in [
        ("linux/s390x", "linux/s390x"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("windows/amd64", "windows/amd64"),
        ("linux/$A", "linux/s390x"),
    ] {
        let text = format!("ARG A=s390x\nFROM --platform={written} alpine\n");
        let said = error(&text);
        let first = format!("error: images are built for `linux/amd64` here, not for `{meant}`\n");
        assert!(said.starts_with(&first), "{said}");
        let caret = format!("FROM --platform={written} alpine\n  |                 ^");
        assert!(said.contains(&caret), "{said}");
    }
    assert!(
        error("FROM --platform=$X alpine\n").starts_with("error: undefined variable `X` in FROM")
    );
    // What the plan has seen is not asked again.
    let text = "FROM --platform=linux/s390x a\n";
    let rendered = Rendered::from_template(Path::new("f"), text, &Markers::default());
    assert!(parse_rendered(&rendered).is_ok());
}
