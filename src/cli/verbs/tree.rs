//! `bb tree`: which image stands on which, with sizes and state. Changes nothing.

use crate::cli::call::Call;
use std::collections::BTreeMap;

use crate::base::error::Result;
use crate::cli::args::complete;
use crate::cli::print;
use crate::cli::verbs::list;
use crate::cli::verbs::list::{Below, Shown};
use crate::report::table;

/// Show which image stands on which.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb tree
  bb tree busybox   # what stands on it")]
pub(in crate::cli) struct Args {
    /// An image: it and what stands on it (default: all)
    #[arg(add = complete::images())]
    image: Option<String>,
}

/// The docks by what they stand on.
type Children<'a> = BTreeMap<&'a Below, Vec<&'a Shown>>;

pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let docks = list::docks(&call.state, args.image.as_slice()).await?;
    let mut children = Children::new();
    for dock in &docks {
        children.entry(&dock.below).or_default().push(dock);
    }
    let mut rows = vec![];
    if let Some(name) = &args.image {
        let dock = docks.iter().filter(|dock| dock.name == *name);
        dock.for_each(|dock| branch(dock, "", "", &children, &mut rows));
    } else {
        roots(&children, &mut rows);
    }
    print(&table::columns(&rows));
    Ok(0)
}

/// What is from scratch, then what stands on images from elsewhere.
fn roots(children: &Children<'_>, rows: &mut Vec<[String; 3]>) {
    for (below, docks) in children {
        match below {
            Below::Scratch => docks.iter().for_each(|dock| branch(dock, "", "", children, rows)),
            Below::Dock(_) => {}
            Below::Elsewhere(reference) => {
                rows.push([reference.clone(), String::new(), "from elsewhere".to_owned()]);
                branches(docks, "", children, rows);
            }
        }
    }
}

/// A dock and all that stands on it. `own` is what is before its name, `under` what is before theirs.
fn branch(
    dock: &Shown,
    own: &str,
    under: &str,
    children: &Children<'_>,
    rows: &mut Vec<[String; 3]>,
) {
    let from = match dock.from.as_slice() {
        [] => String::new(),
        from => format!(", takes from {}", from.join(", ")),
    };
    rows.push([format!("{own}{}", dock.name), dock.size.clone(), format!("{}{from}", dock.state)]);
    let key = Below::Dock(dock.name.clone());
    branches(children.get(&key).map_or(&[], Vec::as_slice), under, children, rows);
}

fn branches(docks: &[&Shown], under: &str, children: &Children<'_>, rows: &mut Vec<[String; 3]>) {
    for (at, dock) in docks.iter().enumerate() {
        let (own, next) =
            if at + 1 == docks.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        branch(dock, &format!("{under}{own}"), &format!("{under}{next}"), children, rows);
    }
}
