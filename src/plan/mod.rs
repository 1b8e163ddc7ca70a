//! The plan: which steps exist and what each depends on.
//!
//! Pure. Says what exists; not what is needed (`fresh`) and not how it is done (`exec`).

pub mod expand;
pub mod graph;
pub mod results;
pub mod select;
pub mod stack;
pub mod step;
mod tasks;

pub use expand::{DockFacts, TaskFacts, expand};
pub use graph::Plan;
pub use step::{Need, Object, Step, Work};
