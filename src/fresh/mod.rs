//! Is a step fresh, and if not, why?
//!
//! Time triggers, content decides. Knows no clock, no file and no engine: [`judge()`] asks a
//! [`Look`], and every command that needs a verdict gets it from there.

pub mod inventory;
pub mod judge;
pub mod key;
pub mod reason;
pub mod record;

pub use inventory::Inventory;
pub use judge::{Judgement, Look, Verdict, judge};
pub use key::key;
pub use reason::Reason;
pub use record::{FileState, FileType, Record, Stamp};
