use super::*;
use crate::dockerfile::scan::{self, Instruction};
use crate::dockerfile::{Markers, Rendered};

fn instruction(flag: &str) -> Instruction {
    let text = format!("RUN {flag} x\n");
    let source = Rendered::from_template("Dockerfile".as_ref(), &text, &Markers::default());
    scan::scan(&source).unwrap().instructions.remove(0)
}

fn mount(flag: &str) -> Result<Mount> {
    let at = instruction(&format!("--mount={flag}"));
    let flag = &at.flags[0];
    let fields = fields(&at, flag)?;
    let text = |field: &Field| field.value.as_ref().map(|word| word.text.clone());
    read(&at, flag, fields.into_iter().map(|field| (field.clone(), text(&field))).collect())
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(|value| value.text.as_deref()).unwrap_or("-")
}

/// A mount on one line.
fn shown(flag: &str) -> String {
    let m = mount(flag).unwrap_or_else(|fault| panic!("{flag}: {}", fault.message));
    let texts = [&m.from, &m.source, &m.target, &m.id, &m.env].map(|value| text(value.as_ref()));
    let access = if m.writable { "rw" } else { "ro" };
    format!("{} {} {access}", m.kind.name(), texts.join(" "))
}

#[test]
fn keys_are_buildkits() {
    let table = [
        ("target=/x", "bind - - /x - - ro"),
        ("TYPE=Bind,dst=/x,src=a,rw", "bind - a /x - - rw"),
        ("destination=/x,readonly=false,from=a", "bind a - /x - - rw"),
        ("target=/x,ro=0", "bind - - /x - - rw"),
        ("target=/x,readwrite=F", "bind - - /x - - ro"),
        ("target=/x,from=,source=", "bind - - /x - - ro"),
        ("type=cache,target=/x,id=a", "cache - - /x a - rw"),
        ("target=/x,type=cache,ro", "cache - - /x - - ro"),
        ("type=tmpfs,target=/x", "tmpfs - - /x - - rw"),
        ("type=secret,id=a,env=B", "secret - - - a B ro"),
        (r#"\"target=/a,b\",source=c"#, "bind - c /a,b - - ro"),
        (r#"\"target=/a\"\"b\""#, r#"bind - - /a"b - - ro"#),
        ("'target=/a b'", "bind - - /a b - - ro"),
        ("target=a=b", "bind - - a=b - - ro"),
    ];
    for (flag, wanted) in table {
        assert_eq!(shown(flag), wanted, "{flag}");
    }
    let cache = mount("type=cache,target=/x,sharing=LOCKED,mode=0750,uid=7,gid=8").unwrap();
    assert_eq!(cache.sharing, Sharing::Locked);
    assert_eq!((cache.mode, cache.uid, cache.gid), (Some(0o750), Some(7), Some(8)));
    let secret = |flag: &str| mount(&format!("type=secret,{flag}")).unwrap();
    assert_eq!(secret("target=/a/b/").secret().as_deref(), Some("b"));
    assert_eq!(secret("source=c,target=/a/b").secret().as_deref(), Some("c"));
    assert!(secret("id=a,required").required && !secret("id=a,required=false").required);
}

#[test]
fn sizes_are_dockers() {
    let table = [
        ("64", 64),
        ("1k", 1024),
        ("1.5K", 1536),
        ("64m", 64 << 20),
        ("2gb", 2 << 30),
        ("1 GiB", 1 << 30),
        ("0", 0),
    ];
    for (text, wanted) in table {
        assert_eq!(bytes(text), Some(wanted), "{text}");
    }
    for text in ["", "m", "-1", "1x", "1.2.3", "1kk", "k1", "1ib1"] {
        assert_eq!(bytes(text), None, "{text}");
    }
}

#[test]
fn a_misspelt_name_leads_to_the_nearest() {
    let hint = |flag: &str| mount(flag).unwrap_err().hint.unwrap_or_default();
    assert_eq!(hint("tagret=/x"), "did you mean `target`?");
    assert_eq!(hint("type=cahce,target=/x"), "did you mean `cache`?");
    assert_eq!(hint("type=cache,target=/x,sharing=locker"), "did you mean `locked`?");
    assert!(hint("qqq=1").starts_with("it has `type`, `from`, `source`"), "{}", hint("qqq=1"));
}

#[test]
fn nothing_is_mounted_where_boxes_have_their_own() {
    for own in ["", "dev", "dev/shm", "proc", "sys/x", "etc/hosts", "etc/resolv.conf"] {
        assert!(!is_free(own.as_bytes()), "{own}");
    }
    for free in ["device", "etc", "etc/hosts.d", "x/dev", "run/secrets/a"] {
        assert!(is_free(free.as_bytes()), "{free}");
    }
}

/// What is written into fields comes out of them, whatever it is.
#[test]
fn any_value_can_be_written() {
    let mut random = fastrand::Rng::with_seed(20_260_701);
    let letters = [',', '"', '=', 'a', '/', '.', 'ä', '\'', ' ', '\\', '$'];
    for _ in 0..2000 {
        let value = |random: &mut fastrand::Rng| {
            let length = random.usize(1..8);
            (0..length).map(|_| letters[random.usize(..letters.len())]).collect::<String>()
        };
        let (target, source) = (value(&mut random), value(&mut random));
        let field = |key: &str, value: &str| {
            format!("\"{}\"", format!("{key}={value}").replace('"', "\"\""))
        };
        let csv = format!("{},{}", field("target", &target), field("source", &source));
        let word = Word { range: 0..csv.len(), text: csv.clone() };
        let at = instruction("--mount=target=/x");
        let parts = separated(&at, &word).unwrap();
        let parts = parts.into_iter().map(|(part, _)| part).collect::<Vec<_>>();
        assert_eq!(parts, [format!("target={target}"), format!("source={source}")], "{csv}");
    }
}

/// No text makes it go wrong, and a place is one of the Dockerfile's.
#[test]
fn any_text_is_read_or_refused_with_its_place() {
    let mut random = fastrand::Rng::with_seed(20_260_702);
    let pieces = [
        "type=", "cache", "secret", "target=", "/x", ",", ",", "\"", "ro", "id=", "mode=7", "=",
        "ä", "\\\"", "size=1k", "$A", "'", "from=",
    ];
    for _ in 0..3000 {
        let length = random.usize(..9);
        let flag = (0..length).map(|_| pieces[random.usize(..pieces.len())]).collect::<String>();
        let text = format!("RUN --mount={flag} x\n");
        let at = instruction(&format!("--mount={flag}"));
        if at.flags.is_empty() {
            continue;
        }
        if let Err(fault) = mount(&flag) {
            assert!(text.get(fault.span.clone()).is_some(), "{text:?}: {:?}", fault.span);
        }
    }
}
