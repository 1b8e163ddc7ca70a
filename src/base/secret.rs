//! What nobody is to see: who asks, in an address, the values of its query, and the environment of tasks.
//!
//! Pure. Finds secrets by where they stand, for nothing else tells what is one.

use std::ops::Range;

/// Where Gentoo publishes the certificates of these keys: all in one file, and each in the web key
/// directory of its domain (the name is z-base-32 of SHA-1 of the address's local part).
/// Source: <https://www.gentoo.org/downloads/signatures/>.
pub const GENTOO_KEY_URLS: [&str; 3] = [
    "https://qa-reports.gentoo.org/output/service-keys.gpg",
    "https://gentoo.org/.well-known/openpgpkey/hu/wtktzo4gyuhzu8a4z5fdj3fgmr1u6tob?l=releng",
    "https://gentoo.org/.well-known/openpgpkey/hu/gzhmqtt9d5d1y1bw4ufs47npj5wn8pyx?l=infrastructure",
];

/// The text with `***` for who asks in each address, and for the values of its query.
///
/// ```
/// use gentoo_bb::base::secret::without_secrets;
/// assert_eq!(without_secrets("curl https://me:secret@host/a@b"), "curl https://***@host/a@b");
/// assert_eq!(without_secrets("https://host/a?token=x&y"), "https://host/a?token=***&***");
/// ```
pub fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for secret in secrets(text) {
        shown.push_str(&text[from..secret.start]);
        shown.push_str("***");
        from = secret.end;
    }
    shown + &text[from..]
}

/// The text of a file with each of its secrets as so many `*` as it has bytes: places in it stay the same.
pub fn hidden(text: &str) -> String {
    cover(text, secrets(text))
}

/// The same of the text of `bb.toml`, in which the environment of tasks is secret, too.
pub fn hidden_settings(text: &str) -> String {
    let text = hidden(text);
    let of_tasks = environment(&text);
    cover(&text, of_tasks)
}

fn cover(text: &str, secrets: Vec<Range<usize>>) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for secret in secrets {
        shown.push_str(&text[from..secret.start]);
        // Lines stay lines.
        let covered = text[secret.clone()].bytes();
        shown.extend(covered.map(|byte| if byte == b'\n' { '\n' } else { '*' }));
        from = secret.end;
    }
    shown + &text[from..]
}

/// Where secrets of addresses are, in order.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = vec![];
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + 3;
        let rest = &text[start..];
        let length = rest.find(|c: char| c.is_whitespace() || c.is_control());
        let address = &rest[..length.unwrap_or(rest.len())];
        if !is_public(address) {
            let who = who(address);
            // Over ssh a mere name is no secret, for the key is not in the address.
            let is_ssh = text[..start].ends_with("ssh://");
            let is_secret = |end: &usize| !is_ssh || address[..*end].contains(':');
            found.extend(who.filter(is_secret).map(|end| start..start + end));
            found.extend(
                query(address, who.unwrap_or(0))
                    .into_iter()
                    .map(|part| start + part.start..start + part.end),
            );
        }
        from = start + address.len();
    }
    found
}

/// One that everybody knows.
fn is_public(address: &str) -> bool {
    GENTOO_KEY_URLS
        .iter()
        .any(|url| url.split_once("://").is_some_and(|(_, known)| known == address))
}

/// Where who asks ends.
fn who(address: &str) -> Option<usize> {
    // A name for the host has no `:` but before a number: a `/` in what stands there is of a password.
    let host = address.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = host.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    let until = if host.contains('@') || is_host { host.len() } else { address.len() };
    address[..until].rfind('@')
}

/// The values of the query, or pieces of it that have no name.
fn query(address: &str, from: usize) -> Vec<Range<usize>> {
    let Some(mut at) = address[from..].find('?').map(|at| from + at + 1) else { return vec![] };
    let mut found = vec![];
    for piece in address[at..].split('&') {
        let value = piece.find('=').map_or(0, |equals| equals + 1);
        if value < piece.len() {
            found.push(at + value..at + piece.len());
        }
        at += piece.len() + 1;
    }
    found
}

/// Where the environment of tasks is written: what follows the `=` in and below `env`, whether the text is TOML
/// or something that is meant to be.
fn environment(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::<Range<usize>>::new();
    let mut table = String::new();
    let mut open = Open::default();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if open.goes_on() {
            found.push(at..at + content.len());
            open.take(content);
        } else if content.trim_start().starts_with('[') {
            content.clone_into(&mut table);
        } else if let Some((key, value)) = content.split_once('=') {
            if is_environment(&table) || is_environment(key) {
                let start = at + key.len() + 1;
                found.push(start..start + value.len());
                open.take(value);
            }
        } else if is_environment(&table) {
            found.push(at..at + content.len());
        }
        at += line.len();
    }
    found
}

/// Whether one of the words of a key, or of a table's name, is `env`.
fn is_environment(key: &str) -> bool {
    key.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').any(|word| word == "env")
}

/// What a value has begun and not ended.
#[derive(Debug, Default)]
struct Open {
    braces: usize,
    long_text: bool,
}

impl Open {
    fn take(&mut self, text: &str) {
        let marks = text.matches("\"\"\"").count() + text.matches("'''").count();
        self.long_text ^= marks % 2 == 1;
        self.braces += text.matches('{').count();
        self.braces = self.braces.saturating_sub(text.matches('}').count());
    }

    fn goes_on(&self) -> bool {
        self.braces > 0 || self.long_text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_tasks_is_hidden_and_nothing_else() {
        let text = "tag = 'x'\nmirrors = [\"https://me:pw@host/x\"]\n[task.a]\nrun = 'make'\n\
                    env = { TOKEN = \"hush\", B = 'hush' }\n[task.b]\nenv.C = \"\"\"\nhush\nhush\"\"\"\n\
                    [task.b.env]\nD = \"hush\nhush\n[task.c]\nenv = {\n  E = \"hush\"\n}\ninputs = ['env']\n";
        let shown = hidden_settings(text);
        assert!(!shown.contains("hush") && !shown.contains("pw"), "{shown}");
        assert_eq!(shown.len(), text.len());
        for kept in
            ["tag = 'x'\n", "@host/x\"]\n", "run = 'make'\n", "[task.b.env]\n", "inputs = ['env']"]
        {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
        assert_eq!(hidden_settings("namespace = 'a'\n"), "namespace = 'a'\n");
    }

    #[test]
    fn queries_are_hidden() {
        for (text, shown) in [
            ("https://h/x?token=abc", "https://h/x?token=***"),
            ("https://h/x?abc", "https://h/x?***"),
            ("https://u:p@h/x?a=b&c=&d#e y", "https://***@h/x?a=***&c=&*** y"),
            (GENTOO_KEY_URLS[1], GENTOO_KEY_URLS[1]),
        ] {
            assert_eq!(without_secrets(text), shown);
            assert_eq!(hidden(text).len(), text.len());
        }
    }
}
