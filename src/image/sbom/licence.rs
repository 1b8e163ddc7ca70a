//! Gentoo's licence strings as SPDX expressions.
//!
//! What SPDX has no name for becomes a `LicenseRef-gentoo-…`; nothing is left out and nothing guessed.
//! Syntax: <https://projects.gentoo.org/pms/8/pms.html#dependency-specification-format>. Table: Gentoo's
//! own `metadata/license-mapping.conf`, read backwards; where several of SPDX's names are one of Gentoo's
//! (`Artistic`, `FDL-…`, `OFL`), or where the texts differ (`public-domain`), there is no entry.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::base::hex::hex;

/// Names that are other ones there. A name that is SPDX's own needs no line.
pub(super) const TABLE: &[(&str, &str)] = &[
    ("AGPL-3", "AGPL-3.0-only"),
    ("AGPL-3+", "AGPL-3.0-or-later"),
    ("APSL-2", "APSL-2.0"),
    ("Apache-2.0-with-LLVM-exceptions", "Apache-2.0 WITH LLVM-exception"),
    ("Artistic-2", "Artistic-2.0"),
    ("BEER-WARE", "Beerware"),
    ("BSD", "BSD-3-Clause"),
    ("BSD-1", "BSD-1-Clause"),
    ("BSD-2", "BSD-2-Clause"),
    ("BSD-4", "BSD-4-Clause"),
    ("BZIP2", "bzip2-1.0.6"),
    ("Boost-1.0", "BSL-1.0"),
    ("CC-PD", "CC-PDDC"),
    ("CDDL", "CDDL-1.0"),
    ("CPOL", "CPOL-1.02"),
    ("CeCILL-2", "CECILL-2.0"),
    ("CeCILL-B", "CECILL-B"),
    ("CeCILL-C", "CECILL-C"),
    ("GPL-1", "GPL-1.0-only"),
    ("GPL-1+", "GPL-1.0-or-later"),
    ("GPL-2", "GPL-2.0-only"),
    ("GPL-2+", "GPL-2.0-or-later"),
    ("GPL-2-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("GPL-2-with-font-exception", "GPL-2.0-only WITH Font-exception-2.0"),
    ("GPL-3", "GPL-3.0-only"),
    ("GPL-3+", "GPL-3.0-or-later"),
    ("IBM", "IPL-1.0"),
    ("IPAfont", "IPA"),
    ("LGPL-2", "LGPL-2.0-only"),
    ("LGPL-2+", "LGPL-2.0-or-later"),
    ("LGPL-2.1", "LGPL-2.1-only"),
    ("LGPL-2.1+", "LGPL-2.1-or-later"),
    ("LGPL-3", "LGPL-3.0-only"),
    ("LGPL-3+", "LGPL-3.0-or-later"),
    ("MIT-with-advertising", "MIT-advertising"),
    ("OPENLDAP", "OLDAP-2.7"),
    ("OPL", "OPUBL-1.0"),
    ("PHP-3", "PHP-3.0"),
    ("POSTGRESQL", "PostgreSQL"),
    ("PSF-2", "PSF-2.0"),
    ("PYTHON", "Python-2.0"),
    ("RSA", "RSA-MD"),
    ("SSPL-1", "SSPL-1.0"),
    ("WTFPL-2", "WTFPL"),
    ("ZLIB", "Zlib"),
    ("ZPL", "ZPL-2.1"),
    ("gd", "GD"),
    ("icu", "ICU"),
    ("imagemagick", "ImageMagick"),
    ("libpng", "Libpng"),
    ("libpng2", "libpng-2.0"),
    ("openssl", "OpenSSL"),
    ("rdisc", "Rdisc"),
    ("tcltk", "TCL"),
    ("tcp_wrappers_license", "TCP-wrappers"),
    ("vim", "Vim"),
];

/// A licence as SPDX writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Licence {
    /// The expression; nothing where nothing is said.
    pub expression: Option<String>,
    /// The `LicenseRef-…` in it, with what Gentoo calls them.
    pub references: BTreeMap<String, String>,
}

/// More parentheses in each other than this are an attack, not a licence.
const DEEPEST: usize = 32;

enum Node {
    One(String),
    All(Vec<Node>),
    Any(Vec<Node>),
}

/// Reads Gentoo's string; `flags` are the package's USE flags.
pub(super) fn licence(text: &str, flags: &[String]) -> Licence {
    let mut reader = Reader { words: text.split_whitespace(), flags, references: BTreeMap::new() };
    if let Some(node) = reader.list(0) {
        let expression = simplified(node).map(|node| expression(&node, false));
        if expression.as_ref().is_none_or(|text| ::spdx::Expression::parse(text).is_ok()) {
            return Licence { expression, references: reader.references };
        }
    }
    // Not as the specification has it: told whole, under a name of its own.
    let name = format!("LicenseRef-gentoo-{}", &hex(&Sha256::digest(text))[..16]);
    let references = BTreeMap::from([(name.clone(), text.to_owned())]);
    Licence { expression: Some(name), references }
}

struct Reader<'a> {
    words: std::str::SplitWhitespace<'a>,
    flags: &'a [String],
    references: BTreeMap<String, String>,
}

impl Reader<'_> {
    /// Up to the end, or in parentheses to the closing one.
    fn list(&mut self, depth: usize) -> Option<Node> {
        let mut nodes = vec![];
        loop {
            match self.words.next() {
                None if depth == 0 => return Some(Node::All(nodes)),
                Some(")") if depth > 0 => return Some(Node::All(nodes)),
                None | Some(")") => return None,
                Some("(") => nodes.push(self.group(depth)?),
                Some("||") => {
                    self.opening()?;
                    let Node::All(choice) = self.group(depth)? else { return None };
                    nodes.push(Node::Any(choice));
                }
                Some(word) => match word.strip_suffix('?') {
                    Some(flag) => {
                        self.opening()?;
                        let group = self.group(depth)?;
                        nodes.extend(self.applies(flag).then_some(group));
                    }
                    None => nodes.push(self.name(word)),
                },
            }
        }
    }

    fn group(&mut self, depth: usize) -> Option<Node> {
        if depth < DEEPEST { self.list(depth + 1) } else { None }
    }

    fn opening(&mut self) -> Option<()> {
        self.words.next().filter(|word| *word == "(").map(drop)
    }

    fn applies(&self, flag: &str) -> bool {
        let (flag, wanted) = flag.strip_prefix('!').map_or((flag, true), |flag| (flag, false));
        self.flags.iter().any(|f| f == flag) == wanted
    }

    fn name(&mut self, name: &str) -> Node {
        if let Some((_, known)) = TABLE.iter().find(|(gentoo, _)| *gentoo == name) {
            return Node::One((*known).to_owned());
        }
        if ::spdx::license_id(name).is_some_and(|id| id.name == name) {
            return Node::One(name.to_owned());
        }
        let strange = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-');
        let plain = name.replace(strange, "-");
        // Two names that differ only in what cannot be said stay two.
        let digest = hex(&Sha256::digest(name));
        let end = if plain == name { String::new() } else { format!("-{}", &digest[..8]) };
        let reference = format!("LicenseRef-gentoo-{plain}{end}");
        self.references.insert(reference.clone(), name.to_owned());
        Node::One(reference)
    }
}

/// Without groups of none or one, and without groups in groups of the same kind.
fn simplified(node: Node) -> Option<Node> {
    let (nodes, any) = match node {
        Node::One(name) => return Some(Node::One(name)),
        Node::All(nodes) => (nodes, false),
        Node::Any(nodes) => (nodes, true),
    };
    let mut flat = vec![];
    for node in nodes.into_iter().filter_map(simplified) {
        match node {
            Node::All(inner) if !any => flat.extend(inner),
            Node::Any(inner) if any => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.len() {
        0 | 1 => flat.pop(),
        _ => Some(if any { Node::Any(flat) } else { Node::All(flat) }),
    }
}

/// Each licence of a group once, in its order. SPDX's AND binds tighter than its OR.
fn expression(node: &Node, inside: bool) -> String {
    let (nodes, word) = match node {
        Node::One(name) => return name.clone(),
        Node::All(nodes) => (nodes, " AND "),
        Node::Any(nodes) => (nodes, " OR "),
    };
    let mut parts = Vec::<String>::new();
    for part in nodes.iter().map(|node| expression(node, true)) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    match (inside && parts.len() > 1, parts.join(word)) {
        (true, text) => format!("({text})"),
        (false, text) => text,
    }
}
