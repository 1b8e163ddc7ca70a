//! `bb graph`: docks or steps as a picture, with how they stand. Changes nothing.

use crate::cli::call::Call;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::error::Result;
use crate::base::ids::Kind;
use crate::base::limits::Limit;
use crate::base::{given, read};
use crate::cli::args::complete;
use crate::cli::entered;
use crate::cli::io::output::print_exactly;
use crate::exec::action::summary;
use crate::exec::job::Standing;
use crate::export::graph::{Node, Part, State, dot, mermaid, page};
use crate::fresh::reason::Reason;
use crate::plan::Plan;
use crate::plan::graph::StepIx;
use crate::plan::step::{Step, Work};
use crate::session::{Judged, Options};
use crate::state::store::Store;

/// Draw the docks, or all steps, with how they stand.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bb graph -o graph.html   # a page that needs nothing else\n  \
    bb graph nginx --format mermaid\n  bb graph --steps -o steps.svg"
)]
pub(in crate::cli) struct Args {
    /// Names of images, or ids of steps (default: all but the excluded ones)
    #[arg(add = complete::images_and_steps())]
    images: Vec<String>,
    /// The form (default: what the file's name ends with, else dot)
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Every step, not only docks
    #[arg(long)]
    steps: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// A picture
    Svg,
    /// A page: a click on a dock shows its steps
    Html,
}

impl Form {
    fn by_name(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "html" | "htm" => Some(Self::Html),
            "svg" => Some(Self::Svg),
            "mmd" | "mermaid" => Some(Self::Mermaid),
            _ => None,
        }
    }
}

/// `here` is where the command was given: a file to write to is counted from there.
pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let project = entered::project(&call.state)?;
    let options = Options { images: args.images.clone(), ..Options::default() };
    let Judged { plan, standings } = project.judge(&options).await?;
    let nodes = Drawn { plan: &plan, standings: &standings, store: project.store() };
    let nodes = nodes.nodes(args.steps);
    let named = || args.output.as_deref().and_then(Form::by_name);
    let text = match args.format.or_else(named).unwrap_or(Form::Dot) {
        Form::Dot => dot::dot(&nodes),
        Form::Mermaid => mermaid::mermaid(&nodes),
        Form::Svg => page::svg(&nodes)?,
        Form::Html => {
            let what = if args.steps { "steps" } else { "docks" };
            page::page(&nodes, &project.settings.namespace, what)?
        }
    };
    match &args.output {
        Some(file) if file != Path::new("-") => {
            given::put(&call.here.join(file), text.as_bytes())?;
        }
        _ => print_exactly(&text),
    }
    Ok(0)
}

/// A plan with how its steps stand.
struct Drawn<'a> {
    plan: &'a Plan,
    standings: &'a [(StepIx, Standing)],
    store: Store,
}

/// Steps that are one box.
type Group<'a> = Vec<(StepIx, &'a Standing)>;

impl Drawn<'_> {
    fn nodes(&self, steps: bool) -> Vec<Node> {
        let groups = self.groups(steps);
        let members = groups.iter().enumerate();
        let members = members.flat_map(|(at, group)| group.iter().map(move |(ix, _)| (*ix, at)));
        let of = members.collect::<HashMap<_, _>>();
        let ups = |at: usize, group: &Group<'_>| {
            let up = group.iter().flat_map(|(ix, _)| self.plan.upstream(*ix));
            // A task may stand between two steps of one dock: what leads back is left out.
            up.filter_map(|up| of.get(&up).copied()).filter(|up| *up < at).collect::<BTreeSet<_>>()
        };
        let node = |(at, group)| self.node(group, ups(at, group), steps);
        groups.iter().enumerate().map(node).collect()
    }

    /// In the order in which they are finished, so that those before one come before it.
    fn groups(&self, steps: bool) -> Vec<Group<'_>> {
        let mut groups = HashMap::<String, (usize, Group<'_>)>::new();
        for (order, (ix, standing)) in self.standings.iter().enumerate() {
            if let Some(name) = box_of(self.plan.step(*ix), steps) {
                let (last, group) = groups.entry(name).or_default();
                *last = order;
                group.push((*ix, standing));
            }
        }
        let mut groups = groups.into_values().collect::<Vec<_>>();
        groups.sort_by_key(|(last, _)| *last);
        groups.into_iter().map(|(_, group)| group).collect()
    }

    fn node(&self, group: &Group<'_>, up: BTreeSet<usize>, steps: bool) -> Node {
        let parts = group.iter().map(|(ix, standing)| self.part(*ix, standing)).collect::<Vec<_>>();
        let all = || group.iter().map(|(ix, _)| self.plan.step(*ix));
        let image = all().find_map(|step| match &step.work {
            Work::Image(work) => Some(work),
            _ => None,
        });
        let last = all().next_back();
        let name = last.and_then(|step| box_of(step, steps)).unwrap_or_default();
        let bases = image.into_iter().flat_map(|work| work.elsewhere.keys().cloned());
        Node {
            name,
            up: up.into_iter().collect(),
            size: parts.last().and_then(|part| part.size),
            packages: image.and_then(|work| packages(&work.dir)),
            references: image.map(|work| work.references.clone()).unwrap_or_default(),
            bases: bases.collect::<BTreeSet<_>>().into_iter().collect(),
            parts,
        }
    }

    fn part(&self, ix: StepIx, standing: &Standing) -> Part {
        let step = self.plan.step(ix);
        let (state, reason) = match standing {
            Standing::Fresh | Standing::Lacking | Standing::OnDemand | Standing::Taken => {
                (State::Fresh, String::new())
            }
            Standing::Stale(reason @ Reason::Never) => (State::Never, reason.to_string()),
            Standing::Stale(reason) | Standing::Needed(reason) => {
                (State::Stale, reason.to_string())
            }
            Standing::Waits(up) => (State::Waits, format!("for {}", self.plan.step(*up).id)),
        };
        let record = self.store.record(&step.id);
        let left = |file: &PathBuf| std::fs::metadata(file).ok().map(|meta| meta.len());
        let size = match &step.work {
            Work::Rootfs(work) => left(&work.dir.join("rootfs.tar")),
            Work::Image(work) => {
                summary(&work.dir).ok().and_then(|summary| u64::try_from(summary.size).ok())
            }
            _ => step.outputs.iter().filter_map(left).reduce(u64::saturating_add),
        };
        let took = record.as_ref().map(|record| Duration::from_millis(record.duration_ms));
        Part {
            id: step.id.to_string(),
            state,
            reason,
            took,
            size: size.filter(|_| record.is_some()),
        }
    }
}

/// Which box a step is in; what all docks share is in none.
fn box_of(step: &Step, steps: bool) -> Option<String> {
    match step.id.kind {
        _ if steps => Some(step.id.to_string()),
        Kind::Rootfs | Kind::Dockerfile | Kind::Image | Kind::Test => Some(step.id.name.clone()),
        Kind::Task => Some(step.id.to_string()),
        _ => None,
    }
}

/// How many packages are in an image that Portage has filled.
fn packages(dir: &Path) -> Option<usize> {
    let text = read::state(&dir.join("packages.json"), Limit::ListSize).ok()?;
    Some(serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(&text).ok()?.len())
}
