//! `bb man`: the manual, a page for each command, from the same text as `--help`.
//!
//! How a page is set is a library's business; here help that has titles becomes sections with these titles.

use crate::cli::call::Call;
use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::base::error::{Error, Result};
use crate::base::given;
use crate::cli::{Cli, say};

/// Write the manual: bb.1, and a page for each command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bb man man1                  # then: man -l man1/bb-build.1
  bb man ~/.local/share/man/man1")]
pub(in crate::cli) struct Args {
    /// The folder, made where there is none
    #[arg(value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

/// `here` is where the command was given: paths are relative to it.
pub(in crate::cli) async fn run(args: &Args, call: &Call) -> Result<u8> {
    let folder = call.here.join(&args.folder);
    std::fs::create_dir_all(&folder).map_err(|e| Error::file("make", &args.folder, &e))?;
    let mut command = Cli::command();
    command.build();
    let pages = pages(command)?;
    for (name, text) in &pages {
        given::put(&folder.join(name), text)?;
    }
    say(&format!("wrote {} pages into {}\n", pages.len(), args.folder.display()));
    Ok(0)
}

/// File names and texts: of a command and of all below it.
fn pages(command: Command) -> Result<Vec<(String, Vec<u8>)>> {
    let below = command.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let below = below.map(pages).collect::<Result<Vec<_>>>()?;
    let mut text = vec![];
    let (help, has_verbs) = (after(&command), command.has_subcommands());
    let page = Page { help, has_verbs, man: Man::new(command).manual("gentoo-bb") };
    let name = page.man.get_filename();
    page.write(&mut text).map_err(|e| Error::bug(format!("cannot write a page: {e}")))?;
    Ok(std::iter::once((name, text)).chain(below.into_iter().flatten()).collect())
}

fn after(command: &Command) -> String {
    let help = command.get_after_long_help().or(command.get_after_help());
    help.map(ToString::to_string).unwrap_or_default()
}

struct Page {
    man: Man,
    help: String,
    has_verbs: bool,
}

impl Page {
    fn write(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        self.man.render_title(out)?;
        self.man.render_name_section(out)?;
        self.man.render_synopsis_section(out)?;
        self.man.render_description_section(out)?;
        self.man.render_options_section(out)?;
        if self.has_verbs {
            self.man.render_subcommands_section(out)?;
        }
        sections(&self.help).to_writer(out)
    }
}

/// A line that ends in a colon is the title of the indented ones that follow; other lines are notes.
fn sections(help: &str) -> Roff {
    let mut roff = Roff::new();
    let mut literal = false;
    let mut notes = false;
    for line in help.lines() {
        let indented = line.starts_with(' ');
        if literal && !indented && !line.is_empty() {
            roff.control("fi", []);
            literal = false;
        }
        match line.strip_suffix(':') {
            Some(title) if !indented && !title.contains(['.', ',']) => {
                roff.control("SH", [title.to_uppercase().as_str()]);
            }
            _ if indented => {
                if !std::mem::replace(&mut literal, true) {
                    roff.control("nf", []);
                }
                roff.text([roman(line)]);
            }
            _ if line.is_empty() => {}
            _ => {
                if !std::mem::replace(&mut notes, true) {
                    roff.control("SH", ["NOTES"]);
                }
                roff.text([roman(line)]);
            }
        }
    }
    if literal {
        roff.control("fi", []);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_sections_and_indented_lines_stay_as_they_are() {
        let help = "A note.\n\nExamples:\n  bb a   # one\n  bb b\n\nExit codes:\n  0  done";
        assert_eq!(
            sections(help).to_roff().lines().filter(|l| !l.is_empty()).collect::<Vec<_>>(),
            [
                ".SH NOTES",
                "A note.",
                ".SH EXAMPLES",
                ".nf",
                "  bb a   # one",
                "  bb b",
                ".fi",
                ".SH \"EXIT CODES\"",
                ".nf",
                "  0  done",
                ".fi",
            ]
        );
    }
}
