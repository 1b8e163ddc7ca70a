use super::reference::Random;
use super::{reference, *};

fn lookup(name: &str) -> Value {
    match name {
        "A" => Value::Known("a".to_owned()),
        "B" => Value::Known("b b".to_owned()),
        "V" => Value::Known("1.2.3.tar".to_owned()),
        "EMPTY" => Value::Known(String::new()),
        "ANY" => Value::Unknown,
        "ä" => Value::Known("umlaut".to_owned()),
        _ => Value::Unset,
    }
}

fn text(word: &str) -> String {
    expand(word, '\\', &lookup).map_or_else(|mistake| format!("! {}", mistake.message), |e| e.text)
}

/// <https://docs.docker.com/reference/dockerfile/#environment-replacement>
#[test]
fn the_documented_forms() {
    let table = [
        // Plain and in braces; names end where they end.
        ("a/$A/${A}x$Ax", "a/a/ax"),
        ("$A-$A.$A", "a-a.a"),
        ("${EMPTY}$EMPTY${NO}$NO", ""),
        ("$ $. 100%", "$ $. 100%"),
        ("$- $$ $12x ${12}${@}", "  x "),
        ("$ä${ä}", "umlautumlaut"),
        // Defaults and alternatives.
        ("${A:-x}${EMPTY:-x}${NO:-x}", "axx"),
        ("${A-x}${EMPTY-x}${NO-x}", "ax"),
        ("${A:+x}${EMPTY:+x}${NO:+x}", "x"),
        ("${A+x}${EMPTY+x}${NO+x}", "xx"),
        ("${A:?no}${A?no}${EMPTY?no}", "aa"),
        ("${NO:-${A}$B}", "ab b"),
        ("${NO:-}${NO-}${NO:+}", ""),
        // The word after the operator is one as all are: its quotes and braces count.
        (r#"${NO:-{"x":1}}"#, "{x:1}"),
        (r#"${NO:-{\"x\":1\}}"#, r#"{"x":1}"#),
        (r#"${A:-{"x":1}}"#, "a}"),
        (r#"${NO:-"p}q"}"#, "p}q"),
        (r"${NO:-'p}q'}", "p}q"),
        (r"${NO:-p\}q}", "p}q"),
        ("${NO:-${NO:-${NO:-x}}}", "x"),
        ("${NO:-a b}", "a b"),
        // Patterns.
        ("${V#1.}${V#x}", "2.3.tar1.2.3.tar"),
        ("${V#*.}|${V##*.}", "2.3.tar|tar"),
        ("${V%.*}|${V%%.*}", "1.2.3|1"),
        ("${V%.???}|${V%???}", "1.2.3|1.2.3."),
        ("${V/./-}|${V//./-}|${V//./}", "1-2.3.tar|1-2-3-tar|123tar"),
        ("${V//[0-9]/x}", "1.2.3.tar"),
        (r"${V/3.*/\/}", r"1.2.\/"),
        (r"${V/1*3/x}|${V/\*/x}", "x.tar|1.2.3.tar"),
        ("${NO#x}${NO/a/b}", ""),
        // Quotes and the escape character.
        ("'$A'\"$A\"", "$Aa"),
        (r"\$A\a\\", "$Aa\\"),
        (r#""\a\"\$A\\""#, r#"\a"$A\"#),
        (r"'\'", "\\"),
        (r"a\", "a"),
        ("\u{feff}x\u{feff}", "x\u{feff}"),
        // No words.
        ("${A", "! a `}` is missing"),
        ("${", "! a `}` is missing"),
        ("${}", "! there is no variable's name after `${`"),
        ("${{A}}", "! there is no variable's name after `${`"),
        ("${:-x}", "! there is no variable's name after `${`"),
        ("${A:}", "! `:}` is no operator of `${…}`"),
        ("${A:=x}", "! `:=` is no operator of `${…}`"),
        ("${A^}", "! `^` is no operator of `${…}`"),
        ("${ A}", "! ` ` is no operator of `${…}`"),
        ("${1a}", "! `a` is no operator of `${…}`"),
        ("${A:-\"}", "! this `\"` is never closed"),
        ("'a", "! this `'` is never closed"),
        ("\"a", "! this `\"` is never closed"),
        ("\"${A\"", "! `\"` is no operator of `${…}`"),
        ("\"$A", "! this `\"` is never closed"),
        ("${A/x}", "! a `/` is missing"),
        (r"${A#\x}", r"! `\x` is not a pattern"),
        ("${NO:?}", "! `NO` is not allowed to be unset"),
        ("${EMPTY:?}", "! `EMPTY` is not allowed to be empty"),
        ("${NO?give it}", "! `NO` is unset: give it"),
    ];
    for (word, wanted) in table {
        assert_eq!(text(word), wanted, "{word}");
    }
}

#[test]
fn a_mistake_knows_its_place() {
    let place = |word: &str| word[expand(word, '\\', &lookup).unwrap_err().range].to_owned();
    assert_eq!(place("x${A"), "${A");
    assert_eq!(place("x${}y"), "${}");
    assert_eq!(place("x'y"), "'y");
    assert_eq!(place("x${NO:-${A"), "${A");
    assert_eq!(place("x${NO:-y"), "${NO:-y");
    assert_eq!(place("x${A:=y}"), "${A:=");
    assert_eq!(place("x${NO:?y}z"), "${NO:?y}");
}

#[test]
fn says_which_variables_have_no_value() {
    let missing = |word: &str| {
        let found = expand(word, '\\', &lookup).unwrap().missing;
        found.into_iter().map(|m| (m.name, word[m.range].to_owned())).collect::<Vec<_>>()
    };
    let one = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    assert_eq!(missing("$A"), vec![]);
    assert_eq!(missing("x$NO/y"), one("NO", "$NO"));
    assert_eq!(missing("x${NO}y"), one("NO", "${NO}"));
    assert_eq!(missing("${ANY:-x}"), one("ANY", "${ANY:-x}"));
    assert_eq!(missing("${NO:-$ANY}"), one("ANY", "$ANY"));
    assert_eq!(missing("${A:-$ANY}${NO:+$ANY}"), vec![]);
    assert_eq!(missing("${ANY:?x}"), one("ANY", "${ANY:?x}"));
    assert_eq!(missing("${ANY%%x}"), one("ANY", "${ANY%%x}"));
    assert_eq!(missing("'$NO'"), vec![]);
}

#[test]
fn another_escape_character() {
    assert_eq!(expand(r"a\b`$A", '`', &lookup).unwrap().text, r"a\b$A");
}

#[test]
fn a_word_may_become_several() {
    let words = |word: &str| expand(word, '\\', &lookup).unwrap().words.join("|");
    assert_eq!(words("$B \"$B\" 'c d' e\\ f"), "b|b|b b|c d|e f");
    assert_eq!(words("$EMPTY \"\" x"), "x");
    assert_eq!(words("  a\u{a0}b  "), "a|b");
    assert_eq!(words("x\"y z\"$B"), "xy zb|b");
}

#[test]
fn splits_outside_of_quotes() {
    let words =
        |text: &str| split(text, '\\').into_iter().map(|r| text[r].to_owned()).collect::<Vec<_>>();
    assert_eq!(words("a  'b c' d\\ e"), ["a", "'b c'", "d\\ e"]);
    assert_eq!(words(r#"A="x y" B='\' C"#), [r#"A="x y""#, r"B='\'", "C"]);
    assert_eq!(words("a 'b c"), ["a", "'b c"]);
    assert_eq!(words("a\u{a0}b\u{3000}c"), ["a", "b", "c"]);
    assert_eq!(words("a b\\"), ["a", "b"]);
    assert_eq!(words("a \\"), ["a"]);
    assert_eq!(words("\"\" ''"), ["\"\"", "''"]);
    assert_eq!(words("  "), [""; 0]);
}

#[test]
fn heredocs_are_found_as_they_are_written() {
    let words = |line: &str| as_written(line).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
    assert_eq!(
        words(r#"RUN "a b" <<'E F' c\ d ${X:-y}$Z"#),
        ["RUN", "\"a b\"", "<<'E F'", "c\\ d", "${X:-y}$Z"]
    );
    assert_eq!(words("RUN echo it's <<E"), [""; 0]);
    assert_eq!(unquoted("'E'"), Some(("E".to_owned(), true)));
    assert_eq!(unquoted("E\"O\"F"), Some(("EOF".to_owned(), true)));
    assert_eq!(unquoted("EOF"), Some(("EOF".to_owned(), false)));
    assert_eq!(unquoted("A B"), None);
    assert_eq!(unquoted("'A"), None);
}

/// Both read 100,000 words that look like words, and find the same.
#[test]
fn random_words_are_what_the_documentation_says() {
    let mut random = Random::new(0x5eed_d0c6);
    let mut accepted = 0;
    for _ in 0..100_000 {
        let escape = if random.below(4) == 0 { '`' } else { '\\' };
        let word = random.word(escape, true);
        let ours = expand(&word, escape, &|name| match reference::value(name) {
            Some(value) => Value::Known(value.to_owned()),
            None => Value::Unset,
        });
        let theirs = reference::expand(&word, escape);
        assert_eq!(ours.ok().map(|e| e.text), theirs, "{word:?} with {escape:?}");
        accepted += usize::from(theirs.is_some());
    }
    assert!((30_000..90_000).contains(&accepted), "{accepted}");
}

#[test]
fn what_grows_is_refused() {
    let long = "x".repeat(limits::WORD / 2 + 1);
    let lookup = |_: &str| Value::Known(long.clone());
    let message = |word: &str| expand(word, '\\', &lookup).unwrap_err().message;
    let too_long = "with its variables, this is longer than 131072 bytes";
    assert_eq!(message("$A$A"), too_long);
    assert_eq!(message("\"$A$A"), too_long);
    assert_eq!(message("${A/x/yy$}"), "a `$` in what `${…/…/…}` puts in is not evaluated here");
    assert_eq!(message("${A//x/yyyy}"), "this pattern is too long for the variable's value");
    let deep = format!("{}{}", "${NO:-".repeat(100_000), "}".repeat(100_000));
    let nested = expand(&deep, '\\', &|_| Value::Unset).unwrap_err();
    assert_eq!(nested.message, "more than 100 `${…}` stand in each other");
    let quoted = format!("{}x", "\"${A:+".repeat(100_000));
    assert!(expand(&quoted, '\\', &lookup).is_err());
    // Not what is only looked at.
    let looked = expand(&"${A:+}".repeat(1_000), '\\', &lookup).unwrap();
    assert!(looked.text.is_empty() && looked.cost >= 1_000 * long.len());
}
