use super::*;

#[test]
fn matches_as_go_does() {
    let table = [
        ("*.conf", "a.conf", true),
        ("*.conf", "etc/a.conf", false),
        ("*", "a", true),
        ("*", "a/b", false),
        ("etc/*", "etc/a", true),
        ("a?c", "abc", true),
        ("a?c", "a/c", false),
        ("[a-c]x", "bx", true),
        ("[^a-c]x", "bx", false),
        ("[!a]", "!", true),
        ("[^a]", "/", true),
        (r"\*", "*", true),
        (r"\*", "a", false),
        (r"[\]]", "]", true),
        ("a.b", "axb", false),
        ("ü?", "üä", true),
        ("", "", true),
        ("", "a", false),
        ("a*b*c", "axxbxxc", true),
        ("a*b*c", "axxbxx", false),
    ];
    for (pattern, path, wanted) in table {
        for deep in [false, true] {
            let glob = Glob::new(pattern, deep).unwrap();
            assert_eq!(glob.matches(path), wanted, "{pattern} {path} {deep}");
        }
    }
}

#[test]
fn two_stars_cross_folders_where_they_have_a_meaning() {
    let table = [
        ("**", "a/b/c", true),
        ("**/c", "c", true),
        ("**/c", "a/b/c", true),
        ("**/c", "a/bc", false),
        ("a/**", "a/b/c", true),
        ("a/**", "a", false),
        ("a/**/c", "a/c", true),
        ("a/**/c", "a/b/b/c", true),
        ("a/**/c", "a/bc", false),
        ("**/*.go", "x/y.go", true),
        ("**c", "a/bc", true),
        ("**c*", "bc", false),
        ("***", "a/b", true),
    ];
    for (pattern, path, wanted) in table {
        assert_eq!(Glob::new(pattern, true).unwrap().matches(path), wanted, "{pattern} {path}");
    }
    assert!(!Glob::new("a/**", false).unwrap().matches("a/b/c"));
}

#[test]
fn a_folder_matches_for_what_is_in_it() {
    let glob = Glob::new("a/*", false).unwrap();
    assert!(glob.matches_or_parent("a/b/c/d"));
    assert!(!glob.matches_or_parent("b/a/c"));
}

#[test]
fn refuses_what_go_refuses() {
    for pattern in ["[", "[a", "[]", "[]a]", "[a-]", "[-a]", "[^]", r"a\", "[a-"] {
        assert_eq!(Glob::new(pattern, true), None, "{pattern}");
    }
}

#[test]
fn stays_fast_where_backtracking_would_not() {
    let glob = Glob::new(&"*a".repeat(60), true).unwrap();
    assert!(!glob.matches("a".repeat(3000).replace('a', "ab")));
}

#[test]
fn cleans_as_go_does() {
    let table = [
        ("./a//b/", "a/b"),
        ("/a/../b", "b"),
        ("../a", "../a"),
        ("/../a", "a"),
        ("a/../../b", "../b"),
        ("/", ""),
        (".", ""),
    ];
    for (path, wanted) in table {
        assert_eq!(clean(path), wanted, "{path}");
    }
}

#[test]
fn what_grows_is_no_pattern() {
    for part in ["?", "[a]", "[[", "a", "*a", "**/"] {
        assert_eq!(Glob::new(&part.repeat(100_000), true), None, "{part}");
    }
    // A star after a star says nothing new.
    assert!(Glob::new(&"*".repeat(1_000), false).unwrap().matches("abc"));
    assert!(Glob::new(&"a".repeat(1_000), false).is_some());
}
