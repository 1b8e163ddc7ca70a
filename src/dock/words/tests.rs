use super::*;

fn lookup(name: &str) -> Value {
    match name {
        "A" => Value::Known("a".to_owned()),
        "B" => Value::Known("b b".to_owned()),
        "EMPTY" => Value::Known(String::new()),
        "ANY" => Value::Unknown,
        _ => Value::Unset,
    }
}

#[test]
fn replaces_variables_and_removes_quotes() {
    let table = [
        ("a/$A/${A}x$Ax", "a/a/ax"),
        ("${A:-x}${EMPTY:-x}${NO:-x}", "axx"),
        ("${A-x}${EMPTY-x}${NO-x}", "ax"),
        ("${A:+x}${EMPTY:+x}${NO:+x}", "x"),
        ("${A+x}${EMPTY+x}${NO+x}", "xx"),
        ("${A:?no}", "a"),
        ("${NO:-${A}$B}", "ab b"),
        ("'$A'\"$A\"", "$Aa"),
        (r"\$A\a", "$Aa"),
        (r#""\a\"\$A""#, r#"\a"$A"#),
        ("$ $- 100%", "$  100%"),
    ];
    for (word, wanted) in table {
        assert_eq!(expand(word, '\\', &lookup).text, wanted, "{word}");
    }
}

#[test]
fn says_which_variables_have_no_value() {
    let missing = |word| {
        let found = expand(word, '\\', &lookup).missing;
        found.into_iter().map(|m| (m.name, &word[m.range], m.operator)).collect::<Vec<_>>()
    };
    let one = |name: &str, text, operator| vec![(name.to_owned(), text, operator)];
    assert_eq!(missing("$A"), vec![]);
    assert_eq!(missing("x$NO/y"), one("NO", "$NO", false));
    assert_eq!(missing("x${NO}y"), one("NO", "${NO}", false));
    assert_eq!(missing("${ANY:-x}"), one("ANY", "${ANY:-x}", false));
    assert_eq!(missing("${NO:-$ANY}"), one("ANY", "${NO:-$ANY}", false));
    assert_eq!(missing("${NO:?x}"), one("NO", "${NO:?x}", false));
    assert_eq!(missing("${A%%x}"), one("A", "${A%%x}", true));
    assert_eq!(missing("${A"), vec![]);
    assert_eq!(missing("'$NO'"), vec![]);
}

#[test]
fn another_escape_character() {
    assert_eq!(expand(r"a\b`$A", '`', &lookup).text, r"a\b$A");
}

#[test]
fn splits_outside_of_quotes() {
    let words = |text: &'static str| {
        split(text, '\\').map(|ranges| ranges.into_iter().map(|r| &text[r]).collect::<Vec<_>>())
    };
    assert_eq!(words("a  'b c' d\\ e"), Some(vec!["a", "'b c'", "d\\ e"]));
    assert_eq!(words(r#"A="x y" B='\' C"#), Some(vec![r#"A="x y""#, r"B='\'", "C"]));
    assert_eq!(words("a 'b"), None);
    assert_eq!(words("  "), Some(vec![]));
}
