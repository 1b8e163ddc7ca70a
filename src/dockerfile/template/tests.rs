use std::path::Path;

use super::*;

mod errors;

fn markers() -> Markers {
    Markers::from_iter([("NAMESPACE", "jdoe"), ("TAG", "20260701"), ("MAINTAINER", "Jane <j@d>")])
}

fn parsed(text: &str) -> Result<Template> {
    let docks = ["glibc", "busybox", "openssl"].iter().map(|name| name.parse().unwrap()).collect();
    let markers = markers();
    let file = Path::new("bb-dock/nginx/Dockerfile.template");
    let rendered = Rendered::from_template(file, text, &markers);
    parse(
        &rendered,
        Known {
            markers: &markers,
            docks: &docks,
            triggers: &BTreeMap::new(),
            architecture: Some("amd64"),
        },
    )
}

#[test]
fn triggers_of_the_image_below_are_the_childs_own_instructions() {
    let file = Path::new("bb-dock/x/Dockerfile.template");
    let markers = markers();
    let rendered = |text: &str| Rendered::from_template(file, text, &markers);
    let parent = "FROM a AS one\nONBUILD COPY no /\nFROM scratch\nENV V=a\nONBUILD COPY . /app\n\
        ONBUILD  ADD \\\n  rootfs.tar /\nONBUILD COPY $V /v\nONBUILD COPY --from=jdoe/openssl /x /\n";
    let left = triggers(&rendered(parent)).unwrap();
    let rest = "COPY --from=jdoe/openssl /x /";
    assert_eq!(left, ["COPY . /app", "ADD   rootfs.tar /", "COPY $V /v", rest]);
    let docks = ["glibc", "busybox", "openssl"].map(|name| name.parse().unwrap()).into();
    let all = BTreeMap::from([("glibc".parse().unwrap(), left)]);
    let known =
        Known { markers: &markers, docks: &docks, triggers: &all, architecture: Some("amd64") };
    let template = parse(&rendered("FROM jdoe/glibc\nENV V=b\n"), known).unwrap();
    let sources = template.copies.iter().map(|copy| copy.source.clone()).collect::<Vec<_>>();
    assert_eq!(sources, [Source::Path(".".into()), Source::Rootfs, Source::Everything]);
    assert!(template.uses_rootfs && template.copies.iter().all(|copy| copy.triggered));
    assert_eq!(template.docks().len(), 2);
    // In the direct child only; and a stage is one, too.
    assert!(parse(&rendered("FROM jdoe/busybox\n"), known).unwrap().copies.is_empty());
    let stages = "FROM scratch AS a\nONBUILD COPY f /\nFROM a AS b\nFROM b\n";
    assert_eq!(parse(&rendered(stages), known).unwrap().copies.len(), 1);
}

/// `role kind reference @written` of every parent.
fn parents(text: &str) -> Vec<String> {
    let show = |parent: &Parent| {
        let kind = match &parent.target {
            ParentKind::Scratch => "scratch".to_owned(),
            ParentKind::Stage => "stage".to_owned(),
            ParentKind::Dock(name) => format!("dock {name}"),
            ParentKind::External(_) => "external".to_owned(),
        };
        let written = &text[parent.span.clone()];
        format!("{:?} {kind} {} @{written}", parent.role, parent.reference)
    };
    parsed(text).unwrap().parents.iter().map(show).collect()
}

/// Sources as `kind:path`, in the order of the file.
fn sources(copies: &[CopySource]) -> Vec<String> {
    let show = |copy: &CopySource| match &copy.source {
        Source::Rootfs => "rootfs".to_owned(),
        Source::Everything => "*".to_owned(),
        Source::Path(path) => path.clone(),
        Source::Mounted(path) => format!("mounted:{path}"),
        Source::Url(url) => format!("url:{url}"),
    };
    copies.iter().map(show).collect()
}

fn copies(text: &str) -> Vec<String> {
    sources(&parsed(&format!("FROM scratch\n{text}\n")).unwrap().copies)
}

#[test]
fn a_parent_is_a_dock_an_image_a_stage_or_nothing() {
    let table = [
        ("FROM scratch", "From scratch scratch @scratch"),
        ("FROM ${NAMESPACE}/glibc", "From dock glibc jdoe/glibc @${NAMESPACE}/glibc"),
        ("from jdoe/glibc:latest", "From dock glibc jdoe/glibc:latest @jdoe/glibc:latest"),
        ("FROM jdoe/glibc:${TAG} AS x", "From dock glibc jdoe/glibc:20260701 @jdoe/glibc:${TAG}"),
        ("FROM docker.io/jdoe/glibc", "From dock glibc docker.io/jdoe/glibc @docker.io/jdoe/glibc"),
        ("FROM jdoe/glibc:1", "From external jdoe/glibc:1 @jdoe/glibc:1"),
        ("FROM jdoe/other:1", "From external jdoe/other:1 @jdoe/other:1"),
        (
            "FROM jdoe/glibc@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "From external jdoe/glibc@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad \
             @jdoe/glibc@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ("FROM jdoe/a/b", "From external jdoe/a/b @jdoe/a/b"),
        ("FROM glibc", "From external glibc @glibc"),
        ("FROM r.io:5000/jdoe/glibc", "From external r.io:5000/jdoe/glibc @r.io:5000/jdoe/glibc"),
        ("FROM --platform=$BUILDPLATFORM alpine", "From external alpine @alpine"),
        ("FROM --platform=${TARGETOS}/$TARGETARCH alpine", "From external alpine @alpine"),
        (
            "ARG TARGETPLATFORM\nFROM --platform=$TARGETPLATFORM alpine",
            "From external alpine @alpine",
        ),
        ("FROM --platform=linux/x86_64 alpine", "From external alpine @alpine"),
        ("FROM --platform= alpine", "From external alpine @alpine"),
        ("ARG V=3\nFROM alpine:$V", "From external alpine:3 @alpine:$V"),
        ("ARG A=1\nARG V=3.$A\nFROM alpine:${V}", "From external alpine:3.1 @alpine:${V}"),
        ("ARG V\nFROM alpine:${V:-4}", "From external alpine:4 @alpine:${V:-4}"),
        ("FROM alpine:${V-4}", "From external alpine:4 @alpine:${V-4}"),
        ("ARG V=3\nFROM a${V:+:x}", "From external a:x @a${V:+:x}"),
        ("ARG B=${NAMESPACE}/glibc\nFROM $B", "From dock glibc jdoe/glibc @$B"),
        ("ARG B=\"a:1\" C=2\nFROM $B$C", "From external a:12 @$B$C"),
        ("FROM \\\n # c\n alpine", "From external alpine @alpine"),
    ];
    for (text, wanted) in table {
        assert_eq!(parents(text), [wanted], "{text}");
    }
}

#[test]
fn every_stage_counts() {
    let text = "FROM alpine AS Build\nRUN x\nFROM build AS two\nCOPY --from=0 /a /a\n\
                COPY --from=BUILD /a /a\nFROM ${NAMESPACE}/busybox\nCOPY --from=jdoe/openssl /b /\n\
                COPY --from=jdoe/glibc:${TAG} /b /\n";
    let wanted = [
        "From external alpine @alpine",
        "From stage build @build",
        "CopyFrom stage 0 @0",
        "CopyFrom stage BUILD @BUILD",
        "From dock busybox jdoe/busybox @${NAMESPACE}/busybox",
        "CopyFrom dock openssl jdoe/openssl @jdoe/openssl",
        "CopyFrom dock glibc jdoe/glibc:20260701 @jdoe/glibc:${TAG}",
    ];
    assert_eq!(parents(text), wanted);
    let template = parsed(text).unwrap();
    let names: Vec<_> = template.docks().into_iter().map(DockName::as_str).collect();
    assert_eq!(names, ["busybox", "glibc", "openssl"]);
}

#[test]
fn a_heredoc_or_a_comment_has_no_from() {
    let text = "# FROM x\nFROM scratch\nCOPY <<EOF /x\nFROM jdoe/nothing\nEOF\n";
    assert_eq!(parents(text), ["From scratch scratch @scratch"]);
    assert_eq!(parsed(text).unwrap().copies, []);
}

#[test]
fn copies_are_what_comes_from_the_context() {
    let table: [(&str, &[&str]); 15] = [
        ("COPY a b/ /c/", &["a", "b/"]),
        ("copy --chown=1:1 --chmod=755 a /c/", &["a"]),
        ("COPY [\"a b\", \"c\", \"/d/\"]", &["a b", "c"]),
        ("COPY --from=alpine a /c", &[]),
        (
            "ADD http://x/y https://x git@g:x /z",
            &["url:http://x/y", "url:https://x", "url:git@g:x"],
        ),
        ("ADD rootfs.tar /", &["rootfs"]),
        ("COPY <<EOF a /c/\nEOF", &["a"]),
        ("ARG A=x\nCOPY $A/y /c", &["x/y"]),
        ("ARG A=x\nENV A=z B=$A\nCOPY $A$B /c", &["zx"]),
        ("ENV A x y\nCOPY $A /c", &["x y"]),
        ("ENV A='x y'\nCOPY $A /c", &["x y"]),
        ("ARG A\nCOPY $A /c", &["*"]),
        ("COPY $A /c", &["*"]),
        ("COPY ${A:-x} /c", &["*"]),
        ("ENV A=$PATH\nCOPY a$A b /c", &["*", "b"]),
    ];
    for (text, wanted) in table {
        assert_eq!(copies(text), wanted, "{text}");
    }
}

#[test]
fn variables_pass_from_stage_to_stage_as_in_docker() {
    let text = "ARG G=g\nFROM scratch AS a\nARG G\nENV E=e\nCOPY $G$E /\nFROM a\nCOPY $E /\n\
                COPY $G /\nFROM scratch\nCOPY $E /\n";
    let template = parsed(text).unwrap();
    assert_eq!(sources(&template.copies), ["ge", "e", "*", "*"]);
    let stages: Vec<_> = template.copies.iter().map(|copy| copy.stage).collect();
    assert_eq!(stages, [0, 1, 1, 2]);
}

#[test]
fn knows_the_rootfs_and_run() {
    let flags = |text: &str| {
        let template = parsed(&format!("FROM scratch\n{text}\n")).unwrap();
        (template.uses_rootfs, template.has_run)
    };
    for text in ["ADD rootfs.tar /", "COPY ./rootfs.tar /", "add [\"/rootfs.tar\", \"/\"]"] {
        assert_eq!(flags(text), (true, false), "{text}");
    }
    assert_eq!(flags("RUN true"), (false, true));
    for text in ["COPY --from=alpine rootfs.tar /", "ADD a/rootfs.tar /", "# ADD rootfs.tar /"] {
        assert_eq!(flags(text), (false, false), "{text}");
    }
    assert_eq!(flags("CMD run"), (false, false));
    assert_eq!(flags("ONBUILD RUN x"), (false, false));
}

#[test]
fn onbuild_takes_from_the_context_of_the_child() {
    let template = parsed("FROM scratch\nONBUILD COPY . /x\nCOPY a /\n").unwrap();
    assert_eq!(sources(&template.onbuild_copies), ["."]);
    assert_eq!(sources(&template.copies), ["a"]);
}

#[test]
fn the_base_is_found_through_stages() {
    let base = |text: &str| {
        let template = parsed(text).unwrap();
        template.base().map(|parent| parent.reference.clone())
    };
    let some = |name: &str| Some(name.to_owned());
    let stages = "FROM jdoe/glibc AS one\nFROM jdoe/busybox AS two\nFROM scratch AS three\n";
    assert_eq!(base(&format!("{stages}FROM one\n")), some("jdoe/glibc"));
    assert_eq!(base(&format!("{stages}FROM two\n")), some("jdoe/busybox"));
    assert_eq!(base(&format!("{stages}FROM three\n")), None);
    assert_eq!(
        base(&format!("{stages}FROM one AS four\nFROM two\nFROM FOUR\n")),
        some("jdoe/glibc")
    );
    assert_eq!(base("FROM jdoe/glibc\nFROM scratch AS two\n"), None);
    assert_eq!(base("FROM scratch AS jdoe\nFROM alpine\nFROM jdoe\n"), None);
    // A stage is known by its name only once it is finished.
    assert_eq!(base("FROM alpine AS alpine\nFROM alpine\n"), some("alpine"));
}

#[test]
fn only_the_last_stages_labels_count() {
    let labels =
        |text: &str| parsed(text).unwrap().labels.into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(labels("FROM a AS b\nLABEL x=1\nFROM a\nLABEL y=1\n"), "y");
    assert_eq!(labels("FROM a AS b\nLABEL x=1\nFROM a\nFROM b\nENV N=z\nLABEL $N=1 $U=2\n"), "x z");
}

#[test]
fn labels_of_a_dockerfile() {
    let names = |text: &str| {
        let file = Path::new("Dockerfile");
        let dockerfile = Rendered::from_template(file, text, &Markers::default());
        labels(&dockerfile).into_iter().collect::<Vec<_>>().join(",")
    };
    let text = "FROM a\nENV N=n\nLABEL x=1 \"y z\"='2' \\\n w.v=3\nLABEL old form\nLABEL ${N}o=1\n";
    assert_eq!(names(text), "no,old,w.v,x,y z");
    // Only the last stage's count, and those of the stages below it.
    assert_eq!(names("FROM a AS b\nLABEL x=1\nFROM a\nLABEL y=1\n"), "y");
    assert_eq!(names("FROM a AS b\nLABEL x=1\nFROM a AS c\nLABEL z=1\nFROM b\nLABEL y=1\n"), "x,y");
    assert_eq!(names("FROM a AS b\nLABEL x=1\nFROM scratch\nCOPY --from=b /f /f\n"), "");
}
