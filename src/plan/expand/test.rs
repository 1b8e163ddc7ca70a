//! The step that tests a dock's image.

use std::collections::HashMap;

use litemap::LiteMap;
use serde::Serialize;

use super::{Builder, DockFacts, Layout, SYSROOT, rootfs_parent, step};
use crate::base::error::{Error, Result};
use crate::base::ids::{DockName, Kind, StepId};
use crate::dock::allowance::Allowance;
use crate::plan::step::{Need, Step, TestWork, Work};

/// What is tested of every image: another set of rules tests all of them anew.
const TEST_FORMAT: &str = "1";

pub(super) fn test(
    layout: &Layout,
    docks: &HashMap<&DockName, &DockFacts>,
    dock: &DockFacts,
    builder: Option<&Builder<'_>>,
) -> Result<Step> {
    let name = dock.name.as_str();
    let dir = layout.image_dir(&dock.name);
    let mut needs = vec![Need::product(StepId::new(Kind::Image, name), "id")];
    let asks_ports = !dock.checks.port.is_empty();
    if asks_ports && builder.is_some() {
        needs.push(Need::order(StepId::new(Kind::Builder, "bob")));
    } else if asks_ports {
        let file = dock.dir.join("dock.toml");
        let message = format!("`{}` asks a port, but there is no builder", file.display());
        return Err(Error::config(message).hint(
            "ports are asked from the builder, which is there where some dock has a `rootfs.tar`",
        ));
    }
    let inherited = inherited(docks, dock);
    let mut params = LiteMap::from_iter([("test_format".to_owned(), TEST_FORMAT.to_owned())]);
    params.extend(setting("allow", &dock.allowed, dock.allowed.is_empty()));
    params.extend(setting("allow of its parents", &inherited, inherited.is_empty()));
    params.extend(dock.budget.map(|budget| ("size_budget".to_owned(), budget.0.to_string())));
    params.extend(setting("test", &dock.checks, dock.checks.is_empty()));
    let own = dock.has_rootfs.then_some(&dock.name);
    let sysroot = own.or_else(|| rootfs_parent(docks, dock));
    let work = TestWork {
        name: dock.name.clone(),
        dir: dir.clone(),
        allowed: dock.allowed.clone(),
        inherited,
        budget: dock.budget,
        sysroot: sysroot.map(|name| layout.image_dir(name).join(SYSROOT)),
        script: dock.test_files.first().cloned(),
        checks: dock.checks.clone(),
        bob: builder.filter(|_| asks_ports).map(|builder| builder.names.bob.clone()),
    };
    Ok(Step {
        files: dock.test_files.clone(),
        params,
        needs,
        outputs: vec![dir.join(RESULT)],
        ..step(Kind::Test, name, Work::Test(Box::new(work)))
    })
}

/// What a test leaves in `.bb/images/NAME/`.
pub const RESULT: &str = "test.json";

/// A setting as it is compared.
fn setting(name: &str, value: &impl Serialize, is_empty: bool) -> Option<(String, String)> {
    let text = serde_json::to_string(value).unwrap_or_default();
    (!is_empty).then(|| (name.to_owned(), text))
}

/// What the docks below allow. Stops at a cycle, which the graph reports.
fn inherited(docks: &HashMap<&DockName, &DockFacts>, dock: &DockFacts) -> Vec<Allowance> {
    let below = |dock: &&DockFacts| docks.get(dock.base.as_ref()?).copied();
    let chain = std::iter::successors(below(&dock), below).take(docks.len());
    chain.flat_map(|dock| dock.allowed.iter().cloned()).collect()
}
