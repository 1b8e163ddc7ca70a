//! Settings from text and variables: what wins, what is refused, where each is from.

use super::*;
use crate::base::secret::without_secrets;

fn resolve(text: &str, env: &[(&str, &str)]) -> Result<Settings> {
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Settings::resolve(Path::new("bb.toml"), text, &env)
}

fn rendered(text: &str) -> String {
    crate::base::diag::render(&resolve(text, &[]).unwrap_err(), false)
}

#[test]
fn environment_wins_over_file_and_file_over_defaults() {
    let s = resolve("namespace = 'a'\ntag = 'x'", &[("NAMESPACE", "jdoe"), ("TAG", "")]).unwrap();
    assert_eq!((s.namespace.as_str(), s.tag.as_str(), s.arch.as_str()), ("jdoe", "x", "amd64"));
}

#[test]
fn build_settings_extend_the_defaults() {
    let s = resolve("[build]\nUSE = 'ssl'", &[]).unwrap();
    assert_eq!(s.build["USE"], "ssl");
    assert_eq!(s.build["CFLAGS"], "-O2 -pipe");
}

#[test]
fn an_unknown_key_is_shown_with_line_and_caret() {
    let text = rendered("tag = 'x'\nnamspace = 'a'\n");
    assert!(text.starts_with("error: unknown field `namspace`, expected one of"), "{text}");
    assert!(text.contains("--> bb.toml:2:1"), "{text}");
    assert!(text.contains("2 | namspace = 'a'\n  | ^^^^^^^^"), "{text}");
}

#[test]
fn a_reserved_variable_is_refused_where_it_stands() {
    let text = rendered("[build]\nPKGDIR = '/x'\n");
    assert!(text.starts_with("error: `PKGDIR` is set by the builder itself"), "{text}");
    assert!(text.contains("--> bb.toml:2:1"), "{text}");
}

#[test]
fn names_that_docker_refuses_are_refused() {
    assert!(
        rendered("namespace = 'Big'").starts_with("error: `Big` cannot be used as namespace\n")
    );
    assert!(rendered("tag = '-x'").starts_with("error: `-x` cannot be used as tag\n"));
}

/// Name, value and source of what is not as nobody has said anything.
fn effective(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let all = resolve(text, env).unwrap().effective().into_iter();
    let said = all.filter(|s| s.source != Source::Default);
    said.map(|s| format!("{} = {} ({})", s.name, s.value.lines().join(" | "), s.source)).collect()
}

#[test]
fn every_setting_has_the_source_that_wins() {
    assert_eq!(effective("", &[("NAMESPACE", "")]), [""; 0]);
    let text = "\ntag = 'x'\nmirrors = [\n  '/a',\n]\n[labels]\nrevision = '1'\nvendor = 'me'\n\
                [build]\nCFLAGS = '-O1'\n[trust]\nkeyring = 'k'\nkey_urls = []\n\
                [task.notes]\nrun = 'make'\n";
    let env = [
        ("NAMESPACE", "jdoe"),
        ("REVISION", "2"),
        ("BB_KEYRING", "e"),
        ("BB_SKIP_VERIFY", "0"),
        ("XDG_DATA_HOME", "relative"),
        ("HOME", "/h"),
        ("DATE", "20260101"),
        ("EXCLUDE", "a, b"),
    ];
    assert_eq!(
        effective(text, &env),
        [
            "namespace = jdoe (NAMESPACE)",
            "tag = x (bb.toml:2)",
            "exclude = a | b (EXCLUDE)",
            "mirrors = /a (bb.toml:3)",
            "date = 20260101 (DATE)",
            "trust.keyring = e (BB_KEYRING)",
            "trust.key_urls =  (bb.toml:13)",
            "own_keys = /h/.local/share/gentoo-bb/keys (HOME)",
            "skip_verify = false (BB_SKIP_VERIFY)",
            "build.CFLAGS = -O1 (bb.toml:10)",
            "labels.revision = 2 (REVISION)",
            "labels.vendor = me (bb.toml:8)",
            "task.notes = make (bb.toml:14)",
        ]
    );
}

#[test]
fn nobody_sees_a_password() {
    for (text, shown) in [
        ("", ""),
        ("https://host:80/a@b", "https://host:80/a@b"),
        ("https://[::1]:80/a@b", "https://[::1]:80/a@b"),
        ("https://token@host", "https://***@host"),
        ("https://me:a/b@c@host/x y://u:p@h", "https://***@host/x y://***@h"),
        ("https://me:p@ss@host/x@y", "https://***@host/x@y"),
        ("tcp://me:pa?ss@host:2375", "tcp://***@host:2375"),
        ("://@", "://***@"),
    ] {
        assert_eq!(without_secrets(text), shown, "{text}");
    }
}

#[test]
fn what_is_yes_and_what_is_no() {
    let skips = |said: &str| resolve("", &[("BB_SKIP_VERIFY", said)]).map(|s| s.skip_verify);
    for said in ["1", "true", "yes", "on", "TRUE", "On"] {
        assert_eq!(skips(said), Ok(true), "{said}");
    }
    for said in ["", "0", "false", "no", "off", "False", "NO"] {
        assert_eq!(skips(said), Ok(false), "{said}");
    }
    for said in ["2", "-1", "y", "n", "ja", " 1", "01", "none", "disable"] {
        let error = skips(said).unwrap_err();
        assert_eq!(error.exit(), crate::Exit::Config);
        let message = format!("`BB_SKIP_VERIFY` is `{said}`, which is neither yes nor no");
        assert_eq!(error.message(), message);
    }
}

#[test]
fn a_secret_is_in_a_file_or_in_a_variable_and_shown_nowhere() {
    let text = "[secrets]\na = { file = \"x/y\" }\nb = { env = \"T\" }\nc = { env = \"NONE\" }\n";
    let env = BTreeMap::from([("T".to_owned(), "hush".to_owned())]);
    let settings = Settings::resolve(Path::new("bb.toml"), text, &env).unwrap();
    assert_eq!(settings.secrets["a"], Secret::File("x/y".into()));
    let Secret::Variable(_, Some(value)) = &settings.secrets["b"] else { panic!() };
    assert_eq!(value.0, "hush");
    assert_eq!(settings.secrets["c"], Secret::Variable("NONE".into(), None));
    assert!(!format!("{settings:?} {:?}", settings.effective()).contains("hush"));
    for wrong in ["{}", "{ file = \"a\", env = \"B\" }"] {
        let text = format!("[secrets]\na = {wrong}\n");
        let error = Settings::resolve(Path::new("bb.toml"), &text, &env).unwrap_err();
        assert_eq!(error.message(), "the secret `a` is in a file or in a variable");
        assert_eq!(&text[error.place().unwrap().span.clone()], wrong);
    }
}
