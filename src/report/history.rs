//! What runs were, as lines of text.

use std::time::{Duration, UNIX_EPOCH};

use crate::base::time;
use crate::base::words::counted;
use crate::exec::history::{End, Package, Ran, Run};
use crate::report::{duration, table};

/// So many packages are told of a run.
const SLOWEST: usize = 10;

/// A line for each, the newest first.
pub fn runs(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "no run yet in which something was built\n".to_owned();
    }
    let head = ["RUN", "BEGUN (UTC)", "TOOK", "STEPS", "END", "OF"].map(str::to_owned);
    let rows = runs.iter().zip(1..).map(|(run, number): (&Run, usize)| {
        let images = if run.images.is_empty() { "-".to_owned() } else { run.images.join(" ") };
        [number.to_string(), begun(run), took(run.seconds), steps(run), end(run), images]
    });
    table::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// One with its steps, and the packages that took longest.
pub fn run(run: &Run) -> String {
    let head = ["STEP", "FROM", "TOOK", "END", "WHY"].map(str::to_owned);
    let rows = run.steps.iter().map(|ran| {
        let Ran { step, reason, from, seconds, end, .. } = ran;
        [step.clone(), took(*from), took(*seconds), word(*end).to_owned(), reason.clone()]
    });
    let steps = table::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    let (begun, took, fresh) = (begun(run), took(run.seconds), run.fresh);
    let first = format!("begun {begun} UTC, {took}, {}, {fresh} up to date\n", end(run));
    format!("{first}\n{steps}{}", slowest_table(run))
}

fn slowest_table(run: &Run) -> String {
    let slowest = slowest(run);
    if slowest.is_empty() {
        return String::new();
    }
    let head = ["SLOWEST PACKAGE", "TOOK", "STEP"].map(str::to_owned);
    let rows = slowest
        .into_iter()
        .map(|(package, ran)| [package.package.clone(), took(package.seconds()), ran.step.clone()]);
    format!("\n{}", table::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))
}

/// The packages that took longest to compile, each with its step.
pub fn slowest(run: &Run) -> Vec<(&Package, &Ran)> {
    let all = run.steps.iter().flat_map(|ran| ran.packages.iter().map(move |p| (p, ran)));
    let mut compiled = all.filter(|(package, _)| package.is_compiled()).collect::<Vec<_>>();
    compiled.sort_by(|(a, _), (b, _)| b.seconds().total_cmp(&a.seconds()));
    compiled.truncate(SLOWEST);
    compiled
}

/// When it began, in UTC.
pub fn begun(run: &Run) -> String {
    let text = time::stamp(UNIX_EPOCH + Duration::from_millis(run.begun));
    text.trim_end_matches('Z').replace('T', " ")
}

/// Seconds in words.
pub fn took(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn steps(run: &Run) -> String {
    counted(run.steps.len(), "step")
}

/// How it ended, in words.
pub fn end(run: &Run) -> String {
    let failed = run.steps.iter().filter(|ran| ran.end == End::Failed).count();
    match run.exit {
        0 => "done".to_owned(),
        130 => "interrupted".to_owned(),
        _ if failed > 0 => format!("{failed} failed"),
        code => format!("exit {code}"),
    }
}

/// How a step ended, in a word.
pub fn word(end: End) -> &'static str {
    match end {
        End::Done => "done",
        End::Failed => "failed",
        End::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Run {
        let phases = vec![("unpack".to_owned(), 2.0), ("compile".to_owned(), 3.0)];
        let one = Package { package: "x/one-1".into(), number: 1, total: 1, phases, until: 72.5 };
        let merged =
            Package { phases: vec![("merge".to_owned(), 73.0)], until: 99.0, ..one.clone() };
        let ran = |step: &str, end: End, packages: Vec<Package>| Ran {
            step: step.into(),
            reason: "never built".into(),
            from: 0.5,
            seconds: 99.0,
            end,
            note: String::new(),
            packages,
        };
        let steps = vec![
            ran("rootfs:a", End::Done, vec![one, merged]),
            ran("image:b", End::Failed, vec![]),
        ];
        let begun = UNIX_EPOCH + Duration::from_secs(1_772_323_200);
        let run = Run::new(begun, Duration::from_secs(100), steps);
        Run { fresh: 3, exit: 1, ..run }
    }

    #[test]
    fn runs_are_a_table() {
        let named = Run { images: vec!["a".into(), "b".into()], exit: 0, ..sample() };
        let text = runs(&[sample(), named, Run { exit: 130, ..sample() }]);
        let expected = "\
RUN  BEGUN (UTC)          TOOK        STEPS    END          OF
1    2026-03-01 00:00:00  1 min 40 s  2 steps  1 failed     -
2    2026-03-01 00:00:00  1 min 40 s  2 steps  done         a b
3    2026-03-01 00:00:00  1 min 40 s  2 steps  interrupted  -
";
        assert_eq!(text, expected);
        assert_eq!(runs(&[]), "no run yet in which something was built\n");
    }

    #[test]
    fn one_has_its_steps_and_what_took_longest() {
        let expected = "\
begun 2026-03-01 00:00:00 UTC, 1 min 40 s, 1 failed, 3 up to date

STEP      FROM   TOOK        END     WHY
rootfs:a  0.5 s  1 min 39 s  done    never built
image:b   0.5 s  1 min 39 s  failed  never built

SLOWEST PACKAGE  TOOK        STEP
x/one-1          1 min 10 s  rootfs:a
";
        assert_eq!(run(&sample()), expected);
    }
}
