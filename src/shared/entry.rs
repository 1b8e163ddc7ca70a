//! What is said of a finished step: an in-toto statement with its files' digests, its key and its products.
//!
//! Text only. What is read here was signed by somebody who is trusted, and is checked all the same: names lead
//! nowhere, and nothing is said of another step.
//! Source: <https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::reference::is_id;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://gentoo-bb.invalid/step/v1";
/// No product is longer: they are digests.
const LONGEST: usize = 4096;

/// A file that a step left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name in the folder of the step's results.
    pub name: String,
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// What an entry of a step has.
#[derive(Debug, Clone)]
pub struct Form {
    /// The names of the files, in order.
    pub files: Vec<String>,
    /// The names of the products.
    pub products: &'static [&'static str],
}

/// What a step left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it depends on.
    pub key: String,
    /// `kind:name`, for people.
    pub step: String,
    /// Values that other steps depend on.
    pub products: BTreeMap<String, String>,
    /// By name.
    pub files: Vec<File>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Predicate {
    key: String,
    step: String,
    products: BTreeMap<String, String>,
    sizes: BTreeMap<String, u64>,
}

impl Entry {
    /// As it is signed.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let digest = |file: &File| BTreeMap::from([("sha256".to_owned(), file.sha256.clone())]);
        let subject = |file: &File| Subject { name: file.name.clone(), digest: digest(file) };
        let statement = Statement {
            kind: STATEMENT.to_owned(),
            subject: self.files.iter().map(subject).collect(),
            predicate_type: PREDICATE.to_owned(),
            predicate: Predicate {
                key: self.key.clone(),
                step: self.step.clone(),
                products: self.products.clone(),
                sizes: self.files.iter().map(|file| (file.name.clone(), file.size)).collect(),
            },
        };
        serde_json::to_vec(&statement).unwrap_or_default()
    }

    /// Reads a statement about a key, with the files and products of such a step and no others. What is wrong with it,
    /// else: a sentence's second half.
    pub(super) fn read(text: &[u8], key: &str, form: &Form) -> Result<Self, String> {
        let statement = serde_json::from_slice::<Statement>(text)
            .map_err(|e| format!("it is malformed: {e}"))?;
        let Statement { kind, subject, predicate_type, predicate } = statement;
        if kind != STATEMENT || predicate_type != PREDICATE {
            return Err("it is a statement about something else".to_owned());
        }
        let Predicate { key: own, step, products, sizes } = predicate;
        if own != key {
            return Err("it was signed for another key".to_owned());
        }
        let is_known = |(name, value): (&String, &String)| {
            form.products.contains(&name.as_str()) && value.len() <= LONGEST
        };
        if products.len() != form.products.len() || !products.iter().all(is_known) {
            return Err("its products are not those of such a step".to_owned());
        }
        let files =
            subject.into_iter().map(|subject| file(subject, &sizes)).collect::<Option<Vec<_>>>();
        let files = files.ok_or("it lacks the digest or the size of a file")?;
        if !files.iter().map(|file| &file.name).eq(&form.files) {
            return Err("its files are not those that such a step leaves".to_owned());
        }
        Ok(Self { key: own, step, products, files })
    }
}

fn file(Subject { name, digest }: Subject, sizes: &BTreeMap<String, u64>) -> Option<File> {
    let sha256 = digest.get("sha256").filter(|hex| is_id(hex))?.clone();
    let size = *sizes.get(&name)?;
    Some(File { name, sha256, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_counts_for_its_key_and_its_files_alone() {
        let file = |name: &str| File { name: name.to_owned(), sha256: "a".repeat(64), size: 7 };
        let entry = Entry {
            key: "k".to_owned(),
            step: "rootfs:a".to_owned(),
            products: [("tar".to_owned(), "1".to_owned())].into(),
            files: vec![file("a"), file("b")],
        };
        let text = entry.statement();
        let names = ["a", "b"].map(str::to_owned).to_vec();
        let form = |files: &[String]| Form { files: files.to_vec(), products: &["tar"] };
        assert_eq!(Entry::read(&text, "k", &form(&names)).unwrap(), entry);
        let why = |text: &str, key: &str, names: &[String]| {
            Entry::read(text.as_bytes(), key, &form(names)).unwrap_err()
        };
        let text = String::from_utf8(text).unwrap();
        assert_eq!(why(&text, "l", &names), "it was signed for another key");
        let others = [names[..1].to_vec(), ["b", "a"].map(str::to_owned).to_vec(), vec![]];
        for names in others {
            assert!(why(&text, "k", &names).starts_with("its files"));
        }
        let changed = [
            (r#""name":"b""#, r#""name":"../b""#),
            (r#""tar":"1""#, r#""rat":"1""#),
            (r#""tar":"1""#, r#""tar":"1","x":"2""#),
            (r#""tar":"1""#, ""),
            (r#""b":7"#, r#""c":7"#),
            (r#""b":7"#, r#""b":-7"#),
            (STATEMENT, PREDICATE),
            (&"a".repeat(64), "../x"),
        ];
        for (from, to) in changed {
            assert_ne!(text.replace(from, to), text);
            why(&text.replace(from, to), "k", &names);
        }
    }
}
