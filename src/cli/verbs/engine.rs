//! `bb engine`: what an engine has for this project goes along to another one.
//!
//! Knows what is asked for; what there is to take along is `session::moving`'s.

use crate::base::error::{Error, Result};
use crate::base::words::megabytes;
use crate::cli::call::Call;
use crate::cli::{entered, say};
use crate::config::EngineName;
use crate::session::moving::{How, Taken};

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Verb {
    /// Copy builder, caches and images from one engine to another
    ///
    /// What the first one has stays there. Compiled packages and sources are in the caches, so the other engine
    /// compiles nothing again.
    #[command(
        after_help = "Examples:\n  bb engine move docker native   # then: BB_ENGINE=native bb build"
    )]
    Move {
        /// Where it is
        from: Name,
        /// Where it is to be, too
        to: Name,
    },
}

/// The engines that keep anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Name {
    Native,
    Docker,
}

impl From<Name> for EngineName {
    fn from(name: Name) -> Self {
        match name {
            Name::Native => Self::Native,
            Name::Docker => Self::Docker,
        }
    }
}

pub(in crate::cli) async fn run(verb: &Verb, call: &Call) -> Result<u8> {
    let Verb::Move { from, to } = verb;
    if from == to {
        return Err(Error::usage("both are the same engine")
            .hint("`bb engine move docker native`, or the other way round"));
    }
    let (from, to) = (EngineName::from(*from), EngineName::from(*to));
    let mut count = 0_usize;
    let mut told = |taken: &Taken| {
        count += usize::from(taken.how != How::Begun);
        say(&line(taken));
    };
    entered::project(&call.state)?.move_engine(from, to, &mut told).await?;
    let (from, to) = (from.as_str(), to.as_str());
    if count == 0 {
        say(&format!(
            "nothing to do: `{from}` has nothing for this project, and nothing is built\n"
        ));
    } else {
        say(&format!(
            "done: `BB_ENGINE={to} bb build` goes on there; `{from}` keeps what it has\n"
        ));
    }
    Ok(0)
}

fn line(Taken { name, how }: &Taken) -> String {
    match how {
        How::Copied(bytes, took) => {
            format!("copied  {name}, {} in {:.1} s\n", megabytes(*bytes), took.as_secs_f64())
        }
        How::Begun => format!("copy    {name} …\n"),
        How::There => format!("there   {name}\n"),
        How::Stays(why) => format!("stays   {name}: {why}\n"),
    }
}
