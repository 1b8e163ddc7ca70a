//! Docker's own documented cases, and that the normal form is one.

use super::*;

fn parse(text: &str) -> Result<Reference, Malformed> {
    text.parse()
}

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// As the documentation of `distribution/reference` and its tests have them.
#[test]
fn normal_forms() {
    let cases = [
        ("debian", "docker.io/library/debian:latest", "debian:latest"),
        ("debian:12", "docker.io/library/debian:12", "debian:12"),
        ("library/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("docker.io/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("docker.io/library/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("index.docker.io/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"),
        ("docker.io/a/b:t", "docker.io/a/b:t", "a/b:t"),
        ("a/b/c", "docker.io/a/b/c:latest", "a/b/c:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("library", "docker.io/library/library:latest", "library:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost", "docker.io/library/localhost:latest", "localhost:latest"),
        ("localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("Host/x", "Host/x:latest", "Host/x:latest"),
        ("10.0.0.1:80/x", "10.0.0.1:80/x:latest", "10.0.0.1:80/x:latest"),
        ("[::1]:5000/x:1", "[::1]:5000/x:1", "[::1]:5000/x:1"),
        ("[fd00::2]/x", "[fd00::2]/x:latest", "[fd00::2]/x:latest"),
        ("quay.io/a/b", "quay.io/a/b:latest", "quay.io/a/b:latest"),
        // Of a name with a registry's look at Docker's own, the short form would be another image's.
        ("docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"),
        ("docker.io/localhost/c:1", "docker.io/localhost/c:1", "docker.io/localhost/c:1"),
        ("a__b/c---d/e.f_g", "docker.io/a__b/c---d/e.f_g:latest", "a__b/c---d/e.f_g:latest"),
        ("x:_A.-b", "docker.io/library/x:_A.-b", "x:_A.-b"),
    ];
    for (text, normal, shown) in cases {
        let reference = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((reference.normal().as_str(), reference.to_string().as_str()), (normal, shown));
        assert_eq!(parse(normal).unwrap(), reference, "{text}");
        assert_eq!(parse(shown).unwrap(), reference, "{text}");
    }
}

#[test]
fn a_digest_says_which_image_it_is_whatever_the_tag() {
    let one = parse(&format!("debian@{DIGEST}")).unwrap();
    assert_eq!(parse(&format!("docker.io/debian:12@{DIGEST}")).unwrap(), one);
    assert_eq!(one.normal(), format!("docker.io/library/debian@{DIGEST}"));
    assert_eq!((one.tag(), one.digest()), (None, Some(DIGEST)));
    assert_ne!(parse("debian").unwrap(), one);
}

#[test]
fn what_is_no_reference() {
    let long = ["a".repeat(256), format!("x:{}", "t".repeat(129)), "a/".repeat(600) + "a"];
    let hex = "0123456789abcdef".repeat(4);
    let odd = [
        "",
        "/",
        ":",
        "@",
        "a/",
        "/a",
        "a//b",
        ":tag",
        "x:",
        "x:-t",
        "x:.t",
        "x:a/b",
        "x:a:b",
        "Debian",
        "a/B",
        "a/b/C:t",
        "a..b",
        "a___b",
        "a._b",
        "-a",
        "a-",
        "_a",
        "a_",
        ".a",
        "a.",
        "a b",
        "a\nb",
        "ä",
        "x:ä",
        "$x",
        "${x}",
        "a.-b/c",
        "a:b/c",
        "-a.b/c",
        "[::1/x",
        "[]/x",
        "[g::1]:1/x",
        "x@sha256",
        "x@sha256:",
        "x@sha256:00",
        "x@md5:d41d8cd98f00b204e9800998ecf8427e",
        "x@",
        "https://a.b/c",
        "a.b:80:80/c",
        "a.b:x/c",
        "docker.io/",
        "docker.io//x",
    ];
    let digests = [DIGEST.to_uppercase(), DIGEST.replace('b', "B"), format!("{DIGEST}0")];
    let digests = digests.map(|digest| format!("x@{digest}"));
    let all = odd.iter().map(|text| (*text).to_owned()).chain(long).chain([hex]).chain(digests);
    for text in all {
        assert!(parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn names_below_a_namespace() {
    let cases = [
        ("ns/x", "ns", Some("x")),
        ("docker.io/ns/x:1", "ns", Some("x")),
        ("ns/x", "docker.io/ns", Some("x")),
        ("ns/x", "index.docker.io/ns", Some("x")),
        ("localhost/ns/x", "ns", Some("x")),
        ("ns/x/y", "ns", None),
        ("nsx/y", "ns", None),
        ("quay.io/ns/x", "ns", None),
        ("quay.io/ns/x", "quay.io/ns", Some("x")),
        ("quay.io/x", "quay.io", Some("x")),
        ("localhost/ns/x", "quay.io/ns", None),
        ("localhost:5000/a/b/x", "localhost:5000/a/b", Some("x")),
        ("x", "ns", None),
    ];
    for (reference, namespace, name) in cases {
        assert_eq!(parse(reference).unwrap().below(namespace), name, "{reference} {namespace}");
    }
}

/// Over names put together of what matters to the grammar.
#[test]
fn the_normal_form_is_its_own_and_all_spellings_lead_to_it() {
    let mut random = fastrand::Rng::with_seed(7);
    let pieces = [
        "a",
        "b9",
        "library",
        "localhost",
        "docker.io",
        "index.docker.io",
        "A",
        "x.y",
        "q",
        ".",
        "_",
        "__",
        "-",
        "--",
        "/",
        "/",
        "/",
        ":",
        ":",
        "@",
        "5000",
        "latest",
        DIGEST,
        "[::1]",
        "é",
        "",
    ];
    let mut good = 0;
    for _ in 0..200_000 {
        let count = random.usize(1..8);
        let text = (0..count).map(|_| pieces[random.usize(..pieces.len())]).collect::<String>();
        let Ok(reference) = parse(&text) else { continue };
        good += 1;
        for form in [reference.normal(), reference.to_string()] {
            assert_eq!(parse(&form).as_ref(), Ok(&reference), "{text} as {form}");
        }
        assert_eq!(parse(&reference.normal()).unwrap().normal(), reference.normal());
        assert_eq!(spelling(&spelling(&text)), spelling(&text));
    }
    assert!(good > 5_000, "{good}");
}
