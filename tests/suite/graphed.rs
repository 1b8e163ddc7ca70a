//! `bb graph`: every form, and the page in a real browser.

use serde_json::json;
use support::sealed::Room;

use crate::browser::Browser;

/// `base` ← `child` ← `leaf`, and `other`, which copies from `child`; `base` has changed since it was
/// built, and `other` never was.
fn family() -> Room {
    let room = Room::with_engine();
    room.dock("base", "FROM scratch\nCMD ${MAINTAINER}\nCOPY file /\n", &[("file", "1")]);
    room.dock("child", "FROM ${NAMESPACE}/base\nCOPY file /\n", &[("file", "2")]);
    room.dock("leaf", "FROM ${NAMESPACE}/child\n", &[]);
    room.bb("build").ok();
    let other = "FROM scratch\nCOPY --from=${NAMESPACE}/child /file /\n";
    room.dock("other", other, &[]);
    room
}

/// What would end the script element, and the attribute, that it gets into.
const HOSTILE: &str = "</script><script>document.title='broken'</script>\"'><img src=x:y>";

#[test]
fn dot_tells_docks_with_state_size_and_duration() {
    let room = family();
    room.write("bb-dock/child/file", "3");
    let text = room.bb("graph").ok().stdout;
    let dot = support::sealed::normal(&text).replace("0.0 s", "TIME");
    let dot = regex::Regex::new(r"\d+\.\d s").unwrap().replace_all(&dot, "TIME");
    assert_eq!(
        dot,
        "digraph bb {\n  \
           rankdir=LR;\n  \
           node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\"];\n  \
           n0 [label=\"base\\nfresh · SIZE · TIME\", fillcolor=\"#d5ecd9\"];\n  \
           n1 [label=\"child\\nstale · SIZE · TIME\", fillcolor=\"#fbe3bd\"];\n  \
           n2 [label=\"leaf\\nwaits · SIZE · TIME\", fillcolor=\"#d9e5f5\"];\n  \
           n3 [label=\"other\\nnever built\", fillcolor=\"#e4e4e8\"];\n  \
           n0 -> n1;\n  n1 -> n2;\n  n1 -> n3;\n}\n"
    );
}

#[test]
fn mermaid_and_svg_tell_steps_too_and_a_files_name_says_the_form() {
    let room = Room::with_engine();
    room.dock("a", "FROM scratch\nCOPY file /\n", &[("file", "1")]);
    let mermaid = "flowchart LR\n  \
        n0[\"dockerfile:a<br/>never built\"]:::never\n  n1[\"image:a<br/>never built\"]:::never\n  \
        n0 --> n1\n  \
        classDef fresh fill:#d5ecd9,stroke:#666,color:#111\n  \
        classDef waits fill:#d9e5f5,stroke:#666,color:#111\n  \
        classDef stale fill:#fbe3bd,stroke:#666,color:#111\n  \
        classDef never fill:#e4e4e8,stroke:#666,color:#111\n";
    room.bb("graph --steps --format mermaid").is(0, mermaid, "");
    room.bb("graph --steps -o steps.mmd").is(0, "", "");
    assert_eq!(room.read("steps.mmd"), mermaid);
    room.bb("graph --steps -o steps.svg").is(0, "", "");
    let svg = room.read("steps.svg");
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!(svg.matches("<g class=\"node never\"").count(), 2);
    assert!(!room.exists(".bb"), "graph changes nothing");
    room.bb("graph b").fails(2, "error: unknown image `b`\nhint: did you mean `a`?\n");
    room.bb("graph -o none/graph.html").fails(
        1,
        "error: cannot write `ROOM/project/none/graph.html`: no such file or directory\n",
    );
}

#[test]
fn the_page_in_a_browser_shows_all_docks_and_details_and_asks_for_nothing() {
    let room = family();
    room.bb_with(&[("AUTHOR", HOSTILE)], "graph -o graph.html").is(0, "", "");
    let file = room.path("graph.html");
    let mut browser = Browser::start();
    browser.open(&file);
    let docks = "[...document.querySelectorAll('.node')].map(n => n.getAttribute('aria-label').split(':')[0] \
                 + ' ' + n.querySelector('.state').textContent)";
    let shown = json!(["base ! stale", "child … waits", "leaf … waits", "other ○ never built"]);
    assert_eq!(browser.eval(docks), shown);

    browser.click("#n0");
    let panel = "document.getElementById('details').innerText";
    let details = browser.eval(panel).as_str().unwrap().to_owned();
    for part in ["base\n", "stale", "dockerfile:base", "image:base", &room.image("base"), HOSTILE] {
        assert!(details.contains(part), "no {part} in {details}");
    }
    assert_eq!(browser.eval("document.title"), json!(format!("{}: docks", room.namespace)));
    assert_eq!(browser.eval("document.querySelectorAll('img, script').length"), json!(2));

    // The same without a mouse: from one to the next, and in.
    browser.eval("document.getElementById('n0').focus()");
    browser.key("Tab", 9, "");
    browser.key("Enter", 13, "\r");
    assert_eq!(browser.eval("document.querySelector('#details h2').textContent"), json!("child"));
    browser.eval("document.getElementById('search').focus()");
    for letter in ["l", "e", "a"] {
        browser.key(letter, 0, letter);
    }
    assert_eq!(browser.eval("document.querySelectorAll('.node.found').length"), json!(1));
    browser.key("Enter", 13, "\r");
    assert_eq!(browser.eval("document.querySelector('#details h2').textContent"), json!("leaf"));

    let paper = "getComputedStyle(document.body).backgroundColor";
    let mut colours = vec![];
    for scheme in ["light", "dark"] {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        browser.call("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
        colours.push(browser.eval(paper));
    }
    assert_eq!(colours, [json!("rgb(246, 247, 249)"), json!("rgb(18, 22, 29)")]);
    assert_eq!(browser.requests(), [format!("file://{}", file.display())]);
    assert_eq!(browser.complaints(), Vec::<&serde_json::Value>::new());
}
