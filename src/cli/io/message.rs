//! Messages go to people on standard error, or to a program on standard output.

use clap::ValueEnum;

use crate::base::diag;
use crate::cli::io::output::print_exactly;
use crate::cli::{Look, say};
use crate::report::{Message, json};

/// For whom messages are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on standard error
    #[default]
    Human,
    /// One JSON object a line, on standard output (doc/messages.md)
    Json,
}

/// What verbs take that run steps.
#[derive(Debug, Default, Clone, clap::Args)]
pub(in crate::cli) struct Messages {
    /// How messages look: `human`, or `json` for programs (doc/messages.md)
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    message_format: Format,
}

impl Messages {
    /// Whether they are for a program.
    pub(in crate::cli) fn json(&self) -> bool {
        self.message_format == Format::Json
    }
}

/// Says something.
pub(in crate::cli) fn tell(look: Look, message: &Message<'_>) {
    match message {
        _ if look.json => print_exactly(&json(message)),
        Message::Error(error) if look.terminal => say(&diag::on_terminal(error, look.color)),
        _ => say(&message.text(look.color)),
    }
}
