//! A run as a page that needs nothing else: when each step ran, at which packages, why, and what it logged.
//!
//! Text only: what the logs say is given.

use serde_json::{Value, json};

use crate::base::error::Result;
use crate::base::words::{counted, is_hostile, visible};
use crate::exec::history::{Package, Ran, Run};
use crate::export::render;
use crate::report::history::{begun, end, slowest, took, word};

const PAGE: &str = include_str!("../../templates/history/page.html.j2");
const STYLE: &str = include_str!("../../templates/history/page.css");
/// So many times are written above the timeline.
const TICKS: u32 = 6;

/// The page. `title` is the project's name; `log` knows the log of a step, as far as it is that of this run.
///
/// # Errors
/// A bug: the page's template.
pub fn page(run: &Run, title: &str, log: impl Fn(&Ran) -> Option<String>) -> Result<String> {
    let mut order = (0..).zip(&run.steps).collect::<Vec<(usize, &Ran)>>();
    order.sort_by(|(_, a), (_, b)| a.from.total_cmp(&b.from));
    let scale = Scale { from: 0.0, seconds: length(run) };
    let steps = order
        .iter()
        .map(|(at, ran)| step(*at, ran, scale, log(ran).as_deref()))
        .collect::<Vec<_>>();
    let slowest = slowest(run).into_iter().map(|(package, ran)| {
        let at = run.steps.iter().position(|other| std::ptr::eq(other, ran));
        json!({
            "name": visible(&package.package), "took": took(package.seconds()),
            "step": visible(&ran.step), "anchor": anchor(at.unwrap_or_default()),
        })
    });
    let images = run.images.iter().map(|name| visible(name).into_owned());
    let values = json!({
        "title": visible(title), "style": STYLE,
        "begun": begun(run), "took": took(run.seconds), "end": end(run), "fresh": run.fresh,
        "ran": counted(run.steps.len(), "step"), "images": images.collect::<Vec<_>>(),
        "ticks": ticks(scale), "steps": steps, "slowest": slowest.collect::<Vec<_>>(),
    });
    // The name makes the renderer escape.
    render("history.html", PAGE, &values)
}

/// A span of time that something is a part of.
#[derive(Clone, Copy)]
struct Scale {
    from: f64,
    seconds: f64,
}

impl Scale {
    /// In hundredths.
    fn part(self, seconds: f64) -> f64 {
        if self.seconds > 0.0 { (seconds / self.seconds * 100.0).clamp(0.0, 100.0) } else { 0.0 }
    }

    fn place(self, from: f64) -> f64 {
        self.part(from - self.from)
    }
}

/// Of what ran; files of other programs may say anything.
fn length(run: &Run) -> f64 {
    run.steps.iter().map(|ran| ran.from + ran.seconds).fold(run.seconds, f64::max)
}

fn ticks(scale: Scale) -> Vec<Value> {
    let ticks = (0..TICKS).map(|tick| scale.seconds * f64::from(tick) / f64::from(TICKS));
    ticks.map(|seconds| json!({ "at": scale.place(seconds), "text": took(seconds) })).collect()
}

fn anchor(at: usize) -> String {
    format!("step-{at}")
}

fn step(at: usize, ran: &Ran, scale: Scale, log: Option<&str>) -> Value {
    let own = Scale { from: ran.from, seconds: ran.seconds };
    let packages = ran.packages.iter().map(|at| package(at, own)).collect::<Vec<_>>();
    json!({
        "anchor": anchor(at), "name": visible(&ran.step), "reason": visible(&ran.reason),
        "from": took(ran.from), "took": took(ran.seconds), "end": word(ran.end), "note": visible(&ran.note),
        "left": scale.place(ran.from), "width": scale.part(ran.seconds),
        "packages": packages, "log": log.map(printable),
    })
}

fn package(package: &Package, step: Scale) -> Value {
    let phases = package.phases.iter().map(|(phase, _)| visible(phase).into_owned());
    json!({
        "name": visible(&package.package), "took": took(package.seconds()),
        "class": if package.is_compiled() { "compiled" } else { "merged" },
        "phases": phases.collect::<Vec<_>>().join(", "),
        "left": step.place(package.from()), "width": step.part(package.seconds()),
    })
}

/// What a log says, without what turns text around.
fn printable(log: &str) -> String {
    let kept = |c: char| matches!(c, '\n' | '\t') || !is_hostile(c);
    log.chars().map(|c| if kept(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::exec::history::End;

    fn run() -> Run {
        let phases = vec![("unpack".to_owned(), 12.0), ("compile".to_owned(), 13.0)];
        let hostile =
            Package { package: "x/<b>-1\u{202e}".into(), number: 1, total: 1, phases, until: 22.0 };
        let ran = |step: &str, from: f64, seconds: f64, packages: Vec<Package>| Ran {
            step: step.into(),
            reason: "never built".into(),
            from,
            seconds,
            end: End::Done,
            note: "</main><script>".into(),
            packages,
        };
        let steps =
            vec![ran("image:b", 1.0, 4.0, vec![]), ran("rootfs:a", 0.0, 50.0, vec![hostile])];
        Run::new(UNIX_EPOCH, Duration::from_secs(100), steps)
    }

    #[test]
    fn steps_stand_where_they_ran_and_nothing_gets_out_of_its_text() {
        let log = |ran: &Ran| (ran.step == "rootfs:a").then(|| "one\n</pre>\u{1b}[2J".to_owned());
        let page = page(&run(), "a & b", log).unwrap();
        for part in [
            "<title>a &amp; b: 1970-01-01 00:00:00</title>",
            "class=\"bar done\" style=\"left: 0.0%; width: 50.0%\"",
            "class=\"package compiled\" style=\"left: 24.0%; width: 20.0%\"",
            "x&#x2f;&lt;b&gt;-1\\u{202e}: 10.0 s (unpack, compile)",
            "one\n&lt;&#x2f;pre&gt;\u{fffd}[2J</pre>",
            "never built. From 1.0 s on, 4.0 s: &lt;&#x2f;main&gt;&lt;script&gt;",
            "href=\"#step-1\">rootfs:a</a>",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
        let [rootfs, image] = ["title=\"rootfs:a", "title=\"image:b"].map(|step| page.find(step));
        assert!(rootfs < image, "by when they began");
    }

    #[test]
    fn a_run_of_no_length_and_one_with_nothing_in_it_have_a_page() {
        let nothing = Run { steps: vec![], seconds: 0.0, ..run() };
        assert!(page(&nothing, "a", |_| None).unwrap().contains("0 steps"));
        let mut moment = run();
        (moment.seconds, moment.steps[1].seconds) = (0.0, 0.0);
        assert!(page(&moment, "a", |_| None).is_ok());
    }
}
