//! A built image looked through: its faults with the package that brought each.
//!
//! What is a fault is `audit`'s business; where the files are is known here.

use crate::base::error::Result;
use crate::base::limits::Limits;
use crate::base::name;
use crate::dock::allowance::Rule;
use crate::exec::action::summary;
use crate::image::archive::bundle::Bundle;
use crate::image::archive::{bundle, listing, sysroot};
use crate::image::audit::contents::Owners;
use crate::image::audit::{Finding, Subject, audit, less_allowed};
use crate::image::tree::{Kind, Tree};
use crate::plan::step::TestWork;

/// What was found in an image.
#[derive(Debug, Clone)]
pub struct Audited {
    /// The text of its `/etc/passwd`; empty if there is none.
    pub passwd: String,
    findings: Vec<Finding>,
    owners: Owners,
}

/// Looks an image through. `chain` is its archive and those of the images below, itself first.
///
/// # Errors
/// An archive cannot be read.
pub fn audited(chain: &[Bundle], work: &TestWork, limits: &Limits) -> Result<Audited> {
    let tree = bundle::tree(chain)?;
    let subject = Subject { tree: &tree, read: &|content| listing::read(content, limits) };
    let mut found = audit(subject).map_err(|left| left.error(str::to_owned))?;
    let undone = summary(&work.dir)?.undone.into_iter();
    found.extend(
        undone.map(|undone| Finding::new(Rule::Undone, name::bytes(&undone.path), undone.how)),
    );
    found.sort();
    let findings = less_allowed(found, &work.allowed, &work.inherited);
    // A child's has the files of all of its parents.
    let sysroot = work.sysroot.as_ref().filter(|file| file.is_file());
    let owners = sysroot.map(|file| sysroot::owners(file, &tree, limits));
    let owners = owners.transpose()?.unwrap_or_default();
    Ok(Audited { passwd: text(&tree, "etc/passwd", limits), findings, owners })
}

/// The text of a small file of an image.
fn text(tree: &Tree, file: &str, limits: &Limits) -> String {
    let path = tree.resolve("", file).unwrap_or_default();
    let Some(Kind::File(content)) = tree.get(&path).map(|node| &node.kind) else {
        return String::new();
    };
    String::from_utf8_lossy(&listing::read(content, limits).unwrap_or_default()).into_owned()
}

impl Audited {
    /// Each fault on a line.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.findings.iter().map(|finding| {
            let Finding { path, rule, detail } = finding;
            let detail =
                Some(detail).filter(|d| !d.is_empty()).map_or(String::new(), |d| format!(" ({d})"));
            let package = self.owners.get(&name::bytes(path)[..]);
            let from = package.map_or(String::new(), |package| format!(", from {package}"));
            format!("{rule}: /{path}{detail}{from}")
        })
    }
}
