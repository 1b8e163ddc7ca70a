//! Facts of docks in a few letters, for the tests of the plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use litemap::LiteMap;

use super::DockFacts;
use crate::base::ids::DockName;
use crate::dock::checks::Checks;
use crate::dock::settings::RunSettings;
use crate::plan::step::DockContext;

/// `name<base` with what is copied from after a `+`; a capital letter has a rootfs.
pub fn docks(text: &str) -> Vec<DockFacts> {
    text.split_whitespace().map(dock).collect()
}

/// One of [`docks`].
pub fn dock(word: &str) -> DockFacts {
    let name = |text: &str| text.to_lowercase().parse::<DockName>().unwrap();
    let (own, rest) = word.split_once('<').unwrap_or((word, ""));
    let mut from = rest.split('+');
    let base = from.next().filter(|b| !b.is_empty() && !b.starts_with('@')).map(name);
    DockFacts {
        name: name(own),
        dir: PathBuf::new(),
        template: PathBuf::new(),
        template_files: vec![],
        jinja: false,
        parents: base.iter().cloned().chain(from.map(name)).collect(),
        references: LiteMap::new(),
        base_reference: None,
        labels: BTreeMap::new(),
        base,
        layers: 0,
        externals: rest.strip_prefix('@').into_iter().map(str::to_owned).collect(),
        has_rootfs: own.starts_with(char::is_uppercase),
        has_run: false,
        run: RunSettings::default(),
        fetch: vec![],
        rootfs_files: vec![],
        context: DockContext::default(),
        allowed: vec![],
        memory: None,
        budget: None,
        checks: Checks::default(),
        test_files: vec![],
        markers: LiteMap::new(),
    }
}
