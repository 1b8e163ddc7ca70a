//! What of a ROOT is not in its image, by which rule of the builder. Source of the list's format:
//! `bob/README.md`.

use serde::Serialize;

/// One path that was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    /// The builder's name of the rule.
    pub rule: String,
    /// Bytes.
    pub size: u64,
    /// Without `/` at its beginning; what is not UTF-8 in it is replaced.
    pub path: String,
}

/// Reads the builder's list: rule, bytes and path, each of which ends in NUL. Nothing if it is malformed.
pub fn parse(list: &[u8]) -> Option<Vec<LeftOut>> {
    let Some(list) = list.strip_suffix(b"\0") else {
        return list.is_empty().then(Vec::new);
    };
    let strings = list.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let strings = strings.map(std::borrow::Cow::into_owned).collect::<Vec<_>>();
    let one = |triple: &[String]| match triple {
        [rule, size, path] => {
            let (rule, path) = (rule.clone(), path.clone());
            Some(LeftOut { rule, size: size.parse().ok()?, path })
        }
        _ => None,
    };
    strings.chunks(3).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builders_list_is_read_whatever_names_are_in_it() {
        let list = b"headers\x004\0usr/include/a\nb.h\0emptied\x000\0usr/\xff\0";
        let found = parse(list).unwrap();
        let found = found.iter().map(|one| (one.rule.as_str(), one.size, one.path.as_str()));
        let expected = [("headers", 4, "usr/include/a\nb.h"), ("emptied", 0, "usr/\u{fffd}")];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(parse(b""), Some(vec![]));
        for wrong in [&b"headers\x004\0"[..], b"headers\0four\0a\0", b"headers"] {
            assert_eq!(parse(wrong), None);
        }
    }
}
