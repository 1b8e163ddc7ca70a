//! `dock.toml` of a converted image, and what a namespace's settings are in `bb.toml`.
//!
//! Text only; what has to be in it others have found.

use super::Namespace;
use super::conf::Conf;
use super::script::{Download, Kept, Made};

/// The text, if there is something to say.
pub(super) fn text(script: &Made, conf: &Conf) -> Option<String> {
    let rootfs = rootfs(&script.inputs, &script.downloads);
    let test = conf.timeout.map(|seconds| {
        format!("# A health check may take so long, as POST_BUILD_HC_* of build.conf said.\n[test]\ntimeout = {seconds}\n")
    });
    let kept = script.kept.iter().map(|kept| Some(allowance(*kept)));
    let parts = [rootfs, test].into_iter().chain(kept).flatten().collect::<Vec<_>>();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

fn rootfs(inputs: &[String], downloads: &[Download]) -> Option<String> {
    if inputs.is_empty() && downloads.is_empty() {
        return None;
    }
    let mut out = "[rootfs]\n".to_owned();
    if !inputs.is_empty() {
        let list = inputs.iter().map(|input| quoted(input)).collect::<Vec<_>>().join(", ");
        out += &format!("# What Buildconfig.sh reads below /config.\ninputs = [{list}]\n");
    }
    if !downloads.is_empty() {
        out += "# What build.sh has downloaded. `sha512sum FILE` and `stat -c %s FILE` say what is missing here.\n";
        out += "# fetch = [\n";
        out += &downloads.iter().map(fetch).collect::<String>();
        out += "# ]\n";
    }
    Some(out)
}

/// What an audit would find, and is meant so.
fn allowance(kept: Kept) -> String {
    let (rule, name) = match kept {
        Kept::Headers => ("header", "KEEP_HEADERS"),
        Kept::StaticLibs => ("static-library", "KEEP_STATIC_LIBS"),
    };
    format!(
        "[[audit.allow]]\nrule = \"{rule}\"\npath = \"/usr/**\"\nreason = \"{name} of Buildconfig.sh\"\n"
    )
}

fn fetch(download: &Download) -> String {
    let name =
        download.name.as_ref().map_or(String::new(), |name| format!("name = {}, ", quoted(name)));
    format!("#   {{ url = {}, {name}sha512 = \"\", size = 0 }},\n", quoted(&download.url))
}

/// On one line, whatever is in it: JSON's strings are TOML's, but for one character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace('\u{7f}', "")).to_string()
}

/// Lines for `bb.toml`.
pub(super) fn of_project(namespace: &Namespace) -> Vec<String> {
    let known = [("AUTHOR", "maintainer"), ("IMAGE_TAG", "tag")];
    let others = known.into_iter().filter_map(|(kubler, ours)| {
        let value = namespace.values.get(kubler).filter(|value| !value.is_empty())?;
        Some(format!("{ours} = {}", quoted(value)))
    });
    std::iter::once(format!("namespace = {}", quoted(&namespace.name))).chain(others).collect()
}
