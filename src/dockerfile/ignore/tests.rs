use super::*;

fn excluded(text: &str, path: &str) -> bool {
    Ignore::parse(Path::new(".dockerignore"), text).unwrap().excludes(path)
}

#[test]
fn the_last_match_wins() {
    let table = [
        ("", "a", false),
        ("a", "a", true),
        ("a", "a/b/c", true),
        ("a", "b/a", false),
        ("a/", "a/b", true),
        ("/a", "a", true),
        ("./a", "a", true),
        ("  a  ", "a", true),
        ("b/../a", "a", true),
        ("# a\na", "a", true),
        ("#a", "#a", false),
        (r"\#a", "#a", true),
        (" #a", "#a", true),
        ("*.md", "a.md", true),
        ("*.md", "d/a.md", false),
        ("**/*.md", "d/e/a.md", true),
        ("**/*.md", "a.md", true),
        ("*/*.md", "d/a.md", true),
        ("a?", "ab", true),
        ("*.md\n!README.md", "README.md", false),
        ("*.md\n!README.md\nREADME*", "README.md", true),
        ("!README.md\n*.md", "README.md", true),
        ("a\n!a/b", "a/b", false),
        ("a\n!a/b", "a/c", true),
        ("a\n!a/b", "a/b/c", false),
        ("*\n!keep", "keep/x/y", false),
        ("*\n!keep", "other", true),
        ("*\n!**/*.conf", "d/e.conf", false),
        ("*\n! /keep", "keep", false),
        ("a/**", "a/b", true),
        (".", "a", false),
        ("/", "a", false),
        ("../a", "a", false),
        ("**", "a/b", true),
        ("a\r\nb\r\n", "a", true),
        ("\u{feff}a", "a", true),
        ("d/[ab]", "d/b/x", true),
    ];
    for (text, path, wanted) in table {
        assert_eq!(excluded(text, path), wanted, "{text:?} {path}");
    }
}

#[test]
fn a_pattern_that_docker_refuses_has_a_place() {
    let file = Path::new("bb-dock/a/.dockerignore");
    let error = |text| crate::base::diag::render(&Ignore::parse(file, text).unwrap_err(), false);
    assert_eq!(
        error("*.md\n[a\n"),
        "\
error: `[a` is not a pattern
 --> bb-dock/a/.dockerignore:2:1
  |
2 | [a
  | ^^
hint: every `[` needs its `]`, a last `\\` a character after it, and it has an end within 1,024 characters
"
    );
    assert_eq!(
        error("*.md\n!\n"),
        "\
error: a `!` needs a pattern
 --> bb-dock/a/.dockerignore:2:1
  |
2 | !
  | ^
"
    );
}
