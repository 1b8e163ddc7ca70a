//! Sources that the user has put where `bb` looks before it asks anybody, checked as those that come from others; and
//! those that come from nowhere else, as their ebuilds forbid to fetch them.

use std::path::{Path, PathBuf};

use super::planned::Source;
use super::sources::expect;
use crate::base::error::{Error, Exit, Result};
use crate::exec::action::Log;
use crate::exec::action::log::clean;
use crate::exec::work::Context;
use crate::net::http::{InVain, Mirror};

/// In the state folder: for what users bring themselves. Nothing else is ever written there.
const FOLDER: &str = "distfiles";

/// Takes a source from one of the user's folders, or says what is wrong with it there.
pub(super) async fn take(
    source: &Source,
    dest: &Path,
    context: &Context,
    log: &mut Log,
) -> Result<Result<(), InVain>> {
    let (folders, expect) = (folders(&source.name, context), expect(source));
    let progress = |done, total| log.bytes(done, total);
    let taken =
        context.client.try_download(&folders, &source.name, dest, &expect, &progress).await?;
    Ok(taken.map(|taken| {
        log.write(format!("bb: {} is from {}\n", source.name, taken.mirror).as_bytes());
    }))
}

/// Takes those that nobody may fetch but the user, and tells of all that are missing at once.
pub(super) async fn take_all(
    sources: &[(&Source, PathBuf)],
    context: &Context,
    log: &mut Log,
) -> Result<()> {
    let mut missing = vec![];
    for (source, dest) in sources {
        if let Err(in_vain) = take(source, dest, context, log).await? {
            missing.push((*source, in_vain));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(by_hand(&missing, &places(context))) }
}

/// Where a source may be. The folder of the state is no place to tell of unless somebody has put it there.
fn folders(name: &str, context: &Context) -> Vec<Mirror> {
    let own = Some(own(context)).filter(|folder| folder.join(name).exists());
    own.into_iter().chain(context.settings.distdir.clone()).map(Mirror::Folder).collect()
}

fn own(context: &Context) -> PathBuf {
    context.store.root().join(FOLDER)
}

/// Where somebody may put a source, in words.
pub(super) fn places(context: &Context) -> String {
    let own = own(context);
    match &context.settings.distdir {
        Some(folder) => format!("`{}` or `{}`", own.display(), folder.display()),
        None => format!("`{}`, or into a folder that `--distdir` names", own.display()),
    }
}

/// The error for sources that the user has to bring: what is wrong with those that are there, and what the ebuilds say.
fn by_hand(missing: &[(&Source, InVain)], places: &str) -> Error {
    let names = missing.iter().map(|(source, _)| format!("`{}`", source.name.escape_debug()));
    let names = names.collect::<Vec<_>>().join(", ");
    let (what, whose) = match missing.len() {
        1 => (format!("the source {names} has"), "its ebuild says"),
        _ => (format!("the sources {names} have"), "their ebuilds say"),
    };
    let message = format!("{what} to be fetched by hand: {whose} RESTRICT=\"fetch\"");
    let wrong = missing.iter().any(|(_, in_vain)| in_vain.exit == Exit::Trust);
    let error = Error::new(if wrong { Exit::Trust } else { Exit::Step }, message);
    let tried = missing.iter().flat_map(|(_, in_vain)| in_vain.lines.iter().cloned());
    let lines = tried.chain(said(missing)).map(|line| format!("  {line}"));
    let it = if missing.len() == 1 { "it" } else { "them" };
    lines.fold(error, Error::public_detail).hint(format!("put {it} into {places}"))
}

/// What their ebuilds say, each once, as lines that do nothing to a terminal.
fn said(missing: &[(&Source, InVain)]) -> Vec<String> {
    let mut said = vec![];
    for words in missing.iter().filter_map(|(source, _)| source.nofetch.as_deref()) {
        if !said.contains(&words) {
            said.push(words);
        }
    }
    said.iter().flat_map(|words| words.lines()).map(|line| clean(line.as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::diag;

    fn restricted(name: &str, words: &str) -> Source {
        let nofetch = Some(words.to_owned());
        Source { name: name.to_owned(), restricted: true, nofetch, ..Source::default() }
    }

    fn nothing(lines: &[&str]) -> InVain {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        InVain { lines, exit: Exit::Step, offline: false }
    }

    #[test]
    fn an_ebuilds_words_are_told_as_they_are_and_do_nothing() {
        let source =
            restricted("x.tar", "Get it:\n  https://a.test/?id=7&n=%2F\n\u{1b}[2Jnow\u{7}");
        let told = diag::render(&by_hand(&[(&source, nothing(&[]))], "`.bb/distfiles`"), false);
        assert_eq!(
            told,
            "error: the source `x.tar` has to be fetched by hand: its ebuild says RESTRICT=\"fetch\"\n\
             \x20 Get it:\n    https://a.test/?id=7&n=%2F\n  now\n\
             hint: put it into `.bb/distfiles`\n"
        );
    }

    #[test]
    fn several_are_told_at_once_and_the_same_words_once() {
        let (a, b) = (restricted("a.tar", "Ask us."), restricted("b.tar", "Ask us."));
        let mut wrong = nothing(&["/d/b.tar: has another SHA512"]);
        wrong.exit = Exit::Trust;
        let error = by_hand(&[(&a, nothing(&[])), (&b, wrong)], "`/d`");
        assert_eq!(error.exit(), Exit::Trust);
        assert!(error.message().starts_with("the sources `a.tar`, `b.tar` have to be"), "{error}");
        assert_eq!(error.details(), ["  /d/b.tar: has another SHA512", "  Ask us."]);
    }
}
