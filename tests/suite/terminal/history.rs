//! What a run was, told afterwards: as lines, as a trace, and as a page in a real browser.

use serde_json::{Value, json};
use support::sealed::Running;

use super::{command, dock, room, said};
use crate::browser::Browser;

/// What would get out of the page's elements.
const HOSTILE: &str = "</pre></main><script>document.title='broken'</script><img src=x:y>";

#[test]
fn a_run_is_a_page_that_asks_for_nothing() {
    let room = room();
    dock(
        &room,
        "busybox",
        "scratch",
        &format!("say >>> Emerging (1 of 1) sys-libs/zlib-1.3::x\nsay {HOSTILE}\n"),
    );
    dock(&room, "nginx", "${NAMESPACE}/busybox", "say no such flag\nfail 1\n");
    assert_eq!(said(&room, "build").code, Some(1));
    said(&room, "history export 1 -o run.html").is(0, "", "");
    let file = room.path("run.html");
    let mut browser = Browser::start();
    browser.open(&file);
    let rows = "[...document.querySelectorAll('.row')].map(row => row.querySelector('.name').textContent + ' ' \
                + row.querySelector('.bar').className)";
    let rows = browser.eval(rows).to_string();
    for row in ["\"rootfs:busybox bar done\"", "\"rootfs:nginx bar failed\""] {
        assert!(rows.contains(row), "no {row} in {rows}");
    }
    let package = browser.eval("document.querySelector('.package').title");
    assert!(package.as_str().unwrap().starts_with("sys-libs/zlib-1.3: "), "{package}");

    // A step's row leads to why it ran, how it ended and what it said.
    browser.click(".row[title^='rootfs:nginx']");
    let step = browser.eval("document.querySelector('article:target').innerText");
    let step = step.as_str().unwrap();
    assert!(step.contains("rootfs:nginx failed\n") && step.contains("\n\nnever built. "), "{step}");
    let logs = browser.eval("[...document.querySelectorAll('pre')].map(p => p.textContent).join()");
    let logs = logs.as_str().unwrap();
    assert!(logs.contains("no such flag") && logs.contains(HOSTILE), "{logs}");

    assert_eq!(browser.eval("document.querySelectorAll('img, script').length"), json!(0));
    assert_eq!(browser.requests(), [format!("file://{}", file.display())]);
    assert_eq!(browser.complaints(), Vec::<&Value>::new());
    // What was logged later is no part of it.
    said(&room, "build rootfs:busybox -f").ok();
    said(&room, "history export 2 -o earlier.html").is(0, "", "");
    let earlier = std::fs::read_to_string(room.path("earlier.html")).unwrap();
    assert!(earlier.contains("no such flag") && !earlier.contains("document.title"));
}

#[test]
fn a_trace_has_the_steps_and_the_jobs() {
    let room = room();
    dock(&room, "busybox", "scratch", "hold\n");
    let mut running = Running::telling(command(&room, "build busybox --message-format json"));
    room.engine.wait_for_hold();
    // Somebody counts each second.
    running.wait_for_text("\"type\":\"standing\"");
    room.engine.release(true);
    running.end().ok();
    said(&room, "history 1 --trace trace.json").is(0, "", "");
    let trace: Value =
        serde_json::from_str(&std::fs::read_to_string(room.path("trace.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).collect::<Vec<_>>();
    assert!(of("X").iter().any(|slice| slice["name"] == "rootfs:busybox"), "{trace}");
    let jobs = of("C");
    assert!(jobs.iter().any(|count| count["args"]["at work"] == 1), "{trace}");
}

#[test]
fn a_run_that_is_not_kept_is_told() {
    let room = room();
    let none = "error: there is no run 9\nhint: `bb history` lists those that are kept\n";
    for args in
        ["history 9", "history export 9", "history 9 --trace t.json", "history export 9 -o x.html"]
    {
        said(&room, args).fails(2, none);
    }
    assert!(!room.path("x.html").exists() && !room.path("t.json").exists());
}
