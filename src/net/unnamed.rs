//! Why a host's name leads to no address, in words of our own: a resolver's own are of queries and records.
//!
//! Reads them, for the HTTP client keeps the error's type to itself. Asks nobody.

use std::error::Error;

/// Why a request came to nothing, if it is that its host's name leads nowhere.
pub(super) fn why(cause: &(dyn Error + 'static)) -> Option<String> {
    let (mut inner, mut named) = (cause, false);
    loop {
        let text = inner.to_string();
        named |= text.contains("dns error");
        match inner.source() {
            Some(source) => inner = source,
            None => return named.then(|| worded(&text)),
        }
    }
}

fn worded(resolver: &str) -> String {
    let known = [
        ("no records found", "it has no address"),
        ("timed out", "no name server answers"),
        ("no connections available", "no name server answers"),
    ];
    let known = known.iter().find(|(text, _)| resolver.contains(text));
    known.map_or_else(|| resolver.to_owned(), |(_, said)| (*said).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Said(&'static str, Option<Box<Said>>);

    impl std::fmt::Display for Said {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Said {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|inner| inner as _)
        }
    }

    #[test]
    fn a_resolver_does_not_speak_for_itself() {
        let said = |inner| why(&Said("dns error", Some(Box::new(Said(inner, None)))));
        let query = "no records found for Query { name: Name(\"x.\") }";
        assert_eq!(said(query).as_deref(), Some("it has no address"));
        assert_eq!(said("request timed out").as_deref(), Some("no name server answers"));
        assert_eq!(said("something else").as_deref(), Some("something else"));
        assert_eq!(why(&Said("connection refused", None)), None);
    }
}
