//! What `--help` says: all commands, and the examples of each.

use std::process::Command;

/// Every command, with `image save` and its like; of those that have others below them, what also works by itself.
pub fn verbs() -> Vec<String> {
    let top = commands(&help(""));
    let below = top.iter().flat_map(|verb| {
        commands(&help(verb)).into_iter().map(move |below| format!("{verb} {below}"))
    });
    let works = |verb: &&String| commands(&help(verb)).is_empty() || !examples(verb).is_empty();
    let plain = top.iter().filter(works).cloned().collect::<Vec<_>>();
    plain.into_iter().chain(below.collect::<Vec<_>>()).collect()
}

/// The lines below `Examples:`, without their comments.
pub fn examples(verb: &str) -> Vec<String> {
    let help = help(verb);
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    lines.map(|line| line.split("  #").next().unwrap().trim().to_owned()).collect()
}

fn help(verb: &str) -> String {
    let mut bb = Command::new(crate::bb());
    let out = bb.args(verb.split_whitespace()).arg("--help").output().unwrap();
    assert!(out.status.success(), "{verb}");
    String::from_utf8(out.stdout).unwrap()
}

fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}
