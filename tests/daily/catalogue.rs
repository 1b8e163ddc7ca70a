//! `bb catalogue`: what is built, as a table and as a page.

use std::fs;

use regex::Regex;

use crate::family::{bb, unbuilt};

/// `base` and `plain` are built, and `base` has a text.
#[test]
fn images_are_told_with_what_is_known_of_them() {
    let room = unbuilt();
    let none = bb(&room, "catalogue");
    assert_eq!(none.text, "error: no image is built\nhint: run `bb build` first\n");
    assert_eq!(none.code, Some(1));
    bb(&room, "build base plain").ok();
    let text = "# base\n\nA [base](https://x/) for <b>all</b>\n| and more.\n\n```sh\ndocker run NAMESPACE/base\n```\n";
    fs::write(room.path("bb-dock/base/README.md"), text).unwrap();
    fs::write(room.path("bb-dock/base/dock.toml"), "[[test.command]]\nrun = \"true\"\n").unwrap();
    bb(&room, "build base plain").ok();
    let table = bb(&room, "catalogue base").ok();
    let time = Regex::new(r"\d+\.\d s|[\d.]+ (bytes|MB)").unwrap();
    let row = table.text.lines().find(|line| line.starts_with("| [base]")).unwrap();
    assert_eq!(
        time.replace_all(row, "SOME"),
        "| [base](bb-dock/base/README.md) | A [base](https://x/) for <b>all</b> \\| and more. | SOME | SOME | SOME | \
         2 | 0 | SOME | not run: audit, 1 command |"
    );
    // Links lead from where the file is.
    fs::create_dir(room.path("doc")).unwrap();
    let run = bb(&room, "catalogue -o doc/c.md").ok();
    let told = "warning: `mid`, `side`, `top` are not built\nhint: run `bb build` first\n";
    assert!(run.text.contains(told), "{}", run.text);
    let written = fs::read_to_string(room.path("doc/c.md")).unwrap();
    assert!(written.contains("| [base](../bb-dock/base/README.md) | "), "{written}");
    assert!(written.contains("| [plain](../bb-dock/plain) |  | "), "{written}");
    assert!(written.contains("2 images, from stage3 "), "{written}");
    bb(&room, "catalogue base -o doc/c.html").ok();
    let page = fs::read_to_string(room.path("doc/c.html")).unwrap();
    assert!(page.contains("A base for &lt;b&gt;all&lt;&#x2f;b&gt; | and more."), "{page}");
    assert!(!page.contains("<b>") && !page.contains("NAMESPACE"), "{page}");
    assert!(
        page.contains("href=\"..&#x2f;.bb&#x2f;images&#x2f;base&#x2f;sbom.cdx.json\""),
        "{page}"
    );
    let missing = bb(&room, "catalogue base mid");
    let told = "error: the image `mid` is not built\nhint: run `bb build mid` first\n";
    assert_eq!((missing.code, missing.text.as_str()), (Some(1), told));
    let unknown = bb(&room, "catalogue bas");
    assert_eq!(unknown.text, "error: unknown image `bas`\nhint: did you mean `base`?\n");
}
